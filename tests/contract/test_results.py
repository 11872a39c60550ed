"""README's tables are what the kept scores say, to the last digit printed."""

import re
from pathlib import Path

import pandas as pd
import pytest

from pendeval.report import report
from reference import made as made_reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHORT = "-epochs-10-batch-128-learning-rate-0.002-warmup-epochs-1-optimiser-adamw"
# Runs of a default that has changed since, or was written down only later.
LABELS = {
    "byol": "byol-d1-epochs-10-batch-128-target-decay-0.5-learning-rate-0.002-warmup-epochs-1-optimiser-adamw",
    "paws": "paws-d1-epochs-10-batch-128-ordered-neighbours-1.0-learning-rate-0.002-warmup-epochs-1-optimiser-adamw",
}
ROW = re.compile(
    r"^\| (\w+)(?:, 1 % labelled)? \| (\d+) \| (\S+) ± (\S+) \| (\S+) ± (\S+) \| (\S*) ?\| (\S*) ?\|$", re.MULTILINE
)


def printed(number: float, digits: int) -> str:
    return f"{number:.{digits}f}".removeprefix("0")


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    made = report([ROOT / "data/results/methods"], tmp_path_factory.mktemp("report"), csv_only=True, quiet=True)
    assert made.problems == []
    rows = made.frames["summary"]
    return rows[rows["train_dataset"].str.startswith("vanilla")].set_index(["label", "measure"])


def test_the_table_of_methods_is_that_of_the_kept_scores(summary: pd.DataFrame) -> None:
    found = ROW.findall(README)
    assert len({row[0] for row in found}) == 10
    for method, n, *cells in found:
        label = f"{method.replace('_', '-')}-d1"
        trained = summary.loc[LABELS.get(method, label + SHORT)]
        both = [(trained.loc["population_global"], 5), (trained.loc["population_local"], 4)]
        expected = [printed(row[key], digits) for row, digits in both for key in ("mean", "sd")]
        if f"{label}-encoder-optimum" in summary.index.get_level_values("label"):
            best = summary.loc[f"{label}-encoder-optimum"]
            expected += [printed(best.loc["population_global", "mean"], 5)]
            expected += [printed(best.loc["population_local", "mean"], 4)]
        else:
            expected += ["", ""]
        assert (n, cells) == (str(int(both[0][0]["n"])), expected), method


def test_the_first_table_is_that_of_the_campaign(tmp_path: Path) -> None:
    """Rows of `fast`: 20 epochs in either precision and 7 in bfloat16, each of five replicates; then Fig. 16."""
    table = [
        line.split("|")[2:-1]
        for line in README.splitlines()
        if line.startswith(("| contrastive, ", "| supervised, the"))
    ]
    measures = (("population_global", 5), ("population_local", 4), ("population_rmse", 4), ("population_range", 2))
    expected = []
    fast = "recipe fast"
    for precision, schedule in (("fp32", fast), ("auto", fast), ("auto", f"{fast}, epochs 7"), ("fp32", "")):
        folders = sorted((ROOT / "data/results/campaign" / precision).glob("vanilla*"))
        made = report(
            [each for each in folders if re.fullmatch(r"vanilla(-seed-\d)?", each.name)],
            tmp_path,
            csv_only=True,
            quiet=True,
        )
        rows = made.frames["summary"]
        rows = rows[rows["schedule"].eq(schedule) & rows["dim"].eq(1) & rows["objective"].eq("")]
        for method in ("contrastive", "supervised"):
            held = rows[rows["method"] == method].set_index("measure")
            scores = [f"{printed(held.loc[m, 'mean'], d)} ± {printed(held.loc[m, 'sd'], d)}" for m, d in measures]
            expected.append([str(int(held.loc["population_global", "n"])), *scores])
    assert [[cell.strip() for cell in row] for row in table[: len(expected)]] == expected


def test_the_table_of_time_to_quality_is_what_was_measured() -> None:
    held = pd.read_csv(ROOT / "data/results/time_to_quality.csv").set_index("what")
    within = ("0.001", "0.0005", "0.0003")

    def row(unit: str, recipe: str, side: str) -> list[str]:
        other = "plain, Fig. 16" if unit == "seconds" else "Fig. 16"
        return [f"{held.loc[f'{unit} to within {far} of the oracle, {recipe} ÷ {other}', side]:,.0f}" for far in within]

    ways = {"plain PyTorch, Fig. 16": ("fast", "other"), "ours, Fig. 16": ("Fig. 16", "ours")}
    for name, (recipe, side) in {**ways, "ours, `--recipe fast`": ("fast", "ours")}.items():
        seconds, images = row("seconds", recipe, side), row("images", recipe, side)
        assert f"| {name} | {' | '.join(f'{each} s' for each in seconds)} | {images[-1]} |" in README


SPEED = {  # label → what was measured, in the precision of the column
    "a training step ÷ plain PyTorch's, 32 px, 512 pairs": "train step ÷ plain loop, 512 pairs, 32 px",
    "a training step ÷ plain PyTorch's, 32 px, 128 pairs": "train step ÷ plain loop, 128 pairs, 32 px",
    "a training step ÷ plain PyTorch's, 100 px, 64 pairs": "train step ÷ plain loop, 64 pairs, 100 px",
    "a training step ÷ that of lightly's SimCLR pieces": "train step ÷ lightly's SimCLR pieces, 512 pairs, 32 px",
    "its useful multiply-adds ÷ a matrix product's, 32 px, 512 pairs": (
        "train step ÷ matrix product of 4096, 512 pairs, 32 px, {}"
    ),
    "the same, 32 px, 128 pairs": "train step ÷ matrix product of 4096, 128 pairs, 32 px, {}",
    "the same, 100 px, 64 pairs": "train step ÷ matrix product of 4096, 64 pairs, 100 px, {}",
    "training in `fit` ÷ its bare steps": "fit, training ÷ bare steps, 5120 pendulums, 4 epochs",
    "training from HDF5 on disk ÷ from memory": "fit, training from HDF5 on disk (--cache 0) ÷ from memory",
    "a sweep's two runs side by side ÷ one after the other": "sweep of 2 runs, --jobs 2 ÷ --jobs 1",
    "loading by torch's TensorDataset ÷ from memory": "loading from TensorDataset ÷ from memory",
    "loading from tar on disk ÷ from memory": "loading from tar, 0 workers ÷ from memory",
    "loading from HDF5 on disk ÷ from memory": "loading from HDF5, 0 workers ÷ from memory",
    "loading WebDataset's usual PNG records ÷ from memory": "loading from WebDataset PNG, 0 workers ÷ from memory",
    "embedding vanilla's test split ÷ a plain forward pass": "embed vanilla, 102,400 images ÷ plain forward pass",
    "embedding pictures that all differ ÷ the same": "embed graphical-noise-0.25, 10,240 images ÷ plain forward pass",
}


def test_the_table_of_speed_is_what_was_measured() -> None:
    """Ours and the ratio, on a processor with AVX2 alone and on one that multiplies bfloat16."""
    every = pd.read_csv(ROOT / "data/results/speed.csv").set_index("what")
    for label, what in SPEED.items():
        cells = [label]
        for precision in ("float32", "bfloat16"):
            held = every[every["precision"] == precision]
            row = held.loc[what.format(precision)]
            unit = "" if row["unit"] == "images/s" else " · 10⁹"
            whole = row["ratio"] >= 10
            ratios = [f"{row[name]:.0f}" if whole else printed(row[name], 2) for name in ("ratio", "least", "most")]
            cells += [f"{row['ours']:,.0f}{unit}", f"{ratios[0]}, {ratios[1]} to {ratios[2]}"]
        line = f"| {' | '.join(cells)} |"
        assert line in README, line


def test_what_reports_show_of_the_lab_is_what_the_kept_scores_say(tmp_path: Path) -> None:
    """`uv run poe reference` makes it anew."""
    expected = made_reference(tmp_path)
    held = pd.read_csv(ROOT / "pendeval/reference.csv")
    pd.testing.assert_frame_equal(held, expected, rtol=1e-9, check_dtype=False)
