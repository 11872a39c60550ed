"""Records → batches of positive pairs, through a torch DataLoader.

The order depends on (seed, epoch) alone: `plan` draws a whole epoch at once, so neither the number of
workers nor the container of the shards can change it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

Batch = tuple[Tensor, Tensor, Tensor]


def plan(seed: int, epoch: int, pendulums: int, images: int) -> NDArray[np.int64]:
    """One epoch: rows (pendulum, first image, second image), int64 (P, 3), pendulums in random order.

    Each pendulum appears once, with two different images drawn uniformly.
    """
    draw = np.random.Generator(np.random.Philox(key=seed, counter=(0, epoch, 0, 0)))
    order = draw.permutation(pendulums)
    first = draw.integers(images, size=pendulums)
    second = (first + 1 + draw.integers(images - 1, size=pendulums)) % images
    return np.stack([order, first, second], axis=-1).astype(np.int64)


class Pairs(Dataset[Batch]):
    """Images (P, T, S, S, 3) uint8 and energies (P,); an index is a row of `plan`."""

    def __init__(self, images: NDArray[np.uint8], energies: NDArray[np.float64]) -> None:
        self.images, self.energies = images, energies

    def __getitems__(self, rows: Sequence[tuple[int, int, int]]) -> Batch:
        """Both views, uint8 (B, S, S, 3), and the energies, float32 (B,)."""
        pendulum, first, second = np.asarray(rows).T
        x, y = (torch.from_numpy(self.images[pendulum, image]) for image in (first, second))
        return x, y, torch.from_numpy(self.energies[pendulum].astype(np.float32))


class Epoch(Sampler[list[NDArray[np.int64]]]):
    """Batches of rows of one epoch's plan; a last, smaller batch is dropped. Set `epoch` before iterating."""

    def __init__(self, seed: int, pendulums: int, images: int, batch: int) -> None:
        self.seed, self.pendulums, self.images, self.batch = seed, pendulums, images, batch
        self.epoch = 0

    def __len__(self) -> int:
        return self.pendulums // self.batch

    def __iter__(self) -> Iterator[list[NDArray[np.int64]]]:
        rows = plan(self.seed, self.epoch, self.pendulums, self.images)
        for start in range(0, len(self) * self.batch, self.batch):
            yield list(rows[start : start + self.batch])


def _as_it_is(batch: Any) -> Any:
    """`Pairs` collates by itself."""
    return batch


def pair_loader(
    images: NDArray[np.uint8], energies: NDArray[np.float64], seed: int, batch: int, workers: int = 0
) -> tuple[DataLoader[Batch], Epoch]:
    """A DataLoader of (first view, second view, energy) batches, and the sampler that holds its epoch.

    Raises ValueError where there are fewer pendulums than one batch, or one image of each.
    """
    pendulums, count = images.shape[:2]
    if pendulums < batch:
        raise ValueError(
            f"batch is {batch}, expected at most the {pendulums} pendulums of the training split; set --batch"
        )
    if count < 2:
        raise ValueError(f"the training split has {count} image of each pendulum, expected 2 or more for a pair")
    sampler = Epoch(seed, pendulums, count, batch)
    loader = DataLoader(Pairs(images, energies), batch_sampler=sampler, num_workers=workers, collate_fn=_as_it_is)
    return loader, sampler
