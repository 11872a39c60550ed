"""Which rows speak to a claim, and which belong together: from the frames of a report to a small grid of numbers.

Only what the condition columns say counts (`pendeval.tables`); no label, recipe name or folder is read. `grid` finds
the rows that a `Question` asks for:

* outputs of the paper's network, trained on data of the settings they are scored on, whatever is not asked about as
  in the paper, and of the objective asked for;
* one protocol, schedule and size at a time (`STRATUM`): preferred is what every side has, the paper's protocol, the
  full recipe, then what there is most of; one that gives no number, as of a single replicate or of too few levels,
  gives way to the next that does;
* paired by training seed, by the seeds of the data on both sides, and by precision (where a seed has both, the one
  that more levels have, then float32);
* exact measures where every row used has them, else the sampled ones for all (`registry.PRIMARY`).

The unit of statistics is a replicate: a fresh training set with a fresh training seed. Several seeds on one of several
training sets are averaged first; where all share one training set, each seed is a unit and nothing is known of others.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.claims.frame import Rows
from pendeval.claims.question import Cells, Question, Side
from pendeval.conditions import FULL_PENDULUMS
from pendeval.measures.registry import PRIMARY
from pendeval.recipes import PAPER_ENCODERS

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Key = tuple[int, int, int, str]
"""(training data seed, training seed, data seed, precision); an unknown data seed is −1."""
_PROTOCOLS = {("paper", "paper"): 0, ("original", "original"): 1}
"""Protocol of data and recipe → its place in the order of preference; others come last."""
_NUMBER = 3
_EXACT = PRIMARY | {name: f"population_{name}" for name in ("spearman", "density", "range_density")}


@dataclass(frozen=True)
class Grid:
    """The rows that answer a question, level by level and run by run, and what is to be said of them."""

    levels: Float
    """(L,) values of the axis; a single 0 without one"""
    names: tuple[str, ...]
    index: Mapping[str, Int]
    """side → row numbers (L, R), −1 where some side of that level and run is missing"""
    unit_of: Int
    """(R,) the unit each run belongs to"""
    unit: str = ""
    """replicate, dataset (the mean of its trainings) or training seed"""
    exact: bool = False
    stratum: Mapping[str, Any] = field(default_factory=dict)
    precision: tuple[str, ...] = ()
    datasets: tuple[int, ...] = ()
    """seeds of the training sets; −1 where unknown"""
    test_splits: int = 0
    missing: tuple[float, ...] = ()
    """the paper's values of the axis that nothing, or a single run, is known at"""
    lost: int = 0
    """rows without a training seed, which nothing can be paired with"""
    unknown: int = 0
    """rows that were passed over because their settings are not known"""

    @property
    def present(self) -> NDArray[np.bool_]:
        """(L,) levels that two runs or more have."""
        if not self.index:
            return np.zeros(0, np.bool_)
        return np.asarray((next(iter(self.index.values())) >= 0).sum(axis=1) > 1)

    def cells(self, rows: Rows) -> Cells:
        """What the rows of the grid hold, exact or sampled as decided for all of them."""

        def read(side: str, measure: str) -> Float:
            name = exact_name(measure) if self.exact else measure
            return rows.padded(name or measure)[self.index[side]]

        return Cells(self.levels, self.present, read)


def exact_name(measure: str) -> str | None:
    """The exact counterpart of a sampled measure, or of its oracle; None where there is none."""
    plain = measure.removeprefix("oracle_")
    exact = _EXACT.get(plain)
    return None if exact is None else exact if plain == measure else f"oracle_{exact}"


def grid(rows: Rows, question: Question) -> Grid:
    """The rows that answer a question; without levels or runs where there are none."""
    found = {name: _select(rows, side, question) for name, side in question.sides.items()}
    keys = _keys(rows)
    strata = _strata(rows, found, question.stratum)
    best = Grid(np.zeros(0), (), {}, np.zeros(0, np.int64), missing=question.axis.wanted if question.axis else ())
    most = -1
    for stratum, members in strata:
        made = _build(rows, question, {name: members.get(name, np.zeros(0, np.int64)) for name in found}, keys, stratum)
        says = _says(rows, question, made)
        if says > most:
            best, most = made, says
        if says == _NUMBER:
            break
    unknown = 0 if len(best.unit_of) else _unknown(rows, question)
    lost = sum(int(np.isnan(rows.number("seed")[some]).sum()) for some in found.values())
    return replace(best, lost=lost, unknown=unknown)


def _says(rows: Rows, question: Question, made: Grid) -> int:
    """How much can be said: 0 without runs, 1 where no level has two of them, 2 without a number, else _NUMBER."""
    if not made.present.any():
        return int(len(made.unit_of) > 0)
    with np.errstate(all="ignore"):
        return _NUMBER if np.isfinite(question.value(made.cells(rows))).any() else 2


def _select(rows: Rows, side: Side, question: Question) -> Int:
    """Numbers of the rows on a side, at whatever condition of the axis."""
    text, number, axis = rows.text, rows.number, question.axis
    column = "" if axis is None or side.fixed else axis.column
    trained = text("train_variant") == side.variant
    if side.clean:
        scored = (text("variant") == "vanilla") & (text("protocol") == text("train_protocol"))
    else:
        scored = (text("variant") == side.variant) & (number("own") == 1)
    network = np.isin(text("encoder"), PAPER_ENCODERS) & (text("layer") == "")
    some = trained & scored & network & (number("usual") == 1)
    for name in ("method", "view", "split"):
        some &= text(name) == getattr(side, name)
    if question.frame == "segments":
        some &= text("kind") == "segment"
    if axis is not None and axis.column == "temperature":  # of the main objective but for the temperature
        rest = text("recipe without temperature")
        some &= np.isin(rest, np.unique(rest[some & (text("objective") == side.objective)]))
    else:
        some &= text("objective") == side.objective
    if column != "dim":
        some &= number("dim") == side.dim
    level = _level(rows, side, question)
    if side.level is not None:
        some &= np.isclose(level, side.level)
    elif column != "level" and side.variant in ("vanilla", "large"):
        some &= level == 0
    if axis is not None and axis.column == "train_pendulums":
        some &= (number(axis.column) >= FULL_PENDULUMS) == side.fixed
    if column:
        values = _along(rows, side, question)
        some &= np.isfinite(values)
        if axis is not None and not axis.open:
            some &= np.isclose(values[:, None], axis.wanted, rtol=1e-9, atol=1e-12).any(axis=1)
    return np.flatnonzero(some)


def _level(rows: Rows, side: Side, question: Question) -> Float:
    if question.axis is not None and question.axis.column == "num_gaps":
        return rows.number("total_gap")
    return rows.number("train_level" if side.clean else "level")


def _along(rows: Rows, side: Side, question: Question) -> Float:
    """Where each row lies on the axis."""
    column = question.axis.column if question.axis is not None else ""
    return np.round(rows.number("train_level" if column == "level" and side.clean else column), 9)


def _strata(
    rows: Rows, found: Mapping[str, Int], columns: Sequence[str]
) -> list[tuple[dict[str, Any], dict[str, Int]]]:
    """The ways to hold everything else equal, best first, each with the rows of every side."""
    numbers = ("train_pendulums", "train_images", "pendulums", "images_per_pendulum", "steps")
    held = [np.nan_to_num(rows.number(n), nan=-1.0) if n in numbers else rows.text(n) for n in columns]
    groups: dict[tuple[Any, ...], dict[str, list[int]]] = {}
    for name, some in found.items():
        for k in some:
            groups.setdefault(tuple(column[k] for column in held), {}).setdefault(name, []).append(int(k))
    full = rows.number("full") == 1
    first = ~(rows.number("again") == 1)  # a seed in a second precision makes no condition fuller

    def rank(item: tuple[tuple[Any, ...], dict[str, list[int]]]) -> tuple[Any, ...]:
        stratum, members = dict(zip(columns, item[0], strict=True)), item[1]
        given = stratum.get("protocol", "paper"), stratum.get("recipe_protocol", "paper")
        place = _PROTOCOLS.get(given, len(_PROTOCOLS))
        whole = sum(bool(full[some].any()) for some in members.values())
        filled = sum(int(first[some].sum()) for some in members.values())
        return len(found) - len(members), place, -whole, -filled, str(item[0])

    ordered = sorted(groups.items(), key=rank)
    return [
        (dict(zip(columns, key, strict=True)), {name: np.array(some, np.int64) for name, some in members.items()})
        for key, members in ordered
    ]


def _keys(rows: Rows) -> list[Key | None]:
    """Of each row; None where the training seed is unknown."""
    seeds = [rows.seed(name).tolist() for name in ("train_data_seed", "seed", "data_seed")]
    keys = zip(*seeds, rows.text("precision").tolist(), strict=True)
    unknown = np.isnan(rows.number("seed")).tolist()
    return [None if lost else key for key, lost in zip(keys, unknown, strict=True)]


def _build(
    rows: Rows, question: Question, members: Mapping[str, Int], keys: Sequence[Key | None], stratum: dict[str, Any]
) -> Grid:
    axis = question.axis
    at: dict[str, dict[tuple[float, Key], int]] = {}
    for name, some in members.items():
        side = question.sides[name]
        along = np.zeros(len(rows.frame)) if axis is None or side.fixed else _along(rows, side, question)
        held = at.setdefault(name, {})
        for k in some[::-1]:  # of copies the first counts
            if (key := keys[k]) is not None:
                held[0.0 if side.fixed else float(along[k]), key] = int(k)
    varied = [name for name in members if not question.sides[name].fixed]
    levels = sorted({level for name in varied for level, _ in at[name]})
    cells = {
        (level, key): {name: at[name].get((0.0 if question.sides[name].fixed else level, key), -1) for name in members}
        for level in levels
        for key in {key for other, key in at[varied[0]] if other == level}
    }
    cells = {where: found for where, found in cells.items() if min(found.values()) >= 0}
    cells = {where: cells[where] for where in _chosen(cells, question.single)}
    runs = sorted({key for _, key in cells})
    levels = [level for level in levels if any(where[0] == level for where in cells)]
    place = {key: k for k, key in enumerate(runs)}
    index = {name: np.full((len(levels), len(runs)), -1, np.int64) for name in members}
    for (level, key), found in cells.items():
        for name, k in found.items():
            index[name][levels.index(level), place[key]] = k
    unit_of, unit = _units(runs)
    used = {name: some[some >= 0] for name, some in index.items()}
    often = [level for level in levels if sum(where[0] == level for where in cells) > 1]
    return Grid(
        levels=np.array(levels),
        names=tuple(axis.word(level) if axis else "" for level in levels),
        index=index,
        unit_of=unit_of,
        unit=unit,
        exact=_exact_for_all(rows, question.measures, used.values()),
        stratum=stratum,
        precision=tuple(sorted({key[3] for key in runs})),
        datasets=tuple(sorted({key[0] for key in runs})),
        test_splits=len({key[2] for key in runs}),
        missing=tuple(v for v in (axis.wanted if axis else ()) if not np.isclose(v, often).any()),
    )


def _chosen(cells: Collection[tuple[float, Key]], single: bool) -> list[tuple[float, Key]]:
    """The runs that count at each level: one precision each, their own test split where that was scored.

    Other levels only say which of two is preferred, the one that more of them have: none loses a run by them.
    """
    often = Counter(key for _, key in cells)
    several = len({key[0] for key in often}) > 1

    def rank(cell: tuple[float, Key]) -> tuple[Any, ...]:
        key = cell[1]
        return key[2] != key[0], -often[key], key[3] != "float32", key

    chosen: list[tuple[float, Key]] = []
    taken: set[tuple[Any, ...]] = set()
    for level, key in sorted(cells, key=rank):
        dataset, seed, split, _ = key
        unit = (level, dataset, 0 if single and several else seed)
        place = (*unit, dataset if single else split)
        if taken.isdisjoint({place, (*unit, dataset)}):  # nor is its own split
            taken.add(place)
            chosen.append((level, key))
    return chosen


def _units(runs: Sequence[Key]) -> tuple[Int, str]:
    """Which unit each run belongs to, and what a unit is."""
    trained = [key[:2] for key in runs]
    datasets = {dataset for dataset, _ in trained}
    if len(datasets) > 1:
        unit = "replicate" if len(set(trained)) == len(datasets) else "dataset"
        names: list[Any] = [dataset for dataset, _ in trained]
    else:
        unit, names = "training seed" if runs else "", list(trained)
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], np.int64), unit


def _exact_for_all(rows: Rows, measures: Sequence[str], used: Iterable[Int]) -> bool:
    """Whether every row used has the exact counterpart of every measure, wherever it has the sampled one."""
    pairs = [(name, exact_name(name)) for name in measures]
    if not pairs or any(exact is None for _, exact in pairs):
        return False
    some = np.unique(np.concatenate([np.zeros(0, np.int64), *used]))
    for sampled, exact in pairs:
        there, here = (np.isfinite(rows.number(str(name))[some]) for name in (exact, sampled))
        if not there.any() or (here & ~there).any():
            return False
    return True


def _unknown(rows: Rows, question: Question) -> int:
    """Rows that might have counted but do not say enough of themselves."""
    some = np.zeros(len(rows.frame), np.bool_)
    for side in question.sides.values():
        silent = np.isnan(rows.number("own")) | (rows.text("train_bob_size") == "")
        trained = (rows.text("train_variant") == side.variant) | (rows.text("train_variant") == "")
        some |= silent & trained & (rows.text("variant") == side.variant) & (rows.text("method") == side.method)
    return int(some.sum())
