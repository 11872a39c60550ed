"""Opens a dataset directory, checks it against its manifest, reads a split into NumPy arrays.

Reads format "pendulum-dataset" versions 1 and 2: a directory with `dataset.json` and shards. In an HDF5 shard
every root dataset is a field, pendulums first; in a tar shard a pendulum is `<key>.image.npy` and
`<key>.json`. The manifest's `fields` say what they mean. Version 2 may also hold every image that can occur; see
population.py.
"""

import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT = "pendulum-dataset"
FORMAT_VERSIONS = (1, 2)
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

    @property
    def population(self) -> Mapping[str, Any] | None:
        """Manifest entry of the file of every image that can occur; None where the dataset has none."""
        entry: Mapping[str, Any] | None = self.manifest.get("population")
        return entry


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
        known = found[0] == FORMAT and found[1] in FORMAT_VERSIONS
        if known:
            _look_through(manifest)
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{manifest_path} is not a dataset manifest: {problem!r}") from None
    if not known:
        raise ValueError(
            f"{manifest_path} says format {found[0]} {found[1]}, expected {FORMAT} "
            f"{' or '.join(map(str, FORMAT_VERSIONS))}; rebuild the dataset or update"
        )
    return Dataset(directory, manifest)


def _look_through(manifest: Mapping[str, Any]) -> None:
    """Touch what every manifest holds. Raises KeyError or TypeError where it is not there."""
    _ = manifest["name"], manifest["splits"], manifest["digest"]["content"], manifest["image_size"]
    _ = [(s["file"], s["split"], s["first"], s["records"], s["bytes"], s["sha256"]) for s in manifest["shards"]]
    if manifest["format_version"] > 1 and manifest["population"] is not None:
        _ = [manifest["population"][key] for key in ("file", "images", "bins", "left_out", "bytes", "sha256", "digest")]


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
    """Compare size and SHA-256 of every shard and of the population with the manifest.

    Raises FileNotFoundError or ValueError naming the first bad one.
    """
    with ThreadPoolExecutor() as pool:  # hashing is most of it, and lets go of the interpreter
        for _ in pool.map(lambda shard: check_file(dataset, shard, "shard"), dataset.manifest["shards"]):
            pass
    if dataset.population is not None:
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
    """Whole columns of a split by field name, pendulums first, with the dtypes the manifest gives.

    Raises ValueError where the split or a field is missing or of another dtype or length.
    """
    shards = split_shards(dataset, split)
    whole: dict[str, NDArray[Any]] = {}
    filled, total = 0, sum(shard["records"] for shard in shards)
    for shard in shards:
        path = dataset.directory / plain(shard["file"])
        read = _read_tar if path.suffix == ".tar" else _read_hdf5
        with naming(path):
            columns = read(path, fields, dataset.manifest["fields"])
        for name, column in columns.items():
            described = dataset.manifest["fields"][name]
            expected = (described["dtype"], len(described["shape"]), shard["records"])
            found = (str(column.dtype), column.ndim, len(column))
            if found != expected:
                raise ValueError(f"field {name} of shard {path} is (dtype, axes, records) {found}, expected {expected}")
            if name not in whole:  # filled shard by shard: joining them in the end would hold everything twice
                whole[name] = np.empty((total, *column.shape[1:]), column.dtype)
            if column.shape[1:] != whole[name].shape[1:]:
                shapes = f"{column.shape[1:]} a record, expected {whole[name].shape[1:]} as in the others"
                raise ValueError(f"field {name} of shard {path} is {shapes}")
            whole[name][filled : filled + len(column)] = column
        filled += shard["records"]
    return whole


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever goes wrong in reading a shard is a ValueError of one line that names it."""
    try:
        yield
    except (OSError, KeyError, TypeError, ValueError, EOFError, RuntimeError, MemoryError, zlib.error) as problem:
        raise ValueError(f"shard {path} cannot be read: {problem!r}") from None
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


def _read_hdf5(path: Path, fields: tuple[str, ...], _: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    with h5py.File(path, "r") as file:
        return {name: np.asarray(dataset_of(file, name)[()]) for name in fields}


def dataset_of(file: h5py.File, name: str) -> h5py.Dataset:
    """A field of an HDF5 shard. Raises KeyError where it is not there."""
    column = file.get(name)
    if not isinstance(column, h5py.Dataset):
        raise KeyError(f"no field {name}")
    return column


def _read_tar(path: Path, fields: tuple[str, ...], described: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Hands webdataset an open file, never the name: one that began with `pipe:` it would run as a command."""
    from webdataset.tariterators import group_by_keys, tar_file_expander  # here, since it imports torch

    rows: dict[str, list[Any]] = {name: [] for name in fields}
    with open(path, "rb") as file:
        for members in group_by_keys(tar_file_expander([{"url": path.name, "stream": file}])):
            record = json.loads(members["json"])
            if "image" in fields:
                record["image"] = np.lib.format.read_array(io.BytesIO(members["image.npy"]), allow_pickle=False)
            for name in fields:
                rows[name].append(record[name])
    kinds = {name: described[name]["dtype"] if name != "image" else None for name in fields}  # JSON knows no dtypes
    return {name: np.array(values, kinds[name]) for name, values in rows.items()}


def plain(name: Any) -> str:
    """The name of a file in the manifest, refused where it would leave the dataset's directory."""
    if not isinstance(name, str) or name != Path(name).name or name in ("", ".", ".."):
        raise ValueError(f"file in the manifest is {name!r}, expected a plain file name")
    return name
