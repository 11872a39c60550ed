"""Fig. 13: vanilla images as they are in the shards, six of each of some pendulums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from pendeval.figures import choose, record
from pendeval.figures.material import Examples, Material
from pendeval.figures.style import canvas_of, picture


@dataclass(frozen=True)
class Pictures:
    """Example images of one embeddings file, by pendulum, energy rising."""

    row: pd.Series
    energies: list[float]
    images: list[NDArray[np.uint8]]
    """for each energy (images, S, S, 3)"""


def pictures(rows: pd.DataFrame, examples: Examples) -> Pictures | None:
    """Examples of the data of the first of the rows that have any; test images of the `paper` protocol first."""
    rows = rows[rows["usual"] & rows["digest"].isin([key for key, (images, _) in examples.items() if len(images)])]
    if rows.empty:
        return None
    rank = rows.assign(other=rows["protocol"].ne("paper"), train=rows["split"].ne("test"))
    row = rank.sort_values(["other", "train", "data_seed", "digest"]).iloc[0]
    images, energies = examples[str(row["digest"])]
    each = np.unique(energies)
    return Pictures(row, [float(m) for m in each], [images[energies == m] for m in each])


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A row for each pendulum."""
    rows = material.runs[material.runs["variant"].eq("vanilla")]
    shown = pictures(rows, material.examples)
    if shown is None:
        raise choose.absent("example images with the embeddings of vanilla images", material.runs, ["vanilla"])
    wide = max(len(images) for images in shown.images)
    canvas = canvas_of(max(4.0, 0.4 + 1.03 * wide), 0.2 + 1.03 * len(shown.energies))
    grid = canvas.subplots(len(shown.energies), wide, squeeze=False)
    for line, energy, images in zip(grid, shown.energies, shown.images, strict=True):
        for axes in line[len(images) :]:
            axes.set_axis_off()
        for axes, image in zip(line, images, strict=False):
            picture(axes, image)
        line[0].set_ylabel(f"m = {energy:.2f}")
    size = shown.images[0].shape[1]
    caption = (
        f"Images of the {shown.row['split']} split of the vanilla data ({shown.row['protocol']} protocol, data seed "
        f"{shown.row['data_seed']:.0f}), {size} × {size} pixels, as they are in the shards. Each row shows the first "
        "images in time of one pendulum; energy m rises downwards. Blue: the bob at time t; red: at t + 0.5; black: "
        "their overlap."
    )
    return canvas, caption, of_pictures([("vanilla", shown)])


def of_pictures(shown: Sequence[tuple[str, Pictures]], most: int = 30) -> pd.DataFrame:
    """Which pendulums are shown, and how many images of each: at most `most`."""
    columns = ["panel", "data_words", "data_seed", "split", "digest", "energy", "images"]
    rows = [
        (name, *(one.row[column] for column in columns[1:5]), energy, min(len(images), most))
        for name, one in shown
        for energy, images in zip(one.energies, one.images, strict=True)
    ]
    return record.typed(pd.DataFrame(rows, columns=columns))
