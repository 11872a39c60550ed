"""The three stages together, joined by files: what one writes, the next reads."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from pendeval.report import report
from pendgen.format import read_manifest
from pendgen.reader import read_column
from pendtrain.shards import LABELS, open_dataset, read_split


def test_trainer_reads_what_the_generator_wrote(small: Path) -> None:
    split = read_split(open_dataset(small), "train", ("image", *LABELS))
    for name, column in split.items():
        assert np.array_equal(column, read_column(small, read_manifest(small), "train", name)), name
    assert np.array_equal(split["index"], np.arange(40))


def test_evaluator_scores_what_the_trainer_wrote(small: Path, small_run: Path, tmp_path: Path) -> None:
    made = report(small_run, tmp_path, quiet=True)
    assert not made.problems
    (row,) = made.frames["runs"].to_dict("records")
    assert (row["dataset"], row["method"], row["dim"], row["seed"]) == ("vanilla", "contrastive", 1, 0)
    assert (row["pendulums"], row["images_per_pendulum"], row["images"]) == (40, 6, 240)
    assert 0.98 < row["oracle_global_spearman"] < 1
    assert not row["above_ceiling"]
    assert made.frames["provenance"]["status"].tolist() == ["complete"]
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert pd.read_csv(tmp_path / "segments.csv")["images"].sum() == 240
    with h5py.File(small_run / "embeddings" / "vanilla-test.h5") as file:
        assert np.array_equal(file["energy"][()], read_column(small, read_manifest(small), "test", "energy"))
