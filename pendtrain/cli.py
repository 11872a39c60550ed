"""The command line of pendtrain: parses, calls one function, reports."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pendtrain import __version__, console
from pendtrain.console import CONTEXT, Choice, Group, plain, under
from pendtrain.fit_options import DEFAULTS, PATH, how, recipe, recipe_of, setting, settings_of
from pendtrain.nearest import nearest_path
from pendtrain.recipe import PAIR, Recipe, to_toml

WHAT = "What is trained"
option = under("Options")


@click.group(
    cls=Group,
    context_settings=CONTEXT,
    examples=[
        ("pendtrain fit --shards data/vanilla", "contrastive, Fig. 16 of the paper"),
        ("pendtrain fit --shards data/vanilla --method supervised", "told the energy"),
        ("pendtrain methods", "every way to learn, and its settings"),
        ("pendtrain sweep data/* --seeds 5 --dry-run", "both, five seeds each, on every dataset: the plan"),
        ("pendtrain list runs", "what there is"),
        ("pendtrain embed runs/vanilla/contrastive-d1/seed-0 --force", "again, or of another dataset"),
    ],
)
@click.version_option(__version__)
def cli() -> None:
    """Train encoders of pendulum images, told the energy or not."""


@cli.command(
    examples=[
        ("pendtrain fit --shards data/vanilla", "contrastive, Fig. 16 of the paper"),
        ("pendtrain fit --shards data/vanilla --recipe fast --seed 1", "near the ceiling with a fifth of the images"),
        ("pendtrain fit --shards data/vanilla --method supervised --loss l1", "told the energy"),
        ("pendtrain fit --shards data/vanilla --dim 2 --similarity cosine", "a circle"),
        ("pendtrain fit --shards data/vanilla --method vicreg --set covariance=2", "a setting of a method"),
        ("pendtrain fit --recipe fast --epochs 7 --print-recipe", "every setting, as a file that --recipe reads"),
        ("torchrun --nproc-per-node 4 -m pendtrain fit --shards data/large", "one run over four GPUs"),
    ]
)
@under(WHAT)("--shards", type=PATH, help="Dataset, as pendgen builds it; required.")
@setting("method", WHAT, help="`pendtrain methods` lists them; or yours: package.module:Class.")
@setting("dim", WHAT, help="Outputs of the encoder.")
@setting("seed", WHAT, help="Seed of the initial weights, the order and the pairs.")
@recipe
@how
@under("Recipe")("--print-recipe", is_flag=True, help="Print the settings as TOML and stop.")
def fit(shards: Path | None, out: Path, base: str, print_recipe: bool, **options: Any) -> int:
    """Train one encoder, and embed what it is scored on.

    That is the test split, and every image that can occur where the dataset holds them. The same command again finds
    its own run: complete, it says so; unfinished, it goes on where it stopped. SIGINT, SIGTERM and SIGUSR1 save the
    state and exit with 128 + the signal's number. Exit code 1 where training failed or nothing was learnt.
    """
    ways = settings_of(options)
    wanted = Recipe.of(**recipe_of(base, options))
    if print_recipe:
        click.echo(to_toml(wanted), nl=False)
        return 0
    if shards is None:
        raise ValueError("--shards is not given, expected a dataset directory; `pendgen build` makes one")
    from pendtrain.distributed import speaks
    from pendtrain.fit import fit as run
    from pendtrain.state import Settings, Stopped, TrainingFailed

    try:
        place, trained = run(shards, wanted, out, Settings(**ways))
    except TrainingFailed as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        return 1
    except Stopped as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        return 128 + problem.number
    if speaks():
        click.echo(f"{'trained' if trained else 'already complete:'} {place}")
    return 0 if _learning(place) == "ok" else 1


def _learning(run: Path) -> str:
    from pendtrain.runs import read_run

    return str((read_run(run) or {}).get("learning", "ok"))


@cli.command(
    examples=[
        ("pendtrain embed runs/vanilla/contrastive-d1/seed-0 --shards data/cropping-0.75", "elsewhere"),
        ("pendtrain embed runs/vanilla/contrastive-d1/seed-0 --split train", "the split it was trained on"),
        ("pendtrain embed runs/vanilla/contrastive-d1/seed-0 --layer features", "below the output"),
    ]
)
@click.argument("run", type=PATH)
@option(
    "--shards",
    type=PATH,
    help="Another dataset, of pictures of the same size.",
    show_default="the one it was trained on",
)
@option(
    "--split",
    type=Choice(["train", "test", "population"]),
    default="test",
    help="What to embed. population: every image that can occur, once; test writes it too, where there is one.",
)
@option("--device", type=Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any.")
@option(
    "--layer",
    type=Choice(["output", "features"]),
    default="output",
    help="features: the 512 numbers that the last layer sees, to ask what else the network knows.",
)
@option("--method", help="Of a run whose method is your own, package.module:Class: may be imported.")
@option("--force", is_flag=True, help="Embed again what is there already.")
def embed(run: Path, shards: Path | None, split: str, device: str, layer: str, method: str | None, force: bool) -> None:
    """Embed a split of any dataset with the encoder of RUN.

    Each different image is embedded once. Files that are there already are left, unless of an older format. A run of an
    older version gains its population this way: build its dataset anew, then embed that with --shards.
    """
    from pendtrain.embed import embed_run

    layer = "" if layer == "output" else layer
    for path, written in embed_run(run, shards, split, device=device, force=force, layer=layer, method=method):
        click.echo(f"{'wrote' if written else 'already there:'} {path}")


@cli.command(
    examples=[
        ("pendtrain sweep data/* --seeds 5 --dry-run", "the plan"),
        ("pendgen build --variant vanilla --replicates 10", "ten datasets of the same settings"),
        ("pendtrain sweep data/vanilla data/vanilla-seed-* --replicates", "pairs of runs on them, first pair first"),
        ("pendtrain sweep data/vanilla --method vicreg --method byol --jobs 2", "other methods, two side by side"),
    ]
)
@click.argument("paths", type=PATH, nargs=-1, required=True)
@under(WHAT)(
    "--method",
    "methods",
    multiple=True,
    show_default=f"the recipe's, else {' and '.join(PAIR)}",
    help="May repeat; `pendtrain methods` lists them.",
)
@under(WHAT)(
    "--dim", "dims", type=int, multiple=True, show_default=f"the recipe's, else {DEFAULTS['dim']}", help="May repeat."
)
@under(WHAT)("--seeds", type=int, show_default="5", help="Training seeds 0 to N - 1, each on every dataset.")
@under(WHAT)(
    "--replicates",
    is_flag=True,
    help="Instead of --seeds: train each dataset once per method, with its own dataset seed as training seed.",
)
@recipe
@how
@under("How")("--jobs", default=1, help="Runs side by side on this machine; they share its cores.")
@under("How")("--scheduler", help="Address of a Dask scheduler; one run per worker slot instead.")
@under("How")("--dry-run", is_flag=True, help="Print the plan and stop.")
def sweep(
    paths: tuple[Path, ...],
    methods: tuple[str, ...],
    dims: tuple[int, ...],
    seeds: int | None,
    replicates: bool,
    out: Path,
    base: str,
    jobs: int,
    scheduler: str | None,
    dry_run: bool,
    **options: Any,
) -> int:
    """Train every dataset in PATHS with every method, dim and seed.

    What is no dataset is passed over, what is complete is skipped, and a failure does not stop the others; exit code 1
    where a run failed, with a line naming it. To compare methods, train them on replicates: datasets of equal settings
    and different dataset seeds, which take fresh data and a fresh training seed each time, both methods on the same.
    """
    from pendtrain.sweep import estimated_seconds, execute, plan

    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, expected 1 or more")
    if replicates and seeds is not None:
        raise ValueError(f"seeds is {seeds}, but --replicates takes each dataset's own seed; give one or the other")
    ways = settings_of(options)
    crossed = None if replicates else 5 if seeds is None else seeds
    planned = plan(paths, out, methods, dims, crossed, recipe_of(base, options))
    for entry in planned:
        click.echo(f"{entry.state:<9} {entry.run}")
    waiting = sum(entry.state != "complete" for entry in planned)
    seconds, basis = estimated_seconds(planned, jobs)
    long = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{math.ceil(seconds / 60)} min"
    click.echo(f"{len(planned)} runs, {waiting} to train, about {long} ({basis})")
    if dry_run:
        return 0
    bad = 0
    with _executor(scheduler) as executor:
        for number, (_, outcome, text) in enumerate(execute(planned, ways, jobs, executor), start=1):
            click.echo(f"{number} of {waiting} {outcome}: {text}", err=outcome != "complete")
            bad += outcome not in ("complete", "elsewhere")
    return 1 if bad else 0


@contextmanager
def _executor(scheduler: str | None) -> Iterator[Callable[[], Any] | None]:
    """Dask workers behind the interface of `concurrent.futures`, or None for processes of this machine."""
    if scheduler is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise ValueError("--scheduler needs Dask: install pendulum-lab[cluster]") from None
    try:
        client = Client(scheduler, timeout=5)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as problem:
        raise OSError(f"no Dask scheduler answers at {scheduler}: {problem}") from None
    with client:
        yield client.get_executor


@cli.command(
    examples=[
        ("pendtrain methods", "ten of them, and what --set reaches"),
    ]
)
def methods() -> None:
    """List every way to learn.

    Each with its source, and its own settings with their defaults and what they are, for `--set`.
    """
    from shutil import get_terminal_size

    from pendtrain.methods import lines

    for line in lines(min(100, get_terminal_size().columns)):
        click.echo(line)


@cli.command(
    "list",
    examples=[
        ("pendtrain list", "all below runs/"),
        ("pendtrain list runs/vanilla", "those on one dataset"),
    ],
)
@click.argument("root", type=PATH, default="runs")
def list_runs(root: Path) -> int:
    """List the runs below ROOT.

    Each with its status, whether it is alive, last loss, last score and the oracle's. Exit code 1 where a run cannot be
    read.
    """
    from pendtrain.listing import line
    from pendtrain.runs import read_run

    bad, found = False, sorted(path.parent for path in root.rglob("run.json"))
    if not found:
        raise FileNotFoundError(f"{root} holds no runs (no run.json){nearest_path(root)}")
    for run in found:
        try:
            text, unreadable = line(run, read_run(run) or {}), False
        except (ValueError, LookupError, TypeError, OSError) as problem:
            text, unreadable = f"unreadable {run}: {plain(problem)}", True
        click.echo(text, err=unreadable)
        bad |= unreadable
    return int(bad)


@cli.command(
    examples=[
        ("pendtrain show runs/vanilla/contrastive-d1/seed-0", "as JSON"),
    ]
)
@click.argument("run", type=PATH)
def show(run: Path) -> None:
    """Show one run, as JSON.

    Its status, settings, data, machine and last metrics.
    """
    from pendtrain.listing import last_row
    from pendtrain.runs import read_run

    facts = read_run(run)
    if facts is None:
        raise FileNotFoundError(f"{run} holds no run (no run.json){nearest_path(run)}")
    click.echo(json.dumps({**facts, "last_metrics": last_row(run)}, indent=2))


def main() -> None:
    """Entry point: `console.run` says what becomes of errors, and the exit codes."""
    console.run(cli, "pendtrain", "interrupted; the same command again goes on from the last checkpoint")
