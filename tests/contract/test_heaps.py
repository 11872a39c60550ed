"""HDF5 2 never ends with a heap whose entry has no length. Each package looks before it opens such a file."""

import importlib
from pathlib import Path

import h5py
import pytest

PACKAGES = ("pendgen", "pendtrain", "pendeval")


def heap(content: bytes) -> int:
    place = content.index(b"GCOL\x01\x00\x00\x00")
    assert content.find(b"GCOL\x01\x00\x00\x00", place + 1) == -1
    return place


@pytest.fixture(params=[{}, {"libver": "latest"}, {"userblock_size": 512}, {"userblock_size": 2048}], ids=str)
def content(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    with h5py.File(tmp_path / "x.h5", "w", **request.param) as file:
        for number in range(30):
            file.attrs[f"text-{number}"] = "a" * number
    return (tmp_path / "x.h5").read_bytes()


@pytest.mark.parametrize("package", PACKAGES)
def test_heaps_that_do_not_end_are_refused(package: str, content: bytes) -> None:
    check = importlib.import_module(f"{package}.hdf5").check_heaps
    check(content)
    place = heap(content)
    first = place + 16
    for where, value in (
        (first, b"\x00\x00"),  # the first entry becomes the free rest, which is shorter than it says
        (first + 8, b"\xff" * 8),
        (first + 8, (2**64 - 16).to_bytes(8, "little")),
        (place + 8, (2**40).to_bytes(8, "little")),
    ):
        damaged = content[:where] + value + content[where + len(value) :]
        if value == b"\x00\x00":
            damaged = damaged[: first + 8] + bytes(8) + damaged[first + 16 :]  # no length: HDF5 would not move on
        with pytest.raises(ValueError, match="a heap of texts is damaged"):
            check(damaged)
    for other in (b"", content[:8], b"x" * 600, content[:100].replace(b"HDF", b"HDG")):
        with pytest.raises(ValueError, match="it does not begin as HDF5 does"):
            check(other)
