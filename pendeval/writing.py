"""Files written whole or not at all, and tables as the bytes of a CSV file."""

import os
import secrets
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # what spreadsheets begin a formula with


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary name of its own in the same folder, flush to disk, rename. Raises OSError naming it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise OSError(f"cannot write {path}: {problem.strerror or problem}") from None
    finally:
        temporary.unlink(missing_ok=True)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A frame as UTF-8 CSV with one header and numbers in full precision.

    Text that a spreadsheet would run as a formula begins with an apostrophe instead.
    """
    words = {str(name): column.map(_harmless) for name, column in frame.items() if not is_numeric_dtype(column)}
    text: str = frame.assign(**words).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8", "replace")


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip().startswith(_FORMULA) else cell
