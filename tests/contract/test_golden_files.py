"""Files of every released format version, re-read as they are. Never regenerate them: add new ones beside."""

from pathlib import Path

import numpy as np
import pytest

from pendeval.runs import read
from pendgen.inspection import verify
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


def test_embedding_of_version_1() -> None:
    found = read(GOLDEN / "embedding-1.h5")
    assert found.embedding.shape == (6, 2, 1)
    assert found.text("data_name") == "gaps-0.4"
    assert found.text("train_method") == "contrastive"
    dataset = open_dataset(GOLDEN / DATASETS[0])
    assert np.array_equal(found.energy, read_split(dataset, "test", ("energy",))["energy"])
