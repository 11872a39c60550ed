import csv
import hashlib
import io
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pendgen.build import build
from pendgen.convert import convert
from pendgen.dataset import Dataset
from pendgen.variants import Cropping, Vanilla
from pendtrain.embed import embed_run
from pendtrain.fit import fit
from pendtrain.loader import pair_loader
from pendtrain.recipe import Recipe
from pendtrain.shards import LABELS, open_dataset, read_split
from pendtrain.state import Settings
from pendtrain.streaming import DiskImages, images_of

Outcome = tuple[int, str, str]
TINY = Recipe(epochs=1, batch=20)
FIRST = "train-00000-of-00004.tar"


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


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_batches_are_the_same_from_memory_hdf5_and_tar_whatever_the_workers(small: Path, tar: Path) -> None:
    energies, seen = np.linspace(0, 1, 40), []
    for path, cache, workers in [
        (small, 2**30, 0),
        *((path, 0, workers) for path in (small, tar) for workers in (0, 2)),
    ]:
        images = images_of(open_dataset(path), "train", cache)
        loader, sampler = pair_loader(images, energies, seed=3, batch=8, workers=workers)
        drawn, pids, batches = torch.get_rng_state(), set(), []
        for epoch, start in ((0, 0), (1, 2), (2, 0)):
            sampler.epoch, sampler.start = epoch, start
            batches.append([[part.numpy() for part in batch] for batch in loader])
            if workers:
                pids |= {worker.pid for worker in loader._iterator._workers}
        assert len(pids) == workers  # they live on between epochs
        assert torch.equal(torch.get_rng_state(), drawn)  # else to resume would not be to go on
        seen.append(batches)
    assert [len(epoch) for epoch in seen[0]] == [5, 3, 5]
    for other in seen[1:]:
        for one, two in zip(seen[0], other, strict=True):
            for left, right in zip(one, two, strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def test_a_pendulum_is_inflated_once_for_both_views(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated, decompress = [], zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", lambda: inflated.append(None) or decompress())
    images = images_of(open_dataset(small), "train", cache=0)
    assert len(list(pair_loader(images, np.zeros(40), seed=0, batch=8)[0])) == 5
    assert len(inflated) == 40


FEW_HANDLES = """
import gc, os, resource, sys, time
from pathlib import Path
import numpy as np
from pendtrain.loader import pair_loader
from pendtrain.shards import open_dataset
from pendtrain.streaming import images_of

resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
for path in sys.argv[1:]:
    images = images_of(open_dataset(Path(path)), "train", cache=0)
    before = os.listdir("/proc/self/fd")
    for workers in (0, 2):
        loader, _ = pair_loader(images, np.zeros(200), seed=0, batch=100, workers=workers)
        print(sum(int(batch[0].sum()) for batch in loader))
        del loader
    deadline = time.monotonic() + 20
    while len(os.listdir("/proc/self/fd")) > len(before) + 2:  # pipes of the workers close when their threads end
        gc.collect()
        time.sleep(0.1)
        assert time.monotonic() < deadline, "files stay open"
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file handles in /proc")
def test_two_hundred_shards_need_few_file_handles(tmp_path: Path) -> None:
    dataset = Dataset(Vanilla(), pendulums=200, images=2, size=16)
    hdf5, _ = build(dataset, tmp_path, num_shards=200, quiet=True)
    tar, _ = convert(hdf5, "webdataset", tmp_path)
    assert len(list(tar.glob("train-*.tar"))) == 200
    command = [sys.executable, "-c", FEW_HANDLES, str(hdf5), str(tar)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1


def relabel(directory: Path, old: str, new: str) -> None:
    """Make the manifest call a shard otherwise, and agree with its bytes as they are now."""
    manifest = json.loads((directory / "dataset.json").read_text())
    (entry,) = (entry for entry in manifest["shards"] if entry["file"] == old)
    content = (directory / old).read_bytes()
    entry |= {"file": new, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (directory / "dataset.json").write_text(json.dumps(manifest))


def spoil(directory: Path, suffix: str, content: bytes) -> None:
    """Give the first member of its kind in the first training shard another content."""
    shard = directory / FIRST
    with tarfile.open(shard) as file:
        members = {member.name: file.extractfile(member).read() for member in file}
    members[next(name for name in members if name.endswith(suffix))] = content
    with tarfile.open(shard, "w") as file:
        for name, held in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(held)
            file.addfile(member, io.BytesIO(held))
    relabel(directory, FIRST, FIRST)


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("cache", [0, 1])
@pytest.mark.parametrize("what", ["pickled.npy", "objects.npy", "floats.npy", "pickled.json"])
def test_spoilt_members_are_refused_and_never_unpickled(
    tar: Path, tmp_path: Path, refused: Callable[..., str], what: str, cache: int
) -> None:
    directory, trap = Path(shutil.copytree(tar, tmp_path / "tar")), Trap(tmp_path / "sprung")
    content = {
        "objects.npy": npy(np.array([trap], object)),
        "floats.npy": npy(np.zeros((6, 32, 32, 3), np.float32)),
    }
    spoil(directory, what[-4:], content.get(what, pickle.dumps(trap)))
    error = refused("pendtrain", "fit", "--shards", directory, "--batch", 20, "--cache", cache, "--out", tmp_path)
    assert FIRST in error
    assert not trap.path.exists()


def test_a_shard_cut_short_is_refused(tar: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(tar, tmp_path / "tar"))
    (directory / FIRST).write_bytes((directory / FIRST).read_bytes()[:50_000])
    for cache in (0, 2**30):
        with pytest.raises(ValueError, match=f"{FIRST} cannot be read: member .* claims 18560 bytes"):
            images_of(open_dataset(directory), "train", cache)


@pytest.mark.parametrize("container", ["small", "tar"])
def test_a_shard_replaced_while_it_is_in_use_is_noticed(
    container: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    directory = Path(shutil.copytree(request.getfixturevalue(container), tmp_path / "copy"))
    images = images_of(open_dataset(directory), "train", cache=0)
    images[np.array([9]), np.array([0])]
    shard = next(directory.glob("train-00000*"))
    shard.rename(tmp_path / "before")
    shutil.copyfile(tmp_path / "before", shard)
    with pytest.raises(ValueError, match=f"{shard.name} cannot be read: it was changed or replaced while in use"):
        images[np.array([9]), np.array([0])]


def test_chunks_of_another_kind_are_read_whole_alone(small: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(small, tmp_path / "copy"))
    with h5py.File(directory / "train-00001-of-00004.h5", "r+") as file:
        image = file["image"][()]
        del file["image"]
        file["image"] = image
    with pytest.raises(ValueError, match=r"train-00001-of-00004.h5 cannot be read: .*expected .*'gzip'.*--cache"):
        images_of(open_dataset(directory), "train", cache=0)
    assert np.array_equal(
        images_of(open_dataset(directory), "train", 2**30), images_of(open_dataset(small), "train", 2**30)
    )


def test_a_chunk_that_inflates_to_less_is_refused(small: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(small, tmp_path / "copied")
    shard = sorted(copied.glob("train-*.h5"))[0]
    with h5py.File(shard, "r+") as file:
        file["image"].id.write_direct_chunk((0, 0, 0, 0, 0), zlib.compress(bytes(10)))
    images = images_of(open_dataset(copied), "train", cache=0)
    with pytest.raises(
        ValueError, match=rf"{shard.name} cannot be read: the chunk at byte \d+ holds 10 bytes, expected"
    ):
        images[np.arange(8), np.zeros((2, 8), np.int64)]


@pytest.mark.parametrize("name", ["pipe:touch sprung.tar", "http:nowhere.tar"])
def test_a_name_is_that_of_a_file_and_no_command(
    tar: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    directory = Path(shutil.copytree(tar, tmp_path / "tar"))
    relabel(directory, FIRST, name)
    error = refused("pendtrain", "fit", "--shards", directory, "--batch", 20, "--out", tmp_path)
    assert f"{name} is missing" in error
    (directory / FIRST).rename(directory / name)
    read, whole = (read_split(open_dataset(path), "train", ("image", "energy")) for path in (directory, tar))
    assert all(np.array_equal(read[field], whole[field]) for field in whole)
    assert not Path("sprung.tar").exists()


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
    held = (run / "run.json").read_text()
    (run / "run.json").write_text(held.replace('"complete"', '"running"'))  # killed before all was embedded
    unfinished = "is not complete (status running); `pendtrain fit` again finishes it"
    assert unfinished in refused("pendtrain", "embed", run, "--split", "train")
    (run / "run.json").write_text(held)
    (run / "encoder.safetensors").write_bytes(b"not weights")
    (run / "embeddings" / "vanilla-test.h5").unlink()
    assert "encoder.safetensors was changed: SHA-256 " in refused("pendtrain", "embed", run)
    (run / "encoder.safetensors").unlink()
    assert "has lost its encoder" in refused("pendtrain", "embed", run)


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
