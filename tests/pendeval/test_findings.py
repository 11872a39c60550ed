"""Answers of the lab's own questions, from rows made by hand and against calculations of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import ORACLE, run, runs_of
from scipy import stats

from pendeval import tables
from pendeval.claims import judge
from pendeval.claims.scores import MARGINS
from pendeval.tables.comparisons import compare
from pendeval.tables.findings import AHEAD, BROKEN, FEWEST, FINDINGS, LABELS, ORDER, OTHERS, SETTINGS, findings
from pendeval.tables.fractures import fractures
from pendeval.tables.labelled import labelled
from pendeval.tables.optima import optima
from pendeval.tables.runs import in_each_precision, once
from pendeval.verdict import equivalence

Scores = Sequence[tuple[float, float]]
GLOBAL, LOCAL = MARGINS.values()


def asked(*rows: dict[str, Any]) -> pd.DataFrame:
    """findings.csv of rows of runs.csv."""
    runs = runs_of(*rows)
    made = {"comparisons": compare, "optima": optima, "fractures": fractures, "labelled": labelled}
    return findings({name: make(runs) for name, make in made.items()})


def trained(method: str, scores: Scores, **more: Any) -> list[dict[str, Any]]:
    return [run(method, seed, scores=(*score, 0.03), **more) for seed, score in enumerate(scores)]


def pairs(differences: Scores, at: tuple[float, float] = (0.99, 0.78), **more: Any) -> list[dict[str, Any]]:
    """Contrastive and supervised runs that differ by so much in global and in local score."""
    supervised = [(at[0] + 0.0001 * k, at[1] + 0.001 * k) for k in range(len(differences))]
    contrastive = [(s + d, t + e) for (s, t), (d, e) in zip(supervised, differences, strict=True)]
    return trained("contrastive", contrastive, **more) + trained("supervised", supervised, **more)


def answers(found: pd.DataFrame, question: str) -> dict[str, pd.Series]:
    return {str(row["about"]): row for _, row in found[found["question"].eq(question)].iterrows()}


def swapped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each method reached given to the other."""
    half = len(rows) // 2
    scores = [{name: row[name] for name in row if name.startswith("population_")} for row in rows]
    return [row | other for row, other in zip(rows, scores[half:] + scores[:half], strict=True)]


# --- who is ahead ---

CLEAR = [(0.0040, 0.040), (0.0041, 0.041), (0.0042, 0.039), (0.0039, 0.040)]
LEVEL = [(0.00001, 0.0001), (-0.00001, -0.0002), (0.00002, 0.0001), (0.0, -0.0001), (-0.00001, 0.0002)]
OPEN = [(0.004, 0.04), (-0.004, -0.03), (0.003, 0.02), (-0.002, -0.02)]


def test_who_is_ahead_and_by_how_much() -> None:
    (row,) = answers(asked(*pairs(CLEAR)), AHEAD).values()
    values = np.array(CLEAR)[:, 0]
    half = stats.t.ppf(0.975, 3) * stats.sem(values)
    assert row["answer"].startswith("Contrastive is ahead: contrastive less supervised is 0.00405 (")
    assert "0.0400 (" in row["answer"]
    assert row["answer"].endswith(f"of {ORACLE['oracle_population_global']:.5f} that the pictures allow.")
    assert (row["measure"], row["n"], row["table"]) == ("population_global", 4, "comparisons")
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half)
    )
    assert row["p_value"] == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    assert row["p_holm"] <= 2 * row["p_value"] + 1e-15


def test_fewer_pendulums_than_the_papers_are_named_and_come_after() -> None:
    found = answers(asked(*pairs(CLEAR, train_pendulums=160), *pairs(OPEN)), AHEAD)
    (whole, _), (few, row) = found.items()
    assert few == f"{whole}, trained on 160 × 20 images"
    assert row["answer"].startswith("Contrastive is ahead: ")
    assert row["figure"] == "figure-pendulums"


@pytest.mark.parametrize(
    ("differences", "said"),
    [(CLEAR, "Contrastive is ahead"), (LEVEL, "The two are level"), (OPEN, "It is open who is ahead")],
)
def test_the_same_the_other_way_round(differences: Scores, said: str) -> None:
    rows = pairs(differences)
    (row,) = answers(asked(*rows), AHEAD).values()
    (other,) = answers(asked(*swapped(rows)), AHEAD).values()
    assert row["answer"].startswith(said)
    assert other["answer"].startswith(said.replace("Contrastive", "Supervised"))
    assert (other["estimate"], other["ci_low"]) == pytest.approx((-row["estimate"], -row["ci_high"]), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_level_where_two_one_sided_tests_say_so(seed: int) -> None:
    draw = np.random.default_rng(seed)
    size = draw.uniform(0.1, 2)
    values = draw.normal(0, size, (5, 2)) * (GLOBAL, LOCAL) / 2
    (row,) = answers(asked(*pairs(values.tolist())), AHEAD).values()
    level = [equivalence(values[:, k], -margin, margin) <= 0.05 for k, margin in enumerate((GLOBAL, LOCAL))]
    assert level == [
        row["answer"].startswith(("The two are level", "In global Spearman the two are level")),
        row["answer"].startswith("The two are level") or "in local the two are level" in row["answer"],
    ]


def test_the_scores_can_disagree() -> None:
    rows = pairs([(a, -b) for a, b in CLEAR])
    (row,) = answers(asked(*rows), AHEAD).values()
    assert row["answer"].startswith("In global Spearman contrastive is ahead, in local supervised is ahead: ")


def test_one_pair_says_nothing_and_two_alike_are_no_error() -> None:
    assert not answers(asked(*pairs(CLEAR[:1])), AHEAD)
    (row,) = answers(asked(*pairs([(0.004, 0.04), (0.004, 0.04)])), AHEAD).values()
    assert row["answer"].startswith("Contrastive is ahead: contrastive less supervised is 0.00400 (0.00400 to 0.00400)")
    (row,) = answers(asked(*pairs([(0.0, 0.0), (0.0, 0.0)])), AHEAD).values()
    assert row["answer"].startswith("The two are level: contrastive less supervised is 0.00000")


def test_more_data_ask_more_of_each() -> None:
    slight = [(0.0040, 0.040), (0.0050, 0.046), (0.0030, 0.034)]
    (alone,) = answers(asked(*pairs(slight)), AHEAD).values()
    others = [row for k in range(1, 9) for row in pairs(OPEN, variant="gaps", level=k / 10, data_words=f"gaps {k}")]
    every = answers(asked(*pairs(slight), *others), AHEAD)
    assert len(every) == 9
    among = every[str(alone["about"])]
    assert alone["answer"].startswith("Contrastive is ahead")
    assert among["answer"].startswith("It is open who is ahead")
    assert among["p_value"] == alone["p_value"]
    assert among["p_holm"] > alone["p_holm"]


def test_of_nothing_someone_is_ahead_no_oftener_than_promised() -> None:
    """Of 400 tables of 3 comparisons without any difference at most 5 %, and three standard errors, may name one."""
    draw = np.random.default_rng(0)
    made = compare(runs_of(*pairs(CLEAR)))
    made = pd.concat([made.assign(condition_a=f"{made['condition_a'][0]}-{k}") for k in range(3)], ignore_index=True)
    empty = {name: pd.DataFrame(columns=list(held)) for name, held in tables.COLUMNS.items()}
    wrong = 0
    for _ in range(400):
        values = draw.normal(0, 0.01, (4, len(made)))
        half = stats.t.ppf(0.975, 3) * stats.sem(values)
        tested = made.assign(difference=values.mean(0), ci_low=values.mean(0) - half, ci_high=values.mean(0) + half)
        found = findings(empty | {"comparisons": tested.assign(p_value=stats.ttest_1samp(values, 0).pvalue)})
        assert len(found) == 3
        wrong += found["answer"].str.contains("(?:contrastive|supervised) is ahead", case=False).any()
    assert wrong / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_exact_scores_where_they_are_and_sampled_ones_where_not() -> None:
    rows = pairs(CLEAR)
    sampled = [row | {"global_spearman": 0.5, "local_spearman": 0.4} for row in rows]
    (row,) = answers(asked(*sampled), AHEAD).values()
    assert row["measure"] == "population_global"
    bare = [
        {name: value for name, value in row.items() if "population_" not in name or name == "population_file"}
        | {"global_spearman": row["population_global"], "local_spearman": row["population_local"]}
        for row in rows
    ]
    (row,) = answers(asked(*bare), AHEAD).values()
    assert row["measure"] == "global_spearman"
    assert row["answer"].startswith("Contrastive is ahead")


def test_only_one_output_of_networks_on_their_own_data_counts() -> None:
    for more in ({"dim": 2}, {"own": False}, {"view": "visible"}, {"layer": "features"}, {"split": "train"}):
        rows = [row | more for row in pairs(CLEAR)]
        assert asked(*rows).empty, more
    assert not answers(asked(*pairs(CLEAR, encoder="table")), AHEAD)


def test_figures_that_show_both_methods() -> None:
    rows = [
        *pairs(CLEAR),
        *pairs(CLEAR, variant="gaps", level=0.4, data_words="gaps", knob="alpha_g"),
        *pairs(CLEAR, variant="numerical-noise", level=0.1, data_words="noise", knob="eps_n"),
        *pairs(CLEAR, variant="cropping", level=0.6, data_words="cropping", knob="alpha_c"),
    ]
    found = answers(asked(*rows), AHEAD)
    assert [row["figure"] for row in found.values()] == ["figure-03", *["figure-ahead"] * 3]


def test_data_in_the_order_of_the_paper() -> None:
    rows = [
        *pairs(OPEN, variant="cropping", level=0.6, data_words="cropping, α_c 0.6"),
        *pairs(OPEN, schedule={"epochs": 7}),
        *pairs(OPEN, variant="gaps", level=0.4, data_words="gaps, α_g 0.4"),
        *pairs(OPEN),
    ]
    assert [*answers(asked(*rows), AHEAD)] == [
        "vanilla, Fig. 16",
        "vanilla, epochs 7",
        "gaps, α_g 0.4, Fig. 16",
        "cropping, α_c 0.6, Fig. 16",
    ]


# --- what the loss wants ---


def test_where_the_loss_is_least() -> None:
    same = (ORACLE["oracle_population_global"] - GLOBAL / 2, ORACLE["oracle_population_local"] + LOCAL / 2)
    rows = trained("supervised", [same], encoder="optimum") + trained("contrastive", [(0.95, 0.7)], encoder="optimum")
    (row,) = answers(asked(*rows), ORDER).values()
    assert row["answer"] == (
        "The oracle has 0.99374 / 0.8063 (global / local Spearman). The least loss puts "
        f"supervised ({same[0]:.5f} / {same[1]:.4f}) there, and contrastive (0.95000 / 0.7000) elsewhere."
    )
    assert (row["about"], row["table"]) == ("vanilla", "optima")
    assert row["estimate"] == pytest.approx(0.95 - ORACLE["oracle_population_global"])
    assert np.isnan(row["p_value"])
    assert np.isnan(row["n"])


def test_the_order_of_the_loss_is_not_taken_from_free_vectors() -> None:
    assert not answers(asked(*trained("contrastive", [(0.95, 0.7)], encoder="table")), ORDER)


# --- other methods, labels, fractures ---


def test_other_methods_beside_contrastive_training() -> None:
    plain = [(0.99, 0.7), (0.9901, 0.7), (0.9902, 0.7)]
    better = [(a + 0.002 + 0.00001 * k, 0.75 + 0.001 * k) for k, (a, _) in enumerate(plain)]
    worse = [(a - 0.1 - 0.0001 * k, 0.5 - 0.001 * k) for k, (a, _) in enumerate(plain)]
    rows = trained("contrastive", plain) + trained("align_uniform", better) + trained("byol", worse)
    rows += trained("byol", [(a - 0.2, 0.4) for a, _ in plain], own={"target_decay": 0.9})
    rows += trained("supervised", better)
    rows += trained("contrastive", better, own={"temperature": 0.5})
    (row,) = answers(asked(*rows), OTHERS).values()
    assert row["answer"].startswith("Ahead: align-uniform 0.00201 (")
    assert "Open: none. Behind: byol −0.10010 (" in row["answer"]  # at its better settings
    assert row["estimate"] == pytest.approx(np.mean(np.array(better)[:, 0] - np.array(plain)[:, 0]))
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    (turned,) = answers(asked(*trained("contrastive", worse), *trained("byol", plain)), OTHERS).values()
    assert turned["answer"].startswith("Ahead: byol 0.10010 (")


def test_other_losses_and_settings_beside_a_methods_own() -> None:
    plain = [(0.99, 0.7), (0.9901, 0.7), (0.9902, 0.7)]
    better = [(a + 0.002 + 0.00001 * k, 0.75 + 0.001 * k) for k, (a, _) in enumerate(plain)]
    worse = [(a - 0.1 - 0.0001 * k, 0.5 - 0.001 * k) for k, (a, _) in enumerate(plain)]
    rows = trained("supervised", plain) + trained("contrastive", better)
    assert not answers(asked(*rows), SETTINGS)
    rows += trained("supervised", better, own={"loss": "spearman"}) + trained("supervised", worse, own={"loss": "l1"})
    rows += trained("supervised", worse, own={"labelled": 0.1})  # what labels are worth is another question
    (row,) = answers(asked(*rows), SETTINGS).values()
    half = stats.t.ppf(0.975, 2) * stats.sem([0.002, 0.00201, 0.00202])
    assert row["answer"].startswith(f"Ahead: supervised loss spearman 0.00201 ({0.00201 - half:.5f} to ")
    assert "Open: none. Behind: supervised loss l1 −0.10010 (" in row["answer"]
    assert row["answer"].endswith("Global Spearman less that of supervised training as it usually is, n = 3.")
    assert (row["estimate"], row["ci_low"]) == pytest.approx((0.00201, 0.00201 - half))
    others = trained("byol", worse) + trained("byol", [(0.97, 0.6), (0.50, 0.7), (0.99, 0.8)], own={"space": "sphere"})
    of_two = asked(*rows, *others)
    of_two = of_two[of_two["question"].eq(SETTINGS)]
    assert [answer.split(".")[0] for answer in of_two["answer"]] == ["Ahead: supervised loss spearman 0", "Ahead: none"]
    assert "Open: byol space sphere −0." in of_two["answer"].iloc[1]


def test_what_labels_are_worth() -> None:
    rows = trained("contrastive", [(0.992, 0.7), (0.993, 0.7)])
    for share, score in ((0.001, 0.6), (0.01, 0.9)):
        rows += trained("supervised", [(score, 0.5), (score + 0.02, 0.5)], own={"labelled": share})
    rows += trained("joint", [(0.98, 0.6)], own={"labelled": 0.01})
    rows += trained("joint", [(0.3, 0.2)], own={"labelled": 0.01}, recipe="{}", labelled=0.01)  # less is known of it
    (row,) = answers(asked(*rows), LABELS).values()
    assert row["answer"] == (
        "In global Spearman, supervised training told the energies of 5 pendulums: 0.61000 ± 0.01414 (n = 2), "
        "51 pendulums: 0.91000 ± 0.01414 (n = 2); joint training told the energies of 51 pendulums: 0.98000 (n = 1); "
        "contrastive training told none: 0.99250 ± 0.00071 (n = 2)."
    )
    assert (row["estimate"], row["n"]) == (pytest.approx(0.61), 2)
    unknown = [row | {"train_pendulums": None} for row in rows]
    assert not answers(asked(*unknown), LABELS)


def test_how_often_gaps_break_it() -> None:
    def broken(count: int, of: int, **more: Any) -> list[dict[str, Any]]:
        rows = trained(more.pop("method", "contrastive"), [(0.9, 0.5)] * of, variant="gaps", level=0.8, **more)
        return [row | {"population_fractured": k < count} for k, row in enumerate(rows)]

    rows = [*broken(3, 5), *broken(0, 6, method="joint"), *broken(1, FEWEST - 1, method="byol")]
    (row,) = answers(asked(*rows), BROKEN).values()
    low, high = stats.binomtest(3, 5).proportion_ci(0.95, method="exact")
    p = stats.fisher_exact([[3, 2], [0, 6]]).pvalue
    assert row["answer"] == (
        f"contrastive: 3 of 5 broke, 95 % interval {low:.3f} to {high:.3f}; joint: 0 of 6 broke (p {p:.2g})."
    )
    assert (row["estimate"], row["n"], row["measure"]) == (0.6, 5, "fractured")


# --- nothing to say ---


def test_nothing_is_said_of_nothing() -> None:
    for rows in ((), (run(global_spearman=0.9),), (run(variant="another", scores=(0.9, 0.7, 0.1), data_words=""),)):
        found = asked(*rows)
        assert tuple(found) == tuple(FINDINGS)
        assert found.empty
    assert {*findings({name: pd.DataFrame(columns=list(held)) for name, held in tables.COLUMNS.items()})} == {*FINDINGS}


# --- seeds in two precisions ---


def test_conditions_are_compared_in_the_precision_that_they_share() -> None:
    """What one precision has most runs of, and counts by itself, another may lack; no seed counts twice."""

    def spanning(width: float, seeds: int, precision: str, **more: Any) -> list[dict[str, Any]]:
        rows = [run(seed=seed, scores=(0.99, 0.7, 0.03), precision=precision, **more) for seed in range(seeds)]
        held = [row | {"population_range": width + 0.01 * row["seed"], "usual": True} for row in rows]
        return [row | {name: f"{row[name]}-{precision}" for name in ("file", "digest")} for row in held]

    both = [*spanning(6.0, 5, "bfloat16"), *spanning(6.0, 3, "float32")]
    warm = spanning(12.0, 3, "float32", own={"temperature": 0.4})
    runs = runs_of(*both, *warm).copy().assign(embedding_digest=lambda frame: frame["file"])
    counted, problems = once(runs)
    assert (len(counted), len(problems)) == (5 + 3, 0)
    each = in_each_precision(runs)
    assert (len(each), int(each["again"].sum())) == (5 + 3 + 3, 3)
    for rows, n in ((counted, 0), (each, 3)):
        claim = judge({"runs": rows}).set_index("claim").loc["range-temperature-law"]
        assert claim["n"] == n
    assert (claim["verdict"], claim["estimate"]) == ("supported", pytest.approx(0.5, abs=0.01))


def test_methods_are_compared_like_with_like() -> None:
    """Of a seed trained in both precisions no float32 run stands against a bfloat16 one, which scores otherwise."""

    def trained_in(precision: str, method: str, seeds: int, score: float) -> list[dict[str, Any]]:
        rows = [run(method, seed, scores=(score, 0.7, 0.03), precision=precision) for seed in range(seeds)]
        return [row | {name: f"{row[name]}-{precision}" for name in ("file", "digest")} for row in rows]

    def compared(*rows: list[dict[str, Any]]) -> tuple[int, str, float]:
        runs = runs_of(*(row for some in rows for row in some)).copy()
        judged = in_each_precision(runs.assign(embedding_digest=lambda frame: frame["file"]))
        (found,) = (row for _, row in compare(judged).iterrows() if row["measure"] == "population_global")
        return found["n"], found["precision"], round(found["difference"], 9)

    ours = trained_in("float32", "contrastive", 5, 0.990)
    half = trained_in("bfloat16", "supervised", 5, 0.988)
    whole = trained_in("float32", "supervised", 4, 0.991)
    assert compared(ours, half, whole) == (4, "float32", -0.001)
    assert compared(ours, half) == (5, "bfloat16 + float32", 0.002)  # no two are alike, and it says so
    also = trained_in("bfloat16", "contrastive", 4, 0.989)
    assert compared(ours, half, whole, also) == (4, "float32", -0.001)  # equally many
    also = trained_in("bfloat16", "contrastive", 5, 0.989)
    assert compared(ours, half, whole, also) == (5, "bfloat16", 0.001)


def test_sampled_scores_of_all_go_before_exact_ones_of_a_few() -> None:
    rows = [row | {"global_spearman": 0.99, "local_spearman": 0.78} for row in pairs(CLEAR)]
    for row in rows:
        if row["seed"] > 1:
            row |= {"population_global": np.nan, "population_local": np.nan}
    (found,) = answers(asked(*rows), AHEAD).values()
    assert (found["measure"], found["n"], found["estimate"]) == ("global_spearman", 4, 0)
    assert answers(asked(*pairs(CLEAR)), AHEAD).popitem()[1]["measure"] == "population_global"
