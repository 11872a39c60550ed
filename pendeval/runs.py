"""Finds and reads embeddings, whoever wrote them, and says what is missing or broken.

Reads format "pendulum-embedding" version 1: HDF5 with root datasets `embedding` (P, T, d) and `energy` (P,),
optionally `energy_given_image` (P, T), `angle` (P, T, 2) and `visible` (P, T, 2), and attributes `data_*` and
`train_*`. Beside it, format "pendulum-run" version 1: a `run.json` whose `status` says whether the embeddings
below it can be trusted to be final.

A file may come from anywhere, so nothing in it is followed or believed: links to other files, data kept in
other files, and shapes that would not fit in memory are refused by name.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT, FORMAT_VERSION = "pendulum-embedding", 1
RUN_FORMAT, RUN_VERSION = "pendulum-run", 1
ENDINGS = (".h5", ".hdf5")
MOST_VALUES, MOST_PENDULUMS, MOST_OUTPUTS, MOST_CHUNK_BYTES = 20_000_000, 100_000, 512, 2**28
"""What one file may hold: the paper's has 102,400 embeddings and twice as many angles, of 5120 pendulums."""
_LABELS = {"energy": 1, "energy_given_image": 2, "angle": 3, "visible": 3}
_NUMBERS = ("data_seed", "train_seed", "train_data_seed")
_TEXTS = (
    *("name", "variant", "parameters", "protocol", "split", "digest", "energy_law", "energy_bands"),
    *("method", "label", "recipe", "gaps"),
)
_LEVELS = ("eps_n", "eps_g", "alpha_c", "alpha_g", "num_gaps")


@dataclass(frozen=True)
class Embeddings:
    """One embeddings file: P pendulums, T images of each, d outputs."""

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

    def text(self, name: str, missing: str = "") -> str:
        """An attribute as text."""
        return str(self.attributes.get(name, missing))

    def parsed(self, name: str, missing: Any) -> Any:
        """An attribute that holds JSON; `missing` where it is absent or empty. Checked when the file was read."""
        text = self.text(name)
        return json.loads(text) if text else missing


@dataclass(frozen=True)
class Problem:
    """A run or file that could not be scored, and why."""

    path: Path
    reason: str


def find(root: Path, only: Sequence[str] = ()) -> tuple[list[Path], list[Problem]]:
    """Embeddings files below `root` worth reading, sorted, and the runs that have none to read.

    `only` keeps what was embedded from, or trained on, datasets of these variants or names. Raises
    FileNotFoundError where `root` does not exist or holds neither runs nor embeddings, ValueError where `only`
    leaves nothing.
    """
    if not root.exists():
        raise FileNotFoundError(f"no folder {root}; `pendtrain fit` makes runs")
    named = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in ENDINGS)
    named = [path for path in named if not path.name.startswith(".")]
    files = [path for path in named if path.is_file()]
    problems = [Problem(path, "not a regular file") for path in named if not path.is_file()]
    for description in sorted(root.rglob("run.json")):
        below = [path for path in files if path.is_relative_to(description.parent)]
        reason = _unfinished(description) or ("" if below else "complete, but without embeddings")
        if reason:
            problems.append(Problem(description.parent, reason))
            files = [path for path in files if path not in below]
    if not files and not problems:
        raise FileNotFoundError(f"{root} holds no runs (run.json) and no embeddings ({', '.join(ENDINGS)})")
    if only:
        names = {path: _names(path) for path in [*files, *(problem.path for problem in problems)]}
        files = [path for path in files if not names[path] or names[path] & set(only)]
        problems = [one for one in problems if not names[one.path] or names[one.path] & set(only)]
        if not files and not problems:
            held = ", ".join(sorted(set().union(*names.values())))
            raise ValueError(f"nothing below {root} is of {', '.join(only)}; there are {held}")
    return files, problems


def _names(path: Path) -> set[str]:
    """Variant and name of the dataset of an embeddings file or a run; empty where they cannot be read."""
    try:
        if path.is_dir():
            data = read_run(path / "run.json")["dataset"]
            return {str(data[key]) for key in ("variant", "name")}
        with h5py.File(path, "r") as file:
            held = (file.attrs.get(f"{side}_{key}", "") for side in ("data", "train") for key in ("variant", "name"))
            return {str(_plain(value)) for value in held} - {""}
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return set()


def read_run(path: Path) -> dict[str, Any]:
    """A run.json of a known format. Raises ValueError naming what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, _ = (content["format"], content["format_version"]), content["status"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(clean(f"run.json cannot be read: {problem!r}")) from None
    if found != (RUN_FORMAT, RUN_VERSION):
        raise ValueError(clean(f"run.json says format {found[0]} {found[1]}, expected {RUN_FORMAT} {RUN_VERSION}"))
    return dict(content)


def _unfinished(path: Path) -> str:
    """Why the run described at `path` cannot be scored; empty where it can."""
    try:
        content = read_run(path)
    except ValueError as problem:
        return str(problem)
    if content["status"] == "failed":
        return clean(f"failed: {content.get('reason', 'no reason given')}")
    return "" if content["status"] == "complete" else clean(f"not finished (status {content['status']})")


def read(path: Path) -> Embeddings:
    """One embeddings file, checked. Raises ValueError naming what is wrong with it."""
    try:
        with h5py.File(path, "r") as file:
            attributes = {key: _plain(value) for key, value in file.attrs.items()}
            found = (attributes.get("format"), attributes.get("format_version"))
            if found != (FORMAT, FORMAT_VERSION):
                raise ValueError(f"format is {found[0]} {found[1]}, expected {FORMAT} {FORMAT_VERSION}")
            embedding = _column(file, "embedding", 3)
            labels = {name: _column(file, name, axes) for name, axes in _LABELS.items() if name in file.keys()}  # noqa: SIM118
    except (OSError, RuntimeError, KeyError, TypeError) as problem:
        raise ValueError(clean(f"not readable as HDF5: {problem}")) from None
    _check(embedding, labels)
    _check_attributes(attributes)
    visible = labels.get("visible")
    return Embeddings(
        path=path,
        embedding=embedding,
        energy=labels["energy"],
        energy_given_image=labels.get("energy_given_image"),
        angle=labels.get("angle"),
        visible=None if visible is None else visible.astype(np.bool_),
        attributes=attributes,
    )


def _column(file: h5py.File, name: str, axes: int) -> NDArray[np.float64]:
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
    outputs = column.shape[2] if name == "embedding" else 0
    if column.size > MOST_VALUES or len(column) > MOST_PENDULUMS or outputs > MOST_OUTPUTS:
        most = f"{MOST_VALUES:,} values, {MOST_PENDULUMS:,} pendulums and {MOST_OUTPUTS} outputs"
        raise ValueError(f"{name} declares shape {column.shape}, expected at most {most}")
    if column.chunks and np.prod(column.chunks, dtype=float) * column.dtype.itemsize > MOST_CHUNK_BYTES:
        raise ValueError(f"{name} has chunks of {column.chunks}, expected at most {MOST_CHUNK_BYTES >> 20} MB each")
    return np.asarray(column[()], np.float64)


def _check(embedding: NDArray[np.float64], labels: Mapping[str, NDArray[np.float64]]) -> None:
    if "energy" not in labels:
        raise ValueError("no dataset energy")
    if 0 in embedding.shape:
        raise ValueError(f"embedding has shape {embedding.shape}, expected at least one pendulum, image and output")
    for name, column in labels.items():
        fits = column.shape[:2] == embedding.shape[: min(2, column.ndim)] and column.shape[2:] in ((), (2,))
        if not fits:
            raise ValueError(f"{name} has shape {column.shape}, which does not fit embedding {embedding.shape}")
    for name, column in {"embedding": embedding, **labels}.items():
        if not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    if np.abs(embedding).max() > np.finfo(np.float32).max:
        raise ValueError(f"embedding reaches {np.abs(embedding).max():g}, expected numbers that float32 can hold")
    energy = labels["energy"]
    if energy.min() < 0 or energy.max() > 1:
        raise ValueError(f"energy spans {energy.min():g} to {energy.max():g}, expected [0, 1]")
    if energy.min() == energy.max():
        raise ValueError(f"every energy is {energy.min():g}, expected different ones to rank")


def _check_attributes(attributes: Mapping[str, Any]) -> None:
    """Attributes that later code relies on: single texts, JSON of the right shape, whole numbers. Raises ValueError."""
    for name in (f"{side}_{text}" for side in ("data", "train") for text in _TEXTS):
        if not isinstance(attributes.get(name, ""), (str, int)):
            raise ValueError(clean(f"attribute {name} is {attributes[name]!r}, expected text"))
    for name in ("data_parameters", "train_parameters", "train_recipe"):
        held = _json(attributes, name, {})
        if not isinstance(held, dict):
            raise ValueError(clean(f"attribute {name} is {attributes[name]!r}, expected a JSON object"))
        for level in _LEVELS if name != "train_recipe" else ():
            value = held.get(level, 0)
            if not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
                raise ValueError(clean(f"attribute {name} has {level} {value!r}, expected a number"))
    for name in ("train_gaps", "data_energy_bands"):
        bands = _json(attributes, name, [])
        try:
            borders = [border for low, high in sorted(bands) for border in (low, high)]
            good = all(0 <= border <= 1 for border in borders) and all(low < high for low, high in bands)
            good = good and borders == sorted(borders)
        except (TypeError, ValueError):
            good = False
        if not good:
            wanted = "JSON pairs of energies in [0, 1] that do not overlap"
            raise ValueError(clean(f"attribute {name} is {attributes[name]!r}, expected {wanted}"))
    for name in _NUMBERS:
        value = attributes.get(name, 0)
        if not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise ValueError(clean(f"attribute {name} is {value!r}, expected a whole number of 64 bits"))


def _json(attributes: Mapping[str, Any], name: str, missing: Any) -> Any:
    text = attributes.get(name, "")
    if text == "":
        return missing
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        raise ValueError(clean(f"attribute {name} is {text!r}, expected JSON")) from None


def clean(text: str, most: int = 300) -> str:
    """Text on one line, of at most `most` characters, that UTF-8 can write."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a Python value: NumPy scalars unwrapped, and text that UTF-8 can write."""
    if isinstance(value, np.ndarray) and value.size == 1:  # as some writers store single values
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value


def shown(path: Path) -> str:
    """A path as text that UTF-8 can write, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
