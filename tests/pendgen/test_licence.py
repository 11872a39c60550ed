"""The owner's choice of a licence: in the card and in Croissant, and no part of what a dataset is."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pendgen.build import build
from pendgen.card import card
from pendgen.convert import convert
from pendgen.croissant import croissant
from pendgen.dataset import Dataset
from pendgen.inspection import summary, verify
from pendgen.manifest import read_manifest
from pendgen.variants import Vanilla

TINY = Dataset(Vanilla(), pendulums=4, images=2, antialias=True)


def said(directory: Path) -> tuple[str | None, str | None, str]:
    """The licence by the manifest, by Croissant and by the card's last words on it."""
    card = (directory / "README.md").read_text(encoding="utf-8")
    (line,) = [line for line in card.splitlines() if line.startswith("Licence: ")]
    described = json.loads((directory / "croissant.json").read_text(encoding="utf-8"))
    assert described["description"].endswith(line)
    return read_manifest(directory).get("license"), described.get("license"), line


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix == ".h5"}


def test_it_is_written_into_a_finished_dataset_and_nothing_else_changes(tmp_path: Path) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True)
    assert said(directory) == (None, None, "Licence: none was chosen.")
    shards, before = files(directory), read_manifest(directory)
    assert build(TINY, tmp_path, num_shards=1, quiet=True, licence="CC-BY-4.0") == (directory, False)
    assert said(directory) == ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0", "Licence: CC-BY-4.0.")
    assert "license: 'cc-by-4.0'" in (directory / "README.md").read_text().split("---")[1]
    assert files(directory) == shards
    after = read_manifest(directory)
    assert after.pop("license") == "CC-BY-4.0"
    assert after == before
    assert build(TINY, tmp_path, num_shards=1, quiet=True) == (directory, False)
    assert said(directory)[0] == "CC-BY-4.0", "asked for without one, it keeps what was chosen"
    build(TINY, tmp_path, num_shards=1, quiet=True, licence="LicenseRef-ours")
    assert said(directory) == ("LicenseRef-ours", "LicenseRef-ours", "Licence: LicenseRef-ours.")
    front = (directory / "README.md").read_text().split("---")[1]
    assert "license: other\nlicense_name: 'licenseref-ours'\n" in front
    assert "licence    LicenseRef-ours" in summary(read_manifest(directory))
    assert verify(directory) == []


def test_a_conversion_carries_it(tmp_path: Path) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True, licence="CC0-1.0")
    converted, _ = convert(directory, "webdataset", tmp_path)
    assert said(converted)[0] == "CC0-1.0"
    build(TINY, tmp_path, num_shards=1, quiet=True, licence="CC-BY-4.0")
    assert convert(directory, "webdataset", tmp_path) == (converted, False)
    assert said(converted)[0] == "CC-BY-4.0"
    assert read_manifest(converted)["digest"] == read_manifest(directory)["digest"]


def test_capitals_are_those_of_the_list(tmp_path: Path) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True, licence="cc-by-4.0")
    assert said(directory)[0] == "CC-BY-4.0"
    when = (directory / "dataset.json").stat().st_mtime_ns
    build(TINY, tmp_path, num_shards=1, quiet=True, licence="CC-by-4.0")
    assert (directory / "dataset.json").stat().st_mtime_ns == when, "the same choice writes nothing"


@pytest.mark.parametrize("unknown", ["CC-BY-40", "mine", "proprietary", "LicenseRef-", "NOT-A-LICENSE", "and"])
def test_one_that_is_not_in_the_list_is_refused(unknown: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True, licence="MIT")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    settings = ("--pendulums", 4, "--images", 2, "--antialias", "--out", tmp_path)
    for way in ((), ("--force",), ("--dry-run",)):
        line = refused("pendgen", "build", *settings, "--license", unknown, *way)
        assert line == (
            f"pendgen: license is {unknown!r}, which is not in the SPDX list; expected one that is, such as CC-BY-4.0, "
            "or LicenseRef- and a name of your own\n"
        )
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_a_choice_that_cannot_be_written_leaves_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    """The manifest comes last: until then the dataset is under what it was, and the same command completes it."""
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True, licence="MIT")
    settings = ("--pendulums", 4, "--images", 2, "--antialias", "--out", tmp_path, "--license", "CC0-1.0")

    def full(source: Path, target: Path) -> None:
        if target.name == "croissant.json":
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("pendgen.format.os.replace", full)
        assert "No space left on device" in refused("pendgen", "build", *settings)
    assert read_manifest(directory)["license"] == "MIT"
    assert not [path for path in directory.iterdir() if path.suffix == ".tmp"]
    build(TINY, tmp_path, num_shards=1, quiet=True, licence="CC0-1.0")
    assert said(directory)[0] == "CC0-1.0"


NAMES = ["plain-0.4", "a: b #c", "'quoted\"", "two `ticks``", "<script>", "{x: [y", "- é & *z", "a "]


@pytest.mark.parametrize("name", NAMES)
def test_card_and_croissant_hold_any_name(name: str) -> None:
    yaml = pytest.importorskip("yaml")
    golden = read_manifest(Path(__file__).parents[1] / "golden" / "dataset-2-hdf5")
    manifest = {**golden, "name": name, "license": "MIT"}
    front = yaml.safe_load(card(manifest).split("---\n")[1])
    assert (front["pretty_name"], front["license"]) == (f"Pendulum {name}", "mit")
    assert json.loads(croissant(manifest))["name"] == name


HOSTILE = ["", "a b", "x\ny: 1", "CC0\n", "'", "<b>", "-x", "x" * 65, "MIT OR 0BSD", "GPL-3.0+", "MIT\u2028", "\x1b[2J"]


@pytest.mark.parametrize("hostile", [*HOSTILE, "../x", "é", "\u202eTIM"])
def test_anything_but_an_identifier_is_refused(hostile: str, tmp_path: Path, refused: Callable[..., str]) -> None:
    line = refused(
        "pendgen", "build", "--pendulums", 4, "--images", 2, "--out", tmp_path / "new", f"--license={hostile}"
    )
    assert "expected an SPDX identifier such as CC-BY-4.0" in line
    assert line.strip().isprintable()
    assert not (tmp_path / "new").exists()


def test_a_strangers_manifest_is_held_to_the_same(tmp_path: Path) -> None:
    directory, _ = build(TINY, tmp_path, num_shards=1, quiet=True)
    path = directory / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "license": "x\n---"}))
    with pytest.raises(ValueError, match="expected an SPDX identifier"):
        read_manifest(directory)
