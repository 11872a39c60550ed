"""Two views of one pendulum are to be told from those of the others: InfoNCE."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pendtrain.kernel import minimised_spread
from pendtrain.objectives.objective import Labels, Objective, Rows
from pendtrain.population import Columns
from pendtrain.recipe import later

SIMILARITIES = ("euclidean", "cosine")


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    similarity: str = "euclidean"
    """−‖x − y‖², or the cosine of x and y, which wants two outputs or more (Fig. 15)."""
    temperature: float = 0.1
    """τ: a squared embedding distance, or a cosine."""
    decoupled: bool = False
    """Leave the positive pair out of the denominator, as the paper's formula does."""
    one_sided: bool = later(False, before=False)
    """The first view picks among the second ones only, as in the paper's formula; else both directions, averaged."""
    anneal_from: float = later(0.0, before=0.0)
    """Temperature at the start, falling geometrically to τ in the first half of the run; 0: τ throughout.

    Hot, a pendulum feels all others, which is to put bands of energy in order before they harden."""

    def __post_init__(self) -> None:
        if self.similarity not in SIMILARITIES:
            raise ValueError(f"similarity is {self.similarity}, expected {' or '.join(SIMILARITIES)}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, expected above 0")
        if not (self.anneal_from == 0 or self.temperature < self.anneal_from < math.inf):
            raise ValueError(f"anneal_from is {self.anneal_from}, expected above the temperature {self.temperature}")


class Contrastive(Objective):
    """InfoNCE, nats; between 0 and, where nothing is learnt, about log B. The energies are not looked at.

    Cross-entropy of picking row i among all rows j, both directions averaged, under logits
    −‖x_i − y_j‖²/τ, or cos(x_i, y_j)/τ. Sources: van den Oord et al. 2018,
    https://arxiv.org/abs/1807.03748; Euclidean similarity: the 2021 paper, §2.2. Decoupled, the
    positive pair stays out of the denominator (Yeh et al. 2022, https://arxiv.org/abs/2110.06848, and
    the formula of the 2021 paper); then the loss has no lower bound.
    """

    Settings = Settings
    source = "van den Oord et al. 2018, arXiv 1807.03748; Yang 2021, §2.2"

    @classmethod
    def check(cls, settings: Any, dim: int) -> None:
        """On a circle one output has two places only."""
        if settings.similarity == "cosine" and dim < 2:
            raise ValueError(f"dim is {dim}, expected 2 or more with similarity cosine")

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """InfoNCE of two views (B, d)."""
        x, y = rows
        return info_nce(x, y, self.settings, temperature_at(self.settings, self.progress))

    def optimum(self, population: Columns) -> NDArray[np.float64]:
        """Of endlessly many negatives, found on free vectors from E[energy | image]; either direction has the same."""
        tau = self.settings.temperature
        if self.settings.similarity == "cosine":  # cos = 1 − ‖x − y‖²/2 of vectors of length 1
            return minimised_spread(population, self.dim, 2 * tau, 1 / (2 * tau), jointly=False, sphere=True)
        return minimised_spread(population, self.dim, tau, 1 / tau, jointly=False)


def temperature_at(settings: Settings, progress: float) -> float:
    """τ when a share `progress` of the run is done."""
    start, end = settings.anneal_from, settings.temperature
    return end * (start / end) ** max(0.0, 1.0 - 2.0 * progress) if start else end


def info_nce(x: Tensor, y: Tensor, settings: Settings, temperature: float) -> Tensor:
    """The loss of two views (B, d) at a temperature; see `Contrastive`."""
    if settings.similarity == "cosine":
        similarity = functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T
    else:
        similarity = -squared_distances(x, y)
    logits = similarity / temperature
    directions = (logits,) if settings.one_sided else (logits, logits.T)
    if not settings.decoupled:
        target = torch.arange(len(x), device=x.device)
        losses = [functional.cross_entropy(each, target) for each in directions]
        return losses[0] if settings.one_sided else (losses[0] + losses[1]) / 2
    others = logits.masked_fill(torch.eye(len(x), dtype=torch.bool, device=x.device), float("-inf"))
    spread = others.logsumexp(dim=1) if settings.one_sided else (others.logsumexp(dim=1) + others.logsumexp(dim=0)) / 2
    return (spread - logits.diagonal()).mean()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖² for every i and j: (B, d), (B', d) → (B, B').

    By differences, not by x² − 2xy + y²: that cancels where embeddings are close, which is where the
    loss looks.
    """
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=-1)
