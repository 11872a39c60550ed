"""One training run, top to bottom: dataset → pairs → encoder → run directory."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as serialised

from pendtrain import checkpoint, runs
from pendtrain.device import choose_device, choose_precision, resident
from pendtrain.distributed import World, world
from pendtrain.embed import splits_to_embed, write_embeddings
from pendtrain.encoder import Encoder, create
from pendtrain.loader import pair_loader
from pendtrain.metrics import Metrics, Progress
from pendtrain.objectives import objective_of
from pendtrain.population import check_dataset
from pendtrain.recipe import Recipe, learning_rate
from pendtrain.run import alone, facts, go_on, held_run, now
from pendtrain.shards import Dataset, images_of, open_dataset, read_split

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name))


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

    @property
    def identity(self) -> dict[str, Any]:
        """What a checkpoint must belong to."""
        return {**asdict(self.recipe), "digest": self.dataset.digest}

    @property
    def leads(self) -> bool:
        """Whether this process writes the run directory."""
        return self.world.rank == 0

    def write(self, status: str, **more: Any) -> None:
        """Set the run's status on disk."""
        if self.leads:
            runs.write_run(self.run, {**self.facts, "status": status, **more})


def fit(shards: Path, recipe: Recipe, out: Path, settings: Settings | None = None) -> tuple[Path, bool]:
    """Train `recipe` on the dataset at `shards`; returns the run directory and whether it trained.

    A complete run of the same recipe on the same data is left as it is (False), an unfinished one goes
    on where it stopped. Raises ValueError where the settings, the dataset or the run directory do not
    fit, TrainingFailed where the loss or a gradient stops being finite, Stopped at a signal.
    """
    settings = settings or Settings()
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    dataset = open_dataset(shards)
    run = runs.directory(out, dataset.name, recipe)
    if _complete(held_run(run, recipe, dataset)):
        return run, False
    with world(device) as here:
        if device.type == "cuda":
            device = torch.device("cuda", here.local)
        run.mkdir(parents=True, exist_ok=True)
        with alone(run) if here.rank == 0 else nullcontext():
            held = held_run(run, recipe, dataset)
            if here.any(_complete(held)):  # by another process, while this one came to the lock
                return run, False
            check_dataset(dataset)
            state = State(run, recipe, dataset, settings, here, device, facts(recipe, dataset, device, precision, here))
            go_on(run, held, state.facts, state.leads)
            encoder = _train(state, precision)
            if here.rank == 0:
                _save(state, encoder)
            here.wait()
    return run, True


def _complete(held: dict[str, Any] | None) -> bool:
    return held is not None and held["status"] == "complete"


def _train(state: State, precision: torch.dtype) -> Encoder:
    recipe, device, here = state.recipe, state.device, state.world
    images = resident(images_of(state.dataset, "train", state.settings.cache), device)
    energies = read_split(state.dataset, "train", ("energy",))["energy"]
    original = recipe.protocol == "original"
    loader, sampler = pair_loader(
        images, energies, recipe.seed, recipe.batch, state.settings.workers, original, here.rank, here.size
    )
    encoder = create(recipe.dim, recipe.seed).to(device)
    optimiser = torch.optim.SGD(
        encoder.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    step = checkpoint.restore(state.run / "checkpoint.pt", encoder, optimiser, state.identity)
    steps, total = len(sampler), recipe.epochs * len(sampler)
    state.write("running")
    parallel = here.wrap(encoder, device)
    objective = objective_of(recipe)
    began, first_step, saved = time.monotonic(), step, time.monotonic()
    parallel.train()
    with _signals_noted(state), _metrics(state, step, total) as log:
        while step < total:
            sampler.epoch, sampler.start = divmod(step, steps)
            for first, second, energy in loader:
                rate = learning_rate(recipe, step, steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                first, second, energy = first.to(device), second.to(device), energy.to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
                    # Each view by itself, so that BatchNorm sees them apart, as the authors did.
                    x, y = parallel(first), parallel(second)
                loss = objective(here.gather(x), here.gather(y), here.gather(energy), recipe)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(encoder.parameters(), recipe.clip_norm)
                due = time.monotonic() - saved >= state.settings.checkpoint_seconds
                logging = (step + 1) % state.settings.log_every == 0 or step + 1 == total
                stopping = here.any(bool(state.signalled))
                if logging or due or stopping:
                    # Before the step, so that neither weights nor a checkpoint ever hold a NaN that was seen.
                    _refuse_infinite(state, step + 1, loss.item(), norm.item())
                optimiser.step()
                step += 1
                if logging:
                    speed = 2 * recipe.batch * (step - first_step) / (time.monotonic() - began)
                    log((step, (step - 1) // steps, loss.item(), rate, norm.item(), round(speed, 1)))
                if (due or stopping) and state.leads:
                    checkpoint.save(state.run / "checkpoint.pt", encoder, optimiser, step, state.identity)
                    saved = time.monotonic()
                if stopping:
                    _stop(state, step, total)
    seconds = time.monotonic() - began
    seen = 2 * recipe.batch * (total - first_step)
    state.facts |= {"train_seconds": round(seconds, 2), "resumed_at_step": first_step}
    state.facts |= {"images_per_second": round(seen / seconds, 1) if seen else None}
    return encoder


def _metrics(state: State, step: int, total: int) -> Metrics:
    what = f"{state.dataset.name} {state.recipe.label} seed {state.recipe.seed}"
    progress = Progress(what, step, total, state.settings.quiet or not state.leads)
    return Metrics(state.run if state.leads else None, step, state.settings.logger, progress)


def _refuse_infinite(state: State, step: int, loss: float, norm: float) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        reason = f"loss {loss}, gradient norm {norm} at step {step}; expected finite numbers"
        state.write("failed", reason=reason)
        raise TrainingFailed(f"{state.run} failed: {reason}")


def _stop(state: State, step: int, total: int) -> None:
    number = state.signalled[0] if state.signalled else signal.SIGTERM
    state.write("stopped", step=step)
    name = signal.Signals(number).name
    raise Stopped(number, f"{name} at step {step} of {total}; saved, the same command goes on from there")


def _save(state: State, encoder: Encoder) -> None:
    """Write the encoder and the embeddings of test split and population; only then is the run complete."""
    weights = {name: value.cpu().contiguous() for name, value in encoder.resnet.state_dict().items()}
    runs.write_whole(state.run / "encoder.safetensors", serialised(weights))
    for split in splits_to_embed(state.dataset, "test"):
        write_embeddings(state.run, encoder, state.recipe, state.facts, state.dataset, split, state.device)
    state.write("complete", ended=now())
    (state.run / "checkpoint.pt").unlink(missing_ok=True)


@contextmanager
def _signals_noted(state: State) -> Iterator[None]:
    """Note signals for the end of the step instead of dying in the middle of one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda n, _: state.signalled.append(n)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
