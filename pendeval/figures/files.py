"""A canvas and its numbers as files, each written whole or not at all."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Canvas

ENDINGS = ("png", "svg", "csv")
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # what spreadsheets begin a formula with


def rendered(canvas: Canvas, numbers: pd.DataFrame) -> tuple[bytes, bytes, bytes]:
    """The contents of the PNG (150 dpi), the SVG and the CSV (UTF-8, one header, full precision)."""
    pictures = []
    metadata: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}}
    for ending, said in metadata.items():
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=ending, dpi=150, metadata=said)
        pictures.append(buffer.getvalue())
        canvas.set_layout_engine("none")  # laid out once is enough, and both are alike
    safe = numbers.map(_harmless)
    return pictures[0], pictures[1], safe.to_csv(index=False, lineterminator="\n").encode()


def _harmless(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula begins with an apostrophe instead."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell


def write(contents: Mapping[Path, bytes]) -> None:
    """Write files whole or not at all, all of them or, where one cannot be written, none after it."""
    for path, content in contents.items():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
