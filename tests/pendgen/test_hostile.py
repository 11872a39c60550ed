"""A dataset from a stranger: nothing in it is obeyed, loaded, unpacked beyond reason or taken for what it is not."""

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pendgen.convert import convert
from pendgen.inspection import verify
from pendgen.manifest import read_manifest
from pendgen.shards import file_sha256

Change = Callable[[Path], None]


def forged(directory: Path, file: Path) -> Path:
    """The directory with a manifest that fits what was done to a file of it, as an attacker can make it."""
    path = directory / "dataset.json"
    manifest = json.loads(path.read_text())
    for entry in [*manifest["shards"], manifest["population"]]:
        if entry["file"] == file.name:
            entry.update(bytes=file.stat().st_size, sha256=file_sha256(file))
    path.write_text(json.dumps(manifest))
    return directory


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "copy"))


@pytest.fixture(scope="module")
def tar(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(small, "webdataset", tmp_path_factory.mktemp("tar"))[0]


def edited(change: Callable[[h5py.File], None]) -> Change:
    def edit(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return edit


def replaced(make: Callable[[h5py.File, h5py.Dataset], None]) -> Change:
    """`energy` made anew by `make`, from what it was."""

    def change(file: h5py.File) -> None:
        held = np.asarray(file["energy"])
        del file["energy"]
        make(file, held)

    return edited(change)


def virtual(file: h5py.File, held: Any) -> None:
    layout = h5py.VirtualLayout(held.shape, held.dtype)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", held.shape)
    file.create_virtual_dataset("energy", layout)


HDF5: dict[str, tuple[Change, str]] = {
    "external link": (
        replaced(lambda file, _: file.__setitem__("energy", h5py.ExternalLink("/etc/passwd", "/x"))),
        "energy is a link, expected data in this file",
    ),
    "soft link": (
        replaced(lambda file, _: file.__setitem__("energy", h5py.SoftLink("/index"))),
        "energy is a link, expected data in this file",
    ),
    "external storage": (
        replaced(lambda file, held: file.create_dataset("energy", held.shape, "f8", external=[("/etc/passwd", 0, 80)])),
        "energy keeps its data in other files",
    ),
    "virtual dataset": (replaced(virtual), "energy keeps its data in other files"),
    "a filter that has to be loaded": (
        replaced(lambda file, held: file.create_dataset("energy", data=held, chunks=(2,), compression="lzf")),
        "energy was packed by filter 32000, expected gzip or none",
    ),
    "terabytes": (
        replaced(lambda file, _: file.create_dataset("energy", (2**40,), "f8", chunks=(1024,))),
        "energy claims shape (1099511627776,), of which the file holds 0 bytes",
    ),
    "scalar": (replaced(lambda file, _: file.__setitem__("energy", 0.5)), "energy has shape (), expected 1 axes"),
    "group": (replaced(lambda file, _: file.create_group("energy") and None), "energy is no dataset"),
    "text": (
        replaced(lambda file, held: file.__setitem__("energy", ["a"] * len(held))),
        "energy is of type object, expected numbers",
    ),
    "fewer of one field": (
        replaced(lambda file, held: file.__setitem__("energy", held[:-1])),
        "its fields have [9, 10] records",
    ),
    "not a number": (edited(lambda file: file["energy"].__setitem__(3, np.nan)), "lies outside the bands"),
}


@pytest.mark.parametrize("what", HDF5)
def test_a_hostile_hdf5_shard_is_named_and_neither_followed_nor_read(copy: Path, tmp_path: Path, what: str) -> None:
    change, said = HDF5[what]
    shard = next(copy.glob("test-00001*"))
    change(shard)
    problems = verify(forged(copy, shard))
    assert len(problems) == 1
    assert problems[0].startswith(f"shard {shard.name}: ")
    assert said in problems[0]
    with pytest.raises(ValueError, match=f"{shard.name}|content its manifest says"):
        convert(copy, "webdataset", tmp_path / "out")
    assert list((tmp_path / "out").rglob("*.tar")) == []


@pytest.mark.parametrize("what", ["external link", "soft link", "virtual dataset", "terabytes", "scalar", "group"])
def test_a_hostile_population_is_named_and_neither_followed_nor_read(copy: Path, what: str) -> None:
    def change(file: h5py.File) -> None:
        held = np.asarray(file["probability"])
        file["energy"] = held
        HDF5_BY_NAME(file, held, what)
        del file["probability"]
        file.move("energy", "probability")

    path = copy / "population.h5"
    edited(change)(path)
    problems = verify(forged(copy, path))
    assert problems
    assert all(each.startswith("population.h5: ") for each in problems)


def HDF5_BY_NAME(file: h5py.File, held: Any, what: str) -> None:
    del file["energy"]
    make: dict[str, Callable[[], object]] = {
        "external link": lambda: file.__setitem__("energy", h5py.ExternalLink("/etc/passwd", "/x")),
        "soft link": lambda: file.__setitem__("energy", h5py.SoftLink("/energy_given_image")),
        "virtual dataset": lambda: virtual(file, held),
        "terabytes": lambda: file.create_dataset("energy", (2**40,), "f8", chunks=(1024,)),
        "scalar": lambda: file.__setitem__("energy", 0.5),
        "group": lambda: file.create_group("energy"),
    }
    make[what]()


Member = tuple[tarfile.TarInfo, bytes]


def members_of(path: Path) -> list[Member]:
    with tarfile.open(path) as file:
        return [(each, file.extractfile(each).read()) for each in file]  # type: ignore[union-attr]


def written(path: Path, members: list[Member], mode: str = "w:") -> None:
    with tarfile.open(path, mode, format=tarfile.USTAR_FORMAT) as file:  # type: ignore[call-overload]
        for member, content in members:
            file.addfile(member, io.BytesIO(content))


def member(name: str, content: bytes, **how: Any) -> Member:
    made = tarfile.TarInfo(name)
    made.size = len(content)
    for key, value in how.items():
        setattr(made, key, value)
    return made, content


def swapped(path: Path) -> None:
    """The pictures of two pendulums change places; every member is still there."""
    held = members_of(path)
    held[0], held[2] = held[2], held[0]
    written(path, held)


def labels(change: Callable[[dict[str, Any]], object]) -> Change:
    def edit(path: Path) -> None:
        held = members_of(path)
        record = json.loads(held[1][1])
        text = json.dumps(change(record) or record).encode()
        written(path, [held[0], member(held[1][0].name, text), *held[2:]])

    return edit


def picture(content: bytes) -> Change:
    def edit(path: Path) -> None:
        held = members_of(path)
        written(path, [member(held[0][0].name, content), *held[1:]])

    return edit


def npy(dtype: str, shape: tuple[int, ...]) -> bytes:
    """The header of an array, and nothing of the array."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def claims(path: Path) -> None:
    held = members_of(path)
    written(path, held)
    content = bytearray(path.read_bytes())
    content[124:136] = b"\x80" + (10**12).to_bytes(11, "big")  # base 256, as GNU tar writes what octal cannot hold
    content[148:156] = b" " * 8
    content[148:156] = f"{sum(content[:512]):06o}\0 ".encode()
    path.write_bytes(content)


def compressed(path: Path) -> None:
    path.write_bytes(gzip.compress(path.read_bytes()))


def linked(path: Path) -> None:
    first, *others = members_of(path)
    written(path, [member(first[0].name, b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), *others])


TAR: dict[str, tuple[Change, str]] = {
    "members of two pendulums swapped": (swapped, "expected the plain file"),
    "a member twice": (lambda path: written(path, [members_of(path)[0], *members_of(path)]), "expected the plain file"),
    "no labels": (lambda path: written(path, members_of(path)[:-1]), "json is missing"),
    "a link": (linked, "expected the plain file"),
    "a path": (
        lambda path: written(path, [member("../x.image.npy", b""), *members_of(path)[1:]]),
        "expected the plain file",
    ),
    "a header of a terabyte": (claims, "cannot be read"),
    "gzip": (compressed, "cannot be read"),
    "an array of 286 GiB": (picture(npy("|u1", (307_000_000_000,))), "cannot be read"),
    "an array of objects": (picture(npy("|O", (1,))), "cannot be read"),
    "no array": (picture(b"no array"), "cannot be read"),
    "labels a list": (labels(lambda _: [1, 2]), "cannot be read"),
    "labels of another pendulum": (labels(lambda record: record.update(index=11)), "pendulums are numbered"),
    "a number beyond int64": (labels(lambda record: record.update(index=10**30)), "cannot be read"),
    "labels not a number": (labels(lambda record: record.update(energy=float("nan"))), "lies outside the bands"),
    "labels text": (labels(lambda record: record.update(energy="half")), "cannot be read"),
    "labels lack a field": (labels(lambda record: record.pop("energy") and None), "cannot be read"),
    "nested labels": (labels(lambda record: record.update(energy=[[]])), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAR)
def test_a_hostile_tar_shard_is_named(tar: Path, tmp_path: Path, what: str) -> None:
    copy = Path(shutil.copytree(tar, tmp_path / "copy"))
    change, said = TAR[what]
    shard = next(copy.glob("test-00001*"))
    change(shard)
    problems = verify(forged(copy, shard))
    assert len(problems) == 1
    assert problems[0].startswith(f"shard {shard.name}: ")
    assert said in problems[0]


WRONG: list[Any] = [None, "x", 3, [], {}, [1, 2], 1.5, {"a": 1}, -1, 10**30, True, "../../x", "a\nb", "\x1b[31m"]


def places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a manifest that something reads, as keys and numbers to get there."""
    if place[:1] in (("provenance",), ("fields",)) or place == ("digest", "fields"):
        return []
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([place] if place else []), *(each for key, part in below for each in places(part, (*place, key)))]


def test_a_manifest_that_lacks_any_key_or_holds_another_kind_is_refused_by_name(copy: Path) -> None:
    """Or it is read, and then it describes a dataset that could be: no traceback, no other error."""
    path = copy / "dataset.json"
    whole = json.loads(path.read_text())
    refused = tried = 0
    for place in places(whole):
        for value in ("gone", *WRONG):
            changed = json.loads(json.dumps(whole))
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            if value == "gone" and isinstance(inner, dict):
                del inner[place[-1]]
            else:
                inner[place[-1]] = value
            path.write_text(json.dumps(changed))
            tried += 1
            if said := refusal(copy):
                refused += 1
                assert str(path) in said
                assert said.isprintable()
    print(f"{tried} manifests tried, {refused} refused")
    assert tried > 1000
    assert refused > 0.9 * tried


def refusal(directory: Path) -> str:
    try:
        read_manifest(directory)
    except ValueError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize(("key", "value"), [("name", "../../x"), ("name", "/x"), ("content_version", "../../../y")])
def test_a_manifest_does_not_choose_where_is_written(copy: Path, tmp_path: Path, key: str, value: str) -> None:
    path = copy / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=f"dataset.json: {key} is"):
        convert(copy, "webdataset", tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before
