import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pendtrain import fit as fitting
from pendtrain.fit import fit
from pendtrain.objectives.contrastive import Contrastive
from pendtrain.recipe import Recipe
from pendtrain.state import Settings, Stopped, TrainingFailed

RECIPE = Recipe(epochs=3, batch=10)  # 4 steps an epoch, 12 in all
OFTEN = Settings(log_every=1, checkpoint_seconds=0.0, quiet=True)


def digest(run: Path) -> str:
    return hashlib.sha256((run / "encoder.safetensors").read_bytes()).hexdigest()


def losses(run: Path) -> list[list[str]]:
    """Rows of metrics.csv less the speed, which is the machine's."""
    return [line.split(",")[:5] for line in (run / "metrics.csv").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    return fit(small, RECIPE, tmp_path_factory.mktemp("whole"), Settings(log_every=1, quiet=True))[0]


def stop_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Raise a signal at the end of a given step, as a user or a scheduler would."""
    ask = fitting.learning_rate

    def rate(recipe: Recipe, step: int, per_epoch: int) -> float:
        if step == steps - 1:
            os.kill(os.getpid(), signal.SIGUSR1)
        return ask(recipe, step, per_epoch)

    monkeypatch.setattr(fitting, "learning_rate", rate)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("steps", "workers", "seconds"), [(1, 0, 600), (4, 2, 0), (6, 2, 600), (11, 0, 600)])
def test_stop_and_go_is_bit_equal(
    small: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, workers: int, seconds: int
) -> None:
    how = replace(OFTEN, workers=workers, cache=0, checkpoint_seconds=seconds)
    with monkeypatch.context() as patch:
        stop_after(patch, steps)
        with pytest.raises(Stopped, match=f"SIGUSR1 at step {steps} of 12; saved") as stop:
            fit(small, RECIPE, tmp_path, how)
    assert stop.value.number == signal.SIGUSR1
    run = next(tmp_path.rglob("run.json")).parent
    assert json.loads((run / "run.json").read_text())["status"] == "stopped"
    assert not (run / "encoder.safetensors").exists()
    torch.manual_seed(999)  # whatever the process did in between
    assert fit(small, RECIPE, tmp_path, how) == (run, True)
    assert digest(run) == digest(whole)
    assert losses(run) == losses(whole)
    assert not (run / "checkpoint.pt").exists()


def test_the_time_of_earlier_legs_is_kept(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of legs that log nothing too, and while the next one runs."""

    def leg(steps: int) -> Path:
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            with pytest.raises(Stopped):
                fit(small, RECIPE, tmp_path, replace(OFTEN, log_every=1000))
        return next(tmp_path.rglob("run.json"))

    held = json.loads(leg(2).read_text())
    assert held["train_seconds"] > 0
    leg(3).write_text(json.dumps({**held, "train_seconds": 1000.0}))
    with monkeypatch.context() as patch:
        patch.delattr(fitting, "learning_rate")  # ends the leg at its first step
        with pytest.raises(NameError):
            fit(small, RECIPE, tmp_path, OFTEN)
    assert 1000 <= json.loads(leg(5).read_text())["train_seconds"] < 1100


def test_signal_exits_with_its_code(small: Path, tmp_path: Path) -> None:
    options = ["--shards", str(small), "--epochs", "500", "--batch", "10", "--out", str(tmp_path), "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "pendtrain", "fit", *options], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("metrics.csv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM at step" in err
    assert len(err.splitlines()) == 1


def test_not_a_number_stops_the_run_and_keeps_the_last_good_checkpoint(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def explode(_: object, rows: tuple[torch.Tensor, ...], labels: object) -> torch.Tensor:
        x = rows[0]
        calls.append(x)
        return x.square().mean() * (float("nan") if len(calls) == 6 else 1.0)

    monkeypatch.setattr(Contrastive, "loss", explode)
    with pytest.raises(TrainingFailed, match=r"loss nan.*at step 6"):
        fit(small, RECIPE, tmp_path, OFTEN)
    run = next(tmp_path.rglob("run.json")).parent
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert state["step"] == 5
    assert all(torch.isfinite(value).all() for value in state["learner"].values())


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/pendtrain-was-here",)


def test_hostile_damaged_and_foreign_checkpoints(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    def interrupted(out: Path, recipe: Recipe) -> Path:
        with pytest.MonkeyPatch.context() as patch:
            stop_after(patch, 2)
            with pytest.raises(Stopped):
                fit(small, recipe, out, OFTEN)
        return next(out.rglob("checkpoint.pt"))

    path = interrupted(tmp_path / "a", RECIPE)
    good = path.read_bytes()
    command = ("pendtrain", "fit", "--shards", small, "--epochs", 3, "--batch", 10, "--out", tmp_path / "a", "--quiet")
    path.write_bytes(pickle.dumps(Hostile()))
    assert "cannot be read" in refused(*command)
    torch.save({"version": 1, "step": Hostile()}, path)
    assert "cannot be read" in refused(*command)
    assert not Path("/tmp/pendtrain-was-here").exists()
    path.write_bytes(good[: len(good) // 2])
    assert "cannot be read" in refused(*command)
    path.write_bytes(good[: len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1 :])
    assert "is damaged" in refused(*command)  # one bit of one weight
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(10**8))
    assert "it is packed, expected members as torch stores them" in refused(*command)
    shutil.copy(interrupted(tmp_path / "b", Recipe(epochs=3, batch=10, seed=1)), path)
    assert "is of other settings or data" in refused(*command)
    path.write_bytes(good)
    assert fit(small, RECIPE, tmp_path / "a", OFTEN)[1]


def test_going_on_with_other_threads_is_said(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Stopped):
            fit(small, RECIPE, tmp_path, OFTEN)
    before = torch.get_num_threads()
    other = 1 if before > 1 else 2  # more than there are cores are not taken
    torch.set_num_threads(other)
    try:
        fit(small, RECIPE, tmp_path, OFTEN)
    finally:
        torch.set_num_threads(before)
    assert f"threads was {before}, is {other}" in capsys.readouterr().err


def test_two_processes_on_one_run(small: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    from pendtrain.runs import directory

    run = directory(tmp_path, "vanilla", RECIPE)
    run.mkdir(parents=True)
    with FileLock(run / ".lock"), pytest.raises(ValueError, match="another process is training"):
        fit(small, RECIPE, tmp_path, OFTEN)


def test_no_space_left(small: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        options = ["--shards", str(small), "--epochs", "3", "--batch", "10", "--out", str(disk), "--quiet"]
        command = [sys.executable, "-m", "pendtrain", "fit", *options, "--checkpoint-seconds", "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "cannot write" in done.stderr
        assert not list(disk.rglob("*.tmp"))
        assert not list(disk.rglob("checkpoint.pt"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
