"""The HTML page of a report: one file that needs nothing beside it, the same bytes for the same tables.

`write` puts the page together; `cells` turns values into text, `condition` names conditions, `tables` names the columns
of each table, `findings` and `verdicts` say what was found, `explore` gathers what people look at. How it looks
stands in `pendeval/templates/`.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from pendeval.measures.registry import MEASURES
from pendeval.page import explore
from pendeval.page.cells import NONE, Row, as_float, as_text, duration, pretty
from pendeval.page.condition import described
from pendeval.page.findings import RULE, questions
from pendeval.page.tables import (
    LINEAR,
    SHOWN,
    agreement_table,
    beaten,
    comparisons_table,
    linear_table,
    others_table,
    problems_table,
    records_table,
    runs_table,
    summary_table,
    uncompared_table,
)
from pendeval.page.verdicts import answer, claim_cards, count_line
from pendeval.tables import COLUMNS, HOLDS
from pendeval.tables.condition import rows_of
from pendeval.writing import write_whole

FRAMES: Mapping[str, tuple[tuple[str, ...], str]] = {
    name: (tuple(expected), HOLDS[name]) for name, expected in COLUMNS.items()
}
"""Frame → its columns and what its CSV file holds."""

MAIN_RESULT = "3"
"""Number of the figure that the page opens with, where it was drawn."""


class FigureLike(Protocol):
    """A drawn figure; the page knows nothing of how it was drawn."""

    @property
    def name(self) -> str:
        """File name without its ending, "figure-03"."""

    @property
    def number(self) -> str:
        """Number in the paper, "3"."""

    @property
    def title(self) -> str:
        """What it shows, in a few words."""

    @property
    def caption(self) -> str:
        """What to see in it."""

    @property
    def png(self) -> Path:
        """Picture to embed."""

    @property
    def svg(self) -> Path:
        """Picture to link to; the statistics it shows lie beside it, under the same name, as CSV."""


def write(
    path: Path,
    frames: Mapping[str, pd.DataFrame],
    figures: Sequence[FigureLike],
    undrawn: Sequence[tuple[str, str]],
    *,
    title: str = "Pendulum lab: report",
    explorer: Mapping[str, Any] | None = None,
) -> None:
    """Write the page to `path`, whole or not at all; the CSV files it links to lie in the same folder.

    `frames` are the tables of `pendeval.tables`, any of them may be empty; `undrawn` pairs the figures that were not
    drawn, faults included, with the reason; `explorer` is what `explore.data` found. Raises ValueError where a frame
    or a column is missing, OSError where a picture cannot be read or the page not be written.
    """
    for name, (expected, _) in FRAMES.items():
        absent = [column for column in expected if name not in frames or column not in frames[name]]
        if absent:
            raise ValueError(f"frame {name} lacks {', '.join(absent)}; expected the columns of pendeval.tables")
    environment = Environment(
        loader=PackageLoader("pendeval"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = {name: rows_of(frames[name]) for name in FRAMES}
    pictures = [_picture(figure, path.parent) for figure in figures]
    text = environment.get_template("report.html.jinja").render(
        title=title,
        answer=answer(rows["claims"], rows["summary"]),
        explorer=explore.encoded(explorer) if explorer and explorer["runs"] else "",
        scored=len({(as_text(row["file"]), as_text(row["population_file"])) for row in rows["runs"]}),
        provenance=[_origin(row) for row in rows["provenance"]],
        problems=problems_table(rows["problems"]),
        alarms=[_alarm(row) for row in rows["runs"] if beaten(row)],
        questions=questions(rows["findings"], {figure["name"] for figure in pictures}),
        rule=RULE,
        claims=claim_cards(rows["claims"]),
        verdicts=count_line(rows["claims"]),
        summary=summary_table(rows["summary"]),
        linear=linear_table(rows["summary"]),
        comparisons=comparisons_table(rows["comparisons"]),
        others=others_table(rows["comparisons"]),
        agreement=agreement_table(rows["agreement"]),
        records=records_table(rows["records"]),
        uncompared=uncompared_table(rows["records"]),
        runs=runs_table(rows["runs"]),
        lead=next((figure for figure in pictures if figure["number"] == MAIN_RESULT), None),
        figures=[figure for figure in pictures if figure["number"] != MAIN_RESULT],
        undrawn=undrawn,
        csvs=[(f"{name}.csv", holds, len(rows[name])) for name, (_, holds) in FRAMES.items()],
        measures={MEASURES[name].label: MEASURES[name].meaning for name in (*SHOWN, *LINEAR)},
    )
    # A file name that is not UTF-8 reaches us with lone surrogates; it must not stop the page.
    write_whole(path, text.encode("utf-8", "replace"))


def _alarm(row: Row) -> dict[str, str]:
    return {"run": described(row), "by": beaten(row), "file": as_text(row["file"])}


def _origin(row: Row) -> dict[str, Any]:
    """A run's head line, its facts and its settings, for the template."""
    facts = {
        **{"Device": row["device"], "Precision": row["precision"], "Began": row["began"]},
        **{"Training time": duration(as_float(row["train_seconds"])), "Dataset digest": row["data_digest"]},
        "Scored by": _plain(row["scored_by"]).replace("\n", ", "),
    }
    return {
        "run": as_text(row["run"]),
        "status": as_text(row["status"]),
        "facts": {name: as_text(value) or NONE for name, value in facts.items()},
        "recipe": pretty(row["recipe"]),
        "packages": _plain(row["packages"]),
    }


def _plain(value: Any) -> str:
    """A JSON object as lines "name: value"."""
    return "\n".join(line.strip(" ,") for line in pretty(value).strip("{}\n ").replace('"', "").splitlines())


def _picture(figure: FigureLike, folder: Path) -> dict[str, str]:
    """A figure with its PNG as a data URI, and its SVG and CSV as addresses relative to the page's folder."""
    statistics = figure.svg.with_suffix(".csv")
    return {
        "name": figure.name,
        "number": figure.number,
        "title": figure.title,
        "caption": figure.caption,
        "data": "data:image/png;base64," + base64.b64encode(figure.png.read_bytes()).decode("ascii"),
        "svg": _address(figure.svg, folder),
        "csv": _address(statistics, folder) if statistics.is_file() else "",
    }


def _address(path: Path, folder: Path) -> str:
    return quote(os.fsencode(Path(os.path.relpath(path, folder)).as_posix()))
