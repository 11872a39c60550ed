"""Fig. 15: a representation trained by cosine similarity."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.material import Material
from pendeval.figures.style import ENERGY, UNIT, canvas_of, cloud

OBJECTIVE = "similarity cosine"


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Left the outputs on the circle, right their angle against the energy."""
    rows = choose.own(material.runs, "vanilla", 2, OBJECTIVE)
    shown = choose.example(rows[rows["method"].eq("contrastive")], material.samples)
    if shown is None:
        what = "embeddings of contrastive runs on vanilla images with cosine similarity and two outputs"
        raise choose.absent(what, material.runs[material.runs["objective"].eq(OBJECTIVE)], ["vanilla"])
    sample = shown.sample
    length = np.linalg.norm(sample.embedding.astype(float), axis=1, keepdims=True)
    unit = sample.embedding / np.where(length > 0, length, 1.0)
    canvas = canvas_of(7.4, 3.4)
    left, right = canvas.subplots(1, 2)
    points = cloud(left, unit[:, 0], unit[:, 1], sample.energy)
    left.set(xlabel="output 1, normalised", ylabel="output 2, normalised", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1))
    left.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    cloud(right, sample.energy, sample.values, sample.energy)
    right.set(xlabel=ENERGY, ylabel="angle (rad)", xlim=UNIT, title=words.title(shown))
    canvas.colorbar(points, ax=right, label=ENERGY)
    caption = (
        "Training by cosine similarity, two outputs. Left: the outputs at length 1, coloured by energy. Right: the "
        "angle of a point on the circle against the energy, above it its global Spearman's ρ. Points are images of "
        f"the split embedded. Vanilla images, one run: {shown.words}."
    )
    return canvas, caption, record.of_runs({"cosine": shown}, ("global_spearman", "local_spearman"))
