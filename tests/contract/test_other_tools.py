"""Datasets used by tools that never heard of this project: opened, described, and trained on in another's loop."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

import pendeval
import pendgen
import pendtrain
from pendgen.build import build
from pendgen.convert import convert
from pendgen.dataset import Dataset
from pendgen.format import FIELDS
from pendgen.manifest import read_manifest
from pendgen.reader import read_column
from pendgen.variants import Cropping

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs, not ours to mend


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same small dataset in both containers."""
    out = tmp_path_factory.mktemp("other")
    hdf5, _ = build(Dataset(Cropping(0.6), pendulums=14, images=3), out, num_shards=4, quiet=True)
    return {"hdf5": hdf5, "webdataset": convert(hdf5, "webdataset", out)[0]}


def truth(directory: Path, split: str, field: str) -> np.ndarray:
    return read_column(directory, read_manifest(directory), split, field)


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
def test_hugging_face_datasets(
    directories: dict[str, Path], container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(container, data_dir=str(directories[container]), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "test"}
    for split in ("train", "test"):
        rows: list[dict[str, Any]] = list(loaded[split])
        if container == "webdataset":
            rows = [{"image": row["image.npy"], **row["json"]} for row in rows]
        for field in FIELDS:
            column = np.array([row[field.name] for row in rows])
            assert np.array_equal(column, truth(directories["hdf5"], split, field.name)), field.name


def test_webdataset_reads_the_tar_shards(directories: dict[str, Path]) -> None:
    webdataset = pytest.importorskip("webdataset")
    urls = str(directories["webdataset"] / "train-{00000..00003}-of-00004.tar")
    samples = list(webdataset.WebDataset(urls, shardshuffle=False).decode())
    assert len(samples) == 14
    assert np.array_equal([s["image.npy"] for s in samples], truth(directories["hdf5"], "train", "image"))
    assert np.array_equal([s["json"]["energy"] for s in samples], truth(directories["hdf5"], "train", "energy"))
    assert samples[5]["__key__"] == "train-000000005"


def test_xarray_opens_the_hdf5_shards(directories: dict[str, Path]) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    shards = sorted(directories["hdf5"].glob("test-*.h5"))
    parts = [xarray.open_dataset(shard, engine="h5netcdf", phony_dims="sort") for shard in shards]
    for field in FIELDS:
        column = np.concatenate([part[field.name].to_numpy() for part in parts])
        assert np.array_equal(column, truth(directories["hdf5"], "test", field.name))
    assert parts[0]["energy"].attrs["unit"] == "1"


@pytest.mark.parametrize("container", ["hdf5", "webdataset"])
def test_croissant_is_valid(directories: dict[str, Path], container: str) -> None:
    pytest.importorskip("mlcroissant")
    command = [str(Path(sys.executable).parent / "mlcroissant"), "validate", "--jsonld"]
    path = directories[container] / "croissant.json"
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Done." in done.stderr
    assert "not standard" not in done.stderr


def test_croissant_says_what_dataset_tracks_ask_for(directories: dict[str, Path]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    for directory in directories.values():
        said = mlcroissant.Dataset(directory / "croissant.json").metadata
        assert said.conforms_to == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
        assert said.cite_as.startswith("@techreport{")
        assert said.creators[0].name == "Pendulum lab"
        assert said.version == read_manifest(directory)["content_version"]
        assert said.date_published == said.date_created
        assert said.license is None
        assert said.description.endswith("Licence: none was chosen.")
        for told in ("data_collection", "data_use_cases", "data_biases", "data_limitations", "data_social_impact"):
            assert getattr(said, told), told
        assert said.personal_sensitive_information
        assert json.loads((directory / "croissant.json").read_text())["rai:hasSyntheticData"] is True


def test_croissant_records_of_the_tar_shards(directories: dict[str, Path]) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    described = mlcroissant.Dataset(directories["webdataset"] / "croissant.json")
    for split in ("train", "test"):
        records = sorted(
            (json.loads(record[f"{split}/labels"]) for record in described.records(split)),
            key=lambda record: record["index"],
        )
        for field in ("energy", "time", "angle", "visible", "index"):
            column, ours = np.array([record[field] for record in records]), truth(directories["hdf5"], split, field)
            if ours.dtype.kind == "f":  # it reads JSON with pandas, which takes the last bit of a float lightly
                np.testing.assert_array_max_ulp(column, ours, 1)
            else:
                assert np.array_equal(column, ours), field


def test_card_has_front_matter_and_a_line_for_every_field(directories: dict[str, Path]) -> None:
    yaml = pytest.importorskip("yaml")
    for container, directory in directories.items():
        text = (directory / "README.md").read_text(encoding="utf-8")
        _, front, body = text.split("---\n", 2)
        (config,) = yaml.safe_load(front)["configs"]
        for entry in config["data_files"]:
            assert len(list(directory.glob(entry["path"]))) == 4
        assert all(f"| `{field.name}` | {field.dtype} |" in body for field in FIELDS)
        assert f'load_dataset("{container}"' in body
        assert read_manifest(directory)["digest"]["content"] in body


def test_lightning_trains_and_is_scored(small: Path, tmp_path: Path) -> None:
    """Its own loop over pairs, with the loss that vanilla training has; two calls write and score what it learnt."""
    lightning = pytest.importorskip("pytorch_lightning")

    class Contrastive(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32 * 3, 64), nn.ReLU(), nn.Linear(64, 1))

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            first, second, _energy = batch
            distance = torch.cdist(self.encoder(first), self.encoder(second)) ** 2
            return nn.functional.cross_entropy(-distance / 0.1, torch.arange(len(first)))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), 1e-3)

    def scored(name: str) -> float:
        image = torch.tensor(pendgen.load(small, "population")["image"]).permute(0, 3, 1, 2) / 255
        with torch.inference_mode():
            embedding = module.encoder(image)
        facts = {"dataset": small, "split": "population", "method": "contrastive"}
        path = pendeval.write_embeddings(tmp_path / f"{name}.h5", embedding, **facts)
        scores = pendeval.score(path)
        assert scores["population_global"] < scores["oracle_population_global"]
        return abs(float(scores["population_global"]))  # turned as it may be

    pairs = pendtrain.PairDataset(small, "train", seed=0)
    torch.manual_seed(0)
    module = Contrastive()
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(
        max_epochs=150, accelerator="cpu", default_root_dir=tmp_path, log_every_n_steps=1, **quiet
    )
    before = scored("before")
    trainer.fit(module, DataLoader(pairs, batch_size=40, shuffle=True))

    # Told no energy, and from 40 pendulums: far from the oracle, but learnt.
    assert scored("after") > before + 0.2
