"""What captions say of the rows behind a figure."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pendeval.figures.choose import Example, score

BARS = "Bars are 95 % t-intervals over these; a single one has none."


def counted(points: pd.DataFrame) -> str:
    """What a point is a mean over: "1 to 5 replicates"; and that they share one test split, where they do."""
    low, high = int(points["n"].min()), int(points["n"].max())
    units = sorted(set(points["unit"]) - {""}) or ["run"]
    names = " or ".join(unit + "s" * (high > 1) for unit in units)
    text = f"{'' if low == high else f'{low} to '}{high} {names}"
    return f"{text}, all on one test split, whose scatter they share" if points["shared_test"].all() else text


def basis(exact: Mapping[str, bool]) -> str:
    """Whether scores are exact or sampled, by the name of the part of the figure."""
    names = {kind: _listed([name for name, it_is in exact.items() if it_is is kind]) for kind in (True, False)}
    if not names[False]:
        return "Scores are exact: over every image that can occur, each with its probability."
    if not names[True]:
        return "Scores are sampled: over the images embedded."
    return (
        f"Scores are exact, over every image that can occur, for {names[True]}; sampled, over the images embedded, for "
        f"{names[False]}."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def precision(runs: pd.DataFrame, conditions: Iterable[str]) -> str:
    """In which precision the runs behind the conditions were trained, or nothing where that is not recorded."""
    found = sorted(set(runs.loc[runs["condition"].isin(list(conditions)), "precision"]) - {""})
    return f" Trained in {' and '.join(found)}{' (mixed)' if len(found) > 1 else ''}." if found else ""


def departures(departs: Mapping[str, Sequence[str]]) -> str:
    """A sentence on what is not of the preferred kind in each part of the figure, or nothing; what all share, once."""
    notes = list(dict.fromkeys(note for part in departs.values() for note in part))
    texts = []
    for note in notes:
        parts = [name for name, part in departs.items() if note in part]
        texts.append(note if len(parts) == len(departs) else f"{note} ({_listed(parts)})")
    return f" Not the paper's full setting: {'; '.join(texts)}." if texts else ""


def title(shown: Example, measure: str = "global_spearman") -> str:
    """A run's score as a title, "ρ = .9937 (exact)"; "" where it has none."""
    _, value, exact = score(shown.row, measure)
    return "" if value != value else f"ρ = {value:.4f} ({'exact' if exact else 'sampled'})"
