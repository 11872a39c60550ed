"""The run directory, format "pendulum-run" version 1, and the embeddings file. This is their specification.

    runs/<dataset name>/<label>/seed-<n>/
        run.json              format, format_version, status, recipe, dataset, environment, times
        metrics.csv           step, epoch, loss, learning_rate, gradient_norm, images_per_second
        checkpoint.pt         latest full state while the run is not complete; see checkpoint.py
        encoder.safetensors   state_dict of torchvision.models.resnet18(num_classes=dim)
        embeddings/<dataset name>-<split>.h5

`status` is `running`, `stopped` (by a signal), `complete` or `failed` (then `reason` says why).
`run.json` says `complete` only when everything else stands. A directory without it is not a run.

An embeddings file, format "pendulum-embedding" version 1, is HDF5 with root datasets

    embedding   float32 (P, T, d)   and, copied from the shards as they are: energy float64 (P),
    time float64 (P, T), angle float64 (P, T, 2), visible bool (P, T, 2),
    energy_given_image float64 (P, T), index int64 (P)

and root attributes `format`, `format_version`, `data_*` (what was embedded) and `train_*` (what the
encoder had seen). Lists and mappings are JSON strings:
    data_name, data_variant, data_parameters, data_protocol, data_seed, data_split, data_digest,
    data_energy_law, data_energy_bands; train_name, train_variant, train_parameters, train_protocol,
    train_data_seed, train_digest, train_gaps, train_method, train_dim, train_seed, train_label, train_recipe.
Only `embedding`, `energy` and the format attributes are needed to score a file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain.recipe import Recipe
from pendtrain.shards import Dataset

FORMAT, FORMAT_VERSION = "pendulum-run", 1
EMBEDDING_FORMAT, EMBEDDING_VERSION = "pendulum-embedding", 1
METRICS = ("step", "epoch", "loss", "learning_rate", "gradient_norm", "images_per_second")


def directory(out: Path, dataset_name: str, recipe: Recipe) -> Path:
    """Where the run of a recipe on a dataset lives: a function of the scientific settings alone."""
    return out / dataset_name / recipe.label / f"seed-{recipe.seed}"


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write to a temporary name in the same folder, flush to disk, rename. Raises OSError naming `path`.

    Everything is serialised in memory first: the libraries themselves meet a full disk with a crash or
    an error of their own kind.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise OSError(f"cannot write {path}: {problem.strerror or problem}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_run(run: Path, content: Mapping[str, Any]) -> None:
    """Write `run.json` whole or not at all."""
    text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **content}, indent=2)
    write_whole(run / "run.json", (text + "\n").encode())


def read_run(run: Path) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none. Raises ValueError for another format."""
    path = run / "run.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = (content["format"], content["format_version"])
        _ = content["status"], content["recipe"], content["dataset"]["digest"]
    except (ValueError, KeyError, TypeError) as problem:
        raise ValueError(f"{path} is not a run description: {problem!r}") from None
    if found != (FORMAT, FORMAT_VERSION):
        raise ValueError(f"{path} says format {found[0]} {found[1]}, expected {FORMAT} {FORMAT_VERSION}")
    return dict(content)


def write_embeddings(
    path: Path, embedding: NDArray[np.float32], labels: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any]
) -> None:
    """Write an embeddings file whole or not at all; see the module's docstring for the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        for name, column in {"embedding": embedding, **labels}.items():
            file.create_dataset(name, data=column, track_times=False)
        file.attrs["format"], file.attrs["format_version"] = EMBEDDING_FORMAT, EMBEDDING_VERSION
        for key, value in attributes.items():
            file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)
        file.flush()
        content = file.id.get_file_image()
    write_whole(path, content)


def data_attributes(dataset: Dataset, split: str) -> dict[str, Any]:
    """What was embedded, as `data_*` attributes."""
    manifest = dataset.manifest
    return {
        "data_name": dataset.name,
        "data_variant": manifest["variant"],
        "data_parameters": manifest["parameters"],
        "data_protocol": manifest["protocol"],
        "data_seed": manifest["seed"],
        "data_split": split,
        "data_digest": dataset.digest,
        "data_energy_law": manifest["splits"][split]["energy_law"],
        "data_energy_bands": manifest["splits"][split]["energy_bands"],
    }


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What `run.json` keeps of the dataset a run was trained on."""
    kept = ("name", "variant", "parameters", "protocol", "seed", "gaps", "image_size", "content_version")
    facts = {key: dataset.manifest[key] for key in kept}
    return {**facts, "digest": dataset.digest, "directory": str(dataset.directory.resolve())}


def embeddings_path(run: Path, dataset: Dataset, split: str) -> Path:
    """Where the embeddings of a split go."""
    return run / "embeddings" / f"{dataset.name}-{split}.h5"


def embedded_digest(path: Path) -> str:
    """Content digest of the dataset an embeddings file is of; empty where the file cannot say."""
    try:
        with h5py.File(path, "r") as file:
            return str(file.attrs.get("data_digest", ""))
    except OSError:
        return ""


def train_attributes(dataset: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """What the encoder had seen, as `train_*` attributes; `dataset` as `dataset_facts` gives it."""
    return {
        "train_name": dataset["name"],
        "train_variant": dataset["variant"],
        "train_parameters": dataset["parameters"],
        "train_protocol": dataset["protocol"],
        "train_data_seed": dataset["seed"],
        "train_digest": dataset["digest"],
        "train_gaps": dataset["gaps"],
        "train_method": recipe.method,
        "train_dim": recipe.dim,
        "train_seed": recipe.seed,
        "train_label": recipe.label,
        "train_recipe": asdict(recipe),
    }
