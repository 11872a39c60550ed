"""Pictures of a split: in memory, or left on disk and read as a batch needs them.

Where the pictures of each pendulum are is looked up once; from then on a shard is a plain file of bytes. The tar index
is our own because the sampler decides the order: webdataset streams, and its index has left it for a package `wids`,
which copies local shards into a cache folder, reads records whole and unpickles index files that it finds. HDF5 chunks
are not read by h5py because a batch touches every shard: to open one takes it 270 µs rather than 7, and keeping them
open takes as many file handles as there are shards. With 16 shards a batch of 512 takes half the time.
"""

import math
import os
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain.hdf5 import column
from pendtrain.shards import Dataset, image_shape, naming, plain, read_split, split_shards
from pendtrain.tar import pictures as pictures_in_tar


class DiskImages:
    """Pictures of a split left on disk and read by pendulum, for datasets larger than memory allows.

    A batch opens one shard after another and closes it again: nothing stays open, so loader workers may be forked or
    spawned at any time, and one file handle is enough for any number of shards.
    """

    def __init__(self, dataset: Dataset, split: str) -> None:
        self.shape = image_shape(dataset, split)
        shards = split_shards(dataset, split)
        self.paths = [dataset.directory / plain(shard["file"]) for shard in shards]
        self.first = np.array([shard["first"] for shard in shards])
        self.stamps = [_stamp(path.stat()) for path in self.paths]
        places = []
        for path, shard in zip(self.paths, shards, strict=True):
            with naming(path):
                find = pictures_in_tar if path.suffix == ".tar" else _chunks_in_hdf5
                places.append(np.array(find(path, shard["records"], self.shape[1:]), np.int64))
        self.places = np.concatenate(places)

    def __getitem__(self, where: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.uint8]:
        """Pictures (V, B, S, S, 3) of pendulums (B,) and their images (V, B), as NumPy indexes; V may be missing."""
        pendulum, image = where
        views, size = image.reshape(-1, len(pendulum)), math.prod(self.shape[2:])
        pictures = np.empty((*views.shape, *self.shape[2:]), np.uint8)
        held, targets = pictures.data.cast("B"), np.arange(views.size).reshape(views.shape) * size
        shard = np.searchsorted(self.first, pendulum, side="right") - 1
        for number in np.unique(shard):
            path, rows = self.paths[number], np.flatnonzero(shard == number)
            read = _read_pictures if path.suffix == ".tar" else _inflate_chunk
            wanted = (self.places[pendulum[rows]], views.T[rows] * size, targets.T[rows])
            with naming(path), open(path, "rb", buffering=0) as file:
                if _stamp(os.fstat(file.fileno())) != self.stamps[number]:
                    raise ValueError("it was changed or replaced while in use")
                for place, starts, into in zip(*(each.tolist() for each in wanted), strict=True):
                    read(file, place, self.shape[1] * size, starts, [held[to : to + size] for to in into])
        return pictures.reshape(*image.shape, *self.shape[2:])


def _stamp(held: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from one that takes its place or was written anew."""
    return held.st_ino, held.st_size, held.st_mtime_ns


def images_of(dataset: Dataset, split: str, cache: int) -> NDArray[np.uint8] | DiskImages:
    """Pictures of a split, in memory where they fit into `cache` bytes, else left on disk."""
    shape = image_shape(dataset, split)
    if math.prod(shape) > cache:
        return DiskImages(dataset, split)
    return read_split(dataset, split, ("image",))["image"]


def image_parts(dataset: Dataset, split: str, most: int = 2**22) -> Iterator[NDArray[np.uint8]]:
    """All pictures of a split in order, (n, S, S, 3), at most `most` bytes at a time, or those of one pendulum.

    Raises ValueError naming the shard that cannot be read, or is not what the manifest says.
    """
    shards, shape = split_shards(dataset, split), image_shape(dataset, split)[1:]
    step = max(1, most // math.prod(shape))
    for shard in shards:
        path = dataset.directory / plain(shard["file"])
        read = _tar_parts if path.suffix == ".tar" else _hdf5_parts
        with naming(path):
            for part in read(path, shard["records"], shape, step):
                yield part.reshape(-1, *shape[1:])


def _tar_parts(path: Path, records: int, shape: tuple[int, ...], step: int) -> Iterator[NDArray[np.uint8]]:
    places = pictures_in_tar(path, records, shape)
    with open(path, "rb", buffering=0) as file:
        for first in range(0, len(places), step):
            part = np.empty((len(places[first : first + step]), *shape), np.uint8)
            for (start, _), pictures in zip(places[first : first + step], part, strict=True):
                _fill(file, start, pictures.data.cast("B"))
            yield part


def _hdf5_parts(path: Path, records: int, shape: tuple[int, ...], step: int) -> Iterator[NDArray[np.uint8]]:
    with h5py.File(path, "r") as file:
        image = column(file, "image", "uint8", (records, *shape))
        for first in range(0, records, step):
            yield np.asarray(image[first : first + step])


def _chunks_in_hdf5(path: Path, records: int, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """First byte and number of bytes of the chunk of each pendulum, its pictures (T, S, S, 3) under gzip."""
    expected = ((1, *shape), "gzip", False, False)
    with h5py.File(path, "r") as file:
        image = column(file, "image", "uint8", (records, *shape))
        found = (image.chunks, image.compression, image.shuffle, image.fletcher32)
        if found != expected:
            raise ValueError(f"image is stored as {found}, expected {expected}; a larger --cache reads it whole")
        where = [image.id.get_chunk_info_by_coord((number, *[0] * len(shape))) for number in range(records)]
        if any(chunk.filter_mask for chunk in where):
            raise ValueError("a chunk is stored without gzip, expected all with it; a larger --cache reads it whole")
        return [(chunk.byte_offset, chunk.size) for chunk in where]


def _read_pictures(file: FileIO, place: list[int], _whole: int, starts: list[int], into: list[memoryview]) -> None:
    """Read some pictures of a pendulum, which begin at `starts` of its bytes."""
    for start, out in zip(starts, into, strict=True):
        _fill(file, place[0] + start, out)


def _fill(file: FileIO, start: int, out: memoryview) -> None:
    file.seek(start)
    if file.readinto(out) != len(out):
        raise EOFError(f"it ends before byte {start + len(out)}")


def _inflate_chunk(file: FileIO, place: list[int], whole: int, starts: list[int], into: list[memoryview]) -> None:
    """Inflate a pendulum of `whole` bytes and take some pictures of it, which begin at `starts`."""
    file.seek(place[0])
    pictures = zlib.decompressobj().decompress(file.read(place[1]), whole)  # whatever it would inflate to
    if len(pictures) != whole:
        raise EOFError(f"the chunk at byte {place[0]} holds {len(pictures)} bytes, expected {whole}")
    for start, out in zip(starts, into, strict=True):
        out[:] = pictures[start : start + len(out)]
