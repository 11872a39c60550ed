"""What a claim asks of the tables: which rows stand on each side, along which axis, and what number follows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
STRATUM = (
    *("protocol", "recipe_protocol", "schedule", "train_pendulums", "train_images"),
    *("pendulums", "images_per_pendulum"),
)
"""What is the same on all sides of a comparison and at all its conditions, unless a question is about it."""


@dataclass(frozen=True)
class Axis:
    """What the conditions of a claim differ in: one of `level`, `dim`, `number` (of the segment), or a derived one."""

    column: str
    symbol: str
    wanted: tuple[float, ...] = ()
    """values that the paper or its records used"""
    open: bool = False
    """other values than these count too"""

    def word(self, value: float) -> str:
        """A condition in words, `ε_n = 0.1`."""
        return f"{self.symbol} = {value:g}"


@dataclass(frozen=True)
class Side:
    """Which rows stand on one side of a comparison."""

    method: str
    variant: str = "vanilla"
    fixed: bool = False
    """the same rows at every condition of the axis"""
    level: float | None = None
    """of the variant's knob, where the axis is not the level"""
    dim: int = 1
    view: str = "all"
    split: str = "test"
    objective: str = ""
    clean: bool = False
    """trained on the variant but scored on vanilla images"""


class Cells:
    """The measures of a grid's rows: `cells(side, measure)` is float64 (levels, runs), NaN where a run lacks one."""

    def __init__(self, levels: Float, present: NDArray[np.bool_], read: Callable[[str, str], Float]) -> None:
        self.levels, self.present, self._read = levels, present, read

    def __call__(self, side: str, measure: str) -> Float:
        """The measure on a side."""
        return self._read(side, measure)


Value = Callable[[Cells], Float]
"""From a grid's measures to the number a rule judges: float64 (conditions, runs); one condition may stand for all."""


@dataclass(frozen=True)
class Question:
    """What a claim asks of the tables."""

    sides: Mapping[str, Side]
    measures: tuple[str, ...]
    """sampled measures (and `oracle_…`) that `value` reads; exact ones take their place together or not at all"""
    value: Value
    axis: Axis | None = None
    frame: str = "runs"
    further: Mapping[str, Value] = field(default_factory=dict)
    """more numbers that the rule needs"""
    shown: tuple[tuple[str, Value], ...] = ()
    """means of the sides, as evidence"""
    also: "tuple[tuple[str, Question], ...]" = ()
    """the same comparison of something else, as evidence"""
    stratum: tuple[str, ...] = STRATUM
    single: bool = False
    """count trainings: one for each training set, or each seed where all share one, and on one test split"""
