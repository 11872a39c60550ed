"""labelled.csv: what it is worth to know the energies of some pendulums: scores against the labelled share."""

from typing import Any

import numpy as np
import pandas as pd

from pendeval.tables.basis import judged_by, mean_of
from pendeval.tables.condition import CONDITION, grouped, numbers, ordered, rows_of, typed
from pendeval.tables.optima import SHOWN
from pendeval.tables.units import units
from pendeval.verdict import t_interval

NO_LABELS, ALL_LABELS = "no labels", "all labels"
LABELLED: dict[str, str] = {
    **CONDITION,
    "labelled_pendulums": "how many pendulums keep their energy: labelled × train_pendulums, rounded",
    "setting": "what of the objective departs beside the share: a method and a setting make a line",
    "reference": f"{NO_LABELS}: contrastive as in the paper; {ALL_LABELS}: supervised as in the paper; else empty",
    "measure": "name of the measure, a column of runs.csv; exact where all that is compared has it",
    "n": "units",
    "unit": "what counted as one: see pendeval/tables/units.py",
    "mean": "mean over units",
    "sd": "standard deviation over units",
    "ci_low": "95 % t-interval of the mean",
    "ci_high": "its other end",
    "oracle": "mean of the oracle's",
}


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of labelled.csv from rows of runs.csv that count once.

    Of all that differs in method and own settings alone, where some was told the energy of fewer than all pendulums:
    whatever was told any, and the paper's two methods.
    """
    rows: list[dict[str, Any]] = []
    for _, same in runs.groupby("counterpart", sort=False):
        share = numbers(same["labelled"])
        if not (share < 1).any():
            continue
        plain = [_reference(row) == NO_LABELS for row in rows_of(same)]
        same = same[np.isfinite(share) | plain]
        measures = [judged_by(measure, same) for measure in SHOWN]
        for cells, group in grouped(same):
            about = {"labelled_pendulums": _pendulums(cells), "reference": _reference(cells)}
            parts = str(cells["objective"]).split(", ")
            about["setting"] = ", ".join(part for part in parts if not part.startswith("labelled "))
            rows += [cells | about | _scored(group, measure) for measure in measures]
    frame = pd.DataFrame(rows, columns=list(LABELLED))
    return ordered(typed(frame.assign(labelled_pendulums=frame["labelled_pendulums"].astype("Int64"))), ("labelled",))


def _reference(cells: dict[str, Any]) -> str:
    """Which of the paper's two methods, exactly as it had them, a condition is; "" for others."""
    if cells["objective"] or not cells["recipe"]:
        return ""
    return {"contrastive": NO_LABELS, "supervised": ALL_LABELS}.get(cells["method"], "")


def _pendulums(cells: dict[str, Any]) -> Any:
    if pd.isna(cells["labelled"]) or pd.isna(cells["train_pendulums"]):
        return pd.NA
    return round(float(cells["labelled"]) * int(cells["train_pendulums"]))


def _scored(group: pd.DataFrame, measure: str) -> dict[str, Any]:
    held = units(group, [measure])
    found = t_interval(held.values[:, 0])
    row = {"measure": measure, "n": found.n, "unit": held.unit if found.n else "", "mean": found.mean, "sd": found.sd}
    return row | {"ci_low": found.low, "ci_high": found.high, "oracle": mean_of(group[f"oracle_{measure}"])}
