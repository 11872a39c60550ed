"""What goes wrong in a process that loads: said once, in the words of where it happened, and nobody is left."""

import gc
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pendtrain.workers import WorkerDied, batches, leave_signals_to_the_leader

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    # Where a connection breaks torch opens ten files, to see whether it may; the news of a death can come meanwhile.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _put_away() -> Iterator[None]:
    yield
    gc.collect()


class Troubled(Dataset[Tensor]):
    """Rows 0 to 39; at row 20 what `trouble` says happens to the process that reads it."""

    def __init__(self, trouble: str) -> None:
        self.trouble = trouble

    def __getitems__(self, rows: Sequence[int]) -> Tensor:
        if 20 in rows:
            if self.trouble == "raises":
                raise ValueError("train-0003.tar cannot be read: it was changed")
            if self.trouble == "dies with the lock of torch's own event":
                frame = sys._getframe()
                while "done_event" not in frame.f_locals:
                    assert frame.f_back is not None
                    frame = frame.f_back
                frame.f_locals["done_event"]._cond.acquire()
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.tensor(rows)


def loader(trouble: str, workers: int) -> DataLoader[Tensor]:
    return DataLoader(
        Troubled(trouble),
        batch_sampler=[list(range(first, first + 4)) for first in range(0, 40, 4)],
        num_workers=workers,
        collate_fn=lambda batch: batch,
        persistent_workers=workers > 0,
        worker_init_fn=leave_signals_to_the_leader,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_process_raises_is_raised_in_its_own_words(workers: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = set(multiprocessing.active_children())
    source = loader("raises", workers)
    loads, kept = batches(source), weakref.ref(source)
    assert [next(loads).tolist()[0] for _ in range(5)] == [0, 4, 8, 12, 16]
    with pytest.raises(ValueError, match=r"^train-0003\.tar cannot be read: it was changed$"):
        next(loads)
    assert set(multiprocessing.active_children()) <= before
    del loads, source
    assert kept() is None  # processes begun later would find it, and could not put it away
    assert capfd.readouterr().err == ""


AT_EXIT = """
import os, sys
from test_workers import batches, loader

loads = batches(loader("raises", 2))
assert next(loads).tolist() == [0, 1, 2, 3]
print(*(worker.pid for worker in loads.gi_frame.f_locals["guard"].workers))
kept = [loads]
kept.append(kept)  # what refers to itself is not put away before Python waits for the processes
"""


def test_no_program_waits_for_them_at_its_end() -> None:
    words = [sys.executable, "-c", AT_EXIT]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent)
    assert (done.returncode, done.stderr) == (0, "")
    workers = [int(word) for word in done.stdout.split()]
    assert len(workers) == 2
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


@pytest.mark.parametrize("trouble", ["dies", "dies with the lock of torch's own event"])
def test_one_that_dies_takes_the_others_along_and_nobody_waits(trouble: str) -> None:
    before, handler = set(multiprocessing.active_children()), signal.getsignal(signal.SIGCHLD)
    loads, began = loader(trouble, 2), time.monotonic()
    with pytest.raises(WorkerDied, match="a process that loads died: killed, or out of memory"):
        list(batches(loads))
    assert set(multiprocessing.active_children()) <= before
    loads._iterator._shutdown_workers()  # type: ignore[union-attr]
    assert time.monotonic() - began < 30
    assert signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN
    assert handler in (signal.SIG_DFL, signal.getsignal(signal.SIGCHLD))


def test_a_death_is_not_told_in_the_middle_of_a_step() -> None:
    """Torch raises wherever Python is when the news of it comes; here it waits for the next batch."""
    loads = batches(loader("dies", 2))
    next(loads)
    first = multiprocessing.active_children()[0]
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    for _ in range(1000):
        time.sleep(0.0001)
    with pytest.raises(WorkerDied):
        list(loads)


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="asks a connection whose it is, as Linux can tell")
def test_one_that_hands_over_a_batch_says_nothing_when_the_other_dies(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its connection is cut in the middle of a greeting, which a thread of it would print with a traceback."""
    before = set(multiprocessing.active_children())
    loads = batches(loader("raises", 2))
    assert next(loads).tolist() == [0, 1, 2, 3]
    both = {worker.pid for worker in set(multiprocessing.active_children()) - before}
    cut = []

    def greet(sender: connection.Connection, key: bytes) -> None:
        with socket.fromfd(sender.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as end:
            giver, _, _ = struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        (other,) = both - {giver}
        assert other is not None
        os.kill(other, signal.SIGKILL)
        try:
            for _ in range(1000):
                time.sleep(0.001)
        finally:
            sender.close()  # as Python does with one that is just opened
            cut.append(giver)
            time.sleep(0.5)

    monkeypatch.setattr(connection, "answer_challenge", greet)  # here, not in those that run already
    with pytest.raises(WorkerDied):
        list(loads)
    assert len(cut) == 1
    assert capfd.readouterr().err == ""


def test_processes_end_when_nobody_asks_for_more() -> None:
    """Else the program would wait for them at its end, for ever: they ignore the SIGTERM that Python sends them."""
    before = set(multiprocessing.active_children())
    loads = loader("dies", 2)
    epoch = batches(loads)
    assert next(epoch).tolist() == [0, 1, 2, 3]
    assert len(set(multiprocessing.active_children()) - before) == 2
    del epoch, loads
    assert set(multiprocessing.active_children()) <= before
