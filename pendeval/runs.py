"""Finds and reads embeddings, whoever wrote them, and says what is missing or broken.

Reads format "pendulum-embedding" version 1: HDF5 with root datasets `embedding` (P, T, d) and `energy`
(P,), optionally `energy_given_image` (P, T) and `visible` (P, T, 2), and attributes `data_*` and
`train_*`. Beside it, format "pendulum-run" version 1: a `run.json` whose `status` says whether the
embeddings below it can be trusted to be final.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FORMAT, FORMAT_VERSION = "pendulum-embedding", 1
RUN_FORMAT, RUN_VERSION = "pendulum-run", 1
_LABELS = {"energy": 1, "energy_given_image": 2, "visible": 3}


@dataclass(frozen=True)
class Embeddings:
    """One embeddings file: P pendulums, T images of each, d outputs."""

    path: Path
    embedding: NDArray[np.float64]
    energy: NDArray[np.float64]
    energy_given_image: NDArray[np.float64] | None
    attributes: Mapping[str, Any]

    def text(self, name: str, missing: str = "") -> str:
        """An attribute as text."""
        return str(self.attributes.get(name, missing))

    @property
    def images(self) -> int:
        """Images of each pendulum."""
        return int(self.embedding.shape[1])

    def per_image(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """A column of pendulums (P,) or images (P, T), one entry per image: (P·T,)."""
        return (column if column.ndim == 2 else np.repeat(column[:, None], self.images, axis=1)).ravel()


@dataclass(frozen=True)
class Problem:
    """A run or file that could not be scored, and why."""

    path: Path
    reason: str


def find(root: Path) -> tuple[list[Path], list[Problem]]:
    """Embeddings files below `root` worth reading, sorted, and the runs that have none to read.

    Raises FileNotFoundError where `root` does not exist or holds neither runs nor embeddings.
    """
    if not root.exists():
        raise FileNotFoundError(f"no folder {root}; `pendtrain fit` makes runs")
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*.h5") if not p.name.startswith("."))
    problems = []
    for description in sorted(root.rglob("run.json")):
        below = [path for path in files if path.is_relative_to(description.parent)]
        reason = _unfinished(description) or ("" if below else "complete, but without embeddings")
        if reason:
            problems.append(Problem(description.parent, reason))
            files = [path for path in files if path not in below]
    if not files and not problems:
        raise FileNotFoundError(f"{root} holds no runs (run.json) and no embeddings (*.h5)")
    return files, problems


def _unfinished(path: Path) -> str:
    """Why the run described at `path` cannot be scored; empty where it can."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, status = (content["format"], content["format_version"]), content["status"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return f"run.json cannot be read: {problem!r}"
    if found != (RUN_FORMAT, RUN_VERSION):
        return f"run.json says format {found[0]} {found[1]}, expected {RUN_FORMAT} {RUN_VERSION}"
    if status == "failed":
        return f"failed: {content.get('reason', 'no reason given')}"
    return "" if status == "complete" else f"not finished (status {status})"


def read(path: Path) -> Embeddings:
    """One embeddings file, checked. Raises ValueError naming what is wrong with it."""
    try:
        with h5py.File(path, "r") as file:
            attributes = {key: _plain(value) for key, value in file.attrs.items()}
            found = (attributes.get("format"), attributes.get("format_version"))
            if found != (FORMAT, FORMAT_VERSION):
                raise ValueError(f"format is {found[0]} {found[1]}, expected {FORMAT} {FORMAT_VERSION}")
            embedding = _column(file, "embedding", 3)
            labels = {name: _column(file, name, axes) for name, axes in _LABELS.items() if name in file}
    except OSError as problem:
        raise ValueError(f"not readable as HDF5: {problem}") from None
    _check(embedding, labels)
    oracle = labels.get("energy_given_image")
    return Embeddings(path, embedding, labels["energy"], oracle, attributes)


def _column(file: h5py.File, name: str, axes: int) -> NDArray[np.float64]:
    column = file.get(name)
    if not isinstance(column, h5py.Dataset):
        raise ValueError(f"no dataset {name}")
    if column.ndim != axes or column.dtype.kind not in "fiub":
        raise ValueError(f"{name} has shape {column.shape} of {column.dtype}, expected numbers on {axes} axes")
    return np.asarray(column[()], np.float64)


def _check(embedding: NDArray[np.float64], labels: Mapping[str, NDArray[np.float64]]) -> None:
    if "energy" not in labels:
        raise ValueError("no dataset energy")
    if 0 in embedding.shape:
        raise ValueError(f"embedding has shape {embedding.shape}, expected at least one pendulum, image and output")
    for name, column in labels.items():
        if column.shape[:2] != embedding.shape[: min(2, column.ndim)]:
            raise ValueError(f"{name} has shape {column.shape}, which does not fit embedding {embedding.shape}")
    for name, column in {"embedding": embedding, **labels}.items():
        if not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    energy = labels["energy"]
    if energy.min() < 0 or energy.max() > 1:
        raise ValueError(f"energy spans {energy.min():g} to {energy.max():g}, expected [0, 1]")


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a Python value: bytes and NumPy scalars unwrapped, text left as it is."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value
