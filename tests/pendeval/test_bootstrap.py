"""Resampled scores against images drawn one by one, and intervals against what they are of."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from pendeval.measures import bootstrap, regression
from pendeval.measures.registry import MEASURES
from pendeval.measures.spearman import inside, segments, spearman

RNG = np.random.default_rng(0)
PENDULUM = np.repeat(np.arange(200), 20)
SHARED = np.repeat(RNG.random(200), 20)  # energies as in a dataset: one per pendulum
Float = NDArray[np.float64]
SIGNED, POSITIVE, SHARE = (-1.0, 1.0), (0.0, np.inf), (0.0, 1.0)


@pytest.mark.parametrize("digits", [12, 1, 0])
def test_a_resample_scores_as_if_its_images_stood_there(digits: int) -> None:
    values = np.round(SHARED + 0.2 * RNG.standard_normal(4000), digits)
    counts = bootstrap.resample(200, 12)
    assert (counts.sum(axis=1) == 200).all()
    found = bootstrap.spearmans(values, SHARED, PENDULUM, counts)
    for row, rho in zip(counts, found, strict=True):
        drawn = np.repeat(np.arange(4000), row[PENDULUM])
        assert rho == pytest.approx(spearmanr(values[drawn], SHARED[drawn])[0], abs=1e-9)
    assert np.allclose(bootstrap.spearmans(np.exp(values), SHARED, PENDULUM, counts), found, atol=1e-12)


def test_resampling_at_its_edges() -> None:
    counts = bootstrap.resample(200, 20)
    assert np.array_equal(counts, bootstrap.resample(200, 20))  # any two encoders are resampled alike
    assert np.allclose(bootstrap.spearmans(SHARED, SHARED, PENDULUM, counts), 1.0)
    assert np.allclose(bootstrap.spearmans(-SHARED, SHARED, PENDULUM, counts), -1.0)
    assert np.isnan(bootstrap.spearmans(np.zeros(4000), SHARED, PENDULUM, counts)).all()
    assert np.isnan(bootstrap.spearmans(SHARED[:1], SHARED[:1], PENDULUM[:1], counts)).all()
    assert np.isnan(bootstrap.standard_error(np.array([1.0])))


def test_resampled_errors_by_hand() -> None:
    squares, images = np.array([4.0, 0.0, 9.0]), np.array([1.0, 1, 3])
    counts = np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]])
    assert np.allclose(bootstrap.root_mean_squares(squares, images, counts), np.sqrt([13 / 5, 0, 17 / 5]))


def test_an_interval_by_hand() -> None:
    resamples = np.arange(101.0)
    reach = norm.ppf(0.975) * np.std(resamples, ddof=1)
    assert bootstrap.interval(resamples, 50.0) == pytest.approx((50 - reach, 50 + reach))
    # The resamples lie 10 below the estimate, as it will below the truth: that is looked for 10 above it.
    assert bootstrap.interval(resamples, 60.0) == pytest.approx((70 - reach, 70 + reach))
    narrow = bootstrap.interval(resamples, 50.0, level=0.5)
    assert narrow == pytest.approx((50 - reach * norm.ppf(0.75) / norm.ppf(0.975), 100 - narrow[0]))
    rho = np.array([0.7, 0.8, 0.75, 0.72])
    fisher = 2 * np.arctanh(0.8) - np.arctanh(rho).mean() + np.array([-1, 1]) * 1.959964 * np.arctanh(rho).std(ddof=1)
    assert bootstrap.interval(rho, 0.8, SIGNED) == pytest.approx(np.tanh(fisher), abs=1e-6)
    error = np.array([0.03, 0.031, 0.034])
    logs = 2 * np.log(0.032) - np.log(error).mean() + np.array([-1, 1]) * 1.959964 * np.log(error).std(ddof=1)
    assert bootstrap.interval(error, 0.032, POSITIVE) == pytest.approx(np.exp(logs), abs=1e-8)
    low, high = bootstrap.interval(-error, -0.032, (-np.inf, 0.0))
    assert (-high, -low) == pytest.approx(np.exp(logs), abs=1e-8)


def test_intervals_stay_within_what_can_be() -> None:
    for limits in (SIGNED, SHARE, POSITIVE):
        for _ in range(50):
            low, high = limits[0], min(limits[1], 3.0)
            near = low + (high - low) * RNG.beta(0.3, 0.3, 20)  # many at the very ends
            found = bootstrap.interval(near, float(RNG.choice(near)), limits)
            assert limits[0] <= found[0] <= found[1] <= limits[1]
    ends = np.array([-1.0, 1.0] * 10)
    assert bootstrap.interval(ends, 0.0, SIGNED) == pytest.approx((-1, 1))
    for one in (1.0, -1.0, 0.3):
        assert bootstrap.interval(np.full(9, one), one, SIGNED) == (one, one)
    almost = np.full(9, 1 - 1e-16)
    assert bootstrap.interval(almost, 1.0, SIGNED) == (1.0, 1.0)
    assert bootstrap.interval(np.zeros(9), 0.0, POSITIVE) == (0.0, 0.0)


def test_intervals_that_are_undefined() -> None:
    nan = np.nan
    for resamples, estimate in (
        (np.full(9, nan), 0.5),
        (np.array([0.5, nan, nan]), 0.5),  # fewer than half
        (np.array([0.5]), 0.5),
        (np.array([]), 0.5),
        (np.array([0.4, 0.5]), nan),
    ):
        assert np.isnan(bootstrap.interval(resamples, estimate, SIGNED)).all()
    assert np.isfinite(bootstrap.interval(np.array([0.4, 0.5, nan]), 0.5, SIGNED)).all()


def test_reversing_a_score_reverses_its_interval() -> None:
    rho = np.tanh(1 + 0.3 * RNG.standard_normal(300))
    low, high = bootstrap.interval(rho, 0.8, SIGNED)
    assert bootstrap.interval(-rho, -0.8, SIGNED) == pytest.approx((-high, -low), abs=1e-12)


def test_every_measure_with_an_interval_says_between_what() -> None:
    for one in MEASURES.values():
        if one.interval:
            low, high = one.limits
            assert low < high


def draw_data(draw: np.random.Generator, pendulums: int, images: int = 5) -> tuple[Float, Float, NDArray[np.int64]]:
    """Values, energies and pendulums; part of the noise is shared by the images of a pendulum."""
    energy, owner = np.repeat(draw.random(pendulums), images), np.repeat(np.arange(pendulums), images)
    # The second noise is one per pendulum: a bootstrap over images would miss it.
    own, shared = draw.standard_normal(len(energy)), draw.standard_normal(pendulums)[owner]
    return np.round(energy + 0.03 * own + 0.06 * shared, 2), energy, owner


def test_intervals_cover_what_they_are_of() -> None:
    draw, repeats, bands = np.random.default_rng(1), 150, segments()
    many, energies, _ = draw_data(draw, 500_000, 1)
    within = [inside(energies, band) for band in bands]
    truth = spearman(many, energies), np.mean([spearman(many[some], energies[some]) for some in within])
    counts, scores, errors = bootstrap.resample(140, 150), np.zeros((repeats, 2)), np.zeros((repeats, 2))
    limits = np.zeros((repeats, 2, 2))
    for k in range(repeats):
        values, energy, owner = draw_data(draw, 140)
        within = [inside(energy, band) for band in bands]
        parts = [(values[some], energy[some], owner[some]) for some in within]
        local = np.mean([bootstrap.spearmans(*part, counts) for part in parts], axis=0)
        resampled = bootstrap.spearmans(values, energy, owner, counts), local
        scores[k] = spearman(values, energy), np.mean([spearman(*part[:2]) for part in parts])
        for j in range(2):
            limits[k, j] = bootstrap.interval(resampled[j], scores[k, j], SIGNED)
            errors[k, j] = bootstrap.standard_error(resampled[j])
    for j in range(2):
        low, high = limits[:, j].T
        assert (high < 1).all()
        assert np.mean((low < truth[j]) & (truth[j] < high)) > 0.89  # 95 % are meant; 140 pendulums are few
        assert max(np.mean(truth[j] <= low), np.mean(truth[j] >= high)) < 0.08  # on either side alike
        off = (scores[:, j].mean() - truth[j]) / scores[:, j].std()
        assert off < 0  # though the score itself lies low
        assert errors[:, j].mean() == pytest.approx(scores[:, j].std(), rel=0.5)


def test_intervals_of_errors_cover_the_error_of_the_rule() -> None:
    draw, repeats, covered = np.random.default_rng(2), 200, 0
    counts = bootstrap.resample(100, 200)
    fresh, truths, _ = draw_data(draw, 100_000, 1)
    for _ in range(repeats):
        values, energy, owner = draw_data(draw, 100)
        fit, held = regression.halves(owner)
        missed = regression.linear(values[fit, None], energy[fit], values[held, None]) - energy[held]
        squares = np.bincount(owner[held], weights=missed**2, minlength=100)
        images = np.bincount(owner[held], minlength=100)
        resampled = bootstrap.root_mean_squares(squares, images, counts)
        low, high = bootstrap.interval(resampled, float(np.sqrt(np.mean(missed**2))), POSITIVE)
        rule = regression.linear(values[fit, None], energy[fit], fresh[:, None])
        covered += low < np.sqrt(np.mean((rule - truths) ** 2)) < high
    assert covered > 0.88 * repeats  # 50 pendulums are judged on
