"""What every rule judges, and what it says of it: a `Table` in, a `Judgement` out.

A judgement says no more than its intervals do: "supported", "contradicted", "equal" (only where a rule has a margin for
it), else "undecided". What is said in words beside the verdict is evidence and decides nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
SUPPORTED, CONTRADICTED, EQUAL, UNDECIDED = "supported", "contradicted", "equal", "undecided"
ALPHA = 0.05


@dataclass(frozen=True)
class Table:
    """What a rule judges."""

    names: tuple[str, ...]
    """(C,) conditions in words; "" where there is only one"""
    values: Float
    """(C, R) condition × run, NaN where a run lacks it"""
    unit_of: NDArray[np.int64]
    """(R,) the unit each run belongs to, from 0"""
    unit: str = "replicate"
    further: Mapping[str, Float] = field(default_factory=dict)
    """more numbers, each (C, R)"""
    gaps: int = 3
    """number of gaps in the training energies, where there are any"""

    def units(self, values: Float) -> Float:
        """The mean over the runs of each unit: (…, R) → (…, U); runs without a value are left out."""
        count = int(self.unit_of.max()) + 1 if len(self.unit_of) else 0
        if count == len(self.unit_of):
            return values
        known = np.isfinite(values)
        member = (self.unit_of[:, None] == np.arange(count)).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray((np.where(known, values, 0.0) @ member) / np.where(n := known @ member, n, np.nan))

    def judged(self) -> NDArray[np.bool_]:
        """(C,) conditions that two runs or more have a value at."""
        return np.asarray(np.isfinite(self.values).sum(axis=1) > 1)

    def blocks(self) -> Float:
        """(U,) the mean over the conditions judged, of complete runs alone; NaN for a unit without one."""
        some = self.values[self.judged()]
        return self.units(some.mean(axis=0)) if len(some) else np.full(self.units(self.values[:1]).shape[-1], np.nan)


@dataclass(frozen=True)
class Judgement:
    """What a rule found. Numbers are of the condition that decides, or of the mean, as the rule's sentence says."""

    verdict: str = UNDECIDED
    estimate: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    p_value: float = math.nan
    n: int = 0
    """units behind the estimate; over several conditions the fewest"""
    margin: float = math.nan
    """the border or margin the estimate is held against"""
    conditions: int = 0
    words: tuple[str, ...] = ()
    """evidence"""
    again: str = ""
    """what would decide it, where it is undecided and more of the same would"""
    wanted: int = 0
    """units that would decide it (power 80 %), if mean and scatter are what they seem; 0 where nothing can be said"""


class Rule(Protocol):
    """What every rule can do."""

    @property
    def sentence(self) -> str:
        """How it judges, in words, from its thresholds."""
        ...

    def judge(self, table: Table) -> Judgement:
        """The verdict and its numbers."""
        ...
