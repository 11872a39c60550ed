"""Many runs, planned first, then one after another or side by side.

Either crossed, every dataset × method × dim × seed; or by replicate: datasets of equal settings and different seeds
are replicates of one another, and each is trained with its own dataset seed as training seed, every method on it. A
replicate is then a fresh draw of everything, and the unit that statistics count.
"""

import json
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from contextlib import suppress
from dataclasses import dataclass
from itertools import product, zip_longest
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from joblib import cpu_count

from pendtrain import runs
from pendtrain.recipe import METHODS, PAIR, Recipe, own_settings
from pendtrain.shards import Dataset, image_shape, is_dataset, open_dataset
from pendtrain.signals import held

ASSUMED_SPEED = 1000.0  # images/s at 32 pixels, where no finished run tells better
_STATES = {"complete": "complete", "running": "to go on", "stopped": "to go on", "failed": "to go on"}
# What makes two datasets the same but for their seeds; neither names, containers nor the order of splits do.
_CONDITION = (
    *("variant", "parameters", "protocol", "image_size", "bob_size", "time_gap", "antialias"),
    *("energy_range", "gaps", "splits"),
)
Paths = list[tuple[Path, Dataset]]


@dataclass(frozen=True)
class Planned:
    """One run of a sweep: picklable, and enough to run it anywhere that sees the same files."""

    shards: Path
    recipe: Recipe
    out: Path
    run: Path
    state: str
    images: int

    def execute(self, settings: dict[str, Any], threads: int) -> tuple[str, str]:
        """Train; returns the outcome (`complete`, `failed`, `stopped`, `refused`, `elsewhere`), and what to say."""
        import torch

        from pendtrain.fit import fit
        from pendtrain.run import Elsewhere
        from pendtrain.state import Settings, Stopped, TrainingFailed

        if threads:  # fewer where OMP_NUM_THREADS says so
            torch.set_num_threads(min(threads, torch.get_num_threads()))
        try:
            fit(self.shards, self.recipe, self.out, Settings(**settings))
        except TrainingFailed as problem:
            return "failed", str(problem)
        except Stopped as problem:
            return "stopped", str(problem)
        except Elsewhere as problem:
            return "elsewhere", str(problem)
        except (ValueError, OSError) as problem:
            return "refused", str(problem)
        return "complete", str(self.run)


def plan(
    paths: Sequence[Path],
    out: Path,
    methods: Sequence[str],
    dims: Sequence[int],
    seeds: int | None,
    settings: dict[str, Any],
) -> list[Planned]:
    """The runs a sweep asks for, in order: seeds or replicates outermost, so that every condition has one early.

    `seeds` is a number to cross with all datasets, or None to train each replicate with its own seed. No `methods` or
    `dims` stand for those of `settings`, else for `PAIR` and one output. `paths` that are no datasets are passed over.
    Settings that only some methods have go to those alone. Raises ValueError where nothing is left, a dataset or
    setting is refused, or two paths come to the same run or the same replicate.
    """
    if settings.get("seed", Recipe.seed) != Recipe.seed:
        raise ValueError(
            f"seed is {settings['seed']} in the recipe, but a sweep has many; give --seeds or --replicates instead"
        )
    methods = methods or ((str(settings["method"]),) if "method" in settings else PAIR)
    dims = dims or (settings.get("dim", Recipe.dim),)
    there = {
        path.resolve(): path for path in reversed(paths) if not path.exists() or (path.is_dir() and is_dataset(path))
    }
    folders = list(reversed(there.values()))
    if not folders:
        raise ValueError(f"no dataset directory among {', '.join(map(str, paths))}")
    if seeds is not None and seeds < 1:
        raise ValueError(f"seeds is {seeds}, expected 1 or more")
    datasets = [(path, open_dataset(path)) for path in folders]
    if seeds is None:
        drawn = [(int(dataset.manifest["seed"]), path, dataset) for path, dataset in by_replicate(datasets)]
    else:
        drawn = [(seed, path, dataset) for seed, (path, dataset) in product(range(seeds), datasets)]
    planned: dict[Path, Planned] = {}
    whose = {*methods, *(name for name in METHODS if name == settings.get("method"))}  # a recipe brings its method's
    for (seed, path, dataset), method, dim in product(drawn, methods, dims):
        apart = {key for other in whose for key in own_settings(other)} - set(own_settings(method))
        mine = {key: value for key, value in settings.items() if key not in apart}
        recipe = Recipe.of(**{**mine, "method": method, "dim": dim, "seed": seed})
        entry = _planned(path, dataset, recipe, out)
        if entry.run in planned:
            raise ValueError(f"{planned[entry.run].shards} and {entry.shards} would both be trained into {entry.run}")
        planned[entry.run] = entry
    return list(planned.values())


def by_replicate(datasets: Paths) -> Paths:
    """Datasets in the order of replicates: the first of every condition, by seed, then the second, and so on.

    Raises ValueError where two are of the same seed and settings: a replicate must not count twice.
    """
    conditions: dict[str, dict[int, tuple[Path, Dataset]]] = {}
    for path, dataset in datasets:
        seen = conditions.setdefault(_condition(dataset.manifest), {})
        seed = int(dataset.manifest["seed"])
        if seed in seen:
            raise ValueError(f"{seen[seed][0]} and {path} are the same replicate (seed {seed}), expected one of them")
        seen[seed] = path, dataset
    ordered = [[seen[seed] for seed in sorted(seen)] for seen in conditions.values()]
    return [entry for replicate in zip_longest(*ordered) for entry in replicate if entry is not None]


def _condition(manifest: Mapping[str, Any]) -> str:
    return json.dumps({key: manifest.get(key) for key in _CONDITION}, sort_keys=True)


def _planned(path: Path, dataset: Dataset, recipe: Recipe, out: Path) -> Planned:
    run = runs.directory(out, dataset.name, recipe)
    try:
        held = runs.read_run(run)
        other = held is not None and bool(runs.differing(run, held, recipe, dataset))
        state = "refused" if other else _STATES.get(held["status"], "new") if held else "new"
    except ValueError:  # what is there is damaged
        state = "refused"  # by `fit`, which says why
    images = 2 * recipe.batch * recipe.epochs * (image_shape(dataset, "train")[0] // recipe.batch)
    images = images if recipe.encoder == "resnet18" else 0  # the others take seconds
    return Planned(path.resolve(), recipe, out.resolve(), run, state, images)


def estimated_seconds(planned: Sequence[Planned], jobs: int) -> tuple[float, str]:
    """Time the runs that are not complete will take, and what the guess rests on."""
    speeds = []
    for path in {entry.out for entry in planned}:
        for description in path.rglob("run.json"):
            try:
                held = runs.read_run(description.parent) or {}
            except ValueError:
                continue
            network = held.get("recipe", {}).get("encoder", "resnet18") == "resnet18"
            if network and held.get("status") == "complete" and held.get("images_per_second"):
                speeds.append(float(held["images_per_second"]))
    speed = sorted(speeds)[len(speeds) // 2] if speeds else ASSUMED_SPEED
    basis = f"median of {len(speeds)} finished runs" if speeds else "assumed, no finished run to go by"
    seconds = sum(entry.images for entry in planned if entry.state != "complete") / speed
    return seconds / max(1, jobs if speeds else 1), f"{speed:.0f} images/s, {basis}"


class Lane:
    """A process that trains one run after another, and is replaced where it dies."""

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self.pool: ProcessPoolExecutor | None = None
        self.process = 0

    def train(self, work: Callable[..., tuple[str, str]], entry: Planned, *how: Any) -> tuple[str, str]:
        """What `work` returns of an entry; a process that dies takes only this run along."""
        try:
            if self.pool is None:
                self.pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
                with held(signal.SIGINT):  # which a terminal sends to all; the lane hears of it by `stop`
                    started = self.pool.submit(os.getpid)
                self.process = started.result()
            if self.stopping.is_set():
                return "stopped", f"{entry.run}: not begun"
            return self.pool.submit(work, entry, *how).result()
        except BrokenExecutor:
            self.close()  # or its thread might meet the end of Python
            self.pool = None
            if self.stopping.is_set():  # it was asked before it could listen
                return "stopped", f"{entry.run}: not begun"
            return "failed", f"{entry.run}: its process died: killed, or out of memory"

    def stop(self) -> None:
        """Ask the run to save its state and end."""
        if self.pool is not None and self.process:
            with suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGTERM)

    def close(self) -> None:
        """End the process once it has nothing to do."""
        if self.pool is not None:
            self.pool.shutdown()


def _start_tracker() -> None:
    """Start the process in which Python keeps its accounts; ignoring SIGUSR1, as it ignores SIGTERM, it outlives it."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGUSR1"):
        before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        try:
            resource_tracker.ensure_running()
        finally:
            signal.signal(signal.SIGUSR1, before)


class Lanes(Executor):
    """So many lanes behind the interface of `concurrent.futures`; nothing is begun before a lane is free."""

    def __init__(self, jobs: int) -> None:
        self.stopping = threading.Event()
        _start_tracker()
        self.lanes = [Lane(self.stopping) for _ in range(jobs)]
        self.free: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        for lane in self.lanes:
            self.free.put(lane)
        self.threads = ThreadPoolExecutor(jobs)

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        """Have a lane do `work`, the execution of a planned run."""

        def run() -> tuple[str, str]:
            lane = self.free.get()
            try:
                return lane.train(work, *arguments)
            finally:
                self.free.put(lane)

        return self.threads.submit(run)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End once all is done; without `wait` begin nothing more, and ask what runs to save its state."""
        if not wait:
            self.stopping.set()
            for lane in self.lanes:
                lane.stop()
        self.threads.shutdown(wait, cancel_futures=cancel_futures)
        for lane in self.lanes if wait else ():
            lane.close()


def execute(
    planned: Sequence[Planned], settings: dict[str, Any], jobs: int, executor: Callable[[], Executor] | None = None
) -> Iterator[tuple[Planned, str, str]]:
    """Run what is not complete; yields each run with its outcome as it ends. One failing does not stop others.

    `jobs` processes share this machine's cores; `executor` replaces them, one run per worker slot. Where the caller is
    interrupted, nothing more begins, and what runs saves its state; on Dask workers, in threads that hear no signal, it
    is trained to its end.
    """
    waiting = [entry for entry in planned if entry.state != "complete"]
    threads = 0 if executor else max(1, cpu_count() // jobs)
    if not waiting:
        return
    with (executor or (lambda: Lanes(jobs)))() as pool:
        pending = {pool.submit(Planned.execute, entry, settings, threads): entry for entry in waiting}
        try:
            for future in as_completed(pending):
                try:
                    outcome, text = future.result()
                except Exception as problem:  # a worker that died takes only its own run along
                    outcome, text = "failed", f"{pending[future].run}: {problem!r}"
                yield pending[future], outcome, text
        except BaseException:
            pool.shutdown(wait=False)  # by which Dask cancels, and lanes are asked to end
            for future in pending:
                future.cancel()
            raise
