"""Every setting of a training run in one frozen dataclass, with Fig. 16 of the paper as defaults."""

import math
from dataclasses import dataclass, fields

METHODS = ("contrastive", "supervised")


@dataclass(frozen=True)
class Recipe:
    """The scientific settings of a run: equal recipes on equal data are the same experiment."""

    method: str = "contrastive"
    dim: int = 1
    """Outputs of the encoder."""
    seed: int = 0
    """Draws the initial weights, the order of pendulums and the pairs."""
    epochs: int = 100
    """Every epoch shows each pendulum once, as one pair of images."""
    batch: int = 512
    """Pendulums a step, so twice as many images."""
    temperature: float = 0.1
    """τ of InfoNCE, in units of squared embedding distance."""
    learning_rate: float = 0.02
    """Peak rate per 256 pendulums of batch (linear scaling, Goyal et al. 2017): .04 at batch 512."""
    warmup_epochs: int = 5
    """Linear warm-up; at most half of the run where that is shorter."""
    momentum: float = 0.9
    weight_decay: float = 1e-3
    """On all parameters, as the authors did."""
    clip_norm: float = 3.0
    """Largest norm of the whole gradient."""

    def __post_init__(self) -> None:
        checks = (
            ("method", self.method in METHODS, " or ".join(METHODS)),
            ("dim", 1 <= self.dim <= 4096, "1 to 4096"),
            ("seed", 0 <= self.seed < 2**63, "0 to 2^63 - 1"),
            ("epochs", 1 <= self.epochs <= 10**6, "1 to 1,000,000"),
            ("batch", 2 <= self.batch <= 10**6, "2 to 1,000,000 (a pair needs another to differ from)"),
            ("temperature", 0 < self.temperature < math.inf, "above 0"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "above 0"),
            ("warmup_epochs", 0 <= self.warmup_epochs <= 10**6, "0 or more"),
            ("momentum", 0 <= self.momentum < 1, "0 to below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "0 or more"),
            ("clip_norm", self.clip_norm > 0, "above 0"),
        )
        for name, ok, expected in checks:
            if not ok:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {expected}")

    @property
    def label(self) -> str:
        """Directory name of the method: `contrastive-d1`, then whatever differs from the defaults."""
        shown = [f.name for f in fields(self) if f.name not in ("method", "dim", "seed")]
        differing = [(name, getattr(self, name)) for name in shown if getattr(self, name) != getattr(Recipe, name)]
        parts = [f"{name.replace('_', '-')}-{value}" for name, value in differing]
        return "-".join([f"{self.method}-d{self.dim}", *parts])


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Rate of step `step` (from 0): linear warm-up to the peak, then half a cosine down to 0."""
    total = recipe.epochs * steps_per_epoch
    warmup = min(recipe.warmup_epochs * steps_per_epoch, total // 2)
    peak = recipe.learning_rate * recipe.batch / 256
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (total - warmup)))
