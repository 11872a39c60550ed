"""Asked to stop at any moment, a run is saved and says so, nothing new begins, and nobody is left behind."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pendtrain import distributed
from pendtrain import fit as fitting
from pendtrain.fit import fit
from pendtrain.recipe import Recipe
from pendtrain.state import Settings, Stopped

RECIPE = Recipe(epochs=2, batch=10)
QUIET = Settings(quiet=True)
Outcome = tuple[int, str, str]


def status(out: Path) -> str:
    (path,) = out.rglob("run.json")
    return str(json.loads(path.read_text())["status"])


def interrupting(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Send this process a signal when `fit` comes to the function of that name."""
    whole = getattr(fitting, name)

    def asked(*arguments: object, **how: object) -> object:
        monkeypatch.setattr(fitting, name, whole)
        os.kill(os.getpid(), number)
        return whole(*arguments, **how)

    monkeypatch.setattr(fitting, name, asked)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_before_the_first_step_nothing_is_left(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    interrupting(monkeypatch, "images_of", number)
    with pytest.raises(Stopped, match=number.name) as stop:
        fit(small, RECIPE, tmp_path, QUIET)
    assert stop.value.number == number
    assert list(tmp_path.rglob("run.json")) == []


def test_after_the_last_step_no_step_is_lost(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = fit(small, RECIPE, tmp_path / "whole", QUIET)
    out = tmp_path / "stopped"
    interrupting(monkeypatch, "write_embeddings", signal.SIGTERM)
    with pytest.raises(Stopped, match="SIGTERM"):
        fit(small, RECIPE, out, QUIET)
    assert status(out) == "stopped"
    first = json.loads(next(out.rglob("run.json")).read_text())
    run, trained = fit(small, RECIPE, out, QUIET)
    held = json.loads((run / "run.json").read_text())
    assert (trained, held["status"], held["resumed_at_step"]) == (True, "complete", 8)
    assert held["began"] == first["began"]
    assert held["train_seconds"] >= first["train_seconds"] > 0
    one, other = (hashlib.sha256((each / "encoder.safetensors").read_bytes()).digest() for each in (whole, run))
    assert one == other


def test_data_that_vanish_after_the_last_step_cost_no_step(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = Path(shutil.copytree(small, tmp_path / "data")), tmp_path / "runs"
    gone, whole = tmp_path / "gone", fitting.write_embeddings

    def vanished(*arguments: object, **how: object) -> object:
        data.rename(gone)
        return whole(*arguments, **how)

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "write_embeddings", vanished)
        with pytest.raises(FileNotFoundError, match="missing"):
            fit(data, RECIPE, out, QUIET)
    assert status(out) == "failed"
    gone.rename(data)
    run, trained = fit(data, RECIPE, out, QUIET)
    held = json.loads((run / "run.json").read_text())
    assert (trained, held["status"], held["resumed_at_step"]) == (True, "complete", 8)


def processes(group: int) -> list[str]:
    """Command lines of the processes of a group that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(line)
    return found


def ended(process: subprocess.Popen[str], seconds: float) -> tuple[int, str]:
    """Exit code and stderr, within so many seconds, and nobody of its group is left."""
    _, error = process.communicate(timeout=seconds)
    deadline = time.monotonic() + 5
    while processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes(process.pid) == []
    return process.returncode, error


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


LONG_RUN = ("--epochs", 500, "--batch", 10, "--quiet")
SCENES = {
    "loader": (("-m", "pendtrain", "fit", *LONG_RUN, "--workers", 2, "--cache", 0), 1),
    "sweep": (("-m", "pendtrain", "sweep", *LONG_RUN, "--seeds", 3, "--jobs", 2), 2),
    "torchrun": (
        ("-m", "torch.distributed.run", "--nproc-per-node", 2, "--standalone", "-m", "pendtrain", "fit", *LONG_RUN),
        1,
    ),
}
NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
ASKED = [(scene, number, group) for scene in SCENES for number in NUMBERS for group in (False, True)]
if not os.environ.get("LAB_TORTURE"):
    ASKED = [("loader", signal.SIGTERM, True), ("sweep", signal.SIGTERM, False), ("torchrun", signal.SIGTERM, False)]


@needs_proc
@pytest.mark.torture
@pytest.mark.parametrize(("scene", "number", "group"), ASKED)
def test_asked_to_stop_what_runs_is_saved_and_nothing_begins(
    small: Path, tmp_path: Path, scene: str, number: signal.Signals, group: bool
) -> None:
    """The leader alone, as `kill` does, or all processes of the group, as Ctrl-C and schedulers do."""
    command, begun = SCENES[scene]
    sweep = scene == "sweep"
    paths = ((small,) if sweep else ("--shards", small)) + ("--out", tmp_path)
    words = [sys.executable, *map(str, command), *map(str, paths)]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    wait_for(lambda: len(list(tmp_path.rglob("metrics.csv"))) == begun, process)
    began = time.monotonic()
    (os.killpg if group else os.kill)(process.pid, number)
    code, error = ended(process, 60)
    print(f"{scene}, {number.name} to the {'group' if group else 'leader'}: {time.monotonic() - began:.1f} s")
    runs = [json.loads(path.read_text()) for path in tmp_path.rglob("run.json")]
    assert [held["status"] for held in runs] == ["stopped"] * begun, error
    assert len(list(tmp_path.rglob("checkpoint.pt"))) == begun
    if scene == "torchrun":  # whose own codes and lines these are
        assert code != 0
        if number != signal.SIGUSR1:  # of which torchrun dies; its processes see that, and stop by themselves
            assert f"{number.name} at step" in error
        return
    assert code == 128 + number
    assert "Traceback" not in error
    if not sweep:
        assert f"{number.name} at step" in error
        assert len(error.splitlines()) == 1


@needs_proc
def test_ctrl_c_while_a_sweep_begins_is_one_line(small: Path, tmp_path: Path) -> None:
    """Its processes leave it to the one that started them, from before they can say so themselves."""
    words = [sys.executable, *map(str, SCENES["sweep"][0]), str(small), "--out", str(tmp_path)]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    wait_for(lambda: sum("spawn_main" in line for line in processes(process.pid)) == 2, process)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    code, error = ended(process, 60)
    assert (code, error.strip().count("\n")) == (130, 0), error
    assert "pendtrain: interrupted; the same command again" in error
    assert list(tmp_path.rglob("metrics.csv")) == []


LATE = """
import os, pathlib, signal, sys, time
from pendtrain import fit, __main__

def late(*arguments):
    if os.environ["RANK"] == "1":
        while not list(pathlib.Path(sys.argv[-1]).rglob("run.json")):
            time.sleep(0.05)
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(2)
    return whole(*arguments)

whole, fit.Watch = fit.Watch, late
sys.argv[0] = "pendtrain"
__main__.main()
"""


@needs_proc
def test_one_of_two_that_is_asked_before_it_begins_leaves_no_failed_run(small: Path, tmp_path: Path) -> None:
    """What torchrun forwards comes to one that trains already and to one that has yet to begin."""
    script, out = tmp_path / "late.py", tmp_path / "runs"
    script.write_text(LATE)
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", 2, "--standalone", script, "fit", *LONG_RUN)
    words = [sys.executable, *map(str, launcher), "--shards", str(small), "--out", str(out)]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    code, error = ended(subprocess.Popen(words, start_new_session=True, **quiet), 180)
    assert code != 0
    said = "pendtrain: SIGTERM before the first step; the same command goes on from the last checkpoint"
    assert error.count(said) == 2, error
    assert status(out) == "stopped"
    assert list(out.rglob("checkpoint.pt")) == []


@needs_proc
def test_a_loader_that_is_killed_is_named_and_nobody_waits_for_it(small: Path, tmp_path: Path) -> None:
    words = [sys.executable, *map(str, SCENES["loader"][0]), "--shards", str(small), "--out", str(tmp_path)]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    wait_for(lambda: list(tmp_path.rglob("metrics.csv")), process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: len(children.read_text().split()) >= 2, process)
    os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
    code, error = ended(process, 60)
    assert (code, len(error.splitlines())) == (1, 1), error
    assert "a process that loads died: killed, or out of memory" in error
    assert status(tmp_path) == "failed"


@needs_proc
def test_what_a_loader_cannot_read_is_said_and_nobody_is_waited_for(small: Path, tmp_path: Path) -> None:
    directory, out = Path(shutil.copytree(small, tmp_path / "copy")), tmp_path / "runs"
    words = [sys.executable, *map(str, SCENES["loader"][0]), "--shards", str(directory), "--out", str(out)]
    quiet = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    wait_for(lambda: list(out.rglob("metrics.csv")), process)
    for shard in directory.glob("train-*"):
        shutil.copyfile(shard, tmp_path / "same")
        (tmp_path / "same").replace(shard)
    code, error = ended(process, 60)
    assert (code, len(error.splitlines())) == (2, 1), error
    assert "cannot be read: it was changed or replaced while in use" in error
    assert status(out) == "failed"


def test_processes_that_never_come_are_waited_for_with_a_limit(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Outcome]
) -> None:
    """WORLD_SIZE may be left over from a notebook or a scheduler."""
    for name, value in {"WORLD_SIZE": "4", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setattr(distributed, "PATIENCE", 2.0)
    began = time.monotonic()
    code, _, error = command("pendtrain", "fit", "--shards", small, "--batch", 8, "--out", tmp_path, "--quiet")
    assert code == 2
    waiting, refused = error.splitlines()
    assert waiting == (
        "waiting at 127.0.0.1:0 for 4 processes (WORLD_SIZE); start them all, as torchrun does, "
        "or unset WORLD_SIZE to train alone"
    )
    assert refused.startswith("pendtrain: WORLD_SIZE is 4, but its processes did not meet at 127.0.0.1:0: ")
    assert time.monotonic() - began < 60
    assert not list(tmp_path.iterdir())


def test_a_world_that_is_no_number(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "many")
    said = refused("pendtrain", "fit", "--shards", small, "--batch", 8, "--out", tmp_path, "--quiet")
    assert "WORLD_SIZE is 'many' in the environment, expected a whole number; unset it to train alone" in said


def test_a_letter_that_the_output_lacks_is_no_reason_to_fail(small_run: Path, tmp_path: Path) -> None:
    """Help is ASCII, but folders are called what their owners call them."""
    shutil.copytree(small_run, tmp_path / "τ" / "run")
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "pendtrain", "list", str(tmp_path / "τ")]
    done = subprocess.run(command, capture_output=True, check=False, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u03c4" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_every_command_obeys_with_the_signals_code(
    small_run: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Outcome], number: signal.Signals
) -> None:
    """SIGUSR1's own effect would end a sweep's parent alone, and leave its processes training."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1)}
    monkeypatch.setattr("pendtrain.runs.read_run", lambda _: os.kill(os.getpid(), number))
    try:
        assert command("pendtrain", "list", small_run)[0] == 128 + number
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
