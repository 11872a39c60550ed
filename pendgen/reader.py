"""Opens a finished dataset directory again, whichever container its shards are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendgen.dataset import SPLITS
from pendgen.format import MANIFEST
from pendgen.shards import read_shard


def newest(path: Path) -> Path:
    """`path` itself if it is a dataset directory, else its newest finished version."""
    if (path / MANIFEST).is_file() or not path.is_dir():
        return path
    finished = [child for child in path.iterdir() if (child / MANIFEST).is_file() and _version(child)]
    return max(finished, key=_version, default=path)


def _version(directory: Path) -> tuple[int, ...]:
    parts = directory.name.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def shards_of(manifest: dict[str, Any], split: str) -> list[dict[str, Any]]:
    """Manifest entries of a split's shards in the order of their records. Raises ValueError if unknown."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected {' or '.join(SPLITS)}")
    return sorted((shard for shard in manifest["shards"] if shard["split"] == split), key=lambda shard: shard["first"])


def read_column(
    directory: Path, manifest: dict[str, Any], split: str, field: str, rows: Sequence[int] | None = None
) -> NDArray[Any]:
    """One field of a split, of all pendulums or of those in `rows` (in that order)."""
    found: dict[int, NDArray[Any]] = {}
    for shard in shards_of(manifest, split):
        first = shard["first"]
        inside = range(first, first + shard["records"])
        wanted = list(inside) if rows is None else sorted(set(rows).intersection(inside))
        if wanted:
            local = None if rows is None else [index - first for index in wanted]
            parts = read_shard(directory / shard["file"], [field], local)
            records = (record for part in parts for record in part[field])
            found.update(zip(wanted, records, strict=True))
    order = sorted(found) if rows is None else rows
    return np.stack([found[index] for index in order])
