"""The campaign: what `data/results/campaign.toml` asks and nobody has computed yet, run by run.

    uv run poe campaign                    all that is missing, in the order of the plan
    uv run poe campaign --hours 2          begin nothing that may not be done by then; what runs is saved and ends
    uv run poe campaign --list             what is done, what is missing, and about how long it takes
    uv run poe campaign --part grid        of some parts alone

Every run is three commands, joined by files: `pendgen build`, `pendtrain fit`, `pendeval keep`; and `pendtrain embed`
where a part has it scored on further images. The scores of a finished run are kept at once, under
`data/results/campaign/<precision>/`, and that is how a later call, on this machine or another, knows what is done:
commit them. Datasets and unfinished runs stay in `--folder`, where the same command goes on with them; a run whose
scores are kept is deleted there. Where only further scores of a run are missing, it is trained again and all its scores
are replaced: those of one run are of one encoder, and another machine does not make the same one to the bit.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import click
from joblib import cpu_count

from pendgen.dataset import Dataset
from pendgen.variants import create
from pendtrain import runs
from pendtrain.recipe import Recipe, read_recipe, to_toml

PLAN = Path("data/results/campaign.toml")
KEPT = Path("data/results/campaign")
PAIR = ({"method": "contrastive"}, {"method": "supervised"})
PRECISIONS = ("fp32", "auto")
_OF_DATASET = {each.name for each in fields(Dataset)} - {"variant"}
DRAWN, IMAGES = 2, 250
"""Replicates whose outputs are kept as `pendeval keep` does, for figures of one encoder, and test images of each of the
others', of which scores are asked and their agreement: so that all of the plan stays below 15 MB."""
SPEED = 350.0  # images/s and core at 32 pixels, to tell about how long it takes


@dataclass(frozen=True)
class Part:
    """A question, and the runs that answer it."""

    name: str
    question: str
    decided: str
    data: tuple[dict[str, Any], ...]
    replicates: int
    recipe: str
    precision: str
    settings: dict[str, Any] = field(default_factory=dict)
    vary: tuple[dict[str, Any], ...] = PAIR
    same_steps_as: int = 0
    """Pendulums of the dataset whose number of steps `settings` stands for; 0: each dataset has its own."""
    also: tuple[dict[str, Any], ...] = ()
    """What to score beside the test split of a run's own data: a `split` of it, or of the data of a `variant`."""

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"{self.name}: precision is {self.precision!r}, expected {' or '.join(PRECISIONS)}")

    def runs(self) -> Iterator["Run"]:
        """Replicate by replicate, so that every comparison has one early."""
        for seed in range(self.replicates):
            for data in self.data:
                dataset = dataset_of(data, seed)
                also = []
                for other in self.also:
                    images = {key: value for key, value in other.items() if key != "split"}
                    also.append((dataset_of(images, seed) if images else dataset, other.get("split", "test")))
                for vary in self.vary:
                    given = {**read_recipe(self.recipe), **self.settings, **vary, "seed": seed}
                    if self.same_steps_as:
                        given["epochs"] = given["epochs"] * self.same_steps_as // dataset.pendulums
                    yield Run(self.name, dataset, Recipe.of(**given), self.precision, tuple(also))


@dataclass(frozen=True)
class Run:
    """One encoder to train."""

    part: str = field(compare=False)  # the first that asks for it
    dataset: Dataset
    recipe: Recipe
    precision: str
    also: tuple[tuple[Dataset, str], ...] = field(default=(), compare=False)
    """Datasets and splits to score beside its own test split."""

    @property
    def place(self) -> Path:
        """Where the run lies below a folder of runs, and its scores below those kept."""
        return runs.directory(Path(), name_of(self.dataset), self.recipe)

    def kept(self, folder: Path) -> bool:
        """Whether all its scores are there."""
        scored = ((self.dataset, "test"), *self.also)
        names = (f"{name_of(dataset)}-{split}.scores.json.gz" for dataset, split in scored)
        return all((folder / self.precision / self.place / name).is_file() for name in names)

    @property
    def core_seconds(self) -> float:
        """About how long it takes on one core."""
        images = 2 * self.recipe.epochs * self.dataset.pendulums
        return images * (self.dataset.size / 32) ** 2 / SPEED


def read_plan(path: Path) -> list[Part]:
    """The parts of a plan. Raises ValueError naming what is wrong with it."""
    try:
        parts = tomllib.loads(path.read_text(encoding="utf-8"))["part"]
        return [
            Part(**{key: tuple(value) if isinstance(value, list) else value for key, value in each.items()})
            for each in parts
        ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} is no plan: {problem}") from None


def dataset_of(given: dict[str, Any], seed: int) -> Dataset:
    """The dataset of settings by name, a variant's own among them. Raises ValueError where no name would tell them."""
    if unknown := [key for key in given if key == "gap" or key in _OF_DATASET - {"protocol", "pendulums"}]:
        raise ValueError(f"data sets {unknown[0]}, expected variant, a parameter of it, protocol or pendulums")
    general = {key: value for key, value in given.items() if key in _OF_DATASET}
    own = {key: value for key, value in given.items() if key not in general and key != "variant"}
    return Dataset(create(given["variant"], given.get("protocol", "paper"), **own), seed=seed, **general)


def name_of(dataset: Dataset) -> str:
    """The dataset's name: a number of pendulums that is not the usual one belongs into it."""
    return dataset.name + ("" if dataset.pendulums == 5120 else f"-of-{dataset.pendulums}")


def missing_of(parts: list[Part], kept: Path) -> list[Run]:
    """What is not kept yet, in the order of the plan; a run that several parts ask for is scored for all of them."""
    wanted: dict[Run, Run] = {}
    for run in (run for part in parts for run in part.runs()):
        first = wanted.setdefault(run, run)
        wanted[run] = replace(first, also=tuple(dict.fromkeys(first.also + run.also)))
    return [run for run in wanted.values() if not run.kept(kept)]


class Campaign:
    """Computes runs in several lanes, a core or more each."""

    def __init__(self, folder: Path, kept: Path, lanes: int) -> None:
        self.folder, self.kept, self.lanes = folder, kept, lanes
        self.running: set[subprocess.Popen[bytes]] = set()
        self.lock, self.building, self.stopped = threading.Lock(), threading.Lock(), threading.Event()

    def stop(self) -> None:
        """Begin nothing more; what runs saves its state and ends."""
        self.stopped.set()
        with self.lock:
            for process in self.running:
                process.send_signal(signal.SIGTERM)

    def compute(self, missing: list[Run]) -> list[tuple[Run, str]]:
        """Compute runs until all are done or `stop` is called; returns those that failed, and the command."""
        failed = []
        with ThreadPoolExecutor(self.lanes) as pool:
            for run, problem in pool.map(lambda run: (run, self._one(run)), missing):
                if problem:
                    failed.append((run, problem))
        return failed

    def _one(self, run: Run) -> str:
        """Build, train, keep; returns the command that failed, "" where none did."""
        if self.stopped.is_set():
            return ""
        began = time.monotonic()
        out = self.folder / "runs" / f"{run.precision}-{run.place}".replace("/", "+")
        recipe = self.folder / "recipes" / f"{out.name}.toml"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(to_toml(run.recipe), encoding="utf-8")
        shards = self.folder / "data"
        with self.building:
            for dataset in dict.fromkeys((run.dataset, *(dataset for dataset, _ in run.also))):
                if problem := self._command("pendgen", *build_options(dataset), "--out", shards, "--quiet"):
                    return problem
        own = ("--shards", shards / name_of(run.dataset), "--recipe", recipe, "--out", out, "--quiet")
        # A network that learnt nothing is complete too, and its scores belong into every mean.
        problem = self._command("pendtrain", "fit", *own, "--precision", run.precision)
        if problem and (runs.read_run(out / run.place) or {}).get("status") != "complete":
            return problem
        for dataset, split in run.also:
            images = ("--shards", shards / name_of(dataset), "--split", split)
            if problem := self._command("pendtrain", "embed", out / run.place, *images):
                return problem
        keep = ["keep", out, "--to", self.kept / run.precision, "--report", out / "report", "--jobs", 1, "--force"]
        if run.recipe.seed >= DRAWN:
            keep += ["--images", IMAGES]
        if problem := self._command("pendeval", *keep, "--quiet"):
            return problem
        if not run.kept(self.kept):  # told to stop: what was trained stays, and the next campaign goes on from it
            return "" if self.stopped.is_set() else f"no scores of {out} were kept"
        shutil.rmtree(out)
        recipe.unlink()
        click.echo(f"{run.part}: {run.precision}/{run.place} in {(time.monotonic() - began) / 60:.1f} min")
        return ""

    def _command(self, package: str, *options: object) -> str:
        words = [sys.executable, "-m", package, *map(str, options)]
        threads = str(max(1, cpu_count() // self.lanes))
        with self.lock:
            if self.stopped.is_set():
                return ""
            process = subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": threads}, stdout=subprocess.DEVNULL)
            self.running.add(process)
        code = process.wait()
        with self.lock:
            self.running.discard(process)
        return "" if code == 0 or self.stopped.is_set() else f"exit code {code}: {' '.join(words[2:])}"


def build_options(data: Dataset) -> list[object]:
    """Of `pendgen build`."""
    given = {"variant": data.variant.name, **data.variant.parameters()}
    given |= {"protocol": data.protocol, "seed": data.seed, "pendulums": data.pendulums, "name": name_of(data)}
    return ["build", *(word for key, value in given.items() for word in (f"--{key.replace('_', '-')}", value))]


def listed(parts: list[Part], kept: Path) -> Iterator[str]:
    """A line a part: its question, what is done of it, what is missing."""
    for part in parts:
        every = list(part.runs())
        missing = [run for run in every if not run.kept(kept)]
        hours = sum(run.core_seconds for run in missing) / 3600
        done = f"{len(every) - len(missing)} of {len(every)}"
        yield f"{part.name:<18} {done:>10} {hours:>6.1f} core hours left  {part.question}"


@click.command()
@click.option("--hours", default=0.0, show_default="no end", help="End after so long; unfinished runs are saved.")
@click.option("--part", "names", multiple=True, help="Of the plan, in its order. May repeat.")
@click.option("--list", "only_list", is_flag=True, help="What is done and what is missing; compute nothing.")
@click.option("--lanes", default=0, show_default="one per core", help="Runs side by side.")
@click.option("--plan", default=PLAN, show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--kept", default=KEPT, show_default=True, type=click.Path(path_type=Path), help="Scores of finished runs."
)
@click.option("--folder", default=Path("runs/campaign"), show_default=True, type=click.Path(path_type=Path))
def main(
    hours: float, names: tuple[str, ...], only_list: bool, lanes: int, plan: Path, kept: Path, folder: Path
) -> None:
    """Compute what is missing of the campaign."""
    parts = read_plan(plan)
    known = [part.name for part in parts]
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"part is {unknown[0]}, expected one of {', '.join(known)}")
    parts = [part for part in parts if part.name in names or not names]
    if only_list:
        click.echo("\n".join(listed(parts, kept)))
        return
    campaign = Campaign(folder, kept, lanes or cpu_count())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: campaign.stop())
    timer = threading.Timer(hours * 3600, campaign.stop)
    timer.daemon = True
    if hours:
        timer.start()
    failed = campaign.compute(missing_of(parts, kept))
    for run, problem in failed:
        click.echo(f"failed: {run.place}: {problem}", err=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
