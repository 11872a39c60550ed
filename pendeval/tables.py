"""Scores → data frames, as `pendeval.columns` documents them.

Runs are grouped by what they are, never by what their folder is called: variant, parameters and protocol of the
data on both sides, size, split, label and view. Several seeds, of training or of data, are one group.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pendeval.cache import Scored
from pendeval.columns import (
    AGREEMENT,
    COMPARISONS,
    CONDITION,
    MEASURES,
    ORACLE,
    PAIRED,
    PROVENANCE,
    RUNS,
    SEGMENTS,
    SUMMARY,
)
from pendeval.measures.agreement import rank_agreement
from pendeval.published import PUBLISHED
from pendeval.runs import clean, read_run, shown
from pendeval.verdict import paired, t_interval

_NAMES = ("dataset", "train_dataset")
_SEEDS = ["seed", "data_seed", "train_data_seed"]
_ORDER = ("dataset", "split", "train_dataset", "label", *_SEEDS, "file", "view")
_LIKE_THE_PAPER = re.compile(r"d\d+(-epochs-\d+)?(-protocol-original)?")
"""Recipes the paper's figures may stand beside: its own objective, whatever the length of training."""


def runs_and_segments(scored: Iterable[Scored]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frames of runs.csv and segments.csv."""
    rows, bands = [], []
    for one in scored:
        name = _identity(one)
        for row in one.rows:
            texts = {key: json.dumps(row[key]) for key in ("missing", "vertical_correlations") if key in row}
            rows.append(name | row | texts)
        bands += [name | band for band in one.bands]
    runs, segments = pd.DataFrame(rows, columns=list(RUNS)), pd.DataFrame(bands, columns=list(SEGMENTS))
    return _ordered(runs, _ORDER), _ordered(segments, (*_ORDER, "kind", "number"))


def _identity(one: Scored) -> dict[str, Any]:
    """What a file is, from its attributes; defaults for files of other trainers."""
    held = one.attributes
    method, dim = str(held.get("train_method", "")), len(one.sample.embedding[0])
    label = str(held.get("train_label", shown(Path(one.path.stem))))
    sides = {
        column: str(held.get(f"{side}_{column.removeprefix('train_')}", ""))
        for side, columns in (("data", CONDITION[:4]), ("train", CONDITION[5:9]))
        for column in columns
    }
    sides |= {name: _canonical(sides[name]) for name in ("parameters", "train_parameters")}
    sides["dataset"] = str(held.get("data_name", "unnamed"))
    sides["train_dataset"] = str(held.get("train_name", ""))
    return sides | {
        "split": str(held.get("data_split", "test")),
        "label": label,
        "method": method,
        "dim": dim,
        "recipe": label.removeprefix(f"{method}-") if method else label,
        "data_seed": held.get("data_seed"),
        "train_data_seed": held.get("train_data_seed"),
        "seed": held.get("train_seed"),
        "pendulums": held["pendulums"],
        "images_per_pendulum": held["images_per_pendulum"],
        "file": shown(one.path),
        "digest": one.digest,
    }


def _canonical(parameters: str) -> str:
    return json.dumps(json.loads(parameters), sort_keys=True) if parameters else ""


def _ordered(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    for name in set(_SEEDS) & set(frame):
        frame[name] = frame[name].astype("Int64")
    return frame.sort_values([name for name in by if name in frame], ignore_index=True, na_position="first")


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """summary.csv: every measure over seeds, with its 95 % t-interval from two runs on.

    A copy of a file, or of a run under another name, is no further seed and counts once.
    """
    rows = []
    for group in _groups(_once(runs), CONDITION):
        first = _condition(group, CONDITION)
        for measure in MEASURES:
            values = group[measure].astype(float)
            if not values.notna().any():
                continue
            found = t_interval(np.asarray(values, np.float64))
            oracle = group[f"oracle_{measure}"].astype(float).mean() if measure in ORACLE else np.nan
            row = {"measure": measure, "n": found.n, "mean": found.mean, "sd": found.sd}
            row |= {
                "ci_low": found.low,
                "ci_high": found.high,
                "oracle": oracle,
                "published": _published(first, measure),
            }
            rows.append(first | row)
    return pd.DataFrame(rows, columns=list(SUMMARY))


def _once(runs: pd.DataFrame) -> pd.DataFrame:
    unique = runs.drop_duplicates(["digest", "view"])
    keys = [name for name in CONDITION if name not in _NAMES] + _SEEDS
    return unique[unique["seed"].isna() | ~unique.duplicated(keys)]


def _groups(runs: pd.DataFrame, condition: Sequence[str]) -> list[pd.DataFrame]:
    keys = [name for name in condition if name not in _NAMES]
    return [group for _, group in runs.groupby(keys, sort=False, dropna=False)]


def _condition(group: pd.DataFrame, condition: Sequence[str]) -> dict[str, Any]:
    """The condition of a group; names that differ within it are joined."""
    first = {name: group[name].iloc[0] for name in condition}
    return first | {name: " + ".join(sorted(set(group[name].astype(str)))) for name in _NAMES}


def _published(condition: Mapping[str, Any], measure: str) -> float:
    where = (condition[name] for name in ("variant", "split", "method", "dim"))
    same = condition["variant"] == condition["train_variant"] and _LIKE_THE_PAPER.fullmatch(condition["recipe"])
    return PUBLISHED.get((*where, measure), np.nan) if same and condition["view"] == "all" else np.nan


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """comparisons.csv: contrastive less supervised, paired by seed on the same data."""
    rows = []
    for group in _groups(runs, PAIRED):
        sides = {method: _by_seed(group, method) for method in ("contrastive", "supervised")}
        if any(side.empty for side in sides.values()):
            continue
        first = _condition(group, PAIRED)
        for measure in MEASURES:
            both = pd.concat([sides[method][measure] for method in sides], axis=1, join="inner")
            ours, theirs = both.to_numpy(np.float64).T
            found = paired(ours, theirs)
            if found.n:
                oracle = sides["contrastive"].loc[both.index, f"oracle_{measure}"] if measure in ORACLE else [np.nan]
                row = {"measure": measure, "n": found.n, "contrastive": found.mean_a, "supervised": found.mean_b}
                row |= {"difference": found.difference, "ci_low": found.low, "ci_high": found.high}
                row |= {"effect_size": found.effect_size, "p_value": found.p_value}
                row["oracle"] = float(np.mean(np.asarray(oracle, np.float64)))
                rows.append(first | row | {"test": "paired t-test, two-sided" if found.n > 1 else ""})
    return pd.DataFrame(rows, columns=list(COMPARISONS))


def _by_seed(group: pd.DataFrame, method: str) -> pd.DataFrame:
    """One row per seed of training and of the data on both sides: the first where files repeat."""
    side = group[group["method"].eq(method) & group["seed"].notna()]
    return side.drop_duplicates(_SEEDS).set_index(_SEEDS)


def agree(scored: Sequence[Scored], runs: pd.DataFrame) -> pd.DataFrame:
    """agreement.csv: whether encoders of other seeds, or of the other method, put the same images in the same order."""
    whole = runs[runs["view"].eq("all")]
    by_digest = {row["digest"]: row for _, row in whole.iterrows()}
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        groups.setdefault(one.attributes["labels"], []).append(one)
    found: dict[tuple[str, ...], list[float]] = {}
    for group in groups.values():
        unique = list({one.digest: one for one in group}.values())
        oracle = unique[0].sample.oracle  # the labels are equal, so it is everyone's
        lines = [one.sample.values for one in unique] + ([] if oracle is None else [oracle])
        agreement = rank_agreement(np.stack(lines))
        rows = [by_digest[one.digest] for one in unique]
        for i, j in zip(*np.triu_indices(len(lines), 1), strict=True):
            if j == len(unique):
                labels, pairing = (rows[i]["label"], "oracle"), "with the oracle"
            else:
                a, b = sorted((rows[i], rows[j]), key=lambda row: str(row["label"]))
                labels, pairing = (a["label"], b["label"]), _pairing(a, b)
            if pairing and np.isfinite(agreement[i, j]):
                where = tuple(str(rows[i][name]) for name in AGREEMENT[:5])
                found.setdefault((*where, *labels, pairing), []).append(float(agreement[i, j]))
    table = [(*key, len(v), float(np.mean(v)), min(v), max(v)) for key, v in sorted(found.items())]
    return pd.DataFrame(table, columns=list(AGREEMENT))


def _pairing(a: pd.Series, b: pd.Series) -> str:
    """Which comparison two runs make; none where they differ in more than one way."""
    if any(a[name] != b[name] for name in ("train_variant", "train_parameters", "train_protocol")):
        return ""
    if (
        pd.notna(a["train_data_seed"])
        and pd.notna(b["train_data_seed"])
        and a["train_data_seed"] != b["train_data_seed"]
    ):
        return ""
    if a["label"] == b["label"]:
        return "seed with seed"
    same_seed = pd.notna(a["seed"]) and pd.notna(b["seed"]) and a["seed"] == b["seed"]
    return "method with method" if a["recipe"] == b["recipe"] and same_seed else ""


def provenance(root: Path) -> pd.DataFrame:
    """provenance.csv: the settings and circumstances of every run below `root`, readable or not."""
    rows = []
    for path in sorted(root.rglob("run.json")) if root.is_dir() else []:
        try:
            held = read_run(path)
            data, place = held.get("dataset", {}), held.get("environment", {})
            row = {"label": held.get("label"), "dataset": data.get("name"), "data_digest": data.get("digest")}
            row |= {"seed": held["recipe"].get("seed"), "recipe": json.dumps(held["recipe"])}
            row |= {"device": place.get("device"), "precision": place.get("precision")}
            row |= {"packages": json.dumps(place.get("packages", {})), "status": held["status"]}
            row |= {"began": held.get("began"), "train_seconds": _seconds(held.get("train_seconds"))}
        except (ValueError, KeyError, AttributeError, TypeError):
            row = {"status": "unreadable"}
        texts = {name: clean(value, 10_000) for name, value in row.items() if isinstance(value, str)}
        rows.append(row | texts | {"run": shown(path.parent)})
    return pd.DataFrame(rows, columns=list(PROVENANCE))


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1e12 else np.nan


def main_table(summary: pd.DataFrame) -> str:
    """The summary as text: a line per condition, each score beside its ceiling and the paper's."""
    shown = summary[summary["measure"].isin(["global_spearman", "local_spearman", "representation_range"])]
    keys = list(CONDITION)
    names = {key: _shown_name(dict(zip(keys, key, strict=True))) for key in map(tuple, shown[keys].to_numpy())}
    wide = max([len(name) for name in names.values()] + [7])
    label = max([len(str(name)) for name in shown["label"]] + [5])
    lines = [f"{'dataset':<{wide}}  {'label':<{label}} {'seeds':>5}  {'global':>8} {'oracle':>8} {'paper':>8}"]
    lines[0] += f"  {'local':>7} {'oracle':>7} {'paper':>7}  {'range':>6}"
    for key, group in shown.groupby(keys, sort=False, dropna=False):
        by = group.set_index("measure").reindex(["global_spearman", "local_spearman", "representation_range"])
        whole, local, reach = (by.loc[m] for m in by.index)
        line = f"{names[tuple(key)]:<{wide}}  {group['label'].iloc[0]:<{label}} {int(group['n'].max()):>5}  "
        line += " ".join(_number(whole[c], 8, 5) for c in ("mean", "oracle", "published")) + "  "
        line += " ".join(_number(local[c], 7, 4) for c in ("mean", "oracle", "published"))
        lines.append(line + "  " + _number(reach["mean"], 6, 2))
    return "\n".join(lines)


def _shown_name(condition: Mapping[str, Any]) -> str:
    name = str(condition["dataset"])
    if condition["train_dataset"] not in ("", name):
        name += f" (trained on {condition['train_dataset']})"
    if condition["split"] != "test":
        name += f" ({condition['split']})"
    return name + (" (both bobs in view)" if condition["view"] == "visible" else "")


def _number(given: Any, width: int, digits: int) -> str:
    value = float(given)
    return f"{'–' if not np.isfinite(value) else f'{value:.{digits}f}':>{width}}"
