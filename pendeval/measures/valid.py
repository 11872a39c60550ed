"""What every measure asks of its input before it begins."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def require(**columns: NDArray[Any]) -> None:
    """Raise ValueError unless all columns are finite and equally long."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"lengths are {lengths}, expected equal ones")
    for name, column in columns.items():
        if not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
