"""Adding a method is one file: an objective from outside this package goes all the way, and a bad one costs nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

Outcome = tuple[int, str, str]
# Regression onto a slowly moving mean of the energies: settings, a parameter, a buffer and an after_step of its own.
MODULE = """
from dataclasses import dataclass

import torch
from torch import nn

from pendtrain.objectives import Objective


@dataclass(frozen=True)
class Settings:
    pull: float = 0.5

    def __post_init__(self):
        if not 0 <= self.pull <= 1:
            raise ValueError(f"pull is {self.pull}, expected 0 to 1")


class Pulled(Objective):
    Settings = Settings
    usual = {"learning_rate": 0.01}

    def __init__(self, settings, encoder, dim, protocol):
        super().__init__(settings, encoder, dim, protocol)
        self.scale = nn.Linear(dim, 1)
        self.register_buffer("steps", torch.zeros(()))

    def rows(self, encoder, first, second):
        x, y = encoder(first), encoder(second)
        return x, y, self.scale(x)

    def loss(self, rows, labels):
        x, y, read = rows
        target = (1 - self.settings.pull) * labels.energy + self.settings.pull * labels.energy.mean()
        return (read[:, 0] - target).square().mean() + (x - y).square().mean() + 1e-6 * self.steps

    def after_step(self, encoder):
        self.steps += 1


class Raises(Pulled):
    def loss(self, rows, labels):
        raise RuntimeError("two\\nlines")


class NotANumber(Pulled):
    def loss(self, rows, labels):
        return rows[0].sum() * float("nan")


class Wide(Pulled):
    def loss(self, rows, labels):
        return rows[0]


@dataclass(frozen=True)
class Clashing:
    epochs: int = 3


class Clash(Pulled):
    Settings = Clashing
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "theirs.py").write_text(MODULE)
    return folder


def test_a_method_from_outside_through_fit_kill_resume_embed_and_report(
    unpeopled: Path, outside: Path, tmp_path: Path, command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(outside), "OMP_NUM_THREADS": "1"}
    options = ["--shards", unpeopled, "--method", "theirs:Pulled", "--set", "pull=.25", "--epochs", 3, "--batch", 10]
    options += ["--checkpoint-seconds", 0, "--quiet"]

    whole, killed = (
        out / "vanilla" / "theirs-Pulled-d1-epochs-3-batch-10-pull-0.25" / "seed-0"
        for out in (tmp_path / "whole", tmp_path / "killed")
    )
    monkeypatch.syspath_prepend(str(outside))
    assert command("pendtrain", "fit", *options, "--out", tmp_path / "whole")[0] == 0
    words = [sys.executable, "-m", "pendtrain", "fit", *map(str, options), "--out", str(tmp_path / "killed")]
    victim = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint.pt").exists() and victim.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    assert command("pendtrain", "fit", *options, "--out", tmp_path / "killed")[0] == 0
    assert (killed / "encoder.safetensors").read_bytes() == (whole / "encoder.safetensors").read_bytes()
    assert json.loads((killed / "run.json").read_text())["resumed_at_step"] > 0

    code, _, error = command("pendtrain", "embed", killed, "--split", "train")
    assert (code, len(error.splitlines())) == (2, 1)
    assert "names 'theirs:Pulled', code from elsewhere, as its method; --method imports it" in error
    code, said, _ = command("pendtrain", "embed", killed, "--split", "train", "--method", "theirs:Pulled")
    assert code == 0, said
    with h5py.File(killed / "embeddings" / "vanilla-test.h5") as file:
        recipe = json.loads(file.attrs["train_recipe"])
        assert (recipe["method"], recipe["pull"], recipe["learning_rate"]) == ("theirs:Pulled", 0.25, 0.01)
        assert json.loads(file.attrs["train_defaults"]) == {"pull": 0.5}
    code, said, error = command("pendeval", "report", killed, "--out", tmp_path / "report", "--csv-only")
    assert code == 0, error
    assert "theirs:Pulled" in (tmp_path / "report" / "runs.csv").read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Raises", "method theirs:Raises raised RuntimeError: two lines"),
        ("NotANumber", "method theirs:NotANumber diverged: loss nan"),
        ("Wide", "method theirs:Wide raised ValueError: the loss is (10, 1), expected a scalar tensor"),
    ],
)
def test_a_bad_method_is_named_and_its_run_marked(
    small: Path,
    outside: Path,
    tmp_path: Path,
    command: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    said: str,
) -> None:
    monkeypatch.syspath_prepend(str(outside))
    fit = ("pendtrain", "fit", "--shards", small, "--method", f"theirs:{name}", "--epochs", 1, "--batch", 10)
    code, out, error = command(*fit, "--out", tmp_path, "--quiet")
    assert (code, out, len(error.splitlines())) == (1, "", 1)
    assert said in error
    (run,) = tmp_path.rglob("run.json")
    held = json.loads(run.read_text())
    assert held["status"] == "failed"
    assert held["reason"] in error
    assert not (run.parent / "encoder.safetensors").exists()


def test_settings_of_a_method_from_outside_are_checked(
    outside: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(outside))
    fit = ("pendtrain", "fit", "--print-recipe", "--method")
    assert "pull is 2.0, expected 0 to 1" in refused(*fit, "theirs:Pulled", "--set", "pull=2")
    assert "push is no setting of theirs:Pulled, expected one of" in refused(*fit, "theirs:Pulled", "--set", "push=2")
    assert "method theirs:Clash has the setting epochs, expected a name of its own" in refused(*fit, "theirs:Clash")
    assert "method is theirs:Nothing" in refused(*fit, "theirs:Nothing")
