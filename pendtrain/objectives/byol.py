"""One view predicts what a slow copy of the network makes of the other."""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pendtrain.objectives import simsiam
from pendtrain.objectives.heads import checked
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows
from pendtrain.objectives.simsiam import distance, heads
from pendtrain.recipe import later


@dataclass(frozen=True)
class Settings(simsiam.Settings):
    """Those of SimSiam, and raises ValueError likewise."""

    target_decay: float = later(0.5, before=0.8)
    """Share of itself that the target keeps in a step, at the start; it rises to 1 by a cosine. The paper has .996, for
    a hundred thousand steps and more; in 400 steps a target of .99 stays the random network it began as, whose one
    output no view can predict of the other (global score .07; .8: .874; .5: .975 to .993)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self, ("target_decay", 0 <= self.target_decay <= 1, "0 to 1"))


class BYOL(Objective):
    """½ D(p₁, t₂) + ½ D(p₂, t₁), D as in SimSiam, t from the target network.

    The target is a copy of encoder and projector that no gradient reaches; after each step its weights move to
    decay · target + (1 − decay) · online, decay = 1 − (1 − decay₀)(1 + cos π·progress)/2.
    """

    Settings = Settings
    source = "Grill et al. 2020, arXiv 2006.07733"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        self.projector, self.predictor = heads(settings, dim)
        self.target = nn.ModuleList([deepcopy(encoder), deepcopy(self.projector)]).requires_grad_(False)

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """t₁, t₂, p₁, p₂: (B, width) each."""
        p = [self.predictor(self.projector(encoder(view))) for view in (first, second)]
        with torch.no_grad():
            t = [self.target[1](self.target[0](view)) for view in (first, second)]
        return t[0], t[1], p[0], p[1]

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The mean over the batch and both directions."""
        t1, t2, p1, p2 = rows
        return (distance(p1, t2, self.settings.space) + distance(p2, t1, self.settings.space)) / 2

    @property
    def decay(self) -> float:
        """Share of itself that the target keeps at this moment of the run."""
        return 1.0 - float(1.0 - self.settings.target_decay) * (1.0 + math.cos(math.pi * self.progress)) / 2.0

    @torch.no_grad()
    def after_step(self, encoder: nn.Module) -> None:
        """Move the target's weights towards those of encoder and projector."""
        online = [*encoder.parameters(), *self.projector.parameters()]
        for slow, fast in zip(self.target.parameters(), online, strict=True):
            slow.lerp_(fast, 1.0 - self.decay)
