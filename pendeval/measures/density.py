"""How densely an embedding packs the energies of a segment, and how far it reaches (paper §4.2).

Conventions: 1-D embeddings and energies, float arrays (n,). Density is energy per unit of embedding.
NaN where undefined: an empty segment, or a spread of zero (over half of a segment may share one value).
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.spearman import Bands, inside
from pendeval.measures.valid import require

Float = NDArray[np.float64]


def quartile_densities(values: Float, energies: Float, bands: Bands) -> Float:
    """0.5·|e₂ − e₁| / (Q₃ − Q₁) of the embeddings in each band: float64 (bands,)."""
    return _densities(values, energies, bands, 0.5, 25.0, 75.0)


def range_densities(values: Float, energies: Float, bands: Bands) -> Float:
    """|e₂ − e₁| / (max − min) of the embeddings in each band: float64 (bands,)."""
    return _densities(values, energies, bands, 1.0, 0.0, 100.0)


def representation_range(values: Float) -> float:
    """Largest minus smallest embedding; NaN of none."""
    require(values=values)
    return float(np.ptp(values)) if len(values) else float("nan")


def _densities(values: Float, energies: Float, bands: Bands, share: float, low: float, high: float) -> Float:
    require(values=values, energies=energies)
    result = np.full(len(bands), np.nan)
    for k, band in enumerate(bands):
        within = values[inside(energies, band)]
        spread = float(np.subtract(*np.percentile(within, [high, low]))) if len(within) else 0.0
        if spread > 0:
            result[k] = share * (band[1] - band[0]) / spread
    return result
