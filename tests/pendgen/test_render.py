import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pendgen.dataset import Dataset, Geometry
from pendgen.render import disturb, draw, positions, shifts, visible
from pendgen.variants import Cropping, Large, Vanilla


def slow_picture(blue: float, red: float, size: int, canvas: int, start: int) -> NDArray[np.uint8]:
    """The picture of two bobs, asked pixel by pixel; shares nothing with pendgen."""
    radius = canvas - 4 - canvas // 2 - 1
    places = [
        (canvas // 2 + round(radius * math.cos(a)), canvas // 2 + round(radius * math.sin(a))) for a in (blue, red)
    ]
    picture = np.empty((size, size, 3), np.uint8)
    for row in range(size):
        for column in range(size):
            covered = [abs(start + row - r) <= 1 and abs(start + column - c) <= 1 for r, c in places]
            picture[row, column] = (0 if covered[0] else 255, 0 if any(covered) else 255, 0 if covered[1] else 255)
    return picture


@pytest.mark.parametrize(
    ("dataset", "canvas", "start"),
    [
        (Dataset(Vanilla()), 32, 0),
        (Dataset(Large()), 100, 0),
        (Dataset(Cropping(0.75)), 43, 11),
        (Dataset(Cropping(0.45)), 71, 39),
    ],
)
def test_agrees_pixel_for_pixel_with_a_slow_renderer(dataset: Dataset, canvas: int, start: int) -> None:
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, (60, 2))
    angles[:30, 1] = angles[:30, 0] + np.linspace(-0.3, 0.3, 30)  # overlapping bobs
    angles[30:32] = [[0.0, 0.0], [np.pi, -np.pi / 2]]
    fast = draw(positions(angles, dataset.geometry), dataset.geometry)
    assert fast.dtype == np.uint8
    assert fast.shape == (60, dataset.size, dataset.size, 3)
    for picture, (blue, red) in zip(fast, angles, strict=True):
        assert np.array_equal(picture, slow_picture(blue, red, dataset.size, canvas, start))


def test_radii_of_the_paper() -> None:
    assert Geometry(32, 3, 32).radius == 11
    assert Geometry(100, 3, 100).radius == 45


def test_visible_means_some_pixel_shows() -> None:
    geometry = Dataset(Cropping(0.5)).geometry
    angles = np.random.default_rng(1).uniform(-np.pi, np.pi, (400, 2))
    position = positions(angles, geometry)
    seen = visible(position, geometry)
    pictures = draw(position, geometry)
    assert np.array_equal(seen.any(axis=1), (pictures != 255).any(axis=(1, 2, 3)))
    # A blue bob alone darkens red and keeps blue; wherever blue is dark there is a red bob.
    assert np.array_equal(seen[:, 0], (pictures[..., 0] == 0).any(axis=(1, 2)))
    assert np.array_equal(seen[:, 1], (pictures[..., 2] == 0).any(axis=(1, 2)))
    assert 0 < seen.mean() < 1


def test_uncropped_is_vanilla() -> None:
    assert Dataset(Cropping(1.0)).geometry == Dataset(Vanilla()).geometry


def test_original_crop_window() -> None:
    geometry = Dataset(Cropping(0.75), protocol="original").geometry
    assert (geometry.canvas, geometry.window) == (46, (12, 12))  # floor(46.67); floor(.625·46 − 16)


@pytest.mark.parametrize("eps", [0.1, 0.4])
def test_shift_frequencies(eps: float) -> None:
    moves = np.concatenate([shifts(0, "train", i, 20, eps, "paper") for i in range(500)])
    sigma = np.sqrt(len(moves) * eps / 2)
    assert not moves[:, 0].any()
    for side in (-1, 1):
        assert abs((moves[:, 1] == side).sum() - len(moves) * eps / 2) < 4 * sigma
    both = np.concatenate([shifts(0, "train", i, 20, eps, "original") for i in range(500)])
    assert set(np.unique(both)) == {0, 1}
    assert np.abs(both.mean(axis=0) - 2 * eps).max() < 4 * np.sqrt(2 * eps / len(both))
    assert abs(np.corrcoef(both.T)[0, 1]) < 4 / np.sqrt(len(both))


@pytest.mark.parametrize(("protocol", "spread"), [("paper", 1.0), ("original", 1 / np.sqrt(3))])
def test_pixel_noise_and_tint_spreads(protocol: str, spread: float) -> None:
    # Grey stays clear of clipping, so the spreads can be read off directly.
    grey, eps = np.full((20, 32, 32, 3), 128, np.uint8), 0.25
    noisy = np.stack([disturb(grey, 0, "train", i, eps, protocol) for i in range(100)]) / 255 - 128 / 255
    tint = noisy.mean(axis=(2, 3))
    n = tint.size
    # A mean over 1024 pixels still carries the pixel noise.
    expected = np.sqrt((spread * eps / 8) ** 2 + (eps / 4) ** 2 / 1024)
    assert tint.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * n))
    assert abs(tint.mean()) < 4 * expected / np.sqrt(n)
    pixel = (noisy - tint[:, :, None, None]).std()
    assert pixel == pytest.approx(eps / 4 * np.sqrt(1023 / 1024), rel=2e-3)
    assert abs(np.corrcoef(tint.reshape(-1, 3).T)[0, 1]) < 4 / np.sqrt(n / 3)


def test_noise_free_pictures_stay_as_they_are() -> None:
    white = np.full((2, 8, 8, 3), 255, np.uint8)
    assert disturb(white, 0, "train", 0, 0.0, "paper") is white
