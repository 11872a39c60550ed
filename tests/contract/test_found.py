"""README's "What we found" is what the kept scores say: its tables row by row, its sentences number by number."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pendgen
from pendeval.claims import CLAIMS
from pendeval.report import report
from pendeval.tables.comparisons import compare, of_paper
from pendeval.tables.findings import AHEAD, SETTINGS
from pendeval.tables.runs import once

ROOT = Path(__file__).parents[2]
PLAN = (ROOT / "data/results/campaign.toml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOUND = README[README.index("## What we found") : README.index("## The three commands")]
SCORES = {"population_global": 5, "population_local": 4}
"""Measure → digits."""
SAMPLED = {"population_global": "global_spearman", "population_local": "local_spearman"}
"""What stands for a score where pictures cannot be enumerated."""
BOTH = ("contrastive", "supervised")
FAST, CUT = "recipe fast", "recipe fast, epochs 7"
SHORT = "batch 128, epochs 10, learning rate 0.002, optimiser adamw, warmup epochs 1"
FREE = "clip norm 1e+06, encoder table, epochs 200, learning rate 0.5, optimiser adamw, weight decay 0"
GAPS = (0.2, 0.3, 0.4, 0.6, 0.8)
CROPPING, CLOSER = "cropping, α_c 0.75", ("cropping, α_c 0.6", "cropping, α_c 0.45")
NOISE = "numerical-noise, ε_n 0.1"
ALONE = (
    *("numerical-noise, ε_n 0.2", "numerical-noise, ε_n 0.25", "gaps, α_g 0.2", "gaps, α_g 0.3", "gaps, α_g 0.8"),
    *CLOSER,
)
"""Where the interval of the global difference leaves out 0, and the p-value corrected for all data does not say so."""
NO_RESULTS = (  # of the law, of the paper and of rules: tested where they are computed
    *(".00005 global", ".0015 local", "p ≤ .05", ".0001 and .005", "(.0032)", "the .0002 and .003 that"),
    *(".99406 / .8146", ".0007 and .030 in favour", ".9938 / .8093 and .9937 / .8044"),
)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The tables of everything that is kept."""
    made = report([ROOT / "data/results"], tmp_path_factory.mktemp("whole"), csv_only=True, quiet=True)
    assert made.problems == []
    return made.frames


def printed(number: float, digits: int) -> str:
    """As README prints a number: .993, −.0023, and .00000 of what rounds to nothing."""
    text = f"{abs(number):.{digits}f}".removeprefix("0")
    return f"−{text}" if number < 0 and float(text) else text


def spread(row: "pd.Series[float]", name: str, digits: int) -> str:
    """A number and its interval."""
    value, low, high = (printed(row[key], digits) for key in (name, "ci_low", "ci_high"))
    return f"{value} ({low} to {high})"


def rows_of_table(head: str) -> list[list[str]]:
    """The cells of the table of README that begins so."""
    lines = README[README.index(head) :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def visible(summary: pd.DataFrame) -> list[str]:
    """Of images with both bobs in view under cropping: contrastive, supervised, optimum of InfoNCE, oracle; global."""
    rows = summary.query(
        "data_words == @CROPPING and view == 'visible' and dim == 1 and measure == 'population_global'"
    )
    rows = rows[rows["encoder"] != "table"].set_index(["method", "schedule"])
    trained = rows.loc["contrastive", CUT]
    numbers = (trained, rows.loc["supervised", CUT], rows.loc["contrastive", "encoder optimum"])
    return [printed(number, 5) for number in (*(row["mean"] for row in numbers), trained["oracle"])]


def rows_of_data(frames: dict[str, pd.DataFrame]) -> list[list[str]]:
    """Data, n, of both scores the oracle's, that of supervised training and what contrastive has beyond, who is ahead.

    In the order of `findings`: that of the paper.
    """
    every = frames["comparisons"].query("view == 'all' and dim == 1 and schedule == @CUT and train_pendulums == 5120")
    every = every[every.apply(of_paper, axis=1) & every["own"]].set_index(["data_words", "measure"])
    found = []
    for words in frames["findings"].query("question == @AHEAD and about.str.endswith(', ' + @CUT)")["about"]:
        name = words.removesuffix(f", {CUT}")
        sampled = (name, "population_global") not in every.index
        rows = [every.loc[name, SAMPLED[measure] if sampled else measure] for measure in SCORES]
        (n,) = {int(row["n"]) for row in rows}
        cells = [f"{name} (sampled)" if sampled else name, str(n)]
        for row, digits in zip(rows, SCORES.values(), strict=True):
            cells += [printed(row["oracle"], digits), printed(row["mean_b"], digits), spread(row, "difference", digits)]
        found.append([*cells, ", ".join(dict.fromkeys(ahead(frames, name)))])
    return found


def ahead(frames: dict[str, pd.DataFrame], words: str, schedule: str = CUT) -> list[str]:
    """Who is ahead on some data in the global and in the local score, as findings have it: a method, level or open."""
    answers = frames["findings"].set_index(["question", "about"])["answer"]
    verdict = answers[AHEAD, f"{words}, {schedule}"].split(":")[0].lower()
    said = re.fullmatch(r"in global spearman (.*?), in local (.*?)", verdict)
    both = said.groups() if said else (verdict, verdict)
    return [next(who for who in ("contrastive", "supervised", "level", "open") if who in each) for each in both]


def test_what_is_kept_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "data/results").rglob("*") if path.is_file()) < 15e6


def test_the_table_of_other_data(frames: dict[str, pd.DataFrame]) -> None:
    assert rows_of_table("| data | n |") == rows_of_data(frames)


def fewer(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Comparisons of contrastive and supervised training at equally many pairs of images, all in float32."""
    runs = frames["runs"].query("data_words == 'vanilla' and view == 'all' and dim == 1 and precision == 'float32'")
    every = compare(once(runs[runs["schedule"].str.startswith("recipe fast, epochs ")])[0])
    every = every[every.apply(of_paper, axis=1) & every["own"] & every["measure"].isin([*SCORES])]
    epochs = every["schedule"].str.split().str[-1].astype(int)
    return every[epochs * every["train_pendulums"] == 7 * 5120].set_index(["train_pendulums", "measure"]).sort_index()


def rows_of_fewer(frames: dict[str, pd.DataFrame]) -> list[list[str]]:
    """Pendulums, n, and of both scores the two means and their difference."""
    held = fewer(frames)
    found = []
    for pendulums in held.index.unique("train_pendulums"):
        cells = [str(pendulums), str(held.loc[(pendulums, "population_global"), "n"])]
        for measure, digits in SCORES.items():
            row = held.loc[(pendulums, measure)]
            cells += [printed(row["mean_a"], digits), printed(row["mean_b"], digits), spread(row, "difference", digits)]
        found.append(cells)
    return found


def test_the_table_of_fewer_pendulums(frames: dict[str, pd.DataFrame]) -> None:
    assert rows_of_table("| pendulums | n |") == rows_of_fewer(frames)
    answers = frames["findings"].query("figure == 'figure-pendulums'")["answer"]
    assert len(answers) == 3
    assert all(answer.startswith("It is open who is ahead: ") for answer in answers)


def decided(claims: pd.DataFrame) -> list[list[str]]:
    """Claims that the kept scores settle, with the number that does."""
    found = []
    for _, row in claims[claims["verdict"] != "undecided"].iterrows():
        width = row["ci_high"] - row["ci_low"]
        digits = 5 if width < 0.005 else 4 if width < 0.02 else 3
        scores = {"population": "exact", "sample": "sampled"}[row["source"]]
        which, _ = re.split(
            r"[.:]?\s(?:supported|equal|contradicted) when ", row["rule"], maxsplit=1, flags=re.IGNORECASE
        )
        found.append([row["text"], row["verdict"], spread(row, "estimate", digits), which, str(row["n"]), scores])
    return found


def test_the_table_of_claims(frames: dict[str, pd.DataFrame]) -> None:
    expected = decided(frames["claims"])
    assert rows_of_table("| claim | verdict |") == expected
    assert f"Of its {len(CLAIMS)} claims as read here {len(expected)} are decided" in " ".join(FOUND.split())
    settled = frames["claims"].query("verdict != 'undecided'")
    assert f"are decided, {settled['provisional'].sum()} of them provisionally" in " ".join(FOUND.split())
    whole = settled[~settled["provisional"].astype(bool)]
    assert (len(whole), set(whole["recipe"])) == (6, {"paper"})
    assert whole["text"].str.contains("ontrastive representation").all()


def sentences(frames: dict[str, pd.DataFrame], population: Path) -> list[str]:
    """What README says in words around numbers, with the numbers that the tables have."""
    kinds = (
        _ahead,
        _original,
        _grid,
        _large,
        _clean,
        _wanted,
        _losses,
        _fewer,
        _outputs,
        _methods,
        _labels,
        _broken,
        _sure,
    )
    return [*(said for kind in kinds for said in kind(frames)), *_range(frames["summary"], population)]


def _ahead(frames: dict[str, pd.DataFrame]) -> list[str]:
    every = frames["comparisons"].query("view == 'all' and dim == 1 and encoder == 'resnet18' and own and layer == ''")
    every = every[(every["objective_a"] + every["objective_b"]).eq("") & every["method_a"].eq("contrastive")]
    paper = every[every["method_b"].eq("supervised")].set_index(["data_words", "schedule", "measure"])

    def both(words: str, schedule: str = CUT) -> list[str]:
        rows = [paper.loc[words, schedule, name] for name in SCORES]
        shown = [spread(row, "difference", digits) for row, digits in zip(rows, SCORES.values(), strict=True)]
        return [*shown, f"n = {rows[0]['n']}"]

    one, two, n = both("vanilla", FAST)
    short = both("vanilla")
    said = [
        f"less supervised is {one} global, level, and {two} local, open, {n}; cut to 7 epochs {short[0]} and "
        f"{short[1]}, {short[2]}."
    ]
    one, two, n = both("large")
    held = frames["runs"].query("data_words == 'large' and schedule == @CUT and precision == 'bfloat16'")
    assert held.groupby("method")["seed"].nunique().eq(2).all()
    said.append(f"{one} global and {two} local ({n}, two of them in bfloat16)")
    assert ahead(frames, "vanilla", FAST) == ["level", "open"]
    kinds = [row[0].removesuffix(" (sampled)") for row in rows_of_data(frames)]
    led = {words: who for words in kinds if (who := ahead(frames, words)) != ["open", "open"]}
    won = {CROPPING: ["supervised", "supervised"], "gaps, α_g 0.4": ["contrastive", "open"]}
    assert led == {"large": ["level", "open"], **won, CLOSER[0]: ["open", "supervised"]}
    said.append("and both are where .45 are kept")
    clear = paper.index[paper["ci_low"].gt(0) | paper["ci_high"].lt(0)]
    assert {words for words in kinds if (words, CUT, "population_global") in clear} == {*won, *ALONE}
    one, two, n = both("vanilla", "")
    rows = [paper.loc["vanilla", "", name] for name in SCORES]
    reached = [
        " / ".join(printed(row[side], digits) for row, digits in zip(rows, SCORES.values(), strict=True))
        for side in ("mean_a", "mean_b")
    ]
    assert ahead(frames, "vanilla", "Fig. 16") == ["open", "open"]
    said.append(f"less supervised is {one} global and {two} local, {n}: {reached[0]} against {reached[1]}")
    assert [row["ci_low"] > 0 for row in rows] == [True, True]
    near = [printed(paper.loc["vanilla", FAST, "population_global"][side], 5) for side in ("mean_a", "mean_b")]
    far = [printed(rows[0][side], 5) for side in ("mean_a", "mean_b")]
    top = " / ".join(printed(row["oracle"], digits) for row, digits in zip(rows, SCORES.values(), strict=True))
    said.append(
        f"where `fast` takes it ({far[1]}, {near[1]}), contrastive training further ({far[0]}, {near[0]}), of the "
        f"oracle's {top}"
    )
    (planned,) = re.findall(r"10 pairs, one look there \(O'Brien-Fleming: (p < \.\d+)\)", PLAN)
    said.append(f"the plan decides at ten pairs, in one look that asks for {planned}")
    other = every[every["method_b"].eq("align_uniform")].set_index("measure").loc["population_global"]
    low, high = printed(-other["ci_high"], 5), printed(-other["ci_low"], 5)
    said.append(f"align_uniform, {printed(-other['difference'], 5)} ({low} to {high}) above contrastive training, open")
    return said


def _original(frames: dict[str, pd.DataFrame]) -> list[str]:
    """With the data and settings of the authors' program, beside what they recorded."""
    records = frames["records"].query("status == 'compared'")
    apart = ((records["our_mean"] - records["their_mean"]).abs() / records["their_sd"]).sort_values()
    assert apart.le(2).sum() == len(apart) - 1
    rows = frames["summary"].query("data_words == 'vanilla, original' and dim == 1 and split == 'test' and own")
    rows = rows.set_index(["method", "measure"])
    pair = frames["comparisons"].query("data_words == 'vanilla, original' and dim == 1").set_index("measure")
    (n,) = {int(row["n"]) for row in (rows.loc[method, name] for method in BOTH for name in SCORES)}
    reached = [
        " / ".join(
            f"{printed(row['mean'], digits)} ± {printed(row['sd'], digits)}"
            for row, digits in ((rows.loc[method, name], digits) for name, digits in SCORES.items())
        )
        for method in BOTH
    ]
    oracle = " / ".join(printed(rows.loc["contrastive", name]["oracle"], digits) for name, digits in SCORES.items())
    less = [spread(pair.loc[name], "difference", digits) for name, digits in SCORES.items()]
    theirs = records.groupby(["measure", "method"])["their_mean"].agg(["min", "max", "size"])
    assert theirs["size"].eq(4).all()
    ranges = [
        " to ".join(printed(theirs.loc[(measure, method), end], digits) for end in ("min", "max"))
        for measure, digits in (("global_spearman", 5), ("local_abs_spearman", 4))
        for method in BOTH
    ]
    return [
        f"networks reach {reached[0]} contrastive and {reached[1]} supervised (n = {n})",
        f"of the oracle's {oracle}",
        f"within two of their standard deviations, as was asked beforehand, in {len(apart) - 1} of {len(apart)} "
        "comparisons",
        f"in the last of the {len(apart)}, supervised local, ours lie {printed(apart.iloc[-1], 2)} off",
        f"contrastive less supervised is {less[0]} global and {less[1]} local",
        f"have means of {ranges[0]} contrastive and {ranges[1]} supervised global, {ranges[2]} and {ranges[3]} local",
    ]


def _grid(frames: dict[str, pd.DataFrame]) -> list[str]:
    """What single networks do under cropping and with gaps, where means and intervals hide it."""
    every = frames["runs"].query("view == 'all' and dim == 1 and encoder == 'resnet18' and schedule == @CUT")
    every = every[every["variant"].isin(["gaps", "cropping"]) & every["split"].eq("test")]
    both = every.pivot(index=["variant", "data_words", "seed"], columns="method")
    score, oracle = both["population_global"], both["oracle_population_global"]
    spans = [score.loc["cropping", words]["contrastive"].agg(["min", "max"]) for words in CLOSER]
    from_to = [" to ".join(printed(end, 2) for end in span) for span in spans]
    closer = [("cropping", words) for words in CLOSER]
    lacking = (oracle - score)["supervised"]
    assert max(lacking.loc[key].max() for key in closer) < 0.003
    broke = both["population_fractured"].loc["gaps"].astype(bool)
    assert not broke["supervised"].any()
    whole = ~broke["contrastive"]
    (bad,) = score.loc["gaps"]["contrastive"][~whole]
    further = (score["contrastive"] - score["supervised"]).loc["gaps"][whole]
    gains = further.groupby("data_words").mean()
    assert [*gains.index] == [f"gaps, α_g {level}" for level in GAPS]
    assert gains.is_monotonic_increasing
    *most, last = [printed(gain, 5) for gain in gains]
    rows = frames["comparisons"].query("variant == 'gaps' and measure == 'population_gap' and schedule == @CUT")
    gaps = rows[rows.apply(of_paper, axis=1)].set_index("level").loc[[*GAPS]]
    assert gaps["n"].eq(6).all()
    assert gaps["ci_low"].gt(0).tolist() == [False, True, True, False, False]
    inside = [spread(gaps.loc[level], "difference", 4) for level in (0.3, 0.4)]
    counts = broke["contrastive"].groupby("data_words").agg(["sum", "size"])
    assert counts["size"].eq(6).all()
    assert counts["sum"].tolist() == [0, 0, 0, 1, 0]
    return [
        f"contrastive networks scatter, from {from_to[0]} and from {from_to[1]}, while no supervised one is further "
        "than .003 from the oracle",
        f"ahead by {inside[0]} at α_g = .3 and {inside[1]} at .4 (n = 6, taken alone), and it is open elsewhere",
        f"the oracle's from {printed(gaps['oracle'].iloc[0], 3)} to {printed(gaps['oracle'].iloc[-1], 3)}",
        f"by {', '.join(most)} and {last} in the global score, from α_g = .2 to .8",
        f"in {(further > 0).sum()} of {len(further)} pairs",
        f"one contrastive network of six broke at α_g = .6 and is left with {printed(bad, 3)}",
        "in the grid above (`fast`, 7 epochs) 1 of 6 broke at .6 and 0 of 6 at .2, .3, .4 and .8",
    ]


def _large(frames: dict[str, pd.DataFrame]) -> list[str]:
    """What supervised training leaves to the ceiling at 100 pixels is less than the paper printed as a difference."""
    rows = frames["summary"].query("data_words == 'large' and method == 'supervised' and schedule == @CUT")
    pair = [rows.set_index("measure").loc[measure] for measure in SCORES]
    (n,) = {int(row["n"]) for row in pair}
    reached, oracle, left = (
        [printed(number(row), digits) for row, digits in zip(pair, SCORES.values(), strict=True)]
        for number in (lambda row: row["mean"], lambda row: row["oracle"], lambda row: row["oracle"] - row["mean"])
    )
    assert all(row["oracle"] - row["mean"] < far for row, far in zip(pair, (0.0007, 0.0302), strict=True))
    return [
        f"a network reaches {' / '.join(reached)} (n = {n}), {left[0]} and {left[1]} below the oracle's "
        f"{' / '.join(oracle)}"
    ]


def _clean(frames: dict[str, pd.DataFrame]) -> list[str]:
    """Trained with angle noise, scored on images without."""
    every = frames["comparisons"].query("data_words == 'vanilla' and schedule == @CUT and dim == 1 and not own")
    rows = every[every["objective_a"].eq("") & every["split"].eq("test")].set_index(["train_words", "measure"])
    strong = ("numerical-noise, ε_n 0.2", "numerical-noise, ε_n 0.25")
    pairs = [[rows.loc[words, measure] for words in strong] for measure in SCORES]
    assert {(row["method_a"], row["method_b"], row["n"]) for pair in pairs for row in pair} == {(*BOTH, 5)}
    shown = [
        " and ".join(spread(row, "difference", digits) for row in pair)
        for pair, digits in zip(pairs, SCORES.values(), strict=True)
    ]
    return [f"contrastive less supervised is {shown[0]} global, {shown[1]} local, at .2 and .25 (n = 5)"]


def _losses(frames: dict[str, pd.DataFrame]) -> list[str]:
    """What absolute error and the rank loss do to supervised training; whether it overfits."""
    every = frames["comparisons"].query("data_words == 'vanilla' and schedule == @CUT and dim == 1 and own")
    every = every[every["measure"].eq("population_global") & every["split"].eq("test") & every["n"].eq(5)]
    rows = every.set_index(["method_a", "objective_a", "objective_b"]).sort_index()

    def gained(method: str) -> str:
        row = rows.loc[(method, "", "loss spearman")]
        low, high = (printed(-row[end], 5) for end in ("ci_high", "ci_low"))
        return f"{printed(-row['difference'], 5)} ({low} to {high})"

    means = [
        " / ".join(
            printed(_trained(frames, measure).loc[("supervised", f"loss {loss}", CUT), "mean"], digits)
            for measure, digits in SCORES.items()
        )
        for loss in ("spearman", "l1")
    ]
    runs = frames["runs"].query("objective == 'loss l1' and schedule == @CUT and data_words == 'vanilla'")
    worst = " and ".join(printed(score, 5) for score in sorted(runs["population_global"])[:2])
    findings = frames["findings"][frames["findings"]["question"].eq(SETTINGS)]
    told = findings[findings["answer"].str.contains("Open: supervised loss spearman")].iloc[0]
    claims = frames["claims"].set_index("claim")
    split = claims.loc[[f"training-split-{word}" for word in ("global", "local")]]
    assert split["n"].eq(5).all()
    less = [spread(row, "estimate", digits) for (_, row), digits in zip(split.iterrows(), (5, 4), strict=True)]
    return [
        f"`--loss spearman`, networks reach {means[0]}, {gained('supervised')} above those told the energy and "
        f"{gained('contrastive')} above contrastive ones",
        f"corrected for all settings tried, p is {printed(told['p_holm'], 2)} and the first is open",
        f"Absolute error ends at {means[1]}, for two networks of five at {worst}",
        f"they score {less[0]} global and {less[1]} local",
    ]


def _wanted(frames: dict[str, pd.DataFrame]) -> list[str]:
    rows = frames["optima"].query("optimum_from == 'optimum' and view == 'all'")
    rows = rows.drop_duplicates(["data_words", "method", "measure"]).set_index(["data_words", "method", "measure"])

    def both(words: str, method: str, column: str) -> str:
        return " / ".join(printed(rows.loc[words, method, name][column], digits) for name, digits in SCORES.items())

    best = both("vanilla", "supervised", "oracle")
    assert {both("vanilla", method, "optimum") for method in ("contrastive", "supervised")} == {best}
    oracle = both(CROPPING, "supervised", "oracle")
    assert both(CROPPING, "supervised", "optimum") == oracle
    score, other, optimum, ceiling = visible(frames["summary"])
    return [
        f"oracle orders them ({best}, all three)",
        f"Under cropping ({CROPPING.split(', ')[1].replace(' 0', ' = ')}) no",
        f"InfoNCE at {both(CROPPING, 'contrastive', 'optimum')}, where the oracle has {oracle}",
        f"with {score}, supervised ones with {other} (optimum of InfoNCE {optimum}, oracle {ceiling})",
        f"InfoNCE's at {both(NOISE, 'contrastive', 'optimum')}, the oracle at {both(NOISE, 'contrastive', 'oracle')}",
        f"lifts the oracle from {best} to",
    ]


def _trained(frames: dict[str, pd.DataFrame], measure: str = "population_global") -> "pd.DataFrame":
    """Rows of the summary about vanilla, by method, objective and schedule."""
    rows = frames["summary"].query("data_words == 'vanilla' and dim == 1 and split == 'test' and own")
    return rows[rows["measure"].eq(measure)].set_index(["method", "objective", "schedule"]).sort_index()


def _range(summary: pd.DataFrame, dataset: Path) -> tuple[str, str]:
    """How far outputs lie apart, beside the law of the optimum for dense data.

    The output rises with energy by √(τ/2) / √(s² + σ²): s² is the variance of the energy given the image, σ² that of
    E[energy | image] at fixed energy, both of the mean over images that an energy shows. Images lie where the oracle
    puts them.
    """
    held = pendgen.load(dataset, "population")
    joint, moment = held["energy_probability"], held["energy_moment"]
    edges, oracle = held["energy_edges"], held["energy_given_image"]
    wide = np.diff(edges)
    at = np.divide(moment, joint, out=np.zeros_like(joint), where=joint > 0)
    variance = (joint * (at**2 + wide**2 / 12)).sum(1) / joint.sum(1) - oracle**2
    seen = joint / joint.sum(0)
    among = seen.T @ oracle**2 - (seen.T @ oracle) ** 2
    slope = np.sqrt(0.1 / 2 / (seen.T @ variance + among))
    law = np.ptp(np.interp(oracle, edges, np.append(0.0, np.cumsum(slope * wide))))
    rows = summary.query("data_words == 'vanilla' and method == 'contrastive' and dim == 1 and own")
    rows = rows[rows["measure"].eq("population_range")].set_index(["objective", "schedule"]).sort_index()
    trained, best = rows.loc["", FAST], rows.loc[("", "encoder optimum"), "mean"]
    spans = [rows.loc[f"temperature {tau}", CUT] for tau in (0.025, 0.4, 1.6)]
    (n,) = {int(row["n"]) for row in spans}
    shown = [f"{row['mean']:.2f}" for row in (*spans, rows.loc["", CUT])]
    assert law == pytest.approx(trained["mean"], abs=0.1)
    return (
        "at τ = .025, .4 and 1.6 they span {}, {} and {} (7 epochs, n = {}; {} at .1)".format(*shown[:3], n, shown[3]),
        f"span {trained['mean']:.2f} ± {printed(trained['sd'], 2)} (`--recipe fast`, n = {trained['n']}), at the least "
        f"loss {best:.2f}; {law:.2f} is what",
    )


def _fewer(frames: dict[str, pd.DataFrame]) -> list[str]:
    held = fewer(frames).xs("population_global", level="measure")

    def lost(pendulums: int) -> str:
        rows = [held.loc[5120, side] - held.loc[pendulums, side] for side in ("mean_a", "mean_b")]
        return " and ".join(printed(row, 5) for row in rows)

    return [f"an eighth of the pendulums costs {lost(640)} of global Spearman, a thirty-second {lost(160)}"]


def _outputs(frames: dict[str, pd.DataFrame]) -> list[str]:
    """What two and three outputs hold beside the energy, with the same training and replicates."""
    rows = frames["summary"].query("data_words == 'vanilla' and view == 'all' and split == 'test' and own")
    rows = rows[rows["schedule"].eq(CUT)]
    rows = rows.set_index(["method", "objective", "dim", "measure"]).sort_index()
    counts: set[int] = set()

    def of(measure: str, digits: int, method: str = "contrastive", dim: int = 2, objective: str = "") -> str:
        row = rows.loc[[(method, objective, dim, measure)]].iloc[0]
        counts.add(int(row["n"]))
        return printed(row["mean"], digits)

    def both(dim: int, objective: str = "") -> str:
        return " / ".join(of(name, digits, dim=dim, objective=objective) for name, digits in SCORES.items())

    def forest(method: str) -> str:
        return of("forest_rmse", 4, method)

    def in_two_and_three(measure: str, digits: int = 2, method: str = "contrastive") -> list[str]:
        return [of(measure, digits, method, dim) for dim in (2, 3)]

    line, across = in_two_and_three("line_share", 3), in_two_and_three("horizontal_gain")
    height, told = in_two_and_three("vertical_gain"), in_two_and_three("vertical_gain", method="supervised")
    assert len({forest(method) for method in ("contrastive", "supervised")}) == 1
    circle = "similarity cosine"
    said = [
        f"follow a curve with {line[0]} and {line[1]} of their variance",
        f"explain {height[0]} and {height[1]} of the vertical position that the energy leaves open, supervised ones "
        f"{told[0]} and {told[1]}; three hold {across[1]} of the horizontal one too, two {across[0]}.",
        f"Along the curve they order energies by {both(2)} and {both(3)}, one output by {both(1)}.",
        f"by {both(2, circle)} on a circle, of which the least and the greatest energy leave "
        f"{of('empty_arc', 3, objective=circle)} open between them",
        f"A forest reads the energy with an error of {forest('contrastive')} from two outputs of either method",
    ]
    (n,) = counts
    return [*said, f"(fast, 7 epochs, n = {n})"]


def _methods(frames: dict[str, pd.DataFrame]) -> list[str]:
    rows, local = _trained(frames), _trained(frames, "population_local")

    def one(method: str, objective: str = "", schedule: str = SHORT, digits: int = 3) -> str:
        row = rows.loc[[(method, objective, schedule)]].iloc[0]
        assert row["n"] == 1
        return printed(row["mean"], digits)

    longer = SHORT.replace("epochs 10", "epochs 20", 1)
    twice = printed(local.loc[[("vicreg", "", longer)]].iloc[0]["mean"], 4)
    printed_paws = rows.loc[[("paws", "", SHORT)]].nsmallest(1, "mean").iloc[0]
    free = ", ".join(one(method, "", FREE) for method in ("simsiam", "byol", "paws"))
    return [
        f"twice the epochs take VICReg to {one('vicreg', '', longer, 5)} / {twice} (n = 1)",
        f"two points ({one('simsiam', 'space sphere')} and {one('byol', 'space sphere')}, n = 1;",
        f"not .99 ({one('byol')}, n = 1)",
        f"as printed reaches {printed(printed_paws['mean'], 3)} ± {printed(printed_paws['sd'], 3)} "
        f"(n = {printed_paws['n']})",
        f"learn nothing from them ({free}, n = 1)",
    ]


def _mean(row: "pd.Series[float]", digits: int = 5) -> str:
    assert row["n"] == 3
    return f"{printed(row['mean'], digits)} ± {printed(row['sd'], digits)}"


def _labels(frames: dict[str, pd.DataFrame]) -> list[str]:
    rows = _trained(frames)

    def of(method: str, objective: str = "", digits: int = 5) -> str:
        return _mean(rows.loc[[(method, objective, SHORT)]].iloc[0], digits)

    told = [of("supervised", f"labelled {share}", 3 if share == 0.001 else 5) for share in (0.001, 0.01, 0.1)]
    joint = [of("joint", f"labelled {share}") for share in (0.001, 0.1)]
    hot = of("contrastive", "anneal from 10")
    plain = of("contrastive")
    return [
        f"supervised encoders reach {', '.join(told)} and {of('supervised')} in the same training; contrastive ones, "
        f"told none, {plain}; joint ones, told 5 and 512, {joint[0]} and {joint[1]} (n = 3 each)",
        f"neither is seen to cost anything: {of('joint').split()[0]} joint, {hot} from hot, {plain.split()[0]} plain "
        "(n = 3)",
    ]


def _broken(frames: dict[str, pd.DataFrame]) -> list[str]:
    whole = pd.read_csv(ROOT / "data/results/fractures.csv", keep_default_na=False)
    keys = ["encoder", "method", "objective", "level"]
    every = whole.set_index(keys)
    assert (every["n"] == 20).all()
    kept = frames["fractures"].query("n == 20").set_index(keys)
    for name in ("n_fractured", "p_value"):  # networks again, from their scores
        old = pd.to_numeric(every.loc[["resnet18"], name]).sort_index()
        pd.testing.assert_series_equal(old, kept[name].sort_index(), check_dtype=False, check_index_type=False)

    def broke(encoder: str, method: str = "contrastive", objective: str = "") -> list[int]:
        return [int(every.loc[encoder, method, objective, level]["n_fractured"]) for level in (0.8, 0.6)]

    ways = (("joint", ""), ("contrastive", "anneal from 10"))
    p = [float(every.loc["resnet18", *way, level]["p_value"]) for way in ways for level in (0.6, 0.8)]
    free = [f"{float(every.loc['table', 'joint', '', level]['p_value']):.0e}" for level in (0.8, 0.6)]
    powers = [f"{text[0]} · 10{str(int(text[2:])).translate(SUPERSCRIPTS)}" for text in free]
    settings = frames["findings"][frames["findings"]["question"].eq(SETTINGS)]
    mild, strong = (settings[settings["about"].str.startswith(f"gaps, α_g {level}")].iloc[0] for level in (0.6, 0.8))
    assert mild["answer"].startswith("Ahead: contrastive anneal from 10")
    assert strong["answer"].startswith("Ahead: none. Open: contrastive anneal from 10")
    network, joint, hot = (broke("resnet18", *way) for way in (("contrastive", ""), *ways))
    tables = [broke("table", *way) for way in (("contrastive", ""), *reversed(ways))]
    return [
        f"{network[0]} network of 20 broke into pieces at α_g = .8 and {network[1]} of 20 at .6",
        f"(`--method joint`), {joint[0]} and {joint[1]} of 20 did; starting hot (`--set anneal_from=10`), {hot[0]} and "
        f"{hot[1]}.",
        f"Fisher's p {printed(min(p), 2)} and above",
        f"at α_g = .6, by {spread(mild, 'estimate', 5)[:-1]}; n = {mild['n']:.0f}, corrected), and open at .8",
        f"break in {tables[0][0]} and {tables[0][1]} of 20 replicates, starting hot in {tables[1][0]} and "
        f"{tables[1][1]}, and told the order of a hundredth in {tables[2][0]} and {tables[2][1]} "
        f"(p {', '.join(powers)};",
    ]


def _sure(frames: dict[str, pd.DataFrame]) -> list[str]:
    splits = pd.read_csv(ROOT / "data/results/scatter.csv")
    networks = splits[splits["encoder"].str.contains("seed")]
    assert networks["global_sampled_sd"].round(4).eq(0.0002).all()
    assert networks["local_sampled_sd"].round(3).eq(0.003).all()
    assert (networks[["global_exact_sd", "local_exact_sd"]] < 1e-12).all(axis=None)
    ends = networks[networks["encoder"].str.startswith("supervised")]["global_exact_mean"]
    rmse = frames["summary"].query("measure == 'population_rmse' and data_words == 'vanilla'")["oracle"]
    (one, two), (longer, too) = (_of_bfloat16(frames["runs"], schedule) for schedule in (CUT, FAST))
    origin = frames["provenance"]
    hours = origin["train_seconds"].sum() / 3600
    return [
        f"{len(origin)} encoders, {hours:.0f} hours of training on one core or two",
        f"bfloat16 less float32 is {one} for contrastive and {two} for supervised training after 7 epochs, {longer} "
        f"and {too} after 20",
        f"{['No', 'One', 'Two', 'Three', 'Four', 'Five'][len(networks)]} encoders, two contrastive and "
        f"{['no', 'one', 'two', 'three'][len(ends)]} supervised (Fig. 16, 20 epochs)",
        "scatter by .0002 (global) and .003 (local)",
        f"end between {printed(ends.min(), 5)} and {printed(ends.max(), 5)}",
        f"least error that any reader of these images can make ({printed(rmse.max(), 4)})",
    ]


def _of_bfloat16(runs: pd.DataFrame, schedule: str) -> list[str]:
    """What training in bfloat16 adds to both scores, contrastive and supervised, over pairs of the same seeds."""
    own = runs.query("data_words == 'vanilla' and dim == 1 and objective == '' and split == 'test' and own")
    own = own[own["schedule"].eq(schedule)]
    pairs = own[own["precision"].eq("bfloat16")].merge(
        own[own["precision"].eq("float32")], on=["method", "seed", "data_seed"], suffixes=("_half", "")
    )
    said = []
    for method in ("contrastive", "supervised"):
        rows = pairs[pairs["method"] == method]
        assert len(rows) == 5
        means = [float((rows[f"{name}_half"] - rows[name]).mean()) for name in SCORES]
        assert abs(means[0]) < 0.0002
        assert abs(means[1]) < 0.003
        said.append(" / ".join(printed(mean, digits) for mean, digits in zip(means, SCORES.values(), strict=True)))
    return said


def test_every_number_in_its_sentences(frames: dict[str, pd.DataFrame], small: Path) -> None:
    left = " ".join(line for line in FOUND.splitlines() if not line.startswith(("|", "!")))
    left = re.sub(r"\]\(\S*\)", "]", " ".join(left.split()))
    for phrase in sentences(frames, small):
        plain = re.sub(r"\]\(\S*\)", "]", phrase)
        assert plain in left, phrase
        left = left.replace(plain, "…")
    for known in NO_RESULTS:
        left = left.replace(known, "…")
    assert re.findall(r"[^ ]*\.\d{2,}[^ ]*", left) == []
