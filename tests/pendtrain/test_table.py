"""An encoder with no network: a free vector for every image, trained or put where the loss is least."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pendtrain.encoders.table import Table
from pendtrain.fit import fit
from pendtrain.parts import Distinct
from pendtrain.recipe import Recipe
from pendtrain.shards import open_dataset, read_split
from pendtrain.state import Settings

Outcome = tuple[int, str, str]
HOW = Settings(quiet=True)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)


def test_a_table_finds_its_images_and_the_nearest_to_others() -> None:
    images = pictures(50)
    table = Table(2, images)
    order = np.random.default_rng(1).permutation(50)
    asked = torch.from_numpy(images[order])
    assert torch.equal(table(asked), table.vectors[torch.from_numpy(order)])
    near = images.copy().astype(int)
    near[:, 0, 0, 0] += np.where(near[:, 0, 0, 0] < 250, 3, -3)
    assert torch.equal(table.places(torch.from_numpy(near.astype(np.uint8))), torch.arange(50))
    again = Table(2)
    again.load(table.weights())
    assert torch.equal(again(asked), table(asked))
    table(asked).sum().backward()
    assert torch.equal(table.vectors.grad, torch.ones(50, 2))
    with pytest.raises(ValueError, match="two images of the table are the same"):
        Table(1, images[[0, 1, 0]])


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vanilla images enough to recur."""
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import Vanilla

    out = tmp_path_factory.mktemp("many")
    return build(Dataset(Vanilla(), pendulums=160, images=20), out, num_shards=1, quiet=True)[0]


def test_a_table_is_trained_like_any_encoder(many: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    recipe = Recipe.of(encoder="table", epochs=20, batch=20)
    run, _ = fit(many, recipe, tmp_path / "a", HOW)
    again, _ = fit(many, recipe, tmp_path / "b", HOW)
    assert (run / "encoder.safetensors").read_bytes() == (again / "encoder.safetensors").read_bytes()
    assert run.parent.name == "contrastive-d1-epochs-20-batch-20-encoder-table"
    supervised = Recipe.of(method="supervised", encoder="table", epochs=250, batch=20, learning_rate=3.0)
    run, _ = fit(many, supervised, tmp_path, HOW)
    code, _, error = command("pendtrain", "embed", run, "--split", "train")
    assert code == 0, error
    with h5py.File(run / "embeddings" / "vanilla-train.h5") as file:
        found, energy = file["embedding"][..., 0], file["energy"][()]
    # Squared error's best vector is the mean energy of the pendulums that an image was seen of.
    images = read_split(open_dataset(many), "train", ("image",))["image"].reshape(-1, 32, 32, 3)
    which, told = Distinct()(images)[1], np.repeat(energy, 20)
    best = (np.bincount(which, told) / np.bincount(which))[which]
    least = np.mean((best - told) ** 2)
    assert least < np.mean((found.ravel() - told) ** 2) < 1.3 * least
    assert np.corrcoef(found.ravel(), best)[0, 1] > 0.99
    assert "which encoder table" in command("pendtrain", "embed", run, "--layer", "features")[2]


def test_the_optimum_is_embedded_without_training(
    small: Path, unpeopled: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    run, trained = fit(small, Recipe.of(method="supervised", encoder="optimum"), tmp_path, HOW)
    assert trained
    assert not (run / "metrics.csv").exists()
    assert json.loads((run / "run.json").read_text())["status"] == "complete"
    for split in ("test", "population"):
        with h5py.File(run / "embeddings" / f"vanilla-{split}.h5") as file:
            # Of rare images the population and the oracle of the shards, two quadratures, differ in the third decimal.
            bound = 1e-6 if split == "population" else 2e-3
            assert np.abs(file["embedding"][..., 0] - file["energy_given_image"][()]).max() < bound
    fit_ = ("pendtrain", "fit", "--encoder", "optimum", "--out", tmp_path)
    assert "has no population of its training law" in refused(*fit_, "--shards", unpeopled)
    assert "method byol has no loss with an optimum" in refused(*fit_, "--shards", small, "--method", "byol")


def test_an_optimum_wants_the_law_of_its_training(tmp_path: Path, refused: Callable[..., str]) -> None:
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import Gaps

    shards, _ = build(Dataset(Gaps(alpha_g=0.4), pendulums=4, images=2), tmp_path, num_shards=1, quiet=True)
    error = refused("pendtrain", "fit", "--encoder", "optimum", "--shards", shards, "--out", tmp_path)
    assert "no population of its training law: it trains under another law" in error


def test_a_table_wants_images_that_recur(tmp_path: Path, refused: Callable[..., str]) -> None:
    from pendgen.build import build
    from pendgen.dataset import Dataset
    from pendgen.variants import GraphicalNoise

    shards, _ = build(Dataset(GraphicalNoise(eps_g=0.1), pendulums=4, images=2), tmp_path, num_shards=1, quiet=True)
    error = refused("pendtrain", "fit", "--encoder", "table", "--shards", shards, "--out", tmp_path, "--batch", 2)
    assert "shows 8 different images among 8, expected images that recur for --encoder table" in error
