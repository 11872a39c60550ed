"""Finds what others wrote below a folder, and opens run descriptions and training curves.

Reads format "pendulum-run", versions 1 and 2: a `run.json` whose `status` says whether the embeddings below it are
final, and `metrics.csv`. Embeddings are `pendeval.embeddings`'s, score files `pendeval.scores`'s. A file may come from
anywhere, so nothing in it is believed.
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

from pendeval.attributes import clean, plain
from pendeval.hdf5 import refuse_damage
from pendeval.nearest import nearest_path

RUN_FORMAT, RUN_VERSIONS = "pendulum-run", (1, 2)
ENDINGS = (".h5", ".hdf5")


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
        meant = nearest_path(root) or "; `pendtrain fit` makes runs"
        raise FileNotFoundError(f"no folder {root}{meant}")
    ends = tuple(endings)
    every = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.name.lower().endswith(ends))
    named = [path for path in every if not hidden(path, root)]
    files = [path for path in named if path.is_file()]
    problems = [Problem(path, "not a regular file") for path in named if not path.is_file()]
    for description in sorted(path for path in root.rglob("run.json") if not hidden(path, root)):
        below = [path for path in files if path.is_relative_to(description.parent)]
        reason = _unfinished(description) or ("" if below else "complete, but without embeddings")
        if reason and not (only and _left_out(description.parent, only)):
            problems.append(Problem(description.parent, reason))
        files = [path for path in files if not reason or path not in below]
    return files, problems


def hidden(path: Path, root: Path) -> bool:
    """Whether a path below `root` lies in a folder, or is a file, whose name begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


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
        refuse_damage(path)
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


def shown(path: Path) -> str:
    """A path as text that UTF-8 can write, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
