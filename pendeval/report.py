"""Runs → report: scores every embeddings file, writes the tables, the figures and the page."""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from pendeval import claims, records, tables
from pendeval.cache import Scored, prune, scored
from pendeval.columns import PROBLEMS
from pendeval.progress import track
from pendeval.runs import Problem, clean, find, shown

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # what spreadsheets begin a formula with


@dataclass(frozen=True)
class Report:
    """What a report holds, and where its figures could not be drawn."""

    frames: dict[str, pd.DataFrame]
    problems: list[Problem]
    written: list[str]


def report(
    root: Path, out: Path, *, only: Sequence[str] = (), csv_only: bool = False, jobs: int = 1, quiet: bool = False
) -> Report:
    """Score everything below `root` and write the report to `out`.

    `only` keeps datasets by variant or name. Raises FileNotFoundError where there is nothing to score at all,
    ValueError where `only` leaves nothing, OSError where `out` cannot be written (before any scoring).
    """
    files, problems = find(root, only)
    cache = out / ".cache"
    cache.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(f"cannot write to {out}")
    prune(cache)
    found: list[Scored] = []
    with _workers(min(jobs, len(files))) as pool:
        futures = {pool.submit(scored, path, cache): path for path in files}
        for future in track(as_completed(futures), len(files), "scoring", quiet):
            try:
                found.append(future.result())
            except BrokenProcessPool:
                raise OSError("a scoring process died, perhaps for want of memory; try --jobs 1") from None
            except ValueError as problem:
                problems.append(Problem(futures[future], clean(str(problem))))
            except Exception as problem:  # one file, whatever is in it, must not cost the others
                problems.append(Problem(futures[future], clean(f"{type(problem).__name__}: {problem}")))
    found.sort(key=lambda one: one.path)
    problems.sort(key=lambda problem: problem.path)
    frames = tabulate(found, problems, root)
    for name, frame in frames.items():
        write_csv(frame, out / f"{name}.csv")
    written = [f"{name}.csv" for name in frames]
    if csv_only:
        (out / "report.html").unlink(missing_ok=True)  # it would show other numbers than the tables beside it
    else:
        written += _picture(frames, found, out, quiet)
    return Report(frames, problems, written)


def tabulate(found: Sequence[Scored], problems: Sequence[Problem], root: Path) -> dict[str, pd.DataFrame]:
    """Every table of the report, by the name of its file."""
    runs, segments = tables.runs_and_segments(found)
    frames = {"runs": runs, "segments": segments, "summary": tables.summarise(runs)}
    frames |= {"comparisons": tables.compare(runs), "agreement": tables.agree(found, runs)}
    frames["claims"] = claims.judge(frames)
    frames["records"] = records.compare(frames["summary"])
    frames["provenance"] = tables.provenance(root)
    rows = [(shown(problem.path), problem.reason) for problem in problems]
    frames["problems"] = pd.DataFrame(rows, columns=list(PROBLEMS))
    return frames


def _picture(frames: dict[str, pd.DataFrame], found: Sequence[Scored], out: Path, quiet: bool) -> list[str]:
    """Draw the figures and write the page; figures of an earlier report that no longer apply go."""
    from pendeval import figures, page

    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    drawn, undrawn = figures.draw(frames, {one.digest: one.sample for one in found}, folder, quiet)
    for number, _ in undrawn:
        for ending in ("png", "svg"):
            (folder / f"figure-{int(number):02d}.{ending}").unlink(missing_ok=True)
    page.write(out / "report.html", frames, drawn, undrawn)
    return ["figures/", "report.html"] if drawn else ["report.html"]


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as UTF-8 CSV with one header and numbers in full precision, whole or not at all.

    Text that a spreadsheet would run as a formula begins with an apostrophe instead.
    """
    safe = frame.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        safe.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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


def worker() -> None:
    """Prepare a scoring process: linear algebra on one core, and Ctrl-C left to the process that waits for it."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
