"""Pictures of datasets: a contact sheet, a sheet of variants, one pendulum swinging."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pendgen import antialias, physics, render, sampling
from pendgen.format import write_atomically
from pendgen.manifest import read_manifest, settings
from pendgen.reader import read_column

_MARGIN, _TOP, _TILE = 12, 34, 72
_GREY, _LINE = (90, 90, 90), (200, 200, 200)
Row = tuple[str, NDArray[np.uint8], NDArray[np.float64]]


def contact_sheet(directory: Path, split: str = "train", rows: int = 5, columns: int = 8) -> Image.Image:
    """Pendulums with energies spread evenly over those of the split × their images in order of time."""
    manifest = read_manifest(directory)
    energies = read_column(directory, manifest, split, "energy")
    ranks = np.linspace(0, len(energies) - 1, min(rows, len(energies))).round().astype(int)
    chosen = [int(index) for index in np.argsort(energies)[ranks]]
    images, times = (read_column(directory, manifest, split, field, chosen) for field in ("image", "time"))
    labelled = [
        (f"m = {energies[index]:.3f}", shown, at) for index, shown, at in zip(chosen, images, times, strict=True)
    ]
    return _sheet("energy", "images of one pendulum, in order of time t", labelled, columns)


def variants_sheet(directories: Sequence[Path], split: str = "train", columns: int = 8) -> Image.Image:
    """A row for each dataset: one pendulum, by its number, of upper quartile energy in the first (Figs. 13, 14)."""
    rows: list[Row] = []
    index = 0
    for directory in directories:
        manifest = read_manifest(directory)
        energies = read_column(directory, manifest, split, "energy")
        if not rows:
            index = int(np.argsort(energies)[len(energies) * 3 // 4])
        number = min(index, len(energies) - 1)
        images, times = (read_column(directory, manifest, split, field, [number])[0] for field in ("image", "time"))
        rows.append((manifest["name"], images, times))
    return _sheet("dataset", "images of one pendulum, in order of time t", rows, columns)


def swing(directory: Path, energy: float, frames: int = 48) -> list[Image.Image]:
    """One period of a pendulum of `energy`, rendered as the dataset renders, noise and crop included."""
    dataset = settings(read_manifest(directory))
    if not 0 <= energy < 1:
        raise ValueError(f"energy is {energy}, expected 0 to below 1 (at 1 the swing never ends)")
    time = np.arange(frames) / frames * float(physics.period(energy))
    angle = np.stack([physics.angle(time + later, energy) for later in (0.0, dataset.time_gap)], axis=-1)
    noise = sampling.stream(dataset.seed, "test", 0, sampling.Purpose.ANGLE_NOISE).standard_normal(angle.shape)
    angle = angle + dataset.eps_n * noise
    law = (dataset.seed, "test", 0)
    drawing: Any = antialias if dataset.antialias else render
    place = drawing.positions(angle, dataset.geometry)
    if dataset.eps_g:
        place = place + render.shifts(*law, frames, dataset.eps_g, dataset.protocol)[:, None, :]
    images = render.disturb(drawing.draw(place, dataset.geometry), *law, dataset.eps_g, dataset.protocol)
    scale = max(1, 256 // dataset.size)
    return [_enlarged(image, scale) for image in images]


def save(pictures: Sequence[Image.Image], path: Path) -> None:
    """Write one picture as PNG, or several as an animated GIF."""
    content = io.BytesIO()
    if len(pictures) == 1:
        pictures[0].save(content, "PNG")
    else:
        pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=60, loop=0)
    write_atomically(path, content.getvalue())


def _sheet(left_title: str, title: str, rows: Sequence[Row], columns: int) -> Image.Image:
    """Labelled rows of pictures, each over the time it shows."""
    font, small = ImageFont.load_default(13), ImageFont.load_default(10)
    left = 2 * _MARGIN + int(max(font.getlength(text) for text in (left_title, *(row[0] for row in rows))))
    columns = min(columns, max(len(images) for _, images, _ in rows))
    width, height = _TILE + _MARGIN, _TILE + _MARGIN + 14
    sheet = Image.new("RGB", (left + columns * width, _TOP + len(rows) * height), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), left_title, _GREY, font)
    pen.text((left, _MARGIN), title, _GREY, font)
    for row, (label, images, times) in enumerate(rows):
        top = _TOP + row * height
        pen.text((_MARGIN, top + _TILE // 2 - 8), label, "black", font)
        spread = np.linspace(0, len(times) - 1, min(columns, len(times))).round().astype(int)
        for column, number in enumerate(np.argsort(times)[spread]):
            # Whole-number enlargement keeps pixels square; large pictures are shown as they are.
            picture = _enlarged(images[number], max(1, _TILE // images.shape[1]))
            picture.thumbnail((_TILE, _TILE))
            x = left + column * width
            sheet.paste(picture, (x, top))
            pen.rectangle((x - 1, top - 1, x + picture.width, top + picture.height), outline=_LINE)
            pen.text((x, top + _TILE + 1), f"t = {times[number]:.1f}", _GREY, small)
    return sheet


def _enlarged(image: NDArray[np.uint8], scale: int) -> Image.Image:
    picture = Image.fromarray(image)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
