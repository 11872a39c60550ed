"""Encoder + images → embeddings, each different image encoded once, in float32."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from pendtrain import runs
from pendtrain.device import choose_device
from pendtrain.encoder import Encoder, create
from pendtrain.recipe import Recipe
from pendtrain.shards import LABELS, Dataset, check_files, open_dataset, read_split


def distinct(images: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of the first of each different image, and for every image which of those it equals.

    `images` is (N, S, S, 3); images are compared by their exact bytes. Returns int64 (U,) and (N,).
    """
    seen: dict[bytes, int] = {}
    which = np.array([seen.setdefault(image.tobytes(), len(seen)) for image in images], np.int64)
    _, first = np.unique(which, return_index=True)
    return first.astype(np.int64), which


@torch.inference_mode()
def embed(encoder: Encoder, images: NDArray[np.uint8], device: torch.device, batch: int = 1024) -> NDArray[np.float32]:
    """Embeddings of images (P, T, S, S, 3) uint8: float32 (P, T, d).

    The encoder is put into evaluation mode (running BatchNorm statistics), and left in it.
    """
    encoder.eval()
    flat = images.reshape(-1, *images.shape[2:])
    first, which = distinct(flat)
    pieces: Iterable[NDArray[np.int64]] = np.array_split(first, max(1, -(-len(first) // batch)))
    parts = [encoder(torch.from_numpy(flat[piece]).to(device)).float().cpu() for piece in pieces]
    return np.asarray(torch.cat(parts).numpy()[which].reshape(*images.shape[:2], -1), np.float32)


def embed_run(
    run: Path, shards: Path | None, split: str, *, device: str = "auto", force: bool = False
) -> tuple[Path, bool]:
    """Embed a split of a dataset with a trained run's encoder; returns the file and whether it was written.

    `shards` defaults to the dataset the run was trained on, as recorded. Raises ValueError where the run
    is not complete, or the dataset's pictures are of another size.
    """
    facts = runs.read_run(run)
    if facts is None:
        raise FileNotFoundError(f"{run} holds no run (no run.json)")
    if not (run / "encoder.safetensors").is_file():
        raise ValueError(f"{run} has no encoder yet (status {facts['status']}); finish it with `pendtrain fit`")
    dataset = open_dataset(shards or Path(facts["dataset"]["directory"]))
    if dataset.manifest["image_size"] != facts["dataset"]["image_size"]:
        raise ValueError(
            f"{dataset.directory} has pictures of {dataset.manifest['image_size']} pixels, "
            f"expected {facts['dataset']['image_size']} as in training"
        )
    path = runs.embeddings_path(run, dataset, split)
    if path.is_file() and not force and runs.embedded_digest(path) == dataset.digest:
        return path, False
    check_files(dataset)
    place = choose_device(device)
    recipe = Recipe(**facts["recipe"])
    encoder = create(recipe.dim, recipe.seed)
    encoder.resnet.load_state_dict(load_weights(run / "encoder.safetensors"))
    write_embeddings(run, encoder.to(place), recipe, facts["dataset"], dataset, split, place)
    return path, True


def write_embeddings(
    run: Path,
    encoder: Encoder,
    recipe: Recipe,
    trained_on: Mapping[str, Any],
    dataset: Dataset,
    split: str,
    device: torch.device,
) -> None:
    """Embed a split and write it, with its labels, into the run directory."""
    records = read_split(dataset, split, ("image", *LABELS))
    embedding = embed(encoder, records.pop("image"), device)
    attributes = {**runs.data_attributes(dataset, split), **runs.train_attributes(trained_on, recipe)}
    runs.write_embeddings(runs.embeddings_path(run, dataset, split), embedding, records, attributes)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Weights from a safetensors file. Raises ValueError where it is damaged."""
    try:
        return dict(load_file(path))
    except Exception as problem:  # the library raises its own kinds
        raise ValueError(f"{path} cannot be read: {problem}") from None
