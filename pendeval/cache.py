"""From files to records, each scored once: what was scored before lies beside the report, as score files.

An entry belongs to the bytes of the embeddings files and to the code that scored them: its name holds the SHA-256 of
the one and of the other, so that neither can change without being scored again. A damaged entry counts as none.
The oracle's sampled scores depend on the data alone and are kept for all encoders that saw the same images.
"""

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pendeval import scores
from pendeval.attributes import SETTINGS, clean
from pendeval.conditions import condition_of
from pendeval.embeddings import Embeddings, PopulationEmbeddings, read
from pendeval.files import Source, file_digest, read_curve, read_run, run_of, shown
from pendeval.sample import thin
from pendeval.score_population import score_population
from pendeval.scored import merge
from pendeval.scores import Record, facts, pack, plain_json, thin_curve, thin_examples, thin_population, unpack
from pendeval.scoring import Scores, score, score_oracle
from pendeval.writing import write_whole

_ENTRY = re.compile(r"(oracle-[0-9a-f]{32}|[0-9a-f]{32})-(?P<code>[0-9a-f]{12})\.(json|npz|scores\.json\.gz)")
_OWN = ("data_split", "data_energy_law", "data_energy_bands", "data_pendulums", "data_images")
_ENVIRONMENT = ("device", "precision", "packages")


class PopulationError(ValueError):
    """Of a split and the population beside it, the population cannot be scored; the split may be."""


def scored(source: Source, root: Path, folder: Path) -> Record:
    """The record of a source below `root`, scored or found in the cache `folder`.

    Raises ValueError where the source cannot be scored, PopulationError where its split by itself may be.
    """
    paths = [path for path in (source.split, source.population) if path]
    digests = [file_digest(path) for path in paths]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    entry = folder / f"{digest[:32]}-{code()}{scores.ENDING}"
    provenance, curve = _facts(source.path, root)

    def named(record: Record) -> Record:
        file, population_file = _below(source.split, root), _below(source.population, root)
        return replace(record, file=file, population_file=population_file, provenance=provenance, curve=curve)

    with suppress(Exception):  # damage takes many forms, and all of them mean: score it again
        return named(scores.read_scores(entry))
    content = pack(named(_score(source, folder, digest)))
    write_whole(entry, content)
    return unpack(content)  # what is kept and what is used are one


def prune(folder: Path) -> None:
    """Drop what other versions of the code left in the cache."""
    for entry in folder.iterdir():
        found = _ENTRY.fullmatch(entry.name)
        if found and found["code"] != code():
            entry.unlink(missing_ok=True)


@cache
def code() -> str:
    """Digest of the code a score depends on, and of the libraries it calls."""
    here = Path(__file__).parent
    rooms = (
        *("attributes", "cache", "conditions", "files", "packing", "sample"),
        *("scoring", "score_population", "scored", "scores", "settings"),
    )
    names = [*sorted((here / "measures").glob("*.py")), *(here / f"{room}.py" for room in rooms)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in names))
    for library in ("numpy", "scipy", "scikit-learn"):
        digest.update(version(library).encode())
    return digest.hexdigest()[:12]


def _score(source: Source, folder: Path, digest: str) -> Record:
    split = None if source.split is None else _read(source.split)
    try:
        population = None if source.population is None else _read(source.population)
        if isinstance(split, Embeddings) and isinstance(population, PopulationEmbeddings):
            _fits(split, population)
        whole = score_population(population) if isinstance(population, PopulationEmbeddings) else None
    except ValueError as problem:
        raise (PopulationError if split else ValueError)(str(problem)) from None
    held = split or population
    assert held is not None  # noqa: S101 - a source has one of the two
    settings = {key: value for key, value in held.attributes.items() if key in SETTINGS}
    if isinstance(split, Embeddings):
        settings |= {"data_pendulums": split.embedding.shape[0], "data_images": split.embedding.shape[1]}
    if isinstance(population, PopulationEmbeddings):
        own = ("data_population_digest", "data_left_out")
        settings |= {name: population.attributes[name] for name in own if name in population.attributes}
    condition_of(settings, held.embedding.shape[-1], digest)  # refuses settings that contradict each other
    sampled = sample = examples = None
    labels = content = ""
    if isinstance(split, Embeddings):
        labels = _labels(split)
        sampled = score(split, _oracle(split, folder / f"oracle-{labels[:32]}-{code()}.json"))
        sample, examples = thin(split, sampled.line), thin_examples(split.examples)
        content = hashlib.sha256(split.embedding.astype("<f4").tobytes()).hexdigest()
    line, every = None, 1
    if isinstance(population, PopulationEmbeddings):
        line, every = thin_population(population.embedding)
        content = content or hashlib.sha256(population.embedding.astype("<f4").tobytes()).hexdigest()
    views, bands = merge(sampled, whole)
    return Record(
        file="",
        population_file="",
        digest=digest,
        embedding_digest=content,
        settings=settings,
        labels=labels,
        provenance={},
        views=views,
        bands=bands,
        curve={},
        sample=sample,
        population=line,
        every=every,
        examples=examples,
        scored_by={"pendulum-lab": version("pendulum-lab"), "code": code()},
    )


def _fits(split: Embeddings, population: PopulationEmbeddings) -> None:
    """Refuse a population of another encoder or other settings than the split beside it; its energies are its own."""
    ours, theirs = split.embedding.shape[-1], population.embedding.shape[-1]
    if ours != theirs:
        raise ValueError(f"population has {theirs} outputs, but the split beside it has {ours}")
    for name in SETTINGS:
        if name not in _OWN and name in split.attributes and name in population.attributes:
            held, expected = population.attributes[name], split.attributes[name]
            if held != expected:
                raise ValueError(clean(f"population says {name} {held!r}, but the split beside it {expected!r}"))


def _read(path: Path) -> Embeddings | PopulationEmbeddings:
    try:
        return read(path)
    except ValueError as problem:
        raise ValueError(f"{shown(path)}: {problem}") from None


def _facts(path: Path, root: Path) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Circumstances and training curve of the run that an embeddings file lies in; empty where there is none."""
    run = run_of(path)
    if run is None:
        return {}, {}
    held = read_run(run / "run.json")
    place, data = (
        {} if not isinstance(held.get(name), dict) else dict(held[name]) for name in ("environment", "dataset")
    )
    found = held | {key: place.get(key) for key in _ENVIRONMENT} | {"run": _below(run, root)}
    found |= {"dataset": data.get("name"), "data_digest": data.get("digest")}
    return facts(found), thin_curve(read_curve(run))


def _below(path: Path | None, root: Path) -> str:
    """A path below the folder that was scored, with `/`: nothing of the machine goes into what is kept."""
    if path is None:
        return ""
    return shown(path.relative_to(root) if path != root and path.is_relative_to(root) else Path(path.name))


def _oracle(e: Embeddings, entry: Path) -> dict[str, Scores]:
    with suppress(Exception):  # as above
        held: dict[str, Any] = _unplain(json.loads(entry.read_text(encoding="utf-8")))
        arrays = {view: {k: np.array(v, float) for k, v in one["resamples"].items()} for view, one in held.items()}
        return {view: Scores(one["row"], one["bands"], arrays[view]) for view, one in held.items()}
    found = score_oracle(e)
    content = json.dumps(plain_json({view: asdict(one) for view, one in found.items()}))
    write_whole(entry, content.encode())
    return found


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
