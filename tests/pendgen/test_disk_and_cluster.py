import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pendgen.build import build, estimated_bytes
from pendgen.convert import convert
from pendgen.dataset import Dataset
from pendgen.directory import refuse_full_disk
from pendgen.manifest import read_manifest
from pendgen.variants import GraphicalNoise, Vanilla, Variant

Outcome = tuple[int, str, str]


def run(*arguments: object, **how: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pendgen", "build", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)


def test_too_little_disk_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    with pytest.raises(OSError, match=r"about 0.\d+ GB are needed in .* but 0.00 GB are free; set --out"):
        build(Dataset(Vanilla()), tmp_path / "new" / "data", quiet=True)
    assert not (tmp_path / "new").exists()
    refuse_full_disk(tmp_path, 10**6)


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("variant", [Vanilla(), GraphicalNoise(0.2)], ids=str)
def test_estimate_is_above_the_truth_but_not_absurd(
    variant: Variant, antialias: bool, container: str, tmp_path: Path
) -> None:
    dataset = Dataset(variant, pendulums=100, antialias=antialias)
    directory, _ = build(dataset, tmp_path, container=container, num_shards=2, quiet=True)
    real = sum(path.stat().st_size for path in directory.iterdir())
    assert 0.95 * real < estimated_bytes(dataset, container) + 40_000 < 3 * real + 80_000


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
def test_disk_full_leaves_nothing_that_looks_finished(tmp_path: Path, container: str) -> None:
    """A limit on file size stands in for a full disk: writing fails at the same calls, midway."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    arguments = ("--out", tmp_path, "--format", container, "--pendulums", 400, "--variant", "graphical-noise")
    done = run(*arguments, "--eps-g", 0.1, "--quiet", preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert not list(tmp_path.rglob("dataset.json"))
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.skipif(os.geteuid() != 0 and not Path("/proc/mounts").exists(), reason="needs to mount a small disk")
def test_a_disk_that_really_fills_up(tmp_path: Path) -> None:
    small = tmp_path / "disk"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        script = "import pendgen.build as b; b.refuse_full_disk = lambda *_: None; from pendgen.cli import main; main()"
        arguments = [
            "build",
            "--out",
            str(small),
            "--pendulums",
            "400",
            "--variant",
            "graphical-noise",
            "--eps-g",
            ".1",
        ]
        command = [sys.executable, "-c", script, *arguments, "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "No space left on device" in done.stderr
        assert not list(small.rglob("dataset.json"))
        assert not list(small.rglob("*.tmp"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = run("--out", tmp_path / "data", "--pendulums", 4)
    assert done.returncode == 2
    assert "Permission denied" in done.stderr


def test_sigterm_stops_with_its_own_code_and_resumes(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--pendulums", "1500", "--quiet", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pendgen", "build", *arguments], stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.rglob("*.h5")) and process.poll() is None:
        time.sleep(0.005)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(tmp_path.rglob("dataset.json"))
    done = run(*arguments[:-3], "--workers", "1")
    assert done.returncode == 0
    assert "shards built earlier" in done.stderr


def test_two_builds_at_once(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--pendulums", "12000", "--quiet"]
    first = subprocess.Popen([sys.executable, "-m", "pendgen", "build", *arguments])
    while not list(tmp_path.rglob("plan.json")) and first.poll() is None:
        time.sleep(0.005)
    second = run(*arguments)
    assert second.returncode == 2
    assert "another build is writing" in second.stderr
    assert first.wait(timeout=60) == 0
    assert len(list(tmp_path.rglob("dataset.json"))) == 1


def test_dry_run_says_what_and_how_large_and_builds_nothing(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    code, out, _ = command("pendgen", "build", "--suite", "gaps", "--dry-run", "--out", tmp_path / "data")
    assert code == 0
    assert out.count("would build") == 6
    assert out.splitlines()[-1].startswith("6 datasets, at most about")
    assert not (tmp_path / "data").exists()


def test_dry_run_refuses_what_the_build_would(
    small: Path, command: Callable[..., Outcome], refused: Callable[..., str]
) -> None:
    words = ("pendgen", "build", "--dry-run", "--out", small.parents[1])
    same = (*words, "--pendulums", 40, "--images", 6)
    assert "(there already)" in command(*same)[1]
    assert "(and replace what is there)" in command(*same, "--force")[1]
    assert "is finished with other settings" in refused(*words)
    assert "num_shards is -5" in refused(*same, "--num-shards", -5)
    assert "workers is -3" in refused(*same, "--workers", -3)


def test_suite_builds_what_is_missing(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    arguments = ("--suite", "cropping", "--pendulums", 4, "--images", 2, "--out", tmp_path, "--quiet")
    code, out, _ = command("pendgen", "build", *arguments)
    assert (code, out.count("built ")) == (0, 5)
    shutil.rmtree(tmp_path / "cropping-0.6")
    code, out, _ = command("pendgen", "build", *arguments)
    assert (code, out.count("already complete"), out.count("built ")) == (0, 4, 1)


def test_suite_refuses_what_it_fixes_itself(tmp_path: Path, refused: Callable[..., str]) -> None:
    error = refused("pendgen", "build", "--suite", "noise", "--eps-n", ".1", "--name", "x", "--out", tmp_path / "d")
    assert "suite is noise, which fixes what --eps-n, --name would say" in error
    assert not (tmp_path / "d").exists()


def test_no_scheduler_answers(tmp_path: Path, refused: Callable[..., str]) -> None:
    pytest.importorskip("distributed")
    error = refused("pendgen", "build", "--scheduler", "tcp://127.0.0.1:9", "--pendulums", 4, "--out", tmp_path)
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in error


def test_dask_workers_build_the_same_bytes(tmp_path: Path) -> None:
    """A real scheduler and two worker processes, started as a user would."""
    pytest.importorskip("distributed")
    dask = str(Path(sys.executable).parent / "dask")
    address = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    local = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)]
    started = [subprocess.Popen([dask, "scheduler", *local], **quiet)]
    try:
        worker = [dask, "worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-dashboard"]
        worker += ["--no-nanny", "--local-directory", str(tmp_path)]
        started += [subprocess.Popen(worker, **quiet) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        import json

        scheduler = json.loads(address.read_text())["address"]
        arguments = ("--pendulums", 40, "--images", 3, "--num-shards", 4, "--quiet")
        done = run("--out", tmp_path / "cluster", "--scheduler", scheduler, *arguments, timeout=120)
        assert done.returncode == 0, done.stderr
        assert run("--out", tmp_path / "here", *arguments).returncode == 0
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
    clusters, here = (next(tmp_path.joinpath(place).rglob("dataset.json")).parent for place in ("cluster", "here"))
    assert read_manifest(clusters)["digest"] == read_manifest(here)["digest"]
    for path in sorted(here.glob("*.h5")):
        assert path.read_bytes() == (clusters / path.name).read_bytes()


def test_a_shard_that_fails_on_a_cluster_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    begun = []

    def full(path: Path, *_: object) -> None:
        begun.append(path)
        time.sleep(0.2)
        raise OSError("the disk is full")

    monkeypatch.setattr("pendgen.build.write_shard", full)
    how = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    dataset = Dataset(Vanilla(), pendulums=40, images=2)
    with distributed.Client(**how) as client, pytest.raises(OSError, match="the disk is full"):
        build(dataset, tmp_path, num_shards=20, quiet=True, executor=client.get_executor)
    assert len(begun) < 10


def test_a_resumed_build_asks_for_the_disk_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset(GraphicalNoise(0.2), pendulums=200, images=20)

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("pendgen.build.finish", full)
        with pytest.raises(OSError, match="the disk is full"):
            build(dataset, tmp_path, num_shards=2, quiet=True)
    usage = shutil.disk_usage(tmp_path)
    asked = estimated_bytes(dataset, "hdf5")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=asked // 5))
    assert build(dataset, tmp_path, num_shards=2, quiet=True)[1]
    with pytest.raises(OSError, match="GB are needed"):
        build(dataset, tmp_path, num_shards=2, force=True, quiet=True)


def test_killed_before_the_plan_was_written(tmp_path: Path) -> None:
    dataset = Dataset(Vanilla(), pendulums=4, images=2)
    directory, _ = build(dataset, tmp_path / "whole", quiet=True)
    begun = tmp_path / "begun" / directory.parent.name / directory.name
    (begun / ".build").mkdir(parents=True)
    assert build(dataset, tmp_path / "begun", quiet=True) == (begun, True)
    (begun / "dataset.json").unlink()
    (begun / ".build").mkdir()
    (begun / ".build" / "plan.json").write_text("{")
    with pytest.raises(ValueError, match=r"plan.json is not a build's plan; use --force to begin anew"):
        build(dataset, tmp_path / "begun", quiet=True)


def test_what_cannot_be_removed_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's dataset in a common folder: refused before anything is built or moved."""
    dataset = Dataset(Vanilla(), pendulums=4, images=2)
    directory, _ = build(dataset, tmp_path, quiet=True)
    before = {path: path.read_bytes() for path in directory.iterdir()}
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != directory and allowed(path, mode))
    with pytest.raises(PermissionError, match=r"cannot replace .*: this user may not remove"):
        build(dataset, tmp_path, force=True, quiet=True)
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in directory.parent.iterdir() if not path.name.endswith(".lock")] == [directory.name]


def test_a_link_in_the_place_of_a_dataset_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    dataset = Dataset(Vanilla(), pendulums=4, images=2)
    elsewhere, _ = build(dataset, tmp_path / "elsewhere", quiet=True)
    place = tmp_path / "data" / "vanilla" / elsewhere.name
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere)
    assert build(dataset, tmp_path / "data", quiet=True) == (place, False)
    assert build(dataset, tmp_path / "data", force=True, quiet=True) == (place, True)
    assert not place.is_symlink()
    assert read_manifest(elsewhere)["digest"] == read_manifest(place)["digest"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o002, 0o775)])
def test_everything_is_as_readable_as_its_neighbours(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        directory, _ = build(Dataset(Vanilla(), pendulums=4, images=2), tmp_path / "data", quiet=True)
        build(Dataset(Vanilla(), pendulums=4, images=3), tmp_path / "data", force=True, quiet=True)
        converted, _ = convert(directory, "webdataset", tmp_path / "data")
    finally:
        os.umask(before)
    for place in (directory, converted):
        assert place.stat().st_mode & 0o777 == mode
        assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {mode & 0o666}


def test_a_killed_conversion_leaves_nothing_for_ever(tmp_path: Path) -> None:
    directory, _ = build(Dataset(Vanilla(), pendulums=4, images=2), tmp_path, quiet=True)
    left = tmp_path / "vanilla-webdataset" / f".{directory.name}.converted"
    left.mkdir(parents=True)
    (left / "train-00000-of-00001.tar").write_bytes(b"half")
    converted, _ = convert(directory, "webdataset", tmp_path)
    assert not left.exists()
    assert read_manifest(converted)["digest"] == read_manifest(directory)["digest"]
