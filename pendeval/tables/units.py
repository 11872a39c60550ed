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
    return averaged(np.stack([numbers(rows[name]) for name in columns], axis=1), seeds_of(rows))


def seeds_of(rows: pd.DataFrame) -> NDArray[np.int64]:
    """(3, rows): seeds of the data embedded, the data trained on and the training, each counted off from 0.

    They have 64 bits, which a float does not hold. An unknown one is −1.
    """
    return np.stack([pd.factorize(rows[name], sort=True)[0] for name in ("data_seed", "train_data_seed", "seed")])


def averaged(values: NDArray[np.float64], seeds: NDArray[np.int64]) -> Units:
    """Average `values` (rows, columns) of one condition, of `seeds_of` it; rows with a NaN are left out."""
    some = ~np.isnan(values).any(axis=1)
    values = values[some]
    if not len(values):
        return Units(values, FILE, 0, False)
    data, trained, seed = seeds[:, some]
    shared = len(values) > 1 and bool((data == data[0]).all()) and data[0] >= 0
    if (seed < 0).any():
        return Units(values, FILE, len(values), bool(shared))
    runs, which = np.unique(np.stack([trained, seed], axis=1), axis=0, return_inverse=True)
    means = _means(values, which.reshape(-1))
    datasets, which = np.unique(runs[:, 0], return_inverse=True)
    if len(datasets) < 2:
        return Units(means, SEED, len(values), bool(shared))
    unit = REPLICATE if len(datasets) == len(runs) else DATASET
    return Units(_means(means, which), unit, len(values), bool(shared))


def _means(values: NDArray[np.float64], which: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the rows (n, columns) of each group."""
    sums = np.stack([np.bincount(which, weights=column) for column in values.T], axis=1)
    return np.asarray(sums / np.bincount(which)[:, None])
