"""Files of every released format version, re-read as they are. Never regenerate them: add new ones beside."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from pendeval.embeddings import Embeddings, PopulationEmbeddings, read
from pendeval.files import pair_up
from pendeval.score_population import score_population
from pendgen.build import build
from pendgen.inspection import verify
from pendgen.manifest import read_manifest, settings
from pendgen.reader import read_column
from pendtrain.recipe import Recipe
from pendtrain.runs import differing, directory, read_run, recipe_of
from pendtrain.shards import LABELS, open_dataset, read_split

GOLDEN = Path(__file__).parents[1] / "golden"
DATASETS = ("dataset-1-hdf5", "dataset-1-webdataset")


@pytest.mark.parametrize("name", DATASETS)
def test_dataset_of_version_1(name: str) -> None:
    assert verify(GOLDEN / name) == []
    dataset = open_dataset(GOLDEN / name)
    assert dataset.digest.startswith("3a33405a77e5")
    train = read_split(dataset, "train", ("image", *LABELS))
    assert train["image"].shape == (6, 2, 32, 32, 3)
    assert not np.any((train["energy"] > 0.15) & (train["energy"] < 0.15 + 0.4 / 3))  # the first gap


def test_settings_of_version_1_give_its_records_again(tmp_path: Path) -> None:
    """To the bit, but for what another processor rounds otherwise: one of the golden angles has another last bit."""
    golden = GOLDEN / DATASETS[0]
    held = read_manifest(golden)
    made, _ = build(settings(held), tmp_path, num_shards=2, quiet=True)
    found = read_manifest(made)
    for split in held["splits"]:
        for field, digest in held["digest"]["fields"][split].items():
            if field in ("angle", "energy_given_image"):
                columns = (read_column(*each, split, field) for each in ((golden, held), (made, found)))
                np.testing.assert_allclose(*columns, rtol=0, atol=1e-14, err_msg=f"{split} {field}")
            else:
                assert found["digest"]["fields"][split][field] == digest, (split, field)


def test_embedding_of_version_1() -> None:
    found = read(GOLDEN / "embedding-1.h5")
    assert isinstance(found, Embeddings)
    assert found.embedding.shape == (6, 2, 1)
    assert found.text("data_name") == "gaps-0.4"
    assert found.text("train_method") == "contrastive"
    dataset = open_dataset(GOLDEN / DATASETS[0])
    assert np.array_equal(found.energy, read_split(dataset, "test", ("energy",))["energy"])


def test_embeddings_of_version_2() -> None:
    """Test split and population of one encoder, as the first release of the version wrote them."""
    with h5py.File(GOLDEN / "embedding-2.h5") as file:
        test, shapes = dict(file.attrs), {name: column.shape for name, column in file.items()}
    assert shapes["embedding"] == (20, 4, 1)
    assert shapes["example_image"] == (20, 12, 12, 3)
    with h5py.File(GOLDEN / "embedding-2-population.h5") as file:
        population, columns = dict(file.attrs), {name: column[()] for name, column in file.items()}
    assert columns["embedding"].shape == (28, 1)
    assert columns["probability"].sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose(columns["energy_probability"].sum(axis=1), columns["probability"], atol=1e-12)
    assert (test["data_split"], population["data_split"]) == ("test", "population")
    assert (population["data_time_gap"], population["train_pendulums"], population["data_left_out"]) == (0.5, 20, 0.0)
    shared = [key for key in test if key.startswith("train_")]
    assert all(test[key] == population[key] for key in shared)
    assert Recipe.read(json.loads(test["train_recipe"])).label == test["train_label"]


def test_embeddings_of_version_2_are_scored_together() -> None:
    paths = [GOLDEN / "embedding-2.h5", GOLDEN / "embedding-2-population.h5"]
    (source,), problems = pair_up(paths)
    assert ([source.split, source.population], problems) == (paths, [])
    split, population = (read(path) for path in paths)
    assert isinstance(split, Embeddings)
    assert isinstance(population, PopulationEmbeddings)
    assert split.examples is not None
    (row,) = score_population(population).views
    assert row["oracle_population_rmse"] <= row["population_rmse"]
    assert 0 <= row["population_global"] <= 1


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("method", "status"), [("contrastive", "stopped"), ("supervised", "complete")])
def test_runs(version: int, method: str, status: str) -> None:
    folder = GOLDEN / f"run-{version}"
    recipe = Recipe(method=method, epochs=6, batch=3)
    run = directory(folder, "gaps-0.4", recipe)
    held = read_run(run)
    assert held is not None
    assert (held["format_version"], held["status"]) == (version, status)
    assert differing(run, held, recipe, open_dataset(GOLDEN / DATASETS[0])) == []
    assert recipe_of(run, held) == recipe
