"""The HTML page of a report: one file that needs nothing beside it, the same bytes for the same tables.

`write` puts the page together; `cells` turns values into text, `tables` names the columns of each table. How it
looks stands in `pendeval/templates/`.
"""

import base64
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from pendeval import columns
from pendeval.page.cells import (
    NAMES,
    NONE,
    Row,
    as_flag,
    as_float,
    as_text,
    dataset_cell,
    duration,
    pretty,
    rows_of,
    shown,
)
from pendeval.page.tables import (
    agreement_table,
    comparisons_table,
    problems_table,
    records_table,
    runs_table,
    summary_table,
    uncompared_table,
)

FRAMES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "runs": (columns.RUNS, "every measure of every embeddings file and view"),
    "segments": (columns.SEGMENTS, "Spearman and density in every band of energy"),
    "summary": (columns.SUMMARY, "every measure of every condition, mean over seeds"),
    "comparisons": (columns.COMPARISONS, "contrastive against supervised, paired by seed and data"),
    "agreement": (columns.AGREEMENT, "how alike two encoders order the same images"),
    "claims": (columns.CLAIMS, "the paper's claims and what became of them"),
    "records": (columns.RECORDS, "ours beside the authors' recorded results"),
    "provenance": (columns.PROVENANCE, "where every run came from"),
    "problems": (columns.PROBLEMS, "what could not be scored"),
}
"""Frame → its columns and what its CSV file holds."""


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
        """Picture to link to."""


def write(
    path: Path,
    frames: Mapping[str, pd.DataFrame],
    figures: Sequence[FigureLike],
    undrawn: Sequence[tuple[str, str]],
    *,
    title: str = "Pendulum lab: report",
) -> None:
    """Write the page to `path`, whole or not at all; the CSV files it links to lie in the same folder.

    `frames` are the tables of `pendeval.columns`, any of them may be empty; `undrawn` pairs the figures that
    were not drawn with the reason. Raises ValueError where a frame or a column is missing, OSError where a
    picture cannot be read or the page not be written.
    """
    for name, (expected, _) in FRAMES.items():
        absent = [column for column in expected if name not in frames or column not in frames[name]]
        if absent:
            raise ValueError(f"frame {name} lacks {', '.join(absent)}; expected the columns of pendeval.columns")
    environment = Environment(
        loader=PackageLoader("pendeval"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = {name: rows_of(frames[name]) for name in FRAMES}
    text = environment.get_template("report.html.jinja").render(
        title=title,
        files=len({as_text(row["file"]) for row in rows["runs"]}),
        provenance=[_origin(row) for row in rows["provenance"]],
        problems=problems_table(rows["problems"]),
        alarms=[_alarm(row) for row in rows["runs"] if as_flag(row["above_ceiling"])],
        claims=[_claim(row) for row in rows["claims"]],
        verdicts=_verdicts(rows["claims"]),
        summary=summary_table(rows["summary"]),
        comparisons=comparisons_table(rows["comparisons"]),
        agreement=agreement_table(rows["agreement"]),
        records=records_table(rows["records"]),
        uncompared=uncompared_table(rows["records"]),
        runs=runs_table(rows["runs"]),
        figures=[_picture(figure, path.parent) for figure in figures],
        undrawn=undrawn,
        csvs=[(f"{name}.csv", holds, len(rows[name])) for name, (_, holds) in FRAMES.items()],
        measures={NAMES[name]: columns.MEASURES[name] for name in NAMES},
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # A file name that is not UTF-8 reaches us with lone surrogates; it must not stop the page.
        temporary.write_bytes(text.encode("utf-8", "replace"))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _alarm(row: Row) -> dict[str, str]:
    """Which run, and by how much it beats which ceiling, in units of the measure."""
    texts = []
    for name, key in (("global Spearman", "excess"), ("forest RMSE", "rmse_excess")):
        excess, error = as_float(row[key]), as_float(row[f"{key}_se"])
        if excess > 3 * error:
            texts.append(f"{shown(excess, 3)} ± {shown(error, 2)} ({name})")
    where = [
        dataset_cell(row).text,
        as_text(row["split"]),
        as_text(row["label"]),
        f"seed {as_text(row['seed']) or NONE}",
    ]
    view = as_text(row["view"])
    where += [f"view “{view}”"] if view not in ("", "all") else []
    return {"run": ", ".join(filter(None, where)), "by": " and ".join(texts) or NONE, "file": as_text(row["file"])}


def _claim(row: Row) -> dict[str, str]:
    return {name: as_text(row[name]) for name in columns.CLAIMS}


def _verdicts(rows: Sequence[Row]) -> str:
    counts = Counter(as_text(row["verdict"]) for row in rows)
    usual = ("supported", "contradicted", "undecided")
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in (*usual, *sorted(counts.keys() - set(usual))))


def _origin(row: Row) -> dict[str, Any]:
    """A run's head line, its facts and its settings, for the template."""
    facts = {
        **{"Device": row["device"], "Precision": row["precision"], "Began": row["began"]},
        **{"Training time": duration(as_float(row["train_seconds"])), "Dataset digest": row["data_digest"]},
    }
    return {
        "run": as_text(row["run"]),
        "status": as_text(row["status"]),
        "facts": {name: as_text(value) or NONE for name, value in facts.items()},
        "recipe": pretty(row["recipe"]),
        "packages": pretty(row["packages"]).strip("{}\n ").replace('"', ""),
    }


def _picture(figure: FigureLike, folder: Path) -> dict[str, str]:
    """A figure with its PNG as a data URI and its SVG as an address relative to the page's folder."""
    return {
        "name": figure.name,
        "number": figure.number,
        "title": figure.title,
        "caption": figure.caption,
        "data": "data:image/png;base64," + base64.b64encode(figure.png.read_bytes()).decode("ascii"),
        "svg": quote(os.fsencode(Path(os.path.relpath(figure.svg, folder)).as_posix())),
    }
