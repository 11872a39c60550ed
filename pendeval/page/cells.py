"""Values as text, and the columns that tables share: numbers that line up, "–" where there is none."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pendeval import columns

NONE = "–"
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


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """A frame as one mapping per row."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def as_text(value: Any) -> str:
    """A cell as text: "" where missing, whole numbers without a decimal point (a seed beside a missing one)."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_float(value: Any) -> float:
    """A cell as a number, NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def as_flag(value: Any) -> bool:
    """Whether a flag is set, True or 1 of any type; a missing one is not."""
    return as_float(value) == 1


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


def number_cell(value: Any, remark: str = "") -> Cell:
    """A number: some digits to read, all of them to sort by and on hovering."""
    number = as_float(value)
    return Cell(shown(number), _precise(number), remark or _precise(number))


def mean_cell(mean: Any, low: Any, high: Any, n: Any) -> Cell:
    """Mean ± half the interval (n); no ± where there is no interval.

    Five decimals within ±1, so that a column lines up; otherwise as many as two digits of the half need.
    """
    middle, half, count = as_float(mean), (as_float(high) - as_float(low)) / 2, as_float(n)
    if math.isnan(middle):
        return Cell(NONE)
    remark = f"{middle!r}, n = {shown(count)}"
    if not (math.isfinite(half) and math.isfinite(middle)):
        return Cell(f"{shown(middle)} ({shown(count)})", _precise(middle), remark)
    decimals = 5 if abs(middle) <= 1 or half == 0 else min(4, max(0, 1 - math.floor(math.log10(half))))
    text = f"{middle:.{decimals}f} ± {half:.{decimals}f} ({shown(count)})".replace("-", "−")
    return Cell(text, _precise(middle), f"{remark}, 95 % interval {as_float(low)!r} to {as_float(high)!r}")


def pretty(value: Any) -> str:
    """JSON text indented; anything else as it is."""
    text = as_text(value)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def duration(seconds: float) -> str:
    """So many hours, minutes or seconds, to about three digits."""
    if not math.isfinite(seconds):
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    if seconds >= 3600:
        return f"{hours} h {minutes} min"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def words(head: str, key: str, needless: str | None = None, path: bool = False) -> Column:
    """A column of text."""
    return Column(head, lambda row: Cell(as_text(row[key])), needless=needless, path=path)


def figures(head: str, key: str, group: str = "", needless: str | None = None) -> Column:
    """A column of numbers; a measure explains itself on hovering."""
    remark = columns.MEASURES.get(key, "")
    return Column(head, lambda row: number_cell(row[key]), True, group, needless, remark)


def measured(key: str) -> Column:
    """A measure of runs.csv: the number, with its bootstrap interval on hovering."""

    def cell(row: Row) -> Cell:
        low, high = as_float(row.get(f"{key}_low")), as_float(row.get(f"{key}_high"))
        interval = "" if math.isnan(low) else f"{_precise(as_float(row[key]))}, 95 % interval {low!r} to {high!r}"
        return number_cell(row[key], interval)

    return Column(NAMES[key], cell, True, needless=NONE, remark=columns.MEASURES[key])


def dataset_cell(row: Row) -> Cell:
    """The dataset's name, and what it is where the name does not begin with that."""
    name, variant, protocol = (as_text(row[key]) for key in ("dataset", "variant", "protocol"))
    parts = (
        variant,
        as_text(row["parameters"]).strip("{}").replace('"', ""),
        f"{protocol} protocol" if protocol else "",
    )
    described = ", ".join(part for part in parts if part)
    return Cell(name if name.startswith(variant) else f"{name} ({described})", remark=described)


def _trained(row: Row) -> Cell:
    """The training dataset where it differs from the one that was embedded."""
    pairs = [
        (as_text(row[name]), as_text(row[f"train_{name}"])) for name in ("dataset", "variant", "parameters", "protocol")
    ]
    name = pairs[0][1]
    return Cell(name if name and any(a != b for a, b in pairs) else "same")


def _size(row: Row) -> Cell:
    """Pendulums and images of each."""
    return Cell(f"{as_text(row['pendulums'])} × {as_text(row['images_per_pendulum'])}")


CONDITION = (
    Column("Dataset", dataset_cell),
    Column("Trained on", _trained, needless="same"),
    words("Split", "split", "test"),
    words("Label", "label"),
    words("View", "view", "all"),
    Column("Size", _size, needless="5120 × 20"),
)
METHODLESS = (*CONDITION[:3], words("Recipe", "recipe"), *CONDITION[4:])


def table(name: str, caption: str, empty: str, all_columns: Iterable[Column], rows: Iterable[Row]) -> Table:
    """A table without the columns that would say the same needless thing in every row."""
    given, listed = list(all_columns), list(rows)
    cells = [[column.cell(row) for column in given] for row in listed]
    kept = [k for k, column in enumerate(given) if any(row[k].text != column.needless for row in cells)]
    return Table(name, caption, empty, [given[k] for k in kept], [[row[k] for k in kept] for row in cells])
