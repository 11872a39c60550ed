"""Optima on exact expectations: nothing near them costs less, by a calculation that knows no kernel."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from pendtrain.kernel import eigenfunctions, minimised_spread
from pendtrain.objectives import find
from pendtrain.recipe import Recipe

Columns = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def population() -> Columns:
    """Forty images along the energy, each seen at energies around its own."""
    draw = np.random.default_rng(0)
    place, edges = np.sort(draw.uniform(size=40)), np.linspace(0, 1, 26)
    middle = (edges[1:] + edges[:-1]) / 2
    joint = np.exp(-0.5 * ((middle - place[:, None]) / 0.06) ** 2) * draw.uniform(0.2, 1, (40, 1))
    joint *= np.diff(edges) / joint.sum(axis=0)
    p, moment = joint.sum(axis=1), joint * middle
    return {
        "probability": p,
        "energy_given_image": moment.sum(axis=1) / p,
        "energy_edges": edges,
        "energy_probability": joint,
        "energy_moment": moment,
    }


def pairs(population: Columns) -> np.ndarray:
    """Probability of each pair of images as two views of one pendulum, (U, U), bin by bin."""
    joint = population["energy_probability"]
    return np.asarray(sum(np.outer(column, column) / column.sum() for column in joint.T))


def exact(method: str, f: np.ndarray, population: Columns) -> float:
    """The expected loss of embeddings (U, d), by sums over pairs of images."""
    p, both = population["probability"], pairs(population)
    square = ((f[:, None] - f[None]) ** 2).sum(-1)
    if method == "contrastive":
        return float((both * square).sum() / 0.1 + p @ logsumexp(np.log(p) - square / 0.1, axis=1))
    if method == "align_uniform":
        return float((both * square).sum() + np.log((np.outer(p, p) * np.exp(-2 * square)).sum()))
    if method == "spectral":
        return float(-2 * (both * (1 + f @ f.T)).sum() + (np.outer(p, p) * (1 + f @ f.T) ** 2).sum())
    mean = p @ f
    variance = p @ (f - mean) ** 2
    if method == "vicreg":
        return float(25 * (both * square).sum() + 50 * np.maximum(0, 1 - np.sqrt(variance + 1e-4)).mean())
    correlation = ((f - mean)[:, 0] @ both @ (f - mean)[:, 0]) / variance[0]
    return float((1 - correlation) ** 2)


def optimum(method: str, population: Columns, dim: int = 1) -> np.ndarray:
    recipe = Recipe.of(method=method, dim=dim)
    found = find(method)(recipe.own, torch.nn.Identity(), dim, "paper").optimum(population)
    assert found is not None
    assert found.shape == (40, dim)
    return found


@pytest.mark.parametrize("method", ["contrastive", "align_uniform", "spectral", "vicreg", "barlow_twins"])
def test_nothing_near_an_optimum_costs_less(population: Columns, method: str) -> None:
    best = optimum(method, population)
    least = exact(method, best, population)
    draw = np.random.default_rng(1)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(20):
            assert exact(method, best + size * draw.normal(size=best.shape), population) > least - 1e-9
    for scale in (0.9, 1.1):
        if method != "barlow_twins":  # which does not look at the scale
            assert exact(method, scale * best, population) > least
    oracle = population["energy_given_image"][:, None]
    for scale in (0.5, 1, 2, 4, 8):
        assert exact(method, scale * (oracle - 0.5), population) > least
    assert population["energy_given_image"] @ (best[:, 0] * population["probability"]) > 0


def test_the_search_ends_at_one_place(population: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    one = minimised_spread(population, 1, 0.1, 10.0, jointly=False)
    turned = {**population, "energy_given_image": population["energy_given_image"] ** 2 + 0.1}  # another start
    other = minimised_spread(turned, 1, 0.1, 10.0, jointly=False)
    assert np.allclose(one - one.mean(), other - other.mean(), atol=1e-4)


def test_eigenfunctions_are_those_of_the_kernel(population: Columns) -> None:
    p, both = population["probability"], pairs(population)
    values, functions = eigenfunctions(population, 3)
    expected = np.linalg.eigvalsh(both / np.sqrt(np.outer(p, p)))[::-1]
    assert expected[0] == pytest.approx(1.0)
    assert np.allclose(values, expected[1:4])
    assert np.allclose((both / p[:, None]) @ functions, values * functions)
    assert np.allclose(p @ functions, 0, atol=1e-9)
    assert np.allclose((functions * p[:, None]).T @ functions, np.eye(3))
    spectral = optimum("spectral", population, 3)
    assert exact("spectral", spectral, population) == pytest.approx(-1 - (values**2).sum())
    with pytest.raises(ValueError, match="dim is 25, expected below 25"):
        eigenfunctions(population, 25)


def test_squared_error_has_the_oracle_and_absolute_error_the_median(population: Columns) -> None:
    assert np.array_equal(optimum("supervised", population)[:, 0], population["energy_given_image"])
    recipe = Recipe.of(method="supervised", loss="l1")
    median = find("supervised")(recipe.own, torch.nn.Identity(), 1, "paper").optimum(population)
    draw, edges = np.random.default_rng(2), population["energy_edges"]
    for row in (0, 17, 39):
        chances = population["energy_probability"][row] / population["probability"][row]
        bins = draw.choice(25, size=200_000, p=chances)
        energies = draw.uniform(edges[bins], edges[bins + 1])
        assert median is not None
        assert median[row, 0] == pytest.approx(np.median(energies), abs=1e-3)


def test_methods_without_an_optimum_say_so(population: Columns) -> None:
    for method, settings in (("simsiam", {}), ("byol", {}), ("vicreg", {"projector": 8}), ("joint", {}), ("paws", {})):
        recipe = Recipe.of(method=method, **settings)
        assert find(method)(recipe.own, torch.nn.Linear(3, 1), 1, "paper").optimum(population) is None
