"""Scores kept beside the report, so that a second call scores only what is new.

An entry belongs to the bytes of an embeddings file and to the code that scored it: its name holds the SHA-256 of
the one and of the other, so that neither can change without being scored again. A damaged entry counts as none.
The oracle's scores depend on the data alone and are kept for all encoders that saw the same images.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pendeval import sample
from pendeval.runs import Embeddings, read
from pendeval.score import Scores, score, score_oracle

_ENTRY = re.compile(r"(oracle-)?[0-9a-f]{32}-(?P<code>[0-9a-f]{12})\.(json|npz)")


@dataclass(frozen=True)
class Scored:
    """What is known of one embeddings file."""

    path: Path
    digest: str
    """SHA-256 of the file"""
    rows: list[dict[str, Any]]
    """a row of runs.csv per view, without `file` and `digest`"""
    bands: list[dict[str, Any]]
    """rows of segments.csv, each with its `view`"""
    attributes: dict[str, Any]
    """the file's attributes, and `labels`: a digest of the images' labels, equal for the same images"""
    sample: sample.Sample


def scored(path: Path, folder: Path) -> Scored:
    """Score `path`, or find it in the cache below `folder`. Raises ValueError where the file is not readable."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry, points = (folder / f"{digest[:32]}-{_code()}{suffix}" for suffix in (".json", ".npz"))
    with suppress(Exception):  # damage takes many forms, and all of them mean: score it again
        held = json.loads(entry.read_text(encoding="utf-8"))
        return Scored(path, digest, held["rows"], held["bands"], held["attributes"], sample.load(points))
    e = read(path)
    labels = _labels(e)
    rows, bands, values = score(e, _oracle(e, folder / f"oracle-{labels[:32]}-{_code()}.json"))
    attributes = {key: value for key, value in e.attributes.items() if key.startswith(("data_", "train_"))}
    attributes = {key: value for key, value in attributes.items() if isinstance(value, (str, int))}
    size = {"pendulums": e.embedding.shape[0], "images_per_pendulum": e.embedding.shape[1]}
    held = plain({"rows": rows, "bands": bands, "attributes": attributes | {"labels": labels} | size})
    thinned = sample.thin(e, values)
    _write(points, lambda place: sample.save(thinned, place))
    _write(entry, lambda place: place.write_text(json.dumps(held), encoding="utf-8"))
    return Scored(path, digest, held["rows"], held["bands"], held["attributes"], thinned)


def prune(folder: Path) -> None:
    """Drop what other versions of the code left in the cache."""
    for entry in folder.iterdir():
        found = _ENTRY.fullmatch(entry.name)
        if found and found["code"] != _code():
            entry.unlink(missing_ok=True)


def _oracle(e: Embeddings, entry: Path) -> dict[str, Scores]:
    with suppress(Exception):  # as above
        held: dict[str, Any] = _unplain(json.loads(entry.read_text(encoding="utf-8")))
        arrays = {view: {k: np.array(v, float) for k, v in one["resamples"].items()} for view, one in held.items()}
        return {view: Scores(one["row"], one["bands"], arrays[view]) for view, one in held.items()}
    found = score_oracle(e)
    content = json.dumps(plain({view: asdict(scores) for view, scores in found.items()}))
    _write(entry, lambda place: place.write_text(content, encoding="utf-8"))
    return found


def plain(content: Any) -> Any:
    """Content as JSON knows it: NumPy numbers and arrays as Python's, NaN and infinity as null."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple, np.ndarray)):
        return [plain(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content


def _unplain(content: Any) -> Any:
    """Null as NaN again."""
    if isinstance(content, dict):
        return {key: _unplain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_unplain(value) for value in content]
    return float("nan") if content is None else content


def _labels(e: Embeddings) -> str:
    """Digest of what an encoder does not change."""
    digest = hashlib.sha256(repr(e.embedding.shape[:2]).encode())
    digest.update(repr((e.parsed("train_gaps", []), e.text("data_split"))).encode())  # bands are scored too
    for name in ("energy", "energy_given_image", "angle", "visible"):
        column = getattr(e, name)
        digest.update(name.encode() if column is None else np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


@cache
def _code() -> str:
    """Digest of the code a score depends on, and of the libraries it calls."""
    here = Path(__file__).parent
    rooms = ("cache", "columns", "runs", "sample", "score")
    names = [*sorted((here / "measures").glob("*.py")), *(here / f"{room}.py" for room in rooms)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in names))
    for library in ("numpy", "scipy", "scikit-learn"):
        digest.update(version(library).encode())
    return digest.hexdigest()[:12]


def _write(path: Path, write: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
