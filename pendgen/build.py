"""From settings to a finished dataset directory: plan, shards in parallel, manifest last.

A build leaves its plan and a note per finished shard in `.build/` inside the directory, so that a
build that was killed picks up the shards whose bytes still match. `.build/` goes when the manifest
stands. Only a directory with a manifest is a dataset.
"""

import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pendgen import format as fmt
from pendgen.dataset import Dataset, Split
from pendgen.oracle import Oracle, tabulate
from pendgen.progress import track
from pendgen.shards import blocks, file_sha256, write_hdf5

_WORK = ".build"
ExecutorFactory = Callable[[], Executor]


@dataclass(frozen=True)
class Task:
    """One shard to build; everything a worker needs, picklable."""

    dataset: Dataset
    split: Split
    indices: range
    oracle: Oracle
    path: Path

    def run(self) -> dict[str, Any]:
        """Build the shard and leave a note of it beside; returns the note."""
        attributes = {"split": self.split.name, "first_index": self.indices.start, "time_gap": self.dataset.time_gap}
        parts = blocks(self.dataset, self.split, self.indices, self.oracle)
        written, hashes = write_hdf5(self.path, parts, len(self.indices), attributes)
        note = {**written, "hashes": {field: digests.hex() for field, digests in hashes.items()}}
        fmt.write_json(_note_path(self.path), note)
        return note


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def build(
    dataset: Dataset,
    out: Path,
    *,
    name: str | None = None,
    num_shards: int = 16,
    workers: int = 0,
    force: bool = False,
    quiet: bool = False,
    executor: ExecutorFactory | None = None,
) -> tuple[Path, bool]:
    """Build `dataset` under `out/<name>/<content version>/`; returns the directory and whether it was built.

    A finished directory with these settings is left as it is (False). `workers` is a number of processes
    (0: one per usable core), `executor` replaces them. Raises ValueError where the directory holds, or
    was begun with, other settings and `force` is not given; OSError where it cannot be written.
    """
    name = name or dataset.name
    if not name or name != Path(name).name or name.startswith("."):
        raise ValueError(f"name is {name!r}, expected a plain directory name")
    if num_shards < 1 or num_shards > 99999:
        raise ValueError(f"num_shards is {num_shards}, expected 1 to 99999")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 (one per core) or more")
    target = out / name / fmt.CONTENT_VERSION
    description = fmt.describe(dataset, name, "hdf5")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_build(target):
        if (target / fmt.MANIFEST).exists() and not force:
            refuse_difference(fmt.read_manifest(target), description, f"{target} is finished")
            return target, False
        work = target.with_name(f".{target.name}.new") if force else target
        plan = {"description": description, "num_shards": num_shards}
        _begin(work, plan, force)
        workers = workers or usable_cores()
        make = executor or (lambda: ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent))
        notes = _build_shards(dataset, work, num_shards, make, workers, quiet)
        fmt.write_json(work / fmt.MANIFEST, _manifest(dataset, description, notes))
        shutil.rmtree(work / _WORK)
        if force:
            _replace(target, work)
    return target, True


def refuse_difference(found: dict[str, Any], wanted: dict[str, Any], where: str) -> None:
    """Raise ValueError naming the first setting in which `found` differs from `wanted`."""
    for key, value in wanted.items():
        held = found.get(key)
        if isinstance(value, dict) and isinstance(held, dict):
            refuse_difference(held, value, where)
        elif held != value:
            raise ValueError(
                f"{where} with other settings: {key} is {held}, this build has {value}; "
                "choose another --name, or --force to replace it"
            )


@contextmanager
def _only_build(target: Path) -> Iterator[None]:
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another build is writing {target}; wait for it, or choose another --name") from None
    try:
        yield
    finally:
        lock.release()


def _begin(work: Path, plan: dict[str, Any], force: bool) -> None:
    """Make `work` ready for shards of `plan`: new, or begun earlier with the same plan."""
    plan_path = work / _WORK / "plan.json"
    if work.exists() and force and not _same_plan(plan_path, plan):
        shutil.rmtree(work)
    if plan_path.exists():
        begun = json.loads(plan_path.read_text(encoding="utf-8"))
        refuse_difference(begun["description"], plan["description"], f"{work} was begun")
        refuse_difference(begun, {"num_shards": plan["num_shards"]}, f"{work} was begun")
    elif work.exists() and any(work.iterdir()):
        raise ValueError(f"{work} holds files but neither a manifest nor a plan; move it away, or use --force")
    (work / _WORK).mkdir(parents=True, exist_ok=True)
    fmt.write_json(plan_path, plan)


def _same_plan(path: Path, plan: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == plan)
    except (OSError, ValueError):
        return False


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal; workers leave it to their parent."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """In a worker process: exit at once when the parent is gone, even by kill -9."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _note_path(shard: Path) -> Path:
    return shard.parent / _WORK / f"{shard.name}.json"


def _finished(task: Task) -> dict[str, Any] | None:
    """The note of a shard built earlier, if its bytes still are what the note says."""
    try:
        note: dict[str, Any] = json.loads(_note_path(task.path).read_text(encoding="utf-8"))
        return note if file_sha256(task.path) == note["sha256"] else None
    except (OSError, ValueError, KeyError):
        return None


def _tasks(dataset: Dataset, work: Path, num_shards: int, threads: int) -> list[Task]:
    oracles: dict[tuple[float, float], Oracle] = {}
    tasks = []
    for split in dataset.splits:
        if split.time_range not in oracles:
            oracles[split.time_range] = tabulate(dataset, split, workers=threads)
        count = min(num_shards, split.pendulums)
        bounds = [split.pendulums * k // count for k in range(count + 1)]
        for number in range(count):
            path = work / fmt.shard_name(split.name, number, count)
            indices = range(bounds[number], bounds[number + 1])
            tasks.append(Task(dataset, split, indices, oracles[split.time_range], path))
    return tasks


def _build_shards(
    dataset: Dataset, work: Path, num_shards: int, make: ExecutorFactory, threads: int, quiet: bool
) -> list[tuple[Task, dict[str, Any]]]:
    tasks = _tasks(dataset, work, num_shards, threads)
    notes = {task.path: note for task in tasks if (note := _finished(task))}
    missing = [task for task in tasks if task.path not in notes]
    if notes and not quiet:
        print(f"picking up {len(notes)} of {len(tasks)} shards built earlier", file=sys.stderr)
    if missing:
        with make() as pool:
            with _interrupts_ignored():  # which the processes that start now inherit
                pending = {pool.submit(Task.run, task): task for task in missing}
            try:
                for future in track(as_completed(pending), len(pending), "shards", quiet):
                    notes[pending[future].path] = future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return [(task, notes[task.path]) for task in tasks]


def _manifest(
    dataset: Dataset, description: dict[str, Any], notes: list[tuple[Task, dict[str, Any]]]
) -> dict[str, Any]:
    shards, hashes = [], {split.name: dict.fromkeys((f.name for f in fmt.FIELDS), b"") for split in dataset.splits}
    for task, note in notes:
        place = {"file": task.path.name, "split": task.split.name, "first": task.indices.start}
        shards.append({**place, "records": len(task.indices), "bytes": note["bytes"], "sha256": note["sha256"]})
        for field, digests in note["hashes"].items():
            hashes[task.split.name][field] += bytes.fromhex(digests)
    provenance = {
        "command": " ".join(["pendgen", *sys.argv[1:]]) if sys.argv[0].endswith("pendgen") else "",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": {name: version(name) for name in ("pendulum-lab", "numpy", "scipy", "h5py")},
    }
    digest = fmt.content_digest(hashes)
    errors = {task.split.name: task.oracle.error for task, _ in notes}
    return {**description, "oracle_error": errors, "shards": shards, "digest": digest, "provenance": provenance}


def _replace(target: Path, work: Path) -> None:
    """Put the finished `work` in the place of `target`."""
    old = target.with_name(f".{target.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        target.rename(old)
    work.rename(target)
    if old.exists():
        shutil.rmtree(old)
