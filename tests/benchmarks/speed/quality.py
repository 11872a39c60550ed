"""Time to quality: seconds and images until the population's score is within so much of the oracle's.

Three ways on fresh data and a fresh seed each: plain PyTorch with Fig. 16, ours with Fig. 16, ours with another recipe.
The first two compute the same function (`tests/benchmarks/test_speed.py`), so their images are the same, and only ours
is trained. It is trained once, with a look at every epoch's end, and says after how many steps it is near enough. The
seconds come from steps timed beside one another, in turn, so that they hold none of those looks:

    ours     steps · seconds a step of a short `fit`, and once what is not training in that process: its start, reading,
             the embedding at the end
    plain    steps · seconds of a bare step, and nothing else
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pendgen.variants import Vanilla
from pendtrain.recipe import Recipe
from speed.timing import Line, Plan, alternating, command, fitted, timed
from speed.train import pictures, plain

WITHIN = (0.001, 0.0005, 0.0003)
FIG16 = "Fig. 16"
_EVERY_EPOCH = """
from pendtrain import watch
watch.COST = float("inf")
from pendtrain.cli import main
main()
"""


def reached(run: Path, within: float) -> dict[str, float] | None:
    """Step, images and the run's own seconds of the first look within so much of the oracle's score; None: never.

    Reads metrics.csv of a run directory. The seconds are those of its training, looks included.
    """
    rows = pd.read_csv(run / "metrics.csv").dropna(subset=["spearman"])
    near = rows[rows["oracle_spearman"] - rows["spearman"] <= within]
    return None if near.empty else {key: float(near.iloc[0][key]) for key in ("step", "images", "seconds")}


def measure(plan: Plan) -> Iterator[Line]:
    """Train what is not trained yet, measure the pace of each, put both together."""
    shards = [plan.data(Vanilla(), 64 if plan.quick else 5120, seed) for seed in range(1, plan.replicates + 1)]
    runs = {FIG16: [trained(each, seed, FIG16, plan) for seed, each in enumerate(shards, start=1)]}
    for name in plan.recipes:
        try:
            runs[name] = [trained(each, seed, name, plan) for seed, each in enumerate(shards, start=1)]
        except RuntimeError as problem:
            yield Line(f"recipe {name}: {' '.join(str(problem).split())}")
    paces = pace(shards[0], list(runs), plan)
    for within in (1.0,) if plan.quick else WITHIN:
        for name, each in runs.items():
            yield from compared(name, each, runs[FIG16], within, paces)


def options(name: str, plan: Plan) -> tuple[object, ...]:
    """Of `pendtrain fit`, for a recipe: Fig. 16 is its default, any other a name or a file that `--recipe` takes."""
    fewer = ("--batch", 16, "--epochs", 2) if plan.quick else ()
    return (*(() if name == FIG16 else ("--recipe", name)), *fewer, "--device", plan.device.type)


def trained(shards: Path, seed: int, name: str, plan: Plan) -> Path:
    """The finished run of a recipe, which a second call finds again. Raises RuntimeError where it is refused."""
    out = plan.folder / "quality" / Path(name).stem.replace(" ", "-")
    how = ("--shards", shards, "--out", out, "--seed", seed, "--quiet", *options(name, plan))
    command("-c", _EVERY_EPOCH, "fit", *how, passing=(0, 1))
    (path,) = (out / shards.parent.name).rglob(f"seed-{seed}/run.json")
    return path.parent


def pace(shards: Path, names: Sequence[str], plan: Plan) -> dict[str, tuple[float, float]]:
    """Seconds once and seconds a step: of `fit` with each recipe, and of the plain step at Fig. 16's batch."""
    batch = 16 if plan.quick else Recipe().batch
    step, _ = plain(pictures(batch, 32, plan.device))
    step()
    once: list[list[float]] = [[] for _ in names]

    def ours(number: int) -> float:
        seconds, run = fitted(shards, *options(names[number], plan), "--epochs", 1 if plan.quick else 4)
        once[number].append(seconds - run["train_seconds"])
        recipe = run["recipe"]
        return run["train_seconds"] / (recipe["epochs"] * (run["dataset"]["pendulums"] // recipe["batch"]))

    works = [lambda number=number: ours(number) for number in range(len(names))]
    *mine, theirs = alternating([*works, lambda: timed(step)], plan.slow_rounds)
    paces = zip(names, once, mine, strict=True)
    found = {name: (statistics.median(start), statistics.median(each)) for name, start, each in paces}
    return {**found, "plain": (0.0, statistics.median(theirs))}


def compared(
    name: str, runs: Sequence[Path], fig16: Sequence[Path], within: float, paces: dict[str, tuple[float, float]]
) -> Iterator[Line]:
    """Seconds beside plain PyTorch with Fig. 16, and images beside Fig. 16's, over the replicates that both reach."""
    what = f"to within {within:g} of the oracle, {name}"
    both = [(reached(mine, within), reached(theirs, within)) for mine, theirs in zip(runs, fig16, strict=True)]
    pairs = [(mine, theirs) for mine, theirs in both if mine and theirs]
    if len(pairs) < len(both):
        missing = [sum(each[side] is None for each in both) for side in (0, 1)]
        of = f"of {len(both)} replicates"
        yield Line(f"{what}: not reached in {missing[0]} {of}, by {FIG16} in {missing[1]}")
    if pairs:
        (start, step), (_, plain_step) = paces[name], paces["plain"]
        mine = [start + step * one["step"] for one, _ in pairs]
        yield Line(f"seconds {what} ÷ plain, {FIG16}", mine, [plain_step * other["step"] for _, other in pairs], "s")
        images = [[each[side]["images"] for each in pairs] for side in (0, 1)]
        yield Line(f"images {what} ÷ {FIG16}", *images, "images")


def described(run: Path) -> str:
    """What a run is, and when it came near: for runs that are there already."""
    held = json.loads((run / "run.json").read_text(encoding="utf-8"))
    parts = [f"{held['dataset']['name']} {held['label']} seed {held['recipe']['seed']}"]
    for within in WITHIN:
        found = reached(run, within)
        near = f"{found['seconds']:.1f} s, {found['images']:,.0f} images" if found else "never"
        parts.append(f"within {within:g}: {near}")
    return "; ".join(parts)


if __name__ == "__main__":
    import sys

    print("\n".join(described(Path(run)) for run in sys.argv[1:]))
