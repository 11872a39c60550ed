import numpy as np
import pytest
from scipy.stats import kstest

from pendgen.dataset import SPLITS, Dataset
from pendgen.sampling import Purpose, angle_noise, energies, stream, times
from pendgen.variants import Gaps, NumericalNoise, Vanilla


def test_pendulum_depends_on_seed_split_and_index_alone() -> None:
    split = Dataset(Vanilla()).split("train")
    shorter = Dataset(Vanilla(), pendulums=10, images=5).split("train")
    assert np.array_equal(energies(7, split, range(3, 9)), energies(7, split, range(20))[3:9])
    assert np.array_equal(energies(7, shorter, range(10)), energies(7, split, range(10)))
    assert np.array_equal(times(7, shorter, range(10)), times(7, split, range(10))[:, :5])


def test_streams_differ() -> None:
    draws = {
        (seed, split, index, purpose): stream(seed, split, index, purpose).random()
        for seed in (0, 1, 2**62)
        for split in SPLITS
        for index in (0, 1, 10**7)
        for purpose in Purpose
    }
    assert len(set(draws.values())) == len(draws)


def test_same_pendulums_in_every_variant() -> None:
    vanilla, noisy = (Dataset(v).split("test") for v in (Vanilla(), NumericalNoise(0.1)))
    assert np.array_equal(energies(0, vanilla, range(50)), energies(0, noisy, range(50)))
    assert np.array_equal(times(0, vanilla, range(50)), times(0, noisy, range(50)))


def test_energies_and_times_are_uniform() -> None:
    split = Dataset(Vanilla()).split("train")
    m, t = energies(0, split, range(5120)), times(0, split, range(1000))
    assert kstest(m, "uniform").pvalue > 1e-3
    assert kstest(t.ravel() / 200, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(m[:1000], t.mean(axis=1))[0, 1]) < 4 / np.sqrt(1000)


def test_noise_is_standard_normal_and_independent_between_bobs() -> None:
    noise = angle_noise(0, Dataset(NumericalNoise(0.1)).split("train"), range(1000))
    assert noise.shape == (1000, 20, 2)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 4 / np.sqrt(20000)


@pytest.mark.parametrize(("alpha", "count"), [(0.2, 3), (0.8, 3), (0.4, 1), (0.5, 4)])
def test_gaps_are_empty_in_train_and_filled_in_test(alpha: float, count: int) -> None:
    dataset = Dataset(Gaps(alpha, count))
    bands = dataset.gaps
    assert len(bands) == count
    assert sum(high - low for low, high in bands) == pytest.approx(alpha)
    visible = dataset.split("train").energy_bands
    widths = [high - low for low, high in visible]
    assert widths == pytest.approx([(1 - alpha) / (count + 1)] * (count + 1))
    assert visible[0][0] == 0.0
    assert visible[-1][1] == 1.0
    train, test = (energies(0, dataset.split(s), range(5120)) for s in SPLITS)
    for low, high in bands:
        assert not np.any((train > low) & (train < high))
        assert np.mean((test > low) & (test < high)) == pytest.approx(high - low, abs=0.03)
    for low, high in visible:
        assert np.mean((train >= low) & (train <= high)) == pytest.approx(1 / (count + 1), abs=0.03)


def test_linspace_law_of_the_original_test_split() -> None:
    split = Dataset(Vanilla(), protocol="original", pendulums=11).split("test")
    assert np.allclose(energies(0, split, range(11)), np.arange(11) / 10)
    assert np.allclose(energies(0, split, range(4, 6)), [0.4, 0.5])
    t = times(0, split, range(11))
    assert t.shape == (11, 1)
    assert t.max() < 10
