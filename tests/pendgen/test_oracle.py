import numpy as np
import pytest
from scipy.stats import spearmanr

from pendgen import physics, render
from pendgen.dataset import Dataset
from pendgen.oracle import tabulate
from pendgen.sampling import energies, times
from pendgen.variants import Cropping, GraphicalNoise, NumericalNoise, Vanilla, Variant


@pytest.mark.parametrize(
    ("variant", "protocol"),
    [
        (Vanilla(), "paper"),
        (Vanilla(), "original"),
        (NumericalNoise(0.01), "paper"),
        (NumericalNoise(0.6), "paper"),
        (Cropping(0.6), "paper"),
        (GraphicalNoise(0.3), "paper"),
        (GraphicalNoise(0.3), "original"),
    ],
)
def test_is_the_mean_energy_of_simulated_images(variant: Variant, protocol: str) -> None:
    """Against brute force: draw energies, times and noise, group by what is seen, average."""
    dataset = Dataset(variant, protocol=protocol)
    split = dataset.split("test")
    rng = np.random.default_rng(0)
    n = 1_000_000
    m, t = rng.random(n), rng.uniform(*split.time_range, n)
    angle = np.stack([physics.angle(t, m), physics.angle(t + 0.5, m)], -1)
    angle += dataset.eps_n * rng.standard_normal((n, 2))
    position = render.positions(angle, dataset.geometry)
    if dataset.eps_g and protocol == "paper":
        position[..., 1] += (rng.choice([-1, 0, 1], n, p=[0.15, 0.7, 0.15]))[:, None]
    elif dataset.eps_g:
        position += (rng.random((n, 2)) < 0.6)[:, None, :]
    shown = render.visible(position, dataset.geometry)
    predicted = tabulate(dataset, split)(position, shown)
    seen = np.where(shown[..., None], position, -99).reshape(n, 4)
    _, first, group, count = np.unique(seen, axis=0, return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(group, m) / count
    spread = np.sqrt(np.maximum(np.bincount(group, (m - mean[group]) ** 2) / count, 1e-12) / count)
    many = count > 300
    score = (predicted[first] - mean)[many] / np.hypot(spread[many], 5e-4)
    assert many.sum() > 100
    assert np.abs(score).max() < 5
    # One prediction per distinct image, nothing finer.
    assert np.array_equal(predicted, predicted[first][group])


def test_is_calibrated_and_scores_as_measured_before() -> None:
    dataset = Dataset(Vanilla())
    split = dataset.split("test")
    m, t = energies(0, split, range(5120)), times(0, split, range(5120))
    angle = np.stack([physics.angle(t, m[:, None]), physics.angle(t + 0.5, m[:, None])], -1)
    position = render.positions(angle, dataset.geometry)
    oracle = tabulate(dataset, split)
    guess = oracle(position, render.visible(position, dataset.geometry)).ravel()
    truth = np.repeat(m, 20)
    assert 1600 < len(np.unique(position.reshape(-1, 4), axis=0)) < 1720
    assert spearmanr(guess, truth)[0] == pytest.approx(0.9938, abs=0.0006)
    assert np.sqrt(np.mean((guess - truth) ** 2)) == pytest.approx(0.0318, abs=0.0006)
    inside = (truth * 7).astype(int)
    local = np.mean([spearmanr(guess[inside == k], truth[inside == k])[0] for k in range(7)])
    assert local == pytest.approx(0.809, abs=0.009)
    assert np.mean(guess - truth) == pytest.approx(0.0, abs=0.001)
    assert oracle.error < 5e-4


def test_does_not_depend_on_threads_and_knows_its_error() -> None:
    dataset = Dataset(Vanilla())
    one, two = (tabulate(dataset, dataset.split("test"), 512, workers) for workers in (1, 2))
    assert np.array_equal(one.energy, two.energy, equal_nan=True)
    fine = tabulate(dataset, dataset.split("test"), 2048)
    both = (one.probability > 1e-9) & (fine.probability > 1e-9)
    difference = (one.energy - fine.energy)[both]
    rms = np.sqrt(np.average(difference**2, weights=fine.probability[both]))
    assert rms < one.error < 10 * rms


def test_probabilities_sum_to_one() -> None:
    for variant in (Vanilla(), NumericalNoise(0.3), Cropping(0.5), GraphicalNoise(0.5)):
        dataset = Dataset(variant)
        table = tabulate(dataset, dataset.split("train"), 256)
        assert table.probability.sum() == pytest.approx(1.0, abs=1e-6)
        known = table.energy[table.probability > 0]
        assert known.min() >= 0.0
        assert known.max() <= 1.0


def test_covers_every_image_of_other_seeds() -> None:
    dataset = Dataset(Vanilla())
    split = dataset.split("test")
    oracle = tabulate(dataset, split)
    for seed in range(1, 6):
        m, t = energies(seed, split, range(2000)), times(seed, split, range(2000))
        angle = np.stack([physics.angle(t, m[:, None]), physics.angle(t + 0.5, m[:, None])], -1)
        position = render.positions(angle, dataset.geometry)
        guess = oracle(position, render.visible(position, dataset.geometry))
        assert np.isfinite(guess).all()
        assert np.abs(guess - m[:, None]).max() < 0.35


def test_an_impossible_image_is_refused() -> None:
    dataset = Dataset(Vanilla())
    oracle = tabulate(dataset, dataset.split("test"), 256)
    with pytest.raises(ValueError, match="no energy and time can show it"):
        oracle(np.array([[16, 16], [16, 16]]), np.array([True, True]))
