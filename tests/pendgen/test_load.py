"""What a notebook gets: the arrays that the shards hold, and a page that no file can write into."""

import json
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import pendgen
from pendgen.convert import convert
from pendgen.format import FIELDS, POPULATION_FIELDS
from pendgen.shards import file_sha256


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "copy"))


@pytest.mark.parametrize("split", ["train", "test"])
def test_arrays_are_those_of_the_shards_in_order(small: Path, split: str) -> None:
    found = pendgen.load(small, split)
    shards = [h5py.File(path) for path in sorted(small.glob(f"{split}-*.h5"))]
    assert list(found) == found.keys() == [field.name for field in FIELDS]
    assert len(found) == 40
    for field in FIELDS:
        assert str(found[field.name].dtype) == field.dtype
        assert np.array_equal(found[field.name], np.concatenate([shard[field.name][()] for shard in shards]))
    assert "energy" in found
    assert "mass" not in found
    assert set(dict(found.columns)) == set(found)


def test_a_population(small: Path) -> None:
    found = pendgen.load(str(small), "population")
    with h5py.File(small / "population.h5") as file:
        assert found.keys() == [field.name for field in POPULATION_FIELDS]
        assert all(np.array_equal(found[name], file[name][()]) for name in found)
    assert len(found) == len(found["probability"])
    assert abs(found["probability"].sum() - 1) < 1e-9


def test_the_folder_of_versions_and_tar_are_the_same(small: Path, tmp_path: Path) -> None:
    tar = convert(small, "webdataset", tmp_path / "tar")[0]
    folder = tmp_path / "vanilla"
    shutil.copytree(small, folder / "1.1.0")
    shutil.copytree(small, folder / "1.0.0")
    whole = pendgen.load(small, "test")
    assert pendgen.load(folder, "test").directory.name == "1.1.0"
    for other in (pendgen.load(folder, "test"), pendgen.load(tar, "test")):
        assert all(np.array_equal(other[name], whole[name]) for name in whole)


def test_in_words(small: Path) -> None:
    found = pendgen.load(small, "test")
    assert repr(found).startswith("vanilla 1.1.0, test: 40 pendulums × 6 images")
    page = found._repr_html_()
    assert "rad" in page
    assert "(40, 6, 2)" in repr(found)
    assert page.count("data:image/png;base64,iVBOR") == 1
    assert "images, each once" in pendgen.load(small, "population")._repr_html_()


def test_nothing_in_a_file_writes_into_the_page(copy: Path) -> None:
    manifest = json.loads((copy / "dataset.json").read_text())
    manifest["name"] = "<script>alert(1)<"
    (copy / "dataset.json").write_text(json.dumps(manifest))
    page = pendgen.load(copy, "test")._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert not re.search(r"https?:", page)


def test_what_is_no_dataset_is_one_line(small: Path, copy: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no dataset directory"):
        pendgen.load(tmp_path / "none", "test")
    with pytest.raises(ValueError, match="split is 'valid', expected train, test or population"):
        pendgen.load(small, "valid")
    with pytest.raises(KeyError, match="no field 'mass' in test, expected image, energy"):
        pendgen.load(small, "test")["mass"]
    shard = sorted(copy.glob("test-*.h5"))[1]
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=f"shard .*{shard.name}: SHA-256 .*, expected"):
        pendgen.load(copy, "test")
    assert len(pendgen.load(copy, "train")) == 40
    (copy / "population.h5").unlink()
    with pytest.raises(ValueError, match=r"population .*population\.h5: missing"):
        pendgen.load(copy, "population")
    manifest = json.loads((copy / "dataset.json").read_text()) | {"population": None, "population_reason": "noise"}
    (copy / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="has no population: noise"):
        pendgen.load(copy, "population")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.pop("energy"), "energy is missing"),
        (lambda file: file.__setitem__("energy", h5py.ExternalLink("/etc/passwd", "x")), "energy is a link"),
        (lambda file: file.__setitem__("index", np.arange(10)), "not numbered 10 to 19"),
        (lambda file: file.__setitem__("time", np.zeros((10, 5))), "time is"),
        (lambda file: file.__setitem__("energy", np.zeros(10, np.float32)), "energy is"),
    ],
)
def test_a_forged_shard_is_named(copy: Path, change: object, words: str) -> None:
    shard = sorted(copy.glob("test-*.h5"))[1]
    with h5py.File(shard, "r+") as file:
        for name in ("energy", "index", "time"):
            if words.startswith(name) or (name == "index" and "numbered" in words):
                held = file.pop(name)
                if words == "energy is missing":
                    file["energy"] = held
        change(file)
    manifest = json.loads((copy / "dataset.json").read_text())
    for entry in manifest["shards"]:
        if entry["file"] == shard.name:
            entry.update(bytes=shard.stat().st_size, sha256=file_sha256(shard))
    (copy / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=f"{shard.name}.*{words}"):
        pendgen.load(copy, "test")


def test_unknown_names_are_unknown() -> None:
    assert {"load", "Arrays"} <= set(dir(pendgen))
    with pytest.raises(AttributeError, match="no attribute 'loads'"):
        _ = pendgen.loads
