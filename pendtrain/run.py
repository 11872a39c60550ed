"""The run directory while a run lives: one process at a time, and what is written down of how it is computed."""

import platform
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from filelock import FileLock, Timeout
from joblib import cpu_count

from pendtrain import runs
from pendtrain.device import hardware
from pendtrain.distributed import World
from pendtrain.recipe import Recipe
from pendtrain.shards import Dataset
from pendtrain.signals import SIGNALS

# What may differ when a run goes on, but then its numbers may differ in the last bits.
_BITWISE = ("device", "precision", "threads", "world", "packages")


class Elsewhere(ValueError):
    """Another process is training the run."""


class Interrupted(Exception):
    """A signal asked to end, at a moment where nothing had to be finished first."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class Signalled(Protocol):
    """Whoever is asked to stop."""

    signalled: list[int]
    patient: bool


@contextmanager
def obeyed(state: Signalled) -> Iterator[None]:
    """Note signals in `state.signalled`; raise Interrupted at once where `state` is not `patient`, for the first.

    In the main thread alone, which is the one that Python hands signals to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: object) -> None:
        state.signalled.append(number)
        if not state.patient and len(state.signalled) == 1:
            raise Interrupted(number, signal.Signals(number).name)

    def unraisable(lost: "sys.UnraisableHookArgs") -> None:
        """Where a signal came while Python tidied up nothing can be raised; it is noted, and obeyed when looked for."""
        if not isinstance(lost.exc_value, Interrupted):
            hook(lost)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold the run directory against every other training, and take it away again if nothing comes into it.

    Raises Elsewhere where another process has it.
    """
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Elsewhere(f"another process is training {run}; wait for it, or choose another --seed or --out") from None
    try:
        for stray in run.glob(".*.tmp"):  # of a process that was killed while it wrote
            stray.unlink(missing_ok=True)
        yield
    finally:
        with suppress(OSError):  # others are in there, or somebody deleted it
            if [each.name for each in run.iterdir()] == [".lock"]:  # what was asked for was refused
                (run / ".lock").unlink()
                for empty in (run, *run.parents[:2]):
                    empty.rmdir()
        lock.release()


def held_run(run: Path, recipe: Recipe, dataset: Dataset) -> dict[str, Any] | None:
    """What `run.json` says, None where there is none. Raises ValueError where it is of other settings or data."""
    held = runs.read_run(run)
    wrong = runs.differing(run, held, recipe, dataset) if held else []
    if wrong:
        raise ValueError(f"{run} holds a run with {wrong[0]}; choose another --out")
    return held


def facts(
    recipe: Recipe, dataset: Dataset, device: torch.device, precision: torch.dtype, here: World
) -> dict[str, Any]:
    """What `run.json` says of a run that begins now, less its status."""
    environment = {
        "device": hardware(device),
        "device_type": device.type,
        "precision": str(precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "cores": cpu_count(),
        "world": here.size,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("pendulum-lab", "torch", "torchvision", "numpy")},
    }
    return {
        "recipe": recipe.settings,
        "label": recipe.label,
        "dataset": runs.dataset_facts(dataset),
        "environment": environment,
        "began": now(),
    }


def go_on(run: Path, held: Mapping[str, Any] | None, new: dict[str, Any], leads: bool) -> float:
    """Where the run `held` goes on from a checkpoint, note in `new` what is computed otherwise now, and say so.

    Returns the seconds that it was trained before.
    """
    if held is None or not (run / "checkpoint.pt").exists():
        return 0.0
    new["began"] = held.get("began", new["began"])
    before, environment = held.get("environment", {}), new["environment"]
    alike = platform.machine()  # what earlier runs call every processor of this kind
    changed = [key for key in _BITWISE if before and before.get(key) not in (environment.get(key), alike)]
    mixed = sorted({*before.get("mixed", ()), *changed})
    if mixed:
        environment["mixed"] = mixed
    if changed and leads:
        said = ", ".join(f"{key} was {before.get(key)}, is {environment.get(key)}" for key in changed)
        print(f"going on elsewhere ({said}): the last bits may differ from an uninterrupted run", file=sys.stderr)
    return float(held.get("train_seconds") or 0.0)


def now() -> str:
    """The time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
