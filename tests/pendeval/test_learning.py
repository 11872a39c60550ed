"""Tables of ways to learn, from rows made by hand: optima, fractures, shares of labels; and the figures of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import ORACLE, one, run, runs_of
from matplotlib.axes import Axes
from scipy import stats

from pendeval import figures, tables
from pendeval.figures import Drawn
from pendeval.figures.near_one import stretch, ticks
from pendeval.figures.style import METHOD, canvas_of
from pendeval.keep import keep
from pendeval.measures.registry import PRIMARY
from pendeval.report import report
from pendeval.tables.fractures import FRACTURES, fractures
from pendeval.tables.labelled import ALL_LABELS, LABELLED, NO_LABELS, labelled
from pendeval.tables.optima import OPTIMA, optima
from pendeval.tables.runs import RUNS

# --- optima ---

NETWORKS = [(0.9925, 0.779, 0.0342), (0.9927, 0.783, 0.0340), (0.9923, 0.771, 0.0345)]
OPTIMUM = (0.99371, 0.8061, 0.03191)


def networks(**more: Any) -> list[dict[str, Any]]:
    return [run(seed=seed, scores=scores, **more) for seed, scores in enumerate(NETWORKS)]


def test_shortfalls_by_hand() -> None:
    found = optima(runs_of(*networks(), run(seed=77, encoder="optimum", scores=OPTIMUM)))
    assert tuple(found) == tuple(OPTIMA)
    assert found["measure"].tolist() == ["population_global", "population_local", "population_rmse"]
    for k, (measure, sign) in enumerate((("global", 1), ("local", 1), ("rmse", -1))):
        row = one(found, measure=f"population_{measure}")
        values = np.array(NETWORKS)[:, k]
        half = stats.t.ppf(0.975, 2) * stats.sem(values)
        short = sign * (OPTIMUM[k] - values.mean())
        assert (row["optimum"], row["optimum_from"], row["n"], row["unit"]) == (OPTIMUM[k], "optimum", 3, "replicate")
        assert row["oracle"] == pytest.approx(ORACLE[f"oracle_population_{measure}"], abs=1e-15)
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        assert [row["ci_low"], row["ci_high"]] == pytest.approx([values.mean() - half, values.mean() + half])
        assert row["optimum_shortfall"] == pytest.approx(sign * (row["oracle"] - OPTIMUM[k]))
        assert row["network_shortfall"] == pytest.approx(short)
        assert [row["shortfall_low"], row["shortfall_high"]] == pytest.approx([short - half, short + half])
        assert row["optimum_file"].endswith("-77.h5")
    assert (found["network_shortfall"] > 0).all()  # worse is positive, of an error too


def test_where_a_loss_has_no_optimum_the_best_table_stands_for_it() -> None:
    tables = [run("vicreg", seed, "table", scores=(rho, 0.8, 0.033)) for seed, rho in enumerate((0.98, 0.99, 0.97))]
    row = one(optima(runs_of(*tables, run("vicreg", scores=NETWORKS[0]))), measure="population_global")
    assert (row["optimum_from"], row["optimum"], row["optimum_file"]) == ("table", 0.99, tables[1]["file"])
    exact = run("vicreg", 5, "optimum", scores=(0.985, 0.8, 0.033))
    row = one(optima(runs_of(*tables, exact, run("vicreg", scores=NETWORKS[0]))), measure="population_global")
    assert (row["optimum_from"], row["optimum"]) == ("optimum", 0.985)  # the loss's own, were it worse


def test_an_optimum_is_of_its_own_data_and_settings_whatever_the_schedule() -> None:
    rows = [
        *networks(),
        *networks(schedule={"epochs": 20}),
        *networks(own={"temperature": 0.5}),
        *networks(variant="large"),
        run("supervised", scores=NETWORKS[0]),
        run(schedule={"protocol": "original"}, recipe_protocol="original", scores=NETWORKS[0]),
        run(encoder="optimum", scores=OPTIMUM, train_pendulums=64),
        run(encoder="optimum", own={"temperature": 0.5}, scores=(0.9936, 0.8055, 0.032)),
    ]
    found = optima(runs_of(*rows))
    found = found[found["measure"].eq("population_global")]
    assert len(found) == 6
    usual = found["method"].eq("contrastive") & found["data_words"].eq("vanilla")
    usual &= found["recipe_protocol"].eq("paper")
    assert found.loc[usual].set_index(["objective", "schedule"])["optimum"].to_dict() == {
        ("", ""): OPTIMUM[0],
        ("", "epochs 20"): OPTIMUM[0],
        ("temperature 0.5", ""): 0.9936,
    }
    assert found.loc[~usual, "optimum"].isna().all()
    assert found.loc[~usual, "optimum_from"].eq("").all()
    assert sorted(found["n"]) == [1, 1, 3, 3, 3, 3]


def test_an_optimum_without_a_network_is_told() -> None:
    row = one(optima(runs_of(run("spectral", encoder="optimum", scores=OPTIMUM))), measure="population_rmse")
    assert (row["n"], row["unit"], row["optimum"], row["method"]) == (0, "", OPTIMUM[2], "spectral")
    assert np.isnan(row["mean"])
    assert np.isnan(row["network_shortfall"])
    assert row["optimum_shortfall"] == pytest.approx(OPTIMUM[2] - 0.0319)


@pytest.mark.parametrize("unknown", [{"recipe": ""}, {"train_time_gap": None}, {"parameters": ""}])
def test_what_is_unknown_has_no_optimum(unknown: dict[str, Any]) -> None:
    assert optima(runs_of(run(scores=OPTIMUM, encoder="optimum", **unknown), run(scores=OPTIMUM, **unknown))).empty


def test_sampled_scores_where_one_side_has_no_exact_ones() -> None:
    sampled = {"global_spearman": 0.992, "local_spearman": 0.77, "oracle_global_spearman": 0.9935}
    rows = runs_of(run(**sampled), run(encoder="optimum", scores=OPTIMUM, **sampled))
    row = one(optima(rows), measure="global_spearman")
    assert (row["mean"], row["optimum"], row["oracle"]) == (0.992, 0.992, 0.9935)


# --- fractures ---


def gapped(broken: int, whole: int, level: float = 0.8, unknown: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Trainings with gaps, some fractured by exact flags."""
    flags = [True] * broken + [False] * whole + [None] * unknown
    scores = {"population_gap": 0.7, "population_visible_band": 0.6}
    return [
        run(seed=seed, variant="gaps", level=level, scores=(0.4 if flag else 0.96, 0.5, 0.1), **scores, **more)
        | {"population_fractured": flag}
        for seed, flag in enumerate(flags)
    ]


def test_rates_intervals_and_tests_against_plain_training() -> None:
    rows = [
        *gapped(2, 3),
        *gapped(7, 1, own={"temperature": 0.5}),
        *gapped(0, 6, method="supervised"),
        *gapped(1, 4, level=0.4),
        *gapped(4, 0, schedule={"epochs": 20}, method="byol"),
    ]
    found = fractures(runs_of(*rows, run(scores=OPTIMUM)))
    assert tuple(found) == tuple(FRACTURES)
    assert len(found) == 5  # nothing to say about energies without gaps
    for cells, broken, n in (
        ({"method": "contrastive", "objective": "", "level": 0.8}, 2, 5),
        ({"objective": "temperature 0.5"}, 7, 8),
        ({"method": "supervised"}, 0, 6),
        ({"level": 0.4}, 1, 5),
        ({"method": "byol"}, 4, 4),
    ):
        row = one(found, **cells)
        interval = stats.binomtest(broken, n).proportion_ci(0.95, "exact")
        assert (row["n_fractured"], row["n"], row["rate"], row["exact"]) == (broken, n, broken / n, True)
        assert [row["ci_low"], row["ci_high"]] == pytest.approx([interval.low, interval.high], abs=1e-12)
        assert row["global_spearman"] == pytest.approx((0.4 * broken + 0.96 * (n - broken)) / n)
        assert (row["gap_spearman"], row["visible_band_spearman"]) == pytest.approx((0.7, 0.6))
    for cells, broken, n in (({"objective": "temperature 0.5"}, 7, 8), ({"method": "supervised"}, 0, 6)):
        row = one(found, **cells)
        expected = stats.fisher_exact([[broken, n - broken], [2, 3]]).pvalue
        assert row["p_value"] == pytest.approx(expected, rel=1e-12)
        assert (row["plain_n"], row["plain_n_fractured"]) == (5, 2)
    alone = found[found["objective"].eq("") & found["method"].ne("supervised")]
    assert alone["p_value"].isna().all()  # itself, another length, another schedule: nothing to be held against
    assert alone["plain_n"].isna().all()


def test_a_training_embedded_twice_counts_once_and_what_cannot_be_judged_apart() -> None:
    rows = gapped(1, 2, unknown=1)
    again = [row | {"data_seed": 9, "file": f"again-{row['file']}", "digest": f"again-{row['digest']}"} for row in rows]
    again[1]["population_fractured"] = True  # on one test split of two
    again[1]["population_global"] = 0.94
    row = fractures(runs_of(*rows, *again)).iloc[0]
    assert (row["n_fractured"], row["n"], row["n_unjudged"]) == (2, 3, 1)
    assert row["global_spearman"] == pytest.approx((0.4 + 0.95 + 0.96 + 0.96) / 4)
    unseeded = [row | {"seed": None} for row in rows]
    assert fractures(runs_of(*unseeded)).iloc[0]["n"] == 3


def test_sampled_flags_where_not_every_run_has_exact_ones() -> None:
    sampled = {"fractured": False, "global_spearman": 0.9}
    rows = [row | sampled for row in gapped(2, 1)]
    assert fractures(runs_of(*rows)).iloc[0]["n_fractured"] == 2
    other = run("supervised", variant="gaps", level=0.8, **sampled)
    found = fractures(runs_of(*rows, other))
    assert found["exact"].tolist() == [False, False]
    assert found["n_fractured"].tolist() == [0, 0]
    assert found["global_spearman"].tolist() == pytest.approx([0.9, 0.9])


def test_gaps_of_which_no_run_can_be_judged() -> None:
    row = fractures(runs_of(*gapped(0, 0, unknown=2))).iloc[0]
    assert (row["n"], row["n_unjudged"], row["ci_low"], row["ci_high"]) == (0, 2, 0.0, 1.0)
    assert np.isnan(row["rate"])


# --- shares of labels ---


def test_scores_against_the_labelled_share() -> None:
    rows = networks()
    values: dict[tuple[str, float], list[float]] = {}
    for share, best in ((0.001, 0.9), (0.01, 0.95), (0.1, 0.98), (1.0, 0.9925)):
        for method in ("supervised", "joint"):
            if (method, share) != ("joint", 1.0):
                values[method, share] = [best + 0.001 * seed + 0.003 * (method == "joint") for seed in range(3)]
                own = {} if share == 1 else {"labelled": share}
                for seed, score in enumerate(values[method, share]):
                    rows.append(run(method, seed, own=own, scores=(score, 0.7, 0.04)))
    rows += [run("joint", own={"labelled": 0.01, "weight": 2.0}, scores=(0.97, 0.7, 0.04)), run("byol", scores=OPTIMUM)]
    elsewhere = [run("supervised", own={}, variant="large", scores=OPTIMUM)]  # all are told: nothing to compare
    found = labelled(runs_of(*rows, *elsewhere))
    assert tuple(found) == tuple(LABELLED)
    glob = found[found["measure"].eq("population_global")]
    assert len(found) == 3 * len(glob) == 3 * 9
    assert set(found["method"]) == {"contrastive", "supervised", "joint"}
    for (method, share), scores in values.items():
        row = one(glob, method=method, labelled=share, setting="")
        half = stats.t.ppf(0.975, 2) * stats.sem(scores)
        assert (row["mean"], row["sd"]) == pytest.approx((np.mean(scores), np.std(scores, ddof=1)))
        assert [row["ci_low"], row["ci_high"]] == pytest.approx([np.mean(scores) - half, np.mean(scores) + half])
        assert (row["n"], row["labelled_pendulums"]) == (3, round(share * 5120))
        assert row["reference"] == (ALL_LABELS if share == 1 else "")
        assert row["oracle"] == pytest.approx(0.99374)
    assert one(glob, setting="weight 2.0")["labelled"] == 0.01
    plain = one(glob, method="contrastive")
    assert (plain["reference"], plain["mean"]) == (NO_LABELS, pytest.approx(np.array(NETWORKS)[:, 0].mean()))
    assert pd.isna(plain["labelled_pendulums"])


def test_a_share_of_an_unknown_number_of_pendulums() -> None:
    row = labelled(runs_of(run("paws", own={"labelled": 0.01}, scores=OPTIMUM, train_pendulums=None))).iloc[0]
    assert pd.isna(row["labelled_pendulums"])
    assert row["mean"] == OPTIMUM[0]


def test_tables_of_no_runs_have_their_columns() -> None:
    for make, columns in ((optima, OPTIMA), (fractures, FRACTURES), (labelled, LABELLED)):
        for rows in ((), (run(global_spearman=0.9),)):
            found = make(runs_of(*rows))
            assert tuple(found) == tuple(columns)
            assert found.empty or make is optima
    assert {PRIMARY[name] for name in ("global_spearman", "local_spearman", "monotone_rmse")} <= {*RUNS}


# --- figures ---

NAMES = ("learning", "optima", "fractures", "labelled")
Calls = list[dict[str, Any]]


def draw(out: Path, *rows: Mapping[str, Any], curves: Mapping[str, pd.DataFrame] | None = None) -> Drawn:
    frames = {name: pd.DataFrame(columns=list(columns)) for name, columns in tables.COLUMNS.items()}
    runs = runs_of(*rows)
    frames |= {"runs": runs, "optima": optima(runs), "fractures": fractures(runs), "labelled": labelled(runs)}
    return figures.draw(frames, {}, out, curves=curves, quiet=True)


@pytest.fixture(autouse=True)
def _only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FIGURES", tuple(one for one in figures.FIGURES if one[0] in NAMES))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Calls]:
    """What is drawn: lines, horizontal lines, and points with intervals."""
    made: dict[str, Calls] = {name: [] for name in ("plot", "axhline", "errorbar")}

    def spied(name: str) -> Callable[..., Any]:
        original = getattr(Axes, name)

        def spy(axes: Axes, *given: Any, **how: Any) -> Any:
            made[name].append({"axes": axes, "given": [np.asarray(one, float) for one in given], **how})
            return original(axes, *given, **how)

        return spy

    for name in made:
        monkeypatch.setattr(Axes, name, spied(name))
    return made


def drawn_points(calls: Calls, side: str) -> set[tuple[float, ...]]:
    """Value and both ends of the interval of every point."""
    points = set()
    for call in calls:
        values = call["given"][1 if side == "yerr" else 0]
        ends = zip(values, values - call[side][0], values + call[side][1], strict=True)
        points |= {tuple(round(float(one), 9) for one in point) for point in ends}
    return points


def points_of(table: pd.DataFrame, value: str = "mean") -> set[tuple[float, ...]]:
    return {tuple(round(float(one), 9) for one in row) for row in table[[value, "ci_low", "ci_high"]].to_numpy()}


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    drawn = draw(tmp_path)
    assert (drawn.figures, drawn.faults) == ([], [])
    reasons = dict(drawn.missing)
    assert reasons["learning"].startswith("no scores while training (images, seconds and spearman in metrics.csv)")
    assert reasons["optima"].startswith("no scored optima of losses (encoder optimum, or table)")
    assert reasons["fractures"] == "no runs with gaps whose bands can be judged"
    assert reasons["labelled"] == "no scored runs told the energies of a share of their pendulums"
    unusual = run("joint", own={"labelled": 0.01}, usual=False, scores=OPTIMUM)
    assert dict(draw(tmp_path, *networks(), unusual).missing)["labelled"].endswith("others are not drawn: vanilla")


def test_axes_near_one_tell_99_from_993() -> None:
    axes = canvas_of(4, 4).add_subplot()
    stretch(axes.yaxis, [0.9, 0.99, 0.993, 0.99374], [-5.0, np.nan, 1.7])
    low, high = axes.get_ylim()
    assert -1.2 <= low < -1  # ends of intervals no further than −1
    assert 0.99374 < high < 0.9985
    places = axes.transData.transform([(0, rho) for rho in (0.9, 0.99, 0.999)])[:, 1]
    assert places[2] - places[1] == pytest.approx(places[1] - places[0])  # each power of ten takes the same room
    axes = canvas_of(4, 4).add_subplot()
    stretch(axes.yaxis, [0.95, 0.99374])
    height = axes.transAxes.inverted().transform(axes.transData.transform([(0, 0.99), (0, 0.993)]))[:, 1]
    assert height[1] - height[0] > 0.1
    stretch(axes.yaxis, [np.nan])  # nothing to show changes nothing


@pytest.mark.parametrize("span", [(-1.1, 0.9975), (0.0, 0.9), (0.92, 0.995), (0.99301, 0.99302), (0.9936, 0.9938)])
def test_ticks_are_few_round_and_inside(span: tuple[float, float]) -> None:
    found = ticks(*span)
    assert 2 <= len(found) <= 6
    assert found == sorted(set(found))
    assert span[0] <= found[0] <= found[-1] <= span[1]


def curve_of(row: Mapping[str, Any], looks: int = 4, oracle: float = 0.99374) -> pd.DataFrame:
    """A training curve of forty rows, some with scores, that ends at the score of the row."""
    scored = np.arange(40) % (40 // looks) == 40 // looks - 1
    rising = np.linspace(0.5, 1.0, 40)
    curve = {"step": np.arange(1, 41), "epoch": np.arange(40), "loss": 1 / np.arange(1, 41)}
    curve |= {"images": 1024.0 * np.arange(1, 41), "seconds": 2.0 * np.arange(1, 41)}
    for name, last in (("spearman", row["population_global"]), ("local_spearman", row["population_local"])):
        curve[name] = np.where(scored, rising * last, np.nan)
    curve |= {"oracle_spearman": np.where(scored, oracle, np.nan)}
    return pd.DataFrame(curve | {"oracle_local_spearman": np.where(scored, 0.8063, np.nan)})


def test_scores_while_training(tmp_path: Path, calls: dict[str, Calls]) -> None:
    rows = [run(scores=NETWORKS[0]), run("byol", own={"momentum": 0.5}, scores=NETWORKS[1])]
    rows += [run("vicreg", 0, "table", scores=NETWORKS[2]), run("supervised", scores=NETWORKS[2])]
    rows += [run("spectral", scores=NETWORKS[0]), run("spectral", 3, usual=False, scores=NETWORKS[0])]
    rows += [run(layer="features", dim=512, scores=NETWORKS[0])]  # of the first training
    curves = {row["digest"]: curve_of(row) for row in rows}
    curves[rows[3]["digest"]] = curves[rows[3]["digest"]][["step", "epoch", "loss"]]  # of an older run
    curves[rows[4]["digest"]] = curves[rows[4]["digest"]].assign(spearman=np.nan)  # constant all along
    drawn = draw(tmp_path, *rows, curves=curves)
    figure = drawn.figures[0]
    assert (figure.name, drawn.faults) == ("figure-learning", [])
    lines = [call for call in calls["plot"] if call.get("marker") == "."]
    assert len(lines) == 3 * 3  # three runs on three panels
    assert {call["axes"].get_xlabel() for call in lines} == {"images seen (thousands)", "seconds of training"}
    blue = [call for call in lines if call["color"] == METHOD["contrastive"]["color"]]
    expected = curves[rows[0]["digest"]].dropna()
    for call, x, y in zip(
        blue,
        (expected["images"] / 1000, expected["seconds"], expected["images"] / 1000),
        (expected["spearman"], expected["spearman"], expected["local_spearman"]),
        strict=True,
    ):
        assert np.array_equal(call["given"], [x, y])
    assert sum(call["linestyle"] != "-" for call in lines) == 3  # the table's
    ceilings = [(float(call["given"][0]), call["linestyle"]) for call in calls["axhline"]]
    assert ceilings == [(0.99374, ":"), (0.99374, ":"), (0.8063, ":")]
    table = pd.read_csv(figure.csv).set_index("method")
    assert list(table.index) == ["byol", "contrastive", "vicreg"]
    last = table.loc["byol"]
    assert (last["images_seen"], last["seconds"], last["spearman"]) == (40_960, 80, NETWORKS[1][0])
    assert (last["oracle_spearman"], last["local_spearman"], last["objective"]) == (0.99374, 0.783, "momentum 0.5")
    assert "a line for each of 3 runs" in figure.caption
    assert "metrics.csv" in figure.caption


def test_scores_while_training_on_many_kinds_of_data(tmp_path: Path, calls: dict[str, Calls]) -> None:
    rows = [
        run(seed=seed, scores=NETWORKS[0], level=k, data_words=f"kind {k}") for k in range(5) for seed in range(5 - k)
    ]
    curves = {row["digest"]: curve_of(row, oracle=0.99 + int(row["data_words"][-1]) / 1000) for row in rows}
    figure = draw(tmp_path, *rows, curves=curves).figures[0]
    assert sorted(set(pd.read_csv(figure.csv)["panel"])) == ["kind 0", "kind 1", "kind 2"]
    assert "2 more kinds of training data are not drawn" in figure.caption
    assert [float(call["given"][0]) for call in calls["axhline"]][::3] == [0.99, 0.991, 0.992]  # each its own oracle


def test_a_figure_of_optima_shows_the_table(tmp_path: Path, calls: dict[str, Calls]) -> None:
    rows = [*networks(), *networks(method="byol"), run(encoder="optimum", seed=9, scores=OPTIMUM)]
    rows += [run("byol", seed, "table", scores=(0.98, 0.7, 0.04)) for seed in (0, 1)]
    rows += [run("spectral", encoder="optimum", scores=OPTIMUM), run("simsiam", variant="large", scores=OPTIMUM)]
    drawn = draw(tmp_path, *rows)
    figure = drawn.figures[0]
    assert (figure.name, drawn.faults) == ("figure-optima", [])
    made = optima(runs_of(*rows))
    made = made[made["data_words"].eq("vanilla") & ~made["measure"].str.contains("rmse")]
    table = pd.read_csv(figure.csv, keep_default_na=True)
    assert len(table) == len(made) == 6
    key = ["method", "measure"]
    both = table.merge(made, on=key, suffixes=("", "_made"))
    for name in ("oracle", "optimum", "n", "mean", "sd", "ci_low", "ci_high"):
        pd.testing.assert_series_equal(both[name], both[f"{name}_made"], check_names=False, check_dtype=False)
    assert drawn_points(calls["errorbar"], "xerr") >= points_of(table.dropna(subset=["mean"]))
    bars = [call for call in calls["plot"] if call.get("marker") == "|"]
    shown = sorted(float(call["given"][0][0]) for call in bars)
    assert shown == sorted(table["optimum"])
    assert sum(call["color"] == "black" for call in bars) == 4  # grey: the best of the tables
    dotted = {float(call["given"][0][0]) for call in calls["plot"] if call.get("linestyle") == ":"}
    assert dotted == set(table["oracle"])
    assert "mean over 3 replicates" in figure.caption
    assert "on vanilla, 1 output:" in figure.caption


def test_of_many_ways_to_learn_the_defaults_come_first(tmp_path: Path) -> None:
    rows = [run(own={"temperature": k / 100 + 0.005}, scores=OPTIMUM) for k in range(1, 40)]
    figure = draw(tmp_path, *rows, run("vicreg", scores=OPTIMUM), run(encoder="optimum", scores=OPTIMUM)).figures[0]
    table = pd.read_csv(figure.csv)
    assert table["condition"].nunique() == 24
    assert {"vicreg", "contrastive"} == set(table.loc[table["objective"].isna(), "method"])
    assert "17 more are in optima.csv" in figure.caption


def test_what_all_ways_to_learn_share_is_said_once(tmp_path: Path) -> None:
    rows = [run(method, schedule={"epochs": 20}, scores=OPTIMUM) for method in ("contrastive", "byol")]
    best = [run(encoder="optimum", scores=OPTIMUM), run("spectral", encoder="optimum", scores=OPTIMUM)]
    figure = draw(tmp_path / "one", *rows, *best).figures[0]
    svg = figure.svg.read_text(encoding="utf-8")
    assert "Not the paper's full setting: epochs 20." in figure.caption
    assert all(f">{name}<" in svg for name in ("contrastive", "byol", "spectral"))
    assert "epochs 20" not in svg
    fewer = run("byol", schedule={"epochs": 5}, train_pendulums=64, scores=OPTIMUM)
    figure = draw(tmp_path / "two", *rows, *best, fewer).figures[0]
    svg = figure.svg.read_text(encoding="utf-8")
    assert ">byol, epochs 5, 64 × 20 images<" in svg
    assert ">byol, epochs 20<" in svg
    assert "full setting" not in figure.caption
    small = [run("byol", schedule={"batch": 128, "epochs": epochs}, scores=OPTIMUM) for epochs in (5, 20)]
    figure = draw(tmp_path / "three", *small, *best).figures[0]
    svg = figure.svg.read_text(encoding="utf-8")
    assert "Not the paper's full setting: batch 128." in figure.caption
    assert ">byol, epochs 5<" in svg
    assert ">byol, epochs 20<" in svg


def test_a_figure_of_fractures_shows_the_table(tmp_path: Path, calls: dict[str, Calls]) -> None:
    def named(rows: list[dict[str, Any]], alpha: float) -> list[dict[str, Any]]:
        return [row | {"data_words": f"gaps, α_g {alpha}"} for row in rows]

    rows = [*named(gapped(2, 3), 0.8), *named(gapped(1, 4, own={"temperature": 0.5}), 0.8)]
    rows += [*named(gapped(0, 5, level=0.4), 0.4), *named(gapped(0, 6, method="supervised"), 0.8)]
    rows += named(gapped(7, 0, schedule={"epochs": 20}), 0.8)  # another schedule is not beside it
    crossed = {"own": False, "condition": "elsewhere", "counterpart": "elsewhere", "data_words": "elsewhere"}
    drawn = draw(tmp_path, *rows, *(row | crossed for row in rows[:5]))
    figure = drawn.figures[0]
    assert (figure.name, drawn.faults) == ("figure-fractures", [])
    table = pd.read_csv(figure.csv)
    made = fractures(runs_of(*rows))
    made = made[made["schedule"].eq("")]
    assert sorted(table["rate"]) == sorted(made["rate"]) == [0.0, 0.0, 0.2, 0.4]
    assert points_of(table, "rate") == points_of(made, "rate") == drawn_points(calls["errorbar"], "yerr")
    plain = table[table["objective"].isna() & table["method"].eq("contrastive")]
    assert plain.set_index("level")["n_fractured"].to_dict() == {0.4: 0, 0.8: 2}
    tested = table.set_index("method").loc["supervised"]
    assert tested["p_value"] == pytest.approx(stats.fisher_exact([[0, 6], [2, 3]]).pvalue)
    assert "5 to 6 runs a point" in figure.caption
    assert "or lie out of order, over every image that can occur. Bars are 95 % Clopper–Pearson" in figure.caption
    svg = figure.svg.read_text(encoding="utf-8")
    for text in (">contrastive, temperature 0.5<", ">α_g 0.4<", ">α_g 0.8<"):
        assert text in svg


def test_a_figure_of_labels_shows_the_table(tmp_path: Path, calls: dict[str, Calls]) -> None:
    rows = [*networks(), *networks(method="supervised")]
    for share in (0.01, 0.1):
        rows += networks(method="supervised", own={"labelled": share})
        rows += networks(method="joint", own={"labelled": share})
    rows += [run("supervised", own={"loss": "l1"}, scores=OPTIMUM)]  # told all, and no reference
    drawn = draw(tmp_path, *rows)
    figure = drawn.figures[0]
    assert (figure.name, drawn.faults) == ("figure-labelled", [])
    table = pd.read_csv(figure.csv, keep_default_na=False, na_values={"mean": "", "ci_low": "", "ci_high": ""})
    made = labelled(runs_of(*rows))
    made = made[~made["setting"].eq("loss l1")]
    assert len(table) == len(made) == 3 * 6
    assert points_of(table) == points_of(made)
    series = [call for call in calls["errorbar"] if call["axes"].get_ylabel().startswith("global")]
    assert [call["given"][0].tolist() for call in series] == [[0.01, 0.1, 1.0], [0.01, 0.1]]  # supervised, joint
    assert drawn_points(series, "yerr") == points_of(made[made["measure"].eq("population_global")])
    level = np.mean([scores[0] for scores in NETWORKS])
    flat = [(float(call["given"][0]), call["linestyle"]) for call in calls["axhline"]][:3]
    assert flat == [(pytest.approx(level), "-"), (pytest.approx(level), "--"), (0.99374, ":")]
    assert all(call["axes"].get_xscale() == "log" for call in series)
    assert ">1 %<" in figure.svg.read_text(encoding="utf-8")
    assert "mean over 3 replicates" in figure.caption


# --- from files ---


def test_ways_to_learn_from_files_and_from_their_scores(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    """Runs of any encoder and share, gaps and scores while training, written to disk, reported, kept, reported."""

    def fold(seen: Any) -> Any:
        return np.where(seen < 0.5, seen, 1 - seen)[..., None]

    small: dict[str, Any] = {"pendulums": 60, "images": 3, "population": True}
    for seed in (0, 1):
        write_run(seed, data_seed=seed, noise=0.05, **small)
        write_run(seed, "supervised", data_seed=seed, noise=0.05, recipe={"labelled": 0.01}, **small)
        write_run(seed, variant="gaps", parameters={"alpha_g": 0.8}, data_seed=seed, outputs=fold, **small)
    path = write_run(7, recipe={"encoder": "optimum"}, noise=0.0, **small)
    (path.parents[1] / "metrics.csv").unlink()
    for csv in (tmp_path / "runs").rglob("metrics.csv"):
        head = "step,epoch,loss,learning_rate,gradient_norm,images_per_second,images,seconds,spearman,local_spearman,"
        rows = [f"{k},{k},{1 / k},0.04,1,500,{1024 * k},{k},,,," for k in range(1, 301)]
        rows[::75] = [row[:-3] + "0.9,0.5,0.99,0.8" for row in rows[::75]]
        csv.write_text("\n".join([head + "oracle_spearman,oracle_local_spearman", *rows]) + "\n")
    made = report([tmp_path / "runs"], tmp_path / "out", quiet=True)
    assert made.problems == []
    best = one(made.frames["optima"], method="contrastive", measure="population_global", data_words="vanilla")
    assert (best["optimum_from"], best["n"]) == ("optimum", 2)
    assert best["optimum_shortfall"] == pytest.approx(0, abs=1e-9)
    assert best["network_shortfall"] > 1e-4
    assert made.frames["fractures"][["n_fractured", "n", "exact"]].to_numpy().tolist() == [[2, 2, True]]
    told = one(made.frames["labelled"], method="supervised", measure="population_local")
    assert (told["labelled"], told["labelled_pendulums"], told["n"]) == (0.01, 51, 2)
    names = {path.stem for path in (tmp_path / "out" / "figures").glob("*.csv")}
    assert names == {f"figure-{name}" for name in NAMES}
    lines = pd.read_csv(tmp_path / "out" / "figures" / "figure-learning.csv")
    assert lines[["images_seen", "spearman", "oracle_spearman"]].drop_duplicates().to_numpy().tolist() == [
        [226 * 1024, 0.9, 0.99]
    ]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("optima.csv", "fractures.csv", "labelled.csv", "Scores while training"))
    keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "out" / ".cache", quiet=True)
    report([tmp_path / "kept"], tmp_path / "again", quiet=True)
    for file in (tmp_path / "out").rglob("*.csv"):
        assert (tmp_path / "again" / file.relative_to(tmp_path / "out")).read_bytes() == file.read_bytes(), file.name
