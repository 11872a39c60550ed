"""One view predicts the other, which is held still: no negatives, no momentum."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pendtrain.objectives.heads import Head, checked
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows

SPACES = ("euclidean", "sphere")


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    space: str = "euclidean"
    """euclidean: the outputs themselves, each brought to mean 0 and variance 1 over the batch, predicted in squares;
    sphere: a projector of the authors' form widens them, and the cosine of what comes out is predicted. On the sphere
    of one output there is no slope: it holds two points."""
    width: int = 256
    """Of the projector, on the sphere (2048 in the paper, for 2048 features)."""
    hidden: int = 64
    """Of the predictor: a quarter of the projector's width, as in the paper."""

    def __post_init__(self) -> None:
        checked(
            self,
            ("space", self.space in SPACES, " or ".join(SPACES)),
            ("width", 1 <= self.width <= 65536, "1 to 65536"),
            ("hidden", 1 <= self.hidden <= 65536, "1 to 65536"),
        )


class SimSiam(Objective):
    """½ D(p₁, stop z₂) + ½ D(p₂, stop z₁), D the negative cosine or the mean square per output.

    z: what the projector makes of the d outputs, which are what is scored; p: the predictor's guess of the other z.
    Collapse (all images alike) is a minimum of the loss; that training misses it rests on the stopped gradient.
    """

    Settings = Settings
    source = "Chen & He 2021, arXiv 2011.10566"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        self.projector, self.predictor = heads(settings, dim)

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """z₁, z₂ (held still), p₁, p₂: (B, width) each."""
        z = [self.projector(encoder(view)) for view in (first, second)]
        return z[0].detach(), z[1].detach(), self.predictor(z[0]), self.predictor(z[1])

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The mean over the batch and both directions."""
        z1, z2, p1, p2 = rows
        return (distance(p1, z2, self.settings.space) + distance(p2, z1, self.settings.space)) / 2


def heads(settings: Any, dim: int) -> tuple[Head, Head]:
    """Projector and predictor for `dim` outputs."""
    if settings.space == "euclidean":
        return Head(dim, normed=True), Head(dim, settings.hidden, dim)
    width = settings.width
    return Head(dim, width, width, width, normed=True), Head(width, settings.hidden, width)


def distance(guess: Tensor, target: Tensor, space: str) -> Tensor:
    """D of guesses and targets (B, w), a scalar: −cos, in [−1, 1], or the mean square."""
    if space == "sphere":
        return -functional.cosine_similarity(guess, target, dim=1).mean()
    return torch.nn.functional.mse_loss(guess, target)
