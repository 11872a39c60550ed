"""Looks at a finished dataset: what it is, and whether it still is what its manifest says."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pendgen import antialias, physics, population_file, render
from pendgen.dataset import Dataset
from pendgen.format import FIELDS, Records, content_digest, record_hashes, shape
from pendgen.manifest import read_manifest, settings
from pendgen.population_file import file_problem
from pendgen.reader import shards_of
from pendgen.shards import read_shard


def summary(manifest: Mapping[str, Any]) -> str:
    """The manifest in a few lines for people."""
    size = total_bytes(manifest)
    lines = [
        f"{manifest['name']} {manifest['content_version']} ({manifest['container']}, {len(manifest['shards'])} shards, "
        f"{size / 1e6:.1f} MB)",
        f"variant    {variant(manifest)}",
        f"pictures   {pictures(manifest)}",
    ]
    for name, split in manifest["splits"].items():
        bands = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in split["energy_bands"])
        low, high = split["time_range"]
        lines.append(
            f"{name:<10} {split['pendulums']} pendulums x {split['images']} images, energies {split['energy_law']} "
            f"on {bands}, times {low:g} to {high:g}"
        )
    lines.append(f"oracle     good to {max(manifest['oracle_error'].values()):.1g} (root-mean-square)")
    if "population" in manifest:
        lines.append(f"population {_population(manifest)}")
    if manifest.get("license"):
        lines.append(f"licence    {manifest['license']}")
    lines.append(f"content    {manifest['digest']['content']}")
    return "\n".join(lines)


def variant(manifest: Mapping[str, Any]) -> str:
    """Variant, its parameters, protocol and seed, in words."""
    parameters = "".join(f", {name} {value}" for name, value in manifest["parameters"].items())
    return f"{manifest['variant']}{parameters}, protocol {manifest['protocol']}, seed {manifest['seed']}"


def pictures(manifest: Mapping[str, Any]) -> str:
    """How pictures are drawn, in words."""
    return (
        f"{manifest['image_size']} x {manifest['image_size']}, bobs of {manifest['bob_size']} pixels, "
        f"{manifest['time_gap']:g} time units apart" + (", antialiased" if manifest["antialias"] else "")
    )


def total_bytes(manifest: Mapping[str, Any]) -> int:
    """Bytes of the shards and of the population."""
    files = [*manifest["shards"], *filter(None, [manifest.get("population")])]
    return sum(file["bytes"] for file in files)


def _population(manifest: Mapping[str, Any]) -> str:
    entry = manifest["population"]
    if entry is None:
        return f"none ({manifest['population_reason']})"
    return f"{entry['images']} images over {entry['bins']} bins of energy, {entry['left_out']:.1g} left out"


def verify(directory: Path, track: Callable[[list[Any]], Iterator[Any]] = iter) -> list[str]:
    """Everything wrong with the dataset in `directory`, one line each naming the file; empty when whole.

    Checks size and SHA-256 of each file, counts, field table, the content digest, that energies lie
    in their bands, that angles follow from energy and time, and that pictures show those angles; of the
    population, that its numbers are probabilities and that no image is there twice.
    Raises FileNotFoundError or ValueError where there is no manifest to hold it against.
    """
    manifest = read_manifest(directory)
    dataset = settings(manifest)
    problems: list[str] = []
    hashes = {split.name: dict.fromkeys((f.name for f in FIELDS), b"") for split in dataset.splits}
    counted = dict.fromkeys(hashes, 0)
    for entry in track([shard for split in hashes for shard in shards_of(manifest, split)]):
        found = file_problem(directory / entry["file"], entry)
        if found is None and entry["first"] != counted[entry["split"]]:
            found = f"begins with pendulum {entry['first']}, expected {counted[entry['split']]}"
        if found is None:
            found = _content_problem(directory / entry["file"], dataset, entry, hashes[entry["split"]])
        if found is not None:
            problems.append(f"shard {entry['file']}: {found}")
        counted[entry["split"]] += entry["records"]
    for split in dataset.splits:
        if counted[split.name] != split.pendulums:
            problems.append(f"split {split.name}: {counted[split.name]} pendulums, expected {split.pendulums}")
    if not problems and content_digest(hashes) != manifest["digest"]:
        problems.append("dataset.json: its content digest is not that of the shards")
    problems.extend(population_file.problems(directory, manifest))
    return problems


def _content_problem(path: Path, dataset: Dataset, entry: Mapping[str, Any], hashes: dict[str, bytes]) -> str | None:
    """What is wrong inside a shard; adds the hashes of its records to `hashes`."""
    number, end = entry["first"], entry["first"] + entry["records"]
    try:
        for part in read_shard(path):
            if found := _record_problem(part, dataset, entry, number):
                return found
            number += len(part["index"])
            for field, digests in record_hashes(part).items():
                hashes[field] += digests
    except ValueError as problem:
        return str(problem)
    return None if number == end else f"{number - entry['first']} pendulums, expected {entry['records']}"


def _record_problem(part: Records, dataset: Dataset, entry: Mapping[str, Any], first: int) -> str | None:
    """What is wrong with some consecutive records, of which the first should have number `first`."""
    split = dataset.split(entry["split"])
    count = len(part["index"])
    for field in FIELDS:
        expected = (shape(field, count, split.images, dataset.size), field.dtype)
        found = (part[field.name].shape, str(part[field.name].dtype))
        if found != expected:
            return f"{field.name} is {found}, expected {expected}"
    if not np.array_equal(part["index"], np.arange(first, first + count)):
        return f"pendulums are numbered {part['index'][0]} to {part['index'][-1]}, expected from {first}"
    return _physics_problem(part, dataset, entry)


def _physics_problem(part: Records, dataset: Dataset, entry: Mapping[str, Any]) -> str | None:
    split = dataset.split(entry["split"])
    energy, time, angle = part["energy"], part["time"], part["angle"]
    inside = np.any([(energy >= low) & (energy <= high) for low, high in split.energy_bands], axis=0)
    if not inside.all():
        return f"energy {energy[~inside][0]} lies outside the bands {split.energy_bands}"
    guess = part["energy_given_image"]
    if not ((guess >= 0) & (guess <= 1)).all():
        return "energy_given_image leaves [0, 1]"
    swing = np.stack([physics.angle(time + later, energy[:, None]) for later in (0.0, dataset.time_gap)], axis=-1)
    off = np.abs(np.remainder(angle - swing + np.pi, 2 * np.pi) - np.pi)
    # Nine standard deviations are not seen in 10^17 draws; without noise a 64-bit rounding remains.
    if not off.max() <= 9 * dataset.eps_n + 1e-6:  # nor where it is NaN
        return f"an angle is {off.max():.3g} rad from that of its energy and time"
    if dataset.eps_g:
        return None
    drawing = antialias if dataset.antialias else render
    place = drawing.positions(angle, dataset.geometry)
    if not np.array_equal(part["visible"], drawing.visible(place, dataset.geometry)):
        return "visible does not follow from the angles"
    return (
        None if np.array_equal(part["image"], drawing.draw(place, dataset.geometry)) else "a picture shows other angles"
    )
