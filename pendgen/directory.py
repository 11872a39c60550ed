"""The directory of a dataset: one process at a time writes it, and replaces it whole."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pendgen.manifest import PLAIN_NAME


def refuse_full_disk(out: Path, needed: int) -> None:
    """Raise OSError where the disk of `out` has less free space than `needed` bytes."""
    there = out.absolute()
    while not there.is_dir() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise OSError(f"about {needed / 1e9:.2f} GB are needed in {out}, but {free / 1e9:.2f} GB are free; set --out")


def check_name(name: str) -> None:
    """Raise ValueError where a dataset may not be called so."""
    if not re.match(PLAIN_NAME, name) or any(sign in name for sign in "[]{}*?"):
        raise ValueError(
            f"name is {name!r}, expected a plain directory name of at most 200 letters, without []{{}}*? or a leading "
            "dash or dot; set --name"
        )


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Hold the lock on `target`; raises ValueError where another process has it."""
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another build is writing {target}; wait for it, or choose another --name") from None
    try:
        yield
    finally:
        lock.release()


def make_way(target: Path) -> None:
    """Remove what an earlier replacement of `target` left; raises OSError where `target` could not be removed."""
    remove(_replaced(target))
    for folder in (target, *(path for path in target.glob("**/") if path != target)):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(f"cannot replace {target}: this user may not remove what is in {folder}")


def publish(work: Path, target: Path) -> None:
    """Put the finished directory `work` in the place of `target`, whole."""
    if target.exists():
        target.rename(_replaced(target))
    work.rename(target)
    remove(_replaced(target))


def remove(path: Path) -> None:
    """Remove a directory, or a link to one, if it is there."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _replaced(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")
