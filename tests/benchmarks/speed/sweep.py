"""Several runs side by side on one machine: `pendtrain sweep` with a job a core beside one job with all of them."""

import tempfile
from collections.abc import Iterator

from joblib import cpu_count

from pendgen.variants import Vanilla
from speed.timing import Line, Plan, alternating, command


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second in total of as many runs as there are cores, from start to end, scoring included."""
    pendulums, batch, epochs = (64, 32, 1) if plan.quick else (5120, 512, 4)
    shards, jobs = plan.data(Vanilla(), pendulums), max(2, cpu_count())
    images = jobs * 2 * epochs * (pendulums // batch) * batch
    how = ("--method", "contrastive", "--seeds", jobs, "--epochs", epochs, "--batch", batch)

    def speed(side_by_side: int) -> float:
        with tempfile.TemporaryDirectory() as out:
            options = ("--out", out, "--device", plan.device.type, "--jobs", side_by_side, "--quiet")
            # 1: done, with problems found, as that an encoder of few epochs has learnt nothing.
            seconds, _ = command("-m", "pendtrain", "sweep", shards, *how, *options, passing=(0, 1))
        return images / seconds

    several, one = alternating([lambda: speed(jobs), lambda: speed(1)], plan.slow_rounds)
    yield Line(f"sweep of {jobs} runs, --jobs {jobs} ÷ --jobs 1", several, one, "images/s")
