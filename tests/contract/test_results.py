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
    """Rows of `fast`: 20 epochs in float32 and 7 in bfloat16, each of five replicates."""
    table = [
        line.split("|")[2:-1]
        for line in README.splitlines()
        if line.startswith(("| contrastive, ", "| supervised, the"))
    ]
    measures = (("population_global", 5), ("population_local", 4), ("population_rmse", 4), ("population_range", 2))
    expected = []
    for precision, epochs in (("fp32", 20), ("auto", 7)):
        folders = sorted((ROOT / "data/results/campaign" / precision).glob("vanilla*"))
        made = report(
            [each for each in folders if re.fullmatch(r"vanilla(-seed-\d)?", each.name)],
            tmp_path,
            csv_only=True,
            quiet=True,
        )
        rows = made.frames["summary"]
        rows = rows[rows["recipe"].str.contains(f'"epochs": {epochs},', regex=False) & (rows["dim"] == 1)]
        for method in ("contrastive", "supervised"):
            held = rows[rows["method"] == method].set_index("measure")
            scores = [f"{printed(held.loc[m, 'mean'], d)} ± {printed(held.loc[m, 'sd'], d)}" for m, d in measures]
            expected.append([str(int(held.loc["population_global", "n"])), *scores])
    assert [[cell.strip() for cell in row] for row in table[:4]] == expected


def test_what_bfloat16_changes_is_what_the_kept_scores_say(tmp_path: Path) -> None:
    text = " ".join(README.split())
    runs = {}
    for precision in ("fp32", "auto"):
        made = report([ROOT / "data/results/campaign" / precision], tmp_path, csv_only=True, quiet=True)
        runs[precision] = made.frames["runs"].query("variant == 'vanilla' and dim == 1")
    pairs = runs["auto"].merge(runs["fp32"], on=["condition", "seed", "data_seed"], suffixes=("_half", ""))
    said = {}
    for method, rows in pairs.groupby("method"):
        both = (rows[f"population_{name}_half"] - rows[f"population_{name}"] for name in ("global", "local"))
        means = [float(each.mean()) for each in both]
        assert len(rows) == 3
        assert abs(means[0]) < 0.0002
        assert abs(means[1]) < 0.003
        said[method] = [signed_short(mean, digits) for mean, digits in zip(means, (5, 4), strict=True)]
    (one, also), (two, too) = said["contrastive"], said["supervised"]
    assert f"is {one} global and {also} local for contrastive, {two} and {too} for supervised" in text


def test_what_fast_reaches_elsewhere_is_what_the_kept_scores_say(tmp_path: Path) -> None:
    made = report([ROOT / "data/results/campaign/auto"], tmp_path, csv_only=True, quiet=True)
    every = made.frames["summary"].query("variant != 'vanilla' and dim == 1")
    trained = every[every["schedule"] == "recipe fast, epochs 7"]
    found = {}
    for (words, method, view), rows in trained.groupby(["data_words", "method", "view"]):
        best = every[every["schedule"].str.contains("optimum")].query(
            "data_words == @words and method == @method and view == @view"
        )
        scores, optimum = (each.set_index("measure") for each in (rows, best))
        cells = []
        for measure, digits in (("population_global", 5), ("population_local", 4)):
            row = scores.loc[measure]
            cells += [printed(row["mean"], digits), printed(row["oracle"], digits)]
            cells.append(printed(optimum.loc[measure, "mean"], digits) if len(optimum) else "")
        found[words, method, view] = [str(int(scores.loc["population_global", "n"])), *cells]
    table = re.findall(r"^\| ((?:gaps|numerical|cropping|large|graphical)[^\n]*) \|$", README, re.MULTILINE)
    held = [[cell.strip() for cell in line.split("|")] for line in table]
    assert held == [[*key[:2], *cells] for key, cells in found.items() if key[2] == "all"]
    _, score, oracle, optimum, *_ = found["cropping, α_c 0.75", "contrastive", "visible"]
    supervised = found["cropping, α_c 0.75", "supervised", "visible"][1]
    said = f"with {score}, supervised ones with {supervised} (optimum of InfoNCE {optimum}, oracle {oracle})"
    assert said in " ".join(README.split())


def signed_short(number: float, digits: int) -> str:
    """As README prints a difference: −.0023, and .00000 of what rounds to nothing."""
    text = printed(abs(number), digits)
    return f"−{text}" if number < 0 and float(text) else text


def test_what_reports_show_of_the_lab_is_what_the_kept_scores_say(tmp_path: Path) -> None:
    """`uv run poe reference` makes it anew."""
    expected = made_reference(tmp_path)
    held = pd.read_csv(ROOT / "pendeval/reference.csv")
    pd.testing.assert_frame_equal(held, expected, rtol=1e-9, check_dtype=False)
