import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pendeval import columns
from pendeval.records import compare, expressed, read

EMPTY = pd.DataFrame(columns=list(columns.SUMMARY))
PARAMETER = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "cropping": "alpha_c"}


def scored(
    variant: str = "vanilla", level: float = 0.0, train: str = "", train_level: float = 0.0, **cells: Any
) -> dict[str, Any]:
    """A row of summary.csv; `train` where the encoder saw another variant."""

    def described(variant: str, level: float) -> dict[str, Any]:
        return {
            "variant": variant,
            "parameters": json.dumps({PARAMETER[variant]: level} if variant in PARAMETER else {}),
            "protocol": "paper",
        }

    seen = described(train, train_level) if train else described(variant, level)
    row = dict.fromkeys(columns.SUMMARY, np.nan) | described(variant, level)
    row |= {f"train_{key}": value for key, value in seen.items()}
    row |= {"method": "contrastive", "dim": 1, "recipe": "d1", "split": "test", "view": "all"}
    row |= {"measure": "global_spearman", "n": 5, "mean": 0.99, "sd": 0.001, "ci_low": 0.988, "ci_high": 0.992}
    return row | cells


def found(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = compare(pd.DataFrame(rows, columns=list(columns.SUMMARY)))
    return table[table["status"] == "compared"]


def test_the_records_are_whole() -> None:
    records = read()
    assert len(records) == 248
    assert records["runs"].sum() == 1250
    assert set(records["family"]) == {"crop", "extra", "gnoise", "inoise", "nnoise", "trange", "twindow", "vnladim"}
    one = records[(records["family"] == "vnladim") & (records["dim"] == 1) & (records["method"] == "contrastive")]
    assert one[["global_mean", "global_sd", "local_abs_mean"]].to_numpy().tolist() == [[0.993741, 0.000157, 0.8087]]


def test_every_record_has_its_rows() -> None:
    table = compare(EMPTY)
    assert tuple(table.columns) == columns.RECORDS
    assert len(table) == 2 * len(read())
    assert table["status"].value_counts().sum() == len(table)
    assert set(table["status"]) == {"no runs", "not expressible"}
    beyond = set(table[table["status"] == "not expressible"]["family"])
    assert beyond == {"extra", "gnoise", "trange", "twindow"}
    assert (table["reason"] != "").all()
    assert (table["our_n"] == 0).all()
    assert table["our_mean"].isna().all()
    zero = table[(table["family"] == "gnoise") & (table["train_eps_n"] == 0)]
    assert set(zero["status"]) == {"no runs"}


def test_their_interval_by_hand() -> None:
    table = compare(EMPTY)
    row = table[(table["family"] == "crop") & (table["measure"] == "local_abs_spearman")].iloc[0]
    assert (row["their_n"], row["their_mean"], row["their_sd"]) == (5, 0.20621, 0.018142)
    half = 2.7764451051977987 * 0.018142 / np.sqrt(5)
    assert row["their_ci_low"] == pytest.approx(0.20621 - half, abs=1e-12)
    low, high = stats.t.interval(0.95, 4, 0.20621, 0.018142 / np.sqrt(5))
    assert (row["their_ci_low"], row["their_ci_high"]) == pytest.approx((low, high), abs=1e-12)


def test_zero_noise_is_vanilla_in_every_family() -> None:
    table = found([scored()])
    assert sorted(table["family"]) == ["gnoise", "inoise", "nnoise", "vnladim"]
    assert table[["our_n", "our_mean", "our_sd", "our_ci_low", "our_ci_high"]].to_numpy().tolist() == (
        [[5, 0.99, 0.001, 0.988, 0.992]] * 4
    )
    assert set(table["measure"]) == {"global_spearman"}


def test_noisy_and_clean_images() -> None:
    noisy = found([scored("numerical-noise", 0.1 + 1e-13, mean=0.93)])
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


def test_cropping_by_what_is_in_view() -> None:
    table = found([scored("cropping", 0.75, view="visible", measure="local_abs_spearman")])
    assert table[["family", "view", "their_mean"]].to_numpy().tolist() == [["crop", "visible", 0.74144]]
    table = found([scored("cropping", 0.75, method="supervised")])
    assert table[["view", "their_mean"]].to_numpy().tolist() == [["all", 0.887931]]


def test_outputs() -> None:
    table = found([scored(dim=3, recipe="d3")])
    assert table[["family", "dim", "their_mean"]].to_numpy().tolist() == [["vnladim", 3, 0.979715]]


@pytest.mark.parametrize(
    "cells",
    [
        {"recipe": "d1-epochs-20"},
        {"split": "train"},
        {"method": "other"},
        {"measure": "local_spearman"},
        {"mean": np.nan},
        {"view": "visible"},
        {"train_protocol": "original"},
    ],
)
def test_what_is_no_match(cells: dict[str, Any]) -> None:
    assert found([scored(**cells)]).empty


def test_protocol_paper_first_then_original_and_the_most_runs() -> None:
    original = {"protocol": "original", "train_protocol": "original"}
    table = found([scored(mean=0.5, **original)])
    assert set(table["our_mean"]) == {0.5}
    assert set(table["reason"]) == {"ours: protocol original"}
    table = found([scored(mean=0.5, n=25, **original), scored(mean=0.6, n=3), scored(mean=0.7, n=4)])
    assert set(table["our_mean"]) == {0.7}
    assert set(table["reason"]) == {""}


def test_unequal_noise_is_not_expressible() -> None:
    record = read().query("family == 'nnoise' and train_eps_n == 0.1 and test_eps_n == 0.1").iloc[0].copy()
    record["test_eps_n"] = 0.2
    assert "trained with noise 0.1, scored with noise 0.2" in str(expressed(record))
