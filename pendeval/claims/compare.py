"""Comparisons that several claims make: questions put together from sides, an axis and a measure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pendeval.claims.question import Axis, Cells, Question, Side, Value

Float = NDArray[np.float64]
BOTH = ("contrastive", "supervised")
NUMERICAL, GRAPHICAL = "numerical-noise", "graphical-noise"
NOISE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.2, 0.25)
STRONG = 0.2
"""Numerical noise from which on the paper sees the contrastive encoder behind."""
EPS_N, EPS_G = Axis("level", "ε_n", NOISE), Axis("level", "ε_g", NOISE)
MILD_N = Axis("level", "ε_n", tuple(level for level in NOISE if level < STRONG))
MILD_G = Axis("level", "ε_g", MILD_N.wanted)
STRONG_N = Axis("level", "ε_n", tuple(level for level in NOISE if level >= STRONG))
ALPHA_G = Axis("level", "α_g", (0.2, 0.3, 0.4, 0.6, 0.8))
SMALL_G, LARGE_G = Axis("level", "α_g", (0.2, 0.3, 0.4)), Axis("level", "α_g", (0.6, 0.8))
BLANKS_C = Axis("level", "α_c", (0.45, 0.5, 0.6, 0.75))
"""The croppings that leave some images blank; at α_c = .9 none is."""
DIMS = Axis("dim", "d", (2, 3))
SEGMENT = Axis("number", "segment", (1, 2, 3, 4, 5, 6, 7))
GLOBAL, LOCAL = "global_spearman", "local_spearman"
SCORES = {"global": GLOBAL, "local": LOCAL}


def less(first: str, second: str, measure: str) -> Value:
    """The measure on one side less that on another."""
    return lambda cells: cells(first, measure) - cells(second, measure)


def of(side: str, measure: str) -> Value:
    """The measure on one side."""
    return lambda cells: cells(side, measure)


def shortfall(cells: Cells, side: str, measure: str) -> Float:
    """The oracle's score less the encoder's."""
    return cells(side, f"oracle_{measure}") - cells(side, measure)


def methods(
    variant: str,
    measure: str,
    axis: Axis | None = None,
    order: tuple[str, str] = BOTH,
    also: Sequence[tuple[str, Question]] = (),
    clean: bool = False,
) -> Question:
    """One method against the other on the same data: `order[0]` less `order[1]`."""
    return Question(
        {name: Side(name, variant, clean=clean) for name in BOTH},
        (measure,),
        less(*order, measure),
        axis,
        shown=tuple((name, of(name, measure)) for name in BOTH),
        also=tuple(also),
    )


def growth(variant: str, measure: str, axis: Axis | None = None) -> Question:
    """How much further contrastive is ahead on a variant than on vanilla."""

    def grown(cells: Cells) -> Float:
        there = cells("contrastive", measure) - cells("supervised", measure)
        return there - (cells("contrastive, vanilla", measure) - cells("supervised, vanilla", measure))

    sides = {name: Side(name, variant) for name in BOTH} | {f"{name}, vanilla": Side(name, fixed=True) for name in BOTH}
    ahead = (
        ("ahead by", less(*BOTH, measure)),
        ("on vanilla by", less("contrastive, vanilla", "supervised, vanilla", measure)),
    )
    return Question(sides, (measure,), grown, axis, shown=ahead)


def one(
    method: str,
    measure: str,
    variant: str = "vanilla",
    axis: Axis | None = None,
    objective: str = "",
    dim: int = 1,
    also: Sequence[tuple[str, Question]] = (),
) -> Question:
    """A measure of one method's runs."""
    side = Side(method, variant, objective=objective, dim=dim)
    return Question({method: side}, (measure,), of(method, measure), axis, also=tuple(also))


def log(values: Float) -> Float:
    """The logarithm of what is above 0, NaN elsewhere."""
    return np.asarray(np.log(np.where(values > 0, values, np.nan)))


def trend(x: Float, values: Float, present: NDArray[np.bool_]) -> Float:
    """Spearman's ρ along the conditions present, in each run that has them all: (1, R).

    x: (C,) where the conditions lie. NaN where a run lacks one, or fewer than three conditions are present.
    """
    some = values[present]
    found = np.full(values.shape[1], np.nan)
    complete = np.isfinite(some).all(axis=0)
    if len(some) > 2 and complete.any():
        first = rankdata(x[present]) - (len(some) + 1) / 2
        second = rankdata(some[:, complete], axis=0) - (len(some) + 1) / 2
        norm = np.sqrt((first @ first) * (second**2).sum(axis=0))
        found[complete] = np.where(norm > 0, first @ second / np.where(norm > 0, norm, 1.0), 0.0)
    return found[None]


def slope(x: Float, values: Float, present: NDArray[np.bool_]) -> Float:
    """Least-squares slope along the conditions present, in each run that has them all: (1, R).

    NaN where a run lacks one, or fewer than two conditions are present.
    """
    if present.sum() < 2:
        return np.full((1, values.shape[1]), np.nan)
    centred = x[present] - x[present].mean()
    return np.asarray((centred @ values[present] / (centred @ centred))[None])
