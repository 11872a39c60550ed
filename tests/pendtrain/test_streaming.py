import csv
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pendgen.build import build
from pendgen.convert import convert
from pendgen.dataset import Dataset
from pendgen.variants import Cropping
from pendtrain.embed import embed_run
from pendtrain.fit import Settings, fit
from pendtrain.recipe import Recipe
from pendtrain.shards import LABELS, DiskImages, images_of, open_dataset, read_split

Outcome = tuple[int, str, str]
TINY = Recipe(epochs=1, batch=20)


@pytest.fixture(scope="module")
def tar(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset as tar shards."""
    return convert(small, "webdataset", tmp_path_factory.mktemp("tar"), name="vanilla")[0]


def test_containers_hold_the_same(small: Path, tar: Path) -> None:
    fields = ("image", *LABELS)
    one, other = (read_split(open_dataset(path), "test", fields) for path in (small, tar))
    for name in fields:
        assert one[name].dtype == other[name].dtype
        assert np.array_equal(one[name], other[name]), name


def test_pictures_on_disk_are_those_in_memory(small: Path, tar: Path) -> None:
    rng = np.random.default_rng(0)
    where = rng.integers(0, 40, 100), rng.integers(0, 6, 100)
    whole = images_of(open_dataset(small), "train", cache=10**9)
    assert isinstance(whole, np.ndarray)
    for path in (small, tar):
        disk = images_of(open_dataset(path), "train", cache=whole.nbytes - 1)
        assert isinstance(disk, DiskImages)
        assert disk.shape == whole.shape
        assert np.array_equal(disk[where], whole[where])
        assert isinstance(images_of(open_dataset(path), "train", cache=whole.nbytes), np.ndarray)


def test_one_encoder_whatever_the_container_and_the_cache(small: Path, tar: Path, tmp_path: Path) -> None:
    digests = set()
    for number, (path, cache) in enumerate([(small, 2**30), (small, 0), (tar, 2**30), (tar, 0)]):
        run, _ = fit(path, TINY, tmp_path / str(number), Settings(cache=cache, quiet=True))
        digests.add(hashlib.sha256((run / "encoder.safetensors").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_embed_another_dataset_and_the_training_split(small: Path, small_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    other, _ = build(Dataset(Cropping(0.6), pendulums=12, images=3), tmp_path, quiet=True)
    ((path, written),) = embed_run(run, other, "train")
    assert written
    assert path == run / "embeddings" / "cropping-0.6-train.h5"
    assert embed_run(run, other, "train") == [(path, False)]
    with h5py.File(path) as file:
        assert file["embedding"].shape == (12, 3, 1)
        assert (file.attrs["data_variant"], file.attrs["train_variant"]) == ("cropping", "vanilla")
        blank = ~file["visible"][()].any(axis=2)
        assert len(np.unique(file["embedding"][()][blank])) == 1  # blank images are one image
    ((path, _),) = embed_run(run, None, "train")
    assert path.name == "vanilla-train.h5"
    (again, _), *_ = embed_run(run, None, "test", force=True)
    with h5py.File(again) as one, h5py.File(small_run / "embeddings" / "vanilla-test.h5") as two:
        assert np.array_equal(one["embedding"][()], two["embedding"][()])


def test_embed_refuses(small: Path, small_run: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    assert "holds no run" in refused("pendtrain", "embed", tmp_path)
    big, _ = build(Dataset(Cropping(0.6), pendulums=4, images=2, size=40), tmp_path, quiet=True)
    assert "has pictures of 40 pixels, expected 32" in refused("pendtrain", "embed", small_run, "--shards", big)
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    (run / "encoder.safetensors").write_bytes(b"not weights")
    (run / "embeddings" / "vanilla-test.h5").unlink()
    assert "encoder.safetensors cannot be read" in refused("pendtrain", "embed", run)
    (run / "encoder.safetensors").unlink()
    assert "has no encoder yet" in refused("pendtrain", "embed", run)


def test_list_and_show(small_run: Path, tmp_path: Path, command: Callable[..., Outcome]) -> None:
    code, out, _ = command("pendtrain", "list", small_run.parents[2])
    assert code == 0
    assert out.startswith("complete ")
    assert "step 4, loss" in out
    code, out, _ = command("pendtrain", "show", small_run)
    assert code == 0
    assert '"status": "complete"' in out
    assert command("pendtrain", "list", tmp_path)[0] == 2
    assert command("pendtrain", "show", tmp_path)[0] == 2


@pytest.mark.filterwarnings("ignore")  # TensorBoard's own
def test_tensorboard_shows_what_metrics_hold(small: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, _ = fit(small, TINY, tmp_path, Settings(logger="tensorboard", log_every=1, quiet=True))
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = events.Scalars("loss")
    assert [event.step for event in shown] == [int(row["step"]) for row in rows]
    assert [event.value for event in shown] == pytest.approx([float(row["loss"]) for row in rows], rel=1e-6)
