"""Encoder + images → embeddings, each different image encoded once, in float32."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as deserialised

from pendtrain import embedding_file, runs
from pendtrain.device import choose_device
from pendtrain.encoders import Encoder, ResNet18, create
from pendtrain.encoders.convolutions import shared
from pendtrain.nearest import nearest_path
from pendtrain.parts import Distinct, Images, in_batches, picked
from pendtrain.population import bob_boxes, check_dataset, read_population, why_none
from pendtrain.recipe import Recipe
from pendtrain.shards import LABELS, Dataset, check_files, image_shape, open_dataset, read_split
from pendtrain.streaming import image_parts


def embed(
    encoder: Encoder, parts: Iterable[Images], count: int, device: torch.device, layer: str = "", batch: int = 1024
) -> NDArray[np.float32]:
    """Embeddings of `count` images, parts of (n, S, S, 3) uint8 in order, each different one encoded once: (count, d).

    Held are one part, one batch and the result, float32. `layer` "features" gives what the last layer of a ResNet-18
    sees, d = 512, instead of its outputs. The encoder is left as it is; what is used has running BatchNorm statistics.
    """
    return embed_folded(encoder.folded(), parts, count, device, layer, batch)


@torch.inference_mode()
def embed_folded(
    folded: Encoder, parts: Iterable[Images], count: int, device: torch.device, layer: str = "", batch: int = 1024
) -> NDArray[np.float32]:
    """The same with an encoder that is folded already."""
    seen, which = Distinct(), [np.empty(0, np.int64)]

    def new() -> Iterator[Images]:
        for part in parts:
            rows, numbers = seen(part)
            which.append(numbers)
            yield part[rows]

    of = folded.features if layer == "features" and isinstance(folded, ResNet18) else folded
    result, filled = np.empty((count, 0), np.float32), 0
    with shared(folded):
        for images in in_batches(new(), batch):
            vectors = of(torch.from_numpy(images).to(device)).float().cpu().numpy()
            if not filled:  # memory that is never written to is none
                result = np.empty((count, vectors.shape[1]), np.float32)
            result[filled : filled + len(vectors)] = vectors
            filled += len(vectors)
    number = np.concatenate(which)
    # From the end, in place: no image has a number larger than its own position, so what is still wanted still stands.
    for first in reversed(range(0, count, batch)):
        result[first : first + batch] = result[number[first : first + batch]]
    return result


def embed_run(
    run: Path,
    shards: Path | None,
    split: str,
    *,
    device: str = "auto",
    force: bool = False,
    layer: str = "",
    method: str | None = None,
) -> list[tuple[Path, bool]]:
    """Embed a split of a dataset with a trained run's encoder; returns the files and whether each was written.

    `split` is train, test or population; with test goes the population, where the dataset has one. `shards`
    defaults to the dataset the run was trained on. `layer` "features" embeds what the last layer sees. A file of this
    content is left as it is, unless `force`d or of an older format. A method from elsewhere is imported where
    `method` names it, never because a run does. Raises ValueError where the run is not complete,
    the dataset's pictures are of another size, or it has no population that could be embedded.
    """
    held, recipe = trained(run, method)
    if layer and recipe.encoder != "resnet18":
        raise ValueError(f"layer is {layer}, which encoder {recipe.encoder} of {run} does not have")
    dataset = open_dataset(shards) if shards else _trained_on(held)
    if dataset.manifest["image_size"] != held["dataset"]["image_size"]:
        raise ValueError(
            f"{dataset.directory} has pictures of {dataset.manifest['image_size']} pixels, "
            f"expected {held['dataset']['image_size']} as in training"
        )
    paths = {each: embedding_file.path_of(run, dataset, each, layer) for each in splits_to_embed(dataset, split)}
    for path in paths.values():
        other = embedding_file.digest_of(path)
        if other not in (None, dataset.digest) and not force:
            raise ValueError(f"{path} is of other data of that name, of digest {other[:12]}…; --force replaces it")
    wanted = [each for each, path in paths.items() if force or not embedding_file.is_there(path, dataset, each)]
    if wanted:
        check_dataset(dataset)
        place = choose_device(device)
        encoder = encoder_of(run, held, recipe)
        held = _with_settings(held, dataset)
        for each in wanted:
            write_embeddings(run, encoder.to(place), recipe, held, dataset, each, place, layer)
    return [(path, each in wanted) for each, path in paths.items()]


def trained(run: Path, method: str | None) -> tuple[dict[str, Any], Recipe]:
    """What `run.json` holds and the recipe, of a complete run; `method` as `embed_run` takes it.

    Raises FileNotFoundError where there is no run, ValueError where it is not complete, its encoder is gone, or its
    method is code from elsewhere that was not named.
    """
    held = runs.read_run(run)
    if held is None:
        raise FileNotFoundError(f"{run} holds no run (no run.json){nearest_path(run)}")
    named = str(held["recipe"].get("method"))
    if ":" in named and named != method:
        raise ValueError(f"{run} names {named!r:.100}, code from elsewhere, as its method; --method imports it")
    recipe = runs.recipe_of(run, held)
    if held["status"] != "complete":
        raise ValueError(f"{run} is not complete (status {held['status']}); `pendtrain fit` again finishes it")
    if not (run / "encoder.safetensors").is_file():
        raise ValueError(f"{run} has lost its encoder (no encoder.safetensors)")
    return held, recipe


def encoder_of(run: Path, held: Mapping[str, Any], recipe: Recipe) -> Encoder:
    """The trained encoder of a run, as `trained` describes it. Raises ValueError where its weights cannot be used."""
    encoder = create(recipe.dim, recipe.seed, kind=recipe.encoder)
    _load(encoder, run / "encoder.safetensors", held.get("encoder_sha256"))
    return encoder


def splits_to_embed(dataset: Dataset, split: str) -> tuple[str, ...]:
    """The split, and beside a test split the population where there is one. Raises ValueError where it is missing."""
    if split == "population" and dataset.population is None:
        raise ValueError(f"{dataset.directory} has no population: {why_none(dataset)}")
    return ("test", "population") if split == "test" and dataset.population is not None else (split,)


def _trained_on(held: Mapping[str, Any]) -> Dataset:
    """The dataset a run was trained on: the newest version beside it of the same content, else where it was.

    Raises FileNotFoundError or ValueError where it is there no longer.
    """
    recorded = Path(held["dataset"]["directory"])
    try:
        found = open_dataset(recorded.parent)
    except (OSError, ValueError):
        found = open_dataset(recorded)
    wanted = held["dataset"]["digest"]
    found = found if found.digest == wanted else open_dataset(recorded)
    if found.digest != wanted:
        raise ValueError(f"{recorded} is another dataset than the run was trained on; --shards says what to embed")
    return found


def _with_settings(held: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """The content of `run.json`; of version 1 completed by what its dataset says, where that can be had.

    Taken from `dataset`, or from where the run was trained, but only from data of the recorded digest.
    """
    if held["format_version"] > 1:
        return held
    try:
        found = dataset if dataset.digest == held["dataset"]["digest"] else _trained_on(held)
    except (OSError, ValueError, KeyError):
        return held
    return {**held, "dataset": {**runs.dataset_facts(found), **held["dataset"]}}


def write_embeddings(
    run: Path,
    encoder: Encoder,
    recipe: Recipe,
    held: Mapping[str, Any],
    dataset: Dataset,
    split: str,
    device: torch.device,
    layer: str = "",
    seen: NDArray[np.float32] | None = None,
) -> None:
    """Embed a split or the population and write it, with its labels, into the run that `held` describes.

    `seen`: the population's embedding, where it is known already.
    """
    if split == "population":
        columns = read_population(dataset)
        image = columns.pop("image")
        embedding = embed(encoder, [image], len(image), device, layer) if seen is None else seen
        columns["bob_box"] = bob_boxes(image)
    else:
        check_files(dataset, split)  # again: it may be hours since, and labels go under the dataset's digest
        columns = read_split(dataset, split, LABELS)
        shown, columns["example_energy"] = embedding_file.examples(columns["energy"], columns["time"])
        columns["example_image"] = np.empty((len(shown), *image_shape(dataset, split)[2:]), np.uint8)
        parts = picked(image_parts(dataset, split), shown, columns["example_image"])
        embedding = embed(encoder, parts, columns["time"].size, device, layer)
        embedding = embedding.reshape(*columns["time"].shape, -1)
    attributes = embedding_file.data_attributes(dataset, split) | embedding_file.train_attributes(held, recipe, layer)
    path = embedding_file.path_of(run, dataset, split, layer)
    embedding_file.write(path, {"embedding": embedding, **columns}, attributes)


def _load(encoder: Encoder, path: Path, sha256: str | None) -> None:
    """Raises ValueError where the weights in a file are not those of this hash, damaged, or another encoder's."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256:
        raise ValueError(f"{path} was changed: SHA-256 {found[:12]}…, expected {sha256[:12]}… by run.json")
    try:
        weights = deserialised(content)
    except Exception as problem:  # the library raises its own kinds
        raise ValueError(f"{path} cannot be read: {problem}") from None
    try:
        encoder.load(weights)
    except (RuntimeError, LookupError, TypeError, ValueError) as problem:
        reason = " ".join(line.strip() for line in str(problem).splitlines()[:2])
        raise ValueError(f"{path} does not fit the encoder of its recipe: {reason:.160}") from None
