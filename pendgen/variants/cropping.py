"""A corner of the picture."""

import math
from dataclasses import dataclass
from typing import ClassVar

from pendgen.variants.variant import Variant, require


@dataclass(frozen=True)
class Cropping(Variant):
    """Drawn on round(size/α_c) pixels, of which only the bottom-right size × size is kept."""

    alpha_c: float
    name: ClassVar[str] = "cropping"
    paper: ClassVar[tuple[float, ...]] = (0.45, 0.5, 0.6, 0.75, 0.9)

    def __post_init__(self) -> None:
        require(math.isfinite(self.alpha_c) and 0.1 <= self.alpha_c <= 1, "alpha_c", self.alpha_c, "0.1 to 1")

    def canvas(self, size: int, protocol: str) -> tuple[int, int]:
        """The corner, or in `original` a window that starts elsewhere on a larger canvas."""
        if protocol == "original":
            canvas = math.floor(size / self.alpha_c + 4)
            return canvas, math.floor((1 - self.alpha_c / 2) * canvas - size / 2)
        canvas = round(size / self.alpha_c)
        return canvas, canvas - size
