import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from pendtrain.recipe import Recipe, read_toml, to_toml

Outcome = tuple[int, str, str]


def test_toml_round_trip(tmp_path: Path) -> None:
    made = Recipe(dim=2, similarity="cosine", decoupled=True, temperature=0.5, epochs=7)
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(made))
    assert Recipe(**read_toml(path)) == made


def test_command_line_wins_over_file_wins_over_defaults(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 7\ntemperature = 0.5\n")
    _, out, _ = command("pendtrain", "fit", "--recipe", path, "--epochs", 9, "--print-recipe")
    assert "epochs = 9\n" in out
    assert "temperature = 0.5\n" in out
    assert "batch = 512\n" in out
    _, plain, _ = command("pendtrain", "fit", "--print-recipe")
    path.write_text(plain)
    assert Recipe(**read_toml(path)) == Recipe()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epoch = 7", "sets epoch, expected one of method, dim"),
        ("epochs = 'seven'", "epochs is 'seven', expected int"),
        ("epochs = 7.5", "epochs is 7.5, expected int"),
        ("epochs = true", "epochs is True, expected int"),
        ("epochs = 20.0", "epochs is 20.0, expected int"),
        ("decoupled = 1", "decoupled is 1, expected bool"),
        ("clip_norm = true", "clip_norm is True, expected float"),
        ("temperature = nan", "temperature is nan, expected above 0"),
        (f"temperature = 1{'0' * 400}", "expected a number that a float can hold"),
        ("epochs = ", "is not TOML"),
        ("[training]\nepochs = 7", "sets training, expected one of"),
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
        (["--loss", "l1"], "loss is l1, which only supervised training looks at"),
        (["--method", "supervised", "--temperature", "0.2"], "temperature is 0.2, which only contrastive"),
        (["--method", "supervised", "--decoupled"], "decoupled is True, which only contrastive"),
        (["--temperature", "-1"], "temperature is -1.0, expected above 0"),
        (["--recipe", "/nowhere.toml"], "/nowhere.toml"),
        (["--cache", "-1"], "cache is -1.0"),
        ([], "--shards is not given"),
    ],
)
def test_settings_that_do_not_go_together(refused: Callable[..., str], options: list[str], expected: str) -> None:
    assert expected in refused("pendtrain", "fit", *options)


def test_labels_tell_recipes_apart() -> None:
    assert Recipe(dim=2, similarity="cosine").label == "contrastive-d2-similarity-cosine"
    assert Recipe(decoupled=True).label == "contrastive-d1-decoupled"
    assert Recipe(method="supervised", loss="l1").label == "supervised-d1-loss-l1"
    assert Recipe(protocol="original").label == "contrastive-d1-protocol-original"


def test_settings_are_normalised(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    whole, real = Recipe(temperature=1, weight_decay=-0.0), Recipe(temperature=1.0, weight_decay=0.0)
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
    assert read == Recipe(epochs=20, temperature=1.0)
    assert type(asdict(read)["temperature"]) is float
    for made in (Recipe(), Recipe(method="supervised", loss="l1", dim=3), Recipe(dim=2, similarity="cosine")):
        assert Recipe.read(json.loads(json.dumps(asdict(made)))) == made


def test_a_recipe_may_grow() -> None:
    """A setting that did not exist gets the value that reproduces the run, not the default of today."""
    old = Grown.read(RECORDED)
    assert (old.optimiser, old.turns) == ("sgd", 0)
    assert old.label == Recipe.read(RECORDED).label  # found where it was
    assert Grown(epochs=20, temperature=1.0).label == f"{old.label}-optimiser-adamw"
    assert Grown.read(asdict(old)) == old
    new = Grown(epochs=20, temperature=1.0)
    assert Grown.read(asdict(new)) == new
    assert new != old


def test_a_recipe_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ValueError, match="recipe sets optimiser, which this version does not know; the run is of a ne"):
        Recipe.read(asdict(Grown()))
    with pytest.raises(ValueError, match="recipe lacks epochs, expected method, dim, seed"):
        Recipe.read({name: value for name, value in RECORDED.items() if name != "epochs"})
