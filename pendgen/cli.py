"""The command line of pendgen: parses, calls one function, reports."""

import signal
import sys
from pathlib import Path
from typing import Any

import click

from pendgen import __version__
from pendgen.dataset import PROTOCOLS, SPLITS, Dataset
from pendgen.variants import PAPER_VALUES, VARIANTS, Vanilla, create

DEFAULT = Dataset(Vanilla())


_PARAMETERS = ("eps_n", "eps_g", "alpha_g", "num_gaps", "alpha_c")


def _paper(name: str) -> str:
    return "Paper: " + " ".join(f"{value:g}" for value in PAPER_VALUES[name])


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Build datasets of pendulum images whose energy is known.

    \b
    pendgen build --variant vanilla         data/vanilla/<version>/, the paper's full size
    pendgen preview data/vanilla            a contact sheet of it
    """


@cli.command()
@click.option("--variant", type=click.Choice(list(VARIANTS)), default="vanilla", help="Which of the six variants.")
@click.option("--eps-n", type=float, help=f"numerical-noise: radians. {_paper('eps_n')}")
@click.option("--eps-g", type=float, help=f"graphical-noise: 0 to 1. {_paper('eps_g')}")
@click.option("--alpha-g", type=float, help=f"gaps: total length left out of training. {_paper('alpha_g')}")
@click.option("--num-gaps", type=int, help="gaps: how many.", show_default="3")
@click.option("--alpha-c", type=float, help=f"cropping: side of the window over the canvas. {_paper('alpha_c')}")
@click.option("--protocol", type=click.Choice(PROTOCOLS), default="paper", help="As printed, or as programmed.")
@click.option("--pendulums", default=DEFAULT.pendulums, help="Pendulums in each split.")
@click.option("--images", default=DEFAULT.images, help="Images of each pendulum.")
@click.option("--seed", default=DEFAULT.seed, help="Seed of energies, times and noise.")
@click.option("--out", type=click.Path(path_type=Path), default="data", help="Folder of datasets.")
@click.option("--name", help="Directory name instead of the one made from variant, protocol and seed.")
@click.option("--workers", default=0, help="Processes; 0 takes one per core.", show_default="one per core")
@click.option("--num-shards", default=16, help="Shards per split.")
@click.option("--force", is_flag=True, help="Replace a finished or begun directory, whole.")
@click.option("--quiet", is_flag=True, help="No progress.")
def build(variant: str, out: Path, name: str | None, **options: Any) -> None:
    """Build one dataset. The same command again finds it complete; a killed one is picked up."""
    from pendgen.build import build as run
    from pendgen.format import read_manifest

    how = {key: options.pop(key) for key in ("workers", "num_shards", "force", "quiet")}
    given = {key: options.pop(key) for key in _PARAMETERS}
    dataset = Dataset(create(variant, **given), **options)
    directory, built = run(dataset, out, name=name, **how)
    manifest = read_manifest(directory)
    size = sum(shard["bytes"] for shard in manifest["shards"]) / 1e6
    sizes = ", ".join(f"{s} {v['pendulums']}x{v['images']}" for s, v in manifest["splits"].items())
    state = "built" if built else "already complete:"
    click.echo(f"{state} {directory} ({sizes}, {size:.1f} MB, content {manifest['digest']['content'][:12]})")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default="preview.png", help="PNG file to write.")
@click.option("--split", type=click.Choice(SPLITS), default="train", help="Which split to show.")
def preview(directory: Path, out: Path, split: str) -> None:
    """Draw a contact sheet of a dataset: pendulums by energy, their images by time."""
    from pendgen.preview import contact_sheet
    from pendgen.reader import newest

    contact_sheet(newest(directory), split).save(out, "PNG")
    click.echo(f"wrote {out}")


def main() -> None:
    """Entry point: errors become one line on stderr and the documented exit codes.

    0 done, 1 finished with problems found, 2 refused, 128 + n stopped by signal n.
    """

    def terminate(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, terminate)
    try:
        code = cli.main(prog_name="pendgen", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendgen'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendgen: interrupted; the same command again picks up where it stopped", err=True)
        code = 130
    except (ValueError, OSError) as problem:
        click.echo(f"pendgen: {problem}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
