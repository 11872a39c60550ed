"""Records → batches of positive pairs, through a torch DataLoader.

The order depends on (seed, epoch) alone: `plan` draws a whole epoch at once, so neither the number of
workers nor processes nor the container of the shards can change it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pendtrain.workers import leave_signals_to_the_leader

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
_PAIRS, _LABELS, _EXTRA = 0, 1, 2  # purposes, each with a stream of its own


class Images(Protocol):
    """Pictures (P, T, S, S, 3) uint8 left on disk, taken by pendulum and image number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(P, T, S, S, 3)."""

    def __getitem__(self, where: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.uint8]:
        """Pictures (V, B, S, S, 3) of pendulums (B,) and image numbers (V, B)."""


def plan(seed: int, epoch: int, pendulums: int, images: int, replacement: bool = False) -> NDArray[np.int64]:
    """One epoch: rows (pendulum, first image, second image), int64 (P, 3), pendulums in random order.

    Each pendulum appears once, with two different images drawn uniformly; with `replacement` (the
    `original` protocol) they may be one and the same.
    """
    draw = _stream(seed, epoch, _PAIRS)
    return _with_views(draw, draw.permutation(pendulums), images, replacement)


def labelled(seed: int, pendulums: int, share: float) -> NDArray[np.bool_]:
    """Which pendulums keep their energy, bool (P,): a share of them, rounded; a larger share holds the smaller one.

    Raises ValueError where that is none, or all though the share is below 1.
    """
    count = round(share * pendulums)
    if count == 0 or (count == pendulums and share < 1):
        left = "no pendulum" if count == 0 else f"all {pendulums} pendulums"
        raise ValueError(f"labelled is {share:g}, which leaves {left} a label, expected 1 to {pendulums - 1}, or 1.0")
    known = np.zeros(pendulums, bool)
    known[_stream(seed, 0, _LABELS).permutation(pendulums)[:count]] = True
    return known


def _stream(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    """Of one epoch and purpose; what it begins with, a dataset of the same seed draws for one pendulum of it.

    Epoch e's first 64 bits are those of pendulum e's energy: of thousands of exchanges that make a permutation, one
    follows from it. That is too little to matter, and another stream would change every run that is under way.
    """
    return np.random.Generator(np.random.Philox(key=seed, counter=(0, epoch, purpose, 0)))


def _repeated(draw: np.random.Generator, among: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of the pendulums, in random order, none a second time before all have been."""
    return np.concatenate([draw.permutation(among) for _ in range(-(-count // len(among)))])[:count]


def _with_views(
    draw: np.random.Generator, order: NDArray[np.int64], images: int, replacement: bool
) -> NDArray[np.int64]:
    first = draw.integers(images, size=len(order))
    if replacement:
        second = draw.integers(images, size=len(order))
    else:
        second = (first + 1 + draw.integers(images - 1, size=len(order))) % images
    return np.stack([order, first, second], axis=-1).astype(np.int64)


class Pairs(Dataset[Batch]):
    """Images (P, T, S, S, 3) uint8 and energies (P,), NaN where unknown; an index is a row of `Epoch`.

    Images in memory are a tensor, on whichever device it is: batches are gathered there.
    """

    def __init__(self, images: Tensor | Images, energies: NDArray[np.float64]) -> None:
        self.images, self.energies = images, energies

    def __getitems__(self, rows: Sequence[NDArray[np.int64]]) -> Batch:
        """Both views, uint8 (B, S, S, 3), the energies, float32 (B,), and which rows are extra, bool (B,)."""
        pendulum, *views, extra = np.asarray(rows).T
        energy = torch.from_numpy(self.energies[pendulum].astype(np.float32))
        added = torch.from_numpy(extra.astype(bool))
        if isinstance(self.images, Tensor):
            place = self.images.device
            which, view = (torch.from_numpy(np.array(part)).to(place) for part in (pendulum, views))
            x, y = self.images[which, view]
        else:
            x, y = torch.from_numpy(self.images[pendulum, np.array(views)])
        return x, y, energy, added


@dataclass(frozen=True)
class Known:
    """Who of the pendulums has a label, and what becomes of that in an epoch."""

    labelled: NDArray[np.bool_]
    """(P,)"""
    extra: int = 0
    """Labelled pendulums added to every batch, over all processes."""
    alone: bool = False
    """An epoch shows only those with a label, over and over."""


class Epoch(Sampler[list[NDArray[np.int64]]]):
    """Batches of rows (pendulum, first image, second image, extra) of one epoch; a last, smaller batch is dropped.

    Set `epoch`, and `start` to skip batches already seen, before iterating. With `world` processes each
    batch is split evenly among them in order, `rank` taking its part.
    """

    def __init__(
        self,
        seed: int,
        shape: tuple[int, ...],
        batch: int,
        replacement: bool = False,
        rank: int = 0,
        world: int = 1,
        known: Known | None = None,
    ) -> None:
        self.seed, self.pendulums, self.images, self.batch = seed, shape[0], shape[1], batch
        self.replacement, self.rank, self.world = replacement, rank, world
        self.known = known or Known(np.ones(shape[0], bool))
        self.epoch = self.start = 0

    def __len__(self) -> int:
        return self.pendulums // self.batch

    def __iter__(self) -> Iterator[list[NDArray[np.int64]]]:
        rows = plan(self.seed, self.epoch, self.pendulums, self.images, self.replacement)
        among = np.flatnonzero(self.known.labelled)
        draw = _stream(self.seed, self.epoch, _EXTRA)
        if self.known.alone and len(among) < self.pendulums:
            rows = _with_views(draw, _repeated(draw, among, self.pendulums), self.images, self.replacement)
        count = self.known.extra * len(self)
        extra = _with_views(draw, _repeated(draw, among, count), self.images, self.replacement) if count else rows[:0]
        for number in range(self.start, len(self)):
            own, added = self._part(rows, number, self.batch), self._part(extra, number, self.known.extra)
            flag = np.r_[np.zeros(len(own), np.int64), np.ones(len(added), np.int64)]
            yield list(np.column_stack([np.concatenate([own, added]), flag]))

    def _part(self, rows: NDArray[np.int64], number: int, size: int) -> NDArray[np.int64]:
        """The share this process has of batch `number` of `size` rows."""
        part = size // self.world
        first = number * size + self.rank * part
        return rows[first : first + part]


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
    known: Known | None = None,
) -> tuple[DataLoader[Batch], Epoch]:
    """A DataLoader of (first view, second view, energy, extra) batches, and the sampler that holds its epoch.

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
    if known is not None and known.extra % world:
        raise ValueError(f"{known.extra} labelled pendulums a batch, expected a multiple of the {world} processes")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 or more")
    held = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
    workers = 0 if isinstance(held, Tensor) and held.device.type == "cuda" else workers  # it is there already
    sampler = Epoch(seed, tuple(images.shape), batch, replacement, rank, world, known)
    loader = DataLoader(
        Pairs(held, energies),
        batch_sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        persistent_workers=workers > 0,
        worker_init_fn=leave_signals_to_the_leader,
        generator=torch.Generator(),  # else each start of an epoch would draw from the one that checkpoints keep
    )
    return loader, sampler
