import itertools
import json
import re
import shutil
import struct
import subprocess
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pendeval import columns
from pendeval.page import FRAMES, FigureLike, write
from pendeval.page.cells import NAMES, shown

HOSTILE = "<script>alert(1)</script>\"'&"
DATASETS = (
    *(("vanilla", "vanilla", "{}", ("all",)), ("large", "large", "{}", ("all",))),
    ("numerical-noise-0.1", "numerical-noise", '{"eps_n": 0.1}', ("all",)),
    ("graphical-noise-0.25", "graphical-noise", '{"eps_g": 0.25}', ("all",)),
    ("gaps-0.6", "gaps", '{"alpha_g": 0.6, "num_gaps": 3}', ("all",)),
    ("cropping-0.75", "cropping", '{"alpha_c": 0.75}', ("all", "visible")),
)
VERDICTS = ("supported", "contradicted", "undecided")


@dataclass(frozen=True)
class Figure:
    name: str
    number: str
    title: str
    caption: str
    png: Path
    svg: Path


def empty() -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(columns=list(expected)) for name, (expected, _) in FRAMES.items()}


def one(name: str, **values: Any) -> dict[str, pd.DataFrame]:
    """Frames that are empty but for one row of one of them."""
    row = dict.fromkeys(FRAMES[name][0]) | values
    return empty() | {name: pd.DataFrame([row], columns=list(FRAMES[name][0]))}


def condition(dataset: tuple[str, str, str, Any], method: str, view: str) -> dict[str, Any]:
    name, variant, parameters, _ = dataset
    data = {"dataset": name, "variant": variant, "parameters": parameters, "protocol": "paper"}
    trained = {f"train_{key}": value for key, value in data.items()}
    run = {"label": f"{method}-d1", "method": method, "dim": 1, "recipe": "d1", "view": view}
    run |= {"pendulums": 5120, "images_per_pendulum": 20}
    return {**data, **trained, "split": "test", **run}


def frames(seeds: int = 3) -> dict[str, pd.DataFrame]:
    """Tables as a report makes them, from invented scores: six datasets, two methods, `seeds` runs each."""
    draw = np.random.default_rng(0)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in FRAMES}
    for dataset, method in itertools.product(DATASETS, ("contrastive", "supervised")):
        level = {"vanilla": 0.99, "large": 0.999}.get(dataset[1], 0.93) - (0.001 if method == "supervised" else 0)
        for seed, view in itertools.product(range(seeds), dataset[3]):
            run = f"runs/{dataset[0]}/{method}-d1/seed-{seed}"
            scores = {name: level - 0.2 * k + 0.001 * draw.standard_normal() for k, name in enumerate(NAMES)}
            scores |= {"forest_rmse": 0.05 + 0.001 * draw.random(), "representation_range": 6.5 + draw.random()}
            scores["gap_spearman"] = scores["gap_spearman"] if dataset[1] == "gaps" else np.nan
            row = condition(dataset, method, view) | scores
            row |= {"global_spearman_low": level - 0.01, "global_spearman_high": level + 0.01, "data_seed": 0}
            row |= {"oracle_global_spearman": level + 0.0041, "oracle_local_spearman": 0.809, "ceiling_rmse": 0.0318}
            row |= {"seed": seed, "images": 102400, "line": "output", "excess": -0.0041, "excess_se": 0.0002}
            row |= {"above_ceiling": False, "file": f"{run}/embeddings/{dataset[0]}-test.h5", "digest": f"{run}"}
            rows["runs"].append(row)
            if view == "all":
                settings = {"method": method, "dim": 1, "epochs": 100, "learning_rate": 0.02, "temperature": 0.1}
                origin = {"run": run, "status": "complete", "label": row["label"], "seed": seed, "device": "cpu"}
                origin |= {"recipe": json.dumps(settings), "packages": json.dumps({"torch": "2.15.0"})}
                origin |= {"precision": "bfloat16", "began": "2026-11-22T16:00:00Z", "train_seconds": 1440.5}
                rows["provenance"].append(origin | {"dataset": dataset[0], "data_digest": "0f" * 32})
    runs = pd.DataFrame(rows["runs"])
    for key, group in runs.groupby(list(columns.CONDITION), sort=False):
        for measure in NAMES:
            values = group[measure]
            half = 2 * values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
            known = {"oracle": group[f"oracle_{measure}"].mean()} if f"oracle_{measure}" in group else {}
            known |= {"published": 0.9938} if (key[0], measure) == ("vanilla", "global_spearman") else {}
            low, high = values.mean() - half, values.mean() + half
            rows["summary"].append(
                dict(zip(columns.CONDITION, key, strict=True))
                | {"measure": measure, "n": values.count(), "mean": values.mean(), "ci_low": low, "ci_high": high}
                | known
            )
    for dataset, measure in itertools.product(DATASETS, NAMES):
        by = runs[runs["dataset"] == dataset[0]].groupby("method")[measure].mean()
        difference = by["contrastive"] - by["supervised"]
        found = {"measure": measure, "n": seeds, **by, "difference": difference, "ci_low": difference - 0.0004}
        found |= {"ci_high": difference + 0.0004, "effect_size": 1.9, "test": "paired t-test", "p_value": 0.0123}
        rows["comparisons"].append(condition(dataset, "", "all") | found)
    for dataset in DATASETS:
        rows["agreement"].append(
            {
                "dataset": dataset[0],
                "variant": dataset[1],
                "parameters": dataset[2],
                "split": "test",
                "protocol": "paper",
            }
            | {"label_a": "contrastive-d1", "label_b": "supervised-d1", "pairing": "method with method", "n": 3}
            | {"mean": 0.998, "min": 0.997, "max": 0.999}
        )
    for k, verdict in enumerate(VERDICTS * 3):
        claim = {"claim": f"claim-{k}", "section": "4.1", "verdict": verdict, "recipe": "d1", "conditions": 2 * (k % 3)}
        claim |= {"text": "The contrastive encoder is no worse than the supervised one on vanilla and large images."}
        claim |= {"evidence": "Global Spearman, vanilla: +0.0011 ± 0.0004 over 3 pairs; large: +0.0009 ± 0.0004."}
        claim |= {"rule": "The interval of the difference lies above −0.0005 everywhere.", "missing": ""}
        rows["claims"].append(claim | ({"missing": "five runs of each method"} if verdict == "undecided" else {}))
    record = {"family": "nnoise", "method": "contrastive", "dim": 1, "train_eps_n": 0.1, "test_eps_n": 0.1}
    record |= {"view": "all", "measure": "global_spearman", "their_n": 5, "their_mean": 0.91, "their_ci_low": 0.9}
    record |= {"their_ci_high": 0.92, "our_n": 3, "our_mean": 0.912, "our_ci_low": 0.908, "our_ci_high": 0.916}
    rows["records"] += [record | {"status": "compared"}, record | {"status": "no runs", "reason": "no run at ε_n 0.2"}]
    rows["problems"].append({"path": "runs/vanilla/contrastive-d1/seed-9", "reason": "not finished (status running)"})
    return {name: pd.DataFrame(rows[name], columns=list(expected)) for name, (expected, _) in FRAMES.items()}


def picture(folder: Path, width: int = 1200, height: int = 400) -> FigureLike:
    """A striped PNG, made by hand: these tests know no plotting library."""
    lines = b"".join(b"\0" + bytes((x // 40 * 9 + y // 40 * 5) % 256 for x in range(width)) for y in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    (folder / "figures").mkdir(exist_ok=True)
    png, svg = folder / "figures" / "figure-03.png", folder / "figures" / "figure-03.svg"
    png.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return Figure(
        "figure-03", "3", "Global and local Spearman", "Five seeds of each method; the line is the oracle.", png, svg
    )


def page(folder: Path, given: Mapping[str, pd.DataFrame], **kwargs: Any) -> str:
    undrawn = kwargs.pop("undrawn", [("figure-08", "no run on the gap 0.3–0.7")])
    write(folder / "report.html", given, kwargs.pop("figures", [picture(folder)]), undrawn, **kwargs)
    return (folder / "report.html").read_text(encoding="utf-8")


class Checker(HTMLParser):
    """Element balance, ids, addresses, and the texts of every kind of element."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[tuple[str, str]] = []
        self.seen: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [(tag, value or "") for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert len(attrs) == len(dict(attrs)), (tag, attrs)
        assert not any(name.startswith("on") for name, _ in attrs), (tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag, (tag, self.open, self.getpos())


def check(text: str) -> Checker:
    """A page as it must always be: balanced, unique ids, links that lead somewhere, nothing from outside."""
    found = Checker(text)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    for tag, address in found.addresses:
        if address.startswith("#"):
            assert address[1:] in found.ids
        elif tag == "a":
            assert re.fullmatch(r"(?!/)[\w./%-]+\.(csv|svg)", address), address
        else:
            assert address.startswith("data:"), address
    assert (found.seen.count("script"), found.seen.count("style"), found.seen.count("h1")) == (1, 1, 1)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'" in text
    return found


def test_a_full_page(tmp_path: Path) -> None:
    text = page(tmp_path, frames())
    found = check(text)
    assert text.lstrip().startswith("<!DOCTYPE html>")
    assert found.seen.count("table") == 7
    assert ("a", "figures/figure-03.svg") in found.addresses
    for name in FRAMES:
        assert ("a", f"{name}.csv") in found.addresses
    assert "36 embeddings files" in text
    assert "36 runs" in text
    assert "1 problem</a>" in text
    assert "3 supported, 3 contradicted, 3 undecided" in text
    assert "no run on the gap 0.3–0.7" in text
    assert "not finished (status running)" in text
    assert "no run at ε_n 0.2" in text
    assert "&#34;learning_rate&#34;: 0.02" in text
    assert "24.0 min" in text
    assert not list(tmp_path.glob(".*"))


def test_every_frame_empty(tmp_path: Path) -> None:
    text = page(tmp_path, empty(), figures=[], undrawn=[])
    found = check(text)
    assert "table" not in found.seen
    assert text.count('class="empty"') == 9
    assert "0 embeddings files" in text
    assert "None: everything found was scored" in text


@pytest.mark.parametrize("name", FRAMES)
def test_any_one_frame_empty(tmp_path: Path, name: str) -> None:
    check(page(tmp_path, frames(1) | {name: empty()[name]}))


def test_same_input_same_bytes(tmp_path: Path) -> None:
    assert page(tmp_path, frames()).encode() == page(tmp_path, frames()).encode()


def test_hostile_strings_come_out_as_text(tmp_path: Path) -> None:
    given = frames(1)
    for frame in given.values():
        for name in frame:
            if frame[name].map(lambda value: isinstance(value, str)).any() and name not in ("measure", "status"):
                frame[name] = HOSTILE
    figure = picture(tmp_path)
    bad = Figure(HOSTILE, HOSTILE, HOSTILE, HOSTILE, figure.png, tmp_path / "figures" / "javascript:a\"b'<c>.svg")
    text = page(tmp_path, given, figures=[bad], undrawn=[(HOSTILE, HOSTILE)], title=HOSTILE)
    check(text)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "figures/javascript%3Aa%22b%27%3Cc%3E.svg" in text


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    given = pd.DataFrame([["runs/caf\udce9", "not finished"]], columns=list(columns.PROBLEMS), dtype=object)
    text = page(tmp_path, empty() | {"problems": given}, undrawn=[("figure-08", "no run in caf\udce9")])
    check(text)
    assert "runs/caf?" in text


@pytest.mark.parametrize(("verdict", "symbol"), [*zip(VERDICTS, "✓✗?", strict=True), ("withdrawn", "•")])
def test_verdicts_have_a_word_and_a_symbol(tmp_path: Path, verdict: str, symbol: str) -> None:
    text = page(
        tmp_path,
        one(
            "claims", claim="c", text="A claim.", verdict=verdict, evidence="n = 1", missing="more runs", rule="a rule"
        ),
    )
    check(text)
    assert re.search(rf'<span aria-hidden="true">{re.escape(symbol)}</span> {verdict}</span>', text)
    assert "more runs" in text
    assert f"1 {verdict}" in text


@pytest.mark.parametrize("flag", [True, np.True_, 1.0])
def test_alarms_come_first_and_say_by_how_much(tmp_path: Path, flag: object) -> None:
    given = frames()
    assert 'id="alarms"' not in page(tmp_path, given)
    rows = given["runs"].to_dict("records")
    rows[4] |= {"above_ceiling": flag, "excess": 0.00612, "excess_se": 0.000123, "file": "leak.h5"}
    rows[5] |= {"above_ceiling": flag, "rmse_excess": 0.02, "rmse_excess_se": 0.001}
    rows[6] |= {"above_ceiling": None}
    rows[7] |= {"above_ceiling": np.nan}
    given["runs"] = pd.DataFrame(rows)
    text = page(tmp_path, given)
    check(text)
    alarms = text[text.index("<main>") : text.index('id="verdicts"')]
    said = "scores above its ceiling by 0.00612 ± 0.00012 (global Spearman): an error in the data or the code"
    assert said in alarms
    assert "0.0200 ± 0.0010 (forest RMSE)" in alarms
    assert alarms.count("<li>") == 2
    assert "leak.h5" in alarms


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((np.nan, "–"), (0.0, "0"), (5120.0, "5120"), (1024000.0, "1024000"), (-3.0, "−3"), (1.0, "1")),
        *((0.993812345, "0.99381"), (0.0318, "0.03180"), (-0.00041234, "−0.0004123"), (6.61234, "6.6123")),
        *(
            (0.999996, "1.0000"),
            (0.0999999, "0.1000"),
            (1.23456e-7, "1.235e−07"),
            (12345.678, "12346"),
            (2.5e12, "2.5000e+12"),
        ),
        *((np.inf, "∞"), (-np.inf, "−∞")),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("mean", "half", "n", "text"),
    [
        *((0.993812, 0.000213, 5, "0.99381 ± 0.00021 (5)"), (6.6123, 0.2345, 5, "6.61 ± 0.23 (5)")),
        *((-5.5, 12.3, 3, "−6 ± 12 (3)"), (0.75, 0.0, 2, "0.75000 ± 0.00000 (2)")),
        *((0.91, 0.0125, 5, "0.91000 ± 0.01250 (5)"), (0.993812, np.nan, 1, "0.99381 (1)"), (np.nan, np.nan, 0, None)),
    ],
)
def test_means_with_their_interval(tmp_path: Path, mean: float, half: float, n: int, text: str | None) -> None:
    given = {"mean": mean, "ci_low": mean - half, "ci_high": mean + half, "n": n, "oracle": 0.99401234567891}
    content = page(
        tmp_path, one("summary", **condition(DATASETS[0], "contrastive", "all"), measure="global_spearman", **given)
    )
    assert 'data-value="0.99401234567891" title="0.99401234567891">0.99401</td>' in content
    assert "Local Spearman</th>" not in content  # nothing to show
    assert (f">{text}</td>" in content) if text else ("mean ±" not in content)


def test_what_a_condition_is_stands_beside_it_where_it_matters(tmp_path: Path) -> None:
    plain = page(tmp_path, frames(1) | {"runs": frames(1)["runs"].query("view == 'all'")})
    assert ">Trained on<" not in plain.split('id="records"')[0]
    clean = condition(DATASETS[0], "contrastive", "visible") | {
        "train_dataset": "numerical-noise-0.1",
        "split": "train",
    }
    text = page(tmp_path, one("runs", **clean | {"dataset": "mine", "protocol": "original"}, seed=3.0))
    table = text[text.index('id="runs-table"') :]
    for cell in ("mine (vanilla, original protocol)", "numerical-noise-0.1", "train", "visible", "3"):
        assert f">{cell}<" in table


def test_who_is_ahead(tmp_path: Path) -> None:
    def ahead(measure: str, low: float, high: float) -> str:
        row = {"measure": measure, "ci_low": low, "ci_high": high, "difference": 0.2, "n": 3}
        text = page(tmp_path, one("comparisons", **condition(DATASETS[0], "", "all"), **row))
        return str(re.findall(r"<td>([^<]*)</td>", text)[-1])

    assert ahead("global_spearman", 0.1, 0.3) == "contrastive"
    assert ahead("global_spearman", -0.3, -0.1) == "supervised"
    assert ahead("forest_rmse", 0.1, 0.3) == "supervised"
    assert ahead("local_spearman", -0.1, 0.3) == "open"
    assert ahead("local_spearman", np.nan, np.nan) == "–"
    assert ahead("representation_range", 0.1, 0.3) == "–"


def test_a_frame_that_is_not_one(tmp_path: Path) -> None:
    given = frames(1)
    with pytest.raises(ValueError, match="frame runs lacks excess"):
        page(tmp_path, given | {"runs": given["runs"].drop(columns="excess")})
    del given["claims"]
    with pytest.raises(ValueError, match="frame claims lacks claim"):
        page(tmp_path, given)


def test_a_failed_write_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = page(tmp_path, frames(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        page(tmp_path, frames(2))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(OSError, match="gone"):
        write(tmp_path / "report.html", empty(), [Figure("a", "1", "", "", tmp_path / "gone.png", tmp_path)], [])


def test_a_whole_grid(tmp_path: Path) -> None:
    given = frames(26)  # 312 runs
    began = time.process_time()
    text = page(tmp_path, given, figures=[])
    assert time.process_time() - began < 5
    assert len(text.encode()) < 10_000_000
    check(text)


# In a browser

BEFORE = "<script>window.problems = []; addEventListener('error', (e) => problems.push(e.message));</script>"
PROBE = """<script>
const table = document.getElementById("runs-table");
const heads = Array.from(table.tHead.rows[0].cells);
const find = (text) => heads.find((head) => head.textContent === text);
const values = (head) => Array.from(table.tBodies[0].rows, (row) => row.cells[head.cellIndex].textContent);
const click = (text) => { const head = find(text); head.querySelector("button").click();
  return { cells: values(head), sort: head.getAttribute("aria-sort") }; };
const outcome = { width: innerWidth, content: document.documentElement.scrollWidth, plain: values(find("Range")) };
outcome.first = click("Range");
outcome.second = click("Range");
outcome.words = click("Label");
outcome.left = find("Range").getAttribute("aria-sort");
const summary = document.getElementById("summary-table");
const mean = Array.from(summary.tHead.rows[1].cells).find((head) => head.textContent.startsWith("mean"));
mean.querySelector("button").click();
outcome.means = Array.from(summary.tBodies[0].rows, (row) => Number(row.cells[mean.cellIndex].dataset.value));
const box = document.querySelector("input[type=search]");
const filter = (text) => { box.value = text; box.dispatchEvent(new Event("input"));
  return Array.from(table.tBodies[0].rows).filter((row) => row.checkVisibility()).length; };
outcome.filtered = [filter("LARGE superv"), filter("no such run"), filter("")];
outcome.scrolls = table.parentElement.scrollWidth > table.parentElement.clientWidth;
outcome.problems = problems;
parent.postMessage(JSON.stringify(outcome), "*");
</script>"""
FRAME = """<!DOCTYPE html><meta charset="utf-8"><pre id="outcome"></pre><script>
addEventListener("message", (e) => { document.getElementById("outcome").textContent = e.data; });
</script><iframe src="probed.html" width="360" height="800" style="border: 0"></iframe>"""


@pytest.fixture
def browser(tmp_path: Path) -> Callable[..., str]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium found; install one to test the page in a browser")

    def run(*arguments: str) -> str:
        fixed = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}")
        done = subprocess.run([found, *fixed, *arguments], capture_output=True, check=True, timeout=60)
        return done.stdout.decode()

    return run


def test_in_a_browser(tmp_path: Path, browser: Callable[..., str]) -> None:
    given = frames()
    given["runs"]["representation_range"] = [
        *(9.5, 10.25, np.nan, -1.0, np.inf, 0.5),
        *[100.0] * (len(given["runs"]) - 6),
    ]
    text = page(tmp_path, given).replace("<title>", BEFORE + "<title>", 1).replace("</body>", PROBE + "</body>")
    (tmp_path / "probed.html").write_text(text, encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME, encoding="utf-8")
    dumped = browser("--dump-dom", "--virtual-time-budget=5000", (tmp_path / "frame.html").as_uri())
    outcome = json.loads(re.search('<pre id="outcome">(.+)</pre>', dumped)[1])  # type: ignore[index]
    assert outcome["problems"] == []
    assert outcome["width"] == 360
    assert outcome["content"] <= 360
    assert outcome["scrolls"]
    hundreds = ["100"] * (len(given["runs"]) - 6)
    assert outcome["plain"] == ["9.5000", "10.250", "–", "−1", "∞", "0.50000", *hundreds]
    assert outcome["first"] == {
        "cells": ["−1", "0.50000", "9.5000", "10.250", *hundreds, "∞", "–"],
        "sort": "ascending",
    }
    assert outcome["second"]["cells"] == ["∞", *hundreds, "10.250", "9.5000", "0.50000", "−1", "–"]
    assert outcome["second"]["sort"] == "descending"
    assert outcome["left"] is None
    assert outcome["words"]["cells"] == sorted(given["runs"]["label"])
    assert outcome["means"] == sorted(outcome["means"])
    assert outcome["filtered"] == [3, 0, len(given["runs"])]


def test_on_paper(tmp_path: Path, browser: Callable[..., str]) -> None:
    def pages(text: str) -> int:
        (tmp_path / "printed.html").write_text(text, encoding="utf-8")
        browser(f"--print-to-pdf={tmp_path / 'report.pdf'}", (tmp_path / "printed.html").as_uri())
        content = (tmp_path / "report.pdf").read_bytes()
        assert content.startswith(b"%PDF")
        return len(re.findall(rb"/Type\s*/Page\b", content))

    text = page(tmp_path, frames(4))
    whole = pages(text.replace("<details", "<details open"))
    assert pages(re.sub("<details.*?</details>", "", text, flags=re.DOTALL)) < whole - 5
    # What is closed on screen is printed, by the script in older browsers, by the style without a script.
    assert pages(text.replace("details::details-content", "nothing")) == whole
    assert pages(re.sub("<script>.*?</script>", "", text, flags=re.DOTALL)) == whole


def test_claims_without_runs_wait_in_a_list_of_their_own(tmp_path: Path) -> None:
    text = page(tmp_path, one("claims", claim="c", text="A claim.", verdict="undecided", missing="more runs"))
    check(text)
    assert "1 claim without any run" in text
    assert "A claim.</dt><dd>Missing: more runs</dd>" in text
    assert 'class="claim undecided"' not in text
