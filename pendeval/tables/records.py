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

The records were made by the authors' program with its own test images (protocol `original`: times up to 10, one image
of each pendulum) and its own recipe, so only runs of that protocol, data and recipe, stand beside them as like for
like. Runs of the protocol `paper` stand in columns of their own, `paper_law_…`, beside their own oracle.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from pendeval.measures.registry import PRIMARY
from pendeval.tables.condition import rows_of
from pendeval.tables.summary import complete

MEASURES = {"global_spearman": "global", "local_abs_spearman": "local_abs"}
"""Our measure → the prefix of its columns in records.csv."""
_THEIRS = ("train_eps_n", "train_eps_g", "crop_alpha_c", "test_eps_n", "test_eps_g")
RECORDS: dict[str, str] = {
    "family": "the authors' name of the experiment",
    "method": "contrastive or supervised",
    "dim": "outputs",
    **dict.fromkeys(_THEIRS, "of the record"),
    "view": "all images, or those with both bobs visible",
    "measure": "name of the measure, a column of runs.csv",
    "their_n": "runs",
    "their_mean": "mean over their runs",
    "their_sd": "standard deviation",
    "their_ci_low": "95 % t-interval of the mean",
    "their_ci_high": "its other end",
    **{
        f"{law}_{name}": f"{whose}: {what}"
        for law, whose in (("our", "runs of protocol original"), ("paper_law", "runs of protocol paper, another law"))
        for name, what in (
            ("n", "units"),
            ("mean", "mean"),
            ("sd", "standard deviation"),
            ("ci_low", "95 % t-interval of the mean"),
            ("ci_high", "its other end"),
            ("oracle", "mean of the oracle's"),
            ("source", "population or sample"),
        )
    },
    "status": "compared, other law (only runs of protocol paper), no runs, or not expressible",
    "reason": "why nothing stands beside it",
}
_CELLS = ("n", "mean", "sd", "ci_low", "ci_high", "oracle")


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
    """Rows of `RECORDS`, one per record and measure, from the frame of summary.csv (may be empty).

    Intervals are 95 % t-intervals of the mean.
    """
    known = _known(summary)
    rows = []
    for _, record in read().iterrows():
        match = expressed(record)
        for measure, prefix in MEASURES.items():
            row = _theirs(record, measure, prefix)
            rows.append(row | ({"status": "not expressible", "reason": match} if isinstance(match, str) else {}))
            if isinstance(match, Match):
                rows[-1] |= _ours(known, match, row)
    return pd.DataFrame(rows, columns=list(RECORDS))


def _known(summary: pd.DataFrame) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """What a record may speak of → our conditions that are it, each as measure → cells."""
    plain = summary["split"].eq("test") & summary["usual"].fillna(False).astype(bool)
    plain &= summary["full"].fillna(False).astype(bool) & summary["objective"].eq("")
    plain &= summary["protocol"].eq(summary["train_protocol"]) & summary["mean"].notna()
    known: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in rows_of(summary[plain]):
        # A recipe of either protocol may stand with data of protocol paper; like for like takes both as original.
        law = "our" if row["protocol"] == row["recipe_protocol"] == "original" else "paper_law"
        if law == "paper_law" and row["protocol"] != "paper":
            continue
        sides = (row["variant"], row["level"], row["train_variant"], row["train_level"])
        where = (*sides, law, row["method"], int(row["dim"]), row["view"])
        known.setdefault(where, {}).setdefault(row["condition"], {})[row["measure"]] = row
    return {where: list(conditions.values()) for where, conditions in known.items()}


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


def _theirs(record: pd.Series, measure: str, prefix: str) -> dict[str, Any]:
    n, mean, sd = int(record["runs"]), float(record[f"{prefix}_mean"]), float(record[f"{prefix}_sd"])
    half = float(special.stdtrit(n - 1, 0.975)) * sd / np.sqrt(n) if n > 1 else np.nan
    return {name: record[name] for name in ("family", "method", "dim", *_THEIRS)} | {
        "view": "visible" if record["visible_only"] else "all",
        "measure": measure,
        "their_n": n,
        "their_mean": mean,
        "their_sd": sd,
        "their_ci_low": mean - half,
        "their_ci_high": mean + half,
        "our_n": 0,
        "paper_law_n": 0,
    }


def _ours(known: dict[tuple[Any, ...], list[dict[str, Any]]], match: Match, row: dict[str, Any]) -> dict[str, Any]:
    """Our cells of a row, of either law; of several conditions, those of the one with most units."""
    cells: dict[str, Any] = {}
    where = (match.variant, match.level, match.train_variant, match.train_level)
    exact = PRIMARY[row["measure"]]
    for law in ("our", "paper_law"):
        found = []
        for condition in known.get((*where, law, row["method"], int(row["dim"]), row["view"]), []):
            whole = complete({name: cells["files"] for name, cells in condition.items()}, exact)
            if (measure := exact if whole else row["measure"]) in condition:
                found.append((condition[measure], "population" if whole else "sample"))
        if found:
            best, source = max(found, key=lambda one: one[0]["n"])
            cells |= {f"{law}_{name}": best[name] for name in _CELLS} | {f"{law}_source": source}
    if cells.get("our_n"):
        return cells | {"status": "compared", "reason": ""}
    if cells.get("paper_law_n"):
        return cells | {
            "status": "other law",
            "reason": "runs of protocol paper alone: other test images, other recipe",
        }
    reason = "no runs of the full recipe on data of protocol original"
    return cells | {"status": "no runs", "reason": reason}
