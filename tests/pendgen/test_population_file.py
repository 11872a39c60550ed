"""population.h5 in a dataset: written, picked up, described, and found out where it is damaged."""

import hashlib
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pendgen import build as build_module
from pendgen import format as fmt
from pendgen import population, population_file, render
from pendgen.build import build
from pendgen.convert import convert
from pendgen.dataset import Dataset
from pendgen.format import POPULATION_FIELDS
from pendgen.inspection import verify
from pendgen.manifest import read_manifest
from pendgen.population import enumerate_images, estimated_bytes
from pendgen.shards import file_sha256
from pendgen.variants import Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla, Variant

Outcome = tuple[int, str, str]
TINY = Dataset(Gaps(0.4), pendulums=4, images=2, size=13)
GOLDEN = Path(__file__).parents[1] / "golden"


def arrays(directory: Path) -> dict[str, np.ndarray]:
    with h5py.File(directory / "population.h5") as file:
        return {name: column[()] for name, column in file.items()}


def test_holds_what_the_format_says(small: Path) -> None:
    entry = read_manifest(small)["population"]
    assert sorted(entry) == sorted(("file", "images", "bins", "left_out", "bytes", "sha256", "digest"))
    assert (entry["file"], entry["images"], entry["bins"], entry["left_out"]) == ("population.h5", 1724, 140, 0.0)
    lengths = {"U": 1724, "B": 140, "B+1": 141, "S": 32}
    with h5py.File(small / "population.h5") as file:
        assert set(file) == {field.name for field in POPULATION_FIELDS}
        assert dict(file.attrs) | {"time_range": list(file.attrs["time_range"])} == {
            "format": "pendulum-population",
            "format_version": 1,
            "split": "test",
            "time_range": [0.0, 200.0],
            "left_out": 0.0,
        }
        for field in POPULATION_FIELDS:
            axes = field.axes.split()
            assert file[field.name].shape == tuple(lengths[a] if a in lengths else int(a) for a in axes)
            assert str(file[field.name].dtype) == field.dtype
            assert file[field.name].attrs["meaning"] == field.meaning
    assert entry["sha256"] == hashlib.sha256((small / "population.h5").read_bytes()).hexdigest()


def test_digest_follows_its_specification(small: Path) -> None:
    held = arrays(small)
    names = ("probability", "energy_given_image", "energy_edges", "energy_probability", "energy_moment")
    parts = [held["visible"].astype("u1").tobytes(), *(held[name].astype("<f8").tobytes() for name in names)]
    assert read_manifest(small)["population"]["digest"] == hashlib.sha256(b"".join(parts)).hexdigest()


def test_holds_the_population_of_its_settings(small: Path) -> None:
    held, found = arrays(small), enumerate_images(Dataset(Vanilla()))
    for name, column in population_file.tables(found).items():
        assert np.array_equal(held[name], column), name
    assert np.array_equal(held["image"], render.draw(found.position, Dataset(Vanilla()).geometry))
    with h5py.File(sorted(small.glob("test-*.h5"))[0]) as shard:
        shown = {picture.tobytes() for picture in shard["image"][()].reshape(-1, 32, 32, 3)}
    assert shown <= {picture.tobytes() for picture in held["image"]}


def test_bytes_do_not_depend_on_workers_shards_seed_or_container(tmp_path: Path) -> None:
    ways: list[dict[str, Any]] = [
        {"workers": 1, "num_shards": 1},
        {"workers": 3, "num_shards": 2},
        {"workers": 2, "container": "webdataset"},
    ]
    made = [build(TINY, tmp_path / str(number), quiet=True, **way)[0] for number, way in enumerate(ways)]
    made.append(build(Dataset(Gaps(0.4), pendulums=3, images=3, size=13, seed=9), tmp_path, quiet=True)[0])
    assert len({(directory / "population.h5").read_bytes() for directory in made}) == 1


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (Dataset(GraphicalNoise(0.1), pendulums=4, images=2), "graphical noise"),
        (Dataset(Vanilla(), pendulums=4, images=2, antialias=True), "antialiased"),
    ],
)
def test_none_where_images_cannot_be_enumerated(
    dataset: Dataset, reason: str, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    directory, _ = build(dataset, tmp_path, quiet=True)
    manifest = read_manifest(directory)
    assert manifest["population"] is None
    assert reason in manifest["population_reason"]
    assert not (directory / "population.h5").exists()
    assert verify(directory) == []
    assert f"population none ({manifest['population_reason']})" in command("pendgen", "info", directory)[1]
    assert reason in (directory / "README.md").read_text()
    other, _ = convert(directory, "webdataset", tmp_path)
    assert read_manifest(other)["population_reason"] == manifest["population_reason"]


def test_card_and_croissant_describe_it(small: Path) -> None:
    text = (small / "README.md").read_text()
    assert "holds the 1724 images that can occur" in text
    described = json.loads((small / "croissant.json").read_text())["distribution"][-1]
    entry = read_manifest(small)["population"]
    assert (described["contentUrl"], described["sha256"]) == ("population.h5", entry["sha256"])
    assert described["encodingFormat"] == "application/x-hdf5"


def test_a_finished_one_is_picked_up_and_a_damaged_one_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(build_module, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            build(TINY, tmp_path, num_shards=1, quiet=True)
    begun = next(tmp_path.rglob("population.h5"))
    assert not (begun.parent / "dataset.json").exists()
    before = begun.stat().st_mtime_ns
    monkeypatch.setattr(population, "enumerate_images", stop)
    with monkeypatch.context() as damaged:
        damaged.setattr(population_file, "write", lambda *_: 1 / 0)
        directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True)  # neither is asked for
    assert begun.stat().st_mtime_ns == before
    assert verify(directory) == []
    monkeypatch.undo()
    with monkeypatch.context() as broken:
        broken.setattr(build_module, "finish", stop)
        with pytest.raises(KeyboardInterrupt):
            build(TINY, tmp_path / "again", num_shards=1, quiet=True)
    other = next((tmp_path / "again").rglob("population.h5"))
    other.write_bytes(b"half of it")
    directory, _ = build(TINY, tmp_path / "again", num_shards=1, quiet=True)
    assert other.read_bytes() == begun.read_bytes()


def test_disk_full_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    command = [sys.executable, "-m", "pendgen", "build", "--out", str(tmp_path), "--pendulums", "4", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "cannot write" in line
    assert "population.h5: File too large" in line
    assert not list(tmp_path.rglob("dataset.json"))
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    "variant",
    [Vanilla(), Large(), Cropping(0.45), Cropping(0.75), NumericalNoise(0.001), NumericalNoise(0.25)],
    ids=str,
)
def test_estimate_is_above_the_truth_but_not_absurd(variant: Variant, tmp_path: Path) -> None:
    dataset = Dataset(variant)
    written = population_file.write(tmp_path / "population.h5", dataset, enumerate_images(dataset))
    assert written["bytes"] < estimated_bytes(dataset) < 3 * written["bytes"]
    assert estimated_bytes(Dataset(GraphicalNoise(0.1))) == 0


def test_damaged_files_are_found_and_named(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    def spoilt(change: Callable[[Path], object]) -> str:
        directory = Path(shutil.copytree(small, tmp_path / "copy"))
        change(directory / "population.h5")
        code, out, err = command("pendgen", "verify", directory)
        shutil.rmtree(directory)
        assert (code, out) == (1, "")
        (line,) = err.splitlines()
        return line

    whole = (small / "population.h5").read_bytes()
    middle = len(whole) // 2
    assert spoilt(Path.unlink).endswith("population.h5: missing")
    assert f"{len(whole) - 9} bytes, expected {len(whole)}" in spoilt(lambda path: path.write_bytes(whole[:-9]))
    other = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    assert "population.h5: SHA-256" in spoilt(lambda path: path.write_bytes(other))


def test_wrong_content_is_found_even_where_hashes_agree(tmp_path: Path) -> None:
    """As a careless repair would leave it: the manifest's hashes are those of the file."""
    whole, _ = build(TINY, tmp_path / "whole", num_shards=1, quiet=True)

    def spoilt(change: Callable[[h5py.File], object], **says: object) -> list[str]:
        directory = Path(shutil.copytree(whole, tmp_path / "copy"))
        path = directory / "population.h5"
        with h5py.File(path, "r+") as file:
            change(file)
        manifest = json.loads((directory / "dataset.json").read_text())
        entry = manifest["population"]
        entry |= {"bytes": path.stat().st_size, "sha256": file_sha256(path), **says}
        with h5py.File(path) as file:
            held = {f.name: file[f.name][()] for f in POPULATION_FIELDS[1:] if f.name in file}
        if len(held) == 6:
            entry["digest"] = says.get("digest", population_file.digest(held))
        (directory / "dataset.json").write_text(json.dumps(manifest))
        found = verify(directory)
        shutil.rmtree(directory)
        return found

    def put(name: str, place: object, value: object) -> Callable[[h5py.File], object]:
        return lambda file: file[name].__setitem__(place, value)

    def scale(*names: str) -> Callable[[h5py.File], object]:
        return lambda file: [file[name].__setitem__(..., 0.5 * file[name][()]) for name in names]

    def replace(name: str, value: np.ndarray) -> Callable[[h5py.File], object]:
        return lambda file: (file.__delitem__(name), file.create_dataset(name, data=value))

    assert spoilt(lambda _: None) == []
    assert spoilt(scale("probability", "energy_probability", "energy_moment")) == [
        "population.h5: probabilities sum to 0.5, expected 1",
        "population.h5: energy_probability: columns do not sum to the widths of the bins",
    ]
    assert spoilt(put("energy_probability", (0, 0), -0.1))[0].endswith("reach down to -0.1, expected none negative")
    assert spoilt(put("probability", 3, np.nan)) == ["population.h5: probability holds what is not a finite number"]
    assert "probability: rows do not sum" in "".join(spoilt(put("probability", 0, 0.25)))
    assert "energy_edges do not rise from 0 to 1" in spoilt(put("energy_edges", 4, 0.0))[0]
    assert "energy_moment leaves the bins" in spoilt(put("energy_moment", (0, 0), 0.5))[0]
    assert spoilt(put("energy_given_image", 0, 0.9)) == [
        "population.h5: energy_given_image is not energy_moment over probability"
    ]
    assert "visible does not follow" in spoilt(put("visible", 0, False))[0]
    images = len(arrays(whole)["image"])
    twice = spoilt(lambda file: file["image"].__setitem__(1, file["image"][0]))
    assert twice == [f"population.h5: 1 of {images} images are there twice"]
    shape = spoilt(replace("probability", np.zeros((images, 2))))
    assert shape == [f"population.h5: probability has shape ({images}, 2), expected 1 axes"]
    assert "float32" in spoilt(replace("energy_given_image", np.zeros(images, np.float32)))[0]
    assert spoilt(lambda file: file.__delitem__("visible")) == ["population.h5: visible is missing"]
    assert f"expected (({images + 1}, 13, 13, 3), 'uint8')" in spoilt(lambda _: None, images=images + 1)[0]
    assert spoilt(lambda _: None, digest="0" * 64) == ["population.h5: its digest is not the one in dataset.json"]
    assert "mass left out" in spoilt(lambda _: None, left_out=0.5)[0]
    newer = spoilt(lambda file: file.attrs.__setitem__("format_version", 2))
    assert newer == ["population.h5: says format pendulum-population 2, expected pendulum-population 1"]
    assert "cannot be read" in spoilt(lambda file: file.attrs.__delitem__("split"))[0]


def test_what_is_no_hdf5_is_one_line(tmp_path: Path) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True)
    path = directory / "population.h5"
    path.write_bytes(b"nothing of the sort")
    manifest = json.loads((directory / "dataset.json").read_text())
    manifest["population"] |= {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
    (directory / "dataset.json").write_text(json.dumps(manifest))
    (line,) = verify(directory)
    assert line.startswith("population.h5: cannot be read: ")


def test_convert_refuses_a_damaged_one(tmp_path: Path, refused: Callable[..., str]) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True)
    (directory / "population.h5").unlink()
    error = refused("pendgen", "convert", directory, "--format", "webdataset", "--out", tmp_path)
    assert "population.h5: missing; `pendgen verify" in error
    assert [path.parent for path in tmp_path.rglob("dataset.json")] == [directory]


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
def test_golden_population(container: str) -> None:
    """The first release of format 2, read as it is: never regenerated."""
    directory = GOLDEN / f"dataset-2-{container}"
    manifest = read_manifest(directory)
    assert (manifest["format_version"], manifest["content_version"], manifest["image_size"]) == (2, "1.1.0", 16)
    assert manifest["population"]["digest"].startswith("22f1e3711682")
    assert verify(directory) == []
    held, found = arrays(directory), enumerate_images(Dataset(Gaps(0.4), size=16))
    assert np.array_equal(held["image"], render.draw(found.position, Dataset(Gaps(0.4), size=16).geometry))
    for name, column in population_file.tables(found).items():
        assert np.allclose(held[name], column, rtol=0, atol=1e-9), name


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
def test_version_1_opens_as_before(container: str, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    directory = GOLDEN / f"dataset-1-{container}"
    assert command("pendgen", "verify", directory) == (0, f"{directory} is whole\n", "")
    code, out, _ = command("pendgen", "info", directory)
    assert (code, "population" in out) == (0, False)
    other = "webdataset" if container == "hdf5" else "hdf5"
    assert command("pendgen", "convert", directory, "--format", other, "--out", tmp_path)[0] == 0
    target = next(tmp_path.rglob("dataset.json")).parent
    assert read_manifest(target)["format_version"] == 1
    for path in (GOLDEN / f"dataset-1-{other}").glob("t*-of-*"):
        assert (target / path.name).read_bytes() == path.read_bytes()
    assert verify(target) == []
    assert command("pendgen", "preview", directory, "--out", tmp_path / "sheet.png")[0] == 0


def test_version_2_has_the_content_of_version_1(tmp_path: Path) -> None:
    old = read_manifest(GOLDEN / "dataset-1-hdf5")
    directory, _ = build(Dataset(Gaps(0.4), pendulums=6, images=2), tmp_path, num_shards=2, quiet=True)
    new = read_manifest(directory)
    assert (new["format_version"], fmt.CONTENT_VERSION) == (2, "1.1.0")
    assert new["fields"] == old["fields"]
    for split in ("train", "test"):
        for field in ("image", "visible", "index"):  # the others may differ in the last bit between machines
            assert new["digest"]["fields"][split][field] == old["digest"]["fields"][split][field]


def test_replicates_are_fresh_data_of_the_same_settings(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    small = ("--pendulums", 4, "--images", 2, "--size", 13, "--out", tmp_path, "--quiet")
    code, out, _ = command("pendgen", "build", "--replicates", 3, *small)
    assert (code, out.count("built ")) == (0, 3)
    names = ["vanilla", "vanilla-seed-1", "vanilla-seed-2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    manifests = [read_manifest(tmp_path / name / fmt.CONTENT_VERSION) for name in names]
    assert [manifest["seed"] for manifest in manifests] == [0, 1, 2]
    assert len({manifest["digest"]["content"] for manifest in manifests}) == 3
    assert len({manifest["population"]["sha256"] for manifest in manifests}) == 1
    code, out, _ = command("pendgen", "build", "--replicates", 2, "--seed", 2, "--variant", "vanilla", *small)
    assert (out.count("already complete"), out.count("built ")) == (1, 1)
    assert (tmp_path / "vanilla-seed-3").is_dir()


def test_replicates_of_a_suite_and_bad_ones(
    tmp_path: Path, command: Callable[..., Outcome], refused: Callable[..., str]
) -> None:
    out = tmp_path / "data"
    code, text, _ = command("pendgen", "build", "--suite", "cropping", "--replicates", 2, "--dry-run", "--out", out)
    assert (code, text.count("would build"), text.count("-seed-1/")) == (0, 10, 5)
    assert "replicates is 0, expected 1 to 10,000" in refused("pendgen", "build", "--replicates", 0, "--out", out)
    error = refused("pendgen", "build", "--replicates", 2, "--name", "mine", "--out", out)
    assert "name is 'mine', which 2 replicates cannot share" in error
    assert "seed is" in refused("pendgen", "build", "--replicates", 2, "--seed", 2**63 - 1, "--out", out)
    assert not out.exists()
