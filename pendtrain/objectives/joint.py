"""Semi-supervised: all pendulums are told apart, and the few that keep their energy say which way it goes."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pendtrain.objectives import contrastive
from pendtrain.objectives.contrastive import info_nce
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows
from pendtrain.objectives.supervised import squared

TERMS = ("order", "mse")


@dataclass(frozen=True)
class Settings(contrastive.Settings):
    """Those of contrastive training, and raises ValueError likewise."""

    labelled: float = 0.01
    """Share of pendulums that keep their energy, chosen by the seed."""
    term: str = "order"
    """order: of two labelled pendulums the one of more energy is to lie higher (logistic loss of their distance in √τ,
    RankNet, Burges et al. 2005); mse: squared error of the first output, scaled and shifted by two learnt numbers."""
    weight: float = 1.0
    """Of the labelled term beside InfoNCE."""
    support: int = 16
    """Labelled pendulums that are added to every batch, over all processes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks = (
            ("labelled", 0 < self.labelled <= 1, "above 0, up to 1"),
            ("term", self.term in TERMS, " or ".join(TERMS)),
            ("weight", 0 < self.weight < math.inf, "above 0"),
            ("support", 2 <= self.support <= 4096, "2 to 4096"),
        )
        for name, ok, expected in checks:
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {expected}")


class Joint(Objective):
    """InfoNCE on every pendulum of the batch + `weight` × a term on the first output of those with a label.

    The added pendulums take no part in InfoNCE: the batch may hold them already, and one is no negative of itself.
    """

    Settings = Settings
    source = "InfoNCE with a labelled term; order: RankNet, Burges et al. 2005, doi 10.1145/1102351.1102363"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        self.labels_needed = settings.support
        self.read_off = nn.Linear(1, 1)
        nn.init.ones_(self.read_off.weight)
        nn.init.zeros_(self.read_off.bias)

    @classmethod
    def check(cls, settings: Any, dim: int) -> None:
        """As for contrastive training."""
        contrastive.Contrastive.check(settings, dim)

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """Both embeddings (B, d), and the energies read off their first output (B, 1)."""
        x, y = encoder(first), encoder(second)
        with torch.autocast(x.device.type, enabled=False):
            return x, y, self.read_off(x[:, :1]), self.read_off(y[:, :1])

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """InfoNCE of the batch + the labelled term, scalars."""
        x, y, *read = rows
        own, known = ~labels.extra, ~labels.energy.isnan()
        temperature = contrastive.temperature_at(self.settings, self.progress)
        told = info_nce(x[own], y[own], self.settings, temperature)
        energy = labels.energy[known]
        if self.settings.term == "mse":
            error = torch.stack([squared(view[known], energy) for view in read]).mean()
        else:
            error = torch.stack([order_loss(view[known, 0], energy, temperature**0.5) for view in (x, y)]).mean()
        # The two numbers of the squared error stay in the graph, so that every process has a gradient for them.
        kept: Tensor = told + self.settings.weight * error + 0.0 * torch.cat(read).sum()
        return kept


def order_loss(values: Tensor, energy: Tensor, scale: float) -> Tensor:
    """Mean of log(1 + exp(−(v_i − v_j)/scale)) over the pairs with energy i above energy j; values, energies (B,).

    Zero where no two energies differ.
    """
    above = energy[:, None] > energy[None, :]
    distance = (values[:, None] - values[None, :]) / scale
    return nn.functional.softplus(-distance[above]).mean() if bool(above.any()) else 0.0 * values.sum()
