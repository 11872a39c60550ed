"""Records → data frames, one table a file; each documents its columns where it makes them.

All files are UTF-8 CSV with one header line, numbers in full precision, empty cells for "undefined", "unknown" or "not
applicable". A text cell that a spreadsheet would run as a formula begins with an apostrophe.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pendeval import claims, reference
from pendeval.files import Problem, shown
from pendeval.scores import Record
from pendeval.tables.agreement import AGREEMENT, agree
from pendeval.tables.comparisons import COMPARISONS, compare
from pendeval.tables.findings import FINDINGS, findings
from pendeval.tables.fractures import FRACTURES, fractures
from pendeval.tables.labelled import LABELLED, labelled
from pendeval.tables.optima import OPTIMA, optima
from pendeval.tables.provenance import PROVENANCE, nothing_learnt, provenance
from pendeval.tables.records import RECORDS
from pendeval.tables.records import compare as compare_records
from pendeval.tables.runs import RUNS, SEGMENTS, SOURCE, in_each_precision, once, runs_and_segments
from pendeval.tables.summary import SUMMARY, summarise

PROBLEMS: dict[str, str] = {"path": "the run, file or figure", "reason": "what is wrong with it"}
COLUMNS: dict[str, Mapping[str, str]] = {
    "findings": FINDINGS,
    "runs": RUNS,
    "segments": SEGMENTS,
    "summary": SUMMARY,
    "comparisons": COMPARISONS,
    "agreement": AGREEMENT,
    "optima": OPTIMA,
    "fractures": FRACTURES,
    "labelled": LABELLED,
    "claims": claims.COLUMNS,
    "records": RECORDS,
    "provenance": PROVENANCE,
    "problems": PROBLEMS,
}
"""Table → its columns and what they mean."""
HOLDS: dict[str, str] = {
    "findings": "the lab's own questions, answered from the other tables",
    "runs": "every measure of every embeddings file and view",
    "segments": "Spearman and density in every band of energy",
    "summary": "every measure of every condition, mean over replicates",
    "comparisons": "any two methods, or settings of one, paired by seed and data",
    "agreement": "how alike two encoders order the same images",
    "optima": "the optimum of each loss between the oracle and the trained network",
    "fractures": "how often representations break where training energies had gaps",
    "labelled": "scores against the share of pendulums whose energy is told",
    "claims": "the paper's claims and what became of them",
    "records": "ours beside the authors' recorded results",
    "provenance": "where every run came from",
    "problems": "what could not be scored, or is not what it claims to be",
}
"""Table → what it holds, in words."""


def tabulate(
    records: Sequence[Record], problems: Sequence[Problem], roots: Sequence[Path], with_reference: bool = True
) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Every table of the report by the name of its file, and the problems, those found on the way included."""
    runs, segments = runs_and_segments(records)
    counted, doubtful = once(runs)
    judged = in_each_precision(runs)
    again = judged.drop_duplicates([*SOURCE])[[*SOURCE, "again"]]
    judged_segments = segments.drop_duplicates([*SOURCE, "view", "kind", "number"]).merge(again, on=[*SOURCE])
    summary = summarise(counted)
    summary = reference.beside(summary) if with_reference else summary
    frames = {"runs": runs, "segments": segments, "summary": summary}
    frames |= {"comparisons": compare(judged), "agreement": agree(records, counted)}
    frames |= {"optima": optima(counted), "fractures": fractures(counted), "labelled": labelled(counted)}
    frames["claims"] = claims.judge({"runs": judged, "segments": judged_segments})
    frames["records"] = compare_records(frames["summary"])
    frames["findings"] = findings(frames)
    frames["provenance"] = provenance(records, roots)
    every = {*problems, *doubtful, *nothing_learnt(records)}
    return frames, sorted(every, key=lambda problem: (str(problem.path), problem.reason))


def problems_table(problems: Sequence[Problem]) -> pd.DataFrame:
    """The frame of problems.csv."""
    rows = [(shown(problem.path), problem.reason) for problem in problems]
    return pd.DataFrame(rows, columns=list(PROBLEMS))
