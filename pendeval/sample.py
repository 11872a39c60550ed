"""A thinned embedding: enough images to draw figures and to compare encoders, without opening the file again."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.runs import Embeddings

MOST_IMAGES = 10_240


@dataclass(frozen=True)
class Sample:
    """Some n of the images of one embeddings file, the same ones for every file of the same data."""

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
    """The first images of every pendulum, at most `MOST_IMAGES` in all; `values` is the line (P·T,)."""
    pendulums, images = e.embedding.shape[:2]
    few = slice(0, min(pendulums, MOST_IMAGES)), slice(0, max(1, min(images, MOST_IMAGES // pendulums)))

    def flat(column: NDArray[Any] | None) -> Any:
        return None if column is None else column[few].reshape(-1, *column.shape[2:])

    return Sample(
        energy=flat(np.broadcast_to(e.energy[:, None], (pendulums, images))),
        values=flat(values.reshape(pendulums, images)),
        embedding=flat(e.embedding.astype(np.float32)),
        oracle=flat(e.energy_given_image),
        angle=flat(e.angle),
        visible=flat(e.visible),
    )


def save(sample: Sample, path: Path) -> None:
    """Write a sample as a compressed NumPy archive."""
    columns = {field.name: getattr(sample, field.name) for field in fields(Sample)}
    with path.open("wb") as file:
        np.savez_compressed(file, **{name: column for name, column in columns.items() if column is not None})


def load(path: Path) -> Sample:
    """Read what `save` wrote. Raises OSError, ValueError or KeyError where it is damaged."""
    with np.load(path, allow_pickle=False) as held:
        columns: dict[str, Any] = {field.name: held.get(field.name) for field in fields(Sample)}
    if any(columns[name] is None for name in ("energy", "values", "embedding")):
        raise KeyError(f"{path} lacks a column")
    return Sample(**columns)
