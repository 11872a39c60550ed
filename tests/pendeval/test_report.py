import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from scipy.stats import t as student

from pendeval.report import report
from pendeval.runs import read
from pendeval.tables import RUNS, SEGMENT_COLUMNS, SUMMARY

Outcome = tuple[int, str, str]


def write_run(root: Path, seed: int = 0, status: str = "complete", leak: bool = False, **attributes: Any) -> Path:
    """A synthetic run of 200 pendulums × 5 images, as another trainer could write it."""
    run = root / "vanilla" / attributes.get("train_label", "contrastive-d1") / f"seed-{seed}"
    (run / "embeddings").mkdir(parents=True)
    draw = np.random.default_rng(seed)
    energy = draw.random(200)
    oracle = energy[:, None] + 0.03 * draw.standard_normal((200, 5))
    embedding = 6.5 * (
        np.repeat(energy[:, None], 5, axis=1) if leak else oracle + 0.03 * draw.standard_normal((200, 5))
    )
    with h5py.File(run / "embeddings" / "vanilla-test.h5", "w") as file:
        file["embedding"] = embedding[:, :, None].astype(np.float32)
        file["energy"], file["energy_given_image"] = energy, oracle
        described = {
            "format": "pendulum-embedding",
            "format_version": 1,
            "data_name": "vanilla",
            "data_variant": "vanilla",
            "data_parameters": "{}",
            "data_protocol": "paper",
            "data_seed": 0,
            "data_split": "test",
            "data_energy_law": "uniform",
            "data_energy_bands": "[[0.0, 1.0]]",
            "train_label": "contrastive-d1",
            "train_method": "contrastive",
            "train_seed": seed,
        }
        for key, value in {**described, **attributes}.items():
            file.attrs[key] = value
    (run / "run.json").write_text(json.dumps({"format": "pendulum-run", "format_version": 1, "status": status}))
    return run / "embeddings" / "vanilla-test.h5"


def test_tables_of_several_seeds(tmp_path: Path) -> None:
    files = [write_run(tmp_path / "runs", seed) for seed in range(4)]
    frames, problems = report(tmp_path / "runs", tmp_path / "out", quiet=True)
    assert not problems
    runs, segments, summary = (
        pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("runs", "segments", "summary")
    )
    assert (tuple(runs), tuple(segments), tuple(summary)) == (RUNS, SEGMENT_COLUMNS, SUMMARY)
    assert len(runs) == 4
    assert len(segments) == 28
    scores = []
    for path, (_, row) in zip(files, runs.iterrows(), strict=True):
        with h5py.File(path) as file:
            energy = np.repeat(file["energy"][()], 5)
            scores.append(spearmanr(file["embedding"][()].ravel(), energy)[0])
            assert row["oracle_global_spearman"] == pytest.approx(
                spearmanr(file["energy_given_image"][()].ravel(), energy)[0], abs=1e-9
            )
        assert row["global_spearman"] == pytest.approx(scores[-1], abs=1e-9)
        inside = segments[(segments["seed"] == row["seed"])]
        assert row["local_spearman"] == pytest.approx(inside["spearman"].mean(), abs=1e-12)
        assert not row["above_ceiling"]
    whole = summary[summary["measure"] == "global_spearman"].iloc[0]
    half = student.ppf(0.975, 3) * np.std(scores, ddof=1) / 2
    assert (whole["n"], whole["mean"], whole["published"]) == (4, pytest.approx(np.mean(scores)), 0.9938)
    assert (whole["ci_low"], whole["ci_high"]) == (
        pytest.approx(whole["mean"] - half),
        pytest.approx(whole["mean"] + half),
    )
    assert frames["runs"]["representation_range"].between(6, 9).all()


def test_a_leak_is_flagged(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    write_run(tmp_path / "runs", leak=True)
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out")
    assert code == 1
    assert "above the ceiling" in err
    assert "contrastive-d1" in out


def test_no_alarm_where_energies_are_not_uniform(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", leak=True, data_energy_bands="[[0.0, 0.3], [0.7, 1.0]]")
    frames, _ = report(tmp_path / "runs", tmp_path / "out", quiet=True)
    assert frames["runs"]["above_ceiling"].isna().all()


def test_unfinished_failed_and_broken_runs_are_named_and_the_rest_reported(
    tmp_path: Path, command: Callable[..., Outcome]
) -> None:
    runs = tmp_path / "runs"
    write_run(runs, 0)
    write_run(runs, 1, status="running")
    write_run(runs, 2, status="failed")
    for seed in range(3, 9):
        write_run(runs, seed)
    paths = {seed: runs / "vanilla" / "contrastive-d1" / f"seed-{seed}" for seed in range(3, 9)}
    broken = {seed: path / "embeddings" / "vanilla-test.h5" for seed, path in paths.items()}
    broken[3].unlink()
    broken[4].write_bytes(b"not HDF5")
    with h5py.File(broken[5], "r+") as file:
        file.attrs["format_version"] = 7
    with h5py.File(broken[6], "r+") as file:
        file["embedding"][3, 2, 0] = np.nan
    with h5py.File(broken[7], "r+") as file:
        del file["energy"]
    with h5py.File(broken[8], "r+") as file:
        del file["energy"]
        file["energy"] = np.linspace(0, 1, 7)
    code, out, err = command("pendeval", "report", runs, "--out", tmp_path / "out", "--quiet")
    assert code == 1
    assert " 1  " in out.splitlines()[1]  # one seed scored
    expected = [
        "seed-1: not finished (status running)",
        "seed-2: failed: no reason given",
        "seed-3: complete, but without embeddings",
        "seed-4/embeddings/vanilla-test.h5: not readable as HDF5",
        "seed-5/embeddings/vanilla-test.h5: format is pendulum-embedding 7, expected pendulum-embedding 1",
        "seed-6/embeddings/vanilla-test.h5: embedding holds NaN",
        "seed-7/embeddings/vanilla-test.h5: no dataset energy",
        "seed-8/embeddings/vanilla-test.h5: energy has shape (7,), which does not fit",
    ]
    for text in expected:
        assert text in err
    assert "Traceback" not in err


def test_minimal_file_of_another_trainer(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
        file["energy"] = np.linspace(0, 1, 50)
        file["embedding"] = np.repeat(np.linspace(3, -3, 50), 2).reshape(50, 2, 1)
    frames, problems = report(tmp_path, tmp_path / "out", quiet=True)
    assert not problems
    assert frames["runs"]["global_spearman"].tolist() == [1.0]
    assert frames["runs"]["label"].tolist() == ["mine"]
    assert read(path).energy_given_image is None


def test_two_outputs_leave_one_dimensional_measures_empty(tmp_path: Path) -> None:
    path = write_run(tmp_path / "runs")
    with h5py.File(path, "r+") as file:
        one = file["embedding"][()]
        del file["embedding"]
        file["embedding"] = np.concatenate([one, one], axis=2)
    frames, problems = report(tmp_path / "runs", tmp_path / "out", quiet=True)
    assert not problems
    assert frames["runs"]["global_spearman"].isna().all()
    assert frames["runs"]["oracle_global_spearman"].notna().all()


def test_nothing_to_report(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "no folder" in refused("pendeval", "report", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    error = refused("pendeval", "report", tmp_path / "empty", "--out", tmp_path / "out")
    assert "holds no runs (run.json) and no embeddings (*.h5)" in error
    assert not (tmp_path / "out").exists()


def test_unwritable_output(tmp_path: Path, refused: Callable[..., str]) -> None:
    write_run(tmp_path / "runs")
    assert "/dev/null/report" in refused("pendeval", "report", tmp_path / "runs", "--out", "/dev/null/report")


def test_help_is_instant() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pendeval", "--help"], capture_output=True, text=True, check=True)
    assert "pendeval report" in done.stdout
    assert time.monotonic() - began < 5  # far above the half second it takes on an idle machine
