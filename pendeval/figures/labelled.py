"""What labels are worth: scores against the share of pendulums whose energy is told."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.near_one import stretch
from pendeval.figures.prefer import Line, block, in_words, line_look, line_name, lines_of, methods_first, of
from pendeval.figures.style import METHOD, ORACLE, Legend, canvas_of, legend
from pendeval.measures.registry import SAMPLED_OF
from pendeval.tables.labelled import ALL_LABELS, NO_LABELS

MEASURES = {
    "global_spearman": "global Spearman's ρ",
    "local_spearman": "local Spearman's ρ",
    "monotone_rmse": "monotone RMSE",
}
_COLUMNS = (
    *("panel", "condition", "data_words", "method", "setting", "dim", "labelled", "labelled_pendulums", "reference"),
    *("measure", "exact", "n", "unit", "mean", "sd", "ci_low", "ci_high", "oracle"),
)
_REFERENCES = {NO_LABELS: "contrastive", ALL_LABELS: "supervised"}


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A panel a measure; a line for each method and setting, horizontal lines for those told nothing and everything."""
    rows = material.labelled
    rows = rows[choose.usual(rows) & rows["own"] & rows["mean"].notna()]
    rows, chosen = block(rows, data_words="vanilla", dim=1.0)
    rows, _, departs = choose.narrow(rows)
    rows, _ = block(rows, counterpart="")
    if rows.empty:
        there = list(material.labelled["variant"].unique())
        raise choose.absent("scored runs told the energies of a share of their pendulums", material.labelled, there)
    rows = rows.assign(asked=rows["measure"].map(lambda name: SAMPLED_OF.get(name, name)))
    rows = methods_first(rows, "setting", "labelled", "asked")
    lines = _lines(rows)
    drawn = pd.Series(zip(rows["method"], rows["setting"], strict=True), rows.index).isin(lines)
    rows = rows[drawn | rows["reference"].ne("")]
    there = [measure for measure in MEASURES if rows["asked"].eq(measure).any()]
    canvas = canvas_of(0.8 + 2.8 * len(there), 3.9)
    for axes, measure in zip(canvas.subplots(1, len(there), squeeze=False)[0], there, strict=True):
        _panel(axes, rows[rows["asked"].eq(measure)])
        axes.set(xlabel="share of pendulums told\n(and how many)", ylabel=MEASURES[measure])
        if measure != "monotone_rmse":
            mine = rows[rows["asked"].eq(measure)]
            shown, ends = (mine[names].to_numpy(float).ravel() for names in (["oracle", "mean"], ["ci_low", "ci_high"]))
            stretch(axes.yaxis, shown, ends)
    others: list[Legend] = [(line_name(line), line_look(lines, line)) for line in lines]
    others += [
        (f"{method}, {told}", _level(method))
        for told, method in _REFERENCES.items()
        if rows["reference"].eq(told).any()
    ]
    others += [("oracle", ORACLE)] if rows["oracle"].notna().any() else []
    legend(canvas, (), *others)
    rows = rows.assign(panel=rows["asked"].map(MEASURES), exact=rows["measure"].isin(list(SAMPLED_OF)))
    caption = (
        f"Scores against the share of pendulums whose energy is told, on {in_words(chosen)}; mean over "
        f"{words.counted(rows.assign(shared_test=False))}. Horizontal: contrastive, told none, and supervised, told "
        "all. Dotted: the oracle. "
        + words.basis({MEASURES[name]: bool(rows.loc[rows["asked"].eq(name), "exact"].all()) for name in there})
        + f" {words.BARS} Axes of ρ stretch towards 1."
        + words.precision(material.runs, rows["condition"])
        + words.departures({"": departs})
    )
    return canvas, caption, record.typed(rows.reindex(columns=list(_COLUMNS)))


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    lines = _lines(rows)
    for line in lines:
        mine = of(rows, line, "setting").sort_values("labelled")
        mean = mine["mean"].to_numpy(float)
        reach = np.stack([mean - mine["ci_low"].to_numpy(float), mine["ci_high"].to_numpy(float) - mean])
        how = line_look(lines, line)
        axes.errorbar(mine["labelled"].to_numpy(float), mean, yerr=np.maximum(reach, 0.0), capsize=2.5, **how)
    for told, method in _REFERENCES.items():
        for mean in rows.loc[rows["reference"].eq(told), "mean"]:
            axes.axhline(mean, **_level(method))
    for oracle in sorted({round(float(value), 9) for value in rows["oracle"].dropna()}):
        axes.axhline(oracle, **ORACLE)
    axes.set_xscale("log")
    shares = rows.loc[rows["labelled"].gt(0), ["labelled", "labelled_pendulums"]].drop_duplicates("labelled")
    shares = shares.sort_values("labelled")
    counts = ["" if n != n else f"\n{n:.0f}" for n in shares["labelled_pendulums"]]
    axes.set_xticks(shares["labelled"], [f"{100 * a:g} %{n}" for a, n in zip(shares["labelled"], counts, strict=True)])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")


def _lines(rows: pd.DataFrame) -> list[Line]:
    """Methods and settings that were told less than everything somewhere."""
    return [line for line in lines_of(rows, "setting") if of(rows, line, "setting")["labelled"].lt(1).any()]


def _level(method: str) -> dict[str, Any]:
    return {"color": METHOD[method]["color"], "linestyle": METHOD[method]["linestyle"], "linewidth": 0.9, "alpha": 0.6}
