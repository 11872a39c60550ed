"""Values as text: numbers that line up, "–" where there is none. How a measure is written follows from the registry."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pendeval.measures.registry import MEASURES

NONE = "–"
FINE = 5
"""Decimals of what lies within ±1 by nature, Spearmans and errors of the energy: one more than the paper prints."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What a cell shows: its text, and small beside it a mark.

    `value` is a number's full precision, by which it sorts ("" where missing), `remark` what hovering shows.
    """

    text: str
    value: str = ""
    remark: str = ""
    mark: str = ""


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

    Without `digits` five of them, four below .1.
    """
    if not math.isfinite(value):
        return _unbounded(value)
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


def fine(measure: str) -> bool:
    """Whether a measure is written with `FINE` decimals: it is an energy, or lies within ±1 whatever the encoder."""
    entry = MEASURES.get(measure)
    return entry is not None and (entry.unit == "energy" or max(map(abs, entry.limits)) <= 1)


def measured(measure: str, value: Any) -> str:
    """A value of a measure (of its oracle, of a difference) as the page writes that measure."""
    number = as_float(value)
    if not (fine(measure) and math.isfinite(number)):
        return shown(number)
    return f"{number:.{FINE}f}".replace("-", "−")


def spread(low: float, high: float) -> int:
    """Decimals that show half an interval to two digits: 0 to 6; `FINE` where there is no interval."""
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return FINE
    return min(6, max(0, 1 - math.floor(math.log10(half))))


def signed(value: float, decimals: int) -> str:
    """A difference with its sign; "−" is the minus."""
    return f"{value:+.{decimals}f}".replace("-", "−") if math.isfinite(value) else _unbounded(value)


def precise(value: float) -> str:
    """All digits, as JavaScript reads them; "" where missing."""
    if math.isnan(value):
        return ""
    return repr(float(value)) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _unbounded(value: float) -> str:
    return NONE if math.isnan(value) else "∞" if value > 0 else "−∞"


def number_cell(value: Any, measure: str = "", *, digits: int | None = None, remark: str = "", mark: str = "") -> Cell:
    """A number: some digits to read, all of them to sort by and on hovering."""
    number = as_float(value)
    text = shown(number, digits) if digits or not measure else measured(measure, number)
    return Cell(text, precise(number), remark or precise(number), "" if math.isnan(number) else mark)


def mean_cell(found: Row, measure: str, *, prefix: str = "", mark: str = "", most: int = FINE) -> Cell:
    """Mean ± half the 95 % interval; no ± where there is none. Reads `prefix` + mean, ci_low, ci_high, n of a row.

    `most`: decimals where a half so small needs more than `FINE`.
    """
    middle, low, high = (as_float(found.get(f"{prefix}{key}")) for key in ("mean", "ci_low", "ci_high"))
    if math.isnan(middle):
        return Cell(NONE)
    counted = counts(found.get(f"{prefix}n"), as_text(found.get("unit")))
    remark = f"{middle!r}, n = {counted}"
    half = (high - low) / 2
    if not (math.isfinite(half) and math.isfinite(middle)):
        return Cell(measured(measure, middle), precise(middle), remark, mark)
    places = min(most, max(FINE, spread(low, high))) if fine(measure) else min(4, spread(low, high))
    text = f"{middle:.{places}f} ± {half:.{places}f}".replace("-", "−")
    return Cell(text, precise(middle), f"{remark}, 95 % interval {low!r} to {high!r}", mark)


def counts(n: Any, unit: str) -> str:
    """So many units in words: "1 replicate", "25 replicates"; the number alone without a unit."""
    number = as_float(n)
    text = shown(number)
    return text if not unit or text == NONE else f"{text} {unit}{'' if number == 1 else 's'}"


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


def numbers(head: str, key: str, *, needless: str | None = None, digits: int | None = None, remark: str = "") -> Column:
    """A column of numbers."""
    return Column(head, lambda row: number_cell(row[key], digits=digits), True, "", needless, remark)


def table(name: str, caption: str, empty: str, all_columns: Iterable[Column], rows: Iterable[Row]) -> Table:
    """A table without the columns that would say the same needless thing in every row."""
    given, listed = list(all_columns), list(rows)
    cells = [[column.cell(row) for column in given] for row in listed]
    kept = [k for k, column in enumerate(given) if any(row[k].text != column.needless for row in cells)]
    return Table(name, caption, empty, [given[k] for k in kept], [[row[k] for k in kept] for row in cells])
