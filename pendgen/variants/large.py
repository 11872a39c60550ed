"""Finer pictures."""

from dataclasses import dataclass
from typing import ClassVar

from pendgen.variants.variant import Variant


@dataclass(frozen=True)
class Large(Variant):
    """100 × 100 pixels; bobs stay 3 pixels wide, so positions are read three times finer."""

    name: ClassVar[str] = "large"
    pixels: ClassVar[int] = 100
