import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr, ttest_rel
from scipy.stats import t as student

from pendeval import columns
from pendeval.measures.regression import halves
from pendeval.report import report, write_csv
from pendeval.runs import read

Outcome = tuple[int, str, str]
Write = Callable[..., Path]
TABLES = {
    **{"runs": columns.RUNS, "segments": columns.SEGMENTS, "summary": columns.SUMMARY},
    **{"comparisons": columns.COMPARISONS, "agreement": columns.AGREEMENT, "claims": columns.CLAIMS},
    **{"records": columns.RECORDS, "provenance": columns.PROVENANCE, "problems": columns.PROBLEMS},
}


def tables(root: Path, out: Path, **options: object) -> dict[str, pd.DataFrame]:
    """The report's frames; no problem is expected."""
    made = report(root, out, csv_only=True, quiet=True, **options)  # type: ignore[arg-type]
    assert not made.problems
    return made.frames


def test_every_table_is_written_with_its_documented_columns(tmp_path: Path, write_run: Write) -> None:
    write_run()
    tables(tmp_path / "runs", tmp_path / "out")
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.csv")) == sorted(TABLES)
    for name, expected in TABLES.items():
        assert tuple(pd.read_csv(tmp_path / "out" / f"{name}.csv")) == expected
        for column in expected:  # documented in one place
            stem = column.removesuffix("_low").removesuffix("_high").removeprefix("oracle_")
            assert stem in columns.__doc__ or stem in columns.MEASURES or column.startswith(("their_", "our_"))


def test_tables_of_several_seeds(tmp_path: Path, write_run: Write) -> None:
    files = [write_run(seed) for seed in range(4)]
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
        assert row["global_spearman_low"] < row["global_spearman"] < row["global_spearman_high"]
        inside = segments[(segments["seed"] == row["seed"])]
        assert row["local_spearman"] == pytest.approx(inside["spearman"].mean(), abs=1e-12)
        assert not row["above_ceiling"]
    whole = summary[summary["measure"] == "global_spearman"].iloc[0]
    half = student.ppf(0.975, 3) * np.std(scores, ddof=1) / 2
    assert (whole["n"], whole["mean"], whole["published"]) == (4, pytest.approx(np.mean(scores)), 0.9938)
    assert whole["ci_low"] == pytest.approx(whole["mean"] - half)
    assert whole["ci_high"] == pytest.approx(whole["mean"] + half)
    assert runs["representation_range"].between(6, 9).all()


def test_methods_are_compared_by_seed(tmp_path: Path, write_run: Write) -> None:
    for seed in range(4):
        write_run(seed)
        if seed < 3:  # the fourth has no partner
            write_run(seed, "supervised", noise=0.02)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs = frames["runs"].set_index(["method", "seed"])["local_spearman"]
    ours, theirs = runs["contrastive"][[0, 1, 2]], runs["supervised"][[0, 1, 2]]
    row = frames["comparisons"].set_index("measure").loc["local_spearman"]
    assert (row["n"], row["test"]) == (3, "paired t-test, two-sided")
    assert row["difference"] == pytest.approx((ours - theirs).mean(), abs=1e-12)
    assert row["p_value"] == pytest.approx(ttest_rel(ours, theirs).pvalue, abs=1e-9)
    assert row["effect_size"] == pytest.approx((ours - theirs).mean() / (ours - theirs).std(), abs=1e-9)
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    assert row["oracle"] == pytest.approx(frames["runs"]["oracle_local_spearman"].iloc[0], abs=1e-12)
    agreement = frames["agreement"].set_index(["pairing", "label_a"])
    assert agreement.loc[("method with method", "contrastive-d1"), "n"] == 3
    assert agreement.loc[("seed with seed", "contrastive-d1"), "n"] == 6
    assert agreement.loc[("seed with seed", "supervised-d1"), "n"] == 3
    assert agreement.loc[("with the oracle", "contrastive-d1"), "n"] == 4
    files = [read(path) for path in sorted((tmp_path / "runs").rglob("supervised*/**/*.h5"))]
    beside = [spearmanr(e.embedding.ravel(), e.energy_given_image.ravel())[0] for e in files]  # type: ignore[union-attr]
    assert agreement.loc[("with the oracle", "supervised-d1"), "mean"] == pytest.approx(np.mean(beside), abs=1e-9)
    lines = [e.embedding.ravel() for e in files]
    pairs = [abs(spearmanr(lines[i], lines[j])[0]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert agreement.loc[("seed with seed", "supervised-d1"), "mean"] == pytest.approx(np.mean(pairs), abs=1e-9)


def test_groups_follow_what_runs_are_and_not_what_they_are_called(tmp_path: Path, write_run: Write) -> None:
    write_run(0)
    write_run(1, data_name="vanilla-seed-1", train_name="vanilla-seed-1", data_seed=1)
    write_run(2, data_name="tiny", pendulums=100)  # the same variant, but a trial of another size
    summary = tables(tmp_path / "runs", tmp_path / "out")["summary"]
    whole = summary[summary["measure"].eq("global_spearman")].set_index("dataset")
    assert whole["n"].to_dict() == {"vanilla + vanilla-seed-1": 2, "tiny": 1}


def test_a_leak_is_flagged(tmp_path: Path, command: Callable[..., Outcome], write_run: Write) -> None:
    path = write_run(leak=True)
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--csv-only")
    assert code == 1
    assert "above the ceiling" in err
    assert "global Spearman by 0.0" in err
    assert "contrastive-d1" in out
    code, out, _ = command("pendeval", "score", path)
    assert code == 1
    assert "above the ceiling" in out


def test_an_encoder_as_good_as_the_oracle_is_not_flagged(tmp_path: Path, write_run: Write) -> None:
    for seed in range(8):
        write_run(seed, data_seed=seed, noise=0.0)
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert runs["above_ceiling"].eq(False).all()
    assert (runs["excess"].abs() < 1e-6).all()


def test_no_alarm_where_energies_are_not_uniform(tmp_path: Path, write_run: Write) -> None:
    write_run(leak=True, data_energy_bands="[[0.0, 0.3], [0.7, 1.0]]")
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert runs["above_ceiling"].isna().all()
    assert "uniform" in json.loads(runs["missing"][0])["above_ceiling"]


def test_no_alarm_on_training_images(tmp_path: Path, write_run: Write) -> None:
    write_run(leak=True, data_split="train")  # known by heart, which is no leak
    assert tables(tmp_path / "runs", tmp_path / "out")["runs"]["above_ceiling"].isna().all()


def test_the_ceiling_of_the_errors_is_the_oracles_own(tmp_path: Path, write_run: Write) -> None:
    path = write_run()
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    e = read(path)
    assert e.energy_given_image is not None
    _, held = halves(np.repeat(np.arange(200), 5))
    errors = (e.energy_given_image - e.energy[:, None]).ravel()[held]
    assert row["ceiling_rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), abs=1e-12)
    assert row["linear_rmse"] == pytest.approx(row["ceiling_rmse"], rel=0.15)
    assert row["ceiling_rmse"] < row["forest_rmse"] < 2 * row["ceiling_rmse"]


GAPS = [[0.15, 0.2833], [0.4333, 0.5667], [0.7167, 0.85]]


def fold(seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two embeddings that run in opposite directions, parted at energy .5."""
    return np.where(seen < 0.5, seen, 3 - seen)[..., None]


@pytest.mark.parametrize(("outputs", "expected"), [(fold, True), (lambda seen: seen[..., None], False)])
def test_fracture_is_flagged_and_its_absence_is_not(
    tmp_path: Path, write_run: Write, outputs: object, expected: bool
) -> None:
    write_run(outputs=outputs, variant="gaps", parameters={"alpha_g": 0.4}, train_gaps=json.dumps(GAPS))
    frames = tables(tmp_path / "runs", tmp_path / "out")
    row, segments = frames["runs"].iloc[0], frames["segments"]
    assert row["fractured"] is expected or row["fractured"] == expected
    assert segments["kind"].value_counts().to_dict() == {"segment": 7, "visible": 4, "gap": 3}
    gap, seen = (segments[segments["kind"].eq(kind)] for kind in ("gap", "visible"))
    assert gap[["energy_low", "energy_high"]].to_numpy().tolist() == GAPS
    assert row["gap_spearman"] == pytest.approx(gap["spearman"].mean(), abs=1e-12)
    assert row["gap_abs_spearman"] == pytest.approx(gap["spearman"].abs().mean(), abs=1e-12)
    assert row["visible_band_spearman"] == pytest.approx(seen["spearman"].mean(), abs=1e-12)
    assert row["interior_band_spearman"] == pytest.approx(seen["spearman"].iloc[1:3].mean(), abs=1e-12)
    assert (row["gap_abs_spearman"] > 0.8) == (row["gap_spearman"] > 0.8) or expected


def test_a_denser_region_is_found_denser(tmp_path: Path, write_run: Write) -> None:
    def squeezed(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(seen < 3 / 7, seen / 5, seen - 3 / 7 * 4 / 5)[..., None]

    write_run(outputs=squeezed)
    density = tables(tmp_path / "runs", tmp_path / "out")["segments"].set_index("number")["density"]
    assert density[[1, 2, 3]].min() > 3 * density[[5, 6, 7]].max()


def test_images_out_of_view_are_scored_apart(tmp_path: Path, write_run: Write) -> None:
    visible = np.random.default_rng(5).random((200, 5, 2)) > 0.4
    dark = ~visible.any(axis=2)

    def outputs(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(dark, 0.55, seen)[..., None]

    path = write_run(outputs=outputs, variant="cropping", parameters={"alpha_c": 0.75}, visible=visible)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    runs = frames["runs"].set_index("view")
    e, both = read(path), visible.all(axis=2).ravel()
    energy = np.repeat(e.energy, 5)
    assert runs.loc["visible", "images"] == both.sum()
    expected = spearmanr(e.embedding.ravel()[both], energy[both])[0]
    assert runs.loc["visible", "global_spearman"] == pytest.approx(expected, abs=1e-9)
    assert runs.loc["all", "global_spearman"] < expected
    assert runs.loc["all", "blank_images"] == dark.sum()
    assert runs.loc["all", "blank_embedding"] == pytest.approx(0.55, abs=1e-6)
    assert runs.loc["all", "blank_expected"] == pytest.approx(energy[dark.ravel()].mean(), abs=0.01)
    assert len(frames["segments"]) == 14


def test_several_outputs(tmp_path: Path, write_run: Write) -> None:
    def spiral(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(6 * seen), np.sin(6 * seen), seen], axis=-1)

    write_run(outputs=spiral)
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert (row["line"], row["dim"]) == ("spectral", 3)
    assert row["global_spearman"] == pytest.approx(row["oracle_global_spearman"], abs=0.005)
    assert 1 < row["participation_ratio"] < 3
    assert np.isnan(row["representation_range"])
    assert json.loads(row["missing"])["representation_range"] == "needs one output"
    assert len(json.loads(row["vertical_correlations"])) == 3


def test_cosine_similarity_is_read_around_the_circle(tmp_path: Path, write_run: Write) -> None:
    def arc(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(5 * seen + 2), np.sin(5 * seen + 2)], axis=-1)

    label = "contrastive-d2-similarity-cosine"
    write_run(outputs=arc, train_label=label, train_recipe=json.dumps({"similarity": "cosine"}))
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert (row["line"], row["recipe"]) == ("angle", "d2-similarity-cosine")
    assert row["global_spearman"] > 0.99


def test_a_second_call_scores_only_what_is_new(tmp_path: Path, write_run: Write) -> None:
    write_run(0)
    first = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    cache = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / ".cache").iterdir()}
    assert len(cache) == 3  # scores, sample, oracle
    other = write_run(1)
    both = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / ".cache").iterdir()}
    assert len(after) == 5  # the oracle of the same images is not scored again
    assert {name: after[name] for name in cache} == cache
    pd.testing.assert_frame_equal(both.iloc[:1], first, check_dtype=False)
    with h5py.File(other, "r+") as file:
        file["embedding"][...] = file["embedding"][()] ** 3
    changed = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert changed["representation_range"][1] != both["representation_range"][1]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"PK\x03\x04 nothing"])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, write_run: Write, damage: bytes) -> None:
    write_run(0)
    first = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    for path in (tmp_path / "out" / ".cache").iterdir():
        path.write_bytes(damage)
    pd.testing.assert_frame_equal(tables(tmp_path / "runs", tmp_path / "out")["runs"], first)


def test_the_number_of_jobs_changes_nothing(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        write_run(seed)
    one, two = (tables(tmp_path / "runs", tmp_path / f"out-{jobs}", jobs=jobs) for jobs in (1, 2))
    for name in TABLES:
        pd.testing.assert_frame_equal(one[name], two[name])


def test_only_keeps_a_dataset(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run(0)
    write_run(0, variant="large")
    write_run(1, variant="large", status="running")
    runs = tables(tmp_path / "runs", tmp_path / "out", only=["vanilla"])["runs"]
    assert runs["dataset"].tolist() == ["vanilla"]
    code, _, err = command("pendeval", "report", tmp_path / "runs", "--only", "gaps", "--out", tmp_path / "out")
    assert code == 2
    assert "is of gaps; there are large, vanilla" in err


def test_unfinished_failed_and_broken_runs_are_named_and_the_rest_reported(
    tmp_path: Path, command: Callable[..., Outcome], write_run: Write
) -> None:
    write_run(0)
    write_run(1, status="running")
    write_run(2, status="failed")
    broken = {seed: write_run(seed) for seed in range(3, 29)}
    broken[3].unlink()
    broken[4].write_bytes(b"not HDF5")
    broken[18].write_bytes(broken[18].read_bytes()[:3000])  # cut off
    changes: dict[int, Callable[[h5py.File], object]] = {
        5: lambda file: file.attrs.modify("format_version", 7),
        6: lambda file: file["embedding"].write_direct(np.full((200, 5, 1), np.nan, np.float32)),
        7: lambda file: file.pop("energy"),
        8: lambda file: replace(file, "energy", np.linspace(0, 1, 7)),
        9: lambda file: replace(file, "energy", np.full(200, 0.4)),
        10: lambda file: link(file, h5py.ExternalLink("elsewhere.h5", "/energy")),
        11: lambda file: link(file, h5py.SoftLink("/energy_given_image")),
        12: lambda file: huge(file),
        13: lambda file: elsewhere(file, tmp_path / "raw.bin"),
        14: lambda file: replace(file, "embedding", np.zeros((200, 5), np.float32)),
        15: lambda file: file.attrs.modify("data_parameters", "{"),
        16: lambda file: file.attrs.modify("train_gaps", "[[0.3]]"),
        17: lambda file: file.attrs.create("train_seed", "first"),
        19: lambda file: file.attrs.create("train_seed", np.uint64(2**64 - 1)),
        20: lambda file: file.attrs.modify("data_parameters", '{"eps_n": "big"}'),
        21: lambda file: file.attrs.create("train_label", [1, 2]),
        22: lambda file: bomb(file, (150_000, 1, 1), (150_000, 1, 1)),
        23: lambda file: bomb(file, (10, 2, 900_000), (10, 2, 900_000)),
        24: lambda file: bomb(file, (200, 5, 1), (60_000_000, 2, 1)),
        25: lambda file: replace(file, "embedding", np.full((200, 5, 1), 1e300)),
        26: lambda file: file.attrs.create("train_gaps", "[[0.1, 0.9], [0.2, 0.3]]"),
        27: lambda file: file.attrs.modify("data_parameters", f'{{"eps_n": 1{"0" * 400}}}'),
        28: lambda file: h5py.h5a.create(file.id, b"when", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR)),
    }
    for seed, change in changes.items():
        with h5py.File(broken[seed], "r+") as file:
            change(file)
    began = time.monotonic()
    code, out, err = command(
        "pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--quiet", "--csv-only", "--jobs", 1
    )
    assert time.monotonic() - began < 30
    assert code == 1
    assert " 1  " in out.splitlines()[1]  # one seed scored
    expected = {
        1: "not finished (status running)",
        2: "failed: no reason given",
        3: "complete, but without embeddings",
        4: "not readable as HDF5",
        5: "format is pendulum-embedding 7, expected pendulum-embedding 1",
        6: "embedding holds NaN",
        7: "no dataset energy",
        8: "energy has shape (7,), which does not fit",
        9: "every energy is 0.4, expected different ones",
        10: "energy is a link to elsewhere.h5:/energy",
        11: "energy is a link to",
        12: "embedding declares shape (4000000, 50, 1), expected at most 20,000,000 values, 100,000 pendulums",
        13: "embedding keeps its data in other files",
        14: "embedding has shape (200, 5) of float32, expected numbers on 3 axes",
        15: "attribute data_parameters is '{', expected JSON",
        16: "attribute train_gaps is '[[0.3]]', expected JSON pairs",
        17: "attribute train_seed is 'first', expected a whole number",
        18: "not readable as HDF5",
        19: "attribute train_seed is 18446744073709551615, expected a whole number of 64 bits",
        20: "attribute data_parameters has eps_n 'big', expected a number",
        21: "attribute train_label is array([1, 2]), expected text",
        22: "embedding declares shape (150000, 1, 1)",
        23: "embedding declares shape (10, 2, 900000)",
        24: "embedding has chunks of (60000000, 2, 1), expected at most 256 MB",
        25: "embedding reaches 1e+300, expected numbers that float32 can hold",
        26: "attribute train_gaps is '[[0.1, 0.9], [0.2, 0.3]]', expected JSON pairs of energies in [0, 1] that do not",
        27: "attribute data_parameters has eps_n 1000000",
        28: "not readable as HDF5",
    }
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    for seed, reason in expected.items():
        (found,) = (row for row in problems.itertuples() if f"seed-{seed}/" in f"{row.path}/")
        assert reason in str(found.reason)
        assert str(found.reason) in err
    assert len(problems) == len(expected)
    assert "Traceback" not in err


def replace(file: h5py.File, name: str, column: NDArray[np.generic]) -> None:
    """Put another column in the place of one."""
    del file[name]
    file[name] = column


def link(file: h5py.File, target: h5py.ExternalLink | h5py.SoftLink) -> None:
    """Put a link in the place of the energies."""
    del file["energy"]
    file["energy"] = target


def huge(file: h5py.File) -> None:
    """Declare a terabyte that was never written."""
    del file["embedding"]
    file.create_dataset("embedding", (4_000_000, 50, 1), np.float64, chunks=(1000, 50, 1))


def bomb(file: h5py.File, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    """Declare much in little space."""
    del file["embedding"]
    most = tuple(None for _ in shape)
    file.create_dataset("embedding", shape, np.float32, chunks=chunks, compression="gzip", maxshape=most)


def elsewhere(file: h5py.File, path: Path) -> None:
    """Keep the values outside the file."""
    del file["embedding"]
    path.write_bytes(bytes(4000))
    file.create_dataset("embedding", (200, 5, 1), np.float32, external=[(str(path), 0, 4000)])


def test_what_is_no_file_is_named(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run()
    runs = tmp_path / "runs"
    (runs / "folder.h5").mkdir()
    (runs / "dangling.h5").symlink_to(runs / "nowhere")
    (runs / "loop").symlink_to(runs)
    os.mkfifo(runs / "pipe.HDF5")
    code, _, err = command("pendeval", "report", runs, "--out", tmp_path / "out", "--quiet", "--csv-only")
    assert code == 1
    for name in ("folder.h5", "dangling.h5", "pipe.HDF5"):
        assert f"{name}: not a regular file" in err
    assert len(pd.read_csv(tmp_path / "out" / "runs.csv")) == 1


def test_odd_text_in_a_run_is_cleaned(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run()
    path = write_run(1)
    held = {"format": "pendulum-run", "format_version": 1, "status": "failed", "reason": "\ud800 two\nlines"}
    held |= {"recipe": {"seed": 1}, "train_seconds": 10**400}
    (path.parents[1] / "run.json").write_text(json.dumps(held))
    code, _, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--jobs", 1)
    assert code == 1
    assert "failed: ? two lines" in err
    assert "Traceback" not in err
    assert "failed: ? two lines" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_single_values_in_arrays_are_read(tmp_path: Path, write_run: Write) -> None:
    write_run(data_split=np.array([b"train"]), train_seed=np.array([[4]]))
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert (row["split"], row["seed"]) == ("train", 4)


def test_files_that_agree_in_all_but_size(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    for folder, (pendulums, dim) in {"a": (80, 1), "b": (90, 1), "c": (80, 2)}.items():
        (tmp_path / "runs" / folder).mkdir(parents=True)
        with h5py.File(tmp_path / "runs" / folder / "e.hdf5", "w") as file:
            file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
            file["energy"] = np.linspace(0, 1, pendulums)
            file["embedding"] = np.random.default_rng(0).random((pendulums, 3, dim))
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--jobs", 1)
    assert (code, err) == (0, err)
    assert len(out.splitlines()) == 6  # head, three conditions, claims, where


def test_encoders_trained_on_other_data_are_no_pair(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        write_run(seed, train_data_seed=0)
        write_run(seed, "supervised", train_data_seed=7)
    frames = tables(tmp_path / "runs", tmp_path / "out")
    assert frames["comparisons"].empty
    assert set(frames["agreement"]["pairing"]) == {"seed with seed", "with the oracle"}


def test_a_copy_is_no_further_seed(tmp_path: Path, write_run: Write) -> None:
    path = write_run(0)
    (tmp_path / "runs" / "backup.h5").write_bytes(path.read_bytes())
    frames = tables(tmp_path / "runs", tmp_path / "out")
    assert len(frames["runs"]) == 2  # both are shown
    assert (frames["summary"]["n"] == 1).all()


def test_the_paper_stands_beside_its_own_recipe_only(tmp_path: Path, write_run: Write) -> None:
    for label in ("supervised-d1", "supervised-d1-epochs-20", "supervised-d1-loss-l1"):
        write_run(0, "supervised", train_label=label)
    summary = tables(tmp_path / "runs", tmp_path / "out")["summary"]
    whole = summary[summary["measure"].eq("global_spearman")].set_index("recipe")["published"]
    assert whole.notna().to_dict() == {"d1": True, "d1-epochs-20": True, "d1-loss-l1": False}


def test_few_pendulums_make_no_alarm(tmp_path: Path, write_run: Write) -> None:
    write_run(leak=True, pendulums=10)
    assert tables(tmp_path / "runs", tmp_path / "out")["runs"]["above_ceiling"].isna().all()


def test_only_what_a_report_made_is_ever_removed(tmp_path: Path, write_run: Write) -> None:
    write_run(0)
    out = tmp_path / "out"
    strangers = [out / ".cache" / name for name in ("my-app.json", "data-2024.npz", "x-y.js")]
    strangers += [out / "figures" / name for name in ("figure-01.pdf", "figure-20.tex", "figure-99.png")]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    report(tmp_path / "runs", out, quiet=True)
    assert (out / "report.html").is_file()
    report(tmp_path / "runs", out, quiet=True, csv_only=True)
    assert all(path.read_bytes() == b"mine" for path in strangers)
    assert not (out / "report.html").exists()  # it would show other numbers than the tables


def test_two_reports_into_one_folder(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        write_run(seed)
    argv = [sys.executable, "-m", "pendeval", "report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    both = [subprocess.Popen([*argv, "--jobs", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"")
    assert len(pd.read_csv(tmp_path / "out" / "runs.csv")) == 3


def test_minimal_file_of_another_trainer(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
        file["energy"] = np.linspace(0, 1, 50)
        file["embedding"] = np.repeat(np.linspace(3, -3, 50), 2).reshape(50, 2, 1)
    frames = tables(tmp_path, tmp_path / "out")
    assert frames["runs"]["global_spearman"].tolist() == [1.0]
    assert frames["runs"]["label"].tolist() == ["mine"]
    assert read(path).energy_given_image is None
    assert "no energy_given_image" in json.loads(frames["runs"]["missing"][0])["excess"]


def test_two_pendulums_of_one_image(tmp_path: Path, write_run: Write) -> None:
    write_run(pendulums=2, images=1)
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    assert row["global_spearman"] == 1.0
    assert np.isnan(row["local_spearman"])


def test_a_collapsed_encoder_is_reported_with_reasons(tmp_path: Path, write_run: Write) -> None:
    for seed, dim in ((0, 1), (1, 1), (0, 2)):
        write_run(seed, outputs=lambda seen, dim=dim: np.ones((*seen.shape, dim)))
    runs = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert runs["global_spearman"].isna().all()
    assert "one embedding for all images" in json.loads(runs["missing"][0])["global_spearman"]
    assert runs["forest_rmse"].between(0.25, 0.35).all()  # a constant guess


def test_cells_that_would_run_as_formulas_are_defused(tmp_path: Path, write_run: Write) -> None:
    write_run(train_label='=HYPERLINK("x")', data_name="@vanilla")
    tables(tmp_path / "runs", tmp_path / "out")
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert runs["label"].tolist() == ['\'=HYPERLINK("x")']
    assert runs["dataset"].tolist() == ["'@vanilla"]
    frame = pd.DataFrame({"a": [-0.1234567890123456789, np.nan, 1.0], "b": ["-1", "plain − text", " =1"]})
    write_csv(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "a,b\n-0.12345678901234568,'-1\n,plain − text\n1.0,' =1\n"


def test_score_prints_and_speaks_json(write_run: Write, command: Callable[..., Outcome]) -> None:
    path = write_run()
    code, out, err = command("pendeval", "score", path)
    assert (code, err) == (0, "")
    assert "global_spearman" in out
    assert "ceiling of the errors" in out
    _, out, _ = command("pendeval", "score", path, "--json")
    held = json.loads(out)
    e = read(path)
    expected = spearmanr(e.embedding.ravel(), np.repeat(e.energy, 5))[0]
    assert held["views"][0]["global_spearman"] == pytest.approx(expected, abs=1e-12)
    assert len(held["bands"]) == 7


def test_score_refuses(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "no file" in refused("pendeval", "score", tmp_path / "nothing.h5")
    (tmp_path / "bad.h5").write_bytes(b"x")
    assert "bad.h5: not readable as HDF5" in refused("pendeval", "score", tmp_path / "bad.h5")


def test_nothing_to_report(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "no folder" in refused("pendeval", "report", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    error = refused("pendeval", "report", tmp_path / "empty", "--out", tmp_path / "out")
    assert "holds no runs (run.json) and no embeddings (.h5, .hdf5)" in error
    assert not (tmp_path / "out").exists()


def test_unwritable_output(tmp_path: Path, refused: Callable[..., str], write_run: Write) -> None:
    write_run()
    assert "/dev/null/report" in refused("pendeval", "report", tmp_path / "runs", "--out", "/dev/null/report")


def test_the_whole_report_of_a_few_runs(tmp_path: Path, command: Callable[..., Outcome], write_run: Write) -> None:
    for seed in range(2):
        write_run(seed)
        write_run(seed, "supervised")
    write_run(3, status="running")
    stale = tmp_path / "out" / "figures" / "figure-15.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier report")
    code, out, _ = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--jobs", 1)
    assert code == 1  # one run is unfinished
    assert "claims of the paper" in out
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "not finished (status running)" in page
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"figure-03.png", "figure-03.svg", "figure-10.png"} <= names
    assert not stale.exists()


def test_an_interrupted_report_leaves_no_half_written_table(tmp_path: Path, write_run: Write) -> None:
    for seed in range(6):
        write_run(seed, pendulums=2000, images=10)
    argv = [sys.executable, "-m", "pendeval", "report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen([*argv, "--jobs", "2", "--csv-only"], stderr=subprocess.PIPE, env=os.environ)
    cache = tmp_path / "out" / ".cache"
    until = time.monotonic() + 60
    while not (cache.is_dir() and any(cache.glob("*.npz"))) and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.wait()
    if process.stderr:
        process.stderr.close()
    assert not list((tmp_path / "out").glob("*.csv"))
    assert len(tables(tmp_path / "runs", tmp_path / "out")["runs"]) == 6


def test_ctrl_c_is_one_line(tmp_path: Path, write_run: Write) -> None:
    for seed in range(6):
        write_run(seed, pendulums=2000, images=10)
    argv = [sys.executable, "-m", "pendeval", "report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*argv, "--jobs", "2", "--csv-only"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    cache = tmp_path / "out" / ".cache"
    until = time.monotonic() + 60
    while not (cache.is_dir() and any(cache.glob("*.npz"))) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "pendeval: interrupted"
    assert "Traceback" not in err
    assert not list((tmp_path / "out").glob("*.csv"))


def test_entries_of_other_code_leave_the_cache(tmp_path: Path, write_run: Write) -> None:
    write_run(0)
    tables(tmp_path / "runs", tmp_path / "out")
    cache = tmp_path / "out" / ".cache"
    kept = {path.name for path in cache.iterdir()}
    for suffix in (".json", ".npz"):
        (cache / f"{'0' * 32}-{'0' * 12}{suffix}").write_bytes(b"of an older version")
    tables(tmp_path / "runs", tmp_path / "out")
    assert {path.name for path in cache.iterdir()} == kept


def test_help_is_instant() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pendeval", "--help"], capture_output=True, text=True, check=True)
    assert "pendeval report" in done.stdout
    assert time.monotonic() - began < 5  # far above the half second it takes on an idle machine
