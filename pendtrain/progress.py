"""Steps done, on stderr: a bar on a terminal, elsewhere a plain line every half minute."""

import sys
import time

from tqdm import tqdm


class Progress:
    """Progress of one run from `step` to `total`."""

    def __init__(self, what: str, step: int, total: int, quiet: bool) -> None:
        self.what, self.total, self.quiet = what, total, quiet
        hidden = quiet or not sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=step, desc=what, unit="step", disable=hidden, leave=False)
        self.said = time.monotonic()

    def __call__(self, step: int, epoch: int, loss: float, speed: float) -> None:
        """Say how far training is; `speed` in images/s."""
        self.bar.update(step - self.bar.n)
        self.bar.set_postfix(loss=f"{loss:.4f}", images_per_s=f"{speed:.0f}")
        if self.bar.disable and not self.quiet and time.monotonic() - self.said >= 30:
            self.said = time.monotonic()
            line = f"{self.what}: step {step} of {self.total}, epoch {epoch}, loss {loss:.4f}, {speed:.0f} images/s"
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.close()
