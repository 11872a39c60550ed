"""Does it learn what can be learnt, and nothing where there is nothing?"""

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.variants import Vanilla
from pendtrain import fit as fitting
from pendtrain.fit import fit
from pendtrain.recipe import Recipe
from pendtrain.state import Settings

LOG = Settings(log_every=1, quiet=True)


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pendulums of two images each: few enough to be learnt by heart."""
    out = tmp_path_factory.mktemp("eight")
    return build(Dataset(Vanilla(), pendulums=8, images=2), out, num_shards=1, quiet=True)[0]


def losses(run: Path) -> np.ndarray:
    with open(run / "metrics.csv", newline="") as file:
        return np.array([float(row["loss"]) for row in csv.DictReader(file)])


@pytest.mark.parametrize(
    ("recipe", "bound"),
    [
        (Recipe(epochs=150, batch=8, learning_rate=0.6, dim=2), 0.05),
        (Recipe(method="supervised", epochs=150, batch=8, learning_rate=0.6), 0.005),
    ],
)
def test_a_tiny_dataset_is_learnt_by_heart(eight: Path, tmp_path: Path, recipe: Recipe, bound: float) -> None:
    """InfoNCE and squared error both have the bound 0; the decoupled loss has none."""
    found = losses(fit(eight, recipe, tmp_path, LOG)[0])
    assert found[0] > 10 * bound
    assert found[-20:].mean() < bound


def test_shuffled_labels_teach_nothing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = fitting.read_split

    def shuffled(*arguments: object) -> dict[str, np.ndarray]:
        columns = read(*arguments)
        return {**columns, "energy": np.random.default_rng(0).permutation(columns["energy"])}

    monkeypatch.setattr(fitting, "read_split", shuffled)
    recipe = Recipe(method="supervised", epochs=20, batch=20, learning_rate=0.2)
    run, _ = fit(small, recipe, tmp_path, LOG)
    with h5py.File(next(run.rglob("*.h5"))) as file:
        error = np.mean((file["embedding"][..., 0] - file["energy"][()][:, None]) ** 2)
        chance = file["energy"][()].var()
    assert error > 0.9 * chance  # no better than always guessing the mean
