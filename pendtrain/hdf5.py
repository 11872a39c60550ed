"""Columns of an HDF5 file that may come from anybody.

Read is only what the file itself holds, without a filter that would have to be loaded, of the shape that is expected,
and not much more than its bytes can have been packed from: no links, no data kept in other files, no terabytes.
"""

import h5py

FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)
MOST_PACKED = 1100
"""Bytes that one byte of deflate can stand for: 1,032, and a little for its frame."""


def column(file: h5py.File, name: str, dtype: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """A root dataset. Raises ValueError where there is none, none that can be trusted, or another than expected."""
    link = file.get(name, getlink=True)
    if link is None:
        raise ValueError(f"there is no {name}")
    found = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.is_virtual or found.external:
        raise ValueError(f"{name} is a link or kept elsewhere, expected a dataset of this file")
    if (str(found.dtype), found.shape) != (dtype, shape):
        raise ValueError(f"{name} is {found.dtype} {found.shape}, expected {dtype} {shape}")
    made = found.id.get_create_plist()
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    if unknown := [each for each in filters if each not in FILTERS]:
        raise ValueError(f"{name} was packed by filter {unknown[0]}, expected gzip or none")
    held = found.id.get_storage_size()
    if found.nbytes > MOST_PACKED * held:
        raise ValueError(f"{name} claims shape {shape}, of which the file holds {held} bytes")
    return found
