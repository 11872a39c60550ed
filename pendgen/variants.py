"""The six variants of the pendulum dataset: what each parameter means and what it may be.

Each variant is a frozen dataclass that validates itself on construction and raises ValueError naming
the value and what was expected. Nothing heavy is imported here, so that `--help` answers at once.

Source: the 2021 paper, §2.1 and App. A.2; the values it used stand in `PAPER_VALUES`.
"""

import math
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar


def require(condition: bool, what: str, value: object, expected: str) -> None:
    """Raise ValueError as one line naming the value and what was expected, unless `condition`."""
    if not condition:
        raise ValueError(f"{what} is {value}, expected {expected}")


@dataclass(frozen=True)
class Vanilla:
    """32 × 32 pixels, nothing in the way."""

    name: ClassVar[str] = "vanilla"


@dataclass(frozen=True)
class Large:
    """100 × 100 pixels; bobs stay 3 pixels wide, so positions are read three times finer."""

    name: ClassVar[str] = "large"


@dataclass(frozen=True)
class NumericalNoise:
    """Each bob's angle gets its own N(0, ε_n), radians, before rounding to pixels."""

    eps_n: float
    name: ClassVar[str] = "numerical-noise"

    def __post_init__(self) -> None:
        require(math.isfinite(self.eps_n) and 0 <= self.eps_n <= math.pi, "eps_n", self.eps_n, "0 to π radians")


@dataclass(frozen=True)
class GraphicalNoise:
    """Shift by one pixel with probability ε_g, pixel noise N(0, ε_g/4), tint N(0, ε_g/8)."""

    eps_g: float
    name: ClassVar[str] = "graphical-noise"

    def __post_init__(self) -> None:
        require(math.isfinite(self.eps_g) and 0 <= self.eps_g <= 1, "eps_g", self.eps_g, "0 to 1")


@dataclass(frozen=True)
class Gaps:
    """Training energies leave out gaps; test energies do not.

    Either `num_gaps` gaps of total length `alpha_g` between equal visible bands, one at each end, or
    the bands in `gap`, each (low, high); then `alpha_g` and `num_gaps` follow from them.
    """

    alpha_g: float = 0.0
    num_gaps: int = 3
    gap: tuple[tuple[float, float], ...] = ()
    name: ClassVar[str] = "gaps"

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

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """The gaps as (low, high) energies, ascending."""
        if self.gap:
            return self.gap
        visible = (1.0 - self.alpha_g) / (self.num_gaps + 1)
        gap = self.alpha_g / self.num_gaps
        starts = [visible + k * (visible + gap) for k in range(self.num_gaps)]
        return tuple((low, low + gap) for low in starts)


@dataclass(frozen=True)
class Cropping:
    """Drawn on round(size/α_c) pixels, of which only the bottom-right size × size is kept."""

    alpha_c: float
    name: ClassVar[str] = "cropping"

    def __post_init__(self) -> None:
        require(math.isfinite(self.alpha_c) and 0.1 <= self.alpha_c <= 1, "alpha_c", self.alpha_c, "0.1 to 1")


Variant = Vanilla | Large | NumericalNoise | GraphicalNoise | Gaps | Cropping
VARIANTS: dict[str, type[Variant]] = {
    kind.name: kind for kind in (Vanilla, Large, NumericalNoise, GraphicalNoise, Gaps, Cropping)
}

_NOISE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.2, 0.25)
PAPER_VALUES: dict[str, tuple[float, ...]] = {
    "eps_n": _NOISE,
    "eps_g": _NOISE,
    "alpha_g": (0.2, 0.3, 0.4, 0.6, 0.8),
    "alpha_c": (0.45, 0.5, 0.6, 0.75, 0.9),
}


def create(name: str, protocol: str = "paper", **given: Any) -> Variant:
    """The variant called `name` from the parameters given; None and () count as not given.

    The `original` protocol has four gaps where `paper` has three. Raises ValueError where a parameter
    is missing, belongs to another variant or is out of range.
    """
    require(name in VARIANTS, "variant", name, f"one of {', '.join(VARIANTS)}")
    kind = VARIANTS[name]
    known = [f.name for f in fields(kind)]
    values = {key: value for key, value in given.items() if value is not None and value != ()}
    for key, value in values.items():
        require(key in known, key, value, f"nothing: variant {name} takes {', '.join(known) or 'no parameter'}")
    if "gap" in values:
        clash = [key for key in ("alpha_g", "num_gaps") if key in values]
        require(not clash, " and ".join(clash), [values[key] for key in clash], "nothing beside explicit gaps")
    elif known and known[0] not in values:
        used = ", ".join(f"{value:g}" for value in PAPER_VALUES[known[0]])
        raise ValueError(f"{known[0]} is not given; variant {name} needs it (the paper used {used})")
    elif kind is Gaps:
        values.setdefault("num_gaps", _usual_gaps(protocol))
    return kind(**values)


def _usual_gaps(protocol: str) -> int:
    return 4 if protocol == "original" else 3


def parameters(variant: Variant) -> dict[str, Any]:
    """The variant's own parameters by name; empty for vanilla and large."""
    values = asdict(variant)
    if isinstance(variant, Gaps):
        return {"gap": values["gap"]} if variant.gap else {key: values[key] for key in ("alpha_g", "num_gaps")}
    return values


def label(variant: Variant, protocol: str = "paper") -> str:
    """Directory name: the variant, then its parameter (`gaps-0.4`, `cropping-0.75`, `gaps-0.3-to-0.7`)."""
    if isinstance(variant, Gaps):
        if variant.gap:
            return "-".join([variant.name, *(f"{low!r}-to-{high!r}" for low, high in variant.gap)])
        usual = variant.num_gaps == _usual_gaps(protocol)
        return f"{variant.name}-{float(variant.alpha_g)!r}" + ("" if usual else f"-{variant.num_gaps}-gaps")
    return "-".join([variant.name, *(repr(float(value)) for value in parameters(variant).values())])
