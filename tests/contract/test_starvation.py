"""Too little disk, memory, file handles or rights: one line, nothing that looks finished, and what was there stays.

A limit on the size of files stands in for a full disk: writing fails at the same calls. It holds for the system's
temporary files as well, and below 32 bytes libraries complain of those. A few limits here, many with LAB_TORTURE=1.
"""

import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

LONG = bool(os.environ.get("LAB_TORTURE"))
SIZES = (32, 100, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 10_000_000)
MEMORY = (600, 900, 1200, 1600, 2000, 2500, 3000, 4000)
HANDLES = (8, 12, 16, 24, 32, 64)
TEMPORARY = (".tmp", ".new", ".converted")
pytestmark = pytest.mark.torture


@dataclass(frozen=True)
class Place:
    """A dataset, a run on it, and an empty folder for what a command writes."""

    data: Path
    run: Path
    out: Path


COMMANDS = {
    "build": "pendgen build --variant graphical-noise --eps-g .1 --pendulums 60 --out {out}/made --quiet",
    "build tar": "pendgen build --format webdataset --pendulums 60 --out {out}/made --quiet",
    "convert": "pendgen convert {data} --format webdataset --out {out}/made --quiet",
    "preview": "pendgen preview {data} --out {out}/sheet.png",
    "fit": "pendtrain fit --shards {data} --epochs 1 --batch 20 --checkpoint-seconds 0 --out {out}/made --quiet",
    "embed": "pendtrain embed {run} --shards {data} --split train",
    "report": "pendeval report {run} --csv-only --out {out}/made --quiet",
    "keep": "pendeval keep {run} --report {out}/cache --to {out}/kept --quiet",
}


def cases(limits: tuple[int, ...], few: dict[str, int]) -> list[tuple[str, int]]:
    """Every command under every limit; in CI some of them under one."""
    return [(name, limit) for name in COMMANDS for limit in limits] if LONG else list(few.items())


@pytest.fixture
def place(small: Path, small_run: Path, tmp_path: Path) -> Place:
    (tmp_path / "out").mkdir()
    return Place(small, Path(shutil.copytree(small_run, tmp_path / "run")), tmp_path / "out")


def attempt(name: str, place: Place, kind: int, most: int) -> subprocess.CompletedProcess[str]:
    command = shlex.split(COMMANDS[name].format(data=place.data, run=place.run, out=place.out))
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(kind, (most, most)),
    )


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def nothing_lost(place: Place, before: dict[Path, bytes], done: subprocess.CompletedProcess[str]) -> None:
    """What was there is as it was; nothing begun looks finished, and no temporary file is left."""
    after = files(place.run)
    assert {path: after.get(path) for path in before} == before
    assert done.returncode == 0 or not set(after) - set(before), done.stderr
    if done.returncode == 0:
        return
    assert not list(place.out.rglob("dataset.json"))
    for path in place.out.rglob("run.json"):
        assert json.loads(path.read_text())["status"] in ("failed", "stopped"), (path.read_text(), done.stderr)
    left = [path for path in [*place.out.rglob(".*"), *place.run.rglob(".*")] if path.name.endswith(TEMPORARY)]
    assert left == []


@pytest.mark.parametrize(("name", "size"), cases(SIZES, {**dict.fromkeys(COMMANDS, 100), "fit": 30_000}))
def test_no_room_for_a_file(place: Place, name: str, size: int) -> None:
    before = files(place.run)
    done = attempt(name, place, resource.RLIMIT_FSIZE, size)
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode == 2:
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "File too large" in done.stderr
        assert str(place.out) in done.stderr or str(place.run) in done.stderr, done.stderr
    if size <= 100:
        assert done.returncode in (1, 2), (done.stdout, done.stderr)  # 1: all of what was to be scored is a problem
    nothing_lost(place, before, done)


@pytest.mark.parametrize(("name", "handles"), cases(HANDLES, {"build": 12, "fit": 64}))
def test_too_few_file_handles(place: Place, name: str, handles: int) -> None:
    before = files(place.run)
    done = attempt(name, place, resource.RLIMIT_NOFILE, handles)
    if done.returncode and ("Traceback" in done.stderr or done.returncode < 0):
        assert handles < 32, done.stderr  # too few even to import the libraries
    else:
        assert done.returncode in (0, 1, 2), done.stderr
    nothing_lost(place, before, done)


@pytest.mark.parametrize(("name", "megabytes"), cases(MEMORY, {"build tar": 600, "fit": 2000}))
def test_too_little_memory(place: Place, name: str, megabytes: int) -> None:
    """Of address space, which is more than is used. Libraries that do not even load have no line of ours.

    With 400 MB and less OpenBLAS, which SciPy brings, tries for ever to get its buffers.
    """
    before = files(place.run)
    done = attempt(name, place, resource.RLIMIT_AS, megabytes * 2**20)
    if done.returncode == 2:
        assert len(done.stderr.splitlines()) == 1, done.stderr
    nothing_lost(place, before, done)
