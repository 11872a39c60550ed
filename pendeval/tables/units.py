"""What counts as one observation: statistics are over replicates, never over files.

A replicate is a fresh dataset with a fresh training. Several trainings on one dataset are averaged first where there
are several datasets, for they share what that dataset happened to be; several test splits of one encoder are averaged
before that. Where all trainings saw one dataset, the training seed is the unit, and nothing is known of other data.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pendeval.tables.condition import numbers

REPLICATE, DATASET, SEED, FILE = "replicate", "dataset", "training seed", "file"


@dataclass(frozen=True)
class Units:
    """Columns averaged to one row per unit."""

    values: NDArray[np.float64]
    """(n, columns)"""
    unit: str
    """replicate, dataset (several trainings each), training seed (one dataset), or file (no seeds)"""
    files: int
    """rows averaged"""
    shared_test: bool
    """whether all were scored on the images of one test split, so that its noise is in all of them alike"""


def units(rows: pd.DataFrame, columns: list[str]) -> Units:
    """Average `columns` of the rows of one condition to units; rows without a value in every column are left out."""
    kept = rows[["data_seed", "train_data_seed", "seed"]].copy()
    for name in columns:
        kept[name] = numbers(rows[name])
    kept = kept.dropna(subset=columns)
    shared = len(kept) > 1 and kept["data_seed"].notna().all() and kept["data_seed"].nunique() == 1
    if kept.empty or kept["seed"].isna().any():
        return Units(kept[columns].to_numpy(np.float64), FILE, len(kept), bool(shared))
    runs = kept.groupby(["train_data_seed", "seed"], dropna=False, sort=True)[columns].mean()
    datasets = runs.groupby(level=0, dropna=False, sort=True)
    if datasets.ngroups < 2:
        return Units(runs.to_numpy(np.float64), SEED, len(kept), bool(shared))
    unit = REPLICATE if int(datasets.size().max()) == 1 else DATASET
    return Units(datasets.mean().to_numpy(np.float64), unit, len(kept), bool(shared))
