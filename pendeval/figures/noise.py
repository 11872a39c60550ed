"""Fig. 5: scores against the level of noise, on noisy and on clean test images, and the representations beneath.

The paper does not say which test images its curves are of, and who is ahead under strong noise depends on it: so both
readings are drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import GridSpec

from pendeval.figures import choose, record, strips, words
from pendeval.figures.choose import METHODS
from pendeval.figures.material import Material
from pendeval.figures.strips import Strips
from pendeval.figures.style import ENERGY, METHOD, ORACLE, Legend, canvas_of, legend, oracle_curve, series
from pendeval.settings import KNOBS, SYMBOLS

MEASURES = {"global_spearman": "global Spearman's ρ", "local_spearman": "local Spearman's ρ"}
_KINDS = ("numerical-noise", "graphical-noise")


@dataclass
class _Reading:
    """One column: the scores of encoders trained on one kind of noise, on one kind of test images."""

    kind: str
    """numerical noise or graphical noise"""
    images: str
    """noisy or clean"""
    symbol: str
    rows: pd.DataFrame
    """levels above 0, scored"""
    base: pd.DataFrame
    """trained and scored without noise"""
    strips: Strips = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For captions."""
        return f"{self.kind} on {self.images} test images"

    @property
    def title(self) -> str:
        """For panels."""
        return f"{self.kind}\n{self.images} test images"


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Two columns for each kind of noise: the readings; below, a strip of points for each level."""
    columns, departs = list[_Reading](), {}
    for variant in _KINDS:
        readings, notes = _readings(material, variant)
        if readings:
            columns += readings
            departs[readings[0].kind] = notes
    if not columns:
        what = "scored runs with numerical or graphical noise and one output"
        raise choose.absent(what, material.summary, list(_KINDS))
    bottom = any(reading.strips for reading in columns)
    canvas = canvas_of(1.2 + 2.0 * max(2, len(columns)), 5.2 + 3.9 * bottom)
    grid = canvas.add_gridspec(2 + bottom, len(columns), height_ratios=[1.0, 1.0, 1.5][: 2 + bottom])
    for place, reading in enumerate(columns):
        for line, (measure, label) in enumerate(MEASURES.items()):
            axes = canvas.add_subplot(grid[line, place])
            _curves(axes, reading, measure)
            axes.set(xlabel=f"noise level {reading.symbol}", ylabel="" if place else label)
            if not line:
                kind = "exact" if reading.rows["exact"].all() else "sampled"
                axes.set_title(f"{reading.title}\n({kind})")
    if bottom:
        _draw_strips(canvas, grid, columns)
    legend(canvas, _every(columns)["method"], *_others(columns))
    return canvas, _caption(columns, bottom, departs, material), _record(columns)


def _readings(material: Material, variant: str) -> tuple[list[_Reading], list[str]]:
    """Noisy test images, then clean ones, as far as there are scores; all of one setting."""
    summary, symbol = material.summary, SYMBOLS[KNOBS[variant]]
    noisy = choose.own(summary, variant, 1)
    crossed = choose.usual(summary) & summary["variant"].eq("vanilla") & summary["train_variant"].eq(variant)
    crossed &= summary["dim"].eq(1) & summary["method"].isin(METHODS) & summary["objective"].eq("")
    clean, base = summary[crossed], choose.own(summary, "vanilla", 1)
    noisy, setting, departs = choose.narrow(noisy[noisy["level"] > 0])
    if noisy.empty:
        clean, setting, departs = choose.narrow(clean[clean["train_level"] > 0])
    clean, base = choose.like(clean[clean["train_level"] > 0], setting), choose.like(base, setting)
    readings = []
    for name, rows in (("noisy", noisy), ("clean", clean.assign(level=clean["train_level"]))):
        both = choose.points(pd.concat([rows, base.assign(level=0.0)]), list(MEASURES), "level")
        mine = both[both["level"] > 0]
        if len(mine):
            readings.append(_Reading(variant.replace("-", " "), name, symbol, mine, both[both["level"].eq(0)]))
    if readings:
        readings[0].strips = strips.examples(material, variant, setting)
    return readings, departs


def _curves(axes: Axes, reading: _Reading, measure: str) -> None:
    rows, base = (part[part["asked"].eq(measure)] for part in (reading.rows, reading.base))
    levels = sorted(set(rows["level"]))
    axes.set_xscale("log")
    if len(levels) == 1:  # of which matplotlib would make limits that are one, and warn
        axes.set_xlim(levels[0] / 2, levels[0] * 2)
    axes.grid(axis="y")
    for method, style in METHOD.items():
        mine = rows[rows["method"].eq(method)]
        if len(mine):
            series(axes, mine["level"].to_numpy(float), mine, method)
        for level in base.loc[base["method"].eq(method), "mean"]:
            axes.axhline(level, color=style["color"], linestyle=style["linestyle"], linewidth=0.8, alpha=0.6)
    oracle_curve(axes, rows, "level")
    axes.set_xticks(_apart(levels), [f"{level:g}" for level in _apart(levels)])
    axes.set_xticks(levels, [""] * len(levels), minor=True)
    axes.locator_params(axis="y", nbins=6)


def _apart(levels: Sequence[float]) -> list[float]:
    """Those of the rising levels whose labels keep clear of each other on a logarithmic axis."""
    chosen = list(levels[:1])
    for level in levels[1:]:
        if np.log(level / chosen[-1]) > 0.3 * np.log(levels[-1] / levels[0]):
            chosen.append(level)
    return chosen


def _draw_strips(canvas: Canvas, grid: GridSpec, columns: Sequence[_Reading]) -> None:
    """The strips of each kind of noise below all columns of that kind; the first of them holds them."""
    below = []
    for first, reading in enumerate(columns):
        if reading.strips:
            wide = sum(other.kind == reading.kind for other in columns)
            below.append(canvas.add_subplot(grid[2, first : first + wide]))
            shown = strips.draw(below[-1], reading.strips, reading.symbol)
    canvas.colorbar(shown, ax=below, label=ENERGY, location="bottom", shrink=0.5, aspect=30)


def _every(columns: Sequence[_Reading]) -> pd.DataFrame:
    return pd.concat([reading.rows for reading in columns])


def _others(columns: Sequence[_Reading]) -> list[Legend]:
    found: list[Legend] = [("oracle", ORACLE)] if _every(columns)["oracle"].notna().any() else []
    if any(len(reading.base) for reading in columns):
        found.append(("level: trained without noise", {"color": "0.3", "linewidth": 0.8, "alpha": 0.6}))
    return found


def _record(columns: Sequence[_Reading]) -> pd.DataFrame:
    panels = {reading.name: pd.concat([reading.base, reading.rows]) for reading in columns}
    return record.of_points(panels)


def _caption(
    columns: Sequence[_Reading], strips_there: bool, departs: Mapping[str, Sequence[str]], material: Material
) -> str:
    every = _every(columns)
    bottom = (
        " Bottom: the contrastive representation of one run per noise level, on its own test images, turned so that it "
        "rises with energy and moved to median zero; points are spread vertically at random."
    )
    return (
        "Global (top) and local (middle) Spearman's ρ of one output against the level of noise in training, mean over "
        f"{words.counted(every)}. Two readings of the paper's figure, which does not say what was "
        "scored: test images as noisy as the training images, and clean ones. Dotted: the oracle on the images scored; "
        "horizontal lines: trained and scored without noise. "
        + words.basis({reading.name: bool(reading.rows["exact"].all()) for reading in columns})
        + f" {words.BARS}{bottom if strips_there else ''}"
        + words.precision(material.runs, every["condition"])
        + words.departures(departs)
    )
