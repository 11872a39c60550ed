"""Views of one pendulum lie together, and pendulums lie apart: alignment and uniformity."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pendtrain.kernel import minimised_spread
from pendtrain.objectives.contrastive import SIMILARITIES
from pendtrain.objectives.heads import checked
from pendtrain.objectives.objective import Labels, Objective, Rows
from pendtrain.population import Columns


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    similarity: str = "euclidean"
    """cosine: outputs are brought to length 1 first, as in the paper, which wants two of them or more; euclidean: as
    they are. InfoNCE with many negatives is the sum of these two terms (Theorem 1 of the paper), t being 1/τ."""
    alpha: float = 2.0
    """Power of the distance in the alignment."""
    t: float = 2.0
    """Of exp(−t ‖x − x'‖²) in the uniformity: how near is near."""
    weight: float = 1.0
    """Of the uniformity."""

    def __post_init__(self) -> None:
        checked(
            self,
            ("similarity", self.similarity in SIMILARITIES, " or ".join(SIMILARITIES)),
            ("alpha", 0 < self.alpha < math.inf, "above 0"),
            ("t", 0 < self.t < math.inf, "above 0"),
            ("weight", 0 < self.weight < math.inf, "above 0"),
        )


class AlignUniform(Objective):
    """E ‖x − y‖^α + weight · ½ Σ over views of log E exp(−t ‖x − x'‖²), x' another pendulum of the same view."""

    Settings = Settings
    source = "Wang & Isola 2020, arXiv 2005.10242"

    @classmethod
    def check(cls, settings: Any, dim: int) -> None:
        """On a circle one output has two places only."""
        if settings.similarity == "cosine" and dim < 2:
            raise ValueError(f"dim is {dim}, expected 2 or more with similarity cosine")

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """Both terms of a batch (B, d)."""
        if self.settings.similarity == "cosine":
            rows = tuple(functional.normalize(view, dim=1) for view in rows)
        x, y = rows
        squares = (x - y).square().sum(dim=1)
        # No root of 0 where views coincide: its slope is infinite.
        aligned = squares.mean() if self.settings.alpha == 2 else (squares + 1e-12).pow(self.settings.alpha / 2).mean()
        uniform = torch.stack([_uniformity(view, self.settings.t) for view in rows]).mean()
        total: Tensor = aligned + self.settings.weight * uniform
        return total

    def optimum(self, population: Columns) -> NDArray[np.float64] | None:
        """Found on free vectors, from E[energy | image]; None for other powers than 2."""
        if self.settings.alpha != 2:
            return None
        weight, t, sphere = self.settings.weight, self.settings.t, self.settings.similarity == "cosine"
        return minimised_spread(population, self.dim, weight, t, jointly=True, sphere=sphere)


def _uniformity(view: Tensor, t: float) -> Tensor:
    return functional.pdist(view).square().mul(-t).exp().mean().log()
