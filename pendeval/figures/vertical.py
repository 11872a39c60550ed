"""Fig. 18: whether a second output tells how high the bob hangs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record
from pendeval.figures.material import Material
from pendeval.figures.style import canvas_of, cloud, signed

_GAINS = {"vertical_gain": "cos θ", "horizontal_gain": "sin θ"}


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Two outputs of one contrastive run, coloured by cos θ of the blue bob."""
    rows = choose.own(material.runs, "vanilla", 2)
    angles = {key: sample.angle for key, sample in material.samples.items() if sample.angle is not None}
    samples = {key: material.samples[key] for key in angles}
    shown = choose.example(rows[rows["method"].eq("contrastive")], samples)
    if shown is None:
        what = "embeddings, with angles, of contrastive runs on vanilla images with two outputs"
        raise choose.absent(what, material.runs, ["vanilla"])
    canvas = canvas_of(6.0, 4.2)
    axes = canvas.add_subplot()
    height = np.cos(angles[str(shown.row["digest"])][:, 0])
    x, y = shown.sample.embedding.astype(float).T
    points = cloud(axes, x, y, height, cmap="viridis", low=-1.0)
    axes.set(xlabel="output 1", ylabel="output 2")
    bar = canvas.colorbar(points, ax=axes, label="cos θ of the blue bob (−1 top, 1 bottom)")
    bar.ax.invert_yaxis()
    caption = (
        "A representation with two outputs, coloured by the vertical position of the blue bob instead of the energy; "
        f"points are images of the split embedded. Vanilla images, one contrastive run: {shown.words}."
        + _gain(material, shown.row)
    )
    measures = (*_GAINS, "vertical_r2", "vertical_correlation")
    return canvas, caption, record.of_runs({"vertical position": shown}, measures)


def _gain(material: Material, row: pd.Series) -> str:
    """How much the outputs tell beyond chance: of this run and, where summarised, of all like it."""
    summary = material.summary[material.summary["condition"].eq(row["condition"])]
    parts = []
    for measure, what in _GAINS.items():
        gain = float(row.get(measure, np.nan))
        if np.isnan(gain):
            continue
        parts.append(f"{signed(gain, 3)} of the variance of {what}")
        for _, mean in summary[summary["measure"].eq(measure) & summary["n"].gt(1)].iterrows():
            text = (
                f" (mean of {mean['n']:.0f}: {signed(mean['mean'], 3)}, 95 % interval {signed(mean['ci_low'], 3)} to "
            )
            parts[-1] += f"{text}{signed(mean['ci_high'], 3)})"
    if not parts:
        return ""
    return (
        f" Beyond what outputs dealt out at random among images of like place on the line would, its outputs explain "
        f"{' and '.join(parts)} there ({_names(row)}; sampled)."
    )


def _names(row: pd.Series) -> str:
    return " and ".join(measure for measure in _GAINS if not np.isnan(float(row.get(measure, np.nan))))
