"""Fig. 3: global and local Spearman's ρ of both methods, beside their ceiling and what the paper printed."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.style import LAB, METHOD, ORACLE, PRINTED, PRINTED_ELSEWHERE, Legend, canvas_of, legend, series

MEASURES = {"global_spearman": "global Spearman's ρ", "local_spearman": "local Spearman's ρ"}
_SIZES = {"vanilla": "vanilla, 32 px", "large": "large, 100 px"}
_BESIDE: dict[str, Legend] = {
    "reference_mean": ("the lab's own runs", LAB),
    "published": ("printed in the paper", PRINTED),
    "published_original_law": ("printed, other test law", PRINTED_ELSEWHERE),
}
"""Column of the summary → what else stands beside the runs."""
_LAWS = {"paper": "", "original": ", original law"}


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A column a variant and protocol, each with the oracle of its own law."""
    panels: dict[str, pd.DataFrame] = {}
    departs: dict[str, list[str]] = {}
    for variant, size in _SIZES.items():
        for protocol, law in _LAWS.items():
            rows = choose.own(material.summary, variant, 1)
            rows, _, notes = choose.narrow(rows[rows["protocol"].eq(protocol)], protocol)
            rows = choose.points(rows, list(MEASURES))
            if len(rows):
                panels[size + law] = rows
                departs[size + law] = notes
    if not panels:
        what = "scored runs on vanilla or large images with one output"
        raise choose.absent(what, material.summary, list(_SIZES))
    canvas = canvas_of(max(4.0, 1.1 + 2.05 * len(panels)), 5.4)
    grid = canvas.subplots(2, len(panels), squeeze=False)
    for column, (name, rows) in zip(grid.T, panels.items(), strict=True):
        for axes, measure in zip(column, MEASURES, strict=True):
            _panel(axes, rows[rows["asked"].eq(measure)])
        column[0].set_title(f"{name}\n({'exact' if rows['exact'].all() else 'sampled'})")
    for axes, label in zip(grid[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label)
    every = pd.concat(list(panels.values()))
    legend(canvas, every["method"], *_others(every))
    return canvas, _caption(every, panels, departs, material), record.of_points(panels)


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    for place, method in enumerate(METHOD):
        row = rows[rows["method"].eq(method)]
        axes.plot(
            [place - 0.5, place + 0.5],
            np.repeat(row["oracle"].to_numpy(float)[:1], 2) if len(row) else [np.nan] * 2,
            **ORACLE,
        )
        series(axes, [float(place)] * len(row), row, method)
        for column, (_, how) in _BESIDE.items():
            aside = -0.25 if how is LAB else 0.25
            axes.plot(np.full(len(row), place + aside), row[column].to_numpy(float), **how)
    axes.set(xticks=range(len(METHOD)), xticklabels=list(METHOD), xlim=(-0.5, 1.5))
    axes.margins(y=0.2)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _others(every: pd.DataFrame) -> list[Legend]:
    held = {"oracle": ("oracle", ORACLE), **_BESIDE}
    return [entry for column, entry in held.items() if every[column].notna().any()]


def _caption(
    every: pd.DataFrame, panels: dict[str, pd.DataFrame], departs: dict[str, list[str]], material: Material
) -> str:
    caption = (
        "Global and local Spearman's ρ of one output with the energy, mean over "
        f"{words.counted(every)}, beside the score of the oracle E[energy | image] under the same law. "
        + words.basis({name: bool(rows["exact"].all()) for name, rows in panels.items()})
    )
    if every["reference_mean"].notna().any():
        caption += " Crosses: the mean over the lab's own runs of the same settings."
    if every["published"].notna().any():
        caption += " Black diamonds: the value the paper printed, measured under this law."
    if every["published_original_law"].notna().any():
        caption += (
            " Hollow grey diamonds: the value the paper printed, measured under another test law (times to 10, one "
            "image a pendulum), whose ceiling is another; it stands here for orientation only."
        )
    return (
        f"{caption} {words.BARS} The vertical axes do not begin at zero. The oracle is a ceiling for the global score, "
        "for the local one a reference."
        + words.precision(material.runs, every["condition"])
        + words.departures(departs)
    )
