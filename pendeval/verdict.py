"""Statistics that tables and claims share: intervals over runs, paired differences, proportions.

Pure functions. A missing run is NaN (or infinite) and is left out, in pairs with its partner. Below two values or
pairs nothing can be said about spread, and whatever needs it is NaN.

Sources: Student's t-interval; Cohen's d_z (mean over standard deviation of the differences); Clopper and Pearson 1934.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from scipy.stats import t as student

_ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""Differences that spread less than this share of the values are one constant, told apart by rounding alone."""


@dataclass(frozen=True)
class Interval:
    """A mean over n runs and its t-interval; `sd` has n − 1 degrees of freedom."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """`mean_a` less `mean_b` over n pairs, with its t-interval, Cohen's d_z and the two-sided paired t-test's p."""

    n: int
    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    effect_size: float
    p_value: float


def t_interval(values: NDArray[np.float64], level: float = 0.95) -> Interval:
    """Mean of `values` (n,) and its two-sided t-interval at `level`; NaN is left out.

    `sd`, `low` and `high` are NaN for fewer than two values, `mean` for none.
    """
    _check(level)
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    n = len(finite)
    mean = float(finite.mean()) if n else np.nan
    if n < 2:
        return Interval(n, mean, np.nan, np.nan, np.nan)
    sd = float(finite.std(ddof=1))
    half = float(student.ppf((1 + level) / 2, n - 1)) * sd / np.sqrt(n)
    return Interval(n, mean, sd, mean - half, mean + half)


def paired(a: NDArray[np.float64], b: NDArray[np.float64], level: float = 0.95) -> Paired:
    """Compare `a` with `b`, both (n,), entry by entry; pairs with a NaN are left out.

    Differences that are all equal have an effect size of ±infinity and p = 0; where all are zero the effect size
    is 0 and p = 1. Raises ValueError where the shapes differ.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a has shape {a.shape} and b {b.shape}, expected one value per pair in each")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    found = t_interval(a - b, level)
    if found.n < 2:
        means = (float(a.mean()), float(b.mean())) if found.n else (np.nan, np.nan)
        return Paired(found.n, *means, found.mean, np.nan, np.nan, np.nan, np.nan)
    means = (float(a.mean()), float(b.mean()))
    if found.sd <= _ROUNDING * float(np.abs([a, b]).max()):
        same = abs(found.mean) <= _ROUNDING * float(np.abs([a, b]).max())
        effect, p = (0.0, 1.0) if same else (float(np.copysign(np.inf, found.mean)), 0.0)
    else:
        effect = found.mean / found.sd
        p = 2 * float(student.sf(abs(effect) * np.sqrt(found.n), found.n - 1))
    return Paired(found.n, *means, found.mean, found.low, found.high, effect, p)


def bonferroni(count: int, level: float = 0.95) -> float:
    """The level at which each of `count` intervals must be taken for all of them to hold together at `level`."""
    _check(level)
    return 1 - (1 - level) / max(count, 1)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion, both in [0, 1]; (0, 1) where there are no trials."""
    _check(level)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials, expected 0 to {trials}")
    if not trials:
        return 0.0, 1.0
    found = binomtest(successes, trials).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}, expected between 0 and 1")
