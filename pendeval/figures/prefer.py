"""Figures of any way to learn: which rows stand together, in which order, and how lines are told apart.

A line is a method and a setting in words; settings of one method share its look, and are the fainter the later.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pendeval.figures.choose import METHODS
from pendeval.figures.style import look
from pendeval.recipes import method_words

Line = tuple[str, str]
Chosen = dict[str, str | float]


def block(rows: pd.DataFrame, **wanted: str | float) -> tuple[pd.DataFrame, Chosen]:
    """The rows of one value in each column, the wanted one where it occurs, else that of most rows; and the values."""
    chosen: Chosen = {}
    for column, value in wanted.items():
        if len(rows) and not rows[column].eq(value).any():
            count = rows[column].value_counts().rename_axis("name").reset_index()
            value = count.sort_values(["count", "name"], ascending=[False, True])["name"].iloc[0]
        rows, chosen[column] = rows[rows[column].eq(value)], value
    return rows, chosen


def in_words(chosen: Chosen) -> str:
    """What a block is of: data and outputs, and whatever else is not the paper's."""
    outputs = chosen["dim"]
    parts = [str(chosen["data_words"]), f"{outputs:g} output{'' if outputs == 1 else 's'}"]
    told = {"split": "the {} split", "view": "view {}", "recipe_protocol": "recipes of protocol {}"}
    usual = {"split": "test", "view": "all", "recipe_protocol": "paper"}
    parts += [told[name].format(value) for name, value in chosen.items() if name in told and value != usual[name]]
    return ", ".join(parts)


def methods_first(rows: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Rows by method, the paper's two first and the others by name, then by `keys`."""
    rank = {name: f"{place}" for place, name in enumerate(METHODS)}

    def place(column: "pd.Series[str]") -> "pd.Series[str]":
        return column.map(lambda name: rank.get(name, f"_{name}")) if column.name == "method" else column

    return rows.sort_values(["method", *keys], key=place, ignore_index=True)


def lines_of(rows: pd.DataFrame, setting: str) -> list[Line]:
    """The lines of some rows, in their order."""
    return list(dict.fromkeys(zip(rows["method"], rows[setting], strict=True)))


def of(rows: pd.DataFrame, line: Line, setting: str) -> pd.DataFrame:
    """The rows of one line."""
    return rows[rows["method"].eq(line[0]) & rows[setting].eq(line[1])]


def line_look(lines: Sequence[Line], line: Line) -> dict[str, Any]:
    """How a line among some others is drawn."""
    mine = [other for other in lines if other[0] == line[0]]
    return {**look(line[0]), "alpha": 1.0 - 0.65 * mine.index(line) / len(mine)}


def line_name(line: Line) -> str:
    """A line in words."""
    return ", ".join(part for part in (method_words(line[0]), line[1]) if part)
