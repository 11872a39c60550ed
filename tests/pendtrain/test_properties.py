"""Laws of pairs, epochs and recipes that hold for any numbers (by the thousand with LAB_TORTURE=1)."""

import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pendtrain import runs
from pendtrain.loader import Epoch, Known, labelled, plan
from pendtrain.recipe import METHODS, Recipe, learning_rate, read_toml, to_toml

LONG = bool(os.environ.get("LAB_TORTURE"))
pytestmark = pytest.mark.torture


def tried(times: int) -> settings:
    return settings(max_examples=20 * times if LONG else times, deadline=None, database=None, derandomize=not LONG)


seeds = some.integers(0, 2**63 - 1)
positive = some.floats(1e-8, 1e5)
GENERAL = [each.name for each in fields(Recipe) if each.name not in ("method", "own")]
recipes = some.builds(
    Recipe,
    method=some.sampled_from(sorted(METHODS)),
    dim=some.integers(2, 64),
    seed=seeds,
    epochs=some.integers(1, 10**6),
    batch=some.integers(2, 10**6),
    protocol=some.sampled_from(("paper", "original")),
    learning_rate=positive,
    warmup_epochs=some.integers(0, 1000),
    momentum=some.floats(0, 0.999),
    weight_decay=some.floats(0, 1e5),
    clip_norm=positive,
    optimiser=some.sampled_from(("sgd", "adamw", "muon")),
    averaging=some.floats(0, 0.999),
)


@tried(100)
@given(seeds, some.integers(0, 10**6), some.integers(1, 300), some.integers(2, 30), some.booleans())
def test_an_epoch_shows_every_pendulum_once_as_two_images(
    seed: int, epoch: int, pendulums: int, images: int, replacement: bool
) -> None:
    rows = plan(seed, epoch, pendulums, images, replacement)
    assert sorted(rows[:, 0]) == list(range(pendulums))
    assert ((rows[:, 1:] >= 0) & (rows[:, 1:] < images)).all()
    assert replacement or (rows[:, 1] != rows[:, 2]).all()
    assert np.array_equal(rows, plan(seed, epoch, pendulums, images, replacement))


@tried(60)
@given(seeds, some.integers(1, 4), some.integers(1, 8), some.integers(8, 120), some.data())
def test_processes_share_a_batch_and_a_resumed_epoch_is_its_rest(
    seed: int, world: int, part: int, pendulums: int, data: some.DataObject
) -> None:
    batch = world * part
    some_known = np.zeros(pendulums, bool)
    some_known[data.draw(some.lists(some.integers(0, pendulums - 1), min_size=1, unique=True))] = True
    known = Known(some_known, data.draw(some.sampled_from((0, world, 2 * world))), data.draw(some.booleans()))
    how = {"replacement": data.draw(some.booleans()), "known": known}
    alone = list(Epoch(seed, (pendulums, 5), batch, **how))
    assert len(alone) == pendulums // batch
    parts = [list(Epoch(seed, (pendulums, 5), batch, rank=rank, world=world, **how)) for rank in range(world)]
    for number, whole in enumerate(alone):
        together = sorted(tuple(row) for each in parts for row in each[number])
        assert together == sorted(map(tuple, whole))
        assert all(some_known[row[0]] for row in whole if row[3] or known.alone)
    rest = Epoch(seed, (pendulums, 5), batch, **how)
    rest.start = data.draw(some.integers(0, len(alone)))
    assert np.array_equal(np.array(list(rest)).shape, np.array(alone[rest.start :]).shape)
    for one, other in zip(rest, alone[rest.start :], strict=True):
        assert np.array_equal(one, other)


@tried(60)
@given(seeds, some.integers(2, 500), some.floats(0, 1), some.floats(0, 1))
def test_a_larger_share_of_labels_holds_the_smaller(seed: int, pendulums: int, one: float, other: float) -> None:
    low, high = sorted(round(each * pendulums) for each in (one, other))
    if low > 0 and high < pendulums:
        few, many = (labelled(seed, pendulums, count / pendulums) for count in (low, high))
        assert (few.sum(), many.sum()) == (low, high)
        assert (many | ~few).all()


@tried(150)
@given(recipes)
def test_a_recipe_survives_every_way_it_is_written(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    path = tmp_path_factory.getbasetemp() / "recipe.toml"
    path.write_text(to_toml(recipe), encoding="utf-8")
    assert Recipe.of(**read_toml(path)) == recipe
    assert Recipe.read(recipe.settings) == recipe
    place = runs.directory(Path("runs"), "vanilla", recipe)
    assert place.parts[:2] == ("runs", "vanilla")
    assert len(place.parts) == 4


@tried(150)
@given(recipes, recipes, some.sampled_from(GENERAL))
def test_other_settings_have_other_directories(one: Recipe, other: Recipe, name: str) -> None:
    """Also where two recipes differ in one setting alone."""
    places = [runs.directory(Path("runs"), "vanilla", each) for each in (one, other)]
    assert (places[0] == places[1]) == (one == other)
    changed = replace(one, **{name: other.settings[name]})
    assert (runs.directory(Path("runs"), "vanilla", changed) == places[0]) == (changed == one)


@tried(150)
@given(recipes, some.integers(1, 50), some.floats(0, 1))
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(recipe: Recipe, steps: int, place: float) -> None:
    total = recipe.epochs * steps
    peak = recipe.learning_rate * recipe.batch / 256
    step = min(total - 1, int(place * total))
    assert 0 <= learning_rate(recipe, step, steps) <= peak * (1 + 1e-12)
    warmup = min(recipe.warmup_epochs * steps, total // 2)
    assert learning_rate(recipe, warmup, steps) == pytest.approx(peak)
