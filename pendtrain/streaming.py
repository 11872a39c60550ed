"""Pictures of a split: in memory, or left on disk and read as a batch needs them.

Where the pictures of each pendulum are is looked up once; from then on a shard is a plain file of bytes. The tar index
is our own because the sampler decides the order: webdataset streams, and its index has left it for a package `wids`,
which copies local shards into a cache folder, reads records whole and unpickles index files that it finds. HDF5 chunks
are not read by h5py because a batch touches every shard: to open one takes it 270 µs rather than 7, and keeping them
open takes as many file handles as there are shards. With 16 shards a batch of 512 takes half the time.
"""

import math
import tarfile
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain.shards import Dataset, dataset_of, image_shape, naming, plain, read_split, split_shards


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
        places = []
        for path, shard in zip(self.paths, shards, strict=True):
            with naming(path):
                find = _pictures_in_tar if path.suffix == ".tar" else _chunks_in_hdf5
                places.append(np.array(find(path, self.shape[1:]), np.int64))
                if len(places[-1]) != shard["records"]:
                    raise ValueError(f"it holds {len(places[-1])} pendulums, expected {shard['records']}")
        self.places = np.concatenate(places)

    def __getitem__(self, where: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.uint8]:
        """Pictures (V, B, S, S, 3) of pendulums (B,) and their images (V, B), as NumPy indexes; V may be missing."""
        pendulum, image = where
        views = image.reshape(-1, len(pendulum))
        pictures = np.empty((*views.shape, *self.shape[2:]), np.uint8)
        shard = np.searchsorted(self.first, pendulum, side="right") - 1
        for number in np.unique(shard):
            path = self.paths[number]
            read = _read_pictures if path.suffix == ".tar" else _inflate_chunk
            with naming(path), open(path, "rb", buffering=0) as file:
                for row in np.flatnonzero(shard == number):
                    start, size = self.places[pendulum[row]].tolist()
                    read(file, start, size, views[:, row], pictures[:, row])
        return pictures.reshape(*image.shape, *self.shape[2:])


def images_of(dataset: Dataset, split: str, cache: int) -> NDArray[np.uint8] | DiskImages:
    """Pictures of a split, in memory where they fit into `cache` bytes, else left on disk."""
    shape = image_shape(dataset, split)
    if math.prod(shape) > cache:
        return DiskImages(dataset, split)
    image: NDArray[np.uint8] = read_split(dataset, split, ("image",))["image"]
    if image.shape != shape:
        raise ValueError(f"images of {dataset.directory} have shape {image.shape}, expected {shape} by the manifest")
    return image


def image_parts(dataset: Dataset, split: str, most: int = 2**22) -> Iterator[NDArray[np.uint8]]:
    """All pictures of a split in order, (n, S, S, 3), at most `most` bytes at a time, or those of one pendulum.

    Raises ValueError naming the shard that cannot be read, or is not what the manifest says.
    """
    shards, shape = split_shards(dataset, split), image_shape(dataset, split)[1:]
    step = max(1, most // math.prod(shape))
    for shard in shards:
        path = dataset.directory / plain(shard["file"])
        read, pendulums = _tar_parts if path.suffix == ".tar" else _hdf5_parts, 0
        with naming(path):
            for part in read(path, shape, step):
                pendulums += len(part)
                yield part.reshape(-1, *shape[1:])
            if pendulums != shard["records"]:
                raise ValueError(f"it holds {pendulums} pendulums, expected {shard['records']}")


def _tar_parts(path: Path, shape: tuple[int, ...], step: int) -> Iterator[NDArray[np.uint8]]:
    places, views = _pictures_in_tar(path, shape), np.arange(shape[0])
    with open(path, "rb", buffering=0) as file:
        for first in range(0, len(places), step):
            part = np.empty((len(places[first : first + step]), *shape), np.uint8)
            for (start, size), pictures in zip(places[first : first + step], part, strict=True):
                _read_pictures(file, start, size, views, pictures)
            yield part


def _hdf5_parts(path: Path, shape: tuple[int, ...], step: int) -> Iterator[NDArray[np.uint8]]:
    with h5py.File(path, "r") as file:
        image = dataset_of(file, "image")
        if (str(image.dtype), image.shape[1:]) != ("uint8", shape):
            raise ValueError(f"image is {image.dtype} {image.shape[1:]}, expected uint8 {shape}")
        for first in range(0, len(image), step):
            yield np.asarray(image[first : first + step])


def _pictures_in_tar(path: Path, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """First byte and number of bytes of the pixels (T, S, S, 3) of each pendulum."""
    found = []
    expected = ((1, 0), (shape, False, np.dtype(np.uint8)))
    with open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as members:
        for member in members:
            if member.name.partition(".")[2] == "image.npy":
                file.seek(member.offset_data)
                header = (np.lib.format.read_magic(file), np.lib.format.read_array_header_1_0(file))
                if header != expected:
                    raise ValueError(f"{member.name} is {header}, expected {expected}")
                found.append((file.tell(), math.prod(shape)))
    return found


def _chunks_in_hdf5(path: Path, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """First byte and number of bytes of the chunk of each pendulum, its pictures (T, S, S, 3) under gzip."""
    expected = ("uint8", shape, (1, *shape), "gzip", False, False, None)
    with h5py.File(path, "r") as file:
        image = dataset_of(file, "image")
        filters = (image.compression, image.shuffle, image.fletcher32, image.scaleoffset)
        found = (str(image.dtype), image.shape[1:], image.chunks, *filters)
        if found != expected:
            raise ValueError(f"image is {found}, expected {expected}; a larger --cache reads it whole")
        where = [image.id.get_chunk_info_by_coord((number, *[0] * len(shape))) for number in range(len(image))]
        if any(chunk.filter_mask for chunk in where):
            raise ValueError("a chunk is stored without gzip, expected all with it; a larger --cache reads it whole")
        return [(chunk.byte_offset, chunk.size) for chunk in where]


def _read_pictures(file: FileIO, start: int, _: int, views: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Read some pictures of a pendulum, `views` (V,), into `out` (V, S, S, 3)."""
    for view, picture in zip(views, out, strict=True):
        file.seek(start + view * picture.nbytes)
        if file.readinto(picture) != picture.nbytes:
            raise EOFError(f"it ends before byte {start + (view + 1) * picture.nbytes}")


def _inflate_chunk(file: FileIO, start: int, size: int, views: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    """Inflate a pendulum and put some of its pictures, `views` (V,), into `out` (V, S, S, 3)."""
    file.seek(start)
    pictures = np.frombuffer(zlib.decompress(file.read(size)), np.uint8)
    out[...] = pictures.reshape(-1, *out.shape[1:])[views]
