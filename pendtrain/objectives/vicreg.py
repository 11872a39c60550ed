"""The views agree, every output varies, and no two say the same: variance, invariance, covariance."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pendtrain.kernel import eigenfunctions
from pendtrain.objectives.heads import Head, checked
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows
from pendtrain.population import Columns

EPSILON = 1e-4  # under the root of the variance, as in the paper


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    invariance: float = 25.0
    """λ: weight of the squared distance of the two views."""
    variance: float = 25.0
    """μ: weight of what the standard deviation of each output lacks to 1."""
    covariance: float = 1.0
    """ν: weight of the squared covariances between outputs; of one output there are none."""
    projector: int = 0
    """Width of an expander of three layers, thrown away in the end (8192 in the paper); 0: the outputs themselves."""

    def __post_init__(self) -> None:
        checked(
            self,
            ("invariance", 0 < self.invariance < math.inf, "above 0"),
            ("variance", 0 < self.variance < math.inf, "above 0"),
            ("covariance", 0 <= self.covariance < math.inf, "0 or more"),
            ("projector", 0 <= self.projector <= 65536, "0 to 65536"),
        )


class VICReg(Objective):
    """λ mean ‖x − y‖² + μ [v(x) + v(y)] + ν [c(x) + c(y)], equations 1, 3, 5 and 6 of the paper.

    v: mean over outputs of max(0, 1 − √(Var + 1e-4)); c: sum of the squared covariances off the diagonal, over d. The
    authors' program halves v and averages the first term over outputs; here the text counts.
    """

    Settings = Settings
    source = "Bardes, Ponce & LeCun 2022, arXiv 2105.04906"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        width = settings.projector
        self.projector = Head(dim, width, width, width) if width else nn.Identity()

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """Both views, (B, d) or as wide as the projector."""
        return self.projector(encoder(first)), self.projector(encoder(second))

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The three terms of a batch, summed."""
        x, y = rows
        spread = covariance = x.new_zeros(())
        for view in rows:
            matrix = torch.cov(view.T).reshape(view.shape[1], -1)
            deviation = (matrix.diagonal() + EPSILON).sqrt()
            spread = spread + (1.0 - deviation).clamp_min(0.0).mean()
            apart = matrix.square().sum() - matrix.diagonal().square().sum()
            covariance = covariance + apart / view.shape[1]
        agreement = (x - y).square().sum(dim=1).mean()
        weights = self.settings
        total: Tensor = weights.invariance * agreement + weights.variance * spread + weights.covariance * covariance
        return total

    def optimum(self, population: Columns) -> NDArray[np.float64] | None:
        """The first d non-trivial eigenfunctions of the pair kernel, each of the variance that costs least.

        That is the minimum among outputs that do not correlate; with one output, the minimum. An output of eigenvalue
        e and deviation a costs 2λ a²(1 − e) + (2μ/d)(1 − √(a² + 1e-4)), so that a² + 1e-4 = min(1, (μ/d)/(2λ(1 − e)))².
        """
        if self.settings.projector:
            return None
        values, functions = eigenfunctions(population, self.dim)
        weights = self.settings
        best = weights.variance / self.dim / (2.0 * weights.invariance * (1.0 - values))
        return np.asarray(functions * np.sqrt(np.clip(np.minimum(best, 1.0) ** 2 - EPSILON, 0.0, None)))
