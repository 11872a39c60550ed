import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pendtrain.methods import explained
from pendtrain.objectives import find
from pendtrain.recipe import METHODS, RECIPES, Recipe, own_settings, read_toml, to_toml

Outcome = tuple[int, str, str]


def test_toml_round_trip(tmp_path: Path) -> None:
    made = Recipe.of(dim=2, similarity="cosine", decoupled=True, temperature=0.5, epochs=7)
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(made))
    assert Recipe.of(**read_toml(path)) == made


def test_command_line_wins_over_file_wins_over_defaults(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 7\ntemperature = 0.5\n")
    _, out, _ = command("pendtrain", "fit", "--recipe", path, "--epochs", 9, "--print-recipe")
    assert "epochs = 9\n" in out
    assert "temperature = 0.5\n" in out
    assert "batch = 512\n" in out
    _, plain, _ = command("pendtrain", "fit", "--print-recipe")
    path.write_text(plain)
    assert Recipe.of(**read_toml(path)) == Recipe()


def test_another_method_leaves_behind_what_the_files_own_alone_has(
    tmp_path: Path, command: Callable[..., Outcome], refused: Callable[..., str]
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(Recipe.of(epochs=7, temperature=0.5, similarity="cosine", dim=2)))
    words = ("pendtrain", "fit", "--recipe", path, "--print-recipe")
    _, out, _ = command(*words, "--method", "supervised")
    assert Recipe.of(**tomllib.loads(out)) == Recipe.of(method="supervised", epochs=7, dim=2)
    _, out, _ = command(*words, "--method", "paws")  # has a temperature and a similarity too
    assert Recipe.of(**tomllib.loads(out)) == Recipe.of(
        method="paws", epochs=7, dim=2, temperature=0.5, similarity="cosine"
    )
    assert "temperature is no setting of supervised" in refused(*words, "--method", "supervised", "--temperature", 1)


def test_methods_are_listed_with_what_their_settings_are(
    command: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = command("pendtrain", "methods")
    assert code == 0
    lines = out.splitlines()
    assert [line.partition(":")[0] for line in lines if line[0] != " "] == list(METHODS)
    assert max(len(line) for line in lines if line.startswith(8 * " ")) <= 80
    told = {method: explained(find(method).Settings) for method in METHODS}
    assert {method: list(texts) for method, texts in told.items()} == {name: own_settings(name) for name in METHODS}
    assert all(text.endswith(".") for texts in told.values() for text in texts.values())
    assert told["joint"]["temperature"] == told["contrastive"]["temperature"]  # which it inherits
    assert "        τ: a squared embedding distance, or a cosine." in lines[lines.index("    temperature = 0.1") + 1]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("method", METHODS)
def test_recipes_by_name_are_of_every_method_and_options_win(
    command: Callable[..., Outcome], name: str, method: str
) -> None:
    _, out, _ = command("pendtrain", "fit", "--recipe", name, "--method", method, "--seed", 7, "--print-recipe")
    assert Recipe.of(**tomllib.loads(out)) == Recipe.of(**RECIPES[name], method=method, seed=7)
    assert Recipe.of(**RECIPES["paper"]) == Recipe()  # Fig. 16 stays the default


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch = 7", "epoch is no setting of contrastive, expected one of method, dim"),
        ("epochs = 'seven'", "epochs is 'seven', expected int"),
        ("epochs = 7.5", "epochs is 7.5, expected int"),
        ("epochs = true", "epochs is True, expected int"),
        ("epochs = 20.0", "epochs is 20.0, expected int"),
        ("decoupled = 1", "decoupled is 1, expected bool"),
        ("clip_norm = true", "clip_norm is True, expected float"),
        ("temperature = nan", "temperature is nan, expected above 0"),
        (f"temperature = 1{'0' * 400}", "expected a number that a float can hold"),
        ("epochs = ", "is not TOML"),
        ("[training]\nepochs = 7", "sets training to several values, expected one setting a line"),
    ],
)
def test_bad_files(tmp_path: Path, refused: Callable[..., str], text: str, expected: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    assert expected in refused("pendtrain", "fit", "--recipe", path, "--print-recipe")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--similarity", "cosine"], "dim is 1, expected 2 or more with similarity cosine"),
        (["--loss", "l1"], "loss is no setting of contrastive, expected one of method"),
        (["--method", "supervised", "--temperature", "0.2"], "temperature is no setting of supervised"),
        (["--method", "supervised", "--decoupled"], "decoupled is no setting of supervised"),
        (["--temperature", "-1"], "temperature is -1.0, expected above 0"),
        (["--recipe", "/nowhere.toml"], "/nowhere.toml"),
        (["--recipe", "fats"], "recipe is fats, expected paper, fast or a TOML file"),
        (["--cache", "-1"], "cache is -1.0"),
        ([], "--shards is not given"),
    ],
)
def test_settings_that_do_not_go_together(refused: Callable[..., str], options: list[str], expected: str) -> None:
    assert expected in refused("pendtrain", "fit", *options)


def test_labels_tell_recipes_apart() -> None:
    assert Recipe.of(dim=2, similarity="cosine").label == "contrastive-d2-similarity-cosine"
    assert Recipe.of(decoupled=True).label == "contrastive-d1-decoupled"
    assert Recipe.of(method="supervised", loss="l1").label == "supervised-d1-loss-l1"
    assert Recipe(protocol="original").label == "contrastive-d1-protocol-original"


def test_settings_are_normalised(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    whole, real = Recipe.of(temperature=1, weight_decay=-0.0), Recipe.of(temperature=1.0, weight_decay=0.0)
    assert whole == real
    assert repr(whole) == repr(real)
    assert whole.label == "contrastive-d1-temperature-1.0-weight-decay-0.0"
    path = tmp_path / "recipe.toml"
    path.write_text("temperature = 1\n")
    _, from_file, _ = command("pendtrain", "fit", "--recipe", path, "--print-recipe")
    _, from_option, _ = command("pendtrain", "fit", "--temperature", "1", "--print-recipe")
    assert from_file == from_option


# As version 1 recorded it, literally: what the first release wrote must be read for ever.
RECORDED = {
    **{"method": "contrastive", "dim": 1, "seed": 0, "epochs": 20, "batch": 512, "protocol": "paper"},
    **{"similarity": "euclidean", "temperature": 1, "decoupled": False, "loss": "mse", "learning_rate": 0.02},
    **{"warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0},
}


@dataclass(frozen=True)
class Grown(Recipe):
    """A recipe of some later version, whose defaults are no longer those of old."""

    optimiser: str = field(default="adamw", metadata={"before": "sgd"})
    turns: int = field(default=0, metadata={"before": 0})


def test_a_recorded_recipe_comes_back_typed() -> None:
    read = Recipe.read(RECORDED)
    assert read == Recipe.of(epochs=20, temperature=1.0)
    assert type(read.settings["temperature"]) is float
    for made in (Recipe(), Recipe.of(method="supervised", loss="l1", dim=3), Recipe.of(dim=2, similarity="cosine")):
        assert Recipe.read(json.loads(json.dumps(made.settings))) == made


def test_a_recipe_may_grow() -> None:
    """A setting that did not exist gets the value that reproduces the run, not the default of today."""
    old = Grown.read(RECORDED)
    assert (old.optimiser, old.turns) == ("sgd", 0)
    assert old.label == Recipe.read(RECORDED).label  # found where it was
    new = Grown.of(epochs=20, temperature=1.0)
    assert new.label == f"{old.label}-optimiser-adamw"
    assert Grown.read(old.settings) == old
    assert Grown.read(new.settings) == new
    assert new != old


def test_what_version_1_recorded_of_the_other_method_is_dropped_where_nobody_looked_at_it() -> None:
    """A contrastive run recorded `loss: mse`; a value that was looked at is kept or refused."""
    assert "loss" not in Recipe.read(RECORDED).settings
    told = Recipe.read(RECORDED | {"method": "supervised", "temperature": 0.1, "loss": "l1"})
    assert (told.settings["loss"], told.settings["labelled"]) == ("l1", 1.0)
    assert {"similarity", "temperature", "decoupled"}.isdisjoint(told.settings)
    with pytest.raises(ValueError, match="recipe sets loss, which this version does not know"):
        Recipe.read(RECORDED | {"loss": "l1"})


def test_own_settings_by_set(command: Callable[..., Outcome], refused: Callable[..., str]) -> None:
    fit = ("pendtrain", "fit", "--print-recipe")
    _, out, _ = command(*fit, "--set", "temperature=.5", "--set", "one-sided=true", "--set", "similarity=euclidean")
    assert "temperature = 0.5\n" in out
    assert "one_sided = true\n" in out
    assert "loss" not in out
    assert "temperature is 'hot', expected float" in refused(*fit, "--set", "temperature=hot")
    assert "--set temperature, expected KEY=VALUE" in refused(*fit, "--set", "temperature")
    assert "turns is no setting of contrastive, expected one of method" in refused(*fit, "--set", "turns=3")
    assert "anneal_from is 0.05, expected above the temperature 0.1" in refused(*fit, "--set", "anneal_from=.05")
    assert "labelled is 0.0, expected above 0" in refused(*fit, "--method", "joint", "--labelled", 0)
    assert "method is magic, expected contrastive, supervised" in refused(*fit, "--method", "magic")
    assert "method is no.such:Thing, which cannot be imported" in refused(*fit, "--method", "no.such:Thing")
    assert "expected Path to be a subclass" in refused(*fit, "--method", "pathlib:Path")


def test_an_encoder_and_a_method_bring_what_is_usual_with_them() -> None:
    table = Recipe.of(encoder="table")
    assert (table.optimiser, table.weight_decay) == ("adamw", 0.0)
    assert table.label == "contrastive-d1-encoder-table"
    assert Recipe.of(encoder="table", epochs=7).label == "contrastive-d1-epochs-7-encoder-table"
    assert Recipe.read(table.settings) == table


def test_a_recipe_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ValueError, match="recipe sets turns, which this version does not know; the run is of a newer"):
        Recipe.read(Grown().settings)
    with pytest.raises(ValueError, match="recipe lacks epochs, expected method, dim, seed"):
        Recipe.read({name: value for name, value in RECORDED.items() if name != "epochs"})
