"""fractures.csv: how often the representation of encoders trained on energies with gaps breaks into pieces."""

from typing import Any

import numpy as np
import pandas as pd

from pendeval.measures.registry import MEASURES, PRIMARY
from pendeval.tables.basis import judged_by, trainings
from pendeval.tables.condition import CONDITION, grouped, numbers, ordered, typed
from pendeval.verdict import clopper_pearson, fisher

SCORES = ("global_spearman", "local_spearman", "gap_spearman", "visible_band_spearman")
FRACTURES: dict[str, str] = {
    **CONDITION,
    "exact": "whether flags and scores are over every image that can occur: where all that is compared has them",
    "n": "trainings judged: one embedded on several test splits is one, and fractured if it is on any",
    "n_unjudged": "trainings whose bands cannot be judged, such as those of constant outputs",
    "n_fractured": "how many fractured: seen bands run in opposite directions or, by exact scores, lie out of order",
    "rate": "their share",
    "ci_low": "95 % Clopper–Pearson interval of the rate",
    "ci_high": "its other end",
    "plain_n": "trainings by plain contrastive training, all else equal; empty for these themselves",
    "plain_n_fractured": "how many of them fractured",
    "p_value": "two-sided p of Fisher's exact test against them; not corrected for the number of rows",
    **{name: f"mean over all trainings: {MEASURES[name].meaning}" for name in SCORES},
}


def fractures(runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of fractures.csv from rows of runs.csv that count once."""
    flags = ["fractured", PRIMARY["fractured"]]
    gapped = runs[runs["train_variant"].eq("gaps") | runs[flags].notna().any(axis=1)]
    rows: list[dict[str, Any]] = []
    for _, same in gapped.groupby("counterpart", sort=False):
        flag = judged_by("fractured", same)
        exact = flag != "fractured"
        conditions = [(cells, group, _counted(group, flag)) for cells, group in grouped(same)]
        plain = [counted for cells, _, counted in conditions if _is_plain(cells)]
        for cells, group, (count, n, unjudged) in conditions:
            low, high = clopper_pearson(count, n)
            row: dict[str, Any] = {"exact": exact, "n": n, "n_unjudged": unjudged, "n_fractured": count}
            row |= {"rate": count / n if n else np.nan, "ci_low": low, "ci_high": high}
            if plain and not _is_plain(cells):
                row |= {"plain_n": plain[0][1], "plain_n_fractured": plain[0][0]}
                row["p_value"] = fisher(count, n, *plain[0][:2]) if n and plain[0][1] else np.nan
            rows.append(cells | row | {name: _mean(group, PRIMARY[name] if exact else name) for name in SCORES})
    frame = pd.DataFrame(rows, columns=list(FRACTURES))
    whole = {name: frame[name].astype("Int64") for name in ("plain_n", "plain_n_fractured")}
    return ordered(typed(frame.assign(**whole)))


def _is_plain(cells: dict[str, Any]) -> bool:
    return bool(cells["method"] == "contrastive" and not cells["objective"] and cells["recipe"])


def _counted(group: pd.DataFrame, flag: str) -> tuple[int, int, int]:
    """How many trainings fractured, of how many judged; and how many are not."""
    names = trainings(group)
    known = group[flag].notna()
    broken = group.loc[known, flag].astype(bool).groupby(names[known]).any()
    return int(broken.sum()), len(broken), names.nunique() - len(broken)


def _mean(group: pd.DataFrame, measure: str) -> float:
    """Mean over trainings."""
    values = pd.Series(numbers(group[measure]), group.index).groupby(trainings(group)).mean().dropna()
    return float(values.mean()) if len(values) else np.nan
