"""Where the members of a tar shard are: picture and labels of one pendulum after another, all inside the file.

The shard may come from anybody. webdataset, which streams, would unpack a compressed archive to any size, take members
in whatever order they come and arrays of whatever size they claim; so they are looked over here first.
"""

import math
import tarfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

Place = tuple[int, int]
"""First byte and number of bytes."""


def pictures(path: Path, records: int, shape: tuple[int, ...] | None) -> list[Place]:
    """Where the pixels (T, S, S, 3) of each pendulum are; where the whole members are, if no shape is given.

    Raises ValueError where the shard is anything else.
    """
    found: list[Place] = []
    size, number, key = path.stat().st_size, 0, ""
    with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as members:
        for number, member in enumerate(members, start=1):
            stem = member.name.partition(".")[0]
            expected = f"{key}.json" if number % 2 == 0 else f"{stem}.image.npy"
            if not member.isreg() or member.issparse() or "/" in stem or member.name != expected:
                raise ValueError(f"member {number} is {member.name!r:.80}, expected the plain file {expected!r:.80}")
            if member.offset_data + member.size > size:
                raise ValueError(f"member {member.name!r:.80} claims {member.size} bytes of a file of {size}")
            key = stem
            if number % 2:
                found.append(_pixels(file, member, shape) if shape else (member.offset_data, member.size))
    if number % 2:
        raise ValueError(f"member {key}.json is missing")
    if len(found) != records:
        raise ValueError(f"it holds {len(found)} pendulums, expected {records}")
    return found


def _pixels(file: BinaryIO, member: tarfile.TarInfo, shape: tuple[int, ...]) -> Place:
    """Where the pixels of a picture begin, and how many there are."""
    file.seek(member.offset_data)
    header = (np.lib.format.read_magic(file), np.lib.format.read_array_header_1_0(file))
    expected = ((1, 0), (shape, False, np.dtype(np.uint8)))
    if header != expected:
        raise ValueError(f"{member.name} is {header}, expected {expected}")
    start, pixels = file.tell(), math.prod(shape)
    if start + pixels != member.offset_data + member.size:
        raise ValueError(f"{member.name} has {member.size} bytes, expected {pixels} and a header")
    return start, pixels
