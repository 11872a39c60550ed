"""A split as a map-style `torch.utils.data.Dataset`, for anybody's loop: single pictures, or pairs of one pendulum.

Both have a length and are indexed by whole numbers, so any sampler will do, a distributed one included, and any
`DataLoader`; they are picklable, and workers share the pictures. Pictures are float32 (3, S, S) in [0, 1], energies
float32 (). Files are checked against the manifest when a dataset is made. Pictures beyond 8 GB are left on disk.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pendtrain.loader import plan
from pendtrain.shards import check_files, open_dataset, read_split, split_shards
from pendtrain.streaming import DiskImages, images_of

MOST_HELD = 8 * 2**30
"""Bytes of pictures kept in memory."""


class _Split:
    """Pictures and energies of a split, by pendulum and number of the image."""

    def __init__(self, path: str | Path, split: str) -> None:
        dataset = open_dataset(Path(path))
        split_shards(dataset, split)  # refuses a split that is not there
        check_files(dataset, split)
        images = images_of(dataset, split, MOST_HELD)
        # A tensor goes to a worker as shared memory, an array as a copy.
        self.images: Tensor | DiskImages = images if isinstance(images, DiskImages) else torch.from_numpy(images)
        self.energy = torch.from_numpy(read_split(dataset, split, ("energy",))["energy"].astype(np.float32))
        self.shape: tuple[int, ...] = tuple(images.shape)

    def picture(self, pendulum: int, image: int) -> Tensor:
        """Float32 (3, S, S) in [0, 1]."""
        if isinstance(self.images, Tensor):
            pixels = self.images[pendulum, image]
        else:
            pixels = torch.from_numpy(self.images[np.array([pendulum]), np.array([image])][0])
        return pixels.permute(2, 0, 1).float() / 255.0


class ImageDataset(Dataset[tuple[Tensor, Tensor]]):
    """Every image of a split: item i is image i mod T of pendulum i div T, and the pendulum's energy.

    `path` is a dataset directory or the folder of its versions; `split` is train or test. Raises FileNotFoundError or
    ValueError naming the file and what is wrong with it.
    """

    def __init__(self, path: str | Path, split: str = "train") -> None:
        self._held = _Split(path, split)

    def __len__(self) -> int:
        return self._held.shape[0] * self._held.shape[1]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Image, float32 (3, S, S) in [0, 1], and energy, float32 ()."""
        pendulum, image = divmod(_place(index, len(self)), self._held.shape[1])
        return self._held.picture(pendulum, image), self._held.energy[pendulum]


class PairDataset(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Positive pairs: item i is two different images of pendulum i, and its energy, which contrastive training ignores.

    After `set_epoch` the images that a pair shows depend on (seed, epoch, i) alone, whatever the sampler, workers and
    processes; they are those that `pendtrain fit` shows of that seed in that epoch. Before it is called, each access
    draws two anew from torch's own generator, so that a loop that knows no epochs still sees ever new pairs;
    `torch.manual_seed` then makes it repeatable with the same number of workers. Call it before each epoch, in every
    process; workers that are kept between epochs see it too.
    """

    def __init__(self, path: str | Path, split: str = "train", seed: int = 0) -> None:
        self._held, self.seed = _Split(path, split), seed
        if self._held.shape[1] < 2:
            raise ValueError(f"split {split} has {self._held.shape[1]} image of each pendulum, expected 2 or more")
        if not 0 <= seed < 2**63:
            raise ValueError(f"seed is {seed}, expected 0 to 2^63 - 1")
        self._epoch = torch.full((), -1, dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # workers see it change
        self._views: tuple[int, NDArray[np.int64]] = (-1, np.empty((0, 2), np.int64))

    def set_epoch(self, epoch: int) -> None:
        """From now on show the pairs of this epoch, 0 or more."""
        if epoch < 0:
            raise ValueError(f"epoch is {epoch}, expected 0 or more")
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self._held.shape[0]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Both images, float32 (3, S, S) in [0, 1], and the energy, float32 ()."""
        pendulum = _place(index, len(self))
        first, second = self.views(pendulum)
        pictures = self._held.picture
        return pictures(pendulum, first), pictures(pendulum, second), self._held.energy[pendulum]

    def views(self, pendulum: int) -> tuple[int, int]:
        """Numbers of the two images that an access shows of a pendulum."""
        epoch, images = int(self._epoch), self._held.shape[1]
        if epoch < 0:
            first, step = int(torch.randint(images, ())), 1 + int(torch.randint(images - 1, ()))
            return first, (first + step) % images
        if self._views[0] != epoch:
            rows = plan(self.seed, epoch, len(self), images)
            self._views = (epoch, rows[np.argsort(rows[:, 0]), 1:])
        first, second = self._views[1][pendulum].tolist()
        return first, second


def _place(index: int, length: int) -> int:
    """An index from 0 on, counted from the end where negative. Raises IndexError, which ends a loop over a dataset."""
    if not -length <= index < length:
        raise IndexError(f"index is {index}, expected {-length} to {length - 1}")
    return int(index) % length
