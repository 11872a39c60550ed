"""The statistics behind the verdicts, against scipy and by hand."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from pendeval.verdict import (
    FLIPS,
    MOST_EXACT,
    binomial,
    bonferroni,
    clopper_pearson,
    equivalence,
    fisher,
    flip_test,
    holm,
    marked_ranks,
    paired,
    t_interval,
    t_test,
)


def normal(seed: int, n: int, mean: float = 0.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(mean, 1, n)


# Means


def test_t_interval_against_scipy() -> None:
    values = np.random.default_rng(0).normal(3, 2, 9)
    found = t_interval(values, 0.9)
    low, high = stats.t.interval(0.9, 8, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert (found.n, found.mean, found.sd) == (9, values.mean(), values.std(ddof=1))
    holed = np.insert(values, [0, 4], [np.nan, np.inf])
    assert t_interval(holed, 0.9) == found


@pytest.mark.parametrize("values", [[], [np.nan], [2.0], [2.0, np.nan]])
def test_no_interval_below_two(values: list[float]) -> None:
    found = t_interval(np.array(values))
    assert found.n == np.isfinite(values).sum()
    assert np.isnan([found.sd, found.low, found.high]).all()
    assert found.mean == 2.0 if found.n else np.isnan(found.mean)
    for test in (t_test, flip_test):
        assert np.isnan([test(np.array(values)).p_value, test(np.array(values)).low]).all()


def test_paired_against_scipy() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.normal(0, 1, 12), draw.normal(0.4, 1, 12)
    found = paired(a, b)
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert found.effect_size == pytest.approx((a - b).mean() / (a - b).std(ddof=1), abs=1e-12)
    assert found.difference == pytest.approx(found.mean_a - found.mean_b, abs=1e-12)
    assert paired(b, a).difference == pytest.approx(-found.difference, abs=1e-12)
    a[0], b[5] = np.nan, np.nan
    kept = [k for k in range(12) if k not in (0, 5)]
    assert paired(a, b) == paired(a[kept], b[kept])


def test_paired_edges() -> None:
    base = np.array([0.1, 0.7, 0.3])
    up = paired(base + 0.2, base)
    assert (up.effect_size, up.p_value) == (np.inf, 0.0)
    assert up.low == pytest.approx(0.2)
    assert paired(base, base + 0.2).effect_size == -np.inf
    same = paired(base, base)
    assert (same.difference, same.effect_size, same.p_value) == (0.0, 0.0, 1.0)
    one = paired(np.array([1.0, np.nan]), np.array([0.5, 2.0]))
    assert (one.n, one.mean_a, one.mean_b, one.difference) == (1, 1.0, 0.5, 0.5)
    assert np.isnan([one.low, one.high, one.effect_size, one.p_value]).all()
    assert paired(np.array([]), np.array([])).n == 0
    with pytest.raises(ValueError, match=r"shape \(2,\) and b \(3,\)"):
        paired(base[:2], base)


@pytest.mark.parametrize("border", [0.0, 0.5])
def test_t_test_against_scipy(border: float) -> None:
    values = normal(2, 11, 0.4)
    found = t_test(values, border)
    for side, alternative in ((found.above, "greater"), (found.below, "less"), (found.p_value, "two-sided")):
        assert side == pytest.approx(stats.ttest_1samp(values, border, alternative=alternative).pvalue, abs=1e-12)


def test_values_that_do_not_vary_are_certain() -> None:
    assert t_test(np.full(4, 0.3)).p_value == 0
    assert t_test(np.full(4, 0.3), 0.3).p_value == 1
    assert (t_test(np.full(4, -0.3)).above, t_test(np.full(4, -0.3)).below) == (1.0, 0.0)
    assert t_test(np.array([0.1 + 0.2, 0.3, 0.3]), 0.3).p_value == 1


def test_two_one_sided_tests() -> None:
    values = normal(3, 15, 0.2)
    sides = [stats.ttest_1samp(values, low, alternative=a).pvalue for low, a in ((-1, "greater"), (1, "less"))]
    assert equivalence(values, -1, 1) == pytest.approx(max(sides), abs=1e-12)
    assert equivalence(values, -np.inf, 1) == pytest.approx(sides[1], abs=1e-12)
    interval = t_interval(values, 0.9)
    inside = interval.low > -1 and interval.high < 1
    assert (equivalence(values, -1, 1) <= 0.05) == inside
    assert np.isnan(equivalence(values[:1], -1, 1))


# Sign flips


@pytest.mark.parametrize("n", [2, 5, 9, MOST_EXACT])
def test_sign_flips_against_scipy(n: int) -> None:
    values = normal(4, n, 0.5)
    found = flip_test(values)
    for side, alternative in ((found.above, "greater"), (found.below, "less")):
        expected = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", alternative=alternative, n_resamples=np.inf
        )
        assert side == pytest.approx(expected.pvalue, abs=1e-12)
    assert flip_test(values + 3, 3).p_value == pytest.approx(found.p_value)
    assert flip_test(np.append(values, np.nan)) == found


def test_the_interval_is_the_test_turned_round() -> None:
    values = normal(5, 8)
    found = flip_test(values)
    for border, inside in ((found.low, -1), (found.high, 1)):
        assert flip_test(values, border - inside * 1e-6).p_value > 0.05
        assert flip_test(values, border + inside * 1e-6).p_value <= 0.05
    few = flip_test(normal(5, 5, 10))
    assert np.isnan([few.low, few.high]).all()
    assert few.p_value == 2 / 2**5


def test_many_values_are_flipped_at_random_but_always_the_same() -> None:
    values = normal(6, 30, 0.4)
    found = flip_test(values)
    assert flip_test(values) == found
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", alternative="greater", n_resamples=20_000, rng=0
    ).pvalue
    assert found.above == pytest.approx(expected, abs=4 * np.sqrt(expected / FLIPS) + 1e-4)
    interval = t_interval(values)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.05)


def test_ties_of_flips_count_for_both_sides() -> None:
    found = flip_test(np.array([1.0, -1.0, 2.0, -2.0]))
    assert found.p_value == 1
    assert flip_test(np.zeros(6)).p_value == 1


# Several p-values


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    unknown = holm([0.02, np.nan, 0.3, np.nan])
    assert unknown[::2] == pytest.approx([0.08, 0.9])  # what is not known counts, and is the last
    assert np.isnan(unknown[1::2]).all()


# Counts


def test_proportions() -> None:
    for count, trials in ((2, 5), (0, 7), (7, 7), (13, 40)):
        expected = stats.binomtest(count, trials).proportion_ci(0.95, method="exact")
        assert clopper_pearson(count, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)
        for side, alternative in zip(binomial(count, trials, 0.875), ("less", "greater"), strict=True):
            assert side == pytest.approx(stats.binomtest(count, trials, 0.875, alternative).pvalue, abs=1e-12)
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert binomial(0, 0, 0.5) == (1.0, 1.0)
    with pytest.raises(ValueError, match="6 successes of 5"):
        clopper_pearson(6, 5)
    with pytest.raises(ValueError, match="share 87"):
        binomial(1, 5, 87.0)


@pytest.mark.parametrize("counts", [(2, 5, 2, 5), (0, 24, 2, 5), (24, 24, 2, 5), (3, 10, 7, 9), (0, 0, 2, 5)])
def test_fisher_against_scipy(counts: tuple[int, int, int, int]) -> None:
    a, n, b, m = counts
    expected = stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue
    assert fisher(*counts) == pytest.approx(expected, abs=1e-9)


def test_marked_ranks_by_hand_and_against_scipy() -> None:
    values, marked = normal(7, 9), np.isin(np.arange(9), [0, 4, 5])
    low, high = marked_ranks([(values, marked)])
    for side, alternative in ((low, "less"), (high, "greater")):
        expected = stats.mannwhitneyu(values[marked], values[~marked], alternative=alternative, method="exact").pvalue
        assert side == pytest.approx(expected, abs=1e-12)
    tied = np.array([1.0, 1.0, 2.0, 3.0])
    flags = np.array([True, False, False, True])
    ranks = np.array([1.5, 1.5, 3, 4])
    sums = [sum(ranks[list(pair)]) for pair in combinations(range(4), 2)]
    assert marked_ranks([(tied, flags)])[0] == pytest.approx(np.mean([total <= 5.5 for total in sums]))
    both = marked_ranks([(tied, flags), (values, marked)])
    assert both[0] + both[1] >= 1
    assert marked_ranks([]) == (1.0, 1.0)
    assert marked_ranks([(values, np.ones(9, bool))]) == pytest.approx((1.0, 1.0))


def test_blocks_add_up() -> None:
    """Two blocks of two, one mark each: four ways, all equally likely."""
    block = (np.array([0.0, 1.0]), np.array([False, True]))
    assert marked_ranks([block, block]) == pytest.approx((1.0, 0.25))


def test_levels() -> None:
    assert bonferroni(5) == pytest.approx(0.99)
    assert bonferroni(0) == pytest.approx(0.95)
    for function in (t_interval, flip_test):
        with pytest.raises(ValueError, match="level 95"):
            function(np.zeros(3), level=95)
