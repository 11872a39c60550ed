"""The score while training, against the images seen and against the time it took: a line for each run, any method."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullLocator

from pendeval.figures import record
from pendeval.figures.material import Material, Nothing
from pendeval.figures.near_one import stretch
from pendeval.figures.style import ORACLE, Legend, canvas_of, legend, look, plain
from pendeval.figures.training import once

MOST_ROWS = 3
"""Kinds of training data shown, those with most runs."""
_PANELS = (
    ("spearman", "images", "global Spearman's ρ", "images seen (thousands)"),
    ("spearman", "seconds", "global Spearman's ρ", "seconds of training"),
    ("local_spearman", "images", "local Spearman's ρ", "images seen (thousands)"),
)
_SCORES = ("spearman", "local_spearman", "oracle_spearman", "oracle_local_spearman")
_NEEDS = ("images", "seconds", *_SCORES)
_DASHES = {"table": (0, (4, 1.5))}
_COLUMNS = (
    *("panel", "label", "method", "objective", "encoder", "schedule", "dim", "train_data_seed", "seed", "digest"),
    *("images_seen", "seconds", *_SCORES),
)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A row of panels for each kind of training data; where a score was looked at, a line has a point."""
    curves = {digest: _scored(curve) for digest, curve in material.curves.items() if {*_NEEDS} <= {*curve}}
    runs = once(material)
    runs = runs[runs["usual"] & np.array([len(curves.get(str(digest), ())) > 0 for digest in runs.index], bool)]
    if runs.empty:
        raise Nothing(
            "no scores while training (images, seconds and spearman in metrics.csv) on the paper's kind of data"
        )
    count = runs["trained_on"].value_counts().rename_axis("name").reset_index()
    kinds = list(count.sort_values(["count", "name"], ascending=[False, True])["name"])
    shown = runs[runs["trained_on"].isin(kinds[:MOST_ROWS])]
    canvas = canvas_of(9.2, 0.9 + 2.7 * len(kinds[:MOST_ROWS]))
    grid = canvas.subplots(len(kinds[:MOST_ROWS]), len(_PANELS), squeeze=False)
    for line, kind in zip(grid, kinds, strict=False):
        mine = shown[shown["trained_on"].eq(kind)]
        for axes, (score, against, label, below) in zip(line, _PANELS, strict=True):
            _panel(axes, mine, curves, score, against)
            axes.set(xlabel=below, ylabel=label)
        line[0].set_title(plain(kind), loc="left")
    others: list[Legend] = [("oracle", ORACLE)]
    others += [(f"encoder {name}", {"color": "0.3", "linestyle": dash}) for name, dash in _dashes(shown).items()]
    legend(canvas, shown["method"], *others)
    return canvas, _caption(shown, kinds), _record(shown, curves)


def _scored(curve: pd.DataFrame) -> pd.DataFrame:
    """The rows of a curve at which the encoder was looked at."""
    numbers = pd.DataFrame({name: pd.to_numeric(curve[name], errors="coerce").astype(float) for name in _NEEDS})
    return numbers.replace([np.inf, -np.inf], np.nan).dropna(subset=["images", "seconds", "spearman"])


def _panel(axes: Axes, runs: pd.DataFrame, curves: Mapping[str, pd.DataFrame], score: str, against: str) -> None:
    per = 1000.0 if against == "images" else 1.0
    shown: list[float] = []
    for digest, row in runs.iterrows():
        curve = curves[str(digest)]
        how = {"color": look(row["method"])["color"], "linestyle": _DASHES.get(row["encoder"], "-")}
        axes.plot(curve[against] / per, curve[score], linewidth=0.9, alpha=0.7, marker=".", markersize=3, **how)
        shown += list(curve[score])
    oracles = {round(float(curves[str(digest)][f"oracle_{score}"].iloc[-1]), 5) for digest in runs.index}
    for oracle in sorted(oracles):
        axes.axhline(oracle, **ORACLE)
    places = pd.concat([curves[str(digest)][against] / per for digest in runs.index])
    places = places[places > 0]
    axes.set_xscale("log")
    if len(places):
        room = 1.2 if places.max() > 4 * places.min() else 2.2  # so that round numbers lie within
        axes.set_xlim(places.min() / room, places.max() * room)
    wide = len(places) > 0 and places.max() > 50 * places.min()  # where more numbers would run into each other
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda place, _: f"{place:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid()
    stretch(axes.yaxis, [*shown, *oracles])


def _dashes(runs: pd.DataFrame) -> dict[str, Any]:
    return {name: dash for name, dash in _DASHES.items() if runs["encoder"].eq(name).any()}


def _record(runs: pd.DataFrame, curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The last score of each line."""
    ends = pd.DataFrame([curves[str(digest)].iloc[-1] for digest in runs.index], runs.index)
    rows = runs.assign(panel=runs["trained_on"], **ends.rename(columns={"images": "images_seen"}))
    return record.typed(rows.reindex(columns=list(_COLUMNS)))


def _caption(shown: pd.DataFrame, kinds: list[str]) -> str:
    left = f" {len(kinds) - MOST_ROWS} more kinds of training data are not drawn." if len(kinds) > MOST_ROWS else ""
    return (
        f"Spearman's ρ of encoder and energy while training, a line for each of {len(shown)} "
        f"run{'s' if len(shown) > 1 else ''}, coloured by method, whatever its settings: over every image that can "
        "occur where the data list them and they are few, else over a sample (several outputs: their first principal "
        "component). The vertical axes stretch towards 1. Dotted: the oracle on the same images. Seconds depend on the "
        "machine. From the columns images, seconds and spearman of each run's metrics.csv; runs from before they "
        f"existed are not here.{left}"
    )
