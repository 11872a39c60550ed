"""Outputs that factor the pair kernel: the spectral contrastive loss."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pendtrain.kernel import eigenfunctions
from pendtrain.objectives.heads import checked
from pendtrain.objectives.objective import Labels, Objective, Rows
from pendtrain.population import Columns


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    constant: bool = True
    """Give the trivial first eigenfunction, a constant of eigenvalue 1, beside the d outputs: without it the first
    output, which with d = 1 is all there is, learns a constant."""
    bound: float = 3.0
    """Largest length of an embedding over √d; a longer one is brought to it, as in the authors' program. Without it the
    loss has no lower bound on finitely many pendulums: an image that only one of them shows is no negative of anybody,
    and goes off to infinity. The first eigenfunction of vanilla images reaches 2.8."""

    def __post_init__(self) -> None:
        checked(self, ("bound", 0 < self.bound < math.inf, "above 0"))


class Spectral(Objective):
    """−2 E[x·y] + E[(x·y')²], x and y of one pendulum, y' of another; with a constant 1 as a further output of all.

    The mean over unequal pendulums is unbiased. At the optimum E[x·y'] is the pair kernel, as well as d outputs can.
    """

    Settings = Settings
    source = "HaoChen et al. 2021, arXiv 2106.04156"

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of a batch (B, d), both directions alike; −1 where nothing is learnt."""
        most = self.settings.bound * self.dim**0.5
        x, y = (view * (most / view.norm(dim=1, keepdim=True).clamp_min(most)) for view in rows)
        product = x @ y.T + (1.0 if self.settings.constant else 0.0)
        count = len(x)
        own = product.diagonal()
        others = (product.square().sum() - own.square().sum()) / (count * (count - 1))
        total: Tensor = others - 2.0 * own.mean()
        return total

    def optimum(self, population: Columns) -> NDArray[np.float64]:
        """√λ_k φ_k, φ_k the eigenfunctions of variance 1: the first d of them, the constant left out or first."""
        kept = self.dim - (not self.settings.constant)
        outputs = np.ones((len(population["probability"]), 1))[:, self.settings.constant :]
        if kept:
            values, functions = eigenfunctions(population, kept)
            outputs = np.hstack([outputs, functions * np.sqrt(values)])
        return np.asarray(outputs, np.float64)
