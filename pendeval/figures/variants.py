"""Fig. 14: images of every variant at hand, and the energies that gaps leave out of training."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Patch

from pendeval.figures import choose, images, record
from pendeval.figures.choose import METHODS
from pendeval.figures.fracturing import bands_of
from pendeval.figures.images import Pictures
from pendeval.figures.material import Material
from pendeval.figures.style import METHOD, canvas_of, picture
from pendeval.settings import SYMBOLS

_WANTED = {"vanilla": 0.0, "large": 0.0, "numerical-noise": 0.25, "graphical-noise": 0.25, "cropping": 0.75}
"""Variant → the level shown, or the nearest at hand: the paper's own where it shows one."""
_SEEN, _GAP, _EACH = METHOD["contrastive"]["color"], "0.88", 2


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Above: a row for each variant, two images of each pendulum; below: a bar for each α_g."""
    shown = {}
    for variant, level in _WANTED.items():
        rows = material.runs[material.runs["variant"].eq(variant)]
        rows = rows[rows["digest"].isin(list(material.examples))]
        away = (rows["level"] - level).abs()
        found = images.pictures(rows[away.eq(away.min())], material.examples)
        if found:
            shown[_name(found)] = found
    bars = _bars(material.segments)
    if not shown and not bars:
        raise choose.absent("example images and no bands of runs with gaps", material.runs, [*_WANTED, "gaps"])
    canvas = _canvas(shown, bars)
    caption = (
        "Images of the data sets as they are in the shards: of each pendulum the first two in time; energy m rises to "
        "the right. "
        if shown
        else ""
    )
    if bars:
        caption += "Bars: the energies seen in training and the gaps between them, by the total length of the gaps α_g."
    return canvas, caption.strip(), _record(shown, bars)


def _name(found: Pictures) -> str:
    knob, level = str(found.row["knob"]), float(found.row["level"])
    name = str(found.row["variant"]).replace("-", "\n")
    if knob in SYMBOLS and level == level:
        name += f"\n{SYMBOLS[knob]} = {level:g}"
    return name if found.row["protocol"] == "paper" else f"{name}\n{found.row['protocol']}"


def _bars(segments: pd.DataFrame) -> dict[float, tuple[list[tuple[float, float]], list[tuple[float, float]]]]:
    """Seen bands and gaps of training by α_g, of one protocol."""
    rows = segments[
        choose.usual(segments) & segments["own"] & segments["variant"].eq("gaps") & segments["level"].notna()
    ]
    rows = rows[rows["method"].isin(METHODS) & rows["kind"].isin(["gap", "visible"])]
    rows, _, _ = choose.narrow(rows)
    first = rows.sort_values("digest").drop_duplicates("level").sort_values("level")
    return {
        float(row["level"]): (bands_of(row, segments, "visible"), bands_of(row, segments, "gap"))
        for _, row in first.iterrows()
    }


def _canvas(shown: dict[str, Pictures], bars: dict[float, Any]) -> Canvas:
    wide = max([0, *(sum(min(_EACH, len(block)) for block in one.images) for one in shown.values())])
    above, below = 0.3 + 0.8 * len(shown), 2.4
    heights = [height for height, there in ((above, shown), (below, bars)) if there]
    canvas = canvas_of(max(7.0, 1.0 + 0.8 * wide), sum(heights))
    parts: Any = canvas.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if shown:
        grid = parts[0].subplots(len(shown), wide, squeeze=False)
        above_it: list[str] = []
        for line, (name, one) in zip(grid, shown.items(), strict=True):
            above_it = _row(line, name, one, above_it)
    if bars:
        _draw_bars(parts[-1].add_subplot(), bars)
    return canvas


def _row(line: Any, name: str, one: Pictures, above: list[str]) -> list[str]:
    """Draw the images of a variant; name an energy where it is not the one of the image above."""
    labels: list[str] = []
    for energy, block in zip(one.energies, one.images, strict=True):
        for image in block[:_EACH]:
            axes = line[len(labels)]
            picture(axes, image)
            labels.append(f"m = {energy:.2f}")
            if above[len(labels) - 1 : len(labels)] != labels[-1:]:
                axes.set_title(labels[-1], fontsize=8, pad=3)
    for axes in line[len(labels) :]:
        axes.set_axis_off()
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return labels


def _draw_bars(axes: Axes, bars: dict[float, tuple[list[tuple[float, float]], list[tuple[float, float]]]]) -> None:
    for place, (seen, gaps) in enumerate(bars.values()):
        for colour, bands in ((_SEEN, seen), (_GAP, gaps)):
            for low, high in bands:
                axes.bar(place, high - low, width=0.6, bottom=low, color=colour)
    axes.set(xticks=range(len(bars)), xticklabels=[f"{alpha:g}" for alpha in bars], ylim=(0, 1))
    axes.set(xlabel="total length of the gaps α_g", ylabel="energy m", xlim=(-0.6, max(2, len(bars) - 1) + 0.6))
    handles = [Patch(color=_SEEN, label="seen in training"), Patch(color=_GAP, label="gap")]
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _record(shown: dict[str, Pictures], bars: dict[float, Any]) -> pd.DataFrame:
    pictured = images.of_pictures([(name.replace("\n", " "), one) for name, one in shown.items()], _EACH)
    rows = [
        ("gaps", level, kind, low, high)
        for level, both in bars.items()
        for kind, bands in zip(("visible", "gap"), both, strict=True)
        for low, high in bands
    ]
    bands = pd.DataFrame(rows, columns=["panel", "level", "kind", "energy_low", "energy_high"])
    columns = [*pictured, *bands.columns.drop("panel")]
    return record.typed(pd.concat([part.reindex(columns=columns).astype(object) for part in (pictured, bands)]))
