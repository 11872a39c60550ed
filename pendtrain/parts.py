"""Images that come in parts, never held all at once: which are the same to the byte, batches of them, some of them."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]


class Distinct:
    """Numbers different images in the order in which they first appear, over as many calls as there are parts.

    An image is known by 128 bits of BLAKE2b of its bytes: among 10^9 images two different ones share them with
    probability 10^-21. Held are 24 bytes of each different image.
    """

    def __init__(self) -> None:
        self.digests = np.array([b"\xff" * 16], "S16")  # ascending; the last one is no image's and ends every search
        self.numbers = np.array([-1])

    def __call__(self, images: Images) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of images (N, S, S, 3) not seen before, each once, ascending; and every image's number: int64 (N,)."""
        rows = np.ascontiguousarray(images)
        digests = np.array([blake2b(row.data, digest_size=16).digest() for row in rows], "S16")
        there, first, back = np.unique(digests, return_index=True, return_inverse=True)
        at = np.searchsorted(self.digests, there)
        number, new = self.numbers[at], self.digests[at] != there
        order = first[new].argsort()
        number[np.flatnonzero(new)[order]] = len(self.digests) - 1 + np.arange(len(order))
        self.digests = np.insert(self.digests, at[new], there[new])
        self.numbers = np.insert(self.numbers, at[new], number[new])
        return first[new][order], number[back]


def in_batches(parts: Iterable[Images], batch: int) -> Iterator[Images]:
    """The rows of all parts, (n, S, S, 3) each, `batch` at a time; the last time fewer, and nothing of no rows."""
    waiting: Images | None = None
    for part in parts:
        waiting = part if waiting is None or not len(waiting) else np.concatenate([waiting, part])
        while len(waiting) >= batch:
            yield waiting[:batch]
            waiting = waiting[batch:]
    if waiting is not None and len(waiting):
        yield waiting


def picked(parts: Iterable[Images], wanted: NDArray[np.int64], out: Images) -> Iterator[Images]:
    """The parts as they are; on their way the rows numbered `wanted` (K,), counted through, are copied to `out`."""
    passed = 0
    for part in parts:
        inside = (wanted >= passed) & (wanted < passed + len(part))
        out[inside] = part[wanted[inside] - passed]
        passed += len(part)
        yield part
