"""The plain pendulum."""

from dataclasses import dataclass
from typing import ClassVar

from pendgen.variants.variant import Variant


@dataclass(frozen=True)
class Vanilla(Variant):
    """32 × 32 pixels, nothing in the way."""

    name: ClassVar[str] = "vanilla"
