"""Which runs speak to a claim: rows by content (variant and parameters, never names), one protocol, one recipe, pairs.

A condition is a variant and the level of its noise, gaps or cropping; vanilla is level 0 of both noises. Runs pair up
where training seed and data seed agree (and whatever else a claim fixes). One recipe is judged at a time: the full
protocol of the paper where every side of a comparison has it, else the most frequent that they share.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pendeval import columns

NOISE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.2, 0.25)
PAPER_LEVELS: dict[str, tuple[float, ...]] = {
    "vanilla": (0.0,),
    "large": (0.0,),
    "numerical-noise": NOISE,
    "graphical-noise": NOISE,
    "gaps": (0.2, 0.3, 0.4, 0.6, 0.8),
    "cropping": (0.45, 0.5, 0.6, 0.75, 0.9),
}
"""Levels the paper or its records used."""
UNIT = ["seed", "data_seed", "train_data_seed"]
_PARAMETER = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "gaps": "alpha_g", "cropping": "alpha_c"}
_SYMBOL = {"numerical-noise": "ε_n", "graphical-noise": "ε_g", "gaps": "α_g", "cropping": "α_c"}
_OTHER_OBJECTIVE = re.compile(r"-(similarity|loss|temperature|decoupled)\b")
"""Recipes of another experiment than the paper's main one; judged only where a claim asks for them."""
_PROTOCOLS = ("paper", "original")


def level_of(variant: object, parameters: object, protocol: object) -> float:
    """The one number a variant turns on: ε, α_c or α_g; 0 for vanilla and large; NaN for anything else.

    Gaps count where their number is the protocol's own: three in the paper, four in the authors' program.
    """
    if variant in ("vanilla", "large"):
        return 0.0
    try:
        given = json.loads(str(parameters))
        value = round(float(given.pop(_PARAMETER[str(variant)])), 9)
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError):
        return np.nan
    usual = {"num_gaps": 4 if protocol == "original" else 3} if variant == "gaps" else {}
    return value if given in ({}, usual) else np.nan


def prepare(runs: pd.DataFrame) -> pd.DataFrame:
    """`runs` with what selection needs beside columns.RUNS (absent ones become NaN, further ones stay).

    level, train_level (`level_of`), own (trained on the data it is scored on), style (recipe without its outputs,
    "" for the full protocol), and data seeds of −1 where none is known.
    """
    rows = runs.reindex(columns=list(dict.fromkeys([*columns.RUNS, *runs.columns]))).reset_index(drop=True)
    rows["level"], rows["train_level"] = (
        np.array([level_of(*row) for row in rows[names].itertuples(index=False)], np.float64)
        for names in (
            ["variant", "parameters", "protocol"],
            ["train_variant", "train_parameters", "train_protocol"],
        )
    )
    same = (rows["variant"] == rows["train_variant"]) & (rows["protocol"] == rows["train_protocol"])
    rows["own"] = same & (rows["level"] == rows["train_level"])
    rows["style"] = [re.sub(r"^d\d+", "", "" if pd.isna(name) else str(name)) for name in rows["recipe"]]
    rows["seed"] = pd.to_numeric(rows["seed"], errors="coerce")
    for name in ("data_seed", "train_data_seed"):
        rows[name] = pd.to_numeric(rows[name], errors="coerce").fillna(-1)
    return rows


def select(
    rows: pd.DataFrame,
    variant: str,
    method: str,
    levels: Callable[[float], bool] = lambda _: True,
    dims: Sequence[int] = (1,),
    split: str = "test",
    view: str = "all",
    clean: bool = False,
    objective: str = "",
) -> pd.DataFrame:
    """Prepared rows of one method on one variant, with the column `condition` that names the level (or outputs).

    clean: trained on `variant` but scored on vanilla images. objective: part of the recipe's name, such as
    "loss-l1", that is wanted and then left out of `style`; without it other objectives are passed over.
    """
    level = rows["train_level"] if clean else rows["level"]
    scored = (rows["variant"] == "vanilla") & (rows["train_variant"] == variant) if clean else rows["own"]
    scored = scored & (rows["train_variant"] == variant) & (rows["protocol"] == rows["train_protocol"])
    scored = (
        scored & (rows["method"] == method) & (rows["split"] == split) & (rows["view"] == view) & rows["dim"].isin(dims)
    )
    other = np.array([bool(_OTHER_OBJECTIVE.search(style)) for style in rows["style"]], np.bool_)
    wanted = np.array([f"-{objective}" in style for style in rows["style"]], np.bool_) if objective else ~other
    inside = np.array([bool(np.isfinite(value) and levels(value)) for value in level], np.bool_)
    found = rows[scored & wanted & inside].copy()
    found["level"] = level[found.index]
    if objective:
        found["style"] = [str(style).replace(f"-{objective}", "") for style in found["style"]]
    if tuple(dims) == (1,):
        found["condition"] = [condition(variant, float(value)) for value in found["level"]]
    else:
        found["condition"] = [f"d = {value:.0f}" for value in found["dim"]]
    return found.sort_values(["level", "dim"], kind="stable")


def condition(variant: str, level: float) -> str:
    """A condition in words, `ε_n = 0.1` or `vanilla`."""
    return f"{_SYMBOL[variant]} = {level:g}" if variant in _SYMBOL else variant


def choose(sides: Sequence[pd.DataFrame]) -> tuple[list[pd.DataFrame], str]:
    """The sides of a comparison cut to one protocol and recipe, and the recipe's name ("" where there is none).

    Preferred in this order: on every side; protocol paper; the full recipe; most runs.
    """
    known = pd.concat([side[["protocol", "style"]] for side in sides]).fillna("")
    if known.empty:
        return list(sides), ""

    def rank(key: tuple[str, str]) -> tuple[Any, ...]:
        protocol, style = key
        counts = [int(((side["protocol"].fillna("") == protocol) & (side["style"] == style)).sum()) for side in sides]
        place = _PROTOCOLS.index(protocol) if protocol in _PROTOCOLS else len(_PROTOCOLS)
        full = style == "" or (protocol == "original" and style == "-protocol-original")
        return -sum(count > 0 for count in counts), place, not full, -sum(counts), style

    protocol, style = min(set(known.itertuples(index=False, name=None)), key=rank)
    cut = [side[(side["protocol"].fillna("") == protocol) & (side["style"] == style)] for side in sides]
    names = sorted({str(name) for side in cut for name in side["recipe"]})
    return cut, ", ".join(names)


def like(rows: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Rows of the protocol and recipe of those chosen, for evidence beside them."""
    return rows[rows["protocol"].isin(set(chosen["protocol"])) & rows["style"].isin(set(chosen["style"]))]


def pair(a: pd.DataFrame, b: pd.DataFrame, *, on: Sequence[str] = ("level", "dim", "pendulums")) -> pd.DataFrame:
    """Runs with a column `value` paired by seed, data seed and `on`: condition (of `a`), seed, data_seed, a, b.

    Of several runs of one condition and seed the largest counts. Runs without a seed cannot be paired; they stay
    as rows without values, so that whoever judges can say how many were left out.
    """
    keys = [*UNIT, *on]
    both = _single(a).merge(_single(b)[[*keys, "value"]], on=keys, suffixes=("_a", "_b"))
    both = both.drop_duplicates(["condition", *UNIT])
    both = both.rename(columns={"value_a": "a", "value_b": "b"})
    lost = pd.concat([side.loc[side["seed"].isna(), ["condition", *UNIT]] for side in (a, b)])
    table = both[["condition", *UNIT, "a", "b"]].astype({"a": np.float64, "b": np.float64})
    if lost.empty:
        return table
    return pd.concat([table, lost.assign(a=np.nan, b=np.nan)], ignore_index=True)


def alone(rows: pd.DataFrame) -> pd.DataFrame:
    """Runs with a column `value`, one per condition and seed: condition, seed, data_seed, a."""
    wanted = ["condition", *UNIT, "value"]
    single = _single(rows).drop_duplicates(["condition", *UNIT])[wanted]
    lost = rows.loc[rows["seed"].isna(), wanted].assign(value=np.nan)
    return (single if lost.empty else pd.concat([single, lost])).rename(columns={"value": "a"})


def _single(rows: pd.DataFrame) -> pd.DataFrame:
    needed = rows[["condition", *UNIT, "level", "dim", "pendulums", "value"]]
    single = needed[needed["seed"].notna()].drop_duplicates(["condition", *UNIT, "pendulums"])
    return single.sort_values(["level", "dim", "pendulums"], ascending=[True, True, False], kind="stable")


def absent(variant: str, levels: Callable[[float], bool], present: Collection[str]) -> list[float]:
    """The paper's levels of a variant, as far as a claim covers them, whose conditions are not among `present`."""
    return [level for level in PAPER_LEVELS[variant] if levels(level) and condition(variant, level) not in present]


def dataset(variant: str, level: float) -> str:
    """Where `pendgen build` puts a condition by default, to say what to run."""
    return f"data/{variant}-{level!r}" if variant in _SYMBOL else f"data/{variant}"
