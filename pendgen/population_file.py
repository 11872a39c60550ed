"""population.h5: written whole or not at all, read back, held against what the manifest says of it.

The layout is specified in `pendgen.format`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendgen import format as fmt
from pendgen import hdf5
from pendgen.dataset import Dataset
from pendgen.population import LEAST, Population
from pendgen.render import draw
from pendgen.shards import UNREADABLE, file_sha256, reason

_CHUNK_BYTES = 2**20
Arrays = Mapping[str, NDArray[Any]]


def write(path: Path, dataset: Dataset, population: Population) -> dict[str, Any]:
    """Write the population of `dataset` atomically; returns its entry in the manifest.

    Equal populations, equal bytes. Raises OSError where it cannot be written, and then leaves nothing.
    """
    arrays = tables(population)
    try:
        fmt.write_atomically(path, _contents(dataset, population, arrays))
    except OSError as problem:
        raise OSError(f"cannot write {path}: {reason(problem)}") from None
    return {
        "file": path.name,
        "images": len(population.position),
        "bins": len(population.energy_edges) - 1,
        "left_out": population.left_out,
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "digest": digest(arrays),
    }


def tables(population: Population) -> dict[str, NDArray[Any]]:
    """Every array of the file but the images, by name."""
    return {
        "visible": population.visible,
        "probability": population.probability,
        "energy_given_image": population.energy_given_image,
        "energy_edges": population.energy_edges,
        "energy_probability": population.energy_probability,
        "energy_moment": population.energy_moment,
    }


def digest(arrays: Arrays) -> str:
    """SHA-256 over the bytes of every array but the images, little-endian, in the order of the format."""
    whole = hashlib.sha256()
    for field in fmt.POPULATION_FIELDS[1:]:
        kind = np.uint8 if field.dtype == "bool" else np.dtype(field.dtype).newbyteorder("<")
        whole.update(np.ascontiguousarray(arrays[field.name], kind).tobytes())
    return whole.hexdigest()


def _contents(dataset: Dataset, population: Population, arrays: Arrays) -> bytes:
    """The file's bytes, put together in memory as shards are; only compressed images are held."""
    with h5py.File("population", "w", driver="core", backing_store=False) as file:
        file.attrs["format"], file.attrs["format_version"] = fmt.POPULATION_FORMAT, fmt.POPULATION_VERSION
        file.attrs["split"], file.attrs["left_out"] = "test", population.left_out
        file.attrs["time_range"] = np.array(dataset.split("test").time_range, np.float64)
        for field in fmt.POPULATION_FIELDS:
            shape = _shape(field, len(population.position), len(population.energy_edges) - 1, dataset.size)
            rows = max(1, min(shape[0], _CHUNK_BYTES // (np.dtype(field.dtype).itemsize * int(np.prod(shape[1:])))))
            large = len(shape) > 1 and field.name != "visible"
            options: dict[str, Any] = {"chunks": (rows, *shape[1:]), "compression": 4} if large else {}
            column = file.create_dataset(field.name, shape, np.dtype(field.dtype), track_times=False, **options)
            column.attrs["unit"], column.attrs["meaning"] = field.unit, field.meaning
            for start in range(0, shape[0], rows):
                some = slice(start, start + rows)
                pictures = field.name == "image"
                column[some] = (
                    draw(population.position[some], dataset.geometry) if pictures else arrays[field.name][some]
                )
        file.flush()
        return bytes(file.id.get_file_image())


def _shape(field: fmt.Field, images: int, bins: int, size: int) -> tuple[int, ...]:
    lengths = {"U": images, "B": bins, "B+1": bins + 1, "S": size}
    return tuple(lengths[axis] if axis in lengths else int(axis) for axis in field.axes.split())


def problems(directory: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Everything wrong with the population a manifest names, one line each; nothing where it names none."""
    entry = manifest.get("population")
    if entry is None:
        return
    named = Entry(**{key: entry[key] for key in Entry.__annotations__})
    path = directory / named.file
    if found := file_problem(path, entry):
        yield f"{named.file}: {found}"
        return
    try:
        hdf5.check_heaps(path.read_bytes())
        with h5py.File(path, "r") as file:
            for found in _content_problems(file, named, manifest):
                yield f"{named.file}: {found}"
    except UNREADABLE as problem:
        yield f"{named.file}: cannot be read: {reason(problem)}"


def read(directory: Path, manifest: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Every array of the population a manifest names, by name, in the order of the format.

    Raises ValueError where it names none, or with the first of its `problems`.
    """
    entry = manifest.get("population")
    if entry is None:
        why = manifest.get("population_reason") or "it is of format version 1; `pendgen build` now writes one"
        raise ValueError(f"{directory} has no population: {why}")
    for found in problems(directory, manifest):
        raise ValueError(f"population {directory / found}")
    with h5py.File(directory / entry["file"], "r") as file:
        return {field.name: np.asarray(file[field.name][()]) for field in fmt.POPULATION_FIELDS}


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a population."""

    file: str
    images: int
    bins: int
    left_out: float
    bytes: int
    sha256: str
    digest: str


def file_problem(path: Path, entry: Mapping[str, Any]) -> str | None:
    """What is wrong with a file as such: missing, of another size or of other bytes than its entry says."""
    try:
        if not path.is_file():
            return "missing"
        if path.stat().st_size != entry["bytes"]:
            return f"{path.stat().st_size} bytes, expected {entry['bytes']}"
        found = file_sha256(path)
    except OSError as problem:
        return f"cannot be read: {reason(problem)}"
    return None if found == entry["sha256"] else f"SHA-256 {found[:12]}…, expected {entry['sha256'][:12]}…"


def _content_problems(file: h5py.File, named: Entry, manifest: Mapping[str, Any]) -> Iterator[str]:
    kind = (file.attrs.get("format"), file.attrs.get("format_version"))
    if kind != (fmt.POPULATION_FORMAT, fmt.POPULATION_VERSION):
        yield f"says format {kind[0]} {kind[1]}, expected {fmt.POPULATION_FORMAT} {fmt.POPULATION_VERSION}"
        return
    wrong = list(_shape_problems(file, named, manifest["image_size"]))
    yield from wrong
    if wrong:
        return
    said = ("test", manifest["splits"]["test"]["time_range"], named.left_out)
    attributes = (file.attrs["split"], [float(t) for t in file.attrs["time_range"]], float(file.attrs["left_out"]))
    if attributes != said:
        yield f"its split, times and mass left out are {attributes}, expected {said}"
    arrays = {field.name: np.asarray(file[field.name][()]) for field in fmt.POPULATION_FIELDS[1:]}
    yield from table_problems(arrays)
    yield from _image_problems(file["image"], arrays["visible"])
    if digest(arrays) != named.digest:
        yield "its digest is not the one in dataset.json"


def _shape_problems(file: h5py.File, named: Entry, size: int) -> Iterator[str]:
    for field in fmt.POPULATION_FIELDS:
        try:
            column = hdf5.column(file, field.name, len(field.axes.split()))
        except ValueError as problem:
            yield str(problem)
            continue
        expected = (_shape(field, named.images, named.bins, size), field.dtype)
        if (column.shape, str(column.dtype)) != expected:
            yield f"{field.name} is {(column.shape, str(column.dtype))}, expected {expected}"


def table_problems(arrays: Arrays) -> Iterator[str]:
    """What is wrong with the numbers of a population, as probabilities and energies."""
    edges, joint, moment = arrays["energy_edges"], arrays["energy_probability"], arrays["energy_moment"]
    whole, guess = arrays["probability"], arrays["energy_given_image"]
    for name, column in arrays.items():
        if not np.isfinite(column).all():
            yield f"{name} holds what is not a finite number"
            return
    if edges[0] != 0.0 or edges[-1] != 1.0 or (np.diff(edges) <= 0).any():
        yield "energy_edges do not rise from 0 to 1"
        return
    if (joint < 0).any() or (whole < LEAST).any():
        yield f"probabilities reach down to {min(joint.min(), whole.min()):.3g}, expected none negative"
        return
    if abs(whole.sum() - 1) > 1e-9:
        yield f"probabilities sum to {whole.sum():.12g}, expected 1"
    if np.abs(joint.sum(axis=1) - whole).max() > 1e-12:
        yield "energy_probability: rows do not sum to probability"
    if np.abs(joint.sum(axis=0) - np.diff(edges)).max() > 1e-9:
        yield "energy_probability: columns do not sum to the widths of the bins"
    if (moment < joint * edges[:-1] - 1e-15).any() or (moment > joint * edges[1:] + 1e-15).any():
        yield "energy_moment leaves the bins of energy"
    if np.abs(moment.sum(axis=1) / whole - guess).max() > 1e-9:
        yield "energy_given_image is not energy_moment over probability"


def _image_problems(images: h5py.Dataset, visible: NDArray[np.bool_]) -> Iterator[str]:
    """Blue bobs lack red, red bobs lack blue: which bob shows can be read off the pixels."""
    seen: set[bytes] = set()
    rows = images.chunks[0] if images.chunks else 256
    for start in range(0, len(images), rows):
        some = np.asarray(images[start : start + rows])
        dark = (some == 0).any(axis=(1, 2))[:, [0, 2]]
        if not np.array_equal(dark, visible[start : start + rows]):
            yield "visible does not follow from the images"
            return
        seen.update(hashlib.sha256(picture.data).digest() for picture in some)
    if len(seen) != len(images):
        yield f"{len(images) - len(seen)} of {len(images)} images are there twice"
