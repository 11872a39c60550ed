"""A split of a dataset, or its population, as arrays in memory: what a notebook works with.

What is read is held against the manifest first, as a stranger's: size and SHA-256 of every file, then type and shape of
every column. Whether pictures show what labels say is for `pendgen verify`.
"""

import base64
import html
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pendgen import inspection, population_file
from pendgen.dataset import SPLITS
from pendgen.format import FIELDS, POPULATION_FIELDS, Field, shape
from pendgen.hdf5 import MOST_PACKED
from pendgen.manifest import read_manifest
from pendgen.population_file import file_problem
from pendgen.progress import track
from pendgen.reader import newest, shards_of
from pendgen.shards import read_shard

_SHOWN, _SIDE = 8, 64
"""Pictures in a notebook, and pixels along the side of one, at least."""


@dataclass(frozen=True, repr=False)
class Arrays:
    """Columns of a split or of a population by name, `arrays["image"]`; `pendgen.format` says their axes and units.

    Its length is that of the first axis, pendulums P of a split or images U of a population; it iterates over names.
    """

    directory: Path
    manifest: Mapping[str, Any]
    split: str
    """train, test or population"""
    columns: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.columns:
            raise KeyError(f"no field {name!r} in {self.split}, expected {', '.join(self.columns)}")
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __len__(self) -> int:
        return len(self.columns["image"])

    def keys(self) -> list[str]:
        """Names of the fields, in the order of the format; so `dict(arrays)` is a dict of arrays."""
        return list(self.columns)

    @property
    def fields(self) -> tuple[Field, ...]:
        """What each column is: name, dtype, axes, unit, meaning."""
        return POPULATION_FIELDS if self.split == "population" else FIELDS

    def __repr__(self) -> str:
        lines = [f"{self._title()}: {self._count()}"]
        lines += [f"    {name:<20} {column.dtype!s:<8} {column.shape}" for name, column in self.columns.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """What it is as a small table with a few pictures; everything that a file says is escaped."""
        head = [("variant", inspection.variant(self.manifest)), ("pictures", inspection.pictures(self.manifest))]
        head += [(self.split, self._count())]
        rows = "".join(f"<tr><th>{_safe(name)}</th><td>{_safe(text)}</td></tr>" for name, text in head)
        cells = "".join(
            f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in self._row(field))}</tr>" for field in self.fields
        )
        titles = "".join(f"<th>{title}</th>" for title in ("field", "dtype", "shape", "unit", "meaning"))
        picture = f'<img alt="some of the pictures" src="data:image/png;base64,{self._pictures()}">'
        return f"<b>{_safe(self._title())}</b><table>{rows}</table><table><tr>{titles}</tr>{cells}</table>{picture}"

    def _row(self, field: Field) -> tuple[str, str, str, str, str]:
        held = self.columns[field.name]
        return field.name, str(held.dtype), " × ".join(map(str, held.shape)), field.unit, field.meaning

    def _title(self) -> str:
        return f"{self.manifest['name']} {self.manifest['content_version']}, {self.split}"

    def _count(self) -> str:
        pendulums, *rest = self.columns["image"].shape
        return (
            f"{pendulums} images, each once"
            if self.split == "population"
            else f"{pendulums} pendulums × {rest[0]} images"
        )

    def _pictures(self) -> str:
        """First pictures of pendulums, or of the population, whose energies are spread evenly: a PNG as base64."""
        image = self.columns["image"] if self.split == "population" else self.columns["image"][:, 0]
        energy = self.columns["energy_given_image" if self.split == "population" else "energy"]
        ranks = np.linspace(0, len(energy) - 1, min(_SHOWN, len(energy))).round().astype(int)
        chosen = np.pad(image[np.argsort(energy)[ranks]], ((0, 0), (0, 0), (0, 1), (0, 0)), constant_values=200)
        scale = max(1, _SIDE // image.shape[1])
        strip = Image.fromarray(np.concatenate(list(chosen), axis=1).repeat(scale, axis=0).repeat(scale, axis=1))
        content = io.BytesIO()
        strip.save(content, "PNG")
        return base64.b64encode(content.getvalue()).decode()


def load(path: str | Path, split: str) -> Arrays:
    """A split of a dataset, or every image that can occur, as NumPy arrays in memory.

    `path` is a dataset directory, or the folder of its versions (the newest finished one). `split` is train, test or
    population. The arrays are those of the format: `image` uint8 (P, T, S, S, 3), `energy` float64 (P,), and so on; of
    the population `image` uint8 (U, S, S, 3), `probability` float64 (U,), and so on.
    Raises FileNotFoundError where there is no dataset, ValueError naming the file and what is wrong with it, or where
    the split is unknown or the dataset has no population.
    """
    if split not in (*SPLITS, "population"):
        raise ValueError(f"split is {split!r}, expected {', '.join(SPLITS)} or population")
    directory = newest(Path(path))
    manifest = read_manifest(directory)
    population = split == "population"
    columns = population_file.read(directory, manifest) if population else _read_split(directory, manifest, split)
    return Arrays(directory, manifest, split, columns)


def _read_split(directory: Path, manifest: dict[str, Any], split: str) -> dict[str, NDArray[Any]]:
    """All columns of a split, filled shard by shard: joining them in the end would hold everything twice."""
    images, size = manifest["splits"][split]["images"], manifest["image_size"]
    shards = shards_of(manifest, split)
    for entry in shards:
        path = directory / entry["file"]
        if found := file_problem(path, entry):
            raise ValueError(f"shard {path}: {found}")
        if entry["records"] * images * size**2 * 3 > MOST_PACKED * entry["bytes"]:
            raise ValueError(f"shard {path} is said to hold {entry['records']} pendulums in {entry['bytes']} bytes")
    pendulums = manifest["splits"][split]["pendulums"]
    whole = {field.name: np.empty(shape(field, pendulums, images, size), field.dtype) for field in FIELDS}
    for entry in track(shards, len(shards), "loading"):
        path, number, end = directory / entry["file"], entry["first"], entry["first"] + entry["records"]
        for part in read_shard(path):
            count = len(part["index"])
            _refuse_others(path, part, images, size, range(number, min(number + count, end)))
            for name, column in whole.items():
                column[number : number + count] = part[name]
            number += count
        if number != end:
            raise ValueError(f"shard {path}: {number - entry['first']} pendulums, expected {entry['records']}")
    return whole


def _refuse_others(path: Path, part: Mapping[str, NDArray[Any]], images: int, size: int, numbers: range) -> None:
    """Raise ValueError where records of a shard are not of the format's types and shapes, or not those numbered so."""
    for field in FIELDS:
        expected = (shape(field, len(numbers), images, size), field.dtype)
        found = (part[field.name].shape, str(part[field.name].dtype))
        if found != expected:
            raise ValueError(f"shard {path}: {field.name} is {found}, expected {expected}")
    if not np.array_equal(part["index"], numbers):
        raise ValueError(f"shard {path}: pendulums are not numbered {numbers.start} to {numbers.stop - 1}")


def _safe(text: object) -> str:
    return html.escape(str(text))
