"""HDF5 files from elsewhere: a look at their bytes before HDF5 has one, and columns that can be trusted.

Links, data kept in other files, and shapes that would not fit in memory are refused by name.
"""

import hashlib
import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

USER_BLOCK = 512
MOST_VALUES, MOST_PENDULUMS, MOST_OUTPUTS = 20_000_000, 100_000, 512
MOST_CHUNK_BYTES = 2**28
"""What a column may hold: the paper's angles are twice as many as its 102,400 images, of 5120 pendulums."""
SIGNATURE, HEAP = b"\x89HDF\r\n\x1a\n", b"GCOL\x01\x00\x00\x00"
"""What a file and, in it, a heap of texts begin with."""


def refuse_damage(path: Path) -> None:
    """Raise ValueError where a file is not what its first line says, or HDF5 would never end with it.

    The line, of the user block, may say what all bytes after the block add up to: a checksum, no signature.
    """
    content = path.read_bytes()
    stated = re.match(rb"pendulum-embedding sha256 ([0-9a-f]{64})\n", content)
    if stated and hashlib.sha256(memoryview(content)[USER_BLOCK:]).hexdigest() != stated[1].decode():
        raise ValueError("its bytes are not those that its first line says: damaged or edited")
    try:
        check_heaps(content)
    except ValueError as problem:
        raise ValueError(f"not readable as HDF5: {problem}") from None


def check_heaps(content: bytes) -> None:
    """Raise ValueError unless every heap of texts, where attributes are, in the bytes of an HDF5 file has an end.

    HDF5 2 walks on for ever over an entry without a length. To be called before a file from elsewhere is opened.
    """
    start = next((at for at in (0, 512, 1024, 2048) if content[at : at + 8] == SIGNATURE), None)
    if start is None or len(content) < start + 16:
        raise ValueError("it does not begin as HDF5 does")
    lengths = content[start + (14 if content[start + 8] < 2 else 10)]
    if lengths != 8:
        raise ValueError(f"it has lengths of {lengths} bytes, expected 8")
    place = content.find(HEAP, start)
    while place >= 0:
        at, end = place + 16, place + int.from_bytes(content[place + 8 : place + 16], "little")
        while at + 16 <= end:
            number, length = (int.from_bytes(content[at + a : at + b], "little") for a, b in ((0, 2), (8, 16)))
            step = 16 + -(-length // 8) * 8 if number else length
            if step < 16 or at + step > min(end, len(content)):
                raise ValueError("a heap of texts is damaged")
            at += step
        place = content.find(HEAP, place + 8)


def column(
    file: h5py.File, name: str, axes: int, most_rows: int = MOST_PENDULUMS, most_values: int = MOST_VALUES
) -> NDArray[np.float64]:
    """A root dataset as float64, after a look at everything about it that could harm. Raises ValueError naming it."""
    held = _trusted(file, name, most_rows, most_values)
    if held.ndim != axes or held.dtype.kind not in "fiub":
        raise ValueError(f"{name} has shape {held.shape} of {held.dtype}, expected numbers on {axes} axes")
    return np.asarray(held[()], np.float64)


def _trusted(file: h5py.File, name: str, most_rows: int, most_values: int) -> h5py.Dataset:
    """A root dataset of numbers that may be read. Raises ValueError where it is a link, or of no size of ours."""
    link = file.get(name, getlink=True)
    if link is not None and not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} is a link to {getattr(link, 'filename', '')}:{link.path}, expected data in this file")
    held = file.get(name)
    if not isinstance(held, h5py.Dataset):
        raise ValueError(f"no dataset {name}")
    if held.external or held.is_virtual:
        raise ValueError(f"{name} keeps its data in other files, expected it in this one")
    shape = held.shape or (0,)
    outputs = shape[-1] if name == "embedding" else 0
    if held.size > most_values or shape[0] > most_rows or outputs > MOST_OUTPUTS:
        most = f"{most_values:,} values, {most_rows:,} rows and {MOST_OUTPUTS} outputs"
        raise ValueError(f"{name} declares shape {held.shape}, expected at most {most}")
    if held.chunks and np.prod(held.chunks, dtype=float) * held.dtype.itemsize > MOST_CHUNK_BYTES:
        raise ValueError(f"{name} has chunks of {held.chunks}, expected at most {MOST_CHUNK_BYTES >> 20} MB each")
    return held
