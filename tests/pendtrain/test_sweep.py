import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pendtrain.fit import fit
from pendtrain.recipe import Recipe
from pendtrain.run import alone
from pendtrain.runs import directory
from pendtrain.state import Settings
from pendtrain.sweep import Lanes, Planned, execute

Outcome = tuple[int, str, str]
QUICK = ("--epochs", 1, "--batch", 20, "--quiet")


def test_plan_estimate_and_dry_run(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    stray = tmp_path / "notes.txt"
    stray.write_text("a file among the paths")
    arguments = ("sweep", small, stray, "--dim", 1, "--dim", 2, "--seeds", 3, *QUICK, "--out", tmp_path / "runs")
    code, out, _ = command("pendtrain", *arguments, "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert lines[-1].startswith("12 runs, 12 to train, about 1 min (1000 images/s, assumed")
    assert len({line for line in lines if line.startswith("new")}) == 12
    assert not (tmp_path / "runs").exists()


def test_sweep_trains_skips_and_goes_on_past_a_failure(
    small: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    runs = tmp_path / "runs"
    broken = tmp_path / "broken" / "1.0.0"
    shutil.copytree(small, broken)
    text = (broken / "dataset.json").read_text().replace('"name": "vanilla"', '"name": "broken"')
    (broken / "dataset.json").write_text(text)
    (broken / "train-00000-of-00004.h5").write_bytes(b"")
    arguments = ("sweep", broken, small, "--seeds", 1, *QUICK, "--out", runs)
    code, _, err = command("pendtrain", *arguments)
    assert code == 1
    assert err.count("refused: shard") == 2
    states = [json.loads(path.read_text())["status"] for path in sorted(runs.rglob("vanilla/**/run.json"))]
    assert states == ["complete", "complete"]
    code, out, _ = command("pendtrain", "sweep", small, "--seeds", 1, *QUICK, "--out", runs)
    assert code == 0
    assert "2 runs, 0 to train" in out


def test_a_recipes_method_and_outputs_are_trained_unless_options_say_others(
    small: Path, tmp_path: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("fit", "--method", "supervised", "--dim", 3, *QUICK, "--print-recipe")
    (tmp_path / "mine.toml").write_text(command("pendtrain", *asked)[1])
    arguments = ("sweep", small, "--recipe", tmp_path / "mine.toml", "--seeds", 1, "--out", tmp_path, "--dry-run")
    for more, names in (
        ((), ["supervised-d3"]),
        (("--method", "contrastive"), ["contrastive-d3"]),
        (("--dim", 1, "--dim", 2), ["supervised-d1", "supervised-d2"]),
    ):
        code, out, error = command("pendtrain", *arguments, *more)
        assert code == 0, error
        assert [line.split("/")[-2] for line in out.splitlines()[:-1]] == [
            f"{name}-epochs-1-batch-20" for name in names
        ]
    (tmp_path / "mine.toml").write_text('method = "theirs:Method"\nepochs = 1\nbatch = 20')
    (tmp_path / "theirs.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    code, _, error = command("pendtrain", *arguments, "--method", "contrastive")
    assert (code, error) == (0, "")  # whose code nobody asked to train is not imported


def test_settings_of_one_method_go_to_that_method(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    arguments = ("sweep", small, "--seeds", 1, "--temperature", 0.5, "--loss", "l1", *QUICK, "--out", tmp_path)
    _, out, _ = command("pendtrain", *arguments, "--dry-run")
    assert "contrastive-d1-epochs-1-batch-20-temperature-0.5" in out
    assert "supervised-d1-epochs-1-batch-20-loss-l1" in out


def variant(small: Path, folder: Path, name: str, **changed: object) -> Path:
    """The small dataset under another name, said to be of other settings."""
    directory = folder / name / "1.0.0"
    shutil.copytree(small, directory)
    manifest = json.loads((directory / "dataset.json").read_text())
    digest = {"content": hashlib.sha256(name.encode()).hexdigest()}
    (directory / "dataset.json").write_text(json.dumps({**manifest, "name": name, "digest": digest, **changed}))
    return directory.parent


def test_replicates_are_paired(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    """Each dataset once per method, under its own seed; the first replicate of every condition before the second."""
    paths = [variant(small, tmp_path, f"vanilla-seed-{seed}", seed=seed) for seed in (10, 2, 1)]
    paths += [variant(small, tmp_path, f"cropping-seed-{seed}", seed=seed, variant="cropping") for seed in (7, 5)]
    arguments = ("sweep", *paths, "--replicates", *QUICK, "--out", tmp_path / "runs", "--dry-run")
    code, out, _ = command("pendtrain", *arguments)
    assert code == 0
    runs = [Path(line.split()[1]) for line in out.splitlines()[:-1]]
    found = [(run.parts[-3], run.parts[-2].partition("-")[0], run.name) for run in runs]
    names = ("vanilla-seed-1", "cropping-seed-5", "vanilla-seed-2", "cropping-seed-7", "vanilla-seed-10")
    methods = ("contrastive", "supervised")
    assert found == [(name, method, name[name.index("seed") :]) for name in names for method in methods]


def test_replicates_train(small: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    arguments = ("sweep", small, "--replicates", "--method", "supervised", *QUICK, "--out", tmp_path)
    assert command("pendtrain", *arguments)[0] == 0
    (run,) = tmp_path.rglob("run.json")
    held = json.loads(run.read_text())
    assert held["recipe"]["seed"] == held["dataset"]["seed"] == 0


def test_a_replicate_counts_once(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    one = variant(small, tmp_path, "vanilla-seed-1", seed=1)
    other = variant(small, tmp_path, "vanilla-webdataset-seed-1", seed=1, container="webdataset")
    error = refused("pendtrain", "sweep", one, other, "--replicates", "--dry-run")
    assert f"{one} and {other} are the same replicate (seed 1), expected one of them" in error
    same = Path(shutil.copytree(small, tmp_path / "same"))
    error = refused("pendtrain", "sweep", small, same, "--dry-run")
    assert f"{small} and {same} would both be trained into" in error
    error = refused("pendtrain", "sweep", one, "--replicates", "--seeds", 5)
    assert "seeds is 5, but --replicates takes each dataset's own seed" in error


def test_a_dataset_given_twice_is_planned_once_and_a_damaged_run_takes_none_along(
    small: Path, small_run: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    (tmp_path / "link").symlink_to(small)
    given = (small, f"{small}/", tmp_path / "link")
    how = ("--seeds", 1, "--epochs", 2, "--batch", 16, "--out", tmp_path / "runs", "--dry-run")
    code, out, error = command("pendtrain", "sweep", *given, *how)
    assert (code, error) == (0, "")
    assert out.splitlines()[-1].startswith("2 runs, 2 to train")
    damaged = tmp_path / "runs" / small_run.relative_to(small_run.parents[2])
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("[]")
    code, out, _ = command("pendtrain", "sweep", small, *how)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["refused", "new", "2"]


def test_a_process_that_dies_takes_one_run_along(tmp_path: Path) -> None:
    entry = Planned(tmp_path / "none", Recipe(), tmp_path, tmp_path / "run", "new", 0)
    with Lanes(1) as lanes:
        first, second = (lanes.submit(Planned.execute, entry, {}, 1) for _ in range(2))
        while not lanes.lanes[0].process:
            time.sleep(0.01)
        os.kill(lanes.lanes[0].process, signal.SIGKILL)
        assert first.result() == ("failed", f"{entry.run}: its process died: killed, or out of memory")
        assert second.result()[0] == "refused"
        assert "no dataset directory" in second.result()[1]


def test_sweeps_share_a_folder(small: Path, tmp_path: Path) -> None:
    """What another process trains is left to it, what another has finished is not trained again."""
    recipe = Recipe(epochs=1, batch=20)
    entry = Planned(small, recipe, tmp_path, directory(tmp_path, "vanilla", recipe), "new", 0)
    entry.run.mkdir(parents=True)
    with alone(entry.run):
        outcome, said = entry.execute({"quiet": True}, threads=1)
    assert (outcome, str(entry.run) in said) == ("elsewhere", True)
    assert entry.execute({"quiet": True}, threads=1) == ("complete", str(entry.run))
    written = (entry.run / "run.json").stat().st_mtime_ns
    assert entry.execute({"quiet": True}, threads=1) == ("complete", str(entry.run))  # planned before it was finished
    assert (entry.run / "run.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(("given", "share", "expected"), [(2, 8, 2), (8, 1, 1)])
def test_threads_are_what_this_process_may_use(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: int, share: int, expected: int
) -> None:
    """OMP_NUM_THREADS, from which torch has its number, is not exceeded, nor the share of a container or of a lane."""
    before = torch.get_num_threads()
    recipe = Recipe(epochs=1, batch=20)
    entry = Planned(small, recipe, tmp_path / "sweep", tmp_path / "run", "new", 0)
    monkeypatch.setattr("pendtrain.fit.cpu_count", lambda: 8)
    try:
        torch.set_num_threads(given)
        assert entry.execute({"quiet": True}, threads=share)[0] == "complete"
        monkeypatch.setattr("pendtrain.fit.cpu_count", lambda: share)
        torch.set_num_threads(given)
        fit(small, recipe, tmp_path / "fit", Settings(quiet=True))
    finally:
        torch.set_num_threads(before)
    for path in tmp_path.rglob("run.json"):
        assert json.loads(path.read_text())["environment"]["threads"] == expected


def test_a_run_on_other_data_is_no_finished_run(
    small: Path, small_run: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    shutil.copytree(small_run.parents[2], tmp_path / "runs")
    other = variant(small, tmp_path, "vanilla")
    arguments = ("sweep", other, "--seeds", 1, "--method", "contrastive", "--epochs", 2, "--batch", 16, "--quiet")
    code, out, err = command("pendtrain", *arguments, "--out", tmp_path / "runs")
    assert code == 1
    assert out.startswith("refused ")
    assert "dataset digest" in err


def test_folders_that_are_no_datasets_are_passed_over(
    small: Path, tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    (tmp_path / "pictures").mkdir()
    words = (tmp_path / "pictures", small, "--seeds", 1, *QUICK, "--out", tmp_path / "runs", "--dry-run")
    code, out, error = command("pendtrain", "sweep", *words)
    assert (code, error) == (0, "")
    assert "2 runs, 2 to train" in out


def test_refuses(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    stray = tmp_path / "notes.txt"
    stray.write_text("")
    assert "no dataset directory among" in refused("pendtrain", "sweep", stray)
    assert "no dataset directory among" in refused("pendtrain", "sweep", tmp_path)
    assert "no dataset directory" in refused("pendtrain", "sweep", small, tmp_path / "vanila")
    (tmp_path / "gaps-0.4" / small.name).mkdir(parents=True)
    for unfinished in (tmp_path / "gaps-0.4", tmp_path / "gaps-0.4" / small.name):  # a build that was killed
        assert "holds no finished dataset" in refused("pendtrain", "sweep", small, unfinished)
    assert "seeds is 0, expected 1 or more" in refused("pendtrain", "sweep", small, "--seeds", 0)
    assert "jobs is 0, expected 1 or more" in refused("pendtrain", "sweep", small, "--jobs", 0)


def test_interrupted_a_sweep_on_dask_leaves_what_is_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    begun, going, end = [], threading.Event(), threading.Event()

    def train(*_: object) -> None:
        begun.append(1)
        if len(begun) > 1:
            going.set()
            end.wait(60)

    monkeypatch.setattr("pendtrain.fit.fit", train)
    planned = [Planned(tmp_path, Recipe(seed=seed), tmp_path, tmp_path / str(seed), "new", 0) for seed in range(9)]
    how = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.Client(**how) as client:
        outcomes = execute(planned, {}, 1, client.get_executor)
        next(outcomes)
        assert going.wait(60)
        outcomes.close()  # as an interrupt in between would
        assert not end.is_set()
        end.set()
    assert len(begun) < len(planned)  # but for what a worker had been handed already


def test_dask_workers_train(small: Path, tmp_path: Path) -> None:
    """A real scheduler and a worker process, started as a user would."""
    pytest.importorskip("distributed")
    dask, address = str(Path(sys.executable).parent / "dask"), tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    local = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address)]
    worker = ["--scheduler-file", str(address), "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path)]
    started = [subprocess.Popen([dask, "scheduler", *local], **quiet)]
    try:
        started.append(subprocess.Popen([dask, "worker", *worker, "--no-nanny"], **quiet))
        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        scheduler = json.loads(address.read_text())["address"]
        command = [sys.executable, "-m", "pendtrain", "sweep", str(small), "--seeds", "1", *map(str, QUICK)]
        command += ["--out", str(tmp_path / "runs"), "--scheduler", scheduler]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=30)
    states = [json.loads(path.read_text())["status"] for path in tmp_path.rglob("run.json")]
    assert states == ["complete", "complete"]
