"""Opens embeddings that others wrote, and believes nothing of them that was not checked.

Reads format "pendulum-embedding", versions 1 and 2. Of a split: HDF5 with root datasets `embedding` (P, T, d) and
`energy` (P,), optionally `energy_given_image` (P, T), `time` (P, T), `angle` (P, T, 2), `visible` (P, T, 2), and a few
pictures as `example_image` (K, S, S, 3) with `example_energy` (K,). Of a population (version 2; every image that can
occur, once): `embedding` (U, d) beside `probability`, `energy_given_image`, `visible`, `energy_edges`,
`energy_probability` and `energy_moment`. Attributes `data_*` and `train_*` say what was embedded and what the encoder
saw; the user block, where there is one, what all bytes after it add up to.

Links to other files, data kept in other files, and shapes that would not fit in memory are refused by name.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendeval.attributes import checked, clean
from pendeval.hdf5 import refuse_damage
from pendeval.measures.population import Population

FORMAT, FORMAT_VERSIONS = "pendulum-embedding", (1, 2)
_KNOWN = [(FORMAT, version) for version in FORMAT_VERSIONS]
MOST_VALUES, MOST_PENDULUMS, MOST_OUTPUTS = 20_000_000, 100_000, 512
MOST_EMBEDDED = 60_000_000
MOST_CHUNK_BYTES, MOST_EXAMPLE_BYTES = 2**28, 2**24
"""What one file may hold: the paper's has 102,400 embeddings, of an inner layer 512 values each, and twice as many
angles, of 5120 pendulums."""
MOST_DIFFERENT, MOST_JOINT = 250_000, 40_000_000
"""What a population may hold: images, and values of a table of images and energy bins."""
_ROUNDING = 1e-9
_LABELS = {"energy": 1, "energy_given_image": 2, "time": 2, "angle": 3, "visible": 3}
_POPULATION = {
    **{"visible": 2, "probability": 1, "energy_given_image": 1},
    **{"energy_edges": 1, "energy_probability": 2, "energy_moment": 2},
}
"""Columns of a population in the order of its digest, with their axes."""


@dataclass(frozen=True)
class Embeddings:
    """The embeddings of a split: P pendulums, T images of each, d outputs."""

    path: Path
    embedding: NDArray[np.float64]
    """(P, T, d)"""
    energy: NDArray[np.float64]
    """(P,)"""
    energy_given_image: NDArray[np.float64] | None
    """(P, T)"""
    angle: NDArray[np.float64] | None
    """(P, T, 2)"""
    visible: NDArray[np.bool_] | None
    """(P, T, 2)"""
    attributes: Mapping[str, Any]
    examples: tuple[NDArray[np.uint8], NDArray[np.float64]] | None = None
    """some pictures (K, S, S, 3) and their energies (K,)"""
    time: NDArray[np.float64] | None = None
    """(P, T), of the blue bob, in units of the natural frequency"""

    def text(self, name: str, missing: str = "") -> str:
        """An attribute as text."""
        return str(self.attributes.get(name, missing))

    def parsed(self, name: str, missing: Any) -> Any:
        """An attribute that holds JSON; `missing` where it is absent or empty. Checked when the file was read."""
        text = self.text(name)
        return json.loads(text) if text else missing


@dataclass(frozen=True)
class PopulationEmbeddings:
    """The embeddings of every image that can occur: U images, d outputs."""

    path: Path
    embedding: NDArray[np.float64]
    """(U, d)"""
    population: Population
    attributes: Mapping[str, Any]


def read(path: Path) -> Embeddings | PopulationEmbeddings:
    """One embeddings file, checked. Raises ValueError naming what is wrong with it."""
    try:
        refuse_damage(path)
        with h5py.File(path, "r") as file:
            attributes = checked(dict(file.attrs.items()))
            found = (attributes.get("format"), attributes.get("format_version"))
            if not all(isinstance(one, (str, int)) for one in found) or found not in _KNOWN:
                expected = f"{FORMAT} {' or '.join(map(str, FORMAT_VERSIONS))}; update pendulum-lab if it is newer"
                raise ValueError(f"format is {found[0]} {found[1]}, expected {expected}")
            if attributes.get("data_split") == "population":
                embedding = _column(file, "embedding", 2, MOST_DIFFERENT)
                most = (MOST_DIFFERENT, MOST_JOINT)
                columns = {name: _column(file, name, axes, *most) for name, axes in _POPULATION.items()}
                return _population(path, embedding, columns, attributes)
            embedding = _column(file, "embedding", 3, most_values=MOST_EMBEDDED)
            labels = {name: _column(file, name, axes) for name, axes in _LABELS.items() if name in file.keys()}  # noqa: SIM118
            examples = _examples(file)
    except (OSError, RuntimeError, KeyError, TypeError) as problem:
        raise ValueError(clean(f"not readable as HDF5: {problem}")) from None
    _check(embedding, labels, attributes)
    visible = labels.get("visible")
    return Embeddings(
        path=path,
        embedding=embedding,
        energy=labels["energy"],
        energy_given_image=labels.get("energy_given_image"),
        angle=labels.get("angle"),
        visible=None if visible is None else visible.astype(np.bool_),
        attributes=attributes,
        examples=examples,
        time=labels.get("time"),
    )


def _population(
    path: Path, embedding: NDArray[np.float64], columns: dict[str, NDArray[np.float64]], attributes: dict[str, Any]
) -> PopulationEmbeddings:
    if len(embedding) != len(columns["probability"]) or 0 in embedding.shape:
        held = (embedding.shape, columns["probability"].shape)
        raise ValueError(f"embedding has shape {held[0]}, which does not fit probability {held[1]}")
    _check_numbers(embedding)
    _check_flags(columns["visible"])
    stated = str(attributes.get("data_population_digest", ""))
    digest = hashlib.sha256()
    for name in _POPULATION:
        column = columns[name].astype(np.uint8) if name == "visible" else columns[name].astype("<f8")
        digest.update(np.ascontiguousarray(column).tobytes())
    if digest.hexdigest() != stated:
        raise ValueError(
            f"population has digest {digest.hexdigest()[:12]}…, but the file says {stated[:12] or 'none'}…"
        )
    population = Population(
        probability=columns["probability"],
        energy_given_image=columns["energy_given_image"],
        visible=columns["visible"].astype(np.bool_),
        edges=columns["energy_edges"],
        energy_probability=columns["energy_probability"],
        energy_moment=columns["energy_moment"],
    )
    return PopulationEmbeddings(path, embedding, population, attributes)


def _examples(file: h5py.File) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
    if "example_image" not in file.keys() or "example_energy" not in file.keys():  # noqa: SIM118
        return None
    image, energy = _column(file, "example_image", 4), _column(file, "example_energy", 1)
    fits = len(image) == len(energy) and image.shape[3] == 3 and image.shape[1] == image.shape[2] > 0
    if not fits or image.size > MOST_EXAMPLE_BYTES or not np.isfinite(energy).all() or not np.isfinite(image).all():
        raise ValueError(f"example_image has shape {image.shape}, example_energy {energy.shape}: not pictures of it")
    return np.clip(image, 0, 255).astype(np.uint8), energy


def _column(
    file: h5py.File, name: str, axes: int, most_rows: int = MOST_PENDULUMS, most_values: int = MOST_VALUES
) -> NDArray[np.float64]:
    """A dataset as float64, after a look at everything about it that could harm."""
    column = _trusted(file, name, most_rows, most_values)
    if column.ndim != axes or column.dtype.kind not in "fiub":
        raise ValueError(f"{name} has shape {column.shape} of {column.dtype}, expected numbers on {axes} axes")
    return np.asarray(column[()], np.float64)


def _trusted(file: h5py.File, name: str, most_rows: int, most_values: int) -> h5py.Dataset:
    """A root dataset of numbers that may be read. Raises ValueError where it is a link, or of no size of ours."""
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link to {getattr(link, 'filename', '')}:{link.path}, expected data in this file")
    column = file.get(name)
    if not isinstance(column, h5py.Dataset):
        raise ValueError(f"no dataset {name}")
    if column.external or column.is_virtual:
        raise ValueError(f"{name} keeps its data in other files, expected it in this one")
    shape = column.shape or (0,)
    outputs = shape[-1] if name == "embedding" else 0
    if column.size > most_values or shape[0] > most_rows or outputs > MOST_OUTPUTS:
        most = f"{most_values:,} values, {most_rows:,} rows and {MOST_OUTPUTS} outputs"
        raise ValueError(f"{name} declares shape {column.shape}, expected at most {most}")
    if column.chunks and np.prod(column.chunks, dtype=float) * column.dtype.itemsize > MOST_CHUNK_BYTES:
        raise ValueError(f"{name} has chunks of {column.chunks}, expected at most {MOST_CHUNK_BYTES >> 20} MB each")
    return column


def _check(
    embedding: NDArray[np.float64], labels: Mapping[str, NDArray[np.float64]], attributes: Mapping[str, Any]
) -> None:
    if "energy" not in labels:
        raise ValueError("no dataset energy")
    if 0 in embedding.shape:
        raise ValueError(f"embedding has shape {embedding.shape}, expected at least one pendulum, image and output")
    for name, column in labels.items():
        fits = column.shape[:2] == embedding.shape[: min(2, column.ndim)] and column.shape[2:] in ((), (2,))
        if not fits:
            raise ValueError(f"{name} has shape {column.shape}, which does not fit embedding {embedding.shape}")
        if not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    _check_numbers(embedding)
    oracle = labels.get("energy_given_image", labels["energy"])
    if oracle.min() < -_ROUNDING or oracle.max() > 1 + _ROUNDING:
        raise ValueError(f"energy_given_image spans {oracle.min():g} to {oracle.max():g}, expected [0, 1]")
    if "visible" in labels:
        _check_flags(labels["visible"])
    for name, length in (("data_pendulums", embedding.shape[0]), ("data_images", embedding.shape[1])):
        if attributes.get(name, length) != length:
            raise ValueError(f"attribute {name} is {attributes[name]}, but embedding has shape {embedding.shape}")
    energy = labels["energy"]
    if energy.min() < 0 or energy.max() > 1:
        raise ValueError(f"energy spans {energy.min():g} to {energy.max():g}, expected [0, 1]")
    if energy.min() == energy.max():
        raise ValueError(f"every energy is {energy.min():g}, expected different ones to rank")


def _check_flags(visible: NDArray[np.float64]) -> None:
    if not np.isin(visible, (0, 1)).all():
        raise ValueError("visible holds other values than 0 and 1, expected whether each bob is in the picture")


def _check_numbers(embedding: NDArray[np.float64]) -> None:
    if not np.isfinite(embedding).all():
        raise ValueError("embedding holds NaN or infinity, expected finite numbers")
    if np.abs(embedding).max() > np.finfo(np.float32).max:
        raise ValueError(f"embedding reaches {np.abs(embedding).max():g}, expected numbers that float32 can hold")
