"""Each different image once, whatever the parts it comes in, and never all of them at a time."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from pendgen.convert import convert
from pendtrain.embed import embed
from pendtrain.encoders import Table, create
from pendtrain.parts import Distinct, in_batches, picked
from pendtrain.shards import Dataset, open_dataset, read_split
from pendtrain.streaming import image_parts

CPU = torch.device("cpu")


def recurring(seed: int, count: int, different: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    pictures = draw.integers(0, 2, (different, 8, 8, 3), np.uint8)
    return pictures[draw.integers(0, different, count)]


@pytest.mark.parametrize("different", [1, 40, 10_000])
def test_parts_do_not_change_who_equals_whom(different: int) -> None:
    images = recurring(1, 500, different)
    first, which = Distinct()(images)
    assert np.array_equal(images[first][which], images)
    assert np.array_equal(which[first], np.arange(len(first)))  # numbered as they appear
    assert len(first) == len({image.tobytes() for image in images})
    seen, at, rows, numbers = Distinct(), 0, [], []
    for size in (0, 1, 7, 300, 1, 191):
        new, number = seen(images[at : at + size])
        rows.append(new + at)
        numbers.append(number)
        at += size
    assert np.array_equal(np.concatenate(rows), first)
    assert np.array_equal(np.concatenate(numbers), which)


@pytest.mark.parametrize("sizes", [[], [0], [3], [4, 4], [1, 1, 1, 1, 1], [0, 9, 0, 2]])
def test_batches_are_the_same_rows(sizes: list[int]) -> None:
    rows = recurring(2, sum(sizes), 50)
    parts = np.split(rows, np.cumsum(sizes)[:-1]) if sizes else []
    found = list(in_batches(parts, 4))
    assert [len(batch) for batch in found[:-1]] == [4] * len(found[:-1])
    assert all(1 <= len(batch) <= 4 for batch in found)
    assert np.array_equal(np.concatenate([rows[:0], *found]), rows)


@pytest.mark.parametrize("layer", ["", "features"])
def test_parts_do_not_change_a_bit_of_the_embedding(layer: str) -> None:
    images = recurring(3, 90, 40)
    encoder = create(2, 0)
    whole = embed(encoder, [images], 90, CPU, layer, batch=16)
    parted = embed(encoder, np.split(images, [1, 1, 50]), 90, CPU, layer, batch=16)
    assert encoder.training
    assert whole.dtype == np.float32
    assert whole.shape == (90, 512 if layer else 2)
    assert np.array_equal(whole, parted)
    encoder.eval()
    with torch.no_grad():
        plain = (encoder.features if layer else encoder)(torch.from_numpy(images)).numpy()
    assert np.abs(whole - plain).max() < 1e-5 * np.abs(plain).max()


def test_a_table_gives_its_vectors() -> None:
    images = recurring(4, 30, 10)
    table = Table(3, images[Distinct()(images)[0]])
    found = embed(table, [images], 30, CPU, batch=4)
    assert np.array_equal(found, table(torch.from_numpy(images)).detach().numpy())


@pytest.fixture(scope="module")
def tar(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(small, "webdataset", tmp_path_factory.mktemp("tar"), name="vanilla")[0]


def test_parts_of_a_split_are_its_images(small: Path, tar: Path) -> None:
    whole = read_split(open_dataset(small), "test", ("image",))["image"].reshape(-1, 32, 32, 3)
    wanted = np.array([239, 0, 24, 23, 100])
    for path in (small, tar):
        for most, count in ((1, 40), (7 * 6 * 32 * 32 * 3, 8), (2**30, 4)):  # of 4 shards of 10 pendulums of 6 images
            out = np.zeros((5, 32, 32, 3), np.uint8)
            parts = list(picked(image_parts(open_dataset(path), "test", most), wanted, out))
            assert len(parts) == count
            assert np.array_equal(np.concatenate(parts), whole)
            assert np.array_equal(out, whole[wanted])


def test_parts_that_cannot_be_read(small: Path, tar: Path) -> None:
    for path in (small, tar):
        dataset = open_dataset(path)
        shards = [{**shard, "records": 11} for shard in dataset.manifest["shards"]]
        with pytest.raises(
            ValueError, match=r"shard .*test-0.* cannot be read: .*(10 pendulums, expected 11|expected uint8 .11,)"
        ):
            list(image_parts(Dataset(path, {**dataset.manifest, "shards": shards}), "test"))
        with pytest.raises(ValueError, match=r"shard .* cannot be read: .*6, 32, 32, 3.* expected .*40"):
            list(image_parts(Dataset(path, {**dataset.manifest, "image_size": 40}), "test"))
        with pytest.raises(ValueError, match="split is 'none', expected one of train, test"):
            list(image_parts(dataset, "none"))


MEASURE = """
import resource, sys; from pathlib import Path
import torch
from pendtrain.embed import embed; from pendtrain.shards import Dataset; from pendtrain.streaming import image_parts
class Mean(torch.nn.Module):
    def forward(self, images): return images.float().mean((1, 2))
    def folded(self): return self
for pendulums in map(int, sys.argv[2:]):
    shard = {"file": f"{pendulums}.h5", "split": "test", "first": 0, "records": pendulums}
    facts = {"splits": {"test": {"pendulums": pendulums, "images": 20}}, "image_size": 32, "shards": [shard]}
    found = embed(Mean(), image_parts(Dataset(Path(sys.argv[1]), facts), "test"), pendulums * 20, torch.device("cpu"))
    assert len(found) == pendulums * 20
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_four_times_the_images_need_no_more_memory(tmp_path: Path) -> None:
    """Noise, in which no image recurs: 32 MB of it, then 126 MB."""
    draw = np.random.default_rng(0)
    for pendulums in (512, 2048):
        with h5py.File(tmp_path / f"{pendulums}.h5", "w") as file:
            image = file.create_dataset("image", (pendulums, 20, 32, 32, 3), np.uint8, chunks=(1, 20, 32, 32, 3))
            for p in range(pendulums):
                image[p] = np.frombuffer(draw.bytes(20 * 32 * 32 * 3), np.uint8).reshape(20, 32, 32, 3)
    call = [sys.executable, "-c", MEASURE, str(tmp_path), "512", "2048"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    before, after = (int(line) * unit for line in done.stdout.split())
    assert after - before < 16e6
