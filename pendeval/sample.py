"""A thinned embedding: enough images to draw figures and to compare encoders, small enough to be kept.

Which images is decided by one fixed shuffle of all images of a split, of which a sample is a beginning: samples of two
encoders of the same data share their first images, however many each has. Labels are rounded to what a picture can
show (energies to 1/65535, angles to π/32767), so that a sample read back is the sample that was made.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.embeddings import Embeddings

SAMPLE_BYTES, LEAST_BYTES, BYTES_LESS = 14_000, 8_000, 3_000
"""What a sample of one output may take before compression, the least that one of many may, and how much less for each
further output: the population beside it takes as much more."""


@dataclass(frozen=True)
class Sample:
    """Some n of the images of one embeddings file, the same first ones for every file of the same data."""

    energy: NDArray[np.float64]
    """(n,), in [0, 1]"""
    values: NDArray[np.float64]
    """(n,), the one-dimensional line"""
    embedding: NDArray[np.float32]
    """(n, d), all outputs"""
    oracle: NDArray[np.float64] | None
    """(n,), E[energy | image]"""
    angle: NDArray[np.float64] | None
    """(n, 2), blue and red bob, radians, 0 at the bottom"""
    visible: NDArray[np.bool_] | None
    """(n, 2), whether each bob is in the picture"""


def thin(e: Embeddings, values: NDArray[np.float64]) -> Sample:
    """As many images as the bytes allowed hold; `values` is the line (P·T,)."""
    pendulums, images, dim = e.embedding.shape
    size = max(LEAST_BYTES, SAMPLE_BYTES - BYTES_LESS * (dim - 1))
    count = size // (14 if dim == 1 else 14 + 4 * dim)
    few = np.random.Generator(np.random.Philox(key=0)).permutation(pendulums * images)[:count]

    def flat(column: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(column.reshape(-1, *column.shape[2:])[few])

    return Sample(
        energy=levels(np.repeat(e.energy, images)[few]),
        values=values[few].astype(np.float32).astype(np.float64),
        embedding=flat(e.embedding).astype(np.float32),
        oracle=None if e.energy_given_image is None else levels(flat(e.energy_given_image)),
        angle=None if e.angle is None else np.rint(_within(flat(e.angle)) / np.pi * 32767) * (np.pi / 32767),
        visible=None if e.visible is None else flat(e.visible),
    )


def first(sample: Sample, images: int) -> Sample:
    """The sample of the first `images` of its images, or of all where it has fewer."""
    columns = {field.name: getattr(sample, field.name) for field in fields(Sample)}
    few: dict[str, Any] = {name: None if column is None else column[:images] for name, column in columns.items()}
    return Sample(**few)


def levels(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energies rounded to 1/65535."""
    return np.asarray(np.rint(np.clip(energy, 0.0, 1.0) * 65535) / 65535, np.float64)


def _within(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles turned into [−π, π]; those that lie there stay as they are."""
    return np.where(np.abs(angle) <= np.pi, angle, np.remainder(angle + np.pi, 2 * np.pi) - np.pi)
