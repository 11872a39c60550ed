"""Folders of others, without rights, behind links, of odd names: what can be used is used, the rest is one line."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DROP, OVERRIDE, SEARCH = 24, 1, 2  # prctl's PR_CAPBSET_DROP, and the two powers of root over modes of files

Outcome = tuple[int, str, str]


def obey_modes() -> None:
    """Take from a process of root, before its program starts, the power to read and write what modes forbid."""
    if os.geteuid() == 0:
        library = ctypes.CDLL(None)
        for power in (OVERRIDE, SEARCH):
            library.prctl(DROP, power, 0, 0, 0)


def run(*command: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *map(str, command)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=200, preexec_fn=obey_modes)


@pytest.fixture(autouse=True)
def modes_are_obeyed(tmp_path: Path) -> Iterator[None]:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = subprocess.run(["touch", str(locked / "x")], capture_output=True, check=False, preexec_fn=obey_modes)
    if done.returncode == 0:
        pytest.skip("this process may write anywhere and cannot give that up")
    locked.rmdir()
    yield
    for path in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir() and not path.is_symlink())]:
        path.chmod(0o755)


def read_only(folder: Path) -> Path:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o444 if path.is_file() else 0o555)
    folder.chmod(0o555)
    return folder


def content(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_data_and_runs_that_may_only_be_read_are_used(small: Path, small_run: Path, tmp_path: Path) -> None:
    data = read_only(Path(shutil.copytree(small.parent, tmp_path / "data" / "vanilla"))).parent
    held = read_only(Path(shutil.copytree(small_run, tmp_path / "runs" / "run")))
    before = content(data), content(held)
    quick = ("--epochs", 1, "--batch", 20, "--quiet")
    done = run("pendtrain", "fit", "--shards", data / "vanilla", *quick, "--out", tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert run("pendgen", "verify", data / "vanilla").returncode == 0
    report = run("pendeval", "report", held, "--csv-only", "--out", tmp_path / "report", "--quiet")
    assert report.returncode == 0, report.stderr
    said = run("pendgen", "build", "--out", data, "--pendulums", 40, "--images", 6)  # what stands there already
    assert (said.returncode, "already complete" in said.stdout) == (0, True), said.stderr
    assert "Permission denied" in refusal(
        run("pendgen", "build", "--out", data, "--pendulums", 40, "--images", 6, "--force")
    )
    assert "Permission denied" in refusal(run("pendtrain", "embed", held, "--shards", data / "vanilla", "--force"))
    place = data / "vanilla" / "sheet.png"
    assert "Permission denied" in refusal(run("pendgen", "preview", data / "vanilla", "--out", place))
    locked = read_only(Path(shutil.copytree(tmp_path / "report", tmp_path / "locked")))
    assert "cannot write" in refusal(run("pendeval", "report", held, "--csv-only", "--out", locked))
    assert (content(data), content(held)) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_what_belongs_to_another_user_is_not_replaced(small: Path, tmp_path: Path) -> None:
    data = tmp_path / "group"
    directory = Path(shutil.copytree(small, data / "vanilla" / small.name))
    for path in (directory, *directory.iterdir()):
        os.chown(path, 65534, 65534)
    before = content(data)
    said = refusal(run("pendgen", "build", "--out", data, "--pendulums", 4, "--force"))
    assert f"cannot replace {directory}: this user may not remove" in said
    after = content(data)
    after.pop(f"vanilla/.{small.name}.lock")
    assert after == before


def test_a_shard_that_may_not_be_read(small: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(small, tmp_path / "data"))
    shard = sorted(data.glob("train*.h5"))[0]
    shard.chmod(0)
    done = run("pendgen", "verify", data, "--quiet")
    assert done.returncode == 1
    assert f"shard {shard.name}: cannot be read: Permission denied" in done.stderr
    said = refusal(run("pendtrain", "fit", "--shards", data, "--epochs", 1, "--batch", 20, "--out", tmp_path / "runs"))
    assert str(shard) in said
    assert "Permission denied" in said
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize("name", ["br[ack]et {brace} naïve-ü-数据", "with space", "-dash", "a'b\"c"])
def test_odd_names_and_links(name: str, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    """Every stage below a folder of an odd name, then once more through a link to all of it."""
    at, link = tmp_path / name, tmp_path / "link"
    at.mkdir()
    link.symlink_to(at, target_is_directory=True)
    quick = ("--epochs", 1, "--batch", 20, "--quiet")
    for place in (at, link):
        data, runs = place / "data", place / "runs"
        for words in (
            ("pendgen", "build", "--out", data, "--pendulums", 40, "--images", 4, "--quiet"),
            ("pendtrain", "fit", "--shards", data / "vanilla", "--out", runs, *quick),
            ("pendeval", "report", runs, "--out", place / "report", "--csv-only", "--jobs", 1, "--quiet"),
        ):
            code, _, error = command(*words)
            assert code == 0, error
    assert len(list(at.rglob("run.json"))) == 1
    assert len((at / "report" / "runs.csv").read_text().splitlines()) == 2
