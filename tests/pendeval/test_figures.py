"""Synthetic tables and samples of known content, drawn and read back: from the files, and from what was plotted."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image
from scipy.special import ellipj

from pendeval import columns, figures
from pendeval.figures import Figure, draw, gaps_of, picture
from pendeval.sample import Sample

EVERY = ("3", "4", "5", "6", "7", "8", "10", "12", "13", "14", "15", "17", "18")
TABLES = {
    name: getattr(columns, name.upper())
    for name in (
        "runs",
        "segments",
        "summary",
        "comparisons",
        "agreement",
        "claims",
        "records",
        "provenance",
        "problems",
    )
}
LEVELS = (0.001, 0.01, 0.05, 0.25)
ALPHAS = (0.2, 0.4, 0.6, 0.8)


@dataclass
class World:
    """Rows of runs, segments and samples; `frames` makes the tables of them."""

    images: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)

    def frames(self) -> dict[str, pd.DataFrame]:
        frames = {name: pd.DataFrame(columns=list(names)) for name, names in TABLES.items()}
        if self.runs:
            frames["runs"] = pd.DataFrame(self.runs, columns=list(columns.RUNS))
            frames["summary"] = summarise(frames["runs"])
        if self.segments:
            frames["segments"] = pd.DataFrame(self.segments, columns=list(columns.SEGMENTS))
        return frames

    def add(
        self,
        variant: str = "vanilla",
        parameters: dict[str, Any] | None = None,
        method: str = "contrastive",
        dim: int = 1,
        seed: int | None = 0,
        recipe: str = "",
        train: tuple[str, dict[str, Any]] | None = None,
        fractured: bool | None = None,
        **measures: Any,
    ) -> dict[str, Any]:
        parameters = parameters or {}
        trained = train or (variant, parameters)
        recipe = recipe or f"d{dim}"
        digest = f"{len(self.runs):064x}"
        condition = {
            **{"dataset": "-".join([variant, *map(str, parameters.values())]), "variant": variant, "split": "test"},
            **{"parameters": json.dumps(parameters), "protocol": "paper", "train_protocol": "paper", "view": "all"},
            **{"train_dataset": trained[0], "train_variant": trained[0], "train_parameters": json.dumps(trained[1])},
            **{"label": f"{method}-{recipe}", "method": method, "dim": dim, "recipe": recipe},
        }
        sample = make_sample(self.images, dim, seed or 0, variant, parameters, "cosine" in recipe, fractured is True)
        blank = sample.visible is not None and ~sample.visible.any(axis=1)
        row = {**condition, "data_seed": 0, "seed": seed, "digest": digest, "fractured": fractured, **measures}
        if np.any(blank):
            row |= {"blank_embedding": float(sample.values[blank].mean()), "blank_expected": -0.9}
        self.runs.append(row)
        self.samples[digest] = sample
        for number in range(7 * (variant == "vanilla" and dim == 1)):
            low, high = number / 7, (number + 1) / 7
            band = {"energy_low": low, "energy_high": high, "kind": "segment", "number": number + 1}
            spearman, density = 0.95 - 0.06 * number + 0.01 * (seed or 0), 0.08 + 0.02 * number
            scores = {"spearman": spearman, "density": density * (1.2 if method == "supervised" else 1.0)}
            self.segments.append({**condition, **band, **scores, "digest": digest, "seed": seed})
        return row


def make_sample(
    n: int, dim: int, seed: int, variant: str, parameters: dict[str, Any], cosine: bool, broken: bool
) -> Sample:
    """Pendulums of 20 images each, in true motion; the line follows the energy with noise, or folds where broken."""
    draw_data, draw_run = np.random.default_rng(0), np.random.default_rng(seed + 1)
    energy = np.repeat(draw_data.random(-(-n // 20)), 20)[:n]
    time = draw_data.uniform(0, 200, n)
    angle = np.stack([2 * np.arcsin(np.sqrt(energy) * ellipj(time + shift, energy)[0]) for shift in (0.0, 0.5)], axis=1)
    noise = parameters.get("eps_n", 0.0) + 0.3 * parameters.get("eps_g", 0.0)
    oracle = np.clip(energy + 0.032 * draw_data.standard_normal(n), 0, 1)
    line = (6.5 * (oracle - 0.25 * oracle**2) - 2.5) / (1 + 4 * noise) + (0.1 + noise) * draw_run.standard_normal(n)
    if broken:
        line = np.where(energy > 0.5, 3.0 - line, line)
    visible = None
    if variant == "cropping":
        visible = np.sin(angle) > -0.62
        line = np.where(visible.any(axis=1), line, -0.8)
    embedding = line[:, None]
    if cosine:
        line = 1.7 * np.pi * energy - 2.6 + 0.12 * draw_run.standard_normal(n)
        embedding = np.stack([np.cos(line), np.sin(line)], axis=1) * draw_run.uniform(1, 2, (n, 1))
    elif dim > 1:
        others = [0.3 * np.cos(angle[:, 0]) + 0.4 * np.sin(1.2 * line), 0.5 * np.cos(line)]
        embedding = np.stack([line, *others[: dim - 1]], axis=1)
        line = 0.01 * (oracle - 0.5) + 0.0005 * draw_run.standard_normal(n)
    return Sample(energy, line, embedding.astype(np.float32), oracle, angle, visible)


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """As summary.csv: mean over seeds; the interval is ±.001, for more than one run, to be known when read back."""
    rows = []
    for key, group in runs.groupby(list(columns.CONDITION), dropna=False):
        for measure in columns.MEASURES:
            values = pd.to_numeric(group[measure]).dropna()
            half = 0.001 if len(values) > 1 else np.nan
            mean = values.mean() if len(values) else np.nan
            oracle = pd.to_numeric(group[f"oracle_{measure}"]).mean() if measure in columns.ORACLE else np.nan
            published = {"global_spearman": 0.9938, "forest_rmse": 0.0032}.get(measure, np.nan)
            rows.append((*key, measure, len(values), mean, half, mean - half, mean + half, oracle, published))
    return pd.DataFrame(rows, columns=list(columns.SUMMARY))


def whole_world(images: int = 400, seeds: Sequence[int] = (0, 1, 2), levels: Sequence[float] = LEVELS) -> World:
    """Something for every figure."""
    world = World(images)
    for seed in seeds:
        for method in ("contrastive", "supervised"):
            behind, jitter = 0.004 * (method == "supervised"), 0.0003 * (seed - 1)
            common: dict[str, Any] = {"method": method, "seed": seed}
            for variant, best, near in (("vanilla", 0.9938, 0.809), ("large", 0.9996, 0.983)):
                world.add(
                    variant,
                    global_spearman=best - 0.0001 - 0.03 * behind + jitter / 10,
                    local_spearman=near - behind + jitter * 5,
                    oracle_global_spearman=best,
                    oracle_local_spearman=near,
                    forest_rmse=0.0325 + behind / 10 + jitter / 3,
                    ceiling_rmse=0.0318,
                    **common,
                )
            for dim in (2, 3):
                rmse = 0.0324 + behind / 10 + jitter / 3 + 0.0002 * dim
                world.add(dim=dim, forest_rmse=rmse, ceiling_rmse=0.0318, **common)
            world.add(dim=2, recipe="d2-similarity-cosine", **common)
            for variant, key, harm in (("numerical-noise", "eps_n", 1.6), ("graphical-noise", "eps_g", 0.3)):
                for level in levels:
                    worse = harm * level * (1 + 10 * behind) + jitter
                    scores: dict[str, Any] = {"global_spearman": 0.993 - 0.9 * worse - behind}
                    scores["local_spearman"] = 0.81 / (1 + 9 * worse)
                    oracle: dict[str, Any] = {"oracle_global_spearman": 0.994 - harm * level / 2}
                    oracle |= {"oracle_local_spearman": 0.83 - level}
                    world.add(variant, {key: level}, **common, **scores, **oracle)
                    cleaner: dict[str, Any] = {name: 1 - (1 - value) / 2 for name, value in scores.items()}
                    world.add(train=(variant, {key: level}), **common, **cleaner)
            for alpha in ALPHAS:
                broken = alpha == 0.8 and method == "contrastive" and seed in seeds[:2] and len(seeds) > 1
                world.add(
                    "gaps",
                    {"alpha_g": alpha, "num_gaps": 3},
                    fractured=broken,
                    global_spearman=0.4 if broken else 0.99 - 0.04 * alpha - behind + jitter,
                    gap_spearman=0.75 - 0.1 * alpha - 5 * behind + jitter,
                    oracle_global_spearman=0.9938,
                    oracle_gap_spearman=0.8,
                    **common,
                )
            world.add("gaps", {"gap": [[0.3, 0.7]]}, fractured=method == "contrastive", **common)
            world.add("cropping", {"alpha_c": 0.75}, **common)
    return world


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, Figure], Path]:
    world, out = whole_world(), tmp_path_factory.mktemp("figures")
    drawn, missing = draw(world.frames(), world.samples, out, quiet=True)
    assert not missing
    return world, {figure.number: figure for figure in drawn}, out


@pytest.fixture
def plotted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every series with intervals that is drawn: x, y, yerr and style."""
    calls: list[dict[str, Any]] = []
    original = Axes.errorbar

    def record(axes: Axes, x: Any, y: Any, **style: Any) -> Any:
        calls.append({"axes": axes, "x": np.asarray(x, float), "y": np.asarray(y, float), **style})
        return original(axes, x, y, **style)

    monkeypatch.setattr(Axes, "errorbar", record)
    return calls


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Draw only the named figures: the others take time and are not what is tested."""

    def choose(*numbers: str) -> None:
        monkeypatch.setattr(figures, "_FIGURES", tuple(figure for figure in figures._FIGURES if figure[0] in numbers))

    return choose


def by_label(calls: list[dict[str, Any]], label: str, marker: str = "o") -> list[dict[str, Any]]:
    """The series of one method (by its marker) on axes whose vertical label begins with `label`."""
    return [c for c in calls if c["axes"].get_ylabel().startswith(label) and c["marker"] == marker]


def test_every_figure_is_drawn_whole(everything: tuple[World, dict[str, Figure], Path]) -> None:
    _, drawn, out = everything
    assert tuple(drawn) == EVERY
    for number, figure in drawn.items():
        assert figure.name == f"figure-{int(number):02d}"
        assert (figure.png, figure.svg) == (out / f"{figure.name}.png", out / f"{figure.name}.svg")
        with Image.open(figure.png) as image:
            assert min(image.size) >= 450
            assert max(image.size) <= 1400
            assert len(image.convert("RGB").getcolors(2**24) or []) > 20
        assert ElementTree.parse(figure.svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert figure.title
        assert re.search(r"[.]$", figure.caption)
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{figure.name}.{kind}" for figure in drawn.values() for kind in ("png", "svg")
    )


def test_svg_text_is_text(everything: tuple[World, dict[str, Figure], Path]) -> None:
    _, drawn, _ = everything
    words = {
        "3": ("global Spearman's ρ", "oracle", "paper"),
        "5": ("noise level ε_n", "noise level ε_g"),
        "6": ("total length of the gaps α_g",),
        "10": ("density (energy per unit of embedding)",),
        "15": ("angle (rad)", "energy m (1 = reaches the top)"),
        "18": ("cos θ of the blue bob (−1 top, 1 bottom)",),
    }
    for number, expected in words.items():
        svg = drawn[number].svg.read_text(encoding="utf-8")
        for text in expected:
            assert f">{text}</text>" in svg


def test_contrastive_is_solid_and_filled_supervised_dashed_and_open(
    everything: tuple[World, dict[str, Figure], Path],
) -> None:
    svg = everything[1]["6"].svg.read_text(encoding="utf-8")
    dashed = re.findall(r'style="fill: none; stroke-dasharray: [^"]*; stroke: (#[0-9a-f]{6})', svg)
    assert dashed.count("#d55e00") == 3  # two panels and the legend
    assert "#0072b2" not in dashed
    squares = re.findall(r'style="([^"]*)stroke: #d55e00; stroke-linejoin: miter"', svg)
    assert squares
    assert {re.sub("fill-opacity: 0|fill: none|; ", "", square) for square in squares} == {""}
    assert re.search(r'style="fill: #0072b2; stroke: #0072b2"', svg)


def test_same_input_same_bytes(everything: tuple[World, dict[str, Figure], Path], tmp_path: Path) -> None:
    world, drawn, _ = everything
    again, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    for figure in again:
        assert figure.svg.read_bytes() == drawn[figure.number].svg.read_bytes(), figure.name
        assert figure.caption == drawn[figure.number].caption


def test_nothing_gives_reasons(tmp_path: Path) -> None:
    drawn, missing = draw(World(0).frames(), {}, tmp_path, quiet=True)
    assert [figure.number for figure in drawn] == ["14"]
    assert [number for number, _ in missing] == [number for number in EVERY if number != "14"]
    for _, reason in missing:
        assert re.match(r"no [a-z]", reason)
    assert "equation of motion" in drawn[0].caption


def test_one_run_alone(tmp_path: Path, plotted: list[dict[str, Any]]) -> None:
    world = World(100)
    world.add(global_spearman=0.99, local_spearman=0.8, forest_rmse=0.033, seed=None)
    drawn, missing = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert [figure.number for figure in drawn] == ["3", "4", "10", "13", "14", "17"]
    assert dict(missing)["6"] == "no scored runs with three gaps and one output"
    assert len(plotted) > 0
    for call in plotted:  # a single seed has no interval
        assert np.isnan(call["yerr"]).all()
    assert "1 run a point" in drawn[0].caption


def test_three_outputs_only_and_poor_samples(tmp_path: Path) -> None:
    world = World(60)
    row = world.add(dim=3)
    world.samples[row["digest"]] = replace(world.samples[row["digest"]], angle=None, oracle=None)
    drawn, missing = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert [figure.number for figure in drawn] == ["4", "14"]
    assert "angles" in dict(missing)["13"]
    world = World(60)
    row = world.add("cropping", {"alpha_c": 0.75})
    world.samples[row["digest"]] = replace(world.samples[row["digest"]], visible=None)
    assert "no blank images" in dict(draw(world.frames(), world.samples, tmp_path, quiet=True)[1])["12"]


def test_no_samples_leaves_the_curves(tmp_path: Path) -> None:
    world = whole_world(20, seeds=(0,))
    drawn, missing = draw(world.frames(), {}, tmp_path, quiet=True)
    assert [figure.number for figure in drawn] == ["3", "5", "6", "7", "10", "14", "17"]
    assert "no embeddings" in dict(missing)["4"]


def test_undefined_scores_draw_nothing(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "4", "5", "6", "7", "8", "10", "17")
    world = World(40)
    for variant, parameters in (
        ("vanilla", {}),
        ("gaps", {"alpha_g": 0.4, "num_gaps": 3}),
        ("numerical-noise", {"eps_n": 0.1}),
    ):
        row = world.add(variant, parameters)
        sample = world.samples[row["digest"]]
        world.samples[row["digest"]] = replace(sample, values=np.full(40, np.nan))
    for row in world.segments:
        row["density"] = np.nan
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert not {figure.number for figure in drawn} & {"3", "5", "6", "7", "10", "17"}


def test_noise_curves_hold_the_summary(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("5")
    world = whole_world(20, seeds=(0, 1))
    frames = world.frames()
    draw(frames, {}, tmp_path, quiet=True)
    summary = frames["summary"]
    calls = [c for c in by_label(plotted, "local") if c["axes"].get_xlabel() == "noise level ε_g"]
    assert len(calls) == 2  # noisy, then clean test images
    for variant, call in zip(("graphical-noise", "vanilla"), calls, strict=True):
        mask = summary["variant"].eq(variant) & summary["train_variant"].eq("graphical-noise")
        rows = summary[mask & summary["method"].eq("contrastive") & summary["measure"].eq("local_spearman")]
        assert call["x"].tolist() == list(LEVELS)
        assert sorted(call["y"], reverse=True) == pytest.approx(sorted(rows["mean"], reverse=True))
        assert call["yerr"] == pytest.approx(0.001)
    assert (calls[0]["axes"].get_xscale(), calls[0].get("linewidth"), calls[1]["linewidth"]) == ("log", None, 0.8)


def test_fractured_runs_are_left_out(tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]) -> None:
    only("6", "7")
    world = whole_world(20)
    drawn, _ = draw(world.frames(), {}, tmp_path, quiet=True)
    with_all, without = (
        [c for c in by_label(plotted, "global") if c["axes"].get_xlabel().endswith("α_g")][k] for k in (0, 1)
    )
    assert with_all["x"].tolist() == without["x"].tolist() == list(ALPHAS)
    assert with_all["y"][:-1] == pytest.approx(without["y"][:-1])
    whole = 0.99 - 0.04 * 0.8 + 0.0003  # seed 2, the one that held together
    assert with_all["y"][-1] == pytest.approx((whole + 0.4 + 0.4) / 3)
    assert without["y"][-1] == pytest.approx(whole)
    assert np.isnan(without["yerr"][:, -1]).all()
    # t(2; .975) = 4.302653 over three seeds that lie .0003 apart
    assert without["yerr"][0, 0] == pytest.approx(4.302653 * 0.0003 / np.sqrt(3), rel=1e-5)
    caption = {figure.number: figure.caption for figure in drawn}["7"]
    assert "Of 24 runs, those that certainly fractured are left out: 2 contrastive and 0 supervised." in caption


def test_every_run_fractured(tmp_path: Path, only: Callable[..., None]) -> None:
    only("6", "7")
    world = World(20)
    world.add("gaps", {"alpha_g": 0.8, "num_gaps": 3}, fractured=True, global_spearman=0.3, gap_spearman=0.5)
    drawn, missing = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert "6" in [figure.number for figure in drawn]
    assert dict(missing)["7"] == "every run with three gaps fractured"


def test_example_of_fracturing_is_the_single_gap_that_fractured(
    everything: tuple[World, dict[str, Figure], Path],
) -> None:
    caption = everything[1]["8"].caption
    assert "a run with gaps, fractured: contrastive-d1, seed 0" in caption
    svg = everything[1]["8"].svg.read_text(encoding="utf-8")
    assert ">seen in training, 0 to 0.3<" in svg
    assert ">seen in training, 0.7 to 1<" in svg


def test_unfractured_example_says_so(tmp_path: Path, only: Callable[..., None]) -> None:
    only("8")
    world = World(100)
    world.add("gaps", {"alpha_g": 0.4, "num_gaps": 3}, fractured=False)
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    figure = {figure.number: figure for figure in drawn}["8"]
    assert "which did not certainly fracture" in figure.caption
    assert ">seen in training, 0.28 to 0.43<" in figure.svg.read_text(encoding="utf-8")


def test_full_recipe_first_then_others_by_name(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3")
    world = World(40)
    world.add(recipe="d1-epochs-20", global_spearman=0.98, local_spearman=0.7)
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert "Not the paper's full setting: vanilla with recipe d1-epochs-20." in drawn[0].caption
    plotted.clear()
    world.add(global_spearman=0.99, local_spearman=0.8)
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert "full setting" not in drawn[0].caption
    assert [c["y"].tolist() for c in by_label(plotted, "global")] == [[0.99]]


def test_encoders_of_other_data_stay_out_of_the_main_result(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "5", "10", "17")
    world = World(40)
    world.add(train=("numerical-noise", {"eps_n": 0.1}), global_spearman=0.9, local_spearman=0.5)
    drawn, missing = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert "no scored runs on vanilla or large" in dict(missing)["3"]
    assert [figure.number for figure in drawn] == ["5"]  # noisy encoders on clean images


def test_large_samples_make_small_files(tmp_path: Path, only: Callable[..., None]) -> None:
    only("4", "5", "8", "12", "13", "15", "18")
    world = World(10_240)
    world.add(global_spearman=0.99, local_spearman=0.8)
    world.add(dim=2)
    world.add(dim=3)
    world.add(dim=2, recipe="d2-similarity-cosine")
    world.add("cropping", {"alpha_c": 0.75})
    world.add("gaps", {"alpha_g": 0.8, "num_gaps": 3})
    for level in LEVELS:
        world.add("numerical-noise", {"eps_n": level}, global_spearman=0.9, local_spearman=0.5)
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    sizes = {figure.number: figure.svg.stat().st_size for figure in drawn}
    assert {"4", "5", "8", "12", "13", "15", "18"} <= set(sizes)
    assert max(sizes.values()) < 1_500_000, sizes


def independent_picture(angle: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Pixel by pixel, by Python's own rounding (half to even)."""
    centre = size // 2
    radius = size - 4 - centre - 3 // 2
    spots = [(centre + round(radius * np.cos(a)), centre + round(radius * np.sin(a))) for a in angle.tolist()]
    image = np.empty((size, size, 3))
    for row in range(size):
        for column in range(size):
            blue, red = (max(abs(row - r), abs(column - c)) <= 1 for r, c in spots)
            image[row, column] = {(0, 0): (1, 1, 1), (1, 0): (0, 0, 1), (0, 1): (1, 0, 0), (1, 1): (0, 0, 0)}[blue, red]
    return image


@pytest.mark.parametrize(("size", "radius"), [(32, 11), (43, 17), (100, 45)])
def test_pictures(size: int, radius: int) -> None:
    draw_angles = np.random.default_rng(3)
    for angle in [
        *draw_angles.uniform(-np.pi, np.pi, (20, 2)),
        np.zeros(2),
        np.array([np.pi, -np.pi]),
        np.array([0.0, 0.15]),
    ]:
        assert np.array_equal(picture(angle, size), independent_picture(angle, size))
    bottom = picture(np.zeros(2), size)
    assert np.argwhere((bottom == 0).all(axis=2)).mean(axis=0).tolist() == [size // 2 + radius, size // 2]


def test_the_vanilla_images_are_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    only("13")
    shown: list[tuple[Axes, NDArray[np.float64]]] = []
    original = Axes.imshow

    def record(axes: Axes, image: Any, **how: Any) -> Any:
        shown.append((axes, image))
        return original(axes, image, **how)

    monkeypatch.setattr(Axes, "imshow", record)
    world = World(2000)
    row = world.add()
    sample = world.samples[row["digest"]]
    draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert len(shown) == 30
    labels = [axes.get_ylabel() for axes, _ in shown[::6]]
    assert sample.angle is not None
    energies = []
    for start, label in zip(range(0, 30, 6), labels, strict=True):
        energy = float(label.removeprefix("m = "))
        energies.append(energy)
        mine = np.flatnonzero(np.abs(sample.energy - energy) <= 0.00501)
        redrawn = [independent_picture(sample.angle[k], 32) for k in mine]
        for _, image in shown[start : start + 6]:
            assert any(np.array_equal(image, other) for other in redrawn)
    assert energies == sorted(energies)


def test_gaps_of_the_paper() -> None:
    for alpha in (0.2, 0.3, 0.4, 0.6, 0.8):
        gaps = gaps_of(alpha, 3)
        edges = [0.0, *(edge for gap in gaps for edge in gap), 1.0]
        widths = np.diff(edges)
        assert widths[1::2] == pytest.approx(alpha / 3)
        assert widths[::2] == pytest.approx((1 - alpha) / 4)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(OSError, match="figures"):
        draw(World(0).frames(), {}, tmp_path / "figures", quiet=True)


def test_a_failed_save_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        draw(World(0).frames(), {}, tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_collapsed_representations(tmp_path: Path, only: Callable[..., None]) -> None:
    only("4", "5", "8", "12", "15", "18")
    world = World(60)
    for variant, parameters in (
        ("numerical-noise", {"eps_n": 0.1}),
        ("gaps", {"gap": [[0.3, 0.7]]}),
        ("cropping", {"alpha_c": 0.6}),
    ):
        world.add(variant, parameters, global_spearman=0.1, local_spearman=0.1)
    for dim, recipe in ((1, "d1"), (2, "d2"), (3, "d3"), (2, "d2-similarity-cosine")):
        world.add(dim=dim, recipe=recipe)
    flat = {
        digest: replace(s, values=np.zeros(60), embedding=np.zeros_like(s.embedding))
        for digest, s in world.samples.items()
    }
    drawn, missing = draw(world.frames(), flat, tmp_path, quiet=True)
    assert not missing
    assert len(drawn) == 6


def test_only_training_scores_say_so(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "18")
    world = World(60)
    for row in (world.add(global_spearman=0.9, local_spearman=0.5), world.add(dim=2)):
        row["split"] = "train"
    drawn, _ = draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert ["split train" in figure.caption for figure in drawn] == [True, True]


def test_one_condition_with_two_sizes_of_data_shows_the_larger_number_of_runs(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3")
    world = World(20)
    for seed, score in ((0, 0.98), (1, 0.98)):
        world.add(seed=seed, global_spearman=score, local_spearman=0.8)
    world.add(seed=2, global_spearman=0.5, local_spearman=0.1)["dataset"] = "vanilla-small"
    draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert [c["y"].tolist() for c in by_label(plotted, "global")] == [[0.98]]


@pytest.mark.parametrize("part", ["everything", "one panel"])
def test_no_label_is_clipped(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    original = figures._save

    def save(canvas: Any, path: Path, metadata: dict[str, None]) -> None:
        original(canvas, path, metadata)
        if path.suffix == ".png":
            canvas.draw_without_rendering()
            texts = [text for legend in canvas.legends for text in legend.get_texts()]
            texts += [text for axes in canvas.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
            for text in texts:
                box = text.get_window_extent()
                inside = box.x0 > -1 and box.y0 > -1 and box.x1 < canvas.bbox.x1 + 1 and box.y1 < canvas.bbox.y1 + 1
                assert inside or not text.get_text(), (path.name, text.get_text())
            checked.append(path.name)

    monkeypatch.setattr(figures, "_save", save)
    world = whole_world(60, seeds=(0, 1))
    if part == "one panel":
        kept = {"vanilla", "graphical-noise"}
        world.runs = [row for row in world.runs if {row["variant"], row["train_variant"]} <= kept]
    draw(world.frames(), world.samples, tmp_path, quiet=True)
    assert len(checked) == {"everything": 13, "one panel": 9}[part]


def test_own_settings_of_matplotlib_neither_matter_nor_change(tmp_path: Path, only: Callable[..., None]) -> None:
    only("14")
    plain, _ = draw(World(0).frames(), {}, tmp_path / "plain", quiet=True)
    with matplotlib.rc_context({"font.size": 20.0, "image.cmap": "jet", "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        own, _ = draw(World(0).frames(), {}, tmp_path / "own", quiet=True)
        assert dict(matplotlib.rcParams) == before
    assert own[0].svg.read_bytes() == plain[0].svg.read_bytes()
