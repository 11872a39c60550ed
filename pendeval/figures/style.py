"""How figures look: colours, fonts, and the few shapes that most of them draw.

Contrastive is blue, solid and filled; supervised is vermillion, dashed and open; every other method has a look of its
own, whatever stands beside it (`look`). Ceilings are grey and dotted. What the paper printed is a black diamond beside
runs of the law it was measured under, and a hollow grey one elsewhere; the lab's own
results are grey crosses. Energy is coloured by one map, uniform to the eye and safe for the colour-blind, as are the
colours of methods (Okabe & Ito 2008; Tol 2021).
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pendeval.recipes import method_words

Float = NDArray[np.float64]
Legend = tuple[str, Any]

RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "grid.color": "0.92",
    "legend.frameon": False,
    "svg.hashsalt": "pendeval",
    "svg.fonttype": "none",
}
METHOD: dict[str, dict[str, Any]] = {
    "contrastive": {"color": "#0072B2", "linestyle": "-", "marker": "o", "markersize": 4.5},
    "supervised": {"color": "#D55E00", "linestyle": "--", "marker": "s", "markersize": 7, "markerfacecolor": "none"},
}
"""The paper's two methods, in its order."""
_FURTHER: dict[str, dict[str, Any]] = {
    "simsiam": {"color": "#009E73", "linestyle": "-", "marker": "^", "markersize": 5},
    "byol": {"color": "#009E73", "linestyle": "--", "marker": "v", "markersize": 5},
    "vicreg": {"color": "#CC79A7", "linestyle": "-", "marker": "D", "markersize": 4.5},
    "barlow_twins": {"color": "#CC79A7", "linestyle": "--", "marker": "d", "markersize": 5.5},
    "spectral": {"color": "#56B4E9", "linestyle": "-", "marker": "P", "markersize": 6},
    "align_uniform": {"color": "#56B4E9", "linestyle": "-.", "marker": "X", "markersize": 6},
    "joint": {"color": "#E69F00", "linestyle": "-", "marker": "*", "markersize": 7},
    "paws": {"color": "#E69F00", "linestyle": "--", "marker": "h", "markersize": 6},
}
_STRANGE = ("#332288", "#882255", "#117733", "#999933", "#AA4499", "#44AA99")
"""Colours of methods not known here; none is the colour of one that is."""
_DASHES, _MARKERS = ("-", "--", "-."), ("<", ">", "p", "H")
ORACLE: dict[str, Any] = {"color": "0.45", "linestyle": ":", "linewidth": 1.6}
LAB: dict[str, Any] = {"color": "0.35", "linestyle": "none", "marker": "x", "markersize": 5.5}
PRINTED: dict[str, Any] = {"color": "black", "linestyle": "none", "marker": "D", "markersize": 5}
PRINTED_ELSEWHERE: dict[str, Any] = {
    **{"color": "0.6", "linestyle": "none", "marker": "D", "markersize": 6, "markerfacecolor": "none"},
    "markeredgewidth": 0.9,
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
ENERGY = "energy m (1 = reaches the top)"
UNIT = (-0.01, 1.01)
"""Limits of an axis of energies."""
ENERGY_MAP = "cividis"
MOST_POINTS = 10_000
"""What a cloud shows; clouds are pixels within the SVG."""


def look(method: str) -> dict[str, Any]:
    """Colour, line and marker of any method, the same in every figure; of one not known here, drawn from its name."""
    if known := METHOD.get(method) or _FURTHER.get(method):
        return known
    draw = int.from_bytes(hashlib.sha256(method.encode("utf-8", "replace")).digest()[:8])
    draw, colour = divmod(draw, len(_STRANGE))
    draw, dash = divmod(draw, len(_DASHES))
    marker = _MARKERS[draw % len(_MARKERS)]
    return {"color": _STRANGE[colour], "linestyle": _DASHES[dash], "marker": marker, "markersize": 5}


def plain(text: str) -> str:
    """Text that a figure shows letter by letter: matplotlib reads $ as mathematics and leaves labels with _ out."""
    return (f" {text}" if text.startswith("_") else text).replace("$", r"\$")


def canvas_of(width: float, height: float) -> Canvas:
    """An empty canvas, inches."""
    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def some(n: int, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Which of n points a cloud shows, in an order that lets none systematically hide others."""
    return np.random.default_rng(0).permutation(n)[:most]


def cloud(
    axes: Axes, x: Float, y: Float, colour: Any, size: float = 1.0, cmap: str = ENERGY_MAP, low: float = 0.0
) -> PathCollection:
    """Points coloured by a quantity (n,) on [low, 1], or all in one colour; NaN are left out.

    `size` is relative: few points are drawn larger.
    """
    fine = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    fine = fine[some(len(fine))]
    look: dict[str, Any] = {"s": size * area(len(x)), "linewidths": 0, "rasterized": True}
    if isinstance(colour, str):
        return axes.scatter(x[fine], y[fine], color=colour, **look)
    return axes.scatter(x[fine], y[fine], c=colour[fine], cmap=cmap, vmin=low, vmax=1.0, **look)


def area(n: int) -> float:
    """How large each of n points of a cloud is drawn, square points of typography."""
    return float(np.clip(9_000 / max(n, 1), 3.0, 10.0))


def series(axes: Axes, x: Sequence[float] | Float, rows: pd.DataFrame, method: str) -> None:
    """Means over replicates (columns mean, ci_low, ci_high) in the method's style; without an interval, no bar."""
    mean = rows["mean"].to_numpy(float)
    reach = np.stack([mean - rows["ci_low"].to_numpy(float), rows["ci_high"].to_numpy(float) - mean])
    axes.errorbar(x, mean, yerr=np.maximum(reach, 0.0), capsize=2.5, **look(method))


def oracle_curve(axes: Axes, rows: pd.DataFrame, x: str) -> bool:
    """The oracle of each level as one dotted line, or a dash where there is one level; whether there was any."""
    rows = rows[rows["oracle"].notna()].sort_values([x, "method"]).drop_duplicates(x)
    dash: dict[str, Any] = {"marker": "_", "markersize": 14} if len(rows) == 1 else {}
    axes.plot(rows[x].to_numpy(float), rows["oracle"].to_numpy(float), **dash, **ORACLE)
    return len(rows) > 0


def legend(canvas: Canvas, methods: Iterable[str], *others: Legend) -> None:
    """A legend above the axes, where it covers nothing, in as many columns as the canvas is wide."""
    present = set(methods)
    known = [*METHOD, *_FURTHER]
    order = [*(method for method in known if method in present), *sorted(present - {*known})]
    handles: list[Any] = [Line2D([], [], label=plain(method_words(method)), **look(method)) for method in order]
    handles += [Line2D([], [], label=plain(label), **how) if isinstance(how, dict) else how for label, how in others]
    columns = _columns([str(handle.get_label()) for handle in handles], float(canvas.get_figwidth()))
    canvas.legend(handles=handles, loc="outside upper center", ncols=columns, handlelength=2.6)


def _columns(labels: Sequence[str], width: float) -> int:
    """How many columns of a legend fit into a width in inches, filled one after another."""
    for count in range(len(labels), 1, -1):
        columns = np.array_split([0.075 * len(label) + 0.72 for label in labels], count)
        if sum(max(column) for column in columns) <= width:
            return count
    return 1


def dot(colour: str) -> dict[str, Any]:
    """A point of a cloud, for the legend."""
    return {"color": colour, "linestyle": "none", "marker": "o", "markersize": 5}


def picture(axes: Axes, image: NDArray[np.uint8]) -> None:
    """An image (S, S, 3) as it is, pixel by pixel."""
    axes.imshow(image, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.7")


def signed(value: float, digits: int = 2) -> str:
    """A number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")
