"""Synthetic runs of known truth: what each rule must say of them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pendeval import columns
from pendeval.claims import CLAIMS, judge
from pendeval.verdict import bonferroni, clopper_pearson, paired, t_interval

Row = dict[str, Any]
PARAMETER = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "cropping": "alpha_c", "gaps": "alpha_g"}
WOBBLE = (0.0004, -0.0003, 0.0001, -0.0002, 0.0000)
"""Differences between seeds that both methods do not share; mean 0."""
SHARED = (0.03, -0.05, 0.01, 0.04, -0.02)
"""What the seed does to both methods alike, far larger."""


def parameters(variant: str, level: float, **more: Any) -> str:
    given = {PARAMETER[variant]: level} if variant in PARAMETER else {}
    return json.dumps(given | ({"num_gaps": 3} if variant == "gaps" else {}) | more)


def run(method: str, variant: str = "vanilla", level: float = 0.0, seed: float = 0, **cells: Any) -> Row:
    """A row of runs.csv: every column there, NaN unless given."""
    own = {"dataset": f"{variant}-{level}", "variant": variant, "protocol": "paper"}
    own["parameters"] = parameters(variant, level)
    dim = cells.get("dim", 1)
    row = dict.fromkeys(columns.RUNS, np.nan) | own | {f"train_{key}": value for key, value in own.items()}
    row |= {"method": method, "dim": dim, "recipe": f"d{dim}", "label": f"{method}-d{dim}", "split": "test"}
    row |= {"view": "all", "seed": seed, "data_seed": 0, "pendulums": 5120, "images": 102400}
    assert set(cells) <= set(columns.RUNS)
    return row | cells


def several(method: str, values: Sequence[float], measure: str = "global_spearman", **cells: Any) -> list[Row]:
    """One run per value, seeds 0, 1, …"""
    return [run(method, seed=seed, **{measure: value}, **cells) for seed, value in enumerate(values)]


def both(difference: float, measure: str = "global_spearman", seeds: int = 5, **cells: Any) -> list[Row]:
    """Contrastive ahead of supervised by `difference`, give or take WOBBLE; seeds matter more than that."""
    base = 0.8 + np.array(SHARED[:seeds])
    ours = base + difference + np.array(WOBBLE[:seeds])
    return several("contrastive", ours.tolist(), measure, **cells) + several(
        "supervised", base.tolist(), measure, **cells
    )


def verdict(claim: str, rows: Iterable[Row], segments: Iterable[Row] = ()) -> pd.Series:
    frames = {
        "runs": pd.DataFrame(rows, columns=list(columns.RUNS)),
        "segments": pd.DataFrame(segments, columns=list(columns.SEGMENTS)),
    }
    (found,) = (known for known in CLAIMS if known.id == claim)
    return judge(frames, [found]).iloc[0]


# Statistics


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


def test_proportions_and_levels() -> None:
    low, high = clopper_pearson(2, 5)
    assert low == pytest.approx(stats.beta.ppf(0.025, 2, 4), abs=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.975, 3, 3), abs=1e-9)
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert clopper_pearson(0, 5)[0] == 0
    assert clopper_pearson(5, 5)[1] == 1
    assert bonferroni(5) == pytest.approx(0.99)
    assert bonferroni(0) == pytest.approx(0.95)
    with pytest.raises(ValueError, match="6 successes of 5"):
        clopper_pearson(6, 5)
    with pytest.raises(ValueError, match="level 95"):
        t_interval(np.zeros(3), 95)


# Every claim


def test_nothing_known_is_undecided() -> None:
    empty = {name: pd.DataFrame(columns=list(getattr(columns, name.upper()))) for name in ("runs", "segments")}
    for frames in (empty, {}):
        table = judge(frames)
        assert tuple(table.columns) == columns.CLAIMS
        assert list(table["claim"]) == [claim.id for claim in CLAIMS]
        assert table["claim"].is_unique
        assert set(table["verdict"]) == {"undecided"}
        assert table["missing"].str.contains("pendtrain sweep data/").all()
        assert (table["conditions"] == 0).all()
        assert table[["section", "text", "rule"]].map(bool).all(axis=None)


def test_one_seed_is_undecided() -> None:
    row = verdict("vanilla-global", both(0.01, seeds=1))
    assert row["verdict"] == "undecided"
    assert row["missing"] == "2 or more seeds of both methods: pendtrain sweep data/vanilla --seeds 5"
    assert "difference +0.01, n = 1" in row["evidence"]


# A ahead of B


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.001, "supported"), (0.00016, "supported"), (-0.001, "contradicted"), (0.0, "undecided")],
)
def test_ahead_is_paired_by_seed(difference: float, expected: str) -> None:
    row = verdict("vanilla-global", both(difference))
    assert (row["verdict"], row["recipe"], row["conditions"]) == (expected, "d1", 1)
    assert ("reaches across" in row["missing"]) == (expected == "undecided")
    ours, theirs = (0.8 + np.array(SHARED) + difference + np.array(WOBBLE), 0.8 + np.array(SHARED))
    p = stats.ttest_rel(ours, theirs).pvalue
    assert f"n = 5, d_z {(ours - theirs).mean() / (ours - theirs).std(ddof=1):.2g}, p {p:.2g}" in row["evidence"]


def test_each_measure_and_variant_has_its_own_claim() -> None:
    rows = both(0.001, variant="large")
    rows = [row | {"local_spearman": 0.7 - row["global_spearman"]} for row in rows]
    assert verdict("large-global", rows)["verdict"] == "supported"
    assert verdict("large-local", rows)["verdict"] == "contradicted"
    assert verdict("vanilla-global", rows)["verdict"] == "undecided"


def test_behind_is_the_mirror() -> None:
    rows = both(-0.001, variant="numerical-noise", level=0.2)
    row = verdict("numerical-strong-global", rows)
    assert row["verdict"] == "supported"
    assert row["missing"] == "no runs at ε_n = 0.25"
    assert (
        verdict("numerical-strong-global", both(0.001, variant="numerical-noise", level=0.2))["verdict"]
        == "contradicted"
    )
    assert verdict("numerical-mild-global", rows)["conditions"] == 0


def test_seeds_and_data_must_agree() -> None:
    rows = both(0.001)
    other = [row | {"data_seed": 1} if row["method"] == "supervised" else row for row in rows]
    assert verdict("vanilla-global", other)["verdict"] == "undecided"
    shifted = [row | {"seed": row["seed"] + 10} if row["method"] == "supervised" else row for row in rows]
    assert verdict("vanilla-global", shifted)["verdict"] == "undecided"
    unknown = [row | {"data_seed": None} for row in rows]
    assert verdict("vanilla-global", unknown)["verdict"] == "supported"


def test_another_container_is_not_another_run() -> None:
    rows = both(0.001, seeds=1)
    copies = [row | {"dataset": "vanilla-webdataset", "file": "copy.h5"} for row in rows]
    assert "n = 1" in verdict("vanilla-global", rows + copies)["evidence"]


def test_a_trial_build_gives_way_to_the_large_one() -> None:
    trial = [row | {"pendulums": 64} for row in both(-0.1)]
    row = verdict("vanilla-global", trial + both(0.001))
    assert row["verdict"] == "supported"
    assert "n = 5" in row["evidence"]


def test_missing_values_are_left_out_and_said() -> None:
    rows = both(0.001)
    rows[0]["global_spearman"] = np.nan
    rows[6]["seed"] = None
    row = verdict("vanilla-global", rows)
    assert row["verdict"] == "supported"
    assert "n = 3" in row["evidence"]
    assert "2 left out (no value or no seed)" in row["evidence"]


def test_foreign_training_data_does_not_count() -> None:
    clean = [
        row | {"variant": "vanilla", "parameters": "{}"} for row in both(-0.01, variant="numerical-noise", level=0.1)
    ]
    assert verdict("vanilla-global", clean)["conditions"] == 0
    row = verdict("numerical-mild-global", both(0.01, variant="numerical-noise", level=0.1) + clean)
    assert row["verdict"] == "supported"
    assert "scored on clean images: contrastive 0.792, supervised 0.802, difference -0.01" in row["evidence"]


def test_other_noise_in_training_does_not_count() -> None:
    milder = {"train_parameters": parameters("numerical-noise", 0.05)}
    rows = [row | milder for row in both(0.01, variant="numerical-noise", level=0.1)]
    assert verdict("numerical-mild-global", rows)["conditions"] == 0
    program = [row | {"train_protocol": "original"} for row in both(0.01)]
    assert verdict("vanilla-global", program)["conditions"] == 0


@pytest.mark.parametrize(
    "cells", [{"split": "train"}, {"view": "visible"}, {"method": "simsiam"}, {"dim": 2}, {"variant": ""}]
)
def test_selection(cells: Row) -> None:
    assert verdict("vanilla-global", [row | cells for row in both(0.01)])["conditions"] == 0


def test_unreadable_parameters_are_no_condition() -> None:
    for text in ("", "{", "[]", '{"eps_n": "much"}', '{"eps_n": 0.1, "other": 1}', None):
        changed = {"parameters": text, "train_parameters": text}
        rows = [row | changed for row in both(0.01, variant="numerical-noise", level=0.1)]
        assert verdict("numerical-mild-global", rows)["conditions"] == 0


def test_three_gaps_in_the_paper_and_four_in_the_program() -> None:
    four = parameters("gaps", 0.4, num_gaps=4)
    rows = [row | {"parameters": four, "train_parameters": four} for row in both(0.01, variant="gaps", level=0.4)]
    assert verdict("gaps-small-global", rows)["conditions"] == 0
    original = {"protocol": "original", "train_protocol": "original"}
    assert verdict("gaps-small-global", [row | original for row in rows])["verdict"] == "supported"


# Several conditions


def levels(differences: dict[float, float], variant: str = "graphical-noise") -> list[Row]:
    return [row for level, by in differences.items() for row in both(by, variant=variant, level=level)]


def test_the_mean_over_conditions_decides() -> None:
    row = verdict("graphical-global", levels({0.01: 0.003, 0.1: 0.002, 0.25: -0.0001}))
    assert (row["verdict"], row["conditions"]) == ("supported", 3)
    assert "ε_g = 0.25: -0.0001" in row["evidence"]
    assert row["missing"].startswith("no runs at ε_g = 0.001, 0.0025, 0.005, 0.025")


def test_one_condition_certain_of_the_contrary_contradicts() -> None:
    row = verdict("graphical-global", levels({0.01: 0.01, 0.1: 0.01, 0.25: -0.002}))
    assert row["verdict"] == "contradicted"


def test_certain_alone_but_not_among_three() -> None:
    """A difference whose 95 % interval excludes 0 while its Bonferroni interval holds it."""
    spread = stats.sem(WOBBLE)
    by = -spread * (stats.t.ppf(0.975, 4) + stats.t.ppf(1 - 0.025 / 3, 4)) / 2
    assert t_interval(np.array(WOBBLE) + by).high < 0 < t_interval(np.array(WOBBLE) + by, bonferroni(3)).high
    assert verdict("graphical-global", levels({0.25: by}))["verdict"] == "contradicted"
    assert verdict("graphical-global", levels({0.01: 0.01, 0.1: 0.01, 0.25: by}))["verdict"] == "supported"


# Recipe and protocol


def test_the_full_recipe_counts_first() -> None:
    short = [row | {"recipe": "d1-epochs-20"} for row in both(-0.01)]
    full = both(0.01, seeds=2)
    row = verdict("vanilla-global", short + full)
    assert (row["verdict"], row["recipe"]) == ("supported", "d1")
    alone = [row for row in full if row["method"] == "contrastive"]
    row = verdict("vanilla-global", short + alone)
    assert (row["verdict"], row["recipe"]) == ("contradicted", "d1-epochs-20")


def test_the_most_frequent_recipe_next() -> None:
    few = [row | {"recipe": "d1-epochs-10"} for row in both(0.01, seeds=2)]
    many = [row | {"recipe": "d1-epochs-20"} for row in both(-0.01)]
    assert verdict("vanilla-global", few + many)["recipe"] == "d1-epochs-20"


def test_another_objective_is_another_experiment() -> None:
    rows = [row | {"recipe": "d1-temperature-0.2"} for row in both(0.01)]
    assert verdict("vanilla-global", rows)["conditions"] == 0


def test_the_papers_data_before_the_programs() -> None:
    original = [row | {"protocol": "original", "train_protocol": "original"} for row in both(-0.01)]
    assert verdict("vanilla-global", original)["verdict"] == "contradicted"
    assert verdict("vanilla-global", original + both(0.01, seeds=3))["verdict"] == "supported"


# Noise


@pytest.mark.parametrize(
    ("local", "whole", "expected"), [(0.5, 0.9, "supported"), (0.8, 0.6, "contradicted"), (0.72, 0.9, "undecided")]
)
def test_local_first(local: float, whole: float, expected: str) -> None:
    """Scores at full noise; at ε = .01 nothing is lost, at .1 half. Noise adds to what seeds do."""
    rows = []
    for seed, wobble in enumerate(WOBBLE):
        rows.append(run("supervised", seed=seed, local_spearman=0.8, global_spearman=1.0))
        for level, share in ((0.01, 0.0), (0.1, 0.5), (0.2, 1.0)):
            scores = {"local_spearman": 0.8 + wobble + share * (local - 0.8)}
            scores["global_spearman"] = 1 + share * (whole - 1)
            rows.append(run("supervised", "numerical-noise", level, seed, **scores))
    row = verdict("local-first-supervised", rows)
    assert row["verdict"] == expected
    assert row["conditions"] == 2
    assert row["evidence"].endswith("global from ε_n = 0.1")
    assert f"local falls from {'nowhere' if local == 0.8 else 'ε_n = 0.1'}" in row["evidence"]
    assert verdict("local-first-contrastive", rows)["conditions"] == 0


def test_nothing_falls_nothing_is_said() -> None:
    rows = [run("contrastive", seed=seed, local_spearman=0.8, global_spearman=0.99) for seed in range(3)]
    rows += [
        run("contrastive", "numerical-noise", 0.001, seed, local_spearman=0.8, global_spearman=0.99)
        for seed in range(3)
    ]
    row = verdict("local-first-contrastive", rows)
    assert row["verdict"] == "undecided"
    assert "neither score falls for certain" in row["missing"]


def test_range() -> None:
    zero = [6.6, 6.5, 6.7, 6.6, 6.55]
    rows = several("contrastive", zero, "representation_range")
    for level, share in ((0.1, 0.5), (0.2, 0.12), (0.25, 0.1)):
        noisy = [share * value for value in zero]
        rows += several("contrastive", noisy, "representation_range", variant="numerical-noise", level=level)
    expected = dict.fromkeys(("shrinks", "noiseless", "noisy", "consistent"), "supported")
    assert {name: verdict(f"range-{name}", rows)["verdict"] for name in expected} == expected
    wide = [row | {"representation_range": row["representation_range"] * 3} for row in rows]
    assert verdict("range-noiseless", wide)["verdict"] == "contradicted"
    assert verdict("range-noisy", wide)["verdict"] == "contradicted"
    assert verdict("range-shrinks", wide)["verdict"] == "supported"
    uneven = several("contrastive", [3.0, 9.0, 6.0, 12.0, 1.0], "representation_range")
    assert verdict("range-consistent", uneven)["verdict"] == "contradicted"
    assert verdict("range-noiseless", uneven)["verdict"] == "undecided"
    growing = several("contrastive", [7.6, 7.7, 7.5], "representation_range", variant="numerical-noise", level=0.1)
    assert verdict("range-shrinks", rows[:5] + growing)["verdict"] == "contradicted"


# Gaps


def test_fractured_runs_are_taken_out() -> None:
    rows = both(0.002, variant="gaps", level=0.8)
    rows = [row | {"fractured": False} for row in rows]
    for row in rows[:2]:
        row |= {"fractured": True, "global_spearman": 0.1}
    assert verdict("gaps-large-global", rows)["verdict"] == "undecided"
    row = verdict("gaps-large-unfractured", rows)
    assert row["verdict"] == "supported"
    assert "n = 3" in row["evidence"]
    assert "2 contrastive runs taken out" in row["evidence"]
    unknown = [row | {"fractured": np.nan} for row in rows]
    assert verdict("gaps-large-unfractured", unknown)["verdict"] == "undecided"
    assert verdict("gaps-fracture", rows)["verdict"] == "supported"
    assert verdict("gaps-fracture", rows)["evidence"].startswith("2 of 5 runs, 95 % interval [0.0527, 0.853]")


@pytest.mark.parametrize(
    ("count", "trials", "expected"), [(0, 5, "undecided"), (0, 200, "contradicted"), (1, 3, "undecided")]
)
def test_fracture_rate(count: int, trials: int, expected: str) -> None:
    rows = [run("contrastive", "gaps", 0.8, seed, fractured=seed < count) for seed in range(trials)]
    assert verdict("gaps-fracture", rows)["verdict"] == expected


def test_interpolation_has_its_own_measure() -> None:
    rows = both(0.01, "gap_spearman", variant="gaps", level=0.6)
    row = verdict("gaps-large-interpolation", [row | {"gap_abs_spearman": row["gap_spearman"]} for row in rows])
    assert row["verdict"] == "supported"
    assert "gap_abs_spearman: contrastive" in row["evidence"]
    assert row["missing"] == "no runs at α_g = 0.8"


# Representation


def profile(seed: int, density: Sequence[float], score: Sequence[float]) -> list[Row]:
    given = run("contrastive", seed=seed, digest=f"digest {seed}")
    shared = dict.fromkeys(columns.SEGMENTS, np.nan) | {k: v for k, v in given.items() if k in columns.SEGMENTS}
    parts = [shared | {"kind": "segment", "number": k + 1, "density": d} for k, d in enumerate(density)]
    return [part | {"spearman": s} for part, s in zip(parts, score, strict=True)]


def test_density() -> None:
    falling = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.5]
    rising = [0.1, 0.11, 0.12, 0.14, 0.2, 0.3, 0.6]
    opposite = [part for seed in range(3) for part in profile(seed, rising, falling)]
    row = verdict("density", [], opposite)
    assert row["verdict"] == "supported"
    assert "-1 [-1, -1], n = 3" in row["evidence"]
    alike = [part for seed in range(3) for part in profile(seed, falling, falling)]
    assert verdict("density", [], alike)["verdict"] == "contradicted"
    assert verdict("density", [], profile(0, rising, falling))["verdict"] == "undecided"
    few = [np.nan] * 4 + rising[:3]
    holed = [part for seed in range(3) for part in profile(seed, few, falling)]
    row = verdict("density", [], holed)
    assert row["verdict"] == "undecided"
    assert "3 left out" in row["evidence"]
    bands = [part | {"kind": "visible"} for part in opposite]
    assert verdict("density", [], bands)["conditions"] == 0


def test_blank_images_at_the_average() -> None:
    def rows(offset: float, level: float) -> list[Row]:
        values = [offset + 100 * wobble for wobble in WOBBLE]
        return several("contrastive", values, "blank_offset", variant="cropping", level=level)

    row = verdict("blank-average", rows(0.05, 0.75) + rows(-0.1, 0.5))
    assert (row["verdict"], row["conditions"]) == ("supported", 2)
    assert row["missing"] == "no runs at α_c = 0.45, 0.6"
    opposite = verdict("blank-average", rows(1.0, 0.75) + rows(-1.0, 0.5))
    assert opposite["verdict"] == "contradicted"  # although the mean over conditions is 0
    assert verdict("blank-average", rows(0.24, 0.75))["verdict"] == "undecided"
    assert verdict("blank-average", rows(0.0, 0.9))["conditions"] == 0


def test_ambiguity() -> None:
    def rows(method: str, shortfall: float) -> list[Row]:
        cells = {"oracle_global_spearman": 0.998, "oracle_local_spearman": 0.9}
        found = []
        for seed, wobble in enumerate(WOBBLE):
            score = {"global_spearman": 0.997 + wobble, "local_spearman": 0.88} | cells
            found.append(run(method, seed=seed, **score))
            score["global_spearman"] = 0.997 - wobble - shortfall
            found.append(run(method, "cropping", 0.75, seed, **score, view="visible"))
            found.append(run(method, "cropping", 0.75, seed, **(score | {"global_spearman": 0.1})))
        return found

    both = rows("contrastive", 0.01) + rows("supervised", 0.001)
    row = verdict("ambiguity-contrastive", both)
    assert row["verdict"] == "supported"
    assert (
        "on visible images, global Spearman: contrastive 0.987, supervised 0.996, difference -0.009" in row["evidence"]
    )
    assert verdict("ambiguity-supervised", both)["verdict"] == "supported"
    swapped = rows("contrastive", -0.01) + rows("supervised", 0.01)
    assert verdict("ambiguity-contrastive", swapped)["verdict"] == "contradicted"
    assert verdict("ambiguity-supervised", swapped)["verdict"] == "contradicted"
    assert verdict("ambiguity-supervised", rows("supervised", 0.005))["verdict"] == "undecided"


def test_further_outputs() -> None:
    def rows(share: float, vertical: float, by: float) -> list[Row]:
        found = []
        for seed, wobble in enumerate(WOBBLE):
            found.append(run("contrastive", seed=seed, vertical_r2=0.1 + wobble))
            for dim in (2, 3):
                cells = {"dim": dim, "line_share": share + wobble, "vertical_r2": vertical}
                found.append(run("contrastive", seed=seed, forest_rmse=0.0322 + by + wobble, **cells))
                found.append(run("supervised", seed=seed, forest_rmse=0.0324, **cells))
        return found

    claims = ("outputs-one-dimensional", "outputs-vertical", "outputs-matched")
    good, bad = rows(0.98, 0.6, 0.0), rows(0.7, 0.01, 0.01)
    for claim in claims:
        row = verdict(claim, good)
        assert (row["verdict"], row["conditions"], row["missing"]) == ("supported", 2, "")
        assert verdict(claim, bad)["verdict"] == "contradicted"
    assert verdict("outputs-vertical", good)["recipe"] == "d1, d2, d3"
    two = verdict("outputs-one-dimensional", [row for row in good if row["dim"] == 2])
    assert (two["verdict"], two["missing"]) == ("supported", "no runs at d = 3")


def test_the_printed_error_lies_below_the_ceiling() -> None:
    cells = {"dim": 2, "forest_rmse": 0.033, "forest_rmse_low": 0.0325, "forest_rmse_high": 0.0335}
    row = verdict("outputs-printed-rmse", [run("contrastive", ceiling_rmse=0.0318, **cells)])
    assert row["verdict"] == "contradicted"  # one run says so: the ceiling is no matter of seeds
    low = cells | {"forest_rmse": 0.003, "forest_rmse_low": 0.0029, "forest_rmse_high": 0.0031}
    rows = [run("contrastive", seed=seed, ceiling_rmse=0.002, **low) for seed in range(3)]
    assert verdict("outputs-printed-rmse", rows)["verdict"] == "supported"
    assert verdict("outputs-printed-rmse", rows[:1])["verdict"] == "undecided"
    assert verdict("outputs-printed-rmse", [run("contrastive", **cells)])["verdict"] == "undecided"


def test_training_images_against_their_own_oracle() -> None:
    """An easier draw of the training split is not overfitting: the oracle scores higher there too."""
    rows = []
    for seed, wobble in enumerate(WOBBLE):
        rows.append(run("supervised", seed=seed, global_spearman=0.9937 + wobble / 4, oracle_global_spearman=0.9938))
        train = {"split": "train", "pendulums": 10240, "oracle_global_spearman": 0.9950}
        rows.append(run("supervised", seed=seed, global_spearman=0.9942, **train))
    row = verdict("training-split-global", rows)
    assert row["verdict"] == "supported"
    assert "scores themselves: test 0.9937, training 0.9942" in row["evidence"]
    fitted = [row | {"global_spearman": 0.999} if row["split"] == "train" else row for row in rows]
    assert verdict("training-split-global", fitted)["verdict"] == "contradicted"
    assert "--split train" in verdict("training-split-local", rows)["missing"]


def test_absolute_error() -> None:
    rows = both(0.001)
    squared = [row | {"method": "supervised"} for row in rows if row["method"] == "contrastive"]
    absolute = [row | {"recipe": "d1-loss-l1"} for row in rows if row["method"] == "supervised"]
    row = verdict("l1-global", squared + absolute)
    assert (row["verdict"], row["recipe"]) == ("supported", "d1, d1-loss-l1")
    short = [row | {"recipe": "d1-epochs-20-loss-l1"} for row in absolute]
    assert verdict("l1-global", squared + short)["verdict"] == "undecided"


def test_cosine() -> None:
    cells = {"dim": 2, "recipe": "d2-similarity-cosine"}
    high = several("contrastive", [0.99, 0.991, 0.989], **cells)
    assert verdict("cosine", high)["verdict"] == "supported"
    assert verdict("cosine", high)["recipe"] == "d2-similarity-cosine"
    assert verdict("cosine", several("contrastive", [0.9, 0.91, 0.9], **cells))["verdict"] == "contradicted"
    assert verdict("cosine", several("contrastive", [0.99, 0.991], dim=2))["conditions"] == 0


def test_tables_read_back_from_csv_say_the_same(tmp_path: Any) -> None:
    rows = [row | {"fractured": seed < 2} for seed, row in enumerate(both(0.001, variant="gaps", level=0.8))]
    frame = pd.DataFrame(rows, columns=list(columns.RUNS))
    frame.to_csv(tmp_path / "runs.csv", index=False)
    again = judge({"runs": pd.read_csv(tmp_path / "runs.csv")})
    pd.testing.assert_frame_equal(judge({"runs": frame}), again)
