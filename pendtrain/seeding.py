"""Torch's generator, which all threads of a process share: what is drawn from it follows a seed alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

GENERATOR = threading.RLock()
"""Held by whoever draws from the generator or sets it: on a Dask worker several fits may run at once."""


@contextmanager
def seeded(seed: int, stream: int = 0) -> Iterator[None]:
    """Inside, draws are those of a stream of a seed, 0 to 2^63 - 1; afterwards the generator is as it was."""
    # It takes 32 bits alone, the lowest. A first stream of no more is the seed itself: runs were begun with it.
    mixed = int(np.random.SeedSequence(seed, spawn_key=(stream,)).generate_state(1)[0])
    with GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed if stream or seed >= 2**32 else seed)
        yield
