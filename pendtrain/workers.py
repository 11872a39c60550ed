"""The processes of a DataLoader: which signals they hear, and what becomes of the others when one of them dies."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import Event
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from traceback import clear_frames
from typing import Any, TypeVar

from torch.utils.data import DataLoader

from pendtrain.signals import SIGNALS, held

Batch = TypeVar("Batch")
Result = TypeVar("Result")
GRACE = 1.0  # seconds, for one whose connections are cut to be dead


class WorkerDied(Exception):
    """A process that loads was killed, by somebody or for want of memory."""


class _Death(BaseException):
    """News of one, which nothing in torch may take for an error that it has to look into."""


def leave_signals_to_the_leader(_: int) -> None:
    """A signal to the whole group must not take the loader away while the training process saves its state."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def batches(loader: DataLoader[Batch]) -> Iterator[Batch]:
    """One epoch of a loader; what goes wrong in its processes is raised here, and nowhere in the middle of a step.

    Raises WorkerDied where one of them was killed, and otherwise what was raised there, with its own message alone;
    none of them is left then.
    """
    guard = _Guard(getattr(loader, "_iterator", None))  # of an epoch before
    try:
        guard.listen()
        with held(*SIGNALS):
            iterator = guard.wait_for(lambda: iter(loader))
        guard.iterator = iterator
        guard.listen()
        guard.let_be_ended()
        while True:
            yield guard.wait_for(lambda: next(iterator))
    except StopIteration:
        return
    except (_Death, Exception) as problem:
        if not guard.workers:
            raise
        # A message cut short by the death of its sender comes as any error of a connection, before the news.
        died = guard.dead(within=GRACE)
        guard.end()
        clear_frames(problem.__traceback__)  # in one of torch's it holds itself, and with it the loader
        if died:
            reason = "killed, or out of memory; the same command goes on; try fewer --workers"
            raise WorkerDied(f"a process that loads died: {reason}") from problem
        if str(problem).startswith("Caught "):  # there, and handed over by torch with a traceback
            raise type(problem)(str(problem).splitlines()[-1].partition(": ")[2]) from problem
        raise
    finally:
        guard.stop()


class _Guard:
    """Hears of a death, and raises _Death while a batch is waited for and at no other time.

    In place of torch, which raises in the midst of whatever runs, be it the end of a failed run, and asks on the way
    for a lock that the dead one may have held. Where there are no such signals torch looks every five seconds.
    """

    def __init__(self, iterator: Any) -> None:
        self.iterator, self.waiting = iterator, False
        self.able = hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread()
        self.before: Any = None

    @property
    def workers(self) -> Sequence[BaseProcess]:
        return getattr(self.iterator, "_workers", ())

    def listen(self) -> None:
        """From the first processes on; torch's handler must not find this one and keep it, and with it the processes.

        Torch ends them when nobody refers to their iterator any more.
        """
        if self.able and self.iterator is not None:
            before = signal.signal(signal.SIGCHLD, self.hear)
            if before != self.hear:
                self.before = before or signal.SIG_DFL

    def stop(self) -> None:
        if self.before is not None:
            signal.signal(signal.SIGCHLD, self.before)

    def hear(self, *_: object) -> None:
        if self.waiting and self.dead():
            self.waiting = False
            self.end()  # first: one that is just handing over a batch would print that nobody takes it
            raise _Death

    def dead(self, within: float = 0.0) -> bool:
        return bool(self.workers and wait([worker.sentinel for worker in self.workers], within))

    def wait_for(self, call: Callable[[], Result]) -> Result:
        try:
            self.waiting = True
            self.hear()
            return call()
        finally:
            self.waiting = False

    def let_be_ended(self) -> None:
        """Where torch or Python ends them by SIGTERM, which they do not hear, and then waits for them without end."""
        for worker in self.workers:
            popen = worker._popen  # type: ignore[attr-defined]  # what Python itself asks at its exit
            popen.terminate = popen.kill

    def end(self) -> None:
        """End the others too, who do not hear the SIGTERM by which torch would, and what torch would wait for."""
        for worker in self.workers:
            worker.kill()
            worker.join()
        # Set by torch when it puts the loader away, for which it needs a lock that the dead one may have held.
        self.iterator._workers_done_event = Event()
