"""The random numbers of a dataset: pendulum i of a split depends on (seed, split, i) alone.

Every draw comes from a counter-based Philox generator whose key is the seed and whose counter starts
at (0, pendulum, purpose, split). So any pendulum can be drawn without the others, in any order or
process, and each purpose has a stream of its own: the same seed shows the same pendulums at the same
times in every variant, only gaps and other energy ranges move their energies, and adding noise
disturbs nothing else.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendgen.dataset import SPLITS, Split


class Purpose(IntEnum):
    """What a stream is for. The numbers are part of the content version: never renumber."""

    ENERGY = 0
    TIME = 1
    ANGLE_NOISE = 2
    SHIFT = 3
    PIXEL_NOISE = 4
    TINT = 5


def stream(seed: int, split: str, index: int, purpose: Purpose) -> np.random.Generator:
    """The generator of one pendulum for one purpose. Streams never overlap (2^64 blocks each)."""
    counter = (0, index, int(purpose), SPLITS.index(split))
    return np.random.Generator(np.random.Philox(key=seed, counter=counter))


def streams(seed: int, split: str, indices: range, purpose: Purpose) -> Iterator[np.random.Generator]:
    """`stream` for one pendulum after another: one generator, set anew, which is four times as fast.

    Draw from each before asking for the next.
    """
    source = np.random.Philox(key=seed)
    generator = np.random.Generator(source)
    state: Any = source.state
    for index in indices:
        state["state"]["counter"][:] = (0, index, int(purpose), SPLITS.index(split))
        state["buffer_pos"], state["has_uint32"] = 4, 0  # nothing left over from the pendulum before
        source.state = state
        yield generator


def energies(seed: int, split: Split, indices: range) -> NDArray[np.float64]:
    """Energies m of the pendulums `indices`; float64, shape (P,), uniform over the split's bands.

    Under the linspace law (the `original` test split) energy i is i/(P − 1) with P the whole split.
    """
    if split.energy_law == "linspace":
        return np.linspace(0.0, 1.0, split.pendulums)[indices.start : indices.stop]
    u = np.array([draw.random() for draw in streams(seed, split.name, indices, Purpose.ENERGY)])
    low, high = np.array(split.energy_bands).T
    ends = np.concatenate(([0.0], np.cumsum(high - low)))
    # Invert the distribution function: a piecewise linear map from [0, 1) onto the bands.
    place = u * ends[-1]
    band = np.clip(np.searchsorted(ends, place, side="right") - 1, 0, len(low) - 1)
    return np.asarray(np.minimum(low[band] + (place - ends[band]), high[band]), np.float64)


def times(seed: int, split: Split, indices: range) -> NDArray[np.float64]:
    """Times of the blue bob, natural units; float64, shape (P, T), uniform over the time range."""
    u = np.array([draw.random(split.images) for draw in streams(seed, split.name, indices, Purpose.TIME)])
    low, high = split.time_range
    return low + (high - low) * u


def angle_noise(seed: int, split: Split, indices: range) -> NDArray[np.float64]:
    """Standard normal draws, one for each bob of each image; float64, shape (P, T, 2)."""
    shape = (split.images, 2)
    return np.array([draw.standard_normal(shape) for draw in streams(seed, split.name, indices, Purpose.ANGLE_NOISE)])
