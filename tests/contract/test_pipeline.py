"""The three stages together, joined by files: what one writes, the next reads."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from pendeval.recipes import NAMED, PAPER_RECIPE
from pendeval.report import report
from pendgen.format import POPULATION_FIELDS
from pendgen.manifest import read_manifest
from pendgen.reader import read_column
from pendtrain.population import check_dataset, read_population
from pendtrain.recipe import RECIPES, Recipe
from pendtrain.shards import LABELS, open_dataset, read_split

Outcome = tuple[int, str, str]


def test_trainer_reads_what_the_generator_wrote(small: Path) -> None:
    split = read_split(open_dataset(small), "train", ("image", *LABELS))
    for name, column in split.items():
        assert np.array_equal(column, read_column(small, read_manifest(small), "train", name)), name
    assert np.array_equal(split["index"], np.arange(40))


def test_trainer_reads_and_embeds_the_population_the_generator_wrote(small: Path, small_run: Path) -> None:
    """What the trainer refuses of a population, the generator never writes."""
    dataset = open_dataset(small)
    check_dataset(dataset)
    columns = read_population(dataset)
    assert set(columns) == {field.name for field in POPULATION_FIELDS}
    images = columns.pop("image")
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)
    with h5py.File(small / "population.h5") as file, h5py.File(small_run / "embeddings/vanilla-population.h5") as made:
        assert np.array_equal(images, file["image"][()])
        for name, column in columns.items():
            assert np.array_equal(column, file[name][()]), name
            assert np.array_equal(column, made[name][()]), name
        assert made["embedding"].shape == (len(images), 1)
        assert made.attrs["data_population_digest"] == read_manifest(small)["population"]["digest"]
    seen = {image.tobytes() for image in images}
    test = read_split(dataset, "test", ("image",))["image"]
    assert all(image.tobytes() in seen for image in test.reshape(-1, *test.shape[2:]))


def test_evaluator_scores_what_the_trainer_wrote(small: Path, small_run: Path, tmp_path: Path) -> None:
    made = report([small_run], tmp_path, quiet=True)
    assert made.frames["problems"].empty
    (row,) = made.frames["runs"].to_dict("records")
    assert (row["dataset"], row["method"], row["dim"], row["seed"]) == ("vanilla", "contrastive", 1, 0)
    assert (row["pendulums"], row["images_per_pendulum"], row["images"]) == (40, 6, 240)
    assert (row["image_size"], row["bob_size"], row["time_gap"], row["train_pendulums"]) == (32, 3, 0.5, 40)
    assert row["own"] is True
    assert row["recipe_protocol"] == "paper"
    assert row["precision"] in ("float32", "bfloat16")
    assert 0.98 < row["oracle_global_spearman"] < 1
    assert abs(row["oracle_population_global"] - 0.99374) < 5e-6  # the ceiling, whatever forty pendulums show of it
    assert abs(row["population_global"]) < row["oracle_population_global"]
    assert not row["above_ceiling"]
    assert made.frames["provenance"]["status"].tolist() == ["complete"]
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert pd.read_csv(tmp_path / "segments.csv")["images"].sum() == 240
    with h5py.File(small_run / "embeddings" / "vanilla-test.h5") as file:
        assert np.array_equal(file["energy"][()], read_column(small, read_manifest(small), "test", "energy"))


def test_replicates_of_the_generator_are_pairs_of_the_trainer(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    built = ("build", "--variant", "vanilla", "--replicates", 3, "--pendulums", 4, "--images", 2, "--size", 16)
    assert command("pendgen", *built, "--num-shards", 1, "--out", tmp_path, "--quiet")[0] == 0
    paths = sorted(tmp_path.glob("vanilla*"))
    code, out, _ = command("pendtrain", "sweep", *paths, "--replicates", "--out", tmp_path / "runs", "--dry-run")
    assert code == 0
    runs = [Path(line.split()[1]).relative_to(tmp_path / "runs") for line in out.splitlines()[:-1]]
    assert [str(run) for run in runs] == [
        f"{name}/{method}-d1/seed-{seed}"
        for seed, name in enumerate(("vanilla", "vanilla-seed-1", "vanilla-seed-2"))
        for method in ("contrastive", "supervised")
    ]


def test_recipes_have_the_names_that_the_trainer_gives_them() -> None:
    assert RECIPES == {"paper": {}, **NAMED}
    assert {name: getattr(Recipe(), name) for name in PAPER_RECIPE} == PAPER_RECIPE
