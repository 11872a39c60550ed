"""Laws that hold for any settings, tried on settings nobody would think of (by the thousand with LAB_TORTURE=1)."""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as some

from pendgen import format as fmt
from pendgen import physics, render, sampling
from pendgen.build import place
from pendgen.dataset import PROTOCOLS, Dataset, Geometry, Split
from pendgen.manifest import read_manifest
from pendgen.manifest import settings as settings_of
from pendgen.population import energy_edges, enumerate_images
from pendgen.population_file import table_problems
from pendgen.sampling import Purpose
from pendgen.variants import Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla, Variant

LONG = bool(os.environ.get("LAB_TORTURE"))
pytestmark = pytest.mark.torture


def tried(times: int) -> settings:
    return settings(max_examples=20 * times if LONG else times, deadline=None, database=None, derandomize=not LONG)


seeds = some.integers(0, 2**63 - 1)
share = some.floats(1e-6, 1 - 1e-6)
angles = some.floats(-50, 50)


@some.composite
def cuts(draw: some.DrawFn, most: int = 6) -> tuple[tuple[float, float], ...]:
    """Disjoint bands of energy, ascending."""
    borders = sorted(draw(some.lists(some.floats(0, 1), min_size=2, max_size=2 * most, unique=True)))
    return tuple(zip(borders[::2], borders[1::2], strict=False))


explicit = cuts().filter(lambda bands: sum(b - a for a, b in bands) < 1).map(lambda bands: Gaps(gap=bands))
variants: some.SearchStrategy[Variant] = some.one_of(
    some.just(Vanilla()),
    some.just(Large()),
    some.builds(NumericalNoise, some.floats(1e-4, 1)),
    some.builds(GraphicalNoise, some.floats(1e-4, 0.5)),
    some.builds(Gaps, share, some.integers(1, 40)),
    explicit,
    some.builds(Cropping, some.floats(0.3, 1)),
)


@some.composite
def datasets(draw: some.DrawFn) -> Dataset:
    low, high = sorted((draw(some.floats(0, 1)), draw(some.floats(0, 1))))
    start, length = draw(some.floats(-1e3, 1e3)), draw(some.floats(1e-3, 1e3))
    try:
        return Dataset(
            draw(variants),
            protocol=draw(some.sampled_from(PROTOCOLS)),
            seed=draw(seeds),
            pendulums=draw(some.integers(1, 10**6)),
            images=draw(some.integers(2, 10**4)),
            size=draw(some.sampled_from((0, 16, 33, 64))),
            bob_size=draw(some.integers(1, 5)),
            time_gap=draw(some.floats(1e-3, 10)),
            time_range=(start, start + length),
            energy_range=(low, high),
            antialias=draw(some.booleans()),
        )
    except ValueError:
        assume(False)
        raise


@tried(150)
@given(datasets(), some.sampled_from(("hdf5", "webdataset")))
def test_settings_survive_the_manifest(dataset: Dataset, container: str) -> None:
    """Settings → description → JSON → settings, and the name is a plain one."""
    directory, name = place(dataset, Path("data"), container, dataset.name[:200].rstrip("-"))
    described = json.loads(json.dumps(fmt.describe(dataset, name, container)))
    assert settings_of(described) == dataset
    assert directory.parts[0] == "data"
    assert len(directory.parts) == 3


@tried(60)
@given(datasets(), datasets())
def test_other_variants_seeds_and_protocols_have_other_names(one: Dataset, other: Dataset) -> None:
    names_say = [(d.variant.label(d.protocol), d.protocol, d.seed) for d in (one, other)]
    assert (one.name == other.name) == (names_say[0] == names_say[1])


@tried(150)
@given(explicit | some.builds(Gaps, share, some.integers(1, 1000)))
@example(Gaps(0.999999, 1000))
def test_gaps_leave_bands_that_fill_the_rest(variant: Gaps) -> None:
    gaps = variant.gaps
    lengths = [high - low for low, high in gaps]
    assert sum(lengths) == pytest.approx(variant.alpha_g, abs=1e-9)
    assert all(0 <= low < high <= 1 + 1e-12 for low, high in gaps)
    assert all(end <= start + 1e-12 for (_, end), (start, _) in pairwise(gaps))
    bands = Dataset(variant).split("train").energy_bands
    assert sum(high - low for low, high in bands) == pytest.approx(1 - variant.alpha_g, abs=1e-9)
    edges = energy_edges(gaps)
    assert (np.diff(edges) > 0).all()
    assert (edges[0], edges[-1]) == (0.0, 1.0)


@tried(60)
@given(seeds, some.one_of(some.just(((0.0, 1.0),)), cuts()), some.integers(1, 40), some.data())
def test_a_pendulum_does_not_depend_on_the_others(
    seed: int, bands: tuple[tuple[float, float], ...], pendulums: int, data: some.DataObject
) -> None:
    split = Split("train", pendulums, 3, (0.0, 200.0), bands)
    first = data.draw(some.integers(0, pendulums - 1))
    last = data.draw(some.integers(first + 1, pendulums))
    whole = sampling.energies(seed, split, range(pendulums))
    part = range(first, last)
    assert np.array_equal(sampling.energies(seed, split, part), whole[first:last])
    assert all(any(low <= energy <= high for low, high in bands) for energy in whole)
    time = sampling.times(seed, split, range(pendulums))
    assert ((time >= 0) & (time <= 200)).all()
    assert np.array_equal(sampling.times(seed, split, part), time[first:last])
    streams = [sampling.stream(seed, "train", first, purpose).random(4) for purpose in Purpose]
    assert len({stream.tobytes() for stream in streams}) == len(Purpose)


@tried(200)
@given(some.floats(-1e4, 1e4), some.floats(0, 1))
def test_the_motion_keeps_its_energy_and_its_period(time: float, energy: float) -> None:
    angle = float(physics.angle(time, energy))
    assert np.sin(angle / 2) ** 2 <= energy + 1e-9
    assert angle == pytest.approx(-float(physics.angle(-time, energy)), abs=1e-7)
    period = float(physics.period(energy))
    if np.isfinite(period) and abs(time) + period < 1e4 and energy < 1 - 1e-6:
        assert float(physics.angle(time + period, energy)) == pytest.approx(angle, abs=1e-4)


@tried(150)
@given(angles, angles, some.integers(9, 64), some.integers(1, 5), some.integers(0, 30), some.integers(0, 30))
def test_a_bob_shows_where_it_is_visible(blue: float, red: float, size: int, bob: int, more: int, start: int) -> None:
    geometry = Geometry(size + more, bob, size, (min(start, more), min(start, more)))
    assume(geometry.radius >= 1)
    at = render.positions(np.array([blue, red]), geometry)
    picture, seen = render.draw(at[None], geometry)[0], render.visible(at, geometry)
    dark = (picture == 0).any(axis=(0, 1))
    assert (bool(dark[0]), bool(dark[2])) == (bool(seen[0]), bool(seen[1]))
    assert set(np.unique(picture)) <= {0, 255}
    assert (picture[..., 0] == 0).sum() <= bob**2
    turned = render.positions(np.array([blue, red]) + 2 * np.pi, geometry)
    assert np.abs(turned - at).max() <= 1  # rounding of 2π alone
    if not more and bob % 2 and size % 2:  # a canvas with a middle column, and a bob with a middle pixel
        mirrored = render.draw(render.positions(-np.array([blue, red]), geometry)[None], geometry)[0]
        assert np.array_equal(mirrored, picture[:, ::-1])


@tried(6)
@given(some.sampled_from((12, 16, 24)), some.integers(1, 3), some.floats(0.05, 3), some.booleans())
def test_a_population_is_a_distribution(size: int, bob: int, gap: float, cropped: bool) -> None:
    variant = Cropping(0.7) if cropped else Vanilla()
    made = Dataset(variant, size=size, bob_size=bob, time_gap=gap, time_range=(0.0, 30.0), pendulums=2, images=2)
    found = enumerate_images(made)
    arrays = {field.name: getattr(found, field.name, None) for field in fmt.POPULATION_FIELDS[1:]}
    assert list(table_problems({name: column for name, column in arrays.items() if column is not None})) == []
    assert found.left_out < 1e-6


@tried(8)
@given(some.integers(1, 12), some.integers(0, 15), some.sampled_from(("hdf5", "webdataset")))
def test_shards_hold_every_pendulum_once(
    tmp_path_factory: pytest.TempPathFactory, pendulums: int, shards: int, container: str
) -> None:
    from pendgen.build import build

    out = tmp_path_factory.mktemp("shards")
    made = Dataset(GraphicalNoise(0.1), pendulums=pendulums, images=2, size=16)
    directory, _ = build(made, out, container=container, num_shards=shards, workers=1, quiet=True)
    entries = [each for each in read_manifest(directory)["shards"] if each["split"] == "train"]
    assert [each["first"] for each in entries] == list(np.cumsum([0, *(each["records"] for each in entries)])[:-1])
    assert sum(each["records"] for each in entries) == pendulums
    assert min(each["records"] for each in entries) >= 1
    assert len(entries) == min(pendulums, shards or 16)
