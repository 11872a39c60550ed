"""Score files: what was scored comes back to the bit, stays small, and is believed no further than it is checked."""

import base64
import gzip
import hashlib
import io
import json
import re
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from pendeval import scores
from pendeval.cache import scored
from pendeval.embeddings import Embeddings
from pendeval.files import Source, pair_up
from pendeval.keep import keep
from pendeval.packing import packed
from pendeval.report import report
from pendeval.sample import Sample, thin
from pendeval.scores import Record, pack, read_scores, thin_curve, thin_examples, thin_population, unpack
from pendeval.tables import COLUMNS

Write = Callable[..., Path]
Outcome = tuple[int, str, str]
SMALL: dict[str, Any] = {"pendulums": 40, "images": 2}
ALONE = ("--quiet", "--jobs", "1")
zipped = partial(gzip.compress, mtime=0)  # a clock in a parameter would give each test process tests of other names


def record_of(path: Path, folder: Path) -> Record:
    """The record of a run, scored anew."""
    (source,), problems = pair_up(sorted(path.parent.glob("*.h5")))
    assert problems == []
    return scored(source, path.parents[1], folder)


@pytest.fixture
def record(tmp_path: Path, write_run: Write) -> Record:
    """A small run with everything that a score file can hold."""
    (tmp_path / "cache").mkdir()
    cropped = {"variant": "cropping", "parameters": {"alpha_c": 0.6}, "blank": 0.3}
    return record_of(write_run(population=True, examples=5, **cropped, **SMALL), tmp_path / "cache")


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal to the bit; NaN equals NaN."""
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, Sample):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in fields(Sample))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def parts(content: bytes) -> dict[str, Any]:
    """What a score file holds, as JSON."""
    held = json.loads(gzip.decompress(content))
    assert isinstance(held, dict)
    return held


def sealed(held: Mapping[str, Any], checksum: bool = True) -> bytes:
    """A score file that holds this, with a checksum that fits."""
    held = {key: value for key, value in held.items() if key != "checksum" or not checksum}
    if checksum:
        text = json.dumps(held, sort_keys=True, separators=(",", ":"))
        held = {**held, "checksum": hashlib.sha256(text.encode()).hexdigest()}
    return zipped(json.dumps(held).encode())


# --- round trip ---


def test_what_goes_in_comes_out_to_the_bit(record: Record) -> None:
    content = pack(record)
    found = unpack(content)
    for field in fields(Record):
        assert same(getattr(found, field.name), getattr(record, field.name)), field.name
    assert pack(found) == content
    assert found.sample is not None
    assert found.sample.oracle is not None
    assert found.population is not None
    assert found.examples is not None
    assert found.population.shape == (300, 1)
    assert found.examples[0].shape == (5, 32, 32, 3)
    assert [row["view"] for row in found.views] == ["all", "visible"]
    assert found.scored_by["code"]


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_outputs_of_any_number_come_back(tmp_path: Path, write_run: Write, dim: int) -> None:
    def outputs(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.cos(k + 3 * seen) for k in range(dim)], axis=-1)

    found = record_of(write_run(outputs=outputs, population=True, **SMALL), tmp_path)
    assert found.sample is not None
    assert found.population is not None
    assert found.sample.embedding.shape == (80, dim)
    assert found.population.shape == (300, dim)
    assert same(unpack(pack(found)).sample, found.sample)


def test_equal_runs_give_equal_bytes(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, examples=2, **SMALL)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    assert pack(record_of(path, tmp_path / "a")) == pack(record_of(path, tmp_path / "b"))


def test_a_file_without_most_things_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    with h5py.File(path, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "pendulum-embedding", 1
        file["energy"] = np.linspace(0, 1, 5)
        file["embedding"] = np.linspace(3, -3, 10).reshape(5, 2, 1)
    found = scored(Source(path, None), tmp_path, tmp_path)
    assert found.sample is not None
    assert (found.sample.oracle, found.sample.angle, found.sample.visible) == (None, None, None)
    assert (found.population, found.examples, found.curve, found.provenance) == (None, None, {}, {})
    assert same(unpack(pack(found)).views, found.views)


def test_odd_angles_and_energies_do_not_wrap(tmp_path: Path, write_run: Write) -> None:
    path = write_run(**SMALL)
    with h5py.File(path, "r+") as file:
        file["angle"][...] += 40 * np.pi  # another trainer may count turns
        angle = file["angle"][()]
    sample = record_of(path, tmp_path).sample
    assert sample is not None
    assert sample.angle is not None
    shown = np.random.Generator(np.random.Philox(key=0)).permutation(80)
    assert np.allclose(np.cos(sample.angle), np.cos(angle.reshape(-1, 2)[shown]), atol=1e-4)
    assert np.abs(sample.angle).max() <= np.pi


# --- size ---


@pytest.mark.parametrize(("dim", "nth", "least"), [(1, 1, 300), (2, 1, 300), (3, 1, 300), (8, 3, 150), (512, 168, 3)])
def test_a_score_file_is_small(dim: int, nth: int, least: int, tmp_path: Path, write_run: Write) -> None:
    """At most 42 kB for a whole test split and 1,720 images that can occur, with nothing in it that compresses."""

    def outputs(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.random.default_rng(1).standard_normal((*seen.shape, dim))

    gaps = {"variant": "gaps", "parameters": {"alpha_g": 0.4}, "blank": 0.2}  # the most views and bands there can be
    path = write_run(outputs=outputs, population=True, examples=30, **gaps, **SMALL)
    found = record_of(path, tmp_path)
    draw = np.random.default_rng(2)
    with Image.open(Path(__file__).parents[2] / "data" / "pictures" / "variants.png") as picture:
        photo = np.asarray(picture.convert("RGB").crop((0, 0, 192, 160)))  # thirty pictures that are no noise
    pictures = photo.reshape(5, 32, 6, 32, 3).swapaxes(1, 2).reshape(30, 32, 32, 3)
    whole = Embeddings(
        path=path,
        embedding=draw.standard_normal((5120, 20, dim)),
        energy=draw.random(5120),
        energy_given_image=draw.random((5120, 20)),
        angle=draw.uniform(-np.pi, np.pi, (5120, 20, 2)),
        visible=draw.random((5120, 20, 2)) > 0.5,
        attributes={},
    )
    population, every = thin_population(draw.standard_normal((1720, dim)))
    curve = {f"column_{k}": list(draw.standard_normal(5000)) for k in range(6)}
    curve |= {"images": list(1024.0 * np.arange(1, 5001)), "seconds": list(np.cumsum(draw.random(5000)))}
    looked = np.where(np.arange(5000) % 40 == 0, 1.0, np.nan)
    curve |= {name: list(looked * draw.random(5000)) for name in ("spearman", "local_spearman")}
    curve |= {name: list(looked * 0.8063) for name in ("oracle_spearman", "oracle_local_spearman")}
    large = replace(
        found,
        sample=thin(whole, draw.standard_normal(102_400)),
        population=population,
        every=every,
        curve=thin_curve(curve),
        examples=thin_examples((np.ascontiguousarray(pictures), np.linspace(0, 1, 30))),
    )
    assert every == nth
    assert large.sample is not None
    assert len(large.sample.values) >= least
    assert len(pack(large)) <= 42_000
    assert same(unpack(pack(large)).sample, large.sample)


def test_thinning() -> None:
    curve = {"step": [float(k) for k in range(1000)], "loss": [np.inf, *np.arange(999) / 7]}
    thinned = thin_curve(curve)
    assert len(thinned["step"]) == 100
    assert (thinned["step"][0], thinned["step"][-1]) == (0, 999)
    assert np.isnan(thinned["loss"][0])
    few = [k / 1000 if k % 30 == 29 else np.nan for k in range(999)] + [0.999]
    scored = thin_curve(curve | {"spearman": few})
    assert (len(scored["step"]), scored["step"][0], scored["step"][-1]) == (100, 0, 999)
    there = np.isfinite(scored["spearman"])  # none is lost, whatever rows are spread evenly
    assert np.array_equal(np.array(scored["step"])[there], [*range(29, 999, 30), 999])
    often = thin_curve(curve | {"spearman": [0.5] * 1000})
    assert len(often["step"]) == 100
    both = thin_curve(curve | {"spearman": [0.5] * 900 + [np.nan] * 100})
    assert (len(both["step"]), np.isfinite(both["spearman"]).sum(), both["step"][-1]) == (100, 50, 999)
    assert thin_curve({}) == {}
    assert thin_curve({"a": []}) == {"a": []}
    assert len(thin_curve({str(k): [1.0] for k in range(500)})) == 12
    assert thin_population(np.zeros((10, 1)))[1] == 1
    few, every = thin_population(np.arange(200_000.0)[:, None])
    assert np.array_equal(few[:, 0], np.arange(0, 200_000, every))
    noise = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    kept = thin_examples((noise, np.arange(30.0)))
    assert kept is not None
    assert 1 <= len(kept[1]) <= 4
    assert np.array_equal(kept[0], noise[: len(kept[1])])
    huge = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), np.uint8)
    assert thin_examples((huge, np.zeros(1))) is None
    assert thin_examples((noise[:0], np.zeros(0))) is None
    assert thin_examples(None) is None


# --- what is wrong with a score file ---


def change(*keys: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """Puts `to` at a place in nested lists and objects."""

    def put(held: dict[str, Any]) -> None:
        place: Any = held
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return put


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "settings": change("settings", "data_bob_size", to=5),
    "label": change("settings", "train_label", to="better"),
    "a measure": change("views", 0, "population_global", to=0.9999),
    "a band": change("bands", 0, "spearman", to=0.9999),
    "the file": change("file", to="elsewhere.h5"),
    "a digest": change("embedding_digest", to="a" * 64),
    "an array": change("sample", "values", "data", to="AAAA"),
    "provenance": change("provenance", "device", to="abacus"),
    "the curve": change("curve", "loss", to=[0.0]),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_edited_is_a_named_problem(name: str, record: Record) -> None:
    held = parts(pack(record))
    EDITS[name](held)
    with pytest.raises(ValueError, match=r"checksum is .*: it was edited or damaged"):
        unpack(sealed(held, checksum=False))
    held.pop("checksum")
    with pytest.raises(ValueError, match="not a score file: KeyError"):
        unpack(sealed(held, checksum=False))


def png(width: int, height: int, body: bytes = b"") -> str:
    """A PNG that declares a size, as base64."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return base64.b64encode(content).decode()


FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no views": (change("views", to=[]), "views are [], expected all"),
    "odd views": (change("views", 0, "view", to="none"), "views are ['none', 'visible'], expected all"),
    "a view twice": (change("views", 1, "view", to="all"), "views are ['all', 'all']"),
    "views without names": (change("views", to=[{}]), "not a score file: KeyError('view')"),
    "views of text": (change("views", to="all"), "not a score file: TypeError"),
    "text for a number": (
        change("views", 0, "global_spearman", to="much"),
        "global_spearman is 'much', expected a num",
    ),
    "list for a number": (change("views", 0, "oracle_global_spearman", to=[1]), "oracle_global_spearman is [1]"),
    "number for a flag": (change("views", 0, "above_ceiling", to=3), "above_ceiling is 3, expected"),
    "number for text": (change("views", 0, "line", to=3), "line is 3, expected text"),
    "huge number": (change("views", 0, "images", to=10**400), "images is 1000000"),
    "infinity": (change("views", 0, "excess", to=float("inf")), "excess is inf, expected a number"),
    "correlations": (change("views", 0, "vertical_correlations", to=["x"]), "vertical_correlations is ['x']"),
    "a band of no view": (change("bands", 0, "view", to="some"), "in view 'some', expected others"),
    "a band of no kind": (change("bands", 0, "kind", to="gulf"), "of 'gulf' in view"),
    "a band of no number": (change("bands", 0, "number", to="one"), "a band is number 'one'"),
    "no file": (lambda held: held.update(file="", population_file=""), "names no file that was scored"),
    "no digest": (change("digest", to=""), "names no file that was scored, or no digest"),
    "odd digest": (change("digest", to="../../x"), "digest is '../../x', expected a SHA-256"),
    "contradiction": (change("settings", "train_method", to="supervised"), "train_method is 'supervised', but train_"),
    "odd setting": (change("settings", "train_seed", to="x"), "attribute train_seed is 'x', expected a whole number"),
    "settings of text": (change("settings", to="vanilla"), "not a score file: AttributeError"),
    "short curve": (change("curve", "loss", to=[0.5]), "the curve has 6 columns of [1, 20] rows"),
    "long curve": (change("curve", to={"loss": [0.5] * 101}), "the curve has 1 columns of [101] rows"),
    "curve of text": (change("curve", "loss", to=["x"] * 20), "the curve holds other things than numbers"),
    "short sample": (change("sample", "energy", to=packed("energy", np.zeros(3))), "of the sample has shape"),
    "deep sample": (
        change("sample", "values", to=packed("values", np.zeros((80, 1, 1)))),
        "values of the sample has shape",
    ),
    "empty sample": (
        change("sample", to={name: packed(name, np.zeros(0)) for name in ("energy", "values")}),
        "of the sample has shape (0,",
    ),
    "no sample": (change("sample", to={}), "not a score file:"),
    "odd type": (
        change("sample", "values", "dtype", to="<f8"),
        "values has dtype and scale ('<f8', 1.0), expected ('<f4', 1.0)",
    ),
    "objects": (change("sample", "values", "dtype", to="|O"), "values has dtype and scale ('|O', 1.0)"),
    "odd shape": (change("sample", "values", "shape", to=[10**9]), "cannot reshape array"),
    "negative shape": (change("sample", "values", "shape", to=[-1]), "values has shape [-1]"),
    "shape of text": (change("sample", "values", "shape", to="80"), "values has shape '80'"),
    "odd scale": (change("sample", "values", "scale", to=1e299), "values has dtype and scale ('<f4', 1e+299)"),
    "no scale": (change("sample", "values", "scale", to="x"), "values has dtype and scale ('<f4', 'x')"),
    "NaN": (change("sample", "values", to=packed("values", np.full(80, np.nan))), "values holds NaN"),
    "no base64": (change("sample", "values", "data", to="!"), ""),
    "odd bytes": (change("sample", "values", "data", to="AAAA"), "buffer size must be a multiple"),
    "other outputs": (
        change("population", "embedding", to=packed("embedding", np.zeros((9, 2)))),
        "have [1, 2] outputs",
    ),
    "flat population": (
        change("population", "embedding", to=packed("embedding", np.zeros(9))),
        "population has shape (9,)",
    ),
    "every zeroth": (change("population", "every", to=0), "every 0: not (U, d)"),
    "no picture": (change("examples", "png", to="AAAA"), "examples are no picture"),
    "a huge picture": (
        lambda held: held.update(examples={"energy": [0.0], "png": png(50_000, 50_000)}),
        "examples are 50000 × 50000 pixels, expected fewer than",
    ),
    "a picture of nothing": (
        lambda held: held.update(examples={"energy": [], "png": png(0, 0)}),
        "examples are 0 × 0 pixels",
    ),
    "pictures of other number": (change("examples", "energy", to=[0.5]), "examples are 160 × 32 pixels, expected 1"),
    "a picture cut off": (
        lambda held: held.update(examples={"energy": [0.0], "png": png(8, 8, zlib.compress(b"\0\0"))}),
        "examples are no picture",
    ),
    "a broken picture": (
        lambda held: held.update(examples={"energy": [0.0], "png": png(8, 8, b"no deflate")}),
        "examples are no picture",
    ),
    "energies of pictures": (change("examples", "energy", to=[[0.5]] * 5), "examples are 160 × 32 pixels"),
    "energies of text": (change("examples", "energy", to=["x"] * 5), "could not convert string to float"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_with_a_good_checksum_is_a_named_problem(name: str, record: Record) -> None:
    held = parts(pack(record))
    FORGED[name][0](held)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        unpack(sealed(held))
    assert FORGED[name][1] in str(caught.value)
    assert len(str(caught.value)) < 400


def test_unknown_cells_and_facts_do_no_harm(record: Record) -> None:
    held = parts(pack(record))
    held["views"][0]["a_new_measure"] = 0.5
    held["provenance"] |= {"run": ["a", "list"], "train_seconds": "long", "home": "/root", "recipe": [1]}
    held["a new part"] = {"of": "a later release"}
    found = unpack(sealed(held))
    assert found.views[0]["a_new_measure"] == 0.5
    assert not {"run", "train_seconds", "home", "recipe"} & set(found.provenance)


ODD = (
    *(None, True, -1, 0, 3, 2**70, 1e99, float("nan"), "", "x", "\ud800", "\x1b[2J", [], {}, [1], {"a": 1}),
    *("all", "visible", "[]", "{}", "[[0.1, 0.2]]", "a" * 64, "population", "original", '{"eps_n": 0.1}'),
)


def places(held: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in nested objects and short lists."""
    inner = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    return [place for key, value in list(inner)[:60] for place in ((*above, key), *places(value, (*above, key)))]


def test_no_forged_file_costs_the_others(tmp_path: Path, write_run: Write) -> None:
    """Something somewhere is put out of place, with a checksum that fits: a problem, or a row like others."""
    write_run(0, variant="cropping", parameters={"alpha_c": 0.6}, blank=0.3, population=True, examples=2, **SMALL)
    write_run(0, variant="gaps", parameters={"alpha_g": 0.4}, population=True, **SMALL)
    write_run(0, version=1, **SMALL)
    kept, _ = keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    draw = np.random.default_rng(0)
    for k in range(120):
        held = parts(kept[k % 3].read_bytes())
        recipe = json.loads(held["settings"]["train_recipe"]) | {"seed": k}
        held["settings"] |= {"train_seed": k, "train_recipe": json.dumps(recipe)}
        held |= {"digest": f"{k:064x}", "embedding_digest": f"{k:064x}", "file": f"{k}.h5"}
        part = draw.choice(["views", "bands", "settings", "provenance", "curve", "sample", "scored_by"])
        where = places(held[part], (part,))
        change(*where[draw.integers(len(where))], to=ODD[draw.integers(len(ODD))])(held)
        (tmp_path / "kept" / f"{k}{scores.ENDING}").write_bytes(sealed(held))
    made = report([tmp_path / "kept"], tmp_path / "out", csv_only=True, quiet=True)
    assert made.frames["runs"]["file"].str.startswith("vanilla/").any()
    assert 20 < len(made.problems) < 120
    assert len(made.frames["runs"]["file"].unique()) + len(made.problems) >= 120
    assert not any("\n" in problem.reason or "\x1b" in problem.reason for problem in made.problems)
    keep([tmp_path / "kept"], tmp_path / "again", tmp_path / "cache", quiet=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a score file"),
        (b"no gzip", "not a score file"),
        (zipped(b"{}")[:-12], "not a score file"),
        (zipped(b"x" * 1000)[:12] + b"\xff\x00\xff" + zipped(b"x" * 1000)[15:], "not a score file"),
        (zipped(b"{}"), "not a score file: KeyError('format')"),
        (zipped(b"[]"), "not a score file"),
        (zipped(b"5"), "not a score file"),
        (zipped(b"\xff\xfe"), "not a score file"),
        (zipped(b"[" * 1_000_000), "not a score file"),
        (zipped(b" " * 50_000_000, 1), "unpacks to more than 4194304 bytes"),
        (
            zipped(b'{"format": "pendulum-scores", "format_version": 2}'),
            "format is pendulum-scores 2, expected pendulum-scores 1; update pendulum-lab if it is newer",
        ),
        (zipped(b'{"format": "other", "format_version": 1}'), "format is other 1, expected pendulum-scores 1"),
        (zipped(b'{"format": "pendulum-scores", "format_version": 1}'), "not a score file: KeyError"),
    ],
)
def test_what_is_no_score_file_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / f"x{scores.ENDING}"
    path.write_bytes(content)
    began = time.process_time()
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read_scores(path)
    assert words in str(caught.value)
    assert time.process_time() - began < 2


def test_a_large_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / f"x{scores.ENDING}"
    with path.open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(ValueError, match="takes 10000000000 bytes, expected at most"):
        read_scores(path)


def test_wrong_score_files_are_problems_and_the_rest_is_reported(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    for seed in range(3):
        write_run(seed, population=True, **SMALL)
    keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    first, second, _ = sorted((tmp_path / "kept").rglob(f"*{scores.ENDING}"))
    held = parts(first.read_bytes())
    held["settings"]["data_time_gap"] = 0.25
    first.write_bytes(sealed(held, checksum=False))
    second.write_bytes(b"\0")
    code, out, err = command("pendeval", "report", tmp_path / "kept", "--out", tmp_path / "out", "--csv-only")
    assert code == 1
    assert f"problem: {first}: checksum is" in err
    assert f"problem: {second}: not a score file" in err
    assert len(pd.read_csv(tmp_path / "out" / "problems.csv")) == 2
    assert pd.read_csv(tmp_path / "out" / "runs.csv")["seed"].tolist() == [2]
    assert "Traceback" not in out + err


# --- keep ---


def kept_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_keep_writes_once(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    for seed in range(2):
        write_run(seed, population=True, **SMALL)
    argv = ("pendeval", "keep", tmp_path / "runs", "--to", tmp_path / "kept", "--report", tmp_path / "out", *ALONE)
    code, out, err = command(*argv)
    assert (code, err) == (0, "")
    assert out == f"wrote 2 score files in {tmp_path / 'kept'}/\n"
    first = kept_in(tmp_path / "kept")
    assert sorted(first) == [f"vanilla/contrastive-d1/seed-{seed}/vanilla-test.scores.json.gz" for seed in range(2)]
    assert command(*argv)[1] == f"wrote 0 score files in {tmp_path / 'kept'}/\n"
    assert kept_in(tmp_path / "kept") == first
    again = ("pendeval", "keep", tmp_path / "kept", "--to", tmp_path / "other", "--report", tmp_path / "out", *ALONE)
    assert command(*again)[0] == 0
    assert kept_in(tmp_path / "other") == first  # scores of score files are these
    assert (
        command("pendeval", "keep", tmp_path / "kept", "--to", tmp_path / "kept", "--report", tmp_path / "out")[0] == 0
    )
    assert kept_in(tmp_path / "kept") == first


def test_of_fewer_images_everything_else_is_kept(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    write_run(population=True, **SMALL)
    argv = ("pendeval", "keep", tmp_path / "runs", "--report", tmp_path / "out", *ALONE)
    assert command(*argv, "--to", tmp_path / "whole")[0] == 0
    assert command(*argv, "--to", tmp_path / "few", "--images", 25)[0] == 0
    whole, few = (read_scores(next((tmp_path / name).rglob("*.gz"))) for name in ("whole", "few"))
    assert whole.sample is not None
    assert few.sample is not None
    assert len(whole.sample.energy) > 25
    for column in fields(Sample):
        every, those = getattr(whole.sample, column.name), getattr(few.sample, column.name)
        np.testing.assert_array_equal(those, every[:25])
    assert pack(replace(few, sample=whole.sample)) == pack(whole)
    kept = ("pendeval", "keep", tmp_path / "whole", "--report", tmp_path / "out", *ALONE)
    assert command(*kept, "--to", tmp_path / "whole", "--images", 25)[0] == 0  # of score files as of embeddings
    assert kept_in(tmp_path / "whole") == kept_in(tmp_path / "few")
    assert command(*argv, "--to", tmp_path / "none", "--images", 0)[0] == 2


def test_the_fuller_of_two_samples_stays(tmp_path: Path, write_run: Write, command: Callable[..., Outcome]) -> None:
    write_run(population=True, **SMALL)
    argv = ("pendeval", "keep", "--report", tmp_path / "out", *ALONE)
    places = [tmp_path / name for name in ("whole", "few", "one", "other")]
    assert command(*argv, tmp_path / "runs", "--to", places[0])[0] == 0
    assert command(*argv, tmp_path / "runs", "--to", places[1], "--images", 25)[0] == 0
    whole, few = map(kept_in, places[:2])
    assert command(*argv, *places[:2], "--to", places[2])[0] == 0
    assert command(*argv, *places[1::-1], "--to", places[3])[0] == 0
    assert kept_in(places[2]) == kept_in(places[3]) == whole
    assert command(*argv, places[1], "--to", places[2])[0] == 0  # nobody asked for fewer
    assert kept_in(places[2]) == whole
    assert command(*argv, places[1], "--to", places[2], "--images", 50)[0] == 0
    (held,) = (read_scores(path).sample for path in places[2].rglob("*.gz"))
    assert held is not None
    assert len(held.energy) == 50  # of what was there, not of what came
    assert command(*argv, places[1], "--to", places[2], "--images", 25)[0] == 0
    assert kept_in(places[2]) == few


def test_exact_scores_stay_where_their_population_is_gone(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    write_run(population=True, **SMALL)
    argv = ("pendeval", "keep", tmp_path / "runs", "--to", tmp_path / "kept", "--report", tmp_path / "out", *ALONE)
    assert command(*argv)[0] == 0
    before = kept_in(tmp_path / "kept")
    (population,) = (tmp_path / "runs").rglob("*-population.h5")
    population.unlink()
    code, out, err = command(*argv)
    assert (code, out) == (1, f"wrote 0 score files in {tmp_path / 'kept'}/\n")
    assert "holds exact scores too, of a population whose embeddings are not there now; move it away" in err
    assert kept_in(tmp_path / "kept") == before
    assert command(*argv, "--force")[:2] == (0, f"wrote 1 score files in {tmp_path / 'kept'}/\n")
    assert kept_in(tmp_path / "kept") != before


def test_a_folder_in_the_way_of_a_score_file_is_a_problem(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    for seed in (0, 1):
        write_run(seed, population=True, **SMALL)
    where = "vanilla/contrastive-d1/seed-{}/vanilla-test.scores.json.gz"
    (tmp_path / "kept" / where.format(0)).mkdir(parents=True)
    argv = ("pendeval", "keep", tmp_path / "runs", "--to", tmp_path / "kept", "--report", tmp_path / "out", *ALONE)
    for more, count in (((), 1), (("--force",), 0)):
        code, out, err = command(*argv, *more)
        assert (code, out) == (1, f"wrote {count} score files in {tmp_path / 'kept'}/\n")
        assert "seed-0/vanilla-test.scores.json.gz: is not a regular file; move it away" in err
        assert list(kept_in(tmp_path / "kept")) == [where.format(1)]


def test_other_embeddings_are_not_replaced_unless_forced(
    tmp_path: Path, write_run: Write, command: Callable[..., Outcome]
) -> None:
    argv = ("pendeval", "keep", tmp_path / "runs", "--to", tmp_path / "kept", "--report", tmp_path / "out", *ALONE)
    write_run(0, population=True, **SMALL)
    assert command(*argv)[0] == 0
    first = kept_in(tmp_path / "kept")
    write_run(0, population=True, noise=0.05, **SMALL)
    code, out, err = command(*argv)
    assert (code, out) == (1, f"wrote 0 score files in {tmp_path / 'kept'}/\n")
    assert "holds the scores of other embeddings; move it away, or use --force to replace it" in err
    assert kept_in(tmp_path / "kept") == first
    assert command(*argv, "--force")[0] == 0
    second = kept_in(tmp_path / "kept")
    assert second != first
    assert list(second) == list(first)


@pytest.mark.parametrize("content", [b"", zipped(b'{"format": "pendulum-scores", "format_version": 9}')])
def test_what_cannot_be_read_is_not_replaced_unless_forced(tmp_path: Path, write_run: Write, content: bytes) -> None:
    write_run(**SMALL)
    where = ([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache")
    (path,), _ = keep(*where, quiet=True)
    path.write_bytes(content)
    written, problems = keep(*where, quiet=True)
    assert (written, [one.path for one in problems]) == ([], [path])
    assert "use --force to replace it" in problems[0].reason
    assert path.read_bytes() == content  # it may be of a later release
    assert keep(*where, force=True, quiet=True) == ([path], [])


def test_scores_of_the_same_embeddings_are_brought_up_to_date(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True, **SMALL)
    where = ([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache")
    (path,), _ = keep(*where, quiet=True)
    content = path.read_bytes()
    old = read_scores(path)
    path.write_bytes(pack(replace(old, scored_by={"pendulum-lab": "0.0.1", "code": "old"})))
    assert keep(*where, quiet=True) == ([path], [])
    assert path.read_bytes() == content


def test_two_files_of_one_name_are_never_one(tmp_path: Path, write_run: Write) -> None:
    for folder, noise in (("a", 0.01), ("b", 0.02)):
        write_run(root=tmp_path / folder, noise=noise, **SMALL)
    roots = [tmp_path / "a", tmp_path / "b"]
    for force in (False, True):
        written, problems = keep(roots, tmp_path / str(force), tmp_path / "cache", force=force, quiet=True)
        assert len(written) == len(problems) == 1
        assert "would hold the scores of two files of one name" in problems[0].reason


def test_names_from_elsewhere_stay_in_the_folder(tmp_path: Path, record: Record) -> None:
    strange = ("../../../etc/cron", "/etc/passwd", "..", "a/../../b.h5", ".git/hooks/x.h5", "embeddings", "x" * 50)
    (tmp_path / "in").mkdir()
    for k, name in enumerate(strange):
        odd = replace(record, file=name, embedding_digest=f"{k:064x}", digest=f"{k:064x}")
        scores.write_scores(odd, tmp_path / "in" / f"{k}{scores.ENDING}")
    written, problems = keep([tmp_path / "in"], tmp_path / "to" / "here", tmp_path / "cache", quiet=True)
    assert problems == []
    assert len(written) == len(strange)
    inside = {path for path in tmp_path.rglob(f"*{scores.ENDING}") if path.parent.name not in ("in", "cache")}
    assert inside == set(written)
    assert all(path.is_relative_to(tmp_path / "to" / "here") for path in inside)
    assert not any(part.startswith(".") for path in written for part in path.relative_to(tmp_path).parts)


def test_nothing_of_the_machine_is_kept(tmp_path: Path, write_run: Write) -> None:
    path = write_run(population=True, examples=2, data_directory=str(tmp_path), train_home="/root/secret", **SMALL)
    held = json.loads((path.parents[1] / "run.json").read_text())
    held |= {"hostname": "secret", "cwd": str(tmp_path)}
    (path.parents[1] / "run.json").write_text(json.dumps(held))
    for roots in ([tmp_path / "runs"], [path], [path.parents[1]]):
        (kept,), _ = keep(roots, tmp_path / f"kept-{roots[0].name}", tmp_path / "cache", quiet=True)
        text = gzip.decompress(kept.read_bytes()).decode()
        assert str(tmp_path) not in text
        assert "secret" not in text
        assert read_scores(kept).provenance["device"] == "cpu"


# --- reports from score files ---


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a report that is not of the cache."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_report_from_score_files_is_the_report_from_the_embeddings(tmp_path: Path, write_run: Write) -> None:
    for seed in range(3):
        for method in ("contrastive", "supervised"):
            write_run(seed, method, data_seed=seed, population=True, examples=10, **SMALL)
    write_run(0, variant="gaps", parameters={"alpha_g": 0.8}, population=True, **SMALL)
    write_run(0, variant="cropping", parameters={"alpha_c": 0.6}, blank=0.4, population=True, **SMALL)
    write_run(0, variant="graphical-noise", parameters={"eps_g": 0.1}, examples=3, **SMALL)

    def two(seen: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([seen, np.sin(9 * seen)], axis=-1)

    write_run(0, outputs=two, population=True, **SMALL)
    made = report([tmp_path / "runs"], tmp_path / "from-runs", quiet=True)
    assert len(made.frames["runs"]) == 11  # cropping has two views
    written, problems = keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "from-runs" / ".cache", quiet=True)
    assert (len(written), problems) == (10, [])
    report([tmp_path / "kept"], tmp_path / "from-scores", quiet=True)
    ours, theirs = contents(tmp_path / "from-runs"), contents(tmp_path / "from-scores")
    assert sorted(ours) == sorted(theirs)
    assert {f"{name}.csv" for name in COLUMNS} | {"report.html"} <= set(ours)
    # Every picture that can occur is in a population's embeddings and in no score file: there a sample is looked at.
    looked = re.compile(rb'data-explore="[^"]+"')
    for name in ours:
        mine, other = (looked.subn(b"", each[name]) for each in (ours, theirs))
        assert mine == other, name
        assert mine[1] == (name == "report.html")


def test_runs_beside_their_own_score_files_count_once(tmp_path: Path, write_run: Write) -> None:
    for seed in range(2):
        write_run(seed, population=True, **SMALL)
    keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    alone = report([tmp_path / "runs"], tmp_path / "out", csv_only=True, quiet=True).frames
    for roots in (
        [tmp_path / "runs", tmp_path / "kept"],
        [tmp_path / "kept", tmp_path / "runs"],
        [tmp_path / "runs", tmp_path / "runs"],
        [tmp_path],
    ):
        made = report(roots, tmp_path / "both", csv_only=True, quiet=True)
        assert made.problems == []
        for name in ("summary", "comparisons", "claims", "agreement"):
            pd.testing.assert_frame_equal(made.frames[name], alone[name])
        assert len(made.frames["runs"]) == (2 if roots[0] != tmp_path else 4)  # another folder, other names


def test_scores_made_now_go_before_kept_ones(tmp_path: Path, write_run: Write) -> None:
    write_run(population=True, **SMALL)
    (path,), _ = keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    held = read_scores(path)
    old = [{**row, "population_global": 0.5} for row in held.views]
    path.write_bytes(pack(replace(held, views=old)))
    for roots in ([tmp_path / "runs", tmp_path / "kept"], [tmp_path / "kept", tmp_path / "runs"]):
        runs = report(roots, tmp_path / "out", csv_only=True, quiet=True).frames["runs"]
        assert runs["population_global"].tolist() == [held.views[0]["population_global"]]


def test_scores_add_up_over_machines(tmp_path: Path, write_run: Write) -> None:
    for seed in range(4):
        write_run(seed, root=tmp_path / f"machine-{seed % 2}", population=True, **SMALL)
    for k in range(2):
        keep([tmp_path / f"machine-{k}"], tmp_path / "mail" / str(k), tmp_path / "cache", quiet=True)
    made = report([tmp_path / "mail" / "0", tmp_path / "mail" / "1"], tmp_path / "out", csv_only=True, quiet=True)
    row = made.frames["summary"].query("measure == 'population_global'").iloc[0]
    assert (row["n"], row["unit"]) == (4, "training seed")
    assert len(made.frames["provenance"]) == 4


def test_only_holds_for_score_files(tmp_path: Path, write_run: Write) -> None:
    write_run(0, **SMALL)
    write_run(0, variant="large", **SMALL)
    keep([tmp_path / "runs"], tmp_path / "kept", tmp_path / "cache", quiet=True)
    made = report([tmp_path / "kept"], tmp_path / "out", only=["large"], csv_only=True, quiet=True)
    assert made.frames["runs"]["dataset"].tolist() == ["large"]
    assert made.frames["runs"]["image_size"].tolist() == [100]


def test_pngs_are_what_they_were(record: Record) -> None:
    assert record.examples is not None
    held = parts(pack(record))["examples"]
    with Image.open(io.BytesIO(base64.b64decode(held["png"]))) as picture:
        assert picture.size == (160, 32)
        strip = np.asarray(picture.convert("RGB"))
    assert np.array_equal(strip[:, :32], record.examples[0][0])
    assert held["energy"] == pytest.approx(record.examples[1].tolist(), abs=1e-6)
