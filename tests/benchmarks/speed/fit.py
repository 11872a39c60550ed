"""`pendtrain fit` from end to end, beside its bare step on one batch over and over, and from disk beside memory."""

from collections.abc import Iterator

from pendgen.variants import Vanilla
from pendtrain.recipe import Recipe
from speed.timing import Line, Plan, alternating, fitted, timed
from speed.train import ours, pictures


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second of the training (`train_seconds` of run.json) and of the whole process."""
    pendulums, batch, epochs = (64, 32, 1) if plan.quick else (5120, 512, 4)
    shards = plan.data(Vanilla(), pendulums)
    step, _ = ours(Recipe(batch=batch), pictures(batch, 32, plan.device), plan.precision)
    count = epochs * (pendulums // batch)
    images = 2 * batch * count
    whole: list[float] = []

    def training(*how: object) -> float:
        seconds, run = fitted(shards, "--epochs", epochs, "--batch", batch, "--device", plan.device.type, *how)
        if not how:
            whole.append(images / seconds)
        return images / run["train_seconds"]

    def loop() -> float:
        return images / timed(lambda: [step() for _ in range(count)])

    step()
    mine, bare, disk = alternating([training, loop, lambda: training("--cache", 0)], plan.slow_rounds)
    what = f"÷ bare steps, {pendulums} pendulums, {epochs} epochs"
    yield Line(f"fit, training {what}", mine, bare, "images/s")
    yield Line(f"fit, whole process {what}", whole, bare, "images/s")
    yield Line("fit, training from HDF5 on disk (--cache 0) ÷ from memory", disk, mine, "images/s")
