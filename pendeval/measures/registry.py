"""Every measure, registered once: columns, intervals, reasons for empty cells and names on the page follow from here.

A sampled measure is taken over the images of a split and scatters with them; an exact one (`population_…`) over every
image that can occur, and does not. `PRIMARY` pairs the two. One comparison, point or condition uses the exact one where
every row has it, else the sampled one for all rows (`primary`): the two are never mixed.
"""

from collections.abc import Callable
from dataclasses import dataclass

SIGNED, SHARE = (-1.0, 1.0), (0.0, 1.0)
POSITIVE, ANY, EXPLAINED = (0.0, float("inf")), (-float("inf"), float("inf")), (-float("inf"), 1.0)
WIDE = 64
"""More outputs than these are an inner layer: what would take hours there, or says nothing, is left out."""


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
_SHAPE = "two outputs or more, and an embedding that varies"
_ANGLES = "angles in the file"
_NARROW = f"{WIDE} outputs or fewer"
_FILE = "population.h5: the embedding of every image that can occur"
_OVER = "over every image that can occur"


def _rank(name: str, label: str, meaning: str, needs: str, limits: tuple[float, float] = SIGNED) -> Measure:
    """A rank correlation."""
    return Measure(name, label, meaning, "", "higher", needs, limits, interval=True, oracle=True)


def _error(name: str, label: str, meaning: str, needs: str = _HALVES) -> Measure:
    """An error of the energy."""
    return Measure(name, label, meaning, "energy", "lower", needs, POSITIVE, interval=True, oracle=True)


def _linear(name: str, of: str, needs: str, energy: bool = False) -> Measure:
    """What a straight line reads off an embedding; nobody is better for it, save where it reads the energy."""
    meaning = f"share of the variance of {of} that linear least squares from the embedding explains, same halves"
    better = "higher" if energy else ""
    return Measure(f"linear_r2_{name}", f"Linear R² of {of}", meaning, "", better, needs, EXPLAINED, oracle=energy)


def _shape(name: str, label: str, meaning: str, needs: str, limits: tuple[float, float] = SHARE) -> Measure:
    """What an embedding looks like; no side is the better one."""
    return Measure(name, label, meaning, "", "", needs, limits)


_SAMPLED = (
    _rank("global_spearman", "Global Spearman", "|Spearman's ρ| of the line and the energy over all images", _SPREAD),
    _rank(
        "local_spearman",
        "Local Spearman",
        "mean of ρ over the energy segments, of seven, whose outputs differ; in the direction of the global sign",
        _SPREAD,
    ),
    _rank(
        "local_abs_spearman",
        "Local |ρ|",
        "mean of |ρ| in the seven segments (what the paper plotted; hides sign flips)",
        _SPREAD,
        SHARE,
    ),
    _rank(
        "gap_spearman",
        "Spearman in gaps",
        "mean of ρ inside the energy gaps of training, in the direction of the global sign",
        _BANDS,
    ),
    _rank("gap_abs_spearman", "|ρ| in gaps", "mean of |ρ| inside the gaps", _BANDS, SHARE),
    _rank(
        "visible_band_spearman", "Spearman in seen bands", "mean of ρ inside the energy bands seen in training", _BANDS
    ),
    _rank(
        "interior_band_spearman",
        "Spearman in inner bands",
        "mean of ρ inside the seen bands between gaps (the paper's plot may show this one)",
        _BANDS,
    ),
    Measure(
        "representation_range", "Range", "largest less smallest output (d = 1)", "embedding", "", "one output", POSITIVE
    ),
    _error(
        "monotone_rmse",
        "Monotone RMSE",
        "error of the best monotone rule from the line to the energy, on the other half of the pendulums",
    ),
    _error(
        "forest_rmse",
        "Forest RMSE",
        "error of a random forest from embedding to energy, same halves (at 32 px it reads which image it is, "
        "so that any embedding that keeps images apart reaches the ceiling)",
    ),
    _error(
        "knn_rmse",
        "Neighbours RMSE",
        "error of the 20 nearest neighbours, same halves",
        f"{_HALVES}; with more than {WIDE} outputs, few different images",
    ),
    _error("linear_rmse", "Linear RMSE", "error of linear least squares, same halves"),
    _linear("energy", "the energy", _HALVES, energy=True),
    _linear("sin", "sin θ", f"{_ANGLES}, and {_HALVES}"),
    _linear("cos", "cos θ", f"{_ANGLES}, and {_HALVES}"),
    _linear("velocity", "the angular velocity", f"times in the file, and {_HALVES}"),
    Measure(
        "time_invariance",
        "Time invariance",
        "share of the embedding's variance that lies between pendulums; 1: the same at all times",
        "",
        "higher",
        "two pendulums, two images of one, and an embedding that varies",
        EXPLAINED,
        oracle=True,
    ),
    _shape(
        "participation_ratio",
        "Dimensions used",
        "effective number of dimensions, (Σλ)²/Σλ² of the covariance (d > 1)",
        _SHAPE,
        POSITIVE,
    ),
    _shape(
        "line_share",
        "On a curve",
        "share of the embedding's variance that follows its line as a curve, in [0, 1] (d > 1)",
        _SHAPE,
    ),
    _shape(
        "empty_arc",
        "Empty arc",
        "share of the circle left empty between the two ends of the line (cosine similarity, d = 2)",
        "two outputs trained with cosine similarity",
    ),
    _shape(
        "vertical_correlation",
        "Vertical, correlation",
        "largest |correlation| of an output with cos θ, within pendulums",
        f"{_NARROW}, {_ANGLES}, and an output that varies within a pendulum",
    ),
    _shape(
        "vertical_r2",
        "Vertical, share",
        "share of the variance of cos θ that the outputs explain within twenty equal parts of the line",
        f"{_NARROW}, and {_ANGLES}",
    ),
    _shape(
        "vertical_gain",
        "Vertical, beyond chance",
        "vertical_r2 less what further outputs that are dealt out at random among images of like line explain (d > 1)",
        f"2 to {WIDE} outputs, and {_ANGLES}",
        SIGNED,
    ),
    _shape(
        "horizontal_gain",
        "Horizontal, beyond chance",
        "vertical_gain for sin θ: an output that follows any position of the bob gains on both alike",
        f"2 to {WIDE} outputs, and {_ANGLES}",
        SIGNED,
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
        SHARE,
        truth=True,
    ),
)


def _exact(name: str, sampled: str, meaning: str) -> Measure:
    """The exact counterpart of a sampled measure."""
    like = next(one for one in _SAMPLED if one.name == sampled)
    needs = _FILE if like.needs in (_SPREAD, _HALVES) else f"{_FILE}; {like.needs}"
    scored = like.oracle  # ranges and fractures have none
    common = (like.unit, like.better, needs, like.limits)
    return Measure(name, f"{like.label}, exact", meaning, *common, oracle=scored, exact=True, truth=like.truth)


_EXACT = (
    _exact("population_global", "global_spearman", f"|Spearman's ρ| {_OVER}"),
    _exact("population_local", "local_spearman", f"local_spearman {_OVER}"),
    _exact("population_local_abs", "local_abs_spearman", f"local_abs_spearman {_OVER}"),
    _exact("population_rmse", "monotone_rmse", f"error of the best monotone rule {_OVER}"),
    _exact(
        "population_range",
        "representation_range",
        "largest less smallest output, as 102,400 images are expected to show it",
    ),
    _exact("population_gap", "gap_spearman", f"gap_spearman {_OVER}"),
    _exact("population_gap_abs", "gap_abs_spearman", f"gap_abs_spearman {_OVER}"),
    _exact("population_visible_band", "visible_band_spearman", f"visible_band_spearman {_OVER}"),
    _exact("population_interior_band", "interior_band_spearman", f"interior_band_spearman {_OVER}"),
    _exact(
        "population_fractured",
        "fractured",
        f"two seen bands run in opposite directions, or the bands' medians lie out of order, {_OVER}",
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
