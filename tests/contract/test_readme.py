"""What README shows works as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pendeval.report import report
from pendgen.build import build
from pendgen.dataset import Dataset
from pendgen.variants import Vanilla

README = Path(__file__).parents[2] / "README.md"


def test_an_encoder_of_your_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippet, run as it is printed: its file is scored, and compared as the data it says it is of."""
    build(Dataset(Vanilla(), pendulums=30, images=4), tmp_path / "data", num_shards=2, quiet=True)
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)

    def my_encoder(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (
            np.float32(images[..., 0]).mean(axis=(2, 3))[..., None]
            + images[..., 5:12, :, 2].mean(axis=(2, 3))[..., None]
        )

    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {"my_encoder": my_encoder})
    made = report([tmp_path / "mine"], tmp_path / "report", csv_only=True, quiet=True)
    assert not made.problems
    (row,) = made.frames["runs"].to_dict("records")
    assert row["data_words"] == "vanilla"
    assert row["own"] is True
    assert row["usual"] is True
    assert (row["label"], row["seed"], row["images"]) == ("mine", 0, 120)
