"""The tables of the page: one function each, which names its columns and takes the rows of a frame."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pendeval import columns
from pendeval.page.cells import (
    CONDITION,
    METHODLESS,
    NAMES,
    NONE,
    Cell,
    Column,
    Row,
    Table,
    as_flag,
    as_float,
    as_text,
    dataset_cell,
    figures,
    mean_cell,
    measured,
    number_cell,
    table,
    words,
)


def summary_table(rows: Sequence[Row]) -> Table:
    """A row per condition; mean ± half interval (n), oracle and published figure of each shown measure."""
    conditions: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(as_text(row[name]) for name in columns.CONDITION)
        entry = conditions.setdefault(key, {name: row[name] for name in columns.CONDITION})
        entry[f"measure {row['measure']}"] = row

    def part(measure: str, key: str) -> Callable[[Row], Cell]:
        return lambda row: number_cell(row.get(f"measure {measure}", {}).get(key))

    def mean(measure: str) -> Callable[[Row], Cell]:
        def cell(row: Row) -> Cell:
            found = row.get(f"measure {measure}", {})
            return mean_cell(*(found.get(key) for key in ("mean", "ci_low", "ci_high", "n")))

        return cell

    wanted = [*CONDITION]
    for measure, name in NAMES.items():
        meaning = columns.MEASURES[measure]
        wanted.append(Column("mean ± (n)", mean(measure), True, name, NONE, meaning))
        for head, source in (("oracle", "oracle"), ("paper", "published")):
            wanted.append(Column(head, part(measure, source), True, name, NONE, f"{head}: {meaning}"))
    caption = "Mean over seeds ± half the 95 % interval (number of seeds), beside the oracle and the paper's figure"
    return table("summary", caption, "No condition was scored.", wanted, conditions.values())


def comparisons_table(rows: Sequence[Row]) -> Table:
    """Contrastive against supervised, and which of them is ahead."""

    def difference(row: Row) -> Cell:
        cell = mean_cell(row["difference"], row["ci_low"], row["ci_high"], row["n"])
        return Cell(cell.text.split(" (")[0], cell.value, cell.remark)

    def ahead(row: Row) -> Cell:
        """Who is better by more than the interval; errors are better low, a range is neither."""
        measure, low, high = as_text(row["measure"]), as_float(row["ci_low"]), as_float(row["ci_high"])
        if "range" in measure or not (low > 0 or high < 0):
            return Cell("open" if "range" not in measure and math.isfinite(low) else NONE)
        return Cell("contrastive" if (low > 0) != measure.endswith("rmse") else "supervised")

    wanted = (
        *METHODLESS,
        Column("Measure", lambda row: Cell(NAMES[as_text(row["measure"])])),
        *(
            figures("Pairs", "n"),
            figures("Contrastive", "contrastive"),
            figures("Supervised", "supervised"),
        ),
        figures("Oracle", "oracle"),
        Column("Difference ±", difference, True, remark="contrastive less supervised, half the 95 % interval"),
        Column("Ahead", ahead, remark="open: the interval of the difference includes 0"),
        *(figures("Effect size", "effect_size"), figures("p", "p_value")),
    )
    caption = "Contrastive less supervised, paired by seed and data (paired t-test, two-sided)"
    empty = "No condition has both a contrastive and a supervised run of the same seed and data."
    defined = (row for row in rows if row["measure"] in NAMES and not math.isnan(as_float(row["difference"])))
    return table("comparisons", caption, empty, wanted, defined)


def agreement_table(rows: Sequence[Row]) -> Table:
    """How alike two encoders order the same images."""
    wanted = (
        *(Column("Dataset", dataset_cell), words("Split", "split", "test")),
        *(
            words("One", "label_a"),
            words("Other", "label_b"),
            words("Paired", "pairing"),
            figures("Pairs", "n"),
        ),
        *(figures("Mean |ρ|", "mean"), figures("Least", "min"), figures("Most", "max")),
    )
    caption = "Spearman's |ρ| between two encoders on the same images"
    return table("agreement", caption, "No two encoders embedded the same images.", wanted, rows)


def records_table(rows: Sequence[Row]) -> Table:
    """The authors' records that have runs here, beside those runs."""

    def noise(side: str) -> Callable[[Row], Cell]:
        names = {f"{side}_eps_n": "ε_n", f"{side}_eps_g": "ε_g", "crop_alpha_c": "α_c"}

        def cell(row: Row) -> Cell:
            set_ = ((name, as_float(row[key])) for key, name in names.items())  # α_c = 1 is uncropped
            return Cell(", ".join(f"{name} {value:g}" for name, value in set_ if value not in (0, 1)) or "clean")

        return cell

    def side(whose: str) -> Callable[[Row], Cell]:
        return lambda row: mean_cell(*(row[f"{whose}_{part}"] for part in ("mean", "ci_low", "ci_high", "n")))

    wanted = (
        *(words("Family", "family"), words("Method", "method"), figures("Outputs", "dim")),
        *(Column("Trained on", noise("train")), Column("Tested on", noise("test")), words("View", "view")),
        Column("Measure", lambda row: Cell(_named(row["measure"]))),
        *(Column("Authors", side("their"), True), Column("Ours", side("our"), True)),
        figures("Our oracle", "our_oracle"),
        Column(
            "Ours less theirs", lambda row: number_cell(as_float(row["our_mean"]) - as_float(row["their_mean"])), True
        ),
    )
    caption = "Mean ± half the 95 % interval (number of runs), the authors' records and ours"
    compared = (row for row in rows if row["status"] == "compared")
    return table("records", caption, "No condition of the authors' records has runs here.", wanted, compared)


def uncompared_table(rows: Sequence[Row]) -> Table:
    """Records without runs here, counted by reason."""
    counts = Counter((as_text(row["status"]), as_text(row["reason"])) for row in rows if row["status"] != "compared")
    wanted = (
        words("Status", "status"),
        words("Reason", "reason", ""),
        figures("Records", "count"),
    )
    found = [{"status": status, "reason": reason, "count": n} for (status, reason), n in sorted(counts.items())]
    return table("uncompared", "Records without a counterpart here", "Every record has one.", wanted, found)


def _named(measure: Any) -> str:
    return NAMES.get(as_text(measure), as_text(measure).replace("_", " "))


def runs_table(rows: Sequence[Row]) -> Table:
    """Every embeddings file and view."""

    def flags(row: Row) -> Cell:
        set_ = (("above_ceiling", "above its ceiling"), ("fractured", "fractured"))
        return Cell(", ".join(word for key, word in set_ if as_flag(row[key])))

    wanted = (
        *CONDITION,
        *(
            figures("Seed", "seed"),
            figures("Data seed", "data_seed", needless="0"),
            figures("Images", "images"),
        ),
        *(words("Line", "line", "output"), Column("Remarks", flags, needless="")),
        *(
            measured("global_spearman"),
            figures("Oracle, global", "oracle_global_spearman", needless=NONE),
        ),
        *(measured("local_spearman"), figures("Oracle, local", "oracle_local_spearman", needless=NONE)),
        *(measured("local_abs_spearman"), measured("gap_spearman")),
        *(measured("forest_rmse"), figures("Ceiling, RMSE", "ceiling_rmse", needless=NONE)),
        measured("representation_range"),
        words("File", "file", path=True),
    )
    caption = "Every embeddings file and view; the main columns, all of them are in runs.csv"
    return table("runs", caption, "No embeddings file was scored.", wanted, rows)


def problems_table(rows: Sequence[Row]) -> Table:
    """What could not be scored."""
    wanted = (words("File or run", "path", path=True), words("Why it was not scored", "reason"))
    caption = "Missing, unfinished and failed runs, and files that could not be read"
    return table("problems", caption, "None: everything found was scored.", wanted, rows)
