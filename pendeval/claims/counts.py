"""Rules that judge counts: how often something happens, and to which runs."""

import math
from dataclasses import dataclass

import numpy as np

from pendeval.claims.judgement import ALPHA, CONTRADICTED, SUPPORTED, UNDECIDED, Judgement, Table
from pendeval.verdict import binomial, clopper_pearson, fisher, marked_ranks


@dataclass(frozen=True)
class LikeCount:
    """As often as in the paper: a claim that a share is the one seen there."""

    successes: int
    trials: int

    @property
    def sentence(self) -> str:
        """How it judges."""
        low, high = clopper_pearson(self.successes, self.trials)
        return (
            f"Contradicted when Fisher's exact test tells the count from {self.successes} of {self.trials} (p ≤ .05); "
            "supported when the 95 % Clopper–Pearson interval of the share lies within the paper's own, "
            f"{low:.3g} to {high:.3g}; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict on the flags of the only condition."""
        count, trials = _counted(table)
        if not trials:
            return Judgement(margin=self.successes / self.trials)
        low, high = clopper_pearson(count, trials)
        theirs = clopper_pearson(self.successes, self.trials)
        p_value = fisher(count, trials, self.successes, self.trials)
        inside = theirs[0] <= low + 1e-12 and high <= theirs[1] + 1e-12
        verdict = CONTRADICTED if p_value <= ALPHA else SUPPORTED if inside else UNDECIDED
        numbers = (count / trials, low, high, p_value, trials, self.successes / self.trials)
        return Judgement(verdict, *numbers, 1, (f"{count} of {trials}",), _more(verdict, table))


@dataclass(frozen=True)
class BelowChance:
    """Less often than if every seen band ran up or down at random: less, then, than if their order were random too."""

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            "Chance: around k gaps the k + 1 seen bands, each of random sign, disagree with probability 1 − 2⁻ᵏ, the "
            "paper's 7/8 for three. Bands out of order count as fractured too, so that chance alone gives more: with a "
            "random order 1 − 2⁻ᵏ · 2 / (k + 1)!, 95/96 for three. Supported when the exact binomial test puts the "
            "share below the former, which is cautious; contradicted when above the latter (p ≤ .05, two-sided); else "
            "undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict on the flags of the only condition."""
        chance = 1 - 0.5**table.gaps
        most = 1 - 0.5**table.gaps * 2 / math.factorial(table.gaps + 1)  # nor in one of two orders
        count, trials = _counted(table)
        if not trials:
            return Judgement(margin=chance)
        below, above = binomial(count, trials, chance)[0], binomial(count, trials, most)[1]
        verdict = SUPPORTED if below <= ALPHA / 2 else CONTRADICTED if above <= ALPHA / 2 else UNDECIDED
        numbers = (count / trials, *clopper_pearson(count, trials), min(1.0, 2 * min(below, above)), trials, chance)
        return Judgement(verdict, *numbers, 1, (f"{count} of {trials}",), _more(verdict, table))


@dataclass(frozen=True)
class Sometimes:
    """Something that happens at least now and then."""

    rare: float = 0.05

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            "Supported when it happens in one run or more: one example proves it; contradicted when it never does and "
            f"the 95 % Clopper–Pearson interval puts its share below {self.rare:g}; else undecided."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict on the flags of all conditions together."""
        count, trials = _counted(table)
        if not trials:
            return Judgement(margin=self.rare)
        low, high = clopper_pearson(count, trials)
        verdict = SUPPORTED if count else CONTRADICTED if high < self.rare else UNDECIDED
        again = (
            "" if verdict != UNDECIDED else f"{math.ceil(math.log(0.025) / math.log(1 - self.rare))} runs without one"
        )
        runs = np.isfinite(table.values).sum(axis=1)
        numbers = (count / trials, low, high, math.nan, int(runs[runs > 0].min()), self.rare)
        return Judgement(verdict, *numbers, int((runs > 0).sum()), (f"{count} of {trials}",), again)


@dataclass(frozen=True)
class MoreAlong:
    """Something that happens more often the further along the conditions."""

    upwards: bool = True

    @property
    def sentence(self) -> str:
        """How it judges."""
        where, other = ("high", "low") if self.upwards else ("low", "high")
        return (
            "Exact permutation test of the sum of the conditions' ranks at which it happens, within replicates that "
            f"have all conditions: supported when that sum is certainly {where} (p ≤ .05, two-sided), contradicted "
            f"when certainly {other}; else undecided. The estimate is the share at the last condition less the first's."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict on the flags, condition by condition."""
        flags = table.values[table.judged()]
        flags = flags[:, np.isfinite(flags).all(axis=0)] if len(flags) > 1 else flags[:0]
        if not flags.size:
            return Judgement(margin=0.0)
        low, high = marked_ranks([(np.arange(len(flags), dtype=np.float64), run > 0.5) for run in flags.T])
        along, against = (high, low) if self.upwards else (low, high)
        verdict = SUPPORTED if along <= ALPHA / 2 else CONTRADICTED if against <= ALPHA / 2 else UNDECIDED
        shares = flags.mean(axis=1)
        names = np.array(table.names, object)[table.judged()]
        words = tuple(f"{name}: {int(row.sum())} of {row.size}" for name, row in zip(names, flags, strict=True))
        numbers = (shares[-1] - shares[0], math.nan, math.nan, min(1.0, 2 * min(low, high)), flags.shape[1], 0.0)
        return Judgement(verdict, *numbers, len(flags), words, _more(verdict, table))


@dataclass(frozen=True)
class MarkedLow:
    """Runs that something happened to score lower than the others."""

    @property
    def sentence(self) -> str:
        """How it judges."""
        return (
            "Exact permutation test of the ranks of the marked runs, within conditions: supported when they are "
            "certainly low (p ≤ .05, two-sided), contradicted when certainly high; else undecided. The estimate is "
            "what the mean gains when the marked runs are taken out, averaged over conditions that have both kinds."
        )

    def judge(self, table: Table) -> Judgement:
        """The verdict; further numbers needed: the flags `marked`."""
        blocks, gains, words = [], [], []
        for name, values, flags in zip(table.names, table.values, table.further["marked"], strict=True):
            known = np.isfinite(values) & np.isfinite(flags)
            values, marked = values[known], flags[known] > 0.5
            if not len(values):
                continue
            blocks.append((values, marked))
            words.append(f"{name}: {int(marked.sum())} of {len(marked)}, mean {values.mean():.4g}")
            if marked.any() and not marked.all():
                gains.append(float(values[~marked].mean() - values.mean()))
                words[-1] += f", without them {values[~marked].mean():.4g}"
        n = min((len(values) for values, _ in blocks), default=0)
        if not gains:
            again = "runs of both kinds" if n else ""
            return Judgement(n=n, margin=0.0, conditions=len(blocks), words=tuple(words), again=again)
        low, high = marked_ranks(blocks)
        verdict = SUPPORTED if low <= ALPHA / 2 else CONTRADICTED if high <= ALPHA / 2 else UNDECIDED
        numbers = (float(np.mean(gains)), math.nan, math.nan, min(1.0, 2 * min(low, high)), n, 0.0)
        return Judgement(verdict, *numbers, len(blocks), tuple(words), _more(verdict, table))


def _counted(table: Table) -> tuple[int, int]:
    flags = table.values[np.isfinite(table.values)]
    return int((flags > 0.5).sum()), len(flags)


def _more(verdict: str, table: Table) -> str:
    return f"more {table.unit}s" if verdict == UNDECIDED else ""
