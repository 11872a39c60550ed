"""Columns of an HDF5 file that may come from anybody.

Read is only what the file itself holds, without a filter that would have to be loaded, and not much more than its bytes
can have been packed from: no links, no data kept in other files, no claim of terabytes.
"""

import h5py

FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
MOST_PACKED = 1100
"""Bytes that one byte of deflate can stand for: 1,032, and a little for its frame."""
MOST_RECORD = 2**32
"""Bytes of a chunk, which is a record: HDF5 has no larger ones."""
SIGNATURE, HEAP = b"\x89HDF\r\n\x1a\n", b"GCOL\x01\x00\x00\x00"
"""What a file and, in it, a heap of texts begin with."""


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


def column(file: h5py.File, name: str, axes: int) -> h5py.Dataset:
    """The root dataset `name` of so many axes. Raises ValueError where there is none, or none that can be trusted."""
    link = file.get(name, getlink=True)
    if link is None:
        raise ValueError(f"{name} is missing")
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"{name} is {'a link' if found is None else 'no dataset'}, expected data in this file")
    if found.is_virtual or found.external:
        raise ValueError(f"{name} keeps its data in other files, expected it in this one")
    if found.ndim != axes:
        raise ValueError(f"{name} has shape {found.shape}, expected {axes} axes")
    if found.dtype.hasobject or found.dtype.names:
        raise ValueError(f"{name} is of type {found.dtype}, expected numbers")
    made = found.id.get_create_plist()
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    if unknown := [each for each in filters if each not in FILTERS]:
        raise ValueError(f"{name} was packed by filter {unknown[0]}, expected gzip or none")
    held = found.id.get_storage_size()
    if found.nbytes > MOST_PACKED * held or found.nbytes // max(1, len(found)) > MOST_RECORD:
        raise ValueError(f"{name} claims shape {found.shape}, of which the file holds {held} bytes")
    return found
