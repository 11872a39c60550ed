import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from pendgen import antialias as antialiased
from pendgen import render
from pendgen.dataset import PROTOCOLS, Dataset, Geometry
from pendgen.suite import SUITE_NAMES, variants_of
from pendgen.variants import VARIANTS, Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla, Variant, create


def test_labels() -> None:
    assert [v.label("paper") for v in (Vanilla(), Large(), NumericalNoise(0.1), GraphicalNoise(0.25))] == [
        *("vanilla", "large", "numerical-noise-0.1", "graphical-noise-0.25")
    ]
    assert Gaps(0.4).label("paper") == "gaps-0.4"
    assert Gaps(0.4, 5).label("paper") == "gaps-0.4-5-gaps"
    assert Gaps(gap=((0.3, 0.7),)).label("paper") == "gaps-0.3-to-0.7"
    assert Cropping(0.75).label("paper") == "cropping-0.75"
    assert Dataset(Cropping(0.75), protocol="original", seed=2).name == "cropping-0.75-original-seed-2"
    assert Dataset(create("gaps", "original", alpha_g=0.4), protocol="original").name == "gaps-0.4-original"


def test_original_has_four_gaps() -> None:
    assert create("gaps", "paper", alpha_g=0.4) == Gaps(0.4, 3)
    assert create("gaps", "original", alpha_g=0.4) == Gaps(0.4, 4)
    assert create("gaps", "original", alpha_g=0.4, num_gaps=3) == Gaps(0.4, 3)


def test_explicit_gaps() -> None:
    made = create("gaps", gap=[(0.8, 0.9), (0.1, 0.3)])
    assert made == Gaps(gap=((0.1, 0.3), (0.8, 0.9)))
    assert isinstance(made, Gaps)
    assert (made.alpha_g, made.num_gaps) == (pytest.approx(0.3), 2)
    bands = Dataset(made).split("train").energy_bands
    assert bands == ((0.0, 0.1), (0.3, 0.8), (0.9, 1.0))
    assert Dataset(Gaps(gap=((0.0, 0.5),))).split("train").energy_bands == ((0.5, 1.0),)
    narrow = Dataset(made, energy_range=(0.2, 0.85))
    assert narrow.split("train").energy_bands == ((0.3, 0.8),)
    assert narrow.split("test").energy_bands == ((0.0, 1.0),)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("vanilla", {"eps_n": 0.1}, "eps_n is 0.1, expected nothing: variant vanilla takes no parameter"),
        ("gaps", {"alpha_c": 0.1, "alpha_g": 0.2}, "alpha_c is 0.1, expected nothing: variant gaps takes alpha_g"),
        ("gaps", {}, "alpha_g is not given; variant gaps needs it"),
        ("gaps", {"gap": [(0.1, 0.4), (0.3, 0.5)]}, "gaps that do not overlap"),
        ("gaps", {"gap": [(0.4, 0.1)]}, "low below high within"),
        ("gaps", {"gap": [(0.4, math.nan)]}, "low below high within"),
        ("gaps", {"gap": [(0.0, 1.0)]}, "alpha_g is 1.0, expected above 0, below 1"),
        ("gaps", {"gap": [(0.1, 0.2)], "alpha_g": 0.1}, "expected nothing beside explicit gaps"),
        ("gaps", {"alpha_g": -0.2}, "alpha_g is -0.2"),
        ("gaps", {"alpha_g": 0.2, "num_gaps": 0}, "num_gaps is 0"),
        ("numerical-noise", {"eps_n": math.nan}, "eps_n is nan, expected 0 to π"),
        ("graphical-noise", {"eps_g": math.inf}, "eps_g is inf, expected 0 to 1"),
        ("cropping", {"alpha_c": 0.0}, "alpha_c is 0.0, expected 0.1 to 1"),
        ("moon", {}, "variant is moon, expected one of vanilla, large"),
    ],
)
def test_create_refuses(name: str, given: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=r"expected|needs") as problem:
        create(name, **given)
    assert expected in str(problem.value)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"size": 7}, "size is 7, expected large enough for a bob of 3 pixels"),
        ({"size": 2000}, "size is 2000, expected at most 1024"),
        ({"size": 32, "bob_size": 24}, "size is 32, expected large enough for a bob of 24"),
        ({"bob_size": 0}, "bob_size is 0"),
        ({"time_gap": 0.0}, "time_gap is 0.0, expected above 0"),
        ({"time_gap": math.nan}, "time_gap is nan"),
        ({"time_range": (5.0, 5.0)}, "time_range is (5.0, 5.0), expected low below high"),
        ({"time_range": (0.0, math.inf)}, "time_range"),
        ({"energy_range": (0.5, 1.2)}, "energy_range is (0.5, 1.2), expected low below high within [0, 1]"),
        ({"protocol": "rumour"}, "protocol is rumour, expected paper or original"),
        ({"images": 1}, "images is 1, expected 2 to"),
        ({"pendulums": 10**9}, "pendulums is 1000000000"),
        ({"seed": 2**63}, "seed is"),
    ],
)
def test_dataset_refuses(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=r"expected|needs") as problem:
        Dataset(Vanilla(), **settings)
    assert expected in str(problem.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("antialias", [False, True])
def test_a_corner_that_no_bob_reaches_is_refused(protocol: str, antialias: bool) -> None:
    """Exactly those: asked of every alpha is whether some angle shows a bob."""
    drawing, every = (antialiased if antialias else render), np.linspace(0, 2 * np.pi, 20_000)
    shown = {}
    for alpha in np.linspace(0.1, 0.25, 61):
        variant = Cropping(float(alpha))
        geometry = Geometry(*variant.canvas(32, protocol)[:1], 3, 32, variant.canvas(32, protocol)[1:] * 2)
        shown[alpha] = bool(drawing.visible(drawing.positions(every, geometry), geometry).any())
        if shown[alpha]:
            Dataset(variant, protocol=protocol, antialias=antialias)
        else:
            with pytest.raises(
                ValueError, match=r"variant is cropping-0.\d+.*, expected a window that a bob can be in"
            ):
                Dataset(variant, protocol=protocol, antialias=antialias)
    assert len(set(shown.values())) == 2


def test_a_gap_that_swallows_all_training_energies() -> None:
    with pytest.raises(ValueError, match="a band no gap swallows"):
        Dataset(Gaps(gap=((0.3, 0.7),)), energy_range=(0.4, 0.6))


def test_suites_hold_every_value_of_the_paper() -> None:
    counts = {name: len(variants_of(name)) for name in SUITE_NAMES}
    assert counts == {
        "paper": 33, "noise": 20, "numerical-noise": 10, "graphical-noise": 10, "gaps": 6, "cropping": 5,
    }  # fmt: skip
    names = [Dataset(variant).name for variant in variants_of("paper")]
    assert len(set(names)) == len(names)
    assert {name for name in VARIANTS if not any(n.startswith(name) for n in names)} == set()
    assert {"vanilla", "large", "numerical-noise-0.0025", "gaps-0.3-to-0.7", "cropping-0.45"} <= set(names)


@dataclass(frozen=True)
class Corner(Variant):
    """A seventh variant: the top-left corner of a canvas twice as large, angles off by a little."""

    shake: float
    name: ClassVar[str] = "corner"
    pixels: ClassVar[int] = 16

    def canvas(self, size: int, protocol: str) -> tuple[int, int]:  # noqa: ARG002
        return 2 * size, 0

    @property
    def angle_noise(self) -> float:
        return self.shake


def test_a_seventh_variant_is_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class and its line in VARIANTS; nothing else asks: geometry, noise, oracle, population and labels follow."""
    from pendgen.build import build
    from pendgen.manifest import read_manifest

    monkeypatch.setitem(VARIANTS, "corner", Corner)
    dataset = Dataset(Corner(0.05), pendulums=4, images=2)
    assert (dataset.name, dataset.size, dataset.eps_n, dataset.geometry.canvas) == ("corner-0.05", 16, 0.05, 32)
    directory, _ = build(dataset, tmp_path, num_shards=1, quiet=True)
    manifest = read_manifest(directory)
    assert manifest["parameters"] == {"shake": 0.05}
    assert manifest["population"]["images"] > 100
