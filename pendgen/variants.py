"""The six variants of the pendulum dataset: what each parameter means and what it may be.

Each variant is a frozen dataclass that validates itself on construction and raises ValueError naming
the value and what was expected. Nothing heavy is imported here, so that `--help` answers at once.

Source: the 2021 paper, §2.1 and App. A.2; the values it used stand in `PAPER_VALUES`.
"""

import math
from dataclasses import MISSING, asdict, dataclass, fields
from typing import ClassVar


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
    """Training energies leave out `num_gaps` gaps of total length α_g between equal visible bands."""

    alpha_g: float
    num_gaps: int = 3
    name: ClassVar[str] = "gaps"

    def __post_init__(self) -> None:
        require(math.isfinite(self.alpha_g) and 0 < self.alpha_g < 1, "alpha_g", self.alpha_g, "above 0, below 1")
        require(1 <= self.num_gaps <= 1000, "num_gaps", self.num_gaps, "1 to 1000")

    @property
    def bands(self) -> tuple[tuple[float, float], ...]:
        """The gaps as (low, high) energies, ascending."""
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


def create(name: str, **given: float | int | None) -> Variant:
    """The variant called `name` from the parameters given; None counts as not given.

    Raises ValueError where a parameter is missing, belongs to another variant or is out of range.
    """
    require(name in VARIANTS, "variant", name, f"one of {', '.join(VARIANTS)}")
    kind = VARIANTS[name]
    known = {f.name: f for f in fields(kind)}
    values = {key: value for key, value in given.items() if value is not None}
    for key in values:
        taken = ", ".join(known) or "no parameter"
        require(key in known, key, values[key], f"nothing: variant {name} takes {taken}")
    for key, description in known.items():
        if key not in values and description.default is MISSING:
            used = ", ".join(f"{value:g}" for value in PAPER_VALUES[key])
            raise ValueError(f"{key} is not given; variant {name} needs it (the paper used {used})")
    return kind(**values)  # type: ignore[arg-type]


def parameters(variant: Variant) -> dict[str, float | int]:
    """The variant's own parameters by name; empty for vanilla and large."""
    return asdict(variant)


def label(variant: Variant) -> str:
    """Directory name of the variant: its name, then its parameter (`gaps-0.4`, `cropping-0.75`)."""
    values = parameters(variant)
    num_gaps = values.pop("num_gaps", 3)
    parts = [variant.name, *(repr(float(value)) for value in values.values())]
    return "-".join(parts) + ("" if num_gaps == 3 else f"-{num_gaps}-gaps")
