"""From paired or single scores to a verdict: the rules that claims share.

A verdict says what a 95 % interval says, no more: "supported", "contradicted", else "undecided". Tables come from
`claims.rows.pair` and `claims.rows.alone`; rows without a value are left out, and their number is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pendeval.claims.rows import UNIT
from pendeval.verdict import Interval, Paired, bonferroni, paired, t_interval

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
AHEAD = (
    "Supported when the 95 % t-interval of the difference, paired by seed and averaged over the conditions, lies above "
    "0 and no condition alone is certain of the contrary (Bonferroni); contradicted when the interval lies below 0 or "
    "a condition alone is certain of the contrary; else undecided."
)
AT_LEAST = (
    "Supported when the 95 % t-interval of the difference, paired by seed, lies above −{margin:g}, a margin within "
    "which the two count as equal, and not wholly below 0; contradicted when it lies below 0; else undecided."
)
MARGINS = {"global_spearman": 0.0002, "local_spearman": 0.002}
"""Differences that count as none where a claim says "at least": twice the last digit the paper's Fig. 3 prints."""
WITHIN = (
    "Supported when the 95 % t-interval over runs lies {inside} in every condition; contradicted when it lies wholly "
    "outside in any (Bonferroni over conditions); else undecided."
)


@dataclass(frozen=True)
class Judgement:
    """What a rule found; `conditions` is the number of conditions judged."""

    verdict: str
    evidence: str = ""
    missing: str = ""
    recipe: str = ""
    conditions: int = 0


def ahead(
    table: pd.DataFrame, names: tuple[str, str], recipe: str, run: str, also: Sequence[str] = (), margin: float = 0.0
) -> Judgement:
    """Judge whether `a` is above `b` by the rule AHEAD, or with a margin at least `b` by the rule AT_LEAST.

    run: what to run where pairs lack; also: more evidence.
    """
    used = table.dropna(subset=["a", "b"])
    units = used.groupby(UNIT)[["a", "b"]].mean()
    whole = paired(units["a"].to_numpy(), units["b"].to_numpy())
    groups = {str(name): part for name, part in used.groupby("condition", sort=False)}
    level = bonferroni(sum(len(part) > 1 for part in groups.values()))
    each = {name: paired(part["a"].to_numpy(), part["b"].to_numpy(), level) for name, part in groups.items()}
    verdict = UNDECIDED
    if whole.n > 1:
        if whole.high < 0 or any(found.high < 0 for found in each.values()):
            verdict = CONTRADICTED
        elif whole.low > -margin:
            verdict = SUPPORTED
    evidence = [_difference(whole, names)] if whole.n else []
    if len(each) > 1:
        parts = [f"{name}: {_signed(found.difference, found)}, n = {found.n}" for name, found in each.items()]
        evidence += [f"conditions, intervals at {100 * level:.4g} %", *parts]
    missing = (
        run if whole.n < 2 else "more seeds: the interval reaches across the border" if verdict == UNDECIDED else ""
    )
    return Judgement(verdict, "; ".join([*evidence, *_left_out(table, used), *also]), missing, recipe, len(each))


def within(table: pd.DataFrame, low: float, high: float, recipe: str, run: str, also: Sequence[str] = ()) -> Judgement:
    """Judge whether the mean of `a` lies between `low` and `high` in every condition, by the rule WITHIN."""
    used = table.dropna(subset=["a"])
    groups = {str(name): part["a"].to_numpy() for name, part in used.groupby("condition", sort=False)}
    judged = {name: values for name, values in groups.items() if len(values) > 1}
    each = {name: t_interval(values) for name, values in groups.items()}
    strict = [t_interval(values, bonferroni(len(judged))) for values in judged.values()]
    verdict = UNDECIDED
    if any(found.high < low or found.low > high for found in strict):
        verdict = CONTRADICTED
    elif judged and all(low < each[name].low and each[name].high < high for name in judged):
        verdict = SUPPORTED
    evidence = [f"{name}: {_mean(found)}, n = {found.n}" for name, found in each.items()]
    few = [name for name in groups if name not in judged]
    missing = run if not judged else "more seeds: an interval reaches across the border" if verdict == UNDECIDED else ""
    missing = _join(missing, f"2 or more seeds at {', '.join(few)}" if judged and few else "")
    return Judgement(verdict, "; ".join([*evidence, *_left_out(table, used), *also]), missing, recipe, len(judged))


def brief(table: pd.DataFrame, what: str, names: tuple[str, str]) -> list[str]:
    """A comparison beside the judged one, as evidence only: [] where no pair has values."""
    units = table.dropna(subset=["a", "b"]).groupby(UNIT)[["a", "b"]].mean()
    found = paired(units["a"].to_numpy(), units["b"].to_numpy())
    return [f"{what}: {_difference(found, names)}"] if found.n else []


def brief_mean(table: pd.DataFrame, what: str) -> list[str]:
    """The mean of single scores over all runs, as evidence only: [] where there are none."""
    found = t_interval(table["a"].to_numpy(np.float64))
    return [f"{what}: {_mean(found)}, n = {found.n}"] if found.n else []


def _left_out(table: pd.DataFrame, used: pd.DataFrame) -> list[str]:
    count = len(table) - len(used)
    return [f"{count} left out (no value or no seed)"] if count else []


def _difference(found: Paired, names: tuple[str, str]) -> str:
    text = f"{names[0]} {found.mean_a:.5g}, {names[1]} {found.mean_b:.5g}, difference "
    text += f"{_signed(found.difference, found)}, n = {found.n}"
    return text + (f", d_z {found.effect_size:.2g}, p {found.p_value:.2g}" if found.n > 1 else "")


def _signed(value: float, found: Paired) -> str:
    return f"{value:+.2g}" + (f" [{found.low:+.2g}, {found.high:+.2g}]" if found.n > 1 else "")


def _mean(found: Interval) -> str:
    return f"{found.mean:.4g}" + (f" [{found.low:.4g}, {found.high:.4g}]" if found.n > 1 else "")


def _join(*texts: str) -> str:
    return "; ".join(text for text in texts if text)
