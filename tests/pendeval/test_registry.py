"""The register of measures is complete and agrees with itself."""

import pytest

from pendeval.measures.registry import MEASURES, PRIMARY, SAMPLED_OF, primary

RANKS = ("global_spearman", "local_spearman", "local_abs_spearman", "gap_spearman", "gap_abs_spearman")
BANDS = ("visible_band_spearman", "interior_band_spearman")
ERRORS = ("monotone_rmse", "forest_rmse", "knn_rmse", "linear_rmse")


def test_each_measure_is_registered_under_its_name_and_says_what_it_is() -> None:
    for name, one in MEASURES.items():
        assert one.name == name
        assert one.meaning
        assert one.needs
        assert one.better in ("higher", "lower", "")
        assert one.unit in ("energy", "embedding", "")
        assert one.limits[0] < one.limits[1]
        assert one.exact == name.startswith("population_")
        assert not (one.exact and one.interval)  # nothing to resample
    for kept in ("label", "meaning"):
        assert len({getattr(one, kept) for one in MEASURES.values()}) == len(MEASURES)


def test_what_has_an_interval_an_oracle_and_a_better_side() -> None:
    assert {name for name, one in MEASURES.items() if one.interval} == {*RANKS, *BANDS, *ERRORS, "blank_offset"}
    sampled = {name for name, one in MEASURES.items() if one.oracle and not one.exact}
    assert sampled == {*RANKS, *BANDS, *ERRORS, "time_invariance", "linear_r2_energy"}
    assert {PRIMARY[name] for name in (*RANKS, *BANDS, "monotone_rmse")} == {
        name for name, one in MEASURES.items() if one.oracle and one.exact
    }
    assert all(MEASURES[name].better == "lower" for name in ERRORS)
    assert all(MEASURES[name].better == "higher" for name in (*RANKS, *BANDS))
    assert [name for name, one in MEASURES.items() if one.truth] == ["fractured", "population_fractured"]


def test_exact_and_sampled_measures_pair_up() -> None:
    assert set(PRIMARY.values()) == {name for name, one in MEASURES.items() if one.exact}
    assert {exact: SAMPLED_OF[exact] for exact in SAMPLED_OF} == {exact: name for name, exact in PRIMARY.items()}
    for name, exact in PRIMARY.items():
        for kept in ("unit", "better", "limits", "truth"):
            assert getattr(MEASURES[name], kept) == getattr(MEASURES[exact], kept)


@pytest.mark.parametrize("name", MEASURES)
def test_the_exact_measure_is_used_where_every_row_has_it(name: str) -> None:
    exact = PRIMARY.get(name)
    assert primary(name, lambda _: True) == (exact or name)
    assert primary(name, lambda _: False) == name
    assert primary(name, {exact}.__contains__) == (exact or name)  # its own exact column is what counts
    assert primary(name, (set(PRIMARY.values()) - {exact}).__contains__) == name
