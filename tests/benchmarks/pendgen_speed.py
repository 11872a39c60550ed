"""How fast vanilla is built, as ratios within one run: `python tests/benchmarks/pendgen_speed.py`.

Against writing the same arrays, with the same chunks and compression, by h5py alone; and against a
Pillow loop that draws each picture and writes nothing. Medians over rounds in which all three take turns.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageDraw

from pendgen import population
from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.format import FIELDS, read_manifest
from pendgen.reader import read_column
from pendgen.variants import Vanilla

DATASET = Dataset(Vanilla())
IMAGES = 2 * DATASET.pendulums * DATASET.images
PILLOW_IMAGES = 20_000


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def build_anew(folder: Path) -> None:
    """As a process of its own would: without the population of the round before."""
    population._enumerate.cache_clear()
    build(DATASET, folder, force=True, quiet=True)


def write_alone(columns: dict[str, dict[str, np.ndarray]], folder: Path) -> None:
    """What `build` writes, without computing anything: 16 shards a split, chunked by pendulum, gzip 1."""
    for split, fields in columns.items():
        for number, rows in enumerate(np.array_split(np.arange(DATASET.pendulums), 16)):
            with h5py.File(folder / f"{split}-{number}.h5", "w") as file:
                for name, column in fields.items():
                    part = column[rows[0] : rows[-1] + 1]
                    how = {"chunks": (1, *part.shape[1:]), "compression": 1} if name == "image" else {}
                    file.create_dataset(name, data=part, **how)


def pillow_loop(angles: np.ndarray) -> None:
    for blue, red in angles:
        picture = Image.new("RGB", (32, 32), "white")
        pen = ImageDraw.Draw(picture)
        for angle, colour in ((blue, (0, 0, 255)), (red, (255, 0, 0))):
            row, column = 16 + round(11 * np.cos(angle)), 16 + round(11 * np.sin(angle))
            pen.rectangle((column - 1, row - 1, column + 1, row + 1), fill=colour)
        np.asarray(picture)


def main(rounds: int = 5) -> None:
    """Print medians in images/s and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        directory, _ = build(DATASET, root / "warm", quiet=True)
        manifest = read_manifest(directory)
        columns = {
            split: {field.name: read_column(directory, manifest, split, field.name) for field in FIELDS}
            for split in ("train", "test")
        }
        angles = columns["test"]["angle"].reshape(-1, 2)[:PILLOW_IMAGES]
        speeds: dict[str, list[float]] = {"build": [], "h5py alone": [], "Pillow loop": []}
        for _ in range(rounds):
            speeds["build"].append(IMAGES / timed(lambda: build_anew(root / "built")))
            speeds["h5py alone"].append(IMAGES / timed(lambda: write_alone(columns, root)))
            speeds["Pillow loop"].append(PILLOW_IMAGES / timed(lambda: pillow_loop(angles)))
    median = {name: statistics.median(values) for name, values in speeds.items()}
    for name, speed in median.items():
        print(f"{name:<12} {speed:>9,.0f} images/s")
    print(f"build / h5py alone  {median['build'] / median['h5py alone']:.2f}")
    print(f"build / Pillow loop {median['build'] / median['Pillow loop']:.2f}")


if __name__ == "__main__":
    main()
