"""The columns that say which experiment a row is of; every table of scores begins with them.

Rows are grouped by `condition`, which `pendeval.conditions` makes from the settings of both sides and the recipe; the
names and labels beside it are for people. A cell of a setting that a file does not say is empty: unknown.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pendeval.conditions import FULL_IMAGES, FULL_PENDULUMS, condition_of
from pendeval.scores import Record

_DATA = {
    "variant": "variant of the data embedded",
    "parameters": "its parameters, a JSON object",
    "protocol": "paper or original",
    "image_size": "pixels along a side",
    "bob_size": "pixels along a side of a bob",
    "time_gap": "time from the blue to the red bob",
    "antialias": "whether bobs are drawn between the pixels",
    "time_range": "times of the blue bob in the split embedded, JSON [low, high]",
    "energy_range": "training energies of the dataset, JSON [low, high]",
}
_TRAIN = {f"train_{name}": f"the same of the data trained on: {meaning}" for name, meaning in _DATA.items()}
_TRAIN |= {"train_pendulums": "pendulums trained on", "train_images": "images of each"}

CONDITION: dict[str, str] = {
    "condition": "12 digits, equal where everything but the seeds is: the settings of both sides, the recipe, the view",
    "dataset": "name of the dataset embedded, for people",
    "train_dataset": "name of the dataset trained on, for people",
    "data_words": "the data embedded in words: variant, level, and whatever is not as in the paper",
    "train_words": "the same of the data trained on; empty where they are of the same settings",
    "split": "train or test",
    "view": "all images, or those with both bobs visible (only where some are not)",
    "method": "contrastive, supervised or another; of one from outside, package.module:Class",
    "dim": "numbers d of an embedding: outputs of the encoder, or the width of its layer",
    "layer": "features where what the last layer sees was embedded; empty: the outputs",
    "encoder": "what turns images into embeddings: resnet18, table, optimum; empty: unknown",
    "objective": "settings of the method alone that are not the paper's, or, of a method it has not, not the defaults",
    "labelled": "share of pendulums that keep their energy in training; empty where the method has no such setting",
    "schedule": "what of the recipe's other settings departs from Fig. 16, the encoder among them",
    "recipe_protocol": "protocol of the recipe, paper or original",
    "label": "name of the recipe, for people",
    "own": "whether the encoder was trained on data of the settings it is scored on; empty: unknown",
    "usual": "whether all but variant, parameters and protocol is as in the paper, on both sides",
    "full": "whether encoder, schedule and amount of training data are the paper's in full",
    "knob": "the parameter the variant turns on",
    "level": "its value; 0 for vanilla and large; empty where the data are no plain level",
    "train_knob": "the same of the data trained on",
    "train_level": "the same of the data trained on",
    "pendulums": "pendulums of the split embedded",
    "images_per_pendulum": "images of each",
    **_DATA,
    **_TRAIN,
    "recipe": "the typed recipe without its seed and other methods' settings, canonical JSON",
    "counterpart": "12 digits, equal where everything but the method and the settings of its own is",
}
SEEDS: dict[str, str] = {
    "data_seed": "seed of the dataset embedded",
    "train_data_seed": "seed of the dataset trained on",
    "seed": "seed of the training",
}
NAMES = ("dataset", "train_dataset", "label")
"""Columns for people, which may differ within a condition."""


def identity(record: Record, view: str) -> dict[str, Any]:
    """The cells of `CONDITION` and `SEEDS` for one view of a record, and its precision."""
    dim = _dim(record)
    condition = condition_of(record.settings, dim, record.digest)
    size = (condition.pendulums, condition.images)
    cells = condition.columns()
    cells |= {"view": view, "pendulums": size[0], "images_per_pendulum": size[1]}
    cells |= {"condition": condition.key(view), "counterpart": condition.counterpart(view)}
    cells["label"] = cells["label"] or record.file.rpartition("/")[2].removesuffix(".h5")
    return cells


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with seeds and sizes as whole numbers that may be missing, flags as booleans that may be."""
    whole = [*SEEDS, "pendulums", "images_per_pendulum", "train_pendulums", "train_images", "image_size", "bob_size"]
    for name in [*whole, "train_image_size", "train_bob_size"]:
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    for name in ("own", "usual", "full", "antialias", "train_antialias"):
        if name in frame:
            frame[name] = frame[name].astype("boolean")
    for name in ("time_gap", "train_time_gap", "level", "train_level", "labelled"):
        if name in frame:
            frame[name] = frame[name].astype("float64")
    for name in CONDITION:  # unknown texts are empty, not a number
        if name not in frame or (frame[name].dtype == "str" and not frame[name].hasnans):
            continue
        if frame[name].dtype == object or pd.api.types.is_string_dtype(frame[name]):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "").astype("str")
    return frame


def ordered(frame: pd.DataFrame, more: Iterable[str] = ()) -> pd.DataFrame:
    """Rows by what they are, so that the same records give the same bytes in whatever order they came."""
    by = ["data_words", "level", "split", "train_words", "method", "dim", "layer", "objective", "schedule", "condition"]
    by = [name for name in [*by, *SEEDS, *more] if name in frame]
    return frame.sort_values(by, ignore_index=True, na_position="first", kind="stable")


def grouped(frame: pd.DataFrame, by: str = "condition") -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Each condition's cells and rows, in the order of the frame; names that differ within it are joined."""
    groups = []
    for _, group in frame.groupby(by, sort=False):
        cells = {name: group[name].iloc[0] for name in CONDITION}
        joined = {name: " + ".join(sorted(set(group[name].astype(str)))) for name in NAMES}
        groups.append((cells | joined, group))
    return groups


def amount(cells: Mapping[str, Any]) -> str:
    """How much was trained on, where that is known and not as much as in the paper: "trained on 160 × 20 images"."""
    pendulums, images = cells["train_pendulums"], cells["train_images"]
    if pd.isna(pendulums) or pd.isna(images) or (pendulums, images) == (FULL_PENDULUMS, FULL_IMAGES):
        return ""
    return f"trained on {pendulums:.0f} × {images:.0f} images"


def _dim(record: Record) -> int:
    if record.sample is not None:
        return int(record.sample.embedding.shape[1])
    return int(record.population.shape[1]) if record.population is not None else 1


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame as one mapping per row."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def numbers(column: "pd.Series[Any]") -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as float64, missing cells as NaN."""
    return np.asarray(pd.to_numeric(column, errors="coerce"), np.float64)
