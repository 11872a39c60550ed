"""Make `pendeval/reference.csv`, what a report knows of the lab's own runs, from the scores kept in `data/results`."""

import tempfile
from pathlib import Path

import pandas as pd

from pendeval import reference
from pendeval.report import report
from pendeval.writing import csv_bytes, write_whole

ROOT = Path(__file__).parents[2]
FOLDERS = ("campaign/fp32", "campaign/auto", "methods")
"""Below `data/results`; of equally many runs of one condition those of the first count."""
MEASURES = (
    *("population_global", "population_local", "population_rmse", "population_range"),
    *("global_spearman", "local_spearman", "monotone_rmse", "representation_range"),
)


def made(folder: Path) -> pd.DataFrame:
    """The rows, from reports over each folder that are written below `folder`. Raises ValueError at any problem."""
    summaries = []
    for name in FOLDERS:
        found = report([ROOT / "data/results" / name], folder / name, csv_only=True, quiet=True, reference=False)
        if found.problems:
            raise ValueError(f"{found.problems[0].path}: {found.problems[0].reason}")
        summaries.append(found.frames["summary"])
    return reference.rows(summaries, MEASURES)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        write_whole(ROOT / "pendeval/reference.csv", csv_bytes(made(Path(name))))
