"""Opens the population of a dataset: every image that can occur under the law of its test split, once.

Format "pendulum-population" version 1, HDF5 with U images of S × S pixels and B bins of energy; the energies are
uniform on [0, 1], whatever the training split leaves out:

    image               uint8    U, S, S, 3
    visible             bool     U, 2
    probability         float64  U            sums to 1
    energy_given_image  float64  U            E[energy | image]
    energy_edges        float64  B + 1        ascending from 0 to 1
    energy_probability  float64  U, B         of image and bin together: rows sum to `probability`, columns to the bin
    energy_moment       float64  U, B         the same weighted by energy: rows sum to probability × energy_given_image

The digest in the manifest is the SHA-256 of all columns but `image`, in this order, as little-endian C-order bytes
(`visible` as uint8). Nothing in the file is believed: links and data kept elsewhere are refused.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain.hdf5 import check_heaps, column
from pendtrain.shards import UNREADABLE, Dataset, check_file, check_files, reason

FORMAT, FORMAT_VERSION = "pendulum-population", 1
LABELS = ("visible", "probability", "energy_given_image", "energy_edges", "energy_probability", "energy_moment")
TOLERANCE = 1e-9
"""Of sums of probability, beyond the mass of the images that were left out."""
MOST_LEFT_OUT = 1e-6
"""Far more than images of probability below 1e-12 come to, and far less than a score would show."""
Columns = dict[str, NDArray[Any]]


def check_dataset(dataset: Dataset) -> None:
    """Check every file against the manifest, and that a population makes sense, before hours are spent on it.

    Raises FileNotFoundError or ValueError naming the first file that does not fit.
    """
    check_files(dataset)
    if dataset.population is not None:
        read_population(dataset, images=False)


def read_population(dataset: Dataset, images: bool = True) -> Columns:
    """The columns of the population by name, checked; without `image` where `images` is false.

    Raises ValueError where the dataset has no population, or where its file is missing, changed, of other shapes
    than the manifest says, or holds what cannot be probabilities.
    """
    entry = dataset.population
    if entry is None:
        raise ValueError(f"{dataset.directory} has no population: {why_none(dataset)}")
    path = check_file(dataset, entry, "population")
    try:
        check_heaps(path.read_bytes())
        with h5py.File(path, "r") as file:
            found = (file.attrs.get("format"), file.attrs.get("format_version"), file.attrs.get("split"))
            if found != (FORMAT, FORMAT_VERSION, "test"):
                raise ValueError(f"format, version and split are {found}, expected {(FORMAT, FORMAT_VERSION, 'test')}")
            there = {name: column(file, name, *what) for name, what in _expected(dataset, entry).items()}
            columns = {name: np.asarray(there[name][()]) for name in there if images or name != "image"}
        _refuse_nonsense(columns, float(entry["left_out"]))
        if digest(columns) != entry["digest"]:
            raise ValueError(f"digest is {digest(columns)[:12]}…, expected {entry['digest'][:12]}… by the manifest")
    except UNREADABLE as problem:
        raise ValueError(f"population {path} cannot be used: {reason(problem)}") from None
    return columns


def why_none(dataset: Dataset) -> str:
    """Why a dataset without a population has none."""
    if dataset.manifest["format_version"] == 1:
        return "it is of format version 1; `pendgen build` now writes one"
    return str(dataset.manifest.get("population_reason") or "its manifest does not say why")


def digest(columns: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of the labels, hexadecimal, as the manifest holds it."""
    total = hashlib.sha256()
    for name in LABELS:
        kind = "|u1" if name == "visible" else "<f8"
        total.update(np.ascontiguousarray(columns[name], kind).data)
    return total.hexdigest()


def bob_boxes(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Where the bobs of pictures (U, S, S, 3) are: first row, first column, rows and columns of each, (U, 2, 4).

    The blue bob lacks red and the red one blue, so each is read off a channel of its own; zeros: out of view.
    """
    boxes = np.zeros((len(image), 2, 4), np.uint16)
    for bob, channel in enumerate((0, 2)):
        dark = image[..., channel] == 0
        for side, axis in enumerate((2, 1)):
            along = dark.any(axis=axis)
            boxes[:, bob, side] = along.argmax(axis=1)
            boxes[:, bob, side + 2] = along.sum(axis=1)
    return boxes


def _expected(dataset: Dataset, entry: Mapping[str, Any]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What every column is by the manifest: dtype and shape."""
    images, bins, size = int(entry["images"]), int(entry["bins"]), int(dataset.manifest["image_size"])
    return {
        "image": ("uint8", (images, size, size, 3)),
        "visible": ("bool", (images, 2)),
        "probability": ("float64", (images,)),
        "energy_given_image": ("float64", (images,)),
        "energy_edges": ("float64", (bins + 1,)),
        "energy_probability": ("float64", (images, bins)),
        "energy_moment": ("float64", (images, bins)),
    }


def _refuse_nonsense(columns: Columns, left_out: float) -> None:
    """Raise ValueError naming the first column that cannot be what it says."""
    if not 0 <= left_out <= MOST_LEFT_OUT:
        raise ValueError(f"left_out is {left_out:g}, expected 0 to {MOST_LEFT_OUT:g}")
    for name in LABELS[1:]:
        if not np.isfinite(columns[name]).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
        if columns[name].min(initial=0.0) < 0:
            raise ValueError(f"{name} holds {columns[name].min():g}, expected 0 or more")
    probability, edges = columns["probability"], columns["energy_edges"]
    if not abs(probability.sum() - 1) <= TOLERANCE:
        raise ValueError(f"probability sums to {probability.sum():.12g}, expected 1")
    if not (np.all(np.diff(edges) > 0) and edges[0] == 0 and edges[-1] == 1):
        raise ValueError("energy_edges do not ascend from 0 to 1")
    mean = columns["energy_given_image"]
    if mean.max() > 1:
        raise ValueError(f"energy_given_image holds {mean.max():g}, expected 1 at most")
    joint, slack = columns["energy_probability"], TOLERANCE + left_out
    sums = (
        ("rows of energy_probability", joint.sum(axis=1), probability),
        ("columns of energy_probability", joint.sum(axis=0), np.diff(edges)),
        ("rows of energy_moment", columns["energy_moment"].sum(axis=1), probability * mean),
    )
    for what, found, expected in sums:
        worst = int(np.abs(found - expected).argmax())
        if not abs(found[worst] - expected[worst]) <= slack:
            raise ValueError(f"{what} do not add up: {worst} to {found[worst]:.9g}, expected {expected[worst]:.9g}")
