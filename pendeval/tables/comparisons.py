"""comparisons.csv: any two methods, or settings of one, on the same data and schedule, paired by seed; a less b."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from pendeval.measures.registry import MEASURES
from pendeval.recipes import PAPER_ENCODERS, PAPER_OWN
from pendeval.tables.condition import CONDITION, NAMES, SEEDS, grouped, numbers, ordered
from pendeval.tables.units import averaged, seeds_of
from pendeval.verdict import paired

_OWN = ("condition", "method", "objective", "labelled", "label", "recipe")
"""What two sides do not share."""
_SIDE = ("condition", "method", "objective", "label")
_PAPER = tuple(PAPER_OWN)
_TOLD = tuple(name for name, measure in MEASURES.items() if not measure.truth)

COMPARISONS: dict[str, str] = {
    **{name: meaning for name, meaning in CONDITION.items() if name not in _OWN},
    **{f"{name}_a": f"of one side: {CONDITION[name]}" for name in _SIDE},
    **{f"{name}_b": f"of the other: {CONDITION[name]}" for name in _SIDE},
    "measure": "name of the measure, a column of runs.csv",
    "n": "pairs, each the mean of one unit",
    "unit": "what counted as one: see pendeval/tables/units.py",
    "shared_test": "whether all were scored on the images of one test split",
    "precision": "precision of the trainings",
    "mean_a": "mean of one side over the pairs",
    "mean_b": "mean of the other",
    "oracle": "mean of the oracle's over the pairs",
    "difference": "mean_a less mean_b",
    "ci_low": "95 % t-interval of the difference",
    "ci_high": "its other end",
    "effect_size": "Cohen's d_z",
    "test": "how p was found",
    "p_value": "two-sided; not corrected for the number of rows",
}


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of comparisons.csv from rows of runs.csv that count once in each precision.

    Of any two conditions contrastive stands before supervised before other methods, these by name, the paper's
    settings before others; and the comparison of the paper's two stands first.
    """
    rows = []
    runs = runs.assign(**{name: numbers(runs[name]) for name in _TOLD})
    for _, group in runs.groupby("counterpart", sort=False):
        known = group[group[list(SEEDS)].notna().all(axis=1)]  # an unknown seed pairs with none
        sides = sorted((side for _, side in known.groupby("condition", sort=False)), key=_place)
        pairs = sorted(combinations(sides, 2), key=lambda pair: not of_paper(_names(*pair)))
        rows += [row for a, b in pairs for row in _compare(a, b)]
    return ordered(pd.DataFrame(rows, columns=list(COMPARISONS)))


def of_paper(row: Any) -> bool:
    """Whether a row is about outputs of the paper's network under its two methods, with its settings of them."""
    network = not row["layer"] and row["encoder"] in PAPER_ENCODERS
    return network and (row["method_a"], row["method_b"]) == _PAPER and not row["objective_a"] + row["objective_b"]


def _place(side: pd.DataFrame) -> tuple[Any, ...]:
    method, *rest = (str(side[name].iloc[0]) for name in ("method", "objective", "label", "condition"))
    return (_PAPER.index(method) if method in _PAPER else len(_PAPER), method, *rest)


def _names(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, str]:
    """What tells two sides apart, and what was embedded."""
    both = {name: str(a[name].iloc[0]) for name in ("layer", "encoder")}
    return both | {f"{name}_{side}": str(rows[name].iloc[0]) for side, rows in (("a", a), ("b", b)) for name in _SIDE}


def _compare(a: pd.DataFrame, b: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row for every measure that both sides have on the same seeds.

    Of seeds trained in several precisions like stands beside like: the precision of most pairs, of equally many
    float32. Only where no two are alike are unlike ones compared.
    """
    places = [side[[*SEEDS, "precision"]].assign(place=range(len(side))) for side in (a, b)]
    both = places[0].merge(places[1], on=list(SEEDS), suffixes=("_a", "_b"))
    if both.empty:
        return
    kinds = both[["precision_a", "precision_b"]].fillna("")
    unlike, other = kinds["precision_a"].ne(kinds["precision_b"]), kinds["precision_a"].ne("float32")
    fewer = -kinds.groupby([*kinds])["precision_a"].transform("size")
    both = both.assign(fewer=fewer, other=other)[unlike.eq(bool(unlike.all()))]
    both = both.sort_values(["fewer", "other"], kind="stable").drop_duplicates([*SEEDS]).sort_index()
    told = pd.concat([side[[*dict.fromkeys([*CONDITION, *NAMES])]] for side in (a, b)])
    ((shared, _),) = grouped(told, "counterpart")
    shared |= _names(a, b)
    a, b = a.iloc[both["place_a"]], b.iloc[both["place_b"]]
    shared["precision"] = " + ".join(sorted({*a["precision"].astype(str), *b["precision"].astype(str)}))
    sides = np.stack([side[[*_TOLD]].to_numpy(np.float64) for side in (a, b)], axis=2)
    seeds = seeds_of(both)
    for k, name in enumerate(_TOLD):
        measure = MEASURES[name]
        held = averaged(sides[:, k], seeds)
        found = paired(*held.values.T)
        if not found.n:
            continue
        oracle = numbers(a[f"oracle_{name}"]) if measure.oracle else np.array([np.nan])
        row = {"measure": name, "n": found.n, "unit": held.unit}
        row |= {"shared_test": held.shared_test and not measure.exact}
        row |= {"mean_a": found.mean_a, "mean_b": found.mean_b, "oracle": float(np.mean(oracle))}
        row |= {"difference": found.difference, "ci_low": found.low, "ci_high": found.high}
        row |= {"effect_size": found.effect_size, "p_value": found.p_value}
        yield shared | row | {"test": "paired t-test, two-sided" if found.n > 1 else ""}
