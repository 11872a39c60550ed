import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import resnet18

from pendtrain import fit as fitting
from pendtrain.device import choose_device
from pendtrain.embed import embed
from pendtrain.encoders import create
from pendtrain.fit import fit
from pendtrain.objectives.contrastive import Contrastive
from pendtrain.parts import Distinct
from pendtrain.recipe import Recipe
from pendtrain.runs import directory
from pendtrain.shards import check_files, open_dataset, read_split
from pendtrain.state import Settings, TrainingFailed

Outcome = tuple[int, str, str]
TINY = Recipe(epochs=1, batch=20)


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_run_directory_holds_what_its_specification_says(small_run: Path) -> None:
    assert small_run.parts[-3:] == ("vanilla", "contrastive-d1-epochs-2-batch-16", "seed-0")
    run = json.loads((small_run / "run.json").read_text())
    assert (run["format"], run["format_version"], run["status"]) == ("pendulum-run", 2, "complete")
    assert run["recipe"]["epochs"] == 2
    with open(small_run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert [int(row["epoch"]) for row in rows] == [0, 0, 1, 1]
    assert all(np.isfinite(float(row[key])) for row in rows for key in ("loss", "gradient_norm"))
    plain = resnet18(weights=None, num_classes=1)
    plain.load_state_dict(load_file(small_run / "encoder.safetensors"))


def test_a_run_names_the_machine_that_computed_it(small_run: Path) -> None:
    """ "x86_64" says nothing of how numbers were rounded; the processor, and the instructions used on it, do."""
    device = json.loads((small_run / "run.json").read_text())["environment"]["device"]
    name, used = device.rsplit(", ", 1)
    assert used == torch.backends.cpu.get_cpu_capability()
    if Path("/proc/cpuinfo").exists() and "model name" in (known := Path("/proc/cpuinfo").read_text()):
        assert re.search(rf"^model name\s*:\s*{re.escape(name)}\s*$", known, re.MULTILINE)
    with h5py.File(small_run / "embeddings" / "vanilla-test.h5") as file:
        assert file.attrs["train_device"] == device


def test_embeddings_file_is_the_encoder_on_the_test_split(small: Path, small_run: Path) -> None:
    """A plain torchvision ResNet-18, every image by itself: nothing of the fast path."""
    plain = resnet18(weights=None, num_classes=1)
    plain.load_state_dict(load_file(small_run / "encoder.safetensors"))
    plain.eval()
    test = read_split(open_dataset(small), "test", ("image", "energy", "time", "visible"))
    with h5py.File(small_run / "embeddings" / "vanilla-test.h5") as file:
        embedding = file["embedding"][()]
        for name in ("energy", "time", "visible"):
            assert np.array_equal(file[name][()], test[name])
        assert file.attrs["data_split"] == "test"
        assert file.attrs["train_method"] == "contrastive"
        assert file.attrs["data_digest"] == open_dataset(small).digest
    assert embedding.dtype == np.float32
    assert embedding.shape == (40, 6, 1)
    images = torch.from_numpy(test["image"][:4].reshape(-1, 32, 32, 3)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        assert np.allclose(plain(images).numpy().ravel(), embedding[:4].ravel(), atol=1e-5)


def test_each_different_image_is_embedded_once() -> None:
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (5, 32, 32, 3), np.uint8)
    which = draw.integers(0, 5, (4, 7))
    first, back = Distinct()(pictures[which].reshape(-1, 32, 32, 3))
    assert len(first) == 5
    assert np.array_equal(pictures[which].reshape(-1, 32, 32, 3)[first][back], pictures[which].reshape(-1, 32, 32, 3))
    seen: list[int] = []
    encoder = create(2, 0)
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    embedding = embed(encoder, pictures[which], 28, torch.device("cpu"), batch=2).reshape(4, 7, 2)
    assert sum(seen) == 5
    assert embedding.shape == (4, 7, 2)
    for k in range(5):
        assert len(np.unique(embedding[which == k], axis=0)) == 1


def test_same_seed_same_weights_other_seed_other_weights(small: Path, tmp_path: Path) -> None:
    runs = [
        fit(small, replace(TINY, seed=s), tmp_path / str(k), Settings(quiet=True))[0] for k, s in enumerate((0, 0, 1))
    ]
    one, two, other = (sha(run / "encoder.safetensors") for run in runs)
    assert one == two
    assert one != other


def test_worker_count_changes_nothing(small: Path, tmp_path: Path) -> None:
    alone, _ = fit(small, TINY, tmp_path / "alone", Settings(quiet=True))
    script = f"from pathlib import Path; from pendtrain.fit import Settings, fit; from pendtrain.recipe import Recipe; fit(Path({str(small)!r}), Recipe(epochs=1, batch=20), Path({str(tmp_path / 'two')!r}), Settings(workers=2, quiet=True))"  # noqa: E501
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", script], check=True)
    assert sha(tmp_path / "two" / alone.relative_to(tmp_path / "alone") / "encoder.safetensors") == sha(
        alone / "encoder.safetensors"
    )


def test_same_command_finds_its_own_run(small: Path, tmp_path: Path) -> None:
    run, trained = fit(small, TINY, tmp_path, Settings(quiet=True))
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    assert trained
    assert fit(small, TINY, tmp_path, Settings(quiet=True)) == (run, False)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_that_another_process_finishes_first_is_not_trained_again(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is read again under the lock."""
    finished, _ = fit(small, TINY, tmp_path / "one", Settings(quiet=True))
    alone = fitting.alone

    @contextmanager
    def overtaken(run: Path) -> Iterator[None]:
        shutil.copytree(finished, run, dirs_exist_ok=True)
        with alone(run):
            yield

    monkeypatch.setattr(fitting, "alone", overtaken)
    assert fit(small, TINY, tmp_path / "two", Settings(quiet=True))[1] is False


def test_strays_of_a_killed_process_are_cleared(small: Path, tmp_path: Path) -> None:
    run = directory(tmp_path, "vanilla", TINY)
    run.mkdir(parents=True)
    (run / ".checkpoint.pt.123-abc.tmp").write_bytes(b"half of it")
    fit(small, TINY, tmp_path, Settings(quiet=True))
    assert not list(run.rglob("*.tmp"))


def test_what_is_refused_leaves_nothing_behind(small: Path, tmp_path: Path) -> None:
    """Settings that only the data can tell to be wrong; other runs beside them stay."""
    kept = tmp_path / "vanilla" / "other"
    kept.mkdir(parents=True)
    with pytest.raises(ValueError, match="expected 1 to"):
        fit(small, Recipe.of(method="joint", labelled=1e-6, epochs=1, batch=20), tmp_path, Settings(quiet=True))
    assert [path for path in tmp_path.rglob("*") if path != kept.parent] == [kept]


def test_supervised_learns_energies_that_it_is_told(small: Path, tmp_path: Path) -> None:
    run, _ = fit(
        small,
        Recipe(method="supervised", epochs=40, batch=20, learning_rate=0.2),
        tmp_path,
        Settings(log_every=1, quiet=True),
    )
    with open(run / "metrics.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert np.mean(losses[-10:]) < 0.04 < losses[0]  # a constant guess scores 1/12


def test_a_loss_that_explodes_marks_the_run_failed(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contrastive, "loss", lambda _, rows, *__: rows[0].sum() * float("nan"))
    with pytest.raises(TrainingFailed, match=r"method contrastive diverged: loss nan.*at step 2"):
        fit(small, TINY, tmp_path, Settings(quiet=True))
    run = next(tmp_path.rglob("run.json"))
    assert json.loads(run.read_text())["status"] == "failed"
    assert not (run.parent / "encoder.safetensors").exists()


def test_another_dataset_in_the_same_place_is_refused(
    small: Path, small_run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    other = tmp_path / "data"
    shutil.copytree(small, other)
    text = (other / "dataset.json").read_text()
    digest = json.loads(text)["digest"]["content"]
    (other / "dataset.json").write_text(text.replace(digest, "0" * 64))
    out = small_run.parents[2]
    error = refused("pendtrain", "fit", "--shards", other, "--epochs", 2, "--batch", 16, "--out", out)
    assert "dataset digest" in error


def test_dataset_must_be_whole(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    def error(directory: Path) -> str:
        return refused("pendtrain", "fit", "--shards", directory, "--batch", 16, "--out", tmp_path / "runs")

    assert "no dataset directory" in error(tmp_path / "nowhere")
    copy = tmp_path / "copy"
    shutil.copytree(small, copy)
    shard = sorted(copy.glob("train-*.h5"))[1]
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"shard {shard} was changed" in error(copy)
    shard.write_bytes(content[:-1])
    assert f"expected {len(content)}" in error(copy)
    shard.unlink()
    assert f"shard {shard} is missing" in error(copy)
    shard.write_bytes(content)
    check_files(open_dataset(copy))
    manifest = copy / "dataset.json"
    text = manifest.read_text()
    version = json.loads(text)["format_version"]
    manifest.write_text(text.replace(f'"format_version": {version}', '"format_version": 3'))
    assert "'pendulum-dataset' 3, expected pendulum-dataset 1 or 2" in error(copy)
    manifest.write_text(text.replace('"train-00001-of-00004.h5"', '"../train-00001-of-00004.h5"'))
    assert "expected a plain name" in error(copy)
    manifest.write_text("[]")
    assert "not a dataset manifest" in error(copy)
    manifest.unlink()
    assert "no finished dataset" in error(copy)
    assert not list((tmp_path / "runs").rglob("run.json"))


def test_newest_complete_version_is_taken(small: Path, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.2.0", "1.10.0"):
        shutil.copytree(small, tmp_path / version)
    (tmp_path / "1.10.0" / "dataset.json").unlink()  # unfinished
    assert open_dataset(tmp_path).directory.name == "1.2.0"
    assert open_dataset(tmp_path / "1.0.0").directory.name == "1.0.0"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--method", "magic"], "method is magic, expected contrastive"),
        (["--dim", "0"], "dim is 0, expected 1 to"),
        (["--epochs", "-3"], "epochs is -3, expected 1 to"),
        (["--seed", "-1"], "seed is -1"),
        (["--batch", "512"], "batch is 512, expected at most the 40 pendulums"),
        (["--epochs", "many"], "'many' is not a valid integer"),
        (["--out", "/dev/null/runs"], "/dev/null/runs"),
    ],
)
def test_bad_input_is_one_line(
    small: Path, tmp_path: Path, refused: Callable[..., str], options: list[str], expected: str
) -> None:
    assert expected in refused("pendtrain", "fit", "--shards", small, "--out", tmp_path, *options)
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, so asking for it is not an error")
def test_a_missing_gpu_is_said(small: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    error = refused("pendtrain", "fit", "--shards", small, "--out", tmp_path, "--device", "cuda")
    assert "torch finds no CUDA GPU" in error


def test_on_a_gpu_float32_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings alone, of torch as it is here: cuDNN would take TF32 and whatever algorithm is fastest."""
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, cudnn.deterministic
    assert before == (True, False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    try:
        assert choose_device("cpu").type == "cpu"
        assert (cudnn.allow_tf32, cudnn.deterministic) == before
        assert choose_device("auto").type == "cuda"
        assert (cudnn.allow_tf32, cudnn.deterministic) == (False, True)
        assert not torch.backends.cuda.matmul.allow_tf32
    finally:
        cudnn.allow_tf32, cudnn.deterministic = before
