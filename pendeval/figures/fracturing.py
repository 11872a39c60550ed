"""Fig. 8: one run with gaps whose representation broke into pieces that run in opposite directions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from pendeval.figures import choose, record
from pendeval.figures.material import Material, known, true
from pendeval.figures.style import COLOURS, ENERGY, UNIT, canvas_of, cloud, dot, legend
from pendeval.measures.registry import PRIMARY

_UNSEEN = "0.35"


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """The embedding against the energy; the gaps shaded, each band the encoder saw in its colour."""
    rows = choose.own(material.runs, "gaps", 1)
    rows = rows[rows["digest"].isin(list(material.samples))]
    gaps = material.segments[material.segments["kind"].eq("gap") & material.segments["view"].eq("all")]
    single = gaps["digest"].value_counts().eq(1)  # as in the paper's figure
    wishes: tuple[Callable[[pd.DataFrame], Any], ...] = (
        lambda some: some["method"].eq("contrastive"),
        _fractured,
        lambda some: some["digest"].isin(single.index[single]),
        lambda some: some["level"].eq(some["level"].max()),
    )
    for wish in wishes:
        rows = rows[wish(rows)] if wish(rows).any() else rows
    shown = choose.example(rows, material.samples)
    if shown is None:
        raise choose.absent("embeddings of runs with gaps and one output", material.runs, ["gaps"])
    unseen, seen = (bands_of(shown.row, material.segments, kind) for kind in ("gap", "visible"))
    canvas = canvas_of(6.0, 4.0)
    axes = canvas.add_subplot()
    for low, high in unseen:
        axes.axvspan(low, high, color="0.92", linewidth=0, zorder=0)
    energy, values = shown.sample.energy, shown.sample.values
    inside = np.zeros(len(energy), bool)
    for place, (low, high) in enumerate(seen):
        band = (energy >= low) & (energy <= high)
        inside |= band
        cloud(axes, energy[band], values[band], COLOURS[place % len(COLOURS)])
    cloud(axes, energy[~inside], values[~inside], _UNSEEN)
    axes.set(xlabel=ENERGY, ylabel="embedding", xlim=UNIT)
    named = (f"seen in training, {low:.2g} to {high:.2g}" for low, high in seen)
    handles: list[tuple[str, Any]] = [(band, dot(COLOURS[k % len(COLOURS)])) for k, band in enumerate(named)]
    if unseen:
        handles.append(("", Patch(facecolor="0.92", label="gap")))
    legend(canvas, [], *(handles or [("images", dot(_UNSEEN))]))
    broke = "fractured" if _fractured(shown.row.to_frame().T).iloc[0] else "which did not certainly fracture"
    caption = (
        f"One output against the energy for a run with gaps, {broke}: {shown.words}, {shown.row['data_words']}. "
        "Points are images of the split embedded. Shaded: energies the encoder never saw; coloured: each band it saw."
    )
    measures = ("global_spearman", "gap_spearman", "visible_band_spearman")
    return canvas, caption, record.of_runs({"fracturing": shown}, measures)


def _fractured(rows: pd.DataFrame) -> "pd.Series[bool]":
    """By exact scores where a run has them."""
    exact = rows[PRIMARY["fractured"]]
    return true(exact).where(known(exact), true(rows["fractured"]))


def bands_of(row: pd.Series, segments: pd.DataFrame, kind: str) -> list[tuple[float, float]]:
    """The bands of energy a run's encoder never saw ("gap") or saw ("visible"), rising."""
    mine = segments[segments["digest"].eq(row["digest"]) & segments["view"].eq(row["view"]) & segments["kind"].eq(kind)]
    mine = mine.sort_values("energy_low")
    return list(zip(mine["energy_low"], mine["energy_high"], strict=True))
