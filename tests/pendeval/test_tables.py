"""Tables: what counts as one, what is compared with what, which figure of the paper stands where, what is an alarm."""

import json
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr, ttest_rel
from scipy.stats import t as student

from pendeval.embeddings import Embeddings, read
from pendeval.files import Problem
from pendeval.measures.registry import MEASURES, PRIMARY
from pendeval.report import report
from pendeval.scored import alarm
from pendeval.tables import COLUMNS, HOLDS
from pendeval.tables.condition import CONDITION, SEEDS
from pendeval.tables.runs import once
from pendeval.tables.summary import complete, main_table
from pendeval.tables.units import units

Write = Callable[..., Path]
Outcome = tuple[int, str, str]
SMALL: dict[str, Any] = {"pendulums": 60, "images": 3}
ORIGINAL: dict[str, Any] = {"data": {"protocol": "original"}, "recipe": {"protocol": "original"}, "images": 1}


def tables(root: Path, out: Path, **options: Any) -> dict[str, pd.DataFrame]:
    """The report's frames; no problem is expected."""
    made = report([root], out, csv_only=True, quiet=True, **options)
    assert made.problems == []
    return made.frames


def doubtful(root: Path, out: Path) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    made = report([root], out, csv_only=True, quiet=True)
    return made.frames, made.problems


def one(frame: pd.DataFrame, **cells: Any) -> pd.Series:
    """The one row with these cells."""
    for name, value in cells.items():
        frame = frame[frame[name].eq(value)]
    assert len(frame) == 1, len(frame)
    return frame.iloc[0]


def split_of(path: Path) -> Embeddings:
    found = read(path)
    assert isinstance(found, Embeddings)
    return found


# --- columns ---


def test_every_table_is_written_with_its_documented_columns(tmp_path: Path, write_run: Write) -> None:
    for method in ("contrastive", "supervised"):
        write_run(0, method, population=True, **SMALL)
    tables(tmp_path / "runs", tmp_path / "out")
    assert {path.stem for path in (tmp_path / "out").glob("*.csv")} == set(COLUMNS) == set(HOLDS)
    for name, documented in COLUMNS.items():
        assert tuple(pd.read_csv(tmp_path / "out" / f"{name}.csv")) == tuple(documented)
        assert all(meaning for meaning in documented.values())


def test_tables_of_nothing_have_their_columns_too(tmp_path: Path, write_run: Write) -> None:
    write_run(status="running")
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    assert len(problems) == 1
    for name, documented in COLUMNS.items():
        assert tuple(frames[name].columns) == tuple(documented)
        assert tuple(pd.read_csv(tmp_path / "out" / f"{name}.csv")) == tuple(documented)
    assert len(frames["runs"]) == len(frames["summary"]) == 0
    assert frames["provenance"]["status"].tolist() == ["running"]


def test_whole_numbers_are_written_as_such(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    write_run(1, train_seed=None, train_recipe=None, data_pendulums=None, train_pendulums=None, **SMALL)
    tables(tmp_path / "runs", tmp_path / "out")
    runs = pd.read_csv(tmp_path / "out" / "runs.csv", dtype=str)
    assert set(runs["seed"].dropna()) == {"0"}
    assert set(runs["pendulums"]) == {"60"}
    assert set(runs["train_pendulums"].dropna()) == {"5120"}
    assert set(runs["own"]) == {"True"}
    assert set(runs["images"]) == {"180"}


def test_unknown_cells_are_empty(tmp_path: Path, write_run: Write) -> None:
    write_run(0, version=1, train_parameters=None, data_protocol=None, **SMALL)
    write_run(1, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    old = one(frames["runs"], seed=0)
    assert (old["train_parameters"], old["protocol"], old["time_range"]) == ("", "", "")
    assert all(pd.isna(old[name]) for name in ("image_size", "antialias", "time_gap", "train_images"))
    assert set(frames["runs"]["data_words"]) == {"vanilla, settings unknown", "vanilla"}
    assert frames["runs"]["time_gap"].dtype == np.float64


# --- statistics of one condition ---


def test_tables_of_several_seeds(tmp_path: Path, write_run: Write) -> None:
    files = [write_run(seed, population=True) for seed in range(4)]
    tables(tmp_path / "runs", tmp_path / "out")
    runs, segments, summary = (
        pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("runs", "segments", "summary")
    )
    assert (len(runs), len(segments)) == (4, 28)
    scores = []
    for path, (_, row) in zip(files, runs.iterrows(), strict=True):
        with h5py.File(path) as file:
            energy = np.repeat(file["energy"][()], 5)
            scores.append(spearmanr(file["embedding"][()].ravel(), energy)[0])
            oracle = spearmanr(file["energy_given_image"][()].ravel(), energy)[0]
        assert row["oracle_global_spearman"] == pytest.approx(oracle, abs=1e-9)
        assert row["global_spearman"] == pytest.approx(scores[-1], abs=1e-9)
        assert row["global_spearman_low"] < row["global_spearman"] < row["global_spearman_high"] <= 1
        inside = segments[segments["seed"] == row["seed"]]
        for measure, column in (("local_spearman", "spearman"), ("population_local", "population_spearman")):
            assert row[measure] == pytest.approx(inside[column].mean(), abs=1e-12)
            reference = inside[f"oracle_{column}"].mean()
            assert row[f"oracle_{measure}"] == pytest.approx(reference, abs=1e-12)
        assert inside["population_mass"].sum() == pytest.approx(1, abs=1e-12)
        assert row["population_global"] == pytest.approx(row["global_spearman"], abs=0.003)
        assert row["population_global"] <= row["oracle_population_global"]
        assert not row["above_ceiling"]
    whole = one(summary, measure="global_spearman")
    half = student.ppf(0.975, 3) * np.std(scores, ddof=1) / 2
    assert (whole["n"], whole["unit"], whole["files"]) == (4, "training seed", 4)
    assert whole["mean"] == pytest.approx(np.mean(scores))
    assert (whole["ci_low"], whole["ci_high"]) == pytest.approx((whole["mean"] - half, whole["mean"] + half))
    assert bool(whole["shared_test"])
    exact = one(summary, measure="population_global")
    assert not bool(exact["shared_test"])  # there is no test noise to share
    assert exact["oracle"] == pytest.approx(runs["oracle_population_global"].iloc[0], abs=1e-15)
    assert exact["precision"] == "float32"
    assert runs["representation_range"].between(6, 9).all()


@pytest.mark.parametrize(
    ("rows", "values", "unit", "shared"),
    [
        ([(0, 0, 0, 1.0), (1, 1, 1, 3.0)], [1, 3], "replicate", False),
        ([(0, 0, 0, 1.0), (0, 0, 1, 3.0)], [1, 3], "training seed", True),
        ([(0, 0, 0, 1.0), (0, 0, 1, 3.0), (1, 1, 0, 7.0)], [2, 7], "dataset", False),
        ([(0, 0, 0, 1.0), (1, 0, 0, 3.0), (0, 0, 1, 7.0)], [2, 7], "training seed", False),
        ([(0, 0, 0, 1.0), (9, 0, 0, 3.0), (1, 1, 1, 7.0)], [2, 7], "replicate", False),
        ([(0, 0, 0, 1.0), (9, 0, 0, 3.0), (0, 0, 1, 6.0), (1, 1, 1, 7.0)], [4, 7], "dataset", False),
        ([(0, 0, None, 1.0), (0, 0, None, 3.0)], [1, 3], "file", True),
        ([(None, None, 0, 1.0), (None, None, 1, 3.0)], [1, 3], "training seed", False),
        ([(0, 0, 0, 1.0)], [1], "training seed", False),
        ([(0, 0, 0, np.nan), (1, 1, 1, 3.0)], [3], "training seed", False),
        ([(0, 0, 0, np.nan)], [], "file", False),
    ],
)
def test_what_counts_as_one(rows: list[tuple[Any, ...]], values: list[float], unit: str, shared: bool) -> None:
    frame = pd.DataFrame(rows, columns=["data_seed", "train_data_seed", "seed", "score"])
    frame = frame.astype(dict.fromkeys(("data_seed", "train_data_seed", "seed"), "Int64"))
    for order in (frame, frame.iloc[::-1]):
        found = units(order, ["score"])
        assert sorted(found.values[:, 0]) == values
        assert (found.unit, found.shared_test) == (unit, shared)
        assert found.files == frame["score"].notna().sum()


def test_crossed_designs_average_the_trainings_of_a_dataset_first(tmp_path: Path, write_run: Write) -> None:
    for data_seed, seeds in ((0, 3), (1, 1), (2, 2)):
        for seed in range(seeds):
            write_run(seed, data_seed=data_seed, noise=0.01 * (1 + data_seed), population=True, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs = frames["runs"]
    assert runs["condition"].nunique() == 1
    means = runs.groupby("train_data_seed")["population_global"].mean().to_numpy()
    row = one(frames["summary"], measure="population_global")
    assert (row["n"], row["unit"], row["files"]) == (3, "dataset", 6)
    assert row["mean"] == pytest.approx(means.mean(), abs=1e-14)
    assert row["sd"] == pytest.approx(means.std(ddof=1), abs=1e-14)
    assert row["mean"] != pytest.approx(runs["population_global"].mean(), abs=1e-5)


def test_replicates_are_the_unit(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        for method in ("contrastive", "supervised"):
            write_run(seed, method, data_seed=seed, population=True, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    for name in ("summary", "comparisons"):
        assert set(frames[name]["unit"]) == {"replicate"}
        assert not frames[name]["shared_test"].any()
        assert (frames[name]["n"] == 3).all()


def test_several_test_splits_of_one_encoder_are_averaged(tmp_path: Path, write_run: Write) -> None:
    for seed in range(2):
        for data_seed in (0, 5, 6):
            write_run(seed, data_seed=data_seed, train_data_seed=0, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs, row = frames["runs"], one(frames["summary"], measure="global_spearman")
    assert runs["condition"].nunique() == 1
    assert runs["own"].all()  # other seeds are no other data
    assert (row["n"], row["unit"], row["files"]) == (2, "training seed", 6)
    assert row["sd"] == pytest.approx(runs.groupby("seed")["global_spearman"].mean().std(ddof=1), abs=1e-14)


def test_files_without_seeds_are_each_one(tmp_path: Path, write_run: Write) -> None:
    for k in range(3):
        plain = {"train_seed": None, "train_recipe": None, "train_label": "mine"}
        path = write_run(k, **plain, **SMALL)
        assert path.is_file()
    frames = tables(tmp_path / "runs", tmp_path / "out")
    row = one(frames["summary"], measure="global_spearman")
    assert (row["n"], row["unit"], row["label"]) == (3, "file", "mine")
    assert frames["comparisons"].empty


# --- copies and impostors ---


@pytest.mark.parametrize("unknown", [False, True])
def test_seeds_of_64_bits_stay_apart(tmp_path: Path, write_run: Write, unknown: bool) -> None:
    """A float holds 53 of them; a file that names no seed would make floats of the whole column."""
    seeds = [-(2**63), -1, 2**53, 2**53 + 1, 2**63 - 1]
    for seed in seeds:
        write_run(seed, population=True, train_data_seed=seed, **SMALL)
    if unknown:
        write_run(None, method="mine", train_data_seed=None, train_seed=None, population=True, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs = frames["runs"][frames["runs"]["method"].eq("contrastive")]
    assert runs["seed"].tolist() == runs["train_data_seed"].tolist() == seeds
    summary = frames["summary"].query("method == 'contrastive' and measure == 'population_range'")
    assert summary["n"].tolist() == [len(seeds)]
    claims = frames["claims"].set_index("claim")
    assert claims.loc["range-noiseless", "n"] == len(seeds)
    assert sorted(frames["provenance"]["seed"].dropna()) == seeds


def test_a_copy_is_no_further_seed(tmp_path: Path, write_run: Write) -> None:
    path = write_run(0, population=True, **SMALL)
    write_run(1, population=True, **SMALL)
    before = tables(tmp_path / "runs", tmp_path / "out")
    (tmp_path / "runs" / "backup.h5").write_bytes(path.read_bytes())
    other = tmp_path / "runs" / "renamed" / "x.h5"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    with h5py.File(other, "r+") as file:  # other bytes, the same embeddings
        file.attrs["train_label"] = "my best"
    frames = tables(tmp_path / "runs", tmp_path / "out")
    assert len(frames["runs"]) == 4  # all are shown
    names = ["dataset", "train_dataset", "label"]
    for name in ("summary", "claims"):
        kept = [column for column in before[name].columns if column not in names]
        pd.testing.assert_frame_equal(frames[name][kept], before[name][kept])
    counted, _ = once(frames["runs"])
    assert counted["population_file"].ne("").all()  # the one that knows more counts


def test_a_second_claim_to_a_seed_is_a_problem_and_left_out(tmp_path: Path, write_run: Write) -> None:
    for seed in range(2):
        write_run(seed, population=True, **SMALL)
    before = tables(tmp_path / "runs", tmp_path / "out")
    write_run(1, noise=0.08, root=tmp_path / "runs" / "zzz", population=True, **SMALL)
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    assert len(problems) == 1
    assert str(problems[0].path) == "zzz/vanilla/contrastive-d1/seed-1/embeddings/vanilla-test.h5"
    assert problems[0].reason == (
        "claims to be the same seed of the same condition as "
        "vanilla/contrastive-d1/seed-1/embeddings/vanilla-test.h5, but holds other embeddings; left out"
    )
    for name in ("summary", "claims", "agreement"):
        pd.testing.assert_frame_equal(frames[name], before[name])
    assert len(frames["runs"]) == 3


def test_a_second_claim_is_one_problem_however_many_views(tmp_path: Path, write_run: Write) -> None:
    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.6}, "blank": 0.4, **SMALL}
    write_run(0, **cropped)
    write_run(0, noise=0.08, root=tmp_path / "runs" / "zzz", **cropped)
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    assert len(problems) == 1
    assert len(frames["runs"]) == 4
    assert (frames["summary"]["n"] == 1).all()


def test_a_seed_trained_in_two_precisions_counts_in_the_one_that_most_have(tmp_path: Path, write_run: Write) -> None:
    half = {"root": tmp_path / "runs" / "auto", "train_precision": "bfloat16", "noise": 0.08, **SMALL}
    for seed in range(3):
        write_run(seed, **SMALL)
        if seed < 2:
            write_run(seed, **half)
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    counted, problems = once(runs)
    assert (len(runs), problems) == (5, [])
    assert counted["precision"].tolist() == ["float32"] * 3
    write_run(2, **half)
    counted, problems = once(tables(tmp_path / "runs", tmp_path / "out")["runs"])
    assert (counted["precision"].tolist(), problems) == (["float32"] * 3, [])  # equally many
    write_run(3, **half)
    counted, problems = once(tables(tmp_path / "runs", tmp_path / "out")["runs"])
    assert (counted["precision"].tolist(), problems) == (["bfloat16"] * 4, [])


# --- comparisons ---


def test_methods_are_compared_by_seed(tmp_path: Path, write_run: Write) -> None:
    for seed in range(4):
        write_run(seed, population=True)
        if seed < 3:  # the fourth has no partner
            write_run(seed, "supervised", noise=0.02, population=True)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    for measure in ("local_spearman", "population_local"):
        runs = frames["runs"].set_index(["method", "seed"])[measure]
        ours, theirs = runs["contrastive"][[0, 1, 2]], runs["supervised"][[0, 1, 2]]
        row = one(frames["comparisons"], measure=measure)
        assert (row["n"], row["unit"], row["test"]) == (3, "training seed", "paired t-test, two-sided")
        assert row["difference"] == pytest.approx((ours - theirs).mean(), abs=1e-12)
        assert row["p_value"] == pytest.approx(ttest_rel(ours, theirs).pvalue, abs=1e-9)
        assert row["effect_size"] == pytest.approx((ours - theirs).mean() / (ours - theirs).std(), abs=1e-9)
        assert row["ci_low"] < row["difference"] < row["ci_high"]
        assert row["oracle"] == pytest.approx(frames["runs"][f"oracle_{measure}"].iloc[0], abs=1e-12)
        assert bool(row["shared_test"]) == (measure == "local_spearman")


def test_crossed_designs_are_paired_within_a_dataset(tmp_path: Path, write_run: Write) -> None:
    for data_seed, seeds in ((0, 3), (1, 1)):
        for seed in range(seeds):
            for method, noise in (("contrastive", 0.01), ("supervised", 0.02 + 0.02 * data_seed)):
                write_run(seed, method, data_seed=data_seed, noise=noise, population=True, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    scores = frames["runs"].set_index(["method", "train_data_seed", "seed"])["population_global"]
    differences = (scores["contrastive"] - scores["supervised"]).groupby(level=0).mean()
    row = one(frames["comparisons"], measure="population_global")
    assert (row["n"], row["unit"]) == (2, "dataset")
    assert row["difference"] == pytest.approx(differences.mean(), abs=1e-14)


def test_any_two_methods_and_settings_are_compared(tmp_path: Path, write_run: Write) -> None:
    """All pairs of a schedule, the paper's first, each the mean of the differences between its two sides."""
    odd = "lab.methods:Odd"
    sides = {
        "supervised": {"noise": 0.02},
        "contrastive": {},
        "byol": {"noise": 0.03},
        odd: {"noise": 0.04, "train_label": "odd", "train_defaults": {"loss": "mse"}},
        "contrastive, hot": {"noise": 0.05, "recipe": {"temperature": 0.2}},
        "contrastive, short": {"noise": 0.06, "recipe": {"epochs": 20}},
    }
    for name, given in sides.items():
        for seed in range(2):
            write_run(seed, name.partition(",")[0], **SMALL, **given)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    found = frames["comparisons"].query("measure == 'global_spearman'")
    hot, other = "temperature 0.2", "decoupled False, loss mse, similarity euclidean, temperature 0.1"
    order = [("contrastive", ""), ("contrastive", hot), ("supervised", ""), ("byol", other)]
    order += [(odd, other.replace("loss mse, ", ""))]
    pairs = [(*a, *b) for a, b in combinations(order, 2)]
    first = ("contrastive", "", "supervised", "")
    pairs.sort(key=lambda pair: pair != first)
    named = found[["method_a", "objective_a", "method_b", "objective_b"]]
    assert [tuple(row) for row in named.to_numpy()] == pairs
    runs = frames["runs"].set_index(["condition", "seed"])["global_spearman"]
    for _, row in found.iterrows():
        ours, theirs = runs[row["condition_a"]], runs[row["condition_b"]]
        assert row["mean_a"] == pytest.approx(ours.mean(), abs=1e-12)
        assert row["mean_b"] == pytest.approx(theirs.mean(), abs=1e-12)
        assert row["difference"] == pytest.approx((ours - theirs).mean(), abs=1e-12)
        assert row["p_value"] == pytest.approx(ttest_rel(ours, theirs).pvalue, abs=1e-9)
    assert set(frames["agreement"]["pairing"]) == {
        *("seed with seed", "method with method", "setting with setting", "with the oracle"),
    }


def test_encoders_that_are_no_network_of_the_paper(tmp_path: Path, write_run: Write) -> None:
    """A table of free vectors, or an inner layer, stands by itself and beside nothing the paper printed or claims."""
    usual = {"population": True, **SMALL}
    for method in ("contrastive", "supervised"):
        for seed in range(6):
            write_run(seed, method, data_seed=seed, recipe={"encoder": "table"}, **usual)
            write_run(seed, method, data_seed=seed, train_layer="features", train_label=f"{method}-f", **usual)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    assert frames["runs"]["usual"].all()
    assert not frames["runs"]["full"].any()
    assert frames["summary"][["published", "published_original_law"]].isna().all(axis=None)
    assert (frames["claims"]["n"].fillna(0) == 0).all()
    assert set(frames["claims"]["verdict"]) == {"undecided"}
    assert set(frames["records"]["status"]) <= {"no runs", "not expressible"}
    both = frames["comparisons"].query("measure == 'population_global'")
    assert [(row.encoder, row.layer, row.n) for row in both.itertuples()] == [
        ("table", "", 6),
        ("resnet18", "features", 6),
    ]
    for seed in range(6):  # the same scores under the paper's network are what it claims something of
        write_run(seed, data_seed=seed, **usual)
        write_run(seed, "supervised", data_seed=seed, **usual)
    claims = tables(tmp_path / "runs", tmp_path / "out")["claims"].set_index("claim")
    assert claims.loc["vanilla-global", "n"] == 6


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"train_data_seed": 0}, {"train_data_seed": 7}),
        ({}, {"train_seed": None, "train_recipe": None}),
        ({}, {"train": {"bob_size": 5}}),
        ({}, {"recipe": {"epochs": 20}}),
        ({}, {"train_layer": "features"}),
        ({"train_train_data_seed": None}, {"train_data_seed": 0}),
    ],
)
def test_what_is_no_pair(tmp_path: Path, write_run: Write, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    for seed in range(2):
        write_run(seed, **ours, **SMALL)
        write_run(seed, "supervised", **theirs, **SMALL)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    if "train_train_data_seed" in ours:  # pairs as it should; then one that hides its data seed
        assert len(frames["comparisons"])
        for path in (tmp_path / "runs").rglob("*.h5"):
            with h5py.File(path, "r+") as file:
                del file.attrs["train_data_seed"]
        frames = tables(tmp_path / "runs", tmp_path / "out")
    assert frames["comparisons"].empty
    assert "method with method" not in set(frames["agreement"]["pairing"])


def test_agreement(tmp_path: Path, write_run: Write) -> None:
    for seed in range(4):
        write_run(seed)
        if seed < 3:
            write_run(seed, "supervised", noise=0.02)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    agreement = frames["agreement"].set_index(["pairing", "label_a"])
    assert agreement["n"].to_dict() == {
        ("seed with seed", "contrastive-d1"): 6,
        ("seed with seed", "supervised-d1"): 3,
        ("method with method", "contrastive-d1"): 3,
        ("with the oracle", "contrastive-d1"): 4,
        ("with the oracle", "supervised-d1"): 3,
    }
    assert set(agreement["images"]) == {1000}
    found = [split_of(path) for path in sorted((tmp_path / "runs").rglob("supervised*/**/*.h5"))]
    beside = [spearmanr(e.embedding.ravel(), e.energy_given_image.ravel())[0] for e in found]  # type: ignore[union-attr]
    row = agreement.loc[("with the oracle", "supervised-d1")]
    assert (row["mean"], row["min"], row["max"]) == pytest.approx((np.mean(beside), min(beside), max(beside)), abs=1e-4)
    lines = [e.embedding.ravel() for e in found]
    pairs = [abs(spearmanr(lines[i], lines[j])[0]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert agreement.loc[("seed with seed", "supervised-d1"), "mean"] == pytest.approx(np.mean(pairs), abs=1e-9)


def test_agreement_goes_by_condition_and_not_by_label(tmp_path: Path, write_run: Write) -> None:
    for seed in range(2):
        for epochs in (20, 30):
            write_run(seed, recipe={"epochs": epochs}, train_label="mine", train_name=f"run-{epochs}", noise=1 / epochs)
    agreement = tables(tmp_path / "runs", tmp_path / "out")["agreement"]
    same = agreement[agreement["pairing"].eq("seed with seed")]
    assert same["n"].tolist() == [1, 1]
    assert same["condition_a"].nunique() == 2
    assert (same["condition_a"] == same["condition_b"]).all()


def test_further_outputs_beside_do_not_shorten_what_is_ranked(tmp_path: Path, write_run: Write) -> None:
    def many(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(k * seen) for k in range(1, 9)], axis=-1)

    for seed in range(2):
        write_run(seed, **SMALL)
    before = tables(tmp_path / "runs", tmp_path / "out")["agreement"]
    write_run(0, outputs=many, **SMALL)
    after = tables(tmp_path / "runs", tmp_path / "out")["agreement"]
    rows = after[after["label_a"].eq("contrastive-d1")].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, before)
    assert after[after["label_a"].eq("contrastive-d8")]["images"].max() < before["images"].min()


# --- the paper's figures ---


def test_a_printed_figure_stands_beside_its_own_law(tmp_path: Path, write_run: Write) -> None:
    write_run(0, population=True, **ORIGINAL)
    write_run(0, population=True)
    write_run(0, recipe={"epochs": 20})
    write_run(0, data={"protocol": "original"}, images=1)  # their images, our recipe
    write_run(0, recipe={"protocol": "original", "epochs": 20}, data={"protocol": "original"}, images=1)
    for k, unlike in enumerate(
        ({"data": {"bob_size": 5}}, {"recipe": {"temperature": 0.2}}, {"train": {"bob_size": 5}})
    ):
        write_run(0, **unlike, train_name=f"unlike-{k}", **SMALL)
    summary = tables(tmp_path / "runs", tmp_path / "out")["summary"]
    for measure in ("global_spearman", "population_global"):
        rows = summary[summary["measure"].eq(measure)]
        held = rows.set_index(["data_words", "recipe_protocol", "schedule", "objective", "train_words"])
        like = ("vanilla, original", "original", "", "", "")
        assert held["published"].dropna().to_dict() == {like: 0.9938}
        assert set(held["published_original_law"].dropna()) == {0.9938}
        elsewhere = set(held["published_original_law"].dropna().index)
        assert ("vanilla", "paper", "", "", "") in elsewhere
        assert like not in elsewhere
        assert not any(words[0].startswith("vanilla, bobs") or words[3] or words[4] for words in elsewhere)
    ranged = summary[summary["published"].notna()].set_index("measure")["published"]
    assert ranged.to_dict() == {
        "global_spearman": 0.9938,
        "local_spearman": 0.8093,
        "representation_range": 7.0,
        "population_global": 0.9938,
        "population_local": 0.8093,
        "population_range": 7.0,
    }


def test_the_training_split_has_figures_of_its_own(tmp_path: Path, write_run: Write) -> None:
    original = {"protocol": "original", "time_range": [0.0, 200.0]}
    law = {"data_time_range": [0.0, 200.0], "data_energy_law": "uniform", "data_split": "train"}
    write_run(0, "supervised", data=original, recipe={"protocol": "original"}, **law)
    row = one(tables(tmp_path / "runs", tmp_path / "out")["summary"], measure="global_spearman")
    assert (row["split"], row["published"]) == ("train", 0.9936)


def test_the_main_table_says_what_was_sampled(tmp_path: Path, write_run: Write) -> None:
    write_run(0, population=True, **SMALL)
    write_run(1, population=True, **SMALL)
    exact = tables(tmp_path / "runs", tmp_path / "out")
    head, line = main_table(exact["summary"]).splitlines()
    assert head.split()[:4] == ["data", "encoder", "n", "global"]
    assert "sampled" not in line
    row = one(exact["summary"], measure="population_global")
    assert f"{row['mean']:.5f}" in line
    assert f"{row['oracle']:.5f}" in line
    write_run(2, **SMALL)  # one of three without a population: the sampled score for all of them
    mixed = tables(tmp_path / "runs", tmp_path / "out")
    (line,) = main_table(mixed["summary"]).splitlines()[1:]
    assert line.endswith("sampled")
    row = one(mixed["summary"], measure="global_spearman")
    assert row["n"] == 3
    assert f"{row['mean']:.5f}" in line
    assert one(mixed["summary"], measure="population_global")["files"] == 2


def test_the_main_table_tells_conditions_apart(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    write_run(0, recipe={"temperature": 0.2, "epochs": 20}, **SMALL)
    write_run(0, train={"variant": "numerical-noise", "parameters": {"eps_n": 0.1}}, **SMALL)
    write_run(0, data_split="train", data_name="seen", **SMALL)
    write_run(0, variant="cropping", parameters={"alpha_c": 0.6}, blank=0.4, **SMALL)
    write_run(0, recipe={"protocol": "original"}, **SMALL)
    write_run(1, train_pendulums=160, **SMALL)
    text = main_table(tables(tmp_path / "runs", tmp_path / "out")["summary"])
    assert len(set(text.splitlines())) == 9
    for words in (
        "contrastive d = 1, temperature 0.2, epochs 20",
        "vanilla; trained on numerical-noise, ε_n 0.1",
        "vanilla; train split",
        "cropping, α_c 0.6; both bobs in view",
        "original recipe",
        "trained on 160 × 20 images",
    ):
        assert words in text


def test_exact_scores_are_complete_or_not_used() -> None:
    assert complete({"global_spearman": 3, "population_global": 3}, "population_global")
    assert not complete({"global_spearman": 3, "population_global": 2}, "population_global")
    assert not complete({"global_spearman": 3}, "population_global")
    assert complete({"population_global": 2}, "population_global")
    assert set(PRIMARY.values()) <= set(MEASURES)


# --- the alarm ---


def scored_row(root: Path, out: Path, view: str = "all") -> dict[str, Any]:
    (row,) = tables(root, out)["runs"].query(f"view == '{view}'").to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_a_leak_is_flagged(tmp_path: Path, command: Callable[..., Outcome], write_run: Write) -> None:
    path = write_run(leak=True)
    argv = ("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--csv-only", "--jobs", 1)
    code, out, err = command(*argv)
    assert code == 1
    assert "above the ceiling: vanilla/contrastive-d1/seed-0/embeddings/vanilla-test.h5: global Spearman by 0.0" in err
    assert "forest error by" in err
    assert "contrastive d = 1" in out
    code, out, _ = command("pendeval", "score", path)
    assert code == 1
    assert "above the ceiling: global Spearman by 0.0" in out
    row = scored_row(tmp_path / "runs", tmp_path / "out")
    assert row["above_ceiling"] is True
    assert alarm(row)
    assert row["excess"] > 3 * row["excess_se"]


def test_an_encoder_as_good_as_the_oracle_is_not_flagged(tmp_path: Path, write_run: Write) -> None:
    for seed in range(8):
        write_run(seed, data_seed=seed, noise=0.0, population=seed < 2)
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert runs["above_ceiling"].eq(False).all()
    assert (runs["excess"].abs() < 1e-6).all()
    assert not any(alarm(row) for row in runs.to_dict("records"))
    exact = runs[runs["population_global"].notna()]
    for measure in ("population_global", "population_local", "population_rmse"):
        assert exact[measure].to_numpy() == pytest.approx(exact[f"oracle_{measure}"].to_numpy(), abs=1e-6)


def test_an_encoder_that_ties_may_beat_the_oracle_without_alarm(tmp_path: Path, write_run: Write) -> None:
    """Images near the blank one at one value: ρ above the oracle's, exactly so, and still nothing leaks."""

    def tied(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.abs(seen - seen[0]) < 0.1, seen[0], seen)[..., None]  # the blank one comes first

    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.45}, "blank": 0.6}
    write_run(outputs=tied, noise=0.0, population=True, pendulums=2000, images=10, **cropped)
    row = scored_row(tmp_path / "runs", tmp_path / "out")
    assert row["population_global"] > row["oracle_population_global"] + 0.002
    assert row["global_spearman"] - row["oracle_global_spearman"] > 3 * row["excess_se"]  # it is not for want of power
    assert row["untied"] < 1
    assert row["excess"] < 0
    assert row["above_ceiling"] is False
    assert alarm(row) == ""


def test_a_leak_among_ties_is_flagged(tmp_path: Path, write_run: Write) -> None:
    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.45}, "blank": 0.6}
    write_run(outputs=lambda seen: np.round(20 * seen)[..., None], leak=True, **cropped)
    row = scored_row(tmp_path / "runs", tmp_path / "out")
    assert row["untied"] < 1
    assert "global Spearman by" in alarm(row)


def test_images_in_view_are_judged_by_the_forest_alone(tmp_path: Path, write_run: Write) -> None:
    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.6}, "blank": 0.4}
    write_run(leak=True, **cropped)
    row = scored_row(tmp_path / "runs", tmp_path / "out", "visible")
    assert row["above_ceiling"] is True
    assert alarm(row).startswith("forest error by")  # energies in view are not uniform, so no ceiling for ρ


@pytest.mark.parametrize(
    "changes",
    [
        {"data_energy_bands": "[[0.0, 0.3], [0.7, 1.0]]"},
        {"data_energy_law": "beta"},
        {"data_split": "train"},  # known by heart, which is no leak
        {"pendulums": 10},
    ],
)
def test_where_no_alarm_can_be_made(tmp_path: Path, write_run: Write, changes: dict[str, Any]) -> None:
    write_run(leak=True, **changes)
    row = scored_row(tmp_path / "runs", tmp_path / "out")
    assert pd.isna(row["above_ceiling"])
    assert alarm(row) == ""
    assert (
        "uniform on [0, 1], images of a test split, and 20 pendulums or more"
        in json.loads(row["missing"])["above_ceiling"]
    )


# --- segments, gaps, views ---

GAPS = [[0.15, 0.15 + 0.4 / 3], [0.3 + 0.4 / 3, 0.3 + 0.8 / 3], [0.45 + 0.8 / 3, 0.85]]


def fold(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two embeddings that run in opposite directions, parted at energy .5."""
    return np.where(seen < 0.5, seen, 3 - seen)[..., None]


@pytest.mark.parametrize(("outputs", "expected"), [(fold, True), (lambda seen: seen[..., None], False)])
def test_fracture_is_flagged_and_its_absence_is_not(
    tmp_path: Path, write_run: Write, outputs: object, expected: bool
) -> None:
    write_run(outputs=outputs, variant="gaps", parameters={"alpha_g": 0.4}, population=True)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    row, segments = frames["runs"].iloc[0], frames["segments"]
    assert bool(row["fractured"]) is expected
    assert bool(row["population_fractured"]) is expected
    assert segments["kind"].tolist() == ["segment"] * 7 + ["gap"] * 3 + ["visible"] * 4
    gap, seen = (segments[segments["kind"].eq(kind)] for kind in ("gap", "visible"))
    assert gap[["energy_low", "energy_high"]].to_numpy() == pytest.approx(np.array(GAPS))
    for measure, column in (("{}_spearman", "spearman"), ("population_{}", "population_spearman")):
        assert row[measure.format("gap")] == pytest.approx(gap[column].mean(), abs=1e-12)
        assert row[measure.format("visible_band")] == pytest.approx(seen[column].mean(), abs=1e-12)
        assert row[measure.format("interior_band")] == pytest.approx(seen[column].iloc[1:3].mean(), abs=1e-12)
    assert row["gap_abs_spearman"] == pytest.approx(gap["spearman"].abs().mean(), abs=1e-12)
    assert row["population_gap_abs"] == pytest.approx(gap["population_spearman"].abs().mean(), abs=1e-12)
    assert row["population_gap"] == pytest.approx(row["gap_spearman"], abs=0.1)


def test_a_denser_region_is_found_denser(tmp_path: Path, write_run: Write) -> None:
    def squeezed(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(seen < 3 / 7, seen / 5, seen - 3 / 7 * 4 / 5)[..., None]

    write_run(outputs=squeezed, population=True)
    segments = tables(tmp_path / "runs", tmp_path / "out")["segments"].set_index("number")
    for name in ("density", "population_density"):
        assert segments.loc[[1, 2, 3], name].min() > 2.5 * segments.loc[[5, 6, 7], name].max()


def test_images_out_of_view_are_scored_apart(tmp_path: Path, write_run: Write) -> None:
    visible = np.random.default_rng(5).random((200, 5, 2)) > 0.4
    dark = ~visible.any(axis=2)
    path = write_run(variant="cropping", parameters={"alpha_c": 0.75}, outputs=lambda seen: seen[..., None])
    with h5py.File(path, "r+") as file:
        file["visible"][...] = visible
        file["embedding"][...] = np.where(dark, 0.55, file["embedding"][()][..., 0])[..., None]
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs = frames["runs"].set_index("view")
    e, both = split_of(path), visible.all(axis=2).ravel()
    energy = np.repeat(e.energy, 5)
    assert runs.loc["visible", "images"] == both.sum()
    expected = spearmanr(e.embedding.ravel()[both], energy[both])[0]
    assert runs.loc["visible", "global_spearman"] == pytest.approx(expected, abs=1e-9)
    assert runs.loc["all", "global_spearman"] < expected
    assert runs.loc["all", "blank_images"] == dark.sum()
    assert runs.loc["all", "blank_embedding"] == pytest.approx(0.55, abs=1e-6)
    assert runs.loc["all", "blank_expected"] == pytest.approx(energy[dark.ravel()].mean(), abs=0.01)
    assert len(frames["segments"]) == 14
    assert runs["condition"].nunique() == 2


def test_views_of_a_population(tmp_path: Path, write_run: Write) -> None:
    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.6}, "blank": 0.4}
    write_run(population=True, pendulums=2000, **cropped)
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"].set_index("view")
    assert runs["population_images"].to_dict() == {"all": 300, "visible": 298}
    assert runs.loc["all", "population_global"] < 0.8 < 0.95 < runs.loc["visible", "population_global"]
    for view in ("all", "visible"):
        row = runs.loc[view]
        assert row["population_global"] == pytest.approx(row["global_spearman"], abs=0.02)
        assert row["population_rmse"] == pytest.approx(row["monotone_rmse"], abs=0.01)
        assert row["oracle_population_rmse"] <= row["population_rmse"]


def test_several_outputs(tmp_path: Path, write_run: Write) -> None:
    def spiral(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(6 * seen), np.sin(6 * seen), seen], axis=-1)

    write_run(outputs=spiral, population=True)
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert (row["line"], row["dim"]) == ("spectral", 3)
    for measure, near in (("global_spearman", 0.005), ("population_global", 0.005)):
        assert row[measure] == pytest.approx(row[f"oracle_{measure}"], abs=near)
    assert 1 < row["participation_ratio"] < 3
    assert pd.isna(row["representation_range"])
    assert pd.isna(row["population_range"])
    assert json.loads(row["missing"])["representation_range"] == "one output"
    assert len(json.loads(row["vertical_correlations"])) == 3
    assert -1 < row["vertical_gain"] < 0.05


def test_cosine_similarity_is_read_around_the_circle(tmp_path: Path, write_run: Write) -> None:
    def arc(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(5 * seen + 2), np.sin(5 * seen + 2)], axis=-1)

    write_run(outputs=arc, recipe={"similarity": "cosine"}, population=True)
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert (row["line"], row["objective"], row["schedule"]) == ("angle", "similarity cosine", "")
    assert row["global_spearman"] > 0.99
    assert row["population_global"] > 0.99


@pytest.mark.parametrize("dim", [1, 2])
def test_a_collapsed_encoder_is_reported_with_reasons(tmp_path: Path, write_run: Write, dim: int) -> None:
    write_run(0, outputs=lambda seen: np.ones((*seen.shape, dim)), population=True)
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    reason = "nothing learnt: outputs are constant"
    assert problems == [Problem(Path("vanilla", f"contrastive-d{dim}", "seed-0"), reason)]
    row = frames["runs"].iloc[0]
    assert np.isnan(row["global_spearman"])
    assert np.isnan(row["population_global"])
    reasons = json.loads(row["missing"])
    assert "embedding that varies" in reasons["global_spearman"]
    assert "embedding that varies" in reasons["population_global"]
    assert 0.25 < row["forest_rmse"] < 0.35  # a constant guess
    assert row["population_rmse"] == pytest.approx(np.sqrt(1 / 12), abs=1e-9)
    assert set(frames["segments"]["missing"]) == {"one embedding for all images"}


@pytest.mark.parametrize("dim", [1, 3])
def test_a_mean_without_the_collapsed_says_so(tmp_path: Path, write_run: Write, dim: int) -> None:
    """Of three encoders, one gives all images one embedding: it has an error and no order."""
    for seed in (0, 1):
        write_run(seed, outputs=lambda seen: np.repeat(seen[..., None], dim, axis=-1), population=True)
    write_run(2, outputs=lambda seen: np.ones((*seen.shape, dim)), population=True)
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    assert [problem.reason for problem in problems] == ["nothing learnt: outputs are constant"]
    (line,) = main_table(frames["summary"]).splitlines()[1:]
    assert line.split()[-6:] == ["global", "of", "2,", "local", "of", "2"]
    assert f" {dim}" in line
    held = frames["summary"].set_index("measure")["n"]
    assert (held["population_global"], held["population_rmse"]) == (2, 3)


def test_two_pendulums_of_one_image(tmp_path: Path, write_run: Write) -> None:
    write_run(pendulums=2, images=1)
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert row["global_spearman"] == 1.0
    assert np.isnan(row["local_spearman"])


def test_rows_do_not_depend_on_the_order_of_files(tmp_path: Path, write_run: Write) -> None:
    for seed in (2, 0, 1):
        write_run(seed, population=True, root=tmp_path / f"z{seed}", **SMALL)
    roots = [tmp_path / f"z{seed}" for seed in (0, 1, 2)]
    one_way, other = (
        report(order, tmp_path / "out", csv_only=True, quiet=True).frames for order in (roots, roots[::-1])
    )
    for name, frame in one_way.items():
        pd.testing.assert_frame_equal(frame, other[name])


def test_provenance(tmp_path: Path, write_run: Write) -> None:
    write_run(0, population=True, **SMALL)
    write_run(1, status="stopped", **SMALL)
    frames, _ = doubtful(tmp_path / "runs", tmp_path / "out")
    rows = frames["provenance"].set_index("run")
    assert rows["status"].to_dict() == {
        "vanilla/contrastive-d1/seed-0": "complete",
        "vanilla/contrastive-d1/seed-1": "stopped",
    }
    first = rows.loc["vanilla/contrastive-d1/seed-0"]
    assert json.loads(first["recipe"])["epochs"] == 100
    assert (first["device"], first["precision"], first["train_seconds"], first["seed"]) == ("cpu", "float32", 12.5, 0)
    assert json.loads(first["packages"]) == {"numpy": np.__version__}
    assert set(json.loads(first["scored_by"])) == {"pendulum-lab", "code"}
    assert str(tmp_path) not in frames["provenance"].to_csv()


def test_provenance_of_a_run_in_two_precisions_and_scored_on_further_images(tmp_path: Path, write_run: Write) -> None:
    """Two trainings of one name, each with its machine and hours, however many files there are of either."""
    roots = [tmp_path / precision for precision in ("float32", "bfloat16")]
    for k, root in enumerate(roots):
        path = write_run(0, noise=0.01 + k / 100, root=root, **SMALL)
        write_run(0, data_seed=1, train_data_seed=0, data_name="elsewhere", train_name="vanilla", root=root, **SMALL)
        description = path.parents[1] / "run.json"
        held = json.loads(description.read_text())
        held["environment"]["precision"] = root.name
        description.write_text(json.dumps(held))
    origin = report(roots, tmp_path / "out", csv_only=True, quiet=True).frames["provenance"]
    assert origin["run"].nunique() == 1
    assert sorted(origin["precision"]) == ["bfloat16", "float32"]


@pytest.mark.parametrize(("said", "why"), [("constant", "are constant"), ("nothing", "have no relation to the energy")])
def test_a_run_that_says_it_learnt_nothing_is_named_once(tmp_path: Path, write_run: Write, said: str, why: str) -> None:
    paths = [write_run(seed, population=True, **SMALL) for seed in (0, 1)]
    write_run(0, data_seed=1, train_data_seed=0, data_name="elsewhere", train_name="vanilla", **SMALL)
    for path, learning in zip(paths, (said, "ok"), strict=True):
        description = path.parents[1] / "run.json"
        description.write_text(json.dumps(json.loads(description.read_text()) | {"learning": learning}))
    frames, problems = doubtful(tmp_path / "runs", tmp_path / "out")
    assert problems == [Problem(Path("vanilla/contrastive-d1/seed-0"), f"nothing learnt: outputs {why}")]
    assert frames["problems"]["reason"].tolist() == [f"nothing learnt: outputs {why}"]
    assert frames["provenance"]["learning"].tolist() == [said, "ok"]
    assert len(frames["runs"]) == 3  # named, and scored all the same
    path = write_run(2, train_learning=said, population=True, root=tmp_path / "alone", **SMALL)
    (path.parents[1] / "run.json").unlink()
    _, problems = doubtful(tmp_path / "alone", tmp_path / "out")
    assert [problem.reason for problem in problems] == [f"nothing learnt: outputs {why}"]  # the file says it as well


def test_condition_columns_are_in_every_table_of_scores() -> None:
    for name in ("runs", "segments", "summary"):
        assert list(COLUMNS[name])[: len(CONDITION)] == list(CONDITION)
    apart = {"condition", "method", "objective", "label"}
    assert {*CONDITION} - {*COLUMNS["comparisons"]} == {*apart, "labelled", "recipe"}
    assert {f"{name}_{side}" for name in apart for side in "ab"} <= {*COLUMNS["comparisons"]}
    assert {*SEEDS} <= {*COLUMNS["runs"]} & {*COLUMNS["segments"]}
    columns: Mapping[str, str] = COLUMNS["runs"]
    for measure in MEASURES.values():
        assert measure.name in columns
        assert (f"{measure.name}_low" in columns) == measure.interval
        assert (f"oracle_{measure.name}" in columns) == measure.oracle
