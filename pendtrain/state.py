"""What a run is doing, and how it ends when it does not end well."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pendtrain import runs
from pendtrain.distributed import World
from pendtrain.recipe import Recipe
from pendtrain.run import now
from pendtrain.shards import Dataset
from pendtrain.watch import Scores

HEARTBEAT = 20.0  # seconds


class TrainingFailed(Exception):
    """The loss or a gradient stopped being finite; the run is marked failed."""


class Stopped(Exception):
    """A signal asked training to stop; its state is saved and the same command goes on from there."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True)
class Settings:
    """How to compute: none of it decides what is computed, beyond the last bits."""

    device: str = "auto"
    precision: str = "auto"
    workers: int = 0
    cache: int = 8 * 2**30
    """Bytes of pictures kept in memory; larger splits are read from disk as they are needed."""
    log_every: int = 10
    checkpoint_seconds: float = 60.0
    logger: str = "csv"
    quiet: bool = False


@dataclass
class State:
    """What a run is doing."""

    run: Path
    recipe: Recipe
    dataset: Dataset
    settings: Settings
    world: World
    device: torch.device
    facts: dict[str, Any]
    signalled: list[int] = field(default_factory=list)
    patient: bool = False
    """A signal waits for the end of the step; else it is obeyed at once."""
    keep: Callable[[], None] | None = None
    """Saves the state after the last step, should embedding be interrupted."""
    seconds: float = 0.0
    """Of training, in the legs before this one."""
    begun: bool = False
    scores: Scores | None = None
    """Those of the last look at the encoder."""
    population: NDArray[np.float32] | None = None
    """The population's embedding, where that look saw all of it after the last step."""
    beaten: float = 0.0

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must belong to."""
        return {**self.recipe.settings, "digest": self.dataset.digest}

    @property
    def leads(self) -> bool:
        """Whether this process writes the run directory."""
        return self.world.rank == 0

    def write(self, status: str, **more: Any) -> None:
        """Set the run's status on disk."""
        if self.leads:
            self.begun = True
            runs.write_run(self.run, {**self.facts, "status": status, **more})

    def fail(self, reason: str) -> None:
        """Say that the run failed, if it had begun and the disk still takes that."""
        with suppress(OSError):
            if self.begun:
                self.write("failed", reason=reason)

    def beat(self) -> None:
        """Say in run.json, now and then, that the run is alive."""
        if time.monotonic() - self.beaten >= HEARTBEAT:
            self.beaten = time.monotonic()
            self.write("running", heartbeat=now())
