"""The command line of pendtrain: parses, calls one function, reports."""

import signal
import sys
from pathlib import Path
from typing import Any

import click

from pendtrain import __version__
from pendtrain.recipe import METHODS, Recipe

DEFAULT = Recipe()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Train encoders of pendulum images, told the energy or not.

    \b
    pendtrain fit --shards data/vanilla                       contrastive, Fig. 16
    pendtrain fit --shards data/vanilla --method supervised   told the energy
    """


@cli.command()
@click.option("--shards", type=click.Path(path_type=Path), required=True, help="Dataset, as pendgen builds it.")
@click.option("--method", type=click.Choice(METHODS), default=DEFAULT.method, help="What the encoder is told.")
@click.option("--dim", default=DEFAULT.dim, help="Outputs of the encoder.")
@click.option("--seed", default=DEFAULT.seed, help="Seed of the initial weights, the order and the pairs.")
@click.option("--epochs", default=DEFAULT.epochs, help="Each shows every pendulum once, as one pair.")
@click.option("--batch", default=DEFAULT.batch, help="Pendulums a step; twice as many images.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    help="auto: bf16 where the processor has it. Loss and embeddings are float32 always.",
)
@click.option("--workers", default=0, help="Loader processes; 0 loads in the training process, fastest in memory.")
@click.option("--out", type=click.Path(path_type=Path), default="runs", help="Folder of runs.")
@click.option("--quiet", is_flag=True, help="No progress.")
def fit(shards: Path, out: Path, device: str, precision: str, workers: int, quiet: bool, **options: Any) -> int:
    """Train one encoder and embed the test split. The same command again finds its own run."""
    recipe = Recipe(**options)
    from pendtrain.fit import TrainingFailed
    from pendtrain.fit import fit as run

    try:
        place, trained = run(shards, recipe, out, device=device, precision=precision, workers=workers, quiet=quiet)
    except TrainingFailed as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        return 1
    click.echo(f"{'trained' if trained else 'already complete:'} {place}")
    return 0


def main() -> None:
    """Entry point: errors become one line on stderr and the documented exit codes.

    0 done, 1 finished with problems found, 2 refused, 128 + n stopped by signal n.
    """

    def terminate(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, terminate)
    try:
        code = cli.main(prog_name="pendtrain", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendtrain'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendtrain: interrupted", err=True)
        code = 130
    except (ValueError, OSError) as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
