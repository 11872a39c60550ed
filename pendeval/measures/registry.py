"""Every measure, registered once: columns, intervals, reasons for empty cells and names on the page follow from here.

A sampled measure is taken over the images of a split and scatters with them; an exact one (`population_…`) over every
image that can occur, and does not. `PRIMARY` pairs the two. One comparison, point or condition uses the exact one where
every row has it, else the sampled one for all rows (`primary`): the two are never mixed.
"""

from collections.abc import Callable
from dataclasses import dataclass

SIGNED, POSITIVE, ANY = (-1.0, 1.0), (0.0, float("inf")), (-float("inf"), float("inf"))


@dataclass(frozen=True)
class Measure:
    """What a column of numbers says."""

    name: str
    """of the column"""
    label: str
    """short, for the page"""
    meaning: str
    unit: str
    """"energy", "embedding", or "" where it has none"""
    better: str
    """"higher", "lower", or "" where neither is"""
    needs: str
    """what an empty cell lacks"""
    limits: tuple[float, float]
    """between which it lies, whatever the encoder"""
    interval: bool = False
    """has `_low` and `_high`: a 95 % bootstrap interval over pendulums"""
    oracle: bool = False
    """is taken of E[m | image] too, as `oracle_<name>`"""
    exact: bool = False
    """is over every image that can occur"""
    truth: bool = False
    """is yes or no, not a number"""


_SPREAD = "an embedding that varies, and two images or more"
_BANDS = "training energies with gaps, images in them, and an embedding that varies there"
_HALVES = "two pendulums or more"
_FILE = "population.h5: the embedding of every image that can occur"
_SAMPLED = (
    Measure(
        "global_spearman",
        "Global Spearman",
        "|Spearman's ρ| of the line and the energy over all images",
        "",
        "higher",
        _SPREAD,
        SIGNED,
        interval=True,
        oracle=True,
    ),
    Measure(
        "local_spearman",
        "Local Spearman",
        "mean of ρ in seven energy segments, in the direction of the global sign",
        "",
        "higher",
        _SPREAD,
        SIGNED,
        interval=True,
        oracle=True,
    ),
    Measure(
        "local_abs_spearman",
        "Local |ρ|",
        "mean of |ρ| in the seven segments (what the paper plotted; hides sign flips)",
        "",
        "higher",
        _SPREAD,
        (0.0, 1.0),
        interval=True,
        oracle=True,
    ),
    Measure(
        "gap_spearman",
        "Spearman in gaps",
        "mean of ρ inside the energy gaps of training, in the direction of the global sign",
        "",
        "higher",
        _BANDS,
        SIGNED,
        interval=True,
        oracle=True,
    ),
    Measure(
        "gap_abs_spearman",
        "|ρ| in gaps",
        "mean of |ρ| inside the gaps",
        "",
        "higher",
        _BANDS,
        (0.0, 1.0),
        interval=True,
        oracle=True,
    ),
    Measure(
        "visible_band_spearman",
        "Spearman in seen bands",
        "mean of ρ inside the energy bands seen in training",
        "",
        "higher",
        _BANDS,
        SIGNED,
        interval=True,
        oracle=True,
    ),
    Measure(
        "interior_band_spearman",
        "Spearman in inner bands",
        "mean of ρ inside the seen bands between gaps (the paper's plot may show this one)",
        "",
        "higher",
        _BANDS,
        SIGNED,
        interval=True,
        oracle=True,
    ),
    Measure(
        "representation_range",
        "Range",
        "largest less smallest output (d = 1)",
        "embedding",
        "",
        "one output",
        POSITIVE,
    ),
    Measure(
        "monotone_rmse",
        "Monotone RMSE",
        "error of the best monotone rule from the line to the energy, on the other half of the pendulums",
        "energy",
        "lower",
        _HALVES,
        POSITIVE,
        interval=True,
        oracle=True,
    ),
    Measure(
        "forest_rmse",
        "Forest RMSE",
        "error of a random forest from embedding to energy, same halves (at 32 px it reads which image it is, "
        "so that any embedding that keeps images apart reaches the ceiling)",
        "energy",
        "lower",
        _HALVES,
        POSITIVE,
        interval=True,
        oracle=True,
    ),
    Measure(
        "knn_rmse",
        "Neighbours RMSE",
        "error of the 20 nearest neighbours, same halves",
        "energy",
        "lower",
        _HALVES,
        POSITIVE,
        interval=True,
        oracle=True,
    ),
    Measure(
        "linear_rmse",
        "Linear RMSE",
        "error of linear least squares, same halves",
        "energy",
        "lower",
        _HALVES,
        POSITIVE,
        interval=True,
        oracle=True,
    ),
    Measure(
        "time_invariance",
        "Time invariance",
        "share of the embedding's variance that lies between pendulums; 1: the same at all times",
        "",
        "higher",
        "two pendulums, two images of one, and an embedding that varies",
        (-float("inf"), 1.0),
        oracle=True,
    ),
    Measure(
        "participation_ratio",
        "Dimensions used",
        "effective number of dimensions, (Σλ)²/Σλ² of the covariance (d > 1)",
        "",
        "",
        "two outputs or more, and an embedding that varies",
        POSITIVE,
    ),
    Measure(
        "line_share",
        "On a curve",
        "share of the embedding's variance that follows its line as a curve, in [0, 1] (d > 1)",
        "",
        "",
        "two outputs or more, and an embedding that varies",
        (0.0, 1.0),
    ),
    Measure(
        "vertical_correlation",
        "Vertical, correlation",
        "largest |correlation| of an output with cos θ, within pendulums",
        "",
        "",
        "angles in the file, and an output that varies within a pendulum",
        (0.0, 1.0),
    ),
    Measure(
        "vertical_r2",
        "Vertical, share",
        "share of the variance of cos θ that the outputs explain within twenty equal parts of the line",
        "",
        "",
        "angles in the file",
        (0.0, 1.0),
    ),
    Measure(
        "vertical_gain",
        "Vertical, beyond chance",
        "vertical_r2 less what further outputs that are dealt out at random among images of like line explain (d > 1)",
        "",
        "",
        "two outputs or more, and angles in the file",
        (-1.0, 1.0),
    ),
    Measure(
        "horizontal_gain",
        "Horizontal, beyond chance",
        "vertical_gain for sin θ: an output that follows any position of the bob gains on both alike",
        "",
        "",
        "two outputs or more, and angles in the file",
        (-1.0, 1.0),
    ),
    Measure(
        "blank_offset",
        "Blank offset",
        "(blank_embedding − blank_expected) / blank_scale",
        "",
        "",
        "images without any bob",
        ANY,
        interval=True,
    ),
    Measure(
        "fractured",
        "Fractured",
        "two bands seen in training run in certainly opposite directions",
        "",
        "lower",
        "training energies with gaps",
        (0.0, 1.0),
        truth=True,
    ),
)


def _exact(name: str, label: str, meaning: str, like: str) -> Measure:
    """The exact counterpart of a sampled measure."""
    model = next(one for one in _SAMPLED if one.name == like)
    needs = _FILE if model.needs in (_SPREAD, _HALVES) else f"{_FILE}; {model.needs}"
    oracle = name not in ("population_range", "population_fractured")
    return Measure(
        name,
        label,
        meaning,
        model.unit,
        model.better,
        needs,
        model.limits,
        oracle=oracle,
        exact=True,
        truth=model.truth,
    )


_OVER = "over every image that can occur"
_EXACT = (
    _exact("population_global", "Global Spearman, exact", f"|Spearman's ρ| {_OVER}", "global_spearman"),
    _exact("population_local", "Local Spearman, exact", f"local_spearman {_OVER}", "local_spearman"),
    _exact("population_local_abs", "Local |ρ|, exact", f"local_abs_spearman {_OVER}", "local_abs_spearman"),
    _exact("population_rmse", "Monotone RMSE, exact", f"error of the best monotone rule {_OVER}", "monotone_rmse"),
    _exact(
        "population_range",
        "Range, exact",
        "largest less smallest output, as 102,400 images are expected to show it",
        "representation_range",
    ),
    _exact("population_gap", "Spearman in gaps, exact", f"gap_spearman {_OVER}", "gap_spearman"),
    _exact("population_gap_abs", "|ρ| in gaps, exact", f"gap_abs_spearman {_OVER}", "gap_abs_spearman"),
    _exact(
        "population_visible_band",
        "Spearman in seen bands, exact",
        f"visible_band_spearman {_OVER}",
        "visible_band_spearman",
    ),
    _exact(
        "population_interior_band",
        "Spearman in inner bands, exact",
        f"interior_band_spearman {_OVER}",
        "interior_band_spearman",
    ),
    _exact(
        "population_fractured", "Fractured, exact", f"two seen bands run in opposite directions {_OVER}", "fractured"
    ),
)
MEASURES: dict[str, Measure] = {one.name: one for one in (*_SAMPLED, *_EXACT)}
PRIMARY: dict[str, str] = {
    "global_spearman": "population_global",
    "local_spearman": "population_local",
    "local_abs_spearman": "population_local_abs",
    "gap_spearman": "population_gap",
    "gap_abs_spearman": "population_gap_abs",
    "visible_band_spearman": "population_visible_band",
    "interior_band_spearman": "population_interior_band",
    "representation_range": "population_range",
    "monotone_rmse": "population_rmse",
    "fractured": "population_fractured",
}
SAMPLED_OF: dict[str, str] = {exact: sampled for sampled, exact in PRIMARY.items()}
"""Exact measure → the sampled one it stands for."""


def primary(measure: str, complete: Callable[[str], bool]) -> str:
    """The column to use for a sampled `measure`: the exact one where it is complete, else itself.

    `complete` says of a column whether every row of the comparison has it.
    """
    exact = PRIMARY.get(measure)
    return exact if exact is not None and complete(exact) else measure
