"""Rank correlation of an embedding with the energy, over all energies and within segments of them.

Conventions
    Values and energies are float arrays (N,), one entry per image; energies lie in [0, 1]. A correlation
    is NaN where it is undefined: fewer than two entries, or one of the two sides constant.

Measures (paper §2.3)
    * global: Spearman's ρ over all images; its sign means nothing, since an embedding may grow or fall.
    * local: ρ within each of seven equal segments of energy, in the direction of the global sign; their
      mean. The mean of |ρ|, which the paper's plots show, hides segments that run backwards.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Float = NDArray[np.float64]
SEGMENTS = 7


def spearman(values: Float, energies: Float) -> float:
    """Spearman's ρ in [−1, 1]: Pearson's correlation of average ranks. NaN where undefined.

    Raises ValueError where the arrays differ in shape, are not 1-D or hold a NaN.
    """
    if values.ndim != 1 or values.shape != energies.shape:
        raise ValueError(f"shapes are {values.shape} and {energies.shape}, expected two equal 1-D ones")
    if np.isnan(values).any() or np.isnan(energies).any():
        raise ValueError("found NaN, expected numbers to rank")
    if len(values) < 2:
        return float("nan")
    first, second = (rankdata(side) - (len(side) + 1) / 2 for side in (values, energies))
    norm = np.sqrt((first @ first) * (second @ second))
    return float(np.clip(first @ second / norm, -1.0, 1.0)) if norm > 0 else float("nan")


def edges(segments: int = SEGMENTS) -> Float:
    """Borders of equal segments of [0, 1]: float64 (segments + 1,)."""
    return np.linspace(0.0, 1.0, segments + 1)


def segment_of(energies: Float, segments: int = SEGMENTS) -> NDArray[np.int64]:
    """Number of the segment each energy lies in, from 0; a border belongs to the segment above it."""
    return np.clip(np.searchsorted(edges(segments), energies, side="right") - 1, 0, segments - 1).astype(np.int64)


def local_spearmans(values: Float, energies: Float, segments: int = SEGMENTS) -> Float:
    """ρ in each segment, signed so that the global ρ is positive: float64 (segments,), NaN where undefined."""
    whole = spearman(values, energies)
    direction = -1.0 if whole < 0 else 1.0
    number = segment_of(energies, segments)
    inside = [number == k for k in range(segments)]
    return direction * np.array([spearman(values[some], energies[some]) for some in inside])
