"""Building each variant, beside h5py alone and beside a Pillow loop."""

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pendgen import oracle, population
from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.format import FIELDS, Records
from pendgen.manifest import read_manifest
from pendgen.reader import read_column
from pendgen.variants import Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla
from speed.timing import Line, Plan, alternating, timed

VARIANTS = (Vanilla(), Large(), NumericalNoise(0.1), GraphicalNoise(0.25), Gaps(0.4), Cropping(0.75))
FILES = 8
"""Shards that h5py writes alone, a round."""


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second, population included."""
    for variant in VARIANTS[:1] if plan.quick else VARIANTS:
        dataset = Dataset(variant, pendulums=64) if plan.quick else Dataset(variant)
        images = 2 * dataset.pendulums * dataset.images
        directory = plan.data(variant, dataset.pendulums)
        manifest = read_manifest(directory)
        files = [shard for shard in manifest["shards"] if shard["split"] == "test"]
        rows = range(files[0]["records"])
        part = {field.name: read_column(directory, manifest, "test", field.name, rows) for field in FIELDS}
        drawn = part["angle"].reshape(-1, 2)
        works = [
            _rate(images, lambda dataset=dataset: build_anew(dataset, plan.folder / "anew")),
            _rate(FILES * len(drawn), lambda part=part: write_alone(part, plan.folder)),
            _rate(len(drawn), lambda drawn=drawn, dataset=dataset: pillow_loop(drawn, dataset)),
        ]
        mine, alone, loop = alternating(works, plan.slow_rounds)
        yield Line(f"build {dataset.name} ÷ h5py writing the same arrays", mine, alone, "images/s")
        yield Line(f"build {dataset.name} ÷ Pillow loop that writes nothing", mine, loop, "images/s")


def _rate(images: int, work: Callable[[], object]) -> Callable[[], float]:
    return lambda: images / timed(work)


def build_anew(dataset: Dataset, folder: Path) -> None:
    """As a process of its own would: without the oracle and the population of the round before."""
    oracle._tabulated.cache_clear()
    population._enumerate.cache_clear()
    build(dataset, folder, force=True, quiet=True)


def write_alone(columns: Records, folder: Path) -> None:
    """What `build` writes of a shard, so many times, without computing anything: chunked by pendulum, gzip 1."""
    for number in range(FILES):
        with h5py.File(folder / f"alone-{number}.h5", "w") as file:
            for name, column in columns.items():
                how = {"chunks": (1, *column.shape[1:]), "compression": 1} if name == "image" else {}
                file.create_dataset(name, data=column, **how)


def pillow_loop(angles: NDArray[np.float64], dataset: Dataset) -> list[NDArray[np.uint8]]:
    """Pictures of angles (N, 2), one after the other; with graphical noise its pixel noise and tint, by NumPy.

    They are `pendgen`'s, but for bobs that overlap, of which the later lies on top, and for the noise's shifts.
    """
    geometry, noise, draw = dataset.geometry, dataset.eps_g, np.random.default_rng(0)
    size, reach = geometry.size, geometry.bob // 2
    row, column = (geometry.centre - start for start in geometry.window)
    pictures = []
    for blue, red in angles:
        picture = Image.new("RGB", (size, size), "white")
        pen = ImageDraw.Draw(picture)
        for angle, colour in ((blue, (0, 0, 255)), (red, (255, 0, 0))):
            y, x = row + round(geometry.radius * np.cos(angle)), column + round(geometry.radius * np.sin(angle))
            pen.rectangle((x - reach, y - reach, x + reach, y + reach), fill=colour)
        pixels = np.asarray(picture)
        if noise:
            disturbance = noise / 4 * draw.standard_normal(pixels.shape) + noise / 8 * draw.standard_normal(3)
            pixels = np.rint(255 * np.clip(pixels / 255 + disturbance, 0, 1)).astype(np.uint8)
        pictures.append(pixels)
    return pictures
