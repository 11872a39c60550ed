"""Embeddings → data frames. The names of every column are documented here.

runs.csv, a row per embeddings file
    dataset, variant, parameters, protocol, data_seed, split    what was embedded
    train_dataset, label, method, dim, seed                     what the encoder was
    pendulums, images                                           how much was embedded
    global_spearman         |ρ| of embedding and energy over all images
    local_spearman          mean over seven energy segments of ρ, in the direction of the global sign
    local_abs_spearman      mean of |ρ| instead, as the paper plotted
    representation_range    largest minus smallest embedding
    oracle_<measure>        the same measure of E[energy | image]: a ceiling for the global Spearman, a
                            reference for the local one
    excess, excess_se       global Spearman less the oracle's, and its standard error
    above_ceiling           excess > 3 · excess_se: an error in data or code (empty where not judged)
    file                    the embeddings file
  Measures of a one-dimensional embedding are empty for dim > 1.
segments.csv, a row per embeddings file and energy segment
    dataset, split, label, seed, segment (from 1), energy_low, energy_high, images, spearman,
    oracle_spearman, density, range_density, file
summary.csv, a row per dataset × split × label × measure, over seeds
    dataset, split, label, method, dim, measure, n, mean, sd, ci_low, ci_high (95 % t-interval of the mean),
    oracle, published
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from pendeval.ceiling import excess
from pendeval.density import quartile_densities, range_densities, representation_range
from pendeval.published import PUBLISHED
from pendeval.runs import Embeddings
from pendeval.spearman import SEGMENTS, edges, local_spearmans, segment_of, spearman

MEASURES = ("global_spearman", "local_spearman", "local_abs_spearman", "representation_range")
RUNS = (
    *("dataset", "variant", "parameters", "protocol", "data_seed", "split"),
    *("train_dataset", "label", "method", "dim", "seed", "pendulums", "images"),
    *MEASURES,
    *(f"oracle_{measure}" for measure in MEASURES[:3]),
    *("excess", "excess_se", "above_ceiling", "file"),
)
SEGMENT_COLUMNS = (
    *("dataset", "split", "label", "seed", "segment", "energy_low", "energy_high", "images"),
    *("spearman", "oracle_spearman", "density", "range_density", "file"),
)
SUMMARY = (
    *("dataset", "split", "label", "method", "dim", "measure"),
    *("n", "mean", "sd", "ci_low", "ci_high", "oracle", "published"),
)


def score(embeddings: Embeddings) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of runs.csv and the rows of segments.csv of one embeddings file."""
    e = embeddings
    row: dict[str, Any] = {
        "dataset": e.text("data_name", "unnamed"),
        "variant": e.text("data_variant"),
        "parameters": e.text("data_parameters"),
        "protocol": e.text("data_protocol"),
        "data_seed": e.attributes.get("data_seed"),
        "split": e.text("data_split", "test"),
        "train_dataset": e.text("train_name"),
        "label": e.text("train_label", e.path.stem),
        "method": e.text("train_method"),
        "dim": e.embedding.shape[2],
        "seed": e.attributes.get("train_seed"),
        "pendulums": e.embedding.shape[0],
        "images": e.images,
        "file": str(e.path),
    }
    energy = e.per_image(e.energy)
    oracle = e.per_image(e.energy_given_image) if e.energy_given_image is not None else None
    columns: dict[str, Any] = {"images": np.bincount(segment_of(energy), minlength=SEGMENTS)}
    if oracle is not None:
        row |= {f"oracle_{name}": value for name, value in _spearmans(oracle, energy, columns, "oracle_spearman")}
    if e.embedding.shape[2] == 1:
        values = e.per_image(e.embedding[:, :, 0])
        row |= _spearmans(values, energy, columns, "spearman")
        row["representation_range"] = representation_range(values)
        columns["density"] = quartile_densities(values, energy)
        columns["range_density"] = range_densities(values, energy)
        if oracle is not None and _uniform(e):
            pendulum = np.repeat(np.arange(len(e.energy)), e.images)
            row["excess"], row["excess_se"] = excess(values, oracle, energy, pendulum)
            row["above_ceiling"] = bool(row["excess"] > 3 * row["excess_se"])
    borders = edges()
    shared = {name: row[name] for name in ("dataset", "split", "label", "seed", "file")}
    segments = [
        {**shared, "segment": k + 1, "energy_low": borders[k], "energy_high": borders[k + 1]}
        | {name: values[k] for name, values in columns.items()}
        for k in range(SEGMENTS)
    ]
    return row, segments


def _spearmans(values: Any, energy: Any, columns: dict[str, Any], column: str) -> Iterable[tuple[str, float]]:
    local = columns[column] = local_spearmans(values, energy)
    defined = local[np.isfinite(local)]
    means = (defined.mean(), np.abs(defined).mean()) if len(defined) else (np.nan, np.nan)
    return zip(MEASURES[:3], (abs(spearman(values, energy)), *means), strict=True)


def _uniform(embeddings: Embeddings) -> bool:
    """Whether the energies are uniform on [0, 1], the only case in which the oracle is a ceiling."""
    law, bands = embeddings.text("data_energy_law"), embeddings.text("data_energy_bands").replace(" ", "")
    return law in ("uniform", "linspace") and bands == "[[0.0,1.0]]"


def tabulate(scored: Iterable[tuple[dict[str, Any], list[dict[str, Any]]]]) -> dict[str, pd.DataFrame]:
    """Frames `runs`, `segments` and `summary` from what `score` returned for each file."""
    rows, segments = [], []
    for row, parts in scored:
        rows.append(row)
        segments += parts
    order = ["dataset", "split", "label", "seed", "file"]
    runs = pd.DataFrame(rows, columns=list(RUNS)).sort_values(order, ignore_index=True)
    frame = pd.DataFrame(segments, columns=list(SEGMENT_COLUMNS)).sort_values([*order, "segment"], ignore_index=True)
    return {"runs": runs, "segments": frame, "summary": summarise(runs)}


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds of every measure, with a 95 % t-interval where there are two seeds or more."""
    rows = []
    for key, group in runs.groupby(["dataset", "split", "label", "method", "dim"], sort=True, dropna=False):
        for measure in MEASURES:
            values = group[measure].dropna().astype(float)
            n, mean = len(values), values.mean()
            sd = values.std() if n > 1 else np.nan
            half = student.ppf(0.975, n - 1) * sd / np.sqrt(n) if n > 1 else np.nan
            oracle = group[f"oracle_{measure}"].astype(float).mean() if f"oracle_{measure}" in group else np.nan
            condition = (
                str(group["variant"].iloc[0]),
                str(group["method"].iloc[0]),
                int(group["dim"].iloc[0]),
                measure,
            )
            numbers = (n, mean, sd, mean - half, mean + half, oracle, PUBLISHED.get(condition, np.nan))
            rows.append((*key, measure, *numbers))
    return pd.DataFrame(rows, columns=list(SUMMARY))


def main_table(summary: pd.DataFrame) -> str:
    """The summary as text: a line per dataset and label, each score beside its ceiling and the paper's."""
    lines = [f"{'dataset':<22} {'label':<28} {'seeds':>5}  {'global':>8} {'oracle':>8} {'paper':>8}"]
    lines[0] += f"  {'local':>7} {'oracle':>7} {'paper':>7}  {'range':>6}"
    for (dataset, split, label), group in summary.groupby(["dataset", "split", "label"], sort=True):
        by = group.set_index("measure")
        whole, local, reach = (by.loc[m] for m in ("global_spearman", "local_spearman", "representation_range"))
        shown = dataset if split == "test" else f"{dataset} ({split})"
        line = f"{shown:<22} {label:<28} {whole['n']:>5}  "
        line += " ".join(_number(whole[c], 8, 5) for c in ("mean", "oracle", "published")) + "  "
        line += " ".join(_number(local[c], 7, 4) for c in ("mean", "oracle", "published"))
        lines.append(line + "  " + _number(reach["mean"], 6, 2))
    return "\n".join(lines)


def _number(given: Any, width: int, digits: int) -> str:
    value = float(given)
    return f"{'–' if not np.isfinite(value) else f'{value:.{digits}f}':>{width}}"
