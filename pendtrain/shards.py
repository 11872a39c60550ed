"""Opens a dataset directory, checks it against its manifest, reads a split into NumPy arrays.

Reads format "pendulum-dataset" version 1: a directory with `dataset.json`, whose shards are HDF5 files
with one root dataset per field, pendulums first. See the manifest's `fields` for their meaning.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT = "pendulum-dataset"
FORMAT_VERSION = 1
LABELS = ("energy", "time", "angle", "visible", "energy_given_image", "index")


@dataclass(frozen=True)
class Dataset:
    """A finished dataset directory and its manifest."""

    directory: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the dataset: the variant and its parameter, unless its maker chose another."""
        return str(self.manifest["name"])

    @property
    def digest(self) -> str:
        """Digest of the decoded content, SHA-256 in hexadecimal."""
        return str(self.manifest["digest"]["content"])

    def shards(self, split: str) -> list[Mapping[str, Any]]:
        """Manifest entries of a split's shards, in order."""
        found = [shard for shard in self.manifest["shards"] if shard["split"] == split]
        return sorted(found, key=lambda shard: int(shard["first"]))


def open_dataset(path: Path) -> Dataset:
    """The dataset at `path`: its directory, or the folder of its versions (the newest complete one).

    Raises FileNotFoundError where nothing complete is there, ValueError where it is of another format.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"no dataset directory {path}; `pendgen build` makes one")
    directory = path if (path / "dataset.json").is_file() else _newest(path)
    manifest_path = directory / "dataset.json"
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        found = (manifest["format"], manifest["format_version"])
        if found == (FORMAT, FORMAT_VERSION):
            _ = manifest["name"], manifest["splits"], manifest["digest"]["content"]
            _ = [(s["file"], s["split"], s["first"], s["records"], s["bytes"], s["sha256"]) for s in manifest["shards"]]
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{manifest_path} is not a dataset manifest: {problem!r}") from None
    if found != (FORMAT, FORMAT_VERSION):
        raise ValueError(
            f"{manifest_path} says format {found[0]} {found[1]}, expected {FORMAT} {FORMAT_VERSION}; "
            "rebuild the dataset or update"
        )
    return Dataset(directory, manifest)


def _newest(path: Path) -> Path:
    """The complete subdirectory with the highest semantic version."""
    versions = [
        (tuple(int(part) for part in child.name.split(".")), child)
        for child in path.iterdir()
        if re.fullmatch(r"\d+\.\d+\.\d+", child.name) and (child / "dataset.json").is_file()
    ]
    if not versions:
        raise FileNotFoundError(
            f"{path} holds no finished dataset (no dataset.json): not a dataset, or a build that did not finish"
        )
    return max(versions)[1]


def check_files(dataset: Dataset) -> None:
    """Compare every shard's size and SHA-256 with the manifest; raises ValueError naming the first bad one."""
    for shard in dataset.manifest["shards"]:
        path = dataset.directory / _plain(shard["file"])
        if not path.is_file():
            raise FileNotFoundError(f"shard {path} is missing, expected {shard['bytes']} bytes")
        if path.stat().st_size != shard["bytes"]:
            raise ValueError(f"shard {path} has {path.stat().st_size} bytes, expected {shard['bytes']}")
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != shard["sha256"]:
            raise ValueError(f"shard {path} was changed: SHA-256 {found[:12]}…, expected {shard['sha256'][:12]}…")


def read_split(dataset: Dataset, split: str, fields: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Whole columns of a split by field name, pendulums first, with the dtypes the manifest gives.

    Raises ValueError where the split or a field is missing or of another dtype or length.
    """
    if split not in dataset.manifest["splits"]:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(dataset.manifest['splits'])}")
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in fields}
    for shard in dataset.shards(split):
        path = dataset.directory / _plain(shard["file"])
        try:
            with h5py.File(path, "r") as file:
                for name in fields:
                    parts[name].append(_column(file, name, shard["records"], dataset.manifest["fields"][name], path))
        except OSError as problem:
            raise ValueError(f"shard {path} cannot be read: {problem}") from None
    if not parts[fields[0]]:
        raise ValueError(f"{dataset.directory} has no shards of split {split!r}")
    return {name: np.concatenate(columns) for name, columns in parts.items()}


def _column(file: h5py.File, name: str, records: int, described: Mapping[str, Any], path: Path) -> NDArray[Any]:
    column = file.get(name)
    if not isinstance(column, h5py.Dataset):
        raise ValueError(f"shard {path} has no field {name}")
    expected = (described["dtype"], len(described["shape"]), records)
    found = (str(column.dtype), column.ndim, column.shape[0] if column.ndim else 0)
    if found != expected:
        raise ValueError(f"field {name} of shard {path} is (dtype, axes, records) {found}, expected {expected}")
    return np.asarray(column[()])


def _plain(name: str) -> str:
    """A shard's file name, refused where it would leave the dataset's directory."""
    if name != Path(name).name or name in ("", ".", ".."):
        raise ValueError(f"shard file is {name!r}, expected a plain file name")
    return name
