"""How many pendulums training needs: scores against their number, all else equal, images seen among it."""

import json
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.near_one import stretch
from pendeval.figures.prefer import block, in_words
from pendeval.figures.style import ORACLE, canvas_of, legend, oracle_curve, series

MEASURES = {
    "global_spearman": "global Spearman's ρ",
    "local_spearman": "local Spearman's ρ",
    "monotone_rmse": "monotone RMSE",
}
_COLUMNS = (
    *("panel", "condition", "data_words", "method", "dim", "train_pendulums", "train_images", "epochs", "pairs_seen"),
    *("measure", "exact", "n", "unit", "mean", "sd", "ci_low", "ci_high", "oracle"),
)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A panel a measure; a line for each of the paper's methods."""
    rows = material.summary
    rows = rows[choose.usual(rows) & rows["own"] & rows["method"].isin(choose.METHODS) & rows["objective"].eq("")]
    rows, chosen = block(
        rows, data_words="vanilla", dim=1.0, split="test", view="all", protocol="paper", recipe_protocol="paper"
    )
    epochs = pd.to_numeric(rows["recipe"].map(_epochs), errors="coerce").astype(float)
    rows = _one_training(rows.assign(epochs=epochs))
    if rows.empty:
        there = list(material.summary["variant"].unique())
        what = "runs on several numbers of pendulums, equal in all else and in pairs of images seen"
        raise choose.absent(what, material.summary, there)
    points = choose.points(rows, list(MEASURES), "train_pendulums")
    there = [measure for measure in MEASURES if points["asked"].eq(measure).any()]
    canvas = canvas_of(0.8 + 2.8 * len(there), 3.6)
    oracle = False
    for axes, measure in zip(canvas.subplots(1, len(there), squeeze=False)[0], there, strict=True):
        mine = points[points["asked"].eq(measure)]
        for method, line in mine.groupby("method"):
            series(axes, line["train_pendulums"].to_numpy(float), line, str(method))
        oracle |= oracle_curve(axes, mine, "train_pendulums")
        axes.set_xscale("log")
        numbers = sorted(mine["train_pendulums"].unique())
        axes.set_xticks(numbers, [f"{number:.0f}" for number in numbers])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
        axes.set(xlabel="pendulums trained on", ylabel=MEASURES[measure])
        if measure != "monotone_rmse":
            shown, ends = (mine[names].to_numpy(float).ravel() for names in (["oracle", "mean"], ["ci_low", "ci_high"]))
            stretch(axes.yaxis, shown, ends)
    legend(canvas, points["method"].unique(), *([("oracle", ORACLE)] if oracle else []))
    points = points.assign(panel=points["asked"].map(MEASURES))
    each = " or ".join(f"{number:g}" for number in sorted(points["train_images"].unique()))
    caption = (
        f"Scores against the number of pendulums trained on, {each} images of each, on {in_words(chosen)}; every "
        f"encoder saw {points['pairs_seen'].iloc[0]:,.0f} pairs of images, those of fewer pendulums the oftener. Mean "
        f"over {words.counted(points.assign(shared_test=False))}. Dotted: the oracle. "
        + words.basis({MEASURES[name]: bool(points.loc[points["asked"].eq(name), "exact"].all()) for name in there})
        + f" {words.BARS} Axes of ρ stretch towards 1."
        + words.precision(material.runs, points["condition"])
        + words.departures({"": [rows["rest"].iloc[0]] if rows["rest"].iloc[0] else []})
    )
    return canvas, caption, record.typed(points.reindex(columns=list(_COLUMNS)))


def _epochs(recipe: str) -> Any:
    return json.loads(recipe or "{}").get("epochs")


def _one_training(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one schedule, its epochs aside, and of equally many pairs of images seen, an epoch one a pendulum.

    Of several kinds the one with most numbers of pendulums; none where it has but one. Adds `pairs_seen` and `rest`,
    what of the schedule departs beside the epochs.
    """
    seen = rows["epochs"] * rows["train_pendulums"]
    rest = rows["schedule"].map(lambda text: ", ".join(p for p in text.split(", ") if not p.startswith("epochs ")))
    rows = rows.assign(pairs_seen=seen, rest=rest)
    kinds = rows.groupby(["rest", "pairs_seen"]).agg(
        numbers=("train_pendulums", "nunique"), methods=("method", "nunique"), runs=("n", "sum")
    )
    kinds = kinds[kinds["numbers"].ge(2)].sort_values(["methods", "numbers", "runs"], ascending=False, kind="stable")
    if kinds.empty:
        return rows[:0]
    (rest, seen), *_ = kinds.index
    return rows[rows["rest"].eq(rest) & rows["pairs_seen"].eq(seen)]
