import fcntl
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pendgen.build import build
from pendgen.convert import convert
from pendgen.dataset import PROTOCOLS, Dataset
from pendgen.inspection import verify
from pendgen.manifest import read_manifest, settings
from pendgen.reader import read_column
from pendgen.shards import file_sha256
from pendgen.variants import Cropping, Gaps, GraphicalNoise, NumericalNoise, Vanilla, Variant

Outcome = tuple[int, str, str]
GOLDEN = Path(__file__).parents[1] / "golden"
ALL = [Vanilla(), NumericalNoise(0.2), GraphicalNoise(0.2), Gaps(0.5), Gaps(gap=((0.3, 0.7),)), Cropping(0.6)]


@pytest.fixture(params=["hdf5", "webdataset"])
def copy(request: pytest.FixtureRequest, small: Path, tmp_path: Path) -> Path:
    """A dataset to damage, in either container."""
    if request.param == "webdataset":
        return convert(small, "webdataset", tmp_path)[0]
    return Path(shutil.copytree(small, tmp_path / "vanilla" / small.name))


def forge(directory: Path, shard: Path) -> None:
    """Make the manifest agree with a shard that was changed, as a careless repair would."""
    manifest = json.loads((directory / "dataset.json").read_text())
    for entry in manifest["shards"]:
        if entry["file"] == shard.name:
            entry["bytes"], entry["sha256"] = shard.stat().st_size, file_sha256(shard)
    (directory / "dataset.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("variant", ALL, ids=str)
def test_what_is_built_is_whole_and_knows_its_settings(
    variant: Variant, antialias: bool, protocol: str, tmp_path: Path
) -> None:
    asked = Dataset(variant, protocol=protocol, seed=5, pendulums=20, images=3, time_gap=0.4, antialias=antialias)
    directory, _ = build(asked, tmp_path, num_shards=3, quiet=True)
    assert verify(directory) == []
    assert settings(read_manifest(directory)) == asked


def test_damage_is_found_and_named(copy: Path, command: Callable[..., Outcome]) -> None:
    assert command("pendgen", "verify", copy) == (0, f"{copy} is whole\n", "")
    first, second, third, *_ = sorted(copy.glob("test-*-of-*"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:-100])
    third.unlink()
    code, out, err = command("pendgen", "verify", copy)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == 3
    assert f"shard {first.name}: SHA-256" in lines[0]
    assert f"shard {second.name}: {second.stat().st_size} bytes, expected {second.stat().st_size + 100}" in lines[1]
    assert f"shard {third.name}: missing" in lines[2]


def test_wrong_physics_is_found_even_where_hashes_agree(small: Path, tmp_path: Path) -> None:
    def spoilt(field: str, change: Callable[[h5py.Dataset], None]) -> list[str]:
        directory = Path(shutil.copytree(small, tmp_path / field))
        shard = sorted(directory.glob("train-*.h5"))[1]
        with h5py.File(shard, "r+") as file:
            change(file[field])
        forge(directory, shard)
        return verify(directory)

    def set_row(value: object) -> Callable[[h5py.Dataset], None]:
        return lambda column: column.__setitem__(0, value)

    assert "rad from that of its energy and time" in spoilt("time", set_row(1.0))[0]
    assert "lies outside the bands" in spoilt("energy", set_row(1.5))[0]
    assert "a picture shows other angles" in spoilt("image", set_row(0))[0]
    assert "visible does not follow" in spoilt("visible", set_row(False))[0]
    assert "pendulums are numbered" in spoilt("index", set_row(7))[0]
    assert "content digest" in spoilt("energy_given_image", set_row(0.5))[0]


def test_times_and_angles_that_are_no_numbers_are_found_under_noise_too(tmp_path: Path) -> None:
    directory, _ = build(Dataset(GraphicalNoise(0.1), pendulums=4, images=2), tmp_path, num_shards=1, quiet=True)
    (shard,) = directory.glob("train-*.h5")
    with h5py.File(shard, "r+") as file:
        for field in ("time", "angle"):
            file[field][...] = np.nan
    forge(directory, shard)
    assert "an angle is nan rad from that of its energy and time" in verify(directory)[0]


def test_missing_field_and_wrong_shape(small: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(small, tmp_path / "copy"))
    first, second, *_ = sorted(directory.glob("train-*.h5"))
    with h5py.File(first, "r+") as file:
        del file["angle"]
    with h5py.File(second, "r+") as file:
        del file["energy"]
        file["energy"] = np.zeros((10, 2))
    forge(directory, first)
    forge(directory, second)
    problems = verify(directory)
    assert f"{first.name} cannot be read" in problems[0]
    assert "energy has shape (10, 2), expected 1 axes" in problems[1]


def test_info(small: Path, command: Callable[..., Outcome]) -> None:
    code, out, _ = command("pendgen", "info", small.parent)
    assert code == 0
    assert "train      40 pendulums x 6 images, energies uniform on 0 to 1, times 0 to 200" in out
    assert "population 1724 images over 140 bins of energy, 0 left out" in out
    code, out, _ = command("pendgen", "info", small, "--json")
    assert json.loads(out) == read_manifest(small)


def test_round_trip_between_containers(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    tar, written = convert(small, "webdataset", tmp_path)
    assert written
    assert tar == tmp_path / "vanilla-webdataset" / small.name
    assert convert(small, "webdataset", tmp_path) == (tar, False)
    direct, _ = build(settings(read_manifest(small)), tmp_path / "direct", container="webdataset", num_shards=4)
    for path in sorted(tar.glob("*.tar")):
        assert path.read_bytes() == (direct / path.name).read_bytes()
    back, _ = convert(tar, "hdf5", tmp_path)
    for path in sorted(back.glob("*.h5")):
        assert path.read_bytes() == (small / path.name).read_bytes()
    for directory in (tar, back, direct):
        assert (directory / "population.h5").read_bytes() == (small / "population.h5").read_bytes()
    digests = {read_manifest(directory)["digest"]["content"] for directory in (small, tar, direct, back)}
    assert len(digests) == 1
    assert verify(tar) == verify(back) == []
    assert command("pendgen", "convert", small, "--format", "webdataset", "--out", tmp_path)[1].startswith("already")


def test_tar_members_say_nothing_of_the_machine(small: Path, tmp_path: Path) -> None:
    tar, _ = convert(small, "webdataset", tmp_path)
    with tarfile.open(tar / "train-00001-of-00004.tar") as file:
        members = file.getmembers()
        assert [member.name for member in members[:3]] == [
            *("train-000000010.image.npy", "train-000000010.json", "train-000000011.image.npy")
        ]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        handle = file.extractfile(members[1])
        assert handle is not None
        assert list(json.load(io.TextIOWrapper(handle))) == [
            *("energy", "time", "angle", "visible", "energy_given_image", "index")
        ]


def test_tar_shards_are_byte_for_byte_those_of_earlier_releases(tmp_path: Path) -> None:
    for version in (1, 2):
        tar, _ = convert(GOLDEN / f"dataset-{version}-hdf5", "webdataset", tmp_path / str(version))
        for path in sorted((GOLDEN / f"dataset-{version}-webdataset").glob("*.tar")):
            assert (tar / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["train-00000-of-00004.tar", "pipe:touch sprung.tar"])
def test_tar_shards_are_neither_unpickled_nor_run(
    small: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    tar, _ = convert(small, "webdataset", tmp_path)
    manifest = (tar / "dataset.json").read_text()
    (tar / "dataset.json").write_text(manifest.replace("train-00000-of-00004.tar", name))
    (tar / "train-00000-of-00004.tar").rename(tar / name)
    assert verify(tar) == []
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object))
    with tarfile.open(tar / name, "w") as file:
        for suffix, content in (("image.npy", objects.getvalue()), ("json", b"{}")):
            member = tarfile.TarInfo(f"train-000000000.{suffix}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    forge(tar, tar / name)
    error = refused("pendgen", "convert", tar, "--format", "hdf5", "--out", tmp_path / "out")
    assert f"{name} cannot be read: Object arrays cannot be loaded when allow_pickle=False" in error
    assert not Path("sprung.tar").exists()


def test_rows_come_back_in_the_order_asked(small: Path, tmp_path: Path) -> None:
    tar, _ = convert(small, "webdataset", tmp_path)
    for directory in (small, tar):
        manifest = read_manifest(directory)
        whole = read_column(directory, manifest, "test", "time")
        assert np.array_equal(read_column(directory, manifest, "test", "time", [31, 2, 17]), whole[[31, 2, 17]])


def test_convert_refuses(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "which" in refused("pendgen", "convert", small, "--format", "hdf5", "--out", tmp_path)
    damaged = Path(shutil.copytree(small, tmp_path / "damaged"))
    (damaged / "train-00000-of-00004.h5").write_bytes(b"")
    assert "was changed" in refused("pendgen", "convert", damaged, "--format", "webdataset", "--out", tmp_path)
    assert [path.name for path in tmp_path.rglob("dataset.json")] == ["dataset.json"]  # the damaged one's own
    assert not [path for path in (tmp_path / "vanilla-webdataset").iterdir() if path.is_dir()]
    other, _ = build(Dataset(Vanilla(), pendulums=4, images=2), tmp_path, name="taken", quiet=True)
    error = refused("pendgen", "convert", small, "--format", "webdataset", "--out", tmp_path, "--name", "taken")
    assert f"{other} holds another dataset" in error


def test_a_shard_that_another_program_has_open(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    directory = shutil.copytree(small, tmp_path / "data")
    with open(next(directory.glob("train*.h5")), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as HDF5 does
        said = refused("pendgen", "preview", directory, "--out", tmp_path / "x.png")
    assert said.endswith("cannot be read: another program is writing to it\n")
