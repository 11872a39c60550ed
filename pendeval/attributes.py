"""Attributes of an embeddings file as plain values, each of the type its name calls for.

They stand flat beside the data, as any HDF5 tool shows them: texts, numbers, and lists or objects as JSON texts. A
file may come from anywhere, so whatever later code relies on is checked here. What they mean is for `conditions`.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_TEXTS = (
    *("name", "variant", "protocol", "split", "digest", "population_digest", "energy_law"),
    *("method", "label", "layer", "learning", "precision", "device"),
)
_WHOLE = ("seed", "data_seed")
_COUNTS = ("dim", "image_size", "bob_size", "pendulums", "images")
_REAL = ("time_gap", "left_out")
_OBJECTS = ("parameters", "recipe", "defaults")
_BANDS = ("gaps", "energy_bands")
_PAIRS = ("time_range", "energy_range")
_LEVELS = ("eps_n", "eps_g", "alpha_c", "alpha_g", "num_gaps")
_ALL = (*_TEXTS, *_WHOLE, *_COUNTS, *_REAL, *_OBJECTS, *_BANDS, *_PAIRS, "antialias")
MOST_BANDS, MOST_LETTERS, MOST_DEPTH = 1001, 1000, 4
SETTINGS = tuple(f"{side}_{name}" for side in ("data", "train") for name in _ALL)
"""Every attribute that says what was embedded or what the encoder saw; whatever else a file holds is its own affair."""


def checked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as plain Python values. Raises ValueError naming the first that is not what its name calls for."""
    held = {key: plain(value) for key, value in attributes.items()}
    for side in ("data", "train"):
        for name in _TEXTS:
            value = held.get(f"{side}_{name}", "")
            _require(held, f"{side}_{name}", isinstance(value, (str, int)), "text")
            if isinstance(value, str) and value:
                held[f"{side}_{name}"] = clean(value, MOST_LETTERS)
        for name in (*_WHOLE, *_COUNTS):
            value = held.get(f"{side}_{name}", 1)
            least = 1 if name in _COUNTS else -(2**63)
            whole = isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63
            expected = "a whole number of 64 bits" + (", 1 or more" if least == 1 else "")
            _require(held, f"{side}_{name}", whole, expected)
        for name in _REAL:
            value = held.get(f"{side}_{name}", 0.0)
            _require(held, f"{side}_{name}", _finite(value), "a finite number")
        value = held.get(f"{side}_antialias", False)
        _require(held, f"{side}_antialias", isinstance(value, (bool, int)) and value in (0, 1), "true or false")
        for name in _OBJECTS:
            _check_object(held, f"{side}_{name}")
        for name in _BANDS:
            good = _bands(_parsed(held, f"{side}_{name}", []))
            _require(held, f"{side}_{name}", good, "JSON pairs of energies in [0, 1] that do not overlap")
        for name in _PAIRS:
            value = _parsed(held, f"{side}_{name}", [0, 1])
            good = isinstance(value, list) and len(value) == 2 and all(map(_finite, value)) and value[0] < value[1]
            _require(held, f"{side}_{name}", good, "a JSON pair, low below high")
    return held


def plain(value: Any) -> Any:
    """An HDF5 attribute as a Python value: NumPy scalars unwrapped, and text that UTF-8 can write."""
    if isinstance(value, np.ndarray) and value.size == 1:  # as some writers store single values
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value.item() if isinstance(value, np.generic) else value


def clean(text: str, most: int = 300) -> str:
    """Text on one line, of at most `most` characters, that UTF-8 can write and a terminal can show."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line)
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _require(held: Mapping[str, Any], name: str, good: bool, expected: str) -> None:
    if not good:
        raise ValueError(clean(f"attribute {name} is {held.get(name)!r}, expected {expected}"))


def _check_object(held: Mapping[str, Any], name: str) -> None:
    value = _parsed(held, name, {})
    _require(held, name, isinstance(value, dict) and _depth(value) <= MOST_DEPTH, "a JSON object, none too deep")
    for level in _LEVELS if name.endswith("parameters") else ():
        number = value.get(level, 0)
        if not _finite(number) or abs(number) >= 1e9:
            raise ValueError(clean(f"attribute {name} has {level} {number!r}, expected a number"))
    if "gap" in value and name.endswith("parameters"):
        _require(held, name, _bands(value["gap"]), "gaps as pairs of energies in [0, 1] that do not overlap")
    if "num_gaps" in value and name.endswith("parameters"):
        count = value["num_gaps"]
        _require(held, name, count == int(count) and 1 <= count <= 1000, "1 to 1000 gaps")


def _parsed(held: Mapping[str, Any], name: str, missing: Any) -> Any:
    text = held.get(name, "")
    _require(held, name, isinstance(text, (str, int, float)), "JSON")
    if text == "":
        return missing
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        raise ValueError(clean(f"attribute {name} is {text!r}, expected JSON")) from None


def _depth(value: Any) -> int:
    """How deep lists and objects lie in each other, as far as it matters."""
    level, depth = [value], 0
    while level and depth <= MOST_DEPTH:
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level, depth = [one for some in inner for one in some], depth + bool(inner)
    return depth


def _bands(value: Any) -> bool:
    try:
        borders = [border for low, high in sorted(value) for border in (low, high)]
        inside = all(0 <= border <= 1 for border in borders) and all(low < high for low, high in value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, list) and inside and borders == sorted(borders) and len(value) <= MOST_BANDS


def _finite(value: Any) -> bool:
    """Whether a value is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
