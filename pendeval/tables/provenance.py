"""provenance.csv: where every run comes from, finished or not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pendeval.attributes import clean
from pendeval.files import read_run, shown
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
    "data_digest": "digest of the content of the dataset trained on",
    "scored_by": "version and code that scored it, JSON",
}


def provenance(records: Sequence[Record], roots: Sequence[Path]) -> pd.DataFrame:
    """The frame of provenance.csv: the runs of the records, then those below `roots` that are not finished."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        if record.provenance:
            row = _row(record.provenance) | {"scored_by": json.dumps(dict(record.scored_by))}
            rows.setdefault((row.get("run"), row.get("data_digest"), row.get("seed"), row.get("recipe")), row)
    for root in roots:
        for path in sorted(root.rglob("run.json")) if root.is_dir() else []:
            name = shown(path.parent.relative_to(root) if path.parent != root else Path(root.name))
            try:
                held = read_run(path)
                if held["status"] != "complete":
                    rows[name, *path.parts] = _row(facts(_flat(held) | {"run": name}))
            except (ValueError, KeyError, AttributeError, TypeError):
                rows[name, *path.parts] = {"status": "unreadable", "run": name}
    table = sorted(rows.values(), key=lambda row: (str(row.get("run")), str(row.get("seed"))))
    texts = [{k: clean(v, 10_000) if isinstance(v, str) else v for k, v in row.items()} for row in table]
    return pd.DataFrame(texts, columns=list(PROVENANCE))


def _flat(held: Mapping[str, Any]) -> dict[str, Any]:
    data, place = held.get("dataset", {}), held.get("environment", {})
    row = {name: held.get(name) for name in ("status", "label", "began", "train_seconds", "recipe")}
    row |= {"dataset": data.get("name"), "data_digest": data.get("digest")}
    return row | {name: place.get(name) for name in ("device", "precision", "packages")}


def _row(held: Mapping[str, Any]) -> dict[str, Any]:
    recipe = held.get("recipe")
    row = {name: held.get(name) for name in PROVENANCE if name in held}
    row |= {"recipe": json.dumps(recipe), "packages": json.dumps(held.get("packages", {}))}
    seed = recipe.get("seed") if isinstance(recipe, Mapping) else None
    return row | {"seed": seed if isinstance(seed, int) else None, "train_seconds": held.get("train_seconds", np.nan)}
