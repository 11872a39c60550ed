"""What a run says of itself while it trains: metrics.csv, TensorBoard, and progress on stderr."""

import csv
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pendtrain.runs import METRICS, write_whole
from pendtrain.watch import Scores

Row = tuple[Any, ...]
_SECONDS = METRICS.index("seconds")


class Metrics:
    """Appends rows, in the order of `runs.METRICS`, to metrics.csv and to TensorBoard, and shows progress.

    A run that goes on at `step` keeps its rows up to there. Without a `run` directory (a process that
    does not lead) nothing is written. Close it by leaving its `with` block.
    """

    def __init__(self, run: Path | None, step: int, logger: str, progress: "Progress", oracle: Scores) -> None:
        self.progress, self.oracle = progress, oracle
        self.seconds = 0.0  # that the rows kept took
        self.writers: list[Callable[[Row], None]] = []
        self.closers: list[Callable[[], None]] = [progress.close]
        if run is not None:
            self._open_csv(run / "metrics.csv", step)
            if logger == "tensorboard":
                self._open_tensorboard(run / "tensorboard", step)

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        for close in self.closers:
            close()

    def __call__(self, row: Row, elapsed: float, scores: Scores | None) -> None:
        """Log one row: what `METRICS` names up to the images, the seconds since this leg began, and scores if any."""
        found: Row = ("",) * 4
        if scores is not None:
            both = (scores, self.oracle)
            found = tuple(round(value, 6) for each in both for value in (each.spearman, each.local_spearman))
        for write in self.writers:
            write((*row, round(self.seconds + elapsed, 2), *found))
        self.progress(row[0], row[1], row[2], row[5], scores)

    def _open_csv(self, path: Path, step: int) -> None:
        kept: list[list[str]] = []
        if step and path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                kept = [row for row in list(csv.reader(file))[1:] if row and row[0].isdecimal() and int(row[0]) <= step]
        kept = [row + [""] * (len(METRICS) - len(row)) for row in kept]  # of an older version
        self.seconds = next((float(row[_SECONDS]) for row in reversed(kept) if row[_SECONDS]), 0.0)
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([METRICS, *kept])
        write_whole(path, table.getvalue().encode())

        def write(row: Row) -> None:
            try:
                with open(path, "a", newline="", encoding="utf-8") as file:
                    csv.writer(file, lineterminator="\n").writerow(row)
            except OSError as problem:
                raise OSError(f"cannot write {path}: {problem.strerror or problem}") from None

        self.writers.append(write)

    def _open_tensorboard(self, folder: Path, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ValueError("logger tensorboard needs its package: install pendulum-lab[tensorboard]") from None
        board = SummaryWriter(str(folder), purge_step=step + 1)

        def write(row: Row) -> None:
            for name, value in zip(METRICS[2:], row[2:], strict=True):
                if value != "":
                    board.add_scalar(name, value, row[0])

        self.writers.append(write)
        self.closers.append(board.close)


class Progress:
    """Progress of one run from `step` to `total`."""

    def __init__(self, what: str, step: int, total: int, quiet: bool) -> None:
        self.what, self.total, self.quiet = what, total, quiet
        hidden = quiet or not sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=step, desc=what, unit="step", disable=hidden, leave=False)
        self.said = time.monotonic()
        self.score = ""

    def __call__(self, step: int, epoch: int, loss: float, speed: float, scores: Scores | None = None) -> None:
        """Say how far training is; `speed` in images/s, `scores` where the encoder was just looked at."""
        if scores is not None:
            self.score = f"{scores.spearman:.4f}/{scores.local_spearman:.3f}"
        self.bar.update(step - self.bar.n)
        shown = {"spearman": self.score} if self.score else {}
        self.bar.set_postfix(loss=f"{loss:.4f}", images_per_s=f"{speed:.0f}", **shown)
        if self.bar.disable and not self.quiet and time.monotonic() - self.said >= 30:
            self.said = time.monotonic()
            line = f"{self.what}: step {step} of {self.total}, epoch {epoch}, loss {loss:.4f}, {speed:.0f} images/s"
            line += f", Spearman {self.score} (global/local)" if self.score else ""
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.close()
