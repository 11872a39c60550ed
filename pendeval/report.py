"""Runs → report: scores every embeddings file, writes the tables, the figures and the page; or keeps the scores."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from pendeval import scores, tables
from pendeval.attributes import clean
from pendeval.cache import PopulationError, prune, scored
from pendeval.files import ENDINGS, Problem, Source, attributes_of, find, pair_up, shown
from pendeval.nearest import nearest
from pendeval.progress import track
from pendeval.scores import Record, read_scores
from pendeval.tables.condition import rows_of
from pendeval.writing import csv_bytes, write_whole

if TYPE_CHECKING:
    from pendeval.figures import Drawn

_CURVE = {"step", "epoch", "loss"}  # what a figure of it needs


@dataclass(frozen=True)
class Report:
    """What a report holds, what is wrong with some of it, and what was written."""

    frames: dict[str, pd.DataFrame]
    problems: list[Problem]
    written: list[str]


def report(
    roots: Sequence[Path],
    out: Path,
    *,
    only: Sequence[str] = (),
    csv_only: bool = False,
    reference: bool = True,
    jobs: int = 1,
    quiet: bool = False,
) -> Report:
    """Score everything below `roots` (runs, embeddings files, score files) and write the report to `out`.

    `only` keeps datasets by variant or name; `reference` puts the lab's own results beside.
    Raises FileNotFoundError where there is nothing to score at all,
    ValueError where `only` leaves nothing, OSError where `out` cannot be written (before any scoring).
    """
    found, problems = gather(roots, out / ".cache", only=only, jobs=jobs, quiet=quiet)
    frames, problems = tables.tabulate(found, problems, roots, reference)
    written = [f"{name}.csv" for name in (*frames, "problems")]
    drawn = None if csv_only else _draw(frames, found, out / "figures", quiet)
    if drawn is not None:
        problems += [Problem(Path(f"figure {number}"), clean(reason)) for number, reason in drawn.faults]
    frames["problems"] = tables.problems_table(problems)
    for name, frame in frames.items():
        write_whole(out / f"{name}.csv", csv_bytes(frame))
    if drawn is None:
        (out / "report.html").unlink(missing_ok=True)  # it would show other numbers than the tables beside it
    else:
        from pendeval import page

        undrawn = [*drawn.missing, *drawn.faults]
        explorer = page.explore.data(found, roots, rows_of(frames["runs"]))
        page.write(out / "report.html", frames, drawn.figures, undrawn, explorer=explorer)
        written += ["figures/", "report.html"] if drawn.figures else ["report.html"]
    return Report(frames, problems, written)


def fuller(record: Record, other: Record) -> Record:
    """The record, with the sample of another one of the same embeddings where that holds more images."""
    count, more = (0 if one.sample is None else len(one.sample.energy) for one in (record, other))
    return replace(record, sample=other.sample) if more > count else record


def _kept(path: Path) -> bool:
    return path.name.lower().endswith(scores.ENDING)


def score_file(path: Path) -> Record:
    """The record of one embeddings file or score file. Raises ValueError naming the file and what is wrong with it."""
    try:
        if _kept(path):
            return read_scores(path)
        population = attributes_of(path).get("data_split") == "population"
        source = Source(None, path) if population else Source(path, None)
        with TemporaryDirectory() as cache:
            return scored(source, path.parent, Path(cache))
    except Exception as problem:  # whatever is in it, it is one line
        raise ValueError(f"{path}: {_problem(path, problem).reason}") from None


def gather(
    roots: Sequence[Path], cache: Path, *, only: Sequence[str] = (), jobs: int = 1, quiet: bool = False
) -> tuple[list[Record], list[Problem]]:
    """The records of everything below `roots`, sorted, and what could not be scored."""
    sources: list[tuple[Source, Path]] = []
    kept: list[Path] = []
    problems: list[Problem] = []
    for root in dict.fromkeys(roots):
        files, unfinished = find(root, only, (*ENDINGS, scores.ENDING))
        kept += [path for path in files if _kept(path)]
        paired, strangers = pair_up([path for path in files if not _kept(path)])
        sources += [(source, root if root.is_dir() else root.parent) for source in paired]
        problems += unfinished + strangers
    if not sources and not kept and not problems:
        names = ", ".join(map(str, roots))
        raise FileNotFoundError(
            f"{names} holds no runs (run.json), embeddings ({', '.join(ENDINGS)}) or scores ({scores.ENDING})"
        )
    wanted = [(source, root) for source, root in sources if _wanted(attributes_of(source.path), only)]
    held = _read_kept(kept, only, problems)
    if only and not wanted and not held and not problems:
        there = sorted({name for source, _ in sources for name in _names(attributes_of(source.path))})
        meant = next(filter(None, (nearest(name, there) for name in only)), "")
        where = f"; there are {', '.join(there)}" if there else ""
        raise ValueError(clean(f"nothing below {', '.join(map(str, roots))} is of {', '.join(only)}{where}{meant}"))
    cache.mkdir(parents=True, exist_ok=True)
    if not os.access(cache.parent, os.W_OK):
        raise PermissionError(f"cannot write to {cache.parent}")
    prune(cache)
    fresh = _score(wanted, cache, problems, jobs, quiet)
    found = sorted([*fresh, *held], key=lambda one: (one.file, one.population_file, one.digest))
    return _once(found), list(dict.fromkeys(problems))


def _score(
    sources: Sequence[tuple[Source, Path]], cache: Path, problems: list[Problem], jobs: int, quiet: bool
) -> list[Record]:
    """The records of sources below their roots; where the population beside a split is at fault, of the split alone."""
    found: list[Record] = []
    with _workers(min(jobs, len(sources))) as pool:
        while sources:
            with _interrupts_held():
                futures = {pool.submit(scored, source, root, cache): (source, root) for source, root in sources}
            sources = []
            for future in track(as_completed(futures), len(futures), "scoring", quiet):
                source, root = futures[future]
                try:
                    found.append(future.result())
                except BrokenProcessPool:
                    raise OSError("a scoring process died, perhaps for want of memory; try --jobs 1") from None
                except PopulationError as problem:
                    problems.append(_problem(source.population or source.path, problem))
                    sources = [*sources, (Source(source.split, None), root)]
                except Exception as problem:  # one file, whatever is in it, must not cost the others
                    problems.append(_problem(source.path, problem))
    return found


def _problem(path: Path, problem: Exception) -> Problem:
    said = isinstance(problem, ValueError)
    text = str(problem).removeprefix(f"{shown(path)}: ") if said else f"{type(problem).__name__}: {problem}"
    return Problem(path, clean(text))


def _read_kept(paths: Sequence[Path], only: Sequence[str], problems: list[Problem]) -> list[Record]:
    found = []
    for path in paths:
        try:
            record = read_scores(path)
        except (ValueError, OSError) as problem:
            problems.append(Problem(path, clean(str(problem))))
            continue
        if _wanted(record.settings, only):
            found.append(record)
    return found


def _wanted(held: Mapping[str, object], only: Sequence[str]) -> bool:
    """Whether a file is of the variants or datasets asked for; one that cannot say is tried."""
    names = _names(held)
    return not only or not names or bool(names & set(only))


def _names(held: Mapping[str, object]) -> set[str]:
    """Variants and names of the datasets that a file speaks of."""
    return {str(held.get(f"{side}_{key}", "")) for side in ("data", "train") for key in ("variant", "name")} - {""}


def _once(found: list[Record]) -> list[Record]:
    """Records without repetitions: a run beside its own score file counts once, as what was scored now.

    Of several score files of one run that sample is taken which holds the most images.
    """
    unique: dict[tuple[str, ...], Record] = {}
    for record in found:
        key = (record.file, record.population_file, record.embedding_digest, record.digest)
        unique[key] = fuller(unique.setdefault(key, record), record)
    return list(unique.values())


def _draw(frames: dict[str, pd.DataFrame], found: Sequence[Record], folder: Path, quiet: bool) -> "Drawn":
    """Draw the figures; what was drawn there before and no longer applies goes."""
    from pendeval import figures

    return figures.draw(
        frames,
        {one.digest: one.sample for one in found if one.sample is not None},
        folder,
        examples={one.digest: one.examples for one in found if one.examples is not None},
        curves={one.digest: pd.DataFrame(dict(one.curve)) for one in found if one.curve.keys() >= _CURVE},
        quiet=quiet,
    )


@contextmanager
def _workers(jobs: int) -> Iterator[Executor]:
    """Processes to score in, each on one core; what waits is dropped when the work is interrupted.

    One job is a thread: starting a process takes longer than scoring a file.
    """
    pool: Executor = (
        ProcessPoolExecutor(jobs, get_context("spawn"), initializer=worker) if jobs > 1 else ThreadPoolExecutor(1)
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits; processes that are started meanwhile never hear it, not even before they come to `worker`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def worker() -> None:
    """Prepare a scoring process: linear algebra on one core, and Ctrl-C left to the process that waits for it."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
