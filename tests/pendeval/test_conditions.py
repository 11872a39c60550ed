"""Which files are of one experiment: what makes another condition, what does not, and what contradicts itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pendeval import recipes
from pendeval.attributes import checked
from pendeval.conditions import Condition, condition_of
from pendeval.recipes import method_words
from pendeval.report import report
from pendeval.tables import COLUMNS

Write = Callable[..., Path]
RECIPE = {
    **{"method": "contrastive", "dim": 1, "seed": 0, "epochs": 100, "batch": 512, "protocol": "paper"},
    **{"similarity": "euclidean", "temperature": 0.1, "decoupled": False, "loss": "mse", "learning_rate": 0.02},
    **{"warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0},
}
SIDE = {
    **{"variant": "vanilla", "parameters": {}, "protocol": "paper", "image_size": 32, "bob_size": 3, "time_gap": 0.5},
    **{"antialias": False, "time_range": [0.0, 200.0], "energy_range": [0.0, 1.0], "gaps": []},
}
LATE = ("image_size", "bob_size", "time_gap", "antialias", "time_range", "energy_range")
EXAMPLES: dict[str, dict[str, Any]] = {
    "antialiased": {"antialias": True},
    "24 pixels": {"image_size": 24},
    "another time gap": {"time_gap": 0.25},
    "larger bobs": {"bob_size": 5},
    "restricted energies": {"energy_range": [0.2, 0.8]},
    "shorter times": {"time_range": [0.0, 20.0]},
    "the other protocol": {"protocol": "original"},
    "noise": {"variant": "numerical-noise", "parameters": {"eps_n": 0.1}},
    "more noise": {"variant": "numerical-noise", "parameters": {"eps_n": 0.100001}},
    "gaps": {"variant": "gaps", "parameters": {"alpha_g": 0.4, "num_gaps": 3}, "gaps": None},
    "one gap": {"variant": "gaps", "parameters": {"alpha_g": 0.4, "num_gaps": 1}, "gaps": None},
}


def attributes(**changes: Any) -> dict[str, Any]:
    """Attributes of vanilla embedded by an encoder trained on it; a change of None leaves one out."""
    held: dict[str, Any] = {f"{side}_{name}": value for side in ("data", "train") for name, value in SIDE.items()}
    held |= {"data_name": "vanilla", "train_name": "vanilla", "data_split": "test", "data_seed": 0}
    held |= {"data_digest": "a" * 64, "train_digest": "a" * 64, "train_data_seed": 0}
    held |= {"data_energy_law": "uniform", "data_energy_bands": [[0.0, 1.0]], "data_pendulums": 5120}
    held |= {"data_images": 20, "train_pendulums": 5120, "train_images": 20, "train_method": "contrastive"}
    held |= {"train_dim": 1, "train_seed": 0, "train_label": "contrastive-d1", "train_recipe": RECIPE}
    held = {key: value for key, value in (held | changes).items() if value is not None}
    return {key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in held.items()}


def both(**changes: Any) -> dict[str, Any]:
    """Attributes with the same settings changed on both sides, and another digest."""
    digest = json.dumps(changes).encode().hex()[:64]
    return {f"{side}_{name}": value for side in ("data", "train") for name, value in changes.items()} | {
        "data_digest": digest,
        "train_digest": digest,
    }


def condition(dim: int = 1, file: str = "f" * 64, **changes: Any) -> Condition:
    return condition_of(checked(attributes(**changes)), dim, file)


def recipe(**changes: Any) -> dict[str, Any]:
    """A recipe with some settings changed, or left out where None."""
    held = {**RECIPE, **changes}
    return {"train_recipe": {key: value for key, value in held.items() if value is not None}}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_setting_of_the_data_makes_another_condition(name: str) -> None:
    plain, other = condition(), condition(**both(**EXAMPLES[name]))
    assert plain.key("all") != other.key("all")
    assert plain.counterpart("all") != other.counterpart("all")
    assert other.own is True
    for variant, changed in EXAMPLES.items():
        assert (condition(**both(**changed)).key("all") == other.key("all")) == (variant == name)
    scored = condition(**{f"data_{key}": value for key, value in EXAMPLES[name].items()}, data_digest="b" * 64)
    seen = condition(**{f"train_{key}": value for key, value in EXAMPLES[name].items()}, train_digest="b" * 64)
    assert len({one.key("all") for one in (plain, other, scored, seen)}) == 4
    assert scored.own is False
    assert seen.own is False


@pytest.mark.parametrize(
    ("changed", "usual"),
    [(changed, set(changed) <= {"variant", "parameters", "protocol", "gaps"}) for changed in EXAMPLES.values()],
    ids=list(EXAMPLES),
)
def test_what_is_usual(changed: dict[str, Any], usual: bool) -> None:
    law = {"data_energy_law": "linspace", "data_time_range": [0.0, 10.0]} if "protocol" in changed else {}
    assert condition(**both(**changed), **law).usual is usual
    assert condition().usual
    assert condition(**{f"train_{key}": value for key, value in changed.items()}, train_digest="b" * 64).usual is usual


def test_a_test_split_of_other_energies_is_another_condition() -> None:
    some = condition(data_energy_bands=[[0.0, 0.3], [0.7, 1.0]])
    assert some.key("all") != condition().key("all")
    assert not some.usual
    assert "0.7" in some.columns()["data_words"]
    assert condition(data_energy_law="linspace").key("all") != condition().key("all")
    assert condition(data_energy_bands=[[0, 1]]).key("all") == condition().key("all")


@pytest.mark.parametrize(
    "changes",
    [
        {"data_seed": 1, "train_data_seed": 1, "data_digest": "c" * 64, "train_digest": "c" * 64},
        {"train_seed": 7, **recipe(seed=7)},
        {"data_name": "a", "train_name": "b"},
        {"train_label": "as you like"},
        {"train_precision": "bfloat16", "train_device": "cuda"},
        recipe(temperature=0.1, clip_norm=3, momentum=0.9),  # a whole number for a float
        {"data_time_range": [0, 200], "train_time_gap": 0.5},
        {"train_time_range": "[0.0, 2e2]"},
    ],
)
def test_seeds_names_and_spelling_change_nothing(changes: dict[str, Any]) -> None:
    assert condition(**changes).key("all") == condition().key("all")
    assert condition(**changes).counterpart("all") == condition().counterpart("all")


@pytest.mark.parametrize(
    "changes",
    [
        {"data_pendulums": 100},
        {"data_images": 5},
        {"train_pendulums": 256},
        {"train_images": 10},
        {"data_split": "train"},
        recipe(epochs=20),
        recipe(protocol="original"),
        recipe(encoder="table"),
        recipe(optimiser="adamw"),
        {"train_layer": "features"},
    ],
)
def test_sizes_splits_and_schedules_make_another_condition(changes: dict[str, Any]) -> None:
    assert condition(**changes).key("all") != condition().key("all")
    assert condition(**changes).counterpart("all") != condition().counterpart("all")
    assert condition(**changes).own is True


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0.2},
        {"temperature": 0.1000000001},
        {"decoupled": True},
        {"loss": "l1"},
        {"brand_new": "setting"},
    ],
)
def test_a_methods_own_settings_make_another_condition_to_compare(changes: dict[str, Any]) -> None:
    assert condition(**recipe(**changes)).key("all") != condition().key("all")
    assert condition(**recipe(**changes)).counterpart("all") == condition().counterpart("all")


def test_views_and_outputs_make_another_condition() -> None:
    two = condition(2, train_dim=2, **recipe(dim=2))
    assert len({condition().key("all"), condition().key("visible"), two.key("all"), two.key("visible")}) == 4


def test_methods_are_counterparts_and_not_one_condition() -> None:
    other = condition(train_method="supervised", train_label="supervised-d1", **recipe(method="supervised"))
    assert other.key("all") != condition().key("all")
    assert other.counterpart("all") == condition().counterpart("all")
    absolute = condition(train_method="supervised", **recipe(method="supervised", loss="l1"))
    assert absolute.counterpart("all") == condition().counterpart("all")
    partly = [condition(train_recipe={"lr": rate}) for rate in (0.1, 0.2)]  # which of it is the method's own?
    assert partly[0].counterpart("all") != partly[1].counterpart("all")
    near = [condition(**recipe(learning_rate=rate)) for rate in (0.0200001, 0.0200002)]
    assert near[0].counterpart("all") != near[1].counterpart("all")
    assert near[0].departures[1] == "learning rate 0.0200001"


def test_recipes_in_words() -> None:
    def words(**changes: Any) -> tuple[str, str, bool]:
        one = condition(changes.get("dim", 1), train_dim=None, **recipe(**changes))
        return (*one.departures, one.full)

    assert words() == ("", "", True)
    assert words(protocol="original") == ("", "", True)
    assert words(epochs=20) == ("", "epochs 20", False)
    assert words(temperature=0.2) == ("temperature 0.2", "", True)
    assert words(decoupled=True, weight_decay=0.0) == ("decoupled", "weight decay 0", False)
    assert words(similarity="cosine", dim=2, optimiser="adam") == ("similarity cosine", "optimiser adam", False)
    assert words(brand_new="setting") == ("brand new setting", "", True)
    assert words(encoder="table", epochs=7) == ("", "encoder table, epochs 7", False)
    assert not condition(train_pendulums=5119).full
    assert not condition(train_images=19).full
    assert condition(train_pendulums=6000, train_images=30).full


VERSION_1 = {  # what runs of version 1 recorded, whatever their method
    "contrastive": """{"method": "contrastive", "dim": 1, "seed": 0, "epochs": 1, "batch": 6, "protocol": "paper",
        "similarity": "euclidean", "temperature": 0.1, "decoupled": false, "loss": "mse", "learning_rate": 0.02,
        "warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0}""",
    "supervised": """{"method": "supervised", "dim": 1, "seed": 0, "epochs": 1, "batch": 6, "protocol": "paper",
        "similarity": "euclidean", "temperature": 0.1, "decoupled": false, "loss": "mse", "learning_rate": 0.02,
        "warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0}""",
}
NOW = {  # what the same runs record since methods have settings of their own
    "contrastive": """{"method": "contrastive", "dim": 1, "seed": 0, "epochs": 1, "batch": 6, "protocol": "paper",
        "learning_rate": 0.02, "warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0,
        "encoder": "resnet18", "optimiser": "sgd", "similarity": "euclidean", "temperature": 0.1, "decoupled": false,
        "one_sided": false, "anneal_from": 0.0}""",
    "supervised": """{"method": "supervised", "dim": 1, "seed": 0, "epochs": 1, "batch": 6, "protocol": "paper",
        "learning_rate": 0.02, "warmup_epochs": 5, "momentum": 0.9, "weight_decay": 0.001, "clip_norm": 3.0,
        "encoder": "resnet18", "optimiser": "sgd", "loss": "mse", "labelled": 1.0}""",
}


@pytest.mark.parametrize("method", VERSION_1)
def test_runs_of_version_1_are_of_the_condition_of_later_ones(method: str) -> None:
    def written(text: str, **changes: Any) -> Condition:
        held = {"train_method": method, "train_label": None, "train_defaults": None}
        return condition(**{**held, "train_recipe": json.loads(text) | changes})

    old, new = written(VERSION_1[method]), written(NOW[method])
    assert old.key("all") == new.key("all")
    assert old.counterpart("all") == new.counterpart("all")
    assert old.columns() == new.columns()
    assert new.departures == ("", "batch 6, epochs 1")
    assert (new.encoder, new.labelled) == (
        "resnet18",
        pytest.approx(1.0 if method == "supervised" else np.nan, nan_ok=True),
    )
    for name, value in {"temperature": 0.2, "loss": "l1"}.items():  # of the other method too, if it is no default
        assert written(VERSION_1[method], **{name: value}).key("all") != old.key("all")
    later = {"contrastive": {"one_sided": True}, "supervised": {"labelled": 0.1}}[method]
    assert written(NOW[method], **later).key("all") != new.key("all")
    assert written(NOW[method], **later).departures[0] in ("one sided", "labelled 0.1")


def test_a_recipe_may_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    before = condition()
    for known in (recipes._LATER, recipes.PAPER_RECIPE):
        monkeypatch.setitem(known, "rounding", "none")
    monkeypatch.setattr(recipes, "GENERAL", (*recipes.GENERAL, "rounding"))
    old, new = condition(), condition(**recipe(rounding="none"))
    assert old.key("all") == new.key("all")
    assert old.departures == new.departures == before.departures == ("", "")
    assert condition(**recipe(rounding="up")).departures == ("", "rounding up")
    partly = condition(train_recipe={"similarity": "euclidean"})  # no version recorded so little: not known to be whole
    assert partly.key("all") != new.key("all")
    assert not partly.full
    assert partly.departures == ("", "the rest unknown")
    assert partly.encoder == ""


def test_a_recipe_with_a_name_is_called_by_it() -> None:
    """And by what departs from it; another that is as near to Fig. 16 is called by its departures alone."""
    fast = recipes.NAMED["fast"]
    assert condition(**recipe(**fast)).departures == ("", "recipe fast")
    assert condition(**recipe(**fast, weight_decay=0.0)).departures == ("", "recipe fast, weight decay 0")
    assert condition(**recipe(**fast | {"epochs": 7})).departures == ("", "recipe fast, epochs 7")
    assert condition(**recipe(optimiser="muon", epochs=20)).departures == ("", "epochs 20, optimiser muon")
    assert condition(**recipe(**fast, temperature=0.2)).departures == ("temperature 0.2", "recipe fast")
    assert not condition(**recipe(**fast)).full


def general(method: str, **own: Any) -> dict[str, Any]:
    """Attributes of a file of another method, with its own settings."""
    held = {name: value for name, value in RECIPE.items() if name in recipes.GENERAL}
    return {"train_method": method, "train_label": None, "train_recipe": held | {"method": method} | own}


def test_settings_of_other_methods_are_held_against_the_defaults_they_had() -> None:
    told = {"train_defaults": {"weight": 25.0, "momentum_encoder": 0.99, "stop": True}}
    own = {"weight": 25.0, "momentum_encoder": 0.99, "stop": True}
    usual = condition(**general("vicreg", **own), **told)
    assert usual.departures == ("", "")
    assert usual.full
    assert np.isnan(usual.labelled)
    assert condition(**general("vicreg", **own | {"weight": 10}), **told).departures == ("weight 10", "")
    assert condition(**general("vicreg", **own)).departures[0] == "momentum encoder 0.99, stop, weight 25"
    assert condition(**general("vicreg", **own)).key("all") == usual.key("all")  # defaults are for words
    whole = condition(**general("vicreg", **own | {"weight": 25}), **told)
    assert whole.key("all") == usual.key("all")
    alike = condition(**general("spectral", temperature=0.1, loss="mse"))  # nobody's idle settings: its own
    assert alike.departures[0] == "loss mse, temperature 0.1"
    assert alike.key("all") != condition(**general("spectral", temperature=0.1)).key("all")
    few = condition(**general("joint", labelled=0.01), train_defaults={"labelled": 0.01})
    assert (few.labelled, few.departures[0]) == (0.01, "")
    assert few.counterpart("all") == usual.counterpart("all") == condition().counterpart("all")
    paper = {"train_defaults": {"temperature": 0.5}}  # whatever becomes the default, the paper's stays the paper's
    assert condition(**paper).departures == ("", "")
    assert condition(**paper, **recipe(temperature=0.5)).departures == ("temperature 0.5", "")


def test_layers_and_encoders_stand_apart() -> None:
    wide = {"train_layer": "features"}
    one, two = condition(512, **wide), condition(512, **wide, train_dim=2, **recipe(dim=2))
    assert (
        len(
            {
                one.key("all"),
                two.key("all"),
                condition().key("all"),
                condition(512, train_dim=None, **recipe(dim=None)).key("all"),
            }
        )
        == 4
    )
    assert one.counterpart("all") != two.counterpart("all")  # of encoders with one output and with two
    supervised = condition(512, **wide, train_method="supervised", **recipe(method="supervised"))
    assert supervised.counterpart("all") == one.counterpart("all")
    assert (one.columns()["layer"], one.columns()["dim"], one.full) == ("features", 512, False)
    with pytest.raises(ValueError, match="train_dim is 2, but train_recipe has dim 1"):
        condition(512, **wide, train_dim=2)
    table = condition(**recipe(encoder="table"))
    assert (table.encoder, table.full, table.usual) == ("table", False, True)


def test_names_of_methods_for_people() -> None:
    assert method_words("contrastive") == "contrastive"
    assert method_words("lab.methods:Mine") == "Mine (lab.methods)"
    assert method_words("a:b:C") == "C (a:b)"
    assert method_words(":C") == ":C"
    assert method_words("C:") == "C:"
    assert len(method_words("m" * 500 + ":C")) == 60


def test_unknown_equals_nothing_but_the_same_content() -> None:
    unknown = dict.fromkeys(f"{side}_{name}" for side in ("data", "train") for name in LATE)
    unknown |= {"train_pendulums": None, "train_images": None}
    old = condition(**unknown)
    assert old.key("all") != condition().key("all")
    assert not old.usual
    assert not old.full
    assert old.own is True  # equal digests
    assert old.columns()["data_words"] == "vanilla, settings unknown"
    assert condition(**unknown, train_seed=5, **recipe(seed=5)).key("all") == old.key("all")
    other = {"data_digest": "d" * 64, "train_digest": "d" * 64}
    assert condition(**(unknown | other)).key("all") != old.key("all")
    elsewhere = condition(**(unknown | {"train_digest": "d" * 64}))
    assert elsewhere.own is None
    assert elsewhere.key("all") != old.key("all")
    noisy = {"train_digest": "d" * 64, "train_variant": "numerical-noise", "train_parameters": {"eps_n": 0.1}}
    assert condition(**(unknown | noisy)).own is False  # what is known differs


@pytest.mark.parametrize("name", [f"{side}_{name}" for side in ("data", "train") for name in LATE])
def test_one_unknown_setting_is_enough(name: str) -> None:
    other = {"train_digest": "d" * 64}
    partly = condition(**{name: None}, **other)
    assert partly.key("all") != condition(**other).key("all")
    assert partly.own is None
    assert not partly.usual
    assert condition(**other).own is True


@pytest.mark.parametrize("name", ["train_pendulums", "train_images", "data_energy_law", "data_energy_bands"])
def test_unknown_sizes_and_laws_equal_nothing_either(name: str) -> None:
    plain, other = condition(**{name: None}), condition(**{name: None}, data_digest="e" * 64, train_digest="e" * 64)
    assert plain.key("all") != other.key("all")


def test_files_that_say_nothing_are_each_their_own() -> None:
    bare = [condition_of({}, 1, digit * 64) for digit in "12"]
    assert bare[0].key("all") != bare[1].key("all")
    assert bare[0].own is None
    assert bare[0].columns()["data_words"] == "data unknown"
    assert bare[0].recipe_protocol == ""
    unnamed = [condition(file=digit * 64, train_recipe=None, train_label=None) for digit in "12"]
    assert unnamed[0].key("all") != unnamed[1].key("all")  # two encoders of which nothing is told
    named = [condition(file=digit * 64, train_recipe=None, train_label="mine") for digit in "12"]
    assert named[0].key("all") == named[1].key("all")
    assert named[0].departures == ("", "recipe of mine")


def test_data_in_words() -> None:
    def words(**changed: Any) -> str:
        return condition(**both(**changed)).columns()["data_words"]

    assert words() == "vanilla"
    assert words(protocol="original", time_range=[0.0, 10.0]) == "vanilla, original"
    assert words(variant="numerical-noise", parameters={"eps_n": 0.1}) == "numerical-noise, ε_n 0.1"
    assert words(variant="numerical-noise", parameters={"eps_n": 1}) == "numerical-noise, ε_n 1"
    assert words(variant="gaps", parameters={"alpha_g": 0.4}, gaps=None) == "gaps, α_g 0.4"
    assert words(variant="gaps", parameters={"gap": [[0.3, 0.7]]}, gaps=None) == "gaps, gap [[0.3, 0.7]]"
    assert words(antialias=True, image_size=24) == "vanilla, 24 px, antialiased"
    assert words(variant="large", image_size=100) == "large"
    assert words(variant="large", image_size=32) == "large, 32 px"
    assert words(energy_range=[0.2, 0.8], time_range=[0.0, 20.0], bob_size=5, time_gap=1.0) == (
        "vanilla, bobs 5 px, time gap 1, trained energies 0.2 to 0.8, times 0 to 20"
    )
    assert words(variant="\x1b[2Jmine\nand yours") == "�[2Jmine and yours"


def test_levels() -> None:
    def level(variant: str, parameters: dict[str, Any], protocol: str = "paper") -> float:
        one = condition(**both(variant=variant, parameters=parameters, protocol=protocol, gaps=None))
        return float(one.data.level)

    assert level("vanilla", {}) == level("large", {}) == 0.0
    assert level("numerical-noise", {"eps_n": 0.1 + 1e-13}) == 0.1
    assert level("cropping", {"alpha_c": 0.75}) == 0.75
    assert level("gaps", {"alpha_g": 0.4, "num_gaps": 3}) == level("gaps", {"alpha_g": 0.4}) == 0.4
    assert level("gaps", {"alpha_g": 0.4, "num_gaps": 4}, "original") == 0.4
    assert np.isnan(level("gaps", {"alpha_g": 0.4, "num_gaps": 4}))
    assert np.isnan(level("gaps", {"gap": [[0.3, 0.7]]}))
    assert np.isnan(level("mine", {"eps_n": 0.1}))
    same = [condition(**both(variant="gaps", parameters=held, gaps=None)) for held in ({"alpha_g": 0.4},)]
    same += [condition(**both(variant="gaps", parameters={"num_gaps": 3, "alpha_g": 0.4}, gaps=None))]
    assert same[0].key("all") == same[1].key("all")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_method": "supervised"}, "train_method is 'supervised', but train_recipe has method 'contrastive'"),
        ({"train_seed": 3}, "train_seed is 3, but train_recipe has seed 0"),
        ({"train_dim": 2}, "train_dim is 2, but the embedding has 1 outputs"),
        (recipe(dim=3), "train_recipe's dim is 3, but the embedding has 1 outputs"),
        (both(parameters={"eps_n": 0.1}), 'data_parameters is {"eps_n": 0.1}, which variant vanilla cannot have'),
        (both(variant="cropping"), "data_parameters is {}, which variant cropping cannot have"),
        ({"train_parameters": {"alpha_c": 0.5}}, 'train_parameters is {"alpha_c": 0.5}, which variant vanilla'),
        (
            both(variant="gaps", parameters={"alpha_g": 0.4, "num_gaps": 3}, gaps=[[0.1, 0.2]]),
            'data_gaps is [[0.1, 0.2]], which data_parameters {"alpha_g": 0.4, "num_gaps": 3} does not give',
        ),
        ({"train_gaps": [[0.3, 0.7]]}, "train_gaps is [[0.3, 0.7]], which train_parameters {} does not give"),
        (
            both(variant="gaps", parameters={"gap": [[0.3, 0.7]]}, gaps=[[0.3, 0.6]]),
            "data_gaps is [[0.3, 0.6]], which data_parameters",
        ),
        ({"train_bob_size": 5}, "data_digest and train_digest are equal, but the settings of the two sides differ"),
        ({"data_seed": 1}, "data_digest and train_digest are equal, but the settings of the two sides differ"),
        ({"train_variant": "large", "train_image_size": 100}, "data_digest and train_digest are equal"),
    ],
)
def test_contradictions_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        condition(**changes)
    assert words in str(caught.value)


def test_gaps_that_agree_are_no_contradiction() -> None:
    third = 0.4 / 3
    gaps = [[0.15 + k * (0.15 + third), 0.15 + k * (0.15 + third) + third] for k in range(3)]
    condition(**both(variant="gaps", parameters={"alpha_g": 0.4, "num_gaps": 3}, gaps=gaps))
    condition(**both(variant="gaps", parameters={"alpha_g": 0.4, "num_gaps": 3}, gaps=gaps[::-1]))
    condition(**both(variant="mine", parameters={"anything": [1, 2]}, gaps=[[0.1, 0.2]]))


def test_the_original_protocols_times_are_no_other_data() -> None:
    """Its test split has times of its own, so that training times are not to be held against those embedded."""
    own = {"data_protocol": "original", "train_protocol": "original", "data_time_range": [0.0, 10.0]}
    one = condition(**own, data_energy_law="linspace", data_images=1, train_digest="d" * 64)
    assert one.own is True
    assert one.usual
    assert not condition(**own, train_time_range=[0.0, 50.0], data_energy_law="linspace", train_digest="d" * 64).usual


def test_conditions_stand_apart_in_every_table(tmp_path: Path, write_run: Write) -> None:
    small = {"pendulums": 60, "images": 3, "population": True}
    for method in ("contrastive", "supervised"):
        write_run(0, method, **small)
        write_run(1, method, **small)
        for name, changed in EXAMPLES.items():
            if "variant" not in changed and "protocol" not in changed:
                write_run(0, method, data=changed, data_name="vanilla", train_label=f"{method}-d1-{name}", **small)
        write_run(0, method, recipe={"epochs": 20}, train_label=f"{method}-d1", train_name="vanilla-20", **small)
    frames = report([tmp_path / "runs"], tmp_path / "out", csv_only=True, quiet=True).frames
    runs = frames["runs"]
    assert len(runs) == 18
    assert runs["condition"].nunique() == 16
    assert set(runs["dataset"]) == {"vanilla"}
    scores = frames["summary"].query("measure == 'population_global'").set_index("condition")
    assert sorted(scores["n"]) == [1] * 14 + [2] * 2
    pairs = frames["comparisons"].query("measure == 'population_global'")
    assert sorted(pairs["n"]) == [1] * 7 + [2]
    words = ["vanilla", "vanilla", "vanilla, antialiased", "vanilla, 24 px", "vanilla, time gap 0.25"]
    words += ["vanilla, bobs 5 px", "vanilla, times 0 to 20", "vanilla, trained energies 0.2 to 0.8"]
    assert sorted(pairs["data_words"]) == sorted(words)
    assert sorted(pairs["schedule"]) == [""] * 7 + ["epochs 20"]
    assert frames["segments"]["condition"].nunique() == 16
    assert frames["agreement"]["condition_a"].nunique() == 16
    together = frames["agreement"].query("pairing == 'seed with seed'")
    assert sorted(together["n"]) == [1, 1]
    usual = runs[runs["usual"]]
    assert usual["data_words"].eq("vanilla").all()
    assert len(usual) == 6
    assert runs["own"].all()
    printed = frames["summary"]["published_original_law"].notna()
    assert frames["summary"][printed]["usual"].all()
    for name in ("runs", "segments", "summary", "comparisons"):
        table = pd.read_csv(tmp_path / "out" / f"{name}.csv")
        assert tuple(table.columns) == tuple(COLUMNS[name])
