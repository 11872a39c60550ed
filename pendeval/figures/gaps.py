"""Figs. 6 and 7: gaps in the training energies, with all runs and without those that fractured.

Within gaps both ρ with its sign and |ρ| are drawn: the paper's measure is the first, its plot seems to show the second.
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material, Nothing, known, tidy, true
from pendeval.figures.style import METHOD, ORACLE, canvas_of, legend, oracle_curve, series
from pendeval.measures.registry import PRIMARY
from pendeval.tables.summary import summarise

MEASURES = {
    "global_spearman": "global Spearman's ρ",
    "gap_spearman": "Spearman's ρ within gaps",
    "gap_abs_spearman": "Spearman's |ρ| within gaps",
}
_WHAT = "scored runs with the protocol's number of gaps and one output"


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Fig. 6: every run."""
    rows = choose.own(material.summary, "gaps", 1)
    rows, _, departs = choose.narrow(rows[rows["level"].notna()])
    points = choose.points(rows, list(MEASURES), "level")
    if points.empty:
        raise choose.absent(_WHAT, material.summary, ["gaps"])
    return _panels(points), _caption(points, departs, material), record.of_points({"all runs": points})


def draw_unfractured(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Fig. 7: without the runs that certainly fractured."""
    runs = choose.own(material.runs, "gaps", 1)
    runs, _, departs = choose.narrow(runs[runs["level"].notna()])
    if runs.empty:
        raise choose.absent(_WHAT, material.runs, ["gaps"])
    exact = known(runs[PRIMARY["fractured"]]).all()
    encoder = choose.encoder(runs)
    broken = true(runs[PRIMARY["fractured"] if exact else "fractured"]).groupby(encoder).transform("any")
    whole = material.given.loc[runs.index[~broken]]
    each = runs.assign(broken=broken)[~encoder.duplicated()]
    points = choose.points(tidy(summarise(whole), "summary"), list(MEASURES), "level")
    if points.empty:
        raise Nothing(f"no whole runs to show: {each['broken'].sum()} of {len(each)} with gaps fractured")
    left = " and ".join(f"{n} {method}" for method, n in each.groupby("method")["broken"].sum().items())
    caption = (
        f"{_caption(points, departs, material)} Of {len(each)} runs, those that "
        f"{'fractured by exact' if exact else 'certainly fractured by sampled'} scores are left out: {left}."
    )
    return _panels(points), caption, record.of_points({"unfractured runs": points})


def _panels(points: pd.DataFrame) -> Canvas:
    shown = [measure for measure in MEASURES if points["asked"].eq(measure).any()]
    canvas = canvas_of(0.6 + 2.8 * len(shown), 3.4)
    oracle = False
    for axes, measure in zip(canvas.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        here = points[points["asked"].eq(measure)]
        axes.grid(axis="y")
        for method in METHOD:
            mine = here[here["method"].eq(method)]
            if len(mine):
                series(axes, mine["level"].to_numpy(float), mine, method)
        oracle |= oracle_curve(axes, here, "level")
        kind = "exact" if here["exact"].all() else "sampled"
        axes.set(xlabel="total length of the gaps α_g", ylabel=f"{MEASURES[measure]} ({kind})", xlim=(0.0, 1.0))
        axes.margins(y=0.1)
    legend(canvas, points["method"], *([("oracle", ORACLE)] if oracle else []))
    return canvas


def _caption(points: pd.DataFrame, departs: Sequence[str], material: Material) -> str:
    return (
        "Gaps in the training energies, all energies in the images scored: global Spearman's ρ, the mean of ρ within "
        "each gap in the direction of the global sign, and the mean of |ρ| there, which hides a reversal, against the "
        f"total length of the gaps; mean over {words.counted(points)}, one output. "
        + words.basis({"all": bool(points["exact"].all())})
        + f" {words.BARS} The vertical axes do not begin at zero."
        + words.precision(material.runs, points["condition"])
        + words.departures({"": departs})
    )
