"""The wheel, installed into an environment of its own, works without the source tree, as README says it does."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from email import message_from_string
from pathlib import Path
from shutil import which

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("pendgen", "pendtrain", "pendeval")
Run = Callable[..., str]
MY_ENCODER = """
import numpy as np

def my_encoder(images):
    blue, red = np.float32(images[..., 0]), np.float32(images[..., 5:12, :, 2])
    return (blue.mean(axis=(-1, -2)) + red.mean(axis=(-1, -2)))[..., None]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as an installer would: by `uv`, or by pip where that is not there."""
    out = tmp_path_factory.mktemp("wheel")
    uv = which("uv")
    build = [uv, "build", "--wheel", "--out-dir", str(out), "--quiet"]
    if uv is None:
        build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(out), "--quiet"]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, check=False)
    if "Failed to resolve requirements" in done.stderr or "Could not find a version" in done.stderr:
        pytest.skip("the build backend is not here and cannot be fetched")
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command of the new environment, elsewhere; returns its stdout."""
    place = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "env")], check=True)
    programs = place / "env" / ("Scripts" if os.name == "nt" else "bin")
    (site,) = place.glob("env/[Ll]ib/**/site-packages")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def run(program: str, *arguments: object) -> str:
        command = [str(programs / program), *map(str, arguments)]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    # What it needs is lent by this environment, by a path alone: no .pth file of it is read, so nothing editable.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    uv = which("uv")
    if uv:
        install = [uv, "pip", "install", "--python", str(programs / "python"), "--no-deps", "--offline", "--quiet"]
    else:
        install = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--no-deps", "--quiet"]
    subprocess.run([*install, str(wheel)], check=True)
    return run


def test_what_it_holds(wheel: Path) -> None:
    """Every file of the packages, the mark that they are typed included, and nothing else."""
    tracked = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        about = message_from_string(archive.read(name).decode())
    assert held == tracked
    assert {f"{package}/py.typed" for package in PACKAGES} <= held
    assert about["Requires-Python"] == ">=3.11"
    assert about["Summary"]
    assert about["Keywords"]
    assert "Typing :: Typed" in about.get_all("Classifier", [])
    assert str(about.get_payload()).startswith("# Pendulum lab")


def test_it_is_what_is_imported(run: Run) -> None:
    for package in PACKAGES:
        where = Path(run("python", "-c", f"import {package}; print({package}.__file__)").strip())
        assert "elsewhere" in str(where), where
        assert ROOT not in where.parents


@pytest.mark.parametrize("package", PACKAGES)
def test_a_command_says_what_it_is(package: str, run: Run) -> None:
    assert run(package, "--version").startswith(f"{package}, version ")
    assert "Examples:" in run(package, "--help")


def test_it_builds_data(run: Run) -> None:
    run("pendgen", "build", "--pendulums", 20, "--images", 2, "--num-shards", 1, "--quiet")
    assert "is whole" in run("pendgen", "verify", "data/vanilla", "--quiet")
    assert "temperature = 0.1" in run("pendtrain", "fit", "--print-recipe")


def test_every_example_in_python(small: Path, small_run: Path, run: Run, tmp_path: Path) -> None:
    """The snippets, run one after another as they are printed: the file they write is scored and compared."""
    shutil.copytree(small, tmp_path / "data" / "vanilla" / "1.1.0")
    shutil.copytree(small_run, tmp_path / "runs" / "vanilla" / "contrastive-d1" / "seed-0")
    (tmp_path / "mine").mkdir()
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(snippets) > 3
    inside = f"import os; os.chdir({str(tmp_path)!r})"
    run("python", "-c", "\n".join([inside, MY_ENCODER, *snippets]))
    run("pendeval", "report", tmp_path / "mine", "--out", tmp_path / "report", "--csv-only", "--quiet")
    assert pd.read_csv(tmp_path / "report" / "problems.csv").empty
    runs = pd.read_csv(tmp_path / "report" / "runs.csv", keep_default_na=False)
    (row,) = [row for row in runs.to_dict("records") if row["label"] == "mine"]
    assert row["data_words"] == "vanilla"
    assert row["own"] is True
    assert row["usual"] is True
    assert (row["seed"], row["images"]) == ("0", "240.0")
