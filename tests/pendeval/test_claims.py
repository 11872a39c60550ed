"""Synthetic runs of known truth: which rows count, what each rule says of them, and what is said beside."""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from pendeval.claims import CLAIMS, COLUMNS, Claim, judge
from pendeval.claims.frame import gaps_of
from pendeval.claims.judgement import Table
from pendeval.claims.rules import Above, AsPrinted, EveryLevel, Inside, Spread, Superior
from pendeval.measures.registry import MEASURES
from pendeval.report import report


def load(name: str) -> Any:
    path = Path(__file__).parents[1] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


power = load("claims_power")
Float = NDArray[np.float64]
BOTH = ("contrastive", "supervised")
WOBBLE = np.array([0.0004, -0.0003, 0.0001, -0.0002, 0.0000, 0.0002, -0.0004, 0.0003, -0.0001, 0.0000])
"""Differences between replicates that the sides do not share; mean 0."""
SHARED = np.array([0.03, -0.05, 0.01, 0.04, -0.02, 0.02, -0.04, 0.01, -0.01, 0.01])
"""What a replicate does to both methods alike, far larger."""
G, L = "global_spearman", "local_spearman"


def claim(name: str) -> Claim:
    return next(one for one in CLAIMS if one.id == name)


def rows(name: str, drawn: dict[tuple[str, str], Any], n: int = 5) -> pd.DataFrame:
    """The rows a claim asks for, n replicates, with measures (conditions, n) or what broadcasts to it."""
    question = claim(name).question
    shape = (len(power.conditions(question)), n)
    held = {key: np.broadcast_to(np.asarray(values, np.float64), shape) for key, values in drawn.items()}
    (frame,) = power.frames(question, n, held).values()
    return frame


def both(
    name: str, ahead: Any, measure: str = G, n: int = 5, first: str = BOTH[0], second: str = BOTH[1]
) -> pd.DataFrame:
    """Contrastive ahead of supervised by `ahead` (a number per condition), give or take WOBBLE."""
    base = 0.8 + np.resize(SHARED, n)
    gain = np.atleast_1d(np.asarray(ahead, np.float64))[:, None]
    return rows(name, {(first, measure): base + gain + np.resize(WOBBLE, n), (second, measure): base}, n)


def verdict(name: str, frame: pd.DataFrame) -> pd.Series:
    which = claim(name).question.frame
    return judge({which: frame}, [claim(name)]).iloc[0]


# The table


def test_nothing_known_is_undecided() -> None:
    for frames in ({}, {"runs": pd.DataFrame(), "segments": pd.DataFrame()}, {"runs": pd.DataFrame({"method": []})}):
        table = judge(frames)
        assert list(table) == list(COLUMNS)
        assert list(table["claim"]) == [one.id for one in CLAIMS]
        assert table["claim"].is_unique
        assert set(table["verdict"]) == {"undecided"}
        assert not table["provisional"].any()
        assert (table[["n", "conditions"]] == 0).all(axis=None)
        assert table["missing"].str.contains("pendgen build --variant .* --replicates ").all()
        assert table["missing"].str.contains("pendtrain sweep data/.* --replicates").all()
        assert table[["section", "text", "rule"]].map(bool).all(axis=None)


@pytest.mark.parametrize("name", list(power.BY_ID))
def test_tables_and_prepared_numbers_say_the_same(name: str) -> None:
    """Every claim finds its rows among those of all its sides, and judges them as the power table does."""
    one = claim(name)
    for truth in power.SCENARIOS[name]():
        for drawn in power._draws(one, truth, 1, (1, 0)):
            held = power.claims.settle([one], [power.judge(one, truth.n, drawn)])[0][0]
            (frame,) = power.frames(one.question, truth.n, drawn).values()
            frame = frame.sample(frac=1, random_state=0, ignore_index=True)
            row = verdict(name, frame)
            assert (row["verdict"], row["n"]) == (held.verdict, held.n)
            assert row["estimate"] == pytest.approx(held.estimate, nan_ok=True)
            assert row["n"] > 0


def test_names_are_for_people() -> None:
    frame = both("vanilla-global", 0.001, n=25)
    expected = verdict("vanilla-global", frame)
    frame["label"], frame["dataset"], frame["train_dataset"] = "d2-loss-l1-epochs-3", "large-original", "cropping-0.5"
    pd.testing.assert_series_equal(verdict("vanilla-global", frame), expected)


def test_every_rule_says_its_thresholds() -> None:
    for one in CLAIMS:
        sentence = one.rule.sentence
        assert "upported" in sentence
        assert "ontradicted" in sentence
        for part in fields(one.rule):  # type: ignore[arg-type]
            value = getattr(one.rule, part.name)
            limit = isinstance(value, float) and np.isfinite(value) and not (one.id == "blank-average" and value == 0)
            assert not limit or f"{value:g}" in sentence, (one.id, part.name)
    assert "0.00005" in Superior(0.00005).sentence or "5e-05" in Superior(0.00005).sentence
    assert "above 0.25" in Above(0.25).sentence
    assert "between 1 and 2" in Inside(1, 2).sentence


@pytest.mark.parametrize("convert", ["csv", "nullable"])
def test_tables_in_other_types_say_the_same(convert: str, tmp_path: Path) -> None:
    frame = rows("gaps-fracture", {("c", "fractured"): [[0, 1, 0, 1, 0]]})
    frame["population_fractured"] = frame["population_fractured"] == 1
    if convert == "csv":
        frame.to_csv(tmp_path / "runs.csv", index=False)
        other = pd.read_csv(tmp_path / "runs.csv")
    else:
        other = frame.convert_dtypes()
        other.loc[len(other)] = pd.NA
    pd.testing.assert_series_equal(verdict("gaps-fracture", other), verdict("gaps-fracture", frame))


# Which rows count


@pytest.mark.parametrize(
    "cells",
    [
        *({"own": False}, {"usual": False}, {"split": "train"}, {"view": "visible"}, {"method": "simsiam"}, {"dim": 2}),
        *({"objective": "decoupled"}, {"objective": "temperature 0.2"}, {"variant": ""}, {"train_variant": "large"}),
        {"own": None},
    ],
)
def test_selection(cells: dict[str, Any]) -> None:
    row = verdict("vanilla-global", both("vanilla-global", 0.01).assign(**cells))
    assert (row["verdict"], row["conditions"], row["n"]) == ("undecided", 0, 0)


def test_unknown_settings_are_said() -> None:
    frame = both("vanilla-global", 0.01).assign(own=None, usual=False, train_bob_size=np.nan)
    row = verdict("vanilla-global", frame)
    assert row["missing"].startswith("10 runs whose settings are not known: embed again with pendtrain embed")
    assert row["conditions"] == 0


def test_levels_that_the_paper_did_not_use_do_not_count() -> None:
    frame = both("graphical-global", 0.01)
    strange = frame[frame["level"].eq(0.1)].assign(level=0.17, train_level=0.17, population_global=0.1)
    row = verdict("graphical-global", pd.concat([frame, strange]))
    assert (row["verdict"], row["conditions"]) == ("supported", 10)


def test_clean_images_have_their_own_claim() -> None:
    noisy, clean = both("numerical-mild-global", 0.01), both("numerical-mild-clean-global", -0.01)
    frame = pd.concat([noisy, clean])
    assert verdict("numerical-mild-global", frame)["verdict"] == "supported"
    assert verdict("numerical-mild-clean-global", frame)["verdict"] == "contradicted"


def test_the_full_recipe_counts_first() -> None:
    full = both("vanilla-global", 0.1, n=2)
    short = both("vanilla-global", -0.01).assign(schedule="epochs 20", full=False)
    row = verdict("vanilla-global", pd.concat([short, full]))
    assert (row["verdict"], row["recipe"]) == ("supported", "paper")
    assert row["reasons"] == "2 replicates, not 25"
    single = full[full["seed"].eq(0)]
    row = verdict("vanilla-global", pd.concat([short, single]))
    assert (row["verdict"], row["recipe"], row["provisional"]) == ("contradicted", "paper, epochs 20", True)
    assert row["reasons"].startswith("recipe: epochs 20; 5 replicates")
    one_side = both("vanilla-global", 0.01, n=5)
    row = verdict("vanilla-global", pd.concat([short, one_side[one_side["method"].eq("contrastive")]]))
    assert row["recipe"] == "paper, epochs 20"


def test_the_most_frequent_schedule_next() -> None:
    few = both("vanilla-global", 0.01, n=2).assign(schedule="epochs 10", full=False)
    many = both("vanilla-global", -0.01).assign(schedule="epochs 20", full=False)
    assert verdict("vanilla-global", pd.concat([few, many]))["recipe"] == "paper, epochs 20"


def test_the_papers_protocol_before_the_programs() -> None:
    theirs = both("vanilla-global", -0.01).assign(protocol="original", train_protocol="original")
    theirs["recipe_protocol"] = "original"
    assert verdict("vanilla-global", theirs)["verdict"] == "contradicted"
    assert verdict("vanilla-global", theirs)["recipe"] == "original"
    ours = both("vanilla-global", 0.01, n=3)
    assert verdict("vanilla-global", pd.concat([theirs, ours]))["verdict"] == "supported"


@pytest.mark.parametrize("protocols", [("mine", "mine"), ("paper", ""), ("original", "paper")])
def test_any_protocol_is_judged_by_itself(protocols: tuple[str, str]) -> None:
    data, recipe = protocols
    frame = both("vanilla-global", 0.01).assign(protocol=data, train_protocol=data, recipe_protocol=recipe)
    assert verdict("vanilla-global", frame)["verdict"] == "supported"
    assert verdict("vanilla-global", pd.concat([frame, both("vanilla-global", -0.01)]))["verdict"] == "contradicted"


def test_sizes_are_not_mixed() -> None:
    trial = both("vanilla-global", -0.1).assign(train_pendulums=256, full=False)
    row = verdict("vanilla-global", trial)
    assert "size: 256 × 20 training images, not 5120 × 20" in row["reasons"]
    assert row["provisional"]
    row = verdict("vanilla-global", pd.concat([trial, both("vanilla-global", 0.001)]))
    assert (row["verdict"], row["n"]) == ("supported", 5)


def test_three_epochs_and_256_pendulums_are_provisional() -> None:
    frame = both("large-global", 0.1, n=2).assign(train_pendulums=256, schedule="epochs 3", full=False)
    row = verdict("large-global", frame.assign(precision="bfloat16"))
    assert (row["verdict"], row["provisional"], row["precision"]) == ("supported", True, "bfloat16")
    for reason in ("recipe: epochs 3", "size: 256", "2 replicates, not 5", "trained in bfloat16, not float32"):
        assert reason in row["reasons"]
    firm = verdict("large-global", both("large-global", 0.01))
    assert (firm["verdict"], firm["provisional"], firm["reasons"], firm["missing"]) == ("supported", False, "", "")


# Pairs and units


def test_seeds_and_data_must_agree() -> None:
    frame = both("vanilla-global", 0.001)
    theirs = frame["method"].eq("supervised")
    for name in ("seed", "data_seed", "train_data_seed"):
        other = frame.copy()
        other.loc[theirs, name] += 10
        assert verdict("vanilla-global", other)["n"] == 0
    unknown = frame.assign(data_seed=np.nan, train_data_seed=np.nan)
    row = verdict("vanilla-global", unknown)
    assert (row["n"], row["unit"]) == (5, "training seed")
    assert "one training set (data seed unknown): nothing is known of others" in row["reasons"]


def test_copies_count_once_and_missing_values_are_left_out() -> None:
    frame = both("vanilla-global", 0.001)
    assert verdict("vanilla-global", pd.concat([frame, frame]))["n"] == 5
    frame.loc[0, "population_global"] = np.nan
    frame.loc[6, "seed"] = np.nan
    row = verdict("vanilla-global", frame)
    assert row["n"] == 3
    assert "1 rows without a training seed left out" in row["evidence"]


def test_float32_before_other_precisions_and_never_paired_with_them() -> None:
    full, half = both("vanilla-global", 0.01), both("vanilla-global", -0.01).assign(precision="bfloat16")
    row = verdict("vanilla-global", pd.concat([half, full]))
    assert (row["verdict"], row["precision"], row["n"]) == ("supported", "float32", 5)
    mixed = pd.concat([full[full["method"].eq("contrastive")], half[half["method"].eq("supervised")]])
    assert verdict("vanilla-global", mixed)["n"] == 0


def test_a_run_at_one_level_takes_no_other_level_away() -> None:
    """Neither one in a second precision nor one on its own test split, where the others are on another."""
    half = both("numerical-mild-global", 0.001).assign(precision="bfloat16")
    there = half["level"].eq(0.1)
    full = half[there].assign(precision="float32", population_global=0.5)
    pd.testing.assert_series_equal(
        verdict("numerical-mild-global", pd.concat([half, full])), verdict("numerical-mild-global", half)
    )
    row = verdict("numerical-mild-global", half.assign(precision=np.where(there, "float32", "bfloat16")))
    assert (row["verdict"], row["conditions"], row["precision"]) == ("supported", 8, "bfloat16, float32")
    row = verdict("numerical-mild-global", half.assign(data_seed=half["data_seed"] + 10 * ~there))
    assert (row["verdict"], row["conditions"], row["n"]) == ("supported", 8, 5)
    falls = rows("gaps-falls-global-contrastive", {("contrastive", G): -np.arange(5)[:, None] + WOBBLE[:6]}, 6)
    more = falls[falls["level"].eq(0.8)].assign(precision="float32")
    assert verdict("gaps-falls-global-contrastive", pd.concat([falls.assign(precision="bfloat16"), more]))["n"] == 6


def test_a_crossed_design_is_averaged_by_dataset() -> None:
    """Ten seeds on each of two training sets: what the sets happen to be is known twice, not twenty times."""
    parts = []
    for dataset, gain in enumerate((0.02, -0.01)):
        part = both("vanilla-global", gain, n=10)
        parts.append(part.assign(train_data_seed=dataset, data_seed=dataset))
    row = verdict("vanilla-global", pd.concat(parts))
    assert (row["n"], row["unit"], row["verdict"]) == (2, "dataset", "undecided")
    assert row["estimate"] == pytest.approx(0.005)
    row = verdict("vanilla-global", parts[0])
    assert (row["n"], row["unit"], row["verdict"], row["provisional"]) == (10, "training seed", "supported", True)
    assert "one training set (data seed 0): nothing is known of others" in row["reasons"]
    assert verdict("vanilla-global", both("vanilla-global", 0.01))["unit"] == "replicate"


def test_test_splits_of_one_run_are_no_further_runs() -> None:
    frame = both("vanilla-global", 0.001)
    elsewhere = frame.assign(data_seed=frame["data_seed"] + 1, population_global=0.1)
    row = verdict("vanilla-global", pd.concat([frame, elsewhere]))
    assert (row["n"], row["estimate"]) == (5, pytest.approx(0.001))


def test_exact_scores_for_all_or_for_none() -> None:
    frame = both("vanilla-global", 0.01)
    frame[G] = 1 - frame["population_global"]
    row = verdict("vanilla-global", frame)
    assert (row["verdict"], row["source"]) == ("supported", "population")
    frame.loc[0, "population_global"] = np.nan
    row = verdict("vanilla-global", frame)
    assert (row["verdict"], row["source"]) == ("contradicted", "sample")
    row = verdict("vanilla-global", frame.assign(data_seed=0))
    assert "scores sampled on one test split, whose noise all runs share" in row["reasons"]


def test_complete_replicates_alone_enter_an_average() -> None:
    """A replicate that lacks a level would move the mean over levels; two of five lack the strongest noise here."""
    frame = both("pronounced-graphical-global", np.linspace(0, 0.07, 8))
    vanilla = frame["variant"].eq("vanilla")
    frame.loc[vanilla, "population_global"] = 0.8
    lacking = frame["level"].eq(0.125) & frame["seed"].isin([0, 1])
    row = verdict("pronounced-graphical-global", frame[~lacking])
    assert row["n"] == 3
    assert row["reasons"] == "3 replicates, not 5"
    whole = frame[frame["seed"] > 1]
    assert row["estimate"] == pytest.approx(verdict("pronounced-graphical-global", whole)["estimate"])


# Rules


def test_one_level_far_ahead_does_not_carry_the_others() -> None:
    """The mean over levels is certainly above 0, and yet the claim is false at seven of eight."""
    ahead = [*[-0.00005] * 7, 0.1]
    row = verdict("numerical-mild-global", both("numerical-mild-global", ahead))
    assert row["verdict"] == "undecided"
    assert "on average above 0: +0.0125" in row["evidence"]
    row = verdict("numerical-mild-global", both("numerical-mild-global", [*[-0.001] * 7, 0.1]))
    assert row["verdict"] == "contradicted"
    assert row["estimate"] == pytest.approx(-0.001)
    assert "weakest at ε_n = 0.001" in row["evidence"]


def test_all_levels_ahead() -> None:
    row = verdict("numerical-mild-global", both("numerical-mild-global", 0.001))
    assert (row["verdict"], row["conditions"], row["provisional"]) == ("supported", 8, False)
    assert row["ci_low"] > 0
    frame = both("numerical-mild-global", 0.001)
    row = verdict("numerical-mild-global", frame[frame["level"].eq(0.1)])
    assert (row["verdict"], row["provisional"], row["conditions"]) == ("supported", True, 1)
    assert row["reasons"].startswith("levels: fewer than two runs at ε_n = 0.001, 0.0025")
    assert "--eps-n X --replicates 5 (X: 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.125)" in row["missing"]


def test_behind_is_the_mirror_and_growth_is_beyond_vanilla() -> None:
    for name in ("numerical-strong-global", "numerical-strong-clean-local"):
        measure = L if name.endswith("local") else G
        assert verdict(name, both(name, -0.05, measure))["verdict"] == "supported"
        assert verdict(name, both(name, 0.05, measure))["verdict"] == "contradicted"
    for name, measure in (("pronounced-numerical-global", G), ("pronounced-numerical-local", L)):
        for gain, expected in ((0.03, "supported"), (0.01, "contradicted")):
            drawn = {(m, measure): 0.8 + (gain + WOBBLE[:5] if m == BOTH[0] else 0) for m in BOTH}
            drawn |= {(f"{m}, vanilla", measure): 0.8 + (0.02 if m == BOTH[0] else 0) for m in BOTH}
            assert verdict(name, rows(name, drawn))["verdict"] == expected


def test_contradicted_by_holm_over_levels() -> None:
    """A level that is certain alone but not among eight that say nothing."""
    rule, wobble = EveryLevel(), WOBBLE[:5]
    values = np.vstack([*[wobble] * 7, wobble - 0.0004])
    table = Table(tuple("abcdefgh"), values, np.arange(5))
    alone = rule.judge(Table(("h",), values[7:], np.arange(5)))
    assert alone.verdict == "contradicted"
    assert alone.p_value > 0.05 / 8
    assert rule.judge(table).verdict == "undecided"
    assert rule.judge(replace(table, values=values - 0.002 * (np.arange(8) == 7)[:, None])).verdict == "contradicted"


def test_the_headline_is_superior_equal_or_inferior() -> None:
    for ahead, expected in ((0.00016, "supported"), (-0.00016, "contradicted"), (0.0, "equal"), (0.00002, "equal")):
        base = np.resize(SHARED, 25)
        wobble = np.resize(WOBBLE, 25) / 10
        frame = rows("vanilla-global", {(BOTH[0], G): base + ahead + wobble - wobble.mean(), (BOTH[1], G): base}, 25)
        row = verdict("vanilla-global", frame)
        assert row["verdict"] == expected, ahead
        assert row["margin"] == 0.00005
    assert "equal, which is neither superior nor inferior" in row["evidence"]


@pytest.mark.parametrize(("mean", "sd"), [(0.00027, 0.0014), (0.0, 0.002), (0.0012, 0.004), (0.002, 0.003)])
def test_so_many_replicates_as_missing_says_do_decide(mean: float, sd: float) -> None:
    """Four times in five or oftener, were mean and scatter what they seem: what is little is shown to be none."""
    margin = 0.0015
    values = np.array([1.0, -1.0, 0.5, -0.5, 0.0])
    table = Table(("",), (mean + sd * values / values.std(ddof=1))[None], np.arange(5))
    wanted = Superior(margin).judge(table).wanted
    draw = np.random.default_rng(0)

    def decided(n: int) -> float:
        every = draw.normal(mean, sd, (2000, n))
        half = stats.sem(every, axis=1) * stats.t.ppf([[0.95], [0.975]], n - 1)
        level = abs(every.mean(1)) + half[0] < margin
        return float(np.mean(level | (abs(every.mean(1)) > half[1])))

    assert wanted > 5
    assert 0.78 < decided(wanted) < 0.97
    assert decided(wanted // 2) < 0.8


def test_the_headline_is_corrected_for_four() -> None:
    """Known alone, a claim counts as one of four; the others take what is left."""
    values = np.array([0.004, 0.006, 0.001, 0.005, 0.002]) * 2
    frames = [
        rows(name, {(BOTH[0], G): 0.8 + values, (BOTH[1], G): 0.8}) for name in ("vanilla-global", "large-global")
    ]
    alone = verdict("vanilla-global", frames[0])
    assert 0.0125 < alone["p_value"] < 0.05
    assert (alone["verdict"], alone["p_holm"]) == ("undecided", pytest.approx(4 * alone["p_value"]))
    assert "would decide, if mean and scatter are what they seem" in alone["missing"]
    table = judge({"runs": pd.concat(frames)}).set_index("claim")
    assert table.loc["vanilla-global", "p_holm"] == pytest.approx(4 * alone["p_value"])
    assert table["p_holm"].notna().sum() == 2
    certain = both("vanilla-global", 0.01)
    assert verdict("vanilla-global", certain)["verdict"] == "supported"


def test_five_pairs_never_decide_by_sign_flips() -> None:
    row = verdict("gaps-small-global", both("gaps-small-global", 0.1))
    assert (row["verdict"], row["p_value"]) == ("undecided", 2 / 2**5)
    assert "6 replicates or more: sign flips of fewer cannot reach p = .05" in row["missing"]
    row = verdict("gaps-small-global", both("gaps-small-global", 0.1, n=10))
    assert (row["verdict"], row["provisional"]) == ("supported", False)
    assert verdict("gaps-small-global", both("gaps-small-global", 0.1, n=7))["reasons"] == "7 replicates, not 10"


def test_interpolation_is_judged_signed_and_said_absolute() -> None:
    frame = both("gaps-large-interpolation", 0.1, "gap_spearman", n=10)
    frame["population_gap_abs"], frame["population_interior_band"] = 1 - frame["population_gap"], 0.9
    row = verdict("gaps-large-interpolation", frame)
    assert row["verdict"] == "supported"
    assert "mean |ρ| inside the gaps: -0.1" in row["evidence"]
    assert "seen bands between the gaps: +0" in row["evidence"]


def test_fractured_runs_are_taken_out_and_unknown_ones_too() -> None:
    n = 20
    flags = np.arange(n) < 6
    scores = np.where(flags, 0.1, 0.98) + np.resize(WOBBLE, n)
    drawn = {(BOTH[0], G): scores, (BOTH[1], G): 0.97, (BOTH[0], "fractured"): flags, (BOTH[1], "fractured"): 0}
    frame = rows("gaps-large-unfractured", drawn, n)
    row = verdict("gaps-large-unfractured", frame)
    assert (row["verdict"], row["n"]) == ("supported", 14)
    assert verdict("gaps-large-global", frame)["verdict"] != "contradicted"
    frame.loc[frame["seed"].gt(16), "population_fractured"] = np.nan
    assert verdict("gaps-large-unfractured", frame)["n"] == 11
    helps = rows("gaps-unfractured-helps", {("c", G): scores, ("c", "fractured"): flags}, n)
    row = verdict("gaps-unfractured-helps", helps)
    assert row["verdict"] == "supported"
    assert row["estimate"] == pytest.approx(0.3 * 0.88, abs=1e-3)


@pytest.mark.parametrize(
    ("count", "trials", "like", "below"),
    [
        *(
            (2, 5, "supported", "supported"),
            (0, 24, "contradicted", "supported"),
            (24, 24, "contradicted", "undecided"),
        ),
        *((7, 8, "undecided", "undecided"), (1, 3, "undecided", "undecided"), (40, 40, "contradicted", "undecided")),
        (400, 400, "contradicted", "contradicted"),
    ],
)
def test_fracture_rates(count: int, trials: int, like: str, below: str) -> None:
    frame = rows("gaps-fracture", {("c", "fractured"): np.arange(trials) < count}, trials)
    assert verdict("gaps-fracture", frame)["verdict"] == like
    assert verdict("gaps-fracture-chance", frame)["verdict"] == below
    row = verdict("gaps-fracture-chance", frame)
    assert (row["n"], row["margin"], row["estimate"]) == (trials, 0.875, count / trials)


def test_bands_out_of_order_count_and_are_said_to() -> None:
    """Random directions and a random order, tried one by one: the flag is raised oftener than 7 times in 8."""
    draws = list(product(product((-1, 1), repeat=4), permutations(range(4))))
    whole = sum(abs(sum(signs)) == 4 and order in ((0, 1, 2, 3), (3, 2, 1, 0)) for signs, order in draws)
    chance = 1 - whole / len(draws)
    row = verdict("gaps-fracture-chance", rows("gaps-fracture", {("c", "fractured"): 1}, 400))
    assert row["p_value"] == pytest.approx(2 * chance**400)
    for text in (
        row["rule"],
        verdict("gaps-fracture", pd.DataFrame())["rule"],
        MEASURES["population_fractured"].meaning,
    ):
        assert "out of order" in text


def test_chance_depends_on_the_number_of_gaps() -> None:
    frame = rows("gaps-fracture", {("c", "fractured"): 0})
    program = frame.assign(protocol="original", train_protocol="original", recipe_protocol="original")
    assert verdict("gaps-fracture-chance", program)["margin"] == 1 - 1 / 16


def test_of_several_seeds_on_several_training_sets_one_counts() -> None:
    frame = rows("gaps-fracture", {("c", "fractured"): [[0, 1, 0, 1, 0]]})
    again = frame.assign(seed=frame["seed"] + 10, population_fractured=1)
    assert verdict("gaps-fracture", pd.concat([frame, again]))["n"] == 5


@pytest.mark.parametrize("datasets", [0, 1])
def test_a_training_on_several_foreign_test_splits_counts_once(datasets: int) -> None:
    frame = rows("gaps-fracture", {("c", "fractured"): [[1, 0, 0, 0, 0]]})
    frame["train_data_seed"] *= datasets
    row = verdict("gaps-fracture", pd.concat([frame.assign(data_seed=10 + split) for split in range(4)]))
    assert (row["n"], row["estimate"]) == (5, 0.2)


def test_fractures_along_length_and_number_of_gaps() -> None:
    flags = np.zeros((5, 10))
    flags[3:, :6] = 1
    row = verdict("gaps-fracture-longer", rows("gaps-fracture-longer", {("c", "fractured"): flags}, 10))
    assert (row["verdict"], row["estimate"]) == ("supported", 0.6)
    assert "α_g = 0.8: 6 of 10" in row["evidence"]
    back = rows("gaps-fracture-longer", {("c", "fractured"): flags[::-1]}, 10)
    assert verdict("gaps-fracture-longer", back)["verdict"] == "contradicted"
    fewer = rows("gaps-fracture-fewer", {("c", "fractured"): [[1.0] * 8 + [0.0] * 2, [0.0] * 10]}, 10)
    row = verdict("gaps-fracture-fewer", fewer)
    assert (row["verdict"], row["conditions"], row["recipe"]) == ("supported", 2, "paper")
    given = {f"{side}parameters": json.dumps({"gap": [[0.3, 0.7]]}) for side in ("", "train_")}
    spelled = fewer.copy()
    for name, text in given.items():
        spelled.loc[spelled["parameters"].str.contains('"num_gaps": 1'), name] = text
    pd.testing.assert_series_equal(verdict("gaps-fracture-fewer", spelled), row)


def test_an_equal_shortfall_of_both_methods_supports_nothing() -> None:
    """Blank images cost both .003: contrastive alone is not hurt."""
    drawn: dict[tuple[str, str], Any] = {}
    for name, lost in (("contrastive", 0.003), ("supervised", 0.003)):
        drawn[f"{name}, cropped", G] = 0.99 - lost + WOBBLE[:5] * (1 if name == "contrastive" else -1)
        drawn[name, G] = 0.993 + WOBBLE[:5][::-1]
        drawn[f"{name}, cropped", f"oracle_{G}"], drawn[name, f"oracle_{G}"] = 0.991, 0.994
    assert verdict("ambiguity-global", rows("ambiguity-global", drawn))["verdict"] == "undecided"
    drawn["contrastive, cropped", G] = drawn["contrastive, cropped", G] - 0.01
    row = verdict("ambiguity-global", rows("ambiguity-global", drawn))
    assert (row["verdict"], row["conditions"]) == ("supported", 4)
    assert "shortfall of contrastive, cropped 0.014" in row["evidence"]
    spared = verdict("ambiguity-supervised-global", rows("ambiguity-supervised-global", drawn))
    assert (spared["verdict"], spared["estimate"]) == ("contradicted", pytest.approx(-0.003, abs=1e-4))
    drawn["supervised, cropped", G] = drawn["supervised, cropped", G] + 0.013
    spared = verdict("ambiguity-supervised-global", rows("ambiguity-supervised-global", drawn))
    assert (spared["verdict"], spared["estimate"]) == ("supported", pytest.approx(0.01, abs=1e-4))


def test_vertical_needs_more_than_random_outputs_give() -> None:
    frame = rows("outputs-vertical", {("contrastive", "vertical_gain"): WOBBLE[:5]}).assign(vertical_r2=0.3)
    assert verdict("outputs-vertical", frame)["verdict"] == "undecided"
    frame["vertical_gain"] += 0.1
    row = verdict("outputs-vertical", frame)
    assert (row["verdict"], row["conditions"]) == ("supported", 2)
    row = verdict("outputs-vertical", frame[frame["dim"].eq(2)])
    assert (row["verdict"], row["reasons"]) == ("supported", "levels: fewer than two runs at d = 3")


def test_settings_are_read_from_the_recipe() -> None:
    levels = np.array(power.OPEN["temperature"])[:, None]
    ranges = 6.5 * np.sqrt(levels / 0.1) * (1 + WOBBLE[:5])
    frame = rows("range-temperature", {("contrastive", "representation_range"): ranges})
    assert verdict("range-temperature", frame)["verdict"] == "supported"
    law = verdict("range-temperature-law", frame)
    assert (law["verdict"], law["estimate"]) == ("supported", pytest.approx(0.5, abs=1e-3))
    decoupled = frame.copy()
    decoupled["recipe"] = [json.dumps(json.loads(text) | {"decoupled": True}) for text in frame["recipe"]]
    decoupled["objective"] = "decoupled"
    assert verdict("range-temperature", decoupled)["n"] == 0
    clipped = rows("range-clipping", {("contrastive", "representation_range"): 6.5 + WOBBLE[:5]})
    row = verdict("range-clipping", clipped)
    assert (row["verdict"], row["provisional"], row["n"], row["conditions"]) == ("supported", False, 5, 3)


def test_fewer_pendulums_need_as_many_steps() -> None:
    drawn: dict[tuple[str, str], Any] = {}
    for name in ("contrastive", "supervised", "contrastive, all", "supervised, all"):
        drawn[name, G] = (0.96 if name == "contrastive" else 0.98) + WOBBLE[:5]
        drawn[name, f"oracle_{G}"] = 0.99
    drawn["supervised", G] = drawn["supervised", G][::-1]
    frame = rows("data-hungry-global", drawn)
    assert verdict("data-hungry-global", frame)["verdict"] == "supported"
    few = frame["train_pendulums"].eq(512)
    frame.loc[few, "recipe"] = [text.replace('"epochs": 1000', '"epochs": 100') for text in frame.loc[few, "recipe"]]
    assert verdict("data-hungry-global", frame)["n"] == 0


def test_a_recipe_with_too_few_levels_gives_way_to_one_with_enough() -> None:
    """However many replicates it has: along two levels nothing can be ranked."""
    falls = {("contrastive", G): 0.9 - 0.01 * np.arange(5)[:, None] + WOBBLE[:6]}
    whole = rows("gaps-falls-global-contrastive", falls, 6).assign(schedule="epochs 7", full=False)
    short = rows("gaps-falls-global-contrastive", {("contrastive", G): 0.9}, 20)
    short = short[short["level"] > 0.5].assign(schedule="epochs 4", full=False)
    row = verdict("gaps-falls-global-contrastive", pd.concat([whole, short]))
    assert (row["verdict"], row["n"], row["conditions"]) == ("supported", 6, 5)
    assert verdict("gaps-falls-global-contrastive", short)["n"] == 0


def test_blank_images_within_the_scatter_of_the_others() -> None:
    def frame(offset: float, scatter: float) -> pd.DataFrame:
        invariance = 1 - scatter**2
        drawn = {("blank", "blank_offset"): offset + 50 * WOBBLE[:5], ("in view", "time_invariance"): invariance}
        return rows("blank-average", drawn)

    row = verdict("blank-average", frame(0.2, 0.4))
    assert (row["verdict"], row["margin"]) == ("supported", pytest.approx(0.4))
    assert verdict("blank-average", frame(0.2, 0.1))["verdict"] == "contradicted"
    assert verdict("blank-average", frame(0.2, 0.2))["verdict"] == "undecided"
    assert verdict("blank-average", frame(-1.0, 0.4))["verdict"] == "contradicted"


def test_always_means_every_run() -> None:
    step = np.linspace(-0.5, 0.5, 7)[:, None]
    density = np.exp(step * np.array([1.0, 1.1, 0.9, 1.0, 1.0, 1.0, 1.1, 0.9, 1.0, -0.02]))
    row = verdict("low-energies-sparser", rows("low-energies-sparser", {("contrastive", "density"): density}, 10))
    assert row["verdict"] == "undecided"
    assert "above 0 in 9 of 10 runs; so on average, not always" in row["evidence"]
    density[:, -1] = density[:, 0]
    row = verdict("low-energies-sparser", rows("low-energies-sparser", {("contrastive", "density"): density}, 10))
    assert (row["verdict"], row["source"]) == ("supported", "population")
    values = np.array([[1.0, 1.2, 1.1, 1.0, 1.2, 1.1, 1.0, 1.1, -0.1, 2.3]])
    found = Above(every_run=True).judge(Table(("",), values, np.arange(10) // 2))
    assert (found.verdict, found.n, found.words[0]) == ("undecided", 5, "above 0 in 9 of 10 runs")


def test_a_range_of_nothing_is_not_consistent() -> None:
    frame = rows("range-consistent", {("contrastive", "representation_range"): 0.0})
    assert verdict("range-consistent", frame)["verdict"] == "undecided"
    assert "no spread to speak of" in verdict("range-consistent", frame)["evidence"]


def test_the_scatter_of_single_runs_is_covered() -> None:
    """Several on one training set: by the interval 19 times in 20, whichever of the two they scatter by."""
    draw, unit_of = np.random.default_rng(0), np.repeat(np.arange(6), (4, 4, 4, 3, 4, 4))
    for between, within in ((1.0, 0.1), (0.5, 0.5), (0.0, 1.0)):
        truth = np.hypot(between, within) / 100
        values = draw.normal(100, between, (1000, 6))[:, unit_of] + draw.normal(0, within, (1000, 23))
        found = [Spread(0.1).judge(Table(("",), row[None], unit_of)) for row in values]
        assert 0.93 < np.mean([one.ci_low < truth < one.ci_high for one in found]) < 0.975
        assert np.mean([one.estimate**2 for one in found]) == pytest.approx(truth**2, rel=0.06)


def test_the_printed_error_is_judged_by_replicate() -> None:
    """Seeds and conditions of one training set are one value of the error, in the interval as in n."""
    error = 0.03 + np.resize(SHARED / 100, (2, 10)) + np.array([[0.001], [-0.001]])
    best, se = np.full((2, 10), 0.002), np.full((2, 10), 0.0001)
    found = AsPrinted(0.0032).judge(Table(("a", "b"), best, np.arange(10) // 2, further={"error": error, "se": se}))
    means = error.reshape(2, 5, 2).mean(axis=(0, 2))
    interval = stats.t.interval(0.95, 4, means.mean(), stats.sem(means))
    assert (found.n, found.conditions) == (5, 2)
    assert (found.estimate, found.ci_low, found.ci_high) == pytest.approx((means.mean(), *interval))


def test_the_empty_arc_is_asked_for_by_name() -> None:
    frame = rows("cosine-wraps", {("contrastive", "empty_arc"): 0.1 + WOBBLE[:5]})
    assert verdict("cosine-wraps", frame)["verdict"] == "supported"
    assert verdict("cosine-wraps", frame.drop(columns="empty_arc"))["n"] == 0


# Settings


def test_gaps_of() -> None:
    assert gaps_of("gaps", '{"alpha_g": 0.4, "num_gaps": 1}', "paper") == (1, 0.4)
    assert gaps_of("gaps", '{"gap": [[0.3, 0.7]]}', "paper") == (1, 0.4)
    assert gaps_of("gaps", '{"alpha_g": 0.6}', "original") == (4, 0.6)
    for given in ('{"gap": [[0.2, 0.6]]}', '{"gap": []}', "{", "null", '{"alpha_g": null}'):
        assert np.isnan(gaps_of("gaps", given, "paper")).all()
    assert np.isnan(gaps_of("vanilla", "{}", "paper")).all()


def test_units_average_what_is_known() -> None:
    table = Table(("a",), np.array([[1.0, 3.0, np.nan, 5.0]]), np.array([0, 0, 1, 1]))
    assert table.units(table.values).tolist() == [[2.0, 5.0]]
    assert replace(table, unit_of=np.arange(4)).units(table.values) is table.values


# From files


def test_from_files_to_claims(write_run: Callable[..., Path], tmp_path: Path) -> None:
    for seed in range(3):
        for method, noise in (("contrastive", 0.0), ("supervised", 0.03 + 0.003 * seed)):
            write_run(seed, method, noise=noise, data_seed=seed, population=True)
    for seed in range(3):
        write_run(seed, variant="large", version=1)
    frames = report([tmp_path / "runs"], tmp_path / "report", csv_only=True, quiet=True).frames
    for table in (frames["claims"], pd.read_csv(tmp_path / "report" / "claims.csv", keep_default_na=False)):
        found = table.set_index("claim")
        row = found.loc["vanilla-global"]
        assert (row["verdict"], row["n"], row["unit"], row["source"]) == ("supported", 3, "replicate", "population")
        assert (row["precision"], row["recipe"], row["reasons"]) == ("float32", "paper", "3 replicates, not 25")
        assert "error of the best monotone rule: -" in row["evidence"]
        assert (found.loc["density", "n"], found.loc["density", "source"]) == (3, "population")
        assert (found.loc["nonlinear", "n"], found.loc["nonlinear", "source"]) == (3, "sample")
        assert found.loc["large-global", "n"] == 0
        assert found.loc["large-global", "missing"].startswith("3 runs whose settings are not known: embed again")
    again = judge({name: pd.read_csv(tmp_path / "report" / f"{name}.csv") for name in ("runs", "segments")})
    pd.testing.assert_frame_equal(again, frames["claims"])
