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

from pendeval.claims import CLAIMS
from pendeval.claims.scores import MARGINS
from pendeval.measures.registry import MEASURES, PRIMARY
from pendeval.page import FRAMES, FigureLike, write
from pendeval.page.cells import counts, fine, shown, spread
from pendeval.page.condition import by_paper
from pendeval.page.findings import AT_ONCE
from pendeval.page.tables import SHOWN
from pendeval.page.verdicts import HEADLINE, VERDICTS, answer
from pendeval.tables.condition import CONDITION
from pendeval.tables.findings import AHEAD, ORDER

HOSTILE = "<script>alert(1)</script>\"'&"
DATASETS = (
    *(("vanilla", "vanilla", 0.0, ("all",)), ("large", "large", 0.0, ("all",))),
    *(("numerical-noise, ε_n 0.1", "numerical-noise", 0.1, ("all",)),),
    *(("graphical-noise, ε_g 0.25", "graphical-noise", 0.25, ("all",)),),
    *(("gaps, α_g 0.6", "gaps", 0.6, ("all",)), ("cropping, α_c 0.75", "cropping", 0.75, ("all", "visible"))),
)
METHODS = ("contrastive", "supervised")


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


def some(name: str, *rows: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Frames that are empty but for some rows of one of them."""
    blank = dict.fromkeys(FRAMES[name][0])
    return empty() | {name: pd.DataFrame([blank | dict(row) for row in rows], columns=list(blank))}


def condition(dataset: tuple[str, str, float, Any], method: str, view: str = "all", **changed: Any) -> dict[str, Any]:
    words, variant, level, _ = dataset
    cells = dict.fromkeys(CONDITION, "") | {"data_words": words, "variant": variant, "level": level}
    cells |= {"dataset": f"{variant}-name", "train_dataset": f"{variant}-name", "split": "test", "view": view}
    cells |= {"method": method, "label": f"{method}-label", "dim": 1, "recipe_protocol": "paper", "protocol": "paper"}
    cells |= {"pendulums": 5120, "images_per_pendulum": 20, "train_pendulums": 5120, "train_images": 20}
    cells |= {"own": True, "usual": True, "full": True} | changed
    same = [str(cells[name]) for name in CONDITION if name not in ("method", "label", "condition", "counterpart")]
    return {"condition": " ".join([method, *same]), "counterpart": " ".join(same), **changed} | {
        name: value for name, value in cells.items() if name not in ("condition", "counterpart")
    }


def claim(name: str, verdict: str, **values: Any) -> dict[str, Any]:
    row = {"claim": name, "section": "4.1", "verdict": verdict, "provisional": False, "reasons": "", "conditions": 2}
    row |= {"text": f"The contrastive encoder is superior ({name}).", "recipe": "Fig. 16", "source": "population"}
    row |= {"evidence": "contrastive .99331, supervised .99315", "missing": "", "precision": "float32"}
    row |= {"estimate": 0.000163, "ci_low": 0.000102, "ci_high": 0.000224, "p_value": 0.00013, "n": 12}
    row |= {"unit": "replicate", "margin": 0.00005, "p_holm": np.nan, "rule": "Supported when p ≤ .05."}
    return row | values


def scores_of(method: str, variant: str, draw: np.random.Generator) -> dict[str, float]:
    """Invented scores: exact ones too, save under graphical noise."""
    level = {"vanilla": 0.99, "large": 0.999}.get(variant, 0.93) - (0.001 if method == "supervised" else 0)
    found = {}
    for k, measure in enumerate(SHOWN):
        value = level - 0.1 * k + 0.001 * draw.standard_normal()
        value = 0.05 + 0.001 * draw.random() if measure.endswith("rmse") else value
        value = 6.5 + draw.random() if measure == "representation_range" else value
        value = np.nan if measure == "gap_spearman" and variant != "gaps" else value
        found[measure] = value
        if MEASURES[measure].oracle:
            found[f"oracle_{measure}"] = value + 0.0041
        exact = PRIMARY.get(measure)
        if exact is not None and variant != "graphical-noise":
            found[exact] = value + 0.00003
            if MEASURES[exact].oracle:
                found[f"oracle_{exact}"] = value + 0.0042
    return found


def frames(seeds: int = 3) -> dict[str, pd.DataFrame]:
    """Tables as a report makes them, from invented scores: six datasets, two methods, `seeds` replicates each."""
    draw = np.random.default_rng(0)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in FRAMES}
    for dataset, method in itertools.product(DATASETS, METHODS):
        for seed, view in itertools.product(range(seeds), dataset[3]):
            run = f"runs/{dataset[1]}-seed-{seed}/{method}-d1/seed-{seed}"
            row = condition(dataset, method, view) | scores_of(method, dataset[1], draw)
            row |= {"global_spearman_low": 0.98, "global_spearman_high": 0.999, "ceiling_rmse": 0.0318}
            row |= {"seed": seed, "data_seed": seed, "train_data_seed": seed, "precision": "float32", "images": 102400}
            row |= {"line": "output", "excess": -0.0041, "excess_se": 0.0002, "above_ceiling": False}
            row |= {"file": f"{run}/embeddings/test.h5", "population_file": f"{run}/embeddings/population.h5"}
            rows["runs"].append(row | {"digest": run})
            if view == "all":
                settings = {"method": method, "dim": 1, "epochs": 100, "learning_rate": 0.02, "temperature": 0.1}
                origin = {"run": run, "status": "complete", "label": row["label"], "seed": seed, "device": "cpu"}
                origin |= {"recipe": json.dumps(settings), "packages": json.dumps({"torch": "2.15.0"})}
                origin |= {"precision": "bfloat16", "began": "2026-11-22T16:00:00Z", "train_seconds": 1440.5}
                origin |= {"scored_by": json.dumps({"version": "0.1.0", "code": "ab12"})}
                rows["provenance"].append(origin | {"dataset": dataset[0], "data_digest": "0f" * 32})
    runs = pd.DataFrame(rows["runs"])
    measures = [name for name in MEASURES if name in runs]
    unit = {"unit": "replicate", "shared_test": False, "precision": "float32"}
    for _, group in runs.groupby("condition", sort=False):
        cells = {name: group[name].iloc[0] for name in CONDITION}
        for measure in measures:
            values = group[measure].dropna()
            if len(values):
                half = 2 * values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
                known = {"oracle": group[f"oracle_{measure}"].mean()} if f"oracle_{measure}" in group else {}
                law = {"population_global": 0.9938} if cells["variant"] == "vanilla" else {}
                known |= {"published": np.nan, "published_original_law": law.get(measure, np.nan)}
                found = {"measure": measure, "n": len(values), "mean": values.mean(), "ci_low": values.mean() - half}
                rows["summary"].append(cells | unit | found | {"ci_high": values.mean() + half} | known)
    for dataset, measure in itertools.product(DATASETS, measures):
        by = runs[runs["data_words"] == dataset[0]].groupby("method")[measure].mean()
        difference = by["contrastive"] - by["supervised"]
        if np.isfinite(difference):
            found = {"measure": measure, "n": seeds, "difference": difference, "ci_low": difference - 0.0004}
            found |= {f"method_{side}": method for side, method in zip("ab", METHODS, strict=True)}
            found |= {f"mean_{side}": by[method] for side, method in zip("ab", METHODS, strict=True)}
            found |= {f"{name}_{side}": "" for name in ("objective", "label", "condition") for side in "ab"}
            found |= {"ci_high": difference + 0.0004, "effect_size": 1.9, "test": "paired t-test", "p_value": 0.0123}
            rows["comparisons"].append(condition(dataset, "") | unit | found)
    for dataset in DATASETS:
        pair = {"data_words": dataset[0], "dataset": dataset[1], "variant": dataset[1], "split": "test"}
        pair |= {"label_a": "contrastive-d1", "label_b": "supervised-d1", "pairing": "method with method", "n": 3}
        rows["agreement"].append(pair | {"images": 10240, "mean": 0.998, "min": 0.997, "max": 0.999})
    for k, verdict in enumerate([*VERDICTS] * 3):
        rows["claims"].append(claim(f"claim-{k}", verdict, missing="five runs" if verdict == "undecided" else ""))
    for dataset in DATASETS:
        about = {"question": AHEAD, "about": f"{dataset[0]}, Fig. 16", "answer": "The two are level: .00001.", "n": 3}
        rows["findings"].append(about | {"table": "comparisons", "figure": "figure-03"})
    rows["findings"].append(about | {"question": ORDER, "answer": "Elsewhere.", "figure": "figure-optima"})
    record = {"family": "nnoise", "method": "contrastive", "dim": 1, "train_eps_n": 0.1, "test_eps_n": 0.1}
    record |= {"view": "all", "measure": "global_spearman", "their_n": 5, "their_mean": 0.91, "their_ci_low": 0.9}
    record |= {"their_ci_high": 0.92, "our_n": 0, "paper_law_n": 0}
    rows["records"] += [
        record | ours("our", 0.912) | {"status": "compared"},
        record | ours("paper_law", 0.934) | {"status": "other law", "reason": "runs of protocol paper alone"},
        record | {"status": "no runs", "reason": "no run at ε_n 0.2"},
    ]
    rows["problems"].append({"path": "runs/vanilla/contrastive-d1/seed-9", "reason": "not finished (status running)"})
    rows["problems"].append({"path": "figure 17", "reason": "ZeroDivisionError: division by zero"})
    return {name: pd.DataFrame(rows[name], columns=list(expected)) for name, (expected, _) in FRAMES.items()}


def ours(law: str, mean: float) -> dict[str, Any]:
    found = {"n": 3, "mean": mean, "sd": 0.001, "ci_low": mean - 0.004, "ci_high": mean + 0.004, "oracle": 0.94}
    return {f"{law}_{name}": value for name, value in (found | {"source": "sample"}).items()}


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
    png.with_suffix(".csv").write_text("panel,mean\n")
    return Figure(
        "figure-03", "3", "Global and local Spearman", "Five seeds of each method; the line is the oracle.", png, svg
    )


def page(folder: Path, given: Mapping[str, pd.DataFrame], **kwargs: Any) -> str:
    undrawn = kwargs.pop("undrawn", [("figure-08", "no run on the gap 0.3–0.7")])
    figures = kwargs.pop("figures") if "figures" in kwargs else [picture(folder)]
    write(folder / "report.html", given, figures, undrawn, **kwargs)
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


def table_of(text: str, name: str) -> list[dict[str, str]]:
    """The rows of a table as head → text, a group's name before its heads."""
    part = text[text.index(f'id="{name}-table"') :].split("</table>")[0]
    heads = [
        f"{group}, {head}" if group else head
        for group, head in re.findall(
            r'<th scope="col".*?<button[^>]*?(?: aria-label="(.*?), [^"]*")?>(.*?)</button>', part
        )
    ]
    body = part.split("<tbody>")[1]
    rows = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in body.split("<tr>")[1:]]
    assert all(len(row) == len(heads) for row in rows)
    return [
        dict(zip(heads, (re.sub(r"\s*<small>(.*?)</small>", r" | \1", cell) for cell in row), strict=True))
        for row in rows
    ]


def test_a_full_page(tmp_path: Path) -> None:
    text = page(tmp_path, frames())
    found = check(text)
    assert text.lstrip().startswith("<!DOCTYPE html>")
    assert found.seen.count("table") == 7
    for address in ("figures/figure-03.svg", "figures/figure-03.csv", *(f"{name}.csv" for name in FRAMES)):
        assert ("a", address) in found.addresses
    for said in (
        *("36 embeddings scored", "36 runs", "2 problems</a>", "no run on the gap 0.3–0.7", "24.0 min"),
        *("3 supported, 3 contradicted, 3 equal, 3 undecided", "not finished (status running)"),
        *(
            "figure 17",
            "ZeroDivisionError",
            "no run at ε_n 0.2",
            "&#34;learning_rate&#34;: 0.02",
            "version: 0.1.0, code: ab12",
        ),
    ):
        assert said in text
    for name in ("vanilla-name", "contrastive-label"):  # names are for hovering
        assert name in text
        assert name not in re.sub(r'title="[^"]*"', "", text)
    assert not list(tmp_path.glob(".*"))


def test_every_frame_empty(tmp_path: Path) -> None:
    text = page(tmp_path, empty(), figures=[], undrawn=[])
    found = check(text)
    assert "table" not in found.seen
    assert text.count('class="empty"') == 9
    assert "0 embeddings scored" in text
    assert "None: everything found was scored and drawn" in text


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
    given["claims"]["provisional"] = True
    figure = picture(tmp_path)
    bad = Figure(HOSTILE, HOSTILE, HOSTILE, HOSTILE, figure.png, tmp_path / "figures" / "javascript:a\"b'<c>.svg")
    text = page(tmp_path, given, figures=[bad], undrawn=[(HOSTILE, HOSTILE)], title=HOSTILE)
    check(text)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "figures/javascript%3Aa%22b%27%3Cc%3E.svg" in text


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    given = pd.DataFrame([["runs/caf\udce9", "not finished"]], columns=["path", "reason"], dtype=object)
    text = page(tmp_path, empty() | {"problems": given}, undrawn=[("figure-08", "no run in caf\udce9")])
    check(text)
    assert "runs/caf?" in text


def test_a_figure_without_statistics_links_none(tmp_path: Path) -> None:
    figure = picture(tmp_path)
    figure.svg.with_suffix(".csv").unlink()
    text = page(tmp_path, empty(), figures=[figure])
    check(text)
    assert "figure-03.svg" in text
    assert "figure-03.csv" not in text


# Findings


def test_questions_with_their_answers_and_figures(tmp_path: Path) -> None:
    text = page(tmp_path, frames())
    check(text)
    part = text[text.index('<section id="findings">') : text.index('<section id="verdicts">')]
    assert re.findall("<h3>(.*?)</h3>", part) == [AHEAD, ORDER]
    first, more = part[: part.index("<details>")], part[part.index("<details>") :]
    assert first.count("The two are level: .00001.") == AT_ONCE
    assert more.count("The two are level: .00001.") == len(DATASETS) - AT_ONCE
    assert f"{len(DATASETS) - AT_ONCE} more answers" in more
    assert part.count('<a href="#figure-03">Figure</a>') == len(DATASETS)
    assert "#figure-optima" not in part  # not drawn
    assert all(f"{margin:.5f}".rstrip("0") in part for margin in MARGINS.values())
    assert '<a href="#findings">' in text


def test_what_is_certain_is_said_first(tmp_path: Path) -> None:
    given = frames()
    given["findings"].loc[len(DATASETS) - 1, ["answer", "p_holm"]] = ["Supervised is ahead.", 0.01]
    text = page(tmp_path, given)
    part = text[text.index('<section id="findings">') : text.index('<section id="verdicts">')]
    assert part.index("Supervised is ahead.") < part.index("The two are level: .00001.")
    assert re.findall("<h3>(.*?)</h3>", part) == [AHEAD, ORDER]


def test_nothing_found_has_no_section(tmp_path: Path) -> None:
    text = page(tmp_path, frames() | {"findings": empty()["findings"]})
    check(text)
    assert "#findings" not in text
    assert 'id="findings"' not in text


# Verdicts


@pytest.mark.parametrize(("verdict", "symbol"), [*VERDICTS.items(), ("withdrawn", "•")])
def test_verdicts_have_a_word_and_a_symbol(tmp_path: Path, verdict: str, symbol: str) -> None:
    text = page(tmp_path, some("claims", claim("c", verdict, missing="more runs")))
    check(text)
    assert re.search(rf'<span aria-hidden="true">{re.escape(symbol)}</span> {verdict}</span>', text)
    assert "more runs" in text
    assert f"1 {verdict}" in text
    assert 'class="provisional"' not in text


def test_a_verdict_shows_its_numbers(tmp_path: Path) -> None:
    def numbers(**values: Any) -> str:
        text = page(tmp_path, some("claims", claim("c", "supported", **values)))
        return next(iter(re.findall('class="numbers">(.*?)<', text)), "")

    assert numbers(p_holm=0.00052) == (
        "0.000163, 95 % interval 0.000102 to 0.000224 · p 0.00013 · Holm p 0.00052 · 12 replicates"
        " · border or margin 0.00005 · exact · float32"
    )
    none = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_value", "margin"), np.nan)
    bare = numbers(**none, source="sample", precision="bfloat16, float32")
    assert bare == "12 replicates · sampled · bfloat16, float32"
    assert numbers(n=0) == numbers(n=np.nan) == ""
    alone = none | {"estimate": -0.25, "n": 1, "unit": "training seed", "source": "", "precision": ""}
    assert numbers(**alone) == "−0.25000 · 1 training seed"
    assert "95 % interval −∞ to 0.300" in numbers(ci_low=-np.inf, ci_high=0.3, margin=0.0).replace("0.30000", "0.300")
    assert "border or margin 0 ·" in numbers(margin=0.0)
    assert "border or margin 0.1375 ·" in numbers(margin=0.1375035237)


def test_provisional_verdicts_say_why(tmp_path: Path) -> None:
    loose = claim("c", "equal", provisional=True, reasons="epochs 20; 4 replicates of 25")
    still = claim("f", "undecided", reasons="2 replicates, not 5")
    text = page(tmp_path, some("claims", loose, claim("d", "equal"), claim("e", "supported"), still))
    check(text)
    assert text.count('<span class="provisional">provisional</span>') == 1
    assert "<strong>Provisional:</strong> epochs 20; 4 replicates of 25" in text
    assert "<dt>Short of</dt><dd>2 replicates, not 5</dd>" in text
    assert "1 supported, 0 contradicted, 2 equal (1 of them provisional), 1 undecided" in text


def test_the_headline_comes_first_and_what_is_open_last(tmp_path: Path) -> None:
    rows = [claim("a", "undecided"), claim("b", "equal"), claim("large-local", "undecided"), claim("c", "supported")]
    text = page(tmp_path, some("claims", *rows))
    assert re.findall(r"<dt>Claim</dt><dd>([\w-]+), section 4.1</dd>", text) == ["large-local", "b", "c", "a"]


def test_the_headline_is_what_the_claims_say_it_is() -> None:
    assert {one.id for one in CLAIMS if one.headline} == {name for names in HEADLINE.values() for name in names}


def test_claims_without_enough_runs_wait_in_a_list_of_their_own(tmp_path: Path) -> None:
    none = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_value"), np.nan) | {"missing": "more runs", "n": 0}
    rows = [claim("c", "undecided", **none, evidence=""), claim("d", "undecided", **none), claim("e", "undecided")]
    text = page(tmp_path, some("claims", *rows))
    check(text)
    assert "2 claims without enough runs" in text
    assert "superior (c).</dt><dd>Missing: more runs</dd>" in text
    assert "superior (d).</dt><dd>So far: contrastive .99331, supervised .99315. Missing: more runs</dd>" in text
    assert text.count('class="claim undecided"') == 1


# The answer

SURE = "95 % interval +0.000102 to +0.000224, Holm p 0.00052, 12 replicates"
FEW = "Contrastive against supervised: too few runs are here to say which is ahead."


def headline(images: str, glob: str, local: str, **values: Any) -> list[dict[str, Any]]:
    return [claim(name, v, p_holm=0.00052, **values) for name, v in zip(HEADLINE[images], (glob, local), strict=True)]


def test_the_page_opens_with_the_answer(tmp_path: Path) -> None:
    text = page(tmp_path, some("claims", *headline("vanilla", "supported", "equal"), claim("range", "contradicted")))
    opening = text[text.index("<h1>") : text.index("<nav")]
    assert re.findall('<p class="answer">(.*?)</p>', opening) == [
        "Contrastive against supervised: on vanilla images, contrastive is ahead in global Spearman "
        f"(+0.000163, {SURE}) and the two are level in local Spearman (+0.000163, {SURE})."
    ]


@pytest.mark.parametrize(
    ("verdict", "values", "said"),
    [
        ("supported", {}, "contrastive is ahead in"),
        ("supported", {"provisional": True}, "provisionally contrastive is ahead in"),
        ("contradicted", {"ci_low": -0.0003, "ci_high": -0.0001}, "supervised is ahead in"),
        ("contradicted", {"ci_high": np.nan}, "contrastive is not ahead in"),
        ("equal", {}, "the two are level in"),
        ("undecided", {}, "it is open which is ahead in"),
        ("undecided", {"provisional": True}, "it is open which is ahead in"),
        ("undecided", {"n": 1}, "too few runs are here to say which is ahead in"),
    ],
)
def test_the_answer_follows_the_verdicts(verdict: str, values: dict[str, Any], said: str) -> None:
    text = answer(headline("large", verdict, verdict, **values))
    assert f"on large images, {said} global (+" in text  # both scores alike: said once
    assert text.count(said) == 1
    assert " and local Spearman (+" in text
    assert text.count(".") - len(re.findall(r"\d\.\d", text)) == 1  # one sentence


def test_too_few_runs_for_an_answer() -> None:
    assert answer([]) == FEW
    assert answer(headline("vanilla", "undecided", "undecided", n=0)) == FEW
    assert answer(headline("vanilla", "undecided", "undecided", n=np.nan)) == FEW
    assert "12 replicates, sampled scores)" in answer(headline("vanilla", "equal", "equal", source="sample"))
    text = answer(headline("vanilla", "supported", "undecided")[:1])
    assert "and too few runs are here to say which is ahead in local Spearman (no pair)." in text


def reached(method: str, **changed: Any) -> dict[str, Any]:
    row = condition(DATASETS[0], method) | {"encoder": "resnet18", "unit": "replicate", "precision": "float32"}
    row |= {"measure": "population_global", "n": 1, "mean": 0.99325, "oracle": 0.99374}
    return row | {"reference_mean": np.nan, "reference_n": np.nan} | changed


def test_the_answer_says_how_near_the_ceiling_each_method_comes() -> None:
    one = reached("contrastive", reference_mean=0.99331, reference_n=5.0)
    told = "On vanilla images the contrastive encoder, never told the energy, orders it with Spearman’s ρ = 0.99325 "
    told += "(1 replicate; the lab’s own: 0.99331, n = 5)"
    assert answer([], [one]) == f"{told}; the pictures allow 0.99374. {FEW}"
    both = answer([], [one, reached("supervised", mean=0.9933, n=2)])
    assert both == f"{told}, the supervised encoder, told the energy, with 0.99330 (2 replicates); " + (
        f"the pictures allow 0.99374. {FEW}"
    )
    sampled = one | {"measure": "global_spearman", "mean": 0.5}
    more = one | {"mean": 0.992, "n": 3, "schedule": "epochs 7"}
    assert "0.99325" in answer([], [sampled, one])  # the exact one
    assert "ρ = 0.99200 (3 replicates" in answer([], [one, more, sampled])  # of most runs
    other = {"counterpart": "another", "mean": 0.99382, "oracle": 0.99406, "n": 9, "protocol": "original"}
    unlike = answer([], [one, reached("supervised", mean=0.9933, n=2), reached("supervised") | other])
    assert unlike == both  # of one law and one recipe, however many runs another one has
    alike = answer(
        [],
        [
            reached(method) | other | {"protocol": "paper", "schedule": "recipe fast"}
            for method in ("contrastive", "supervised")
        ],
    )
    assert "On vanilla images (recipe fast) the contrastive" in alike
    assert "the pictures allow 0.99406" in alike
    passed_over = ({"own": False}, {"usual": False}, {"dim": 2}, {"split": "train"}, {"layer": "features"})
    passed_over += ({"view": "visible"}, {"encoder": "optimum"}, {"objective": "ℓ1"}, {"variant": "gaps"})
    for changed in passed_over:
        assert answer([], [one | changed]) == FEW, changed


def test_the_lab_s_own_results_stand_beside_those_of_the_same_settings(tmp_path: Path) -> None:
    beside = {"reference_mean": 0.99331, "reference_ci_low": 0.99321, "reference_ci_high": 0.99341, "reference_n": 5}
    lone = reached("supervised")
    text = page(tmp_path, some("summary", reached("contrastive", **beside, reference_precision="bfloat16"), lone))
    check(text)
    assert "0.99331 ± 0.00010 <small>bfloat16</small>" in text
    assert "lab ±" in text
    assert "lab ±" not in page(tmp_path, some("summary", lone))


def test_the_page_opens_with_the_main_result(tmp_path: Path) -> None:
    text = page(tmp_path, frames())
    assert text.count('id="figure-03"') == 1
    assert text.index('id="figure-03"') < text.index('id="verdicts"')
    without = page(tmp_path, frames(), figures=[])
    assert 'id="lead"' not in without


# Alarms


@pytest.mark.parametrize("flag", [True, np.True_, 1.0])
def test_alarms_come_first_and_say_by_how_much(tmp_path: Path, flag: object) -> None:
    given = frames()
    assert 'id="alarms"' not in page(tmp_path, given)
    rows = given["runs"].to_dict("records")
    rows[4] |= {"above_ceiling": flag, "excess": 0.00612, "excess_se": 0.000123, "file": "leak.h5"}
    rows[5] |= {"above_ceiling": flag, "excess": None, "rmse_excess": 0.02, "rmse_excess_se": 0.001}
    rows[6] |= {"above_ceiling": None}
    rows[7] |= {"above_ceiling": np.nan}
    rows[8] |= {"excess": 0.5}  # not judged above: no alarm of the page's own
    given["runs"] = pd.DataFrame(rows)
    text = page(tmp_path, given)
    check(text)
    alarms = text[text.index("<main>") : text.index('id="findings"')]
    said = "is above its ceiling, global Spearman by 0.00612 ± 0.00012: an error in the data or the code"
    assert said in alarms
    assert "<strong>vanilla, supervised d = 1, Fig. 16, float32, seed 1</strong>" in alarms
    assert "forest error by 0.02000 ± 0.00100" in alarms
    assert alarms.count("<li>") == 2
    assert "leak.h5" in alarms
    assert [row["Remarks"] for row in table_of(text, "runs")].count("above its ceiling") == 2


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((np.nan, "–"), (0.0, "0"), (5120.0, "5120"), (1024000.0, "1024000"), (-3.0, "−3"), (1.0, "1")),
        *((0.993812345, "0.99381"), (0.0318, "0.03180"), (-0.00041234, "−0.0004123"), (6.61234, "6.6123")),
        *((0.999996, "1.0000"), (0.0999999, "0.1000"), (1.23456e-7, "1.235e−07"), (12345.678, "12346")),
        *((2.5e12, "2.5000e+12"), (np.inf, "∞"), (-np.inf, "−∞")),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert shown(value) == text


def test_the_registry_decides_how_a_measure_is_written() -> None:
    assert [name for name in SHOWN if not fine(name)] == ["representation_range"]
    assert all(fine(PRIMARY[name]) == fine(name) for name in SHOWN if name in PRIMARY)
    assert not fine("blank_offset")
    assert not fine("no such measure")


@pytest.mark.parametrize(
    ("half", "decimals"),
    [(0.00006, 6), (0.0004, 5), (0.0012, 4), (0.5, 2), (12.0, 0), (1e-9, 6), (0.0, 5), (np.nan, 5)],
)
def test_decimals_that_an_interval_needs(half: float, decimals: int) -> None:
    assert spread(1 - half, 1 + half) == decimals or half < 1e-8


def test_units_in_words() -> None:
    assert counts(1, "replicate") == "1 replicate"
    assert counts(25.0, "training seed") == "25 training seeds"
    assert (counts(3, ""), counts(np.nan, "file"), counts(None, "file")) == ("3", "–", "–")


@pytest.mark.parametrize(
    ("measure", "mean", "half", "text"),
    [
        *(
            ("population_global", 0.993812, 0.000213, "0.99381 ± 0.00021"),
            ("population_rmse", 0.0342, 0.0, "0.03420 ± 0.00000"),
        ),
        *(("population_range", 6.6123, 0.2345, "6.61 ± 0.23"), ("population_range", -5.5, 12.3, "−6 ± 12")),
        *(("population_global", 0.993812, np.nan, "0.99381"), ("population_range", 6.5, np.nan, "6.5000")),
        ("population_global", np.nan, np.nan, "–"),
    ],
)
def test_means_with_their_interval(tmp_path: Path, measure: str, mean: float, half: float, text: str) -> None:
    given = {"measure": measure, "mean": mean, "ci_low": mean - half, "ci_high": mean + half, "n": 5}
    given |= {"unit": "replicate", "oracle": 0.99401234567891}
    content = page(tmp_path, some("summary", condition(DATASETS[0], "contrastive") | given))
    assert 'data-value="0.99401234567891" title="0.99401234567891">0.99401</td>' in content or "range" in measure
    row = table_of(content, "summary")[0]
    assert row["Over"] == "5 replicates"
    assert text in row.values() or text == "–"
    assert "Forest RMSE, mean ±" not in row  # nothing to show


# Tables


def scored(measure: str, n: int, mean: float, **values: Any) -> dict[str, Any]:
    row = {"measure": measure, "n": n, "unit": "replicate", "shared_test": False, "mean": mean, "precision": "float32"}
    return condition(DATASETS[0], "contrastive") | row | values


def test_exact_scores_come_first_and_sampled_ones_are_marked(tmp_path: Path) -> None:
    def row(*rows: Mapping[str, Any]) -> dict[str, str]:
        return table_of(page(tmp_path, some("summary", *rows)), "summary")[0]

    whole = scored("population_global", 5, 0.99374), scored("global_spearman", 5, 0.99301)
    assert row(*whole)["Global Spearman, mean ±"] == "0.99374"
    # One run without its population: sampled scores for all of them, never a mixture.
    part = scored("population_global", 4, 0.99374), scored("global_spearman", 5, 0.99301, shared_test=True)
    assert row(*part)["Global Spearman, mean ±"] == "0.99301 | sampled, shared test noise"
    assert row(scored("population_global", 5, 0.99374))["Global Spearman, mean ±"] == "0.99374"
    both = row(*whole, scored("forest_rmse", 3, 0.0326))
    assert both["Over"] == "5 replicates"
    assert both["Forest RMSE, mean ±"] == "0.03260 | sampled, 3 replicates"


def test_printed_figures_stand_under_their_own_law(tmp_path: Path) -> None:
    like = scored("population_global", 5, 0.99374, published=0.9938)
    other = scored("population_global", 5, 0.99374, published_original_law=0.9938)
    paper, apart = "Global Spearman, paper", "Global Spearman, paper (original law)"
    rows = [table_of(page(tmp_path, some("summary", row)), "summary")[0] for row in (like, other)]
    assert rows[0][paper] == "0.99380"
    assert apart not in rows[0]
    assert rows[1][apart] == "0.99380"
    assert paper not in rows[1]


def test_a_condition_is_named_by_its_settings(tmp_path: Path) -> None:
    usual = table_of(page(tmp_path, some("runs", condition(DATASETS[0], "contrastive"))), "runs")[0]
    assert (usual["Data"], usual["Encoder"]) == ("vanilla", "contrastive d = 1 | Fig. 16")
    odd = {"train_words": "numerical-noise, ε_n 0.1", "split": "train", "view": "visible", "pendulums": 512}
    odd |= {"train_pendulums": 256, "objective": "loss l1", "schedule": "epochs 20", "recipe_protocol": "original"}
    odd |= {"label": "mine", "dim": 2, "train_data_seed": 4, "data_seed": 3, "seed": 3.0}
    text = page(tmp_path, some("runs", condition(DATASETS[0], "", **odd) | {"precision": "bfloat16"}))
    row = table_of(text, "runs")[0]
    assert row["Data"] == "vanilla | trained on numerical-noise, ε_n 0.1, train split, both bobs in view, 512 × 20"
    assert row["Encoder"] == "mine d = 2 | loss l1, epochs 20, original, trained with 256 × 20, bfloat16"
    assert (row["Seed"], row["Data seed"], row["Test seed"]) == ("3", "4", "3")
    assert 'title="dataset vanilla-name, trained on vanilla-name, condition' in text
    unknown = condition(DATASETS[0], "contrastive", pendulums=pd.NA, images_per_pendulum=pd.NA, train_pendulums=pd.NA)
    row = table_of(page(tmp_path, some("runs", unknown | {"data_words": "vanilla, settings unknown"})), "runs")[0]
    assert (row["Data"], row["Encoder"]) == ("vanilla, settings unknown", "contrastive d = 1 | Fig. 16")


def test_conditions_apart_stay_apart(tmp_path: Path) -> None:
    """Of one name and label, but of other settings: separate rows."""
    sizes = ({"data_words": "vanilla"}, {"data_words": "vanilla, 24 px"}, {"data_words": "vanilla, time gap 0.25"})
    rows = [scored("population_global", 3, 0.99) | condition(DATASETS[0], "contrastive", **size) for size in sizes]
    found = table_of(page(tmp_path, some("summary", *rows)), "summary")
    assert [row["Data"] for row in found] == ["vanilla", "vanilla, 24 px", "vanilla, time gap 0.25"]


def test_rows_in_the_order_of_the_paper() -> None:
    levels = (
        (0.2, "gaps"),
        (0.1, "numerical-noise"),
        (0.025, "numerical-noise"),
        (np.nan, "gaps"),
        (0, "large"),
        (0, "other"),
    )
    rows: list[dict[str, Any]] = [{"variant": variant, "level": level} for level, variant in levels]
    rows += [{"variant": "vanilla", "level": 0.0, "method": method} for method in reversed(METHODS)]
    order = [(row["variant"], row.get("method"), row["level"]) for row in by_paper(rows)]
    assert order[:2] == [("vanilla", method, 0.0) for method in METHODS]
    assert [variant for variant, _, _ in order[2:]] == [
        "large",
        "numerical-noise",
        "numerical-noise",
        "gaps",
        "gaps",
        "other",
    ]
    assert [level for _, _, level in order[3:6]] == [0.025, 0.1, 0.2]


def test_every_run_shows_its_exact_score_where_it_has_one(tmp_path: Path) -> None:
    run = condition(DATASETS[0], "contrastive") | {"global_spearman": 0.993, "oracle_global_spearman": 0.9935}
    run |= {"global_spearman_low": 0.992, "global_spearman_high": 0.994}
    both = run | {"population_global": 0.99371, "oracle_population_global": 0.99374}
    text = page(tmp_path, some("runs", run, both | {"population_fractured": False, "fractured": True}))
    found = [(row["Global Spearman, value"], row["Global Spearman, oracle"]) for row in table_of(text, "runs")]
    assert found == [("0.99300 | sampled", "0.99350"), ("0.99371", "0.99374")]
    assert "0.993, 95 % interval 0.992 to 0.994" in text
    assert "fractured" not in str(table_of(text, "runs")[1].get("Remarks"))


def compared(measure: str, low: float, high: float, **values: Any) -> dict[str, Any]:
    row = {"measure": measure, "ci_low": low, "ci_high": high, "difference": (low + high) / 2, "n": 3}
    row |= {"unit": "replicate", "shared_test": False, "mean_a": 0.5, "mean_b": 0.4, "label_a": "one"}
    row |= {"method_a": "contrastive", "method_b": "supervised", "objective_a": "", "objective_b": "", "label_b": "two"}
    return condition(DATASETS[0], "") | row | values


def test_comparisons_show_exact_measures_first(tmp_path: Path) -> None:
    names = ("forest_rmse", "global_spearman", "population_local", "population_global", "time_invariance")
    given = [compared(name, 0.00010, 0.00016, shared_test=name == "forest_rmse") for name in names]
    rows = table_of(page(tmp_path, some("comparisons", *given)), "comparisons")
    assert [row["Measure"] for row in rows] == [
        *("Global Spearman, exact", "Local Spearman, exact", "Global Spearman | sampled"),
        "Forest RMSE | sampled, shared test noise",
    ]
    assert rows[0]["Difference ±"] == "0.000130 ± 0.000030"
    assert rows[0]["Over"] == "3 replicates"
    assert rows[0]["Encoder"] == "d = 1 | Fig. 16"


def test_other_comparisons_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    """Those of other methods, settings, encoders and layers; in few measures, exact where they can be."""
    paper = compared("population_global", 0.1, 0.3)
    assert "others-table" not in page(tmp_path, some("comparisons", paper))
    methods = {"method_b": "lab.methods:Odd", "objective_b": "weight 3", "condition_b": "x"}
    settings = {"method_b": "contrastive", "objective_b": "temperature 0.2", "condition_b": "y"}
    names = ("population_global", "global_spearman", "local_spearman", "forest_rmse")
    given = [compared(name, 0.00010, 0.00016, **sides) for sides in (methods, settings) for name in names]
    given += [compared("global_spearman", -0.3, -0.1, encoder="table", counterpart="table"), paper]
    given += [
        compared(name, -0.3, -0.1, layer="features", dim=512, counterpart="layer")
        for name in ("global_spearman", "linear_r2_energy", "linear_r2_velocity")
    ]
    text = page(tmp_path, some("comparisons", *given))
    check(text)
    assert len(table_of(text, "comparisons")) == 1
    rows = table_of(text, "others")
    found = [(row["One"], row["Other"], row["Measure"], row["Ahead"]) for row in rows]
    strange, hot = "Odd (lab.methods) | weight 3", "contrastive | temperature 0.2"
    assert sorted(found) == sorted(
        [
            ("contrastive", strange, "Global Spearman, exact", "contrastive"),
            ("contrastive", strange, "Local Spearman | sampled", "contrastive"),
            ("contrastive", hot, "Global Spearman, exact", "contrastive"),
            ("contrastive", hot, "Local Spearman | sampled", "contrastive"),
            ("contrastive", "supervised", "Global Spearman | sampled", "supervised"),
            ("contrastive", "supervised", "Linear R² of the energy | sampled", "supervised"),
            ("contrastive", "supervised", "Linear R² of the angular velocity | sampled", "–"),
        ]
    )
    assert rows[-1]["Encoder"] == "512 features | Fig. 16"


def test_what_a_straight_line_reads_off(tmp_path: Path) -> None:
    inner = {"layer": "features", "dim": 512, "recipe": '{"dim": 2}'}
    row = {"measure": "linear_r2_energy", "n": 3, "unit": "replicate", "mean": 0.98, "oracle": 0.99}
    row |= condition(DATASETS[0], "contrastive", **inner)
    ranked = row | {"measure": "global_spearman", "mean": 0.9}
    given = some("summary", ranked, row, row | {"measure": "linear_r2_sin", "mean": -0.25, "oracle": None})
    found = table_of(page(tmp_path, given), "linear")
    assert [one["Encoder"] for one in found] == ["contrastive d = 2, 512 features | Fig. 16"]
    assert found[0]["Linear R² of the energy, mean ±"] == "0.98000 | sampled"
    assert found[0]["Linear R² of the energy, oracle"] == "0.99000"
    assert found[0]["Linear R² of sin θ, mean ±"] == "−0.25000 | sampled"
    assert "Linear R² of sin θ, oracle" not in found[0]
    assert "linear-table" not in page(tmp_path, empty())


def test_who_is_ahead(tmp_path: Path) -> None:
    def ahead(measure: str, low: float, high: float) -> str:
        row = compared(measure, low, high, difference=0.2)
        return table_of(page(tmp_path, some("comparisons", row)), "comparisons")[0]["Ahead"]

    assert ahead("population_global", 0.1, 0.3) == "contrastive"
    assert ahead("global_spearman", -0.3, -0.1) == "supervised"
    assert ahead("population_rmse", 0.1, 0.3) == "supervised"
    assert ahead("local_spearman", -0.1, 0.3) == "open"
    assert ahead("local_spearman", np.nan, np.nan) == "–"
    assert ahead("representation_range", 0.1, 0.3) == "–"


def test_records_of_another_law_stand_apart(tmp_path: Path) -> None:
    rows = table_of(page(tmp_path, frames(1)), "records")
    like, other = rows
    assert like["Authors"] == "0.91000 ± 0.01000 (5)"
    assert like["Ours (like for like), mean ± (n)"] == "0.91200 ± 0.00400 (3) | sampled"
    assert like["Ours (like for like), less theirs"] == "0.00200"
    assert like["Ours (paper law), mean ± (n)"] == "–"
    assert other["Ours (like for like), mean ± (n)"] == other["Ours (like for like), less theirs"] == "–"
    assert other["Ours (paper law), mean ± (n)"] == "0.93400 ± 0.00400 (3) | sampled"
    assert other["Ours (paper law), oracle"] == "0.94000"


def test_the_glossary_knows_the_words(tmp_path: Path) -> None:
    text = page(tmp_path, empty())
    glossary = text[text.index('id="glossary"') :]
    for word in ("Exact", "Sampled", "Shared test noise", "Replicate", "Provisional", "Precision", "Monotone RMSE"):
        assert f"<dt>{word}</dt>" in glossary
    assert "equal where" in glossary
    assert "1,700 different images" in glossary  # why the forest is blind at 32 px


# Faults


def test_a_frame_that_is_not_one(tmp_path: Path) -> None:
    given = frames(1)
    with pytest.raises(ValueError, match=r"frame runs lacks excess; expected the columns of pendeval\.tables"):
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
const heads = Array.from(table.tHead.rows[1].cells);
const find = (text) => heads.find((head) => head.querySelector("button").getAttribute("aria-label") === `${text}, value`
  || head.textContent === text);
const values = (head) => Array.from(table.tBodies[0].rows, (row) => row.cells[head.cellIndex].textContent);
const click = (text) => { const head = find(text); head.querySelector("button").click();
  return { cells: values(head), sort: head.getAttribute("aria-sort") }; };
const outcome = { width: innerWidth, content: document.documentElement.scrollWidth, plain: values(find("Range")) };
outcome.first = click("Range");
outcome.second = click("Range");
outcome.words = click("Encoder");
outcome.left = find("Range").getAttribute("aria-sort");
const summary = document.getElementById("summary-table");
const mean = Array.from(summary.tHead.rows[1].cells).find((head) => head.textContent.startsWith("mean"));
mean.querySelector("button").click();
outcome.means = Array.from(summary.tBodies[0].rows, (row) => Number(row.cells[mean.cellIndex].dataset.value));
const box = document.querySelector("input[type=search]");
const filter = (text) => { box.value = text; box.dispatchEvent(new Event("input"));
  return Array.from(table.tBodies[0].rows).filter((row) => row.checkVisibility()).length; };
outcome.filtered = [filter("LARGE superv"), filter("no such run"), filter("sampled"), filter("")];
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
    given["runs"]["representation_range"] = given["runs"]["population_range"] = [
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
    assert outcome["words"]["cells"] == sorted(outcome["words"]["cells"])
    assert outcome["means"] == sorted(outcome["means"])
    assert outcome["filtered"] == [3, 0, len(given["runs"]), len(given["runs"])]


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
