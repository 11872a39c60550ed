"""The population: laws it obeys, brute force on a toy, exact ceilings, simulated images."""

import importlib.util
import sys
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from pendgen import physics, render
from pendgen.dataset import Dataset
from pendgen.oracle import Oracle, arcs, tabulate
from pendgen.population import Population, _cells, energy_edges, enumerate_images, estimated_images, why_not
from pendgen.sampling import angle_noise, energies, times
from pendgen.variants import Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla

ALL = {
    "vanilla": Dataset(Vanilla()),
    "original": Dataset(Vanilla(), protocol="original"),
    "large": Dataset(Large()),
    "noise": Dataset(NumericalNoise(0.1)),
    "faint noise": Dataset(NumericalNoise(0.001)),
    "gaps": Dataset(Gaps(0.4)),
    "cropping": Dataset(Cropping(0.45)),
    "original cropping": Dataset(Cropping(0.6), protocol="original"),
    "no noise": Dataset(GraphicalNoise(0.0)),
    "odd": Dataset(Vanilla(), size=13, bob_size=2, time_gap=3.7, time_range=(-3.0, 1.0)),
}


@pytest.fixture(scope="module")
def monte_carlo() -> ModuleType:
    """The benchmark, whose exact scores and simulation are used here on fewer draws."""
    path = Path(__file__).parents[1] / "benchmarks" / "population_monte_carlo.py"
    spec = importlib.util.spec_from_file_location("population_monte_carlo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def of(name: str) -> Population:
    return enumerate_images(ALL[name])


def keys(position: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(seen[..., None], position, -99).reshape(len(position), 4)


@pytest.mark.parametrize("name", ALL)
def test_laws(name: str) -> None:
    found = of(name)
    joint, moment, edges = found.energy_probability, found.energy_moment, found.energy_edges
    assert found.probability.sum() == pytest.approx(1.0, abs=1e-12)
    assert found.probability.min() >= 1e-12
    assert joint.min() >= 0.0
    assert np.allclose(joint.sum(axis=0), np.diff(edges), rtol=0, atol=1e-15)
    assert (moment >= joint * edges[:-1] - 1e-18).all()
    assert (moment <= joint * edges[1:] + 1e-18).all()
    # The law of total expectation, bin by bin: nodes lie symmetrically, so linear functions are exact.
    assert np.allclose(moment.sum(axis=0), np.diff(edges**2) / 2, rtol=0, atol=1e-12)
    guess = found.energy_given_image
    assert guess.min() >= 0.0
    assert guess.max() <= 1.0
    assert 0.0 <= found.left_out < 1e-9
    assert len(np.unique(keys(found.position, found.visible), axis=0)) == len(found.position)
    assert np.array_equal(found.visible, render.visible(found.position, ALL[name].geometry))


@pytest.mark.parametrize("name", ["vanilla", "noise", "cropping", "odd"])
def test_images_are_distinct_by_their_bytes(name: str) -> None:
    found = of(name)
    pictures = render.draw(found.position, ALL[name].geometry)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_edges_of_energy() -> None:
    assert np.array_equal(energy_edges(()), np.linspace(0, 1, 141))
    gaps = Gaps(0.4).gaps
    edges = energy_edges(gaps)
    assert len(edges) == 145  # two of the six ends fall on one of the 140 equal bins
    assert np.abs(edges[:, None] - np.array(gaps).ravel()).min(axis=0).max() < 1e-9
    assert np.diff(edges).min() > 1e-9
    assert len(energy_edges(((0.3, 0.7),))) == 141
    assert len(energy_edges(((0.3 + 1e-10, 0.7), (0.9, 1.0)))) == 141


def brute_force(dataset: Dataset, nodes: int) -> dict[bytes, NDArray[np.float64]]:
    """Image → (bins, 2) probability and moment, one energy, one period and one passage after the other."""
    edges = energy_edges(())
    low, high = dataset.split("test").time_range
    turns = arcs(dataset.geometry)[0][1:-1]
    found: dict[bytes, NDArray[np.float64]] = {}
    for number in range(len(edges) - 1):
        cells = _cells(edges[number], edges[number + 1], nodes)
        for start, end in pairwise(cells):
            energy, period = (start + end) / 2, float(physics.period((start + end) / 2))
            cuts = [0.0, period]
            for turn, later in product(turns, (0.0, dataset.time_gap)):
                for up, down in ((-period / 4, period / 4), (period / 4, 3 * period / 4)):

                    def off(t: float, turn: float = turn, energy: float = energy) -> float:
                        return float(physics.angle(t, energy)) - turn

                    if off(up) * off(down) < 0:
                        cuts.append((brentq(off, up, down, xtol=1e-15, rtol=1e-15) - later) % period)
            cuts.sort()
            for first, last in pairwise(cuts):
                laps = range(int(np.floor(low / period)) - 1, int(np.ceil(high / period)) + 1)
                stay = sum(max(0.0, min(last + k * period, high) - max(first + k * period, low)) for k in laps)
                if stay > 1e-13:
                    middle = (first + last) / 2
                    angle = physics.angle(np.array([middle, middle + dataset.time_gap]), energy)
                    picture = render.draw(render.positions(angle, dataset.geometry), dataset.geometry).tobytes()
                    table = found.setdefault(picture, np.zeros((len(edges) - 1, 2)))
                    table[number] += stay / (high - low) * (end - start) * np.array([1.0, energy])
    return found


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset(Vanilla(), size=9, bob_size=1, time_range=(0.0, 37.0)),
        Dataset(Vanilla(), size=9, bob_size=1, time_range=(-7.3, 2.1), time_gap=2.3),
        Dataset(Cropping(0.6), size=9, bob_size=1, time_range=(0.0, 20.0)),
    ],
    ids=["whole", "other times", "cropped"],
)
def test_brute_force_on_a_toy(dataset: Dataset) -> None:
    """On the smallest canvas: a radius of one pixel (four where it is cropped), every energy node by itself."""
    found = enumerate_images(dataset, nodes=140)
    expected = brute_force(dataset, nodes=1)
    pictures = [picture.tobytes() for picture in render.draw(found.position, dataset.geometry)]
    assert set(pictures) == set(expected)
    wanted = np.array([expected[picture] for picture in pictures])
    assert np.abs(found.energy_probability - wanted[..., 0]).max() < 1e-12
    assert np.abs(found.energy_moment - wanted[..., 1]).max() < 1e-12


def test_exact_scores_by_counting_pairs(monte_carlo: ModuleType) -> None:
    """Mid-ranks and moments against sums over all pairs of images, ties included."""
    dataset = Dataset(Vanilla(), size=9, bob_size=1, time_range=(0.0, 37.0))
    found = enumerate_images(dataset)
    for value in monte_carlo.encoders(found).values():
        for low, high in ((0.0, 1.0), (2 / 7, 3 / 7)):
            some = slice(round(low * 140), round(high * 140))
            p = found.energy_probability[:, some].sum(axis=1) / (high - low)
            h = found.energy_moment[:, some].sum(axis=1) / (high - low)  # p times the mean energy
            above = np.sign(value[:, None] - value[None, :])
            rank = 0.5 + above @ p / 2
            covariance = p @ (rank * h / np.where(p > 0, p, 1)) - (p @ rank) * h.sum()
            spread = np.sqrt(p @ rank**2 - (p @ rank) ** 2) * (high - low) / np.sqrt(12)
            assert monte_carlo.exact_spearman(found, value, (low, high)) == pytest.approx(
                covariance / spread, abs=1e-12
            )
    constant, reversed_ = np.zeros(len(found.position)), -found.energy_given_image
    assert monte_carlo.exact_rmse(found, constant) == pytest.approx(1 / np.sqrt(12), abs=1e-9)
    straight = monte_carlo.exact_spearman(found, found.energy_given_image, (0.0, 1.0))
    assert monte_carlo.exact_spearman(found, reversed_, (0.0, 1.0)) == pytest.approx(-straight, abs=1e-12)


def test_reversed_in_time() -> None:
    """Times symmetric about −gap/2: the mirrored picture with its bobs exchanged is exactly as likely."""
    for variant in (Vanilla(), NumericalNoise(0.1)):
        dataset = Dataset(variant, time_range=(-50.25, 49.75))
        found = enumerate_images(dataset)
        mirrored = found.position[:, ::-1] * [1, -1] + [0, 2 * dataset.geometry.centre]
        places = [[tuple(row) for row in keys(at, found.visible)] for at in (found.position, mirrored)]
        index = {row: number for number, row in enumerate(places[0])}
        partner = [index[row] for row in places[1]]
        atol = 1e-12 if dataset.eps_n == 0 else 2e-6  # staggered phases are not symmetric
        assert np.allclose(found.energy_probability[partner], found.energy_probability, rtol=0, atol=atol)
        assert np.allclose(found.energy_moment[partner], found.energy_moment, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["vanilla", "original", "noise", "cropping"])
def test_agrees_with_the_oracle_of_the_shards(name: str) -> None:
    dataset, found = ALL[name], of(name)
    oracle = tabulate(dataset, dataset.split("test"))
    assert isinstance(oracle, Oracle)
    off = oracle(found.position, found.visible) - found.energy_given_image
    assert np.sqrt(found.probability @ off**2) < max(2 * oracle.error, 1e-3)


@pytest.mark.parametrize("name", ["vanilla", "original", "large", "noise", "cropping", "original cropping", "odd"])
def test_every_image_of_a_test_split_is_there(name: str) -> None:
    dataset = ALL[name]
    split = dataset.split("test")
    there = {tuple(row) for row in keys(*(of(name).position, of(name).visible))}
    for seed in (0, 1):
        m, t = energies(seed, split, range(5120)), times(seed, split, range(5120))
        angle = np.stack([physics.angle(t + later, m[:, None]) for later in (0.0, dataset.time_gap)], -1)
        angle += dataset.eps_n * angle_noise(seed, split, range(5120))
        if name == "original":  # its last energy, exactly 1, has probability 0
            angle = angle[:-1]
        place = render.positions(angle, dataset.geometry).reshape(-1, 2, 2)
        shown = np.unique(keys(place, render.visible(place, dataset.geometry)), axis=0)
        assert {tuple(row) for row in shown} <= there


@pytest.mark.parametrize(
    ("name", "least", "most", "ceiling"),
    [
        ("vanilla", 1720, 1728, (0.99374, 0.8063, 0.0319)),
        ("original", 1670, 1680, (0.99406, 0.8146, 0.0311)),
        ("large", 26_755, 26_765, (0.99960, 0.9823, 0.0081)),
        ("noise", 3600, 3650, (0.92522, 0.3910, 0.1091)),
        ("cropping", 3040, 3060, (0.5203, 0.1076, 0.2394)),
    ],
)
def test_ceilings(
    name: str, least: int, most: int, ceiling: tuple[float, float, float], monte_carlo: ModuleType
) -> None:
    found = of(name)
    guess = found.energy_given_image
    assert least <= len(guess) <= most
    scores = (monte_carlo.exact_spearman(found, guess, (0, 1)), local(monte_carlo, found, guess))
    assert scores == pytest.approx(ceiling[:2], abs=6e-5)
    assert monte_carlo.exact_rmse(found, guess) == pytest.approx(ceiling[2], abs=6e-5)


def local(monte_carlo: ModuleType, found: Population, value: NDArray[np.float64]) -> float:
    return float(np.mean([monte_carlo.exact_spearman(found, value, band) for band in monte_carlo.SEGMENTS]))


def test_ceiling_of_an_encoder_trained_on_the_other_law(monte_carlo: ModuleType) -> None:
    """Times up to 200 in training, up to 10 in the test: what the paper's scores are to be held against."""
    trained, tested = of("vanilla"), of("original")
    at = monte_carlo.Lookup(ALL["vanilla"], trained)(tested.position)
    assert (at >= 0).all()
    value = trained.energy_given_image[at]
    assert monte_carlo.exact_spearman(tested, value, (0, 1)) == pytest.approx(0.99395, abs=1e-5)
    assert local(monte_carlo, tested, value) == pytest.approx(0.8113, abs=1e-4)


@pytest.mark.parametrize(("name", "nodes"), [("vanilla", 4096), ("original", 4096), ("noise", 2048)])
def test_has_converged(name: str, nodes: int, monte_carlo: ModuleType) -> None:
    scores = []
    for number in (nodes, 2 * nodes):
        found = of(name) if number == nodes else enumerate_images(ALL[name], number)
        guess = found.energy_given_image
        scores.append((monte_carlo.exact_spearman(found, guess, (0, 1)), local(monte_carlo, found, guess)))
    assert scores[0][0] == pytest.approx(scores[1][0], abs=2e-6)
    assert scores[0][1] == pytest.approx(scores[1][1], abs=4e-5)


@pytest.mark.parametrize("name", ["vanilla, original", "cropping .45", "numerical noise .25", "gaps .4"])
def test_simulated_images_score_the_same(name: str, monte_carlo: ModuleType) -> None:
    rows = monte_carlo.compare(name, monte_carlo.CONDITIONS[name], draws=200_000, chunks=20)
    assert len(rows) == (12 if name.startswith("gaps") else 9)
    for row in rows:
        assert abs(row.z) < 4, row


def test_does_not_depend_on_threads_nor_on_seed_and_numbers() -> None:
    for variant in (Vanilla(), NumericalNoise(0.05)):
        one = enumerate_images(Dataset(variant), nodes=512)
        two = enumerate_images(Dataset(variant), nodes=512, workers=3)
        other = enumerate_images(Dataset(variant, seed=7, pendulums=3, images=4), nodes=512)
        for found in (two, other):
            assert np.array_equal(found.energy_probability, one.energy_probability)
            assert np.array_equal(found.energy_moment, one.energy_moment)
            assert np.array_equal(found.position, one.position)


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        (Dataset(GraphicalNoise(0.1)), "graphical noise"),
        (Dataset(Vanilla(), antialias=True), "antialiased"),
        (Dataset(Vanilla(), size=400), "images can occur, more than 250,000"),
    ],
)
def test_what_cannot_be_enumerated_says_why(dataset: Dataset, reason: str) -> None:
    assert reason in str(why_not(dataset))
    with pytest.raises(ValueError, match="images cannot be enumerated: "):
        enumerate_images(dataset)


@pytest.mark.parametrize("name", ALL)
def test_estimate_is_above_the_number_of_images(name: str) -> None:
    images = len(of(name).position)
    assert images <= estimated_images(ALL[name]) < 3 * images
