"""What others wrote is opened, and what is wrong with it is named, one problem a file; the rest is reported."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from pendeval import cache, embeddings, files
from pendeval.embeddings import Embeddings, PopulationEmbeddings, read
from pendeval.files import Problem, Source, find, pair_up, read_curve
from pendeval.measures import exact
from pendeval.report import report
from pendeval.tables.condition import identity

Write = Callable[..., Path]
Outcome = tuple[int, str, str]
SMALL: dict[str, Any] = {"pendulums": 40, "images": 2}


def beside(path: Path) -> Path:
    """The population of a test split's file."""
    return path.with_name(path.name.replace("-test", "-population"))


def frames(root: Path, out: Path) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    made = report([root], out, csv_only=True, quiet=True)
    return made.frames, made.problems


def split_of(path: Path) -> Embeddings:
    found = read(path)
    assert isinstance(found, Embeddings)
    return found


# --- what is read ---


def test_a_split_of_version_2(write_run: Write) -> None:
    found = split_of(write_run(examples=4, **SMALL))
    assert found.embedding.shape == (40, 2, 1)
    assert found.embedding.dtype == np.float64
    assert found.energy_given_image is not None
    assert found.visible is not None
    assert found.angle is not None
    assert (found.energy_given_image.shape, found.angle.shape) == ((40, 2), (40, 2, 2))
    assert found.visible.dtype == np.bool_
    assert found.examples is not None
    assert found.examples[0].shape == (4, 32, 32, 3)
    assert found.attributes["data_antialias"] is False
    assert found.attributes["train_precision"] == "float32"
    assert found.parsed("data_time_range", None) == [0.0, 200.0]
    assert found.parsed("data_nothing", 7) == 7


def test_a_population(write_run: Write) -> None:
    path = write_run(noise=0.02, population=True, **SMALL)
    found = read(beside(path))
    assert isinstance(found, PopulationEmbeddings)
    assert found.embedding.shape == (300, 1)
    assert found.population.uniform
    assert 0.98 < abs(exact.spearman(found.embedding[:, 0], found.population)) < 1
    split = split_of(path)
    assert set(split.embedding.ravel()) <= set(found.embedding.ravel())  # the same encoder of the same images


def test_version_1_says_less(write_run: Write) -> None:
    found = split_of(write_run(version=1, **SMALL))
    assert found.attributes["format_version"] == 1
    assert "data_bob_size" not in found.attributes
    assert "train_pendulums" not in found.attributes


def test_single_values_in_arrays_are_read(tmp_path: Path, write_run: Write) -> None:
    write_run(data_split=np.array([b"train"]), train_seed=np.array([[4]]), train_recipe=None, **SMALL)
    row = frames(tmp_path / "runs", tmp_path / "out")[0]["runs"].iloc[0]
    assert (row["split"], row["seed"]) == ("train", 4)


def test_minimal_file_of_another_trainer(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
        file["energy"] = np.linspace(0, 1, 50)
        file["embedding"] = np.repeat(np.linspace(3, -3, 50), 2).reshape(50, 2, 1)
    row = frames(tmp_path, tmp_path / "out")[0]["runs"].iloc[0]
    assert (row["global_spearman"], row["label"], row["data_words"]) == (1.0, "mine", "data unknown")
    assert split_of(path).energy_given_image is None
    assert pd.isna(row["own"])
    reasons = json.loads(row["missing"])
    assert "E[energy | image]" in reasons["excess"]
    assert "E[energy | image]" in reasons["above_ceiling"]
    assert "population.h5" in reasons["population_global"]


# --- what belongs together ---


def test_a_split_and_its_population_are_one_row(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    runs = frames(tmp_path / "runs", tmp_path / "out")[0]["runs"]
    assert runs[["file", "population_file"]].to_numpy().tolist() == [
        [str(one.relative_to(tmp_path / "runs")) for one in (path, beside(path))]
    ]
    assert runs["images"].tolist() == [80]
    assert runs["population_images"].tolist() == [300]
    assert runs["population_global"].notna().all()
    assert runs["global_spearman"].notna().all()


def test_a_population_alone_is_a_row(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True, **SMALL).unlink()
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    row = made["runs"].iloc[0]
    assert problems == []
    assert (row["split"], row["file"], row["population_images"]) == ("test", "", 300)
    assert pd.isna(row["global_spearman"])
    assert row["population_global"] > 0.9
    assert json.loads(row["missing"])["global_spearman"] == "the embeddings of a split"
    assert len(made["segments"]) == 7
    assert made["summary"]["measure"].str.startswith("population_").all()


def test_a_population_belongs_to_the_test_split_of_its_run(write_run: Write) -> None:
    paths = []
    for seed in (0, 1):
        test = write_run(seed, population=True, **SMALL)
        train = test.with_name("vanilla-train.h5")
        train.write_bytes(test.read_bytes())
        with h5py.File(train, "r+") as file:
            file.attrs["data_split"] = "train"
        paths += [test, train, beside(test)]
    sources, problems = pair_up(paths)
    assert problems == []
    assert [(s.split, s.population) for s in sources] == [
        pair for seed in (0, 1) for pair in ((paths[3 * seed], paths[3 * seed + 2]), (paths[3 * seed + 1], None))
    ]


def test_a_renamed_population_is_found_and_a_second_one_stands_alone(write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    renamed = beside(path).rename(path.with_name("zzz.h5"))
    copy = path.with_name("aaa.h5")
    copy.write_bytes(renamed.read_bytes())
    sources, problems = pair_up([renamed, path, copy])
    assert [(source.split, source.population) for source in sources] == [(path, copy), (None, renamed)]
    assert problems == []
    assert pair_up([copy, path, renamed])[0] == sources


def test_a_population_belongs_to_the_layer_of_its_split(tmp_path: Path, write_run: Write) -> None:
    """Outputs and features of one encoder lie side by side, each with a population."""
    outputs = write_run(population=True, **SMALL)

    def wide(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(k * seen) for k in range(1, 70)], axis=-1)

    with h5py.File(outputs) as file:  # of the same run in all but the layer
        told = {name: file.attrs[name] for name in ("train_recipe", "train_label", "train_dim")}
    elsewhere = {"train_layer": "features", "root": tmp_path / "elsewhere"} | told
    features = write_run(population=True, outputs=wide, **elsewhere, **SMALL)
    inner = [path.rename(outputs.parent / f"{path.stem}-features.h5") for path in (features, beside(features))]
    other = beside(outputs).rename(outputs.parent / "first-by-name.h5")
    sources, problems = pair_up([outputs, other, *inner])
    assert problems == []
    assert sources == [Source(inner[0], inner[1]), Source(outputs, other)]
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert problems == []
    runs = made["runs"].set_index("layer")
    assert runs["dim"].to_dict() == {"": 1, "features": 69}
    assert runs["condition"].nunique() == 2
    assert runs["population_global"].notna().all()
    assert made["agreement"]["label_a"].eq("contrastive-d1").all()


def test_a_population_of_other_data_is_a_problem_and_the_split_is_scored(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    with h5py.File(beside(path), "r+") as file:
        file.attrs["data_digest"] = "e" * 64
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert [problem.path for problem in problems] == [beside(path)]
    assert "population of data eeeeeeeeeeee…, but the split beside it is of" in problems[0].reason
    assert made["runs"]["population_file"].tolist() == [""]
    assert made["runs"]["global_spearman"].notna().all()


# --- populations that are wrong ---


def joint(file: h5py.File, change: Callable[[dict[str, NDArray[Any]]], None], digest: bool = True) -> None:
    """Change the columns of a population, and its digest with them."""
    names = list(embeddings.POPULATION)
    columns = {name: file[name][()] for name in names}
    change(columns)
    for name in names:
        del file[name]
        file[name] = columns[name]
    if digest:
        file.attrs["data_population_digest"] = digest_of(columns)


def digest_of(columns: dict[str, NDArray[Any]]) -> str:
    whole = hashlib.sha256()
    for name in ("visible", "probability", "energy_given_image", "energy_edges", "energy_probability", "energy_moment"):
        whole.update(np.ascontiguousarray(columns[name], np.uint8 if name == "visible" else "<f8").tobytes())
    return whole.hexdigest()


def doubled(columns: dict[str, NDArray[Any]]) -> None:
    for name in ("probability", "energy_probability", "energy_moment"):
        columns[name] = 2 * columns[name]


def negative(columns: dict[str, NDArray[Any]]) -> None:
    columns["energy_probability"][0, :2] += [-1.0, 1.0]


def nothing(columns: dict[str, NDArray[Any]]) -> None:
    columns["energy_given_image"][3] = np.nan


def moved(columns: dict[str, NDArray[Any]]) -> None:
    columns["energy_moment"][0, 5] += 0.5


def reversed_edges(columns: dict[str, NDArray[Any]]) -> None:
    columns["energy_edges"] = columns["energy_edges"][::-1]


def half_seen(columns: dict[str, NDArray[Any]]) -> None:
    columns["visible"] = np.full(columns["visible"].shape, 0.5)


def unseen(columns: dict[str, NDArray[Any]]) -> None:
    columns["visible"] = np.full(columns["visible"].shape, np.nan)


def fewer(columns: dict[str, NDArray[Any]]) -> None:
    columns["probability"] = columns["probability"][:-1]


def narrow(columns: dict[str, NDArray[Any]]) -> None:
    columns["energy_edges"] = columns["energy_edges"][:-1]


def impossible(columns: dict[str, NDArray[Any]]) -> None:
    columns["probability"][0], columns["energy_probability"][0], columns["energy_moment"][0] = 0, 0, 0


BROKEN: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "a column missing": (lambda file: file.pop("energy_moment"), "no dataset energy_moment"),
    "other numbers": (
        lambda file: joint(file, lambda c: c["probability"].sort(), digest=False),
        "population has digest",
    ),
    "no digest": (lambda file: file.attrs.pop("data_population_digest"), "but the file says none…"),
    "sum of 2": (lambda file: joint(file, doubled), "probability sums to 2, expected 1"),
    "negative": (lambda file: joint(file, negative), "energy_probability reaches down to -"),
    "never": (lambda file: joint(file, impossible), "probability reaches down to 0, expected positive"),
    "NaN": (lambda file: joint(file, nothing), "energy_given_image holds NaN or infinity"),
    "moments": (lambda file: joint(file, moved), "energy_moment of image 0 in bin 5 has its mean energy outside"),
    "edges": (lambda file: joint(file, reversed_edges), "edges run from 1 to 0, expected to rise"),
    "flags": (lambda file: joint(file, half_seen, digest=False), "visible holds other values than 0 and 1"),
    "no flags": (lambda file: joint(file, unseen, digest=False), "visible holds other values than 0 and 1"),
    "fewer images": (lambda file: joint(file, fewer), "embedding has shape (300, 1), which does not fit probability"),
    "fewer edges": (lambda file: joint(file, narrow), "energy_probability has shape (300, 140), expected (300, 139)"),
    "NaN embedded": (lambda file: put(file, "embedding", np.full((300, 1), np.nan)), "embedding holds NaN"),
    "more outputs": (
        lambda file: [put(file, "embedding", np.arange(600.0).reshape(300, 2)), file.attrs.pop("train_dim")],
        "population has 2 outputs, but the split beside it has 1",
    ),
    "other settings": (
        lambda file: file.attrs.create("data_time_gap", 0.25),
        "population says data_time_gap 0.25, but the split beside it 0.5",
    ),
    "other precision": (
        lambda file: file.attrs.create("train_precision", "bfloat16"),
        "population says train_precision 'bfloat16', but the split beside it 'float32'",
    ),
    "future": (
        lambda file: file.attrs.create("format_version", 3),
        "format is pendulum-embedding 3, expected pendulum-embedding 1 or 2; update pendulum-lab if it is newer",
    ),
    "far too huge": (
        lambda file: declare(file, "energy_probability", (250_000, 20_000)),
        "energy_probability declares shape (250000, 20000), expected at most 40,000,000 values",
    ),
    "no axis": (lambda file: put(file, "embedding", np.zeros(300)), "embedding has shape (300,) of float64"),
    "elsewhere": (
        lambda file: [file.pop("probability"), file.__setitem__("probability", h5py.ExternalLink("x.h5", "/p"))],
        "probability is a link to x.h5:/p",
    ),
}


def put(file: h5py.File, name: str, column: NDArray[np.generic]) -> None:
    """Put another column in the place of one."""
    del file[name]
    file[name] = column


def declare(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    """Declare much that was never written."""
    del file[name]
    file.create_dataset(name, shape, np.float64, chunks=(1, *shape[1:]))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_population_is_named_and_its_split_scored(
    name: str, tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    path = write_run(population=True, **SMALL)
    change, words = BROKEN[name]
    with h5py.File(beside(path), "r+") as file:
        change(file)
    code, _, err = command("pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--csv-only", "--quiet")
    assert code == 1
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    assert len(problems) == 1
    assert problems["path"][0].endswith("vanilla-population.h5")
    assert words in problems["reason"][0]
    assert problems["reason"][0] in err
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert runs["global_spearman"].notna().tolist() == [True]
    assert runs["population_global"].isna().all()


def test_a_truncated_population_is_named_and_its_split_scored(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    beside(path).write_bytes(beside(path).read_bytes()[:4000])
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert [(one.path, "not readable as HDF5" in one.reason) for one in problems] == [(beside(path), True)]
    assert len(made["runs"]) == 1


def test_a_broken_population_by_itself_is_one_problem(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    path.unlink()
    write_run(1, **SMALL)
    with h5py.File(beside(path), "r+") as file:
        joint(file, doubled)
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert [one.path for one in problems] == [beside(path)]
    assert len(made["runs"]) == 1


def test_a_broken_split_leaves_its_population(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    path.write_bytes(b"not HDF5")
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert [(one.path, one.reason.startswith("not readable as HDF5")) for one in problems] == [(path, True)]
    assert made["runs"]["population_global"].notna().tolist() == [True]


# --- runs and splits that are wrong ---


def test_unfinished_failed_and_broken_runs_are_named_and_the_rest_reported(
    tmp_path: Path, command: Callable[..., Outcome], write_run: Write
) -> None:
    write_run(0)
    write_run(1, status="running")
    write_run(2, status="failed")
    changes: dict[str, tuple[Callable[[h5py.File], object], str]] = {
        "version": (
            lambda file: file.attrs.create("format_version", 7),
            "format is pendulum-embedding 7, expected pendulum-embedding 1 or 2; update pendulum-lab if it is newer",
        ),
        "versions": (
            lambda file: file.attrs.create("format_version", [1, 2]),
            "format is pendulum-embedding [1 2], expected pendulum-embedding 1 or 2",
        ),
        "NaN": (lambda file: put(file, "embedding", np.full((200, 5, 1), np.nan)), "embedding holds NaN"),
        "no energy": (lambda file: file.pop("energy"), "no dataset energy"),
        "length": (
            lambda file: put(file, "energy", np.linspace(0, 1, 7)),
            "energy has shape (7,), which does not fit",
        ),
        "one energy": (lambda file: put(file, "energy", np.full(200, 0.4)), "every energy is 0.4, expected different"),
        "energies": (lambda file: put(file, "energy", np.linspace(0, 2, 200)), "energy spans 0 to 2, expected [0, 1]"),
        "oracle": (
            lambda file: put(file, "energy_given_image", np.full((200, 5), 1.2)),
            "energy_given_image spans 1.2 to 1.2, expected [0, 1]",
        ),
        "flags": (
            lambda file: put(file, "visible", np.full((200, 5, 2), 7)),
            "visible holds other values than 0 and 1",
        ),
        "link": (
            lambda file: link(file, h5py.ExternalLink("elsewhere.h5", "/energy")),
            "energy is a link to elsewhere",
        ),
        "soft link": (lambda file: link(file, h5py.SoftLink("/energy_given_image")), "energy is a link to"),
        "a group": (lambda file: [file.pop("energy"), file.create_group("energy")], "no dataset energy"),
        "huge": (
            lambda file: huge(file),
            "embedding declares shape (4000000, 50, 1), expected at most 60,000,000 values, 100,000 rows",
        ),
        "external": (lambda file: elsewhere(file, tmp_path / "raw.bin"), "embedding keeps its data in other files"),
        "virtual": (lambda file: virtual(file), "embedding keeps its data in other files"),
        "axes": (
            lambda file: put(file, "embedding", np.zeros((200, 5), np.float32)),
            "embedding has shape (200, 5) of float32, expected numbers on 3 axes",
        ),
        "text": (lambda file: put(file, "embedding", np.full((200, 5, 1), b"x")), "expected numbers on 3 axes"),
        "complex": (lambda file: put(file, "embedding", np.zeros((200, 5, 1), complex)), "expected numbers on 3 axes"),
        "none": (lambda file: put(file, "embedding", np.zeros((200, 0, 1))), "expected at least one pendulum"),
        "parameters": (lambda file: file.attrs.create("data_parameters", "{"), "data_parameters is '{', expected JSON"),
        "list": (lambda file: file.attrs.create("data_parameters", "[]"), "data_parameters is '[]', expected a JSON"),
        "gaps": (
            lambda file: file.attrs.create("train_gaps", "[[0.3]]"),
            "train_gaps is '[[0.3]]', expected JSON pair",
        ),
        "overlap": (
            lambda file: file.attrs.create("train_gaps", "[[0.1, 0.9], [0.2, 0.3]]"),
            "attribute train_gaps is '[[0.1, 0.9], [0.2, 0.3]]', expected JSON pairs of energies in [0, 1] that do",
        ),
        "many gaps": (
            lambda file: file.attrs.create("train_gaps", json.dumps([[k / 4000, (k + 1) / 4000] for k in range(2000)])),
            "attribute train_gaps is",
        ),
        "seed": (
            lambda file: file.attrs.create("train_seed", "first"),
            "train_seed is 'first', expected a whole number",
        ),
        "big seed": (
            lambda file: file.attrs.create("train_seed", np.uint64(2**64 - 1)),
            "attribute train_seed is 18446744073709551615, expected a whole number of 64 bits",
        ),
        "noise": (
            lambda file: file.attrs.create("data_parameters", '{"eps_n": "big"}'),
            "attribute data_parameters has eps_n 'big', expected a number",
        ),
        "big noise": (
            lambda file: file.attrs.create("data_parameters", f'{{"eps_n": 1{"0" * 400}}}'),
            "attribute data_parameters has eps_n 1000000",
        ),
        "deep": (
            lambda file: file.attrs.create("train_recipe", '{"a": ' + "[" * 400 + "]" * 400 + "}"),
            "attribute train_recipe is",
        ),
        "label": (lambda file: file.attrs.create("train_label", [1, 2]), "train_label is array([1, 2]), expected text"),
        "split": (lambda file: file.attrs.create("data_split", ["a", "b"]), "data_split is array(['a', 'b']"),
        "antialias": (lambda file: file.attrs.create("data_antialias", [0, 1]), "data_antialias is array([0, 1])"),
        "maybe": (
            lambda file: file.attrs.create("data_antialias", "maybe"),
            "data_antialias is 'maybe', expected true",
        ),
        "time gap": (
            lambda file: file.attrs.create("data_time_gap", np.nan),
            "data_time_gap is nan, expected a finite",
        ),
        "times": (lambda file: file.attrs.create("data_time_range", "[5, 1]"), "data_time_range is '[5, 1]', expected"),
        "bands": (lambda file: file.attrs.create("data_energy_bands", [0.0, 1.0]), "expected JSON"),
        "bobs": (
            lambda file: file.attrs.create("data_bob_size", 0),
            "data_bob_size is 0, expected a whole number of 64 bits, 1 or more",
        ),
        "pendulums": (
            lambda file: file.attrs.create("data_pendulums", 5120),
            "attribute data_pendulums is 5120, but embedding has shape (200, 5, 1)",
        ),
        "images": (lambda file: file.attrs.create("data_images", 20), "attribute data_images is 20, but embedding has"),
        "contradiction": (lambda file: file.attrs.create("train_method", "supervised"), "train_method is 'supervised'"),
        "rows": (lambda file: bomb(file, (150_000, 1, 1), (150_000, 1, 1)), "embedding declares shape (150000, 1, 1)"),
        "outputs": (lambda file: bomb(file, (10, 2, 900_000), (10, 2, 900_000)), "embedding declares shape (10, 2, 9"),
        "chunks": (
            lambda file: bomb(file, (200, 5, 1), (60_000_000, 2, 1)),
            "embedding has chunks of (60000000, 2, 1), expected at most 256 MB",
        ),
        "numbers": (
            lambda file: put(file, "embedding", np.full((200, 5, 1), 1e300)),
            "embedding reaches 1e+300, expected numbers that float32 can hold",
        ),
        "pictures": (
            lambda file: [put(file, "example_image", np.zeros((2, 8, 9, 3)))],
            "example_image has shape (2, 8, 9, 3), example_energy (4,)",
        ),
        "odd type": (
            lambda file: h5py.h5a.create(file.id, b"when", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR)),
            "not readable as HDF5",
        ),
    }
    broken = {name: write_run(seed, examples=4) for seed, name in enumerate(changes, start=10)}
    for name, (change, _) in changes.items():
        with h5py.File(broken[name], "r+") as file:
            change(file)
    others = {name: write_run(seed) for seed, name in enumerate(("gone", "no HDF5", "cut off", "empty"), start=3)}
    others["gone"].unlink()
    others["no HDF5"].write_bytes(b"not HDF5")
    others["cut off"].write_bytes(others["cut off"].read_bytes()[:3000])
    others["empty"].write_bytes(b"")
    began = time.process_time()
    code, out, err = command(
        "pendeval", "report", tmp_path / "runs", "--out", tmp_path / "out", "--quiet", "--csv-only", "--jobs", 1
    )
    assert time.process_time() - began < 30
    assert code == 1
    assert " 1  " in out.splitlines()[3]  # after the answer and the head; one seed scored
    expected = {f"seed-{seed}": reason for seed, (_, reason) in enumerate(changes.values(), start=10)}
    expected |= {"seed-1": "not finished (status running)", "seed-2": "failed: no reason given"}
    expected |= {"seed-3": "complete, but without embeddings"}
    expected |= dict.fromkeys(("seed-4", "seed-5", "seed-6"), "not readable as HDF5")
    problems = pd.read_csv(tmp_path / "out" / "problems.csv")
    for seed, reason in expected.items():
        (found,) = (row for row in problems.itertuples() if f"{seed}/" in f"{row.path}/")
        assert reason in str(found.reason), seed
        assert str(found.reason) in err
    assert len(problems) == len(expected)
    assert "Traceback" not in err


def link(file: h5py.File, target: h5py.ExternalLink | h5py.SoftLink) -> None:
    """Put a link in the place of the energies."""
    del file["energy"]
    file["energy"] = target


def huge(file: h5py.File) -> None:
    """Declare a terabyte that was never written."""
    del file["embedding"]
    file.create_dataset("embedding", (4_000_000, 50, 1), np.float64, chunks=(1000, 50, 1))


def bomb(file: h5py.File, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    """Declare much in little space."""
    del file["embedding"]
    most = tuple(None for _ in shape)
    file.create_dataset("embedding", shape, np.float32, chunks=chunks, compression="gzip", maxshape=most)


def elsewhere(file: h5py.File, path: Path) -> None:
    """Keep the values outside the file."""
    del file["embedding"]
    path.write_bytes(bytes(4000))
    file.create_dataset("embedding", (200, 5, 1), np.float32, external=[(str(path), 0, 4000)])


def virtual(file: h5py.File) -> None:
    """Borrow the values from another file."""
    del file["embedding"]
    layout = h5py.VirtualLayout((200, 5, 1), np.float32)
    layout[...] = h5py.VirtualSource("/etc/passwd", "embedding", (200, 5, 1))
    file.create_virtual_dataset("embedding", layout)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "run.json cannot be read"),
        (b"[]", "run.json cannot be read"),
        (b"\xff\xfe", "run.json cannot be read"),
        (b'{"format": "pendulum-run", "format_version": 3, "status": "complete"}', "says format pendulum-run 3, exp"),
        (b'{"format": "pendulum-run", "format_version": [1], "status": "complete"}', "says format pendulum-run [1]"),
        (
            b'{"format": "other", "format_version": 1, "status": "complete"}',
            "says format other 1, expected pendulum-run",
        ),
        (b'{"format": "pendulum-run", "format_version": 2, "status": {"a": 1}}', "not finished (status {'a': 1})"),
        (b"[" * 100_000, "run.json cannot be read"),
    ],
)
def test_a_run_that_cannot_be_read_is_named(tmp_path: Path, write_run: Write, content: bytes, words: str) -> None:
    write_run(0, **SMALL)
    (write_run(1, **SMALL).parents[1] / "run.json").write_bytes(content)
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert [one.path.name for one in problems] == ["seed-1"]
    assert words in problems[0].reason
    assert len(made["runs"]) == 1
    assert len(made["provenance"]) == 2


def test_what_a_run_says_of_itself_is_no_danger(tmp_path: Path, write_run: Write) -> None:
    path = write_run(**SMALL)
    description = path.parents[1] / "run.json"
    held = json.loads(description.read_text())
    held |= {"label": ["a"], "began": 5, "train_seconds": "long", "environment": [1], "recipe": {"a": "\ud800"}}
    held |= {"dataset": {"name": {"b": 2}, "digest": "\ud800"}, "hostname": "secret"}
    description.write_text(json.dumps(held))
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert problems == []
    row = made["provenance"].iloc[0]
    assert (row["status"], json.loads(row["recipe"])) == ("complete", {"a": "?"})
    assert "secret" not in made["provenance"].to_csv()


def test_what_lies_in_hidden_folders_is_passed_over(tmp_path: Path, write_run: Write) -> None:
    write_run(**SMALL)
    held = tmp_path / "runs" / ".snapshot"
    shutil.copytree(tmp_path / "runs" / "vanilla", held / "vanilla")
    unfinished = next(held.rglob("run.json"))
    unfinished.write_text(unfinished.read_text().replace('"complete"', '"failed"'))
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert problems == []
    assert (len(made["runs"]), len(made["provenance"])) == (1, 1)


def test_odd_recipes_are_only_another_recipe(tmp_path: Path, write_run: Write) -> None:
    write_run(train_recipe='{"method": "contrastive", "a": "\\ud800", "b": NaN, "c": 1e999}', **SMALL)
    made, problems = frames(tmp_path / "runs", tmp_path / "out")
    assert problems == []
    assert made["runs"]["objective"].eq("a ?, b nan, c inf").all()
    assert made["runs"]["schedule"].eq("the rest unknown").all()


@pytest.mark.parametrize(
    ("content", "rows"),
    [("", 0), ("step,loss\n", 0), ("step,loss\n1,2\n2,x\n3\n", 3), ("step,loss\n1,2,3,4\n", 1), ("a\n" * 2000, 1999)],
)
def test_training_curves(tmp_path: Path, content: str, rows: int) -> None:
    (tmp_path / "metrics.csv").write_text(content)
    found = read_curve(tmp_path)
    assert all(len(column) == rows for column in found.values())
    assert read_curve(tmp_path / "nowhere") == {}
    if "2,x" in content:
        assert np.isnan(found["loss"][1:]).all()


def test_a_curve_that_cannot_be_read_is_named(tmp_path: Path, write_run: Write, refused: Callable[..., str]) -> None:
    path = write_run(**SMALL)
    (path.parents[1] / "metrics.csv").write_text('a\n"' + "x" * 200_000)
    assert "metrics.csv cannot be read" in frames(tmp_path / "runs", tmp_path / "out")[1][0].reason
    assert "metrics.csv cannot be read" in refused("pendeval", "score", path)


# --- what is found ---


def test_what_is_no_file_is_named(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run(**SMALL)
    runs = tmp_path / "runs"
    (runs / "folder.h5").mkdir()
    (runs / "dangling.h5").symlink_to(runs / "nowhere")
    (runs / "loop").symlink_to(runs)
    (runs / ".hidden").mkdir()
    (runs / ".hidden" / "x.h5").write_bytes(b"")
    (runs / "scores.scores.json.gz").mkdir()
    os.mkfifo(runs / "pipe.HDF5")
    code, _, err = command("pendeval", "report", runs, "--out", tmp_path / "out", "--quiet", "--csv-only")
    assert code == 1
    for name in ("folder.h5", "dangling.h5", "pipe.HDF5", "scores.scores.json.gz"):
        assert f"{name}: not a regular file" in err
    assert len(pd.read_csv(tmp_path / "out" / "problems.csv")) == 4
    assert len(pd.read_csv(tmp_path / "out" / "runs.csv")) == 1


def test_endings_of_any_case_are_found(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    other = path.rename(path.with_suffix(".HDF5"))
    assert find(tmp_path / "runs")[0] == sorted([other, beside(path)])
    assert len(pair_up(find(tmp_path / "runs")[0])[0]) == 1
    assert find(other) == ([other], [])
    with pytest.raises(FileNotFoundError, match="no folder"):
        find(tmp_path / "nowhere")


def test_only(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    write_run(0, variant="large", status="failed", **SMALL)
    assert len(find(tmp_path / "runs", ["vanilla"])[1]) == 0
    assert len(find(tmp_path / "runs", ["large"])[1]) == 1
    assert len(find(tmp_path / "runs")[1]) == 1


def test_numbers_do_not_depend_on_byte_order_or_width(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, **SMALL)
    plain = read(path), read(beside(path))
    for one in (path, beside(path)):
        with h5py.File(one, "r+") as file:
            for name in list(file):
                column = file[name][()]
                put(file, name, column.astype(column.dtype.newbyteorder(">") if column.dtype.kind == "f" else "<i4"))
    for mine, theirs in zip(plain, (read(path), read(beside(path))), strict=True):
        assert np.array_equal(mine.embedding, theirs.embedding)


def test_golden_file_of_version_1_scores_as_before(tmp_path: Path) -> None:
    """Estimates of the code before version 2, to the bit up to the order of sums; limits of intervals were mended."""
    golden = Path(__file__).parents[1] / "golden" / "embedding-1.h5"
    record = cache.scored(files.Source(golden, None), golden.parent, tmp_path)
    expected = {
        "global_spearman": 0.12721562869323952,
        "local_spearman": -0.028883582232920146,
        "local_abs_spearman": 0.8655436087669957,
        "gap_spearman": -0.8944271909999159,
        "gap_abs_spearman": 0.8944271909999159,
        "visible_band_spearman": 0.8366600265340756,
        "interior_band_spearman": 0.8366600265340756,
        "forest_rmse_sd": 0.000578575838720938,
        "forest_rmse": 0.2298117719162554,
        "knn_rmse": 0.22631125672156344,
        "linear_rmse": 0.23893456472322488,
        "time_invariance": 0.6690730389175258,
        "representation_range": 0.032613277435302734,
        "vertical_correlation": 0.6570642872492558,
        "oracle_global_spearman": 0.9470496802718942,
        "oracle_local_spearman": 0.7016982414837364,
        "oracle_gap_spearman": 0.4472135954999579,
        "oracle_visible_band_spearman": 0.9561828874675149,
        "oracle_forest_rmse": 0.19585480980245903,
        "oracle_linear_rmse": 0.06374067477267359,
        "oracle_time_invariance": 0.932468809516684,
        "ceiling_rmse": 0.03857010677263737,
        "rmse_excess": -0.19124166514361804,
        "rmse_excess_se": 0.10283667355584716,
    }
    row = record.views[0]
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert "above_ceiling" not in row
    third = next(band for band in record.bands if band["kind"] == "segment" and band["number"] == 3)
    assert third["density"] == pytest.approx(8.689584382127283, abs=1e-12)
    assert third["range_density"] == pytest.approx(5.810450602617175, abs=1e-12)
    assert third["oracle_spearman"] == pytest.approx(0.9561828874675149, abs=1e-12)
    cells = identity(record, "all")
    assert cells["data_words"] == "gaps, α_g 0.4, settings unknown"
    assert (cells["own"], cells["usual"], cells["full"]) == (True, False, False)
    assert cells["schedule"] == "batch 6, epochs 1"
