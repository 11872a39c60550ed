"""The authors' records beside ours: like beside like, another law in columns of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pendeval.report import report
from pendeval.tables.records import RECORDS, Match, compare, expressed, read
from pendeval.tables.summary import SUMMARY

EMPTY = pd.DataFrame(columns=list(SUMMARY))
OURS = ["our_n", "our_mean", "our_sd", "our_ci_low", "our_ci_high", "our_oracle", "our_source"]
LAW = [name.replace("our_", "paper_law_") for name in OURS]


def scored(
    variant: str = "vanilla",
    level: float = 0.0,
    train: str = "",
    train_level: float = 0.0,
    protocol: str = "original",
    **cells: Any,
) -> dict[str, Any]:
    """A row of summary.csv; `train` where the encoder saw another variant."""
    row: dict[str, Any] = dict.fromkeys(SUMMARY, np.nan) | {"variant": variant, "level": level, "protocol": protocol}
    row |= {"train_variant": train or variant, "train_level": train_level if train else level}
    row |= {"train_protocol": protocol, "recipe_protocol": protocol, "usual": True, "full": True, "objective": ""}
    row |= {"method": "contrastive", "dim": 1, "split": "test", "view": "all", "condition": f"{variant}{level}{train}"}
    row |= {"measure": "global_spearman", "n": 5, "files": 5, "mean": 0.99, "sd": 0.001, "oracle": 0.994}
    return row | {"ci_low": 0.988, "ci_high": 0.992} | cells


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return compare(pd.DataFrame(rows, columns=list(SUMMARY)))


def found(rows: list[dict[str, Any]], status: str = "compared") -> pd.DataFrame:
    made = table(rows)
    return made[made["status"] == status]


def test_the_records_are_whole() -> None:
    records = read()
    assert len(records) == 248
    assert records["runs"].sum() == 1250
    assert set(records["family"]) == {"crop", "extra", "gnoise", "inoise", "nnoise", "trange", "twindow", "vnladim"}
    one = records[(records["family"] == "vnladim") & (records["dim"] == 1) & (records["method"] == "contrastive")]
    assert one[["global_mean", "global_sd", "local_abs_mean"]].to_numpy().tolist() == [[0.993741, 0.000157, 0.8087]]


def test_every_record_has_its_rows() -> None:
    made = compare(EMPTY)
    assert tuple(made.columns) == tuple(RECORDS)
    assert len(made) == 2 * len(read())
    assert made["status"].value_counts().sum() == len(made)
    assert set(made["status"]) == {"no runs", "not expressible"}
    beyond = set(made[made["status"] == "not expressible"]["family"])
    assert beyond == {"extra", "gnoise", "trange", "twindow"}
    assert (made["reason"] != "").all()
    assert (made[["our_n", "paper_law_n"]] == 0).all(axis=None)
    assert made[["our_mean", "paper_law_mean"]].isna().all(axis=None)
    zero = made[(made["family"] == "gnoise") & (made["train_eps_n"] == 0)]
    assert set(zero["status"]) == {"no runs"}


def test_their_interval_by_hand() -> None:
    made = compare(EMPTY)
    row = made[(made["family"] == "crop") & (made["measure"] == "local_abs_spearman")].iloc[0]
    assert (row["their_n"], row["their_mean"], row["their_sd"]) == (5, 0.20621, 0.018142)
    half = 2.7764451051977987 * 0.018142 / np.sqrt(5)
    assert row["their_ci_low"] == pytest.approx(0.20621 - half, abs=1e-12)
    low, high = stats.t.interval(0.95, 4, 0.20621, 0.018142 / np.sqrt(5))
    assert (row["their_ci_low"], row["their_ci_high"]) == pytest.approx((low, high), abs=1e-12)


def test_zero_noise_is_vanilla_in_every_family() -> None:
    made = found([scored()])
    assert sorted(made["family"]) == ["gnoise", "inoise", "nnoise", "vnladim"]
    assert made[OURS].to_numpy().tolist() == [[5, 0.99, 0.001, 0.988, 0.992, 0.994, "sample"]] * 4
    assert set(made["measure"]) == {"global_spearman"}
    assert (made["reason"] == "").all()


def test_noisy_and_clean_images() -> None:
    noisy = found([scored("numerical-noise", 0.1, mean=0.93)])
    assert noisy[["family", "train_eps_n", "test_eps_n", "our_mean"]].to_numpy().tolist() == [
        ["nnoise", 0.1, 0.1, 0.93]
    ]
    clean = found([scored(train="numerical-noise", train_level=0.1, mean=0.98)])
    assert clean[["family", "train_eps_n", "test_eps_n", "our_mean"]].to_numpy().tolist() == [
        ["nnoise", 0.1, 0.0, 0.98]
    ]
    graphical = found([scored("graphical-noise", 0.25)])
    assert graphical[["family", "train_eps_g", "test_eps_g"]].to_numpy().tolist() == [["inoise", 0.25, 0.25]]
    assert found([scored("numerical-noise", 0.11)]).empty
    assert found([scored("numerical-noise", np.nan)]).empty


def test_cropping_by_what_is_in_view() -> None:
    made = found([scored("cropping", 0.75, view="visible", measure="local_abs_spearman")])
    assert made[["family", "view", "their_mean"]].to_numpy().tolist() == [["crop", "visible", 0.74144]]
    made = found([scored("cropping", 0.75, method="supervised")])
    assert made[["view", "their_mean"]].to_numpy().tolist() == [["all", 0.887931]]


def test_outputs() -> None:
    made = found([scored(dim=3)])
    assert made[["family", "dim", "their_mean"]].to_numpy().tolist() == [["vnladim", 3, 0.979715]]


@pytest.mark.parametrize(
    "cells",
    [
        {"full": False},
        {"full": pd.NA},
        {"usual": False},
        {"usual": pd.NA},
        {"objective": "loss l1"},
        {"split": "train"},
        {"method": "other"},
        {"measure": "local_spearman"},
        {"mean": np.nan},
        {"view": "visible"},
        {"train_protocol": "paper"},
        {"train_variant": "large"},
    ],
)
@pytest.mark.parametrize("protocol", ["original", "paper"])
def test_what_is_no_match(cells: dict[str, Any], protocol: str) -> None:
    cells = (
        cells | {"train_protocol": {"paper": "original", "original": "paper"}[protocol]}
        if ("train_protocol" in cells)
        else cells
    )
    made = table([scored(protocol=protocol, **cells)])
    assert set(made["status"]) == {"no runs", "not expressible"}
    assert (made[["our_n", "paper_law_n"]] == 0).all(axis=None)


def test_like_stands_beside_like_and_another_law_apart() -> None:
    other = found([scored(protocol="paper", mean=0.5)], "other law")
    assert len(other) == 4
    assert (other["our_n"] == 0).all()
    assert other[[*OURS[1:]]].isna().all(axis=None)
    assert other[LAW].to_numpy().tolist() == [[5, 0.5, 0.001, 0.988, 0.992, 0.994, "sample"]] * 4
    assert other["reason"].str.contains("other test images").all()
    both = found([scored(protocol="paper", mean=0.5), scored(mean=0.6)])
    assert both[["our_mean", "paper_law_mean"]].to_numpy().tolist() == [[0.6, 0.5]] * 4


def test_a_recipe_of_the_other_protocol_is_not_like_for_like() -> None:
    assert found([scored(recipe_protocol="paper")]).empty
    assert found([scored(recipe_protocol="paper")], "other law").empty  # their images, our recipe: neither
    made = found([scored(protocol="paper", recipe_protocol="original", mean=0.5)], "other law")
    assert set(made["paper_law_mean"]) == {0.5}


def test_exact_scores_go_first_where_every_run_has_them() -> None:
    exact = scored(measure="population_global", mean=0.7)
    assert found([scored(), exact])[["our_mean", "our_source"]].to_numpy().tolist() == [[0.7, "population"]] * 4
    assert found([exact])[["our_mean", "our_source"]].to_numpy().tolist() == [[0.7, "population"]] * 4
    few = found([scored(), exact | {"files": 3, "n": 3}])
    assert few[["our_mean", "our_source"]].to_numpy().tolist() == [[0.99, "sample"]] * 4
    local = found([scored(), scored(measure="population_local_abs", mean=0.8)])
    assert set(local["our_source"]) == {"population", "sample"}


def test_of_several_conditions_the_one_with_most_units() -> None:
    rows = [
        scored(mean=0.5, n=3, condition="a"),
        scored(mean=0.6, n=25, condition="b"),
        scored(mean=0.7, condition="c"),
    ]
    rows += [scored(measure="population_global", mean=0.1, n=3, files=3, condition="a")]
    for order in (rows, rows[::-1]):
        made = found(order)
        assert set(made["our_mean"]) == {0.6}
        assert set(made["our_source"]) == {"sample"}


def test_unequal_noise_is_not_expressible() -> None:
    record = read().query("family == 'nnoise' and train_eps_n == 0.1 and test_eps_n == 0.1").iloc[0].copy()
    assert expressed(record) == Match("numerical-noise", 0.1, "numerical-noise", 0.1)
    record["test_eps_n"] = 0.2
    assert "trained with noise 0.1, scored with noise 0.2" in str(expressed(record))


def test_records_from_runs(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    original = {"protocol": "original"}
    for seed in range(2):
        write_run(seed, data=original, recipe=original, population=True, images=1)
        write_run(seed, population=seed == 0)
    write_run(5, data={"bob_size": 5}, pendulums=60)
    made = report([tmp_path / "runs"], tmp_path / "out", csv_only=True, quiet=True).frames
    runs, records = made["runs"].set_index(["protocol", "bob_size", "seed"]).sort_index(), made["records"]
    row = records.query("family == 'vnladim' and method == 'contrastive' and dim == 1").set_index("measure")
    for measure, exact in (("global_spearman", "population_global"), ("local_abs_spearman", "population_local_abs")):
        beside = row.loc[measure]
        assert (beside["status"], beside["our_source"], beside["paper_law_source"]) == (
            "compared",
            "population",
            "sample",  # one of the two has no population
        )
        assert beside["our_mean"] == pytest.approx(runs.loc[("original", 3), exact].mean(), abs=1e-12)
        assert beside["our_oracle"] == pytest.approx(runs.loc[("original", 3), f"oracle_{exact}"].mean(), abs=1e-12)
        assert beside["paper_law_mean"] == pytest.approx(runs.loc[("paper", 3), measure].mean(), abs=1e-12)
        assert (beside["our_n"], beside["paper_law_n"]) == (2, 2)
