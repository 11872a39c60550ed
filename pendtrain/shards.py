"""Opens a dataset directory, checks it against its manifest, reads a split into NumPy arrays.

Reads format "pendulum-dataset" versions 1 and 2: a directory with `dataset.json` and shards. In an HDF5 shard
every root dataset is a field, pendulums first; in a tar shard a pendulum is `<key>.image.npy` and
`<key>.json`. `FIELDS` are those that are read. Version 2 may also hold every image that can occur; see population.py.
Nothing in a shard is believed: what it holds has to have the shapes that follow from the manifest, and labels have to
be numbers that energies and angles can be.
"""

import hashlib
import json
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain import hdf5
from pendtrain.manifest import read_manifest
from pendtrain.nearest import nearest_path
from pendtrain.tar import pictures

_VERSION = re.compile(r"\d+\.\d+\.\d+")
UNREADABLE: tuple[type[Exception], ...] = (OSError, LookupError, TypeError, ValueError, EOFError, RuntimeError)
UNREADABLE += (MemoryError, ArithmeticError, zlib.error, SyntaxError, TokenError)
"""Whatever the bytes of a damaged file lead h5py, NumPy, json and zlib to."""
FIELDS = {
    "image": ("uint8", "PTSS3"),
    "energy": ("float64", "P"),
    "time": ("float64", "PT"),
    "angle": ("float64", "PT2"),
    "visible": ("bool", "PT2"),
    "energy_given_image": ("float64", "PT"),
    "index": ("int64", "P"),
}
"""dtype and axes: P pendulums, T images of each, S pixels."""
LABELS = tuple(name for name in FIELDS if name != "image")


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

    @property
    def population(self) -> Mapping[str, Any] | None:
        """Manifest entry of the file of every image that can occur; None where the dataset has none."""
        entry: Mapping[str, Any] | None = self.manifest.get("population")
        return entry


def open_dataset(path: Path) -> Dataset:
    """The dataset at `path`: its directory, or the folder of its versions (the newest complete one).

    Raises FileNotFoundError where nothing complete is there, ValueError where its manifest is none.
    """
    if not path.is_dir():
        meant = nearest_path(path) or "; `pendgen build` makes one"
        raise FileNotFoundError(f"no dataset directory {path}{meant}")
    directory = path if (path / "dataset.json").is_file() else _newest(path)
    return Dataset(directory, read_manifest(directory / "dataset.json"))


def is_dataset(path: Path) -> bool:
    """Whether a directory is a dataset or the folder of its versions, finished or not."""
    return (path / "dataset.json").is_file() or bool(_VERSION.fullmatch(path.resolve().name) or _versions(path))


def _versions(path: Path) -> list[tuple[tuple[int, ...], Path]]:
    return [
        (tuple(int(part) for part in child.name.split(".")), child)
        for child in path.iterdir()
        if _VERSION.fullmatch(child.name) and child.is_dir()
    ]


def _newest(path: Path) -> Path:
    """The complete subdirectory with the highest semantic version."""
    versions = [(version, child) for version, child in _versions(path) if (child / "dataset.json").is_file()]
    if not versions:
        raise FileNotFoundError(
            f"{path} holds no finished dataset (no dataset.json): not a dataset, or a build that did not finish"
        )
    return max(versions)[1]


def check_files(dataset: Dataset, split: str = "") -> None:
    """Compare size and SHA-256 of every shard (of a split) and of the population with the manifest.

    Raises FileNotFoundError or ValueError naming the first bad one.
    """
    shards = dataset.shards(split) if split else dataset.manifest["shards"]
    with ThreadPoolExecutor() as pool:  # hashing is most of it, and lets go of the interpreter
        for _ in pool.map(lambda shard: check_file(dataset, shard, "shard"), shards):
            pass
    if dataset.population is not None and not split:
        check_file(dataset, dataset.population, "population")


def check_file(dataset: Dataset, entry: Mapping[str, Any], kind: str) -> Path:
    """Compare a file with its manifest entry; returns its path. `kind` says in errors what it is."""
    path = dataset.directory / plain(entry["file"])
    if not path.is_file():
        raise FileNotFoundError(f"{kind} {path} is missing, expected {entry['bytes']} bytes")
    if path.stat().st_size != entry["bytes"]:
        raise ValueError(f"{kind} {path} has {path.stat().st_size} bytes, expected {entry['bytes']}")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry["sha256"]:
        raise ValueError(f"{kind} {path} was changed: SHA-256 {found[:12]}…, expected {str(entry['sha256'])[:12]}…")
    return path


def read_split(dataset: Dataset, split: str, fields: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Whole columns of a split by field name, pendulums first, as `FIELDS` describes them.

    Raises ValueError where the split or a field is missing, of another dtype or shape, or no such label.
    """
    shards = split_shards(dataset, split)
    whole = {name: np.empty(shape, dtype) for name, (dtype, shape) in expected(dataset, split, fields).items()}
    for shard in shards:
        path, first, records = dataset.directory / plain(shard["file"]), shard["first"], shard["records"]
        read = _read_tar if path.suffix == ".tar" else _read_hdf5
        with naming(path):
            # Filled shard by shard: joining them in the end would hold everything twice.
            rows = {name: column[first : first + records] for name, column in whole.items()}
            read(path, rows)
            _refuse_nonsense(rows, first)
    return whole


def expected(dataset: Dataset, split: str, fields: Iterable[str]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of columns of a whole split, by the manifest."""
    pendulums, images, size, *_ = image_shape(dataset, split)
    lengths = {"P": pendulums, "T": images, "S": size}
    axes = {name: FIELDS[name] for name in fields}
    return {
        name: (dtype, tuple(lengths.get(axis) or int(axis) for axis in shape)) for name, (dtype, shape) in axes.items()
    }


def _refuse_nonsense(columns: Mapping[str, NDArray[Any]], first: int) -> None:
    """Raise ValueError where labels are none, or are those of other pendulums than from number `first` on."""
    for name, column in columns.items():
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
        if name.startswith("energy") and not (column.min() >= 0 and column.max() <= 1):
            raise ValueError(f"{name} spans {column.min():g} to {column.max():g}, expected 0 to 1")
        if name == "index" and not np.array_equal(column, np.arange(first, first + len(column))):
            raise ValueError(f"pendulums are numbered {column[0]} to {column[-1]}, expected from {first}")


def reason(problem: BaseException) -> str:
    """What went wrong in reading a file, in one line: libraries say it in several, or not at all."""
    if isinstance(problem, KeyError):
        return f"it lacks {problem.args[0]!r:.80}"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return (str(problem).splitlines() or [type(problem).__name__])[0]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever goes wrong in reading a shard is a ValueError of one line that names it."""
    try:
        yield
    except UNREADABLE as problem:
        raise ValueError(f"shard {path} cannot be read: {reason(problem)}") from None
    except tarfile.TarError as problem:  # to whose arguments webdataset has added its file
        raise ValueError(f"shard {path} cannot be read: {str(problem.args[0]).partition(' @ ')[0]}") from None


def split_shards(dataset: Dataset, split: str) -> list[Mapping[str, Any]]:
    """Manifest entries of a split's shards, in order. Raises ValueError where there are none."""
    if split not in dataset.manifest["splits"]:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(dataset.manifest['splits'])}")
    shards = dataset.shards(split)
    if not shards:
        raise ValueError(f"{dataset.directory} has no shards of split {split!r}")
    return shards


def image_shape(dataset: Dataset, split: str) -> tuple[int, ...]:
    """(pendulums, images, S, S, 3) of a split, from the manifest."""
    facts, size = dataset.manifest["splits"][split], dataset.manifest["image_size"]
    return (facts["pendulums"], facts["images"], size, size, 3)


def _read_hdf5(path: Path, rows: Mapping[str, NDArray[Any]]) -> None:
    with h5py.File(path, "r") as file:
        there = {name: hdf5.column(file, name, str(into.dtype), into.shape) for name, into in rows.items()}
        for name, into in rows.items():
            if into.size:
                there[name].read_direct(into)


def _read_tar(path: Path, rows: Mapping[str, NDArray[Any]]) -> None:
    """Hands webdataset an open file, never the name: one that began with `pipe:` it would run as a command."""
    from webdataset.tariterators import group_by_keys, tar_file_expander  # here, since it imports torch

    count = len(next(iter(rows.values())))
    pictures(path, count, rows["image"].shape[1:] if "image" in rows else None)
    with open(path, "rb") as file:
        for row, members in enumerate(group_by_keys(tar_file_expander([{"url": path.name, "stream": file}]))):
            record = json.loads(members["json"])
            for name, into in rows.items():
                if name == "image":
                    start = len(members["image.npy"]) - into[row].nbytes
                    into[row] = np.frombuffer(members["image.npy"], np.uint8, offset=start).reshape(into.shape[1:])
                else:
                    value = np.array(record[name], into.dtype)  # JSON knows no dtypes
                    if value.shape != into.shape[1:]:
                        raise ValueError(f"{name} of pendulum {row} has shape {value.shape}, expected {into.shape[1:]}")
                    into[row] = value


def plain(name: Any) -> str:
    """The name of a file in the manifest, refused where it would leave the dataset's directory."""
    if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
        raise ValueError(f"file in the manifest is {name!r}, expected a plain file name")
    return name
