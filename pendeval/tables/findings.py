"""findings.csv: what the lab asks beyond the paper, answered in sentences from the other tables.

Answers are about encoders of one output that were trained on data of the settings they are scored on. All p-values
of one question are corrected together (Holm), over data, schedules and both scores.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import stdtr, stdtrit

from pendeval.claims.scores import MARGINS
from pendeval.measures.registry import PRIMARY
from pendeval.recipes import PAPER_ENCODERS
from pendeval.settings import VARIANTS
from pendeval.tables.comparisons import of_paper
from pendeval.tables.condition import amount, rows_of
from pendeval.tables.labelled import NO_LABELS
from pendeval.verdict import holm

FINDINGS: dict[str, str] = {
    "question": "what is asked",
    "about": "the data, and what of the recipe departs from Fig. 16",
    "answer": "in a sentence, with the numbers it rests on",
    "measure": "name of the measure that the numbers beside are of; the sentence may hold others",
    "estimate": "the number: a difference of means, a mean, a share that broke, or an optimum less the oracle",
    "ci_low": "95 % interval of the estimate, as the table it is from has it",
    "ci_high": "its other end",
    "p_value": "two-sided, not corrected",
    "p_holm": "the same, corrected for all answers to the question",
    "n": "units behind the estimate; empty where the number is exact",
    "table": "the table it is from",
    "figure": "name of the figure that shows it; empty where none does",
}
AHEAD = "Who is ahead, contrastive or supervised training?"
ORDER = "Does the loss itself want the order of the oracle?"
OTHERS = "Is another method ahead of contrastive training?"
SETTINGS = "Does another loss or setting serve a method better than its usual one?"
LABELS = "What is it worth to be told the energies of some pendulums?"
BROKEN = "How often do gaps in the training energies break the representation, and what mends it?"
FEWEST = 5
"""Trainings below which a share that broke says nothing."""

Row = Mapping[str, Any]
_ALPHA = 0.05
_GLOBAL, _LOCAL = MARGINS
_DIGITS = {_GLOBAL: 5, _LOCAL: 4}


def findings(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The frame of findings.csv from comparisons, optima, labelled and fractures; no row where nothing can be said."""
    made: tuple[tuple[str, Callable[[list[Row]], Iterator[dict[str, Any]]]], ...] = (
        ("comparisons", _ahead),
        ("optima", _orders),
        ("comparisons", _others),
        ("comparisons", _settings),
        ("labelled", _labels),
        ("fractures", _broken),
    )
    rows = [
        answer | {"table": name}
        for name, ask in made
        for answer in ask(sorted(filter(_plain, rows_of(frames[name])), key=_place))
    ]
    return pd.DataFrame(rows, columns=list(FINDINGS))


def _plain(row: Row) -> bool:
    """Whether a row is of one output, trained on data like those it is scored on, all images counted."""
    whole = (row["split"], row["view"], row["layer"]) == ("test", "all", "") and row["dim"] == 1
    return whole and row["own"] is not pd.NA and bool(row["own"])


def _place(row: Row) -> tuple[int, float, int, int]:
    """Data in the order of the paper, in full before fewer, then the recipe that departs least from Fig. 16."""
    variant = VARIANTS.index(row["variant"]) if row["variant"] in VARIANTS else len(VARIANTS)
    return variant, float(row["level"]), len(amount(row)), len(row["schedule"])


@dataclass(frozen=True)
class _Pair:
    """Paired differences of two methods in the two scores, and their p-values corrected for the whole question."""

    rows: Mapping[str, Row]
    p_holm: Mapping[str, float]

    @property
    def row(self) -> Row:
        """The row of the global score."""
        return self.rows[_GLOBAL]

    def sign(self, score: str) -> int:
        """1 where the first method is certainly ahead, −1 where it is behind, 0 where that is open."""
        return int(math.copysign(1, self.rows[score]["difference"])) if self.p_holm[score] <= _ALPHA else 0

    def level(self, score: str) -> bool:
        """Whether two one-sided t-tests of 5 % put the difference within the margin."""
        row = self.rows[score]
        error = (row["ci_high"] - row["ci_low"]) / 2 / float(stdtrit(row["n"] - 1, 0.975))
        room = MARGINS[score] - abs(row["difference"])
        return bool(room > 0 and (not error or stdtr(row["n"] - 1, -room / error) <= _ALPHA))

    def finding(self, question: str, figure: str, answer: str) -> dict[str, Any]:
        """The row of findings.csv."""
        numbers = {name: self.row[name] for name in ("measure", "ci_low", "ci_high", "p_value", "n")}
        numbers |= {"estimate": self.row["difference"], "p_holm": self.p_holm[_GLOBAL]}
        return {"question": question, "about": _about(self.row), "answer": answer, "figure": figure} | numbers


def _pairs(rows: Sequence[Row]) -> list[_Pair]:
    """Every comparison of two pairs or more that has both scores, exact ones where as many pairs have them."""
    sides: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        if row["n"] > 1:
            sides.setdefault((row["condition_a"], row["condition_b"]), {})[row["measure"]] = row
    found = [
        {
            score: max(filter(None, (held.get(PRIMARY[score]), held.get(score))), key=lambda row: row["n"])
            for score in MARGINS
        }
        for held in sides.values()
        if all(held.keys() & {score, PRIMARY[score]} for score in MARGINS)
    ]
    corrected = iter(holm([row["p_value"] for held in found for row in held.values()]))
    return [_Pair(held, {score: next(corrected) for score in held}) for held in found]


def _ahead(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Contrastive less supervised, as the paper has both."""
    for pair in _pairs([row for row in rows if of_paper(row)]):
        said = [_who(pair, score) for score in MARGINS]
        who = said[0] if said[0] == said[1] else f"in global Spearman {said[0]}, in local {said[1]}"
        lines = [_interval(pair.rows[score], _DIGITS[score]) for score in MARGINS]
        answer = f"{who[0].upper()}{who[1:]}: contrastive less supervised is {lines[0]} global and {lines[1]} local, "
        answer += f"n = {pair.row['n']}; means {_number(pair.row['mean_a'])} and {_number(pair.row['mean_b'])}"
        oracle = f", of {_number(pair.row['oracle'])} that the pictures allow" if pair.row["oracle"] > 0 else ""
        vanilla = "figure-pendulums" if amount(pair.row) else "figure-03"  # of which those are
        figure = vanilla if pair.row["variant"] == "vanilla" else "figure-ahead"
        yield pair.finding(AHEAD, figure, f"{answer}{oracle}.")


def _who(pair: _Pair, score: str) -> str:
    if pair.level(score):
        return "the two are level"
    return {1: "contrastive is ahead", -1: "supervised is ahead", 0: "it is open who is ahead"}[pair.sign(score)]


def _orders(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Where each loss is least, beside the oracle."""
    losses: dict[str, dict[str, dict[str, Row]]] = {}
    for row in rows:
        score = next((score for score in MARGINS if row["measure"] in (score, PRIMARY[score])), "")
        if row["optimum_from"] == "optimum" and score:
            losses.setdefault(row["data_words"], {}).setdefault(_name(row), {})[score] = row
    for about, found in losses.items():
        whole = {name: scores for name, scores in found.items() if scores.keys() == MARGINS.keys()}
        if not whole:
            continue
        parts = []
        for where in ("there", "elsewhere"):
            texts = [f"{name} ({_both(held, 'optimum')})" for name, held in whole.items() if _where(held) == where]
            parts += [f"{', '.join(texts)} {where}"] if texts else []
        furthest = max(whole.values(), key=lambda held: abs(held[_GLOBAL]["optimum_shortfall"]))
        row = furthest[_GLOBAL]
        answer = f"The oracle has {_both(furthest, 'oracle')} (global / local Spearman). "
        answer += f"The least loss puts {', and '.join(parts)}."
        yield {
            **{"question": ORDER, "about": about, "answer": answer, "figure": "figure-optima"},
            **{"measure": row["measure"], "estimate": row["optimum"] - row["oracle"]},
        }


def _where(scores: Mapping[str, Row]) -> str:
    """Whether the optimum is at the oracle's scores or not, to within what counts as equal."""
    same = all(abs(row["optimum_shortfall"]) <= MARGINS[score] for score, row in scores.items())
    return "there" if same else "elsewhere"


def _both(scores: Mapping[str, Row], key: str) -> str:
    return " / ".join(_number(scores[score][key], _DIGITS[score]) for score in MARGINS)


def _others(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Methods that are not told the energy of every pendulum, at their best settings, less contrastive training."""
    plain = [row for row in rows if row["method_a"] == "contrastive" and not row["objective_a"]]
    told = ("contrastive", "supervised", "")
    best: dict[str, dict[str, _Pair]] = {}
    for pair in _pairs([row for row in plain if row["method_b"] not in told and row["encoder"] in PAPER_ENCODERS]):
        held = best.setdefault(pair.row["counterpart"], {})
        known = held.get(pair.row["method_b"])
        if known is None or pair.row["mean_b"] > known.row["mean_b"]:
            held[pair.row["method_b"]] = pair
    for found in best.values():
        yield _ranked(found.values(), OTHERS, "contrastive training", "figure-learning")


def _settings(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Other losses and settings of a method less its usual ones; how many labels it has is asked elsewhere."""
    same = [row for row in rows if row["method_a"] == row["method_b"] and row["encoder"] in PAPER_ENCODERS]
    other = [row for row in same if not row["objective_a"] and row["objective_b"]]
    found: dict[tuple[str, str], list[_Pair]] = {}
    for pair in _pairs([row for row in other if "labelled" not in row["objective_b"]]):
        found.setdefault((pair.row["counterpart"], pair.row["method_a"]), []).append(pair)
    for (_, method), pairs in found.items():
        figure = "figure-fractures" if pairs[0].row["variant"] == "gaps" else ""  # elsewhere settings share a colour
        yield _ranked(pairs, SETTINGS, f"{method.replace('_', '-')} training as it usually is", figure)


def _ranked(pairs: Iterable[_Pair], question: str, usual: str, figure: str) -> dict[str, Any]:
    """The second sides of pairs, the best first, less the first one that all have, `usual`."""
    ranked = sorted(pairs, key=lambda pair: -float(pair.row["mean_b"]))
    texts = [f"{_name(pair.row, '_b')} {_interval(_turned(pair.row))}" for pair in ranked]
    ahead, open_, behind = (
        ", ".join(text for text, pair in zip(texts, ranked, strict=True) if pair.sign(_GLOBAL) == sign)
        for sign in (-1, 0, 1)
    )
    answer = f"Ahead: {ahead or 'none'}. Open: {open_ or 'none'}. Behind: {behind or 'none'}."
    answer += f" Global Spearman less that of {usual}, n = {min(pair.row['n'] for pair in ranked)}."
    turned = _turned(ranked[0].row)
    numbers = {"estimate": turned["difference"], "ci_low": turned["ci_low"], "ci_high": turned["ci_high"]}
    return ranked[0].finding(question, figure, answer) | numbers


def _turned(row: Row) -> Row:
    """A comparison the other way round."""
    return {"difference": -row["difference"], "ci_low": -row["ci_high"], "ci_high": -row["ci_low"]}


def _labels(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Training with the labels there are, beside contrastive training without any."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["measure"] in (_GLOBAL, PRIMARY[_GLOBAL]) and not row["setting"]:
            found.setdefault(row["counterpart"], []).append(row)
    for same in found.values():
        none = [row for row in same if row["reference"] == NO_LABELS]
        told: dict[str, dict[int, Row]] = {}
        for row in sorted(same, key=lambda row: (row["method"] != "supervised", float(row["labelled"]), row["mean"])):
            if str(row["labelled_pendulums"]).isdecimal():
                told.setdefault(row["method"], {})[int(row["labelled_pendulums"])] = row  # the best of several recipes
        if not none or "supervised" not in told:
            continue
        texts = [
            f"{method.replace('_', '-')} training told the energies of "
            + ", ".join(f"{count} pendulums: {_mean(row)}" for count, row in held.items())
            for method, held in told.items()
        ]
        answer = f"In global Spearman, {'; '.join(texts)}; contrastive training told none: {_mean(none[0])}."
        first = next(iter(told["supervised"].values()))
        numbers = {name: first[name] for name in ("measure", "ci_low", "ci_high", "n")}
        about = {"question": LABELS, "about": _about(first), "answer": answer, "figure": "figure-labelled"}
        yield about | numbers | {"estimate": first["mean"]}


def _mean(row: Row) -> str:
    scatter = f" ± {_number(row['sd'])}" if row["n"] > 1 else ""
    return f"{_number(row['mean'])}{scatter} (n = {row['n']})"


def _broken(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """How many encoders fractured, contrastive ones first and the others beside them."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["n"] >= FEWEST:
            found.setdefault(row["counterpart"], []).append(row)
    for same in found.values():
        first, *others = sorted(same, key=lambda row: not math.isnan(row["p_value"]))
        text = f"{_share(first)}, 95 % interval {_number(first['ci_low'], 3)} to {_number(first['ci_high'], 3)}"
        texts = [text, *(f"{_share(row)}{_against(row)}" for row in others)]
        numbers = {name: first[name] for name in ("ci_low", "ci_high", "n")}
        about = {"question": BROKEN, "about": _about(first), "answer": f"{'; '.join(texts)}."}
        yield about | numbers | {"measure": "fractured", "estimate": first["rate"], "figure": "figure-fractures"}


def _share(row: Row) -> str:
    return f"{_name(row)}: {row['n_fractured']} of {row['n']} broke"


def _against(row: Row) -> str:
    return "" if math.isnan(row["p_value"]) else f" (p {row['p_value']:.2g})"


def _name(row: Row, side: str = "") -> str:
    """A method and what is its own in its settings."""
    return " ".join(filter(None, (row[f"method{side}"].replace("_", "-"), row[f"objective{side}"])))


def _about(row: Row) -> str:
    return ", ".join(filter(None, (row["data_words"], row["schedule"] or "Fig. 16", amount(row))))


def _interval(row: Row, digits: int = 5) -> str:
    difference, low, high = (_number(row[name], digits) for name in ("difference", "ci_low", "ci_high"))
    return f"{difference} ({low} to {high})"


def _number(value: float, digits: int = 5) -> str:
    """With a minus that is one, which what rounds to nothing has not."""
    text = f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and float(text) else text
