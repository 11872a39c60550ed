"""Which rows of the tables a figure shows.

Everything is chosen by the condition columns of the tables (`own`, `usual`, `knob`, `level`, `objective`, `schedule`,
…), nothing by a name. A figure shows encoders scored on the data they were trained on (the clean test images of
Fig. 5 aside), all else as in the paper: runs of other image or bob sizes, times or energies, or of unknown settings,
tables of free vectors and inner layers never stand among them (`usual`). Within that it shows one split, view,
protocol, schedule and size of training data: the paper's, or where fewer methods have that than another, the best
filled (of equals the first by name, as claims have it), which its caption then names.

Exact scores (of the population) stand where every row drawn together has them, else the sampled ones of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pendeval.figures.material import Nothing
from pendeval.measures.registry import PRIMARY, SAMPLED_OF
from pendeval.recipes import PAPER_ENCODERS
from pendeval.sample import Sample

METHODS = ("contrastive", "supervised")
Setting = Mapping[str, str]
PAPER = {"split": "test", "view": "all", "protocol": "paper", "schedule": "", "train_size": "5120 × 20"}


@dataclass(frozen=True)
class Example:
    """One run that a figure shows, its thinned embedding, and words about it."""

    row: pd.Series
    sample: Sample
    words: str


def usual(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Rows about outputs of the paper's network on the paper's kind of data."""
    return frame["usual"] & frame["encoder"].isin(PAPER_ENCODERS) & frame["layer"].eq("")


def own(frame: pd.DataFrame, variant: str, dim: int, objective: str = "") -> pd.DataFrame:
    """Usual rows about encoders scored on the variant they were trained on, by outputs and objective."""
    return frame[usual(frame) & frame["own"] & _about(frame, variant, dim, objective)]


def _about(frame: pd.DataFrame, variant: str, dim: int, objective: str = "") -> "pd.Series[bool]":
    asked: pd.Series[bool] = frame["variant"].eq(variant) & frame["dim"].eq(dim) & frame["method"].isin(METHODS)
    return asked & frame["objective"].eq(objective)


def absent(what: str, frame: pd.DataFrame, variants: Sequence[str]) -> Nothing:
    """That there are no `what`; and, where rows of the variants were passed over, which, and what is needed."""
    other = frame[frame["variant"].isin(variants) & ~usual(frame)]
    if other.empty:
        return Nothing(f"no {what}")
    words = other["data_words"] + other["train_words"].map(lambda side: side and f" after {side}")
    words += other["encoder"].map(lambda encoder: "" if encoder in PAPER_ENCODERS else f" by encoder {encoder}")
    names = list(dict.fromkeys(words + other["layer"].map(lambda layer: layer and f" ({layer})")))
    few = "; ".join(names[:3]) + ("; …" if len(names) > 3 else "")
    needs = "in the paper's sizes, times and energies and of its network, which it needs"
    return Nothing(f"no {what} {needs}; others are not drawn: {few}")


def narrow(rows: pd.DataFrame, protocol: str = "paper") -> tuple[pd.DataFrame, Setting, list[str]]:
    """Rows of one split, view, protocol, schedule and size of training data; the setting; and what departs in it."""
    setting: dict[str, str] = {}
    departs: list[str] = []
    for column, wanted in (PAPER | {"protocol": protocol}).items():
        rows = _one(rows, column, wanted, setting, departs)
        if column == "protocol":  # a recipe is expected to be of the protocol of its data
            rows = _one(rows, "recipe_protocol", setting["protocol"], setting, departs)
    return rows, setting, departs


def _one(rows: pd.DataFrame, column: str, wanted: str, setting: dict[str, str], departs: list[str]) -> pd.DataFrame:
    methods = rows.groupby(column)["method"].nunique()
    if len(rows) and methods.get(wanted, 0) < methods.max():
        runs = rows["n"] if "n" in rows else pd.Series(1, rows.index)
        rank = rows.assign(runs=runs).groupby(column).agg(methods=("method", "nunique"), runs=("runs", "sum"))
        wanted = str(rank.sort_values(["methods", "runs"], ascending=False, kind="stable").index[0])
        departs.append(departure(column, wanted))
    setting[column] = wanted
    return rows[rows[column].eq(wanted)]


def departure(column: str, value: str) -> str:
    """What is not the paper's, in words, where a column has this value."""
    return {
        "split": f"images of the {value} split",
        "view": f"view {value}",
        "protocol": f"protocol {value or 'unknown'}",
        "recipe_protocol": f"recipe of the {value} protocol" if value else "recipe unknown",
        "schedule": value or "the whole schedule",
        "train_size": f"trained on {value} images",
    }[column]


def asked(measure: str) -> str:
    """The sampled name of a measure, by which figures ask for it."""
    return SAMPLED_OF.get(measure, measure)


def like(rows: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The rows of exactly a setting that `narrow` found."""
    for column, value in setting.items():
        rows = rows[rows[column].eq(value)]
    return rows


def points(rows: pd.DataFrame, measures: Sequence[str], *keys: str) -> pd.DataFrame:
    """Rows of summary.csv to draw: one condition for each method and `keys`, sorted by them.

    Of several conditions (sizes of test splits) the one with most replicates. `asked` is the sampled name of the
    measure, `measure` the one drawn, `exact` whether that is a population's: for all rows and measures, or none.
    """
    names = [name for measure in measures for name in (measure, PRIMARY.get(measure, measure))]
    rows = rows[rows["measure"].isin(names) & rows["mean"].notna()]
    most = rows.groupby("condition")["n"].max()
    ranked = rows.assign(most=rows["condition"].map(most)).sort_values(["most", "condition"], ascending=[False, True])
    chosen = ranked.drop_duplicates(["method", *keys])["condition"]
    rows = rows[rows["condition"].isin(chosen)]
    exact = _exact(rows, measures)
    drawn = {measure: PRIMARY[measure] if exact else measure for measure in measures}
    parts = [rows[rows["measure"].eq(name)].assign(asked=asked, exact=exact) for asked, name in drawn.items()]
    return pd.concat(parts).sort_values([*keys, "method", "asked"], ignore_index=True)


def _exact(rows: pd.DataFrame, measures: Sequence[str]) -> bool:
    """Whether every replicate behind the rows has exact scores of all measures."""
    counts = rows.pivot_table(index="condition", columns="measure", values="n", aggfunc="max")
    for measure in measures:
        sampled, exact = (counts.get(name, pd.Series(0.0, counts.index)).fillna(0.0) for name in _names(measure))
        if not (exact.ge(sampled).all() and exact.gt(0).any()):
            return False
    return True


def _names(measure: str) -> tuple[str, str]:
    return measure, PRIMARY.get(measure, "")


def encoder(rows: pd.DataFrame) -> "pd.Series[str]":
    """Which rows are of one encoder, scored on several test splits: equal texts; rows without seeds stand alone."""
    names = rows["condition"] + " " + rows["train_data_seed"].astype(str) + " " + rows["seed"].astype(str)
    return names.where(rows["seed"].notna() & rows["train_data_seed"].notna(), rows["digest"])


def every_exact(rows: pd.DataFrame, exact: Sequence[str]) -> bool:
    """Whether every row has a value in each of the exact columns; False for no rows."""
    held = all(name in rows and rows[name].notna().all() and rows[name].ne("").all() for name in exact)
    return held and len(rows) > 0


def example(rows: pd.DataFrame, samples: Mapping[str, Sample]) -> Example | None:
    """The preferred run with a sample that shows something, lowest seeds first; None where there is none."""
    shown = [digest for digest in rows["digest"] if digest in samples and np.isfinite(samples[digest].values).any()]
    rows, _, departs = narrow(rows[rows["digest"].isin(shown)])
    if rows.empty:
        return None
    row = rows.sort_values(["method", "train_data_seed", "seed", "digest"]).iloc[0]
    seed = "" if np.isnan(row["seed"]) else f", seed {row['seed']:.0f}"
    seed += f" on training data {row['train_data_seed']:.0f}" if row["train_data_seed"] > 0 else ""
    note = f" (not the paper's full setting: {'; '.join(departs)})" if departs else ""
    return Example(row, samples[str(row["digest"])], f"{row['label']}{seed}{note}")


def score(row: pd.Series, measure: str) -> tuple[str, float, bool]:
    """A run's score: the name of the measure, its value, and whether it is exact; exact where it can be."""
    for name, exact in ((PRIMARY.get(measure, measure), True), (measure, False)):
        value = float(row.get(name, np.nan))
        if not np.isnan(value):
            return name, value, exact and name != measure
    return measure, np.nan, False
