"""The run directory, format "pendulum-run" version 2. This is its specification.

    runs/<dataset name>/<label>/seed-<n>/
        run.json              format, format_version, status, recipe, label, dataset, environment, times
        metrics.csv           step, epoch, loss, learning_rate, gradient_norm, images_per_second; images seen and
                              seconds of training up to then; and every few epochs, else empty, spearman and
                              local_spearman with the oracle's beside them (watch.py)
        checkpoint.pt         latest full state while the run is not complete; see checkpoint.py
        encoder.safetensors   state_dict of torchvision.models.resnet18(num_classes=dim); of encoders table and
                              optimum their images, uint8 (U, S, S, 3), and vectors, float32 (U, dim)
        embeddings/           <dataset name>-<split>.h5; see embedding_file.py

`began` is when the run first began, `train_seconds` how long all its legs trained, up to the last sign of life; the
other facts are those of the last leg. `encoder_sha256` is that of encoder.safetensors, hexadecimal.
`status` is `running`, `stopped` (by a signal), `complete` or `failed` (then `reason` says why).
`run.json` says `complete` only when everything else stands. A directory without it is not a run. While it is
`running`, `heartbeat` is the time, in UTC, of a moment not long ago; of a complete one `learning` says `ok`,
or `constant` (all images have one embedding).

`recipe` holds every setting by name, general ones and the method's own; one that is missing did not exist when the
run began (`Recipe.read`).
`dataset` holds what the encoder is trained on: name, variant, parameters, protocol, seed, gaps, image_size, bob_size,
time_gap, antialias, energy_range, content_version; of the training split time_range, pendulums and images; digest
and directory. `environment` holds device, device_type, precision ("float32" or "bfloat16"), threads, cores, world,
python, packages; where a run went on elsewhere, `mixed` names those that changed under way.

Version 1 lacked bob_size, time_gap, antialias, energy_range, time_range, pendulums and images in `dataset`, and
`mixed`. Its runs go on, as version 2. It named directories by settings as they were typed: `temperature-1` where a
recipe file said 1; such a directory is found again.
"""

import json
import os
import secrets
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from pendtrain.manifest import told
from pendtrain.recipe import Recipe, differences
from pendtrain.shards import Dataset

FORMAT, FORMAT_VERSION = "pendulum-run", 2
METRICS = (
    *("step", "epoch", "loss", "learning_rate", "gradient_norm", "images_per_second", "images", "seconds"),
    *("spearman", "local_spearman", "oracle_spearman", "oracle_local_spearman"),
)
_SETTINGS = (
    *("name", "variant", "parameters", "protocol", "seed", "gaps"),
    *("image_size", "bob_size", "time_gap", "antialias", "energy_range", "content_version"),
)
_OF_SPLIT = ("time_range", "pendulums", "images")


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["status", "recipe", "dataset"],
    "properties": {
        "status": {"enum": ["running", "stopped", "complete", "failed"]},
        "recipe": {"type": "object"},
        "dataset": {
            "type": "object",
            "required": ["digest", "directory", "image_size"],
            "properties": {
                "digest": {"type": "string"},
                "directory": {"type": "string"},
                "image_size": {"type": "integer"},
            },
        },
        "environment": {"type": "object", "properties": {"mixed": {"type": "array", "items": {"type": "string"}}}},
        "began": {"type": "string"},
        "heartbeat": {"type": "string"},
        "train_seconds": {"type": ["number", "null"]},
        "images_per_second": {"type": ["number", "null"]},
        "encoder_sha256": {"type": "string"},
    },
}
"""Of `run.json` (JSON Schema, draft 2020-12), which may come from anybody; more may be there."""


def directory(out: Path, dataset_name: str, recipe: Recipe) -> Path:
    """Where the run of a recipe on a dataset lives: a function of the scientific settings alone."""
    parts = recipe.label.split("-")
    spellings = product(*[(part, part[:-2]) if part.endswith(".0") else (part,) for part in parts])
    places = [out / dataset_name / "-".join(spelling) / f"seed-{recipe.seed}" for spelling in spellings]
    return next((place for place in places if (place / "run.json").is_file()), places[0])


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write to a temporary name of its own in the same folder, flush to disk, rename. Raises OSError naming `path`.

    Everything is serialised in memory first: the libraries themselves meet a full disk with a crash or
    an error of their own kind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise OSError(f"cannot write {path}: {problem.strerror or problem}") from None
    finally:
        temporary.unlink(missing_ok=True)


def write_run(run: Path, content: Mapping[str, Any]) -> None:
    """Write `run.json` whole or not at all, as the current version."""
    text = json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, **content}, indent=2)
    write_whole(run / "run.json", (text + "\n").encode())


def read_run(run: Path) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none. Raises ValueError for another format."""
    path = run / "run.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{path} is not a run description: {problem}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a run description: it holds no object, {content!r:.60}")
    found = (content.get("format"), content.get("format_version"))
    if found not in [(FORMAT, version) for version in range(1, FORMAT_VERSION + 1)]:
        kind = f"{found[0]!r:.60} {found[1]!r:.60}"
        raise ValueError(f"{path} says format {kind}, expected {FORMAT} 1 to {FORMAT_VERSION}; update")
    if wrong := best_match(Draft202012Validator(SCHEMA).iter_errors(content)):
        raise ValueError(f"{path}: {told(wrong)}")
    return content


def recipe_of(run: Path, held: Mapping[str, Any]) -> Recipe:
    """The recipe of a run, whichever version wrote it. Raises ValueError naming the run where it is of a newer one."""
    try:
        return Recipe.read(held["recipe"])
    except (ValueError, TypeError) as problem:
        raise ValueError(f"{run / 'run.json'}: {problem}") from None


def differing(run: Path, held: Mapping[str, Any], recipe: Recipe, dataset: Dataset) -> list[str]:
    """Settings and data in which the run that is there is another than the one wanted, as `key: held, wanted`."""
    found = {**recipe_of(run, held).settings, "dataset digest": held["dataset"]["digest"]}
    return differences(found, {**recipe.settings, "dataset digest": dataset.digest})


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """What `run.json` keeps of the dataset a run is trained on."""
    train = dataset.manifest["splits"]["train"]
    facts = {key: dataset.manifest[key] for key in _SETTINGS} | {key: train[key] for key in _OF_SPLIT}
    return {**facts, "digest": dataset.digest, "directory": str(dataset.directory.resolve())}
