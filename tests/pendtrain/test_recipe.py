from collections.abc import Callable
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
        ("decoupled = 1", "decoupled is 1, expected bool"),
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
