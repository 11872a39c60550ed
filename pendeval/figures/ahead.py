"""Who is ahead: contrastive less supervised training on each kind of data, beside what either lacks to the oracle."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pendeval.claims.scores import MARGINS
from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.prefer import block
from pendeval.figures.style import METHOD, PRINTED, PRINTED_ELSEWHERE, Legend, canvas_of, legend, plain
from pendeval.measures.registry import SAMPLED_OF
from pendeval.settings import VARIANTS
from pendeval.tables.comparisons import of_paper

MEASURES = {"global_spearman": "global Spearman's ρ", "local_spearman": "local Spearman's ρ"}
MOST_LINES = 24
"""Kinds of data shown, in the order of the paper; all are in comparisons.csv."""
_PAPER = {name: value for name, value in choose.PAPER.items() if name != "schedule"} | {"recipe_protocol": "paper"}
_LEVEL: dict[str, Any] = {"color": "0.93", "linewidth": 0}
_LACKING: dict[str, Any] = {"color": "0.78", "linewidth": 4.5, "solid_capstyle": "butt"}
_OPEN: dict[str, Any] = {"color": "0.35", "linestyle": "-", "marker": "D", "markersize": 3.5}
_COLUMNS = (
    *("panel", "condition_a", "condition_b", "data_words", "level", "schedule", "train_size", "dim", "measure"),
    *("exact", "n", "unit", "mean_a", "mean_b", "oracle", "difference", "ci_low", "ci_high"),
    *("published", "published_original_law"),
)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A line for each kind of data; the differences in global and in local score side by side."""
    rows, departs = _rows(material)
    names = list(dict.fromkeys(rows["data_words"]))
    more = len(names) - len(names[:MOST_LINES])
    rows = rows[rows["data_words"].isin(names[:MOST_LINES])]
    places = {name: -place for place, name in enumerate(names[:MOST_LINES])}
    canvas = canvas_of(9.0, 1.7 + 0.3 * len(places))
    for axes, (measure, label) in zip(canvas.subplots(1, 2, sharey=True), MEASURES.items(), strict=True):
        mine = rows[rows["asked"].eq(measure)]
        _panel(axes, mine, places, MARGINS[measure])
        axes.set(xlabel=f"contrastive less supervised, {label}", ylim=(-len(places) + 0.4, 0.6))
    axes.set_yticks(list(places.values()), [plain(name) for name in places])
    axes.tick_params("y", length=0)
    legend(canvas, (), *_legend(rows))
    return canvas, _caption(rows, departs, more, material), record.typed(rows.reindex(columns=list(_COLUMNS)))


def _rows(material: Material) -> tuple[pd.DataFrame, list[str]]:
    """One comparison for each kind of data and score, of most pairs, exact first; of one schedule, and what that is."""
    every = material.comparisons
    every = every[choose.usual(every) & every["own"] & every["measure"].map(choose.asked).isin(list(MEASURES))]
    every = every[every.apply(of_paper, axis=1).astype(bool)] if len(every) else every
    rows, chosen = block(every, dim=1.0, **_PAPER)
    if rows.empty:
        what = "runs of both methods with one output, on the same data and seeds"
        raise choose.absent(what, material.summary, list(material.summary["variant"].unique()))
    kinds = rows.groupby("schedule").agg(data=("data_words", "nunique"), pairs=("n", "sum"))
    schedule = str(kinds.sort_values(["data", "pairs"], ascending=False, kind="stable").index[0])
    rows = rows[rows["schedule"].eq(schedule)]
    asked = rows["measure"].map(choose.asked)
    rows = rows.assign(asked=asked, panel=asked.map(MEASURES), exact=rows["measure"].isin(list(SAMPLED_OF)))
    rows = rows.merge(_printed(material.summary), how="left", on=["condition_a", "condition_b", "measure"])
    rows = rows.assign(place=rows["variant"].map({name: place for place, name in enumerate(VARIANTS)}))
    order = ["place", "level", "data_words", "asked"]
    rows = rows.sort_values([*order, "n", "exact"], ascending=[*[True] * len(order), False, False], kind="stable")
    departs = [choose.departure(name, str(chosen[name])) for name, paper in _PAPER.items() if chosen[name] != paper]
    return rows.drop_duplicates(["data_words", "asked"]), [*departs, *filter(None, [schedule])]


def _printed(summary: pd.DataFrame) -> pd.DataFrame:
    """What the paper printed of one condition less what it printed of another, by both and measure."""
    names = ["condition", "measure", "published", "published_original_law"]
    held = summary.loc[summary[names[2:]].notna().any(axis=1), names]
    both = held.merge(held, on="measure", suffixes=("_a", "_b"))
    return both[["condition_a", "condition_b", "measure"]].assign(
        **{name: both[f"{name}_a"] - both[f"{name}_b"] for name in names[2:]}
    )


def _panel(axes: Axes, rows: pd.DataFrame, places: Mapping[str, int], margin: float) -> None:
    """A point and its interval for each kind of data, on an axis linear within the margin and logarithmic beyond."""
    axes.axvspan(-margin, margin, **_LEVEL)
    for _, row in rows.iterrows():
        place = places[row["data_words"]]
        axes.plot([row["mean_a"] - row["oracle"], row["oracle"] - row["mean_b"]], [place] * 2, **_LACKING)
        reach = np.array([[row["difference"] - row["ci_low"]], [row["ci_high"] - row["difference"]]])
        axes.errorbar([row["difference"]], [place], xerr=np.maximum(reach, 0.0), capsize=2.5, **_look(row))
        axes.plot([row["published"]], [place], **PRINTED)
        axes.plot([row["published_original_law"]], [place], **PRINTED_ELSEWHERE)
    axes.set_xscale("symlog", linthresh=margin, linscale=0.7)
    furthest = max(abs(limit) for limit in axes.get_xlim())
    axes.set_xlim(-furthest, furthest)
    tens = [10.0**k for k in range(-6, 1) if margin < 10.0**k < furthest]
    tens = tens[:: -1 - len(tens) // 4]  # so few that labels keep clear of each other
    axes.xaxis.set_major_locator(FixedLocator([*(-ten for ten in tens), 0.0, *tens]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−").replace("0.", ".")))
    axes.tick_params("x", labelsize=8)
    axes.grid(axis="x")


def _look(row: "pd.Series[Any]") -> dict[str, Any]:
    """Of the method whose lead the interval holds; grey and open where it holds none."""
    if row["ci_low"] > 0:
        return METHOD["contrastive"]
    return METHOD["supervised"] if row["ci_high"] < 0 else _OPEN


def _legend(rows: pd.DataFrame) -> list[Legend]:
    found: list[Legend] = [
        ("contrastive ahead", METHOD["contrastive"]),
        ("supervised ahead", METHOD["supervised"]),
        ("0 within the interval", _OPEN),
        ("level", Patch(label="level", color=_LEVEL["color"])),
        ("what either lacks to the oracle", _LACKING),
    ]
    for name, label, how in (
        ("published", "the paper", PRINTED),
        ("published_original_law", "the paper, another law of test images", PRINTED_ELSEWHERE),
    ):
        found += [(label, how)] if rows[name].notna().any() else []
    return found


def _caption(rows: pd.DataFrame, departs: list[str], more: int, material: Material) -> str:
    exact = rows.groupby("data_words", sort=False)["exact"].all()
    return (
        "Spearman's ρ of contrastive less that of supervised training by kind of data, paired, mean over "
        f"{words.counted(rows)}. Blue and vermillion where the 95 % interval leaves out 0, not corrected for their "
        "number (findings.csv is); the shaded band is what counts as level. The grey bar reaches to the left as far as "
        "contrastive training is from the oracle, to the right as far as supervised training is: in the global score "
        "neither can be further ahead. "
        + words.basis({str(name): bool(it_is) for name, it_is in exact.items()})
        + f" {words.BARS} The axes are linear within the band and logarithmic beyond."
        + (f" {more} more kinds of data are in comparisons.csv." if more else "")
        + words.precision(material.runs, [*rows["condition_a"], *rows["condition_b"]])
        + words.departures({"": departs})
    )
