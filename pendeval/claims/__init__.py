"""The paper's claims, one by one, each with the rule that judges it on the runs at hand.

`judge` fills claims.csv: every claim always has its row, "undecided" with what to run where runs are missing. Which
rows count is decided in `claims.rows`, how they are judged in `claims.rules` and `claims.counts` (what those take and
give: `claims.judgement`); the claims themselves stand in `claims.scores`, `claims.gaps`, `claims.representation`,
`claims.ambiguity` and `claims.appendix`.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pendeval.claims import ambiguity, appendix, gaps, representation, scores
from pendeval.claims.claim import Claim
from pendeval.claims.frame import Rows
from pendeval.claims.judgement import UNDECIDED, Judgement, Table
from pendeval.claims.question import Cells, Question
from pendeval.claims.rows import Grid, grid
from pendeval.claims.rules import Superior
from pendeval.conditions import FULL_IMAGES, FULL_PENDULUMS
from pendeval.settings import USUAL_GAPS
from pendeval.verdict import holm, t_interval

CLAIMS: tuple[Claim, ...] = tuple(
    claim for room in (scores, gaps, representation, ambiguity, appendix) for claim in room.CLAIMS
)
"""Every claim."""
MOST_REPLICATES = 1000
"""More are not asked for by number."""
HEADLINES = sum(claim.headline for claim in CLAIMS)
COLUMNS: dict[str, str] = {
    "claim": "short name",
    "section": "where the paper makes it",
    "text": "the claim in a sentence",
    "verdict": "supported, contradicted, equal (neither method ahead by more than the margin), or undecided",
    "provisional": "whether the verdict rests on less than the claim asks for; no where there is none",
    "reasons": "what it falls short of: recipe, size, levels, replicates, precision, training or test sets",
    "estimate": "the number judged (see rule): of the condition that decides, or of the mean",
    "ci_low": "95 % interval of the estimate",
    "ci_high": "its other end",
    "p_value": "two-sided p against the border; not corrected for the number of claims",
    "p_holm": "the same corrected by Holm for the headline four (empty elsewhere)",
    "n": "units behind the estimate; over several conditions the fewest",
    "unit": "replicate, dataset (the mean of its trainings), or training seed (all share one training set)",
    "margin": "the border or margin that the estimate is held against",
    "conditions": "how many conditions were judged",
    "source": "population (exact scores) or sample (scores that scatter with the test images)",
    "precision": "precision of the trainings",
    "evidence": "means, intervals and further comparisons, which decide nothing",
    "missing": "what to run where it is undecided or provisional",
    "rule": "the number judged, and how",
    "recipe": "protocol and schedule of the runs judged",
}
"""Every column of claims.csv and what it says."""


def judge(frames: Mapping[str, pd.DataFrame], claims: Sequence[Claim] = CLAIMS) -> pd.DataFrame:
    """A row of COLUMNS for every claim, from the frames "runs" and "segments" (either may be empty or lack columns)."""
    rows = {name: Rows(frames.get(name, pd.DataFrame())) for name in ("runs", "segments")}
    grids = [grid(rows[claim.question.frame], claim.question) for claim in claims]
    found = [
        claim.rule.judge(table(claim.question, held, held.cells(rows[claim.question.frame])))
        for claim, held in zip(claims, grids, strict=True)
    ]
    found, corrected = settle(claims, found)
    lines = [_row(*each, rows[each[0].question.frame]) for each in zip(claims, grids, found, corrected, strict=True)]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def table(question: Question, held: Grid, cells: Cells) -> Table:
    """What a rule judges: the number asked for, and whatever else the rule needs."""
    shape = (len(held.levels), len(held.unit_of))
    values = question.value(cells) if held.index else np.full(shape, np.nan)
    further = {name: value(cells) if held.index else np.full(shape, np.nan) for name, value in question.further.items()}
    names = held.names if len(values) == len(held.names) else ("",) * len(values)
    gap_number = USUAL_GAPS.get(str(held.stratum.get("protocol", "")), 3)
    return Table(names, values, held.unit_of, held.unit or "replicate", further, gap_number)


def settle(claims: Sequence[Claim], found: Sequence[Judgement]) -> tuple[list[Judgement], list[float]]:
    """The judgements with the headline's corrected for their number, known or not; and the corrected p-values."""
    heads = [k for k, claim in enumerate(claims) if claim.headline]
    given = [found[k].p_value for k in heads]
    corrected = holm([*given, *[math.nan] * (HEADLINES - len(heads))])[: len(heads)]
    settled, p_values = list(found), [math.nan] * len(claims)
    for k, p in zip(heads, corrected, strict=True):
        rule = claims[k].rule
        p_values[k] = p
        if isinstance(rule, Superior):
            settled[k] = rule.settle(found[k], p)
    return settled, p_values


def reasons(claim: Claim, held: Grid, found: Judgement) -> list[str]:
    """What a verdict falls short of."""
    given = held.stratum
    said = [f"recipe: {given['schedule']}"] if given.get("schedule") else []
    size = tuple(given.get(name, math.nan) for name in ("train_pendulums", "train_images"))
    if size[0] < FULL_PENDULUMS or size[1] < FULL_IMAGES:
        said.append(f"size: {size[0]:g} × {size[1]:g} training images, not {FULL_PENDULUMS} × {FULL_IMAGES}")
    axis = claim.question.axis
    if held.missing and axis is not None and axis.column != "number":
        said.append(f"levels: fewer than two runs at {axis.symbol} = {', '.join(f'{v:g}' for v in held.missing)}")
    if found.n < claim.seeds:
        said.append(f"{found.n} {held.unit}s, not {claim.seeds}")
    if claim.headline and set(held.precision) != {"float32"}:
        said.append(f"trained in {', '.join(name or 'unknown precision' for name in held.precision)}, not float32")
    if len(held.datasets) == 1:
        seed = "unknown" if held.datasets[0] < 0 else f"{held.datasets[0]}"
        said.append(f"one training set (data seed {seed}): nothing is known of others")
    if not held.exact and 1 == held.test_splits < len(held.unit_of):
        said.append("scores sampled on one test split, whose noise all runs share")
    return said


def _row(claim: Claim, held: Grid, found: Judgement, p_holm: float, rows: Rows) -> dict[str, object]:
    decided = found.verdict != UNDECIDED
    short = reasons(claim, held, found) if found.n else []
    rule = f"{claim.about} {claim.rule.sentence}"
    numbers = {name: getattr(found, name) for name in ("estimate", "ci_low", "ci_high", "p_value", "n", "margin")}
    return {
        **{"claim": claim.id, "section": claim.section, "text": claim.text, "verdict": found.verdict},
        **{"provisional": decided and bool(short), "reasons": "; ".join(short)},
        **numbers,
        **{"p_holm": p_holm, "unit": held.unit, "conditions": _conditions(claim, held, found)},
        "source": ("population" if held.exact else "sample") if found.n else "",
        "precision": ", ".join(name for name in held.precision if name),
        "evidence": "; ".join(_evidence(claim, held, found, rows)),
        "missing": "; ".join(_missing(claim, held, found, short)),
        "rule": rule,
        "recipe": _recipe(held),
    }


def _conditions(claim: Claim, held: Grid, found: Judgement) -> int:
    """How many were judged: one by one, or together as a trend along them."""
    axis = claim.question.axis
    together = axis is not None and axis.column != "number" and found.conditions == 1
    return int(held.present.sum()) if together else found.conditions


def _evidence(claim: Claim, held: Grid, found: Judgement, rows: Rows) -> list[str]:
    if not held.index:
        return []
    cells = held.cells(rows)
    words = list(found.words)
    for name, value in claim.question.shown:
        given = value(cells)
        if np.isfinite(given).any():
            words.append(f"{name} {np.nanmean(given):.5g}")
    for name, other in claim.question.also:
        beside = grid(rows, other)
        if not beside.index or beside.stratum != held.stratum:
            continue
        mean = t_interval(table(other, beside, beside.cells(rows)).blocks())
        if mean.n:
            words.append(f"{name}: {mean.mean:+.3g} [{mean.low:+.3g}, {mean.high:+.3g}], n = {mean.n}")
    return [*words, f"{held.lost} rows without a training seed left out"] if held.lost else words


def _missing(claim: Claim, held: Grid, found: Judgement, short: Sequence[str]) -> list[str]:
    if found.verdict != UNDECIDED and not short:
        return []
    if not found.n:
        words = [f"{held.unknown} runs whose settings are not known: embed again with pendtrain embed"]
        return [*(words if held.unknown else []), claim.commands()]
    undecided = found.verdict == UNDECIDED
    more = [found.again] if found.again and undecided else []
    wanted = found.wanted if undecided else 0
    if wanted:
        many = f"about {wanted}" if wanted <= MOST_REPLICATES else f"more than {MOST_REPLICATES}"
        more.append(f"{many} {held.unit}s would decide, if mean and scatter are what they seem")
    axis = claim.question.axis
    alone = not undecided and len(short) == 1 and short[0].startswith("levels") and axis is not None
    levels = held.missing if alone and axis is not None and axis.column in ("level", "num_gaps") else ()
    return [*more, claim.commands(levels, min(wanted, MOST_REPLICATES))]


def _recipe(held: Grid) -> str:
    given = held.stratum
    parts = [str(given.get("recipe_protocol", "")), str(given.get("schedule", ""))]
    parts += ["original data"] if given.get("protocol") == "original" != given.get("recipe_protocol") else []
    return ", ".join(part for part in parts if part)


__all__ = ["CLAIMS", "COLUMNS", "Claim", "judge", "reasons", "settle", "table"]
