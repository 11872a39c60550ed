"""What scoring gives, sampled and exact as one table; why cells are empty; and the alarm, decided here alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.registry import MEASURES, SAMPLED_OF

Float = NDArray[np.float64]
CERTAIN = 3.0
"""Standard errors above the ceiling that make an alarm."""
ENOUGH_PENDULUMS = 20
"""Fewer make no alarm: their standard error is itself too uncertain."""
_JUDGED = (
    f"E[energy | image] in the file, energies that it says are uniform on [0, 1], images of a test split, and "
    f"{ENOUGH_PENDULUMS} pendulums or more"
)


@dataclass(frozen=True)
class Scored:
    """What one file scored: rows of measures (one per view), rows of bands (each with its `view`), and the line."""

    views: list[dict[str, Any]]
    bands: list[dict[str, Any]]
    line: Float
    """(P·T,), or (U,) of a population"""


def merge(sampled: Scored | None, whole: Scored | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Views and bands of the split and of the population as one table each; either may be missing."""
    views: dict[str, dict[str, Any]] = {}
    bands: dict[tuple[str, str, int], dict[str, Any]] = {}
    for one in (sampled, whole):
        for row in one.views if one else []:
            kept = views.setdefault(row["view"], {})
            views[row["view"]] = row | kept  # the split says which line it was
        for band in one.bands if one else []:
            key = (band["view"], band["kind"], band["number"])
            bands[key] = band | bands.get(key, {})
    for row in views.values():
        row["missing"] = _missing(row, sampled is not None, whole is not None)
    return list(views.values()), list(bands.values())


def alarm(row: Mapping[str, Any]) -> str:
    """By how much a row's scores beat their ceilings, in words; "" where they do not by more than noise.

    The one place that decides. Only the covariance of ranks and the forest's error are judged, on test images whose
    energies are uniform: nothing beats the oracle there, ties or not, unless data or code leak.
    """
    if row.get("above_ceiling") is not True:
        return ""
    sides = [("excess", "global Spearman by")] if row.get("view", "all") == "all" else []
    sides += [("rmse_excess", "forest error by")]
    beaten = [(name, what) for name, what in sides if row.get(name, 0.0) > CERTAIN * row.get(f"{name}_se", np.inf)]
    return ", ".join(f"{what} {row[name]:.5f} ± {row[f'{name}_se']:.5f}" for name, what in beaten)


def _missing(row: Mapping[str, Any], sampled: bool, whole: bool) -> dict[str, str]:
    """Why measures of a row are empty: what each needs. Where a whole file is missing, one measure says so for all."""
    asked = [one for one in MEASURES.values() if (whole if one.exact else sampled)]
    asked += [] if whole else [MEASURES["population_global"]]
    empty = [one for one in asked if row.get(one.name) is None or not np.isfinite(row[one.name])]
    reasons = {one.name: MEASURES[SAMPLED_OF[one.name]].needs if one.exact and whole else one.needs for one in empty}
    if not sampled:
        return {"global_spearman": "the embeddings of a split", **reasons}
    if "excess" not in row:
        reasons["excess"] = "E[energy | image] in the file"
    if "above_ceiling" not in row:
        reasons["above_ceiling"] = _JUDGED
    return reasons
