"""Angles to pixels: two square bobs on a white canvas, uint8 RGB.

Geometry (PAPER §2): row = centre + round(R·cos θ), column = centre + round(R·sin θ), gravity pointing
down, halves rounded to even. The blue bob (time t) and the red one (t + time gap) each zero the two
channels they lack, so that their overlap is black.
"""

import numpy as np
from numpy.typing import NDArray

from pendgen import sampling
from pendgen.dataset import Geometry
from pendgen.sampling import Purpose

# Channels each bob leaves at 255: blue for the first bob, red for the second.
_LACKING = ((0, 1), (1, 2))


def positions(angle: NDArray[np.float64], geometry: Geometry) -> NDArray[np.int64]:
    """Row and column of each bob's centre in the window: int64, shape (…, 2). May lie outside it."""
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    on_canvas = geometry.centre + np.rint(geometry.radius * circle).astype(np.int64)
    return np.asarray(on_canvas - np.array(geometry.window), np.int64)


def visible(position: NDArray[np.int64], geometry: Geometry) -> NDArray[np.bool_]:
    """Whether some pixel of the bob lies in the window; shape of `position` less its last axis."""
    first = position - geometry.bob // 2
    inside = (first + geometry.bob > 0) & (first < geometry.size)
    return np.asarray(inside.all(axis=-1))


def draw(position: NDArray[np.int64], geometry: Geometry) -> NDArray[np.uint8]:
    """Images of bobs at `position` (…, 2 bobs, row and column): uint8, shape (…, S, S, 3)."""
    lead, size, bob = position.shape[:-2], geometry.size, geometry.bob
    flat = position.reshape(-1, 2, 2)
    images = np.full(len(flat) * size * size * 3, 255, np.uint8)
    start = np.arange(len(flat)) * (size * size)
    reach = range(-(bob // 2), bob - bob // 2)
    for number, channels in enumerate(_LACKING):
        row, column = flat[:, number, 0], flat[:, number, 1]
        for down in reach:
            for across in reach:
                r, c = row + down, column + across
                pixel = (start + r * size + c)[(r >= 0) & (r < size) & (c >= 0) & (c < size)] * 3
                for channel in channels:
                    images[pixel + channel] = 0
    return images.reshape(*lead, size, size, 3)


def shifts(seed: int, split: str, index: int, images: int, eps_g: float, protocol: str) -> NDArray[np.int64]:
    """Whole-picture shifts (rows, columns) of one pendulum's images: int64, shape (T, 2).

    `paper`: one pixel left or right with probability ε_g. `original`: each axis on its own, one pixel
    towards higher rows or columns with probability 2ε_g.
    """
    u = sampling.stream(seed, split, index, Purpose.SHIFT).random((images, 2))
    if protocol == "original":
        return (u < 2.0 * eps_g).astype(np.int64)
    sideways = np.where(u[:, 0] < eps_g / 2.0, -1, np.where(u[:, 0] < eps_g, 1, 0))
    return np.stack([np.zeros_like(sideways), sideways], axis=-1)


def disturb(
    images: NDArray[np.uint8], seed: int, split: str, index: int, eps_g: float, protocol: str
) -> NDArray[np.uint8]:
    """Add pixel noise and tint to one pendulum's images (T, S, S, 3), clip to [0, 1], store as uint8."""
    if eps_g == 0.0:
        return images
    noise = sampling.stream(seed, split, index, Purpose.PIXEL_NOISE).standard_normal(images.shape, np.float32)
    tints = sampling.stream(seed, split, index, Purpose.TINT)
    shape = (len(images), 1, 1, 3)
    spread = tints.uniform(-1.0, 1.0, shape) if protocol == "original" else tints.standard_normal(shape)
    noise *= np.float32(eps_g / 4.0)
    noise += (eps_g / 8.0 * spread).astype(np.float32)
    noise += images / np.float32(255.0)
    return np.asarray(np.rint(np.clip(noise, 0.0, 1.0) * np.float32(255.0)), np.uint8)
