"""Is a score above what the images allow? The difference to the oracle's score, with its noise.

The oracle, E[energy | image], is computed from physics alone and stands in every embeddings file.
Nothing honest beats its global Spearman by more than noise; where something does, the data or the code
is wrong. The noise of the difference is a jackknife over groups of pendulums, which keeps the images
of one pendulum together and both scores on the same images.
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.spearman import spearman

Float = NDArray[np.float64]


def excess(
    values: Float, oracle: Float, energies: Float, pendulum: NDArray[np.int64], groups: int = 20
) -> tuple[float, float]:
    """|ρ| of `values` less |ρ| of `oracle`, and the standard error of that difference.

    All are (N,); `pendulum` numbers the pendulum an image shows. The delete-one-group jackknife
    (Efron & Tibshirani 1993, ch. 11) leaves out every groups-th pendulum in turn.
    """

    def difference(some: NDArray[np.bool_]) -> float:
        return abs(spearman(values[some], energies[some])) - abs(spearman(oracle[some], energies[some]))

    _, number = np.unique(pendulum, return_inverse=True)
    groups = min(groups, int(number.max()) + 1)
    whole = difference(np.ones(len(values), np.bool_))
    if groups < 2:
        return whole, float("nan")
    without = np.array([difference(number % groups != group) for group in range(groups)])
    return whole, float(np.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2)))
