"""The embeddings file, format "pendulum-embedding" version 2. This is its specification.

An HDF5 file of one dataset embedded by one encoder. Of the splits `train` and `test` (P pendulums, T images of each, S
pixels, d outputs) the root datasets are

    embedding            float32  P, T, d    loss and embeddings are float32 whatever the precision of training
    energy               float64  P          these six as they are in the shards
    time                 float64  P, T
    angle                float64  P, T, 2
    visible              bool     P, T, 2
    energy_given_image   float64  P, T
    index                int64    P
    example_image        uint8    K, S, S, 3   optional, to look at: up to six images, earliest first, of each of the
    example_energy       float64  K            pendulums whose energies are nearest to .05, .25, .5, .75 and .95

and of the split `population` (U images, each once, B bins of energy; population.py says what they mean)

    embedding            float32  U, d
    visible, probability, energy_given_image, energy_edges, energy_probability, energy_moment   as in the dataset
    bob_box              uint16   U, 2, 4    optional, to draw pictures from: of the blue and the red bob first row,
                                             first column, rows and columns of its pixels; zeros: out of view

Root attributes: `format`, `format_version`; lists and mappings are JSON strings, flags are HDF5 booleans.

What was embedded: data_name, data_variant, data_parameters, data_protocol, data_seed, data_split, data_digest (of
the dataset's content), data_energy_law, data_energy_bands, data_time_range, data_pendulums, data_images (these five
of the split; a population has energies uniform on [0, 1], the times of the test split and neither pendulums nor
images), data_image_size, data_bob_size, data_time_gap, data_antialias, data_energy_range and data_gaps (both of
training energies); of a population also data_population_digest, data_left_out (probability of images left out).

What the encoder saw: train_name, train_variant, train_parameters, train_protocol, train_data_seed, train_digest,
train_gaps, train_image_size, train_bob_size, train_time_gap, train_antialias, train_energy_range, train_time_range,
train_pendulums, train_images (these three of the training split), train_method, train_dim, train_seed, train_label,
train_recipe (every setting, general ones and the method's own), train_defaults (defaults of the method's own settings),
train_learning ("ok"; "constant": all images have one embedding), train_layer
("features" where `embedding` is what the last layer sees, 512 numbers, and not its outputs), train_precision ("float32"
or "bfloat16"), train_device. What is not known, or was not the same throughout, is absent.

The first 512 bytes, which HDF5 calls the user block, begin with a line "pendulum-embedding sha256 <digest>", which is
that of all bytes after the block. So damage is seen before HDF5 reads any of it. A file without the line has no digest.

Only `embedding`, `energy` and the format attributes are needed to score a file of a split. Version 1 lacked
populations, examples, and all attributes from data_time_range and train_image_size on but method, dim, seed, label
and recipe.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pendtrain import hdf5, runs
from pendtrain.recipe import Recipe
from pendtrain.shards import Dataset

FORMAT, FORMAT_VERSION, USER_BLOCK = "pendulum-embedding", 2, 512
Float = NDArray[np.float64]
EXAMPLE_ENERGIES, EXAMPLE_IMAGES = (0.05, 0.25, 0.5, 0.75, 0.95), 6
_COMPRESSED = ("example_image", "energy_probability", "energy_moment", "bob_box")
_SETTINGS = (
    *("name", "variant", "parameters", "protocol", "gaps"),
    *("image_size", "bob_size", "time_gap", "antialias", "energy_range"),
)
_DATA = (*_SETTINGS, "seed")
_TRAIN = (*_SETTINGS, "digest", "time_range", "pendulums", "images")


def path_of(run: Path, dataset: Dataset, split: str, layer: str = "") -> Path:
    """Where the embeddings of a split, or of the population, go; those of a layer before the last under its name."""
    return run / "embeddings" / f"{dataset.name}-{split}{layer and f'-{layer}'}.h5"


def write(path: Path, columns: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any]) -> None:
    """Write a file whole or not at all; attributes that are None are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=USER_BLOCK) as file:
        for name, column in columns.items():
            file.create_dataset(name, data=column, track_times=False, compression=_gzip(name, column, attributes))
        for key, value in {"format": FORMAT, "format_version": FORMAT_VERSION, **attributes}.items():
            if value is not None:
                file.attrs[key] = value if isinstance(value, str | int | float) else json.dumps(value)
    whole = content.getbuffer()
    line = f"{FORMAT} sha256 {hashlib.sha256(whole[USER_BLOCK:]).hexdigest()}\n".encode()
    whole[: len(line)] = line
    runs.write_whole(path, whole)


def _gzip(name: str, column: NDArray[Any], attributes: Mapping[str, Any]) -> str | None:
    wide = name == "embedding" and attributes.get("train_layer")  # few different rows, each of 2 kB
    return "gzip" if (wide or name in _COMPRESSED) and column.size else None


def is_there(path: Path, dataset: Dataset, split: str) -> bool:
    """Whether the file at `path` is of the current version and of this dataset's content."""
    if not path.is_file():
        return False
    wanted = {"format": FORMAT, "format_version": FORMAT_VERSION, "data_digest": dataset.digest, "data_split": split}
    if split == "population" and dataset.population is not None:
        wanted["data_population_digest"] = dataset.population["digest"]
    try:
        hdf5.check_heaps(path.read_bytes())
        with h5py.File(path, "r") as file:
            return all(file.attrs.get(key) == value for key, value in wanted.items())
    except (OSError, ValueError):
        return False


def digest_of(path: Path) -> str | None:
    """Digest of the data that a file says it embeds; None where there is no such file, or nothing to be read in it."""
    try:
        hdf5.check_heaps(path.read_bytes())
        with h5py.File(path, "r") as file:
            found = file.attrs.get("data_digest")
    except (OSError, ValueError):
        return None
    return found if isinstance(found, str) else None


def examples(energy: Float, time: Float) -> tuple[NDArray[np.int64], Float]:
    """Which images of a split, counted through, are its examples, and their energies: int64 (K,), float64 (K,).

    `energy` (P,), `time` (P, T).
    """
    nearest = [int(np.abs(energy - wanted).argmin()) for wanted in EXAMPLE_ENERGIES]
    chosen = list(dict.fromkeys(nearest))  # of a handful of pendulums one may be the nearest twice
    shown = [(p, t) for p in chosen for t in np.argsort(time[p], kind="stable")[:EXAMPLE_IMAGES]]
    pendulums, images = np.array(shown).T
    return pendulums * time.shape[1] + images, energy[pendulums]


def data_attributes(dataset: Dataset, split: str) -> dict[str, Any]:
    """What was embedded, as `data_*` attributes; `split` may be `population`."""
    manifest, population = dataset.manifest, dataset.population
    facts = {key: manifest[key] for key in _DATA}
    facts |= {"split": split, "digest": dataset.digest}
    if split == "population" and population is not None:
        facts |= {"energy_law": "uniform", "energy_bands": [[0.0, 1.0]]}
        facts |= {"time_range": manifest["splits"]["test"]["time_range"], "left_out": float(population["left_out"])}
        facts |= {"population_digest": population["digest"]}
    else:
        of_split = manifest["splits"][split]
        facts |= {key: of_split[key] for key in ("energy_law", "energy_bands", "time_range", "pendulums", "images")}
    return {f"data_{key}": value for key, value in facts.items()}


def train_attributes(held: Mapping[str, Any], recipe: Recipe, layer: str = "") -> dict[str, Any]:
    """What the encoder saw, as `train_*` attributes, from the content of `run.json`; None where it is not known."""
    facts = {key: held["dataset"].get(key) for key in _TRAIN}
    facts |= {"data_seed": held["dataset"].get("seed"), "recipe": recipe.settings, "label": recipe.label}
    facts |= {"method": recipe.method, "dim": recipe.dim, "seed": recipe.seed}
    facts |= {"defaults": asdict(type(recipe.own)()), "learning": held.get("learning"), "layer": layer or None}
    environment = held.get("environment", {})
    for key in ("precision", "device"):
        facts[key] = None if key in environment.get("mixed", ()) else environment.get(key)
    return {f"train_{key}": value for key, value in facts.items()}
