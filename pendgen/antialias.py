"""Bobs drawn where they are, between the pixels: the continuous counterpart of `render`.

Each pixel darkens by the share of its area a bob covers, rounded to 1/255, so positions can be read to
about a 255th of a pixel. Where a position happens to be a whole pixel the picture is `render`'s own.
"""

import numpy as np
from numpy.typing import NDArray

from pendgen.dataset import Geometry

Float = NDArray[np.float64]
_FAINTEST = 0.5 / 255  # coverage that still rounds to one step of grey


def positions(angle: Float, geometry: Geometry) -> Float:
    """Row and column of each bob in the window, float64, shape (…, 2), in pixels and without rounding."""
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.asarray(geometry.centre + geometry.radius * circle - np.array(geometry.window), np.float64)


def visible(position: Float, geometry: Geometry) -> NDArray[np.bool_]:
    """Whether the bob darkens some pixel of the window; shape of `position` less its last axis."""
    densest = _coverage(position, geometry).max(axis=-1)
    return np.asarray(densest.prod(axis=-1) >= _FAINTEST)


def draw(position: Float, geometry: Geometry) -> NDArray[np.uint8]:
    """Images of bobs at `position` (…, 2 bobs, row and column): uint8, shape (…, S, S, 3)."""
    covered = _coverage(position, geometry)
    blue, red = (1.0 - covered[..., bob, 0, :, None] * covered[..., bob, 1, None, :] for bob in (0, 1))
    # The blue bob lacks red and green, the red bob green and blue, as in `render`.
    return np.asarray(np.rint(255.0 * np.stack([blue, blue * red, red], axis=-1)), np.uint8)


def _coverage(position: Float, geometry: Geometry) -> Float:
    """Share of each pixel row (or column) that the bob spans along that axis: (…, S)."""
    low = position[..., None] - geometry.bob // 2
    pixel = np.arange(geometry.size)
    overlap = np.minimum(pixel + 1.0, low + geometry.bob) - np.maximum(pixel, low)
    return np.asarray(np.clip(overlap, 0.0, 1.0), np.float64)
