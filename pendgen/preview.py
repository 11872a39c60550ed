"""A contact sheet of a dataset: pendulums by energy, their images by time, labelled."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pendgen.reader import read_column

_MARGIN, _LEFT, _TOP = 12, 92, 34
_GREY = (90, 90, 90)


def contact_sheet(directory: Path, split: str = "train", rows: int = 5, columns: int = 8) -> Image.Image:
    """Pendulums with energies spread evenly over those of the split × their first images in time order."""
    energies = read_column(directory, split, "energy")
    ranks = np.linspace(0, len(energies) - 1, min(rows, len(energies))).round().astype(int)
    chosen = np.argsort(energies)[ranks]
    times = read_column(directory, split, "time", list(chosen))
    images = read_column(directory, split, "image", list(chosen))
    columns = min(columns, images.shape[1])
    scale = max(1, 72 // images.shape[2])
    tile = images.shape[2] * scale
    step = tile + _MARGIN
    sheet = Image.new("RGB", (_LEFT + columns * step, _TOP + len(chosen) * step), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    pen.text((_MARGIN, _MARGIN), "energy", _GREY, font)
    pen.text((_LEFT, _MARGIN), "images of one pendulum, in order of time", _GREY, font)
    for row, (index, shown, at) in enumerate(zip(chosen, images, times, strict=True)):
        top = _TOP + row * step
        pen.text((_MARGIN, top + tile // 2 - 8), f"m = {energies[index]:.3f}", "black", font)
        for column, image in enumerate(np.argsort(at)[:: max(1, len(at) // columns)][:columns]):
            picture = Image.fromarray(shown[image]).resize((tile, tile), Image.Resampling.NEAREST)
            left = _LEFT + column * step
            sheet.paste(picture, (left, top))
            pen.rectangle((left - 1, top - 1, left + tile, top + tile), outline=(200, 200, 200))
    return sheet
