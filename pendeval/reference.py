"""What the lab's own runs reached, beside which a report puts the runs it is given.

`reference.csv` holds rows of summary.csv over the scores kept in `data/results`; `uv run poe reference` makes it anew,
a test holds it to them. A row belongs to those of the same condition: equal in all but the seeds.
"""

from collections.abc import Sequence
from importlib.resources import files

import pandas as pd

HELD = ("n", "mean", "ci_low", "ci_high", "precision")
COLUMNS: dict[str, str] = {
    "reference_n": "units behind the lab's own runs of this condition; empty where it has none",
    "reference_mean": "their mean",
    "reference_ci_low": "its 95 % t-interval",
    "reference_ci_high": "its other end",
    "reference_precision": "precision of their trainings",
}
"""Columns of summary.csv that `beside` fills."""
_KEYS = ["condition", "measure"]


def beside(summary: pd.DataFrame) -> pd.DataFrame:
    """The frame of summary.csv with the lab's own results in the rows of the same condition and measure."""
    with (files("pendeval") / "reference.csv").open(encoding="utf-8") as file:
        kept = pd.read_csv(file, dtype={"condition": str})
    kept = kept.rename(columns={name: f"reference_{name}" for name in HELD})
    bare = summary.drop(columns=list(COLUMNS))
    return bare.merge(kept, "left", _KEYS, validate="m:1").set_axis(summary.index)[list(summary.columns)]


def rows(summaries: Sequence[pd.DataFrame], measures: Sequence[str]) -> pd.DataFrame:
    """The rows of `reference.csv` from frames of summary.csv: of a condition the one over most runs.

    Only of networks scored on all images of their own kind of data.
    """
    every = pd.concat(summaries, ignore_index=True)
    network = every["encoder"].eq("resnet18") & every["layer"].eq("") & every["view"].eq("all")
    every = every[network & every["own"].fillna(False) & every["measure"].isin(measures)]
    every = every.sort_values("n", ascending=False, kind="stable").drop_duplicates(_KEYS)
    return every[[*_KEYS, *HELD]].sort_values(_KEYS, ignore_index=True)
