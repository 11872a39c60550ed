"""From settings to a finished dataset directory: plan, shards in parallel, population, manifest last.

A build leaves its plan and a note per finished file in `.build/` inside the directory, so that a
build that was killed picks up the files whose bytes still match. `.build/` goes when the manifest
stands. Only a directory with a manifest is a dataset.
"""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pendgen import format as fmt
from pendgen import population, population_file
from pendgen.card import card, croissant
from pendgen.dataset import Dataset, Split
from pendgen.manifest import PLAIN_NAME, read_manifest
from pendgen.oracle import ExactOracle, Oracle, tabulate
from pendgen.progress import track
from pendgen.records import blocks
from pendgen.shards import SUFFIXES, file_sha256, write_shard

_WORK = ".build"
ExecutorFactory = Callable[[], Executor]


@dataclass(frozen=True)
class Task:
    """One shard to build; everything a worker needs, picklable."""

    dataset: Dataset
    split: Split
    indices: range
    oracle: Oracle | ExactOracle
    path: Path

    def run(self) -> dict[str, Any]:
        """Build the shard and leave a note of it beside; returns the note."""
        attributes = {"split": self.split.name, "first_index": self.indices.start, "time_gap": self.dataset.time_gap}
        parts = blocks(self.dataset, self.split, self.indices, self.oracle)
        written, hashes = write_shard(self.path, parts, len(self.indices), attributes)
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
    container: str = "hdf5",
    name: str | None = None,
    num_shards: int = 0,
    workers: int = 0,
    force: bool = False,
    quiet: bool = False,
    executor: ExecutorFactory | None = None,
) -> tuple[Path, bool]:
    """Build `dataset` under `out/<name>/<content version>/`; returns the directory and whether it was built.

    A finished directory with these settings is left as it is (False). `num_shards` is per split (0: 16,
    more where a shard would exceed 64 MB). `workers` is a number of threads (0: one per usable core),
    `executor` replaces them. Raises ValueError where the directory holds, or was begun with, other
    settings and `force` is not given; OSError where it cannot be written.
    """
    target, name = place(dataset, out, container, name)
    if not 0 <= num_shards <= 99999:
        raise ValueError(f"num_shards is {num_shards}, expected 1 to 99999, or 0 for the default")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 (one per core) or more")
    description = fmt.describe(dataset, name, container)
    if (target / fmt.MANIFEST).exists() and not force:
        refuse_difference(read_manifest(target), description, f"{target} is finished")
        return target, False
    refuse_full_disk(out, estimated_bytes(dataset, container))
    # A shard is put together in memory, so larger datasets get more of them: about 64 MB each.
    num_shards = num_shards or max(16, _shard_bytes(dataset, container) // 2**27)
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(target):
        work = target.with_name(f".{target.name}.new") if force else target
        plan = {"description": description, "num_shards": num_shards}
        _begin(work, plan, force)
        workers = workers or usable_cores()
        # Drawing, hashing and compressing all release the interpreter's lock, and threads start at once.
        make = executor or (lambda: ThreadPoolExecutor(workers))
        tasks = _tasks(dataset, work.resolve(), num_shards, SUFFIXES[container], workers)
        notes = _build_shards(tasks, make, quiet)
        finish(work, _manifest(dataset, description, notes, _population(dataset, work, workers)))
        shutil.rmtree(work / _WORK)
        if force:
            publish(work, target)
    return target, True


def place(dataset: Dataset, out: Path, container: str, name: str | None) -> tuple[Path, str]:
    """The directory a build would fill, and the dataset's name."""
    if container not in SUFFIXES:
        raise ValueError(f"format is {container!r}, expected {' or '.join(SUFFIXES)}")
    name = name or dataset.name + ("-webdataset" if container == "webdataset" else "")
    if not re.match(PLAIN_NAME, name) or any(sign in name for sign in "[]{}*?"):
        raise ValueError(
            f"name is {name!r}, expected a plain directory name, without []{{}}*? or a leading dash or dot"
        )
    return out / name / fmt.CONTENT_VERSION, name


def estimated_bytes(dataset: Dataset, container: str) -> int:
    """About how large the dataset will be on disk, from above: its shards and its population."""
    return _shard_bytes(dataset, container) + population.estimated_bytes(dataset)


def _shard_bytes(dataset: Dataset, container: str) -> int:
    """About how large all shards together will be, from above.

    Measured: a clean 32-pixel picture takes 38 bytes under gzip, an antialiased one 95, a noisy one as
    much as its raw pixels; the other fields 34 bytes an image in HDF5 and about 130 as JSON.
    """
    raw = dataset.size**2 * 3
    clean = (0.05 if dataset.antialias else 0.02) * raw
    picture = raw if dataset.eps_g or container == "webdataset" else clean
    fields = 200 if container == "webdataset" else 40
    images = sum(split.pendulums * split.images for split in dataset.splits)
    records = sum(split.pendulums for split in dataset.splits)
    return int(images * (picture + fields) + records * (2048 if container == "webdataset" else 200))


def refuse_full_disk(out: Path, needed: int) -> None:
    """Raise OSError where the disk of `out` has less free space than `needed` bytes."""
    there = out.absolute()
    while not there.is_dir() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise OSError(f"about {needed / 1e9:.2f} GB are needed in {out}, but {free / 1e9:.2f} GB are free; set --out")


def finish(work: Path, manifest: dict[str, Any]) -> None:
    """Write the card, the Croissant description and, last, the manifest."""
    fmt.write_atomically(work / "README.md", card(manifest).encode())
    fmt.write_atomically(work / "croissant.json", croissant(manifest).encode())
    fmt.write_json(work / fmt.MANIFEST, manifest)


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


def _note_path(path: Path) -> Path:
    return path.parent / _WORK / f"{path.name}.json"


def _finished(path: Path) -> dict[str, Any] | None:
    """The note of a file built earlier, if its bytes still are what the note says."""
    try:
        note: dict[str, Any] = json.loads(_note_path(path).read_text(encoding="utf-8"))
        return note if file_sha256(path) == note["sha256"] else None
    except (OSError, ValueError, KeyError):
        return None


def _tasks(dataset: Dataset, work: Path, num_shards: int, suffix: str, threads: int) -> list[Task]:
    oracles: dict[tuple[float, float], Oracle | ExactOracle] = {}
    tasks = []
    for split in dataset.splits:
        if split.time_range not in oracles:
            oracles[split.time_range] = tabulate(dataset, split, workers=threads)
        count = min(num_shards, split.pendulums)
        bounds = [split.pendulums * k // count for k in range(count + 1)]
        for number in range(count):
            path = work / fmt.shard_name(split.name, number, count, suffix)
            indices = range(bounds[number], bounds[number + 1])
            tasks.append(Task(dataset, split, indices, oracles[split.time_range], path))
    return tasks


def _build_shards(tasks: list[Task], make: ExecutorFactory, quiet: bool) -> list[tuple[Task, dict[str, Any]]]:
    notes = {task.path: note for task in tasks if (note := _finished(task.path))}
    missing = [task for task in tasks if task.path not in notes]
    if notes and not quiet:
        print(f"picking up {len(notes)} of {len(tasks)} shards built earlier", file=sys.stderr)
    if missing:
        with make() as pool:
            pending = {pool.submit(Task.run, task): task for task in missing}
            try:
                for future in track(as_completed(pending), len(pending), "shards", quiet):
                    notes[pending[future].path] = future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return [(task, notes[task.path]) for task in tasks]


def _population(dataset: Dataset, work: Path, threads: int) -> dict[str, Any]:
    """Write every image that can occur, unless that was done before; returns what the manifest says of it."""
    if reason := population.why_not(dataset):
        return {"population": None, "population_reason": reason}
    path = work / fmt.POPULATION
    entry = _finished(path)
    if entry is None:
        entry = population_file.write(path, dataset, population.enumerate_images(dataset, workers=threads))
        fmt.write_json(_note_path(path), entry)
    return {"population": entry}


def _manifest(
    dataset: Dataset,
    description: dict[str, Any],
    notes: list[tuple[Task, dict[str, Any]]],
    images: dict[str, Any],
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
    files = {"oracle_error": errors, "shards": shards, **images}
    return {**description, **files, "digest": digest, "provenance": provenance}


def publish(work: Path, target: Path) -> None:
    """Put the finished directory `work` in the place of `target`, whole."""
    old = target.with_name(f".{target.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        target.rename(old)
    work.rename(target)
    if old.exists():
        shutil.rmtree(old)
