"""summary.csv: every measure of every condition, mean over replicates; and the table on screen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pendeval import reference
from pendeval.measures.registry import MEASURES, SAMPLED_OF
from pendeval.published import PUBLISHED
from pendeval.recipes import PAPER_ENCODERS, encoder_words
from pendeval.tables.condition import CONDITION, amount, grouped, numbers, ordered
from pendeval.tables.units import averaged, seeds_of
from pendeval.verdict import t_interval

SUMMARY: dict[str, str] = {
    **CONDITION,
    "measure": "name of the measure, a column of runs.csv",
    "n": "units: replicates, datasets, training seeds or files",
    "unit": "what counted as one: see pendeval/tables/units.py",
    "files": "files averaged; fewer than of another measure where some lack this one",
    "shared_test": "whether all were scored on the images of one test split: its noise is in the mean",
    "precision": "precision of the trainings",
    "mean": "mean over units",
    "sd": "standard deviation over units",
    "ci_low": "95 % t-interval of the mean",
    "ci_high": "its other end",
    "oracle": "mean of the oracle's",
    "published": "the paper's figure, where data and recipe are those it was measured with (protocol original)",
    "published_original_law": "the paper's figure for this variant, measured with other test images and another recipe",
    **reference.COLUMNS,
}


_HEADINGS = ("global", "local", "RMSE", "range")


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of summary.csv from rows of runs.csv that count once, the lab's own results left empty."""
    rows = []
    for cells, group in grouped(runs):
        seeds = seeds_of(group)
        for name, measure in MEASURES.items():
            if measure.truth or not np.isfinite(values := numbers(group[name])).any():
                continue
            held = averaged(values[:, None], seeds)
            found = t_interval(held.values[:, 0])
            oracle = numbers(group[f"oracle_{name}"]) if measure.oracle else np.array([])
            oracle = oracle[np.isfinite(oracle)]
            row = {
                "measure": name,
                "n": found.n,
                "unit": held.unit,
                "files": held.files,
                "shared_test": held.shared_test and not measure.exact,
            }
            row |= {"precision": " + ".join(sorted(set(group["precision"].fillna("").astype(str))))}
            row |= {"mean": found.mean, "sd": found.sd, "ci_low": found.low, "ci_high": found.high}
            row["oracle"] = float(oracle.mean()) if len(oracle) else np.nan
            rows.append(cells | row | _published(cells, name))
    return ordered(pd.DataFrame(rows, columns=list(SUMMARY)))


def _published(cells: Mapping[str, Any], measure: str) -> dict[str, float]:
    """The printed figure, beside its own law or in the column that says it is not."""
    where = (cells["variant"], cells["split"], cells["method"], int(cells["dim"]))
    value = PUBLISHED.get((*where, SAMPLED_OF.get(measure, measure)), np.nan)
    fits = bool(cells["own"] is not pd.NA and cells["own"]) and cells["view"] == "all" and not cells["objective"]
    fits = fits and bool(cells["usual"]) and cells["encoder"] in PAPER_ENCODERS and not cells["layer"]
    like = fits and cells["protocol"] == cells["recipe_protocol"] == "original" and bool(cells["full"])
    return {"published": value if like else np.nan, "published_original_law": value if fits and not like else np.nan}


def complete(files: Mapping[str, int], measure: str) -> bool:
    """Whether an exact measure was taken of every file of a condition, given the number of files by measure."""
    return files.get(measure, 0) == max(files.values(), default=0)


def main_table(summary: pd.DataFrame) -> str:
    """The summary as text: a line per condition, each score beside its ceiling; exact scores where there are any.

    Scores that fewer runs have than others, since some outputs are constant, say of how many they are the mean.
    """
    lines: list[tuple[str, ...]] = [
        ("data", "encoder", "n", *(word for each in _HEADINGS[:3] for word in (each, "oracle")), _HEADINGS[3], "")
    ]
    for cells, group in grouped(summary):
        by = group.set_index("measure")
        exact = complete({str(name): int(files) for name, files in by["files"].items()}, "population_global")
        names = ("population_global", "population_local", "population_rmse", "population_range")
        if not exact:
            names = ("global_spearman", "local_spearman", "monotone_rmse", "representation_range")
        held = by.reindex(list(names))
        most = int(np.nanmax(numbers(by["n"])))
        texts = [_words(cells), _encoder(cells), str(most)]
        fewer = [f"{heading} of {int(n)}" for heading, n in zip(_HEADINGS, held["n"], strict=True) if 0 < n < most]
        for name, digits in zip(names, (5, 4, 4, 2), strict=True):
            texts.append(_number(held.loc[name, "mean"], digits))
            if digits != 2:
                texts.append(_number(held.loc[name, "oracle"], digits))
        lines.append((*texts, ", ".join([*([] if exact else ["sampled"]), *fewer])))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if k < 2 else text.rjust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _words(cells: Mapping[str, Any]) -> str:
    parts = [str(cells["data_words"])]
    parts += [f"trained on {cells['train_words']}"] if cells["train_words"] else []
    parts += [f"{cells['split']} split"] if cells["split"] != "test" else []
    parts += ["both bobs in view"] if cells["view"] == "visible" else []
    return "; ".join(parts)


def _encoder(cells: Mapping[str, Any]) -> str:
    parts = [encoder_words(*(cells[name] for name in ("method", "label", "dim", "layer", "recipe")))]
    parts += [cells["objective"], cells["schedule"], amount(cells)]
    parts += ["original recipe"] if cells["recipe_protocol"] == "original" else []
    return ", ".join(str(part) for part in parts if part)


def _number(given: Any, digits: int) -> str:
    value = float(given)
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"
