"""comparisons.csv: two methods on the same data, paired by seed; contrastive less supervised."""

import numpy as np
import pandas as pd

from pendeval.measures.registry import MEASURES
from pendeval.tables.condition import CONDITION, SEEDS, grouped, numbers, ordered
from pendeval.tables.units import Units, units
from pendeval.verdict import paired

METHODS = ("contrastive", "supervised")
_OWN = ("condition", "method", "label", "recipe")
"""What two methods do not share."""

COMPARISONS: dict[str, str] = {
    **{name: meaning for name, meaning in CONDITION.items() if name not in _OWN},
    "measure": "name of the measure, a column of runs.csv",
    "n": "pairs, each the mean of one unit",
    "unit": "what counted as one: see pendeval/tables/units.py",
    "shared_test": "whether all were scored on the images of one test split",
    "precision": "precision of the trainings",
    "contrastive": "mean over the pairs",
    "supervised": "mean over the pairs",
    "oracle": "mean of the oracle's over the pairs",
    "difference": "contrastive less supervised",
    "ci_low": "95 % t-interval of the difference",
    "ci_high": "its other end",
    "effect_size": "Cohen's d_z",
    "test": "how p was found",
    "p_value": "two-sided; not corrected for the number of rows",
}


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of comparisons.csv from rows of runs.csv that count once."""
    rows = []
    for cells, group in grouped(runs, "counterpart"):
        known = group[list(SEEDS)].notna().all(axis=1)  # an unknown seed pairs with none
        sides = {method: group[group["method"].eq(method) & known] for method in METHODS}
        both = sides["contrastive"].merge(sides["supervised"], on=list(SEEDS), suffixes=("_a", "_b"))
        for name, measure in MEASURES.items():
            if measure.truth or both.empty:
                continue
            held = _pairs(both, name)
            found = paired(*held.values.T)
            if not found.n:
                continue
            oracle = numbers(both[f"oracle_{name}_a"]) if measure.oracle else np.array([np.nan])
            row = {
                "measure": name,
                "n": found.n,
                "unit": held.unit,
                "shared_test": held.shared_test and not measure.exact,
            }
            row |= {
                "precision": " + ".join(sorted({*both["precision_a"].astype(str), *both["precision_b"].astype(str)}))
            }
            row |= {"contrastive": found.mean_a, "supervised": found.mean_b, "oracle": float(np.mean(oracle))}
            row |= {"difference": found.difference, "ci_low": found.low, "ci_high": found.high}
            row |= {"effect_size": found.effect_size, "p_value": found.p_value}
            rows.append(cells | row | {"test": "paired t-test, two-sided" if found.n > 1 else ""})
    return ordered(pd.DataFrame(rows, columns=list(COMPARISONS)))


def _pairs(both: pd.DataFrame, name: str) -> Units:
    return units(both, [f"{name}_a", f"{name}_b"])
