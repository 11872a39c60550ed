"""Fig. 17: the error of a forest from the outputs to the energy, and of the best rising curve, which feels more."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.style import (
    METHOD,
    ORACLE,
    PRINTED,
    PRINTED_ELSEWHERE,
    Legend,
    canvas_of,
    legend,
    oracle_curve,
    series,
)

_DIMS = (1, 2, 3)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """The forest from zero and close up; the monotone error where there is one."""
    parts, departs = [], dict[str, list[str]]()
    for dim in _DIMS:
        rows, _, notes = choose.narrow(choose.own(material.summary, "vanilla", dim))
        parts.append(rows)
        departs |= {f"d = {dim}": notes} if len(rows) else {}
    rows = pd.concat(parts)
    forest, monotone = (choose.points(rows, [measure], "dim") for measure in ("forest_rmse", "monotone_rmse"))
    if forest.empty and monotone.empty:
        raise choose.absent("inverse regressions of runs on vanilla images", material.summary, ["vanilla"])
    panels = {"forest": forest, "monotone": monotone}
    count = 2 * (len(forest) > 0) + (len(monotone) > 0)
    canvas = canvas_of(1.2 + 2.7 * count, 3.5)
    axes = list(canvas.subplots(1, count, squeeze=False)[0])
    if len(forest):
        for place, title in zip(axes, ("random forest, from zero", "random forest, close up"), strict=False):
            _panel(place, forest, title)
        axes[0].set_ylim(0.0, 1.05 * axes[0].get_ylim()[1])  # of one run the margin is a hair, seen from zero
        _printed(axes[0], forest)
    if len(monotone):
        kind = "exact" if monotone["exact"].all() else "sampled"
        _panel(axes[-1], monotone, f"best monotone curve ({kind})")
    every = pd.concat([part for part in panels.values() if len(part)])
    legend(canvas, every["method"], *_others(forest, every))
    return canvas, _caption(forest, monotone, departs, material), record.of_points(panels)


def _panel(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    for place, method in enumerate(METHOD):
        mine = rows[rows["method"].eq(method)]
        series(axes, mine["dim"].to_numpy(float) + _side(place), mine, method)
    oracle_curve(axes, rows, "dim")
    axes.set(xlabel="outputs d", xticks=_DIMS, xlim=(0.6, 3.4), ylabel="RMSE of the energy", title=title)
    axes.grid(axis="y")
    axes.margins(y=0.2)


def _side(place: int) -> float:
    return 0.16 * place - 0.08


def _printed(axes: Axes, rows: pd.DataFrame) -> None:
    for column, how in (("published", PRINTED), ("published_original_law", PRINTED_ELSEWHERE)):
        for place, (method, style) in enumerate(METHOD.items()):
            mine = rows[rows["method"].eq(method) & rows[column].notna()]
            edge = {"color": style["color"]} if column == "published" else {"markeredgecolor": "0.6"}
            axes.plot(mine["dim"] + _side(place), mine[column], **(how | edge))


def _others(forest: pd.DataFrame, every: pd.DataFrame) -> list[Legend]:
    found: list[Legend] = [("oracle", ORACLE)] if every["oracle"].notna().any() else []
    found += [("printed in the paper", PRINTED)] if forest["published"].notna().any() else []
    if forest["published_original_law"].notna().any():
        found.append(("printed, other test law", PRINTED_ELSEWHERE))
    return found


def _caption(
    forest: pd.DataFrame, monotone: pd.DataFrame, departs: Mapping[str, Sequence[str]], material: Material
) -> str:
    every = pd.concat([part for part in (forest, monotone) if len(part)])
    caption = (
        "Error of the energy told from the outputs, by their number d, vanilla images, mean over "
        f"{words.counted(every)}."
    )
    if len(forest):
        caption += (
            " A random forest (sampled) is blind at 32 px: only some 1,700 different images can occur, so it reads "
            "which image it is, and any encoder that keeps images apart gets the ceiling, however it orders them."
        )
    if forest[["published", "published_original_law"]].notna().any(axis=None):
        ceiling = forest["oracle"].dropna()
        beside = f" ({ceiling.iloc[0]:.4f})" if len(ceiling) else ""
        caption += (
            " Diamonds: the paper's .0032 as printed, ten times below the error from E[energy | image] "
            f"itself{beside}: no per-image error can be that low."
        )
    if len(monotone):
        caption += (
            " The best rising curve along the one-dimensional line of the outputs feels the order: it is the sensitive "
            f"one. {words.basis({'all': bool(monotone['exact'].all())})}"
        )
    return (
        f"{caption} Dotted: the same for the oracle. {words.BARS}"
        + words.precision(material.runs, every["condition"])
        + words.departures(departs)
    )
