"""Opens a dataset directory for its settings and labels: what an embeddings file copies from it.

Reads format "pendulum-dataset", versions 1 and 2, whose shards are HDF5, and `population.h5`. It may come from anybody:
the manifest is looked through, every file that is read is held against size and SHA-256 in it, and no link followed.
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
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from numpy.typing import NDArray

from pendeval.attributes import clean
from pendeval.embeddings import LABELS, MOST_DIFFERENT, MOST_JOINT, POPULATION
from pendeval.hdf5 import check_heaps, column

FORMAT, FORMAT_VERSIONS = "pendulum-dataset", (1, 2)
MOST_BYTES = 256 * 2**20
"""Of `dataset.json`: ten times what 100,000 shards take."""
_COUNT, _SHA256 = {"type": "integer", "minimum": 0, "maximum": 2**53}, {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_NAME = {"type": "string", "pattern": r"^(?![.-])[^/\\\x00-\x1f\x7f-\x9f]{1,200}$"}
_SETTINGS = (
    *("name", "variant", "parameters", "protocol", "image_size", "bob_size", "time_gap", "antialias"),
    *("energy_range", "gaps"),
)
_OF_SPLIT = ("time_range", "pendulums", "images", "energy_law", "energy_bands")


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*required, *properties]}


_SPLIT = _object(_OF_SPLIT, pendulums={**_COUNT, "minimum": 1}, images={**_COUNT, "minimum": 1})
_SHARD = _object(file=_NAME, split=_NAME, first=_COUNT, records=_COUNT, bytes=_COUNT, sha256=_SHA256)
SCHEMA = _object(
    _SETTINGS,
    seed={"type": "integer"},
    splits=_object(train=_SPLIT, test=_SPLIT),
    shards={"type": "array", "items": _SHARD},
    digest=_object(content=_SHA256),
)
SCHEMA["properties"]["population"] = {
    **_object(file=_NAME, images=_COUNT, bytes=_COUNT, sha256=_SHA256, digest=_SHA256, left_out={"type": "number"}),
    "type": ["object", "null"],
}
"""What is read of `dataset.json` (JSON Schema, draft 2020-12); the settings are checked as attributes are."""
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Dataset:
    """A finished dataset directory and its manifest."""

    directory: Path
    manifest: Mapping[str, Any]

    def settings(self, side: str, split: str) -> dict[str, Any]:
        """Attributes `data_*` or `train_*`: what it is, and what the split of it is."""
        of_split = self.manifest["splits"]["test" if split == "population" else split]
        facts = {key: self.manifest[key] for key in _SETTINGS} | {key: of_split[key] for key in _OF_SPLIT}
        facts |= {"digest": self.manifest["digest"]["content"]}
        if split == "population":
            del facts["pendulums"], facts["images"]
            facts |= {"energy_law": "uniform", "energy_bands": [[0.0, 1.0]]}
            facts |= {"population_digest": self.population["digest"], "left_out": float(self.population["left_out"])}
        return {f"{side}_{key}": value for key, value in facts.items()}

    @property
    def population(self) -> Mapping[str, Any]:
        """Manifest entry of the population. Raises ValueError where there is none."""
        entry: Mapping[str, Any] | None = self.manifest.get("population")
        if entry is None:
            why = self.manifest.get("population_reason") or "it is of format version 1; `pendgen build` now writes one"
            raise ValueError(clean(f"{self.directory} has no population: {why}"))
        return entry

    def labels(self, split: str) -> Columns:
        """Every label of a split, pendulums first, or of the population. Raises ValueError naming the file at fault."""
        if split == "population":
            axes, most = POPULATION, (MOST_DIFFERENT, MOST_JOINT)
            return _typed(_read(self.directory, self.population, axes, *most))
        shards = sorted((one for one in self.manifest["shards"] if one["split"] == split), key=lambda one: one["first"])
        if tar := [one["file"] for one in shards if not one["file"].endswith(".h5")]:
            convert = f"`pendgen convert {self.directory} --format hdf5`"
            raise ValueError(clean(f"{self.directory} holds {tar[0]}, expected HDF5 shards; {convert} makes them"))
        parts, wanted = [], {**LABELS, "index": 1}
        for entry in shards:
            part = _read(self.directory, entry, wanted)
            numbers = np.arange(entry["first"], entry["first"] + entry["records"])
            if not np.array_equal(part["index"], numbers) or any(len(one) != len(numbers) for one in part.values()):
                raise ValueError(f"{self.directory / entry['file']} does not hold the pendulums that dataset.json says")
            parts.append(part)
        held = sum(len(part["index"]) for part in parts)
        if held != self.manifest["splits"][split]["pendulums"]:
            raise ValueError(f"{self.directory} holds {held} pendulums of split {split}, expected as in its settings")
        return _typed({name: np.concatenate([part[name] for part in parts]) for name in wanted})


def open_dataset(path: Path) -> Dataset:
    """The dataset at `path`: its directory, or the folder of its versions (the newest finished one).

    Raises FileNotFoundError where there is none, ValueError naming what is wrong with its manifest.
    """
    versions = [
        (tuple(map(int, child.name.split("."))), child)
        for child in (path.iterdir() if path.is_dir() else ())
        if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){2}", child.name) and (child / "dataset.json").is_file()
    ]
    here = (path / "dataset.json").is_file()
    if not here and not versions:
        raise FileNotFoundError(f"no dataset in {path} (no dataset.json); `pendgen build` makes one")
    directory = path if here else max(versions)[1]
    try:
        return Dataset(directory, _manifest(directory / "dataset.json"))
    except ValueError as problem:
        raise ValueError(clean(f"{directory / 'dataset.json'}: {problem}", 500)) from None


def _manifest(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has {path.stat().st_size} bytes, expected at most {MOST_BYTES}")
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested without end") from None
    found = (held.get("format"), held.get("format_version")) if isinstance(held, dict) else (None, None)
    if found not in [(FORMAT, version) for version in FORMAT_VERSIONS]:
        known = " or ".join(map(str, FORMAT_VERSIONS))
        raise ValueError(f"format is {found[0]!r:.60} {found[1]!r:.60}, expected {FORMAT} {known}; update")
    if wrong := best_match(Draft202012Validator(SCHEMA).iter_errors(held)):
        raise ValueError(f"{wrong.json_path.removeprefix('$.')}: {wrong.message:.200}")
    return dict(held)


def _read(directory: Path, entry: Mapping[str, Any], axes: Mapping[str, int], *most: int) -> dict[str, Any]:
    """Columns of one file, by name and number of axes, after its bytes were held against the manifest."""
    path = directory / entry["file"]
    try:
        content = path.read_bytes()
        if len(content) != entry["bytes"]:
            raise ValueError(f"has {len(content)} bytes, expected {entry['bytes']}")
        digest = hashlib.sha256(content).hexdigest()
        if digest != entry["sha256"]:
            raise ValueError(f"was changed: SHA-256 {digest[:12]}…, expected {entry['sha256'][:12]}… by dataset.json")
        check_heaps(content)
        with h5py.File(path, "r") as file:
            return {name: column(file, name, number, *most) for name, number in axes.items()}
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing, expected {entry['bytes']} bytes") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, ArithmeticError) as problem:
        raise ValueError(clean(f"{path}: {problem}", 500)) from None


def _typed(columns: Mapping[str, NDArray[np.float64]]) -> Columns:
    """Columns of the types that the format gives them."""
    types = {"visible": np.bool_, "index": np.int64}
    return {name: held.astype(types.get(name, np.float64)) for name, held in columns.items()}
