"""The page's explorer beside what the generator draws: the same pictures, looked up by a pendulum's energy and time."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pendeval import page
from pendeval.embeddings import PopulationEmbeddings, read
from pendeval.page import explore
from pendeval.report import gather
from pendgen import physics, render
from pendgen.dataset import Dataset
from pendgen.population import Population, enumerate_images
from pendgen.population_file import digest, tables
from pendgen.variants import Cropping, Large, Vanilla
from pendtrain import embedding_file
from pendtrain.population import bob_boxes

DATASETS = (
    *(Dataset(Vanilla()), Dataset(Large()), Dataset(Cropping(0.45)), Dataset(Cropping(0.75), protocol="original")),
    Dataset(Vanilla(), size=31, bob_size=4, time_gap=1.25),
)
PROBE = """<script>
const $ = (name) => document.getElementById(`explore-${name}`);
const tell = (element, type, more) => {
  element.dispatchEvent(Object.assign(new Event(type, { bubbles: true, cancelable: true }), more));
};
const wait = (time) => new Promise((done) => setTimeout(done, time));
(async () => {
  const { view } = Explore, { lookUp, bobs, angle } = Worlds, outcome = { asked: ASKED };
  outcome.runs = $("run").options.length;
  outcome.said = $("note").textContent;
  const numbers = view.run().outputs[0], all = view.world();
  outcome.values = outcome.asked.map(([m, t]) => numbers[lookUp(all, bobs(m, t, all.geometry))]);
  outcome.angles = outcome.asked.map(([m, t]) => angle(t, m));
  const before = view.now.image;
  tell($("over"), "keydown", { key: "End" });
  tell($("over"), "keydown", { key: "ArrowLeft" });
  outcome.stepped = [view.world().turn[before], view.world().turn[view.now.image], view.now.image];
  outcome.aloud = $("said").textContent;
  $("run").value = "1";
  tell($("run"), "change");
  outcome.ranks = Array.from(view.run().rank);
  outcome.second = view.run().outputs[0][view.now.image];
  $("twins").querySelector("button").click();
  outcome.pair = $("pair").textContent;
  const pixels = (canvas) => Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
  const twins = Array.from($("pair").querySelectorAll("canvas.pixels"), pixels);
  outcome.alike = twins.length === 2 && twins[0].join() === twins[1].join();
  outcome.twin = [view.now.image, twins[0].filter((_, k) => k % 4 !== 3)];
  $("play").click();
  await wait(700);
  outcome.moved = Number($("time").value);
  $("play").click();
  outcome.swung = $("swung").textContent;
  $("disputed").querySelector("button").click();
  outcome.ringed = view.now.marks;
  const inks = () => { // how many pixels of the plot are black, and how many of a colour
    const plot = $("plot"), data = plot.getContext("2d").getImageData(0, 0, plot.width, plot.height).data;
    const found = [0, 0];
    for (let k = 0; k < data.length; k += 4) {
      const rgb = [data[k], data[k + 1], data[k + 2]], span = Math.max(...rgb) - Math.min(...rgb);
      if (data[k + 3] > 250 && Math.max(...rgb) < 10) found[0]++;
      if (data[k + 3] > 150 && span > 60) found[1]++;
    }
    return found;
  };
  outcome.screen = inks();
  dispatchEvent(new Event("beforeprint"));
  outcome.paper = inks();
  dispatchEvent(new Event("afterprint"));
  outcome.after = inks();
  outcome.content = document.documentElement.scrollWidth;
  outcome.problems = problems;
  parent.postMessage(JSON.stringify(outcome), "*");
})();
</script>"""
BEFORE = "<script>window.problems = []; addEventListener('error', (e) => problems.push(e.message));</script>"
FRAME = """<!DOCTYPE html><meta charset="utf-8"><pre id="outcome"></pre><script>
addEventListener("message", (e) => { document.getElementById("outcome").textContent = e.data; });
</script><iframe src="probed.html" width="360" height="800" style="border: 0"></iframe>"""


def drawn(dataset: Dataset, energy: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.int64]:
    """The positions (n, 2, 2) of the bobs as the generator has them."""
    angle = np.stack([physics.angle(time + later, energy) for later in (0.0, dataset.time_gap)], axis=-1)
    return render.positions(angle, dataset.geometry)


def attributes(dataset: Dataset) -> dict[str, Any]:
    held: dict[str, Any] = {"variant": dataset.variant.name, "protocol": dataset.protocol, "name": dataset.name}
    held |= {"image_size": dataset.size, "bob_size": dataset.bob_size, "time_gap": dataset.time_gap}
    held |= {"parameters": {"alpha_c": dataset.variant.alpha_c} if isinstance(dataset.variant, Cropping) else {}}
    return {f"data_{name}": value for name, value in held.items()}


def written(path: Path, dataset: Dataset, every: Population, embedding: NDArray[np.float32], **more: Any) -> Path:
    """A run's embeddings of a population, as the trainer writes them."""
    columns = {"embedding": embedding, **tables(every)}
    columns["bob_box"] = bob_boxes(render.draw(every.position, dataset.geometry))
    held = {**attributes(dataset), "data_split": "population", "data_population_digest": digest(tables(every))}
    embedding_file.write(path, columns, held | more)
    return path


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda one: f"{one.name}-{one.size}")
def test_bobs_lie_where_the_generator_draws_them(dataset: Dataset) -> None:
    held = {key: json.dumps(one) if isinstance(one, dict) else one for key, one in attributes(dataset).items()}
    place = explore.geometry(held)
    assert place is not None
    draw = np.random.default_rng(0)
    energy, time = draw.random(500), draw.uniform(0, 200, 500)
    images = render.draw(drawn(dataset, energy, time), dataset.geometry)
    angle = np.stack([physics.angle(time + later, energy) for later in (0.0, dataset.time_gap)], axis=-1)
    assert np.array_equal(explore.boxes(angle, place), bob_boxes(images))


def test_a_person_explores(tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium found; install one to test the page in a browser")
    dataset = DATASETS[0]
    every = enumerate_images(dataset)
    number = np.arange(len(every.position), dtype=np.float32)[:, None]
    written(tmp_path / "runs" / "a.h5", dataset, every, number, train_label="numbers")
    oracle = every.energy_given_image[:, None].astype(np.float32)
    written(tmp_path / "runs" / "b.h5", dataset, every, oracle, train_label="oracle")
    records, problems = gather([tmp_path / "runs"], tmp_path / "cache", quiet=True)
    assert not problems
    frames = {name: pd.DataFrame(columns=list(columns)) for name, (columns, _) in page.FRAMES.items()}
    path = tmp_path / "report.html"
    page.write(path, frames, [], [], explorer=explore.data(records, [tmp_path / "runs"]))
    draw = np.random.default_rng(1)
    energy, time = draw.uniform(0.005, 0.995, 400), draw.uniform(0, 200, 400)
    probe = PROBE.replace("ASKED", json.dumps(np.stack([energy, time], axis=1).tolist()))
    text = path.read_text(encoding="utf-8").replace("<title>", BEFORE + "<title>", 1)
    (tmp_path / "probed.html").write_text(text.replace("</body>", probe + "</body>"), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    fixed = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
    asked = ("--dump-dom", "--virtual-time-budget=8000", (tmp_path / "frame.html").as_uri())
    dumped = subprocess.run([found, *fixed, *asked], capture_output=True, check=True, timeout=60).stdout.decode()
    outcome = json.loads(re.search('<pre id="outcome">(.+)</pre>', dumped)[1])  # type: ignore[index]
    assert outcome["problems"] == []
    assert outcome["content"] <= 360
    assert outcome["runs"] == 2
    assert outcome["said"].startswith(f"All {len(number):,} pictures that can occur (vanilla")
    assert np.abs(np.array(outcome["angles"]) - physics.angle(time, energy)).max() < 1e-9
    images = {image.tobytes(): k for k, image in enumerate(render.draw(every.position, dataset.geometry))}
    shown = [images[image.tobytes()] for image in render.draw(drawn(dataset, energy, time), dataset.geometry)]
    assert np.abs(np.array(outcome["values"]) - shown).max() < 0.5  # the embedding is the number of the picture
    by_energy = np.argsort(np.rint(every.energy_given_image * 65535), kind="stable")
    assert outcome["stepped"] == [len(number) // 2, len(number) - 2, by_energy[-2]]
    assert re.match(
        r"Energy from \.9\d\d to (\.9\d\d|1\.000), the oracle guesses (\.9\d\d|1\.000), 1 in ", outcome["aloud"]
    )
    assert 0.4 < outcome["second"] < 1
    order = np.argsort(oracle[:, 0])
    upto = np.cumsum(every.probability[order])
    assert (
        np.abs(np.array(outcome["ranks"])[order] - (upto - every.probability[order] / 2)).max() < 5e-3
    )  # mirror images nearly tie, and do where outputs are rounded
    assert re.search(r"These two pictures are the same though their energies differ by \.2\d", outcome["pair"])
    assert outcome["alike"]
    twin, pixels = outcome["twin"]
    assert pixels == render.draw(every.position[twin], dataset.geometry).reshape(-1).tolist()
    assert 0.1 < outcome["moved"] < 1.5
    assert re.match(r"Energy \.50: \d+ different pictures in one period", outcome["swung"])
    assert len(set(outcome["ringed"])) == 2
    # Paper takes one canvas, screens two: what is marked is drawn above the points, which stay where they are.
    assert outcome["screen"][0] == outcome["after"][0] == 0 < outcome["paper"][0]
    assert outcome["screen"][1] == outcome["after"][1] > 100
    assert outcome["paper"][1] > 100


def test_what_the_trainer_reads_off_the_pictures(tmp_path: Path) -> None:
    dataset = DATASETS[2]
    every = enumerate_images(dataset)
    found = read(written(tmp_path / "a.h5", dataset, every, np.zeros((len(every.position), 1), np.float32)))
    assert isinstance(found, PopulationEmbeddings)
    assert found.box is not None
    box = found.box
    assert np.array_equal((box[..., 2:] > 0).all(axis=-1), every.visible)
    whole = every.visible & (box[..., 2] == 3) & (box[..., 3] == 3)
    assert np.array_equal(box[..., :2][whole], every.position[whole] - 1)
