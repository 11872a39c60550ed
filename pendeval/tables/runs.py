"""runs.csv: a row per source and view, every measure beside its oracle; segments.csv: a row per band of energy."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pendeval.files import Problem
from pendeval.measures.registry import MEASURES
from pendeval.scores import Record
from pendeval.tables.condition import CONDITION, SEEDS, identity, ordered, typed

_FILES = {
    "file": "the embeddings file, below the folder that was scored",
    "population_file": "the embeddings of every image that can occur",
    "digest": "SHA-256 of these files",
    "embedding_digest": "SHA-256 of the embeddings alone: equal for copies",
}


def _measured() -> dict[str, str]:
    columns = {}
    for name, one in MEASURES.items():
        columns[name] = one.meaning
        if one.interval:
            columns |= {f"{name}_{side}": f"{side} end of its 95 % bootstrap interval" for side in ("low", "high")}
        if one.oracle:
            columns[f"oracle_{name}"] = f"the same of E[energy | image]: {one.meaning}"
    return columns


RUNS: dict[str, str] = {
    **CONDITION,
    **SEEDS,
    "precision": "of the training's network: float32 or bfloat16; empty: not recorded",
    "images": "how many images were scored",
    "population_images": "how many different images can occur",
    "line": "what is ranked: the only output, its angle (cosine, d = 2), or a spectral embedding (d > 1)",
    **_measured(),
    "ceiling_rmse": "error of E[energy | image] itself on the images the regressions are scored on",
    "untied": "√(1 − Σ q³) over the shares q of equal embeddings; 1 where none are",
    "excess": "covariance of mid-ranks (global Spearman × untied) less the oracle's",
    "excess_se": "its paired bootstrap standard error",
    "rmse_excess": "ceiling_rmse less forest_rmse: positive is better than the ceiling",
    "rmse_excess_se": "its paired bootstrap standard error",
    "above_ceiling": "beyond 3 standard errors: an error in data or code; empty where it is not judged",
    "forests": "how the forests were grown",
    "forest_rmse_sd": "spread of forest_rmse over the forests",
    "blank_images": "images without any bob",
    "blank_embedding": "their mean on the line",
    "blank_expected": "mean, over the blank images' energies, of the line of visible images there",
    "blank_se": "bootstrap standard error of blank_embedding − blank_expected",
    "blank_scale": "standard deviation of the line over visible images",
    "vertical_correlations": "JSON list: each output's correlation with cos θ within pendulums",
    "missing": "JSON object: what a measure that is empty needs",
    **_FILES,
}
SEGMENTS: dict[str, str] = {
    **CONDITION,
    **SEEDS,
    "precision": RUNS["precision"],
    "kind": "segment (seven equal parts of [0, 1]), gap or visible (bands the training energies left out or covered)",
    "number": "of the band, from 1",
    "energy_low": "where it begins",
    "energy_high": "where it ends",
    "images": "how many images of it were scored",
    "spearman": "ρ within it, in the direction of the global sign",
    "spearman_low": "low end of its 95 % bootstrap interval",
    "spearman_high": "high end",
    "oracle_spearman": "the same of E[energy | image]",
    "density": "energy per unit of embedding between the quartiles (segments, d = 1)",
    "range_density": "the same between the extremes",
    "population_spearman": "ρ within it over every image that can occur",
    "oracle_population_spearman": "the same of E[energy | image]",
    "population_density": "density over every image that can occur",
    "population_range_density": "the same between the extremes",
    "population_mass": "probability of an energy in it",
    "missing": "why its ρ or density is empty",
    "file": _FILES["file"],
    "digest": _FILES["digest"],
}
SOURCE = ("file", "digest")
"""What tells the files of a report apart; a copy elsewhere has another `file`."""
_KIND = {"segment": 0, "gap": 1, "visible": 2}


def runs_and_segments(records: Sequence[Record]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frames of runs.csv and segments.csv."""
    rows, bands = [], []
    for record in records:
        files = {name: getattr(record, name) for name in _FILES}
        views = {}
        for row in record.views:
            views[row["view"]] = identity(record, row["view"])
            texts = {key: json.dumps(row[key]) for key in ("missing", "vertical_correlations") if key in row}
            rows.append(views[row["view"]] | row | texts | files)
        bands += [views[band["view"]] | band | files for band in record.bands]
    runs, segments = _frame(rows, RUNS), _frame(bands, SEGMENTS)
    for name in ("fractured", "population_fractured", "above_ceiling"):
        runs[name] = runs[name].astype("boolean")
    segments["order"] = segments["kind"].map(_KIND)
    segments = ordered(segments, ("file", "order", "number")).drop(columns="order")
    return ordered(runs, ("file", "digest")), segments


def _frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    for name in SEEDS:  # one that is missing would make floats of all, which hold 53 of their 64 bits
        frame[name] = pd.array([row.get(name) for row in rows], "Int64")
    return typed(frame)


def once(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Rows that count in statistics: each seed of each condition once; and those that claim a seed already taken.

    A copy of a file, or of a run under another name, is no further seed, nor is a run trained again in another
    precision: that counts which most runs of the condition have, of equally many float32. A file that claims to be the
    same seed of the same condition but holds other embeddings is a problem, and the first (by name) counts.
    """
    unique = _unique(runs)
    again = unique["seed"].notna() & unique.duplicated(["condition", *SEEDS])
    problems: dict[str, Problem] = {}
    for _, row in unique[again].iterrows():
        same = unique["condition"].eq(row["condition"])
        for name in SEEDS:
            same &= unique[name].eq(row[name]).fillna(False) | (unique[name].isna() & pd.isna(row[name]))
        first = unique.loc[same].iloc[0]
        if first["precision"] != row["precision"] and first["precision"] and row["precision"]:
            continue
        reason = f"claims to be the same seed of the same condition as {_name(first)}, but holds other embeddings"
        problems.setdefault(_name(row), Problem(Path(_name(row)), f"{reason}; left out"))
    return unique[~again].sort_index().reset_index(drop=True), list(problems.values())


def in_each_precision(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of `once`, and with `again` those of the same seeds in other precisions.

    What one precision has most runs of another condition may lack: whoever compares conditions pairs like with like.
    """
    unique = _unique(runs).copy()  # pandas asks for that before it takes another column
    seeded = unique["seed"].notna()
    rows = unique.assign(again=seeded & unique.duplicated(["condition", *SEEDS]))
    return rows[~(seeded & unique.duplicated(["condition", *SEEDS, "precision"]))].sort_index().reset_index(drop=True)


def _unique(runs: pd.DataFrame) -> pd.DataFrame:
    """Without copies; the precision that most runs of a condition have first."""
    whole = runs.sort_values("population_file", key=lambda files: files.eq(""), kind="stable")
    unique = whole.drop_duplicates(["condition", *SEEDS, "embedding_digest"]).sort_index()
    rank = unique[["condition", "precision"]].fillna({"precision": ""})
    alike = rank.groupby(["condition", "precision"])["precision"].transform("size")
    rank = pd.DataFrame({"fewer": -alike, "other": rank["precision"].ne("float32")})
    return unique.loc[rank.sort_values(["fewer", "other"], kind="stable").index]


def _name(row: Any) -> str:
    return str(row["file"] or row["population_file"])
