"""Noise on the angles."""

import math
from dataclasses import dataclass
from typing import ClassVar

from pendgen.variants.noise import STRENGTHS
from pendgen.variants.variant import Variant, require


@dataclass(frozen=True)
class NumericalNoise(Variant):
    """Each bob's angle gets its own N(0, ε_n), radians, before rounding to pixels."""

    eps_n: float
    name: ClassVar[str] = "numerical-noise"
    paper: ClassVar[tuple[float, ...]] = STRENGTHS

    def __post_init__(self) -> None:
        require(math.isfinite(self.eps_n) and 0 <= self.eps_n <= math.pi, "eps_n", self.eps_n, "0 to π radians")

    @property
    def angle_noise(self) -> float:
        """ε_n."""
        return self.eps_n
