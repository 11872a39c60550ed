"""Inverse trigonometric functions whose last bits are the same with AVX-512 and without.

NumPy has its own where there is AVX-512, which give one value in twenty another last bit; a dataset of the same
settings then has another digest. These are the C library's, on arrays: float64 in and out, broadcast, radians.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Function = Callable[..., NDArray[np.float64]]


def _of_arrays(function: Callable[..., float], arguments: int) -> Function:
    one_by_one = np.frompyfunc(function, arguments, 1)

    def of_arrays(*values: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(one_by_one(*values), np.float64)

    return of_arrays


arcsin, arccos, arctan2 = _of_arrays(math.asin, 1), _of_arrays(math.acos, 1), _of_arrays(math.atan2, 2)
