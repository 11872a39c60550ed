"""Exact scores against brute force, sampled scores and the laws they obey."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr
from sklearn.isotonic import IsotonicRegression

from pendeval.measures import ambiguity, bootstrap, density, exact, regression, spearman
from pendeval.measures.population import Population
from pendeval.measures.spearman import segments

RNG = np.random.default_rng(0)
Float = NDArray[np.float64]
CELLS, BINS = 32, 4
# How often each of six images is drawn in each of 32 equal cells of energy, 12 draws a cell. Image 5 shows no bob.
DRAWS = np.array([RNG.multinomial(12, RNG.dirichlet(np.full(6, 0.4))) for _ in range(CELLS)]).T
BLANK = 5
VISIBLE = np.array([[True, True], [True, True], [False, True], [True, True], [True, False], [False, False]])
LINES = {
    "apart": np.array([0.3, -1.0, 2.5, 0.7, 9.0, 0.1]),
    "tied": np.array([0.3, 0.3, 2.5, 2.5, -9.0, 0.3]),
    "two values": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
}
BANDS = [(0.0, 1.0), (0.0, 0.25), (0.25, 1.0), (0.5, 0.75)]


def population(draws: NDArray[Any], bins: int, visible: NDArray[np.bool_] = VISIBLE) -> Population:
    """Images (U, cells) drawn so often, energies uniform within a cell, gathered in `bins` bins."""
    cells, total = draws.shape[1], draws.sum()
    middle = (np.arange(cells) + 0.5) / cells
    joint, moment = (part.reshape(len(draws), bins, -1).sum(axis=2) / total for part in (draws, draws * middle))
    edges, share = np.linspace(0, 1, bins + 1), draws.sum(axis=1) / total
    return Population(share, moment.sum(axis=1) / share, visible, edges, joint, moment)


def sample(values: Float, draws: NDArray[Any], band: tuple[float, float] = (0.0, 1.0)) -> tuple[Float, Float]:
    """The draws one by one: values, and energies at the middle of their cell."""
    middle = np.broadcast_to((np.arange(draws.shape[1]) + 0.5) / draws.shape[1], draws.shape)
    some = np.where((middle > band[0]) & (middle < band[1]), draws, 0).ravel()
    return np.repeat(np.broadcast_to(values[:, None], draws.shape).ravel(), some), np.repeat(middle.ravel(), some)


def untied(energy: Float) -> float:
    """By what ρ over energies that share the middles of cells exceeds the ρ over energies spread within them."""
    share = np.unique(energy, return_counts=True)[1] / len(energy)
    return float(np.sqrt(1 - (share**3).sum()))


def smooth(images: int = 300, bins: int = 140, spread: float = 0.03, seed: int = 0) -> Population:
    """Images that show energies about one of their own, as likely as not rare; a fifth of them lack a bob."""
    draw = np.random.default_rng(seed)
    energy = (np.arange(bins * 8) + 0.5) / (bins * 8)
    near = np.exp(-0.5 * ((energy - draw.random(images)[:, None]) / spread) ** 2)
    near = near * draw.gamma(0.5, size=images)[:, None] + 1e-9
    joint = near / near.sum(axis=0) / len(energy)
    parts = (part.reshape(images, bins, 8).sum(axis=2) for part in (joint, joint * energy))
    probability, moment = parts
    share = probability.sum(axis=1)
    visible = draw.random((images, 2)) > 0.1
    edges = np.linspace(0, 1, bins + 1)
    return Population(share, moment.sum(axis=1) / share, visible, edges, probability, moment)


TOY, SMOOTH = population(DRAWS, BINS), smooth()
NOISY = SMOOTH.energy_given_image + 0.05 * RNG.standard_normal(len(SMOOTH))


@pytest.mark.parametrize("name", LINES)
def test_rank_correlation_against_brute_force(name: str) -> None:
    values = LINES[name]
    found = exact.spearmans(values, TOY, BANDS)
    for rho, band in zip(found, BANDS, strict=True):
        drawn, energy = sample(values, DRAWS, band)
        assert rho == pytest.approx(spearmanr(drawn, energy)[0] * untied(energy), abs=1e-12)
    assert exact.spearman(values, TOY) == pytest.approx(found[0], abs=1e-15)
    assert exact.spearmans(-values, TOY, BANDS) == pytest.approx(-found, abs=1e-12)


@pytest.mark.parametrize("name", LINES)
def test_rank_correlation_of_some_images_against_brute_force(name: str) -> None:
    some = np.asarray(VISIBLE.all(axis=1))
    part = population(DRAWS, CELLS).restrict(
        some
    )  # a bin a cell: their densities are flat there, so nothing is neglected
    assert not part.uniform
    values = LINES[name][some]
    for band, rho in zip(BANDS, exact.spearmans(values, part, BANDS), strict=True):
        drawn, energy = sample(values, DRAWS[some], band)
        found = spearmanr(drawn, energy)[0] if len(np.unique(drawn)) > 1 else np.nan
        assert rho == pytest.approx(found * untied(energy), abs=1e-12, nan_ok=True)
    drawn, energy = sample(values, DRAWS[some])
    assert part.mean_square == pytest.approx((energy**2).mean() + 1 / CELLS**2 / 12, abs=1e-12)


@pytest.mark.parametrize("name", LINES)
def test_monotone_error_against_brute_force(name: str) -> None:
    values = LINES[name]
    drawn, energy = sample(values, DRAWS)
    errors = []
    for rising in (True, False):
        fitted = IsotonicRegression(increasing=rising).fit(drawn, energy).predict(drawn)
        errors.append(np.sqrt(((fitted - energy) ** 2).mean() + 1 / CELLS**2 / 12))
    assert exact.monotone_rmse(values, TOY) == pytest.approx(min(errors), abs=1e-12)
    assert exact.monotone_rmse(-values, TOY) == pytest.approx(min(errors), abs=1e-12)


@pytest.mark.parametrize("name", LINES)
def test_tau_against_brute_force(name: str) -> None:
    values = LINES[name]
    flat = DRAWS.reshape(6, 8, 4).sum(axis=2).repeat(4, axis=1)  # 8 bins within which nothing tells the energy
    found = exact.kendalls(values, population(flat, 8), [(0.0, 1.0), (0.25, 0.75)])
    for tau, band in zip(found, [(0.0, 1.0), (0.25, 0.75)], strict=True):
        drawn, energy = sample(values, flat, band)
        eighths = np.floor(energy * 8)
        share, steps = (np.unique(side, return_counts=True)[1] / len(drawn) for side in (drawn, eighths))
        pairs = np.sqrt((1 - (share**2).sum()) * (1 - (steps**2).sum())) * kendalltau(drawn, eighths)[0]
        assert tau == pytest.approx(pairs / np.sqrt(1 - (share**3).sum()), abs=1e-12)


def test_tau_where_bins_hold_many_images() -> None:
    sharp = population(np.eye(CELLS, dtype=int), BINS, np.ones((CELLS, 2), bool))  # each image one cell of energy
    rising = np.arange(CELLS, dtype=float)
    truth = 1 - 1 / CELLS  # all pairs but those of one image agree
    truth /= np.sqrt(1 - 1 / CELLS**2)
    found = exact.kendalls(rising, sharp, [(0.0, 1.0)])[0]
    assert truth - 1 / (3 * BINS) < found < truth  # as its docstring says
    assert exact.kendalls(-rising, sharp, [(0.0, 1.0)])[0] == pytest.approx(-found, abs=1e-12)


def test_quantiles_densities_and_range_against_brute_force() -> None:
    for values in LINES.values():
        found = exact.quantiles(values, TOY, BANDS, (0.25, 0.5, 0.75))
        reach = exact.ranges(values, TOY, BANDS)
        for k, band in enumerate(BANDS):
            drawn, _ = sample(values, DRAWS, band)
            by_hand = np.quantile(drawn, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
            assert found[:, k] == pytest.approx(by_hand, abs=1e-12)
            assert reach[k] == pytest.approx(np.ptp(drawn), abs=1e-12)
            quarter, whole = (
                measure(values, TOY, [band])[0] for measure in (exact.quartile_densities, exact.range_densities)
            )
            width, spread = band[1] - band[0], by_hand[2] - by_hand[0]
            assert quarter == pytest.approx(0.5 * width / spread if spread else np.nan, abs=1e-12, nan_ok=True)
            assert whole == pytest.approx(width / reach[k] if reach[k] else np.nan, abs=1e-12, nan_ok=True)
        assert exact.representation_range(values, TOY) == pytest.approx(np.ptp(values))


def test_the_range_that_a_number_of_images_is_expected_to_show() -> None:
    values = LINES["apart"]
    images = RNG.choice(6, p=TOY.probability, size=(20_000, 5))
    shown = np.ptp(values[images], axis=1)
    found = exact.representation_range(values, TOY, draws=5)
    assert found == pytest.approx(shown.mean(), abs=4 * shown.std() / np.sqrt(20_000))
    assert exact.representation_range(values, TOY, draws=1) == pytest.approx(0.0, abs=1e-12)
    assert exact.representation_range(values, TOY, draws=1e6) == pytest.approx(np.ptp(values))
    assert exact.representation_range(values, TOY, draws=np.inf) == pytest.approx(np.ptp(values), abs=1e-12)
    half = exact.range_densities(values, TOY, [(0.0, 0.5)], draws=10)[0]
    within = DRAWS[:, :16].sum(axis=1) / DRAWS[:, :16].sum()
    shown = np.ptp(values[RNG.choice(6, p=within, size=(20_000, 5))], axis=1)
    assert half == pytest.approx(0.5 / shown.mean(), rel=0.02)  # half of ten draws


def test_blank_images_against_the_sampled_measure() -> None:
    for values in LINES.values():
        drawn, energy = sample(values, DRAWS)
        blank, _ = sample((np.arange(6) == BLANK).astype(float), DRAWS)
        one = np.zeros(len(drawn), np.int64)
        fine = population(DRAWS, CELLS)
        edges = np.linspace(0, 1, CELLS + 1)
        assert ambiguity.BINS == 50  # the sampled measure has its own bins: move each energy into one of those
        moved = (np.searchsorted(edges, energy) - 0.5) / ambiguity.BINS
        theirs = ambiguity.blank_images(drawn, moved, blank > 0, one, np.ones((1, 1)))
        ours = exact.blank_images(values, fine)
        assert theirs is not None
        assert ours is not None
        assert (ours.embedding, ours.expected) == pytest.approx((theirs.embedding, theirs.expected), abs=1e-12)
        assert ours.scale == pytest.approx(theirs.scale, abs=1e-12)
        assert ours.probability == pytest.approx(TOY.probability[BLANK])
    seen = TOY.restrict(np.arange(6) != BLANK)
    assert exact.blank_images(np.arange(5.0), seen) is None
    assert exact.blank_images(np.zeros(1), TOY.restrict(np.arange(6) == BLANK)) is None


def test_fracture_tells_directions_from_order() -> None:
    whole = population(np.eye(CELLS, dtype=int), 8, np.ones((CELLS, 2), bool))
    bands = [(0.0, 0.25), (0.375, 0.625), (0.75, 1.0)]
    rising = (np.arange(CELLS) + 0.5) / CELLS
    plain = exact.fracture(rising, whole, bands)
    assert (plain.opposed, plain.disordered, plain.backward) == (False, False, [])
    assert plain.median == pytest.approx([0.125, 0.5, 0.875])
    turned = exact.fracture(-rising, whole, bands)
    assert (turned.opposed, turned.disordered, turned.backward) == (False, False, [])
    assert turned.spearman == pytest.approx(plain.spearman)
    backward = np.where(rising < 0.25, 0.25 - rising, rising)
    found = exact.fracture(backward, whole, bands)
    assert (found.opposed, found.disordered, found.backward) == (True, False, [1])
    moved = np.where((rising > 0.375) & (rising < 0.625), rising + 1, rising)
    found = exact.fracture(moved, whole, bands)
    assert (found.opposed, found.disordered, found.backward) == (False, True, [])
    flat = exact.fracture(np.where(rising < 0.7, 0.0, rising), whole, bands)
    assert np.isnan(flat.spearman).tolist() == [True, True, False]
    assert (flat.opposed, flat.disordered) == (None, False)
    assert exact.fracture(rising, whole, bands[:1]).disordered is None


SHARP = population(np.eye(1400, dtype=int), 140, np.ones((1400, 2), bool))  # every image a narrow energy of its own
NAN, ANY = object(), object()  # undefined; tested elsewhere
LITTLE, NONE = pytest.approx(0, abs=0.001), pytest.approx(0, abs=0.1)
EVEN, TENTH = pytest.approx(np.sqrt(1 / 12), rel=0.02), pytest.approx(1 / np.sqrt(1200), abs=0.001)
SLOPE, FULL = pytest.approx(1, abs=0.01), pytest.approx(1, abs=2e-3)
# Each measure on a line that is the energy, minus it, constant, random, and the energy in ten steps.
CASES: dict[str, tuple[Callable[[Float], float], Sequence[object]]] = {
    "global": (
        lambda v: exact.spearman(v, SHARP),
        (FULL, pytest.approx(-1, abs=1e-3), NAN, NONE, pytest.approx(0.995, abs=1e-3)),
    ),
    "local": (lambda v: exact.local_spearmans(v, SHARP).mean(), (FULL, FULL, NAN, NONE, pytest.approx(0.7, abs=0.2))),
    "monotone": (lambda v: exact.monotone_rmse(v, SHARP), (LITTLE, LITTLE, EVEN, EVEN, TENTH)),
    "tau": (
        lambda v: exact.kendalls(v, SHARP, exact.WHOLE)[0],
        (pytest.approx(1, abs=4e-3), pytest.approx(-1, abs=4e-3), NAN, NONE, ANY),
    ),
    "range": (lambda v: exact.representation_range(v, SHARP, np.inf), (FULL, FULL, 0, FULL, pytest.approx(0.9))),
    "seen range": (lambda v: exact.representation_range(v, SHARP), (FULL, FULL, 0, FULL, pytest.approx(0.9))),
    "density": (lambda v: exact.quartile_densities(v, SHARP, segments())[3], (SLOPE, SLOPE, NAN, ANY, ANY)),
    "range density": (lambda v: exact.range_densities(v, SHARP, segments())[3], (SLOPE, SLOPE, NAN, ANY, ANY)),
    "bands": (lambda v: exact.fracture(v, SHARP, segments()).spearman.min(), (FULL, FULL, NAN, ANY, ANY)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_measure_at_its_edges(name: str) -> None:
    measure, expected = CASES[name]
    energy = SHARP.energy_given_image
    inputs = (energy, -energy, np.ones(1400), RNG.random(1400), np.floor(10 * energy) / 10)
    for values, answer in zip(inputs, expected, strict=True):
        found = measure(values)
        assert np.isnan(found) if answer is NAN else answer is ANY or found == answer, (name, found, answer)
    with pytest.raises(ValueError, match="NaN or infinity"):
        measure(np.where(np.arange(1400) == 7, np.nan, energy))
    assert measure(energy + 3) == pytest.approx(measure(energy), abs=1e-9)  # a shift means nothing


def test_a_constant_line_has_no_order() -> None:
    values = np.full(6, 3.0)
    assert np.isnan(exact.spearmans(values, TOY, BANDS)).all()
    assert np.isnan(exact.local_spearmans(np.ones(len(SMOOTH)), SMOOTH)).all()
    assert np.isnan(exact.kendalls(values, TOY, BANDS)).all()
    assert exact.monotone_rmse(values, TOY) == pytest.approx(np.sqrt(1 / 12), abs=1e-12)
    assert exact.representation_range(values, TOY) == exact.representation_range(values, TOY, 9) == 0
    assert np.isnan(exact.quartile_densities(values, TOY, BANDS)).all()
    assert np.isnan(exact.range_densities(values, TOY, BANDS)).all()
    found = exact.fracture(values, TOY, BANDS)
    assert (found.opposed, found.disordered) == (None, False)


def test_one_image_and_one_bin() -> None:
    one = Population(
        np.ones(1), np.full(1, 0.5), np.ones((1, 2), bool), np.array([0.0, 1]), np.ones((1, 1)), np.full((1, 1), 0.5)
    )
    values = np.array([7.0])
    assert np.isnan(exact.spearman(values, one))
    assert exact.monotone_rmse(values, one) == pytest.approx(np.sqrt(1 / 12))
    assert exact.representation_range(values, one) == 0
    assert np.isnan(exact.kendalls(values, one, [(0.0, 1.0)])[0])
    assert exact.quantiles(values, one, [(0.0, 1.0)], (0.5,))[0, 0] == 7
    assert one.uniform
    assert one.both_in_view() is None


def test_a_band_that_no_image_shows() -> None:
    low = population(DRAWS * (np.arange(CELLS) < 16), 8).restrict(np.ones(6, bool))
    bands = [(0.0, 0.5), (0.5, 1.0)]
    for found in (
        exact.spearmans(LINES["apart"], low, bands),
        exact.ranges(LINES["apart"], low, bands),
        exact.kendalls(LINES["apart"], low, bands),
        exact.quartile_densities(LINES["apart"], low, bands),
    ):
        assert np.isfinite(found[0])
        assert np.isnan(found[1])
    assert np.isnan(exact.spearmans(LINES["apart"], low, [(0.5, 0.5)])[0])  # a band without width


@pytest.mark.parametrize("change", [np.exp, lambda v: v**3 + v, lambda v: 5 * v - 7])
def test_increasing_maps_change_no_rank(change: Callable[[Float], Float]) -> None:
    for values in (NOISY, np.round(NOISY, 1)):
        for measure in (exact.spearmans, exact.kendalls, lambda v, p, _: exact.monotone_rmse(v, p)):
            found = measure(change(values), SMOOTH, [*exact.WHOLE, *segments()])
            assert found == pytest.approx(measure(values, SMOOTH, [*exact.WHOLE, *segments()]), abs=1e-12)


def test_a_reversed_line_scores_the_same() -> None:
    for values in (NOISY, np.round(NOISY, 1)):
        assert exact.spearman(-values, SMOOTH) == pytest.approx(-exact.spearman(values, SMOOTH), abs=1e-12)
        assert exact.direction(-values, SMOOTH) == -exact.direction(values, SMOOTH) == -1
        for measure in (exact.local_spearmans, exact.monotone_rmse, exact.representation_range):
            assert measure(-values, SMOOTH) == pytest.approx(measure(values, SMOOTH), abs=1e-12)
        for spread in (exact.quartile_densities, exact.range_densities):
            assert spread(-values, SMOOTH, segments()) == pytest.approx(
                spread(values, SMOOTH, segments()), abs=1e-9, nan_ok=True
            )


def test_the_order_and_number_of_images_mean_nothing() -> None:
    shuffled = RNG.permutation(len(SMOOTH))
    same = SMOOTH.restrict(np.ones(len(SMOOTH), bool))
    columns = ("probability", "energy_given_image", "visible", "energy_probability", "energy_moment")
    other = replace(same, **{name: getattr(same, name)[shuffled] for name in columns})
    halves = {"probability": 2, "energy_probability": 2, "energy_moment": 2}
    twice = {name: np.repeat(getattr(same, name) / halves.get(name, 1), 2, axis=0) for name in columns}
    split = replace(same, **twice)
    for measure in (exact.spearman, exact.monotone_rmse, exact.local_spearmans):
        assert measure(NOISY[shuffled], other) == pytest.approx(measure(NOISY, SMOOTH), abs=1e-12)
        assert measure(np.repeat(NOISY, 2), split) == pytest.approx(measure(NOISY, SMOOTH), abs=1e-12)


def test_no_order_of_images_beats_the_mean_energy() -> None:
    for whole in (SMOOTH, smooth(40, 20, 0.2, seed=2)):
        oracle = whole.energy_given_image
        ceiling, least = exact.spearman(oracle, whole), exact.monotone_rmse(oracle, whole)
        assert least == pytest.approx(np.sqrt(whole.mean_square - whole.probability @ oracle**2), abs=1e-12)
        for _ in range(500):
            moved = oracle + 10 ** RNG.uniform(-4, 0) * RNG.standard_normal(len(whole))
            assert exact.spearman(moved, whole) <= ceiling + 1e-12
            assert exact.monotone_rmse(moved, whole) >= least - 1e-12


def test_ties_can_beat_the_mean_energy() -> None:
    # A common image that tells little, among many that tell all: merging the ones nearest to it costs their order,
    # and gains more in the spread of the ranks.
    cells = 40
    sharp = np.eye(cells, dtype=int)
    draws = np.concatenate([sharp, np.full((1, cells), 3)])
    whole = population(draws, cells, np.ones((cells + 1, 2), bool))
    oracle = whole.energy_given_image + 1e-6 * np.arange(cells + 1)
    merged = np.where(np.abs(oracle - 0.5) < 0.06, 0.5, oracle)
    assert exact.spearman(merged, whole) > exact.spearman(oracle, whole) + 0.0005


def test_sampled_measures_come_to_the_exact_ones() -> None:
    images, pendulums = len(SMOOTH), 40_000
    draw = np.random.default_rng(3)
    energy = draw.random(pendulums)
    column = np.minimum((energy * 140).astype(int), 139)
    shown = np.zeros(pendulums, np.int64)
    for k in range(140):
        odds = SMOOTH.energy_probability[:, k]
        shown[column == k] = draw.choice(images, p=odds / odds.sum(), size=(column == k).sum())
    counts, each, values = bootstrap.resample(pendulums, 100), np.arange(pendulums), NOISY[shown]
    for band, rho in zip(
        [(0.0, 1.0), *segments()], exact.spearmans(NOISY, SMOOTH, [(0.0, 1.0), *segments()]), strict=True
    ):
        some = spearman.inside(energy, band)
        error = bootstrap.standard_error(bootstrap.spearmans(values[some], energy[some], each[some], counts))
        assert spearman.spearman(values[some], energy[some]) == pytest.approx(rho, abs=4 * error)
    fit, held = regression.halves(each)
    answer = regression.monotone(values[fit, None], energy[fit], values[held, None])
    assert np.sqrt(np.mean((answer - energy[held]) ** 2)) == pytest.approx(exact.monotone_rmse(NOISY, SMOOTH), rel=0.02)
    sampled = density.quartile_densities(values, energy, segments())
    assert exact.quartile_densities(NOISY, SMOOTH, segments()) == pytest.approx(sampled, rel=0.1)
    both = SMOOTH.both_in_view()
    kept = np.asarray(SMOOTH.visible.all(axis=1))
    assert both is not None
    in_view = kept[shown]
    error = bootstrap.standard_error(bootstrap.spearmans(values[in_view], energy[in_view], each[in_view], counts))
    found = spearman.spearman(values[in_view], energy[in_view])
    assert found == pytest.approx(exact.spearman(NOISY[kept], both), abs=4 * error)


def test_the_bias_of_a_sample() -> None:
    whole, pendulums, repeats = smooth(60, 28, 0.2, seed=5), 40, 4000
    values, draw = whole.energy_given_image + 0.1 * np.arange(60) % 0.3, np.random.default_rng(7)
    upto = np.cumsum(whole.energy_probability, axis=0) / whole.energy_probability.sum(axis=0)
    for images in (1, 3):
        found = []
        for _ in range(repeats):
            energy = np.repeat(draw.random(pendulums), images)
            chance = draw.random(len(energy))
            shown = (chance > upto[:, np.minimum((energy * 28).astype(int), 27)]).sum(axis=0)
            found.append(spearman.spearman(values[np.minimum(shown, 59)], energy))
        rho, tau = exact.spearmans(values, whole, [(0.0, 1.0)]), exact.kendalls(values, whole, [(0.0, 1.0)])
        bias = exact.sampling_bias(rho, tau, pendulums)[0]
        assert np.mean(found) - rho[0] == pytest.approx(bias, abs=4 * np.std(found) / np.sqrt(repeats))
        assert abs(bias) > 4 * np.std(found) / np.sqrt(repeats)  # it is there to be found


def test_bins_of_140_are_fine_enough_for_images_in_view() -> None:
    fine = smooth(300, 1120, 0.03)
    gathered = (part.reshape(300, 140, 8).sum(axis=2) for part in (fine.energy_probability, fine.energy_moment))
    coarse = Population(fine.probability, fine.energy_given_image, fine.visible, fine.edges[::8], *gathered)
    some = fine.energy_given_image < 0.7
    values = fine.energy_given_image[some]
    ours, theirs = coarse.restrict(some), fine.restrict(some)
    assert not ours.uniform
    assert exact.spearman(values, ours) == pytest.approx(exact.spearman(values, theirs), abs=1e-6)
    bands = segments()[:5]
    assert exact.spearmans(values, ours, bands) == pytest.approx(exact.spearmans(values, theirs, bands), abs=1e-4)
    assert exact.monotone_rmse(values, ours) == pytest.approx(exact.monotone_rmse(values, theirs), abs=1e-6)


def test_some_images_of_a_population() -> None:
    both = TOY.both_in_view()
    assert both is not None
    assert len(both) == 3
    assert both.probability.sum() == pytest.approx(1, abs=1e-12)
    assert both.energy_given_image.tolist() == TOY.energy_given_image[VISIBLE.all(axis=1)].tolist()
    assert not both.uniform
    assert TOY.uniform
    assert TOY.mean_square == pytest.approx(1 / 3, abs=1e-12)
    assert both.both_in_view() is None
    with pytest.raises(ValueError, match="0 of 6 images are kept"):
        TOY.restrict(np.zeros(6, bool))


def test_bands_begin_and_end_at_edges() -> None:
    assert TOY.bins([(0.25, 0.75)])[:, 0].tolist() == [False, True, True, False]
    near = TOY.bins([(0.25 + 1e-9, 0.75 - 1e-9)])
    assert near[:, 0].tolist() == [False, True, True, False]
    assert TOY.resolves([(0.25 + 1e-9, 0.75 - 1e-9), (0.0, 1.0)])
    assert TOY.resolves([])
    for band in ((0.2, 0.75), (0.25, 0.76)):
        assert not TOY.resolves([(0.25, 0.75), band])
        with pytest.raises(ValueError, match="does not begin and end at edges"):
            exact.spearmans(LINES["apart"], TOY, [band])
    for low, high in pairwise(SMOOTH.edges[::20]):
        assert SMOOTH.bins([(low, high)]).sum() == 20


def test_lines_that_do_not_fit_are_refused() -> None:
    for measure in (exact.spearman, exact.monotone_rmse, exact.representation_range, exact.blank_images):
        with pytest.raises(ValueError, match="values holds NaN"):
            measure(np.array([0.0, 1, 2, 3, np.nan, 5]), TOY)
        with pytest.raises(ValueError, match="lengths are"):
            measure(np.zeros(5), TOY)
        with pytest.raises(ValueError, match="values have shape"):
            measure(np.zeros((6, 1)), TOY)


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[], Population]:
    """The toy with one column changed."""
    return lambda: replace(TOY, **{name: change(getattr(TOY, name).copy())})


def at(place: Any, number: float) -> Callable[[Any], Any]:
    """Sets one number of an array."""

    def change(column: Any) -> Any:
        column[place] = number
        return column

    return change


WRONG: dict[str, Callable[[], Population]] = {
    "probability holds NaN": changed("probability", at(2, np.nan)),
    "energy_probability holds NaN": changed("energy_probability", at((1, 1), np.inf)),
    "energy_moment holds NaN": changed("energy_moment", at((1, 1), np.nan)),
    "energy_given_image holds NaN": changed("energy_given_image", at(0, np.nan)),
    "edges holds NaN": changed("edges", at(1, np.nan)),
    "probability reaches down to -0.1": changed("probability", at(2, -0.1)),
    "probability reaches down to 0, expected positive": changed("probability", at(2, 0.0)),
    "probability sums to 2, expected 1": changed("probability", lambda p: 2 * p),
    "energy_probability reaches down to -0.5": changed("energy_probability", at((0, 0), -0.5)),
    "energy_probability of image 3 sums to": changed("energy_probability", at((3, 0), 0.5)),
    "energy_moment of image 1 in bin 2 has its mean energy outside": changed("energy_moment", at((1, 2), 0.9)),
    "energy_moment of image 0 sums to": changed("energy_given_image", lambda h: h + 0.01 * (np.arange(6) < 1)),
    "expected to rise from 0 to 1": changed("edges", lambda e: e[::-1]),
    "edges run from 0 to 0.9": changed("edges", at(4, 0.9)),
    "edges run from 0 to 1": changed("edges", at(2, 0.25)),
    r"visible has shape \(6,\), expected \(6, 2\)": changed("visible", lambda v: v[:, 0]),
    r"energy_moment has shape \(6, 3\), expected \(6, 4\)": changed("energy_moment", lambda m: m[:, :3]),
    r"energy_given_image has shape \(5,\)": changed("energy_given_image", lambda h: h[:5]),
    r"probability \(0,\) and edges": changed("probability", lambda p: p[:0]),
    r"probability \(6, 1\) and edges": changed("probability", lambda p: p[:, None]),
    r"and edges \(1,\)": changed("edges", lambda e: e[:1]),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_population_is_refused(message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        WRONG[message]()
    assert "\n" not in str(refused.value)
