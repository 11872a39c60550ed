"""The authors' recorded results beside ours, condition by condition.

`records.csv` in this package holds the paper's authors' own recorded results: 1,250 runs, summarised as mean and
standard deviation over the runs of a condition, with the sign of Spearman's ρ removed. A row is a condition:

    family            the authors' name of the experiment: nnoise (numerical noise), inoise (graphical noise), gnoise
                      (both at once), crop, vnladim (number of outputs); extra, trange and twindow restrict the
                      energies or times of training
    train_*, test_*   what training and test images had: noise strengths, energies, times
    crop_alpha_c      α_c of cropping; 1 is none
    visible_only      scored only on images with both bobs in view
    runs, global_mean, global_sd, local_abs_mean, local_abs_sd
                      number of runs, and Spearman's ρ over all images and as mean |ρ| of seven energy segments
    density_seg1, density_seg4, density_seg7
                      density (energy per unit of embedding) in the first, middle and last segment

The records were made by the authors' program, so the protocol `original` is like for like with them; ours come from
the protocol `paper` where there are such runs.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from pendeval import columns
from pendeval.claims.rows import level_of

MEASURES = {"global_spearman": "global", "local_abs_spearman": "local_abs"}
"""Our measure → the prefix of its columns in records.csv."""
_RECIPES = {"paper": ("d{}",), "original": ("d{}-protocol-original", "d{}")}
"""The full recipe of the paper under either protocol of the data, in order of preference."""
_KEY = (
    *("variant", "level", "train_variant", "train_level", "protocol"),
    *("recipe", "method", "dim", "view", "measure"),
)
_OURS = ("our_n", "our_mean", "our_sd", "our_ci_low", "our_ci_high", "our_oracle")


Known = dict[tuple[Any, ...], tuple[Any, ...]]
"""What tells a condition of ours apart (_KEY) → its n, mean, sd and interval."""


@dataclass(frozen=True)
class Match:
    """The condition of ours that a record speaks of."""

    variant: str
    level: float
    train_variant: str
    train_level: float


def read() -> pd.DataFrame:
    """The table as it stands, one row per condition; its columns are described above."""
    with files("pendeval").joinpath("records.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def compare(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of columns.RECORDS, one per record and measure, from a frame with columns.SUMMARY (may be empty).

    Intervals are 95 % t-intervals of the mean. `status` is "compared", "no runs" (ours could be run) or "not
    expressible" (none of the six variants is that condition), with the reason.
    """
    ours = summary.reindex(columns=list(columns.SUMMARY)).reset_index(drop=True)
    for name, prefix in (("level", ""), ("train_level", "train_")):
        described = ours[[f"{prefix}variant", f"{prefix}parameters", f"{prefix}protocol"]]
        ours[name] = np.array([level_of(*row) for row in described.itertuples(index=False)], np.float64)
    ours = ours[(ours["split"] == "test") & (ours["protocol"] == ours["train_protocol"]) & ours["mean"].notna()]
    known: Known = {
        tuple(getattr(row, name) for name in _KEY): (row.n, row.mean, row.sd, row.ci_low, row.ci_high, row.oracle)
        for row in ours.sort_values("n", kind="stable").itertuples()
    }
    rows = []
    for _, record in read().iterrows():
        match = expressed(record)
        for measure, prefix in MEASURES.items():
            row = _theirs(record, measure, prefix)
            rows.append(row | ({"status": "not expressible", "reason": match} if isinstance(match, str) else {}))
            if isinstance(match, Match):
                rows[-1] |= _ours(known, match, row)
    return pd.DataFrame(rows, columns=list(columns.RECORDS))


def expressed(record: pd.Series) -> Match | str:
    """Our condition for a row of records.csv, or the reason why none of the six variants is that condition."""
    family = str(record["family"])
    if family == "extra":
        seen, scored = (
            f"{record[f'{when}_energy_min']:g} to {record[f'{when}_energy_max']:g}" for when in ("train", "test")
        )
        return f"training energies {seen}, test energies {scored}: beyond the six variants"
    if family in ("twindow", "trange"):
        column = "time_window" if family == "twindow" else "time_range"
        seen, scored = (record[f"{when}_{column}"] for when in ("train", "test"))
        return f"training times {seen}, test times {'all' if pd.isna(scored) else scored}: beyond the six variants"
    if family == "crop":
        alpha = round(float(record["crop_alpha_c"]), 9)
        return Match("cropping", alpha, "cropping", alpha) if alpha < 1 else Match("vanilla", 0.0, "vanilla", 0.0)
    name, variant = ("eps_g", "graphical-noise") if family == "inoise" else ("eps_n", "numerical-noise")
    train, test = (round(float(record[f"{when}_{name}"]), 9) for when in ("train", "test"))
    if train == test == 0:
        return Match("vanilla", 0.0, "vanilla", 0.0)
    if family == "gnoise":
        return f"numerical and graphical noise of strength {train:g} at once: no variant has both"
    if test == 0:
        return Match("vanilla", 0.0, variant, train)
    if test == train:
        return Match(variant, test, variant, train)
    return f"trained with noise {train:g}, scored with noise {test:g}: scored are only the same noise and none"


def _theirs(record: pd.Series, measure: str, prefix: str) -> dict[str, object]:
    n, mean, sd = int(record["runs"]), float(record[f"{prefix}_mean"]), float(record[f"{prefix}_sd"])
    half = float(student.ppf(0.975, n - 1)) * sd / np.sqrt(n) if n > 1 else np.nan
    shared = ("family", "method", "dim", "train_eps_n", "train_eps_g", "crop_alpha_c", "test_eps_n", "test_eps_g")
    return {name: record[name] for name in shared} | {
        "view": "visible" if record["visible_only"] else "all",
        "measure": measure,
        "their_n": n,
        "their_mean": mean,
        "their_sd": sd,
        "their_ci_low": mean - half,
        "their_ci_high": mean + half,
        **dict.fromkeys(_OURS, np.nan),
        "our_n": 0,
    }


def _ours(known: Known, match: Match, row: dict[str, object]) -> dict[str, object]:
    """Our cells of a row: of several datasets of one condition, the one with most runs."""
    condition = (match.variant, match.level, match.train_variant, match.train_level)
    tried = [(protocol, text.format(row["dim"])) for protocol, texts in _RECIPES.items() for text in texts]
    for protocol, recipe in tried:
        key = (*condition, protocol, recipe, *(row[name] for name in ("method", "dim", "view", "measure")))
        if key in known:
            reason = "" if protocol == "paper" else "ours: protocol original"
            return dict(zip(_OURS, known[key], strict=True)) | {"status": "compared", "reason": reason}
    return {"status": "no runs", "reason": f"no runs of the full recipe ({tried[0][1]})"}
