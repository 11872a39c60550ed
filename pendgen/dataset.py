"""Every setting that decides the content of a dataset, and what each split makes of it.

`Dataset` is the whole question; `Split` and `Geometry` are the answers the later rooms need: which
energies and times, on which canvas. Nothing heavy is imported here.

Protocols (PAPER): `paper` is what the text of the 2021 paper says; `original` is what the authors'
own program did where that differs: the test split is 5120 single images at times in [0, 10] with
energies evenly spaced over [0, 1], crops start elsewhere, shifts and tint follow other laws.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pendgen.variants.variant import Range, Variant, require

PROTOCOLS = ("paper", "original")
SPLITS = ("train", "test")
MAX_SIZE = 1024
SHORTEST = 0.1
"""Length of a time range: the oracle looks at each energy every hundredth of a time unit or so, not more finely."""


@dataclass(frozen=True)
class Geometry:
    """Where a bob lands: a circle on a square canvas, of which a square window is kept. Pixels."""

    canvas: int
    bob: int
    size: int
    window: tuple[int, int] = (0, 0)

    @property
    def centre(self) -> int:
        """Row and column of the pivot on the canvas."""
        return self.canvas // 2

    @property
    def radius(self) -> int:
        """Length of the pendulum; leaves a margin of 3 pixels."""
        return self.canvas - 4 - self.canvas // 2 - self.bob // 2


@dataclass(frozen=True)
class Split:
    """One split: how many records, at which times, with which energies."""

    name: str
    pendulums: int
    images: int
    time_range: Range
    energy_bands: tuple[Range, ...]
    energy_law: Literal["uniform", "linspace"] = "uniform"


@dataclass(frozen=True)
class Dataset:
    """A dataset as asked for. Refuses impossible settings with a ValueError on construction."""

    variant: Variant
    protocol: str = "paper"
    seed: int = 0
    pendulums: int = 5120
    images: int = 20
    size: int = field(default=0, metadata={"note": "0: the variant's own, 32 or 100"})
    bob_size: int = 3
    time_gap: float = 0.5
    time_range: Range = (0.0, 200.0)
    energy_range: Range = (0.0, 1.0)
    antialias: bool = False

    def __post_init__(self) -> None:
        if self.size == 0:
            object.__setattr__(self, "size", self.variant.pixels)
        require(self.protocol in PROTOCOLS, "protocol", self.protocol, " or ".join(PROTOCOLS))
        require(0 <= self.seed < 2**63, "seed", self.seed, "0 to 2^63 - 1")
        require(1 <= self.pendulums <= 10**8, "pendulums", self.pendulums, "1 to 100,000,000")
        require(2 <= self.images <= 10**5, "images", self.images, "2 to 100,000 (a positive pair needs two)")
        require(self.size <= MAX_SIZE, "size", self.size, f"at most {MAX_SIZE} pixels")
        require(self.bob_size >= 1, "bob_size", self.bob_size, "at least 1 pixel")
        fits = Geometry(self.size, self.bob_size, self.size).radius >= 1
        require(fits, "size", self.size, f"large enough for a bob of {self.bob_size} pixels and its margin of 3")
        require(math.isfinite(self.time_gap) and 0 < self.time_gap <= 1e4, "time_gap", self.time_gap, "above 0")
        _require_range("time_range", self.time_range, -1e6, 1e6)
        wide = self.time_range[1] - self.time_range[0] > SHORTEST * (1 - 1e-6)  # .3 less .2 is less than .1
        require(wide, "time_range", self.time_range, f"a range of {SHORTEST:g} or longer")
        _require_range("energy_range", self.energy_range, 0.0, 1.0)
        self.variant.check(self.protocol)
        # At 45° a bob reaches farthest into a corner, such as cropping keeps; so far in, it is the faintest grey.
        geometry, reach = self.geometry, self.geometry.radius * math.sqrt(0.5)
        end = geometry.centre + (reach if self.antialias else round(reach)) - geometry.bob // 2 + geometry.bob
        seen = end - max(geometry.window) >= math.sqrt(0.5 / 255)
        require(seen, "variant", self.variant.label(self.protocol), "a window that a bob can be in")
        require(bool(self.split("train").energy_bands), "energy_range", self.energy_range, "a band no gap swallows")

    @property
    def name(self) -> str:
        """Directory name: variant and parameter, then the protocol and the seed where not the default."""
        suffix = "-original" if self.protocol == "original" else ""
        return self.variant.label(self.protocol) + suffix + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def gaps(self) -> tuple[Range, ...]:
        """Energy bands left out of the training split; empty but for the gaps variant."""
        return self.variant.gaps

    @property
    def eps_n(self) -> float:
        """Standard deviation of the angle noise, radians."""
        return self.variant.angle_noise

    @property
    def eps_g(self) -> float:
        """Strength of the graphical noise."""
        return self.variant.pixel_noise

    @cached_property
    def geometry(self) -> Geometry:
        """Canvas and window on it; they differ only for cropping."""
        canvas, start = self.variant.canvas(self.size, self.protocol)
        return Geometry(canvas, self.bob_size, self.size, (start, start))

    def split(self, name: str) -> Split:
        """The split called `name`: train or test."""
        if name == "train":
            bands = _without(self.energy_range, self.gaps)
            return Split(name, self.pendulums, self.images, self.time_range, bands)
        if self.protocol == "original":
            return Split(name, self.pendulums, 1, (0.0, 10.0), ((0.0, 1.0),), "linspace")
        return Split(name, self.pendulums, self.images, self.time_range, ((0.0, 1.0),))

    @property
    def splits(self) -> tuple[Split, ...]:
        """Train, then test."""
        return tuple(self.split(name) for name in SPLITS)


def _require_range(what: str, value: Range, least: float, most: float) -> None:
    ok = all(math.isfinite(end) for end in value) and least <= value[0] < value[1] <= most
    require(ok, what, value, f"low below high within [{least:g}, {most:g}]")


def _without(whole: Range, gaps: tuple[Range, ...]) -> tuple[Range, ...]:
    """`whole` less the gaps (ascending, disjoint), as the bands that remain."""
    bands, low = [], whole[0]
    for start, end in gaps:
        if low < start:
            bands.append((low, min(start, whole[1])))
        low = max(low, end)
    bands.append((low, whole[1]))
    return tuple((a, b) for a, b in bands if a < b)
