"""Claims as the page shows them: the answer in one sentence, the count of verdicts, and a card for each claim."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pendeval.page.cells import Row, as_flag, as_float, as_text, counts, shown, signed, spread
from pendeval.recipes import PAPER_ENCODERS

VERDICTS = {"supported": "✓", "contradicted": "✗", "equal": "=", "undecided": "?"}
"""Verdict → its symbol."""
HEADLINE: Mapping[str, tuple[str, str]] = {
    "vanilla": ("vanilla-global", "vanilla-local"),
    "large": ("large-global", "large-local"),
}
"""Images → the claims that contrastive is ahead of supervised in global and in local Spearman, as claims.csv names
them: what the paper says first, and what the page opens with."""
_SCORES = ("global", "local")
_TEXTS = ("claim", "section", "text", "evidence", "missing", "rule", "recipe", "conditions", "reasons")
_FEW = "too few runs are here to say which is ahead"
_TOLD = {
    "contrastive": "the contrastive encoder, never told the energy",
    "supervised": "the supervised encoder, told the energy",
}
_EXACT = ("population_global", "global_spearman")
_SOURCES = {"population": "exact", "sample": "sampled"}


def answer(rows: Sequence[Row], summary: Sequence[Row] = ()) -> str:
    """How near the ceiling these runs come, what they say of the paper's headline and how sure: a sentence for each.

    `rows` are those of claims.csv and `summary` of summary.csv, in any number.
    """
    return " ".join(filter(None, [*(_reached(summary, images) for images in HEADLINE), _ahead(rows)]))


def _reached(summary: Sequence[Row], images: str) -> str:
    """What each method reached on these images, beside oracle and lab's own runs, both under the same settings.

    Those that both methods have; then as claims choose: the text's law, the recipe in full, most runs.
    """
    settings: dict[str, dict[str, Row]] = {}
    for row in summary:
        method, rank = as_text(row["method"]), _rank(row)
        if method in _TOLD and rank and _plain_setting(row, images):
            held = settings.setdefault(as_text(row["counterpart"]), {})
            if rank > _rank(held.get(method, {})):
                held[method] = row
    found = max(settings.values(), key=_weight, default={})
    said: list[str] = []
    for method, who in _TOLD.items():
        if row := found.get(method, {}):
            lab = as_float(row["reference_mean"])
            own = f"; the lab’s own: {lab:.5f}, n = {as_text(row['reference_n'])}" if math.isfinite(lab) else ""
            how = "orders it with Spearman’s ρ =" if not said else "with"
            said.append(f"{who}, {how} {as_float(row['mean']):.5f} ({counts(row['n'], as_text(row['unit']))}{own})")
    if not said:
        return ""
    first = next(iter(found.values()))
    recipe = as_text(first["schedule"])
    ceiling = as_float(first["oracle"])
    best = f"; the pictures allow {ceiling:.5f}" if math.isfinite(ceiling) else ""
    return f"On {images} images{f' ({recipe})' if recipe else ''} {', '.join(said)}{best}."


def _plain_setting(row: Row, images: str) -> bool:
    """Whether a row of summary.csv is about what the paper's headline is about, but for recipe and protocol."""
    network = as_text(row["encoder"]) in PAPER_ENCODERS and not as_text(row["layer"]) and as_float(row["dim"]) == 1
    own = as_flag(row["own"]) and as_flag(row["usual"]) and not as_text(row["objective"])
    return network and own and (row["variant"], row["split"], row["view"]) == (images, "test", "all")


def _weight(found: Mapping[str, Row]) -> tuple[float, ...]:
    """How much settings count, by the row of each method."""
    rows = found.values()
    law = all(as_text(row[name]) == "paper" for row in rows for name in ("protocol", "recipe_protocol"))
    whole = sum(as_flag(row["full"]) for row in rows)
    return len(found), law, whole, min(as_float(row["n"]) for row in rows)


def _rank(row: Row) -> tuple[float, ...]:
    """How much a row of summary.csv counts: nothing, unless it is of the score; the exact one, then of most units."""
    measure = as_text(row.get("measure"))
    return (as_float(row["n"]), -_EXACT.index(measure)) if measure in _EXACT else ()


def _ahead(rows: Sequence[Row]) -> str:
    """Which of the two methods is ahead on the images of which there are runs."""
    known = {as_text(row["claim"]): row for row in rows}
    parts = []
    for images, claims in HEADLINE.items():
        found = [(*_finding(known.get(claim, {})), score) for claim, score in zip(claims, _SCORES, strict=True)]
        if all(not details for _, details, _ in found):
            continue
        (first, sure, one), (second, also, other) = found
        joint = f"{first} in {one} ({sure}) and {other} Spearman ({also})"
        apart = " and ".join(f"{what} in {score} Spearman ({how or 'no pair'})" for what, how, score in found)
        parts.append(f"on {images} images, {joint if first == second else apart}")
    return f"Contrastive against supervised: {'; '.join(parts) or _FEW}."


def _finding(row: Row) -> tuple[str, str]:
    """Who is ahead in one score, and how sure that is; no details where there is no pair of runs."""
    if not as_float(row.get("n")) >= 1:
        return _FEW, ""
    verdict = as_text(row["verdict"])
    contrary = "supervised is ahead" if as_float(row["ci_high"]) < 0 else "contrastive is not ahead"
    words = {"supported": "contrastive is ahead", "contradicted": contrary, "equal": "the two are level"}
    what = words.get(verdict, "it is open which is ahead" if as_float(row["n"]) > 1 else _FEW)
    provisional = verdict in words and as_flag(row["provisional"])
    sure = [*_interval(row, difference=True), *_chances(row)[-1:], counts(row["n"], as_text(row["unit"]))]
    sure += ["sampled scores"] if as_text(row["source"]) == "sample" else []
    return f"{'provisionally ' if provisional else ''}{what}", ", ".join(sure)


def count_line(rows: Sequence[Row]) -> str:
    """So many claims of each verdict, and how many of them are provisional."""
    counted = Counter(as_text(row["verdict"]) for row in rows)
    loose = Counter(as_text(row["verdict"]) for row in rows if as_flag(row["provisional"]))
    others = sorted(counted.keys() - VERDICTS.keys())
    return ", ".join(
        f"{counted[verdict]} {verdict or 'without a verdict'}"
        + (f" ({loose[verdict]} of them provisional)" if loose[verdict] else "")
        for verdict in (*VERDICTS, *others)
    )


def claim_cards(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The claims for the template: the headline, then what is settled, then what is open; else in their order."""
    heads = {name for claims in HEADLINE.values() for name in claims}
    cards = [_card(row) for row in rows]
    return sorted(cards, key=lambda card: (card["claim"] not in heads, card["kind"] == "undecided"))


def _card(row: Row) -> dict[str, Any]:
    verdict = as_text(row["verdict"])
    return {
        **{name: as_text(row[name]) for name in _TEXTS},
        "verdict": verdict or "no verdict",
        "kind": verdict if verdict in VERDICTS else "other",
        "symbol": VERDICTS.get(verdict, "•"),
        "provisional": as_flag(row["provisional"]),
        "numbers": _numbers(row),
        "waiting": verdict == "undecided" and all(math.isnan(as_float(row[key])) for key in ("p_value", "ci_low")),
    }


def _numbers(row: Row) -> list[str]:
    """Estimate with interval, p, n with its unit, margin, what was scored, precision; none of what is missing."""
    margin, source = as_float(row["margin"]), as_text(row["source"])
    if not as_float(row["n"]) >= 1:
        return []
    found = [*_interval(row), *_chances(row), counts(row["n"], as_text(row["unit"]))]
    found += [f"border or margin {_plain(margin)}"] if math.isfinite(margin) else []
    found += [_SOURCES.get(source, source), as_text(row["precision"])]
    return [text for text in found if text]


def _interval(row: Row, difference: bool = False) -> list[str]:
    """The estimate and its 95 % interval; a difference has its sign."""
    values = [as_float(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    places = spread(values[1], values[2])
    texts = [signed(value, places) if difference else signed(value, places).removeprefix("+") for value in values]
    if math.isnan(values[0]):
        return []
    return texts[:1] if all(map(math.isnan, values[1:])) else [f"{texts[0]}, 95 % interval {texts[1]} to {texts[2]}"]


def _chances(row: Row) -> list[str]:
    """p, and last the one corrected for the number of headline claims where there is one."""
    both = (("p", as_float(row["p_value"])), ("Holm p", as_float(row["p_holm"])))
    return [f"{name} {shown(value, 2)}" for name, value in both if not math.isnan(value)]


def _plain(value: float) -> str:
    """A threshold as somebody would write it: four digits, no exponent, no zeros behind."""
    text = f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")
