"""One run over several GPUs or hosts, as `torchrun` starts it: `torchrun --nproc-per-node 4 -m pendtrain fit …`.

Every process embeds its part of the batch; embeddings and energies are gathered from all of them with
gradient, so each computes the loss of the whole batch. Its gradient with respect to one process's
embeddings then comes back once from every process, and DistributedDataParallel's mean over processes
makes of it exactly the gradient of one process on the joined batch.
"""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.distributed.rendezvous import rendezvous

PATIENCE = 120.0
"""Seconds in which all processes have to come."""


@dataclass(frozen=True)
class World:
    """The place of this process among all: `rank` of `size`, `local` being its number on this host."""

    rank: int = 0
    size: int = 1
    local: int = 0
    launcher: int = 0
    """Process number of the torchrun that watches over this process; 0: none does."""

    @property
    def deserted(self) -> bool:
        """Whether the torchrun that would forward signals to this process has died, which leaves it to nobody."""
        return self.launcher not in (0, os.getppid())

    def gather(self, rows: Tensor) -> Tensor:
        """Rows of all processes in the order of their ranks, with gradient: (B/size, …) → (B, …)."""
        return rows if self.size == 1 else _Gather.apply(rows, self)

    def wrap(self, encoder: nn.Module, device: torch.device) -> nn.Module:
        """The encoder as training calls it: as it is, or synchronised over processes.

        BatchNorm statistics are synchronised on CUDA, where torch can; elsewhere each process
        normalises by its own part of the batch.
        """
        if self.size == 1:
            return encoder
        if device.type == "cuda":
            encoder = nn.SyncBatchNorm.convert_sync_batchnorm(encoder)  # type: ignore[no-untyped-call]
        devices = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(encoder, device_ids=devices)

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process, so that all stop at the same step."""
        if self.size == 1:
            return flag
        total = torch.tensor([float(flag)], device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(total)
        return bool(total.item() > 0)

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


class _Gather(torch.autograd.Function):
    """All processes' rows, each of which has a gradient from every process."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, here: World) -> Tensor:
        ctx.here = here
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(here.size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        total = slope.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(ctx.here.size)[ctx.here.rank], None


def speaks() -> bool:
    """Whether this process is alone or the first of those that `torchrun` started: one of them reports."""
    return _number("WORLD_SIZE", 1) == 1 or _number("RANK", 0) == 0


def _met() -> tuple[Any, int, int]:
    """The store that all processes have come to, this one's rank, and how many there are.

    Raises ValueError where they do not come: such variables are also left behind by notebooks and schedulers. Signals
    have their usual effect meanwhile, since torch waits without letting Python see them, and nothing can be lost yet.
    """
    size, place = os.environ["WORLD_SIZE"], f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    alone = "start them all, as torchrun does, or unset WORLD_SIZE to train alone"
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM) if main}
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        print(f"waiting at {place} for {size} processes (WORLD_SIZE); {alone}", file=sys.stderr)
    try:
        store, rank, count = next(rendezvous("env://", timeout=timedelta(seconds=PATIENCE)))
    except (RuntimeError, ValueError) as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0]
        raise ValueError(
            f"WORLD_SIZE is {size}, but its processes did not meet at {place}: {reason}; {alone}"
        ) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    store.set_timeout(timedelta(minutes=30))  # torch's own, for everything that comes
    return store, rank, count


def _number(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isdecimal():
        raise ValueError(f"{name} is {text!r} in the environment, expected a whole number; unset it to train alone")
    return int(text)


@contextmanager
def world(device: torch.device) -> Iterator[World]:
    """The processes `torchrun` started, or this one alone. Raises ValueError where they do not meet."""
    if _number("WORLD_SIZE", 1) == 1:
        yield World()
        return
    # Imported while the group stands, as DistributedDataParallel does, torch.distributed.nn keeps it for good, as a
    # default argument. Its threads then go on, and one that lets go of a tensor while Python ends aborts the process.
    importlib.import_module("torch.distributed.nn")
    local, launcher = _number("LOCAL_RANK", 0), os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0
    if device.type == "cuda":
        torch.cuda.set_device(local)
    store, rank, size = _met()
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", store=store, rank=rank, world_size=size)
    try:
        yield World(dist.get_rank(), dist.get_world_size(), local, launcher)
    finally:
        dist.destroy_process_group()
