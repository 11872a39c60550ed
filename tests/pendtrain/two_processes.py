"""What `test_distributed` computes in one process, and, run by torchrun, in two: gradients of a joined batch."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pendtrain.distributed import World, world
from pendtrain.learner import Learner
from pendtrain.objectives import Labels, find
from pendtrain.recipe import Recipe


def learner_of(settings: dict[str, Any], pixels: int) -> Learner:
    """In float64, BatchNorm frozen; with ResNet-18 on pictures of 32 pixels, else with one matrix."""
    recipe = Recipe.of(**settings)
    learner = Learner(recipe)
    if pixels < 32:
        torch.manual_seed(0)
        small: Any = nn.Sequential(nn.Flatten(), nn.Linear(3 * pixels**2, recipe.dim))
        learner.encoder, learner.objective = small, find(recipe.method)(recipe.own, small, recipe.dim, recipe.protocol)
    else:
        learner.encoder.forward = learner.encoder.resnet.forward  # type: ignore[method-assign, union-attr]
    return learner.double().eval()


def gradients(here: World, data: dict[str, Tensor], out: str, methods: list[tuple[dict[str, Any], int]]) -> None:
    """Of every method after one step on this process's part of the batch, saved by rank 1."""
    for number, (settings, pixels) in enumerate(methods):
        learner = learner_of(settings, pixels)
        parallel = here.wrap(learner, torch.device("cpu"))
        part = slice(here.rank * 4, here.rank * 4 + 4)
        rows = parallel(*(data[name][part, :, :pixels, :pixels] for name in ("first", "second")))
        assert rows[0].dtype == torch.float64
        known = data["few"] if settings.get("method") in ("joint", "paws") else data["energy"]
        labels = Labels(here.gather(known[part]), here.gather(data["extra"][part]).bool())
        learner.loss(tuple(here.gather(each) for each in rows), labels).backward()
        if here.rank == 1:
            torch.save([each.grad for each in learner.parameters()], f"{out}-{number}.pt")


def threads() -> list[str]:
    """Those of gloo in this process, where the system tells (Linux)."""
    names = [each.read_text().strip() for each in Path("/proc/self/task").glob("*/comm")]
    return [each for each in names if "gloo" in each]


if __name__ == "__main__":
    torch.set_num_threads(1)
    with world(torch.device("cpu")) as here:
        gradients(here, torch.load(sys.argv[1], weights_only=True), sys.argv[2], json.loads(sys.argv[3]))
        assert threads() or sys.platform != "linux"
    assert not threads()  # one that lets go of a tensor while Python ends would abort the process
