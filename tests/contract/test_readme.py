"""What README shows works as it stands."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pendeval.report import report

README = Path(__file__).parents[2] / "README.md"


def test_every_example_in_python(
    small: Path, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The snippets, run one after another as they are printed: the file they write is scored and compared."""
    shutil.copytree(small, tmp_path / "data" / "vanilla" / "1.1.0")
    shutil.copytree(small_run, tmp_path / "runs" / "vanilla" / "contrastive-d1" / "seed-0")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)

    def my_encoder(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (
            np.float32(images[..., 0]).mean(axis=(-1, -2))[..., None]
            + images[..., 5:12, :, 2].mean(axis=(-1, -2))[..., None]
        )

    snippets = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {"my_encoder": my_encoder}
    for code in snippets:
        exec(compile(code, "README.md", "exec"), names)
    capsys.readouterr()
    made = report([tmp_path / "mine"], tmp_path / "report", csv_only=True, quiet=True)
    assert not made.problems
    (row,) = [row for row in made.frames["runs"].to_dict("records") if row["label"] == "mine"]
    assert row["data_words"] == "vanilla"
    assert row["own"] is True
    assert row["usual"] is True
    assert (row["label"], row["seed"], row["images"]) == ("mine", 0, 240)
