"""The tables of the page: one function each, which names its columns and takes the rows of a frame."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pendeval.measures.registry import MEASURES, PRIMARY, primary
from pendeval.page.cells import (
    FINE,
    NONE,
    Cell,
    Column,
    Row,
    Table,
    as_flag,
    as_float,
    as_text,
    counts,
    mean_cell,
    measured,
    number_cell,
    numbers,
    precise,
    table,
    words,
)
from pendeval.page.condition import DATA, ENCODER, by_paper, side
from pendeval.scored import alarm
from pendeval.tables.comparisons import of_paper

SHOWN = (
    *("global_spearman", "local_spearman", "monotone_rmse", "representation_range"),
    *("local_abs_spearman", "gap_spearman", "forest_rmse"),
)
"""The measures shown on the page, by their sampled names; the others stand in the CSV files."""
OTHERS = ("global_spearman", "local_spearman")
"""Those shown of comparisons beyond the paper's."""
LINEAR = ("linear_r2_energy", "linear_r2_sin", "linear_r2_cos", "linear_r2_velocity")
"""Those of what a straight line reads off an embedding, and what is shown of an inner layer."""
SAMPLED, SHARED = "sampled", "shared test noise"
ORIGINAL_LAW = "paper (original law)"


def summary_table(rows: Sequence[Row]) -> Table:
    """A row per condition; each shown measure, exact where it can be, beside its oracle and the paper's figures."""
    wanted = [DATA, ENCODER, Column("Over", _over)]
    for measure in SHOWN:
        wanted += _summary_columns(measure)
    caption = (
        "Mean ± half the 95 % interval, over every image that can occur unless marked “sampled”, beside the oracle "
        "and what the lab's own runs of these settings reached. "
        "“Paper” is the printed figure measured like for like; “paper (original law)” was measured on other test "
        "images with another recipe"
    )
    return table("summary", caption, "No condition was scored.", wanted, by_paper(_gathered(rows, "condition")))


def linear_table(rows: Sequence[Row]) -> Table:
    """What a straight line through the embedding tells of energy, position and velocity, a row per condition."""
    wanted = [DATA, ENCODER, Column("Over", _over)]
    for measure in LINEAR:
        wanted += _summary_columns(measure)
    told = [row for row in _gathered(rows, "condition") if row["by"].keys() & {*LINEAR}]
    caption = (
        "Share of the variance that the best linear prediction from the embedding explains, on pendulums it was not "
        "fitted on. Mean ± half the 95 % interval; for the energy beside that of E[energy | image]"
    )
    return table("linear", caption, "No linear prediction was scored.", wanted, by_paper(told))


def _gathered(rows: Sequence[Row], *keys: str) -> list[dict[str, Any]]:
    """Rows of one condition, or pair of them, as one, whose `by` holds each by its measure."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(tuple(as_text(row[key]) for key in keys), {**row, "by": {}})
        entry["by"][as_text(row["measure"])] = row
    return list(found.values())


def _summary_columns(measure: str) -> list[Column]:
    def mean(row: Row) -> Cell:
        found = _chosen(row, measure)
        cell = mean_cell(found, measure, mark=_mark(found))
        counted = counts(found.get("n"), as_text(found.get("unit")))
        # Runs without this measure: said where it matters, for the column "Over" counts the others.
        other = cell.text != NONE and counted != _over(row).text
        return Cell(cell.text, cell.value, cell.remark, ", ".join(filter(None, [cell.mark, counted if other else ""])))

    def part(key: str) -> Callable[[Row], Cell]:
        return lambda row: number_cell(_chosen(row, measure).get(key), measure)

    def ours(row: Row) -> Cell:
        found = _chosen(row, measure)
        precision = as_text(found.get("reference_precision"))
        return mean_cell({**found, "unit": "run"}, measure, prefix="reference_", mark=precision)

    entry = MEASURES[measure]
    sources = (("oracle", "oracle"), ("paper", "published"), (ORIGINAL_LAW, "published_original_law"))
    parts = [Column(head, part(key), True, entry.label, NONE, f"{head}: {entry.meaning}") for head, key in sources]
    lab = Column("lab ±", ours, True, entry.label, NONE, "what the lab's own runs of these settings reached")
    return [Column("mean ±", mean, True, entry.label, NONE, entry.meaning), parts[0], lab, *parts[1:]]


def _chosen(row: Row, measure: str) -> Row:
    """The row of summary.csv for a measure: the exact one where it is of as many units as the sampled one."""
    by: Mapping[str, Row] = row["by"]

    def complete(exact: str) -> bool:
        return exact in by and not as_float(by.get(measure, {}).get("n")) > as_float(by[exact]["n"])

    return by.get(primary(measure, complete), {})


def _over(row: Row) -> Cell:
    """How many units of what, of the first measure shown."""
    found = next(filter(None, (_chosen(row, measure) for measure in SHOWN)), {})
    return Cell(counts(found.get("n"), as_text(found.get("unit"))))


def _mark(found: Row) -> str:
    """Nothing of an exact score; of a sampled one that it is, and whether all shared the noise of one test split."""
    entry = MEASURES.get(as_text(found.get("measure")))
    if entry is None or entry.exact:
        return ""
    return f"{SAMPLED}, {SHARED}" if as_flag(found.get("shared_test")) else SAMPLED


def comparisons_table(rows: Sequence[Row]) -> Table:
    """The paper's two methods, and which of them is ahead; of each condition the exact measures first."""
    order = [*(PRIMARY[measure] for measure in SHOWN if measure in PRIMARY), *SHOWN]
    conditions: dict[str, list[Row]] = {}
    for row in by_paper(row for row in rows if of_paper(row)):
        if as_text(row["measure"]) in order and not math.isnan(as_float(row["difference"])):
            conditions.setdefault(as_text(row["counterpart"]), []).append(row)
    sorted_rows = [
        row for group in conditions.values() for row in sorted(group, key=lambda row: order.index(row["measure"]))
    ]
    wanted = (DATA, ENCODER, *_compared("Contrastive", "Supervised"))
    caption = "Contrastive less supervised, paired by seed and data (paired t-test, two-sided, each for itself)"
    empty = "No condition has both a contrastive and a supervised run of the same seed and data."
    return table("comparisons", caption, empty, wanted, sorted_rows)


def others_table(rows: Sequence[Row]) -> Table:
    """Every other pair of methods, or of settings of one: few measures, exact where they can be."""
    others = [row for row in rows if not of_paper(row) and not math.isnan(as_float(row["difference"]))]
    found: list[Row] = []
    for pair in by_paper(_gathered(others, "counterpart", "condition_a", "condition_b")):
        found += filter(None, (_chosen(pair, measure) for measure in (LINEAR if as_text(pair["layer"]) else OTHERS)))

    def named(which: str) -> Callable[[Row], Cell]:
        return lambda row: Cell(side(row, which)[0], mark=side(row, which)[1], remark=as_text(row[f"label_{which}"]))

    sides = (Column("One", named("a")), Column("Other", named("b")))
    caption = "One less the other, paired by seed and data (paired t-test, two-sided, each for itself)"
    empty = "No other methods or settings have runs of the same seed, data and schedule."
    return table("others", caption, empty, (DATA, ENCODER, *sides, *_compared("Of one", "Of the other")), found)


def _compared(a: str, b: str) -> list[Column]:
    """Columns of a comparison: the measure, both means under their heads, their difference and how sure it is."""

    def difference(row: Row) -> Cell:
        return mean_cell({**row, "mean": row["difference"]}, row["measure"], most=FINE + 1)

    def value(head: str, key: str) -> Column:
        return Column(head, lambda row: number_cell(row[key], row["measure"]), True)

    return [
        Column("Measure", lambda row: Cell(MEASURES[row["measure"]].label, mark=_mark(row))),
        Column("Over", lambda row: Cell(counts(row["n"], as_text(row["unit"])))),
        *(value(a, "mean_a"), value(b, "mean_b"), value("Oracle", "oracle")),
        Column("Difference ±", difference, True, remark="one less the other, half the 95 % interval"),
        Column("Ahead", _ahead, remark="open: the interval of the difference includes 0"),
        *(numbers("Effect size", "effect_size", digits=2), numbers("p", "p_value", digits=2)),
    ]


def _ahead(row: Row) -> Cell:
    """Who is better by more than the interval, by the measure's own word for better."""
    better, low, high = MEASURES[row["measure"]].better, as_float(row["ci_low"]), as_float(row["ci_high"])
    if not better or math.isnan(low):
        return Cell(NONE)
    if not (low > 0 or high < 0):
        return Cell("open")
    return Cell(", ".join(filter(None, side(row, "a" if (low > 0) == (better == "higher") else "b"))))


def agreement_table(rows: Sequence[Row]) -> Table:
    """How alike two encoders order the same images."""
    wanted = (
        Column("Data", lambda row: Cell(as_text(row["data_words"]), remark=as_text(row["dataset"]))),
        words("Split", "split", "test"),
        *(words("One", "label_a"), words("Other", "label_b"), words("Paired", "pairing")),
        *(numbers("Pairs", "n"), numbers("Images", "images", remark="how many were ranked")),
        *(numbers("Mean |ρ|", "mean"), numbers("Least", "min"), numbers("Most", "max")),
    )
    caption = "Spearman's |ρ| between two encoders on the same images"
    return table("agreement", caption, "No two encoders embedded the same images.", wanted, by_paper(rows))


def records_table(rows: Sequence[Row]) -> Table:
    """The authors' records beside our runs: those like for like, and apart from them those of the other law."""

    def noise(side: str) -> Callable[[Row], Cell]:
        names = {f"{side}_eps_n": "ε_n", f"{side}_eps_g": "ε_g", "crop_alpha_c": "α_c"}

        def cell(row: Row) -> Cell:
            set_ = ((name, as_float(row[key])) for key, name in names.items())  # α_c = 1 is uncropped
            return Cell(", ".join(f"{name} {value:g}" for name, value in set_ if value not in (0, 1)) or "clean")

        return cell

    def side(whose: str) -> Callable[[Row], Cell]:
        def cell(row: Row) -> Cell:
            sampled = as_text(row.get(f"{whose}_source")) == "sample"
            found = mean_cell(row, as_text(row["measure"]), prefix=f"{whose}_", mark=SAMPLED if sampled else "")
            if found.text == NONE:
                return found
            return Cell(f"{found.text} ({as_text(row[f'{whose}_n'])})", found.value, found.remark, found.mark)

        return cell

    def oracle(whose: str) -> Callable[[Row], Cell]:
        return lambda row: number_cell(row[f"{whose}_oracle"], as_text(row["measure"]))

    def less(row: Row) -> Cell:
        return number_cell(as_float(row["our_mean"]) - as_float(row["their_mean"]), as_text(row["measure"]))

    like, other = "Ours (like for like)", "Ours (paper law)"
    remark = "other test images, other recipe: not to be compared digit by digit"
    wanted = (
        *(words("Family", "family"), words("Method", "method"), numbers("Outputs", "dim")),
        *(Column("Trained on", noise("train")), Column("Tested on", noise("test")), words("View", "view", "all")),
        Column("Measure", lambda row: Cell(_named(row["measure"]))),
        Column("Authors", side("their"), True),
        *(Column("mean ± (n)", side("our"), True, like, NONE), Column("oracle", oracle("our"), True, like, NONE)),
        Column("less theirs", less, True, like, NONE),
        Column("mean ± (n)", side("paper_law"), True, other, NONE, remark),
        Column("oracle", oracle("paper_law"), True, other, NONE, remark),
    )
    caption = (
        "Mean ± half the 95 % interval (number of runs or units), the authors' records and ours. Like for like are "
        "data and recipe of protocol original alone; runs of protocol paper stand apart, for their test images and "
        "recipe are others"
    )
    beside = (row for row in rows if row["status"] in ("compared", "other law"))
    return table("records", caption, "No condition of the authors' records has runs here.", wanted, beside)


def uncompared_table(rows: Sequence[Row]) -> Table:
    """Records without runs here, counted by reason."""
    left = [row for row in rows if row["status"] not in ("compared", "other law")]
    reasons = Counter((as_text(row["status"]), as_text(row["reason"])) for row in left)
    wanted = (words("Status", "status"), words("Reason", "reason", ""), numbers("Records", "count"))
    found = [{"status": status, "reason": reason, "count": n} for (status, reason), n in sorted(reasons.items())]
    return table("uncompared", "Records without a counterpart here", "Every record has one.", wanted, found)


def _named(measure: Any) -> str:
    return MEASURES[measure].label if measure in MEASURES else as_text(measure).replace("_", " ")


def runs_table(rows: Sequence[Row]) -> Table:
    """Every source and view, each measure exact where it can be."""

    def flags(row: Row) -> Cell:
        known = row["population_fractured"] if as_text(row["population_fractured"]) else row["fractured"]
        remarks = ["above its ceiling" if beaten(row) else "", "fractured" if as_flag(known) else ""]
        return Cell(", ".join(filter(None, remarks)))

    def test_seed(row: Row) -> Cell:
        seed = as_text(row["data_seed"])
        return Cell("same" if seed == as_text(row["train_data_seed"]) else seed or NONE)

    wanted = [DATA, ENCODER, numbers("Seed", "seed", remark="of the training")]
    wanted += [numbers("Data seed", "train_data_seed", needless="0", remark="of the data trained on")]
    wanted += [Column("Test seed", test_seed, needless="same", remark="of the data scored; same: that of training")]
    wanted += [words("Line", "line", "output"), Column("Remarks", flags, needless="")]
    for measure in SHOWN:
        wanted += _run_columns(measure)
    wanted.append(Column("File", lambda row: Cell(as_text(row["file"]) or as_text(row["population_file"])), path=True))
    caption = (
        "Every embedding and view, over every image that can occur unless marked “sampled”; all columns, and the "
        "sampled scores beside the exact ones, are in runs.csv"
    )
    return table("runs", caption, "No embeddings file was scored.", wanted, by_paper(rows))


def _run_columns(measure: str) -> list[Column]:
    """A measure of runs.csv with, on hovering, its bootstrap interval; and its ceiling."""

    def chosen(row: Row) -> str:
        return primary(measure, lambda exact: not math.isnan(as_float(row[exact])))

    def cell(row: Row) -> Cell:
        name = chosen(row)
        value, low, high = (as_float(row.get(key)) for key in (name, f"{name}_low", f"{name}_high"))
        interval = "" if math.isnan(low) else f"{precise(value)}, 95 % interval {low!r} to {high!r}"
        mark = "" if MEASURES[name].exact or math.isnan(value) else SAMPLED
        return Cell(measured(measure, value), precise(value), interval or precise(value), mark)

    def ceiling(row: Row) -> Cell:
        # A forest given the energies as the oracle knows them errs a little more than the oracle itself.
        key = "ceiling_rmse" if measure == "forest_rmse" else f"oracle_{chosen(row)}"
        return number_cell(row.get(key), measure)

    entry = MEASURES[measure]
    return [
        Column("value", cell, True, entry.label, NONE, entry.meaning),
        Column("oracle", ceiling, True, entry.label, NONE, f"oracle: {entry.meaning}"),
    ]


def beaten(row: Row) -> str:
    """By how much a row of runs.csv beats its ceilings, in words; "" where it does not. Decided by `score.alarm`."""
    said = {name: value for name, value in row.items() if as_text(value)}
    if "above_ceiling" in said:
        said["above_ceiling"] = as_flag(said["above_ceiling"])
    return alarm(said)


def problems_table(rows: Sequence[Row]) -> Table:
    """What could not be scored or drawn, and what is not what it claims to be."""
    wanted = (words("Run, file or figure", "path", path=True), words("What is wrong with it", "reason"))
    caption = "Missing, unfinished and failed runs, files that cannot be read or trusted, faults in figures"
    return table("problems", caption, "None: everything found was scored and drawn.", wanted, rows)
