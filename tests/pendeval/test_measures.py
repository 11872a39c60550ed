import numpy as np
import pytest
from scipy.stats import spearmanr

from pendeval.ceiling import excess
from pendeval.density import quartile_densities, range_densities, representation_range
from pendeval.spearman import edges, local_spearmans, segment_of, spearman

RNG = np.random.default_rng(0)
ENERGY = RNG.random(4000)
NOISY = ENERGY + 0.1 * RNG.standard_normal(4000)


def test_spearman_against_scipy_and_by_hand() -> None:
    tied = np.round(NOISY, 1)
    for values in (NOISY, tied, -tied):
        assert spearman(values, ENERGY) == pytest.approx(spearmanr(values, ENERGY)[0], abs=1e-12)
    # Five distinct ranks: 1 − 6Σd²/(n(n² − 1)) with d = (0, 1, −1, 0, 0).
    by_hand = spearman(np.array([1.0, 3, 2, 4, 5]), np.arange(5.0))
    assert by_hand == pytest.approx(1 - 6 * 2 / (5 * 24), abs=1e-15)


def test_spearman_at_its_edges() -> None:
    assert spearman(ENERGY, ENERGY) == 1.0
    assert spearman(-ENERGY, ENERGY) == -1.0
    assert abs(spearman(RNG.random(4000), ENERGY)) < 4 / np.sqrt(4000)
    assert np.isnan(spearman(np.zeros(10), ENERGY[:10]))
    assert np.isnan(spearman(ENERGY[:10], np.ones(10)))
    assert np.isnan(spearman(ENERGY[:1], ENERGY[:1]))
    assert np.isnan(spearman(ENERGY[:0], ENERGY[:0]))
    assert spearman(np.array([1.0, 2]), np.array([5.0, 9])) == 1.0


def test_spearman_is_invariant_to_increasing_maps() -> None:
    for change in (np.exp, lambda v: v**3 + v, lambda v: 5 * v - 7):
        assert spearman(change(NOISY), ENERGY) == pytest.approx(spearman(NOISY, ENERGY), abs=1e-12)


def test_spearman_refuses() -> None:
    with pytest.raises(ValueError, match="found NaN"):
        spearman(np.array([1.0, np.nan]), np.array([1.0, 2]))
    with pytest.raises(ValueError, match="shapes are"):
        spearman(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="shapes are"):
        spearman(np.zeros((3, 1)), np.zeros((3, 1)))


def test_segments_cover_the_energies() -> None:
    assert np.allclose(edges(), np.arange(8) / 7)
    assert segment_of(np.array([0.0, 0.1, 1 / 7, 0.5, 0.999, 1.0])).tolist() == [0, 0, 1, 3, 6, 6]


def test_local_spearmans_follow_the_global_sign() -> None:
    local = local_spearmans(NOISY, ENERGY)
    assert local.shape == (7,)
    for k in range(7):
        inside = (k / 7 <= ENERGY) & ((k + 1) / 7 > ENERGY)
        assert local[k] == pytest.approx(spearmanr(NOISY[inside], ENERGY[inside])[0], abs=1e-12)
    assert np.allclose(local_spearmans(-NOISY, ENERGY), local)
    fractured = np.where(ENERGY < 2 / 7, -ENERGY, ENERGY)
    assert np.sign(local_spearmans(fractured, ENERGY)).tolist() == [-1, -1, 1, 1, 1, 1, 1]


def test_density_of_a_uniform_embedding_is_its_slope() -> None:
    even = (np.arange(70000) + 0.5) / 70000
    assert np.allclose(quartile_densities(4 * even, even), 1 / 4, rtol=1e-3)
    assert np.allclose(range_densities(4 * even, even), 1 / 4, rtol=1e-3)
    assert representation_range(4 * even) == pytest.approx(4, rel=1e-4)


def test_density_by_hand() -> None:
    energy, values = np.array([0.01, 0.02, 0.03, 0.04, 0.05]), np.array([0.0, 1, 2, 3, 10])
    assert quartile_densities(values, energy)[0] == pytest.approx(0.5 * (1 / 7) / 2)  # quartiles 1 and 3
    assert range_densities(values, energy)[0] == pytest.approx((1 / 7) / 10)
    assert np.isnan(quartile_densities(values, energy)[1:]).all()


def test_density_laws() -> None:
    whole = quartile_densities(NOISY, ENERGY)
    assert np.allclose(quartile_densities(3 - NOISY, ENERGY), whole)  # reflection and shift
    assert np.allclose(quartile_densities(2 * NOISY, ENERGY), whole / 2)
    squeezed = np.where(ENERGY < 3 / 7, ENERGY / 10, ENERGY)
    assert quartile_densities(squeezed, ENERGY)[1] > 5 * quartile_densities(squeezed, ENERGY)[5]
    mostly_blank = np.where(np.arange(4000) % 8 == 0, NOISY, 0.5)  # most images share one value
    assert np.isnan(quartile_densities(mostly_blank, ENERGY)).all()


def test_a_leak_is_far_above_the_ceiling_and_noise_is_not() -> None:
    energy = np.repeat(RNG.random(500), 10)
    pendulum = np.repeat(np.arange(500), 10)
    oracle = energy + 0.1 * RNG.standard_normal(5000)
    difference, error = excess(energy, oracle, energy, pendulum)
    assert difference == pytest.approx(1 - spearmanr(oracle, energy)[0], abs=1e-9)
    assert difference > 10 * error
    same, error = excess(-oracle, oracle, energy, pendulum)
    assert (same, error) == (0.0, 0.0)
    rival = energy + 0.1 * RNG.standard_normal(5000)
    difference, error = excess(rival, oracle, energy, pendulum)
    assert abs(difference) < 4 * error


def test_jackknife_error_is_the_spread_between_datasets() -> None:
    found = []
    for _ in range(150):
        energy = np.repeat(RNG.random(100), 5)
        sides = [energy + s * RNG.standard_normal(500) for s in (0.2, 0.1)]
        found.append(excess(*sides, energy, np.repeat(np.arange(100), 5)))
    differences, errors = np.array(found).T
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(differences.std(), rel=0.3)
