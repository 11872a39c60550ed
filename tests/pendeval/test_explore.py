import base64
import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pendeval import page
from pendeval.embeddings import PopulationEmbeddings, read
from pendeval.keep import keep
from pendeval.page import explore
from pendeval.report import gather, report

HOSTILE = "<script>alert(1)</script>\"'&</section>"
Write = Callable[..., Path]


def whole(path: Path) -> Path:
    """The embeddings of the population beside those of a test split."""
    return path.with_name(path.name.replace("-test", "-population"))


def with_boxes(path: Path) -> Path:
    """Adds bobs' boxes to a population's file: image k has its blue bob in row k // 28 and column k % 28."""
    with h5py.File(whole(path), "a") as file:
        visible = file["visible"][()]
        box = np.zeros((len(visible), 2, 4), np.uint16)
        box[:, 0, 0], box[:, 0, 1] = np.divmod(np.arange(len(visible)), 28)
        box[:, :, 2:] = 3
        file["bob_box"] = np.where(visible[:, :, None], box, 0).astype(np.uint16)
    return path


def found(tmp_path: Path, root: Path | None = None) -> dict[str, Any]:
    roots = [root or tmp_path / "runs"]
    records, problems = gather(roots, tmp_path / "cache", quiet=True)
    assert not problems
    return explore.data(records, roots)


def decoded(text: str, dtype: str = "<u2") -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(text), dtype).astype(np.float64)


def spanned(column: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.asarray(column["low"] + (column["high"] - column["low"]) * decoded(column["levels"]) / 65535)


def population(path: Path) -> PopulationEmbeddings:
    held = read(whole(path))
    assert isinstance(held, PopulationEmbeddings)
    return held


def test_the_page_holds_what_the_file_does(tmp_path: Path, write_run: Write) -> None:
    path = with_boxes(write_run(population=True))
    held = population(path)
    ((world,), (run,)) = (found(tmp_path)[name] for name in ("worlds", "runs"))
    assert (world["kind"], world["count"], world["missing"], world["name"]) == ("population", 300, "", "vanilla")
    assert world["geometry"] == {"size": 32, "bob": 3, "radius": 11, "centre": 16, "start": 0, "gap": 0.5}
    values = spanned(run["outputs"][0])
    assert np.abs(values - held.embedding[:, 0]).max() <= np.ptp(held.embedding) / 65535
    assert np.abs(decoded(world["mean"]) / 65535 - held.population.energy_given_image).max() <= 0.5 / 65535 + 1e-12
    assert np.array_equal(decoded(world["probability"], "<f4"), held.population.probability.astype(np.float32))
    places = decoded(world["places"]).reshape(-1, 4)
    pair = np.stack([places[decoded(world[bob]).astype(int)] for bob in ("blue", "red")], axis=1)
    assert held.box is not None
    assert np.array_equal(pair, held.box)


def test_energies_of_a_picture_by_another_way(tmp_path: Path, write_run: Write) -> None:
    held = population(write_run(population=True, blank=0.4))
    world = found(tmp_path)["worlds"][0]
    table, edges = held.population.energy_probability, held.population.edges
    low, high = (decoded(world[name]) / 65535 for name in ("low", "high"))
    for k in (0, 1, 2, 150, 299):
        upto = np.concatenate([[0], np.cumsum(table[k]) / table[k].sum()])
        assert [low[k], high[k]] == pytest.approx(np.interp([0.05, 0.95], upto, edges), abs=1e-5)
    first, bins = (decoded(world[name]).astype(int) for name in ("first", "bins"))
    heights = decoded(world["heights"], "|u1")
    assert len(heights) == bins.sum()
    start = bins[:7].sum()
    row = np.zeros(table.shape[1])
    row[first[7] : first[7] + bins[7]] = heights[start : start + bins[7]]
    assert np.abs(row / 255 - table[7] / table[7].max()).max() < 0.5 / 255 + 1e-9
    wide = high - low
    assert set(np.argsort(-wide)[:2]) == {0, 1}  # the images without bobs could be nearly anything


def test_several_outputs_are_ordered_by_the_line_that_reads_the_energy(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True, outputs=lambda seen: np.stack([seen**2, 3 * seen - seen**2], axis=-1), noise=0.001)
    data = found(tmp_path)
    (run,) = data["runs"]
    assert (run["dim"], len(run["outputs"])) == (2, 2)
    line, mean = spanned(run["line"]), decoded(data["worlds"][0]["mean"]) / 65535
    assert np.corrcoef(line, mean)[0, 1] > 0.999


def test_one_output_is_turned_to_rise_with_the_energy(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True, outputs=lambda seen: -6.5 * seen[..., None])
    data = found(tmp_path)
    assert np.corrcoef(spanned(data["runs"][0]["line"]), decoded(data["worlds"][0]["mean"]))[0, 1] > 0.9


def test_files_without_boxes_have_points_and_say_what_is_missing(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True)
    world = found(tmp_path)["worlds"][0]
    assert world["places"] is None
    assert "pendtrain embed --force" in world["missing"]


def test_of_several_files_one_with_boxes_serves_all(tmp_path: Path, write_run: Write) -> None:
    write_run(seed=0, population=True)
    with_boxes(write_run(seed=1, population=True))
    data = found(tmp_path)
    assert [run["world"] for run in data["runs"]] == [0, 0]
    assert data["worlds"][0]["places"]


def test_a_sample_is_drawn_from_its_angles(tmp_path: Path, write_run: Write) -> None:
    write_run(variant="graphical-noise", parameters={"eps_g": 0.25})
    data = found(tmp_path)
    (world,) = data["worlds"]
    assert (world["kind"], world["count"]) == ("sample", 1000)
    assert "without their noise and shift" in world["missing"]
    (record,), _ = gather([tmp_path / "runs"], tmp_path / "cache", quiet=True)
    assert record.sample is not None
    assert record.sample.angle is not None
    places, blue = decoded(world["places"]).reshape(-1, 4), decoded(world["blue"]).astype(int)
    row = 16 + np.rint(11 * np.cos(record.sample.angle[:, 0])) - 1
    assert np.array_equal(places[blue][:, 0], row)
    assert np.abs(decoded(world["energy"]) / 65535 - record.sample.energy).max() < 1e-9


def test_pictures_of_an_unknown_size_are_not_drawn(tmp_path: Path, write_run: Write) -> None:
    write_run(version=1)
    world = found(tmp_path)["worlds"][0]
    assert world["places"] is None
    assert "cannot be drawn" in world["missing"]


def test_score_files_alone(tmp_path: Path, write_run: Write) -> None:
    """Beside a file of their population they show all pictures, without one their sample."""
    with_boxes(write_run(seed=0, population=True))
    kept, _ = keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    assert len(kept) == 1
    alone = found(tmp_path, tmp_path / "kept")
    assert [(world["kind"], world["count"]) for world in alone["worlds"]] == [("sample", 1000)]
    with_boxes(write_run(seed=1, population=True, root=tmp_path / "others"))
    roots = [tmp_path / "kept", tmp_path / "others"]
    records, _ = gather(roots, tmp_path / "cache", quiet=True)
    both = explore.data(records, roots)
    assert [(world["kind"], world["count"]) for world in both["worlds"]] == [("population", 300)]
    assert len(both["runs"]) == 2


def test_a_large_population_is_read_whole_where_its_file_is_there(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, different=6000)
    world, run = found(tmp_path)["worlds"][0], found(tmp_path)["runs"][0]
    assert world["count"] == 6000
    values = population(path).embedding[:, 0]
    assert np.abs(spanned(run["outputs"][0]) - values).max() <= np.ptp(values) / 65535
    keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    assert found(tmp_path, tmp_path / "kept")["worlds"][0]["kind"] == "sample"


def test_more_runs_than_are_shown(tmp_path: Path, write_run: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(4):
        write_run(seed=seed, population=seed == 3)
    monkeypatch.setattr(explore, "MOST_RUNS", 3)
    data = found(tmp_path)
    assert [data["worlds"][run["world"]]["kind"] for run in data["runs"]] == ["population", "sample", "sample"]
    assert data["left"].startswith("1 more run is not here")
    monkeypatch.setattr(explore, "MOST_BYTES", 8_000)
    assert len(found(tmp_path)["runs"]) < 3
    monkeypatch.setattr(explore, "MOST_BYTES", 0)
    assert found(tmp_path)["runs"] == []


def test_nothing_to_explore() -> None:
    assert explore.data([], []) == {"runs": [], "worlds": [], "left": ""}


@pytest.mark.parametrize("pictures", [1800, 20_000])
def test_twenty_runs_fit(tmp_path: Path, write_run: Write, pictures: int) -> None:
    """Vanilla has 1,724 pictures; of more than fit all runs do not, and the page stays as small."""
    with_boxes(write_run(population=True, different=300, pendulums=40))
    roots = [tmp_path / "runs"]
    (record,), _ = gather(roots, tmp_path / "cache", quiet=True)
    draw, energy = np.random.default_rng(0), np.linspace(0, 1, pictures)
    assert record.sample is not None
    sample = replace(
        record.sample,
        energy=energy,
        oracle=energy,
        values=energy,
        angle=draw.uniform(-3, 3, (pictures, 2)),
        visible=np.ones((pictures, 2), bool),
    )
    many = []
    for k in range(20):  # half of them with a population, half with a sample of images of their own
        outputs = draw.random((pictures, 1)).astype(np.float32)
        one = replace(record, digest=f"{k:064d}", labels=f"{k:064d}", sample=replace(sample, embedding=outputs))
        many.append(one if k % 2 else replace(one, population=None))
    data = explore.data(many, roots)
    assert (data["left"] == "") == (pictures == 1800)
    assert len(data["runs"]) == 20 if pictures == 1800 else 0 < len(data["runs"]) < 20
    frames = {name: pd.DataFrame(columns=list(columns)) for name, (columns, _) in page.FRAMES.items()}
    page.write(tmp_path / "report.html", frames, [], [], explorer=data)
    assert (tmp_path / "report.html").stat().st_size < 2_000_000  # the figures of a report take .8 MB more


@pytest.mark.parametrize("values", [0.0, 3e38])
def test_any_numbers_an_encoder_gives(tmp_path: Path, write_run: Write, values: float) -> None:
    def outputs(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return values * np.sign(seen - 0.5)[..., None] * np.array([1.0, -1.0])

    write_run(population=True, different=60, outputs=outputs)
    explore.encoded(found(tmp_path))  # refuses NaN


def test_hostile_texts_stay_texts(tmp_path: Path, write_run: Write) -> None:
    with_boxes(
        write_run(population=True, data_name="x", train_label=HOSTILE, data_variant=HOSTILE, data_digest="0" * 64)
    )
    assert report([tmp_path / "runs"], tmp_path / "out", quiet=True).problems == []
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert text.count("<script") == 1
    (held,) = re.findall('data-explore="([^"]*)"', text)
    assert "<" not in held
    assert "alert(1)" in json.loads(html.unescape(held))["worlds"][0]["name"]
    script = text[text.index("<script>") :]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch\(|import", script)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda box: box[:, :1], "bob_box has shape"),
        (lambda box: box.astype(np.float64) + 0.5, "bob_box has shape"),
        (lambda box: box * 0, "does not fit visible"),
        (lambda box: box * 40, "does not fit visible, or leaves a picture of 32 pixels"),
    ],
)
def test_boxes_that_cannot_be(tmp_path: Path, write_run: Write, harm: Callable[..., Any], complaint: str) -> None:
    path = whole(with_boxes(write_run(population=True)))
    with h5py.File(path, "a") as file:
        box = file["bob_box"][()]
        del file["bob_box"]
        file["bob_box"] = harm(box)
    with pytest.raises(ValueError, match=complaint):
        read(path)


@pytest.mark.parametrize(
    "changed",
    [
        {"data_image_size": 2**62},
        {"data_bob_size": 33},
        {"data_parameters": '{"alpha_c": 0}', "data_variant": "cropping"},
        {"data_parameters": '{"alpha_c": -1}', "data_variant": "cropping"},
        {"data_antialias": True},
        {"data_time_gap": None},
    ],
)
def test_settings_without_a_geometry(changed: Mapping[str, Any]) -> None:
    usual = {"data_image_size": 32, "data_bob_size": 3, "data_time_gap": 0.5, "data_variant": "vanilla"}
    assert explore.geometry(usual) is not None
    given = {name: value for name, value in {**usual, **changed}.items() if value is not None}
    assert explore.geometry(given) is None
