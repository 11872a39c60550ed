"""Runs → report: scores every embeddings file and writes the tables."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pendeval.progress import track
from pendeval.runs import Embeddings, Problem, find, read
from pendeval.tables import score, tabulate


def report(root: Path, out: Path, quiet: bool = False) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Score everything below `root`, write runs.csv, segments.csv and summary.csv to `out`.

    Returns the frames and what could not be scored. Raises FileNotFoundError where there is nothing
    to score at all, OSError where `out` cannot be written (before any scoring).
    """
    files, problems = find(root)
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(f"cannot write to {out}")

    def scored() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        for path in track(files, len(files), "scoring", quiet):
            try:
                embeddings: Embeddings = read(path)
            except ValueError as problem:
                problems.append(Problem(path, str(problem)))
            else:
                yield score(embeddings)

    frames = tabulate(scored())
    for name, frame in frames.items():
        write_csv(frame, out / f"{name}.csv")
    return frames, problems


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as UTF-8 CSV with one header and numbers in full precision, whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        frame.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
