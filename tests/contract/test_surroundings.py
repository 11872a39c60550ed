"""What notebooks, schedulers, launchers and bare containers leave behind: it works, or is one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LONG = bool(os.environ.get("LAB_TORTURE"))
ODD: dict[str, dict[str, str | None]] = {
    "bare": {"HOME": None, "USER": None, "LOGNAME": None, "LANG": None, "SHELL": None, "TERM": None},
    "home that is not there": {
        "HOME": "/nonexistent",
        "XDG_CACHE_HOME": "/nonexistent",
        "MPLCONFIGDIR": "/nonexistent",
    },
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0"},
    "windows letters": {"PYTHONIOENCODING": "cp1252", "COLUMNS": "1"},
    "notebook": {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "COLUMNS": "0", "PYTHONUNBUFFERED": "1"},
    "scheduler": {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "3", "SLURM_CPUS_PER_TASK": "2"},
    "launcher": {"MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "1", "WORLD_SIZE": "1", "RANK": "0"},
    "warnings are errors": {"PYTHONWARNINGS": "error::UserWarning"},
    "no place for temporary files": {"TMPDIR": "/nonexistent", "TEMP": "/nonexistent", "TMP": "/nonexistent"},
    "another clock": {"TZ": "Pacific/Kiritimati", "SOURCE_DATE_EPOCH": "0"},
}
ALL_AT_ONCE = ODD["bare"] | ODD["ascii"] | ODD["notebook"] | ODD["scheduler"] | ODD["launcher"]
Done = subprocess.CompletedProcess[bytes]
COMMANDS = {
    "build": "pendgen build --out {out}/data --pendulums 20 --images 3 --quiet",
    "preview": "pendgen preview {data} --out {out}/sheet.png",
    "list": "pendtrain list {run}",
    "fit": "pendtrain fit --shards {data} --epochs 1 --batch 20 --out {out}/runs",
    "report": "pendeval report {run} --out {out}/report --jobs 1",
    "score": "pendeval score {run}/embeddings/vanilla-test.h5",
}
CASES = [(name, odd) for odd in ODD for name in (COMMANDS if LONG else ("build", "list"))]


def run(
    words: str, at: dict[str, Path], odd: dict[str, str | None], **how: object
) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in {**os.environ, **odd}.items() if value is not None}
    command = [sys.executable, "-m", *words.format(**at).split()]
    given = {"capture_output": True, "check": False, "timeout": 200, "env": environment, "cwd": at["out"]}
    return subprocess.run(command, **{**given, **how})


@pytest.fixture
def at(small: Path, small_run: Path, tmp_path: Path) -> dict[str, Path]:
    return {"data": small, "run": small_run, "out": tmp_path}


@pytest.mark.torture
@pytest.mark.parametrize(("name", "odd"), CASES)
def test_odd_variables(name: str, odd: str, at: dict[str, Path]) -> None:
    done = run(COMMANDS[name], at, ODD[odd])
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["fit", "report"])
def test_all_of_them_at_once(name: str, at: dict[str, Path]) -> None:
    done = run(COMMANDS[name], at, ALL_AT_ONCE)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"Warning" not in done.stderr, done.stderr.decode()


@pytest.mark.parametrize("name", COMMANDS if LONG else ("build", "list", "score"))
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_streams(name: str, closed: tuple[int, ...], at: dict[str, Path]) -> None:
    """As `>&-` closes them: the work is done and the exit code says so."""

    def close() -> None:
        for number in closed:
            os.close(number)

    done = run(COMMANDS[name], at, {}, preexec_fn=close, capture_output=False)
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["build", "list", "score"])
def test_a_reader_that_left_and_a_full_device(name: str, at: dict[str, Path]) -> None:
    """`pendtrain list | head`: no traceback. Output that cannot be written is no success."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run(COMMANDS[name], at, {}, stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    os.close(writing)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    assert b"Exception ignored" not in done.stderr, done.stderr.decode()
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            done = run(COMMANDS[name], at, {}, stdout=full, stderr=subprocess.PIPE, capture_output=False)
        assert done.returncode in (0, 2), done.stderr.decode()
        assert b"Traceback" not in done.stderr, done.stderr.decode()
