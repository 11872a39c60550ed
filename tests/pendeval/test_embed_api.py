"""Embeddings of an encoder of one's own: written in one line, scored in another, and nothing wrong gets through."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from sklearn.decomposition import PCA

import pendeval
import pendgen
from pendeval.report import report
from pendgen.convert import convert

Write = Callable[..., Path]


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "copy"))


def brightness(images: np.ndarray) -> np.ndarray:
    """An encoder: where the blue bob is, about."""
    return images[..., 5:12, :, 2].mean(axis=(-1, -2), dtype=np.float64)[..., None]


def test_principal_components_end_to_end(small: Path, tmp_path: Path) -> None:
    train, test = pendgen.load(small, "train"), pendgen.load(small, "test")
    pca = PCA(1).fit(train["image"].reshape(240, -1))
    path = pendeval.write_embeddings(
        tmp_path / "mine" / "pca.h5", pca.transform(test["image"].reshape(240, -1)), dataset=small, method="pca"
    )
    scores = pendeval.score(path)
    assert 0 <= scores["global_spearman"] <= 1
    assert scores["global_spearman_low"] <= scores["global_spearman"] <= scores["global_spearman_high"]
    assert scores["oracle_global_spearman"] > 0.9
    assert {"local_spearman", "oracle_local_spearman", "ceiling_rmse"} <= set(scores)
    assert scores.frame.loc["global_spearman"].tolist() == [
        scores[name] for name in ("global_spearman", "global_spearman_low", "global_spearman_high")
    ] + [scores["oracle_global_spearman"]]
    assert repr(scores).startswith("240 images (all), line: ")
    assert "local_spearman" in scores._repr_html_()
    assert len(scores.bands) == 7


def by_hand(folder: Path, path: Path) -> None:
    """The recipe that `write_embeddings` stands for."""
    manifest = json.loads((folder / "dataset.json").read_text())
    digest = manifest["digest"]["content"]
    settings = "name variant parameters protocol image_size bob_size time_gap antialias energy_range gaps"
    settings = f"{settings} time_range pendulums images energy_law energy_bands"
    shards = [h5py.File(shard) for shard in sorted(folder.glob("test-*.h5"))]
    images = np.concatenate([shard["image"][()] for shard in shards])
    with h5py.File(path, "w") as out:
        for side, split in (("data", "test"), ("train", "train")):
            held = manifest | manifest["splits"][split] | {"digest": digest}
            for key in (*settings.split(), "digest"):
                value = held[key]
                out.attrs[f"{side}_{key}"] = json.dumps(value) if isinstance(value, (list, dict)) else value
        out.attrs.update(format="pendulum-embedding", format_version=2, data_split="test", train_method="contrastive")
        out.attrs.update(train_label="mine", train_seed=0, data_seed=manifest["seed"], train_data_seed=manifest["seed"])
        for key in ("energy", "energy_given_image", "angle", "visible"):
            out[key] = np.concatenate([shard[key][()] for shard in shards])
        out["embedding"] = brightness(images).astype(np.float32)


def test_the_file_is_that_of_the_recipe_by_hand(small: Path, tmp_path: Path) -> None:
    by_hand(small, tmp_path / "hand.h5")
    images = pendgen.load(small, "test")["image"]
    given = {"dataset": small, "method": "contrastive", "label": "mine", "seed": 0}
    for name, embedding in (("whole", brightness(images)), ("flat", brightness(images).ravel().tolist())):
        path = pendeval.write_embeddings(str(tmp_path / f"{name}.h5"), embedding, **given)
        with h5py.File(tmp_path / "hand.h5") as hand, h5py.File(path) as file:
            assert dict(hand.attrs) == dict(file.attrs)
            assert set(file) - set(hand) == {"time", "index"}
            for column in hand:
                assert hand[column].dtype == file[column].dtype
                assert np.array_equal(hand[column], file[column])


def test_a_report_takes_a_split_and_its_population_together(small: Path, tmp_path: Path) -> None:
    given = {"dataset": small.parent, "method": "brightness", "seed": 1, "recipe": {"rows": [5, 12]}}
    for split in ("test", "population"):
        images = pendgen.load(small.parent, split)["image"]
        pendeval.write_embeddings(tmp_path / "mine" / f"{split}.h5", brightness(images), split=split, **given)
    made = report([tmp_path / "mine"], tmp_path / "report", csv_only=True, quiet=True)
    assert not made.problems
    row = made.frames["runs"].iloc[0]
    assert row["population_global"] > 0
    assert row["global_spearman"] > 0
    assert (row["label"], row["seed"], row["data_words"]) == ("brightness", 1, "vanilla")
    whole = pendeval.score(tmp_path / "mine" / "population.h5")
    assert whole["population_global"] == row["population_global"]
    assert "exact" in repr(whole)


@pytest.mark.parametrize(
    ("embedding", "words"),
    [
        (np.zeros((40, 5, 1)), r"shape \(40, 5, 1\), expected \(40, 6, d\) or \(240, d\) for test"),
        (np.zeros((239, 2)), r"shape \(239, 2\), expected"),
        (np.zeros((40, 6, 0)), r"shape \(40, 6, 0\), expected"),
        (np.zeros((40, 6, 2, 2)), r"shape \(40, 6, 2, 2\), expected"),
        (3.0, r"shape \(\), expected"),
        (np.where(np.arange(240) == 8, np.nan, 1.0), r"embedding\[1, 2, 0\] is nan, expected finite"),
        (np.full((240, 1), 1e39), r"embedding\[0, 0, 0\] is 1e\+39, expected finite numbers that float32"),
        (np.full((240, 1), "x"), "embedding is of <U1, expected numbers"),
        (np.full((240, 1), 1j), "embedding is of complex128, expected numbers"),
        ([[1.0], [1.0, 2.0]], "rows of different lengths"),
        (np.zeros((240, 513)), "has 513 outputs, expected at most 512"),
    ],
)
def test_an_embedding_that_cannot_be_is_one_line(small: Path, tmp_path: Path, embedding: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pendeval.write_embeddings(tmp_path / "mine.h5", embedding, dataset=small, method="x")
    assert not list(tmp_path.iterdir())


def test_wrong_names_are_one_line(small: Path, tmp_path: Path) -> None:
    one, mine = np.zeros((40, 6, 1)), tmp_path / "mine.h5"
    with pytest.raises(ValueError, match=r"path is '.*mine', expected a name that ends in \.h5"):
        pendeval.write_embeddings(tmp_path / "mine", one, dataset=small, method="x")
    with pytest.raises(ValueError, match="split is 'valid', expected train, test, population"):
        pendeval.write_embeddings(mine, one, dataset=small, split="valid", method="x")
    with pytest.raises(ValueError, match="attribute train_seed is 'a', expected a whole number"):
        pendeval.write_embeddings(mine, one, dataset=small, method="x", seed="a")
    with pytest.raises(FileNotFoundError, match=r"no dataset in .*none"):
        pendeval.write_embeddings(mine, one, dataset=tmp_path / "none", method="x")
    with pytest.raises(FileNotFoundError, match=r"no file .*; `pendeval score` takes one embeddings file"):
        pendeval.score(mine)
    with pytest.raises(AttributeError, match="no attribute 'scorer'"):
        _ = pendeval.scorer
    assert {"score", "write_embeddings"} <= set(dir(pendeval))


def test_tar_says_how_to_convert_and_will_do_for_training(small: Path, tmp_path: Path) -> None:
    tar = convert(small, "webdataset", tmp_path / "tar")[0]
    with pytest.raises(ValueError, match=r"expected HDF5 shards; `pendgen convert .* --format hdf5` makes them"):
        pendeval.write_embeddings(tmp_path / "mine.h5", np.zeros(240), dataset=tar, method="x")
    images = pendgen.load(tar, "population")["image"]
    path = pendeval.write_embeddings(
        tmp_path / "mine.h5", brightness(images), dataset=tar, split="population", method="x", train_dataset=tar
    )
    assert pendeval.score(path)["population_local"] is not None


def forge(directory: Path, file: Path) -> None:
    """A manifest that fits what was done to a file, as an attacker can make it."""
    from pendgen.shards import file_sha256

    manifest = json.loads((directory / "dataset.json").read_text())
    for entry in [*manifest["shards"], manifest["population"]]:
        if entry["file"] == file.name:
            entry.update(bytes=file.stat().st_size, sha256=file_sha256(file))
    (directory / "dataset.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("energy", h5py.ExternalLink("/etc/passwd", "x"), "energy is a link to /etc/passwd:x"),
        ("energy", np.full(10, 2.0), "energy spans"),
        ("energy", np.full(10, np.nan), "energy holds NaN"),
        ("energy", np.zeros(9), "does not hold the pendulums"),
        ("index", np.arange(10), "does not hold the pendulums"),
        ("angle", np.zeros((10, 6)), "angle has shape"),
        ("visible", None, "no dataset visible"),
    ],
)
def test_a_forged_shard_is_named(copy: Path, tmp_path: Path, name: str, value: object, words: str) -> None:
    shard = sorted(copy.glob("test-*.h5"))[1]
    with h5py.File(shard, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value
    with pytest.raises(ValueError, match=f"{shard.name}.*expected"):
        pendeval.write_embeddings(tmp_path / "mine.h5", np.zeros(240), dataset=copy, method="x")
    forge(copy, shard)
    with pytest.raises(ValueError, match=words):
        pendeval.write_embeddings(tmp_path / "mine.h5", np.zeros(240), dataset=copy, method="x")
    assert not (tmp_path / "mine.h5").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "format is 'other' 2, expected pendulum-dataset 1 or 2"),
        ({"shards": [{"file": "../x.h5"}]}, "shards"),
        ({"digest": {"content": "x"}}, "digest.content"),
        ({"population": None, "population_reason": "noise"}, "has no population: noise"),
        ({"gaps": [[0.5, 0.2]]}, "attribute data_gaps is"),
        ({"image_size": "32"}, "attribute data_image_size is '32', expected a whole number"),
    ],
)
def test_a_manifest_that_is_none_is_named(copy: Path, tmp_path: Path, change: dict[str, object], words: str) -> None:
    manifest = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps(manifest | change))
    with pytest.raises(ValueError, match=words):
        pendeval.write_embeddings(
            tmp_path / "mine.h5",
            np.zeros(manifest["population"]["images"]),
            dataset=copy,
            split="population",
            method="x",
        )


def test_nothing_in_a_file_writes_into_the_page(write_run: Write) -> None:
    path = write_run(train_label="<script>alert(1)</script>", data_name="<img src=x>")
    page = pendeval.score(path)._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
