import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from pendgen import antialias, physics, render
from pendgen.dataset import Dataset
from pendgen.oracle import ExactOracle, tabulate
from pendgen.variants import Cropping, NumericalNoise, Vanilla

GEOMETRY = Dataset(Vanilla()).geometry


def test_whole_pixels_look_as_without() -> None:
    whole = np.random.default_rng(0).integers(5, 27, (50, 2, 2))
    assert np.array_equal(antialias.draw(whole.astype(float), GEOMETRY), render.draw(whole, GEOMETRY))
    edge = np.random.default_rng(1).integers(-4, 36, (200, 2, 2))
    assert np.array_equal(antialias.draw(edge.astype(float), GEOMETRY), render.draw(edge, GEOMETRY))
    assert np.array_equal(antialias.visible(edge.astype(float), GEOMETRY), render.visible(edge, GEOMETRY))


def slow(position: NDArray[np.float64], subdivide: int = 60) -> NDArray[np.float64]:
    """Darkening of each pixel by one bob, by counting points of a fine lattice."""
    points = (np.arange(32 * subdivide) + 0.5) / subdivide
    inside = [((points >= p - 1) & (points < p + 2)).reshape(32, subdivide).mean(axis=1) for p in position]
    return np.outer(inside[0], inside[1])


def test_darkens_by_covered_area() -> None:
    places = np.random.default_rng(2).uniform(-3, 34, (20, 2, 2))
    for picture, (blue, red) in zip(antialias.draw(places, GEOMETRY), places, strict=True):
        light = [1 - slow(blue), 1 - slow(red)]
        expected = 255 * np.stack([light[0], light[0] * light[1], light[1]], -1)
        assert np.abs(picture - expected).max() < 255 * 2 / 60 + 1


def test_total_darkness_is_the_area_of_the_bob() -> None:
    """Conserved wherever the bob is, unlike which pixels carry it."""
    angle = np.random.default_rng(3).uniform(-np.pi, np.pi, (300, 2))
    picture = antialias.draw(antialias.positions(angle, GEOMETRY), GEOMETRY)
    dark = (255 - picture[..., 0].astype(int)).sum(axis=(1, 2)) / 255
    assert np.allclose(dark, 9, atol=16 * 0.5 / 255)


def test_oracle_is_the_energy_where_the_image_tells_it() -> None:
    dataset = Dataset(Vanilla(), antialias=True)
    oracle = tabulate(dataset, dataset.split("test"), 512)
    assert isinstance(oracle, ExactOracle)
    rng = np.random.default_rng(4)
    m, t = rng.random(50), rng.uniform(0, 200, (50, 4))
    angle = np.stack([physics.angle(t + g, m[:, None]) for g in (0, 0.5)], -1)
    assert np.array_equal(oracle(m, angle, np.ones((50, 4, 2), bool)), np.repeat(m[:, None], 4, axis=1))


@pytest.mark.parametrize("variant", [Cropping(0.6), NumericalNoise(0.1)])
def test_oracle_elsewhere_is_the_mean_energy_of_what_is_seen(variant: Cropping | NumericalNoise) -> None:
    """Against brute force in coarse cells: the mean prediction must be the mean energy in each."""
    dataset = Dataset(variant, antialias=True)
    oracle = tabulate(dataset, dataset.split("test"), 1024)
    rng = np.random.default_rng(5)
    n = 400_000
    m, t = rng.random(n), rng.uniform(0, 200, n)
    angle = np.stack([physics.angle(t + g, m) for g in (0, 0.5)], -1) + dataset.eps_n * rng.standard_normal((n, 2))
    angle = np.remainder(angle + np.pi, 2 * np.pi) - np.pi
    seen = antialias.visible(antialias.positions(angle, dataset.geometry), dataset.geometry)
    guess = oracle(m, angle[:, None], seen[:, None])[:, 0]
    cell = np.where(seen, np.floor(angle / 0.3), 99).astype(int)
    _, group, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    error = np.bincount(group, guess - m) / count
    spread = np.sqrt(np.bincount(group, (guess - m) ** 2) / count / count)
    many = count > 400
    assert many.sum() > 30
    assert np.abs(error[many] / np.hypot(spread[many], 2e-3)).max() < 5


def test_finer_than_pixels() -> None:
    """With angle noise the continuous picture tells at least as much as the pixelated one."""
    scores = []
    rng = np.random.default_rng(6)
    m, t = rng.random(4000), rng.uniform(0, 200, (4000, 5))
    noise = rng.standard_normal((4000, 5, 2))
    for flag in (False, True):
        dataset = Dataset(NumericalNoise(0.05), antialias=flag)
        oracle = tabulate(dataset, dataset.split("test"), 1024)
        angle = np.stack([physics.angle(t + g, m[:, None]) for g in (0, 0.5)], -1) + 0.05 * noise
        angle = np.remainder(angle + np.pi, 2 * np.pi) - np.pi
        place = render.positions(angle, dataset.geometry)
        seen = render.visible(place, dataset.geometry)
        guess = oracle(m, angle, seen) if isinstance(oracle, ExactOracle) else oracle(place, seen)
        scores.append(spearmanr(guess.ravel(), np.repeat(m, 5))[0])
    assert scores[1] > scores[0] + 0.001
