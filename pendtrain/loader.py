"""Records → batches of positive pairs, through a torch DataLoader.

The order depends on (seed, epoch) alone: `plan` draws a whole epoch at once, so neither the number of
workers nor processes nor the container of the shards can change it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

Batch = tuple[Tensor, Tensor, Tensor]


class Images(Protocol):
    """Pictures (P, T, S, S, 3) uint8 left on disk, taken by pendulum and image number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(P, T, S, S, 3)."""

    def __getitem__(self, where: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.uint8]:
        """Pictures (B, S, S, 3) of pendulums (B,) and image numbers (B,)."""


def plan(seed: int, epoch: int, pendulums: int, images: int, replacement: bool = False) -> NDArray[np.int64]:
    """One epoch: rows (pendulum, first image, second image), int64 (P, 3), pendulums in random order.

    Each pendulum appears once, with two different images drawn uniformly; with `replacement` (the
    `original` protocol) they may be one and the same.
    """
    draw = np.random.Generator(np.random.Philox(key=seed, counter=(0, epoch, 0, 0)))
    order = draw.permutation(pendulums)
    first = draw.integers(images, size=pendulums)
    if replacement:
        second = draw.integers(images, size=pendulums)
    else:
        second = (first + 1 + draw.integers(images - 1, size=pendulums)) % images
    return np.stack([order, first, second], axis=-1).astype(np.int64)


class Pairs(Dataset[Batch]):
    """Images (P, T, S, S, 3) uint8 and energies (P,); an index is a row of `plan`.

    Images in memory are a tensor, on whichever device it is: batches are gathered there.
    """

    def __init__(self, images: Tensor | Images, energies: NDArray[np.float64]) -> None:
        self.images, self.energies = images, energies

    def __getitems__(self, rows: Sequence[NDArray[np.int64]]) -> Batch:
        """Both views, uint8 (B, S, S, 3), and the energies, float32 (B,)."""
        pendulum, *views = np.asarray(rows).T
        energy = torch.from_numpy(self.energies[pendulum].astype(np.float32))
        if not isinstance(self.images, Tensor):
            x, y = (torch.from_numpy(self.images[pendulum, image]) for image in views)
            return x, y, energy
        place = self.images.device
        which = torch.from_numpy(np.ascontiguousarray(pendulum)).to(place)
        x, y = (self.images[which, torch.from_numpy(np.ascontiguousarray(image)).to(place)] for image in views)
        return x, y, energy


class Epoch(Sampler[list[NDArray[np.int64]]]):
    """Batches of rows of one epoch's plan; a last, smaller batch is dropped.

    Set `epoch`, and `start` to skip batches already seen, before iterating. With `world` processes each
    batch is split evenly among them in order, `rank` taking its part.
    """

    def __init__(
        self, seed: int, shape: tuple[int, ...], batch: int, replacement: bool = False, rank: int = 0, world: int = 1
    ) -> None:
        self.seed, self.pendulums, self.images, self.batch = seed, shape[0], shape[1], batch
        self.replacement, self.rank, self.part = replacement, rank, batch // world
        self.epoch = self.start = 0

    def __len__(self) -> int:
        return self.pendulums // self.batch

    def __iter__(self) -> Iterator[list[NDArray[np.int64]]]:
        rows = plan(self.seed, self.epoch, self.pendulums, self.images, self.replacement)
        for number in range(self.start, len(self)):
            first = number * self.batch + self.rank * self.part
            yield list(rows[first : first + self.part])


def _as_it_is(batch: Any) -> Any:
    """`Pairs` collates by itself."""
    return batch


def pair_loader(
    images: Tensor | Images | NDArray[np.uint8],
    energies: NDArray[np.float64],
    seed: int,
    batch: int,
    workers: int = 0,
    replacement: bool = False,
    rank: int = 0,
    world: int = 1,
) -> tuple[DataLoader[Batch], Epoch]:
    """A DataLoader of (first view, second view, energy) batches, and the sampler that holds its epoch.

    `batch` is the global one. Raises ValueError where there are fewer pendulums than one batch, one
    image of each, or a batch that the processes cannot divide.
    """
    pendulums, count = images.shape[:2]
    if pendulums < batch:
        raise ValueError(
            f"batch is {batch}, expected at most the {pendulums} pendulums of the training split; set --batch"
        )
    if count < 2:
        raise ValueError(f"the training split has {count} image of each pendulum, expected 2 or more for a pair")
    if batch % world:
        raise ValueError(f"batch is {batch}, expected a multiple of the {world} processes; set --batch")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 or more")
    held = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
    workers = 0 if isinstance(held, Tensor) and held.device.type == "cuda" else workers  # it is there already
    sampler = Epoch(seed, tuple(images.shape), batch, replacement, rank, world)
    loader = DataLoader(Pairs(held, energies), batch_sampler=sampler, num_workers=workers, collate_fn=_as_it_is)
    return loader, sampler
