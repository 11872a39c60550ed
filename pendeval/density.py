"""How densely an embedding packs the energies of a segment, and how far it reaches (paper §4.2).

Conventions: 1-D embeddings and energies, float arrays (N,). Density is energy per unit of embedding.
NaN where undefined: an empty segment, or a spread of zero (over half of a segment may share one value).
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.spearman import SEGMENTS, edges, segment_of

Float = NDArray[np.float64]


def quartile_densities(values: Float, energies: Float, segments: int = SEGMENTS) -> Float:
    """0.5·|e₂ − e₁| / (Q₃ − Q₁) of the embeddings in each equal segment of [0, 1]: float64 (segments,)."""
    return _densities(values, energies, segments, 0.5, 25.0, 75.0)


def range_densities(values: Float, energies: Float, segments: int = SEGMENTS) -> Float:
    """|e₂ − e₁| / (max − min) of the embeddings in each equal segment of [0, 1]: float64 (segments,)."""
    return _densities(values, energies, segments, 1.0, 0.0, 100.0)


def representation_range(values: Float) -> float:
    """Largest minus smallest embedding."""
    return float(np.ptp(values)) if len(values) else float("nan")


def _densities(values: Float, energies: Float, segments: int, share: float, low: float, high: float) -> Float:
    widths, number = np.diff(edges(segments)), segment_of(energies, segments)
    result = np.full(segments, np.nan)
    for k in range(segments):
        inside = values[number == k]
        spread = float(np.subtract(*np.percentile(inside, [high, low]))) if len(inside) else 0.0
        if spread > 0:
            result[k] = share * widths[k] / spread
    return result
