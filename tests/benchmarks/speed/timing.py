"""Rounds in alternation, commands with their memory, and the line that is printed of them."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.variants import Variant
from pendtrain.device import choose_precision

# A process of its own between the benchmark and the command: on Linux a process begins with the peak memory of the
# one that started it, and the benchmark's is large.
_LAUNCH = """
import json, os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
seconds = time.perf_counter() - began
unit = 1 if sys.platform == "darwin" else 1024
print(json.dumps([seconds, used.ru_maxrss * unit / 1e6, os.waitstatus_to_exitcode(status)]))
"""

WIDTH = 80
"""Characters of what was measured, in the printed table."""


@dataclass(frozen=True)
class Line:
    """What was measured: ours and the other's, a number a round, and what one is of the other.

    Without numbers the line is a remark.
    """

    what: str
    ours: Sequence[float] = ()
    other: Sequence[float] = ()
    unit: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours ÷ the other's, round by round."""
        return [mine / theirs for mine, theirs in zip(self.ours, self.other, strict=True)]

    @property
    def row(self) -> dict[str, Any]:
        """Medians, and the range of the ratio over the rounds."""
        if not self.ours:
            return {"what": self.what}
        ratios = self.ratios
        medians = {"ours": statistics.median(self.ours), "other": statistics.median(self.other)}
        spread = {"ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}
        return {"what": self.what, **medians, **spread, "unit": self.unit, "rounds": len(ratios)}

    def __str__(self) -> str:
        if not self.ours:
            return self.what
        row = self.row
        ours, other = (f"{row[key]:,.{0 if row[key] >= 1000 else 2}f}" for key in ("ours", "other"))
        ratio = f"{row['ratio']:>8.3f} [{row['least']:.3f} to {row['most']:.3f}]"
        return f"{self.what:<{WIDTH}} {ours:>12} {other:>12} {ratio} {self.unit}"


@dataclass(frozen=True)
class Plan:
    """How much is measured, and where files may lie."""

    folder: Path
    device: torch.device
    rounds: int = 5
    quick: bool = False
    recipes: tuple[str, ...] = ()
    replicates: int = 3

    @property
    def slow_rounds(self) -> int:
        """Of what takes minutes."""
        return min(self.rounds, 3)

    @property
    def precision(self) -> torch.dtype:
        """What `fit` chooses on its own."""
        return choose_precision("auto", self.device)

    def data(self, variant: Variant, pendulums: int, seed: int = 0) -> Path:
        """A dataset of so many pendulums in each split, built once."""
        return _built(Dataset(variant, pendulums=pendulums, seed=seed), self.folder / "data" / str(pendulums))


@cache
def _built(dataset: Dataset, out: Path) -> Path:
    return build(dataset, out, quiet=True)[0]


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alternating(works: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """What each of the works returns, round by round; every second round in the opposite order.

    So a machine that becomes slower, or that a neighbour disturbs, does it to all alike.
    """
    found: list[list[float]] = [[] for _ in works]
    for turn in range(rounds):
        for number in range(len(works))[:: 1 if turn % 2 == 0 else -1]:
            found[number].append(works[number]())
    return found


def command(*arguments: object, passing: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Seconds and peak memory (MB, of its largest process) of `python` with these arguments, start to end.

    Raises RuntimeError where its exit code is none of `passing`.
    """
    words = [sys.executable, *map(str, arguments)]
    done = subprocess.run([sys.executable, "-c", _LAUNCH, *words], check=True, capture_output=True, text=True)
    seconds, memory, code = json.loads(done.stdout)
    if code not in passing:
        raise RuntimeError(f"exit code {code}: {done.stderr.strip()[-500:]}")
    return seconds, memory


def fitted(shards: Path, *options: object) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole `pendtrain fit`, and what its run.json says."""
    with tempfile.TemporaryDirectory() as out:
        seconds, _ = command("-m", "pendtrain", "fit", "--shards", shards, "--out", out, "--quiet", *options)
        (path,) = Path(out).rglob("run.json")
        return seconds, json.loads(path.read_text(encoding="utf-8"))
