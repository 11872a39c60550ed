"""One trial in the search for a recipe: `python tests/benchmarks/recipe_search.py DATASET method=supervised epochs=7`.

Trains with the settings given (those of `pendtrain fit --print-recipe`) and prints a row of JSON: what was tried,
images, processor seconds, and how far the exact scores stay below the oracle's. It also knows what no recipe has:

    schedule=linear    the rate falls in a line after warm-up, not as a cosine
    unit=true          kernels keep the norm they begin with: only their direction moves
    others=0.05        AdamW's rate beside Muon's
    rows=1000          how many outputs of a kernel Muon takes together

`averaging` is scored beside the last weights, and each also with BatchNorm statistics taken anew from 4096 images.
What was found stands in data/results/recipes.csv.
"""

import json
import math
import sys
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import update_bn

from pendtrain import optimiser
from pendtrain.device import choose_device, choose_precision
from pendtrain.encoders import Encoder
from pendtrain.learner import Learner
from pendtrain.loader import pair_loader
from pendtrain.objectives import Labels
from pendtrain.recipe import Recipe, learning_rate, typed
from pendtrain.shards import open_dataset, read_split
from pendtrain.watch import Watch

TRIED = {"schedule": "cosine", "unit": False, "others": optimiser.OTHERS, "rows": optimiser.ROWS}
FEW = 4096  # images that BatchNorm statistics are taken from


def trial(directory: Path, recipe: Recipe, schedule: str, unit: bool, others: float, rows: int) -> dict[str, Any]:
    """Images, processor seconds, and the oracle's scores less those of the networks."""
    optimiser.OTHERS, optimiser.ROWS = others, rows
    device = choose_device("cpu")
    precision = choose_precision("auto", device)
    dataset = open_dataset(directory)
    columns = read_split(dataset, "train", ("image", "energy"))
    learner = Learner(recipe).train()
    loader, sampler = pair_loader(columns["image"], columns["energy"], recipe.seed, recipe.batch)
    moved = optimiser.create(recipe, learner)
    kernels = [(each, each.detach().norm()) for each in learner.encoder.parameters() if unit and each.ndim == 4]
    watch, steps, began = Watch(dataset, 1), len(sampler), time.process_time()
    for step in range(recipe.epochs * steps):
        if step % steps == 0:
            sampler.epoch = step // steps
            batches = iter(loader)
        first, second, energy, extra = next(batches)
        learner.objective.progress = step / (recipe.epochs * steps)
        optimiser.set_rate(moved, _rate(recipe, step, steps, schedule))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
            outputs = learner(first, second)
        moved.zero_grad()
        learner.loss(outputs, Labels(energy, extra)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip_norm)
        moved.step()
        with torch.no_grad():
            for kernel, norm in kernels:
                kernel.mul_(norm / kernel.norm())
        learner.after_step()
    found: dict[str, Any] = {"images": 2 * recipe.batch * recipe.epochs * steps}
    found["processor_seconds"] = round(time.process_time() - began, 1)
    pictures = torch.from_numpy(columns["image"]).flatten(0, 1)
    sample = pictures[torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))[:FEW]]
    networks: dict[str, Encoder] = {"last": learner.encoder}
    networks |= {"averaged": learner.result} if recipe.averaging else {}
    for name, network in list(networks.items()):
        networks[f"{name}_statistics_anew"] = deepcopy(network)
        with torch.no_grad():
            update_bn(sample.split(1024), networks[f"{name}_statistics_anew"])  # type: ignore[no-untyped-call]
    for name, network in networks.items():
        scores = watch(network, device)
        found[f"{name}_global"] = round(watch.oracle.spearman - scores.spearman, 5)
        found[f"{name}_local"] = round(watch.oracle.local_spearman - scores.local_spearman, 4)
    return found


def _rate(recipe: Recipe, step: int, steps: int, schedule: str) -> float:
    rate, warm = learning_rate(recipe, step, steps), recipe.warmup_epochs * steps
    if schedule == "cosine" or step < warm:
        return rate
    peak = learning_rate(replace(recipe, epochs=10**6), warm, steps)
    return peak * (1 - (step - warm) / (recipe.epochs * steps - warm))


def main() -> None:
    """Take DATASET and settings from the command line."""
    directory, *settings = sys.argv[1:]
    given = {name: typed(value) for name, _, value in (text.partition("=") for text in settings)}
    tried = {name: given.pop(name, usual) for name, usual in TRIED.items()}
    recipe = Recipe.of(**given)
    row = trial(Path(directory), recipe, **tried)
    print(json.dumps({**recipe.settings, **tried, **{k: v for k, v in row.items() if not _nan(v)}}))


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


if __name__ == "__main__":
    main()
