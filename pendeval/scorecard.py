"""The scores of one file for a terminal or a notebook, under the names that the CSV tables have."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pendeval.attributes import clean
from pendeval.measures.registry import MEASURES
from pendeval.nearest import nearest_path
from pendeval.report import score_file
from pendeval.scored import alarm
from pendeval.scores import Record

COLUMNS = ("value", "low", "high", "oracle")


@dataclass(frozen=True, repr=False)
class Scorecard(Mapping[str, Any]):
    """Scores of all images of a file by the names of runs.csv: `global_spearman`, `global_spearman_low`, `oracle_…`.

    Of a population they are `population_global`, `population_local` and so on, exact and without an interval. Printed,
    it reads as `pendeval score` does.
    """

    record: Record

    @property
    def views(self) -> list[dict[str, Any]]:
        """Scores of each view: all images; and, where bobs can be out of view, the images with both in it."""
        return self.record.views

    @property
    def bands(self) -> pd.DataFrame:
        """Scores of each band of energy, as in segments.csv."""
        return pd.DataFrame(self.record.bands)

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each measure that is defined: value, ends of its 95 % interval (NaN: exact, or none), oracle."""
        return frame(self.record.views[0])

    def __getitem__(self, name: str) -> Any:
        return self.record.views[0][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.views[0])

    def __len__(self) -> int:
        return len(self.record.views[0])

    def __repr__(self) -> str:
        return "\n\n".join(map(in_words, self.record.views))

    def _repr_html_(self) -> str:
        """A table for each view; everything that a file says is escaped."""
        settings = self.record.settings
        said = [settings.get(name) for name in ("train_label", "data_name", "data_split")]
        title = " · ".join(clean(str(one)) for one in said if one not in (None, ""))
        parts = [f"<b>{html.escape(title)}</b>"]
        for row in self.record.views:
            parts.append(f"<div>{html.escape(_count(row))}</div>")
            parts.append(frame(row).to_html(float_format="{:.5f}".format, na_rep="–"))
            if by := alarm(row):
                parts.append(f"<div>above the ceiling: {html.escape(by)}; an error in the data or the code</div>")
        return "".join(parts)


def score(path: str | Path) -> Scorecard:
    """Score one embeddings file, of a split or of a population, or open one score file.

    Raises FileNotFoundError where there is no file, ValueError naming the file and what is wrong with it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}; `pendeval score` takes one embeddings file, `pendeval report` a folder"
            f"{nearest_path(path)}"
        )
    return Scorecard(score_file(path))


def frame(row: Mapping[str, Any]) -> pd.DataFrame:
    """The measures of one view that are defined, `COLUMNS` of each."""
    cells = {
        name: [row[name], row.get(f"{name}_low"), row.get(f"{name}_high"), row.get(f"oracle_{name}")]
        for name in _defined(row)
    }
    return pd.DataFrame.from_dict(cells, orient="index", columns=list(COLUMNS), dtype=float).rename_axis("measure")


def in_words(row: Mapping[str, Any]) -> str:
    """Measures of one view as text: value, 95 % interval, oracle."""
    lines = [_count(row), f"{'measure':<24} {'value':>9}  {'95 % interval':<19}  {'oracle':>9}"]
    for name in _defined(row):
        low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
        reach = "exact" if MEASURES[name].exact else "" if low is None or low != low else f"{low:.5f} … {high:.5f}"
        oracle = row.get(f"oracle_{name}")
        lines.append(f"{name:<24} {row[name]:>9.5f}  {reach:<19}  {'–' if oracle is None else f'{oracle:.5f}':>9}")
    if row.get("ceiling_rmse") is not None:
        lines.append(f"{'ceiling of the errors':<24} {row['ceiling_rmse']:>9.5f}")
    for name in ("fractured", "population_fractured"):
        if row.get(name) in (True, False):
            lines.append(f"{name:<24} {'yes' if row[name] else 'no':>9}")
    if by := alarm(row):
        lines.append(f"above the ceiling: {by}; an error in the data or the code")
    return "\n".join(lines)


def _defined(row: Mapping[str, Any]) -> list[str]:
    """Measures of a view that are numbers and were defined."""
    given = {name: row.get(name) for name, measure in MEASURES.items() if not measure.truth}
    return [name for name, value in given.items() if value is not None and value == value]


def _count(row: Mapping[str, Any]) -> str:
    count = f"{row['images']} images" if row.get("images") else f"{row['population_images']} different images"
    return f"{count} ({row['view']}), line: {row['line']}"
