"""From settings to a finished dataset directory: plan, shards in parallel, population, manifest last.

A build leaves its plan and a note per finished file in `.build/` inside the directory, so that a
build that was killed picks up the files whose bytes still match. `.build/` goes when the manifest
stands. Only a directory with a manifest is a dataset.
"""

import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblib import cpu_count

from pendgen import format as fmt
from pendgen import population, population_file
from pendgen.dataset import Dataset, Split
from pendgen.directory import check_name, exclusively, make_way, publish, refuse_full_disk
from pendgen.finish import choose, finish, put_under
from pendgen.licence import identifier
from pendgen.manifest import read_manifest
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
    licence: str | None = None,
    executor: ExecutorFactory | None = None,
) -> tuple[Path, bool]:
    """Build `dataset` under `out/<name>/<content version>/`; returns the directory and whether it was built.

    A finished directory with these settings is left as it is (False), but for its licence: `licence`, an SPDX
    identifier, is the owner's choice and no part of what a dataset is, so it is written into one that stands.
    `num_shards` is per split (0: 16, more where a shard would exceed 64 MB). `workers` is a number of threads (0: one
    per usable core), `executor` replaces them. Raises ValueError where the directory holds, or was begun with, other
    settings and `force` is not given; OSError where it cannot be written.
    """
    target, name = place(dataset, out, container, name)
    refuse_impossible(num_shards, workers)
    licence = None if licence is None else identifier(licence)
    description = fmt.describe(dataset, name, container)
    if not force and stands(target, description):  # asked first without the lock, which a read-only place refuses
        put_under(target, licence)
        return target, False
    # A shard is put together in memory, so larger datasets get more of them: about 64 MB each.
    num_shards = num_shards or max(16, _shard_bytes(dataset, container) // 2**27)
    plan = {"description": description, "num_shards": num_shards}
    work = target.with_name(f".{target.name}.new") if force else target
    refuse_full_disk(out, estimated_bytes(dataset, container, missing=_missing(dataset, work, plan)))
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(target):
        if force:
            make_way(target)
        elif stands(target, description):  # finished by another process since
            choose(target, licence)
            return target, False
        _begin(work, plan, force)
        workers = workers or cpu_count()
        # Drawing, hashing and compressing all release the interpreter's lock, and threads start at once.
        make = executor or (lambda: ThreadPoolExecutor(workers))
        tasks = _tasks(dataset, work.resolve(), plan, workers)
        notes = _build_shards(tasks, make, quiet)
        manifest = _manifest(dataset, description, notes, _population(dataset, work, workers))
        finish(work, manifest if licence is None else {**manifest, "license": licence})
        shutil.rmtree(work / _WORK)
        if force:
            publish(work, target)
    return target, True


def refuse_impossible(num_shards: int, workers: int) -> None:
    """Raise ValueError where no build could be cut or shared like that."""
    if not 0 <= num_shards <= 99999:
        raise ValueError(f"num_shards is {num_shards}, expected 1 to 99999, or 0 for the default")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 (one per core) or more")


def place(dataset: Dataset, out: Path, container: str, name: str | None) -> tuple[Path, str]:
    """The directory a build would fill, and the dataset's name."""
    if container not in SUFFIXES:
        raise ValueError(f"format is {container!r}, expected {' or '.join(SUFFIXES)}")
    name = name or dataset.name + ("-webdataset" if container == "webdataset" else "")
    check_name(name)
    return out / name / fmt.CONTENT_VERSION, name


def estimated_bytes(dataset: Dataset, container: str, missing: float = 1.0) -> int:
    """About how large the dataset will be on disk, from above: its population and this share of its shards."""
    return int(missing * _shard_bytes(dataset, container)) + population.estimated_bytes(dataset)


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


def stands(target: Path, description: dict[str, Any]) -> bool:
    """Whether `target` is a finished dataset of this description. Raises ValueError where it is one of another."""
    if not (target / fmt.MANIFEST).exists():
        return False
    refuse_difference(read_manifest(target), description, f"{target} is finished")
    return True


def _missing(dataset: Dataset, work: Path, plan: dict[str, Any]) -> float:
    """Share of the shards that a build of the same plan has not left in `work`."""
    if not _same_plan(work / _WORK / "plan.json", plan):
        return 1.0
    names = [name for split in dataset.splits for name in _shard_names(split, plan)]
    return sum(not (work / name).is_file() for name in names) / len(names)


def _shard_names(split: Split, plan: dict[str, Any]) -> list[str]:
    """File names of the shards of a split, none of them without a pendulum."""
    count = min(plan["num_shards"], split.pendulums)
    suffix = SUFFIXES[plan["description"]["container"]]
    return [fmt.shard_name(split.name, number, count, suffix) for number in range(count)]


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


def _begin(work: Path, plan: dict[str, Any], force: bool) -> None:
    """Make `work` ready for shards of `plan`: new, or begun earlier with the same plan."""
    plan_path = work / _WORK / "plan.json"
    if work.exists() and force and not _same_plan(plan_path, plan):
        shutil.rmtree(work)
    if plan_path.exists():
        begun = _begun_plan(plan_path)
        refuse_difference(begun["description"], plan["description"], f"{work} was begun")
        refuse_difference(begun, {"num_shards": plan["num_shards"]}, f"{work} was begun")
    elif work.exists() and {path.name for path in work.iterdir()} - {_WORK}:  # which a kill before the plan leaves
        raise ValueError(f"{work} holds files but neither a manifest nor a plan; move it away, or use --force")
    (work / _WORK).mkdir(parents=True, exist_ok=True)
    for left in work.glob(".*.tmp"):  # of a build that was killed
        left.unlink()
    fmt.write_json(plan_path, plan)


def _begun_plan(path: Path) -> dict[str, Any]:
    """The plan of a build that was begun. Raises ValueError where the file holds none."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        plan = None
    if not isinstance(plan, dict) or not isinstance(plan.get("description"), dict):
        raise ValueError(f"{path} is not a build's plan; use --force to begin anew")
    return plan


def _same_plan(path: Path, plan: dict[str, Any]) -> bool:
    try:
        return _begun_plan(path) == plan
    except (OSError, ValueError):
        return False


def _note_path(path: Path) -> Path:
    return path.parent / _WORK / f"{path.name}.json"


def _finished(path: Path) -> dict[str, Any] | None:
    """The note of a file built earlier, if its bytes still are what the note says."""
    try:
        note: dict[str, Any] = json.loads(_note_path(path).read_text(encoding="utf-8"))
        return note if file_sha256(path) == note["sha256"] else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # damaged: made anew
        return None


def _tasks(dataset: Dataset, work: Path, plan: dict[str, Any], threads: int) -> list[Task]:
    oracles: dict[tuple[float, float], Oracle | ExactOracle] = {}
    tasks = []
    for split in dataset.splits:
        if split.time_range not in oracles:
            oracles[split.time_range] = tabulate(dataset, split, workers=threads)
        names = _shard_names(split, plan)
        bounds = [split.pendulums * k // len(names) for k in range(len(names) + 1)]
        for name, first, end in zip(names, bounds, bounds[1:], strict=False):
            tasks.append(Task(dataset, split, range(first, end), oracles[split.time_range], work / name))
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
                pool.shutdown(wait=False)  # by which Dask cancels, while threads go through what is queued
                for future in pending:
                    future.cancel()
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
