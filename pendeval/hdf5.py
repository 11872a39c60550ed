"""Looks at the bytes of an HDF5 file from elsewhere before HDF5 does."""

import hashlib
import re
from pathlib import Path

USER_BLOCK = 512
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
