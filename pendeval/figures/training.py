"""How the loss falls with the images seen, a faint line for each run."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from pendeval.figures import choose, record
from pendeval.figures.choose import METHODS
from pendeval.figures.material import Material, Nothing
from pendeval.figures.style import COLOURS, Legend, canvas_of, legend
from pendeval.recipes import PAPER_RECIPE

Line = NDArray[np.float64]
"""(rows, 2): images seen, loss"""
_LOSSES = {"contrastive": "InfoNCE loss (nats)", "supervised": "squared error of the energy"}
_TRAINING = (
    *("method", "dim", "recipe", "label", "train_variant", "train_parameters", "train_protocol"),
    *("train_size", "train_data_seed", "seed"),
)
"""What one training is, whatever was embedded with it afterwards."""
_VIEWS = 2
"""Images of each pendulum of a batch."""
_OTHERS = "0.6"
_COLUMNS = ("panel", "label", "trained_on", "dim", "train_data_seed", "seed", "digest", "images_seen", "last_loss")


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """A panel a method: their losses are different quantities."""
    runs = once(material)
    runs = runs[choose.usual(runs) & runs["objective"].eq("") & runs["method"].isin(METHODS)]
    lines = {digest: _line(row, material.curves[str(digest)]) for digest, row in runs.iterrows()}
    runs = runs.loc[[digest for digest in runs.index if len(lines[digest])]]
    if runs.empty:
        raise Nothing("no training curves of usual runs with the paper's objective")
    methods = [method for method in METHODS if runs["method"].eq(method).any()]
    colours = _colours(runs)
    canvas = canvas_of(1.2 + 3.3 * len(methods), 3.8)
    for axes, method in zip(canvas.subplots(1, len(methods), squeeze=False)[0], methods, strict=True):
        mine = runs[runs["method"].eq(method)]
        for digest, row in mine.iterrows():
            seen, loss = lines[digest].T
            axes.plot(seen / 1000, loss, linewidth=0.8, alpha=0.5, color=colours.get(row["trained_on"], _OTHERS))
        if all(lines[digest][:, 1].min() > 0 for digest in mine.index):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(lambda loss, _: f"{loss:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set(title=method, xlabel="images seen (thousands)", ylabel=_LOSSES[method])
        axes.grid()
    legend(canvas, [], *_entries(runs, colours))
    caption = (
        f"Loss of a batch against the images seen in training, a line for each of {len(runs)} "
        f"run{'s' if len(runs) > 1 else ''}, coloured by the data trained on; schedules may differ. The losses of the "
        "two methods are different quantities."
    )
    return canvas, caption, _record(runs, lines)


def once(material: Material) -> pd.DataFrame:
    """Trainings with a curve, of any method and data, each once, by digest; `trained_on` is the data in words."""
    runs = material.runs[material.runs["digest"].isin(list(material.curves)) & material.runs["layer"].eq("")]
    runs = runs.sort_values([*_TRAINING, "usual", "own", "digest"])
    seeded = runs["seed"].notna() & runs["train_data_seed"].notna()
    runs = runs[~(seeded & runs.duplicated(list(_TRAINING), keep="last"))].drop_duplicates("digest")
    trained_on = runs["train_words"].where(runs["train_words"].ne(""), runs["data_words"])
    return runs.assign(trained_on=trained_on).set_index("digest", drop=False)


def _line(row: pd.Series, curve: pd.DataFrame) -> Line:
    """Images seen and loss where both are finite; every step shows two images of each pendulum of the batch."""
    batch = json.loads(row["recipe"] or "{}").get("batch", PAPER_RECIPE["batch"])
    both = np.stack([_VIEWS * float(batch) * curve["step"].to_numpy(float), curve["loss"].to_numpy(float)], axis=1)
    return np.asarray(both[np.isfinite(both).all(axis=1)], np.float64)


def _colours(runs: pd.DataFrame) -> dict[str, str]:
    """The data trained on most often, each with its colour."""
    count = runs["trained_on"].value_counts().rename_axis("name").reset_index()
    names = count.sort_values(["count", "name"], ascending=[False, True])["name"]
    return dict(zip(names, COLOURS, strict=False))


def _entries(runs: pd.DataFrame, colours: Mapping[str, str]) -> Sequence[Legend]:
    others = [("other data", {"color": _OTHERS})] if not runs["trained_on"].isin(list(colours)).all() else []
    return [*((name, {"color": colour}) for name, colour in colours.items()), *others]


def _record(runs: pd.DataFrame, lines: Mapping[Any, Line]) -> pd.DataFrame:
    ends = np.array([lines[digest][-1] for digest in runs.index])
    rows = runs.assign(panel=runs["method"], images_seen=ends[:, 0], last_loss=ends[:, 1])
    return record.typed(rows.reindex(columns=list(_COLUMNS)))
