"""The score file, format "pendulum-scores" version 1: what a run scored, small enough to commit and to mail.

`<anything>.scores.json.gz` is one JSON object under gzip. This is its specification:

    format, format_version   "pendulum-scores", 1
    scored_by                version of this package, and a digest of the code that scored
    file, population_file    the embeddings scored, as paths below the folder they were found in ("": none)
    digest                   SHA-256 of the embeddings files' bytes; `embedding_digest`: of the embeddings alone
    settings                 the attributes `data_*` and `train_*` of the embeddings file
    labels                   digest of the images' labels: equal for the same images
    provenance               facts of the run: status, learning, device, precision, packages, began, train_seconds
    views                    a list of measures by name, one for each view of the images; null is undefined
    bands                    a list of scores of energy bands, each with its `view`
    curve                    columns of the run's metrics.csv, at most 100 rows of them, the last included; where some
                             rows hold a score, up to half of them are such rows
    sample, population       arrays (below): a thinned embedding; the embeddings of every image that can occur (U, d),
                             or of every so-manieth (`every`) where that would be large
    examples                 `energy`, and `png`: the pictures side by side, base64
    checksum                 SHA-256 of the object without it, keys sorted, no spaces

An array is {"dtype", "shape", "scale", "data"}: little-endian bytes in C order as base64, to be multiplied by `scale`.
A file is believed no further than its checks go: it may come from anywhere, and a checksum is no signature.
The measures stay as they were scored; claims, tables and figures are made from them anew at every report.
"""

import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.attributes import SETTINGS, checked, clean
from pendeval.conditions import condition_of
from pendeval.packing import (
    Examples,
    is_number,
    packed,
    packed_examples,
    png_of,
    unpacked,
    unpacked_examples,
    unpacked_sample,
)
from pendeval.sample import Sample
from pendeval.settings import canonical
from pendeval.writing import write_whole

FORMAT, FORMAT_VERSION = "pendulum-scores", 1
ENDING = ".scores.json.gz"
MOST_BYTES = 2**22
"""Of a score file, packed or unpacked: a hundred times what one takes."""
POPULATION_BYTES, EXAMPLE_BYTES, MOST_ROWS, MOST_COLUMNS = 21_000, 10_000, 100, 12
MOST_PATH, MOST_FACTS = 1000, 5000
_TEXTS = ("status", "label", "began", "device", "precision", "run", "dataset", "data_digest", "learning")
_SPANS, _OBJECTS = ("train_seconds", "images_per_second"), ("recipe", "packages")
_FLAGS = ("fractured", "population_fractured", "above_ceiling")
_WORDS = ("view", "line", "forests", "missing", "kind")


@dataclass(frozen=True)
class Record:
    """Everything a report needs of one source; what a score file holds."""

    file: str
    population_file: str
    digest: str
    embedding_digest: str
    settings: Mapping[str, Any]
    labels: str
    provenance: Mapping[str, Any]
    views: list[dict[str, Any]]
    bands: list[dict[str, Any]]
    curve: Mapping[str, list[float]]
    sample: Sample | None
    population: NDArray[np.float32] | None
    """(U, d), or every `every`-th of it"""
    every: int
    examples: Examples | None
    scored_by: Mapping[str, str]


def thin_curve(curve: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """At most `MOST_ROWS` rows of a training curve, evenly spread, the last included; half of them rows with a score.

    The scores of metrics.csv stand in few of its rows, which rows spread over all of them would miss.
    """
    rows = range(max((len(column) for column in curve.values()), default=0))
    scored = [k for k, score in enumerate(curve.get("spearman", ())) if np.isfinite(score)]
    others = sorted({*rows} - {*scored})
    kept = _spread(scored, max(MOST_ROWS // 2, MOST_ROWS - len(others)))
    kept = sorted([*kept, *_spread(others, MOST_ROWS - len(kept))])
    few = list(curve.items())[:MOST_COLUMNS]
    thinned = {name: [float(f"{column[k]:.6g}") for k in kept] for name, column in few}
    return {name: [v if np.isfinite(v) else float("nan") for v in column] for name, column in thinned.items()}


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """At most `most` of some rows, evenly spread, the last included."""
    return [rows[round(place)] for place in np.linspace(0, len(rows) - 1, min(len(rows), most))]


def thin_population(embedding: NDArray[np.float64]) -> tuple[NDArray[np.float32], int]:
    """The embeddings (U, d) of a population, or every n-th of them where they would take more than is kept."""
    every = max(1, -(-embedding.size * 4 // POPULATION_BYTES))
    return embedding[::every].astype(np.float32), every


def thin_examples(examples: Examples | None) -> Examples | None:
    """As many of some pictures (K, S, S, 3) as take `EXAMPLE_BYTES` as PNG; one, if it is not far larger.

    The first of every pendulum before the second of any, so that few still show all energies.
    """
    if examples is None or not len(examples[1]):
        return None
    images, energies = examples
    turn = [int(np.sum(energies[:k] == energy)) for k, energy in enumerate(energies)]
    fair = np.argsort(turn, kind="stable")
    count = len(fair)
    while count > 1 and len(png_of(images[np.sort(fair[:count])])) > EXAMPLE_BYTES:
        count = max(1, count * 2 // 3)
    if count == 1 and len(png_of(images[fair[:1]])) > 10 * EXAMPLE_BYTES:
        return None
    kept = np.sort(fair[:count])
    return images[kept], energies[kept]


def pack(record: Record) -> bytes:
    """A record as the bytes of a score file; equal records, equal bytes."""
    held: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION}
    for name in ("scored_by", "file", "population_file", "digest", "embedding_digest", "settings", "labels"):
        held[name] = getattr(record, name)
    for name in ("provenance", "views", "bands", "curve"):
        held[name] = plain_json(getattr(record, name))
    if record.sample is not None:
        sample = {field.name: getattr(record.sample, field.name) for field in fields(Sample)}
        if record.sample.embedding.shape[1] == 1 and np.array_equal(sample["embedding"][:, 0], sample["values"]):
            del sample["embedding"]  # one output is its own line
        held["sample"] = {name: packed(name, column) for name, column in sample.items() if column is not None}
    if record.population is not None:
        held["population"] = {"every": record.every, "embedding": packed("embedding", record.population)}
    if record.examples is not None:
        held["examples"] = packed_examples(*record.examples)
    held["checksum"] = _checksum(held)
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", mtime=0, filename="", compresslevel=9) as file:
        file.write(text.encode())
    return content.getvalue()


def unpack(content: bytes) -> Record:
    """The record of a score file's bytes. Raises ValueError naming what is wrong with them."""
    held = _content(content)
    try:
        checksum, stated = _checksum(held), held["checksum"]
        if checksum != stated:
            raise ValueError(
                f"checksum is {checksum[:12]}…, but the file says {str(stated)[:12]}…: it was edited or damaged"
            )
        settings = checked({name: value for name, value in held["settings"].items() if name in SETTINGS})
        sample = None if held.get("sample") is None else unpacked_sample(held["sample"])
        population, every = _population(held.get("population"))
        dims = {one.shape[1] for one in (population, None if sample is None else sample.embedding) if one is not None}
        if len(dims) != 1:
            raise ValueError(f"sample and population have {sorted(dims)} outputs, expected one of them, or one number")
        record = Record(
            **{name: clean(held[name], MOST_PATH) for name in ("file", "population_file")},
            **{name: _hexadecimal(held[name], name) for name in ("digest", "embedding_digest", "labels")},
            settings=settings,
            provenance=facts(held["provenance"]),
            views=_views(held["views"]),
            bands=_bands(held["bands"], held["views"]),
            curve=_curve(held["curve"]),
            sample=sample,
            population=population,
            every=every,
            examples=None if held.get("examples") is None else unpacked_examples(held["examples"]),
            scored_by={clean(key): clean(value) for key, value in held["scored_by"].items()},
        )
        if not (record.file or record.population_file) or not record.digest:
            raise ValueError("names no file that was scored, or no digest of it")
        condition_of(settings, dims.pop(), record.digest)  # refuses settings that contradict each other
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as problem:
        raise ValueError(clean(f"not a score file: {problem!r}")) from None
    return record


def read_scores(path: Path) -> Record:
    """The record in a score file. Raises ValueError naming what is wrong with it."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"takes {path.stat().st_size} bytes, expected at most {MOST_BYTES}")
    return unpack(path.read_bytes())


def write_scores(record: Record, path: Path) -> None:
    """Write a score file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pack(record))


def plain_json(content: Any) -> Any:
    """Content as JSON knows it: NumPy numbers and arrays as Python's, NaN and infinity as null."""
    if isinstance(content, Mapping):
        return {key: plain_json(value) for key, value in content.items()}
    if isinstance(content, (list, tuple, np.ndarray)):
        return [plain_json(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    if isinstance(content, float) and not np.isfinite(content):
        return None
    return content


def _content(content: bytes) -> dict[str, Any]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError(f"unpacks to more than {MOST_BYTES} bytes")
        held = json.loads(text.decode("utf-8"))
        found = (held["format"], held["format_version"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise ValueError(clean(f"not a score file: {problem!r}")) from None
    if not isinstance(held, dict) or found != (FORMAT, FORMAT_VERSION):
        expected = f"{FORMAT} {FORMAT_VERSION}; update pendulum-lab if it is newer"
        raise ValueError(clean(f"format is {found[0]} {found[1]}, expected {expected}"))
    return dict(held)


def _checksum(held: Mapping[str, Any]) -> str:
    text = json.dumps(
        {key: value for key, value in held.items() if key != "checksum"}, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _population(held: Mapping[str, Any] | None) -> tuple[NDArray[np.float32] | None, int]:
    if held is None:
        return None, 1
    embedding, every = unpacked("embedding", held["embedding"]).astype(np.float32), held["every"]
    if embedding.ndim != 2 or not embedding.size or not isinstance(every, int) or every < 1:
        raise ValueError(
            clean(f"population has shape {embedding.shape}, every {every!r}: not (U, d), every n-th of it")
        )
    return embedding, every


def facts(held: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a run, each of its type, as they go into the provenance; whatever else a file says is left out."""
    kept: dict[str, Any] = {name: clean(held[name]) for name in _TEXTS if isinstance(held.get(name), str)}
    kept |= {name: float(held[name]) for name in _SPANS if is_number(held.get(name)) and 0 <= held[name] < 1e12}
    texts = {name: canonical(held[name]) for name in _OBJECTS if isinstance(held.get(name), Mapping)}
    return kept | {name: plain_json(json.loads(text)) for name, text in texts.items() if len(text) <= MOST_FACTS}


def _views(held: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = [row["view"] for row in held]
    if names not in (["all"], ["all", "visible"]):
        raise ValueError(clean(f"views are {names}, expected all, or all and visible"))
    return [_row(row) for row in held]


def _bands(held: list[Mapping[str, Any]], views: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    for row in held:
        where = (row["view"], row["kind"], row["number"])
        known = where[0] in [one["view"] for one in views] and where[1] in ("segment", "gap", "visible")
        if not known or not isinstance(where[2], int) or where[2] < 1:
            raise ValueError(
                clean(f"a band is number {where[2]!r} of {where[1]!r} in view {where[0]!r}, expected others")
            )
    return [_row(row) for row in held]


def _row(held: Mapping[str, Any]) -> dict[str, Any]:
    """A row of measures, null as NaN again. Raises ValueError where a cell is not of its column's type."""
    row = {}
    for name, value in held.items():
        cell = float("nan") if value is None else value
        texts = isinstance(cell, str) or (isinstance(cell, dict) and all(isinstance(why, str) for why in cell.values()))
        if name in _FLAGS:
            good = isinstance(cell, bool) or value is None
        elif name == "vertical_correlations":
            good = isinstance(cell, list) and all(one is None or is_number(one) for one in cell)
        else:
            good = texts if name in _WORDS else value is None or is_number(cell)
        if not good:
            raise ValueError(clean(f"{name} is {value!r}, expected {'text' if name in _WORDS else 'a number'}"))
        row[clean(name)] = _cleaned(cell)
    return row


def _cleaned(cell: Any) -> Any:
    """A cell whose texts UTF-8 can write."""
    if isinstance(cell, dict):
        return {clean(name): clean(why) for name, why in cell.items()}
    return clean(cell) if isinstance(cell, str) else cell


def _curve(held: Mapping[str, Any]) -> dict[str, list[float]]:
    curve = {
        clean(name): [float("nan") if value is None else value for value in column] for name, column in held.items()
    }
    lengths = {len(column) for column in curve.values()}
    if len(lengths) > 1 or max(lengths, default=0) > MOST_ROWS or len(curve) > MOST_COLUMNS:
        raise ValueError(f"the curve has {len(curve)} columns of {sorted(lengths)} rows, expected at most {MOST_ROWS}")
    if not all(is_number(value) or value != value for column in curve.values() for value in column):
        raise ValueError("the curve holds other things than numbers")
    return curve


def _hexadecimal(value: Any, name: str) -> str:
    if not isinstance(value, str) or not re.fullmatch("([0-9a-f]{64})?", value):
        raise ValueError(clean(f"{name} is {value!r}, expected a SHA-256 in hexadecimal"))
    return value
