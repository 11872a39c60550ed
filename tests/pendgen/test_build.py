import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
import pytest

from pendgen import format as fmt
from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.manifest import read_manifest
from pendgen.variants import Gaps, GraphicalNoise, Vanilla

SMALL = Dataset(Vanilla(), pendulums=12, images=4)

# Pixels and integers of SMALL: never changed without a new MAJOR content version.
GOLDEN = {
    ("train", "image"): "3e635f5375e6439b",
    ("train", "visible"): "cb1455a045a844a6",
    ("train", "index"): "4c550adc28c78884",
    ("test", "image"): "9bbe276a79fd20d1",
    ("test", "visible"): "cb1455a045a844a6",
    ("test", "index"): "4c550adc28c78884",
}


def manifest(directory: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((directory / "dataset.json").read_text())
    return content


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.glob("t*-of-*"))}


def column(directory: Path, split: str, field: str) -> np.ndarray:
    parts = []
    for path in sorted(directory.glob(f"{split}-*.h5")):
        with h5py.File(path) as file:
            parts.append(file[field][()])
    return np.concatenate(parts)


def test_golden_digests_do_not_depend_on_workers_or_shards(tmp_path: Path) -> None:
    digests = []
    for number, (workers, shards) in enumerate([(1, 1), (2, 4), (1, 5)]):
        directory, built = build(SMALL, tmp_path / str(number), workers=workers, num_shards=shards, quiet=True)
        assert built
        assert len(files(directory)) == 2 * shards
        digest = read_manifest(directory)["digest"]
        digests.append(digest["content"])
        assert {key: digest["fields"][key[0]][key[1]][:16] for key in GOLDEN} == GOLDEN
    assert len(set(digests)) == 1


def test_digest_follows_its_specification(small: Path) -> None:
    """The content digest, recomputed from the specification alone."""
    described = manifest(small)
    lines = []
    for split in ("train", "test"):
        for field, facts in described["fields"].items():
            values = column(small, split, field)
            whole = hashlib.sha256(b"".join(hashlib.sha256(v.tobytes()).digest() for v in values)).hexdigest()
            assert described["digest"]["fields"][split][field] == whole
            lines.append(f"{split} {field} {facts['dtype']} {whole}\n")
    assert described["digest"]["content"] == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_shards_hold_what_the_field_table_says(small: Path) -> None:
    described = manifest(small)
    lengths = {"T": 6, "S": 32}
    for shard in described["shards"]:
        with h5py.File(small / shard["file"]) as file:
            assert set(file) == set(described["fields"])
            assert file.attrs["format"] == "pendulum-dataset"
            for name, facts in described["fields"].items():
                axes = {**lengths, "P": shard["records"]}
                assert file[name].shape == tuple(axes[a] if a in axes else int(a) for a in facts["shape"])
                assert str(file[name].dtype) == facts["dtype"]
                assert file[name].attrs["meaning"] == facts["meaning"]
            first = shard["first"]
            assert np.array_equal(file["index"][()], np.arange(first, first + shard["records"]))
        assert hashlib.sha256((small / shard["file"]).read_bytes()).hexdigest() == shard["sha256"]
    assert sum(shard["records"] for shard in described["shards"]) == 80


def test_columns_agree_with_each_other(small: Path) -> None:
    from pendgen.physics import angle

    energy, t, theta = (column(small, "test", name) for name in ("energy", "time", "angle"))
    assert np.allclose(theta[..., 0], angle(t, energy[:, None]), atol=1e-12)
    assert np.allclose(theta[..., 1], angle(t + 0.5, energy[:, None]), atol=1e-12)
    assert column(small, "test", "visible").all()
    guess = column(small, "test", "energy_given_image")
    assert np.abs(guess - energy[:, None]).mean() < 0.05


def test_same_command_twice_does_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    directory, built = build(SMALL, tmp_path, workers=1, num_shards=2, quiet=True)
    before = {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}
    assert built
    assert build(SMALL, tmp_path, workers=2, num_shards=2, quiet=True) == (directory, False)
    with pytest.raises(ValueError, match="images is 4, this build has 5"):
        build(Dataset(Vanilla(), pendulums=12, images=5), tmp_path, quiet=True)
    assert {path.name: path.stat().st_mtime_ns for path in directory.iterdir()} == before


def test_force_replaces_whole(tmp_path: Path) -> None:
    directory, _ = build(SMALL, tmp_path, workers=1, num_shards=4, quiet=True)
    (directory / "stray.h5").write_bytes(b"left over")
    again, built = build(Dataset(Vanilla(), pendulums=6, images=2), tmp_path, num_shards=1, force=True, quiet=True)
    assert built
    assert again == directory
    assert sorted(path.name for path in again.iterdir()) == [
        "README.md",
        "croissant.json",
        "dataset.json",
        "population.h5",
        "test-00000-of-00001.h5",
        "train-00000-of-00001.h5",
    ]
    assert [path.name for path in again.parent.iterdir() if not path.name.endswith(".lock")] == [again.name]


def test_seeds_and_protocols_have_directories_of_their_own(tmp_path: Path) -> None:
    made = Dataset(Gaps(0.4, 4), protocol="original", seed=3, pendulums=4, images=2)
    directory, _ = build(made, tmp_path, workers=1, quiet=True)
    assert directory == tmp_path / "gaps-0.4-original-seed-3" / fmt.CONTENT_VERSION
    assert column(directory, "test", "image").shape == (4, 1, 32, 32, 3)


def test_another_build_in_the_same_place_is_refused(tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "vanilla").mkdir()
    with (
        FileLock(tmp_path / "vanilla" / f".{fmt.CONTENT_VERSION}.lock"),
        pytest.raises(ValueError, match="another build is writing"),
    ):
        build(SMALL, tmp_path, quiet=True)


def test_bytes_do_not_depend_on_workers_nor_on_the_executor(tmp_path: Path) -> None:
    def processes() -> ProcessPoolExecutor:
        return ProcessPoolExecutor(2, get_context("spawn"))

    for container in ("hdf5", "webdataset"):
        one, _ = build(SMALL, tmp_path / "a", container=container, num_shards=4, quiet=True, workers=1)
        three, _ = build(SMALL, tmp_path / "b", container=container, num_shards=4, quiet=True, workers=3)
        other, _ = build(SMALL, tmp_path / "c", container=container, num_shards=4, quiet=True, executor=processes)
        assert files(one) == files(three) == files(other)


def test_a_shard_damaged_after_a_kill_is_built_again(tmp_path: Path) -> None:
    dataset = Dataset(GraphicalNoise(0.2), pendulums=160, images=20)
    whole, _ = build(dataset, tmp_path / "whole", num_shards=16, workers=1, quiet=True)
    command = [sys.executable, "-m", "pendgen", "build", "--variant", "graphical-noise", "--eps-g", "0.2"]
    command += ["--pendulums", "160", "--images", "20", "--workers", "1", "--out", str(tmp_path), "--quiet"]
    process = subprocess.Popen(command, start_new_session=True)
    target = tmp_path / whole.parent.name / whole.name
    deadline = time.monotonic() + 60
    while len(list(target.glob("*.h5"))) < 20 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    killed = not (target / "dataset.json").exists()
    assert killed, "the build ended before it could be killed"
    shard = sorted(target.glob("*.h5"))[0]
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")  # and one finished shard is damaged meanwhile
    assert subprocess.run(command, check=False).returncode == 0
    assert files(target) == files(whole)
    assert manifest(target)["digest"] == manifest(whole)["digest"]
    assert not [path for path in target.iterdir() if path.name.startswith(".")]


def test_interrupt_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pendgen", "build", "--out", str(tmp_path), "--pendulums", "20000", "--quiet"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.rglob("*.h5")) and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does: the whole process group
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines() == ["pendgen: interrupted; the same command again picks up where it stopped"]
    assert not list(tmp_path.rglob("dataset.json"))
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--variant", "vanila"], "'vanila' is not one of 'vanilla'"),
        (["--pendulums", "0"], "pendulums is 0, expected 1 to"),
        (["--pendulums", "-5"], "pendulums is -5"),
        (["--images", "1"], "images is 1, expected 2 to"),
        (["--seed", "-1"], "seed is -1, expected 0 to"),
        (["--workers", "-1"], "workers is -1, expected 0"),
        (["--num-shards", "-1"], "num_shards is -1, expected 1 to"),
        (["--name", "a/b"], "name is 'a/b', expected a plain directory name"),
        (["--name", ".."], "name is '..'"),
        (["--eps-n", "0.1"], "eps_n is 0.1, expected nothing: variant vanilla takes no parameter"),
        (["--variant", "cropping"], "alpha_c is not given; variant cropping needs it"),
        (["--variant", "cropping", "--alpha-c", "1.5"], "alpha_c is 1.5, expected 0.1 to 1"),
        (["--variant", "cropping", "--alpha-c", "nan"], "alpha_c is nan"),
        (["--variant", "gaps", "--alpha-g", "1"], "alpha_g is 1.0, expected above 0, below 1"),
        (["--variant", "numerical-noise", "--eps-n", "-0.1"], "eps_n is -0.1"),
        (["--variant", "graphical-noise", "--eps-g", "1.1"], "eps_g is 1.1"),
        (["--variant", "graphical-noise", "--eps-g", ".6", "--protocol", "original"], "eps_g is 0.6, expected at"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, refused: Callable[..., str], options: list[str], expected: str
) -> None:
    assert expected in refused("pendgen", "build", "--out", tmp_path / "data", *options)
    assert not (tmp_path / "data").exists()


def test_unwritable_output(tmp_path: Path, refused: Callable[..., str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert str(blocked) in refused("pendgen", "build", "--out", blocked / "data", "--pendulums", "4", "--quiet")


def test_directory_with_foreign_files_is_left_alone(tmp_path: Path, refused: Callable[..., str]) -> None:
    target = tmp_path / "vanilla" / fmt.CONTENT_VERSION
    target.mkdir(parents=True)
    (target / "thesis.txt").write_text("precious")
    error = refused("pendgen", "build", "--out", tmp_path, "--pendulums", "4", "--images", "2")
    assert "holds files but neither a manifest nor a plan" in error
    assert [path.name for path in target.iterdir()] == ["thesis.txt"]


def test_unknown_format_version_and_unfinished(tmp_path: Path, small: Path, refused: Callable[..., str]) -> None:
    assert "no dataset directory" in refused("pendgen", "preview", tmp_path / "nowhere")
    empty = tmp_path / "1.0.0"
    empty.mkdir()
    assert "did not finish" in refused("pendgen", "preview", empty)
    (empty / "dataset.json").write_text((small / "dataset.json").read_text().replace('version": 2,', 'version": 9,'))
    assert "format 'pendulum-dataset' 9, expected pendulum-dataset 1 or 2" in refused("pendgen", "preview", empty)
    (empty / "dataset.json").write_text("{")
    assert "not a dataset manifest" in refused("pendgen", "preview", empty)


def test_help_is_instant() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pendgen", "--help"], capture_output=True, text=True, check=True)
    assert "pendgen build" in done.stdout
    assert time.monotonic() - began < 5  # far above the half second it takes on an idle machine


def test_preview_draws_a_sheet(small: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    from PIL import Image

    code, out, _ = command("pendgen", "preview", small.parent, "--out", tmp_path / "sheet.png")
    assert (code, out) == (0, f"wrote {tmp_path / 'sheet.png'}\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 400
        colours = {colour for _, colour in sheet.getcolors(10**6) or []}
        assert {(0, 0, 255), (255, 0, 0)} <= colours
