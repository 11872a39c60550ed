"""How fast pairs are loaded, as ratios within one run: `python tests/benchmarks/streaming.py`.

Batches of 512 pairs of vanilla and nothing else: from memory as `pair_loader` and as torch's own TensorDataset give
them, from disk (`--cache 0`) out of HDF5 and tar, and by WebDataset's usual pipeline: shuffled shards of PNG pictures,
one a record, so that it shows single images where the others show pairs. Medians over rounds in which all take turns;
files are in the page cache.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Iterable
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


def main(rounds: int = 5) -> None:
    """Print medians in images/s and their ratios to the pictures in memory."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        hdf5, tar = (
            open_dataset(build(Dataset(Vanilla()), root, container=container, num_shards=SHARDS, quiet=True)[0])
            for container in ("hdf5", "webdataset")
        )
        energies = read_split(hdf5, "train", ("energy",))["energy"]
        held = read_split(hdf5, "train", ("image",))["image"]
        tensors = TensorDataset(torch.from_numpy(held[:, 0]), torch.from_numpy(held[:, 1]), torch.from_numpy(energies))
        urls = write_png(held[:, :4], root)
        loaders: dict[str, Any] = {"memory": pair_loader(held, energies, 0, BATCH)[0]}
        loaders["memory, 2 workers"] = pair_loader(held, energies, 0, BATCH, workers=2)[0]
        loaders["TensorDataset"] = DataLoader(tensors, BATCH, shuffle=True, drop_last=True)
        for name, dataset in (("HDF5", hdf5), ("tar", tar)):
            for workers in (0, 2):
                images = images_of(dataset, "train", cache=0)
                loaders[f"{name}, {workers} workers"] = pair_loader(images, energies, 0, BATCH, workers)[0]
        for workers in (0, 2):
            loaders[f"WebDataset PNG, {workers} workers"] = png_pipeline(urls, workers)
        speeds: dict[str, list[float]] = {name: [] for name in loaders}
        for number in range(1 + rounds):
            for name, loader in loaders.items():
                speed = epoch(loader, 1 if name.startswith("WebDataset") else 2)
                if number:  # the first round starts workers
                    speeds[name].append(speed)
    median = {name: statistics.median(values) for name, values in speeds.items()}
    for name, speed in median.items():
        print(f"{name:<26} {speed:>9,.0f} images/s  {speed / median['memory']:.2f} of memory")


if __name__ == "__main__":
    main()
