"""What a folder of runs scored, kept in small files: `pendeval keep`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pendeval import scores
from pendeval.files import Problem
from pendeval.report import fuller, gather
from pendeval.sample import first
from pendeval.scores import Record, read_scores


def keep(
    roots: Sequence[Path],
    folder: Path,
    cache: Path,
    *,
    only: Sequence[str] = (),
    images: int | None = None,
    jobs: int = 1,
    force: bool = False,
    quiet: bool = False,
) -> tuple[list[Path], list[Problem]]:
    """Write the scores of everything below `roots` to `folder`, a file each; returns what was written, and problems.

    A score file lies where its run lies below its root. One that is there and holds other embeddings is a problem
    and stays, unless `force`; so does one that holds a population's scores where that is not there any more. Scores of
    the same embeddings are brought up to date. `cache` holds what was scored.
    `images`: of so many test images at most the outputs are kept; None for all that were scored or are kept there.
    """
    found, problems = gather(roots, cache, only=only, jobs=jobs, quiet=quiet)
    written: list[Path] = []
    taken: dict[Path, str] = {}
    for record in found:
        path = folder / _kept_name(record)
        if taken.setdefault(path, record.digest) != record.digest:
            problems.append(Problem(path, "would hold the scores of two files of one name; keep their folders apart"))
            continue
        if path.exists() and not path.is_file():
            problems.append(Problem(path, "is not a regular file; move it away"))
            continue
        there, reason = _there(path, record)
        if reason and not force:
            problems.append(Problem(path, f"{reason}; move it away, or use --force to replace it"))
            continue
        record = record if there is None else fuller(record, there)
        if images is not None and record.sample is not None:
            record = replace(record, sample=first(record.sample, images))
        if there is None or scores.pack(there) != scores.pack(record):
            scores.write_scores(record, path)
            written.append(path)
    return written, problems


def _there(path: Path, record: Record) -> tuple[Record | None, str]:
    """The record in the score file at `path`, if it is of the same embeddings; else why it is in the way, if it is."""
    if not path.exists():
        return None, ""
    try:
        held = read_scores(path)
    except ValueError as problem:
        return None, str(problem)
    if held.embedding_digest != record.embedding_digest:
        return None, "holds the scores of other embeddings"
    if held.population is not None and record.population is None:
        return None, "holds exact scores too, of a population whose embeddings are not there now"
    return held, ""


def _kept_name(record: Record) -> Path:
    """Where a score file goes: beside nothing else, in folders like the run's, names reduced to plain ones."""
    source = PurePosixPath(record.file or record.population_file)
    folders = [part.lstrip(".") or "_" for part in source.parts[:-1] if part not in ("/", "embeddings")]
    return Path(*folders, f"{source.stem.lstrip('.') or '_'}{scores.ENDING}")
