"""Findings as the page shows them: the lab's own questions, each with its answers."""

from collections.abc import Collection, Sequence
from typing import Any

from pendeval.claims.scores import MARGINS
from pendeval.page.cells import Row, as_float, as_text

_GLOBAL, _LOCAL = MARGINS.values()
RULE = (
    "Each answer stands for one kind of data and one recipe. A method is ahead where p, corrected for all answers to "
    f"the question (Holm), is at most .05; two are level where the difference lies within {_GLOBAL:.5f} global or "
    f"{_LOCAL:.4f} local, by two one-sided tests of 5 %; else it is open. Neither these tests nor the 95 % intervals "
    "are corrected."
)
CERTAIN = 0.05
"""Corrected p up to which a difference counts as certain; such answers are not left behind a fold."""
AT_ONCE = 4
"""Answers to a question that are seen without opening anything."""


def questions(rows: Sequence[Row], figures: Collection[str]) -> list[dict[str, Any]]:
    """The questions of findings.csv with their answers, certain differences first; figures are those in `figures`."""
    asked: dict[str, list[dict[str, str]]] = {as_text(row["question"]): [] for row in rows}
    for row in sorted(rows, key=lambda row: not as_float(row["p_holm"]) <= CERTAIN):
        answer = {name: as_text(row[name]) for name in ("about", "answer", "figure")}
        answer["figure"] *= answer["figure"] in figures
        asked[as_text(row["question"])].append(answer)
    return [{"text": text, "first": held[:AT_ONCE], "more": held[AT_ONCE:]} for text, held in asked.items()]
