"""The score while training is the score afterwards, and looking changes nothing."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from scipy.stats import spearmanr

from pendtrain import fit as fitting
from pendtrain.encoders import create
from pendtrain.fit import fit
from pendtrain.metrics import Metrics, Progress
from pendtrain.objectives.contrastive import Contrastive
from pendtrain.recipe import Recipe
from pendtrain.shards import open_dataset
from pendtrain.state import Settings
from pendtrain.watch import Scores, Watch, spearmans

Outcome = tuple[int, str, str]


def test_the_exact_score_is_where_that_of_many_images_goes(small: Path) -> None:
    """Images and energies drawn from the population by its own columns, and scipy's ρ."""
    from pendtrain.population import read_population

    dataset = open_dataset(small)
    held, watch = read_population(dataset), Watch(dataset, 480)
    assert watch.exact
    draw = np.random.default_rng(0)
    line = held["energy_given_image"] + 0.1 * draw.normal(size=len(held["probability"]))
    line = np.round(line, 2)  # with ties
    found = watch.score(line[:, None])
    joint, edges = held["energy_probability"], held["energy_edges"]
    cell = draw.choice(joint.size, size=400_000, p=(joint / joint.sum()).ravel())
    image, bins = np.divmod(cell, joint.shape[1])
    energy = draw.uniform(edges[bins], edges[bins + 1])
    assert found.spearman == pytest.approx(spearmanr(line[image], energy).statistic, abs=7e-4)
    local = [
        spearmanr(line[image[some]], energy[some]).statistic
        for some in ((energy >= k / 7) & (energy < (k + 1) / 7) for k in range(7))
    ]
    assert found.local_spearman == pytest.approx(np.mean(local), abs=6e-3)
    turned = watch.score(-3 * line[:, None] + 5)
    assert (turned.spearman, turned.local_spearman) == pytest.approx((found.spearman, found.local_spearman))
    wide = watch.score(np.stack([line, 0.01 * draw.normal(size=len(line))], axis=1))
    assert wide.spearman == pytest.approx(found.spearman, abs=0.02)
    assert watch.score(held["energy_given_image"][:, None]) == watch.oracle


def test_without_a_population_a_sample_is_looked_at(unpeopled: Path) -> None:
    watch = Watch(open_dataset(unpeopled), 480)
    assert not watch.exact
    assert len(watch.images) == 240
    assert watch.oracle.spearman > 0.97
    draw = np.random.default_rng(0)
    energy, line = draw.uniform(size=500), draw.normal(size=500)
    from pendtrain.watch import _sampled_bands

    rho = spearmans(line, *_sampled_bands(energy))
    assert rho[0] == pytest.approx(spearmanr(line, energy).statistic, abs=1e-4)


def test_constant_outputs_are_named(peopled: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    watch = Watch(open_dataset(peopled), 480)
    count = len(watch.images)
    for values in (np.full((count, 1), 3.0), 1000 + 1e-3 * np.random.default_rng(0).normal(size=(count, 2))):
        assert watch.score(values).learning == "constant"
        assert np.isnan(watch.score(values).spearman)
    assert watch.score(np.full((count, 1), np.nan)).learning == "constant"
    assert watch.score(np.random.default_rng(0).normal(size=(count, 1))).learning == "ok"

    def flat(_: object, rows: tuple[torch.Tensor, ...], labels: object) -> torch.Tensor:
        return sum(row.square().mean() for row in rows)  # type: ignore[return-value]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Contrastive, "loss", flat)
        patch.setattr(fitting, "Watch", lambda *_: watch)
        patch.setattr("pendtrain.watch.CONSTANT", 1e9)
        fit_ = ("pendtrain", "fit", "--shards", peopled, "--epochs", 1, "--batch", 20, "--out", tmp_path, "--quiet")
        code, _, error = command(*fit_)
    (run,) = tmp_path.rglob("run.json")
    assert code == 1
    assert error == f"{run.parent}: nothing learnt: outputs are constant\n"
    assert json.loads(run.read_text())["learning"] == "constant"
    assert "nothing learnt: outputs are constant" in command("pendtrain", "list", tmp_path)[1]


def test_looking_changes_nothing_and_is_written_down(peopled: Path, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, batch=20)
    digests = []
    for every in (1, 100):
        with pytest.MonkeyPatch.context() as patch:
            made = Watch(open_dataset(peopled), 10**9)
            made.every = every
            patch.setattr(fitting, "Watch", lambda *_, made=made: made)
            run, _ = fit(peopled, recipe, tmp_path / str(every), Settings(log_every=1, quiet=True))
        digests.append((run / "encoder.safetensors").read_bytes())
        with open(run / "metrics.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        looked = [row["step"] for row in rows if row["spearman"]]
        assert looked == (["2", "4"] if every == 1 else ["4"])
        assert [row["images"] for row in rows] == ["40", "80", "120", "160"]
        assert all(float(a["seconds"]) <= float(b["seconds"]) for a, b in pairwise(rows))
    assert digests[0] == digests[1]
    encoder = create(1, 0)
    encoder.load(load(digests[0]))
    score = made(encoder, torch.device("cpu"))
    assert float(rows[-1]["spearman"]) == pytest.approx(score.spearman, abs=1e-6)
    assert float(rows[-1]["oracle_spearman"]) == pytest.approx(made.oracle.spearman, abs=1e-6)


def test_a_silent_run_is_told_from_a_live_one(small_run: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    held = json.loads((small_run / "run.json").read_text())
    for age, said in ((5, "alive 5 s ago"), (3600, "silent for 60 min")):
        beat = (datetime.now(UTC) - timedelta(seconds=age)).isoformat(timespec="seconds")
        (tmp_path / "run.json").write_text(json.dumps({**held, "status": "running", "heartbeat": beat}))
        found = command("pendtrain", "list", tmp_path)[1]
        assert said in found or f"alive {age + 1} s ago" in found


def test_a_row_that_cannot_be_written_names_its_file(tmp_path: Path) -> None:
    """As when a shared file system comes back without what was open on it."""
    row = (1, 0, 2.5, 1e-3, 1.0, 100.0, 20)
    with Metrics(tmp_path, 0, "csv", Progress("", 0, 2, True), Scores(1.0, 1.0, 1.0)) as log:
        log(row, 0.5, None)
        path = tmp_path / "metrics.csv"
        assert len(path.read_text().splitlines()) == 2
        path.unlink()
        path.mkdir()
        with pytest.raises(OSError, match=r"cannot write .*metrics\.csv: Is a directory"):
            log(row, 1.0, None)
