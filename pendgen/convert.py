"""From one container to the other: the same records, the same content digest."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pendgen.directory import check_name, exclusively, publish, remove
from pendgen.finish import choose, finish, put_under
from pendgen.format import content_digest, write_atomically
from pendgen.manifest import read_manifest, settings
from pendgen.population_file import file_problem
from pendgen.reader import shards_of
from pendgen.shards import SUFFIXES, file_sha256, read_shard, write_shard


def convert(
    directory: Path,
    container: str,
    out: Path,
    name: str | None = None,
    track: Callable[[list[Any]], Iterator[Any]] = iter,
) -> tuple[Path, bool]:
    """Write the dataset in `directory` to `out/<name>/<version>/` as `container`; returns where, and if it was written.

    A finished directory with the same content is left as it is (False), but for the licence. Raises ValueError where
    the dataset is damaged, of that container already, or the place is taken by another.
    """
    manifest = read_manifest(directory)
    if container == manifest["container"]:
        raise ValueError(f"format is {container!r}, which {directory} has already; expected the other one")
    plain = manifest["name"].removesuffix("-webdataset")
    name = name or (f"{plain}-webdataset" if container == "webdataset" else plain)
    check_name(name)
    target = out / name / manifest["content_version"]
    if _stands(target, manifest, container):  # asked first without the lock, which a read-only place refuses
        put_under(target, manifest.get("license"))
        return target, False
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(target):
        if _stands(target, manifest, container):
            choose(target, manifest.get("license"))
            return target, False
        work = target.with_name(f".{target.name}.converted")
        remove(work)  # of a conversion that was killed
        work.mkdir()
        try:
            converted = {**manifest, "name": name, "container": container}
            rewritten = _rewrite(directory, work, manifest, container, track)
            _carry_population(directory, work, manifest)
            finish(work, {**converted, **rewritten})
            publish(work, target)
        finally:
            remove(work)
    return target, True


def _stands(target: Path, manifest: dict[str, Any], container: str) -> bool:
    """Whether the conversion is there already. Raises ValueError where the place is taken by something else."""
    if not target.exists():
        return False
    found = read_manifest(target)
    if (found["container"], found["digest"]["content"]) != (container, manifest["digest"]["content"]):
        raise ValueError(f"{target} holds another dataset; choose another --name or --out")
    return True


def _rewrite(
    directory: Path,
    work: Path,
    manifest: dict[str, Any],
    container: str,
    track: Callable[[list[Any]], Iterator[Any]],
) -> dict[str, Any]:
    """Write every shard anew into `work`; returns the manifest's `shards`."""
    dataset = settings(manifest)
    entries = []
    hashes: dict[str, dict[str, bytes]] = {split.name: {} for split in dataset.splits}
    for entry in track([shard for split in hashes for shard in shards_of(manifest, split)]):
        source = directory / entry["file"]
        if not source.is_file() or file_sha256(source) != entry["sha256"]:
            raise ValueError(f"shard {source} is missing or was changed; `pendgen verify {directory}` says more")
        path = work / Path(entry["file"]).with_suffix(f".{SUFFIXES[container]}").name
        attributes = {"split": entry["split"], "first_index": entry["first"], "time_gap": manifest["time_gap"]}
        attributes["format_version"] = manifest["format_version"]
        written, digests = write_shard(path, read_shard(source), entry["records"], attributes)
        entries.append({**entry, "file": path.name, **written})
        for field, some in digests.items():
            hashes[entry["split"]][field] = hashes[entry["split"]].get(field, b"") + some
    if content_digest(hashes) != manifest["digest"]:
        raise ValueError(f"{directory} does not hold the content its manifest says; `pendgen verify` says more")
    return {"shards": entries}


def _carry_population(directory: Path, work: Path, manifest: dict[str, Any]) -> None:
    """Copy the population as it is; raises ValueError where it is not what the manifest says."""
    if entry := manifest.get("population"):
        path = directory / entry["file"]
        if found := file_problem(path, entry):
            raise ValueError(f"population {path}: {found}; `pendgen verify {directory}` says more")
        write_atomically(work / entry["file"], path.read_bytes())
