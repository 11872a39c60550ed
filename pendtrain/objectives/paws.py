"""Semi-supervised: both views of a pendulum are to be nearest to labelled pendulums of the same class of energy."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pendtrain.objectives.contrastive import SIMILARITIES, squared_distances
from pendtrain.objectives.heads import Head, checked
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows
from pendtrain.recipe import later


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    labelled: float = 0.01
    """Share of pendulums that keep their energy, chosen by the seed."""
    classes: int = 10
    """Equal bands of energy; a label is the band it lies in."""
    ordered: bool = later(True, before=False)
    """Share a label between the two bands whose middles are nearest to the energy, so that neighbours are alike; else
    bands are classes like any other, without an order, as in the paper."""
    support: int = 64
    """Labelled pendulums that are added to every batch, over all processes; both their images support."""
    similarity: str = "euclidean"
    """−‖x − s‖²/d of outputs brought to mean 0 and variance 1 over the batch, or as in the paper the cosine, which
    wants two outputs or more. Of outputs as they come, distances are so small at first that all support is alike, all
    predictions are even, and nothing has a slope."""
    temperature: float = 0.1
    """τ of the similarity to a labelled image."""
    sharpening: float = 0.25
    """T: a target is a prediction to the power 1/T, normalised."""
    smoothing: float = 0.1
    """Share of a label that is spread over all classes."""
    spread: float = 1.0
    """Weight of the entropy of the mean target, which keeps predictions from being all of one class."""
    neighbours: float = later(1.0, before=0.0)
    """Weight of the labelled images' own loss, their class as the other labelled pendulums predict it (neighbourhood
    components, Goldberger et al. 2004); 0: PAWS as printed, which with one output learns little of the energy: nothing
    in it moves a labelled pendulum to its class, and on a line it cannot get there past the others."""

    def __post_init__(self) -> None:
        checked(
            self,
            ("labelled", 0 < self.labelled <= 1, "above 0, up to 1"),
            ("classes", 2 <= self.classes <= 1000, "2 to 1000"),
            ("support", 2 <= self.support <= 65536, "2 to 65536"),
            ("similarity", self.similarity in SIMILARITIES, " or ".join(SIMILARITIES)),
            ("temperature", 0 < self.temperature < math.inf, "above 0"),
            ("sharpening", 0 < self.sharpening <= 1, "above 0, up to 1"),
            ("smoothing", 0 <= self.smoothing < 1, "0 to below 1"),
            ("spread", 0 <= self.spread < math.inf, "0 or more"),
            ("neighbours", 0 <= self.neighbours < math.inf, "0 or more"),
        )


class PAWS(Objective):
    """½ [H(sharp p(y), p(x)) + H(sharp p(x), p(y))] − spread · H(mean of the sharp ones), targets held still.

    p(x): mean of the supporting labels, weighted by a softmax of their similarity to x. H(a, b): cross-entropy, nats.
    The added pendulums support and are not predicted, but for + `neighbours` · H(label of s, p(s) by the others).
    """

    Settings = Settings
    source = "Assran et al. 2021, arXiv 2104.13963; Goldberger et al. 2004 (neighbours)"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        self.labels_needed = settings.support
        self.standardised = Head(dim, normed=True) if settings.similarity == "euclidean" else nn.Identity()

    @classmethod
    def check(cls, settings: Any, dim: int) -> None:
        """On a circle one output has two places only."""
        if settings.similarity == "cosine" and dim < 2:
            raise ValueError(f"dim is {dim}, expected 2 or more with similarity cosine")

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """Both views, (B, d)."""
        return self.standardised(encoder(first)), self.standardised(encoder(second))

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of a batch."""
        anchors = [view[~labels.extra] for view in rows]
        support = torch.cat([view[labels.extra] for view in rows])
        classes = class_labels(labels.energy[labels.extra], self.settings).repeat(len(rows), 1)
        log_p = [self._predicted(view, support, classes) for view in anchors]
        with torch.no_grad():
            sharp = [functional.softmax(each / self.settings.sharpening, dim=1) for each in log_p]
        told = -(sharp[1] * log_p[0] + sharp[0] * log_p[1]).sum(dim=1).mean() / 2
        # The entropy alone looks at sharpened predictions with their slope.
        mean = torch.cat([functional.softmax(each / self.settings.sharpening, dim=1) for each in log_p]).mean(dim=0)
        total: Tensor = told + self.settings.spread * (mean * mean.clamp_min(1e-12).log()).sum()
        energy = labels.energy[labels.extra].repeat(len(rows))
        own = energy[:, None] == energy  # where few have a label, a batch holds a pendulum more than once
        if self.settings.neighbours and not bool(own.all()):
            others = self._predicted(support, support, classes, own)
            total = total - self.settings.neighbours * (classes * others).sum(dim=1).mean()
        return total

    def _predicted(self, view: Tensor, support: Tensor, classes: Tensor, own: Tensor | None = None) -> Tensor:
        """Logarithm of p of each class, (B, K), from support (S, d) with labels (S, K), but for its `own` (B, S)."""
        if self.settings.similarity == "cosine":
            similarity = functional.normalize(view, dim=1) @ functional.normalize(support, dim=1).T
        else:
            similarity = -squared_distances(view, support) / view.shape[1]
        if own is not None:
            similarity = similarity.masked_fill(own, float("-inf"))
        weights = functional.log_softmax(similarity / self.settings.temperature, dim=1)
        return (weights[:, :, None] + classes.clamp_min(1e-12).log()[None]).logsumexp(dim=1)


def class_labels(energy: Tensor, settings: Settings) -> Tensor:
    """Labels (S, K) of energies (S,) in [0, 1], rows summing to 1; `smoothing` of each is spread evenly."""
    count, smoothing = settings.classes, settings.smoothing
    place = (energy * count - 0.5).clamp(0, count - 1) if settings.ordered else (energy * count).floor()
    bands = torch.arange(count, device=energy.device, dtype=energy.dtype)
    share = (1.0 - (place.clamp_max(count - 1)[:, None] - bands).abs()).clamp_min(0.0)
    return share * (1.0 - smoothing) + smoothing / count
