"""How often the representation fractures: the rate of each method against the length of the gaps."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.prefer import block, line_look, line_name, lines_of, methods_first, of
from pendeval.figures.style import canvas_of, legend, plain

_COLUMNS = (
    *("panel", "condition", "data_words", "method", "objective", "dim", "level", "exact", "n", "n_fractured", "rate"),
    *("ci_low", "ci_high", "plain_n", "plain_n_fractured", "p_value"),
)
MOST_LINES = 12
"""Methods and settings shown, those with most runs; all are in fractures.csv."""


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A point with its interval for each kind of gaps and way to learn, side by side."""
    rows = material.fractures
    rows, _ = block(rows[choose.usual(rows) & rows["own"] & rows["n"].gt(0)], dim=1.0)
    rows, _, departs = choose.narrow(rows)
    if rows.empty:
        raise choose.absent("runs with gaps whose bands can be judged", material.fractures, ["gaps"])
    rows = rows.sort_values(["n", "condition"], ascending=[False, True])
    rows = rows.drop_duplicates(["method", "objective", "data_words"])  # test splits of several sizes
    names = rows["method"] + ", " + rows["objective"]
    count = rows.groupby(names)["n"].sum().rename_axis("name").reset_index()
    kept = count.sort_values(["n", "name"], ascending=[False, True])["name"][:MOST_LINES]
    rows = methods_first(rows[names.isin(kept)], "objective", "level", "data_words")
    kinds = list(rows.sort_values(["level", "data_words"])["data_words"].drop_duplicates())
    lines = lines_of(rows, "objective")
    canvas = canvas_of(min(max(5.0, 1.2 + len(kinds) * (0.6 + 0.12 * len(lines))), 9.2), 3.8)
    axes = canvas.add_subplot()
    looks = {line: line_look(lines, line) | {"linestyle": "none"} for line in lines}
    for place, line in enumerate(lines):
        mine = of(rows, line, "objective")
        beside = 0.75 * ((place + 0.5) / len(lines) - 0.5)
        reach = np.stack([mine["rate"] - mine["ci_low"], mine["ci_high"] - mine["rate"]])
        at = mine["data_words"].map(kinds.index).to_numpy(float) + beside
        axes.errorbar(at, mine["rate"].to_numpy(float), yerr=np.maximum(reach, 0.0), capsize=2, **looks[line])
    axes.set(ylim=(-0.04, 1.04), xlim=(-0.5, len(kinds) - 0.5))
    axes.set(xlabel="gaps in the training energies", ylabel="share of runs that fractured")
    axes.set_xticks(range(len(kinds)), [plain(_short(rows, kind)) for kind in kinds])
    axes.grid(axis="y")
    legend(canvas, (), *((line_name(line), how) for line, how in looks.items()))
    caption = _caption(rows, len(count) - len(kept)) + words.precision(material.runs, rows["condition"])
    rows = rows.assign(panel="rates", exact=rows["exact"].eq(1))
    return canvas, caption + words.departures({"": departs}), record.typed(rows.reindex(columns=list(_COLUMNS)))


def _caption(rows: pd.DataFrame, more: int) -> str:
    low, high = int(rows["n"].min()), int(rows["n"].max())
    n = f"{low if low == high else f'{low} to {high}'} run{'s' if high > 1 else ''}"
    broken = {
        1.0: "run in opposite directions or lie out of order, over every image that can occur",
        0.0: "run in certainly opposite directions, over the images embedded",
    }
    said = " or, where some run has no exact scores, ".join(
        broken[kind] for kind in (1.0, 0.0) if kind in {*rows["exact"]}
    )
    return (
        f"Share of runs whose representation broke, {n} a point, by way to learn and kind of gaps. Fractured: bands of "
        f"energy seen in training {said}. Bars are 95 % Clopper–Pearson intervals."
        + (f" {more} more ways to learn are in fractures.csv." if more else "")
    )


def _short(rows: pd.DataFrame, kind: str) -> str:
    """A tick: the length of usual gaps, else the data in words."""
    level = rows.loc[rows["data_words"].eq(kind), "level"].iloc[0]
    return f"α_g {level:g}" if level == level else kind.removeprefix("gaps, ")
