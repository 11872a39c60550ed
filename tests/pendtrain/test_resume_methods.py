import os
import signal
from pathlib import Path

import pytest

from pendtrain import fit as fitting
from pendtrain.fit import fit
from pendtrain.recipe import METHODS, Recipe
from pendtrain.state import Settings, Stopped

LOGGED = Settings(log_every=1, quiet=True)  # saved when it is asked to stop


@pytest.mark.parametrize("method", [name for name in METHODS if name != "contrastive"])
def test_every_method_resumes_to_the_bit(
    unpeopled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whatever body an objective has, momentum copies, averages and labelled pendulums included."""
    few = {"labelled": 0.3} if method in ("joint", "paws", "supervised") else {}
    averaging = 0.9 if method in ("byol", "supervised") else 0.0
    recipe = Recipe.of(method=method, epochs=1, batch=10, optimiser="adamw", averaging=averaging, **few)
    whole, _ = fit(unpeopled, recipe, tmp_path / "whole", LOGGED)
    with monkeypatch.context() as patch:
        ask = fitting.learning_rate

        def rate(recipe: Recipe, step: int, per_epoch: int) -> float:
            if step == 1:
                os.kill(os.getpid(), signal.SIGUSR1)
            return ask(recipe, step, per_epoch)

        patch.setattr(fitting, "learning_rate", rate)
        with pytest.raises(Stopped):
            fit(unpeopled, recipe, tmp_path / "half", LOGGED)
    run, _ = fit(unpeopled, recipe, tmp_path / "half", LOGGED)
    assert (run / "encoder.safetensors").read_bytes() == (whole / "encoder.safetensors").read_bytes()
    rows, expected = ((each / "metrics.csv").read_text().splitlines() for each in (run, whole))
    assert [row.split(",")[:5] for row in rows] == [row.split(",")[:5] for row in expected]
