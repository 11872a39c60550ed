"""The energy is told: every output is to be the energy, in squares, absolutely or in rank."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pendtrain.objectives.objective import Labels, Objective, Rows
from pendtrain.population import Columns
from pendtrain.recipe import later

LOSSES = ("mse", "l1", "spearman")
RANK_SOFTNESS = 0.05  # of the soft ranks, in standard deviations of the outputs


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    loss: str = "mse"
    """mse, l1, or spearman (a differentiable rank correlation; App. A.1)."""
    labelled: float = later(1.0, before=1.0)
    """Share of pendulums that keep their energy; an epoch repeats them, the others are not looked at."""

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss}, expected {', '.join(LOSSES)}")
        if not 0 < self.labelled <= 1:
            raise ValueError(f"labelled is {self.labelled}, expected above 0, up to 1")


class Supervised(Objective):
    """Error of every output against the true energy: mean squared, mean absolute, or 1 − soft Spearman.

    Both views count alike (paper, §2.3); in the `original` protocol the first view alone.
    """

    Settings = Settings
    source = "Yang 2021, §2.3 and App. A.1"
    needs_unlabelled = False

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The mean over views and outputs of float32 (B, d)."""
        views = rows[:1] if self.protocol == "original" else rows
        error = {"mse": squared, "l1": absolute, "spearman": rank_loss}[self.settings.loss]
        return torch.stack([error(view, labels.energy) for view in views]).mean()

    def optimum(self, population: Columns) -> NDArray[np.float64]:
        """E[energy | image], which also puts the images in the order of the best ranks; l1: the median energy."""
        best = population["energy_given_image"]
        if self.settings.loss == "l1":
            best = _median(population)
        return np.repeat(np.asarray(best, np.float64)[:, None], self.dim, axis=1)


def squared(outputs: Tensor, energy: Tensor) -> Tensor:
    """Mean squared error of outputs (B, d) against energies (B,)."""
    return (outputs - energy[:, None]).square().mean()


def absolute(outputs: Tensor, energy: Tensor) -> Tensor:
    """Mean absolute error of outputs (B, d) against energies (B,)."""
    return (outputs - energy[:, None]).abs().mean()


def rank_loss(outputs: Tensor, energy: Tensor) -> Tensor:
    """1 − Pearson's correlation of the outputs' soft ranks and the energies' ranks, mean over outputs (B, d)."""
    target = energy.argsort().argsort().to(outputs.dtype)
    target = target - target.mean()
    losses = []
    for column in outputs.unbind(dim=1):
        ranks = soft_ranks(column)
        ranks = ranks - ranks.mean()
        losses.append(1.0 - (ranks @ target) / (ranks.norm() * target.norm()).clamp_min(1e-12))
    return torch.stack(losses).mean()


def soft_ranks(values: Tensor, softness: float = RANK_SOFTNESS) -> Tensor:
    """Differentiable ranks from 1 to B of (B,) values: ½ + Σ_j σ((v_i − v_j)/s), s = softness · sd(v).

    Qin, Liu & Li 2010, "A general approximation framework for direct optimization of information
    retrieval measures", eq. 11. Since s follows the spread, ranks are invariant to scale and shift.
    """
    scale = softness * values.std().clamp_min(1e-6)
    return 0.5 + torch.sigmoid((values[:, None] - values[None, :]) / scale).sum(dim=1)


def _median(population: Columns) -> NDArray[np.float64]:
    """Median energy given the image, even within a bin: float64 (U,)."""
    edges, joint = population["energy_edges"], population["energy_probability"]
    share = np.cumsum(joint, axis=1) / joint.sum(axis=1, keepdims=True)
    inside = (share >= 0.5).argmax(axis=1)
    rows: Any = np.arange(len(share))
    below = np.where(inside > 0, share[rows, inside - 1], 0.0)
    fraction = (0.5 - below) / (share[rows, inside] - below)
    return np.asarray(edges[inside] + fraction * np.diff(edges)[inside], np.float64)
