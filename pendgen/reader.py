"""Opens a finished dataset directory again: some records of a split, straight from its shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendgen.dataset import SPLITS
from pendgen.format import read_manifest


def newest(path: Path) -> Path:
    """`path` itself if it is a dataset directory, else its newest finished version."""
    if (path / "dataset.json").is_file() or not path.is_dir():
        return path
    finished = [child for child in path.iterdir() if (child / "dataset.json").is_file() and child.name[:1].isdigit()]
    return max(finished, key=lambda child: [int(part) for part in child.name.split(".")], default=path)


def read_column(directory: Path, split: str, field: str, rows: Sequence[int] | None = None) -> NDArray[Any]:
    """One field of a split, of all pendulums or of those in `rows` (in that order).

    Raises ValueError for an unknown split, and where a shard cannot be read.
    """
    manifest = read_manifest(directory)
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected {' or '.join(SPLITS)}")
    wanted = None if rows is None else np.asarray(rows, np.int64)
    parts: list[NDArray[Any]] = []
    places: list[NDArray[np.int64]] = []
    for shard in sorted((s for s in manifest["shards"] if s["split"] == split), key=lambda s: int(s["first"])):
        first, count = shard["first"], shard["records"]
        inside = np.arange(count) if wanted is None else np.flatnonzero((wanted >= first) & (wanted < first + count))
        if not len(inside):
            continue
        try:
            with h5py.File(directory / shard["file"], "r") as file:
                column = file[field]
                parts.append(column[()] if wanted is None else np.stack([column[wanted[k] - first] for k in inside]))
        except (OSError, KeyError) as problem:
            raise ValueError(f"shard {directory / shard['file']} cannot be read: {problem}") from None
        places.append(inside)
    if wanted is None:
        return np.concatenate(parts)
    back = np.argsort(np.concatenate(places))
    return np.asarray(np.concatenate(parts)[back])
