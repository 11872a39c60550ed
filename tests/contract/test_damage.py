"""Damage to what a run leaves, embeddings, weights, checkpoint, score file: named, or what is read is as before.

By dozens here, by the thousand with LAB_TORTURE=1. `tests/pendgen/test_corruption.py` does the same to datasets.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pendeval.keep import keep
from pendeval.report import score_file
from pendeval.scores import pack
from pendtrain import checkpoint
from pendtrain.embed import embed_run
from pendtrain.fit import fit
from pendtrain.learner import Learner
from pendtrain.optimiser import create
from pendtrain.recipe import Recipe
from pendtrain.state import Settings, Stopped

COUNT = 1000 if os.environ.get("LAB_TORTURE") else 40
pytestmark = pytest.mark.torture
Random = np.random.Generator


def flip(content: bytes, draw: Random) -> bytes:
    place = int(draw.integers(len(content)))
    return content[:place] + bytes([content[place] ^ (1 << int(draw.integers(8)))]) + content[place + 1 :]


def overwrite(content: bytes, draw: Random) -> bytes:
    place, length = int(draw.integers(len(content))), int(draw.integers(1, 64))
    return (content[:place] + draw.bytes(length) + content[place + length :])[: len(content)]


def cut(content: bytes, draw: Random) -> bytes:
    return content[: int(draw.integers(len(content)))]


def repeat(content: bytes, draw: Random) -> bytes:
    first, last = sorted(int(each) for each in draw.integers(len(content), size=2))
    return content[:last] + content[first:last] + content[last:]


def blank(content: bytes, draw: Random) -> bytes:
    first = int(draw.integers(len(content)))
    return content[:first] + bytes(min(512, len(content) - first)) + content[first + 512 :]


DAMAGE: tuple[Callable[[bytes, Random], bytes], ...] = (flip, flip, overwrite, cut, repeat, blank)


def damaged(path: Path, read: Callable[[Path], object], count: int = COUNT) -> int:
    """Damage a file again and again: `read` refuses it in one line, or gives what it gives of the whole one."""
    whole, content = read(path), path.read_bytes()
    draw = np.random.default_rng(len(content))
    named = 0
    for number in range(count):
        path.write_bytes(DAMAGE[number % len(DAMAGE)](content, draw))
        try:
            found, said = read(path), ""
        except ValueError as problem:
            found, said = whole, str(problem)
        assert found == whole, (path, number)
        assert not said or (path.name in said and len(said.splitlines()) == 1), said
        named += bool(said)
    path.write_bytes(content)
    assert read(path) == whole
    print(f"{path.name}: {count} damaged, {named} named, the others harmless")
    return named


@pytest.mark.parametrize("split", ["test", "population"])
def test_embeddings(small_run: Path, tmp_path: Path, split: str) -> None:
    path = Path(shutil.copy(small_run / "embeddings" / f"vanilla-{split}.h5", tmp_path))

    def scores(file: Path) -> object:
        record = score_file(file)
        return record.embedding_digest, record.labels, dict(record.settings), repr(record.views), repr(record.bands)

    assert damaged(path, scores, COUNT // 4) > COUNT // 8


def test_score_files(small_run: Path, tmp_path: Path) -> None:
    (path,), _ = keep([small_run], tmp_path, tmp_path / ".cache", quiet=True)
    assert damaged(path, lambda file: pack(score_file(file))) > COUNT // 2


def test_weights(small: Path, small_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))

    def embedded(file: Path) -> object:
        (path, written), *_ = embed_run(file.parent, small, "train", force=True)
        return path, written

    assert damaged(run / "encoder.safetensors", embedded, 6) == 6
    weights = load_file(small_run / "encoder.safetensors")
    assert all(torch.equal(value, weights[name]) for name, value in load_file(run / "encoder.safetensors").items())


def test_checkpoints(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(epochs=2, batch=10)
    kept = []
    save = checkpoint.save

    def once(path: Path, *state: object) -> None:
        save(path, *state)
        kept.append((path, state[-1]))
        raise Stopped(15, "enough")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", once)
        with pytest.raises(Stopped, match="enough"):
            fit(small, recipe, tmp_path, Settings(checkpoint_seconds=0, quiet=True))
    ((path, identity),) = kept
    learner = Learner(recipe, None)
    optimiser = create(recipe, learner)

    def state(file: Path) -> object:
        step = checkpoint.restore(file, learner, optimiser, identity)
        told = torch.stack([value.double().sum() for value in learner.state_dict().values()])
        moved = [value for each in optimiser.state_dict()["state"].values() for value in each.values()]
        return step, told.tolist(), [float(value.double().sum()) for value in moved if value is not None]

    assert damaged(path, state, COUNT // 4) > COUNT // 8
