"""What is known of recipes: the settings of Fig. 16 and what was added since, recipes with a name, and their words.

The settings are those of pendtrain's recipe, as embeddings carry them; a test holds the two together.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pendeval.attributes import clean

_FIRST: dict[str, Any] = {
    **{"epochs": 100, "batch": 512, "learning_rate": 0.02, "warmup_epochs": 5, "momentum": 0.9},
    **{"weight_decay": 1e-3, "clip_norm": 3.0, "protocol": "paper"},
}
"""General settings, as Fig. 16 has them; every version records these."""
_LATER: dict[str, Any] = {"encoder": "resnet18", "optimiser": "sgd", "averaging": 0.0}
"""General settings that a recipe gained since, with the value that reproduces the runs from before."""
PAPER_RECIPE: dict[str, Any] = {**_FIRST, **_LATER}
NAMED: dict[str, dict[str, Any]] = {
    "fast": {
        **{"optimiser": "muon", "learning_rate": 0.16, "momentum": 0.95, "batch": 64, "warmup_epochs": 1},
        **{"averaging": 0.99, "epochs": 20},
    }
}
"""Settings that stand in for those of Fig. 16, under the name that `pendtrain fit --recipe` knows them by."""
GENERAL = ("method", "dim", "seed", *PAPER_RECIPE)
"""Whatever else a recipe holds is a setting of its method alone."""
_FIRST_OWN: dict[str, dict[str, Any]] = {
    "contrastive": {"similarity": "euclidean", "temperature": 0.1, "decoupled": False},
    "supervised": {"loss": "mse"},
}
"""The own settings of the paper's methods, as it had them. Runs of version 1 hold those of both."""
_LATER_OWN: dict[str, dict[str, Any]] = {
    "contrastive": {"one_sided": False, "anneal_from": 0.0},
    "supervised": {"labelled": 1.0},
}
"""What they gained since."""
PAPER_OWN = {method: {**first, **_LATER_OWN[method]} for method, first in _FIRST_OWN.items()}
PAPER_ENCODERS = ("resnet18", "")
"""The paper's network; of a recipe that names none it is believed."""


def typed(given: Mapping[str, Any], method: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with every number of its type: a whole number for a float is that float.

    What a complete recipe lacks did not exist when it was written and has the value that reproduces it, so that the
    file is of the same condition as a later one that records it; what version 1 recorded of the other method says
    nothing. Empty where none is recorded.
    """
    usual = {**PAPER_RECIPE, **defaults, **PAPER_OWN.get(method, {})}
    found = {
        name: float(value) + 0.0 if isinstance(usual.get(name), float) and is_whole(value) else value
        for name, value in given.items()
    }
    if not is_complete(found, method):
        return found
    others = [own for other, own in _FIRST_OWN.items() if other != method] if method in _FIRST_OWN else []
    idle = {name: value for own in others for name, value in own.items()}
    told = {name: value for name, value in found.items() if _departs(found, name, idle)}
    return {**_LATER, **_LATER_OWN.get(method, {}), **told}


def departures(given: Mapping[str, Any], method: str, defaults: Mapping[str, Any]) -> tuple[str, str]:
    """How a typed recipe departs from the usual one: in the method's own settings, and in the schedule.

    Own settings are held against the paper's, or, of methods it has not, against `defaults`, which the file records;
    general ones against Fig. 16, or against the recipe with a name that leaves the fewest words.
    """
    usual = PAPER_OWN.get(method) or defaults
    own = [_words(name, given[name]) for name in given if name not in GENERAL and _departs(given, name, usual)]
    ways = [_schedule(given, "", {})]
    ways += [_schedule(given, name, held) for name, held in NAMED.items() if held.keys() <= given.keys()]
    unknown = ["the rest unknown"] if given and not is_complete(given, method) else []
    return clean(", ".join(own)), clean(", ".join(min(ways, key=len) + unknown))


def own_settings(given: Mapping[str, Any], method: str) -> set[str]:
    """The names of the method's own settings; none where the recipe is not known to be whole."""
    return given.keys() - {*GENERAL} if is_complete(given, method) else set()


def is_complete(recipe: Mapping[str, Any], method: str) -> bool:
    """Whether a recipe holds whatever every version recorded, so that it is known to be whole."""
    return {*_FIRST, *_FIRST_OWN.get(method, ())} <= recipe.keys()


def is_whole(value: Any) -> bool:
    """Whether a setting is a whole number that a float holds."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _schedule(given: Mapping[str, Any], name: str, held: Mapping[str, Any]) -> list[str]:
    """The general settings as a recipe's name, and how they depart from it."""
    usual = {**PAPER_RECIPE, **held, "protocol": given.get("protocol")}  # which is no part of the schedule
    words = [_words(each, given[each]) for each in given if each in PAPER_RECIPE and _departs(given, each, usual)]
    return [f"recipe {name}", *words] if name else words


def _departs(given: Mapping[str, Any], name: str, usual: Mapping[str, Any]) -> bool:
    """Whether a setting has no usual value, or another one."""
    return name not in usual or bool(given[name] != usual[name])


def _words(name: str, value: Any) -> str:
    """A setting as a person writes it: `1e-3` as 0.001, texts without quotes, of a switch its name alone."""
    words = name.replace("_", " ")
    if value is True:
        return words
    return f"{words} {value:g}" if isinstance(value, float) and float(f"{value:g}") == value else f"{words} {value}"


def method_words(method: str) -> str:
    """A method's name for people: of one from outside, `package.module:Class`, the class first; not too long."""
    module, _, name = method.rpartition(":")
    return clean(f"{name} ({module})" if module and name else method, 60)


def encoder_words(method: str, label: str, dim: int | str, layer: str, recipe: str) -> str:
    """An encoder for people: its method, or the label where a trainer names none, its outputs, and a layer's width.

    `dim` counts what was embedded; `recipe` is JSON, or whatever a table holds.
    """
    name = method_words(method) or label
    if not layer:
        return f"{name} d = {dim}".lstrip()
    with suppress(ValueError, KeyError, TypeError):  # nothing may be known of its outputs
        name = f"{name} d = {json.loads(recipe)['dim']}".lstrip()
    return ", ".join(filter(None, [name, f"{dim} {layer}"]))
