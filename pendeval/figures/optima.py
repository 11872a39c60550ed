"""Each way to learn: the oracle, the optimum of its loss, and what the trained network made of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material, Nothing
from pendeval.figures.near_one import stretch
from pendeval.figures.prefer import block, in_words, methods_first
from pendeval.figures.style import ORACLE, Legend, canvas_of, legend, look, plain
from pendeval.measures.registry import SAMPLED_OF
from pendeval.recipes import method_words

MEASURES = {"global_spearman": "global Spearman's ρ", "local_spearman": "local Spearman's ρ"}
MOST_LINES = 24
"""Ways to learn shown, those of the methods' own defaults first; all are in optima.csv."""
_SOURCES: dict[str, dict[str, Any]] = {
    "optimum": {"color": "black", "linestyle": "none", "marker": "|", "markersize": 13, "markeredgewidth": 1.8},
    "table": {"color": "0.45", "linestyle": "none", "marker": "|", "markersize": 13, "markeredgewidth": 1.8},
}
_NAMES = {"optimum": "optimum of the loss", "table": "best trained table"}
_COLUMNS = (
    *("panel", "condition", "data_words", "method", "objective", "schedule", "train_size", "dim", "measure", "exact"),
    *("oracle", "optimum", "optimum_from", "n", "unit", "mean", "sd", "ci_low", "ci_high"),
)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A line for each method, own settings, schedule and size of training data; global and local side by side."""
    rows = material.optima
    rows = rows[rows["usual"] & rows["own"] & rows["layer"].eq("")]
    rows = rows[rows["measure"].map(choose.asked).isin(list(MEASURES))]
    rows = rows[rows["mean"].notna() | rows["optimum"].notna()]
    told = rows[rows["optimum"].notna()]
    _, chosen = block(told, data_words="vanilla", dim=1.0, split="test", view="all", recipe_protocol="paper")
    rows, _ = block(rows, **chosen)
    if told.empty:
        raise Nothing("no scored optima of losses (encoder optimum, or table) on the paper's kind of data")
    keys = ["objective", "schedule", "train_size", "condition"]
    most = rows.assign(departs=rows["objective"].ne("")).sort_values(
        ["departs", "n"], ascending=[True, False], kind="stable"
    )
    kept = most["condition"].drop_duplicates()[:MOST_LINES]
    more = rows["condition"].nunique() - len(kept)
    rows = methods_first(rows[rows["condition"].isin(kept)], *keys)
    places = {condition: -place for place, condition in enumerate(dict.fromkeys(rows["condition"]))}
    shared = _shared(rows[rows["n"].gt(0)])
    labels = {row["condition"]: _label(row, shared) for _, row in rows.iterrows()}
    canvas = canvas_of(9.0, 1.5 + 0.3 * len(places))
    for axes, (measure, label) in zip(canvas.subplots(1, 2, sharey=True), MEASURES.items(), strict=True):
        mine = rows[rows["measure"].map(choose.asked).eq(measure)]
        _panel(axes, mine, places)
        axes.set(xlabel=label, ylim=(-len(places) + 0.4, 0.6))
    axes.set_yticks(list(places.values()), [plain(labels[condition]) for condition in places])
    axes.tick_params("y", length=0)
    others: list[Legend] = [("oracle", ORACLE)] if rows["oracle"].notna().any() else []
    others += [(_NAMES[name], how) for name, how in _SOURCES.items() if rows["optimum_from"].eq(name).any()]
    legend(canvas, rows.loc[rows["mean"].notna(), "method"], *others)
    rows = rows.assign(
        panel=rows["measure"].map(choose.asked).map(MEASURES), exact=rows["measure"].isin(list(SAMPLED_OF))
    )
    caption = _caption(rows, in_words(chosen), more) + words.precision(material.runs, rows["condition"])
    notes = [
        f"trained on {each} images" if "×" in each else each for each in sorted(shared - {choose.PAPER["train_size"]})
    ]
    return canvas, caption + words.departures({"": notes}), record.typed(rows.reindex(columns=list(_COLUMNS)))


def _panel(axes: Axes, rows: pd.DataFrame, places: Mapping[str, int]) -> None:
    for _, row in rows.iterrows():
        place = places[row["condition"]]
        axes.plot([row["oracle"]] * 2, [place - 0.42, place + 0.42], **ORACLE)
        if row["optimum_from"]:
            axes.plot([row["optimum"]], [place], **_SOURCES[row["optimum_from"]])
        reach = np.array([[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]])
        axes.errorbar([row["mean"]], [place], xerr=np.maximum(reach, 0.0), capsize=2.5, **look(row["method"]))
    axes.grid(axis="x")
    shown, ends = (
        rows[names].to_numpy(float).ravel() for names in (["oracle", "optimum", "mean"], ["ci_low", "ci_high"])
    )
    stretch(axes.xaxis, shown, ends)


def _shared(trained: pd.DataFrame) -> set[str]:
    """What holds for every line with a network, of schedule and size: said once, in the caption."""
    pairs = zip(trained["schedule"], trained["train_size"], strict=True)
    parts = [{*str(schedule).split(", "), str(size)} for schedule, size in pairs]
    return set.intersection(*parts) - {""} if parts else set()


def _label(row: "pd.Series[Any]", shared: set[str]) -> str:
    """A way to learn in words, without what all share; of an optimum by itself, without how it was found."""
    parts = [method_words(row["method"]), row["objective"]]
    if row["n"] > 0:
        parts += [part for part in row["schedule"].split(", ") if part not in shared]
        parts += [] if row["train_size"] in {*shared, choose.PAPER["train_size"]} else [f"{row['train_size']} images"]
    return _shortened(", ".join(part for part in parts if part))


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _caption(rows: pd.DataFrame, about: str, more: int) -> str:
    trained = rows[rows["mean"].notna()]
    networks = "No network was trained. "
    if len(trained):
        low, high = int(trained["n"].min()), int(trained["n"].max())
        n = f"{low}" if low == high else f"{low} to {high}"
        networks = f"Points: the trained network, mean over {n} {' or '.join(sorted(set(trained['unit'])))}"
        networks += f"{'s' if high > 1 else ''}. {words.BARS} "
    return (
        f"Spearman's ρ by way to learn on {about}: what the pixels allow (dotted), where the loss itself "
        "is least (black bar: of exact expectations; grey: the best free vectors that the training loop found where "
        "there is none), and what the network reached. From oracle to bar is the loss's doing, from bar to point the "
        f"network's and the optimiser's. {networks}"
        + words.basis({"both panels": bool(rows["exact"].all())})
        + " The axes stretch towards 1."
        + (f" {more} more are in optima.csv." if more else "")
    )
