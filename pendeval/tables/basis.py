"""What one comparison goes by: the same column for all its rows, and each training once."""

from typing import Any

import numpy as np
import pandas as pd

from pendeval.measures.registry import primary
from pendeval.tables.condition import numbers


def judged_by(measure: str, rows: pd.DataFrame) -> str:
    """The column to use for a sampled `measure`: the exact one where every row that has a score has that, else itself.

    A row without either, such as that of constant outputs, decides nothing.
    """

    def complete(exact: str) -> bool:
        whole = rows[exact].notna()
        return bool(whole.any() and (whole | rows[measure].isna()).all())

    return primary(measure, complete)


def mean_of(column: "pd.Series[Any]") -> float:
    """Mean of what is known; NaN of nothing."""
    known = numbers(column)[np.isfinite(numbers(column))]
    return float(known.mean()) if len(known) else np.nan


def trainings(rows: pd.DataFrame) -> "pd.Series[str]":
    """Which rows of one condition are of one training, embedded several times: equal texts; files without a seed."""
    names = rows["train_data_seed"].astype(str) + " " + rows["seed"].astype(str)
    return names.where(rows["seed"].notna(), rows["digest"]).astype(str)
