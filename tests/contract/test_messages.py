"""What people are told when something is wrong: situation, exit code, line. A change to one of them is seen here.

`messages.tsv` holds the table. A situation is a command line, after `+` with something done to a file first (`DAMAGE`).
{data} is a finished dataset, {run} a finished run on it, {out} an empty folder, {copy} and {copied} copies of both.
In lines `…` stands for anything: what differs between machines, or comes from a library.
"""

import csv
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Outcome = tuple[int, str, str]
TABLE = Path(__file__).with_name("messages.tsv")


def rows() -> list[list[str]]:
    with open(TABLE, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]


def manifest(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "data" / "dataset.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def description(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "run" / "run.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def text(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


def cut(pattern: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (path,) = folder.glob(pattern)
        path.write_bytes(path.read_bytes()[:-1])

    return damage


def gone(pattern: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.glob(pattern)).unlink()


DAMAGE: dict[str, Callable[[Path], None]] = {
    "manifest gone": gone("data/dataset.json"),
    "manifest no JSON": text("data/dataset.json", "{"),
    "manifest a list": text("data/dataset.json", "[]"),
    "manifest of a later version": manifest(lambda held: held.update(format_version=9)),
    "manifest names another folder": manifest(lambda held: held.update(name="../../x")),
    "manifest with a version that climbs": manifest(lambda held: held.update(content_version="../../x")),
    "manifest with a shard elsewhere": manifest(lambda held: held["shards"][0].update(file="../x.h5")),
    "manifest with records as text": manifest(lambda held: held["shards"][0].update(records="10")),
    "manifest without splits": manifest(lambda held: held.pop("splits")),
    "manifest without digest": manifest(lambda held: held.pop("digest")),
    "shard gone": gone("data/train-00000*"),
    "shard cut": cut("data/train-00000*"),
    "population gone": gone("data/population.h5"),
    "run.json no JSON": text("run/run.json", "{"),
    "run.json of a later version": description(lambda held: held.update(format_version=9)),
    "run.json with an unknown setting": description(lambda held: held["recipe"].update(magic=1)),
    "run.json with a list for a recipe": description(lambda held: held.update(recipe=[])),
    "run.json still running": description(lambda held: held.update(status="running")),
    "encoder cut": cut("run/encoder.safetensors"),
    "encoder gone": gone("run/encoder.safetensors"),
    "embeddings cut": cut("run/embeddings/vanilla-test.h5"),
    "metrics no text": lambda folder: (folder / "run/metrics.csv").write_bytes(b"\xff\xfe\x00") and None,
    "recipe no TOML": text("mine.toml", "epochs = = 3"),
    "recipe unknown": text("mine.toml", "magic = 3"),
    "recipe of lists": text("mine.toml", "epochs = [1, 2]"),
}


@pytest.fixture
def places(small: Path, small_run: Path, tmp_path: Path) -> dict[str, Path]:
    shutil.copytree(small, tmp_path / "data")
    shutil.copytree(small_run, tmp_path / "run")
    return {
        "data": small,
        "run": small_run,
        "out": tmp_path / "out",
        "copy": tmp_path / "data",
        "copied": tmp_path / "run",
        "folder": tmp_path,
    }


@pytest.mark.parametrize(("situation", "code", "line"), rows(), ids=[row[0] for row in rows()])
def test_message(
    situation: str, code: str, line: str, places: dict[str, Path], command: Callable[..., Outcome]
) -> None:
    found = said(situation, places, command)
    assert str(found[0]) == code, found
    assert re.fullmatch(re.escape(line).replace("…", ".*"), found[1]), found[1]


def said(situation: str, places: dict[str, Path], command: Callable[..., Outcome]) -> tuple[int, str]:
    """Exit code and what stands on stderr, places under the names they have in the table."""
    line, _, damage = situation.partition(" + ")
    if damage:
        DAMAGE[damage](places["folder"])
    code, _, error = command(*shlex.split(line.format_map(places)))
    for name, place in sorted(places.items(), key=lambda each: -len(str(each[1]))):
        error = error.replace(str(place), f"{{{name}}}")
    return code, error.strip().replace("\n", " | ")
