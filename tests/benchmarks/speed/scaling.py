"""Time and peak memory of each command at once, four and sixteen times the data, each in a process of its own.

Whole commands, so that small ones are mostly their start: where a ratio stays below that of the data, it is this.
"""

import shutil
from collections.abc import Iterator

from speed.timing import Line, Plan, command

TIMES = (1, 4, 16)
COMMANDS = ("build", "fit from disk, one epoch", "embed", "report")
Cost = tuple[float, float]
"""Seconds and MB."""


def measure(plan: Plan) -> Iterator[Line]:
    """Seconds and MB, beside those at once the data."""
    base, sizes = (32, TIMES[:2]) if plan.quick else (2048, TIMES)
    found = [[costs(times * base, plan) for times in sizes] for _ in range(plan.slow_rounds)]
    for number, name in enumerate(COMMANDS):
        for place, times in enumerate(sizes):
            for kind, unit in enumerate(("s", "MB")):
                mine, once = ([each[at][number][kind] for each in found] for at in (place, 0))
                what = f"{name}, {times * base:,} pendulums a split ÷ {base:,}"
                yield Line(f"{what}, {'time' if kind == 0 else 'memory'}", mine, once, unit)


def costs(pendulums: int, plan: Plan) -> list[Cost]:
    """Of the four commands, one after the other, in a folder that is gone afterwards."""
    folder = plan.folder / "scaling"
    data, runs = folder / "data", folder / "runs"
    batch = 16 if plan.quick else 512
    where = ("--shards", data / "vanilla", "--out", runs, "--device", plan.device.type)

    def cost(package: str, *options: object) -> Cost:
        # 1: done, with problems found, as that an encoder of one epoch has learnt nothing.
        return command("-m", package, *options, passing=(0, 1))

    try:
        found = [cost("pendgen", "build", "--pendulums", pendulums, "--out", data, "--quiet")]
        found.append(cost("pendtrain", "fit", *where, "--epochs", 1, "--batch", batch, "--cache", 0, "--quiet"))
        (run,) = (path.parent for path in runs.rglob("run.json"))
        found.append(cost("pendtrain", "embed", run, "--force", "--device", plan.device.type))
        found.append(cost("pendeval", "report", runs, "--out", folder / "report", "--quiet"))
        return found
    finally:
        shutil.rmtree(folder)
