"""The paper's figures, redrawn from the tables and the thinned embeddings. The one place that knows matplotlib.

Source: Figs. 3 to 18 of the 2021 paper, under its numbers. Figs. 1, 2, 9 and 11 are schematics and Fig. 16 is a
table: they hold no results. Each figure is drawn from whatever is there and says in its caption what that was.

Conventions: contrastive is blue, solid and filled; supervised is vermillion, dashed and open; ceilings are grey and
dotted. Energy is coloured by one map, uniform to the eye and safe for the colour-blind. A figure shows one split,
view, protocol and recipe per condition, of encoders scored on the data they were trained on (the clean test images
of Fig. 5 aside): the test split, all images, the paper's protocol and its full recipe where there are such runs.
Clouds hold 10,000 points at most, and are pixels within the SVG. The same input gives the same bytes.

The room is longer than others because it is the only one that may import matplotlib: thirteen figures, each a function.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.special import ellipj

from pendeval.columns import CONDITION
from pendeval.progress import track
from pendeval.published import PUBLISHED
from pendeval.sample import Sample
from pendeval.tables import summarise

Float = NDArray[np.float64]
Frames = Mapping[str, pd.DataFrame]
Samples = Mapping[str, Sample]

_STYLE: dict[str, dict[str, Any]] = {
    "contrastive": {"color": "#0072B2", "linestyle": "-", "marker": "o", "markersize": 4.5},
    "supervised": {"color": "#D55E00", "linestyle": "--", "marker": "s", "markersize": 7, "markerfacecolor": "none"},
}
_ORACLE: dict[str, Any] = {"color": "0.45", "linestyle": ":", "linewidth": 1.6}
_PRINTED: dict[str, Any] = {
    "color": "black",
    "linestyle": "none",
    "marker": "D",
    "markersize": 6,
    "markerfacecolor": "none",
}
_TEXTS = {*CONDITION, "measure", "kind", "missing", "file", "digest", "line", "fractured", "forests"} - {
    "dim",
    "pendulums",
    "images_per_pendulum",
}
_BANDS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
_RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "legend.frameon": False,
    "svg.hashsalt": "pendeval",
    "svg.fonttype": "none",
}
_ENERGY = "energy m (1 = reaches the top)"
_SCORES = {
    "global_spearman": "global Spearman's ρ",
    "local_spearman": "local Spearman's ρ",
    "gap_spearman": "Spearman's ρ within gaps",
}
_BARS = "Bars are 95 % t-intervals over seeds; a single run has none."


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file name without ending, the paper's number, words about it, and its two files."""

    name: str
    number: str
    title: str
    caption: str
    png: Path
    svg: Path


class _Nothing(Exception):
    """No data for a figure; the message says what was missing."""


def draw(
    frames: Frames, samples: Samples, out: Path, quiet: bool = False
) -> tuple[list[Figure], list[tuple[str, str]]]:
    """Draw every figure there is data for to `out`/figure-NN.png (150 dpi) and .svg.

    `frames` holds the tables of `pendeval.columns` by name, any of them empty; `samples` the thinned embeddings by
    the digest that runs.csv gives. Returns the figures drawn, and (number, reason) of those without data. Files
    are whole or absent. Raises OSError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    tidy = {name: _tidy(frames[name]) for name in ("runs", "segments", "summary")}
    drawn, missing = [], []
    with mpl.rc_context():
        mpl.rcdefaults()  # the reader's own matplotlibrc must not change the figures
        mpl.rcParams.update(_RC)
        for number, title, make in track(_FIGURES, len(_FIGURES), "figures", quiet):
            try:
                canvas, caption = make(tidy, samples)
            except _Nothing as reason:
                missing.append((number, str(reason)))
                continue
            except (ValueError, ArithmeticError, LookupError) as problem:  # one odd run must not cost the others
                missing.append((number, f"could not be drawn: {problem}"))
                continue
            name = f"figure-{int(number):02d}"
            png, svg = out / f"{name}.png", out / f"{name}.svg"
            _save(canvas, png, {})
            _save(canvas, svg, {"Date": None})
            drawn.append(Figure(name, number, title, caption, png, svg))
    return drawn, missing


def picture(angle: Float, size: int = 32) -> Float:
    """One noise-free image redrawn from the angles (2,) of its blue and red bob: (size, size, 3), in [0, 1].

    Radians, 0 at the bottom. Geometry of the paper (§2.1, Fig. 2): bobs 3 px wide, rows downwards, halves rounded to
    even; each bob zeroes the two channels it lacks, so that their overlap is black.
    """
    image, centre = np.ones((size, size, 3)), size // 2
    radius = size - 4 - centre - 1
    for theta, channels in zip(angle, ([0, 1], [1, 2]), strict=True):
        row, column = centre + int(np.rint(radius * np.cos(theta))), centre + int(np.rint(radius * np.sin(theta)))
        image[row - 1 : row + 2, column - 1 : column + 2, channels] = 0.0
    return image


def gaps_of(alpha_g: float, num_gaps: int) -> list[tuple[float, float]]:
    """The unseen bands of energy: `num_gaps` of α_g / num_gaps each, between equal visible bands (paper §2.1)."""
    gap, seen = alpha_g / num_gaps, (1.0 - alpha_g) / (num_gaps + 1)
    return [(seen + k * (seen + gap), seen + k * (seen + gap) + gap) for k in range(num_gaps)]


# ---- choosing what to draw -------------------------------------------------------------------------------------


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with texts (missing: ""), numbers, parameters as columns, and `own`: scored on its training data."""
    frame = frame.reset_index(drop=True)
    columns: dict[str, Any] = {
        str(name): column.astype(object).where(column.notna(), "").astype(object)
        if str(name) in _TEXTS
        else pd.to_numeric(column, errors="coerce").astype(float)
        for name, column in frame.items()
    }
    given, trained = ([json.loads(p or "{}") for p in columns[name]] for name in ("parameters", "train_parameters"))
    for key in ("eps_n", "eps_g", "alpha_c", "alpha_g", "num_gaps"):
        columns[key] = pd.Series([p.get(key) for p in given], frame.index, float)
        columns[f"train_{key}"] = pd.Series([p.get(key) for p in trained], frame.index, float)
    same = pd.Series([a == b for a, b in zip(given, trained, strict=True)], frame.index, bool)
    own = same | columns["train_parameters"].eq("")
    for name in ("variant", "protocol"):  # an encoder of unknown training counts as trained on its own data
        own &= columns[f"train_{name}"].eq("") | columns[f"train_{name}"].eq(columns[name])
    return pd.DataFrame({**columns, "own": own}, frame.index)


def _select(frame: pd.DataFrame, variant: str, dim: int, measures: Sequence[str] = ()) -> pd.DataFrame:
    """Rows about one variant and number of outputs (Euclidean), encoders scored on the data they were trained on.

    With `measures` (of summary.csv), those with a value.
    """
    chosen = frame["own"] & frame["variant"].eq(variant) & frame["dim"].eq(dim) & frame["method"].isin(list(_STYLE))
    chosen &= ~frame["recipe"].astype(str).str.contains("similarity-cosine")
    rows = frame[chosen]
    return rows[rows["measure"].isin(list(measures)) & rows["mean"].notna()] if measures else rows


def _narrow(rows: pd.DataFrame, recipe: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of one split, view, protocol and recipe, the preferred ones if there are any; and what departs."""
    departs = []
    for column, wanted in {"split": "test", "view": "all", "protocol": "paper", "recipe": recipe}.items():
        if len(rows) and not rows[column].eq(wanted).any():
            rank = rows.groupby(column)["method"].agg(["nunique", "size"]).sort_index()
            rank = rank.sort_values(["nunique", "size"], kind="stable")
            wanted = str(rank.index[-1])
            departs.append(f"{column} {wanted or 'unknown'}")
        rows = rows[rows[column].eq(wanted)]
    return rows, departs


def _example(rows: pd.DataFrame, samples: Samples, recipe: str) -> tuple[pd.Series, Sample, str] | None:
    """The preferred run with a sample, lowest seed first, its sample, and words about it; None where there is none."""
    rows, departs = _narrow(rows[rows["digest"].isin(list(samples))], recipe)
    if rows.empty:
        return None
    row = rows.sort_values(["method", "seed", "digest"]).iloc[0]
    seed = "" if np.isnan(row["seed"]) else f", seed {int(row['seed'])}"
    note = f" (not the paper's full setting: {'; '.join(departs)})" if departs else ""
    return row, samples[str(row["digest"])], f"{row['label']}{seed}{note}"


def _points(rows: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """One row of summary.csv per method, measure and `keys`: of several data sets (seeds), the one with most runs."""
    rows = rows.sort_values(["n", "dataset"], ascending=[False, True]).drop_duplicates(["method", "measure", *keys])
    return rows.sort_values(list(keys) or ["method"])


def _some(n: int, most: int = 10_000) -> NDArray[np.int64]:
    """Which of n points a cloud shows, in an order that lets none systematically hide others."""
    return np.random.default_rng(0).permutation(n)[:most]


def _true(column: pd.Series) -> "pd.Series[bool]":
    return column.astype(str).str.lower().eq("true")


# ---- words -----------------------------------------------------------------------------------------------------


def _runs(count: "pd.Series[Any]") -> str:
    """Runs behind each point, in words: "1 to 5 runs a point"."""
    low, high = int(count.min()), int(count.max())
    return f"{'' if low == high else f'{low} to '}{high} run{'' if high == 1 else 's'} a point"


def _departures(departs: Iterable[str]) -> str:
    """A sentence on what is not of the preferred kind, or nothing."""
    unique = list(dict.fromkeys(departs))
    return f" Not the paper's full setting: {'; '.join(unique)}." if unique else ""


# ---- drawing ---------------------------------------------------------------------------------------------------


def _canvas(width: float, height: float) -> Canvas:
    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def _save(canvas: Canvas, path: Path, metadata: dict[str, None]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        canvas.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=metadata)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _cloud(
    axes: Axes, x: Float, y: Float, colour: Any, size: float = 3.0, cmap: str = "cividis", low: float = 0.0
) -> PathCollection:
    """Points coloured by a quantity (n,) on [low, 1], or all in one colour; NaN are left out."""
    fine = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    fine = fine[_some(len(fine))]
    look: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": True}
    if isinstance(colour, str):
        return axes.scatter(x[fine], y[fine], color=colour, **look)
    return axes.scatter(x[fine], y[fine], c=colour[fine], cmap=cmap, vmin=low, vmax=1.0, **look)


def _series(axes: Axes, x: "pd.Series[float]", rows: pd.DataFrame, method: str, thin: bool = False) -> None:
    """Means over seeds in the method's style, with intervals where there are any."""
    mean = rows["mean"].to_numpy(float)
    reach = np.stack([mean - rows["ci_low"].to_numpy(float), rows["ci_high"].to_numpy(float) - mean])
    style = dict(_STYLE[method])
    if thin:
        style |= {"linewidth": 0.8, "elinewidth": 0.8, "markersize": style["markersize"] * 0.6, "alpha": 0.75}
    axes.errorbar(x, mean, yerr=np.maximum(reach, 0.0), capsize=2.5, **style)


def _legend(canvas: Canvas, methods: Iterable[str], *others: tuple[str, Any], columns: int = 4) -> None:
    """A legend above the axes, where it covers nothing."""
    handles: list[Any] = [Line2D([], [], label=method, **_STYLE[method]) for method in _STYLE if method in set(methods)]
    handles += [Line2D([], [], label=label, **how) if isinstance(how, dict) else how for label, how in others]
    canvas.legend(handles=handles, loc="outside upper center", ncols=min(columns, len(handles)), handlelength=2.6)


def _oracle_line(axes: Axes, rows: pd.DataFrame, x: str) -> bool:
    """The oracle of each level as one dotted line; whether there was any."""
    by = rows.groupby(x)["oracle"].mean().dropna()
    axes.plot(
        by.index.to_numpy(float), by.to_numpy(float), marker="_" if len(by) == 1 else "", markersize=14, **_ORACLE
    )
    return len(by) > 0


def _dot(colour: str, marker: str = "o", hollow: bool = False) -> dict[str, Any]:
    """A point of a cloud, for the legend."""
    fill = "none" if hollow else colour
    return {"color": colour, "linestyle": "none", "marker": marker, "markersize": 5, "markerfacecolor": fill}


def _show(axes: Axes, image: Float) -> None:
    axes.imshow(image, interpolation="nearest", vmin=0.0, vmax=1.0)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color="0.7")


# ---- the figures -----------------------------------------------------------------------------------------------


def _main_result(frames: Frames, _: Samples) -> tuple[Canvas, str]:
    measures, panels, departs = ("global_spearman", "local_spearman"), {}, []
    for variant, size in (("vanilla", "vanilla, 32 px"), ("large", "large, 100 px")):
        rows, notes = _narrow(_select(frames["summary"], variant, 1, measures), "d1")
        if len(rows):
            panels[size] = _points(rows)
            departs += [f"{variant} with {note}" for note in notes]
    if not panels:
        raise _Nothing("no scored runs on vanilla or large with one output")
    canvas = _canvas(1.6 + 2.7 * len(panels), 5.2)
    grid = canvas.subplots(2, len(panels), squeeze=False)
    for column, (size, points) in enumerate(panels.items()):
        for axes, measure in zip(grid[:, column], measures, strict=True):
            rows = points[points["measure"].eq(measure)]
            _main_panel(axes, rows)
            axes.set_ylabel(_SCORES[measure])
        grid[0, column].set_title(size)
    every = pd.concat(list(panels.values()))
    extra = [("oracle", _ORACLE)] if every["oracle"].notna().any() else []
    extra += [("paper", _PRINTED)] if every["published"].notna().any() else []
    _legend(canvas, every["method"], *extra, columns=2 * len(panels))
    caption = (
        f"Global and local Spearman's ρ of one output with the energy, mean over seeds ({_runs(every['n'])}), beside "
        f"the score of the oracle E[energy | image] and the value the paper printed. {_BARS} The vertical axes do not "
        "begin at zero. The oracle is a ceiling for the global score, for the local one a reference."
        + _departures(departs)
    )
    return canvas, caption


def _main_panel(axes: Axes, rows: pd.DataFrame) -> None:
    for place, method in enumerate(_STYLE):
        row = rows[rows["method"].eq(method)]
        _series(axes, pd.Series([float(place)] * len(row)), row, method)
        axes.plot(np.full(len(row), place + 0.25), row["published"].to_numpy(float), **_PRINTED)
    if rows["oracle"].notna().any():
        axes.axhline(float(rows["oracle"].mean()), **_ORACLE)
    axes.set(xticks=range(len(_STYLE)), xticklabels=list(_STYLE), xlim=(-0.5, 1.6))
    axes.margins(y=0.2)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _representations(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    found = {}
    for dim in (1, 2, 3):
        rows = _select(frames["runs"], "vanilla", dim)
        example = _example(rows[rows["method"].eq("contrastive")], samples, f"d{dim}")
        if example:
            found[dim] = example
    if not found:
        raise _Nothing("no embeddings of contrastive runs on vanilla")
    canvas = _canvas(7.0, 0.7 + 2.7 * len(found))
    grid, left, shown = canvas.add_gridspec(len(found), 2), [], None
    for place, (dim, (_, sample, _)) in enumerate(found.items()):
        axes = canvas.add_subplot(grid[place, 0])
        shown = _cloud(axes, sample.energy, sample.values, sample.energy)
        axes.set(xlabel=_ENERGY, ylabel="embedding" if dim == 1 else "spectral embedding", title=f"d = {dim}")
        axes.locator_params(axis="y", nbins=5)
        axes.ticklabel_format(axis="y", scilimits=(-2, 4))
        left += [axes, _outputs(canvas, grid[place, 1], sample)]
    assert shown is not None  # noqa: S101 (found is not empty)
    canvas.colorbar(shown, ax=left, label=_ENERGY, location="top", shrink=0.6, aspect=30)
    listed = "; ".join(f"d = {dim}: {words}" for dim, (_, _, words) in found.items())
    return canvas, (
        "Left: the one-dimensional line of the outputs (the output itself, or their spectral embedding) against the "
        "energy. Right: the outputs themselves, coloured by energy (a single output is spread vertically at random). "
        f"Contrastive runs on vanilla images, one run each. {listed}."
    )


def _outputs(canvas: Canvas, place: SubplotSpec, sample: Sample) -> Axes:
    """The outputs themselves, in their one, two or three dimensions, coloured by energy."""
    outputs = sample.embedding.astype(float)
    if outputs.shape[1] == 3:
        solid: Any = canvas.add_subplot(place, projection="3d")
        some = _some(len(outputs))
        x, y, z = outputs[some].T
        solid.scatter(
            x, y, z, c=sample.energy[some], cmap="cividis", vmin=0, vmax=1, s=3, linewidths=0, rasterized=True
        )
        solid.set(xlabel="output 1", ylabel="output 2", zlabel="output 3")
        solid.tick_params(labelsize=7, pad=0)
        solid.locator_params(nbins=4)
        solid.set_box_aspect(None, zoom=0.95)
        return cast(Axes, solid)
    axes = canvas.add_subplot(place)
    flat = outputs.shape[1] == 1
    spread = np.random.default_rng(0).uniform(-1, 1, len(outputs)) if flat else outputs[:, 1]
    _cloud(axes, outputs[:, 0], spread, sample.energy)
    if flat:
        axes.set(xlabel="embedding", yticks=[], ylim=(-3, 3))
        axes.spines["left"].set_visible(False)
    else:
        axes.set(xlabel="output 1", ylabel="output 2")
    return axes


def _noise(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    columns = [
        _Noise(frames, samples, *kind)
        for kind in (("numerical-noise", "eps_n", "ε_n"), ("graphical-noise", "eps_g", "ε_g"))
    ]
    columns = [column for column in columns if column.methods]
    if not columns:
        raise _Nothing("no scored runs with numerical or graphical noise and one output")
    strips = any(column.strips for column in columns)
    canvas = _canvas(1.6 + 2.8 * len(columns), 5.0 + 3.4 * strips)
    ratios = [1.0, 1.0, 1.5] if strips else [1.0, 1.0]
    grid = canvas.subplots(len(ratios), len(columns), squeeze=False, height_ratios=ratios)
    shown = None
    for place, column in enumerate(columns):
        for axes, measure in zip(grid[:2, place], ("global_spearman", "local_spearman"), strict=True):
            column.curves(axes, measure)
        grid[0, place].set_title(column.variant.replace("-", " "))
        if strips:
            shown = column.draw_strips(grid[2, place]) or shown
    if shown is not None:
        canvas.colorbar(shown, ax=list(grid[2]), label=_ENERGY)
    every = pd.concat([part for column in columns for part in (column.noisy, column.clean)])
    extra: list[tuple[str, Any]] = (
        [("oracle", _ORACLE)] if any(c.noisy["oracle"].notna().any() for c in columns) else []
    )
    if any(len(column.clean) for column in columns):
        extra.append(("thin: clean test images", {"color": "0.3", "linewidth": 0.8, "marker": ".", "markersize": 4}))
    if any(len(column.base) for column in columns):
        extra.append(("level: trained without noise", {"color": "0.3", "linewidth": 0.8, "alpha": 0.6}))
    _legend(canvas, every["method"], *extra, columns=1 + len(columns))
    bottom = (
        " Bottom: the contrastive representation of one run per noise level, on its own test images, turned so that it "
        "rises with energy and moved to median zero; points are spread vertically at random."
    )
    return canvas, (
        "Global (top) and local (middle) Spearman's ρ against the level of noise, mean over seeds "
        f"({_runs(every['n'])}), one output. Encoders trained on noise, scored on noisy test images (thick) and on "
        "clean ones (thin) where there are such scores; dotted: the oracle on the noisy ones; "
        f"horizontal lines: trained and scored without noise. {_BARS}"
        f"{bottom if strips else ''}{_departures(note for column in columns for note in column.departs)}"
    )


def _apart(levels: Sequence[float]) -> list[float]:
    """Those of the rising levels whose labels keep clear of each other on a logarithmic axis."""
    chosen = list(levels[:1])
    for level in levels[1:]:
        if np.log(level / chosen[-1]) > 0.2 * np.log(levels[-1] / levels[0]):
            chosen.append(level)
    return chosen


class _Noise:
    """A column of Fig. 5: the runs with one kind of noise, chosen once, drawn in three places."""

    def __init__(self, frames: Frames, samples: Samples, variant: str, key: str, symbol: str) -> None:
        measures = ["global_spearman", "local_spearman"]
        summary, self.variant, self.symbol = frames["summary"], variant, symbol
        noisy, notes = _narrow(_select(summary, variant, 1, measures), "d1")
        crossed = summary["variant"].eq("vanilla") & summary["train_variant"].eq(variant) & summary["mean"].notna()
        crossed &= summary["dim"].eq(1) & summary["method"].isin(list(_STYLE)) & summary["measure"].isin(measures)
        recipe = str(noisy["recipe"].iloc[0]) if len(noisy) else "d1"
        clean, more = _narrow(summary[crossed], recipe)
        base, _ = _narrow(_select(summary, "vanilla", 1, measures), recipe)
        self.noisy, self.clean, self.base = (
            _points(rows.assign(level=rows[column]), "level")
            for rows, column in ((noisy, key), (clean, f"train_{key}"), (base, key))
        )
        self.noisy, self.clean = (rows[rows["level"] > 0] for rows in (self.noisy, self.clean))
        self.base = self.base[self.base["recipe"].eq(recipe)]
        self.methods = [*self.noisy["method"], *self.clean["method"]]
        self.departs = [f"{variant} with {note}" for note in dict.fromkeys([*notes, *more])]
        self.strips: list[tuple[float, Sample]] = []
        for kind, level in (("vanilla", 0.0), *((variant, level) for level in sorted(self.noisy["level"].unique()))):
            rows = _select(frames["runs"], kind, 1)
            rows = rows[rows["method"].eq("contrastive") & rows["recipe"].eq(recipe) & rows[key].fillna(0.0).eq(level)]
            example = _example(rows, samples, recipe)
            if example:
                self.strips.append((level, example[1]))
        if not any(level for level, _ in self.strips):
            self.strips = []

    def curves(self, axes: Axes, measure: str) -> None:
        """A score against the level of noise."""
        noisy, clean, base = (rows[rows["measure"].eq(measure)] for rows in (self.noisy, self.clean, self.base))
        axes.set_xscale("log")
        for method, style in _STYLE.items():
            for rows, thin in ((noisy, False), (clean, True)):
                mine = rows[rows["method"].eq(method)]
                if len(mine):
                    _series(axes, mine["level"], mine, method, thin)
            for level in base.loc[base["method"].eq(method), "mean"]:
                axes.axhline(level, color=style["color"], linestyle=style["linestyle"], linewidth=0.8, alpha=0.6)
        _oracle_line(axes, noisy, "level")
        levels = sorted({*noisy["level"], *clean["level"]})
        axes.set_xticks(_apart(levels), [f"{level:g}" for level in _apart(levels)])
        axes.set_xticks(levels, [""] * len(levels), minor=True)
        axes.set(xlabel=f"noise level {self.symbol}", ylabel=_SCORES[measure])

    def draw_strips(self, axes: Axes) -> PathCollection | None:
        """A strip per level, the least noise on top; None, and nothing, where there are no embeddings."""
        if not self.strips:
            axes.set_axis_off()
            return None
        shown, jitter = None, np.random.default_rng(5)
        for place, (_, sample) in enumerate(self.strips):
            some = _some(len(sample.energy), 3000)
            energy, values = sample.energy[some], sample.values[some]
            sign = -1.0 if np.sum((energy - energy.mean()) * (values - values.mean())) < 0 else 1.0
            spread = place + jitter.uniform(-0.3, 0.3, len(some))
            shown = _cloud(axes, sign * (values - np.median(values)), spread, energy, size=2.0)
        axes.set(yticks=range(len(self.strips)), yticklabels=[f"{level:g}" for level, _ in self.strips])
        axes.set(
            xlabel="embedding, median at zero", ylabel=f"noise level {self.symbol}", ylim=(len(self.strips) - 0.4, -0.6)
        )
        return shown


def _gaps(frames: Frames, _: Samples) -> tuple[Canvas, str]:
    measures = ("global_spearman", "gap_spearman")
    rows, departs = _narrow(_three_gaps(_select(frames["summary"], "gaps", 1, measures)), "d1")
    if rows.empty:
        raise _Nothing("no scored runs with three gaps and one output")
    return _gap_panels(rows, measures), _gap_caption(rows, departs)


def _gaps_unfractured(frames: Frames, _: Samples) -> tuple[Canvas, str]:
    measures = ("global_spearman", "gap_spearman")
    runs, departs = _narrow(_three_gaps(_select(frames["runs"], "gaps", 1)), "d1")
    if runs.empty:
        raise _Nothing("no scored runs with three gaps and one output")
    broken = _true(runs["fractured"])
    rows = _tidy(summarise(runs[~broken]))
    rows = rows[rows["measure"].isin(measures) & rows["mean"].notna()]
    if rows.empty:
        raise _Nothing("every run with three gaps fractured")
    left = " and ".join(
        f"{int((broken & runs['method'].eq(m)).sum())} {m}" for m in _STYLE if runs["method"].eq(m).any()
    )
    text = f" Of {len(runs)} runs, those that certainly fractured are left out: {left}."
    return _gap_panels(rows, measures), _gap_caption(rows, departs) + text


def _three_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["alpha_g"].notna() & rows["num_gaps"].fillna(3).eq(3)]


def _gap_panels(rows: pd.DataFrame, measures: Sequence[str]) -> Canvas:
    points = _points(rows, "alpha_g")
    canvas = _canvas(7.0, 3.4)
    oracle = False
    for axes, measure in zip(canvas.subplots(1, 2), measures, strict=True):
        here = points[points["measure"].eq(measure)]
        for method in _STYLE:
            mine = here[here["method"].eq(method)]
            if len(mine):
                _series(axes, mine["alpha_g"], mine, method)
        oracle |= _oracle_line(axes, here, "alpha_g")
        axes.set(xlabel="total length of the gaps α_g", ylabel=_SCORES[measure], xlim=(0.0, 1.0))
    _legend(canvas, points["method"], *([("oracle", _ORACLE)] if oracle else []))
    return canvas


def _gap_caption(rows: pd.DataFrame, departs: list[str]) -> str:
    return (
        "Three gaps in the training energies, all energies in the images scored: global Spearman's ρ (left) and the "
        "mean of ρ within each gap (right) against the total length of the gaps, mean over seeds "
        f"({_runs(_points(rows, 'alpha_g')['n'])}), one output. {_BARS} The vertical axes do not begin at zero."
        f"{_departures(departs)}"
    )


def _fracturing(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    rows = _select(frames["runs"], "gaps", 1)
    rows = rows[rows["digest"].isin(list(samples))]
    if rows.empty:
        raise _Nothing("no embeddings of runs with gaps and one output")
    wishes: tuple[Callable[[pd.DataFrame], Any], ...] = (
        lambda some: some["method"].eq("contrastive"),
        lambda some: _true(some["fractured"]),
        lambda some: some["alpha_g"].isna(),  # the single gap of the paper's figure
        lambda some: some["alpha_g"].eq(some["alpha_g"].max()),
    )
    for wish in wishes:
        rows = rows[wish(rows)] if wish(rows).any() else rows
    example = _example(rows, samples, "d1")
    assert example is not None  # noqa: S101 (every row has its sample)
    row, sample, words = example
    gaps, seen = _bands_of(row, frames["segments"])
    canvas = _canvas(6.0, 4.0)
    axes = canvas.add_subplot()
    for low, high in gaps:
        axes.axvspan(low, high, color="0.9", linewidth=0, zorder=0)
    inside = np.zeros(len(sample.energy), bool)
    for place, (low, high) in enumerate(seen):
        band = (sample.energy >= low) & (sample.energy <= high)
        inside |= band
        _cloud(axes, sample.energy[band], sample.values[band], _BANDS[place % len(_BANDS)], size=4)
    _cloud(axes, sample.energy[~inside], sample.values[~inside], "0.35", size=4)
    axes.set(xlabel=_ENERGY, ylabel="embedding", xlim=(0, 1))
    bands = (f"seen in training, {low:.2g} to {high:.2g}" for low, high in seen)
    handles = [(band, _dot(_BANDS[k % len(_BANDS)])) for k, band in enumerate(bands)]
    gap = Patch(facecolor="0.9", label="gap")
    _legend(canvas, [], *handles, ("gap", gap), columns=3)
    certain = "fractured" if _true(pd.Series([row["fractured"]])).iloc[0] else "which did not certainly fracture"
    return canvas, (
        f"One output against the energy for a run with gaps, {certain}: {words}, {row['dataset']}. Shaded: "
        "energies the encoder never saw; coloured: each band it saw."
    )


def _bands_of(row: pd.Series, segments: pd.DataFrame) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The gaps of a run and the bands it saw, from segments.csv, or else from its parameters."""
    mine = segments[segments["digest"].eq(row["digest"]) & segments["view"].eq(row["view"])]
    kinds = (mine[mine["kind"].eq(kind)].sort_values("energy_low") for kind in ("gap", "visible"))
    gaps, seen = (list(zip(k["energy_low"].astype(float), k["energy_high"].astype(float), strict=True)) for k in kinds)
    if not gaps:
        given = json.loads(str(row["train_parameters"] or row["parameters"] or "{}"))
        gaps = [(float(low), float(high)) for low, high in given.get("gap", [])]
        if "alpha_g" in given:
            gaps = gaps_of(float(given["alpha_g"]), int(given.get("num_gaps", 3)))
    if not seen:
        marks = [0.0, *(edge for gap in gaps for edge in gap), 1.0]
        seen = list(zip(marks[::2], marks[1::2], strict=True))
    return gaps, seen


def _density(frames: Frames, _: Samples) -> tuple[Canvas, str]:
    rows = _select(frames["segments"], "vanilla", 1)
    rows = rows[rows["kind"].eq("segment") & rows["spearman"].notna() & rows["density"].notna()]
    rows, departs = _narrow(rows, "d1")
    if rows.empty:
        raise _Nothing("no densities of runs on vanilla with one output")
    methods = [method for method in _STYLE if rows["method"].eq(method).any()]
    canvas = _canvas(2.2 + 2.4 * len(methods), 3.6)
    grid = canvas.subplots(1, len(methods), squeeze=False, sharey=True)[0]
    colours = mpl.colormaps["cividis"]
    for axes, method in zip(grid, methods, strict=True):  # a panel each: what an output spans differs manyfold
        mine = rows[rows["method"].eq(method)]
        shade: Any = colours(((mine["energy_low"] + mine["energy_high"]) / 2).to_numpy(float))
        fill: Any = "none" if method == "supervised" else shade
        marker = str(_STYLE[method]["marker"])
        axes.scatter(mine["density"], mine["spearman"], edgecolors=shade, facecolors=fill, marker=marker, s=30)
        axes.set(title=method, xlabel="density (energy per unit of embedding)")
        axes.locator_params(axis="x", nbins=5)
    grid[0].set_ylabel("Spearman's ρ within the segment")
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 1), colours)
    canvas.colorbar(scale, ax=list(grid), label="middle energy m of the segment")
    each = rows.groupby("method")["digest"].nunique()
    counted = " and ".join(f"{each[method]} {method}" for method in methods)
    return canvas, (
        "Spearman's ρ within each of seven equal energy segments against the density of the representation there, one "
        f"output, vanilla images, seven points a run where both are defined; runs: {counted}. "
        f"{'The scales of the two densities differ.' if len(methods) > 1 else ''}".rstrip()
        + _departures(departs)
    )


def _blank(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    rows = _select(frames["runs"], "cropping", 1)
    if rows.empty:
        raise _Nothing("no runs with cropping and one output")
    blank = {key: ~s.visible.any(axis=1) for key, s in samples.items() if s.visible is not None}
    rows = rows[rows["digest"].isin([key for key, which in blank.items() if which.any()])]
    if rows.empty:
        raise _Nothing("no blank images in the embeddings of runs with cropping")
    near = (rows["alpha_c"] - 0.75).abs()
    rows = rows[near.eq(near.min())] if near.notna().any() else rows
    rows = rows[rows["method"].eq("contrastive")] if rows["method"].eq("contrastive").any() else rows
    example = _example(rows, samples, "d1")
    assert example is not None  # noqa: S101 (every row has its sample)
    row, sample, words = example
    canvas = _canvas(6.0, 4.0)
    axes = canvas.add_subplot()
    gone = blank[str(row["digest"])]
    _cloud(axes, sample.energy[~gone], sample.values[~gone], "#56B4E9", size=3)
    _cloud(axes, sample.energy[gone], sample.values[gone], "#D55E00", size=6)
    handles: list[tuple[str, Any]] = [("some bob visible", _dot("#56B4E9"))]
    mean, expected = float(row["blank_embedding"]), float(row["blank_expected"])
    label = "blank" if np.isnan(mean) else f"blank: {mean:.2f}".replace("-", "−")
    handles.append((label, _dot("#D55E00")))
    if not np.isnan(expected):
        line: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.2}
        axes.axhline(expected, **line)
        handles.append((f"expected: {expected:.2f}".replace("-", "−"), line))
    axes.set(xlabel=_ENERGY, ylabel="embedding", xlim=(0, 1))
    _legend(canvas, [], *handles)
    return canvas, (
        f"One output against the energy for an encoder trained on cropped images (α_c = {row['alpha_c']:g}; {words}), "
        "one run. Blank images, without any bob, all look the same and share one embedding; dashed: the mean, over the "
        "blank images' energies, of the embedding of visible images at those energies."
    )


def _with_angles(frames: Frames, samples: Samples) -> Sample | None:
    """A sample of vanilla images with their angles, whoever trained on them."""
    runs = frames["runs"]
    runs = runs[runs["variant"].eq("vanilla")]
    for split in ("test", "train"):
        for digest in sorted(runs.loc[runs["split"].eq(split), "digest"]):
            if digest in samples and samples[digest].angle is not None:
                return samples[digest]
    return None


def _nearest(sample: Sample, energy: float, count: int) -> NDArray[np.int64]:
    """The `count` images nearest to an energy: those of one pendulum first, since they share theirs."""
    return np.argsort(np.abs(sample.energy - energy), kind="stable")[:count]


def _images(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    sample = _with_angles(frames, samples)
    if sample is None or sample.angle is None:
        raise _Nothing("no embeddings of vanilla images with angles")
    energies = (0.05, 0.25, 0.5, 0.75, 0.95)
    canvas = _canvas(6.6, 5.4)
    grid = canvas.subplots(len(energies), 6, squeeze=False)
    for line, energy in zip(grid, energies, strict=True):
        which = _nearest(sample, energy, len(line))
        for axes in line[len(which) :]:
            axes.set_axis_off()
        for axes, image in zip(line, which, strict=False):
            _show(axes, picture(sample.angle[image]))
        line[0].set_ylabel(f"m = {sample.energy[which].mean():.2f}")
    return canvas, (
        "Vanilla images, redrawn from the angles stored with the embeddings; energy rises downwards. Each row shows "
        "the six images nearest to one energy m, of one pendulum where it has so many. Blue: the bob at time t; red: "
        "at t + 0.5; black: their overlap."
    )


def _variants(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    sample = _with_angles(frames, samples)
    shown = []
    for energy in (0.2, 0.5, 0.8):
        if sample is not None and sample.angle is not None:
            image = _nearest(sample, energy, 1)[0]
            shown.append((float(sample.energy[image]), sample.angle[image]))
        else:  # θ(t) of PAPER §1, from the bottom
            swing = 2.0 * np.arcsin(np.sqrt(energy) * ellipj(np.array([0.0, 0.5]), energy)[0])
            shown.append((energy, swing))
    canvas = _canvas(7.0, 6.2)
    parts: Any = canvas.subfigures(2, 1, height_ratios=[1.25, 1.0])
    above, below = parts
    left, right = above.subfigures(1, 2, width_ratios=[1.45, 1.0])
    generator = np.random.default_rng(14)
    left.suptitle("graphical noise, ε_g = 0.25", fontsize=9)
    grid = left.subplots(2, 3)
    for (clean, noisy), (energy, angle) in zip(grid.T, shown, strict=True):
        _show(clean, picture(angle))
        clean.set_xlabel(f"m = {energy:.2f}")
        _show(noisy, _disturbed(picture(angle), 0.25, generator))
    for axes, name in zip(grid[:, 0], ("clean", "noisy"), strict=True):
        axes.set_ylabel(name)
    _cropping(right.add_subplot(), 0.75)
    right.suptitle("cropping, α_c = 0.75", fontsize=9)
    _gap_bars(below)
    origin = "angles stored with the embeddings" if sample is not None else "the equation of motion"
    return canvas, (
        f"Graphical noise: pictures redrawn from {origin}; the noise is drawn afresh from the same law with a fixed "
        "seed, so these are illustrations, not images of the data set. Cropping: a schematic of the full canvas "
        "(43 px), of which the window at the bottom right (32 px) is kept; a bob outside it is not seen. Gaps: the "
        "energies seen in training for five values of α_g, three gaps each."
    )


def _disturbed(image: Float, eps_g: float, generator: np.random.Generator) -> Float:
    """Graphical noise of the paper's protocol on one picture (S, S, 3): shift, pixel noise, tint, clip (PAPER §3)."""
    if generator.random() < eps_g:
        step = 1 if generator.random() < 0.5 else -1
        image = np.roll(image, step, axis=1)
        image[:, 0 if step == 1 else -1] = 1.0
    noise = generator.normal(0.0, eps_g / 4, image.shape) + generator.normal(0.0, eps_g / 8, 3)
    return np.clip(image + noise, 0.0, 1.0)


def _cropping(axes: Axes, alpha_c: float) -> None:
    size = round(32 / alpha_c)
    image, start = picture(np.array([-1.1, -0.45]), size), size - 32
    kept = np.zeros((size, size, 1), bool)
    kept[start:, start:] = True
    axes.imshow(np.where(kept, image, 0.45 * image + 0.35), interpolation="nearest")
    axes.add_patch(Rectangle((start - 0.5, start - 0.5), 32, 32, fill=False, linewidth=1.6, edgecolor="black"))
    axes.text(size - 1.5, start + 1.0, "kept: 32 × 32 px", ha="right", va="top")
    axes.text(1.0, 1.5, f"canvas: {size} × {size} px", va="top")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def _gap_bars(canvas: Any) -> None:
    axes, alphas = canvas.add_subplot(), (0.2, 0.3, 0.4, 0.6, 0.8)
    for place, alpha in enumerate(alphas):
        axes.bar(place, 1.0, width=0.6, color="#0072B2")
        for low, high in gaps_of(alpha, 3):
            axes.bar(place, high - low, width=0.6, bottom=low, color="0.88")
    axes.set(xticks=range(len(alphas)), xticklabels=[f"{a:g}" for a in alphas], ylim=(0, 1))
    axes.set(xlabel="total length of the gaps α_g", ylabel="energy m")
    handles = [Patch(color="#0072B2", label="seen in training"), Patch(color="0.88", label="gap")]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _cosine(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    rows = frames["runs"]
    rows = rows[rows["own"] & rows["variant"].eq("vanilla") & rows["dim"].eq(2) & rows["method"].eq("contrastive")]
    example = _example(
        rows[rows["recipe"].astype(str).str.contains("similarity-cosine")], samples, "d2-similarity-cosine"
    )
    if example is None:
        raise _Nothing("no embeddings of contrastive runs on vanilla with cosine similarity and two outputs")
    _, sample, words = example
    length = np.linalg.norm(sample.embedding.astype(float), axis=1, keepdims=True)
    unit = sample.embedding / np.where(length > 0, length, 1.0)
    canvas = _canvas(7.0, 3.4)
    left, right = canvas.subplots(1, 2)
    points = _cloud(left, unit[:, 0], unit[:, 1], sample.energy)
    left.set(xlabel="output 1, normalised", ylabel="output 2, normalised", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    left.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    _cloud(right, sample.energy, sample.values, sample.energy)
    right.set(xlabel=_ENERGY, ylabel="angle (rad)", xlim=(0, 1))
    canvas.colorbar(points, ax=[left, right], label=_ENERGY)
    return canvas, (
        "Training by cosine similarity, two outputs. Left: the outputs at length 1, coloured by energy. Right: the "
        f"angle of a point on the circle against the energy. Vanilla images, one run: {words}."
    )


def _regression(frames: Frames, _samples: Samples) -> tuple[Canvas, str]:
    parts, departs, ceilings = [], [], []
    for dim in (1, 2, 3):
        rows, notes = _narrow(_select(frames["summary"], "vanilla", dim, ["forest_rmse"]), f"d{dim}")
        parts.append(_points(rows))
        departs += notes
        recipe = str(rows["recipe"].iloc[0]) if len(rows) else ""
        runs, _ = _narrow(_select(frames["runs"], "vanilla", dim), recipe)
        ceilings += list(runs["ceiling_rmse"].dropna())
    points = pd.concat(parts)
    if points.empty:
        raise _Nothing("no inverse regressions of runs on vanilla")
    canvas = _canvas(7.0, 3.5)
    whole, close = canvas.subplots(1, 2)
    for place, (method, style) in enumerate(_STYLE.items()):
        mine, side = points[points["method"].eq(method)], 0.16 * place - 0.08
        for axes in (whole, close):
            _series(axes, mine["dim"].astype(float) + side, mine, method)
        printed = {dim: PUBLISHED.get(("vanilla", "test", method, dim, "forest_rmse"), np.nan) for dim in (1, 2, 3)}
        whole.plot([dim + side for dim in printed], list(printed.values()), **{**_PRINTED, "color": style["color"]})
    for axes in (whole, close):
        if ceilings:
            axes.axhline(float(np.mean(ceilings)), **_ORACLE)
        axes.set(xlabel="outputs d", xticks=[1, 2, 3], xlim=(0.6, 3.4), ylabel="RMSE of the energy")
    whole.set(ylim=(0.0, None), title="from zero")
    close.margins(y=0.2)
    close.set(title="close up")
    _legend(canvas, points["method"], *([("oracle", _ORACLE)] if ceilings else []), ("paper", _PRINTED))
    ceiling = f" (dotted: {np.mean(ceilings):.4f})" if ceilings else ""
    return canvas, (
        "Error of a random forest from the outputs to the energy, by number of outputs, mean over seeds "
        f"({_runs(points['n'])}), vanilla images. {_BARS} Diamonds: the paper's .0032 as printed, ten times below "
        f"the error of E[energy | image] itself{ceiling}: no per-image error can be that low.{_departures(departs)}"
    )


def _vertical(frames: Frames, samples: Samples) -> tuple[Canvas, str]:
    rows = _select(frames["runs"], "vanilla", 2)
    rows = rows[rows["method"].eq("contrastive")]
    with_angles = {key: sample for key, sample in samples.items() if sample.angle is not None}
    example = _example(rows, with_angles, "d2")
    if example is None or example[1].angle is None:
        raise _Nothing("no embeddings, with angles, of contrastive runs on vanilla with two outputs")
    _, sample, words = example
    canvas = _canvas(6.0, 4.2)
    axes = canvas.add_subplot()
    height = np.cos(example[1].angle[:, 0])
    x, y = sample.embedding.astype(float).T
    points = _cloud(axes, x, y, height, size=4, cmap="viridis", low=-1.0)
    axes.set(xlabel="output 1", ylabel="output 2")
    bar = canvas.colorbar(points, ax=axes, label="cos θ of the blue bob (−1 top, 1 bottom)")
    bar.ax.invert_yaxis()
    return canvas, (
        "A representation with two outputs, coloured by the vertical position of the blue bob instead of the energy. "
        f"Vanilla images, one contrastive run: {words}."
    )


_FIGURES: tuple[tuple[str, str, Callable[[Frames, Samples], tuple[Canvas, str]]], ...] = (
    ("3", "Main result", _main_result),
    ("4", "Representations with one, two and three outputs", _representations),
    ("5", "Noise", _noise),
    ("6", "Energy gaps", _gaps),
    ("7", "Energy gaps without fractured runs", _gaps_unfractured),
    ("8", "Fracturing", _fracturing),
    ("10", "Density and local Spearman", _density),
    ("12", "Blank images", _blank),
    ("13", "The vanilla images", _images),
    ("14", "The variants", _variants),
    ("15", "Cosine similarity", _cosine),
    ("17", "Inverse regression", _regression),
    ("18", "Vertical position", _vertical),
)
