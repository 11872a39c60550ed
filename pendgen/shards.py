"""One shard: the records of consecutive pendulums, computed and written whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendgen import physics, render, sampling
from pendgen.dataset import Dataset, Split
from pendgen.format import FIELDS, FORMAT, FORMAT_VERSION, Field, Records, record_hashes
from pendgen.oracle import Oracle

_BLOCK_BYTES = 4 * 2**20  # small enough to stay in cache between drawing, hashing and compressing


def compute(dataset: Dataset, split: Split, indices: range, oracle: Oracle) -> Records:
    """Every field of the pendulums `indices` of a split, as `format.FIELDS` describes them."""
    geometry = dataset.geometry
    energy = sampling.energies(dataset.seed, split, indices)
    time = sampling.times(dataset.seed, split, indices)
    angle = np.stack([physics.angle(time + later, energy[:, None]) for later in (0.0, dataset.time_gap)], axis=-1)
    if dataset.eps_n:
        angle += dataset.eps_n * sampling.angle_noise(dataset.seed, split, indices)
        angle = np.remainder(angle + np.pi, 2 * np.pi) - np.pi
    position = render.positions(angle, geometry)
    if dataset.eps_g:
        law = (split.images, dataset.eps_g, dataset.protocol)
        moves = [render.shifts(dataset.seed, split.name, i, *law) for i in indices]
        position += np.stack(moves)[:, :, None, :]
    visible = render.visible(position, geometry)
    image = render.draw(position, geometry)
    if dataset.eps_g:
        for number, i in enumerate(indices):
            image[number] = render.disturb(image[number], dataset.seed, split.name, i, dataset.eps_g, dataset.protocol)
    return {
        "image": image,
        "energy": energy,
        "time": time,
        "angle": angle,
        "visible": visible,
        "energy_given_image": oracle(position, visible),
        "index": np.arange(indices.start, indices.stop, dtype=np.int64),
    }


def blocks(dataset: Dataset, split: Split, indices: range, oracle: Oracle) -> Iterator[Records]:
    """The records of `indices`, a few pendulums at a time, so that memory stays flat."""
    step = max(1, _BLOCK_BYTES // (split.images * dataset.size**2 * 3))
    for start in range(indices.start, indices.stop, step):
        yield compute(dataset, split, range(start, min(start + step, indices.stop)), oracle)


def write_hdf5(
    path: Path, parts: Iterable[Records], records: int, attributes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Write one HDF5 shard atomically. Equal records, equal bytes.

    `parts` are consecutive records, `records` in all. Images are chunked by pendulum under gzip
    level 1, which shrinks clean pictures about 50-fold. Returns `bytes` and `sha256` of the file,
    and the record hashes per field.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    hashes = {field.name: b"" for field in FIELDS}
    try:
        with h5py.File(temporary, "w", track_order=False) as file:
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            for key, value in attributes.items():
                file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)
            done = 0
            for part in parts:
                for field in FIELDS:
                    data = part[field.name]
                    column = file[field.name] if done else _column(file, field, records, data)
                    column[done : done + len(data)] = data
                for name, digests in record_hashes(part).items():
                    hashes[name] += digests
                done += len(part["index"])
        digest = file_sha256(temporary)
        _flush(temporary)
        size = temporary.stat().st_size
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return {"bytes": size, "sha256": digest}, hashes


def _column(file: h5py.File, field: Field, records: int, data: NDArray[Any]) -> h5py.Dataset:
    options: dict[str, Any] = {"chunks": (1, *data.shape[1:]), "compression": 1} if field.name == "image" else {}
    column = file.create_dataset(
        field.name, (records, *data.shape[1:]), np.dtype(field.dtype), track_times=False, **options
    )
    column.attrs["unit"], column.attrs["meaning"] = field.unit, field.meaning
    return column


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
