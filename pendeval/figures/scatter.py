"""How far the score of one encoder moves with the test split it is sampled on, and that the exact one does not."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.choose import METHODS
from pendeval.figures.material import Material, Nothing
from pendeval.figures.style import METHOD, canvas_of, legend
from pendeval.measures.registry import PRIMARY

MEASURES = {"global_spearman": "global Spearman's ρ", "local_spearman": "local Spearman's ρ"}
_ENCODER = ["condition", "train_data_seed", "seed"]
_COLUMNS = (*_ENCODER, "data_words", "label", "method", "data_seed", "digest")
_EQUAL: dict[str, Any] = {"color": "0.6", "linewidth": 0.8}


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A panel a measure: a column of dots for each encoder, at its exact score."""
    rows, departs = _rows(material.runs)
    canvas = canvas_of(7.4, 3.8)
    for axes, measure in zip(canvas.subplots(1, 2), MEASURES, strict=True):
        _panel(axes, rows, measure)
    legend(canvas, [], *[(m, _mark(m)) for m in METHODS if rows["method"].eq(m).any()], ("sampled = exact", _EQUAL))
    splits = rows.groupby(_ENCODER).size()
    caption = (
        f"Sampled against exact scores of {len(splits)} encoder{'s' if len(splits) > 1 else ''}, each scored on "
        f"{_between(splits)} test splits of the same law and other data seeds. Largest less smallest score of one "
        f"encoder, at most: {_spread(rows, 'global_spearman')} (global), {_spread(rows, 'local_spearman')} (local)."
        + words.departures({"": departs})
    )
    names = [name for measure in MEASURES for name in (measure, PRIMARY[measure])]
    return canvas, caption, record.typed(rows.reindex(columns=[*_COLUMNS, *names]))


def _rows(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Usual encoders of vanilla images with exact scores, sampled on several test splits."""
    names = [name for measure in MEASURES for name in (measure, PRIMARY[measure])]
    rows = choose.own(runs, "vanilla", 1)
    rows = rows[rows[[*_ENCODER, "data_seed", *names]].notna().all(axis=1)].drop_duplicates([*_ENCODER, "data_seed"])
    rows = rows[rows.groupby(_ENCODER)["data_seed"].transform("size") > 1]
    rows, _, departs = choose.narrow(rows)
    if rows.empty:
        raise Nothing("no encoder of vanilla images with an exact score and sampled ones on several test splits")
    return rows.sort_values([*_ENCODER, "data_seed"]), departs


def _panel(axes: Axes, rows: pd.DataFrame, measure: str) -> None:
    sampled, exact = rows[measure], rows[PRIMARY[measure]]
    limits = [min(exact.min(), sampled.min()), max(exact.max(), sampled.max())]
    axes.plot(limits, limits, **_EQUAL)
    for method in METHODS:
        mine = rows["method"].eq(method)
        axes.plot(exact[mine], sampled[mine], **_mark(method))
    axes.set(xlabel=f"exact {MEASURES[measure]}", ylabel=f"sampled {MEASURES[measure]}")
    axes.grid()
    axes.locator_params(nbins=5)


def _mark(method: str) -> dict[str, Any]:
    return METHOD[method] | {"linestyle": "none", "markersize": 4, "alpha": 0.75}


def _between(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(high) if low == high else f"{low} to {high}"


def _spread(rows: pd.DataFrame, measure: str) -> str:
    ranges = rows.groupby(_ENCODER)[[measure, PRIMARY[measure]]].agg(np.ptp).max()
    return f"sampled {ranges[measure]:.5f}, exact {ranges[PRIMARY[measure]]:.5f}"
