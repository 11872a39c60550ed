"""Measures against independent calculations, at their edges, and their laws."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.ensemble import RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.manifold import SpectralEmbedding
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from pendeval.measures import bootstrap, geometry, regression
from pendeval.measures.agreement import rank_agreement
from pendeval.measures.ambiguity import blank_images
from pendeval.measures.density import quartile_densities, range_densities, representation_range
from pendeval.measures.line import MOST_LANDMARKS, cut_angle, empty_arc, line, spectral
from pendeval.measures.spearman import (
    band_spearmans,
    fractured,
    inside,
    local_spearmans,
    seen_bands,
    segments,
    spearman,
)

RNG = np.random.default_rng(0)
ENERGY = RNG.random(4000)
NOISY = ENERGY + 0.1 * RNG.standard_normal(4000)
PENDULUM = np.repeat(np.arange(200), 20)
SHARED = np.repeat(RNG.random(200), 20)  # energies as in a dataset: one per pendulum
HEIGHT = RNG.uniform(-1, 1, 4000)
SHOWN = RNG.random(4000)  # a further output that knows nothing
Float = NDArray[np.float64]
NAN, ANY = object(), object()  # undefined; tested elsewhere
LITTLE, STEPS = pytest.approx(0, abs=0.04), pytest.approx(1 / np.sqrt(1200), abs=0.01)
CLOSE, SPAN = pytest.approx(1, abs=0.01), pytest.approx(np.ptp(SHARED))


def blank_offset(values: Float) -> float:
    """Blank images less the average of visible ones, where every third image is blank for no reason."""
    found = blank_images(values, SHARED, np.arange(4000) % 3 == 0, PENDULUM, bootstrap.resample(200, 3))
    assert found is not None
    return found.embedding - found.expected


def test_spearman_against_scipy_and_by_hand() -> None:
    tied = np.round(NOISY, 1)
    for values in (NOISY, tied, -tied):
        assert spearman(values, ENERGY) == pytest.approx(spearmanr(values, ENERGY)[0], abs=1e-12)
    # Five distinct ranks: 1 − 6Σd²/(n(n² − 1)) with d = (0, 1, −1, 0, 0).
    by_hand = spearman(np.array([1.0, 3, 2, 4, 5]), np.arange(5.0))
    assert by_hand == pytest.approx(float(1 - Fraction(6 * 2, 5 * 24)), abs=1e-15)


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
    with pytest.raises(ValueError, match="values holds NaN"):
        spearman(np.array([1.0, np.nan]), np.array([1.0, 2]))
    with pytest.raises(ValueError, match="shapes are"):
        spearman(np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="shapes are"):
        spearman(np.zeros((3, 1)), np.zeros((3, 1)))


def rmse(regress: Callable[..., Float], values: Float) -> float:
    """Error of a regression on the other half of the pendulums."""
    fit, held = regression.halves(PENDULUM[: len(values)])
    points, energy = values[:, None], SHARED[: len(values)]
    return float(np.sqrt(np.mean((regress(points[fit], energy[fit], points[held]) - energy[held]) ** 2)))


def forest_of_ten(points: Float, energy: Float, queries: Float) -> Float:
    """Mean prediction of one small forest."""
    return np.asarray(regression.forest(points, energy, queries, forests=1, trees=50).predictions[0])


def resampled(values: Float) -> float:
    """Mean ρ over a few resamples."""
    size = len(values)
    return float(bootstrap.spearmans(values, SHARED[:size], PENDULUM[:size], bootstrap.resample(200, 8)).mean())


EVEN = pytest.approx(np.sqrt(1 / 12), rel=0.4)  # the error of a constant guess, or somewhat more
SLOPE = pytest.approx(1.0, rel=0.35)
UNLIKE = pytest.approx(0.0, abs=0.1)
# Each measure on an embedding that is the energy, minus it, constant, random, and the energy in ten steps.
CASES: dict[str, tuple[Callable[[Float], float], Sequence[object]]] = {
    "global": (lambda v: spearman(v, SHARED), (1, -1, NAN, UNLIKE, pytest.approx(0.995, abs=0.004))),
    "resampled": (resampled, (1, -1, NAN, UNLIKE, pytest.approx(0.995, abs=0.004))),
    "local": (lambda v: local_spearmans(v, SHARED).mean(), (1, 1, NAN, UNLIKE, pytest.approx(0.7, abs=0.2))),
    "density": (lambda v: np.median(quartile_densities(v, SHARED, segments())), (SLOPE, SLOPE, NAN, ANY, ANY)),
    "range density": (lambda v: range_densities(v, SHARED, segments())[3], (SLOPE, SLOPE, NAN, ANY, ANY)),
    "range": (representation_range, (SPAN, SPAN, 0, CLOSE, pytest.approx(0.9))),
    "forest": (partial(rmse, forest_of_ten), (LITTLE, LITTLE, EVEN, EVEN, STEPS)),
    "neighbours": (partial(rmse, regression.nearest), (LITTLE, LITTLE, EVEN, EVEN, STEPS)),
    "linear": (partial(rmse, regression.linear), (LITTLE, LITTLE, EVEN, EVEN, STEPS)),
    "monotone": (partial(rmse, regression.monotone), (LITTLE, LITTLE, EVEN, EVEN, STEPS)),
    "invariance": (lambda v: geometry.time_invariance(v[:, None], PENDULUM), (1, 1, NAN, UNLIKE, 1)),
    "agreement": (lambda v: rank_agreement(np.stack([v, SHARED]))[0, 1], (CLOSE, CLOSE, NAN, UNLIKE, CLOSE)),
    "output": (lambda v: spearman(line(v[:, None])[0], SHARED), (1, -1, NAN, UNLIKE, CLOSE)),
    "spectral": (lambda v: abs(spearman(spectral(v[:, None] * [1, 2]), SHARED)), (CLOSE, CLOSE, NAN, UNLIKE, CLOSE)),
    "line share": (lambda v: geometry.line_share(v[:, None] * [1, 2], v), (1, 1, NAN, 1, 1)),
    "dimensions": (lambda v: geometry.participation_ratio(v[:, None] * [1, 2]), (1, 1, NAN, 1, 1)),
    "vertical": (lambda v: geometry.vertical_share(v[:, None], v, HEIGHT), (UNLIKE, UNLIKE, UNLIKE, UNLIKE, UNLIKE)),
    "vertical gain": (
        lambda v: geometry.vertical_gain(np.column_stack([v, SHOWN]), v, HEIGHT),
        (UNLIKE, UNLIKE, UNLIKE, UNLIKE, UNLIKE),
    ),
    "blank": (lambda v: blank_offset(v), (UNLIKE, UNLIKE, 0, UNLIKE, UNLIKE)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_measure_at_its_edges(name: str) -> None:
    measure, expected = CASES[name]
    inputs = (SHARED, -SHARED, np.ones(4000), RNG.random(4000), np.floor(10 * SHARED) / 10)
    for values, answer in zip(inputs, expected, strict=True):
        found = measure(values)
        assert np.isnan(found) if answer is NAN else answer is ANY or found == answer, (name, found, answer)
    with pytest.raises(ValueError, match="NaN or infinity"):
        measure(np.where(np.arange(4000) == 7, np.nan, SHARED))
    shifted = measure(SHARED + 3)  # a shift means nothing to any measure
    assert shifted == pytest.approx(measure(SHARED), abs=1e-6, nan_ok=True)


def test_measures_of_two_points() -> None:
    pendulum, energy, counts = np.array([0, 1]), np.array([0.2, 0.7]), bootstrap.resample(2, 50)
    values = np.array([3.0, 1.0])
    rho = bootstrap.spearmans(values, energy, pendulum, counts)
    assert set(rho[np.isfinite(rho)]) == {-1.0}  # defined where both were drawn
    assert np.isnan(rho).sum() == ((counts == 2).any(axis=1)).sum()
    assert np.isnan(local_spearmans(values, energy)).all()
    assert representation_range(values) == 2
    fit, held = regression.halves(pendulum)
    for regress in (regression.nearest, regression.linear, regression.monotone, forest_of_ten):
        assert regress(values[fit, None], energy[fit], values[held, None])[0] == pytest.approx(energy[fit][0])
    assert np.isnan(geometry.time_invariance(values[:, None], pendulum))  # one image of each
    assert geometry.participation_ratio(values[:, None] * [1, 2]) == pytest.approx(1)
    assert rank_agreement(np.stack([values, energy]))[0, 1] == pytest.approx(1)
    assert abs(spearman(spectral(values[:, None] * [1, 2]), energy)) == 1


def test_segments_cover_the_energies() -> None:
    assert np.allclose([low for low, _ in segments()], np.arange(7) / 7)
    energies = np.array([0.0, 0.1, 1 / 7, 0.5, 0.999, 1.0])
    numbers = [[k for k, band in enumerate(segments()) if inside(np.array([m]), band)[0]] for m in energies]
    assert numbers == [[0], [0], [1], [3], [6], [6]]  # every energy in one segment, a border in the upper one


def test_local_spearmans_follow_the_global_sign() -> None:
    local = local_spearmans(NOISY, ENERGY)
    assert local.shape == (7,)
    for k in range(7):
        some = (k / 7 <= ENERGY) & ((k + 1) / 7 > ENERGY)
        assert local[k] == pytest.approx(spearmanr(NOISY[some], ENERGY[some])[0], abs=1e-12)
    assert np.allclose(local_spearmans(-NOISY, ENERGY), local)
    folded = np.where(ENERGY < 2 / 7, -ENERGY, ENERGY)
    assert np.sign(local_spearmans(folded, ENERGY)).tolist() == [-1, -1, 1, 1, 1, 1, 1]


def test_bands_of_gaps() -> None:
    gaps = [(0.6, 0.8), (0.2, 0.4)]
    assert seen_bands(gaps) == [(0.0, 0.2), (0.4, 0.6), (0.8, 1.0)]
    assert seen_bands([(0.0, 0.5)]) == [(0.5, 1.0)]
    assert seen_bands([]) == [(0.0, 1.0)]
    folded = np.where(ENERGY < 0.3, 0.3 - ENERGY, ENERGY)
    found = band_spearmans(folded, ENERGY, [(0.0, 0.3), (0.3, 1.0), (0.5, 0.5)])
    assert found[:2].tolist() == [-1.0, 1.0]
    assert np.isnan(found[2])


def test_fracture_needs_two_certain_and_opposite_bands() -> None:
    nan = np.nan
    assert fractured(np.array([0.5, -0.9]), np.array([0.7, -0.8])) is True
    assert fractured(np.array([0.5, -0.9]), np.array([0.7, 0.1])) is False  # the second may be positive
    assert fractured(np.array([-0.5, -0.9]), np.array([-0.4, -0.8])) is False  # all fall: one direction
    assert fractured(np.array([0.5, nan]), np.array([0.7, nan])) is None


def test_density_of_a_uniform_embedding_is_its_slope() -> None:
    even = (np.arange(70000) + 0.5) / 70000
    assert np.allclose(quartile_densities(4 * even, even, segments()), 1 / 4, rtol=1e-3)
    assert np.allclose(range_densities(4 * even, even, segments()), 1 / 4, rtol=1e-3)
    assert representation_range(4 * even) == pytest.approx(4, rel=1e-4)
    assert np.isnan(representation_range(even[:0]))


def test_density_by_hand() -> None:
    energy, values = np.array([0.01, 0.02, 0.03, 0.04, 0.05]), np.array([0.0, 1, 2, 3, 10])
    assert quartile_densities(values, energy, segments())[0] == pytest.approx(0.5 * (1 / 7) / 2, abs=1e-12)
    assert range_densities(values, energy, segments())[0] == pytest.approx((1 / 7) / 10, abs=1e-12)
    assert np.isnan(quartile_densities(values, energy, segments())[1:]).all()


def test_density_laws() -> None:
    whole = quartile_densities(NOISY, ENERGY, segments())
    assert np.allclose(quartile_densities(3 - NOISY, ENERGY, segments()), whole)  # reflection and shift
    assert np.allclose(quartile_densities(2 * NOISY, ENERGY, segments()), whole / 2)
    squeezed = np.where(ENERGY < 3 / 7, ENERGY / 10, ENERGY)
    found = quartile_densities(squeezed, ENERGY, segments())
    assert found[1] > 5 * found[5]
    mostly_blank = np.where(np.arange(4000) % 8 == 0, NOISY, 0.5)  # most images share one value
    assert np.isnan(quartile_densities(mostly_blank, ENERGY, segments())).all()


def test_halves_part_pendulums() -> None:
    fit, held = regression.halves(PENDULUM)
    assert fit.sum() == held.sum() == 2000
    assert not set(PENDULUM[fit]) & set(PENDULUM[held])
    fit, held = regression.halves(np.array([3, 3, 8, 8, 8]))
    assert int(fit.sum()) in (2, 3)  # all images of the one, or all of the other
    assert (fit == ~held).all()


@pytest.mark.parametrize(("dim", "copies"), [(1, 1), (1, 8), (2, 1), (2, 8), (3, 8)])
def test_a_tree_is_the_one_scikit_learn_grows_on_the_same_draws(dim: int, copies: int) -> None:
    points = SHARED[:, None] * [1, 2, -1][:dim] + 0.2 * RNG.standard_normal((4000, dim))
    points = np.round(points, 5)  # scikit-learn takes values within 1e-7 for one
    points = np.tile(points[: 4000 // copies], (copies, 1)).astype(np.float32).astype(np.float64)
    rows, which = regression.distinct(points)
    drawn = RNG.integers(4000, size=4000)
    grown = DecisionTreeRegressor(random_state=0).fit(points[drawn], SHARED[drawn])
    learnt, _ = regression.distinct(points[drawn])
    ours = regression.tree(rows, which[drawn], SHARED[drawn], learnt)
    assert np.allclose(ours, grown.predict(learnt), atol=1e-9)
    fresh = SHARED[:, None] * [1, 2, -1][:dim] + 0.2 * RNG.standard_normal((4000, dim))
    others, which_other = regression.distinct(fresh)
    ours, theirs = regression.tree(rows, which[drawn], SHARED[drawn], others), grown.predict(others)
    if dim == 1:
        assert np.allclose(ours, theirs, atol=1e-9)
    else:  # between equally good splits, of which small nodes have many, both choose at random
        errors = [np.sqrt(np.mean((answer[which_other] - SHARED) ** 2)) for answer in (ours, theirs)]
        assert errors[0] == pytest.approx(errors[1], rel=0.05)


def test_a_forest_is_the_mean_of_scikit_learns_trees_on_the_same_draws() -> None:
    points = np.round(SHARED[:, None] + 0.2 * RNG.standard_normal((4000, 1)), 5)  # none within its 1e-7
    points = points.astype(np.float32).astype(np.float64)
    queries = RNG.uniform(-1, 2, (300, 1)).astype(np.float32).astype(np.float64)
    generator = np.random.Generator(np.random.Philox(key=0))  # as the forest draws
    theirs = np.zeros((2, 300))
    for forest in theirs:
        for _ in range(5):
            drawn = generator.integers(4000, size=4000)
            forest += DecisionTreeRegressor(random_state=0).fit(points[drawn], SHARED[drawn]).predict(queries) / 5
    ours = regression.forest(points, SHARED, queries, forests=2, trees=5)
    assert np.allclose(ours.predictions, theirs, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2])
def test_a_forest_is_as_good_as_scikit_learns(dim: int) -> None:
    points = SHARED[:, None] * [1, 2][:dim] + 0.2 * RNG.standard_normal((4000, dim))
    fit, held = regression.halves(PENDULUM)
    ours = regression.forest(points[fit], SHARED[fit], points[held], forests=2)
    theirs = RandomForestRegressor(random_state=0).fit(points[fit].astype(np.float32), SHARED[fit])
    errors = [np.sqrt(np.mean((p - SHARED[held]) ** 2)) for p in ours.predictions]
    reference = np.sqrt(np.mean((theirs.predict(points[held].astype(np.float32)) - SHARED[held]) ** 2))
    assert errors == pytest.approx([reference] * 2, rel=0.02)
    assert ours.protocol == "2 x 100 trees, exact"
    again = regression.forest(points[fit], SHARED[fit], points[held], forests=2)
    assert np.array_equal(again.predictions, ours.predictions)


def test_the_cheaper_forest_says_so() -> None:
    points = RNG.random((20000, 2))
    energy = points[:, 0]
    found = regression.forest(points, energy, points[:50], forests=10, trees=5)
    assert found.predictions.shape == (1, 50)
    assert found.protocol == "1 x 5 trees, cheaper: 16384 images"
    assert np.abs(found.predictions[0] - energy[:50]).max() < 0.1


def test_regressions_against_scikit_learn() -> None:
    points = SHARED[:, None] * [1, 2] + 0.2 * RNG.standard_normal((4000, 2))
    points = points.astype(np.float32).astype(np.float64)
    queries = points[:300] + 0.01
    queries = queries.astype(np.float32).astype(np.float64)
    theirs = KNeighborsRegressor(20).fit(points, SHARED).predict(queries)
    assert np.allclose(regression.nearest(points, SHARED, queries), theirs, atol=1e-9)
    theirs = LinearRegression().fit(points, SHARED).predict(queries)
    assert np.allclose(regression.linear(points, SHARED, queries), theirs, atol=1e-9)


def test_neighbours_that_tie_all_count() -> None:
    points = np.array([[0.0]] * 30 + [[1.0]] * 5 + [[9.0]] * 5)
    energy = np.concatenate([np.linspace(0, 0.3, 30), np.full(5, 0.5), np.full(5, 1.0)])
    found = regression.nearest(points, energy, np.array([[0.1], [8.0]]))
    assert found[0] == pytest.approx(energy[:30].mean(), abs=1e-12)  # all 30, not some 20 of them
    assert found[1] == pytest.approx(energy.mean(), abs=1e-12)  # 5 + 5 are too few, so the next 30 too
    assert regression.nearest(points[:3], energy[:3], points[:1]) == pytest.approx(energy[:3].mean())


def test_regressions_of_a_constant_guess_the_mean() -> None:
    points, energy = np.ones((100, 1)), RNG.random(100)
    assert np.allclose(regression.nearest(points, energy, points), energy.mean())
    assert np.allclose(regression.linear(points, energy, points), energy.mean())
    assert np.allclose(regression.monotone(points, energy, points), energy.mean())
    assert np.allclose(regression.forest(points, energy, points).predictions, energy.mean(), atol=0.03)


def test_the_monotone_rule_against_scikit_learn() -> None:
    queries = np.concatenate([RNG.uniform(-0.5, 1.5, 300), NOISY[:50]])
    for values in (NOISY, -NOISY, np.round(NOISY, 1), -np.round(NOISY, 1)):
        rising = values[0] == NOISY[0] or values[0] == np.round(NOISY[0], 1)
        theirs = IsotonicRegression(increasing=bool(rising), out_of_bounds="clip").fit(values, ENERGY)
        asked = queries if rising else -queries
        found = regression.monotone(values[:, None], ENERGY, asked[:, None])
        assert np.allclose(found, theirs.predict(asked), atol=1e-9)


def test_the_monotone_rule_by_hand_and_its_laws() -> None:
    points, energy = np.array([[1.0], [2], [3], [3], [5]]), np.array([0.1, 0.5, 0.2, 0.4, 0.9])
    # 2 and 3 are out of order, 0.5 against the mean 0.3 of two: together they are (0.5 + 0.2 + 0.4) / 3.
    found = regression.monotone(points, energy, np.array([[0.0], [1.5], [2], [2.5], [3], [4], [9]]))
    pool = 1.1 / 3
    assert found == pytest.approx([0.1, (0.1 + pool) / 2, pool, pool, pool, (pool + 0.9) / 2, 0.9], abs=1e-12)
    queries = NOISY[:200, None]
    whole = regression.monotone(NOISY[:, None], ENERGY, queries)
    assert np.allclose(regression.monotone(-NOISY[:, None], ENERGY, -queries), whole, atol=1e-12)
    assert np.allclose(regression.monotone(NOISY[:, None] ** 3, ENERGY, queries**3), whole, atol=1e-12)
    many = np.tile(points, (2, 1)), np.tile(energy, 2)
    assert np.allclose(regression.monotone(*many, points), regression.monotone(points, energy, points))
    with pytest.raises(ValueError, match=r"embeddings have shape \(5, 2\), expected \(n, 1\)"):
        regression.monotone(np.hstack([points, points]), energy, points)


def test_a_forest_reads_which_image_it_is_and_a_monotone_rule_does_not() -> None:
    image = np.minimum((20 * SHARED + RNG.integers(0, 2, 4000)).astype(int), 20)  # 21 images, each often
    shuffled = RNG.permutation(21)[image].astype(float)
    for regress, blind in ((forest_of_ten, True), (regression.monotone, False)):
        ordered, mixed = (rmse(regress, values) for values in (image.astype(float), shuffled))
        assert (abs(ordered - mixed) < 0.001) if blind else (mixed > 3 * ordered)


def test_one_output_is_its_own_line() -> None:
    values, how = line(NOISY[:, None])
    assert how == "output"
    assert np.array_equal(values, NOISY)


def test_the_angle_is_cut_where_nothing_is() -> None:
    turned = 2.5 + 5.5 * ENERGY  # an arc of 5.5 of 2π that crosses the branch cut of arctan2
    points = np.column_stack([np.cos(turned), np.sin(turned)]) * RNG.uniform(0.5, 2, (4000, 1))
    values, how = line(points, cosine=True)
    assert how == "angle"
    assert spearman(values, ENERGY) == pytest.approx(1.0, abs=1e-9)
    assert values.min() == pytest.approx((2 * np.pi - np.ptp(turned)) / 2, abs=1e-9)
    assert np.allclose(cut_angle(points * [1, -1]).max() + values.min(), 2 * np.pi)  # reflected
    rotated = points @ np.array([[0.6, -0.8], [0.8, 0.6]])
    assert abs(spearman(cut_angle(rotated), ENERGY)) == pytest.approx(1.0, abs=1e-9)
    assert len(cut_angle(np.ones((3, 2)))) == 3


def test_spectral_embedding_against_scikit_learn() -> None:
    curve = RNG.random(300)
    points = np.column_stack([np.cos(4 * curve), np.sin(4 * curve), curve])
    theirs = SpectralEmbedding(1, affinity="nearest_neighbors", n_neighbors=30, random_state=0).fit_transform(points)
    ours = spectral(points)
    scale = ours @ theirs[:, 0] / (theirs[:, 0] @ theirs[:, 0])
    assert np.allclose(ours, scale * theirs[:, 0], atol=1e-9)
    assert abs(spearman(ours, curve)) > 0.999


def test_spectral_embedding_weighs_what_occurs_often() -> None:
    rows = RNG.random((60, 2))
    count = RNG.integers(1, 9, 60)
    # Independent: the generalised problem L f = λ D f over the repeated points, all kernels written out.
    from scipy.linalg import eigh
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(rows, 6, include_self=True).toarray()
    affinity = ((graph + graph.T) / 2)[np.repeat(np.arange(60), count)][:, np.repeat(np.arange(60), count)]
    np.fill_diagonal(affinity, 0)
    degree = np.diag(affinity.sum(axis=1))
    _, vectors = eigh(degree - affinity, degree)
    expected, found = vectors[:, 1], spectral(np.repeat(rows, count, axis=0))
    assert abs(np.corrcoef(expected, found)[0, 1]) == pytest.approx(1.0, abs=1e-9)


def test_a_spectral_embedding_by_probability_is_that_of_many_images() -> None:
    rows = RNG.random((60, 2)) * [1, 3]
    count = RNG.integers(1, 9, 60)
    given = spectral(rows, count / count.sum())
    for scale, near in ((1, 1e-1), (1000, 1e-3)):
        drawn = spectral(np.repeat(rows, scale * count, axis=0))[np.cumsum(scale * count) - 1]
        drawn = drawn * np.sign(drawn @ given)
        assert np.allclose(drawn, given, atol=near * np.ptp(given))
    twice = spectral(np.repeat(rows, 2, axis=0), np.repeat(count / count.sum() / 2, 2))
    assert np.allclose(np.abs(twice[::2]), np.abs(given), atol=1e-9)
    values, how = line(rows, probability=count / count.sum())
    assert how == "spectral"
    assert np.array_equal(values, given)
    assert np.array_equal(line(rows[:, :1], probability=count / 1.0)[0], rows[:, 0])


def test_images_too_rare_to_carry_a_graph_are_placed_between_the_others() -> None:
    curve = np.sort(RNG.random(300))
    points = np.column_stack([np.cos(2 * curve), np.sin(2 * curve)])
    rare = np.arange(300) % 10 == 5
    probability = np.where(rare, 1e-12, 1.0)
    found = spectral(points, probability / probability.sum())
    kept = probability[~rare] / probability[~rare].sum()
    assert np.allclose(np.abs(found[~rare]), np.abs(spectral(points[~rare], kept)), atol=1e-6)
    assert abs(spearman(found, curve)) > 0.999
    only = spectral(points[:5], np.array([1.0, 1e-9, 1e-9, 1e-9, 1e-9]))  # too few are common: all count
    assert len(np.unique(only)) == 5
    many = RNG.random(MOST_LANDMARKS + 500)
    ribbon = np.column_stack([np.cos(4 * many), np.sin(4 * many)])
    chance = RNG.gamma(0.5, size=len(many)) + 1e-3
    assert abs(spearman(spectral(ribbon, chance / chance.sum()), many)) > 0.999
    with pytest.raises(ValueError, match="probability holds NaN"):
        spectral(points, np.full(300, np.nan))


def test_spectral_embedding_of_pieces_of_many_points_and_of_few() -> None:
    curve = np.concatenate([np.linspace(0, 1, 300), np.linspace(40, 41, 300)])
    pieces = np.column_stack([curve, np.zeros(600)])
    assert abs(spearman(spectral(pieces), curve)) > 0.999
    many = RNG.random(3 * MOST_LANDMARKS)
    ribbon = np.column_stack([np.cos(4 * many), np.sin(4 * many)])
    assert abs(spearman(spectral(ribbon), many)) > 0.999
    assert spectral(np.ones((5, 2))).tolist() == [0] * 5
    assert np.unique(spectral(np.array([[0.0, 1], [2, 3], [0, 1]]))).tolist() == [0, 1]


def test_time_invariance_by_hand_and_its_laws() -> None:
    # Mean squares 36 between and 2 within, two images each: components 17 and 2.
    by_hand = geometry.time_invariance(np.array([[1.0], [3], [7], [9]]), np.array([0, 0, 1, 1]))
    assert by_hand == pytest.approx(17 / 19, abs=1e-12)
    points = SHARED[:, None] + 0.3 * RNG.standard_normal((4000, 2))
    whole = geometry.time_invariance(points, PENDULUM)
    groups = np.stack([points[p == PENDULUM] for p in range(200)])  # (200, 20, 2)
    within = groups.var(axis=1, ddof=1).mean(axis=0).sum()
    between = groups.mean(axis=1).var(axis=0, ddof=1).sum() - within / 20
    assert whole == pytest.approx(between / (between + within), abs=1e-9)
    assert geometry.time_invariance(3 - 2 * points, PENDULUM) == pytest.approx(whole, abs=1e-12)
    assert geometry.time_invariance(SHARED[:, None], PENDULUM) == pytest.approx(1.0, abs=1e-12)
    assert np.isnan(geometry.time_invariance(np.ones((4000, 1)), PENDULUM))
    few = np.sort(RNG.integers(200, size=600))  # 3 images of a pendulum on average
    unrelated = [geometry.time_invariance(RNG.random((600, 1)), few) for _ in range(40)]
    assert np.mean(unrelated) == pytest.approx(0, abs=0.02)  # and not 1/3


def test_participation_ratio_counts_dimensions() -> None:
    round_cloud = RNG.standard_normal((4000, 3))
    assert geometry.participation_ratio(round_cloud) == pytest.approx(3, rel=0.01)
    assert geometry.participation_ratio(NOISY[:, None] * [1, 2, -3]) == pytest.approx(1, abs=1e-9)
    cov = np.cov(round_cloud * [1, 2, 5], rowvar=False)
    by_trace = np.trace(cov) ** 2 / np.trace(cov @ cov)
    assert geometry.participation_ratio(round_cloud * [1, 2, 5] + 7) == pytest.approx(by_trace, abs=1e-9)
    assert np.isnan(geometry.participation_ratio(np.ones((9, 2))))


def test_vertical_correlation_is_taken_within_pendulums() -> None:
    height = RNG.uniform(-1, 1, 4000)
    outputs = np.column_stack([SHARED, height + SHARED, np.ones(4000)])
    correlations = geometry.vertical_correlations(outputs, height, PENDULUM)
    assert np.isnan(correlations[[0, 2]]).all()  # never vary within a pendulum
    assert correlations[1] == pytest.approx(1.0, abs=1e-9)
    noisy = np.column_stack([height, RNG.random(4000)]) + RNG.standard_normal((4000, 2))
    correlations = geometry.vertical_correlations(noisy, height, PENDULUM)
    dummies = np.eye(200)[PENDULUM]
    parts = [col - dummies @ np.linalg.lstsq(dummies, col, rcond=None)[0] for col in (*noisy.T, height)]
    assert correlations == pytest.approx([pearsonr(part, parts[2])[0] for part in parts[:2]], abs=1e-9)


def test_the_width_of_a_bent_ribbon_is_found_to_follow_the_vertical_position() -> None:
    height = RNG.uniform(-1, 1, 4000)
    spot, turn = 3 * SHARED, np.stack([np.cos(3 * SHARED), np.sin(3 * SHARED)], axis=1)
    ribbon = turn * (5 + 0.2 * height[:, None])  # a bend of 3 radians whose width is the height
    assert geometry.vertical_share(ribbon, spot, height) > 0.95
    assert geometry.vertical_share(turn, spot, height) < 0.05  # no width
    assert geometry.vertical_share(spot[:, None], spot, height) < 0.05  # one output
    assert np.isnan(geometry.vertical_share(ribbon, spot, np.ones(4000)))
    half = ribbon + 0.2 * RNG.standard_normal((4000, 2))
    order = np.argsort(np.argsort(spot, kind="stable")) * 20 // 4000
    codes = np.repeat(np.eye(20)[order], 3, axis=1) * np.tile(np.column_stack([np.ones(4000), half]), 20)
    centred = height - np.array([height[order == k].mean() for k in range(20)])[order]
    missed = height - LinearRegression(fit_intercept=False).fit(codes, height).predict(codes)
    ours = geometry.vertical_share(half, spot, height)
    assert ours == pytest.approx(1 - missed @ missed / (centred @ centred), abs=1e-9)


def scenes(seed: int) -> tuple[NDArray[np.int64], Float, Float]:
    """4000 images of 300 scenes, some often and some seldom; each scene's place on the line, and its height."""
    draw = np.random.default_rng(seed)
    odds = draw.gamma(0.5, size=300)
    return draw.choice(300, p=odds / odds.sum(), size=4000), draw.random(300), draw.uniform(-1, 1, 300)


def test_a_further_output_gains_nothing_by_chance() -> None:
    shares: dict[int, list[float]] = {2: [], 3: []}
    gains: dict[int, list[float]] = {2: [], 3: []}
    for seed in range(40):
        image, place, height = scenes(seed)
        for dim, found in gains.items():
            further = np.random.default_rng([seed, dim]).standard_normal((300, dim - 1))
            points = np.column_stack([place, further])[image]
            shares[dim].append(geometry.vertical_share(points, points[:, 0], height[image]))
            found.append(geometry.vertical_gain(points, points[:, 0], height[image]))
    for dim, found in gains.items():
        error = np.std(found) / np.sqrt(40)
        assert np.mean(found) == pytest.approx(0, abs=4 * error)
        assert np.mean(shares[dim]) > 10 * error  # what chance alone explains


def test_a_further_output_that_is_the_height_gains_what_chance_leaves() -> None:
    image, place, height = scenes(0)
    for turn in (np.eye(2), np.array([[0.6, -0.8], [0.8, 0.6]]), np.array([[1.0, 3], [0, 100]])):
        points = np.column_stack([3 * place, height])[image] @ turn
        found = geometry.vertical_gain(points, place[image], height[image])
        assert found == pytest.approx(geometry.vertical_gain(points @ turn, place[image], height[image]), abs=0.02)
        assert 0.6 < found < 1  # 15 scenes in a part explain much by chance
    points = np.column_stack([place, 0.3 * height + 0.3 * RNG.uniform(-1, 1, 300)])[image]
    half = geometry.vertical_gain(points, place[image], height[image])
    assert 0.2 < half < 0.6
    assert geometry.vertical_gain(points, place[image], height[image]) == half  # the same deals each time
    sideways = RNG.uniform(-1, 1, 300)[image]
    assert abs(geometry.vertical_gain(points, place[image], sideways)) < 0.15


def test_vertical_gain_at_its_edges() -> None:
    image, place, height = scenes(1)
    points = np.column_stack([place, np.ones(300)])[image]
    assert geometry.vertical_gain(points, points[:, 0], height[image]) == pytest.approx(0, abs=1e-9)
    assert geometry.vertical_gain(np.ones((9, 2)), np.ones(9), HEIGHT[:9]) == pytest.approx(0, abs=1e-9)
    assert np.isnan(geometry.vertical_gain(points[:, :1], points[:, 0], height[image]))
    assert np.isnan(geometry.vertical_gain(points, points[:, 0], np.ones(4000)))
    noisy = height[image] + 0.1 * RNG.standard_normal(4000)  # what no image tells is nobody's gain
    points = np.column_stack([place, height])[image]
    found = geometry.vertical_gain(points, points[:, 0], noisy)
    known = geometry.vertical_gain(points, points[:, 0], height[image])
    assert found == pytest.approx(known * np.var(height[image]) / np.var(noisy), abs=0.02)


def test_a_curve_follows_its_line_and_a_cloud_does_not() -> None:
    spot = 3 * SHARED
    bend = np.stack([np.cos(spot), np.sin(spot)], axis=1)
    assert geometry.line_share(bend, spot) > 0.999  # though its participation ratio is that of an area
    assert geometry.participation_ratio(bend) > 1.2
    cloud = RNG.standard_normal((4000, 2))
    assert geometry.line_share(cloud, cloud[:, 0]) == pytest.approx(0.5, abs=0.03)
    assert geometry.line_share(7 - 3 * cloud, cloud[:, 0]) == pytest.approx(geometry.line_share(cloud, cloud[:, 0]))
    assert np.isnan(geometry.line_share(np.ones((9, 2)), np.arange(9.0)))
    part, left = np.argsort(np.argsort(cloud[:, 0])) * 20 // 4000, 0.0
    for k in range(20):
        given = cloud[part == k, :1]
        left += ((cloud[part == k] - LinearRegression().fit(given, cloud[part == k]).predict(given)) ** 2).sum()
    by_part = 1 - left / ((cloud - cloud.mean(axis=0)) ** 2).sum()
    assert geometry.line_share(cloud, cloud[:, 0]) == pytest.approx(by_part, abs=1e-9)
    few = np.array([[0.0, 0], [1, 5], [2, 0], [3, 5]])  # a part for each point: nothing is left
    assert geometry.line_share(few, np.arange(4.0)) == pytest.approx(1.0)


def test_blank_images_by_hand() -> None:
    energy = np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.5])
    values = np.array([1.0, 2, 5, 7, 4, 4, 4])
    blank = np.array([False, False, True, False, True, True, True])  # nothing is visible at .5
    pendulum = np.array([0, 0, 0, 1, 1, 1, 2])
    found = blank_images(values, energy, blank, pendulum, np.array([[1, 1, 1], [2, 0, 1], [0, 0, 3]]))
    assert found is not None
    assert found.images == 4
    assert found.embedding == pytest.approx(13 / 3)
    assert found.expected == pytest.approx((1.5 + 7 + 7) / 3)
    assert found.scale == pytest.approx(np.std([1.0, 2, 7]))
    assert found.resampled[:2] == pytest.approx([13 / 3 - 15.5 / 3, 5 - 1.5])
    assert np.isnan(found.resampled[2])
    assert blank_images(values, energy, np.zeros(7, bool), pendulum, np.ones((1, 3), int)) is None
    assert blank_images(values, energy, np.ones(7, bool), pendulum, np.ones((1, 3), int)) is None


def test_blank_images_at_the_average_are_found_there() -> None:
    blank = RNG.random(4000) < 0.3
    average = SHARED[blank].mean()
    values = np.where(blank, average, SHARED)
    found = blank_images(values, SHARED, blank, PENDULUM, bootstrap.resample(200))
    assert found is not None
    assert found.embedding - found.expected == pytest.approx(0, abs=0.005)
    shifted = blank_images(-values, SHARED, blank, PENDULUM, bootstrap.resample(200))
    assert shifted is not None
    assert shifted.expected == pytest.approx(-found.expected, abs=1e-12)


def test_rank_agreement_against_scipy() -> None:
    lines = np.stack([NOISY, -np.exp(NOISY), np.round(ENERGY, 1), RNG.random(4000), np.ones(4000)])
    found = rank_agreement(lines)
    for i in range(4):
        for j in range(4):
            assert found[i, j] == pytest.approx(abs(spearmanr(lines[i], lines[j])[0]), abs=1e-9)
    assert found[0, 1] == pytest.approx(1.0)
    assert np.isnan(found[4]).all()


def test_empty_arc_of_a_circle() -> None:
    """Three quarters of a circle leave one quarter; the whole of it next to nothing; one point everything."""
    turn = np.linspace(0, 1.5 * np.pi, 400)
    for start in (0.0, 1.0, 3.0):
        points = np.column_stack([np.cos(turn + start), np.sin(turn + start)])
        assert empty_arc(cut_angle(points)) == pytest.approx(0.25, abs=1e-9)
    around = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    points = np.column_stack([np.cos(around), np.sin(around)])
    assert empty_arc(cut_angle(points)) == pytest.approx(1 / 400, abs=1e-9)
    assert empty_arc(cut_angle(points[:1])) == 1.0
