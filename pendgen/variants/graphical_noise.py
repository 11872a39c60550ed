"""Noise on the pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pendgen.variants.noise import STRENGTHS
from pendgen.variants.variant import Shift, Variant, require


@dataclass(frozen=True)
class GraphicalNoise(Variant):
    """Shift by one pixel with probability ε_g, pixel noise N(0, ε_g/4), tint N(0, ε_g/8)."""

    eps_g: float
    name: ClassVar[str] = "graphical-noise"
    paper: ClassVar[tuple[float, ...]] = STRENGTHS

    def __post_init__(self) -> None:
        require(math.isfinite(self.eps_g) and 0 <= self.eps_g <= 1, "eps_g", self.eps_g, "0 to 1")

    def check(self, protocol: str) -> None:
        """The authors' program shifts each axis with probability 2ε_g."""
        if protocol == "original":
            require(self.eps_g <= 0.5, "eps_g", self.eps_g, "at most 0.5 in the original protocol")

    @property
    def pixel_noise(self) -> float:
        """ε_g."""
        return self.eps_g

    def shift_law(self, protocol: str) -> Sequence[Shift]:
        """One pixel left or right; `original`: each axis on its own, towards higher rows or columns."""
        if self.eps_g == 0.0:
            return [((0, 0), 1.0)]
        if protocol == "original":
            one = 2.0 * self.eps_g
            return [((r, c), (one if r else 1 - one) * (one if c else 1 - one)) for r in (0, 1) for c in (0, 1)]
        return [((0, -1), self.eps_g / 2), ((0, 0), 1 - self.eps_g), ((0, 1), self.eps_g / 2)]
