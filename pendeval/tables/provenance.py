"""provenance.csv: where every run comes from, finished or not; and which runs learnt nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pendeval.attributes import clean
from pendeval.files import Problem, hidden, read_run, shown
from pendeval.scores import Record, facts

PROVENANCE: dict[str, str] = {
    "run": "the run's directory, below the folder that was scored",
    "status": "complete, running, stopped, failed, or unreadable",
    "label": "name of the recipe, for people",
    "dataset": "name of the dataset trained on",
    "seed": "seed of the training",
    "recipe": "every setting, JSON",
    "device": "what it was trained on",
    "precision": "precision of the network",
    "packages": "versions, JSON",
    "began": "when it began",
    "train_seconds": "how long it trained",
    "learning": "as the run says: ok, constant (its outputs), nothing (learnt of the energy); empty: not recorded",
    "data_digest": "digest of the content of the dataset trained on",
    "scored_by": "version and code that scored it, JSON",
}
_NOTHING = {"constant": "outputs are constant", "nothing": "outputs have no relation to the energy"}


def nothing_learnt(records: Sequence[Record]) -> list[Problem]:
    """Runs that learnt nothing, each once: they say so of themselves, or give all images one embedding."""
    problems: dict[Problem, None] = {}
    for record in records:
        said = str(record.provenance.get("learning") or record.settings.get("train_learning") or "")
        if reason := _NOTHING.get("constant" if _constant(record) else said):
            name = record.provenance.get("run") or record.file or record.population_file
            problems[Problem(Path(str(name)), f"nothing learnt: {reason}")] = None
    return list(problems)


def _constant(record: Record) -> bool:
    """Whether several images were embedded, and all of them alike."""
    held = [record.population, None if record.sample is None else record.sample.embedding]
    shown = [embedding for embedding in held if embedding is not None and len(embedding) > 1]
    return bool(shown) and all(bool((embedding == embedding[0]).all()) for embedding in shown)


def provenance(records: Sequence[Record], roots: Sequence[Path]) -> pd.DataFrame:
    """The frame of provenance.csv: the runs of the records, then those below `roots` that are not finished."""
    rows: dict[Any, dict[str, Any]] = {}
    for record in records:
        if record.provenance:
            row = _row(record.provenance)  # of all files of one training alike, of a second one of the same name not
            rows.setdefault(repr(row), row | {"scored_by": json.dumps(dict(record.scored_by))})
    for root in roots:
        for path in sorted(root.rglob("run.json")) if root.is_dir() else []:
            if hidden(path, root):
                continue
            name = shown(path.parent.relative_to(root) if path.parent != root else Path(root.name))
            try:
                held = read_run(path)
                if held["status"] != "complete":
                    rows[name, *path.parts] = _row(facts(_flat(held) | {"run": name}))
            except (ValueError, KeyError, AttributeError, TypeError):
                rows[name, *path.parts] = {"status": "unreadable", "run": name}
    table = sorted(rows.values(), key=lambda row: (str(row.get("run")), str(row.get("seed"))))
    texts = [{k: clean(v, 10_000) if isinstance(v, str) else v for k, v in row.items()} for row in table]
    frame = pd.DataFrame(texts, columns=list(PROVENANCE))
    frame["seed"] = pd.array([_seed(row.get("seed")) for row in texts], "Int64")
    return frame


def _seed(value: Any) -> int | None:
    """A seed, if it is one: a float, which an unknown one makes of a column, holds 53 of its 64 bits."""
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def _flat(held: Mapping[str, Any]) -> dict[str, Any]:
    data, place = held.get("dataset", {}), held.get("environment", {})
    row = {name: held.get(name) for name in ("status", "label", "began", "train_seconds", "learning", "recipe")}
    row |= {"dataset": data.get("name"), "data_digest": data.get("digest")}
    return row | {name: place.get(name) for name in ("device", "precision", "packages")}


def _row(held: Mapping[str, Any]) -> dict[str, Any]:
    recipe = held.get("recipe")
    row = {name: held.get(name) for name in PROVENANCE if name in held}
    row |= {"recipe": json.dumps(recipe), "packages": json.dumps(held.get("packages", {}))}
    seed = recipe.get("seed") if isinstance(recipe, Mapping) else None
    return row | {"seed": seed if isinstance(seed, int) else None, "train_seconds": held.get("train_seconds", np.nan)}
