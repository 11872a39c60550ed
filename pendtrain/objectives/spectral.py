"""Outputs that factor the pair kernel: the spectral contrastive loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pendtrain.kernel import eigenfunctions
from pendtrain.objectives.objective import Labels, Objective, Rows
from pendtrain.population import Columns


@dataclass(frozen=True)
class Settings:
    """Settings of the spectral contrastive loss."""

    constant: bool = True
    """Give the trivial first eigenfunction, a constant of eigenvalue 1, beside the d outputs: without it the first
    output, which with d = 1 is all there is, learns a constant."""


class Spectral(Objective):
    """−2 E[x·y] + E[(x·y')²], x and y of one pendulum, y' of another; with a constant 1 as a further output of all.

    The mean over unequal pendulums is unbiased. At the optimum E[x·y'] is the pair kernel, as well as d outputs can.
    """

    Settings = Settings
    source = "HaoChen et al. 2021, arXiv 2106.04156"

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of a batch (B, d), both directions alike; −1 or above it where nothing is learnt."""
        x, y = rows
        product = x @ y.T + (1.0 if self.settings.constant else 0.0)
        count = len(x)
        own = product.diagonal()
        others = (product.square().sum() - own.square().sum()) / (count * (count - 1))
        return others - 2.0 * own.mean()

    def optimum(self, population: Columns) -> NDArray[np.float64]:
        """√λ_k φ_k, φ_k the eigenfunctions of variance 1: the first d of them, the constant left out or first."""
        kept = self.dim - (not self.settings.constant)
        outputs = np.ones((len(population["probability"]), 1))[:, self.settings.constant :]
        if kept:
            values, functions = eigenfunctions(population, kept)
            outputs = np.hstack([outputs, functions * np.sqrt(values)])
        return np.asarray(outputs, np.float64)
