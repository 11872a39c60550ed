"""Axes of correlations that end near 1: each power of ten of 1 − ρ takes the same room, so that .99 and .993 differ."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

Float = NDArray[np.float64]
_LEAST = 1e-7
"""Of 1 − ρ: nearer to 1 is drawn there."""
_STEPS = ((1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
MOST_TICKS = 6


def stretch(axis: Axis, shown: Iterable[float], ends: Iterable[float] = ()) -> None:
    """Stretch an axis towards 1 over all that is `shown`, and choose its ticks.

    The `ends` of intervals are shown down to −1, and up to half of what is left between the highest value and 1: those
    of few and scattered runs lie beyond any correlation, and would squeeze all others.
    """
    values = np.array([*shown], np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    reach = np.array([*ends], np.float64)
    reach = np.clip(reach[np.isfinite(reach)], -1.0, (1.0 + values.max()) / 2)
    places = _forward([*values, *reach])
    low, high = float(places.min()), float(places.max())
    margin = max(0.06 * (high - low), 0.01)
    limits = [max(float(_backward(low - margin)), -1.2), float(_backward(high + margin))]
    axes = axis.axes
    set_scale, set_limits = (axes.set_xscale, axes.set_xlim) if axis is axes.xaxis else (axes.set_yscale, axes.set_ylim)
    set_scale("function", functions=(_forward, _backward))
    set_limits(*limits)
    axis.set_major_locator(FixedLocator(ticks(*limits)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda rho, _: f"{rho:.7g}".replace("-", "−")))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between `low` and `high`: of 1 − ρ where they span much, else of ρ; at most `MOST_TICKS`."""
    tens = 10.0 ** np.arange(-7, 1)
    found: list[float] = []
    for steps in _STEPS:
        every = (round(1 - step * float(ten), 9) for ten in tens for step in steps)
        found = sorted({rho for rho in every if low <= rho <= high})
        if len(found) <= MOST_TICKS:
            break
    if len(found) < 3:
        even = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
        found = [round(float(rho), 9) for rho in even if low <= rho <= high]
    return found[-MOST_TICKS:]


def _forward(rho: Any) -> Float:
    return np.asarray(-np.log10(np.maximum(1.0 - np.asarray(rho, np.float64), _LEAST)))


def _backward(place: Any) -> Float:
    return np.asarray(1.0 - 10.0 ** -np.asarray(place, np.float64))
