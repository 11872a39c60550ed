"""Whether two encoders put the same images in the same order."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from pendeval.measures.valid import require

Float = NDArray[np.float64]


def rank_agreement(lines: Float) -> Float:
    """Spearman's |ρ| between every two of k lines (k, n) over the same n images: float64 (k, k).

    The sign of a line means nothing and is taken off. NaN where a line is constant.
    """
    require(lines=lines)
    ranks = rankdata(lines, axis=1) - (lines.shape[1] + 1) / 2
    norms = np.linalg.norm(ranks, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = ranks / np.where(norms > 0, norms, np.nan)[:, None]
    return np.asarray(np.clip(np.abs(unit @ unit.T), 0.0, 1.0))
