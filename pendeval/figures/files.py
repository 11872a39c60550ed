"""A canvas and its numbers as files, each written whole or not at all."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.writing import csv_bytes, write_whole

ENDINGS = ("png", "svg", "csv")


def rendered(canvas: Canvas, numbers: pd.DataFrame) -> tuple[bytes, bytes, bytes]:
    """The contents of the PNG (150 dpi), the SVG and the CSV (UTF-8, one header, full precision)."""
    _lay_out(canvas)
    pictures = []
    metadata: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}}
    for ending, said in metadata.items():
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=ending, dpi=150, metadata=said)
        pictures.append(buffer.getvalue())
    return pictures[0], pictures[1], csv_bytes(numbers)


def _lay_out(canvas: Canvas) -> None:
    """Lay out once, to nine digits: the solver's last ones differ from one time to the next, and so would the files."""
    canvas.draw_without_rendering()
    canvas.set_layout_engine(None)  # "none" would leave a stand-in, for which every file is drawn twice
    for part in canvas.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(9))
    for axes in canvas.axes:
        place = axes.get_position(original=True)
        axes.set_position(tuple(round(part, 9) for part in place.bounds))


def write(contents: Mapping[Path, bytes]) -> None:
    """Write files whole or not at all, all of them or, where one cannot be written, none after it."""
    for path, content in contents.items():
        write_whole(path, content)
