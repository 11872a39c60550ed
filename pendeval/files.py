"""Opens what others wrote: embeddings of either version, run descriptions, training curves.

Reads format "pendulum-embedding", versions 1 and 2. Of a split: HDF5 with root datasets `embedding` (P, T, d) and
`energy` (P,), optionally `energy_given_image` (P, T), `time` (P, T), `angle` (P, T, 2), `visible` (P, T, 2), and a few
pictures as `example_image` (K, S, S, 3) with `example_energy` (K,). Of a population (version 2; every image that can
occur, once): `embedding` (U, d) beside `probability`, `energy_given_image`, `visible`, `energy_edges`,
`energy_probability` and `energy_moment`. Attributes `data_*` and `train_*` say what was embedded and what the encoder
saw. Beside them, format "pendulum-run", versions 1 and 2: a `run.json` whose `status` says whether the embeddings below
it are final, and `metrics.csv`. Score files are `pendeval.scores`'s.

A file may come from anywhere, so nothing in it is followed or believed: links to other files, data kept in
other files, and shapes that would not fit in memory are refused by name.
"""

import csv
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendeval.attributes import checked, clean, plain
from pendeval.measures.population import Population

FORMAT, FORMAT_VERSIONS = "pendulum-embedding", (1, 2)
RUN_FORMAT, RUN_VERSIONS = "pendulum-run", (1, 2)
_KNOWN = [(FORMAT, version) for version in FORMAT_VERSIONS]
ENDINGS = (".h5", ".hdf5")
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


@dataclass(frozen=True)
class Source:
    """What is scored together: the embeddings of a split, of the population under its law, or both."""

    split: Path | None
    population: Path | None

    @property
    def path(self) -> Path:
        """The file it is named by."""
        return self.split or self.population or Path()


@dataclass(frozen=True)
class Problem:
    """A run, file or figure that something is wrong with, and what."""

    path: Path
    reason: str


def find(root: Path, only: Sequence[str] = (), endings: Sequence[str] = ENDINGS) -> tuple[list[Path], list[Problem]]:
    """Files below `root` worth reading, by their endings, sorted; and the runs that have none to read.

    `only` keeps what was embedded from, or trained on, datasets of these variants or names. Raises
    FileNotFoundError where `root` does not exist.
    """
    if not root.exists():
        raise FileNotFoundError(f"no folder {root}; `pendtrain fit` makes runs")
    ends = tuple(endings)
    every = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.name.lower().endswith(ends))
    named = [path for path in every if not any(part.startswith(".") for part in path.relative_to(root).parts)]
    files = [path for path in named if path.is_file()]
    problems = [Problem(path, "not a regular file") for path in named if not path.is_file()]
    for description in sorted(root.rglob("run.json")):
        below = [path for path in files if path.is_relative_to(description.parent)]
        reason = _unfinished(description) or ("" if below else "complete, but without embeddings")
        if reason and not (only and _left_out(description.parent, only)):
            problems.append(Problem(description.parent, reason))
        files = [path for path in files if not reason or path not in below]
    return files, problems


def pair_up(paths: Sequence[Path]) -> tuple[list[Source], list[Problem]]:
    """Split and population of the same run and dataset, side by side in one folder, as one source each.

    They belong together by what their attributes say. A population of other data than the split beside it under
    the same name is a problem.
    """
    held = {path: attributes_of(path) for path in sorted(paths) if path.suffix.lower() in ENDINGS}
    splits = [path for path, given in held.items() if given.get("data_split") != "population"]
    free: dict[Path, list[Path]] = {}
    for path in held:
        if path not in splits:
            free.setdefault(path.parent, []).append(path)
    taken: dict[Path, Path] = {}
    problems = []
    for exact in (True, False):  # whoever fits comes first; what is left beside a split is of other data
        for path in splits:
            given, beside = held[path], free.get(path.parent, [])
            mates = [other for other in beside if path not in taken and _mates(given, held[other], exact)]
            for other in mates[:1] if exact else mates:
                beside.remove(other)
                if exact:
                    taken[path] = other
                else:
                    digests = (str(held[one].get("data_digest"))[:12] for one in (other, path))
                    reason = "population of data {}…, but the split beside it is of {}…; embed both again"
                    problems.append(Problem(other, clean(reason.format(*digests))))
    sources = [Source(path, taken.get(path)) for path in splits]
    sources += [Source(None, path) for beside in free.values() for path in beside]
    return sorted(sources, key=lambda source: source.path), problems


def _mates(split: Mapping[str, Any], population: Mapping[str, Any], exact: bool) -> bool:
    """Whether a population is of the dataset of a test split, by name or (`exact`) by content, and of its run."""
    keys = ["data_name", "train_digest", "train_recipe", "train_label", "train_seed", "train_layer"]
    keys += ["data_digest"] if exact else []
    return split.get("data_split") == "test" and all(split.get(key) == population.get(key) for key in keys)


def attributes_of(path: Path) -> dict[str, Any]:
    """Single values among the root attributes of a file; none where it cannot be read (which `read` will say)."""
    try:
        with h5py.File(path, "r") as file:
            held = {key: plain(value) for key, value in file.attrs.items()}
    except Exception:  # damage takes many forms
        return {}
    return {key: value for key, value in held.items() if isinstance(value, (str, int, float, bool))}


def _left_out(run: Path, only: Sequence[str]) -> bool:
    try:
        data = read_run(run / "run.json")["dataset"]
        return not {str(data[key]) for key in ("variant", "name")} & set(only)
    except (ValueError, KeyError, TypeError):
        return False


def read_run(path: Path) -> dict[str, Any]:
    """A run.json of a known format. Raises ValueError naming what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, _ = (content["format"], content["format_version"]), content["status"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(clean(f"run.json cannot be read: {problem!r}")) from None
    if found[0] != RUN_FORMAT or found[1] not in RUN_VERSIONS:
        expected = f"{RUN_FORMAT} {' or '.join(map(str, RUN_VERSIONS))}; update pendulum-lab if it is newer"
        raise ValueError(clean(f"run.json says format {found[0]} {found[1]}, expected {expected}"))
    return dict(content)


def run_of(path: Path) -> Path | None:
    """The run directory that an embeddings file lies in; None for a file by itself."""
    return next((folder for folder in list(path.parents)[:2] if (folder / "run.json").is_file()), None)


def read_curve(run: Path) -> dict[str, list[float]]:
    """metrics.csv of a run by column; empty where there is none, NaN where a cell is no number."""
    path = run / "metrics.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except (csv.Error, OSError) as problem:
        raise ValueError(clean(f"metrics.csv cannot be read: {problem}")) from None
    names = [str(name) for name in rows[0] if name] if rows else []
    return {name: [_as_float(row.get(name)) for row in rows] for name in names}


def _as_float(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def _unfinished(path: Path) -> str:
    """Why the run described at `path` cannot be scored; empty where it can."""
    try:
        content = read_run(path)
    except ValueError as problem:
        return str(problem)
    if content["status"] == "failed":
        return clean(f"failed: {content.get('reason', 'no reason given')}")
    return "" if content["status"] == "complete" else clean(f"not finished (status {content['status']})")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> Embeddings | PopulationEmbeddings:
    """One embeddings file, checked. Raises ValueError naming what is wrong with it."""
    try:
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
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link to {getattr(link, 'filename', '')}:{link.path}, expected data in this file")
    column = file.get(name)
    if not isinstance(column, h5py.Dataset):
        raise ValueError(f"no dataset {name}")
    if column.ndim != axes or column.dtype.kind not in "fiub":
        raise ValueError(f"{name} has shape {column.shape} of {column.dtype}, expected numbers on {axes} axes")
    if column.external or column.is_virtual:
        raise ValueError(f"{name} keeps its data in other files, expected it in this one")
    outputs = column.shape[-1] if name == "embedding" else 0
    if column.size > most_values or len(column) > most_rows or outputs > MOST_OUTPUTS:
        most = f"{most_values:,} values, {most_rows:,} rows and {MOST_OUTPUTS} outputs"
        raise ValueError(f"{name} declares shape {column.shape}, expected at most {most}")
    if column.chunks and np.prod(column.chunks, dtype=float) * column.dtype.itemsize > MOST_CHUNK_BYTES:
        raise ValueError(f"{name} has chunks of {column.chunks}, expected at most {MOST_CHUNK_BYTES >> 20} MB each")
    return np.asarray(column[()], np.float64)


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


def shown(path: Path) -> str:
    """A path as text that UTF-8 can write, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
