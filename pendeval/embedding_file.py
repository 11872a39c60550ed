"""Writes embeddings of anybody's encoder as a file to score, with labels and settings copied from the dataset.

The format is "pendulum-embedding" version 2, which `pendeval.embeddings` reads.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pendeval.attributes import checked
from pendeval.dataset import Dataset, open_dataset
from pendeval.embeddings import FORMAT, FORMAT_VERSIONS, check_split, checked_population
from pendeval.files import ENDINGS
from pendeval.hdf5 import MOST_OUTPUTS, USER_BLOCK
from pendeval.writing import write_whole

SPLITS = ("train", "test", "population")


def write_embeddings(
    path: str | Path,
    embedding: ArrayLike,
    *,
    dataset: str | Path,
    split: str = "test",
    method: str,
    label: str | None = None,
    seed: int | None = None,
    train_dataset: str | Path | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> Path:
    """Write the embeddings of a split, or of the population, with the dataset's labels and settings; returns the path.

    `embedding` is (P, T, d), pendulums in order and the images of each, or with the first two axes as one (P·T, d), as
    a loop over images makes it; of the population (U, d). With one output the last axis may be missing. It is kept as
    float32. `dataset` is a dataset directory or the folder of its versions; `train_dataset` the one whose training
    split the encoder saw, if that is another. `method` says how it learned, `label` which encoder it is (the method,
    where left out); files that differ in `seed` alone are repetitions. `recipe`: settings to be compared by.

    The file is written whole or not at all, its folder made. Raises FileNotFoundError where there is no dataset,
    ValueError naming the value that is wrong and what was expected, OSError where the file cannot be written.
    """
    path, held = Path(path), open_dataset(Path(dataset))
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"path is {str(path)!r}, expected a name that ends in {' or '.join(ENDINGS)}")
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected {', '.join(SPLITS)}")
    seen = held if train_dataset is None else open_dataset(Path(train_dataset))
    attributes = {"format": FORMAT, "format_version": FORMAT_VERSIONS[-1], "data_split": split}
    attributes |= held.settings("data", split) | seen.settings("train", "train")
    attributes |= {"data_seed": held.manifest["seed"], "train_data_seed": seen.manifest["seed"]}
    attributes |= {"train_method": method, "train_label": label or method}
    attributes |= {} if seed is None else {"train_seed": seed}
    attributes |= {} if recipe is None else {"train_recipe": dict(recipe)}
    flat = {
        key: value if isinstance(value, str | int | float) else json.dumps(value) for key, value in attributes.items()
    }
    columns: dict[str, NDArray[Any]] = {"embedding": _shaped(embedding, held, split), **held.labels(split)}
    _check(path, columns, checked(flat))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _contents(columns, flat))
    return path


def _shaped(embedding: ArrayLike, dataset: Dataset, split: str) -> NDArray[np.float32]:
    """As float32 (P, T, d), or (U, d). Raises ValueError where it is of another shape, no numbers, or not finite."""
    if hasattr(embedding, "detach"):  # a tensor, wherever it is
        embedding = embedding.detach().cpu()
    try:
        given = np.asarray(embedding)
    except ValueError:
        raise ValueError("embedding has rows of different lengths, expected an array") from None
    if given.dtype.kind not in "fiub":
        raise ValueError(f"embedding is of {given.dtype}, expected numbers")
    if split == "population":
        axes: tuple[int, ...] = (int(dataset.population["images"]),)
        named = f"({axes[0]}, d)"
    else:
        facts = dataset.manifest["splits"][split]
        axes = (facts["pendulums"], facts["images"])
        named = f"({axes[0]}, {axes[1]}, d) or ({axes[0] * axes[1]}, d)"
    for first in (axes, (int(np.prod(axes)),)):
        if given.shape[: len(first)] == first and given.ndim <= len(first) + 1 and given.size:
            shaped = given.reshape(*axes, -1)
            break
    else:
        raise ValueError(f"embedding has shape {given.shape}, expected {named} for {split} of {dataset.directory}")
    if shaped.shape[-1] > MOST_OUTPUTS:
        raise ValueError(f"embedding has {shaped.shape[-1]} outputs, expected at most {MOST_OUTPUTS}")
    with np.errstate(over="ignore"):
        kept = shaped.astype(np.float32)
    if not np.isfinite(kept).all():
        place = tuple(int(one) for one in np.argwhere(~np.isfinite(kept))[0])
        raise ValueError(f"embedding{list(place)} is {shaped[place]}, expected finite numbers that float32 can hold")
    return kept


def _check(path: Path, columns: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    """Raise ValueError where what would be written could not be read and scored again."""
    labels = {
        name: np.asarray(held, np.float64) for name, held in columns.items() if name not in ("embedding", "index")
    }
    embedding = np.asarray(columns["embedding"], np.float64)
    if attributes["data_split"] == "population":
        checked_population(path, embedding, labels, attributes)
    else:
        check_split(embedding, labels, attributes)


def _contents(columns: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any]) -> bytes:
    """The bytes of the file; what its first line says they add up to lets a reader see damage before HDF5 does."""
    content = io.BytesIO()
    with h5py.File(content, "w", userblock_size=USER_BLOCK) as file:
        for name, held in columns.items():
            gzip = "gzip" if name in ("energy_probability", "energy_moment") else None
            file.create_dataset(name, data=held, track_times=False, compression=gzip)
        file.attrs.update(attributes)
    whole = content.getbuffer()
    line = f"{FORMAT} sha256 {hashlib.sha256(whole[USER_BLOCK:]).hexdigest()}\n".encode()
    whole[: len(line)] = line
    return bytes(whole)
