import numpy as np
import pytest
import torch

from pendtrain.loader import Known, labelled, pair_loader, plan


def arrays(pendulums: int = 24, images: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Images that say which pendulum and which image they are."""
    data = np.zeros((pendulums, images, 2, 2, 3), np.uint8)
    data[..., 0] = np.arange(pendulums)[:, None, None, None]
    data[..., 1] = np.arange(images)[None, :, None, None]
    return data, np.linspace(0, 1, pendulums)


def test_an_epoch_shows_every_pendulum_once_with_two_different_images() -> None:
    for epoch in range(5):
        rows = plan(3, epoch, 100, 4)
        assert sorted(rows[:, 0]) == list(range(100))
        assert np.all(rows[:, 1] != rows[:, 2])
        assert rows[:, 1:].min() == 0
        assert rows[:, 1:].max() == 3


def test_every_pair_is_equally_likely() -> None:
    counts = np.zeros((4, 4))
    for epoch in range(200):
        rows = plan(0, epoch, 100, 4)
        np.add.at(counts, (rows[:, 1], rows[:, 2]), 1)
    expected = 200 * 100 / 12
    assert np.all(np.diag(counts) == 0)
    assert np.abs(counts[~np.eye(4, dtype=bool)] - expected).max() < 4 * np.sqrt(expected)


def test_order_depends_on_seed_and_epoch() -> None:
    assert np.array_equal(plan(0, 1, 50, 4), plan(0, 1, 50, 4))
    assert not np.array_equal(plan(0, 1, 50, 4), plan(0, 2, 50, 4))
    assert not np.array_equal(plan(0, 1, 50, 4), plan(1, 1, 50, 4))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_batches_are_the_plan_whatever_the_workers() -> None:
    images, energies = arrays()
    seen = []
    for workers in (0, 2):
        loader, sampler = pair_loader(images, energies, seed=7, batch=8, workers=workers)
        sampler.epoch = 2
        batches = list(loader)
        assert len(loader) == len(batches) == 3
        for first, second, energy, extra in batches:
            assert first.dtype == torch.uint8
            assert energy.dtype == torch.float32
            assert not extra.any()
            assert torch.equal(first[..., 0], second[..., 0])
            assert np.allclose(energy, energies[first[:, 0, 0, 0]])
        seen.append([[first[:, 0, 0, :2].tolist(), second[:, 0, 0, :2].tolist()] for first, second, *_ in batches])
    assert seen[0] == seen[1]
    rows = plan(7, 2, 24, 5)
    assert [row for first, _ in seen[0] for row in first] == rows[:, :2].tolist()


def test_too_few_pendulums_or_images() -> None:
    with pytest.raises(ValueError, match=r"batch is 512, expected at most the 24 pendulums.*set --batch"):
        pair_loader(*arrays(), seed=0, batch=512)
    with pytest.raises(ValueError, match="1 image of each pendulum, expected 2 or more"):
        pair_loader(*arrays(images=1), seed=0, batch=8)


def test_original_protocol_draws_with_replacement() -> None:
    rows = plan(0, 0, 20_000, 4, replacement=True)
    assert np.mean(rows[:, 1] == rows[:, 2]) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 20_000))


def test_processes_share_a_batch_and_a_run_begins_in_mid_epoch() -> None:
    images, energies = arrays()
    whole = [batch[0] for batch in pair_loader(images, energies, seed=1, batch=8)[0]]
    parts = [list(pair_loader(images, energies, seed=1, batch=8, rank=rank, world=4)[0]) for rank in range(4)]
    for number, batch in enumerate(whole):
        assert torch.equal(batch, torch.cat([part[number][0] for part in parts]))
    loader, sampler = pair_loader(images, energies, seed=1, batch=8)
    sampler.start = 2
    assert [batch[0].tolist() for batch in loader] == [whole[2].tolist()]
    with pytest.raises(ValueError, match="batch is 8, expected a multiple of the 3 processes"):
        pair_loader(images, energies, seed=1, batch=8, world=3)


def test_a_larger_share_of_labels_holds_the_smaller_one() -> None:
    few, more = labelled(3, 5120, 0.001), labelled(3, 5120, 0.1)
    assert (few.sum(), more.sum(), labelled(3, 5120, 1.0).sum()) == (5, 512, 5120)
    assert not np.any(few & ~more)
    assert not np.array_equal(few, labelled(4, 5120, 0.001))
    with pytest.raises(ValueError, match=r"labelled is 1e-05, which leaves no pendulum a label, expected 1 to 5119"):
        labelled(0, 5120, 1e-5)
    with pytest.raises(ValueError, match=r"labelled is 0.99999, which leaves all 5120 pendulums a label"):
        labelled(0, 5120, 0.99999)


def test_labelled_pendulums_are_added_to_every_batch() -> None:
    images, energies = arrays()
    known = labelled(0, 24, 0.25)
    plain = [batch[0] for batch in pair_loader(images, energies, seed=1, batch=8)[0]]
    whole = list(pair_loader(images, energies, seed=1, batch=8, known=Known(known, extra=4))[0])
    for (first, second, energy, extra), alone in zip(whole, plain, strict=True):
        assert torch.equal(first[:8], alone)  # the pairs of an epoch are what they are without labels
        assert extra.tolist() == [False] * 8 + [True] * 4
        assert known[first[8:, 0, 0, 0]].all()
        assert torch.equal(first[:, 0, 0, 0], second[:, 0, 0, 0])
        assert not torch.equal(first[:, 0, 0, 1], second[:, 0, 0, 1])
        assert np.allclose(energy, energies[first[:, 0, 0, 0]])
    shown = np.concatenate([batch[0][8:, 0, 0, 0] for batch in whole])
    assert np.array_equal(np.bincount(shown, minlength=24), 2 * known)  # 12 of 6, none a third time before all twice
    loader, sampler = pair_loader(images, energies, seed=1, batch=8, known=Known(known, extra=4))
    sampler.start = 2
    assert torch.equal(next(iter(loader))[0], whole[2][0])
    parts = [
        list(pair_loader(images, energies, seed=1, batch=8, rank=rank, world=2, known=Known(known, extra=4))[0])
        for rank in range(2)
    ]
    for number, batch in enumerate(whole):
        for flag in (False, True):
            joined = torch.cat([part[number][0][part[number][3] == flag] for part in parts])
            assert torch.equal(batch[0][batch[3] == flag], joined)
    with pytest.raises(ValueError, match="3 labelled pendulums a batch, expected a multiple of the 2 processes"):
        pair_loader(images, energies, seed=1, batch=8, world=2, known=Known(known, extra=3))


def test_an_epoch_of_labelled_pendulums_alone_repeats_them() -> None:
    images, energies = arrays()
    known = labelled(0, 24, 0.25)
    loader, sampler = pair_loader(images, energies, seed=1, batch=8, known=Known(known, alone=True))
    shown = np.concatenate([batch[0][:, 0, 0, 0] for batch in loader])
    assert np.array_equal(np.bincount(shown, minlength=24), 4 * known)
    sampler.epoch = 1
    assert not np.array_equal(shown, np.concatenate([batch[0][:, 0, 0, 0] for batch in loader]))


def test_order_and_energy_are_independent_though_their_streams_touch() -> None:
    """Of one seed, epoch e and pendulum e share 64 random bits: neither place nor neighbour tells the energy."""
    from pendgen.dataset import Dataset
    from pendgen.sampling import energies
    from pendgen.variants import Vanilla

    split = Dataset(Vanilla()).splits[0]
    energy = energies(0, split, range(split.pendulums))
    place = np.arange(len(energy))
    scores = []
    for epoch in range(200):
        ordered = energy[plan(0, epoch, len(energy), split.images)[:, 0]]
        scores += [np.corrcoef(place, ordered)[0, 1], np.corrcoef(ordered[1:], ordered[:-1])[0, 1]]
    z = np.array(scores) * np.sqrt(len(energy))
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.85 < z.std() < 1.15
    assert np.abs(z).max() < 5
