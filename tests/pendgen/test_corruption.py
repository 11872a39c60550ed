"""Bytes turned over, cut off, repeated, moved: a damaged dataset is named, or its content is what it was.

Half of the damage is done as an attacker would, with a manifest that fits the damaged file; then `verify` alone stands
between it and a wrong result. Short here, by the thousand under LAB_TORTURE=1 (`uv run poe torture`).
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.inspection import verify
from pendgen.shards import file_sha256
from pendgen.variants import Gaps

COUNT = 1500 if os.environ.get("LAB_TORTURE") else 60
Random = np.random.Generator


def flip(content: bytes, draw: Random) -> bytes:
    place = int(draw.integers(len(content)))
    return content[:place] + bytes([content[place] ^ (1 << int(draw.integers(8)))]) + content[place + 1 :]


def overwrite(content: bytes, draw: Random) -> bytes:
    place, length = int(draw.integers(len(content))), int(draw.integers(1, 64))
    return (content[:place] + draw.bytes(length) + content[place + length :])[: len(content)]


def cut(content: bytes, draw: Random) -> bytes:
    return content[: int(draw.integers(len(content)))]


def repeat(content: bytes, draw: Random) -> bytes:
    first, last = sorted(int(each) for each in draw.integers(len(content), size=2))
    return content[:last] + content[first:last] + content[last:]


def remove(content: bytes, draw: Random) -> bytes:
    first, last = sorted(int(each) for each in draw.integers(len(content), size=2))
    return content[:first] + content[last:]


def blank(content: bytes, draw: Random) -> bytes:
    first = int(draw.integers(len(content)))
    return content[:first] + bytes(min(512, len(content) - first)) + content[first + 512 :]


DAMAGE: tuple[Callable[[bytes, Random], bytes], ...] = (flip, overwrite, cut, repeat, remove, blank)


@pytest.fixture(scope="module", params=["hdf5", "webdataset"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = Dataset(Gaps(0.4), pendulums=6, images=2, size=16)
    return build(made, tmp_path_factory.mktemp("whole"), container=request.param, num_shards=2, quiet=True)[0]


def forge(directory: Path, damaged: Path) -> None:
    """Make the manifest fit the damaged file, if it is one that the manifest names."""
    path = directory / "dataset.json"
    manifest = json.loads(path.read_text())
    for entry in [*manifest["shards"], manifest["population"]]:
        if entry["file"] == damaged.name:
            entry.update(bytes=damaged.stat().st_size, sha256=file_sha256(damaged))
    path.write_text(json.dumps(manifest))


@pytest.mark.torture
def test_damage_is_named_or_harmless(whole: Path, tmp_path: Path) -> None:
    """`verify` computes the content digest anew: where it finds nothing wrong, the content is what it was."""
    draw = np.random.default_rng(0)
    files = sorted(path.name for path in whole.iterdir() if path.suffix in (".h5", ".tar", ".json"))
    copy = tmp_path / "copy"
    named = 0
    for number in range(COUNT):
        shutil.copytree(whole, copy)
        name, damage = files[int(draw.integers(len(files)))], DAMAGE[int(draw.integers(len(DAMAGE)))]
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(damage(content, draw))
        if number % 2 and name != "dataset.json":
            forge(copy, copy / name)
        try:
            found = verify(copy)
        except (ValueError, OSError) as problem:
            found = [str(problem)]
        named += bool(found)
        at_fault = "" if name.endswith(".json") else name  # a manifest may name a file that is not there
        assert all(at_fault in each or each.startswith("dataset.json") for each in found), (name, damage, found)
        same = (copy / name).read_bytes() == content
        forged = bool(number % 2)
        assert found or same or forged or name in ("croissant.json", "dataset.json"), (name, damage)
        shutil.rmtree(copy)
    print(f"{COUNT} damaged, {named} named, the others harmless")
    assert named > COUNT / 2
