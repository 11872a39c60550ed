"""Every image that can occur: what is refused of it, and what an encoder makes of it."""

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import resnet18

from pendtrain import embed as embedding
from pendtrain import fit as fitting
from pendtrain.embed import embed_run
from pendtrain.fit import fit
from pendtrain.population import LABELS, check_dataset, read_population
from pendtrain.recipe import Recipe
from pendtrain.shards import check_files, open_dataset, read_split
from pendtrain.state import Settings

TINY = Recipe(epochs=1, batch=20)
QUIET = Settings(quiet=True)
Outcome = tuple[int, str, str]


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def run(peopled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose dataset has a population."""
    return fit(peopled, TINY, tmp_path_factory.mktemp("run"), QUIET)[0]


def test_columns_come_back_as_they_were_written(peopled: Path, columns: dict[str, np.ndarray]) -> None:
    dataset = open_dataset(peopled)
    check_dataset(dataset)
    read = read_population(dataset)
    assert set(read) == {"image", *LABELS}
    for name, column in columns.items():
        assert read[name].dtype == column.dtype
        assert np.array_equal(read[name], column), name


def test_fit_embeds_the_population_as_a_plain_resnet_does(run: Path, columns: dict[str, np.ndarray]) -> None:
    plain = resnet18(weights=None, num_classes=1)
    plain.load_state_dict(load_file(run / "encoder.safetensors"))
    plain.eval()
    with h5py.File(run / "embeddings" / "vanilla-population.h5") as file:
        assert set(file) == {"embedding", "bob_box", *LABELS}
        assert file["embedding"].dtype == np.float32
        assert file["embedding"].shape == (len(columns["image"]), 1)
        for name in LABELS:
            assert np.array_equal(file[name][()], columns[name]), name
        found = file["embedding"][:60]
    images = torch.from_numpy(columns["image"][:60]).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        assert np.allclose(plain(images).numpy(), found, atol=1e-5)


def test_test_split_and_population_agree_on_the_images_they_share(run: Path, peopled: Path) -> None:
    images = read_split(open_dataset(peopled), "test", ("image",))["image"].reshape(-1, 32 * 32 * 3)
    with h5py.File(run / "embeddings" / "vanilla-test.h5") as file:
        sampled = dict(zip(map(bytes, images), file["embedding"][()].reshape(-1), strict=True))
    with h5py.File(run / "embeddings" / "vanilla-population.h5") as file:
        every = file["embedding"][:, 0]
    pictures = read_population(open_dataset(peopled))["image"]
    shared = np.array([sampled[picture.tobytes()] for picture in pictures])
    assert np.allclose(every, shared, atol=1e-5)


def test_attributes_say_what_was_embedded_and_what_was_seen(run: Path, peopled: Path) -> None:
    dataset = open_dataset(peopled)
    with h5py.File(run / "embeddings" / "vanilla-population.h5") as file:
        population = dict(file.attrs)
    with h5py.File(run / "embeddings" / "vanilla-test.h5") as file:
        test = dict(file.attrs)
        chosen, energies = file["example_image"][()], file["example_energy"][()]
    for attributes in (population, test):
        assert (attributes["format"], attributes["format_version"]) == ("pendulum-embedding", 2)
        assert attributes["data_digest"] == attributes["train_digest"] == dataset.digest
        assert json.loads(attributes["data_energy_range"]) == json.loads(attributes["train_energy_range"]) == [0, 1]
        assert json.loads(attributes["data_time_range"]) == json.loads(attributes["train_time_range"]) == [0, 200]
        for side in ("data", "train"):
            assert (attributes[f"{side}_image_size"], attributes[f"{side}_bob_size"]) == (32, 3)
            assert attributes[f"{side}_time_gap"] == 0.5
            assert attributes[f"{side}_antialias"] == np.False_
            assert isinstance(attributes[f"{side}_antialias"], np.bool_)
        assert (attributes["train_pendulums"], attributes["train_images"]) == (40, 6)
        assert attributes["train_precision"] == json.loads((run / "run.json").read_text())["environment"]["precision"]
        assert attributes["train_device"]
        assert Recipe.read(json.loads(attributes["train_recipe"])) == TINY
        assert '"temperature": 0.1' in attributes["train_recipe"]
        assert json.loads(attributes["train_defaults"])["temperature"] == 0.1
        assert attributes["train_learning"] == "ok"
        assert "train_layer" not in attributes
    assert (test["data_split"], test["data_pendulums"], test["data_images"]) == ("test", 40, 6)
    assert population["data_split"] == "population"
    assert population["data_population_digest"] == dataset.manifest["population"]["digest"]
    assert population["data_left_out"] == 0.0
    assert json.loads(population["data_energy_bands"]) == [[0, 1]]
    assert not {"data_pendulums", "data_images"} & set(population)
    assert not {"data_population_digest", "data_left_out"} & set(test)
    split = read_split(dataset, "test", ("image", "energy", "time"))
    nearest = [int(np.abs(split["energy"] - wanted).argmin()) for wanted in (0.05, 0.25, 0.5, 0.75, 0.95)]
    assert np.array_equal(energies, np.repeat(split["energy"][nearest], 6))
    order = np.argsort(split["time"][nearest[1]])
    assert np.array_equal(chosen[6:12], split["image"][nearest[1]][order])


def test_a_population_changes_nothing_of_training(
    run: Path, unpeopled: Path, tmp_path: Path, command: Callable[..., Outcome], refused: Callable[..., str]
) -> None:
    """Trained without one, the encoder has the same bits; the run gains the population when the dataset does."""
    other, _ = fit(unpeopled, TINY, tmp_path, QUIET)
    assert sha(other / "encoder.safetensors") == sha(run / "encoder.safetensors")
    assert [path.name for path in (other / "embeddings").iterdir()] == ["vanilla-test.h5"]
    assert "it is of format version 1" in refused("pendtrain", "embed", other, "--split", "population")
    peopled = run_dataset(run)
    _, out, _ = command("pendtrain", "embed", other, "--shards", peopled)
    assert [line.partition(": ")[0].split()[0] for line in out.splitlines()] == ["already", "wrote"]
    assert fit(peopled, TINY, tmp_path, QUIET) == (other, False)
    name = Path("embeddings", "vanilla-population.h5")
    with h5py.File(other / name) as one, h5py.File(run / name) as two:
        assert np.array_equal(one["embedding"][()], two["embedding"][()])


def run_dataset(run: Path) -> Path:
    return Path(json.loads((run / "run.json").read_text())["dataset"]["directory"])


def test_killed_between_test_split_and_population(
    peopled: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = fitting.write_embeddings

    def die(*arguments: object, **more: object) -> None:
        if "population" in arguments:
            raise KeyboardInterrupt
        write(*arguments, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "write_embeddings", die)
        with pytest.raises(KeyboardInterrupt):
            fit(peopled, TINY, tmp_path, Settings(quiet=True, checkpoint_seconds=0))
    held = next(tmp_path.rglob("run.json"))
    assert json.loads(held.read_text())["status"] == "running"
    assert (held.parent / "embeddings" / "vanilla-test.h5").is_file()
    assert fit(peopled, TINY, tmp_path, QUIET) == (held.parent, True)
    assert json.loads(held.read_text())["status"] == "complete"
    assert sha(held.parent / "encoder.safetensors") == sha(run / "encoder.safetensors")
    assert (held.parent / "embeddings" / "vanilla-population.h5").is_file()


def test_embed_again_only_where_something_is_other(run: Path, repopulated: Callable[..., Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    assert [written for _, written in embed_run(copy, None, "test")] == [False, False]
    ((path, written),) = embed_run(copy, None, "population")
    assert (path.name, written) == ("vanilla-population.h5", False)
    with h5py.File(copy / "embeddings" / "vanilla-test.h5", "r+") as file:
        file.attrs["format_version"] = 1
    assert [written for _, written in embed_run(copy, None, "test")] == [True, False]
    assert [written for _, written in embed_run(copy, None, "test", force=True)] == [True, True]
    visible = np.zeros_like(read_population(open_dataset(run_dataset(run)))["visible"])
    other = repopulated({"visible": visible})
    assert [written for _, written in embed_run(copy, other, "test")] == [False, True]


def test_two_embed_at_the_same_time(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hold what they will write before either writes; one file stands whole in the end, and nothing beside it."""
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    before = sha(copy / "embeddings" / "vanilla-population.h5")
    both, write = threading.Barrier(2, timeout=60), embedding.embedding_file.write

    def together(path: Path, *rest: object) -> None:
        both.wait()
        write(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(embedding.embedding_file, "write", together)
    threads = [
        threading.Thread(target=embed_run, args=(copy, None, "population"), kwargs={"force": True}) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sha(copy / "embeddings" / "vanilla-population.h5") == before
    assert not list(copy.rglob("*.tmp"))


WRONG: list[tuple[str, Callable[[np.ndarray], np.ndarray], str]] = [
    ("probability", lambda p: p * 1.01, "probability sums to 1.01, expected 1"),
    ("probability", lambda p: np.r_[-p[0], p[1:]], "probability holds -"),
    ("probability", lambda p: np.r_[np.nan, p[1:]], "probability holds NaN or infinity"),
    ("probability", lambda p: np.r_[p[1], p[0], p[2:]], "rows of energy_probability do not add up: "),
    ("probability", lambda p: p[:-1], "probability is float64"),
    ("energy_given_image", lambda h: h + 1.0, "energy_given_image holds 1."),
    ("energy_given_image", lambda h: h[::-1].copy(), "rows of energy_moment do not add up"),
    ("energy_edges", lambda e: np.r_[e[:-1], 0.99], "energy_edges do not ascend from 0 to 1"),
    ("energy_edges", lambda e: np.r_[e[0], e[2], e[1], e[3:]], "energy_edges do not ascend"),
    ("energy_edges", lambda e: np.r_[e[0], e[1] / 2, e[2:]], "columns of energy_probability do not add up: 1 to"),
    ("energy_probability", lambda q: q * np.inf, "energy_probability holds NaN or infinity"),
    ("energy_moment", lambda q: -q, "energy_moment holds -"),
    ("visible", lambda v: v.astype(np.uint8), "visible is uint8"),
    ("image", lambda i: i[:, :31], "31, 32, 3), expected uint8"),
]


@pytest.mark.parametrize(("name", "change", "expected"), WRONG)
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # nan where the probability is infinite
def test_a_population_that_makes_no_sense(
    repopulated: Callable[..., Path],
    columns: dict[str, np.ndarray],
    tmp_path: Path,
    refused: Callable[..., str],
    name: str,
    change: Callable[[np.ndarray], np.ndarray],
    expected: str,
) -> None:
    entry = {"images": len(columns["image"]), "bins": len(columns["energy_edges"]) - 1}
    directory = repopulated({name: change(columns[name])}, **entry)
    error = refused("pendtrain", "fit", "--shards", directory, "--batch", 20, "--out", tmp_path / "runs")
    assert f"population {directory / 'population.h5'} cannot be used: " in error
    assert expected in error
    assert not list((tmp_path / "runs").rglob("run.json"))


def test_a_population_other_than_the_manifest_says(
    repopulated: Callable[..., Path], run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    def error(directory: Path) -> str:
        copy = Path(shutil.copytree(run, tmp_path / "copy", dirs_exist_ok=True))
        shutil.rmtree(copy / "embeddings")
        said = refused("pendtrain", "embed", copy, "--shards", directory)
        assert not (copy / "embeddings").exists()
        return said

    assert "digest is " in error(repopulated(digest="0" * 64))
    assert "was changed: SHA-256" in error(repopulated(sha256="0" * 64))
    assert "bytes, expected 7" in error(repopulated(bytes=7))
    assert "expected uint8 (7, 32, 32, 3)" in error(repopulated(images=7))
    assert "expected a plain name" in error(repopulated(file="../population.h5"))
    assert "file is 7, expected string" in error(repopulated(file=7))
    assert "left_out is 0.5, expected 0 to 1e-06" in error(repopulated(left_out=0.5))
    assert "it holds NaN, expected finite numbers" in error(repopulated(left_out=float("nan")))
    assert "population.images is 'many', expected integer" in error(repopulated(images="many"))
    assert "there is no energy_moment" in error(repopulated({"energy_moment": None}))
    directory = repopulated()
    path = directory / "population.h5"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    assert f"population {path} has {len(content) - 100} bytes, expected {len(content)}" in error(directory)
    path.unlink()
    assert f"population {path} is missing" in error(directory)
    with pytest.raises(FileNotFoundError, match="is missing"):
        check_files(open_dataset(directory))
    manifest = json.loads((directory / "dataset.json").read_text())
    manifest |= {"population": None, "population_reason": "graphical noise never repeats"}
    (directory / "dataset.json").write_text(json.dumps(manifest))
    copy = Path(shutil.copytree(run, tmp_path / "other"))
    asked = ("pendtrain", "embed", copy, "--shards", directory, "--split", "population")
    assert "has no population: graphical noise never repeats" in refused(*asked)
    del manifest["population"]
    (directory / "dataset.json").write_text(json.dumps(manifest))
    assert "has no population" in refused(*asked)


def test_nothing_outside_the_file_is_followed(
    repopulated: Callable[..., Path], describe: Callable[..., None], refused: Callable[..., str], tmp_path: Path
) -> None:
    def error(tamper: Callable[[h5py.File], None]) -> str:
        directory = repopulated()
        with h5py.File(directory / "population.h5", "r+") as file:
            kept = file["energy_moment"][()]
            with h5py.File(directory / "elsewhere.h5", "w") as other:
                other["energy_moment"] = kept
            del file["energy_moment"]
            tamper(file)
        describe(directory)
        return refused("pendtrain", "fit", "--shards", directory, "--batch", 20, "--out", tmp_path / "runs")

    def virtual(file: h5py.File) -> None:
        shape = file["energy_probability"].shape
        layout = h5py.VirtualLayout(shape, "f8")
        layout[:] = h5py.VirtualSource("elsewhere.h5", "energy_moment", shape)
        file.create_virtual_dataset("energy_moment", layout)

    def external(file: h5py.File) -> None:
        shape = file["energy_probability"].shape
        file.create_dataset("energy_moment", shape, "f8", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    def linked(file: h5py.File) -> None:
        file["energy_moment"] = h5py.ExternalLink("elsewhere.h5", "energy_moment")

    def soft(file: h5py.File) -> None:
        file["energy_moment"] = h5py.SoftLink("/energy_probability")

    def group(file: h5py.File) -> None:
        file.create_group("energy_moment")

    for tamper in (virtual, external, linked, soft, group):
        assert "energy_moment is a link or kept elsewhere, expected a dataset of this file" in error(tamper)


def test_a_file_of_another_kind(
    repopulated: Callable[..., Path], describe: Callable[..., None], tmp_path: Path, refused: Callable[..., str]
) -> None:
    def error(directory: Path) -> str:
        describe(directory)
        return refused("pendtrain", "fit", "--shards", directory, "--batch", 20, "--out", tmp_path / "runs")

    directory = repopulated()
    with h5py.File(directory / "population.h5", "r+") as file:
        file.attrs["format_version"] = 2
    assert "format, version and split are ('pendulum-population', " in error(directory)
    (directory / "population.h5").write_bytes(b"not HDF5")
    assert "cannot be used: " in error(directory)
