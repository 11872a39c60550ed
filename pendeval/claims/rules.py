"""Rules that judge means: each knows its thresholds, writes its own sentence from them and returns numbers.

A rule judges the number that a claim is about, condition by condition and run by run. Rules for counts stand in
`claims.counts`.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import chdtri

from pendeval.claims.judgement import ALPHA, CONTRADICTED, EQUAL, SUPPORTED, UNDECIDED, Float, Judgement, Table
from pendeval.verdict import Against, equivalence, flip_test, holm, t_interval, t_test

FEWEST_FLIPS = 6
"""Values below which no sign-flip test can reach .05: 2 / 2⁵ is .0625."""
Kind = Literal["t", "flips"]
_INTERVAL = {"t": "95 % t-interval", "flips": "95 % interval of the sign-flip test (exact up to n = 14)"}
_TEST = {"t": t_test, "flips": flip_test}


@dataclass(frozen=True)
class Superior:
    """One mean difference: superior, equal within a margin, inferior, or undecided."""

    margin: float

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            f"Equal when two one-sided t-tests (5 % each) put the mean difference within ±{self.margin:g}: the claim "
            "is then wrong as worded; else supported (superior) or contradicted (inferior) when the t-test against 0, "
            "corrected by Holm for the headline four, has p ≤ .05; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict as if it were the only claim; `settle` corrects it for the others."""
        values = table.blocks()
        found = t_test(values)
        equal = equivalence(values, -self.margin, self.margin) if found.n > 1 else math.nan
        words = (f"equal within ±{self.margin:g}: p {equal:.2g}",) if found.n > 1 else ()
        conditions, wanted = int(table.judged().sum()), self._wanted(found)
        held = Judgement(UNDECIDED, *_numbers(found), self.margin, conditions, words, wanted=wanted)
        return self.settle(replace(held, verdict=EQUAL) if equal <= ALPHA else held, found.p_value)

    def _wanted(self, found: Against) -> int:
        """Units that show a difference, or that there is none, whichever are fewer; 0 where nothing can be said."""
        wanted, room = _wanted(found, 0.0), self.margin - abs(found.mean)
        if found.n < 2 or not room > 0:
            return wanted
        equal = max(math.ceil((2.93 * found.sd / room) ** 2) + 2, found.n + 1)
        return min(wanted or equal, equal)

    def settle(self, found: Judgement, p_value: float) -> Judgement:
        """The judgement with the verdict that a p-value, corrected or not, allows."""
        if found.verdict == EQUAL:
            said = "equal, which is neither superior nor inferior"
            return replace(found, words=(said, *found.words)) if said not in found.words else found
        certain = p_value <= ALPHA
        verdict = UNDECIDED if not certain else SUPPORTED if found.estimate > 0 else CONTRADICTED
        return replace(found, verdict=verdict)


@dataclass(frozen=True)
class EveryLevel:
    """A number that lies above a border at each condition."""

    border: float = 0.0
    test: Kind = "t"
    what: str = "level"
    contrary: float = ALPHA
    """corrected p at which a condition contradicts: less where scores are lopsided mixtures, of which sign flips are
    certain too often"""

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            f"Supported when at every {self.what} the {_INTERVAL[self.test]} lies above {self.border:g} (all must "
            f"pass, so none is corrected); contradicted when at some {self.what} it is certainly below (Holm over "
            f"them, p ≤ {self.contrary:g}); else undecided. Numbers are of the {self.what} that decides, the weakest "
            "where none does; the mean over complete replicates is said beside and decides nothing."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict of the weakest condition."""
        values = table.units(table.values)
        found = [_TEST[self.test](row, self.border) for row in values]
        known = [k for k, one in enumerate(found) if one.n > 1]
        if not known:
            return Judgement(conditions=0, n=max((one.n for one in found), default=0), margin=self.border)
        corrected = holm([found[k].p_value for k in known])
        contrary = [
            k for k, p in zip(known, corrected, strict=True) if p <= self.contrary and found[k].mean < self.border
        ]
        above = [found[k].p_value <= ALPHA and found[k].mean > self.border for k in known]
        verdict = CONTRADICTED if contrary else SUPPORTED if all(above) else UNDECIDED
        weakest = min(contrary or known, key=lambda k: (-found[k].above, found[k].mean))
        mean = _TEST[self.test](table.blocks(), self.border)
        words = [f"weakest at {table.names[weakest]}"] if len(known) > 1 else []
        if len(known) > 1 and mean.n > 1:
            side = "above" if mean.mean > self.border else "below"
            sure = f"on average {side} {self.border:g}: " if mean.p_value <= ALPHA else "on average "
            words.append(f"{sure}{_signed(mean)}, p {mean.p_value:.2g}, n = {mean.n} complete")
        words += [f"{table.names[k]}: {_signed(found[k])}, n = {found[k].n}" for k in known if len(known) > 1]
        again, wanted = _few(found[weakest], self.test, table.unit), _wanted(found[weakest], self.border, self.test)
        numbers = _numbers(replace(found[weakest], n=min(found[k].n for k in known)))
        return Judgement(verdict, *numbers, self.border, len(known), tuple(words), again, wanted)


@dataclass(frozen=True)
class Above:
    """A mean that lies above a border; over several conditions, the mean of complete replicates."""

    border: float = 0.0
    test: Kind = "t"
    averaged: bool = False
    """over conditions, which the sentence says"""
    every_run: bool = False
    """supported only where no single run lies on the other side"""

    @property
    def sentence(self) -> str:
        """How it judges."""
        over = ", over all conditions of replicates that have them all," if self.averaged else ""
        each = " and no single run lies below it" if self.every_run else ""
        return (
            f"Supported when the {_INTERVAL[self.test]} of the mean{over} lies above {self.border:g}{each}; "
            "contradicted when it lies below; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict of the mean."""
        values, judged = table.blocks(), table.judged()
        found = _TEST[self.test](values, self.border)
        words = []
        verdict = UNDECIDED
        if found.p_value <= ALPHA:
            verdict = SUPPORTED if found.mean > self.border else CONTRADICTED
        if self.every_run and found.n:
            runs = table.values[judged]
            known, contrary = int(np.isfinite(runs).sum()), int((runs <= self.border).sum())
            words.append(f"above {self.border:g} in {known - contrary} of {known} runs")
            if contrary and verdict == SUPPORTED:
                verdict = UNDECIDED
                words.append("so on average, not always")
        if self.averaged and judged.sum() > 1:
            held = [(table.names[k], t_interval(row)) for k, row in enumerate(table.units(table.values)) if judged[k]]
            words += [f"{name}: {one.mean:+.3g}" for name, one in held]
        again, wanted = _few(found, self.test, table.unit), _wanted(found, self.border, self.test)
        return Judgement(verdict, *_numbers(found), self.border, int(judged.sum()), tuple(words), again, wanted)


@dataclass(frozen=True)
class Inside:
    """A mean that lies between two limits at each condition: a claim that things are equal, or one is as printed."""

    low: float
    high: float
    own: str = ""
    """words for limits that each run brings itself, ± the number `margin`; then `low` and `high` are not used"""

    @property
    def sentence(self) -> str:
        """How it judges."""
        if self.own:
            within = f"within ± {self.own}"
        elif math.isinf(self.low):
            within = f"below {self.high:g}"
        elif math.isinf(self.high):
            within = f"above {self.low:g}"
        else:
            within = f"between {self.low:g} and {self.high:g}"
        return (
            f"Supported when the 95 % t-interval of the mean lies {within} at every condition (all must pass); "
            "contradicted when it is certainly outside at some (Holm over them, p ≤ .05); else undecided. A mean at "
            "the very border is neither. Numbers are of the condition that decides, the weakest where none does."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict of the weakest condition."""
        values = table.units(table.values)
        margin = table.units(table.further["margin"]) if self.own else None
        tests = []
        for k, row in enumerate(values):
            if margin is None:
                sides = [t_test(row - self.low)] if math.isfinite(self.low) else []
                sides += [t_test(self.high - row)] if math.isfinite(self.high) else []
            else:
                sides = [t_test(margin[k] + row), t_test(margin[k] - row)]
            tests.append(sides)
        known = [k for k, sides in enumerate(tests) if sides[0].n > 1]
        if not known:
            return Judgement(n=max((sides[0].n for sides in tests), default=0), margin=self._margin(margin, 0))
        inside = {k: min(1.0, 2 * max(side.above for side in tests[k])) for k in known}
        outside = {k: min(1.0, 2 * min(side.below for side in tests[k])) for k in known}
        contrary = [k for k, p in zip(known, holm(list(outside.values())), strict=True) if p <= ALPHA]
        verdict = CONTRADICTED if contrary else SUPPORTED if max(inside.values()) <= ALPHA else UNDECIDED
        weakest = min(contrary, key=outside.__getitem__) if contrary else max(known, key=inside.__getitem__)
        found = {k: t_interval(values[k]) for k in known}
        p_value = outside[weakest] if contrary else inside[weakest]
        one = found[weakest]
        words = [
            f"{table.names[k]}: {one.mean:.4g} [{one.low:.4g}, {one.high:.4g}], n = {one.n}" for k, one in found.items()
        ]
        again = "" if verdict != UNDECIDED else f"more {table.unit}s: an interval reaches across the border"
        numbers = (one.mean, one.low, one.high, p_value, min(held.n for held in found.values()))
        limit = self._margin(margin, weakest)
        return Judgement(verdict, *numbers, limit, len(known), tuple(words) if len(known) > 1 else (), again)

    def _margin(self, margin: Float | None, condition: int) -> float:
        if margin is not None:
            return float(np.nanmean(margin[condition])) if np.isfinite(margin).any() else math.nan
        limits = [limit for limit in (self.low, self.high) if math.isfinite(limit)]
        return (limits[1] - limits[0]) / 2 if len(limits) == 2 else limits[0]


@dataclass(frozen=True)
class Spread:
    """A positive number that hardly differs between runs."""

    most: float

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            "Sd of single runs over their mean: supported when the 95 % chi-square interval of the sd (with "
            "Satterthwaite's degrees of freedom where training sets have several runs) puts it below "
            f"{self.most:g}; contradicted when above; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict of the only condition."""
        found = t_interval(table.blocks())
        if found.n < 2 or not found.mean > 0:
            words = ("no spread to speak of: 0 in all runs",) if found.n > 1 else ()
            return Judgement(n=found.n, margin=self.most, conditions=int(found.n > 1), words=words)
        sd, degrees = _scatter(table)
        share = sd / found.mean
        low, high = (share * math.sqrt(degrees / float(chdtri(degrees, tail))) for tail in (0.025, 0.975))
        verdict = SUPPORTED if high < self.most else CONTRADICTED if low > self.most else UNDECIDED
        again = f"more {table.unit}s: the interval reaches across the border" if verdict == UNDECIDED else ""
        words = (f"mean {found.mean:.4g}, sd {sd:.2g}",)
        return Judgement(verdict, share, low, high, math.nan, found.n, self.most, 1, words, again)


@dataclass(frozen=True)
class AsPrinted:
    """An error that was printed, against what is possible at all: `values` holds the best possible error."""

    printed: float
    errors: float = 3.0
    """standard errors that the best possible one is lowered by"""

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            f"Contradicted when the best possible error on the same images, less {self.errors:g} standard errors, lies "
            f"above {self.printed:g} in every run; supported when the 95 % t-interval of the error, a mean for each "
            "replicate, lies below; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict; further numbers needed: `error`, and its standard error `se`."""
        known = np.isfinite(table.values) & np.isfinite(table.further["se"])
        errors = table.further["error"]
        flat = replace(table, unit_of=np.tile(table.unit_of, len(errors)))  # all conditions of a unit are one value
        found = t_interval(flat.units(errors.ravel()))
        if not known.any():
            return Judgement(margin=self.printed)
        lowest = float((table.values - self.errors * table.further["se"])[known].min())
        verdict = CONTRADICTED if lowest > self.printed else SUPPORTED if found.high <= self.printed else UNDECIDED
        words = (f"best possible {table.values[known].mean():.4g}, less {self.errors:g} standard errors {lowest:.4g}",)
        again = "more runs" if verdict == UNDECIDED else ""
        numbers = (found.mean, found.low, found.high, math.nan, found.n)
        return Judgement(verdict, *numbers, self.printed, int(known.any(axis=1).sum()), words, again)


def _scatter(table: Table) -> tuple[float, float]:
    """Sd of a single run of the only condition, and its degrees of freedom.

    Runs of one unit share a training set: the variance is that of the units' means and what averaging took out of
    them, and their sum has the degrees of freedom of Satterthwaite 1946.
    """
    known = np.isfinite(table.values[0])
    values = table.values[0, known]
    _, unit, sizes = np.unique(table.unit_of[known], return_inverse=True, return_counts=True)
    means = np.bincount(unit, values) / sizes
    spare = max(len(values) - len(sizes), 1)  # without any the second part is 0
    parts = np.array([means.var(ddof=1), (1 - (1 / sizes).mean()) * ((values - means[unit]) ** 2).sum() / spare])
    variance = float(parts.sum())
    degrees = variance**2 / float(parts**2 @ [1 / (len(sizes) - 1), 1 / spare]) if variance else 1.0
    return math.sqrt(variance), degrees


def _numbers(found: Against) -> tuple[float, float, float, float, int]:
    return found.mean, found.low, found.high, found.p_value, found.n


def _signed(found: Against) -> str:
    held = f" [{found.low:+.3g}, {found.high:+.3g}]" if math.isfinite(found.low) else ""
    return f"{found.mean:+.3g}{held}"


def _few(found: Against, test: Kind, unit: str) -> str:
    few = test == "flips" and 1 < found.n < FEWEST_FLIPS
    return f"{FEWEST_FLIPS} {unit}s or more: sign flips of fewer cannot reach p = .05" if few else ""


def _wanted(found: Against, border: float, test: Kind = "t") -> int:
    """Units for p ≤ .05 with a power of 80 %, if mean and scatter are what they seem; 0 where nothing can be said."""
    far = abs(found.mean - border)
    if found.n < 2 or not far > 0:
        return 0
    return max(math.ceil((2.8 * found.sd / far) ** 2) + 2, found.n + 1, FEWEST_FLIPS if test == "flips" else 0)
