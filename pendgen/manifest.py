"""Reads `dataset.json`, which may come from anybody: nothing in it is used before it has been looked through.

`SCHEMA` (JSON Schema, draft 2020-12) says what every version holds and of which kind. What follows from the settings,
the splits above all, has to follow from them here as well; and the shards have to hold as many records as the splits.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from pendgen.dataset import PROTOCOLS, SPLITS, Dataset
from pendgen.format import FORMAT, MANIFEST, READABLE, describe
from pendgen.licence import LICENSE
from pendgen.nearest import nearest_path
from pendgen.variants import create

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
    energy_bands={**_RANGES, "minItems": 1},
    energy_law={"enum": ["uniform", "linspace"]},
)
_SHARD = _object(file=_NAME, split={"enum": list(SPLITS)}, first=_COUNT, records=_COUNT, bytes=_COUNT, sha256=_SHA256)
_POPULATION = _object(
    file=_NAME,
    images={**_COUNT, "minimum": 1, "maximum": 10**7},
    bins={**_COUNT, "minimum": 1, "maximum": 10**5},
    left_out={"type": "number"},
    bytes=_COUNT,
    sha256=_SHA256,
    digest=_SHA256,
)
_PATTERNS = {PLAIN_NAME: "expected a plain name", LICENSE: "expected an SPDX identifier such as CC-BY-4.0"}
SCHEMA = _object(
    content_version={"type": "string", "pattern": r"^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}$"},
    name=_NAME,
    variant={"type": "string", "pattern": PLAIN_NAME},
    parameters={"type": "object"},
    protocol={"enum": list(PROTOCOLS)},
    seed={"type": "integer"},
    container={"enum": ["hdf5", "webdataset"]},
    image_size={"type": "integer"},
    bob_size={"type": "integer"},
    time_gap={"type": "number"},
    antialias={"type": "boolean"},
    energy_range=_RANGE,
    gaps=_RANGES,
    splits=_object(train=_SPLIT, test=_SPLIT),
    fields={"type": "object"},
    oracle_error=_object(train={"type": "number"}, test={"type": "number"}),
    shards={"type": "array", "items": _SHARD},
    digest=_object(content=_SHA256),
    provenance={"type": "object"},
)
SCHEMA["properties"]["population"] = {**_POPULATION, "type": ["object", "null"]}  # of version 2, where there is one
SCHEMA["properties"]["license"] = {"type": "string", "pattern": LICENSE}  # where the owner chose one
_INTEGERS = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)  # not 10.0
_CHECK = extend(Draft202012Validator, type_checker=_INTEGERS)(SCHEMA)  # type: ignore[no-untyped-call]


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a finished dataset directory, looked through.

    Raises FileNotFoundError where it is missing or unfinished, ValueError naming file, key and value where it is of
    another format or version, or holds what no manifest can.
    """
    path = directory / MANIFEST
    if not directory.is_dir():
        raise FileNotFoundError(f"no dataset directory {directory}{nearest_path(directory)}")
    if not path.is_file():
        raise FileNotFoundError(f"{directory} has no {MANIFEST}: not a dataset, or a build that did not finish")
    manifest = _object_in(path)
    name, number = manifest.get("format"), manifest.get("format_version")
    if name != FORMAT or type(number) is not int or number not in READABLE:
        known = " or ".join(map(str, READABLE))
        raise ValueError(f"{path} says format {name!r:.60} {number!r:.60}, expected {FORMAT} {known}")
    try:
        if wrong := best_match(_CHECK.iter_errors(manifest)):
            raise ValueError(told(wrong))
        _look_through(manifest)
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from None
    return manifest


def told(problem: ValidationError) -> str:
    """What is wrong with a value, in one line: where it stands, what it is, what was expected."""
    place = problem.json_path.removeprefix("$").removeprefix(".") or "it"
    if problem.validator == "required":
        return f"{place} lacks {problem.message.split(chr(39))[1]}"
    expected: dict[str, Callable[[Any], str]] = {
        "type": lambda kind: f"expected {kind if isinstance(kind, str) else ' or '.join(kind)}",
        "enum": lambda values: f"expected {' or '.join(map(str, values))}",
        "minimum": lambda bound: f"expected {bound} or more",
        "maximum": lambda bound: f"expected {bound} at most",
        "minItems": lambda bound: f"expected {bound} entries or more",
        "maxItems": lambda bound: f"expected {bound} entries at most",
        "pattern": lambda pattern: _PATTERNS.get(pattern, f"expected {pattern}"),
    }
    about = expected.get(str(problem.validator), lambda _: "expected something else")(problem.validator_value)
    return f"{place} is {problem.instance!r:.80}, {about}"


def settings(manifest: Mapping[str, Any]) -> Dataset:
    """The settings a dataset was built with, from its manifest. Raises ValueError where they are impossible."""
    train = manifest["splits"]["train"]
    given = {
        **{key: manifest[key] for key in ("protocol", "seed", "bob_size", "time_gap", "antialias")},
        "variant": create(manifest["variant"], manifest["protocol"], **manifest["parameters"]),
        "size": manifest["image_size"],
        "pendulums": train["pendulums"],
        "images": train["images"],
        "time_range": tuple(train["time_range"]),
        "energy_range": tuple(manifest["energy_range"]),
    }
    return Dataset(**given)


def _object_in(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds. Raises ValueError naming the file."""
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, expected at most {MOST_BYTES}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:  # of text that is no UTF-8 or no JSON, and of endless nesting
        raise ValueError(f"{path} is not a dataset manifest: {problem}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not a dataset manifest: it holds no object, {found!r:.60}")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}, expected finite numbers")


def _look_through(manifest: dict[str, Any]) -> None:
    """Raise ValueError where parts of a manifest contradict one another."""
    try:
        wanted = describe(settings(manifest), manifest["name"], manifest["container"])
    except (TypeError, OverflowError) as problem:  # a parameter of a kind that no variant has
        raise ValueError(f"parameters are {manifest['parameters']!r:.80}: {problem}") from None
    pairs = {key: (manifest[key], wanted[key]) for key in ("gaps", "parameters")}
    for split in SPLITS:
        of_split = manifest["splits"][split]
        pairs |= {f"splits.{split}.{key}": (of_split[key], value) for key, value in wanted["splits"][split].items()}
    for key, (found, expected) in pairs.items():
        if found != expected:
            raise ValueError(f"{key} is {found!r:.80}, expected {expected!r:.80} by the other settings")
    for split in SPLITS:
        shards = sorted((each for each in manifest["shards"] if each["split"] == split), key=lambda each: each["first"])
        held = 0
        for shard in shards:
            if shard["first"] != held:
                raise ValueError(f"{shard['file']} begins with pendulum {shard['first']}, expected {held}")
            held += shard["records"]
        if held != manifest["splits"][split]["pendulums"]:
            raise ValueError(
                f"shards of split {split} hold {held} pendulums, expected {manifest['splits'][split]['pendulums']}"
            )
    seen: set[str] = set()
    for name in (each["file"] for each in manifest["shards"]):
        if name in seen:
            raise ValueError(f"shard {name} is there twice")
        seen.add(name)
