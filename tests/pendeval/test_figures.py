"""Synthetic tables and samples of known content, drawn and read back: from the files, and from what was plotted."""

import hashlib
import itertools
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
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from PIL import Image
from scipy.special import ellipj

from pendeval import figures, tables
from pendeval.figures import Drawn, Figure, choose, draw, name_of, style
from pendeval.measures.registry import MEASURES, PRIMARY, SAMPLED_OF
from pendeval.sample import Sample
from pendeval.settings import KNOBS

EVERY = ("3", "4", "5", "6", "7", "8", "10", "12", "13", "14", "15", "17", "18", "scatter", "training")
EVERY = (*EVERY, "learning", "optima", "fractures", "labelled", "pendulums", "ahead")
NAMES = {number: name_of(number) for number in EVERY}
LEVELS = (0.001, 0.01, 0.05, 0.25)
ALPHAS = (0.2, 0.4, 0.6, 0.8)
PRINTED = {"global_spearman": 0.9938, "local_spearman": 0.8093, "forest_rmse": 0.0032}
EXACT_AHEAD = 0.00005
"""How much an exact score of these tables lies above its sampled one."""


@dataclass
class World:
    """Rows of runs and segments, samples, example images and training curves; `frames` makes the tables of them."""

    images: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    segments: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)
    examples: dict[str, tuple[NDArray[np.uint8], NDArray[np.float64]]] = field(default_factory=dict)
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)

    def frames(self) -> dict[str, pd.DataFrame]:
        frames = {name: pd.DataFrame(columns=list(columns)) for name, columns in tables.COLUMNS.items()}
        if self.runs:
            for row in self.runs:
                row["condition"] = condition(row)
                row["counterpart"] = condition({k: v for k, v in row.items() if k not in APART})
            frames["runs"] = pd.DataFrame(self.runs, columns=list(tables.RUNS))
            for name in ("own", "usual", "full", "fractured", "population_fractured"):
                frames["runs"][name] = frames["runs"][name].astype("boolean")
            frames["summary"] = summarise(frames["runs"])
            frames["comparisons"] = tables.compare(frames["runs"])
            for make in (tables.optima, tables.fractures, tables.labelled):
                frames[make.__name__] = make(frames["runs"])
        if self.segments:
            by_digest = {row["digest"]: row for row in self.runs}
            rows = [{**by_digest[band["digest"]], **band} for band in self.segments]
            frames["segments"] = pd.DataFrame(rows, columns=list(tables.SEGMENTS))
        return frames

    def draw(self, out: Path, **more: Any) -> Drawn:
        given: dict[str, Any] = {"examples": self.examples, "curves": self.curves, "quiet": True}
        return draw(self.frames(), self.samples, out, **(given | more))

    def add(
        self,
        variant: str = "vanilla",
        level: float = 0.0,
        method: str = "contrastive",
        dim: int = 1,
        seed: int | None = 0,
        train: tuple[str, float] | None = None,
        fractured: bool | None = None,
        exact: bool = True,
        bands: Sequence[tuple[float, float]] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """A run; `more` are measures, with their exact counterparts made of them, or other cells of the row."""
        digest = f"{len(self.runs):064x}"
        row = settings(variant, level, train or (variant, level), method, dim) | {"seed": seed, "train_data_seed": seed}
        row |= {"data_seed": 0, "digest": digest, "embedding_digest": f"e{digest}", "file": f"{digest}.h5"}
        row |= {"own": train is None, "fractured": fractured, "population_fractured": fractured, **more}
        if exact:
            for sampled, name in PRIMARY.items():
                for prefix in ("", "oracle_"):
                    if isinstance(row.get(prefix + sampled), float):
                        row.setdefault(prefix + name, row[prefix + sampled] + EXACT_AHEAD)
        else:
            row["population_fractured"] = None
        cosine = row["objective"] == "similarity cosine"
        sample = make_sample(self.images, dim, seed or 0, row["variant"], level, cosine, fractured is True)
        if sample.visible is not None and np.any(blank := ~sample.visible.any(axis=1)):
            row |= {"blank_embedding": float(sample.values[blank].mean()), "blank_expected": -0.9}
        self.runs.append(row)
        self.samples[digest] = sample
        self._bands(row, bands, exact)
        return row

    def _bands(self, row: dict[str, Any], bands: Sequence[tuple[float, float]], exact: bool) -> None:
        """Seven segments of vanilla runs; gaps, and the seen bands between them, of the others."""
        for number in range(7 * (row["variant"] == "vanilla" and row["dim"] == 1)):
            spearman, density = 0.95 - 0.06 * number + 0.01 * (row["seed"] or 0), 0.08 + 0.02 * number
            scores = {"spearman": spearman, "density": density * (1.2 if row["method"] == "supervised" else 1.0)}
            if exact:
                scores |= {f"population_{name}": value + EXACT_AHEAD for name, value in scores.items()}
            self.segment(row, "segment", number + 1, number / 7, (number + 1) / 7, **scores)
        if row["variant"] == "gaps" and row["level"] == row["level"]:
            gap, seen = row["level"] / 3, (1 - row["level"]) / 4
            bands = [(seen + k * (seen + gap), seen + k * (seen + gap) + gap) for k in range(3)]
        edges = [0.0, *(edge for band in bands for edge in band), 1.0]
        for kind, start in (("visible", 0), ("gap", 1)) if len(bands) else ():
            for number, (low, high) in enumerate(zip(edges[start::2], edges[start + 1 :: 2], strict=False), start=1):
                self.segment(row, kind, number, low, high)

    def segment(self, row: dict[str, Any], kind: str, number: int, low: float, high: float, **scores: float) -> None:
        band = {"kind": kind, "number": number, "energy_low": low, "energy_high": high, "digest": row["digest"]}
        self.segments.append(band | scores)

    def show(self, row: dict[str, Any], each: int = 6, size: int = 32) -> None:
        """Example images: random ones, so that each is known by its pixels."""
        energies = np.repeat([0.05, 0.251, 0.5, 0.75, 0.949], each)
        pixels = np.random.default_rng(len(self.examples)).integers(0, 256, (5 * each, size, size, 3))
        self.examples[row["digest"]] = (pixels.astype(np.uint8), energies)

    def learn(self, row: dict[str, Any], steps: int = 1000) -> None:
        step = np.arange(10, steps + 1, 10)
        loss = (6.2 if row["method"] == "contrastive" else 0.08) / (1 + step / (200 + 20 * len(self.curves)))
        curve = pd.DataFrame({"step": step, "epoch": step // 10, "loss": loss})
        looked = np.where(step % 100 == 0, 1.0, np.nan)
        curve = curve.assign(images=1024 * step, seconds=0.3 * step, oracle_spearman=0.99374 * looked)
        curve = curve.assign(spearman=(0.9937 - loss / 10) * looked, local_spearman=(0.8 - loss / 10) * looked)
        self.curves[row["digest"]] = curve.assign(oracle_local_spearman=0.8063 * looked)


def settings(variant: str, level: float, train: tuple[str, float], method: str, dim: int) -> dict[str, Any]:
    """The condition columns of a usual run."""
    row: dict[str, Any] = {}
    for prefix, (kind, value) in (("", (variant, level)), ("train_", train)):
        parameters = {KNOBS[kind]: value} if kind in KNOBS else {}
        row |= {
            **{f"{prefix}dataset": f"{kind}-{value:g}", f"{prefix}variant": kind, f"{prefix}protocol": "paper"},
            **{f"{prefix}parameters": json.dumps(parameters), f"{prefix}knob": KNOBS.get(kind, "")},
            **{f"{prefix}level": value, f"{prefix}image_size": 100 if kind == "large" else 32, f"{prefix}bob_size": 3},
            **{f"{prefix}time_gap": 0.5, f"{prefix}antialias": False, f"{prefix}time_range": "[0.0, 200.0]"},
            f"{prefix}energy_range": "[0.0, 1.0]",
        }
    words = {
        prefix: f"{kind}{f', {value:g}' if value else ''}"
        for prefix, (kind, value) in zip("dt", ((variant, level), train), strict=True)
    }
    return row | {
        **{"data_words": words["d"], "train_words": "" if train == (variant, level) else words["t"]},
        **{"split": "test", "view": "all", "method": method, "dim": dim, "objective": "", "schedule": ""},
        **{"recipe_protocol": "paper", "label": f"{method}-d{dim}", "own": True, "usual": True, "full": True},
        **{"encoder": "resnet18", "layer": "", "labelled": np.nan},
        **{"pendulums": 5120, "images_per_pendulum": 20, "train_pendulums": 5120, "train_images": 20},
        **{"recipe": json.dumps({"batch": 512, "dim": dim, "epochs": 100, "method": method}), "precision": "float32"},
    }


SEEDS = ("data_seed", "train_data_seed", "seed")
APART = ("condition", "counterpart", "method", "objective", "label", "labelled", "recipe")
"""What a counterpart does not share."""


def condition(row: dict[str, Any]) -> str:
    """Equal where all that decides an experiment is."""
    aside = ("condition", "counterpart", "precision")
    parts = [str(row.get(name)) for name in tables.RUNS if name in tables.SUMMARY and name not in aside]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def make_sample(n: int, dim: int, seed: int, variant: str, level: float, cosine: bool, broken: bool) -> Sample:
    """Pendulums of 20 images each, in true motion; the line follows the energy with noise, or folds where broken."""
    draw_data, draw_run = np.random.default_rng(0), np.random.default_rng(seed + 1)
    energy = np.repeat(draw_data.random(-(-n // 20)), 20)[:n]
    time = draw_data.uniform(0, 200, n)
    angle = np.stack([2 * np.arcsin(np.sqrt(energy) * ellipj(time + shift, energy)[0]) for shift in (0.0, 0.5)], axis=1)
    noise = {"numerical-noise": 1.0, "graphical-noise": 0.3}.get(variant, 0.0) * np.nan_to_num(level)
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
    values = [name for name, one in MEASURES.items() if not one.truth]
    oracles = [f"oracle_{name}" for name, one in MEASURES.items() if one.oracle]
    keys = ["condition", "train_data_seed", "seed"]
    known = runs[keys].assign(**{name: pd.to_numeric(runs[name]) for name in [*values, *oracles]})
    means = known.groupby(keys, dropna=False).mean().groupby("condition").agg(["mean", "count"])
    rows = []
    for key, group in runs.groupby("condition"):
        first = {name: group[name].iloc[0] for name in tables.SUMMARY if name in group}
        for measure in values:
            mean, n = (float(means.loc[key, (measure, what)]) for what in ("mean", "count"))
            if not n:
                continue
            half = 0.001 if n > 1 else np.nan
            row = {"measure": measure, "n": int(n), "unit": "replicate", "shared_test": False, "mean": mean}
            row |= {"sd": half, "ci_low": mean - half, "ci_high": mean + half}
            row["oracle"] = means.loc[key].get((f"oracle_{measure}", "mean"), np.nan)
            like = first["protocol"] == first["recipe_protocol"] == "original"
            row["published" if like else "published_original_law"] = PRINTED.get(
                SAMPLED_OF.get(measure, measure), np.nan
            )
            rows.append(first | row)
    return pd.DataFrame(rows, columns=list(tables.SUMMARY))


def on(pendulums: int, epochs: int, rest: str = "") -> dict[str, Any]:
    """The cells of a run on fewer pendulums, for more epochs than 100."""
    schedule = ", ".join(part for part in (f"epochs {epochs}", rest) if part)
    recipe = json.dumps({"epochs": epochs, "rest": rest})
    return {"train_pendulums": pendulums, "full": False, "schedule": schedule, "recipe": recipe}


def whole_world(images: int = 400, seeds: Sequence[int] = (0, 1, 2), levels: Sequence[float] = LEVELS) -> World:
    """Something for every figure."""
    world = World(images)
    for seed in seeds:
        for method in ("contrastive", "supervised"):
            behind, jitter = 0.004 * (method == "supervised"), 0.0003 * (seed - 1)
            common: dict[str, Any] = {"method": method, "seed": seed}
            for variant, protocol, best, near in (
                ("vanilla", "paper", 0.99374, 0.8063),
                ("vanilla", "original", 0.99395, 0.8113),
                ("large", "paper", 0.9996, 0.983),
            ):
                row = world.add(
                    variant,
                    global_spearman=best - 0.0001 - 0.03 * behind + jitter / 10,
                    local_spearman=near - behind + jitter * 5,
                    oracle_global_spearman=best,
                    oracle_local_spearman=near,
                    forest_rmse=0.0325 + behind / 10 + jitter / 3,
                    monotone_rmse=0.033 + behind + jitter,
                    oracle_forest_rmse=0.0322,
                    oracle_monotone_rmse=0.0319,
                    **dict.fromkeys(("protocol", "train_protocol", "recipe_protocol"), protocol),
                    **common,
                )
                world.show(row, 1 if protocol == "original" else 6, 100 if variant == "large" else 32)
                world.learn(row)
                if variant == "vanilla" and protocol == "paper":
                    for data_seed in (1, 2):
                        apart = 0.0002 * (data_seed - 1.5)
                        again = dict(row) | {"data_seed": data_seed, "global_spearman": row["global_spearman"] + apart}
                        again |= {
                            "local_spearman": row["local_spearman"] + 10 * apart,
                            "digest": f"{row['digest']}{data_seed}",
                        }
                        world.runs.append(again | {"embedding_digest": f"e{row['digest']}{data_seed}"})
            world.add(**on(640, 800), global_spearman=0.993 - 0.01 * behind, oracle_global_spearman=0.99374, **common)
            for dim in (2, 3):
                rmse = 0.0324 + behind / 10 + jitter / 3 + 0.0002 * dim
                scores: dict[str, Any] = {"forest_rmse": rmse, "oracle_forest_rmse": 0.0322}
                scores |= {"monotone_rmse": rmse + 0.003 * dim, "oracle_monotone_rmse": 0.0319}
                world.add(
                    dim=dim,
                    global_spearman=0.9925,
                    vertical_gain=0.61 + jitter,
                    horizontal_gain=-0.02,
                    **scores,
                    **common,
                )
            world.add(dim=2, objective="similarity cosine", global_spearman=0.991, **common)
            for variant, harm in (("numerical-noise", 1.6), ("graphical-noise", 0.3)):
                for level in levels:
                    worse = harm * level * (1 + 10 * behind) + jitter
                    scores = {"global_spearman": 0.993 - 0.9 * worse - behind, "local_spearman": 0.81 / (1 + 9 * worse)}
                    oracle: dict[str, Any] = {"oracle_global_spearman": 0.994 - harm * level / 2}
                    oracle |= {"oracle_local_spearman": 0.83 - level}
                    row = world.add(variant, level, exact=harm > 1, **common, **scores, **oracle)
                    if level == levels[-1]:
                        world.show(row)
                    cleaner: dict[str, Any] = {name: 1 - (1 - value) / 2 for name, value in scores.items()}
                    ceiling = {"oracle_global_spearman": 0.99374, "oracle_local_spearman": 0.8063}
                    world.add(train=(variant, level), **common, **cleaner, **ceiling)
            for alpha in ALPHAS:
                broken = alpha == 0.8 and method == "contrastive" and seed in seeds[:2] and len(seeds) > 1
                world.add(
                    "gaps",
                    alpha,
                    fractured=broken,
                    global_spearman=0.4 if broken else 0.99 - 0.04 * alpha - behind + jitter,
                    gap_spearman=0.75 - 0.1 * alpha - 5 * behind + jitter,
                    gap_abs_spearman=0.77 - 0.1 * alpha - 5 * behind + jitter,
                    oracle_global_spearman=0.9938,
                    oracle_gap_spearman=0.8,
                    oracle_gap_abs_spearman=0.8,
                    **common,
                )
            world.add("gaps", np.nan, bands=[(0.3, 0.7)], fractured=method == "contrastive", **common)
            row = world.add(encoder="optimum", schedule="encoder optimum", **common)
            row |= {"population_global": 0.9937, "population_local": 0.806, "oracle_population_global": 0.99374}
            for share in (0.01, 0.1):
                other = {"contrastive": "joint", "supervised": "paws"}[method]
                row = world.add(**common | {"method": other}, labelled=share, objective=f"labelled {share}")
                row |= {"population_global": 0.98 + share / 10 + jitter, "oracle_population_global": 0.99374}
                row |= {"population_local": 0.7 + share + jitter, "population_rmse": 0.05 - share / 10 + jitter}
            world.show(world.add("cropping", 0.75, **common))
    return world


class Labels:
    """Looks at the labels of every figure that is drawn: how many, which leave the canvas, which overlap."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.numbers: list[int] = []
        self.clipped: list[str] = []
        self.overlapping: list[str] = []
        self.original = figures.rendered
        patch.setattr(figures, "rendered", self.rendered)

    def rendered(self, canvas: Any, table: pd.DataFrame) -> tuple[bytes, bytes, bytes]:
        contents = self.original(canvas, table)
        canvas.draw_without_rendering()
        texts = [text for legend in canvas.legends for text in legend.get_texts()]
        texts += [text for axes in canvas.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
        boxes = [(text, text.get_window_extent()) for text in texts if text.get_text() and text.get_visible()]
        for text, box in boxes:
            if box.x0 <= -1 or box.y0 <= -1 or box.x1 >= canvas.bbox.x1 + 1 or box.y1 >= canvas.bbox.y1 + 1:
                self.clipped.append(text.get_text())
            if any(box.overlaps(other) for also, other in boxes if also is not text):
                self.overlapping.append(text.get_text())
        self.numbers.append(len(boxes))
        return contents


Everything = tuple[World, dict[str, Figure], Path, Labels]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """Something for every figure, drawn; its labels were looked at."""
    world, out = whole_world(), tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        labels = Labels(patch)
        drawn = world.draw(out)
    assert (drawn.missing, drawn.faults) == ([], [])
    return world, dict(zip(EVERY, drawn.figures, strict=True)), out, labels


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
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every line and row of marks that is drawn: x, y and style."""
    calls: list[dict[str, Any]] = []
    original = Axes.plot

    def record(axes: Axes, x: Any, y: Any, **style: Any) -> Any:
        calls.append({"axes": axes, "x": np.asarray(x, float), "y": np.asarray(y, float), **style})
        return original(axes, x, y, **style)

    monkeypatch.setattr(Axes, "plot", record)
    return calls


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Axes, NDArray[np.uint8]]]:
    """Every image that is drawn."""
    calls: list[tuple[Axes, NDArray[np.uint8]]] = []
    original = Axes.imshow

    def record(axes: Axes, image: Any, **how: Any) -> Any:
        calls.append((axes, image))
        return original(axes, image, **how)

    monkeypatch.setattr(Axes, "imshow", record)
    return calls


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Draw only the named figures: the others take time and are not what is tested."""

    def choose(*numbers: str) -> None:
        monkeypatch.setattr(figures, "FIGURES", tuple(one for one in figures.FIGURES if one[0] in numbers))

    return choose


def by_label(calls: list[dict[str, Any]], label: str, marker: str = "o") -> list[dict[str, Any]]:
    """The series of one method (by its marker) on axes whose vertical label begins with `label`."""
    return [c for c in calls if c["axes"].get_ylabel().startswith(label) and c["marker"] == marker]


def by_title(calls: list[dict[str, Any]], title: str, marker: str = "o") -> list[dict[str, Any]]:
    return [c for c in calls if c["axes"].get_title().startswith(title) and c.get("marker") == marker]


def numbers(figure: Figure) -> pd.DataFrame:
    return pd.read_csv(figure.csv, keep_default_na=True)


def names(drawn: Drawn) -> list[str]:
    return [figure.name.removeprefix("figure-").lstrip("0") for figure in drawn.figures]


def has(path: Path, colour: tuple[int, int, int]) -> bool:
    """Whether a picture has a pixel of exactly this colour."""
    with Image.open(path) as image:
        return bool((np.asarray(image.convert("RGB")) == colour).all(axis=2).any())


BLUE, VERMILLION, GREY = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (153, 153, 153)


def test_every_figure_is_drawn_whole(everything: Everything) -> None:
    _, drawn, out, _ = everything
    for number, figure in drawn.items():
        assert figure.name == NAMES[number]
        assert figure.number == (number if number.isdecimal() else "")
        assert [path.name for path in (figure.png, figure.svg, figure.csv)] == [
            f"{figure.name}.{ending}" for ending in ("png", "svg", "csv")
        ]
        with Image.open(figure.png) as image:
            pixels = np.asarray(image.convert("RGB"))
            assert min(image.size) >= 450
            assert max(image.size) <= 1400
            assert len(image.convert("RGB").getcolors(2**24) or []) > 20
        frame = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3), pixels[:, -2:].reshape(-1, 3)])
        assert (frame == 255).all(), f"{figure.name} runs over its edge"
        assert ElementTree.parse(figure.svg).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert figure.title
        assert re.search(r"[.]$", figure.caption)
        assert "nan" not in figure.caption.replace("gaps, nan", "")
        assert len(numbers(figure)) > 0 or number == "8"
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{figure.name}.{ending}" for figure in drawn.values() for ending in ("png", "svg", "csv")
    )


def test_both_methods_are_seen(everything: Everything) -> None:
    for number in ("3", "5", "6", "7", "17"):
        assert has(everything[1][number].png, BLUE)
        assert has(everything[1][number].png, VERMILLION)


def test_captions_say_exact_or_sampled(everything: Everything) -> None:
    captions = {number: figure.caption for number, figure in everything[1].items()}
    for number in ("3", "6", "7", "10"):
        assert "Scores are exact: over every image that can occur" in captions[number]
    assert "sampled, over the images embedded, for graphical noise on noisy test images." in captions["5"]
    assert "for numerical noise on noisy test images, numerical noise on clean test images and" in captions["5"]
    for number in ("12", "17", "18", "scatter"):
        assert "sampled" in captions[number].lower()
    assert "Trained in float32." in captions["3"]


def test_svg_text_is_text(everything: Everything) -> None:
    _, drawn, _, _ = everything
    words = {
        "3": ("global Spearman's ρ", "oracle", "printed in the paper", "printed, other test law"),
        "5": ("noise level ε_n", "noise level ε_g", "noisy test images", "clean test images"),
        "6": ("total length of the gaps α_g", "Spearman's ρ within gaps (exact)", "Spearman's |ρ| within gaps (exact)"),
        "10": ("density (energy per unit of embedding)",),
        "15": ("angle (rad)", "energy m (1 = reaches the top)"),
        "17": ("best monotone curve (exact)",),
        "18": ("cos θ of the blue bob (−1 top, 1 bottom)",),
        "training": ("images seen (thousands)",),
    }
    for number, expected in words.items():
        svg = drawn[number].svg.read_text(encoding="utf-8")
        for text in expected:
            assert f">{text}</text>" in svg or f">{text}</tspan>" in svg, text


def test_contrastive_is_solid_and_filled_supervised_dashed_and_open(everything: Everything) -> None:
    svg = everything[1]["6"].svg.read_text(encoding="utf-8")
    dashed = re.findall(r'style="fill: none; stroke-dasharray: [^"]*; stroke: (#[0-9a-f]{6})', svg)
    assert dashed.count("#d55e00") == 4  # three panels and the legend
    assert "#0072b2" not in dashed
    squares = re.findall(r'style="([^"]*)stroke: #d55e00; stroke-linejoin: miter"', svg)
    assert squares
    assert {re.sub("fill-opacity: 0|fill: none|; ", "", square) for square in squares} == {""}
    assert re.search(r'style="fill: #0072b2; stroke: #0072b2"', svg)


def test_unusual_runs_change_nothing(everything: Everything, tmp_path: Path) -> None:
    """Antialiased, 24-px, other-time-gap and restricted-energy runs of every kind leave every byte as it was.

    Drawn twice, so that the same input gives the same bytes as well.
    """
    _, drawn, _, _ = everything
    world = whole_world()
    usual = list(world.runs)
    departures: tuple[dict[str, Any], ...] = (
        {"antialias": True, "train_antialias": True, "data_words": "vanilla, antialiased"},
        {"image_size": 24, "train_image_size": 24},
        {"time_gap": 1.0, "train_time_gap": 1.0},
        {"train_energy_range": "[0.0, 0.5]", "own": False},
        {"train_image_size": None, "own": None},
    )
    for number, row in enumerate(usual):
        if row["digest"] not in world.samples:
            continue
        digest = f"{row['digest']}f"
        better = {key: 0.9999 for key in row if key.endswith("spearman") or key.startswith("population_")}
        more = {"usual": False, "digest": digest, "embedding_digest": digest, "seed": 0, "train_data_seed": 0}
        world.runs.append(row | better | departures[number % len(departures)] | more | {"population_fractured": False})
        world.segments += [band | {"digest": digest} for band in world.segments if band["digest"] == row["digest"]]
        world.samples[digest] = replace(world.samples[row["digest"]], values=-world.samples[row["digest"]].values)
        world.show(world.runs[-1], 6, 24)
        world.learn(world.runs[-1], 3000)
    again = world.draw(tmp_path)
    assert (again.missing, again.faults) == ([], [])
    for mine, other in zip(drawn.values(), again.figures, strict=True):
        assert other.svg.read_bytes() == mine.svg.read_bytes(), other.name
        assert other.csv.read_bytes() == mine.csv.read_bytes(), other.name
        assert other.caption == mine.caption


def test_unusual_runs_alone_are_named(tmp_path: Path) -> None:
    world = World(60)
    scores = {"global_spearman": 0.99, "local_spearman": 0.8, "forest_rmse": 0.03}
    row = world.add(usual=False, antialias=True, data_words="vanilla, antialiased", **scores)
    world.show(row)
    world.learn(row)
    world.add("gaps", 0.4, usual=False, train_words="gaps, 24 px", own=False, **scores)
    drawn = world.draw(tmp_path)
    assert (drawn.figures, drawn.faults) == ([], [])
    reasons = dict(drawn.missing)
    needs = "in the paper's sizes, times and energies and of its network, which it needs; others are not drawn: "
    for number in ("3", "4", "10", "13", "17"):
        assert reasons[number].endswith(f"{needs}vanilla, antialiased")
    assert reasons["6"].endswith(f"{needs}gaps, 0.4 after gaps, 24 px")


def test_beside_an_optimum_stand_networks_trained_on_the_data_it_is_of(
    tmp_path: Path, only: Callable[..., None]
) -> None:
    """And none that was trained with noise and scored on clean images: its line would have the same words."""
    only("optima")
    world = whole_world(20, seeds=(0, 1), levels=(0.1,))
    assert any(row["usual"] and not row["own"] and row["variant"] == "vanilla" for row in world.runs)
    (drawn,) = world.draw(tmp_path).figures
    lines = pd.read_csv(drawn.csv).query("method in ['contrastive', 'supervised'] and n > 0")
    assert set(lines["method"]) == {"contrastive", "supervised"}
    assert not lines.duplicated(["method", "objective", "schedule", "train_size", "measure"]).any()


def test_of_recipes_as_well_filled_the_first_by_name_is_shown() -> None:
    """As claims have it, so that the first picture of a page shows the runs that its first sentence is about."""
    rows = pd.DataFrame([(s, m) for s in ("fast", "fast, 7") for m in "ab"], columns=["schedule", "method"])
    same = dict.fromkeys(("split", "view", "protocol", "recipe_protocol", "train_size"), "x")
    for more in (rows, rows[::-1]):
        assert choose.narrow(more.assign(**same))[1]["schedule"] == "fast"
    fuller = pd.concat([rows, rows[rows["schedule"].eq("fast, 7")]])
    assert choose.narrow(fuller.assign(**same))[1]["schedule"] == "fast, 7"


def test_a_schedule_of_both_methods_goes_before_the_papers_of_one(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3")
    world = World(0)
    scores = {"global_spearman": 0.99, "local_spearman": 0.8}
    world.add(**scores)
    for method in ("contrastive", "supervised"):
        world.add(method=method, schedule="recipe fast", full=False, **scores)
    (drawn,) = world.draw(tmp_path).figures
    assert set(pd.read_csv(drawn.csv)["method"]) == {"contrastive", "supervised"}
    assert "Not the paper's full setting: recipe fast" in drawn.caption
    world.add(method="supervised", **scores)
    (drawn,) = world.draw(tmp_path).figures
    assert "Not the paper's full setting" not in drawn.caption


def test_nothing_gives_reasons(tmp_path: Path) -> None:
    drawn = World(0).draw(tmp_path)
    assert (drawn.figures, drawn.faults) == ([], [])
    assert [number for number, _ in drawn.missing] == list(EVERY)
    for _, reason in drawn.missing:
        assert re.match(r"no [a-z]", reason)
    assert list(tmp_path.iterdir()) == []


def test_one_run_alone(tmp_path: Path, plotted: list[dict[str, Any]]) -> None:
    world = World(100)
    world.add(global_spearman=0.99, local_spearman=0.8, forest_rmse=0.033, seed=None)
    drawn = world.draw(tmp_path)
    assert names(drawn) == ["3", "4", "10", "17"]
    assert dict(drawn.missing)["6"] == "no scored runs with the protocol's number of gaps and one output"
    assert len(plotted) > 0
    for call in plotted:  # a single seed has no interval
        assert np.isnan(call["yerr"]).all()
    assert "mean over 1 replicate, beside" in drawn.figures[0].caption
    assert "nan" not in drawn.figures[1].caption


def test_three_outputs_only_and_poor_samples(tmp_path: Path) -> None:
    world = World(60)
    row = world.add(dim=3)
    world.samples[row["digest"]] = replace(world.samples[row["digest"]], angle=None, oracle=None)
    world.add(dim=2)
    world.samples[world.runs[1]["digest"]] = replace(world.samples[world.runs[1]["digest"]], angle=None)
    drawn = world.draw(tmp_path)
    assert names(drawn) == ["4"]
    assert "with angles" in dict(drawn.missing)["18"]
    world = World(60)
    row = world.add("cropping", 0.75)
    world.samples[row["digest"]] = replace(world.samples[row["digest"]], visible=None)
    assert "no blank images" in dict(world.draw(tmp_path).missing)["12"]


def test_no_samples_leaves_the_curves(tmp_path: Path) -> None:
    world = whole_world(20, seeds=(0,))
    world.samples.clear()
    drawn = world.draw(tmp_path, examples=None, curves=None)
    assert names(drawn) == [
        "3",
        "5",
        "6",
        "7",
        "10",
        "14",
        "17",
        "scatter",
        "optima",
        "fractures",
        "labelled",
        "pendulums",
        "ahead",
    ]
    assert "no embeddings" in dict(drawn.missing)["4"]
    assert "no training curves" in dict(drawn.missing)["training"]


def test_pendulums_are_compared_at_equally_many_pairs(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("pendulums")
    world = World(0)
    pairs = 5120 * 100
    for seed in (0, 1):
        for method, score in (("contrastive", 0.99), ("supervised", 0.98)):
            about: dict[str, Any] = {"method": method, "seed": seed, "oracle_global_spearman": 0.99374}
            world.add(**about, global_spearman=score)
            world.add(**about, **on(640, 800), global_spearman=score - 0.01)
            world.add(**about, **on(160, 3200), global_spearman=score - 0.02)
            world.add(**about, **on(320, 100), global_spearman=0.5)  # fewer pairs
            world.add(**about, **on(320, 1600, "batch 64"), global_spearman=0.6)  # trained otherwise
            world.add(**about, **on(320, 1600), objective="temperature 1.6", global_spearman=0.7)
    (drawn,) = world.draw(tmp_path).figures
    assert [(list(call["x"]), call["y"].round(5).tolist()) for call in plotted] == [
        ([160, 640, 5120], [0.97, 0.98, 0.99]),
        ([160, 640, 5120], [0.96, 0.97, 0.98]),
    ]
    held = pd.read_csv(drawn.csv)
    assert (held["epochs"] * held["train_pendulums"] == pairs).all()
    assert held["n"].tolist() == [2] * 6
    assert f"every encoder saw {pairs:,} pairs of images" in drawn.caption
    alone = World(0)
    alone.add(global_spearman=0.99)
    alone.add(**on(160, 100), global_spearman=0.9)
    said = "no runs on several numbers of pendulums, equal in all else and in pairs of images seen"
    assert alone.draw(tmp_path).missing == [("pendulums", said)]


def test_who_is_ahead_on_each_kind_of_data(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    """Differences and intervals of the table, by data in the paper's order; of one schedule, exact where they are."""
    only("ahead")
    world = World(0)
    leads = {("vanilla", 0.0): 0.0, ("cropping", 0.75): -0.03, ("gaps", 0.4): 0.002, ("numerical-noise", 0.1): -0.002}
    for seed, apart in enumerate((-0.0001, 0.0, 0.0001)):
        for (variant, level), lead in leads.items():
            for method, sign in (("contrastive", 0.5), ("supervised", -0.5)):
                about: dict[str, Any] = {"method": method, "seed": seed, "full": False}
                scores = {"global_spearman": 0.95 + sign * (lead + apart), "local_spearman": 0.7 + sign * 10 * lead}
                scores |= {"oracle_global_spearman": 0.99, "oracle_local_spearman": 0.9}
                world.add(variant, level, **about, **scores, schedule="epochs 7", exact=variant != "gaps")
                world.add(**about, schedule="epochs 20", global_spearman=0.5, local_spearman=0.5)
                world.add(**about, schedule="epochs 7", objective="temperature 1.6", global_spearman=0.5)
    (drawn,) = world.draw(tmp_path).figures
    held = numbers(drawn)
    assert held["schedule"].eq("epochs 7").all()
    order = ["vanilla", "numerical-noise, 0.1", "gaps, 0.4", "cropping, 0.75"]
    assert list(held["data_words"]) == [name for name in order for _ in range(2)]
    assert held["exact"].tolist() == [not name.startswith("gaps") for name in held["data_words"]]
    first = held[held["panel"].str.startswith("global")]
    assert first["difference"].round(9).tolist() == [0.0, -0.002, 0.002, -0.03]
    half = 4.302652730 * 0.0001 / np.sqrt(3)  # t of 95 % with two degrees of freedom, by hand
    assert np.allclose(first["ci_high"] - first["difference"], half, atol=1e-9)
    calls = [call for call in plotted if "xerr" in call]
    assert len(calls) == len(held)
    for call, (_, row) in zip(calls, held.sort_values("panel", kind="stable").iterrows(), strict=True):
        assert call["x"] == [pytest.approx(row["difference"], abs=1e-12)]
        assert call["y"] == [-order.index(row["data_words"])]
        assert call["xerr"][:, 0] == pytest.approx(
            [row["difference"] - row["ci_low"], row["ci_high"] - row["difference"]], abs=1e-12
        )
    colours = {order[-int(call["y"][0])]: call["color"] for call in calls[:4]}
    blue, vermillion = (style.METHOD[method]["color"] for method in ("contrastive", "supervised"))
    assert list(colours.values()) == ["0.35", vermillion, blue, vermillion]
    assert "sampled, over the images embedded, for gaps, 0.4." in drawn.caption
    assert "Not the paper's full setting: epochs 7." in drawn.caption


def test_who_is_ahead_of_more_data_than_fit(tmp_path: Path, only: Callable[..., None]) -> None:
    only("ahead")
    world = World(0)
    for level in range(1, 31):
        for method in ("contrastive", "supervised"):
            world.add("gaps", level / 40, method=method, global_spearman=0.9, local_spearman=0.7)
    (drawn,) = world.draw(tmp_path).figures
    assert numbers(drawn)["data_words"].nunique() == 24
    assert " 6 more kinds of data are in comparisons.csv." in drawn.caption
    alone = World(0)
    alone.add(global_spearman=0.9)
    said = "no runs of both methods with one output, on the same data and seeds"
    assert alone.draw(tmp_path).missing == [("ahead", said)]


def test_undefined_scores_draw_nothing(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "4", "5", "6", "7", "8", "10", "17", "scatter")
    world = World(40)
    for variant, level in (("vanilla", 0.0), ("gaps", 0.4), ("numerical-noise", 0.1)):
        row = world.add(variant, level)
        world.samples[row["digest"]] = replace(world.samples[row["digest"]], values=np.full(40, np.nan))
    for band in world.segments:
        band["density"] = band["population_density"] = np.nan
    drawn = world.draw(tmp_path)
    assert (drawn.figures, drawn.faults) == ([], [])


def test_one_level_of_noise_is_drawn_without_a_warning(tmp_path: Path, only: Callable[..., None]) -> None:
    """On an axis that is logarithmic, and has one place."""
    only("5")
    world = whole_world(20, seeds=(0, 1), levels=(0.1,))
    world.samples.clear()
    drawn = world.draw(tmp_path)
    assert (names(drawn), drawn.faults) == (["5"], [])


def test_noise_curves_hold_the_summary(
    tmp_path: Path, plotted: list[dict[str, Any]], lines: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("5")
    world = whole_world(20, seeds=(0, 1))
    world.samples.clear()
    world.draw(tmp_path)
    summary = world.frames()["summary"]
    calls = [c for c in plotted if c["marker"] == "o" and c["axes"].get_xlabel() == "noise level ε_g"]
    assert len(calls) == 4  # noisy, global and local; then clean
    readings = (
        ("graphical-noise", ("global_spearman", "local_spearman")),
        ("vanilla", ("population_global", "population_local")),
    )
    expected = [(variant, measure) for variant, measures in readings for measure in measures]
    for (variant, measure), call in zip(expected, calls, strict=True):
        mask = summary["variant"].eq(variant) & summary["train_variant"].eq("graphical-noise")
        rows = summary[mask & summary["method"].eq("contrastive") & summary["measure"].eq(measure)]
        assert call["x"].tolist() == list(LEVELS)
        assert call["y"] == pytest.approx(rows.sort_values("train_level")["mean"])
        assert call["yerr"] == pytest.approx(0.001)
        assert call["axes"].get_xscale() == "log"
    oracles = [c for c in lines if c.get("linestyle") == ":" and c["axes"] is calls[2]["axes"]]
    assert [c["y"] for c in oracles] == [pytest.approx(0.99374 + EXACT_AHEAD)]  # of the clean images, exact


def test_exact_where_every_row_has_it_else_sampled(
    tmp_path: Path, plotted: list[dict[str, Any]], lines: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3")
    world = World(20)
    for method in ("contrastive", "supervised"):
        for seed in (0, 1):
            scores = {"global_spearman": 0.99, "local_spearman": 0.8, "oracle_global_spearman": 0.995}
            world.add(method=method, seed=seed, **scores, oracle_local_spearman=0.81)
    figure = world.draw(tmp_path).figures[0]
    assert plotted[0]["y"] == pytest.approx(0.99 + EXACT_AHEAD)
    assert {tuple(c["y"]) for c in lines if c.get("linestyle") == ":"} == {
        (0.995 + EXACT_AHEAD,) * 2,
        (0.81 + EXACT_AHEAD,) * 2,
    }
    assert set(numbers(figure)["measure"]) == {"population_global", "population_local"}
    assert numbers(figure)["exact"].all()
    world.runs[3]["population_local"] = np.nan  # one replicate of one method, in one of two measures
    plotted.clear()
    lines.clear()
    figure = world.draw(tmp_path).figures[0]
    assert [tuple(c["y"]) for c in plotted] == [(0.99,), (0.99,), (0.8,), (0.8,)]
    assert {tuple(c["y"]) for c in lines if c.get("linestyle") == ":"} == {(0.995,) * 2, (0.81,) * 2}
    assert set(numbers(figure)["measure"]) == {"global_spearman", "local_spearman"}
    assert not numbers(figure)["exact"].any()
    assert "Scores are sampled: over the images embedded." in figure.caption


def test_printed_figures_stand_apart_from_runs_of_another_law(
    tmp_path: Path, lines: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3", "17")
    world, scores = World(20), {"global_spearman": 0.99, "local_spearman": 0.8, "forest_rmse": 0.0325}
    world.add(**scores)
    paper = world.draw(tmp_path).figures
    world.add(**scores, protocol="original", train_protocol="original", recipe_protocol="original")
    lines.clear()
    both = world.draw(tmp_path).figures
    diamonds = [c for c in lines if c.get("marker") == "D" and np.isfinite(c["y"]).any() and len(c["y"])]
    where = {(c["axes"].get_title(), c["color"], c.get("markerfacecolor")) for c in diamonds if c["axes"].get_title()}
    assert where == {
        ("vanilla, 32 px\n(exact)", "0.6", "none"),
        ("vanilla, 32 px, original law\n(exact)", "black", None),
        ("random forest, from zero", "0.6", "none"),
    }
    assert "Hollow grey diamonds: the value the paper printed, measured under another test law" in paper[0].caption
    assert "Black diamonds" not in paper[0].caption
    assert "Black diamonds" in both[0].caption
    table = numbers(both[0]).set_index(["panel", "measure"])
    assert table.loc[("vanilla, 32 px", "population_global"), "published_original_law"] == 0.9938
    assert np.isnan(table.loc[("vanilla, 32 px", "population_global"), "published"])
    assert table.loc[("vanilla, 32 px, original law", "population_global"), "published"] == 0.9938


@pytest.mark.parametrize("number", ["3", "5", "6", "7", "17"])
def test_csv_equals_what_is_drawn(
    number: str, tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only(number)
    world = whole_world(10, seeds=(0, 1, 2))
    world.samples.clear()
    table = numbers(world.draw(tmp_path).figures[0])
    table = table[~table["panel"].str.contains("noise") | table["level"].gt(0)]  # a level is drawn without its bar
    drawn = {
        (_method(call), *(round(float(value), 9) for value in (y, y - low, y + high)))
        for call in plotted
        for y, low, high in zip(call["y"], *call["yerr"], strict=True)
    }
    cells = table.rename(columns={"mean": "y"})
    held = {(row.method, round(row.y, 9), round(row.ci_low, 9), round(row.ci_high, 9)) for row in cells.itertuples()}
    assert {str(point) for point in held} == {str(point) for point in drawn}  # as texts, since no NaN equals another
    if number in ("5", "6", "7"):
        levels = {
            (_method(c), float(x), round(float(y), 9)) for c in plotted for x, y in zip(c["x"], c["y"], strict=True)
        }
        assert {(row.method, row.level, round(row.y, 9)) for row in cells.itertuples()} == levels


def _method(call: dict[str, Any]) -> str:
    return {"o": "contrastive", "s": "supervised"}[call["marker"]]


def test_fractured_runs_are_left_out(tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]) -> None:
    only("6", "7")
    world = whole_world(20)
    world.runs = [row for row in world.runs if row["variant"] == "gaps"]
    world.segments.clear()
    drawn = world.draw(tmp_path)
    with_all, without = by_label(plotted, "global")
    assert with_all["x"].tolist() == without["x"].tolist() == list(ALPHAS)
    assert with_all["y"][:-1] == pytest.approx(without["y"][:-1])
    whole = 0.99 - 0.04 * 0.8 + 0.0003  # seed 2, the one that held together
    assert with_all["y"][-1] == pytest.approx((whole + 0.4 + 0.4) / 3 + EXACT_AHEAD)
    assert without["y"][-1] == pytest.approx(whole + EXACT_AHEAD)
    assert np.isnan(without["yerr"][:, -1]).all()
    # t(2; .975) = 4.302653 over three seeds that lie .0003 apart
    assert without["yerr"][0, 0] == pytest.approx(4.302653 * 0.0003 / np.sqrt(3), rel=1e-5)
    assert "Of 24 runs, those that fractured by exact scores are left out: 2 contrastive and 0 supervised." in (
        drawn.figures[1].caption
    )
    for row in world.runs:  # by exact scores nothing broke in any run; they are the ones that count
        row["population_fractured"] = False
    assert "0 contrastive and 0 supervised" in world.draw(tmp_path).figures[1].caption
    world.runs[0]["population_fractured"] = None  # where one run has no exact answer, all go by the sampled one
    assert (
        "certainly fractured by sampled scores are left out: 2 contrastive" in world.draw(tmp_path).figures[1].caption
    )


def test_every_run_fractured(tmp_path: Path, only: Callable[..., None]) -> None:
    only("6", "7")
    world = World(20)
    world.add("gaps", 0.8, fractured=True, global_spearman=0.3, gap_spearman=0.5, gap_abs_spearman=0.6)
    drawn = world.draw(tmp_path)
    assert names(drawn) == ["6"]
    assert dict(drawn.missing)["7"] == "no whole runs to show: 1 of 1 with gaps fractured"


def test_signed_and_absolute_correlation_within_gaps(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("6")
    world = World(20)
    world.add("gaps", 0.8, global_spearman=0.3, gap_spearman=-0.2, gap_abs_spearman=0.6)
    world.draw(tmp_path)
    drawn = {c["axes"].get_ylabel(): float(c["y"][0]) for c in plotted}
    assert drawn == {
        "global Spearman's ρ (exact)": pytest.approx(0.3 + EXACT_AHEAD),
        "Spearman's ρ within gaps (exact)": pytest.approx(-0.2 + EXACT_AHEAD),
        "Spearman's |ρ| within gaps (exact)": pytest.approx(0.6 + EXACT_AHEAD),
    }


def test_other_numbers_of_gaps_stay_out(tmp_path: Path, only: Callable[..., None]) -> None:
    only("6")
    world = World(20)
    world.add("gaps", np.nan, bands=[(0.3, 0.7)], global_spearman=0.3, gap_spearman=0.2, gap_abs_spearman=0.2)
    assert "protocol's number of gaps" in dict(world.draw(tmp_path).missing)["6"]


def test_example_of_fracturing_is_the_single_gap_that_fractured(everything: Everything) -> None:
    caption = everything[1]["8"].caption
    assert "a run with gaps, fractured: contrastive-d1, seed 0" in caption
    svg = everything[1]["8"].svg.read_text(encoding="utf-8")
    assert ">seen in training, 0 to 0.3<" in svg
    assert ">seen in training, 0.7 to 1<" in svg


def test_unfractured_example_says_so(tmp_path: Path, only: Callable[..., None]) -> None:
    only("8")
    world = World(100)
    world.add("gaps", 0.4, fractured=False)
    figure = world.draw(tmp_path).figures[0]
    assert "which did not certainly fracture" in figure.caption
    assert ">seen in training, 0.28 to 0.43<" in figure.svg.read_text(encoding="utf-8")


def test_a_gap_run_whose_bands_are_unknown(tmp_path: Path, only: Callable[..., None]) -> None:
    only("8", "14")
    world = World(100)
    world.add("gaps", 0.4, fractured=False)
    world.segments.clear()
    drawn = world.draw(tmp_path)
    assert names(drawn) == ["8"]
    assert drawn.faults == []


def test_full_recipe_first_then_others_by_name(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3")
    world = World(40)
    world.add(schedule="epochs 20", global_spearman=0.98, local_spearman=0.7)
    assert "Not the paper's full setting: epochs 20." in world.draw(tmp_path).figures[0].caption
    world.add(train_pendulums=256, global_spearman=0.97, local_spearman=0.6)
    assert "Not the paper's full setting: trained on 256 × 20 images." in world.draw(tmp_path).figures[0].caption
    plotted.clear()
    world.add(global_spearman=0.99, local_spearman=0.8)
    world.add("large", schedule="epochs 20", global_spearman=0.98, local_spearman=0.7)
    caption = world.draw(tmp_path).figures[0].caption
    assert caption.endswith("Not the paper's full setting: epochs 20 (large, 100 px).")
    world.runs.pop()
    plotted.clear()
    assert "full setting" not in world.draw(tmp_path).figures[0].caption
    assert [c["y"].tolist() for c in by_label(plotted, "global")] == [[pytest.approx(0.99 + EXACT_AHEAD)]]


def test_other_objectives_stay_out(tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]) -> None:
    only("3", "4", "10", "15", "training")
    world = World(40)
    world.learn(world.add(objective="temperature 0.2", global_spearman=0.9999, local_spearman=0.99))
    world.add(dim=2, objective="similarity cosine, temperature 0.2")
    drawn = world.draw(tmp_path)
    assert (drawn.figures, drawn.faults, plotted) == ([], [], [])


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"encoder": "table", "schedule": "encoder table"}, "vanilla by encoder table"),
        ({"layer": "features"}, "vanilla (features)"),
    ],
)
def test_what_is_no_output_of_the_papers_network_stays_out(tmp_path: Path, cells: dict[str, str], words: str) -> None:
    """Even where there is nothing else: figures of the paper then have nothing to show."""
    world = World(60)
    scores = {"global_spearman": 0.99, "local_spearman": 0.8, "forest_rmse": 0.03}
    for dim in (1, 2, 3):
        world.add(dim=dim, **scores, **cells)
    world.add(dim=2, objective="similarity cosine", **scores, **cells)
    world.add("gaps", 0.4, fractured=True, **scores, **cells)
    world.add("cropping", 0.75, **scores, **cells)
    world.add("numerical-noise", 0.1, **scores, **cells)
    world.add(train=("numerical-noise", 0.1), **scores, **cells)
    drawn = world.draw(tmp_path)
    assert (names(drawn), drawn.faults) == (["optima"] if "encoder" in cells else [], [])
    said, others = dict(drawn.missing)["3"].split("others are not drawn: ")
    assert "of its network, which it needs" in said
    assert words in others.split("; ")  # in the order of conditions, which are hashes


def test_every_method_has_a_look_of_its_own() -> None:
    built_in = ("contrastive", "supervised", "simsiam", "byol", "vicreg", "barlow_twins", "spectral", "align_uniform")
    known = [style.look(method) for method in (*built_in, "joint", "paws")]
    looks = {(how["color"], how["linestyle"], how["marker"]) for how in known}
    assert len(looks) == len(known)
    for how in (*known, style.look("lab.methods:Odd")):  # matplotlib knows them
        Line2D([], [], **how)
    strange = [style.look(f"lab.methods:Odd{number}") for number in range(50)]
    assert len({json.dumps(how) for how in strange}) > 30
    assert {how["color"] for how in strange}.isdisjoint(how["color"] for how in known)
    assert style.look("lab.methods:Odd7") == strange[7]  # whatever else there is
    assert style.look("lab.methods:Odd")["color"] == "#882255"  # and tomorrow


def test_legends_show_any_name(tmp_path: Path) -> None:
    canvas = style.canvas_of(6, 3)
    style.legend(canvas, ["pkg._x:_Odd$^$", "supervised", "paws"], ("_$data_0$", style.ORACLE))
    shown = [text.get_text() for text in canvas.legends[0].get_texts()]
    assert shown == ["supervised", "paws", r" _Odd\$^\$ (pkg._x)", r" _\$data_0\$"]
    canvas.savefig(tmp_path / "any.png")  # mathematics that is none would stop it


def test_encoders_of_other_data_stay_out_of_the_main_result(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "5", "10", "17")
    world = World(40)
    world.add(train=("numerical-noise", 0.1), global_spearman=0.9, local_spearman=0.5)
    world.add(own=None, global_spearman=0.9, local_spearman=0.5)  # whose training nobody knows
    drawn = world.draw(tmp_path)
    assert "no scored runs on vanilla or large" in dict(drawn.missing)["3"]
    assert names(drawn) == ["5"]  # noisy encoders on clean images
    assert "on clean test images" not in dict(drawn.missing)


def test_large_samples_make_small_files(tmp_path: Path, only: Callable[..., None]) -> None:
    only("4", "5", "8", "12", "15", "18")
    world = World(10_240)
    world.add(global_spearman=0.99, local_spearman=0.8)
    world.add(dim=2)
    world.add(dim=3)
    world.add(dim=2, objective="similarity cosine")
    world.add("cropping", 0.75)
    world.add("gaps", 0.8)
    for level in LEVELS:
        world.add("numerical-noise", level, global_spearman=0.9, local_spearman=0.5)
    drawn = world.draw(tmp_path)
    sizes = {figure.number: figure.svg.stat().st_size for figure in drawn.figures}
    assert list(sizes) == ["4", "5", "8", "12", "15", "18"]
    assert max(sizes.values()) < 1_500_000, sizes


def test_the_vanilla_images_are_the_examples(
    tmp_path: Path, shown: list[tuple[Axes, NDArray[np.uint8]]], only: Callable[..., None]
) -> None:
    only("13")
    world = World(20)
    world.show(world.add("graphical-noise", 0.1))
    original = world.add(protocol="original", train_protocol="original", recipe_protocol="original")
    world.show(original, 1)
    figure = world.draw(tmp_path).figures[0]
    assert len(shown) == 5  # one image of a pendulum
    shown.clear()
    row = world.add()
    world.show(row)
    figure = world.draw(tmp_path).figures[0]
    images, _ = world.examples[row["digest"]]
    assert len(shown) == 30
    for (_, image), expected in zip(shown, images, strict=True):
        assert np.array_equal(image, expected)
    assert [axes.get_ylabel() for axes, _ in shown[::6]] == ["m = 0.05", "m = 0.25", "m = 0.50", "m = 0.75", "m = 0.95"]
    assert numbers(figure)["energy"].tolist() == [0.05, 0.251, 0.5, 0.75, 0.949]
    assert set(numbers(figure)["images"]) == {6}
    with Image.open(figure.png) as drawn:
        pixels = {tuple(pixel) for pixel in np.asarray(drawn.convert("RGB")).reshape(-1, 3)}
    assert all(tuple(images[0, i, j]) in pixels for i in range(0, 32, 5) for j in range(0, 32, 5))


def test_ragged_and_empty_examples(
    tmp_path: Path, shown: list[tuple[Axes, NDArray[np.uint8]]], only: Callable[..., None]
) -> None:
    only("13", "14")
    world = World(20)
    row = world.add()
    world.show(row)
    images, energies = world.examples[row["digest"]]
    world.examples[row["digest"]] = (images[:7], energies[:7])  # six images of one pendulum, one of the next
    drawn = world.draw(tmp_path)
    assert (names(drawn), len(shown)) == (["13", "14"], 7 + 3)
    world.examples[row["digest"]] = (images[:0], energies[:0])
    drawn = world.draw(tmp_path)
    assert (drawn.figures, drawn.faults) == ([], [])
    assert "no example images" in dict(drawn.missing)["13"]


def test_variants_show_a_row_each_and_bars_of_the_bands(
    tmp_path: Path, shown: list[tuple[Axes, NDArray[np.uint8]]], only: Callable[..., None]
) -> None:
    only("14")
    world = World(20)
    rows = [world.add(*kind) for kind in (("graphical-noise", 0.2), ("cropping", 0.6), ("vanilla", 0.0))]
    far = world.add("graphical-noise", 0.05)
    for row in (*rows, far):
        world.show(row)
    for alpha in (0.4, 0.2):
        world.add("gaps", alpha)
    figure = world.draw(tmp_path).figures[0]
    ticks = [axes.get_ylabel() for axes, _ in shown if axes.get_ylabel()]
    assert ticks == ["vanilla", "graphical\nnoise\nε_g = 0.2", "cropping\nα_c = 0.6"]
    for start, row in zip((0, 10, 20), (rows[2], rows[0], rows[1]), strict=True):
        images, _ = world.examples[row["digest"]]
        for place, (_, image) in enumerate(shown[start : start + 10]):
            assert np.array_equal(image, images[6 * (place // 2) + place % 2])
    assert [axes.get_title() for axes, _ in shown[:4]] == ["m = 0.05", "m = 0.05", "m = 0.25", "m = 0.25"]
    assert not any(axes.get_title() for axes, _ in shown[10:])  # the same energies below one another
    table = numbers(figure)
    bands = table[table["panel"].eq("gaps")]
    assert bands["level"].unique().tolist() == [0.2, 0.4]
    widths = (bands["energy_high"] - bands["energy_low"]).groupby([bands["level"], bands["kind"]]).sum()
    assert widths.to_dict() == pytest.approx(
        {(0.2, "gap"): 0.2, (0.2, "visible"): 0.8, (0.4, "gap"): 0.4, (0.4, "visible"): 0.6}
    )


def test_density_of_the_population_where_every_segment_has_it(tmp_path: Path, only: Callable[..., None]) -> None:
    only("10")
    world = World(20)
    for seed in (0, 1):
        world.add(seed=seed)
    other = dict(world.runs[1]) | {"data_seed": 7, "digest": "other", "embedding_digest": "other"}  # another test split
    world.runs.append(other)
    world.segments += [band | {"digest": "other"} for band in world.segments[:7]]
    copy = dict(world.runs[0]) | {"digest": "copy", "file": "copy.h5"}  # of the same embeddings: no further run
    world.runs.append(copy)
    world.segments += [band | {"digest": "copy"} for band in world.segments[:7]]
    figure = world.draw(tmp_path).figures[0]
    table = numbers(figure)
    assert (len(table), set(table["exact"])) == (14, {True})
    assert table["spearman"].iloc[0] == pytest.approx(0.95 + EXACT_AHEAD)
    assert "runs: 2 contrastive." in figure.caption
    world.segments[3]["population_density"] = np.nan  # undefined there: the others stay exact
    assert len(numbers(world.draw(tmp_path).figures[0])) == 13
    world.segments[3]["population_spearman"] = np.nan
    figure = world.draw(tmp_path).figures[0]
    assert (len(numbers(figure)), set(numbers(figure)["exact"])) == (14, {False})
    assert "Scores are sampled" in figure.caption


def test_regression_says_why_a_forest_is_blind(everything: Everything) -> None:
    figure = everything[1]["17"]
    assert "it reads which image it is, and any encoder that keeps images apart gets the ceiling" in figure.caption
    assert "no per-image error can be that low" in figure.caption
    table = numbers(figure)
    assert table.groupby("panel")["measure"].unique().map(list).to_dict() == {
        "forest": ["forest_rmse"],
        "monotone": ["population_rmse"],
    }
    assert table.groupby("panel")["exact"].all().to_dict() == {"forest": False, "monotone": True}


def test_vertical_gain_stands_in_the_caption(everything: Everything) -> None:
    figure = everything[1]["18"]
    assert (
        "0.610 of the variance of cos θ (mean of 3: 0.610, 95 % interval 0.609 to 0.611) and −0.020 of"
        in figure.caption
    )
    assert "(vertical_gain and horizontal_gain; sampled)." in figure.caption
    assert numbers(figure).set_index("measure").loc["vertical_gain", "value"] == pytest.approx(0.6097)


def test_scatter_of_sampled_scores(tmp_path: Path, lines: list[dict[str, Any]], only: Callable[..., None]) -> None:
    only("scatter")
    world = World(20)
    scores = {"global_spearman": 0.99, "local_spearman": 0.8}
    rows = [world.add(data_seed=seed, **scores, global_noise=0) for seed in range(3)]
    for seed, row in enumerate(rows):
        row |= {"train_data_seed": 0, "global_spearman": 0.99 + 0.0001 * seed, "population_global": 0.991}
    world.add(seed=5, **scores)  # scored on one split only
    figure = world.draw(tmp_path).figures[0]
    dots = [c for c in lines if c.get("marker") == "o"]
    assert dots[0]["x"].tolist() == [0.991] * 3
    assert dots[0]["y"] == pytest.approx([0.99, 0.9901, 0.9902])
    assert len(numbers(figure)) == 3
    assert "1 encoder, each scored on 3 test splits" in figure.caption
    assert "sampled 0.00020, exact 0.00000 (global)" in figure.caption


def test_training_curves_count_images(tmp_path: Path, lines: list[dict[str, Any]], only: Callable[..., None]) -> None:
    only("training")
    world = World(20)
    row = world.add()
    world.learn(row, 500)
    crossed = world.add("numerical-noise", 0.1, train=("vanilla", 0.0))  # the same training, embedded elsewhere
    world.learn(crossed, 500)
    world.learn(world.add(method="supervised", recipe=json.dumps({"batch": 128})), 200)
    world.curves[world.add(seed=9)["digest"]] = pd.DataFrame({"step": [10], "epoch": [0], "loss": [np.nan]})
    figure = world.draw(tmp_path).figures[0]
    assert [float(c["x"][-1]) for c in lines] == [512.0, 51.2]  # thousands
    assert numbers(figure)["images_seen"].tolist() == [512_000, 51_200]
    assert numbers(figure)["trained_on"].tolist() == ["vanilla", "vanilla"]
    assert numbers(figure)["last_loss"].tolist() == pytest.approx([float(c["y"][-1]) for c in lines])
    assert "each of 2 runs" in figure.caption


def test_many_kinds_of_training_data_share_a_colour(tmp_path: Path, only: Callable[..., None]) -> None:
    only("training")
    world = World(20)
    for level in np.linspace(0.01, 0.2, 9):
        world.learn(world.add("numerical-noise", round(float(level), 3)))
    assert ">other data<" in world.draw(tmp_path).figures[0].svg.read_text(encoding="utf-8")


def test_a_fault_inside_a_figure_is_told_and_costs_no_other(
    everything: Everything, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, drawn, _, _ = everything

    def broken(_: Any) -> Any:
        raise AssertionError("an odd run")

    def unsaveable(material: Any) -> Any:
        canvas, caption, table = figures.gaps.draw(material)
        canvas.draw = canvas.savefig = broken
        return canvas, caption, table

    replaced = {"3": broken, "6": unsaveable}
    chosen = [one for one in figures.FIGURES if one[0] in ("3", "6", "17")]
    monkeypatch.setattr(figures, "FIGURES", [(n, title, replaced.get(n, make)) for n, title, make in chosen])
    for ending in ("png", "svg", "csv"):
        (tmp_path / f"figure-03.{ending}").write_text("of an earlier report")
    (tmp_path / "figure-99.png").write_text("of somebody else")
    curves = {digest: curve.drop(columns="loss") for digest, curve in world.curves.items()}
    found = world.draw(tmp_path, curves=curves)
    assert found.missing == []
    assert found.faults[0] == ("3", "AssertionError: an odd run")
    assert [number for number, _ in found.faults] == ["3", "6"]
    assert names(found) == ["17"]
    assert found.figures[0].svg.read_bytes() == drawn["17"].svg.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *(f"figure-17.{ending}" for ending in ("csv", "png", "svg")),
        "figure-99.png",
    ]


def test_odd_input_is_a_fault(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "13", "training")
    world = World(20)
    row = world.add(global_spearman=0.99, local_spearman=0.8)
    world.show(row)
    images, energies = world.examples[row["digest"]]
    world.examples[row["digest"]] = (np.concatenate([images, images], axis=3), energies)  # six channels
    world.curves[row["digest"]] = pd.DataFrame({"step": [1]})
    found = world.draw(tmp_path)
    assert names(found) == ["3"]
    assert [number for number, _ in found.faults] == ["13", "training"]
    assert found.faults[1][1] == "KeyError: 'loss'"


def test_formulas_in_names_are_harmless(tmp_path: Path, only: Callable[..., None]) -> None:
    only("4")
    world = World(20)
    world.add(global_spearman=0.99, label="=1+1")
    assert numbers(world.draw(tmp_path).figures[0])["label"].tolist() == ["'=1+1"]


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(OSError, match="figures"):
        World(0).draw(tmp_path / "figures")


def test_a_failed_save_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None]
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    only("3")
    world = World(20)
    world.add(global_spearman=0.99, local_spearman=0.8)
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        world.draw(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_collapsed_representations(tmp_path: Path, only: Callable[..., None]) -> None:
    only("4", "5", "8", "12", "15", "18")
    world = World(60)
    world.add("numerical-noise", 0.1, global_spearman=0.1, local_spearman=0.1)
    world.add("gaps", np.nan, bands=[(0.3, 0.7)])
    world.add("cropping", 0.6)
    for dim, objective in ((1, ""), (2, ""), (3, ""), (2, "similarity cosine")):
        world.add(dim=dim, objective=objective)
    world.samples = {
        digest: replace(s, values=np.zeros(60), embedding=np.zeros_like(s.embedding))
        for digest, s in world.samples.items()
    }
    drawn = world.draw(tmp_path)
    assert (drawn.missing, drawn.faults) == ([], [])
    assert len(drawn.figures) == 6


def test_only_training_scores_say_so(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3", "18")
    world = World(60)
    world.add(global_spearman=0.9, local_spearman=0.5, split="train")
    world.add(dim=2, split="train")
    drawn = world.draw(tmp_path)
    assert ["images of the train split" in figure.caption for figure in drawn.figures] == [True, True]


def test_of_two_sizes_of_test_splits_the_one_with_more_replicates(
    tmp_path: Path, plotted: list[dict[str, Any]], only: Callable[..., None]
) -> None:
    only("3")
    world = World(20)
    for seed, score in ((0, 0.98), (1, 0.98)):
        world.add(seed=seed, exact=False, global_spearman=score, local_spearman=0.8)
    world.add(seed=2, exact=False, global_spearman=0.5, local_spearman=0.1, pendulums=64)
    world.draw(tmp_path)
    assert [c["y"].tolist() for c in by_label(plotted, "global")] == [[0.98]]


def test_units_and_a_shared_test_split_are_said(tmp_path: Path, only: Callable[..., None]) -> None:
    only("3")
    world = World(20)
    for seed in (0, 1):
        world.add(
            seed=seed, exact=False, global_spearman=0.98, local_spearman=0.8, precision=("float32", "bfloat16")[seed]
        )
    frames = world.frames()
    frames["summary"] = frames["summary"].assign(unit="training seed", shared_test=True)
    caption = draw(frames, {}, tmp_path, quiet=True).figures[0].caption
    assert "mean over 2 training seeds, all on one test split, whose scatter they share, beside" in caption
    assert "Trained in bfloat16 and float32 (mixed)." in caption


def test_no_label_is_clipped(everything: Everything) -> None:
    labels = everything[3]
    assert (labels.clipped, labels.overlapping) == ([], [])
    assert len(labels.numbers) == len(EVERY)
    assert min(labels.numbers) > 0


def test_no_label_of_one_panel_is_clipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = whole_world(60, seeds=(0, 1))
    kept = {"vanilla", "graphical-noise"}
    world.runs = [row for row in world.runs if {row["variant"], row["train_variant"]} <= kept]
    world.runs = [row for row in world.runs if row["protocol"] == "paper" and row["method"] == "contrastive"]
    world.segments = [band for band in world.segments if band["digest"] in {row["digest"] for row in world.runs}]
    labels = Labels(monkeypatch)
    drawn = world.draw(tmp_path)
    assert drawn.faults == []
    assert (labels.clipped, labels.overlapping) == ([], [])
    assert len(labels.numbers) == 14


@pytest.mark.parametrize("steps", [500, 2000, 5000, 20_000])
def test_numbers_below_a_learning_curve_do_not_run_into_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only: Callable[..., None], steps: int
) -> None:
    only("learning")
    world = World(0)
    world.learn(world.add(global_spearman=0.99, local_spearman=0.8), steps)
    original = figures.rendered

    def rendered(canvas: Any, table: pd.DataFrame) -> tuple[bytes, bytes, bytes]:
        contents = original(canvas, table)
        canvas.draw_without_rendering()
        for axes in canvas.axes:
            low, high = axes.get_xlim()
            texts = [
                text
                for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
                if low <= place <= high
            ]
            boxes = [text.get_window_extent() for text in texts]
            assert len(boxes) > 1
            assert all(box.x1 < after.x0 for box, after in itertools.pairwise(boxes))
        return contents

    monkeypatch.setattr(figures, "rendered", rendered)
    assert world.draw(tmp_path).faults == []


def test_own_settings_of_matplotlib_neither_matter_nor_change(tmp_path: Path, only: Callable[..., None]) -> None:
    only("10")
    world = World(20)
    world.add()
    plain = world.draw(tmp_path / "plain")
    with matplotlib.rc_context({"font.size": 20.0, "image.cmap": "jet", "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        own = world.draw(tmp_path / "own")
        assert dict(matplotlib.rcParams) == before
    assert own.figures[0].svg.read_bytes() == plain.figures[0].svg.read_bytes()


def test_the_last_digits_of_a_layout_change_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The solver's differ from one time to the next, and clips are named by the hash of where they are."""

    def drawn() -> tuple[bytes, bytes, bytes]:
        with matplotlib.rc_context(style.RC):
            canvas = style.canvas_of(5.0, 4.0)
            for part in canvas.subfigures(2, 1, height_ratios=[1.0, 2.0]):
                part.subplots(1, 2)[0].imshow(np.eye(3))
            return figures.rendered(canvas, pd.DataFrame({"x": [1.0]}))

    def shaken(canvas: Canvas) -> None:
        lay_out(canvas)
        for part in canvas.subfigs:
            part.bbox_relative.set_points(part.bbox_relative.get_points() * (1 + 1e-14))
        for axes in canvas.axes:
            axes.set_position(tuple(np.array(axes.get_position(original=True).bounds) * (1 + 1e-14)))

    whole, lay_out = drawn(), Canvas.draw_without_rendering
    monkeypatch.setattr(Canvas, "draw_without_rendering", shaken)
    assert drawn() == whole
