"""Fig. 12: where images without any bob are put."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record
from pendeval.figures.material import Material, Nothing
from pendeval.figures.style import ENERGY, UNIT, canvas_of, cloud, dot, legend, signed

_SEEN, _BLANK, _WANTED = "#56B4E9", "#D55E00", 0.75


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """One run with cropping, its α_c nearest to the paper's .75, contrastive where there is one."""
    rows = choose.own(material.runs, "cropping", 1)
    if rows.empty:
        raise choose.absent("runs with cropping and one output", material.runs, ["cropping"])
    blank = {key: ~s.visible.any(axis=1) for key, s in material.samples.items() if s.visible is not None}
    rows = rows[rows["digest"].isin([key for key, which in blank.items() if which.any()])]
    near = (rows["level"] - _WANTED).abs()
    rows = rows[near.eq(near.min())] if near.notna().any() else rows
    rows = rows[rows["method"].eq("contrastive")] if rows["method"].eq("contrastive").any() else rows
    shown = choose.example(rows, material.samples)
    if shown is None:
        raise Nothing("no blank images in the embeddings of runs with cropping")
    energy, values, gone = shown.sample.energy, shown.sample.values, blank[str(shown.row["digest"])]
    canvas = canvas_of(6.0, 4.0)
    axes = canvas.add_subplot()
    cloud(axes, energy[~gone], values[~gone], _SEEN)
    cloud(axes, energy[gone], values[gone], _BLANK, size=1.5)
    handles: list[tuple[str, Any]] = [("some bob visible", dot(_SEEN))]
    mean, expected = (float(shown.row.get(name, np.nan)) for name in ("blank_embedding", "blank_expected"))
    handles.append(("blank" if np.isnan(mean) else f"blank: {signed(mean)}", dot(_BLANK)))
    if not np.isnan(expected):
        line: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.2}
        axes.axhline(expected, **line)
        handles.append((f"expected: {signed(expected)}", line))
    axes.set(xlabel=ENERGY, ylabel="embedding", xlim=UNIT)
    legend(canvas, [], *handles)
    caption = (
        f"One output against the energy for an encoder trained on cropped images ({shown.row['data_words']}; "
        f"{shown.words}), one run; sampled: points are images of the split embedded. Blank images, without any bob, "
        "all look the same and share one embedding; dashed: the mean, over the blank images' energies, of the "
        "embedding of visible images at those energies."
    )
    measures = ("blank_embedding", "blank_expected", "blank_se", "blank_scale", "blank_offset")
    return canvas, caption, record.of_runs({"blank images": shown}, measures)
