"""Golden digests of every variant × protocol: pixels, visibility and numbers of a small build.

Noise-free pixels must come out the same on every platform. Where noise is drawn, NumPy's streams decide;
its policy (NEP 19) lets them change in a new release, and then only the noisy rows here may follow.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from pendgen.build import build
from pendgen.dataset import PROTOCOLS, SPLITS, Dataset
from pendgen.manifest import read_manifest
from pendgen.reader import read_column
from pendgen.variants import Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla, Variant

VARIANTS: dict[str, Variant] = {
    "vanilla": Vanilla(),
    "large": Large(),
    "numerical-noise": NumericalNoise(0.1),
    "graphical-noise": GraphicalNoise(0.25),
    "gaps": Gaps(0.4),
    "cropping": Cropping(0.75),
}
# First six digits of the hashes of train image, visible, index, then those of test.
GOLDEN: dict[tuple[str, str], str] = {
    ("vanilla", "paper"): "3e635fcb14554c550a9bbe27cb14554c550a",
    ("vanilla", "original"): "3e635fcb14554c550ac3e3bb4a23464c550a",
    ("large", "paper"): "30497ccb14554c550afdeef3cb14554c550a",
    ("large", "original"): "30497ccb14554c550ae950e44a23464c550a",
    ("numerical-noise", "paper"): "3da26fcb14554c550a104994cb14554c550a",
    ("numerical-noise", "original"): "3da26fcb14554c550a28f7584a23464c550a",
    ("graphical-noise", "paper"): "bdd7e7cb14554c550ae6ac4acb14554c550a",
    ("graphical-noise", "original"): "c0bf7bcb14554c550a160a7a4a23464c550a",
    ("gaps", "paper"): "4f4829cb14554c550a9bbe27cb14554c550a",
    ("gaps", "original"): "4f4829cb14554c550ac3e3bb4a23464c550a",
    ("cropping", "paper"): "d1e1660925dd4c550a9f21a8e62b3e4c550a",
    ("cropping", "original"): "6548287da5874c550a5b71a63ed9064c550a",
}


def small(variant: Variant, protocol: str, out: Path, **how: object) -> Path:
    directory, _ = build(Dataset(variant, protocol=protocol, pendulums=12, images=4), out, quiet=True, **how)
    return directory


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", VARIANTS)
def test_golden(name: str, protocol: str, tmp_path: Path) -> None:
    """And the paper's again, in other shards, by other workers and in the other container."""
    digest = read_manifest(small(VARIANTS[name], protocol, tmp_path, num_shards=2, workers=1))["digest"]
    fields = digest["fields"]
    found = "".join(fields[split][field][:6] for split in SPLITS for field in ("image", "visible", "index"))
    assert found == GOLDEN[name, protocol]
    if protocol == "paper":
        way = {"num_shards": 12, "workers": 3, "container": "webdataset"}
        again = small(VARIANTS[name], protocol, tmp_path / "again", **way)
        assert read_manifest(again)["digest"] == digest


def test_the_digest_does_not_depend_on_what_the_processor_can(tmp_path: Path) -> None:
    """NumPy computes some functions otherwise where it finds AVX2 or AVX-512: here once with it, once without."""
    found = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not found:
        pytest.skip("NumPy has nothing beyond its baseline for this processor")
    dataset = Dataset(NumericalNoise(1.0), size=16, pendulums=12, images=4)
    ours, _ = build(dataset, tmp_path / "with", quiet=True)
    given = {"variant": "numerical-noise", "eps-n": 1, "size": 16, "pendulums": 12, "images": 4}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    argv = [sys.executable, "-m", "pendgen", "build", *words, "--out", str(tmp_path / "without")]
    subprocess.run(argv, check=True, env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(found)}, timeout=120)
    other = tmp_path / "without" / ours.relative_to(tmp_path / "with")
    one, same = read_manifest(ours), read_manifest(other)
    assert one["digest"] == same["digest"]
    assert one["population"]["digest"] == same["population"]["digest"]


def test_train_and_test_differ_and_seeds_differ(tmp_path: Path) -> None:
    digests = set()
    for seed in (0, 1):
        directory, _ = build(Dataset(Vanilla(), seed=seed, pendulums=6, images=3), tmp_path, quiet=True)
        digests |= {facts["image"] for facts in read_manifest(directory)["digest"]["fields"].values()}
    assert len(digests) == 4


@pytest.mark.parametrize(("alpha", "share"), [(0.45, 0.56), (0.5, 0.502), (0.6, 0.407), (0.75, 0.263), (0.9, 0.0)])
def test_blank_images_are_exactly_those_with_both_bobs_outside(alpha: float, share: float, tmp_path: Path) -> None:
    directory, _ = build(Dataset(Cropping(alpha), pendulums=1000), tmp_path, quiet=True)
    manifest = read_manifest(directory)
    image, visible, energy, guess = (
        read_column(directory, manifest, "test", field)
        for field in ("image", "visible", "energy", "energy_given_image")
    )
    blank = (image == 255).all(axis=(2, 3, 4))
    assert np.array_equal(blank, ~visible.any(axis=2))
    # Images of one pendulum are not independent: the spread comes from the means of pendulums.
    assert abs(blank.mean() - share) <= 4 * blank.mean(axis=1).std() / np.sqrt(1000) + 5e-4
    if alpha == 0.9:
        assert not blank.any()
    else:
        lowest = {0.45: 0.0, 0.5: 0.001, 0.6: 0.02, 0.75: 0.14}[alpha]
        assert energy[blank.any(axis=1)].min() >= lowest - 0.005
        assert len(np.unique(guess[blank])) == 1  # blank images share one value


def test_number_of_distinct_images_at_100_pixels(tmp_path: Path) -> None:
    from pendgen import physics, render, sampling

    dataset = Dataset(Large())
    split = dataset.split("test")
    m, t = sampling.energies(0, split, range(5120)), sampling.times(0, split, range(5120))
    angle = np.stack([physics.angle(t, m[:, None]), physics.angle(t + 0.5, m[:, None])], -1)
    place = render.positions(angle, dataset.geometry).reshape(-1, 4)
    assert len(np.unique(place, axis=0)) == pytest.approx(21_200, rel=0.02)


def test_oracle_scores_at_100_pixels(tmp_path: Path) -> None:
    from scipy.stats import spearmanr

    from pendgen import physics, render, sampling
    from pendgen.oracle import tabulate

    dataset = Dataset(Large())
    split = dataset.split("test")
    m, t = sampling.energies(0, split, range(5120)), sampling.times(0, split, range(5120))
    angle = np.stack([physics.angle(t, m[:, None]), physics.angle(t + 0.5, m[:, None])], -1)
    place = render.positions(angle, dataset.geometry)
    guess = tabulate(dataset, split, workers=2)(place, render.visible(place, dataset.geometry)).ravel()
    truth = np.repeat(m, 20)
    inside = (truth * 7).astype(int)
    assert spearmanr(guess, truth)[0] == pytest.approx(0.9996, abs=1e-4)
    local = np.mean([spearmanr(guess[inside == k], truth[inside == k])[0] for k in range(7)])
    assert local == pytest.approx(0.983, abs=0.004)
    assert np.sqrt(np.mean((guess - truth) ** 2)) == pytest.approx(0.008, abs=4e-4)
