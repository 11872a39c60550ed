"""Energies left out of training."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

from pendgen.variants.variant import Range, Variant, require


@dataclass(frozen=True)
class Gaps(Variant):
    """Training energies leave out gaps; test energies do not.

    Either `num_gaps` gaps of total length `alpha_g` between equal visible bands, one at each end, or
    the bands in `gap`, each (low, high); then `alpha_g` and `num_gaps` follow from them.
    """

    alpha_g: float = 0.0
    num_gaps: int = 3
    gap: tuple[Range, ...] = ()
    name: ClassVar[str] = "gaps"
    paper: ClassVar[tuple[float, ...]] = (0.2, 0.3, 0.4, 0.6, 0.8)

    def __post_init__(self) -> None:
        if self.gap:
            object.__setattr__(self, "gap", tuple(sorted((float(low), float(high)) for low, high in self.gap)))
            for low, high in self.gap:
                ok = math.isfinite(low) and math.isfinite(high) and 0 <= low < high <= 1
                require(ok, "gap", (low, high), "low below high within [0, 1]")
            for (_, end), (start, _) in pairwise(self.gap):
                require(end <= start, "gap", f"up to {end} beside one from {start}", "gaps that do not overlap")
            object.__setattr__(self, "num_gaps", len(self.gap))
            object.__setattr__(self, "alpha_g", sum(high - low for low, high in self.gap))
        require(math.isfinite(self.alpha_g) and 0 < self.alpha_g < 1, "alpha_g", self.alpha_g, "above 0, below 1")
        require(1 <= self.num_gaps <= 1000, "num_gaps", self.num_gaps, "1 to 1000")

    @classmethod
    def create(cls, given: dict[str, Any], protocol: str) -> Self:
        """Explicit gaps, or equal ones: by default four in `original`, three in `paper`."""
        if "gap" in given:
            clash = [key for key in ("alpha_g", "num_gaps") if key in given]
            require(not clash, " and ".join(clash), [given[key] for key in clash], "nothing beside explicit gaps")
            return cls(**given)
        if "alpha_g" not in given:
            return super().create(given, protocol)  # which says what is missing
        return cls(**{"num_gaps": _usual(protocol), **given})

    def parameters(self) -> dict[str, Any]:
        """The explicit bands, or the two numbers they follow from."""
        return {"gap": self.gap} if self.gap else {"alpha_g": self.alpha_g, "num_gaps": self.num_gaps}

    def label(self, protocol: str) -> str:
        """`gaps-0.4`, `gaps-0.4-5-gaps`, `gaps-0.3-to-0.7`."""
        if self.gap:
            return "-".join([self.name, *(f"{low!r}-to-{high!r}" for low, high in self.gap)])
        many = "" if self.num_gaps == _usual(protocol) else f"-{self.num_gaps}-gaps"
        return f"{self.name}-{float(self.alpha_g)!r}{many}"

    @property
    def gaps(self) -> tuple[Range, ...]:
        """The gaps as (low, high) energies, ascending."""
        if self.gap:
            return self.gap
        visible = (1.0 - self.alpha_g) / (self.num_gaps + 1)
        gap = self.alpha_g / self.num_gaps
        starts = [visible + k * (visible + gap) for k in range(self.num_gaps)]
        return tuple((low, low + gap) for low in starts)


def _usual(protocol: str) -> int:
    return 4 if protocol == "original" else 3
