"""optima.csv: how far the optimum of each loss is from the oracle, and the trained network from that optimum."""

import json
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from pendeval.measures.registry import MEASURES
from pendeval.recipes import PAPER_RECIPE
from pendeval.settings import Data, canonical
from pendeval.tables.basis import judged_by, mean_of
from pendeval.tables.condition import CONDITION, grouped, numbers, ordered, typed
from pendeval.tables.units import units
from pendeval.verdict import t_interval

SHOWN = ("global_spearman", "local_spearman", "monotone_rmse")
"""By their sampled names; exact where every row compared has that."""
OPTIMA: dict[str, str] = {
    **CONDITION,
    "measure": "name of the measure, a column of runs.csv",
    "oracle": "score of E[energy | image]",
    "optimum": "score where the loss itself, of this data, method, dim and own settings, is least",
    "optimum_from": "optimum: of exact expectations; table: the best, by global score, of the encoders that are a free "
    "vector an image and were trained by the loop; empty: neither is there",
    "optimum_file": "the file it was scored in",
    "n": "units of the trained network (encoder resnet18); 0 where there is none",
    "unit": "what counted as one: see pendeval/tables/units.py",
    "mean": "mean of the trained network's score over units",
    "sd": "standard deviation over units",
    "ci_low": "95 % t-interval of the mean",
    "ci_high": "its other end",
    "optimum_shortfall": "how much worse the optimum is than the oracle: oracle less optimum, of an error the reverse",
    "network_shortfall": "how much worse the network is than the optimum, likewise; mean over units",
    "shortfall_low": "95 % t-interval of network_shortfall",
    "shortfall_high": "its other end",
}
_DATA = [f"{side}{field.name}" for side in ("", "train_") for field in fields(Data)]
_SAME = ("data_words", *_DATA, "split", "view", "layer")
"""What an optimum and the networks held against it share beside the loss; not how they were trained, or on how many."""


def optima(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of optima.csv from rows of runs.csv that count once; unknown data and losses equal nothing."""
    loss = runs["recipe"].map(_loss)
    known = loss.ne("") & ~runs[_DATA].isin([""]).any(axis=1)  # groups leave out whatever is missing
    rows: list[dict[str, Any]] = []
    for _, same in runs[known].groupby([*_SAME, loss[known]], sort=False):
        source, best = _best(same)
        networks = grouped(same[same["encoder"].eq("resnet18")]) or [
            (cells, same.iloc[:0]) for cells, _ in grouped(best)
        ]
        for cells, group in networks:
            rows += [cells | _row(measure, group, best) | source for measure in SHOWN]
    return ordered(typed(pd.DataFrame(rows, columns=list(OPTIMA))))


def _loss(recipe: str) -> str:
    """Method, dim, protocol and own settings of a recipe as one text; "" where none is recorded."""
    given = json.loads(recipe or "{}")
    held = {name: value for name, value in given.items() if name not in PAPER_RECIPE or name == "protocol"}
    return canonical(held) if held else ""


def _best(same: pd.DataFrame) -> tuple[dict[str, str], pd.DataFrame]:
    """Where an optimum comes from, as cells, and its row; no row where there is none."""
    for encoder in ("optimum", "table"):
        rows = same[same["encoder"].eq(encoder)]
        score = numbers(rows[judged_by("global_spearman", rows)])
        if np.isfinite(score).any():
            best = rows.iloc[[int(np.nanargmax(score))]]
            file = best["file"].iloc[0] or best["population_file"].iloc[0]
            return {"optimum_from": encoder, "optimum_file": str(file)}, best
    return {"optimum_from": "", "optimum_file": ""}, same.iloc[:0]


def _row(sampled: str, group: pd.DataFrame, best: pd.DataFrame) -> dict[str, Any]:
    """The cells of one measure of a network, `group`, beside the optimum, `best`; either may have no rows."""
    measure = judged_by(sampled, pd.concat([group, best]))
    sign = -1.0 if MEASURES[measure].better == "lower" else 1.0
    held = units(group, [measure])
    mean = t_interval(held.values[:, 0])
    optimum = mean_of(best[measure])
    oracle = mean_of(pd.concat([group, best])[f"oracle_{measure}"])
    short = t_interval(sign * (optimum - held.values[:, 0]))
    row = {"measure": measure, "oracle": oracle, "optimum": optimum, "n": mean.n, "unit": held.unit if mean.n else ""}
    row |= {"mean": mean.mean, "sd": mean.sd, "ci_low": mean.low, "ci_high": mean.high}
    row |= {"optimum_shortfall": sign * (oracle - optimum), "network_shortfall": short.mean}
    return row | {"shortfall_low": short.low, "shortfall_high": short.high}
