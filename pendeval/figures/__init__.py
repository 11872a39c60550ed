"""The paper's figures, redrawn from the tables, the thinned embeddings, example images and training curves.

The one folder that knows matplotlib. Source: Figs. 3 to 18 of the 2021 paper, under its numbers. Figs. 1, 2, 9 and 11
are schematics and Fig. 16 is a table: they hold no results. Others have no number: how sampled scores scatter around
exact ones, losses and scores while training, how many pendulums that needs, who is ahead on which data, and what ways
to learn beyond the paper's are worth. Each is drawn from whatever is there and says in its caption what that was, and
whether its scores are exact or sampled.

A figure is a function of `Material` that returns a canvas, a caption and the numbers it drew as means, intervals or
scores (`record`; not the points of clouds), which are written beside it as CSV. It computes nothing that is not in a
table. Which rows it shows is decided in `choose`, how they look in `style`. The same input gives the same bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import (
    ahead,
    blanks,
    cosine,
    density,
    fractures,
    fracturing,
    gaps,
    images,
    labelled,
    learning,
    main_result,
    noise,
    optima,
    pendulums,
    regression,
    representations,
    scatter,
    training,
    variants,
    vertical,
)
from pendeval.figures.files import ENDINGS, rendered, write
from pendeval.figures.material import Examples, Material, Nothing, tidy
from pendeval.figures.style import RC
from pendeval.progress import track
from pendeval.sample import Sample
from pendeval.tables.runs import once

Draw = Callable[[Material], tuple[Canvas, str, pd.DataFrame]]

FIGURES: tuple[tuple[str, str, Draw], ...] = (
    ("3", "Main result", main_result.draw),
    ("4", "Representations with one, two and three outputs", representations.draw),
    ("5", "Noise", noise.draw),
    ("6", "Energy gaps", gaps.draw),
    ("7", "Energy gaps without fractured runs", gaps.draw_unfractured),
    ("8", "Fracturing", fracturing.draw),
    ("10", "Density and local Spearman", density.draw),
    ("12", "Blank images", blanks.draw),
    ("13", "The vanilla images", images.draw),
    ("14", "The variants", variants.draw),
    ("15", "Cosine similarity", cosine.draw),
    ("17", "Inverse regression", regression.draw),
    ("18", "Vertical position", vertical.draw),
    ("scatter", "Sampled and exact scores", scatter.draw),
    ("training", "Training curves", training.draw),
    ("learning", "Scores while training", learning.draw),
    ("optima", "Oracle, optimum of the loss, trained network", optima.draw),
    ("fractures", "How often representations fracture", fractures.draw),
    ("labelled", "Few labels", labelled.draw),
    ("pendulums", "Few pendulums", pendulums.draw),
    ("ahead", "Who is ahead, by kind of data", ahead.draw),
)
"""(the paper's number, or a word where the paper has no such figure; title; how it is drawn)"""


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file name without ending, the paper's number ("" where it has none), words, its files."""

    name: str
    number: str
    title: str
    caption: str
    png: Path
    svg: Path
    csv: Path


@dataclass(frozen=True)
class Drawn:
    """What was drawn; and of the rest the number, or word, with the reason: nothing to draw, or a fault."""

    figures: list[Figure]
    missing: list[tuple[str, str]]
    faults: list[tuple[str, str]]


def draw(
    frames: Mapping[str, pd.DataFrame],
    samples: Mapping[str, Sample],
    out: Path,
    *,
    examples: Examples | None = None,
    curves: Mapping[str, pd.DataFrame] | None = None,
    quiet: bool = False,
) -> Drawn:
    """Draw every figure there is data for to `out`/figure-NN.png (150 dpi), .svg and .csv.

    `frames` holds runs, segments, summary, comparisons, optima, fractures and labelled as `pendeval.tables` makes them,
    any of them empty. `samples` (thinned embeddings), `examples` (images uint8 (K, S, S, 3) and their energies float64
    (K,)) and `curves` (columns step, epoch, loss; of later runs also images, seconds and scores) go by the digest that
    runs.csv gives. Whatever goes wrong inside one figure is its fault and costs no other. Files are whole or absent;
    those of figures not drawn now are removed. Raises OSError where `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    drawn = Drawn([], [], [])
    material = _material(frames, samples, examples or {}, curves or {})
    with mpl.rc_context():
        mpl.rcdefaults()  # the reader's own matplotlibrc must not change the figures
        mpl.rcParams.update(RC)
        for number, title, make in track(FIGURES, len(FIGURES), "figures", quiet):
            paths = [out / f"{name_of(number)}.{ending}" for ending in ENDINGS]
            try:
                canvas, caption, numbers = make(material)
                contents = rendered(canvas, numbers)
            except Exception as problem:
                for path in paths:
                    path.unlink(missing_ok=True)
                if isinstance(problem, Nothing):
                    drawn.missing.append((number, str(problem)))
                else:  # a fault of one figure must not cost the others
                    drawn.faults.append((number, f"{type(problem).__name__}: {problem}"))
                continue
            write(dict(zip(paths, contents, strict=True)))
            drawn.figures.append(Figure(name_of(number), number if number.isdecimal() else "", title, caption, *paths))
    return drawn


def _material(
    frames: Mapping[str, pd.DataFrame],
    samples: Mapping[str, Sample],
    examples: Examples,
    curves: Mapping[str, pd.DataFrame],
) -> Material:
    """The tables made tidy; runs that do not count (copies, second claims to one seed) are left out."""
    given, _ = once(frames["runs"])
    segments = frames["segments"]
    segments = segments[segments["digest"].isin(set(given["digest"]))]
    tables = {"runs": given, "segments": segments}
    tables |= {name: frames[name] for name in ("summary", "comparisons", "optima", "fractures", "labelled")}
    tidied = {name: tidy(frame, name) for name, frame in tables.items()}
    return Material(**tidied, given=given, samples=samples, examples=examples, curves=curves)


def name_of(number: str) -> str:
    """File name of a figure without ending: "figure-03", "figure-scatter"."""
    return f"figure-{int(number):02d}" if number.isdecimal() else f"figure-{number}"
