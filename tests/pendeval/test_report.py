"""The report as a user makes it: commands, exit codes, what is written, what is found again, what is left alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from pendeval.embeddings import Embeddings, PopulationEmbeddings, read
from pendeval.keep import keep
from pendeval.measures import exact
from pendeval.measures.regression import halves
from pendeval.report import report, score_file
from pendeval.tables import COLUMNS
from pendeval.writing import csv_bytes, write_whole

Outcome = tuple[int, str, str]
Write = Callable[..., Path]
SMALL: dict[str, Any] = {"pendulums": 60, "images": 3}
ALONE = ("--quiet", "--jobs", "1")


def tables(root: Path, out: Path, **options: Any) -> dict[str, pd.DataFrame]:
    """The report's frames; no problem is expected."""
    made = report([root], out, csv_only=True, quiet=True, **options)
    assert made.problems == []
    return made.frames


def split_of(path: Path) -> Embeddings:
    found = read(path)
    assert isinstance(found, Embeddings)
    return found


# --- report ---


def test_the_whole_report_of_a_few_runs(tmp_path: Path, command: Callable[..., Outcome], write_run: Write) -> None:
    for seed in range(2):
        for method in ("contrastive", "supervised"):
            write_run(seed, method, population=True, examples=5)
    write_run(3, status="running")
    stale = tmp_path / "out" / "figures" / "figure-15.png"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier report")
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--jobs", 1)
    assert code == 1  # one run is unfinished
    assert "not finished (status running)" in err
    told, blank, *lines = out.splitlines()
    assert told.startswith("On vanilla images the contrastive encoder, never told the energy, orders it with")
    assert blank == ""
    assert lines[0].split() == [
        "data",
        "encoder",
        "n",
        "global",
        "oracle",
        "local",
        "oracle",
        "RMSE",
        "oracle",
        "range",
    ]
    assert lines[1].startswith("vanilla  contrastive d = 1")
    assert lines[2].startswith("vanilla  supervised d = 1")
    assert re.fullmatch(r"claims of the paper: \d+ supported, \d+ contradicted, \d+ equal, \d+ undecided", lines[3])
    assert lines[4].startswith(f"wrote {tmp_path / 'out'}/: runs.csv, segments.csv")
    assert lines[4].endswith("figures/, report.html")
    counted = sum(int(number) for number in re.findall(r"\d+", lines[3]))
    assert counted == len(pd.read_csv(tmp_path / "out" / "claims.csv"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "not finished (status running)" in page
    names = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"figure-03.png", "figure-03.svg", "figure-03.csv", "figure-10.png"} <= names
    assert not stale.exists()


def test_several_paths(tmp_path: Path, command: Callable[..., Outcome], write_run: Write) -> None:
    write_run(0, root=tmp_path / "here", population=True, **SMALL)
    loose = write_run(1, root=tmp_path / "there", **SMALL)
    write_run(2, root=tmp_path / "kept away", population=True, **SMALL)
    keep([tmp_path / "kept away"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    paths = (tmp_path / "here", loose, tmp_path / "kept")
    code, _, err = command("pendeval", "report", *paths, "--out", tmp_path / "out", "--csv-only", *ALONE)
    assert (code, err) == (0, "")
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert runs.sort_values("seed")["file"].tolist() == [
        "vanilla/contrastive-d1/seed-0/embeddings/vanilla-test.h5",
        "vanilla-test.h5",
        "vanilla/contrastive-d1/seed-2/embeddings/vanilla-test.h5",
    ]
    assert runs["condition"].nunique() == 1
    assert str(tmp_path) not in (tmp_path / "out" / "runs.csv").read_text()


def test_only_keeps_a_dataset(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run(0, population=True, **SMALL)
    write_run(0, variant="large", **SMALL)
    write_run(1, variant="large", status="running", **SMALL)
    runs = tables(tmp_path / "runs", tmp_path / "out", only=["vanilla"])["runs"]
    assert runs["dataset"].tolist() == ["vanilla"]
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--only", "gaps", "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "is of gaps; there are large, vanilla" in err
    both = report([tmp_path / "runs"], tmp_path / "out", only=["vanilla", "large"], csv_only=True, quiet=True)
    assert (len(both.frames["runs"]), len(both.problems)) == (2, 1)


def test_only_asks_for_what_was_trained_on_too(tmp_path: Path, write_run: Write) -> None:
    write_run(0, train={"variant": "numerical-noise", "parameters": {"eps_n": 0.1}}, **SMALL)
    write_run(1, **SMALL)
    runs = tables(tmp_path / "runs", tmp_path / "out", only=["numerical-noise-0.1"])["runs"]
    assert runs["train_dataset"].tolist() == ["numerical-noise-0.1"]


def test_csv_only_leaves_no_page_of_other_numbers(tmp_path: Path, write_run: Write) -> None:
    write_run(0, population=True, **SMALL)
    made = report([tmp_path / "runs"], tmp_path / "out", quiet=True)
    assert (tmp_path / "out" / "report.html").is_file()
    assert set(made.written) == {*(f"{name}.csv" for name in COLUMNS), "figures/", "report.html"}
    made = report([tmp_path / "runs"], tmp_path / "out", quiet=True, csv_only=True)
    assert not (tmp_path / "out" / "report.html").exists()
    assert set(made.written) == {f"{name}.csv" for name in COLUMNS}


def test_only_what_a_report_made_is_ever_removed(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    out = tmp_path / "out"
    strangers = [out / ".cache" / name for name in ("my-app.json", "data-2024.npz", "x-y.js", "notes.scores.json.gz")]
    strangers += [out / "figures" / name for name in ("figure-01.pdf", "figure-20.tex", "figure-99.png")]
    strangers += [out / "notes.csv"]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    report([tmp_path / "runs"], out, quiet=True)
    report([tmp_path / "runs"], out, quiet=True, csv_only=True)
    assert all(path.read_bytes() == b"mine" for path in strangers)


def test_a_fault_in_a_figure_is_a_problem_and_exit_1(
    tmp_path: Path, command: Callable[..., Outcome], write_run: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pendeval import figures

    def broken(_: object) -> None:
        raise ZeroDivisionError("of all things\nin two lines")

    first, *others = figures.FIGURES
    monkeypatch.setattr(figures, "FIGURES", ((*first[:2], broken), *others[:2]))
    write_run(0, population=True, **SMALL)
    code, _, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", *ALONE)
    assert code == 1
    assert "problem: figure 3: ZeroDivisionError: of all things in two lines" in err
    assert pd.read_csv(tmp_path / "out" / "problems.csv")["path"].tolist() == ["figure 3"]
    assert "ZeroDivisionError" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_odd_text_in_a_run_is_cleaned(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run(**SMALL)
    path = write_run(1, **SMALL)
    held = {"format": "pendulum-run", "format_version": 1, "status": "failed", "reason": "\ud800 two\nlines\x1b[2J"}
    held |= {"recipe": {"seed": 1}, "train_seconds": 10**400}
    (path.parents[1] / "run.json").write_text(json.dumps(held))
    write_run(2, variant="\x1b[2Jmine\nyours", train_label="\x1b]0;title\x07", train_name="x", data_name="y", **SMALL)
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", *ALONE)
    assert code == 1
    assert "failed: ? two lines�[2J" in err
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    assert "failed: ? two lines" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_files_that_agree_in_all_but_size(tmp_path: Path, command: Callable[..., Outcome]) -> None:
    for folder, (pendulums, dim) in {"a": (80, 1), "b": (90, 1), "c": (80, 2)}.items():
        (tmp_path / "runs" / folder).mkdir(parents=True)
        with h5py.File(tmp_path / "runs" / folder / "e.hdf5", "w") as file:
            file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
            file["energy"] = np.linspace(0, 1, pendulums)
            file["embedding"] = np.random.default_rng(0).random((pendulums, 3, dim))
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", *ALONE)
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 8  # the answer, head, three conditions, claims, where


def test_cells_that_would_run_as_formulas_are_defused(tmp_path: Path, write_run: Write) -> None:
    write_run(train_label='=HYPERLINK("x")', data_name="@vanilla", **SMALL)
    tables(tmp_path / "runs", tmp_path / "out")
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert runs["label"].tolist() == ['\'=HYPERLINK("x")']
    assert runs["dataset"].tolist() == ["'@vanilla"]
    frame = pd.DataFrame({"a": [-0.1234567890123456789, np.nan, 1.0], "b": ["-1", "plain − text", " =1"]})
    frame["c"] = pd.array([1, None, 2], "Int64")
    write_whole(tmp_path / "x.csv", csv_bytes(frame))
    assert (tmp_path / "x.csv").read_text() == "a,b,c\n-0.12345678901234568,'-1,1\n,plain − text,\n1.0,' =1,2\n"


def test_the_ceiling_of_the_errors_is_the_oracles_own(tmp_path: Path, write_run: Write) -> None:
    path = write_run()
    row = tables(tmp_path / "runs", tmp_path / "out")["runs"].iloc[0]
    e = split_of(path)
    assert e.energy_given_image is not None
    _, held = halves(np.repeat(np.arange(200), 5))
    errors = (e.energy_given_image - e.energy[:, None]).ravel()[held]
    assert row["ceiling_rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), abs=1e-12)
    assert row["linear_rmse"] == pytest.approx(row["ceiling_rmse"], rel=0.15)
    assert row["ceiling_rmse"] < row["forest_rmse"] < 2 * row["ceiling_rmse"]


# --- the cache ---


def cached(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / ".cache").iterdir()}


def test_a_second_call_scores_only_what_is_new(tmp_path: Path, write_run: Write) -> None:
    write_run(0, population=True, **SMALL)
    first = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    before = cached(tmp_path / "out")
    assert len(before) == 2  # scores, and the oracle of these images
    other = write_run(1, population=True, **SMALL)
    both = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    after = cached(tmp_path / "out")
    assert len(after) == 3  # the oracle of the same images is not scored again
    assert {name: after[name] for name in before} == before
    pd.testing.assert_frame_equal(both.iloc[:1], first, check_dtype=False)
    with h5py.File(other, "r+") as file:
        file["embedding"][...] = file["embedding"][()] ** 3
    changed = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert changed["representation_range"][1] != both["representation_range"][1]
    assert changed["population_range"][1] == both["population_range"][1]


def test_a_changed_population_is_scored_again(tmp_path: Path, write_run: Write) -> None:
    path = write_run(0, population=True, **SMALL)
    first = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    with h5py.File(path.with_name("vanilla-population.h5"), "r+") as file:
        file["embedding"][...] = file["embedding"][()] ** 3
    second = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert second["population_range"][0] != first["population_range"][0]
    path.with_name("vanilla-population.h5").unlink()
    third = tables(tmp_path / "runs", tmp_path / "out")["runs"]
    assert third["population_range"].isna().all()
    assert third["global_spearman"].tolist() == first["global_spearman"].tolist()


def test_what_a_run_says_of_itself_is_read_anew(tmp_path: Path, write_run: Write) -> None:
    path = write_run(0, **SMALL)
    tables(tmp_path / "runs", tmp_path / "out")
    held = json.loads((path.parents[1] / "run.json").read_text())
    (path.parents[1] / "run.json").write_text(json.dumps(held | {"train_seconds": 99.0}))
    assert tables(tmp_path / "runs", tmp_path / "out")["provenance"]["train_seconds"].tolist() == [99.0]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"PK\x03\x04 nothing", b"\x1f\x8b\x08"])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, write_run: Write, damage: bytes) -> None:
    write_run(0, population=True, **SMALL)
    first = tables(tmp_path / "runs", tmp_path / "out")
    for path in (tmp_path / "out" / ".cache").iterdir():
        path.write_bytes(damage)
    second = tables(tmp_path / "runs", tmp_path / "out")
    for name in COLUMNS:
        pd.testing.assert_frame_equal(second[name], first[name])


def test_entries_of_other_code_leave_the_cache(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    tables(tmp_path / "runs", tmp_path / "out")
    cache = tmp_path / "out" / ".cache"
    kept = {path.name for path in cache.iterdir()}
    for suffix in (".json", ".npz", ".scores.json.gz"):
        (cache / f"{'0' * 32}-{'0' * 12}{suffix}").write_bytes(b"of an older version")
    tables(tmp_path / "runs", tmp_path / "out")
    assert {path.name for path in cache.iterdir()} == kept


def test_the_number_of_jobs_changes_nothing(tmp_path: Path, write_run: Write) -> None:
    for seed in range(2):
        path = write_run(seed, population=True, **SMALL)
    path.with_name("vanilla-population.h5").write_bytes(b"broken")
    one, two = (
        report([tmp_path / "runs"], tmp_path / f"out-{jobs}", jobs=jobs, csv_only=True, quiet=True) for jobs in (1, 2)
    )
    for name in COLUMNS:
        pd.testing.assert_frame_equal(one.frames[name], two.frames[name])
    assert one.problems == two.problems
    assert len(one.problems) == 1


def test_two_reports_into_one_folder(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        write_run(seed, population=True, **SMALL)
    argv = [sys.executable, "-m", "pendeval", "report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    both = [subprocess.Popen([*argv, *ALONE], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    assert ends == [(b"", 0)] * 2
    assert len(pd.read_csv(tmp_path / "out" / "runs.csv")) == 3


# --- interruptions ---


def has_scored(_: subprocess.Popen[str], out: Path) -> bool:
    return (out / ".cache").is_dir() and any((out / ".cache").glob("*.json*"))


def starts_processes(process: subprocess.Popen[str], _: Path) -> bool:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return len(children.read_text().split()) >= 2  # the first is Python's resource tracker


@contextmanager
def started(
    tmp_path: Path, write_run: Write, jobs: int, so_far: Callable[[subprocess.Popen[str], Path], bool] = has_scored
) -> Iterator[subprocess.Popen[str]]:
    """A report of six runs, when it has come so far; killed at the end."""
    for seed in range(6):
        write_run(seed, pendulums=1500, images=10, population=True)
    argv = [sys.executable, "-m", "pendeval", "report", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    argv += ["--jobs", str(jobs), "--csv-only"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            until = time.monotonic() + 200
            while not so_far(process, tmp_path / "out") and time.monotonic() < until:
                time.sleep(0.05)
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("so_far", [starts_processes, has_scored])
def test_ctrl_c_is_one_line(
    tmp_path: Path, write_run: Write, so_far: Callable[[subprocess.Popen[str], Path], bool]
) -> None:
    with started(tmp_path, write_run, 2, so_far) as process:
        time.sleep(0.2)  # whatever it does next
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        _, err = process.communicate(timeout=200)
        assert process.returncode == 130
        assert err.strip().splitlines()[-1] == "pendeval: interrupted"
        assert "Traceback" not in err  # of a process that scores: it leaves Ctrl-C to the one that waits for it
        assert not list((tmp_path / "out").glob("*.csv"))


# --- score ---


def test_score_prints_and_speaks_json(write_run: Write, command: Callable[..., Outcome]) -> None:
    path = write_run(population=True)
    code, out, err = command("pendeval", "score", path)
    assert (code, err) == (0, "")
    assert out.startswith("1000 images (all), line: output\nmeasure ")
    assert "nan" not in out
    assert "ceiling of the errors" in out
    _, out, _ = command("pendeval", "score", path, "--json")
    held = json.loads(out)
    e = split_of(path)
    expected = spearmanr(e.embedding.ravel(), np.repeat(e.energy, 5))[0]
    assert held["views"][0]["global_spearman"] == pytest.approx(expected, abs=1e-12)
    assert len(held["bands"]) == 7


def test_score_of_a_population(write_run: Write, command: Callable[..., Outcome]) -> None:
    path = write_run(population=True, **SMALL).with_name("vanilla-population.h5")
    code, out, err = command("pendeval", "score", path)
    assert (code, err) == (0, "")
    found = read(path)
    assert isinstance(found, PopulationEmbeddings)
    rho = exact.spearman(found.embedding[:, 0], found.population)
    assert out.startswith("300 different images (all), line: output\n")
    assert re.search(rf"population_global +{rho:.5f}  exact", out)
    assert "global_spearman" not in out.replace("population", "")


def test_score_of_a_score_file_is_that_of_both(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    path = write_run(population=True, **SMALL)
    (kept,), _ = keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    code, out, err = command("pendeval", "score", kept)
    assert (code, err) == (0, "")
    apart = [command("pendeval", "score", one)[1] for one in (path, path.with_name("vanilla-population.h5"))]
    lines = {line for text in apart for line in text.splitlines() if line.startswith(("population_", "global_"))}
    assert lines <= set(out.splitlines())
    row = score_file(kept).views[0]
    _, out, _ = command("pendeval", "score", kept, "--json")
    assert json.loads(out)["views"][0]["population_global"] == row["population_global"]


def test_score_of_several_views(write_run: Write, command: Callable[..., Outcome]) -> None:
    path = write_run(variant="cropping", parameters={"alpha_c": 0.6}, blank=0.4, **SMALL)
    out = command("pendeval", "score", path)[1]
    assert "180 images (all)" in out
    assert re.search(r"\n\n\d+ images \(visible\)", out)


def test_score_refuses(tmp_path: Path, refused: Callable[..., str], write_run: Write) -> None:
    assert "no file" in refused("pendeval", "score", tmp_path / "nothing.h5")
    assert "no file" in refused("pendeval", "score", tmp_path)
    for name, words in (("bad.h5", "not readable as HDF5"), ("bad.scores.json.gz", "not a score file")):
        (tmp_path / name).write_bytes(b"x")
        error = refused("pendeval", "score", tmp_path / name)
        assert f"{name}: {words}" in error
        assert error.count(name) == 1
    path = write_run(train_method="supervised", train_recipe='{"method": "contrastive"}', **SMALL)
    assert "train_method is 'supervised', but train_recipe has method 'contrastive'" in refused(
        "pendeval", "score", path
    )
    path = write_run(1, data_parameters=f'{{"eps_n": 1{"0" * 400}}}', **SMALL)
    assert "eps_n 1000000" in refused("pendeval", "score", path)


# --- what is refused ---


def test_nothing_to_report(tmp_path: Path, refused: Callable[..., str]) -> None:
    for verb, option in (("report", "--out"), ("keep", "--to")):
        assert "no folder" in refused("pendeval", verb, tmp_path / "nowhere", option, tmp_path / "out")
        (tmp_path / "empty").mkdir(exist_ok=True)
        error = refused("pendeval", verb, tmp_path / "empty", option, tmp_path / "out")
        assert "holds no runs (run.json), embeddings (.h5, .hdf5) or scores (.scores.json.gz)" in error
        (tmp_path / "notes.txt").write_text("x")
        assert "holds no runs" in refused("pendeval", verb, tmp_path / "notes.txt", option, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "Missing argument" in refused("pendeval", "report")
    assert "Missing option '--to'" in refused("pendeval", "keep", tmp_path)


def test_unwritable_output(tmp_path: Path, refused: Callable[..., str], write_run: Write) -> None:
    write_run(**SMALL)
    assert "/dev/null/report" in refused("pendeval", "report", tmp_path / "runs", "--out", "/dev/null/report", *ALONE)
    argv = ("pendeval", "keep", tmp_path / "runs", "--report", tmp_path / "report", *ALONE)
    assert "/dev/null/kept" in refused(*argv, "--to", "/dev/null/kept")


def test_nothing_but_problems_is_a_report_of_problems(
    tmp_path: Path, command: Callable[..., Outcome], write_run: Write
) -> None:
    write_run(0, status="running")
    write_run(1).write_bytes(b"x")
    code, out, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", *ALONE)
    assert code == 1
    assert len(err.splitlines()) == 2
    assert out.startswith("wrote ")
    assert (tmp_path / "out" / "report.html").is_file()


def test_help_is_instant() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pendeval", "--help"], capture_output=True, text=True, check=True)
    assert "pendeval report" in done.stdout
    assert "pendeval keep" in done.stdout
    assert time.monotonic() - began < 10  # far above the half second it takes on an idle machine
