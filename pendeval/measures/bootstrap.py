"""Noise of a score within one run: the bootstrap over pendulums.

The images of one pendulum share its energy, so they are drawn together or not at all (cluster bootstrap;
Davison & Hinkley 1997, §3.8). A resample is a count for every pendulum. The rank correlation of a
resample needs no new sorting: sorted once, the average rank of a value is the number of drawn images
below it plus half of those that tie with it, and a half. This is exact, not an approximation.

The counts depend on the number of pendulums alone, so that two encoders, or an encoder and the oracle, scored on
the same images are resampled alike and their difference keeps only the noise they do not share.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
RESAMPLES = 500
_BLOCK = 8  # resamples at a time: keeps the temporary arrays in the processor's cache


def resample(pendulums: int, resamples: int = RESAMPLES) -> NDArray[np.int16]:
    """How often each pendulum is drawn in each resample: int16 (resamples, pendulums), rows sum to `pendulums`."""
    generator = np.random.Generator(np.random.Philox(key=pendulums))
    counts = np.empty((resamples, pendulums), np.int16)
    for row in counts:
        row[:] = np.bincount(generator.integers(pendulums, size=pendulums), minlength=pendulums)
    return counts


def spearmans(values: Float, energy: Float, pendulum: Int, counts: NDArray[Any]) -> Float:
    """Spearman's ρ of every resample: float64 (resamples,), NaN where undefined.

    `values` and `energy` are (n,), `pendulum` (n,) says which column of `counts` (resamples, P) an image
    is drawn with.
    """
    require(values=values, energy=energy, pendulum=pendulum)
    result = np.full(len(counts), np.nan)
    if len(values) < 2:
        return result
    by_value = np.argsort(values, kind="stable")
    ends = _tie_ends(values[by_value])
    by_energy = np.argsort(energy, kind="stable")
    place = np.empty_like(by_energy)
    place[by_energy] = np.arange(len(energy))
    energy_ends, energy_group = _tie_ends(energy[by_energy]), _groups(energy[by_energy])
    group, owner, energy_owner = _groups(values[by_value]), pendulum[by_value], pendulum[by_energy]
    across = energy_group[place[by_value]]
    for first in range(0, len(counts), _BLOCK):
        some = counts[first : first + _BLOCK].astype(np.float64)
        weight = some[:, owner]
        rank, spread = _ranks(weight, ends)
        energy_rank, energy_spread = _ranks(some[:, energy_owner], energy_ends)
        product = np.einsum("bn,bn,bn->b", weight, rank[:, group], energy_rank[:, across], optimize=False)
        norm = np.sqrt(spread * energy_spread)
        with np.errstate(invalid="ignore", divide="ignore"):
            result[first : first + _BLOCK] = np.where(norm > 0, product / norm, np.nan)
    return np.asarray(np.clip(result, -1.0, 1.0))


def _tie_ends(ordered: Float) -> Int:
    """Position of the last of each group of equal values."""
    return np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)


def _groups(ordered: Float) -> Int:
    """Number of the group of equal values each belongs to."""
    return np.append(0, np.cumsum(np.diff(ordered) != 0)).astype(np.int64)


def _ranks(weight: Float, ends: Int) -> tuple[Float, Float]:
    """Centred average rank of each group (b, groups), and the sum of squares over the drawn images (b,)."""
    upto = np.cumsum(weight, axis=1)[:, ends]
    below = np.concatenate([np.zeros((len(upto), 1)), upto[:, :-1]], axis=1)
    rank = (below + upto - upto[:, -1:]) / 2
    return rank, np.einsum("bg,bg,bg->b", upto - below, rank, rank)


def root_mean_squares(squares: NDArray[Any], images: NDArray[Any], counts: NDArray[Any]) -> Float:
    """Root of the mean square in every resample: float64 (resamples,).

    `squares` and `images` are (P,): per pendulum, the sum of squared errors and the number of images.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((counts @ squares) / (counts @ images)))


def interval(resamples: Float, estimate: float, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of resampled scores, moved by their bias; NaN where fewer than half are defined.

    A pendulum drawn twice ties with itself, which lowers a rank correlation a little; so the resamples scatter
    around their own mean, and it is that scatter which is laid around the estimate (Davison & Hinkley 1997, §2.4).
    """
    defined = resamples[np.isfinite(resamples)]
    if 2 * len(defined) < len(resamples) or not len(defined):
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [50 * (1 - level), 50 * (1 + level)])
    bias = defined.mean() - estimate
    return float(low - bias), float(high - bias)


def standard_error(resamples: Float) -> float:
    """Standard deviation of resampled scores."""
    defined = resamples[np.isfinite(resamples)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else float("nan")
