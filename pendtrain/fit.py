"""One training run, top to bottom: dataset → pairs → encoder → run directory."""

import hashlib
import math
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from joblib import cpu_count
from numpy.typing import NDArray
from safetensors.torch import save as serialised

from pendtrain import checkpoint, runs
from pendtrain.device import choose_device, choose_precision, resident
from pendtrain.distributed import world
from pendtrain.embed import splits_to_embed, write_embeddings
from pendtrain.encoders import Encoder
from pendtrain.encoders.table import MOST_SHARE
from pendtrain.learner import Learner, ObjectiveFailed, speaks_of
from pendtrain.loader import Known, labelled, pair_loader
from pendtrain.metrics import Metrics, Progress
from pendtrain.objectives import Labels, Objective
from pendtrain.optimiser import create, set_rate
from pendtrain.parts import Distinct
from pendtrain.population import check_dataset, read_population, why_none
from pendtrain.recipe import Recipe, learning_rate
from pendtrain.run import Interrupted, alone, facts, go_on, held_run, now, obeyed
from pendtrain.shards import Dataset, image_shape, open_dataset, read_split
from pendtrain.state import Settings, State, Stopped, TrainingFailed
from pendtrain.streaming import image_parts, images_of
from pendtrain.watch import MOST_IMAGES, Scores, Watch
from pendtrain.workers import WorkerDied, batches


def fit(shards: Path, recipe: Recipe, out: Path, settings: Settings | None = None) -> tuple[Path, bool]:
    """Train `recipe` on the dataset at `shards`; returns the run directory and whether it trained.

    A complete run of the same recipe on the same data is left as it is (False), an unfinished one goes
    on where it stopped. Raises ValueError where the settings, the dataset or the run directory do not
    fit, TrainingFailed where the loss, a gradient or an output stops being finite, Stopped at a signal.
    """
    settings = settings or Settings()
    torch.set_num_threads(min(torch.get_num_threads(), cpu_count()))  # of a container's share torch knows nothing
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
            state.seconds = go_on(run, held, state.facts, state.leads)
            state.patient = here.size > 1  # who leaves at once leaves the others amid what all do together
            with obeyed(state), _ending_well(state):
                encoder = _optimum(state) if recipe.encoder == "optimum" else _train(state, precision)
                if here.rank == 0:
                    _save(state, encoder)
                here.wait()
    return run, True


@contextmanager
def _ending_well(state: State) -> Iterator[None]:
    """However training ends, `run.json` says so: no run is left that claims to be running."""
    try:
        yield
    except TrainingFailed:
        raise
    except Interrupted as problem:
        if state.keep and state.leads:
            state.keep()
        if state.begun:
            state.write("stopped")
        raise Stopped(problem.number, f"{problem}; the same command goes on from the last checkpoint") from None
    except Stopped:
        raise
    except Exception as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        if isinstance(problem, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in reason:
            reason = f"out of memory; try a smaller --batch than {state.recipe.batch}, or a smaller --cache"
            problem = ObjectiveFailed(reason)
        if state.keep and state.leads:
            with suppress(OSError):  # the disk may be full
                state.keep()
        state.fail(reason)
        if isinstance(problem, ObjectiveFailed | WorkerDied):
            raise TrainingFailed(f"{state.run} failed: {reason}") from problem
        raise


def _complete(held: dict[str, Any] | None) -> bool:
    return held is not None and held["status"] == "complete"


def _train(state: State, precision: torch.dtype) -> Encoder:
    recipe, device, here = state.recipe, state.device, state.world
    images = resident(images_of(state.dataset, "train", state.settings.cache), device)
    learner = Learner(recipe, _table_images(state.dataset, recipe)).to(device)
    known = _known(state.dataset, recipe, learner.objective)
    energies = read_split(state.dataset, "train", ("energy",))["energy"]
    energies = np.where(known.labelled, energies, np.nan)
    original = recipe.protocol == "original"
    loader, sampler = pair_loader(
        images, energies, recipe.seed, recipe.batch, state.settings.workers, original, here.rank, here.size, known
    )
    optimiser = create(recipe, learner)
    step = checkpoint.restore(state.run / "checkpoint.pt", learner, optimiser, state.identity)
    steps, total = len(sampler), recipe.epochs * len(sampler)
    shown = 2 * (recipe.batch + known.extra)
    watch = Watch(state.dataset, shown * steps)
    state.facts["train_seconds"] = state.seconds
    state.write("running", heartbeat=now())
    parallel = here.wrap(learner, device)
    began, first_step, saved = time.monotonic(), step, time.monotonic()
    parallel.train()
    state.patient = True
    _obey(state, "before the first step")
    with _metrics(state, step, total, watch.oracle) as log:
        while step < total:
            sampler.epoch, sampler.start = divmod(step, steps)
            for first, second, energy, extra in batches(loader):
                rate = learning_rate(recipe, step, steps)
                set_rate(optimiser, rate)
                learner.objective.progress = step / total
                first, second, energy, extra = (part.to(device) for part in (first, second, energy, extra))
                with torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
                    rows = parallel(first, second)
                labels = Labels(here.gather(energy), here.gather(extra.float()).bool())
                loss = learner.loss(tuple(here.gather(part) for part in rows), labels)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip_norm)
                due = time.monotonic() - saved >= state.settings.checkpoint_seconds
                logging = (step + 1) % state.settings.log_every == 0 or step + 1 == total
                looking = (step + 1) % (watch.every * steps) == 0 or step + 1 == total
                stopping = _asked(state)
                if logging or looking or due or stopping:
                    # Before the step, so that neither weights nor a checkpoint ever hold a NaN that was seen.
                    _refuse_infinite(state, step + 1, loss.item(), norm.item())
                optimiser.step()
                learner.after_step()
                step += 1
                if looking and state.leads:
                    state.scores = watch(learner.result, device)
                elapsed = time.monotonic() - began
                state.facts["train_seconds"] = round(state.seconds + elapsed, 2)
                if logging or looking:
                    speed = shown * (step - first_step) / elapsed
                    row = (step, (step - 1) // steps, loss.item(), rate, norm.item(), round(speed, 1), shown * step)
                    log(row, elapsed, state.scores if looking else None)
                    state.beat()
                if due or stopping:
                    if state.leads:
                        checkpoint.save(state.run / "checkpoint.pt", learner, optimiser, step, state.identity)
                    saved = time.monotonic()
                if stopping:
                    _stop(state, step, total)
    path = state.run / "checkpoint.pt"
    state.keep = lambda: checkpoint.save(path, learner, optimiser, step, state.identity)
    state.patient = here.size > 1
    _obey(state, "after the last step")
    seconds = time.monotonic() - began
    seen = shown * (total - first_step)
    state.facts |= {"train_seconds": round(state.seconds + seconds, 2), "resumed_at_step": first_step}
    state.facts |= {"images_per_second": round(seen / seconds, 1) if seen else None}
    if state.scores is None and state.leads:  # killed between its last step and its end
        state.scores = watch(learner.result, device)
    if here.any(state.scores is not None and math.isnan(state.scores.spread)):
        _diverged(state, f"outputs are no numbers after step {total}")
    state.population = watch.embedding if watch.exact and state.leads else None
    return learner.result


def _optimum(state: State) -> Encoder:
    """No training: a table of every image that can occur, where the objective's expected loss is least."""
    train, method = state.dataset.manifest["splits"]["train"], state.recipe.method
    test = state.dataset.manifest["splits"]["test"]
    law = ("energy_law", "energy_bands", "time_range")
    if state.dataset.population is None or any(train[key] != test[key] for key in law):
        reason = why_none(state.dataset) if state.dataset.population is None else "it trains under another law"
        raise ValueError(f"{state.dataset.directory} has no population of its training law: {reason}")
    population = read_population(state.dataset)
    learner = Learner(state.recipe, population["image"])
    with speaks_of(method):
        best = learner.objective.optimum(population)
    if best is None:
        raise ValueError(f"method {method} has no loss with an optimum, expected another; try --encoder table")
    encoder = learner.encoder
    encoder.load({**encoder.weights(), "vectors": torch.from_numpy(best)})
    state.scores = Watch(state.dataset, 1).score(best) if len(best) <= MOST_IMAGES else None
    return encoder


def _table_images(dataset: Dataset, recipe: Recipe) -> NDArray[np.uint8] | None:
    """The distinct images of the training split, for an encoder that is a table of them."""
    if recipe.encoder != "table":
        return None
    seen, count = Distinct(), math.prod(image_shape(dataset, "train")[:2])
    images = np.concatenate([part[seen(part)[0]] for part in image_parts(dataset, "train")])
    if len(images) > MOST_SHARE * count:
        raise ValueError(
            f"{dataset.directory} shows {len(images)} different images among {count}, expected images that recur "
            "for --encoder table; with noisy pictures it would learn each by heart"
        )
    return images


def _known(dataset: Dataset, recipe: Recipe, objective: Objective) -> Known:
    """Who keeps a label, by the method's setting `labelled` where it has one."""
    pendulums = dataset.manifest["splits"]["train"]["pendulums"]
    share = getattr(recipe.own, "labelled", 1.0)
    return Known(labelled(recipe.seed, pendulums, share), objective.labels_needed, not objective.needs_unlabelled)


def _metrics(state: State, step: int, total: int, oracle: Scores) -> Metrics:
    what = f"{state.dataset.name} {state.recipe.label} seed {state.recipe.seed}"
    progress = Progress(what, step, total, state.settings.quiet or not state.leads)
    return Metrics(state.run if state.leads else None, step, state.settings.logger, progress, oracle)


def _refuse_infinite(state: State, step: int, loss: float, norm: float) -> None:
    if not (math.isfinite(loss) and math.isfinite(norm)):
        _diverged(state, f"loss {loss}, gradient norm {norm} at step {step}")


def _diverged(state: State, what: str) -> NoReturn:
    reason = f"method {state.recipe.method} diverged: {what}"
    state.fail(reason)
    raise TrainingFailed(f"{state.run} failed: {reason}")


def _asked(state: State) -> bool:
    """Whether any process was asked to stop, so that all do."""
    return state.world.any(bool(state.signalled) or state.world.deserted)


def _signal(state: State) -> signal.Signals:
    """What this process was asked by, or another one, which does not tell."""
    return signal.Signals(state.signalled[0]) if state.signalled else signal.SIGTERM


def _obey(state: State, when: str) -> None:
    if _asked(state):
        raise Interrupted(_signal(state), f"{_signal(state).name} {when}")


def _stop(state: State, step: int, total: int) -> None:
    number = _signal(state)
    state.write("stopped", step=step)
    raise Stopped(number, f"{number.name} at step {step} of {total}; saved, the same command goes on from there")


def _save(state: State, encoder: Encoder) -> None:
    """Write the encoder and the embeddings of test split and population; only then is the run complete."""
    if state.scores is not None:
        state.facts["learning"] = state.scores.learning
    weights = {name: value.cpu().contiguous() for name, value in encoder.weights().items()}
    content = serialised(weights)
    runs.write_whole(state.run / "encoder.safetensors", content)
    state.facts["encoder_sha256"] = hashlib.sha256(content).hexdigest()
    for split in splits_to_embed(state.dataset, "test"):
        seen = state.population if split == "population" else None
        write_embeddings(state.run, encoder, state.recipe, state.facts, state.dataset, split, state.device, seen=seen)
    state.write("complete", ended=now())
    (state.run / "checkpoint.pt").unlink(missing_ok=True)
    if state.facts.get("learning") == "constant":
        print(f"{state.run}: nothing learnt: outputs are constant", file=sys.stderr)
