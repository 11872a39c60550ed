"""Datasets with a population, made by the format's description and not by pendgen."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pendtrain.parts import Distinct
from pendtrain.population import LABELS, digest
from pendtrain.shards import open_dataset, read_split

Columns = dict[str, np.ndarray]


def write_population(directory: Path, columns: Columns, **entry: Any) -> None:
    """Put a population beside the shards and into the manifest, whose `entry` may say something else than is true."""
    path = directory / "population.h5"
    path.unlink(missing_ok=True)
    with h5py.File(path, "w") as file:
        for name, column in columns.items():
            file[name] = column
        file.attrs["format"], file.attrs["format_version"], file.attrs["split"] = "pendulum-population", 1, "test"
        file.attrs["left_out"] = 0.0
    sizes = {"images": len(columns["probability"]), "bins": len(columns["energy_edges"]) - 1}
    describe_population(directory, **{**sizes, "left_out": 0.0, **entry})


def describe_population(directory: Path, **entry: Any) -> None:
    """Write the manifest's entry for the population file as it is now."""
    content = (directory / "population.h5").read_bytes()
    manifest = json.loads((directory / "dataset.json").read_text())
    held = manifest.get("population") or {}
    truth = {"file": "population.h5", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest |= {"format_version": 2, "population": {**held, **truth, **entry}}
    (directory / "dataset.json").write_text(json.dumps(manifest))


@pytest.fixture(scope="session")
def columns(small: Path) -> Columns:
    """A population that adds up: the test split's different images, each with energies of its own making."""
    image = read_split(open_dataset(small), "test", ("image",))["image"].reshape(-1, 32, 32, 3)
    image = image[Distinct()(image)[0]]
    draw = np.random.default_rng(5)
    edges = np.unique(np.r_[np.linspace(0, 1, 11), 0.15, 0.23])
    joint = draw.uniform(size=(len(image), len(edges) - 1)) * (draw.uniform(size=(len(image), 1)) ** 3)
    joint *= np.diff(edges) / joint.sum(axis=0)
    moment = joint * (edges[1:] + edges[:-1]) / 2
    probability = joint.sum(axis=1)
    return {
        "image": image,
        "visible": np.ones((len(image), 2), bool),
        "probability": probability,
        "energy_given_image": moment.sum(axis=1) / probability,
        "energy_edges": edges,
        "energy_probability": joint,
        "energy_moment": moment,
    }


@pytest.fixture(scope="session")
def unpeopled(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small` without a population, of format version 1."""
    directory = tmp_path_factory.mktemp("unpeopled") / "1.0.0"
    shutil.copytree(small, directory)
    (directory / "population.h5").unlink(missing_ok=True)
    manifest = json.loads((directory / "dataset.json").read_text()) | {"format_version": 1}
    manifest.pop("population", None)
    (directory / "dataset.json").write_text(json.dumps(manifest))
    return directory


@pytest.fixture(scope="session")
def peopled(unpeopled: Path, columns: Columns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same data with a population of a few images, of format version 2."""
    directory = tmp_path_factory.mktemp("peopled") / "1.1.0"
    shutil.copytree(unpeopled, directory)
    write_population(directory, columns, digest=digest(columns))
    return directory


@pytest.fixture
def describe() -> Callable[..., None]:
    """Writes the manifest's entry for a population file as it is now."""
    return describe_population


@pytest.fixture
def repopulated(peopled: Path, columns: Columns, tmp_path: Path) -> Callable[..., Path]:
    """A copy of `peopled` whose population has other columns, or of which the manifest says something else."""

    def make(changed: dict[str, np.ndarray | None] | None = None, **entry: Any) -> Path:
        directory = tmp_path / "repopulated"
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(peopled, directory)
        new = {name: column for name, column in {**columns, **(changed or {})}.items() if column is not None}
        whole = {name: new.get(name, columns[name]) for name in LABELS}
        write_population(directory, new, **{"digest": digest(whole), **entry})
        return directory

    return make
