"""Rows of runs.csv made by hand, with conditions and counterparts as settings make them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pendeval.recipes import PAPER_OWN, PAPER_RECIPE
from pendeval.tables.condition import typed
from pendeval.tables.optima import OPTIMA
from pendeval.tables.runs import RUNS

ORACLE = {"oracle_population_global": 0.99374, "oracle_population_local": 0.8063, "oracle_population_rmse": 0.0319}
SCHEDULE = {"table": {"optimiser": "adamw", "learning_rate": 0.01}, "optimum": {}, "resnet18": {}}


def run(
    method: str = "contrastive",
    seed: int = 0,
    encoder: str = "resnet18",
    own: Mapping[str, Any] | None = None,
    schedule: Mapping[str, Any] | None = None,
    variant: str = "vanilla",
    level: float = 0.0,
    scores: tuple[float, float, float] | None = None,
    **cells: Any,
) -> dict[str, Any]:
    """A row of runs.csv: exact `scores` are global, local and monotone RMSE, `cells` whatever else."""
    settings = {**PAPER_OWN.get(method, {}), **(own or {})}
    general = {**PAPER_RECIPE, **SCHEDULE[encoder], **(schedule or {}), "encoder": encoder}
    departing = {name: value for name, value in general.items() if value != PAPER_RECIPE[name]}
    row: dict[str, Any] = {"method": method, "dim": 1, "layer": "", "encoder": encoder, "split": "test", "view": "all"}
    for side in ("", "train_"):
        row |= {f"{side}variant": variant, f"{side}parameters": json.dumps({"level": level}), f"{side}level": level}
        row |= {f"{side}protocol": "paper", f"{side}image_size": 32, f"{side}bob_size": 3, f"{side}time_gap": 0.5}
        row |= {f"{side}antialias": False, f"{side}time_range": "[0.0, 200.0]", f"{side}energy_range": "[0.0, 1.0]"}
    row |= {
        "dataset": variant,
        "train_dataset": variant,
        "data_words": variant,
        "train_words": "",
        "recipe_protocol": "paper",
        "own": True,
        "usual": True,
    }
    row |= {"pendulums": 5120, "images_per_pendulum": 20, "train_pendulums": 5120, "train_images": 20, "full": True}
    row |= {"objective": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in (own or {}).items())}
    row |= {"schedule": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in departing.items())}
    row |= {"labelled": settings.get("labelled", np.nan), "label": f"{method}-d1", "precision": "float32"}
    row |= {"data_seed": seed, "train_data_seed": seed, "seed": seed, "recipe": {"method": method, "dim": 1}}
    if scores is not None:
        row |= ORACLE | dict(zip(("population_global", "population_local", "population_rmse"), scores, strict=True))
    row["recipe"] = json.dumps({**row["recipe"], **general, **settings}, sort_keys=True)
    row |= cells
    seeds = ("data_seed", "train_data_seed", "seed", "population_global", "population_local", "population_rmse")
    alike = {k: v for k, v in row.items() if k not in seeds and not k.startswith("population") and k in OPTIMA}
    row["condition"] = _digits(alike)
    apart = ("condition", "method", "objective", "label", "labelled", "recipe")
    row["counterpart"] = _digits({k: v for k, v in alike.items() if k not in apart})
    return row | {
        "file": f"{row['condition']}-{seed}.h5",
        "digest": f"{row['condition']}-{seed}",
        "population_file": "",
    }


def _digits(held: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(held, sort_keys=True, default=str).encode()).hexdigest()[:12]


def runs_of(*rows: Mapping[str, Any]) -> pd.DataFrame:
    frame = typed(pd.DataFrame(rows, columns=list(RUNS)))
    return frame.astype({"fractured": "boolean", "population_fractured": "boolean"})


def one(frame: pd.DataFrame, **cells: Any) -> pd.Series:
    for name, value in cells.items():
        frame = frame[frame[name].eq(value)]
    assert len(frame) == 1, len(frame)
    return frame.iloc[0]
