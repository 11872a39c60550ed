"""How often noise passes for a finding: the committed table, and a smaller one made anew.

`python tests/benchmarks/claims_power.py` makes data/results/claims_power.csv.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pendeval.claims import CLAIMS

ROOT = Path(__file__).parents[2]
ALLOWED = 0.05
REPRESENTATIVE = (
    *(
        "vanilla-global",
        "numerical-mild-global",
        "graphical-local",
        "local-first-onset-contrastive",
        "large-further-local",
    ),
    *("gaps-small-global", "gaps-large-global", "gaps-unfractured-helps", "gaps-fracture", "gaps-fracture-chance"),
    *("gaps-fracture-longer", "range-noiseless", "range-consistent", "blank-average", "ambiguity-global"),
    *("outputs-vertical", "outputs-matched", "outputs-printed-rmse", "outputs-spectral-fails", "training-split-local"),
)
"""A claim of every rule, and of every kind of test."""


def load(name: str) -> Any:
    path = ROOT / "tests" / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


power = load("claims_power")


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return pd.read_csv(ROOT / "data" / "results" / "claims_power.csv")


def false_share(row: pd.Series) -> float:
    return float(max(row[verdict] for verdict in power.false_verdicts(row["claim"], row["truth"])))


def noise(draws: int, share: float = ALLOWED, sigmas: float = 3.0) -> float:
    return float(sigmas * np.sqrt(max(share * (1 - share), 1 / draws) / draws))


def test_the_table_covers_every_claim_and_truth(committed: pd.DataFrame) -> None:
    assert tuple(committed) == power.COLUMNS
    made = [(one.id, t.name, t.n, t.effect) for one in CLAIMS for t in power.SCENARIOS[one.id]()]
    held = committed[["claim", "truth", "n", "effect"]].itertuples(index=False, name=None)
    assert list(held) == made
    assert (committed["draws"] >= 2000).all()
    np.testing.assert_allclose(committed[["supported", "contradicted", "equal", "undecided"]].sum(axis=1), 1, atol=1e-3)
    for _, rows in committed.groupby("claim"):
        assert {"paper", "none", "opposite"} <= set(rows["truth"])


def test_no_verdict_is_false_more_often_than_one_in_twenty(committed: pd.DataFrame) -> None:
    for _, row in committed.iterrows():
        assert false_share(row) <= ALLOWED + noise(row["draws"]), tuple(row)


def test_claims_can_be_decided(committed: pd.DataFrame) -> None:
    """Rules that never decide would pass the test above. Where the records show next to nothing, nothing is decided."""
    opposite = (
        committed[committed["truth"].eq("opposite")].groupby("claim")[["contradicted", "equal"]].max().sum(axis=1)
    )
    decided = np.maximum(opposite, committed[committed["truth"].eq("paper")].groupby("claim")["supported"].max())
    strong, pronounced = "numerical-strong", "pronounced"
    faint = {f"{strong}-local", f"{strong}-clean-local", f"{pronounced}-graphical-local"}
    faint |= {f"{pronounced}-numerical-global", f"{pronounced}-numerical-local"}
    assert set(decided[decided <= 0.1].index) <= faint
    assert (decided > 0.8).mean() > 0.8


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_a_smaller_table_says_the_same(name: str, committed: pd.DataFrame) -> None:
    draws = 200
    made = power.power([name], draws, seed=1)
    held = committed[committed["claim"].eq(name)].reset_index(drop=True)
    for verdict in ("supported", "contradicted", "equal", "undecided"):
        for ours, theirs in zip(made[verdict], held[verdict], strict=True):
            assert ours == pytest.approx(theirs, abs=noise(draws, theirs, 4.5)), (verdict, ours, theirs)
    for _, row in made.iterrows():
        assert false_share(row) <= ALLOWED + noise(draws, sigmas=3.5), tuple(row)
