"""A dataset or a run from a stranger: nothing in it is followed, unpacked beyond reason or taken for what it is not."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pendgen.convert import convert
from pendtrain.embed import embed_run
from pendtrain.fit import fit
from pendtrain.recipe import Recipe
from pendtrain.runs import read_run
from pendtrain.shards import open_dataset
from pendtrain.state import Settings

RECIPE = Recipe(epochs=1, batch=20)
WRONG: list[Any] = [None, "x", 3, [], {}, [1, 2], 1.5, -1, 10**30, "../../x", "a\nb", "\x1b[31m"]


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "copy"))


def forged(directory: Path, file: Path) -> Path:
    """The directory with a manifest that fits what was done to a shard, as an attacker can make it."""
    path = directory / "dataset.json"
    manifest = json.loads(path.read_text())
    for entry in manifest["shards"]:
        if entry["file"] == file.name:
            entry.update(bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    path.write_text(json.dumps(manifest))
    return directory


def virtual(file: h5py.File, name: str, held: Any) -> None:
    layout = h5py.VirtualLayout(held.shape, held.dtype)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", held.shape)
    file.create_virtual_dataset(name, layout)


def outside(file: h5py.File, name: str, held: Any) -> None:
    file.create_dataset(name, held.shape, held.dtype, external=[("/etc/passwd", 0, held.nbytes)])


def empty(file: h5py.File, name: str, held: Any) -> None:
    file.create_dataset(name, held.shape, held.dtype, chunks=(1, *held.shape[1:]), compression="gzip")


Make = Callable[[h5py.File, str, Any], object]
SHARD: dict[str, tuple[Make, str]] = {
    "external link": (lambda file, name, _: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/x")), "a link"),
    "soft link": (lambda file, name, _: file.__setitem__(name, h5py.SoftLink("/index")), "is a link"),
    "external storage": (outside, "kept elsewhere"),
    "virtual dataset": (virtual, "kept elsewhere"),
    "group": (lambda file, name, _: file.create_group(name), "expected a dataset of this file"),
    "scalar": (lambda file, name, _: file.__setitem__(name, 1), "expected "),
    "nothing behind it": (empty, "of which the file holds 0 bytes"),
    "another shape": (lambda file, name, held: file.__setitem__(name, held[:-1]), "expected "),
    "a filter that has to be loaded": (
        lambda file, name, held: file.create_dataset(name, data=held, chunks=held.shape, compression="lzf"),
        "was packed by filter 32000",
    ),
}


@pytest.mark.parametrize("cache", [0, 2**30])
@pytest.mark.parametrize("field", ["image", "energy"])
@pytest.mark.parametrize("what", SHARD)
def test_a_hostile_shard_is_named_and_leaves_no_run(
    copy: Path, tmp_path: Path, what: str, field: str, cache: int
) -> None:
    make, said = SHARD[what]
    shard = next(copy.glob("train-00001*"))
    with h5py.File(shard, "r+") as file:
        held = np.asarray(file[field])
        del file[field]
        make(file, field, held)
    with pytest.raises(ValueError, match=f"{shard.name} cannot be read: .*{said}"):
        fit(forged(copy, shard), RECIPE, tmp_path / "runs", Settings(quiet=True, cache=cache))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("energy", np.nan, "energy holds NaN or infinity"),
        ("energy", 1.5, "energy spans .* to 1.5, expected 0 to 1"),
    ],
)
def test_labels_that_cannot_be_are_not_trained_on(
    copy: Path, tmp_path: Path, field: str, value: float, said: str
) -> None:
    shard = next(copy.glob("train-00001*"))
    with h5py.File(shard, "r+") as file:
        file[field][3] = value
    with pytest.raises(ValueError, match=f"{shard.name} cannot be read: {said}"):
        fit(forged(copy, shard), RECIPE, tmp_path / "runs", Settings(quiet=True))


@pytest.mark.parametrize("cache", [0, 2**30])
def test_pictures_and_labels_of_a_tar_are_paired_by_key(small: Path, tmp_path: Path, cache: int) -> None:
    import tarfile

    directory = convert(small, "webdataset", tmp_path)[0]
    shard = next(directory.glob("train-00001*"))
    with tarfile.open(shard) as file:
        members = [(each, file.extractfile(each).read()) for each in file]  # type: ignore[union-attr]
    members[0], members[2] = members[2], members[0]
    with tarfile.open(shard, "w:", format=tarfile.USTAR_FORMAT) as file:
        import io

        for member, content in members:
            file.addfile(member, io.BytesIO(content))
    with pytest.raises(ValueError, match=f"{shard.name} cannot be read: member 2 is .* expected the plain file"):
        fit(forged(directory, shard), RECIPE, tmp_path / "runs", Settings(quiet=True, cache=cache))


def places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a description, as keys and numbers to get there."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([place] if place else []), *(each for key, part in below for each in places(part, (*place, key)))]


def changed(whole: Any, place: tuple[str | int, ...], value: Any) -> str:
    """The description with another value in a place, or without it, as JSON."""
    inner = copied = json.loads(json.dumps(whole))
    for key in place[:-1]:
        inner = inner[key]
    if value == "gone" and isinstance(inner, dict):
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return json.dumps(copied)


def refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except (ValueError, OSError) as problem:
        return str(problem)
    return ""


def test_a_manifest_of_other_kinds_is_refused_by_name(copy: Path) -> None:
    path = copy / "dataset.json"
    whole = json.loads(path.read_text())
    tried = refused = 0
    for place in places(whole):
        for value in ("gone", *WRONG):
            path.write_text(changed(whole, place, value))
            tried += 1
            if said := refusal(lambda: open_dataset(copy)):
                refused += 1
                assert str(path) in said
                assert said.isprintable()
    print(f"{tried} manifests tried, {refused} refused")
    assert tried > 1000
    assert refused > 0.5 * tried


def test_a_run_of_other_kinds_is_refused_by_name(small_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    path = run / "run.json"
    whole = json.loads(path.read_text())
    tried = 0
    for place in places(whole):
        for value in ("gone", *WRONG):
            path.write_text(changed(whole, place, value))
            tried += 1
            said = refusal(lambda: read_run(run) and embed_run(run, None, "test"))
            assert not said or "run.json" in said or "pictures" in said or "dataset" in said, said
    print(f"{tried} runs tried")
    assert tried > 500


def test_weights_of_another_encoder_are_refused(small_run: Path, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    save_file({"fc.weight": np.zeros((1, 512), np.float32)}, run / "encoder.safetensors")
    with pytest.raises(ValueError, match=r"encoder.safetensors was changed: SHA-256 .* expected .* by run.json"):
        embed_run(run, None, "test", force=True)
    held = json.loads((run / "run.json").read_text())
    del held["encoder_sha256"]  # as runs of earlier versions
    (run / "run.json").write_text(json.dumps(held))
    with pytest.raises(ValueError, match=r"encoder.safetensors does not fit the encoder of its recipe: "):
        embed_run(run, None, "test", force=True)
    (run / "encoder.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"encoder.safetensors cannot be read: "):
        embed_run(run, None, "test", force=True)


def test_embeddings_of_other_data_of_one_name_stay(small_run: Path, small: Path, tmp_path: Path) -> None:
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import Vanilla

    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    made = Dataset(Vanilla(), pendulums=8, images=2, seed=5)
    other, _ = build(made, tmp_path, name="vanilla", num_shards=1, quiet=True)
    path = run / "embeddings" / "vanilla-test.h5"
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"vanilla-test.h5 is of other data of that name"):
        embed_run(run, other, "test")
    assert path.read_bytes() == before
    assert dict(embed_run(run, other, "test", force=True))[path]


def test_a_dataset_that_was_replaced_is_not_the_one_trained_on(tmp_path: Path) -> None:
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import Vanilla

    how: dict[str, Any] = {"name": "vanilla", "num_shards": 1, "quiet": True}
    ours, _ = build(Dataset(Vanilla(), pendulums=8, images=4), tmp_path, **how)
    run, _ = fit(ours, Recipe(epochs=1, batch=4), tmp_path / "runs", Settings(quiet=True))
    build(Dataset(Vanilla(), pendulums=8, images=4, seed=5), tmp_path, force=True, **how)
    with pytest.raises(ValueError, match="is another dataset than the run was trained on; --shards says what to embed"):
        embed_run(run, None, "train")
    assert not (run / "embeddings" / "vanilla-train.h5").exists()
    assert embed_run(run, ours, "train") == [(run / "embeddings" / "vanilla-train.h5", True)]
