"""Rank correlation of an embedding with the energy, over all energies and within bands of them.

Conventions
    Values and energies are float arrays (n,), one entry per image; energies lie in [0, 1]. A correlation
    is NaN where it is undefined: fewer than two entries, or one of the two sides constant. A band is a pair
    (low, high) of energies; it holds low ≤ energy < high, and energy 1 belongs to the band that ends there.

Measures (paper §2.3, §3.3, §4.1)
    * global: Spearman's ρ over all images; its sign means nothing, since an embedding may grow or fall.
    * local: ρ within each of seven equal segments of energy, in the direction of the global sign; their
      mean. The mean of |ρ|, which the paper's plots show, hides segments that run backwards.
    * interpolation: ρ within the gaps of the training energies, and within the bands it did see.
    * fracture: two seen bands run in opposite directions, each with certainty: sufficient, not necessary.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pendeval.measures.valid import require

Float = NDArray[np.float64]
Bands = Sequence[tuple[float, float]]
SEGMENTS = 7


def spearman(values: Float, energies: Float) -> float:
    """Spearman's ρ in [−1, 1]: Pearson's correlation of average ranks. NaN where undefined.

    Raises ValueError where the arrays differ in shape, are not 1-D or not finite.
    """
    if values.ndim != 1 or values.shape != energies.shape:
        raise ValueError(f"shapes are {values.shape} and {energies.shape}, expected two equal 1-D ones")
    require(values=values, energies=energies)
    if len(values) < 2:
        return float("nan")
    first, second = (rankdata(side) - (len(side) + 1) / 2 for side in (values, energies))
    norm = np.sqrt((first @ first) * (second @ second))
    return float(np.clip(first @ second / norm, -1.0, 1.0)) if norm > 0 else float("nan")


def direction(values: Float, energies: Float) -> float:
    """−1 where the values fall with the energy over all images, else 1."""
    return -1.0 if spearman(values, energies) < 0 else 1.0


def segments(count: int = SEGMENTS) -> list[tuple[float, float]]:
    """Equal bands that cover [0, 1]."""
    edges = np.linspace(0.0, 1.0, count + 1)
    return [(float(low), float(high)) for low, high in pairwise(edges)]


def inside(energies: Float, band: tuple[float, float]) -> NDArray[np.bool_]:
    """Which energies lie in a band: bool (n,)."""
    low, high = band
    return (energies >= low) & ((energies < high) | ((high >= 1.0) & (energies <= high)))


def band_spearmans(values: Float, energies: Float, bands: Bands) -> Float:
    """ρ in each band, signed so that the global ρ is positive: float64 (bands,), NaN where undefined."""
    within = [inside(energies, band) for band in bands]
    return direction(values, energies) * np.array([spearman(values[some], energies[some]) for some in within])


def local_spearmans(values: Float, energies: Float, count: int = SEGMENTS) -> Float:
    """ρ in each of `count` equal segments, in the direction of the global ρ: float64 (count,)."""
    return band_spearmans(values, energies, segments(count))


def seen_bands(gaps: Bands) -> list[tuple[float, float]]:
    """The bands of [0, 1] that remain between gaps, in order; empty bands are left out."""
    borders = [0.0, *(border for gap in sorted(gaps) for border in gap), 1.0]
    pairs = zip(borders[::2], borders[1::2], strict=True)
    return [(low, high) for low, high in pairs if high > low]


def fractured(low: Float, high: Float) -> bool | None:
    """Whether two bands run in opposite directions, given the 95 % limits of each band's ρ (bands,).

    None where fewer than two bands have limits.
    """
    if np.isfinite(low).sum() < 2:
        return None
    return bool((low > 0).any() and (high < 0).any())
