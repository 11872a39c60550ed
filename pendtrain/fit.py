"""One training run, top to bottom: dataset → pairs → encoder → run directory."""

import csv
import math
import os
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors.torch import save_file
from tqdm import tqdm

from pendtrain import runs
from pendtrain.device import choose_device, choose_precision
from pendtrain.embed import embed
from pendtrain.encoder import Encoder, create
from pendtrain.loader import pair_loader
from pendtrain.objectives import OBJECTIVES
from pendtrain.recipe import Recipe, learning_rate
from pendtrain.shards import LABELS, Dataset, check_files, open_dataset, read_split


class TrainingFailed(Exception):
    """The loss or a gradient stopped being finite; the run is marked failed."""


def fit(
    shards: Path,
    recipe: Recipe,
    out: Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    workers: int = 0,
    log_every: int = 10,
    quiet: bool = False,
) -> tuple[Path, bool]:
    """Train `recipe` on the dataset at `shards`; returns the run directory and whether it trained.

    A complete run of the same recipe on the same data is left as it is (False). Raises ValueError
    where the settings, the dataset or the run directory do not fit, TrainingFailed where the loss or
    a gradient stops being finite.
    """
    place = choose_device(device)
    kind = choose_precision(precision, place)
    dataset = open_dataset(shards)
    run = runs.directory(out, dataset.name, recipe)
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another process is training {run}; wait for it, or choose another --seed or --out") from None
    try:
        if _already_complete(run, recipe, dataset):
            return run, False
        check_files(dataset)
        _train(run, recipe, dataset, place, kind, workers, log_every, quiet)
    finally:
        lock.release()
    return run, True


def _already_complete(run: Path, recipe: Recipe, dataset: Dataset) -> bool:
    found = runs.read_run(run)
    if found is None:
        return False
    wanted = {**asdict(recipe), "dataset digest": dataset.digest}
    held = {**found["recipe"], "dataset digest": found["dataset"]["digest"]}
    for key in sorted(wanted.keys() | held.keys()):
        if wanted.get(key) != held.get(key):
            raise ValueError(
                f"{run} holds a run with {key} {held.get(key)}, expected {wanted.get(key)}; choose another --out"
            )
    return bool(found["status"] == "complete")


def _train(
    run: Path,
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    precision: torch.dtype,
    workers: int,
    log_every: int,
    quiet: bool,
) -> None:
    train = read_split(dataset, "train", ("image", "energy"))
    loader, sampler = pair_loader(train["image"], train["energy"], recipe.seed, recipe.batch, workers)
    encoder = create(recipe.dim, recipe.seed).to(device)
    objective = OBJECTIVES[recipe.method]
    optimiser = torch.optim.SGD(
        encoder.parameters(), lr=0.0, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    total = recipe.epochs * len(sampler)
    facts = _facts(recipe, dataset, device, precision)
    runs.write_run(run, {**facts, "status": "running"})
    began = time.monotonic()
    step = 0
    with open(run / "metrics.csv", "w", newline="", encoding="utf-8") as file:
        log = csv.writer(file, lineterminator="\n")
        log.writerow(runs.METRICS)
        report = Progress(f"{dataset.name} {recipe.label} seed {recipe.seed}", total, quiet)
        encoder.train()
        for epoch in range(recipe.epochs):
            sampler.epoch = epoch
            for first, second, energy in loader:
                rate = learning_rate(recipe, step, len(sampler))
                for group in optimiser.param_groups:
                    group["lr"] = rate
                first, second, energy = first.to(device), second.to(device), energy.to(device)
                with torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
                    # Each view by itself, so that BatchNorm sees them apart, as the authors did.
                    x, y = encoder(first), encoder(second)
                loss = objective(x, y, energy, recipe)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                norm = torch.nn.utils.clip_grad_norm_(encoder.parameters(), recipe.clip_norm)
                optimiser.step()
                step += 1
                if step % log_every == 0 or step == total:
                    speed = 2 * recipe.batch * step / (time.monotonic() - began)
                    row = (step, epoch, loss.item(), rate, norm.item(), round(speed, 1))
                    if not (math.isfinite(row[2]) and math.isfinite(row[4])):
                        reason = f"loss {row[2]}, gradient norm {row[4]} at step {step}; expected finite numbers"
                        runs.write_run(run, {**facts, "status": "failed", "reason": reason})
                        raise TrainingFailed(f"{run} failed: {reason}")
                    log.writerow(row)
                    file.flush()
                    report(step, epoch, row[2], speed)
        report.close()
    seconds = time.monotonic() - began
    _save(run, encoder, recipe, dataset, facts, device)
    ended = {"train_seconds": round(seconds, 2), "images_per_second": round(2 * recipe.batch * total / seconds, 1)}
    runs.write_run(run, {**facts, "status": "complete", "ended": _now(), **ended})


def _save(
    run: Path, encoder: Encoder, recipe: Recipe, dataset: Dataset, facts: dict[str, Any], device: torch.device
) -> None:
    """Write the encoder and the embeddings of the test split."""
    weights = {name: value.cpu().contiguous() for name, value in encoder.resnet.state_dict().items()}
    runs.write_whole(run / "encoder.safetensors", lambda path: save_file(weights, path))
    test = read_split(dataset, "test", ("image", *LABELS))
    embedding = embed(encoder, test["image"], device)
    labels = {name: test[name] for name in LABELS}
    seen = runs.train_attributes(facts["dataset"], recipe, facts["recipe"])
    path = run / "embeddings" / f"{dataset.name}-test.h5"
    runs.write_embeddings(path, embedding, labels, {**runs.data_attributes(dataset, "test"), **seen})


def _facts(recipe: Recipe, dataset: Dataset, device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    environment = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "device_type": device.type,
        "precision": str(precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("pendulum-lab", "torch", "torchvision", "numpy")},
    }
    return {
        "recipe": asdict(recipe),
        "label": recipe.label,
        "dataset": runs.dataset_facts(dataset),
        "environment": environment,
        "began": _now(),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Progress:
    """Steps done, on stderr: a bar on a terminal, elsewhere a plain line every half minute."""

    def __init__(self, what: str, total: int, quiet: bool) -> None:
        self.what, self.total, self.quiet = what, total, quiet
        self.bar = tqdm(total=total, desc=what, unit="step", disable=quiet or not sys.stderr.isatty(), leave=False)
        self.said = time.monotonic()

    def __call__(self, step: int, epoch: int, loss: float, speed: float) -> None:
        """Say how far training is; `speed` in images/s."""
        self.bar.update(step - self.bar.n)
        self.bar.set_postfix(loss=f"{loss:.4f}", images_per_s=f"{speed:.0f}")
        if self.bar.disable and not self.quiet and time.monotonic() - self.said >= 30:
            self.said = time.monotonic()
            line = f"{self.what}: step {step} of {self.total}, epoch {epoch}, loss {loss:.4f}, {speed:.0f} images/s"
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.close()
