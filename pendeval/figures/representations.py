"""Fig. 4: what contrastive encoders with one, two and three outputs make of the energy."""

from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.gridspec import SubplotSpec

from pendeval.figures import choose, record, words
from pendeval.figures.choose import Example
from pendeval.figures.material import Material
from pendeval.figures.style import ENERGY, ENERGY_MAP, UNIT, area, canvas_of, cloud, some
from pendeval.sample import Sample


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A row for each number of outputs there is an embedding of."""
    found: dict[str, Example] = {}
    for dim in (1, 2, 3):
        rows = choose.own(material.runs, "vanilla", dim)
        shown = choose.example(rows[rows["method"].eq("contrastive")], material.samples)
        if shown:
            found[f"d = {dim}"] = shown
    if not found:
        raise choose.absent("embeddings of contrastive runs on vanilla images", material.runs, ["vanilla"])
    canvas = canvas_of(7.0, 0.7 + 2.7 * len(found))
    grid, left = canvas.add_gridspec(len(found), 2), []
    for place, (name, shown) in enumerate(found.items()):
        axes = canvas.add_subplot(grid[place, 0])
        points = cloud(axes, shown.sample.energy, shown.sample.values, shown.sample.energy)
        score = words.title(shown)
        axes.set(xlabel=ENERGY, ylabel="embedding" if name == "d = 1" else "spectral embedding", xlim=UNIT)
        axes.set_title(f"{name}, {score}" if score else name)
        axes.locator_params(axis="y", nbins=5)
        axes.ticklabel_format(axis="y", scilimits=(-2, 4))
        left += [axes, _outputs(canvas, grid[place, 1], shown.sample)]
    canvas.colorbar(points, ax=left, label=ENERGY, location="top", shrink=0.6, aspect=30)
    listed = "; ".join(f"{name}: {shown.words}" for name, shown in found.items())
    caption = (
        "Left: the one-dimensional line of the outputs (the output itself, or their spectral embedding) against the "
        "energy, above it its global Spearman's ρ. Right: the outputs themselves, coloured by energy (a single output "
        "is spread vertically at random). Points are images of the split embedded. Contrastive runs on vanilla "
        f"images, one run each. {listed}."
    )
    return canvas, caption, record.of_runs(found, ("global_spearman", "local_spearman", "representation_range"))


def _outputs(canvas: Canvas, place: SubplotSpec, sample: Sample) -> Axes:
    """The outputs themselves, in their one, two or three dimensions, coloured by energy."""
    outputs = sample.embedding.astype(float)
    if outputs.shape[1] == 3:
        return _solid(canvas, place, outputs, sample.energy)
    axes = canvas.add_subplot(place)
    flat = outputs.shape[1] == 1
    spread = np.random.default_rng(0).uniform(-1, 1, len(outputs)) if flat else outputs[:, 1]
    cloud(axes, outputs[:, 0], spread, sample.energy)
    if flat:
        axes.set(xlabel="embedding", yticks=[], ylim=(-3, 3))
        axes.spines["left"].set_visible(False)
    else:
        axes.set(xlabel="output 1", ylabel="output 2")
    return axes


def _solid(canvas: Canvas, place: SubplotSpec, outputs: Any, energy: Any) -> Axes:
    solid: Any = canvas.add_subplot(place, projection="3d")
    few = some(len(outputs))
    look: dict[str, Any] = {"cmap": ENERGY_MAP, "vmin": 0, "vmax": 1, "linewidths": 0, "rasterized": True}
    solid.scatter(*outputs[few].T, c=energy[few], s=area(len(few)), **look)
    solid.set(xlabel="output 1", ylabel="output 2", zlabel="output 3")
    solid.tick_params(labelsize=7, pad=0)
    solid.locator_params(nbins=4)
    solid.set_box_aspect(None, zoom=0.95)
    return cast(Axes, solid)
