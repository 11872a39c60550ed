"""Where images that could be anything are put: blank images against the average (paper §4.3, Fig. 12)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
BINS = 50


@dataclass(frozen=True)
class Blank:
    """Blank images on the line. All numbers in the unit of the embedding."""

    images: int
    embedding: float
    """their mean"""
    expected: float
    """mean, over their energies, of the line of visible images at those energies"""
    scale: float
    """standard deviation of the line over visible images"""
    resampled: Float
    """embedding − expected in every resample (resamples,)"""


def blank_images(
    values: Float, energy: Float, blank: NDArray[np.bool_], pendulum: Int, counts: NDArray[Any]
) -> Blank | None:
    """Blank images against the average of what they could be; None where there are none, or none visible.

    The line of visible images at an energy is its mean in one of `BINS` equal parts of [0, 1]; blank images at
    energies where nothing is visible are left out of both sides. `counts` (resamples, P): `bootstrap.resample`.
    """
    require(values=values, energy=energy, blank=blank, pendulum=pendulum)
    pendulums = counts.shape[1]
    bin_of = np.minimum((energy * BINS).astype(np.int64), BINS - 1)
    has_visible = np.bincount(bin_of[~blank], minlength=BINS) > 0
    used = blank & has_visible[bin_of]
    if not used.any():
        return None

    def per_pendulum(some: NDArray[np.bool_], weights: Float | None = None) -> Float:
        weight = None if weights is None else weights[some]
        flat = np.bincount(pendulum[some] * BINS + bin_of[some], weight, minlength=pendulums * BINS)
        return flat.reshape(pendulums, BINS).astype(np.float64)

    sums = [per_pendulum(~blank, values), per_pendulum(~blank), per_pendulum(used, values), per_pendulum(used)]

    def sides(draws: NDArray[np.number]) -> tuple[Float, Float]:
        visible, seen, dark, unseen = (draws @ side for side in sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            curve = np.where(seen > 0, visible / seen, 0.0)
            unseen = np.where(seen > 0, unseen, 0.0)
            dark = np.where(seen > 0, dark, 0.0)
            return dark.sum(axis=1) / unseen.sum(axis=1), (curve * unseen).sum(axis=1) / unseen.sum(axis=1)

    (found,), (expected,) = sides(np.ones((1, pendulums)))
    resampled = np.subtract(*sides(counts))
    return Blank(int(blank.sum()), float(found), float(expected), float(values[~blank].std()), resampled)
