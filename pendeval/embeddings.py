"""Opens embeddings that others wrote, and believes nothing of them that was not checked.

Reads format "pendulum-embedding", versions 1 and 2. Of a split: HDF5 with root datasets `embedding` (P, T, d) and
`energy` (P,), optionally `energy_given_image` (P, T), `time` (P, T), `angle` (P, T, 2), `visible` (P, T, 2), and a few
pictures as `example_image` (K, S, S, 3) with `example_energy` (K,). Of a population (version 2; every image that can
occur, once): `embedding` (U, d) beside `probability`, `energy_given_image`, `visible`, `energy_edges`,
`energy_probability` and `energy_moment`, optionally `bob_box` (U, 2, 4), from which pictures are drawn. Attributes
`data_*` and `train_*` say what was embedded and what the encoder saw; the user block, where there is one, what all
bytes after it add up to.

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
from pendeval.hdf5 import column, refuse_damage
from pendeval.measures.population import Population

FORMAT, FORMAT_VERSIONS = "pendulum-embedding", (1, 2)
_KNOWN = [(FORMAT, version) for version in FORMAT_VERSIONS]
MOST_EMBEDDED, MOST_EXAMPLE_BYTES = 60_000_000, 2**24
"""What one file may hold: the paper's has 102,400 embeddings, of an inner layer 512 values each."""
MOST_DIFFERENT, MOST_JOINT = 250_000, 40_000_000
"""What a population may hold: images, and values of a table of images and energy bins."""
MOST_SIDE = 4096
"""Pixels along a side of a picture, at most."""
_ROUNDING = 1e-9
LABELS = {"energy": 1, "energy_given_image": 2, "time": 2, "angle": 3, "visible": 3}
POPULATION = {
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
    box: NDArray[np.int64] | None = None
    """(U, 2, 4), of the blue and the red bob first row, first column, rows and columns in the picture; zeros: unseen"""


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
                embedding = column(file, "embedding", 2, MOST_DIFFERENT)
                most = (MOST_DIFFERENT, MOST_JOINT)
                columns = {name: column(file, name, axes, *most) for name, axes in POPULATION.items()}
                box = column(file, "bob_box", 3, MOST_DIFFERENT) if "bob_box" in file.keys() else None  # noqa: SIM118
                return checked_population(path, embedding, columns, attributes, box)
            embedding = column(file, "embedding", 3, most_values=MOST_EMBEDDED)
            labels = {name: column(file, name, axes) for name, axes in LABELS.items() if name in file.keys()}  # noqa: SIM118
            examples = _examples(file)
    except (OSError, RuntimeError, KeyError, TypeError) as problem:
        raise ValueError(clean(f"not readable as HDF5: {problem}")) from None
    check_split(embedding, labels, attributes)
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


def checked_population(
    path: Path,
    embedding: NDArray[np.float64],
    columns: dict[str, NDArray[np.float64]],
    attributes: dict[str, Any],
    box: NDArray[np.float64] | None = None,
) -> PopulationEmbeddings:
    """The embeddings (U, d) of a population in `columns`. Raises ValueError where they do not fit or were changed."""
    if len(embedding) != len(columns["probability"]) or 0 in embedding.shape:
        held = (embedding.shape, columns["probability"].shape)
        raise ValueError(f"embedding has shape {held[0]}, which does not fit probability {held[1]}")
    _check_numbers(embedding)
    _check_flags(columns["visible"])
    stated = str(attributes.get("data_population_digest", ""))
    digest = hashlib.sha256()
    for name in POPULATION:
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
    return PopulationEmbeddings(path, embedding, population, attributes, _boxes(box, population.visible, attributes))


def read_outputs(path: Path) -> NDArray[np.float64]:
    """The embeddings (U, d) alone of a population's file that was read before. Raises ValueError, OSError."""
    refuse_damage(path)
    with h5py.File(path, "r") as file:
        return column(file, "embedding", 2, MOST_DIFFERENT)


def _boxes(
    box: NDArray[np.float64] | None, visible: NDArray[np.bool_], attributes: Mapping[str, Any]
) -> NDArray[np.int64] | None:
    """Boxes of bobs (U, 2, 4), checked to lie in the picture and to be empty where a bob is out of view."""
    if box is None:
        return None
    size = int(attributes.get("data_image_size", MOST_SIDE))
    if box.shape != (*visible.shape, 4) or not np.isfinite(box).all() or (box != np.rint(box)).any() or box.min() < 0:
        raise ValueError(f"bob_box has shape {box.shape}, expected whole numbers of shape {(*visible.shape, 4)}")
    seen = (box[..., 2:] > 0).all(axis=2)
    if not np.array_equal(seen, visible) or (box[..., :2] + box[..., 2:]).max() > min(size, MOST_SIDE):
        raise ValueError(f"bob_box does not fit visible, or leaves a picture of {size} pixels")
    return box.astype(np.int64)


def _examples(file: h5py.File) -> tuple[NDArray[np.uint8], NDArray[np.float64]] | None:
    if "example_image" not in file.keys() or "example_energy" not in file.keys():  # noqa: SIM118
        return None
    image, energy = column(file, "example_image", 4), column(file, "example_energy", 1)
    fits = len(image) == len(energy) and image.shape[3] == 3 and image.shape[1] == image.shape[2] > 0
    if not fits or image.size > MOST_EXAMPLE_BYTES or not np.isfinite(energy).all() or not np.isfinite(image).all():
        raise ValueError(f"example_image has shape {image.shape}, example_energy {energy.shape}: not pictures of it")
    return np.clip(image, 0, 255).astype(np.uint8), energy


def check_split(
    embedding: NDArray[np.float64], labels: Mapping[str, NDArray[np.float64]], attributes: Mapping[str, Any]
) -> None:
    """Raise ValueError where embeddings (P, T, d), labels by name and attributes of a split cannot be scored."""
    if "energy" not in labels:
        raise ValueError("no dataset energy")
    if 0 in embedding.shape:
        raise ValueError(f"embedding has shape {embedding.shape}, expected at least one pendulum, image and output")
    for name, held in labels.items():
        fits = held.shape[:2] == embedding.shape[: min(2, held.ndim)] and held.shape[2:] in ((), (2,))
        if not fits:
            raise ValueError(f"{name} has shape {held.shape}, which does not fit embedding {embedding.shape}")
        if not np.isfinite(held).all():
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
