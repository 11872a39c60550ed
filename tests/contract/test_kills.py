"""Killed at any moment, a command that is given again ends as if nothing had happened: SIGKILL at random moments.

A few of each in CI, by the dozen with LAB_TORTURE=1.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LONG = bool(os.environ.get("LAB_TORTURE"))
TIMES = {"build": 50, "force": 20, "convert": 20, "fit": 50, "embed": 20, "report": 20, "keep": 20}
pytestmark = pytest.mark.torture


def times(what: str) -> int:
    return TIMES[what] if LONG else 1


def once(arguments: list[str]) -> float:
    """Run a command to its end, which has to be a good one; returns the seconds it took."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
    return time.monotonic() - began


def killed(arguments: list[str], after: float) -> bool:
    """Start a command in a group of its own and kill the group; returns whether it had not ended before."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *arguments], start_new_session=True, **quiet)
    time.sleep(after)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def survives(what: str, arguments: list[str], outcome: Callable[[], object], clear: Callable[[], object]) -> None:
    """Kill a command `times(what)` times and end it each time: `outcome` is that of the command never killed.

    `clear` takes away what it made. The first half of a command is imports, where there is little to break, so that
    moments are drawn from the rest.
    """
    seconds = once(arguments)
    expected = outcome()
    draw = random.Random(f"killed {what}")
    hits = 0
    for _ in range(times(what)):
        clear()
        while draw.random() < 0.8 and not killed(arguments, seconds * draw.uniform(0.4, 1.0)):
            clear()
        hits += 1
        once(arguments)
        assert outcome() == expected
    print(f"{what}: killed {hits} times or more, ended {hits} times as if never killed")


def hashes(folder: Path, pattern: str) -> dict[str, str]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob(pattern) if path.is_file()}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(found.items())}


def visible(folder: Path) -> list[str]:
    """Names in a folder, temporary ones and locks included if they were not hidden."""
    names = [path.relative_to(folder) for path in folder.rglob("*")]
    return sorted(str(name) for name in names if not any(part.startswith(".") for part in name.parts))


def dataset(folder: Path) -> Callable[[], object]:
    """The content of the dataset built in a folder, and that nothing else lies there."""

    def outcome() -> object:
        (manifest,) = folder.rglob("dataset.json")
        left = [path.name for path in manifest.parent.rglob(".*")]
        return json.loads(manifest.read_text())["digest"], hashes(manifest.parent, "*.[ht][5a]*"), visible(folder), left

    return outcome


def test_build(tmp_path: Path) -> None:
    out = tmp_path / "data"
    arguments = ["pendgen", "build", "--out", str(out), "--pendulums", "3000", "--variant", "gaps", "--alpha-g", ".4"]
    survives("build", arguments, dataset(out), lambda: shutil.rmtree(out, ignore_errors=True))


def test_build_force(tmp_path: Path) -> None:
    """The old dataset stays whole until the new one stands, however often that is cut off."""
    out = tmp_path / "data"
    once(["pendgen", "build", "--out", str(out), "--pendulums", "20", "--quiet"])
    old = hashes(out, "*.h5")
    saved = shutil.copytree(out, tmp_path / "saved")
    arguments = ["pendgen", "build", "--out", str(out), "--pendulums", "3000", "--force"]

    def back() -> None:
        (manifest,) = (path for path in out.rglob("dataset.json") if not path.parent.name.startswith("."))
        if json.loads(manifest.read_text())["splits"]["train"]["pendulums"] == 20:
            assert {name: one for name, one in hashes(out, "*.h5").items() if ".new" not in name} == old
        shutil.rmtree(out)
        shutil.copytree(saved, out)

    survives("force", arguments, dataset(out), back)


def test_convert(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    arguments = ["pendgen", "convert", str(small), "--format", "webdataset", "--out", str(out)]
    survives("convert", arguments, dataset(out), lambda: shutil.rmtree(out, ignore_errors=True))


def test_fit(small: Path, tmp_path: Path) -> None:
    """A checkpoint at every step: half of the moments fall into its writing."""
    out = tmp_path / "runs"
    arguments = ["pendtrain", "fit", "--shards", str(small), "--epochs", "3", "--batch", "10", "--out", str(out)]

    def outcome() -> object:
        (path,) = out.rglob("run.json")
        assert json.loads(path.read_text())["status"] == "complete"
        return hashes(out, "*.safetensors"), hashes(out, "*.h5"), visible(out)

    arguments += ["--checkpoint-seconds", "0", "--quiet"]
    survives("fit", arguments, outcome, lambda: shutil.rmtree(out, ignore_errors=True))


def test_embed(small: Path, small_run: Path, tmp_path: Path) -> None:
    """The embeddings that are there stay, or the new ones are."""
    run = shutil.copytree(small_run, tmp_path / "run")
    arguments = ["pendtrain", "embed", str(run), "--shards", str(small), "--split", "train", "--force"]
    before = hashes(run, "*.h5")

    def outcome() -> object:
        return hashes(run, "*.h5"), visible(run)

    def whole() -> None:
        assert before.items() <= outcome()[0].items()
        assert set(hashes(run, "*.h5").values()) <= set(expected.values())

    expected = before
    once(arguments)
    expected = hashes(run, "*.h5")
    survives("embed", arguments, outcome, whole)


@pytest.mark.parametrize("what", ["report", "keep"])
def test_report(what: str, small_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = {"report": ["--out", str(out)], "keep": ["--to", str(out), "--report", str(tmp_path / "cache")]}[what]
    arguments = ["pendeval", what, str(small_run), *told, "--quiet"]

    def outcome() -> object:
        return hashes(out, "*.csv"), hashes(out, "*.gz"), visible(out)

    survives(what, arguments, outcome, lambda: shutil.rmtree(out, ignore_errors=True))
