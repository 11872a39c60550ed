"""A frame read column by column as arrays, with what settings say beyond the condition columns.

Derived columns: `temperature`, `clip_norm`, `epochs` and `steps` (epochs × pendulums) of the recipe, `num_gaps` and
`total_gap` of the data, `recipe without NAMES`, the rest of the recipe, and `schedule without NAMES`, the rest of what
every method has.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pendeval.recipes import PAPER_RECIPE
from pendeval.settings import USUAL_GAPS, gap_bands

Float = NDArray[np.float64]
Int = NDArray[np.int64]
_TRUTH: dict[Any, Any] = {"True": 1.0, "False": 0.0, True: 1.0, False: 0.0}


class Rows:
    """A frame whose columns are read once, as arrays; what a frame lacks is unknown."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame.reset_index(drop=True)
        self._held: dict[str, Any] = {}

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._held:
            self._held[name] = make()
        return self._held[name]

    def text(self, name: str) -> NDArray[np.object_]:
        """A column as texts, "" where unknown."""

        def make() -> NDArray[np.object_]:
            kind, parted, names = name.partition(" without ")
            if parted:
                left_out = frozenset(names.split())
                return np.array([_without(text, left_out, kind == "schedule") for text in self.text("recipe")], object)
            if name not in self.frame:
                return np.full(len(self.frame), "", object)
            given = self.frame[name].astype(object)
            return np.array(["" if pd.isna(value) else str(value) for value in given], object)

        return np.asarray(self._get(f"text {name}", make), object)

    def number(self, name: str) -> Float:
        """A column as float64, NaN where unknown; yes and no are 1 and 0. Some are derived from settings."""

        def make() -> Float:
            if name in ("temperature", "clip_norm", "epochs"):
                return np.array([_setting(text, name) for text in self.text("recipe")], np.float64)
            if name in ("num_gaps", "total_gap"):
                given = zip(*(self.text(n) for n in ("variant", "parameters", "protocol")), strict=True)
                return np.array([gaps_of(*row)[name == "total_gap"] for row in given], np.float64)
            if name == "steps":
                return self.number("epochs") * self.number("train_pendulums")
            if name not in self.frame:
                return np.full(len(self.frame), np.nan)
            column = self.frame[name]
            if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
                column = pd.Series([_TRUTH.get(value, value) for value in column], dtype=object)
            return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan))

        return np.asarray(self._get(f"number {name}", make), np.float64)

    def seed(self, name: str) -> Int:
        """A column of seeds, −1 where unknown: they have 64 bits, which a float does not hold."""

        def make() -> Int:
            if name not in self.frame:
                return np.full(len(self.frame), -1, np.int64)
            return np.asarray(self.frame[name].astype("Int64").to_numpy(np.int64, na_value=-1), np.int64)

        return np.asarray(self._get(f"seed {name}", make), np.int64)

    def padded(self, name: str) -> Float:
        """`number`, with NaN behind it, so that row −1 is no row."""
        return np.asarray(self._get(f"padded {name}", lambda: np.append(self.number(name), np.nan)), np.float64)


@lru_cache(maxsize=4096)
def _without(recipe: str, left_out: frozenset[str], schedule: bool) -> str:
    try:
        held = json.loads(recipe)
        names = (held.keys() & PAPER_RECIPE.keys() if schedule else held.keys()) - left_out
        return json.dumps({name: held[name] for name in names}, sort_keys=True)
    except (ValueError, AttributeError):
        return recipe


@lru_cache(maxsize=4096)
def _setting(recipe: str, name: str) -> float:
    try:
        return float(json.loads(recipe)[name])
    except (ValueError, KeyError, TypeError):
        return float("nan")


@lru_cache(maxsize=4096)
def gaps_of(variant: str, parameters: str, protocol: str) -> tuple[float, float]:
    """Number and total length of the gaps of equal length between equal seen bands; NaN for anything else."""
    try:
        given = json.loads(parameters) if variant == "gaps" else {}
        if "gap" not in given:
            return float(given.get("num_gaps", USUAL_GAPS.get(protocol, 3))), round(float(given["alpha_g"]), 9)
        bands = sorted((float(low), float(high)) for low, high in given["gap"])
        total = round(sum(high - low for low, high in bands), 9)
        plain = np.allclose(bands, gap_bands(total, len(bands)), atol=1e-6)
        return (float(len(bands)), total) if plain else (np.nan, np.nan)
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError):
        return np.nan, np.nan
