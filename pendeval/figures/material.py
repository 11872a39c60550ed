"""What figures are drawn from: the tables, made tidy, and the samples, images and curves that belong to files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pendeval.sample import Sample

Examples = Mapping[str, tuple[NDArray[np.uint8], NDArray[np.float64]]]
"""Digest → images (K, S, S, 3) and their energies (K,)."""

_TEXTS = (
    *("condition", "dataset", "train_dataset", "variant", "train_variant", "protocol", "train_protocol", "split"),
    *("view", "label", "method", "recipe", "data_words", "train_words", "knob", "train_knob", "objective"),
    *("schedule", "recipe_protocol", "encoder", "layer", "precision", "measure", "unit", "kind", "file", "digest"),
    *("train_parameters", "counterpart", "optimum_from", "optimum_file", "setting", "reference", "test"),
    *(f"{name}_{side}" for name in ("condition", "method", "objective", "label") for side in "ab"),
)
_FLAGS = ("own", "usual", "full", "shared_test")
_STATES = ("fractured", "population_fractured")
"""True, False, or not known."""
_NUMBERS = (
    *("dim", "level", "train_level", "image_size", "train_pendulums", "train_images", "pendulums"),
    *("images_per_pendulum", "data_seed", "train_data_seed", "seed"),
)
_SUMMARY = ("n", "mean", "sd", "ci_low", "ci_high", "oracle", "published", "published_original_law")
_SEGMENTS = (
    *("number", "energy_low", "energy_high", "spearman", "density", "population_spearman", "population_density"),
)
_OF_TABLE = {"segments": _SEGMENTS, "summary": _SUMMARY}


class Nothing(Exception):
    """No data for a figure; the message says what it would need."""


@dataclass(frozen=True)
class Material:
    """What figures are drawn from: tables made tidy, the table of runs as given, and what belongs to files."""

    runs: pd.DataFrame
    segments: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    optima: pd.DataFrame
    fractures: pd.DataFrame
    labelled: pd.DataFrame
    given: pd.DataFrame
    samples: Mapping[str, Sample]
    examples: Examples
    curves: Mapping[str, pd.DataFrame]


def tidy(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """A copy with texts (missing: ""), flags (unknown: False) and floats (missing: NaN) where figures read them.

    Adds `train_size` ("5120 × 20", pendulums and images of each). Other columns become numbers.
    """
    frame = frame.reset_index(drop=True)
    wanted = (*_TEXTS, *_FLAGS, *_STATES, *_NUMBERS, *_OF_TABLE.get(table, ()))
    frame = frame.reindex(columns=[*frame.columns, *(name for name in wanted if name not in frame)])
    columns: dict[str, Any] = {}
    for name, column in frame.items():
        if name in _TEXTS or name in _STATES:
            columns[str(name)] = column.astype(object).where(column.notna(), "").astype(object)
        elif name in _FLAGS:
            columns[str(name)] = true(column)
        else:
            columns[str(name)] = pd.to_numeric(column, errors="coerce").astype(float)
    sizes = zip(columns["train_pendulums"], columns["train_images"], strict=True)
    columns["train_size"] = pd.Series([f"{a:.0f} × {b:.0f}" for a, b in sizes], frame.index, object)
    return pd.DataFrame(columns, frame.index)


def true(column: pd.Series) -> "pd.Series[bool]":
    """Where a flag is certainly set."""
    return column.astype(str).str.lower().isin(["true", "1", "1.0"])


def known(column: pd.Series) -> "pd.Series[bool]":
    """Where a flag is either set or not."""
    return column.astype(str).str.lower().isin(["true", "1", "1.0", "false", "0", "0.0"])
