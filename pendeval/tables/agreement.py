"""agreement.csv: whether encoders of other seeds, methods or settings put the same images in the same order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pendeval.measures.agreement import rank_agreement
from pendeval.sample import Sample
from pendeval.scores import Record
from pendeval.tables.condition import CONDITION, rows_of

_FEWEST = 10
"""Images that make an order; the sample of an inner layer holds fewer."""
_WHERE = ("data_words", "dataset", "variant", "parameters", "protocol", "split")
AGREEMENT: dict[str, str] = {
    **{name: CONDITION[name] for name in _WHERE},
    "condition_a": "condition of one encoder",
    "condition_b": "condition of the other; empty for the oracle",
    "label_a": "its label, for people",
    "label_b": "the other's, or the oracle",
    "pairing": "seed with seed, method with method, setting with setting (of one method), or with the oracle",
    "n": "pairs of encoders",
    "images": "how many images were ranked: the first ones of a fixed shuffle",
    "mean": "mean of Spearman's |ρ| between their lines",
    "min": "least",
    "max": "most",
}


def agree(records: Sequence[Record], runs: pd.DataFrame) -> pd.DataFrame:
    """The frame of agreement.csv, from the samples of records that show the same images."""
    by_digest = {row["digest"]: row for row in rows_of(runs[runs["view"].eq("all")])}
    groups: dict[str, dict[tuple[str, str], Record]] = {}
    for record in records:
        if record.sample is not None and len(record.sample.energy) >= _FEWEST and record.digest in by_digest:
            copy = (by_digest[record.digest]["condition"], record.embedding_digest)
            groups.setdefault(record.labels, {}).setdefault(copy, record)
    found: dict[tuple[str, ...], list[tuple[float, int, dict[str, Any]]]] = {}
    for group in groups.values():
        rows = [by_digest[record.digest] for record in group.values()]
        for i, j, rho, images in _pairs([record.sample for record in group.values() if record.sample is not None]):
            if j == len(rows):
                cells = {"condition_a": rows[i]["condition"], "condition_b": "", "pairing": "with the oracle"}
                cells |= {"label_a": rows[i]["label"], "label_b": "oracle"}
            else:
                a, b = sorted((rows[i], rows[j]), key=lambda row: (str(row["label"]), row["condition"]))
                cells = {"condition_a": a["condition"], "condition_b": b["condition"], "pairing": _pairing(a, b)}
                cells |= {"label_a": a["label"], "label_b": b["label"]}
            if cells["pairing"] and np.isfinite(rho):
                key = (cells["condition_a"], cells["condition_b"], cells["pairing"])
                found.setdefault(key, []).append((rho, images, cells | {name: rows[i][name] for name in _WHERE}))
    table = []
    for same in found.values():
        values = sorted(one[0] for one in same)
        names = ("dataset", "label_a", "label_b")
        cells = same[0][2] | {name: " + ".join(sorted({str(one[2][name]) for one in same})) for name in names}
        cells |= {"n": len(values), "images": min(one[1] for one in same)}
        table.append(cells | {"mean": float(np.mean(values)), "min": values[0], "max": values[-1]})
    frame = pd.DataFrame(table, columns=list(AGREEMENT))
    return frame.sort_values(["data_words", "label_a", "label_b", "condition_a", "condition_b"], ignore_index=True)


def _pairs(samples: Sequence[Sample]) -> Iterator[tuple[int, int, float, int]]:
    """Every two of some samples of the same images, and each and the oracle as the last: |ρ| on what both hold."""
    oracle = max((sample.oracle for sample in samples if sample.oracle is not None), key=len, default=None)
    lines = [sample.values for sample in samples] + ([] if oracle is None else [oracle])
    for images in sorted({len(line) for line in lines}):
        long = [k for k, line in enumerate(lines) if len(line) >= images]
        agreement = rank_agreement(np.stack([lines[k][:images] for k in long]))
        for i, j in zip(*np.triu_indices(len(long), 1), strict=True):
            if min(len(lines[long[i]]), len(lines[long[j]])) == images:
                yield long[i], long[j], float(agreement[i, j]), images


def _pairing(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """Which comparison two runs make; none where they differ in more than one way."""
    if a["condition"] == b["condition"]:
        return "seed with seed"
    same_seeds = all(
        pd.notna(a[name]) and pd.notna(b[name]) and a[name] == b[name] for name in ("seed", "train_data_seed")
    )
    if a["counterpart"] != b["counterpart"] or not same_seeds:
        return ""
    return "method with method" if a["method"] != b["method"] else "setting with setting"
