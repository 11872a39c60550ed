"""The numbers a figure draws, as its CSV holds them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from pendeval.figures.choose import Example, score

POINTS = (
    *("panel", "condition", "data_words", "train_words", "method", "dim", "level", "measure", "exact", "n", "unit"),
    *("mean", "sd", "ci_low", "ci_high", "oracle", "published", "published_original_law"),
)
"""A point with its interval. `exact`: of the population. `published` was measured under the same law."""
RUNS = (
    *("panel", "condition", "data_words", "label", "method", "dim", "train_data_seed", "seed", "digest"),
    *("measure", "exact", "value"),
)
"""A score of a single run that is shown."""


_WHOLE = ("dim", "n", "train_data_seed", "data_seed", "seed", "number", "images", "images_seen")


def typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Counts and seeds as whole numbers that may be missing; rows numbered anew."""
    whole = {name: rows[name].astype("Int64") for name in _WHOLE if name in rows}
    return rows.assign(**whole).reset_index(drop=True)


def of_points(panels: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Points of each panel, as `choose.points` gives them."""
    parts = [rows.assign(panel=panel).reindex(columns=list(POINTS)) for panel, rows in panels.items() if len(rows)]
    return typed(pd.concat(parts)) if parts else pd.DataFrame(columns=list(POINTS))


def of_runs(shown: Mapping[str, Example], measures: Sequence[str]) -> pd.DataFrame:
    """The scores of the runs in each panel, exact where they can be; those without a value are left out."""
    rows = []
    for panel, one in shown.items():
        about = {name: one.row[name] for name in RUNS if name in one.row}
        for measure in measures:
            name, value, exact = score(one.row, measure)
            if value == value:
                rows.append({"panel": panel, **about, "measure": name, "exact": exact, "value": value})
    return typed(pd.DataFrame(rows, columns=list(RUNS)))
