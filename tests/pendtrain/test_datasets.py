"""Datasets and encoders for a loop that is not ours: any sampler, any number of workers."""

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler

import pendtrain
from pendtrain import datasets
from pendtrain.embed import embed
from pendtrain.encoders import Table
from pendtrain.loader import plan
from pendtrain.shards import open_dataset, read_split
from pendtrain.trained import TrainedEncoder


@pytest.fixture(scope="module")
def train(small: Path) -> dict[str, np.ndarray]:
    return read_split(open_dataset(small), "train", ("image", "energy"))


def pixels(picture: torch.Tensor) -> np.ndarray:
    return (picture * 255).round().to(torch.uint8).movedim(-3, -1).numpy()


@pytest.mark.parametrize("most", [datasets.MOST_HELD, 0])
def test_images_are_those_of_the_shards(
    small: Path, train: dict[str, np.ndarray], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_HELD", most)
    found = pendtrain.ImageDataset(small)
    assert len(found) == 240
    for index in (0, 7, 239, -1):
        picture, energy = found[index]
        assert (picture.dtype, picture.shape, energy.dtype, energy.shape) == (
            torch.float32,
            (3, 32, 32),
            torch.float32,
            (),
        )
        assert np.array_equal(pixels(picture), train["image"].reshape(240, 32, 32, 3)[index])
        assert energy == np.float32(train["energy"].repeat(6)[index])
    with pytest.raises(IndexError, match="index is 240, expected -240 to 239"):
        found[240]


def test_a_pair_is_two_images_of_one_pendulum(small: Path, train: dict[str, np.ndarray]) -> None:
    pairs = pendtrain.PairDataset(small, seed=3)
    assert len(pairs) == 40
    for epoch in (None, 0, 5):
        if epoch is not None:
            pairs.set_epoch(epoch)
        for index in range(40):
            first, second, energy = pairs[index]
            if epoch is not None:
                one, other = pairs.views(index)
                assert one != other
                assert np.array_equal(pixels(first), train["image"][index, one])
                assert np.array_equal(pixels(second), train["image"][index, other])
            assert energy == np.float32(train["energy"][index])
    with h5py.File(sorted(small.glob("train-*.h5"))[0]) as shard:
        assert np.array_equal(pixels(pairs[0][0]), shard["image"][0, pairs.views(0)[0]])


def test_pairs_are_those_of_fit(small: Path) -> None:
    """The same seed and epoch: what `pendtrain fit` shows, by pendulum."""
    pairs = pendtrain.PairDataset(small, seed=3)
    pairs.set_epoch(2)
    assert all(pairs.views(pendulum) == (first, second) for pendulum, first, second in plan(3, 2, 40, 6).tolist())


def test_without_an_epoch_every_access_is_another_pair(small: Path) -> None:
    pairs = pendtrain.PairDataset(small)
    draws = []
    for _ in range(2):
        torch.manual_seed(1)
        draws.append([pairs.views(3) for _ in range(300)])
    assert draws[0] == draws[1]
    assert {*draws[0]} == {(a, b) for a in range(6) for b in range(6) if a != b}


def batches(loader: DataLoader, pairs: pendtrain.PairDataset) -> Iterator[tuple[torch.Tensor, ...]]:
    for epoch in range(2):
        pairs.set_epoch(epoch)
        yield tuple(torch.cat(column) for column in zip(*loader, strict=True))


@pytest.mark.parametrize(("how", "workers"), [("fork", 2), ("spawn", 1)])
def test_workers_change_nothing(small: Path, how: str, workers: int) -> None:
    """Workers that are kept see the epoch change."""
    pairs = pendtrain.PairDataset(small, seed=1)
    alone = list(batches(DataLoader(pairs, batch_size=8), pairs))
    more = DataLoader(pairs, batch_size=8, num_workers=workers, persistent_workers=True, multiprocessing_context=how)
    shared = list(batches(more, pairs))
    assert not torch.equal(alone[0][0], alone[1][0])
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(*columns) for columns in zip(one, other, strict=True))


def test_processes_share_an_epoch(small: Path) -> None:
    pairs = pendtrain.PairDataset(small, seed=1)
    pairs.set_epoch(4)
    parts = []
    for rank in range(2):
        sampler = DistributedSampler(pairs, num_replicas=2, rank=rank)
        loader = DataLoader(pickle.loads(pickle.dumps(pairs)), batch_size=10, sampler=sampler)
        energies = torch.cat([energy for _, _, energy in loader])
        parts.append(energies)
    assert np.array_equal(torch.cat(parts).sort().values, torch.stack([pairs[k][2] for k in range(40)]).sort().values)


def test_what_cannot_be_is_one_line(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split is 'population', expected one of train, test"):
        pendtrain.ImageDataset(small, "population")
    with pytest.raises(FileNotFoundError, match="no dataset directory"):
        pendtrain.PairDataset(tmp_path / "none")
    with pytest.raises(ValueError, match="seed is -1"):
        pendtrain.PairDataset(small, seed=-1)
    with pytest.raises(ValueError, match="epoch is -1"):
        pendtrain.PairDataset(small).set_epoch(-1)
    copy = Path(shutil.copytree(small, tmp_path / "copy"))
    shard = sorted(copy.glob("train-*.h5"))[0]
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=f"shard .*{shard.name} was changed"):
        pendtrain.ImageDataset(copy)
    with pytest.raises(AttributeError, match="no attribute 'Dataset'"):
        _ = pendtrain.Dataset


def test_an_encoder_gives_what_its_run_saved(small: Path, small_run: Path) -> None:
    encoder = pendtrain.load_encoder(str(small_run))
    assert not encoder.training
    with h5py.File(small_run / "embeddings" / "vanilla-test.h5") as file:
        saved = file["embedding"][()]
    images = read_split(open_dataset(small), "test", ("image",))["image"]
    found = encoder(images)
    assert (found.shape, found.dtype, found.requires_grad) == ((40, 6, 1), torch.float32, False)
    assert np.array_equal(found, saved)
    assert np.array_equal(encoder(np.moveaxis(images, -1, -3)), saved)
    loader = DataLoader(pendtrain.ImageDataset(small, "test"), batch_size=64)
    floats = torch.cat([encoder.train()(pictures) for pictures, _ in loader])
    assert np.allclose(floats, saved.reshape(-1, 1), atol=1e-4 * np.ptp(saved))


def test_floats_let_a_gradient_through(small_run: Path) -> None:
    encoder = pendtrain.load_encoder(small_run)
    picture = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    encoder(picture).sum().backward()
    assert picture.grad is not None
    assert bool(picture.grad.abs().sum() > 0)
    assert all(each.grad is None for each in encoder.parameters())


def test_a_table_finds_its_images_in_floats() -> None:
    images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    table = Table(2, images)
    encoder = TrainedEncoder(table, 8)
    expected = embed(table, [images], 4, torch.device("cpu"))
    assert np.array_equal(encoder(images), expected)
    assert np.array_equal(encoder(images / 255), expected)


def test_pictures_that_are_none_are_one_line(small_run: Path, tmp_path: Path) -> None:
    encoder = pendtrain.load_encoder(small_run)
    with pytest.raises(ValueError, match=r"shape \(2, 16, 16, 3\), expected \(…, 32, 32, 3\) or \(…, 3, 32, 32\)"):
        encoder(torch.zeros(2, 16, 16, 3))
    with pytest.raises(ValueError, match="images span 0 to 255, expected 0 to 1"):
        encoder(torch.linspace(0, 255, 3072).reshape(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"images are torch\.int64, expected uint8"):
        encoder(torch.zeros(1, 3, 32, 32, dtype=torch.int64))
    with pytest.raises(FileNotFoundError, match="holds no run"):
        pendtrain.load_encoder(tmp_path)
    copy = Path(shutil.copytree(small_run, tmp_path / "run"))
    weights = copy / "encoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match="was changed"):
        pendtrain.load_encoder(copy)
    weights.unlink()
    with pytest.raises(ValueError, match="has lost its encoder"):
        pendtrain.load_encoder(copy)
