"""Runs of version 1, as the first release wrote them (tests/golden/run-1), go on and are embedded.

Encoders and checkpoints are 45 and 90 MB and not kept: a test that needs one puts it there in the shape of version 1.
"""

import csv
import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
import torch
from safetensors.torch import save_file

from pendtrain import fit as fitting
from pendtrain.embed import embed_run
from pendtrain.encoders import create
from pendtrain.fit import fit
from pendtrain.recipe import Recipe
from pendtrain.state import Settings, Stopped

Outcome = tuple[int, str, str]
GOLDEN = Path(__file__).parents[1] / "golden"
DATASET = GOLDEN / "dataset-1-hdf5"
STOPPED = Path("gaps-0.4/contrastive-d1-epochs-6-batch-3/seed-0")
COMPLETE = Path("gaps-0.4/supervised-d1-epochs-6-batch-3/seed-0")
RECIPE = Recipe(epochs=6, batch=3)
HOW = Settings(log_every=1, precision="fp32", quiet=True)
OPTIONS = ("--shards", DATASET, "--epochs", 6, "--batch", 3, "--precision", "fp32", "--quiet")


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder of the golden runs."""
    return Path(shutil.copytree(GOLDEN / "run-1", tmp_path / "runs"))


@pytest.fixture
def with_encoder(out: Path) -> Path:
    """The complete run with the encoder it would have, were it never trained."""
    weights = {name: value.contiguous() for name, value in create(1, 0).resnet.state_dict().items()}
    save_file(weights, out / COMPLETE / "encoder.safetensors")
    return out / COMPLETE


def recorded(run: Path, **changed: object) -> None:
    """Change what run.json says of the dataset."""
    held = json.loads((run / "run.json").read_text())
    held["dataset"] |= changed
    (run / "run.json").write_text(json.dumps(held))


def test_a_complete_run_is_found(out: Path, command: Callable[..., Outcome]) -> None:
    code, said, _ = command("pendtrain", "fit", *OPTIONS, "--method", "supervised", "--out", out)
    assert (code, said) == (0, f"already complete: {out / COMPLETE}\n")
    assert sha(out / COMPLETE / "run.json") == sha(GOLDEN / "run-1" / COMPLETE / "run.json")
    code, said, _ = command("pendtrain", "list", out)
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == ["stopped", "complete"]
    assert '"format_version": 1' in command("pendtrain", "show", out / COMPLETE)[1]
    plan = ("sweep", DATASET, "--seeds", 1, "--epochs", 6, "--batch", 3, "--out", out, "--dry-run")
    assert [line.split()[0] for line in command("pendtrain", *plan)[1].splitlines()[:2]] == ["to", "complete"]


def test_an_unfinished_run_goes_on_to_the_same_bits(out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = fit(DATASET, RECIPE, tmp_path / "whole", HOW)
    with monkeypatch.context() as patch:
        ask = fitting.learning_rate

        def rate(recipe: Recipe, step: int, per_epoch: int) -> float:
            if step == 5:
                os.kill(os.getpid(), signal.SIGUSR1)
            return ask(recipe, step, per_epoch)

        patch.setattr(fitting, "learning_rate", rate)
        with pytest.raises(Stopped):
            fit(DATASET, RECIPE, tmp_path / "half", HOW)
    held = json.loads((out / STOPPED / "run.json").read_text())
    assert (held["status"], held["step"]) == ("stopped", 6)
    state = torch.load(tmp_path / "half" / STOPPED / "checkpoint.pt", weights_only=True)
    identity = {**held["recipe"], "digest": held["dataset"]["digest"]}  # as version 1 put it
    assert set(state) == {"version", "step", "identity", "learner", "optimiser", "generator"}
    state["encoder"] = {name.removeprefix("encoder."): value for name, value in state.pop("learner").items()}
    torch.save({**state, "version": 1, "identity": identity}, out / STOPPED / "checkpoint.pt")

    assert fit(DATASET, RECIPE, out, HOW) == (out / STOPPED, True)
    assert sha(out / STOPPED / "encoder.safetensors") == sha(whole / "encoder.safetensors")
    held = json.loads((out / STOPPED / "run.json").read_text())
    assert (held["format_version"], held["status"], held["resumed_at_step"]) == (2, "complete", 6)
    assert (held["dataset"]["time_gap"], held["dataset"]["pendulums"]) == (0.5, 6)
    with open(out / STOPPED / "metrics.csv", newline="") as file, open(whole / "metrics.csv", newline="") as other:
        rows, expected = list(csv.DictReader(file)), list(csv.DictReader(other))
    golden = (GOLDEN / "run-1" / STOPPED / "metrics.csv").read_text().splitlines()[1:]
    assert [",".join(list(row.values())[:6]) for row in rows[:6]] == golden  # its own rows, to the letter
    assert [row["loss"] for row in rows[6:]] == [row["loss"] for row in expected[6:]]


def test_other_settings_and_data_are_refused(out: Path, refused: Callable[..., str]) -> None:
    command = ("pendtrain", "fit", *OPTIONS, "--method", "supervised", "--out", out)
    recorded(out / COMPLETE, digest="0" * 64)
    assert "holds a run with dataset digest 0000" in refused(*command)
    path = out / COMPLETE / "run.json"
    text = (GOLDEN / "run-1" / COMPLETE / "run.json").read_text()
    path.write_text(text.replace('"momentum": 0.9', '"momentum": 0.8'))
    assert f"{out / COMPLETE} holds a run with momentum 0.8, expected 0.9" in refused(*command)
    path.write_text(text.replace('"momentum": 0.9', '"momentum": 0.9, "turns": 3'))
    assert f"{path}: recipe sets turns, which this version does not know" in refused(*command)
    path.write_text(text.replace('"format_version": 1', '"format_version": 3'))
    assert "format 'pendulum-run' 3, expected pendulum-run 1 to 2" in refused(*command)
    path.write_text(text.replace('"momentum": 0.9,', ""))
    assert "recipe lacks momentum" in refused(*command)


def test_a_checkpoint_of_a_newer_recipe_is_refused(out: Path, refused: Callable[..., str]) -> None:
    held = json.loads((out / STOPPED / "run.json").read_text())
    identity = {**held["recipe"], "turns": 3, "digest": held["dataset"]["digest"]}
    torch.save({"version": 1, "step": 6, "identity": identity}, out / STOPPED / "checkpoint.pt")
    error = refused("pendtrain", "fit", *OPTIONS, "--out", out)
    assert "checkpoint.pt: recipe sets turns, which this version does not know" in error


def test_a_directory_named_as_it_was_typed_is_found_again(out: Path, command: Callable[..., Outcome]) -> None:
    old = out / "gaps-0.4/supervised-d1-epochs-6-batch-3-clip-norm-5-weight-decay-0.0/seed-0"
    old = Path(str(old).replace("clip-norm-5-weight-decay-0.0", "weight-decay-0.0-clip-norm-5"))
    shutil.copytree(out / COMPLETE, old)
    held = json.loads((old / "run.json").read_text())
    held["recipe"] |= {"clip_norm": 5, "weight_decay": -0.0}
    (old / "run.json").write_text(json.dumps(held))
    options = (*OPTIONS, "--method", "supervised", "--clip-norm", 5, "--weight-decay", 0, "--out", out)
    code, said, _ = command("pendtrain", "fit", *options)
    assert (code, said) == (0, f"already complete: {old}\n")


def test_embeddings_take_the_training_settings_from_the_dataset(with_encoder: Path, tmp_path: Path) -> None:
    """From where it was trained, a newer version beside it, or what is embedded; only under the recorded digest."""

    def attributes(shards: Path | None, split: str = "test") -> dict[str, object]:
        ((path, written),) = embed_run(with_encoder, shards, split, force=split == "train")
        assert written
        with h5py.File(path) as file:
            assert file.attrs["format_version"] == 2
            assert (file.attrs["train_precision"], file.attrs["train_device"]) == ("float32", "x86_64")
            found = {key: value for key, value in file.attrs.items() if key.startswith("train_")}
        assert (found["train_image_size"], found["train_data_seed"]) == (32, 0)
        return found

    settings = ("bob_size", "time_gap", "antialias", "energy_range", "time_range", "pendulums", "images")
    settings = tuple(f"train_{name}" for name in settings)
    expected = {"train_time_gap": 0.5, "train_bob_size": 3, "train_pendulums": 6, "train_images": 2}

    own = attributes(DATASET)  # over the version 1 file that is there
    assert expected.items() <= own.items()
    other = tmp_path / "other" / "1.0.0"
    shutil.copytree(DATASET, other)
    manifest = json.loads((other / "dataset.json").read_text())
    manifest["digest"]["content"] = "f" * 64
    (other / "dataset.json").write_text(json.dumps(manifest))
    assert not set(settings) & set(attributes(other, "train"))  # /data/gaps-0.4/1.0.0 is not here
    recorded(with_encoder, directory=str(other))
    assert not set(settings) & set(attributes(other, "train"))  # it is, but of other content
    recorded(with_encoder, directory=str(DATASET))
    assert expected.items() <= attributes(other, "train").items()
    (tmp_path / "moved").mkdir()
    shutil.copytree(DATASET, tmp_path / "moved" / "1.1.0")
    recorded(with_encoder, directory=str(tmp_path / "moved" / "1.0.0"))
    assert expected.items() <= attributes(other, "train").items()
    assert expected.items() <= attributes(None, "train").items()


def test_embed_says_when_the_dataset_is_gone(with_encoder: Path, refused: Callable[..., str]) -> None:
    assert "no dataset directory /data/gaps-0.4/1.0.0" in refused("pendtrain", "embed", with_encoder)


def test_a_run_that_went_on_in_another_precision_has_no_one_precision(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(recipe: Recipe, step: int, _: int) -> float:
        os.kill(os.getpid(), signal.SIGUSR1)
        return 0.01

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "learning_rate", stop)
        with pytest.raises(Stopped):
            fit(DATASET, RECIPE, tmp_path, HOW)
    run, _ = fit(DATASET, RECIPE, tmp_path, Settings(precision="bf16", quiet=True))
    assert "precision was float32, is bfloat16" in capsys.readouterr().err
    assert json.loads((run / "run.json").read_text())["environment"]["mixed"] == ["precision"]
    with h5py.File(run / "embeddings" / "gaps-0.4-test.h5") as file:
        assert "train_precision" not in file.attrs
        assert "train_device" in file.attrs
