"""Statistics that tables and claims share: intervals over runs, paired differences, proportions, exact tests.

Pure functions. A missing run is NaN (or infinite) and is left out, in pairs with its partner. Below two values or
pairs nothing can be said about spread, and whatever needs it is NaN. Every p-value is two-sided unless it says not.

Sources: Student's t-interval; Cohen's d_z (mean over standard deviation of the differences); Schuirmann 1987 (two
one-sided tests); Holm 1979; Fisher 1935 (sign flips); Hartigan 1969 (the interval that belongs to them: means of
subsets); Clopper and Pearson 1934; Fisher's exact test with the two-sided p as the sum of all tables no likelier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Float = NDArray[np.float64]
MOST_EXACT = 14
"""Values up to which all 2ⁿ sign flips are tried."""
FLIPS = 20_000
"""Sign flips drawn beyond that, from a fixed seed."""
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


@dataclass(frozen=True)
class Against:
    """A mean over n values, its interval, and p against a border: `below` and `above` are the one-sided ones.

    `above` is small where the mean lies certainly above the border, `below` where it lies certainly below.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float
    below: float
    above: float

    @property
    def p_value(self) -> float:
        """Two-sided: twice the smaller one, at most 1; NaN where nothing can be said."""
        return min(1.0, 2 * min(self.below, self.above)) if self.below == self.below else float("nan")


def t_interval(values: Float, level: float = 0.95) -> Interval:
    """Mean of `values` (n,) and its two-sided t-interval at `level`; NaN is left out.

    `sd`, `low` and `high` are NaN for fewer than two values, `mean` for none.
    """
    _check(level)
    finite = _finite(values)
    n = len(finite)
    mean = float(finite.mean()) if n else np.nan
    if n < 2:
        return Interval(n, mean, np.nan, np.nan, np.nan)
    sd = float(finite.std(ddof=1))
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * sd / np.sqrt(n)
    return Interval(n, mean, sd, mean - half, mean + half)


def paired(a: Float, b: Float, level: float = 0.95) -> Paired:
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
        p = 2 * float(special.stdtr(found.n - 1, -abs(effect) * np.sqrt(found.n)))
    return Paired(found.n, *means, found.mean, found.low, found.high, effect, p)


def t_test(values: Float, border: float = 0.0, level: float = 0.95) -> Against:
    """The mean of `values` (n,) against `border` by Student's t; values that are all equal are certain.

    Raises ValueError where `level` is not between 0 and 1.
    """
    found = t_interval(values, level)
    n, mean, sd, low, high = found.n, found.mean, found.sd, found.low, found.high
    if n < 2:
        return Against(n, mean, sd, low, high, np.nan, np.nan)
    scale = _ROUNDING * max(float(np.abs(_finite(values)).max()), abs(border))
    if sd <= scale:
        above, below = (0.5, 0.5) if abs(mean - border) <= scale else (float(mean < border), float(mean > border))
        return Against(n, mean, sd, low, high, below, above)
    above = float(special.stdtr(n - 1, (border - mean) / sd * np.sqrt(n)))
    return Against(n, mean, sd, low, high, 1 - above, above)


def flip_test(values: Float, border: float = 0.0, level: float = 0.95) -> Against:
    """The centre of `values` (n,), symmetric under the null hypothesis, against `border`, by sign flips.

    All 2ⁿ flips up to n = MOST_EXACT, else FLIPS drawn from a fixed seed. The interval is the test turned round:
    its ends are means of subsets of the values, and NaN where too few values allow none (five at 95 %).
    """
    _check(level)
    finite = _finite(values)
    n = len(finite)
    if n < 2:
        return Against(n, float(finite.mean()) if n else np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
    subsets, sizes = _subsets(n)
    centred = finite - border
    sums = subsets @ centred
    small = _ROUNDING * max(float(np.abs(finite).max()), abs(border)) * n
    total = len(subsets) + 1  # the empty subset: nothing flipped
    above, below = (1 + int((side <= small).sum()) for side in (sums, -sums))
    place = int(np.floor((1 - level) / 2 * total + 1e-9))
    low = high = np.nan
    if place >= 1:
        means = sums / sizes + border
        low, high = (float(np.partition(means, k)[k]) for k in (place - 1, len(means) - place))
    mean, sd = float(finite.mean()), float(finite.std(ddof=1))
    return Against(n, mean, sd, low, high, min(1.0, below / total), min(1.0, above / total))


@lru_cache(maxsize=64)
def _subsets(n: int) -> tuple[Float, Float]:
    """Subsets of n values as rows of 0 and 1, the empty one left out, and their sizes."""
    if n <= MOST_EXACT:
        rows = (np.arange(1, 2**n)[:, None] >> np.arange(n)) & 1
    else:
        rows = np.random.Generator(np.random.Philox(key=n)).integers(0, 2, (FLIPS, n))
        rows = rows[rows.any(axis=1)]
    found = rows.astype(np.float64)
    return found, found.sum(axis=1)


def equivalence(values: Float, low: float, high: float) -> float:
    """The two one-sided t-tests' p that the mean of `values` (n,) lies between `low` and `high`: the larger one.

    An infinite limit is no limit. NaN for fewer than two values.
    """
    sides = [t_test(values, low).above] if np.isfinite(low) else []
    sides += [t_test(values, high).below] if np.isfinite(high) else []
    return max(sides)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, each at most 1; NaN stays NaN but counts as one of them."""
    given = np.asarray(p_values, np.float64)
    order = np.argsort(np.where(np.isnan(given), np.inf, given), kind="stable")
    found = np.full(len(given), np.nan)
    highest = 0.0
    for place, k in enumerate(order):
        if not np.isnan(given[k]):
            highest = max(highest, min(1.0, float(given[k]) * (len(given) - place)))
            found[k] = highest
    return [float(p) for p in found]


def bonferroni(count: int, level: float = 0.95) -> float:
    """The level at which each of `count` intervals must be taken for all of them to hold together at `level`."""
    _check(level)
    return 1 - (1 - level) / max(count, 1)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval of a proportion, both in [0, 1]; (0, 1) where there are no trials."""
    _check(level)
    _count(successes, trials)
    if not trials:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(special.betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def binomial(successes: int, trials: int, share: float) -> tuple[float, float]:
    """One-sided p of a proportion against `share`: (below, above), each the probability of no more or no fewer."""
    _count(successes, trials)
    if not 0 <= share <= 1:
        raise ValueError(f"share {share}, expected 0 to 1")
    below = float(special.bdtr(successes, trials, share))
    above = float(special.bdtrc(successes - 1, trials, share)) if successes else 1.0
    return below, above


def fisher(successes: int, trials: int, other_successes: int, other_trials: int) -> float:
    """Two-sided p of Fisher's exact test that two proportions are one; 1 where either has no trials."""
    _count(successes, trials)
    _count(other_successes, other_trials)
    marked, everything = successes + other_successes, trials + other_trials
    first = np.arange(max(0, marked - other_trials), min(marked, trials) + 1)
    ways = _log_choose(trials, first) + _log_choose(other_trials, marked - first)
    chances = np.exp(ways - _log_choose(everything, np.array([marked])))
    seen = chances[successes - first[0]]
    return min(1.0, float(chances[chances <= seen * (1 + 1e-7)].sum()))


def marked_ranks(blocks: Sequence[tuple[Float, NDArray[np.bool_]]]) -> tuple[float, float]:
    """One-sided p (low, high) of the sum of the marked entries' ranks, if marks fell at random within each block.

    A block is (values, marked), both (k,): its values are ranked, ties by their mid-rank, and every choice of as many
    marked entries is as likely as another. Exact. (1, 1) where no block has both marked and unmarked entries.
    """
    chances, seen = np.ones(1), 0
    for values, marked in blocks:
        doubled = np.rint(2 * _mid_ranks(np.asarray(values, np.float64))).astype(int)
        seen += int(doubled[marked].sum())
        chances = np.convolve(chances, _rank_sums(tuple(sorted(doubled.tolist())), int(marked.sum())))
    low, high = float(chances[: seen + 1].sum()), float(chances[seen:].sum())
    return min(1.0, low), min(1.0, high)


@lru_cache(maxsize=1024)
def _rank_sums(ranks: tuple[int, ...], marked: int) -> Float:
    """Probability of every sum of `marked` of the ranks, from 0."""
    ways = np.zeros((marked + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        for number in range(marked, 0, -1):
            ways[number, rank:] += ways[number - 1, : ways.shape[1] - rank]
    return np.asarray(ways[marked] / ways[marked].sum())


def _mid_ranks(values: Float) -> Float:
    """Ranks from 1, ties sharing their mean."""
    below = (values[:, None] > values).sum(axis=1)
    return np.asarray(below + ((values[:, None] == values).sum(axis=1) + 1) / 2)


def _log_choose(n: int, k: NDArray[np.int64]) -> Float:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def _finite(values: Float) -> Float:
    finite = np.asarray(values, np.float64)
    return finite[np.isfinite(finite)]


def _count(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials, expected 0 to {trials}")


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}, expected between 0 and 1")
