"""Reads `dataset.json`, which may come from anybody: nothing in it is used before it has been looked through.

`SCHEMA` (JSON Schema, draft 2020-12) holds what training reads of it, of which kind and within which bounds; more may
be there. The shards have to hold as many pendulums as the splits say, in order.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from pendtrain.hdf5 import MOST_PACKED

FORMAT = "pendulum-dataset"
FORMAT_VERSIONS = (1, 2)
MOST_BYTES = 256 * 2**20
"""Of `dataset.json`: ten times what 100,000 shards take."""
PLAIN_NAME = r"^(?![.-])[^/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}$"
"""A name that is one part of a path, and no more than that on a terminal."""
_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53}
_NAME = {"type": "string", "pattern": PLAIN_NAME}
_RANGE = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_RANGES = {"type": "array", "items": _RANGE, "maxItems": 2000}


def _object(**properties: Any) -> dict[str, Any]:
    """An object that has all of these, and may have more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_SPLIT = _object(
    pendulums={**_COUNT, "minimum": 1, "maximum": 10**8},
    images={**_COUNT, "minimum": 1, "maximum": 10**5},
    time_range=_RANGE,
    energy_bands=_RANGES,
    energy_law=_NAME,
)
_SHARD = _object(file=_NAME, split=_NAME, first=_COUNT, records=_COUNT, bytes=_COUNT, sha256=_SHA256)
_POPULATION = _object(
    file=_NAME,
    images={**_COUNT, "minimum": 1, "maximum": 10**7},
    bins={**_COUNT, "minimum": 1, "maximum": 10**5},
    left_out={"type": "number"},
    bytes=_COUNT,
    sha256=_SHA256,
    digest=_SHA256,
)
SCHEMA = _object(
    content_version={"type": "string", "pattern": r"^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$"},
    name=_NAME,
    variant=_NAME,
    parameters={"type": "object"},
    protocol=_NAME,
    seed={"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    image_size={"type": "integer", "minimum": 1, "maximum": 2**14},
    bob_size=_COUNT,
    time_gap={"type": "number"},
    antialias={"type": "boolean"},
    energy_range=_RANGE,
    gaps=_RANGES,
    splits=_object(train=_SPLIT, test=_SPLIT),
    shards={"type": "array", "items": _SHARD, "minItems": 1},
    digest=_object(content=_SHA256),
)
SCHEMA["properties"]["population"] = {**_POPULATION, "type": ["object", "null"]}  # of version 2, where there is one
_INTEGERS = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)  # not 10.0
_CHECK = extend(Draft202012Validator, type_checker=_INTEGERS)(SCHEMA)  # type: ignore[no-untyped-call]


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in a file, looked through. Raises ValueError naming file, key and value where it is none."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, expected at most {MOST_BYTES}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:  # of text that is no UTF-8 or no JSON, and of endless nesting
        raise ValueError(f"{path} is not a dataset manifest: {problem}") from None
    if not isinstance(manifest, dict):
        raise ValueError(f"{path} is not a dataset manifest: it holds no object, {manifest!r:.60}")
    name, number = manifest.get("format"), manifest.get("format_version")
    if name != FORMAT or type(number) is not int or number not in FORMAT_VERSIONS:
        known = " or ".join(map(str, FORMAT_VERSIONS))
        raise ValueError(
            f"{path} says format {name!r:.60} {number!r:.60}, expected {FORMAT} {known}; rebuild the dataset or update"
        )
    if wrong := best_match(_CHECK.iter_errors(manifest)):
        raise ValueError(f"{path}: {told(wrong)}")
    if contradiction := _contradiction(manifest):
        raise ValueError(f"{path}: {contradiction}")
    return manifest


def told(problem: ValidationError) -> str:
    """What is wrong with a value, in one line: where it stands, what it is, what was expected."""
    place = problem.json_path.removeprefix("$").removeprefix(".") or "it"
    if problem.validator == "required":
        return f"{place} lacks {problem.message.split(chr(39))[1]}"
    expected: dict[str, Callable[[Any], str]] = {
        "enum": lambda values: f"expected {' or '.join(map(str, values))}",
        "type": lambda kind: f"expected {kind if isinstance(kind, str) else ' or '.join(kind)}",
        "minimum": lambda bound: f"expected {bound} or more",
        "maximum": lambda bound: f"expected {bound} at most",
        "minItems": lambda bound: f"expected {bound} entries or more",
        "maxItems": lambda bound: f"expected {bound} entries at most",
        "pattern": lambda pattern: {PLAIN_NAME: "expected a plain name"}.get(pattern, f"expected {pattern}"),
    }
    about = expected.get(str(problem.validator), lambda _: "expected something else")(problem.validator_value)
    return f"{place} is {problem.instance!r:.80}, {about}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, expected finite numbers")


def _contradiction(manifest: Mapping[str, Any]) -> str:
    """In what splits and shards contradict one another; "" where in nothing."""
    for split, facts in manifest["splits"].items():
        shards = sorted((each for each in manifest["shards"] if each["split"] == split), key=lambda each: each["first"])
        held = 0
        for shard in shards:
            if shard["first"] != held:
                return f"{shard['file']} begins with pendulum {shard['first']}, expected {held}"
            held += shard["records"]
            pixels = shard["records"] * facts["images"] * manifest["image_size"] ** 2 * 3
            if pixels > MOST_PACKED * shard["bytes"]:
                return f"{shard['file']} claims {pixels} bytes of pictures in {shard['bytes']} bytes"
        if held != facts["pendulums"]:
            return f"shards of split {split} hold {held} pendulums, expected {facts['pendulums']}"
    return ""
