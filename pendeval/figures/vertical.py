"""Fig. 18: whether a second output tells how high the bob hangs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record
from pendeval.figures.choose import Material
from pendeval.figures.style import canvas_of, cloud, signed


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
    measures = ("vertical_gain", "vertical_r2", "vertical_correlation")
    return canvas, caption, record.of_runs({"vertical position": shown}, measures)


def _gain(material: Material, row: pd.Series) -> str:
    """The share of cos θ the outputs tell beyond chance, of this run and, where summarised, of all like it."""
    gain = float(row.get("vertical_gain", np.nan))
    if np.isnan(gain):
        return ""
    text = (
        f" Its gain over random outputs is {signed(gain, 3)}: the share of the variance of cos θ that the outputs "
        "explain at equal places on the line, less what random outputs would (sampled)"
    )
    summary = material.summary
    like = summary[summary["condition"].eq(row["condition"]) & summary["measure"].eq("vertical_gain")]
    if len(like) and like["n"].iloc[0] > 1:
        one = like.iloc[0]
        text += f"; over {one['n']:.0f} replicates {signed(one['mean'], 3)}"
        text += (
            f" ({signed(one['ci_low'], 3)} to {signed(one['ci_high'], 3)})" if one["ci_low"] == one["ci_low"] else ""
        )
    return f"{text}."
