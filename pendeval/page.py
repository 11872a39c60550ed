"""The HTML page of a report: one file that needs nothing beside it, the same bytes for the same tables.

Longer than a usual room because it is one thing, the page from top to bottom: `write`, then how values become text,
then one function per table that names its columns. How it looks stands in `templates/`.
"""

import base64
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from pendeval import columns

NONE = "–"
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
NAMES = {
    "global_spearman": "Global Spearman",
    "local_spearman": "Local Spearman",
    "local_abs_spearman": "Local |ρ|",
    "gap_spearman": "Spearman in gaps",
    "forest_rmse": "Forest RMSE",
    "representation_range": "Range",
}
"""The measures shown on the page; the others stand in the CSV files."""

Row = Mapping[str, Any]


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


@dataclass(frozen=True)
class Cell:
    """What a cell shows; a number's full precision, by which it sorts ("" where missing); a remark on hovering."""

    text: str
    value: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its head, how a row fills it, and the text that, standing in every row, makes it needless."""

    head: str
    cell: Callable[[Row], Cell]
    number: bool = False
    group: str = ""
    needless: str | None = None
    remark: str = ""
    path: bool = False


@dataclass(frozen=True)
class Table:
    """A table ready for the template; without rows the sentence `empty` is shown in its place."""

    name: str
    caption: str
    empty: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Heads over several columns, with their widths, in order; a column of its own has group ""."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and column.group and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found


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
    rows = {name: _rows(frames[name]) for name in FRAMES}
    text = environment.get_template("report.html.jinja").render(
        title=title,
        files=len({_text(row["file"]) for row in rows["runs"]}),
        provenance=[_origin(row) for row in rows["provenance"]],
        problems=_problems(rows["problems"]),
        alarms=[_alarm(row) for row in rows["runs"] if _true(row["above_ceiling"])],
        claims=[_claim(row) for row in rows["claims"]],
        verdicts=_verdicts(rows["claims"]),
        summary=_summary(rows["summary"]),
        comparisons=_comparisons(rows["comparisons"]),
        agreement=_agreement(rows["agreement"]),
        records=_records(rows["records"]),
        uncompared=_uncompared(rows["records"]),
        runs=_runs(rows["runs"]),
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


# Values as text


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _text(value: Any) -> str:
    """A cell as text: "" where missing, whole numbers without a decimal point (a seed beside a missing one)."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _float(value: Any) -> float:
    """A cell as a number, NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _true(value: Any) -> bool:
    """Whether a flag is set, True or 1 of any type; a missing one is not."""
    return _float(value) == 1


def shown(value: float, digits: int | None = None) -> str:
    """A number with so many significant digits, whole numbers in full, "–" where missing; "−" is the minus.

    Without `digits` five of them, four below .1, so that Spearmans and errors line up in a column.
    """
    if math.isnan(value) or math.isinf(value):
        return NONE if math.isnan(value) else "∞" if value > 0 else "−∞"
    size = abs(value)
    digits = digits or (5 if size >= 0.1 else 4)
    if size < 1e9 and float(value).is_integer():
        text = str(int(value))
    elif 1e-4 <= size < 1e6:
        # From the rounded number, so that .999996 is 1.0000 and not 1.00000.
        exponent = int(f"{size:.{digits - 1}e}".split("e")[1])
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
    else:
        text = f"{value:.{digits - 1}e}"
    return text.replace("-", "−")


def _precise(value: float) -> str:
    """All digits, as JavaScript reads them; "" where missing."""
    if math.isnan(value):
        return ""
    return repr(float(value)) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _number(value: Any, remark: str = "") -> Cell:
    number = _float(value)
    return Cell(shown(number), _precise(number), remark or _precise(number))


def _mean(mean: Any, low: Any, high: Any, n: Any) -> Cell:
    """Mean ± half the interval (n); no ± where there is no interval.

    Five decimals within ±1, so that a column lines up; otherwise as many as two digits of the half need.
    """
    middle, half, count = _float(mean), (_float(high) - _float(low)) / 2, _float(n)
    if math.isnan(middle):
        return Cell(NONE)
    remark = f"{middle!r}, n = {shown(count)}"
    if not (math.isfinite(half) and math.isfinite(middle)):
        return Cell(f"{shown(middle)} ({shown(count)})", _precise(middle), remark)
    decimals = 5 if abs(middle) <= 1 or half == 0 else min(4, max(0, 1 - math.floor(math.log10(half))))
    text = f"{middle:.{decimals}f} ± {half:.{decimals}f} ({shown(count)})".replace("-", "−")
    return Cell(text, _precise(middle), f"{remark}, 95 % interval {_float(low)!r} to {_float(high)!r}")


def _pretty(value: Any) -> str:
    """JSON text indented; anything else as it is."""
    text = _text(value)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _duration(seconds: float) -> str:
    """So many hours, minutes or seconds, to about three digits."""
    if not math.isfinite(seconds):
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    if seconds >= 3600:
        return f"{hours} h {minutes} min"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


# Columns


def _words(head: str, key: str, needless: str | None = None, path: bool = False) -> Column:
    return Column(head, lambda row: Cell(_text(row[key])), needless=needless, path=path)


def _figures(head: str, key: str, group: str = "", needless: str | None = None) -> Column:
    remark = columns.MEASURES.get(key, "")
    return Column(head, lambda row: _number(row[key]), True, group, needless, remark)


def _measured(key: str) -> Column:
    """A measure of runs.csv: the number, with its bootstrap interval on hovering."""

    def cell(row: Row) -> Cell:
        low, high = _float(row.get(f"{key}_low")), _float(row.get(f"{key}_high"))
        interval = "" if math.isnan(low) else f"{_precise(_float(row[key]))}, 95 % interval {low!r} to {high!r}"
        return _number(row[key], interval)

    return Column(NAMES[key], cell, True, needless=NONE, remark=columns.MEASURES[key])


def _dataset(row: Row) -> Cell:
    """The dataset's name, and what it is where the name does not begin with that."""
    name, variant, protocol = (_text(row[key]) for key in ("dataset", "variant", "protocol"))
    parts = (variant, _text(row["parameters"]).strip("{}").replace('"', ""), f"{protocol} protocol" if protocol else "")
    described = ", ".join(part for part in parts if part)
    return Cell(name if name.startswith(variant) else f"{name} ({described})", remark=described)


def _trained(row: Row) -> Cell:
    """The training dataset where it differs from the one that was embedded."""
    pairs = [
        (_text(row[name]), _text(row[f"train_{name}"])) for name in ("dataset", "variant", "parameters", "protocol")
    ]
    name = pairs[0][1]
    return Cell(name if name and any(a != b for a, b in pairs) else "same")


def _size(row: Row) -> Cell:
    """Pendulums and images of each."""
    return Cell(f"{_text(row['pendulums'])} × {_text(row['images_per_pendulum'])}")


CONDITION = (
    Column("Dataset", _dataset),
    Column("Trained on", _trained, needless="same"),
    _words("Split", "split", "test"),
    _words("Label", "label"),
    _words("View", "view", "all"),
    Column("Size", _size, needless="5120 × 20"),
)
METHODLESS = (*CONDITION[:3], _words("Recipe", "recipe"), *CONDITION[4:])


def _table(name: str, caption: str, empty: str, all_columns: Iterable[Column], rows: Iterable[Row]) -> Table:
    """A table without the columns that would say the same needless thing in every row."""
    given, listed = list(all_columns), list(rows)
    cells = [[column.cell(row) for column in given] for row in listed]
    kept = [k for k, column in enumerate(given) if any(row[k].text != column.needless for row in cells)]
    return Table(name, caption, empty, [given[k] for k in kept], [[row[k] for k in kept] for row in cells])


# Tables


def _summary(rows: Sequence[Row]) -> Table:
    """A row per condition; mean ± half interval (n), oracle and published figure of each shown measure."""
    conditions: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(_text(row[name]) for name in columns.CONDITION)
        entry = conditions.setdefault(key, {name: row[name] for name in columns.CONDITION})
        entry[f"measure {row['measure']}"] = row

    def part(measure: str, key: str) -> Callable[[Row], Cell]:
        return lambda row: _number(row.get(f"measure {measure}", {}).get(key))

    def mean(measure: str) -> Callable[[Row], Cell]:
        def cell(row: Row) -> Cell:
            found = row.get(f"measure {measure}", {})
            return _mean(*(found.get(key) for key in ("mean", "ci_low", "ci_high", "n")))

        return cell

    wanted = [*CONDITION]
    for measure, name in NAMES.items():
        meaning = columns.MEASURES[measure]
        wanted.append(Column("mean ± (n)", mean(measure), True, name, NONE, meaning))
        for head, source in (("oracle", "oracle"), ("paper", "published")):
            wanted.append(Column(head, part(measure, source), True, name, NONE, f"{head}: {meaning}"))
    caption = "Mean over seeds ± half the 95 % interval (number of seeds), beside the oracle and the paper's figure"
    return _table("summary", caption, "No condition was scored.", wanted, conditions.values())


def _comparisons(rows: Sequence[Row]) -> Table:
    def difference(row: Row) -> Cell:
        cell = _mean(row["difference"], row["ci_low"], row["ci_high"], row["n"])
        return Cell(cell.text.split(" (")[0], cell.value, cell.remark)

    def ahead(row: Row) -> Cell:
        """Who is better by more than the interval; errors are better low, a range is neither."""
        measure, low, high = _text(row["measure"]), _float(row["ci_low"]), _float(row["ci_high"])
        if "range" in measure or not (low > 0 or high < 0):
            return Cell("open" if "range" not in measure and math.isfinite(low) else NONE)
        return Cell("contrastive" if (low > 0) != measure.endswith("rmse") else "supervised")

    wanted = (
        *METHODLESS,
        Column("Measure", lambda row: Cell(NAMES[_text(row["measure"])])),
        *(_figures("Pairs", "n"), _figures("Contrastive", "contrastive"), _figures("Supervised", "supervised")),
        _figures("Oracle", "oracle"),
        Column("Difference ±", difference, True, remark="contrastive less supervised, half the 95 % interval"),
        Column("Ahead", ahead, remark="open: the interval of the difference includes 0"),
        *(_figures("Effect size", "effect_size"), _figures("p", "p_value")),
    )
    caption = "Contrastive less supervised, paired by seed and data (paired t-test, two-sided)"
    empty = "No condition has both a contrastive and a supervised run of the same seed and data."
    defined = (row for row in rows if row["measure"] in NAMES and not math.isnan(_float(row["difference"])))
    return _table("comparisons", caption, empty, wanted, defined)


def _agreement(rows: Sequence[Row]) -> Table:
    wanted = (
        *(Column("Dataset", _dataset), _words("Split", "split", "test")),
        *(_words("One", "label_a"), _words("Other", "label_b"), _words("Paired", "pairing"), _figures("Pairs", "n")),
        *(_figures("Mean |ρ|", "mean"), _figures("Least", "min"), _figures("Most", "max")),
    )
    caption = "Spearman's |ρ| between two encoders on the same images"
    return _table("agreement", caption, "No two encoders embedded the same images.", wanted, rows)


def _records(rows: Sequence[Row]) -> Table:
    def noise(side: str) -> Callable[[Row], Cell]:
        names = {f"{side}_eps_n": "ε_n", f"{side}_eps_g": "ε_g", "crop_alpha_c": "α_c"}

        def cell(row: Row) -> Cell:
            set_ = ((name, _float(row[key])) for key, name in names.items())  # α_c = 1 is uncropped
            return Cell(", ".join(f"{name} {value:g}" for name, value in set_ if value not in (0, 1)) or "clean")

        return cell

    def side(whose: str) -> Callable[[Row], Cell]:
        return lambda row: _mean(*(row[f"{whose}_{part}"] for part in ("mean", "ci_low", "ci_high", "n")))

    wanted = (
        *(_words("Family", "family"), _words("Method", "method"), _figures("Outputs", "dim")),
        *(Column("Trained on", noise("train")), Column("Tested on", noise("test")), _words("View", "view")),
        Column("Measure", lambda row: Cell(_named(row["measure"]))),
        *(Column("Authors", side("their"), True), Column("Ours", side("our"), True)),
        _figures("Our oracle", "our_oracle"),
        Column("Ours less theirs", lambda row: _number(_float(row["our_mean"]) - _float(row["their_mean"])), True),
    )
    caption = "Mean ± half the 95 % interval (number of runs), the authors' records and ours"
    compared = (row for row in rows if row["status"] == "compared")
    return _table("records", caption, "No condition of the authors' records has runs here.", wanted, compared)


def _uncompared(rows: Sequence[Row]) -> Table:
    counts = Counter((_text(row["status"]), _text(row["reason"])) for row in rows if row["status"] != "compared")
    wanted = (_words("Status", "status"), _words("Reason", "reason", ""), _figures("Records", "count"))
    found = [{"status": status, "reason": reason, "count": n} for (status, reason), n in sorted(counts.items())]
    return _table("uncompared", "Records without a counterpart here", "Every record has one.", wanted, found)


def _named(measure: Any) -> str:
    return NAMES.get(_text(measure), _text(measure).replace("_", " "))


def _runs(rows: Sequence[Row]) -> Table:
    def flags(row: Row) -> Cell:
        set_ = (("above_ceiling", "above its ceiling"), ("fractured", "fractured"))
        return Cell(", ".join(word for key, word in set_ if _true(row[key])))

    wanted = (
        *CONDITION,
        *(_figures("Seed", "seed"), _figures("Data seed", "data_seed", needless="0"), _figures("Images", "images")),
        *(_words("Line", "line", "output"), Column("Remarks", flags, needless="")),
        *(_measured("global_spearman"), _figures("Oracle, global", "oracle_global_spearman", needless=NONE)),
        *(_measured("local_spearman"), _figures("Oracle, local", "oracle_local_spearman", needless=NONE)),
        *(_measured("local_abs_spearman"), _measured("gap_spearman")),
        *(_measured("forest_rmse"), _figures("Ceiling, RMSE", "ceiling_rmse", needless=NONE)),
        _measured("representation_range"),
        _words("File", "file", path=True),
    )
    caption = "Every embeddings file and view; the main columns, all of them are in runs.csv"
    return _table("runs", caption, "No embeddings file was scored.", wanted, rows)


def _problems(rows: Sequence[Row]) -> Table:
    wanted = (_words("File or run", "path", path=True), _words("Why it was not scored", "reason"))
    caption = "Missing, unfinished and failed runs, and files that could not be read"
    return _table("problems", caption, "None: everything found was scored.", wanted, rows)


# What is not a table


def _alarm(row: Row) -> dict[str, str]:
    """Which run, and by how much it beats which ceiling, in units of the measure."""
    texts = []
    for name, key in (("global Spearman", "excess"), ("forest RMSE", "rmse_excess")):
        excess, error = _float(row[key]), _float(row[f"{key}_se"])
        if excess > 3 * error:
            texts.append(f"{shown(excess, 3)} ± {shown(error, 2)} ({name})")
    where = [_dataset(row).text, _text(row["split"]), _text(row["label"]), f"seed {_text(row['seed']) or NONE}"]
    view = _text(row["view"])
    where += [f"view “{view}”"] if view not in ("", "all") else []
    return {"run": ", ".join(filter(None, where)), "by": " and ".join(texts) or NONE, "file": _text(row["file"])}


def _claim(row: Row) -> dict[str, str]:
    return {name: _text(row[name]) for name in columns.CLAIMS}


def _verdicts(rows: Sequence[Row]) -> str:
    counts = Counter(_text(row["verdict"]) for row in rows)
    usual = ("supported", "contradicted", "undecided")
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in (*usual, *sorted(counts.keys() - set(usual))))


def _origin(row: Row) -> dict[str, Any]:
    """A run's head line, its facts and its settings, for the template."""
    facts = {
        **{"Device": row["device"], "Precision": row["precision"], "Began": row["began"]},
        **{"Training time": _duration(_float(row["train_seconds"])), "Dataset digest": row["data_digest"]},
    }
    return {
        "run": _text(row["run"]),
        "status": _text(row["status"]),
        "facts": {name: _text(value) or NONE for name, value in facts.items()},
        "recipe": _pretty(row["recipe"]),
        "packages": _pretty(row["packages"]).strip("{}\n ").replace('"', ""),
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
