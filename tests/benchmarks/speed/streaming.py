"""Loading pairs: batches of 512 of vanilla and nothing else, each source beside the pictures in memory.

From memory as `pair_loader` and as torch's own TensorDataset give them, from disk (`--cache 0`) out of HDF5 and tar,
and by WebDataset's usual pipeline: shuffled shards of PNG pictures, one a record, so that it shows single images where
the others show pairs. Files are in the page cache.
"""

import io
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.variants import Vanilla
from pendtrain.loader import pair_loader
from pendtrain.shards import open_dataset, read_split
from pendtrain.streaming import images_of
from speed.timing import Line, Plan, alternating

BATCH = 512
SHARDS = 16


def epoch(batches: Iterable[Any], views: int) -> float:
    """Images/s over all batches, so many views in each row."""
    began = time.perf_counter()
    rows = sum(len(batch[0]) for batch in batches)
    return views * rows / (time.perf_counter() - began)


def write_png(images: np.ndarray, folder: Path) -> str:
    """Every picture as a PNG member, in shards; returns their names in brace notation."""
    for number, part in enumerate(np.array_split(images.reshape(-1, *images.shape[2:]), SHARDS)):
        with webdataset.TarWriter(str(folder / f"png-{number:05d}.tar"), encoder=False) as tar:
            for index, image in enumerate(part):
                content = io.BytesIO()
                Image.fromarray(image).save(content, "PNG")
                tar.write({"__key__": f"{number:05d}{index:06d}", "png": content.getvalue()})
    return str(folder / f"png-{{00000..{SHARDS - 1:05d}}}.tar")


def png_pipeline(urls: str, workers: int) -> webdataset.WebLoader:
    """As its documentation shows it: shards and a buffer shuffled, decoded, batched."""
    stream = webdataset.WebDataset(urls, shardshuffle=SHARDS).shuffle(1000).decode("rgb8").to_tuple("png")
    return webdataset.WebLoader(stream.batched(BATCH), batch_size=None, num_workers=workers)


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second of each source, beside those of memory."""
    folder = plan.folder / "streaming"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = Dataset(Vanilla(), pendulums=BATCH if plan.quick else 5120)
    hdf5, tar = (
        open_dataset(build(data, folder, container=container, num_shards=SHARDS, quiet=True)[0])
        for container in ("hdf5", "webdataset")
    )
    energies = read_split(hdf5, "train", ("energy",))["energy"]
    held = read_split(hdf5, "train", ("image",))["image"]
    tensors = TensorDataset(torch.from_numpy(held[:, 0]), torch.from_numpy(held[:, 1]), torch.from_numpy(energies))
    urls = write_png(held[:, :4], folder)
    loaders: dict[str, Any] = {"memory": pair_loader(held, energies, 0, BATCH)[0]}
    loaders["memory, 2 workers"] = pair_loader(held, energies, 0, BATCH, workers=2)[0]
    loaders["TensorDataset"] = DataLoader(tensors, BATCH, shuffle=True, drop_last=True)
    for name, dataset in (("HDF5", hdf5), ("tar", tar)):
        for workers in (0, 2):
            images = images_of(dataset, "train", cache=0)
            loaders[f"{name}, {workers} workers"] = pair_loader(images, energies, 0, BATCH, workers)[0]
    for workers in (0, 2):
        loaders[f"WebDataset PNG, {workers} workers"] = png_pipeline(urls, workers)

    def load(name: str) -> float:
        return epoch(loaders[name], 1 if name.startswith("WebDataset") else 2)

    for name in loaders:  # a round first that starts workers
        load(name)
    memory, *others = alternating([lambda name=name: load(name) for name in loaders], plan.rounds)
    for name, rates in zip(list(loaders)[1:], others, strict=True):
        yield Line(f"loading from {name} ÷ from memory", rates, memory, "images/s")
