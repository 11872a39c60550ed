"""The command line of pendtrain: parses, calls one function, reports."""

import csv
import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pendtrain import __version__
from pendtrain.recipe import ENCODERS, METHODS, OPTIMISERS, PROTOCOLS, Recipe, read_recipe, to_toml, typed

DEFAULTS = {field.name: field.default for field in fields(Recipe)}
PAIR = ("contrastive", "supervised")  # what the paper compares
SILENT = 300.0  # seconds without a sign of life: many heartbeats, even of slow steps
PATH = click.Path(path_type=Path)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several click options as one decorator, shown by --help in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _setting(name: str, **how: Any) -> Callable[[Any], Any]:
    """An option for a setting of the recipe, its default shown but left to the recipe (or its file)."""
    default = DEFAULTS[name]
    how.setdefault("type", type(default))
    return click.option(f"--{name.replace('_', '-')}", name, default=None, show_default=str(default), **how)


_recipe = _options(
    _setting("epochs", help="Each shows every pendulum once, as one pair."),
    _setting("batch", help="Pendulums a step, over all processes; twice as many images."),
    _setting("protocol", type=click.Choice(PROTOCOLS), help="As printed, or as programmed."),
    _setting("encoder", type=click.Choice(list(ENCODERS)), help="Network; free vectors; the loss's own optimum."),
    click.option("--set", "own", metavar="KEY=VALUE", multiple=True, help="A setting of the method. May repeat."),
    click.option("--similarity", help="Contrastive: euclidean or cosine."),
    click.option("--temperature", type=float, help="Contrastive: τ of InfoNCE.", show_default="0.1"),
    click.option("--decoupled", is_flag=True, default=None, help="Contrastive: no positive pair in the denominator."),
    click.option("--loss", help="Supervised: mse, l1 or spearman."),
    click.option("--labelled", type=float, help="Share of pendulums that keep their energy, where the method asks."),
    _setting("optimiser", type=click.Choice(OPTIMISERS), help="Stochastic gradient descent, AdamW or Muon."),
    _setting("learning_rate", help="Peak rate per 256 pendulums of batch."),
    _setting("warmup_epochs", help="Linear warm-up."),
    _setting("momentum", help="Of SGD and Muon; β₁ of AdamW."),
    _setting("weight_decay", help="On all parameters."),
    _setting("clip_norm", help="Largest norm of the gradient."),
    _setting("averaging", help="Decay a step of an average of the weights, over the second half; 0: none."),
    click.option(
        "--recipe",
        "base",
        default="paper",
        help="paper: Fig. 16; fast: near the ceiling with a fifth of its images; or a TOML file of these settings. "
        "Options win over it.",
    ),
)
_how = _options(
    click.option("--out", type=PATH, default="runs", help="Folder of runs."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any."),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16"]),
        default="auto",
        help="auto: bf16 where the processor has it. Loss and embeddings are float32 always.",
    ),
    click.option("--workers", default=0, help="Loader processes; 0 loads in the training process."),
    click.option("--cache", default=8.0, help="GB of pictures kept in memory; beyond it they are read from disk."),
    click.option("--logger", type=click.Choice(["csv", "tensorboard"]), default="csv", help="csv is always written."),
    click.option("--checkpoint-seconds", default=60.0, help="Time between checkpoints."),
    click.option("--quiet", is_flag=True, help="No progress."),
)
_HOW = ("device", "precision", "workers", "cache", "logger", "checkpoint_seconds", "quiet")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    """Train encoders of pendulum images, told the energy or not.

    \b
    pendtrain fit --shards data/vanilla                       contrastive, Fig. 16
    pendtrain fit --shards data/vanilla --method supervised   told the energy
    pendtrain fit --shards data/vanilla --recipe fast         near the ceiling with a fifth of the images
    pendtrain methods                                         every way to learn, and its settings
    pendtrain sweep data/* --seeds 5                          both, five seeds each, on every dataset
    pendtrain sweep data/vanilla* --replicates                both on each replicate of a dataset, its seed for both
    pendtrain embed runs/vanilla/contrastive-d1/seed-0        again, or of another dataset
    torchrun --nproc-per-node 4 -m pendtrain fit …            one run over four GPUs
    """  # noqa: D301 - click wants the character


@cli.command()
@click.option("--shards", type=PATH, help="Dataset, as pendgen builds it.", show_default="required")
@_setting("method", help="`pendtrain methods` lists them; or yours: package.module:Class.")
@_setting("dim", help="Outputs of the encoder.")
@_setting("seed", help="Seed of the initial weights, the order and the pairs.")
@_recipe
@_how
@click.option("--print-recipe", is_flag=True, help="Print the settings as TOML and stop.")
def fit(shards: Path | None, out: Path, base: str, print_recipe: bool, **options: Any) -> int:
    """Train one encoder; embed the test split, and every image that can occur where the dataset holds them.

    The same command again finds its own run: complete, it says so; unfinished, it goes on where it
    stopped. SIGINT, SIGTERM and SIGUSR1 save the state and exit with 128 + the signal's number.
    """
    how = _settings(options)
    recipe = Recipe.of(**_given(base, options))
    if print_recipe:
        click.echo(to_toml(recipe), nl=False)
        return 0
    if shards is None:
        raise ValueError("--shards is not given, expected a dataset directory; `pendgen build` makes one")
    from pendtrain.fit import fit as run
    from pendtrain.state import Settings, Stopped, TrainingFailed

    try:
        place, trained = run(shards, recipe, out, Settings(**how))
    except TrainingFailed as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        return 1
    except Stopped as problem:
        click.echo(f"pendtrain: {problem}", err=True)
        return 128 + problem.number
    click.echo(f"{'trained' if trained else 'already complete:'} {place}")
    return 0 if _learning(place) == "ok" else 1


def _learning(run: Path) -> str:
    from pendtrain.runs import read_run

    return str((read_run(run) or {}).get("learning", "ok"))


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """Take what is not of the recipe out of the options."""
    how = {key: options.pop(key) for key in _HOW}
    if not 0 <= how["cache"] < 1e6:
        raise ValueError(f"cache is {how['cache']}, expected 0 or more GB")
    if not 0 <= how["checkpoint_seconds"] < 1e9:
        raise ValueError(f"checkpoint_seconds is {how['checkpoint_seconds']}, expected 0 or more seconds")
    how["cache"] = int(how["cache"] * 2**30)
    return how


def _given(base: str, options: dict[str, Any]) -> dict[str, Any]:
    """Settings of a recipe, by name or file, overridden by those on the command line."""
    given = read_recipe(base)
    for text in options.pop("own"):
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ValueError(f"--set {text}, expected KEY=VALUE")
        given[key.strip().replace("-", "_")] = typed(value.strip())
    return given | {key: value for key, value in options.items() if value is not None}


@cli.command()
@click.argument("run", type=PATH)
@click.option("--shards", type=PATH, help="Another dataset.", show_default="the one it was trained on")
@click.option(
    "--split",
    type=click.Choice(["train", "test", "population"]),
    default="test",
    help="What to embed. population: every image that can occur, once; test writes it too, where there is one.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any.")
@click.option(
    "--layer",
    type=click.Choice(["output", "features"]),
    default="output",
    help="features: the 512 numbers that the last layer sees, to ask what else the network knows.",
)
@click.option("--method", help="Of a run whose method is your own, package.module:Class: may be imported.")
@click.option("--force", is_flag=True, help="Embed again what is there already.")
def embed(run: Path, shards: Path | None, split: str, device: str, layer: str, method: str | None, force: bool) -> None:
    """Embed a split of any dataset with the encoder of RUN, each different image once.

    Files that are there already are left, unless of an older format. A run of an older version gains its
    population this way: build its dataset anew, then embed it.
    """
    from pendtrain.embed import embed_run

    layer = "" if layer == "output" else layer
    for path, written in embed_run(run, shards, split, device=device, force=force, layer=layer, method=method):
        click.echo(f"{'wrote' if written else 'already there:'} {path}")


@cli.command()
@click.argument("paths", type=PATH, nargs=-1, required=True)
@click.option("--method", "methods", multiple=True, default=PAIR, help="May repeat; `pendtrain methods` lists them.")
@click.option("--dim", "dims", type=int, multiple=True, default=(DEFAULTS["dim"],), help="May repeat.")
@click.option("--seeds", type=int, show_default="5", help="Training seeds 0 to N - 1, each on every dataset.")
@click.option(
    "--replicates",
    is_flag=True,
    help="Instead of --seeds: train each dataset once per method, with its own dataset seed as training seed.",
)
@_recipe
@_how
@click.option("--jobs", default=1, help="Runs side by side on this machine; they share its cores.")
@click.option("--scheduler", help="Address of a Dask scheduler; one run per worker slot instead.")
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
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
    """Train every dataset in PATHS × method × dim × seed; skip what is complete, go on past failures.

    To compare methods, train them on replicates: fresh data and a fresh training seed each time, both methods on
    the same. PATHS of equal settings and different dataset seeds are replicates of one another:

    \b
    pendgen build --variant vanilla --replicates 10
    pendtrain sweep data/vanilla* --replicates        10 pairs, the first pair first

    Exit code 1 where a run failed, with a line naming it.
    """  # noqa: D301
    from pendtrain.sweep import estimated_seconds, execute, plan

    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, expected 1 or more")
    if replicates and seeds is not None:
        raise ValueError(f"seeds is {seeds}, but --replicates takes each dataset's own seed; give one or the other")
    how = _settings(options)
    crossed = None if replicates else 5 if seeds is None else seeds
    planned = plan(paths, out, methods, dims, crossed, _given(base, options))
    for entry in planned:
        click.echo(f"{entry.state:<9} {entry.run}")
    waiting = sum(entry.state != "complete" for entry in planned)
    seconds, basis = estimated_seconds(planned, jobs)
    click.echo(f"{len(planned)} runs, {waiting} to train, about {seconds / 3600:.1f} h ({basis})")
    if dry_run:
        return 0
    bad = 0
    with _executor(scheduler) as executor:
        for number, (_, outcome, text) in enumerate(execute(planned, how, jobs, executor), start=1):
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


@cli.command()
def methods() -> None:
    """List every way to learn: its source, and its own settings with their defaults, for `--set`."""
    from dataclasses import fields as settings_of

    from pendtrain.objectives import find

    for name in METHODS:
        objective = find(name)
        click.echo(f"{name}: {objective.source}")
        for field in settings_of(objective.Settings):
            click.echo(
                f"    {field.name} = {str(field.default).lower() if field.default in (True, False) else field.default}"
            )
        for key, value in objective.usual.items():
            click.echo(f"    (usual with it: {key} = {value})")


@cli.command("list")
@click.argument("root", type=PATH, default="runs")
def list_runs(root: Path) -> int:
    """List the runs below ROOT: status, whether it is alive, last loss, last score and the oracle's.

    Exit code 1 where a run cannot be read.
    """
    from pendtrain.runs import read_run

    bad, found = False, sorted(path.parent for path in root.rglob("run.json"))
    if not found:
        raise FileNotFoundError(f"{root} holds no runs (no run.json)")
    for run in found:
        try:
            line, unreadable = _line(run, read_run(run) or {}), False
        except (ValueError, LookupError, TypeError, OSError) as problem:
            line, unreadable = f"unreadable {run}: {plain(problem)}", True
        click.echo(line, err=unreadable)
        bad |= unreadable
    return int(bad)


def _line(run: Path, facts: dict[str, Any]) -> str:
    """A run in one line."""
    last, score = _last_row(run), _last_row(run, "spearman")
    said = f"step {last['step']}, loss {float(last['loss']):.4f}" if last else "no step logged"
    if score:
        said += f", Spearman {float(score['spearman']):.4f} (oracle {float(score['oracle_spearman']):.4f})"
    said += f", {_pulse(facts)}" if facts["status"] == "running" and "heartbeat" in facts else ""
    said += ", nothing learnt: outputs are constant" if facts.get("learning") == "constant" else ""
    return f"{facts['status']:<9} {run}: {said}"


def _pulse(facts: dict[str, Any]) -> str:
    """Whether a run that says it is running still gives signs of life, and since when it does not."""
    age = (datetime.now(UTC) - datetime.fromisoformat(facts["heartbeat"])).total_seconds()
    return f"alive {age:.0f} s ago" if age < SILENT else f"silent for {age / 60:.0f} min: killed? fit goes on"


@cli.command()
@click.argument("run", type=PATH)
def show(run: Path) -> None:
    """Show one run: status, settings, data, machine, last metrics; JSON."""
    from pendtrain.runs import read_run

    facts = read_run(run)
    if facts is None:
        raise FileNotFoundError(f"{run} holds no run (no run.json)")
    click.echo(json.dumps({**facts, "last_metrics": _last_row(run)}, indent=2))


def _last_row(run: Path, having: str = "step") -> dict[str, str] | None:
    """The last row of metrics.csv in which a column is not empty."""
    path = run / "metrics.csv"
    if not path.is_file():
        return None
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get(having)]
    except (ValueError, csv.Error) as problem:
        raise ValueError(f"{path} cannot be read: {problem}") from None
    return rows[-1] if rows else None


def plain(problem: Exception) -> str:
    """What an error says, in characters that do nothing on a terminal, whatever file they came from."""
    text = str(problem) or ("out of memory" if isinstance(problem, MemoryError) else type(problem).__name__)
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def main() -> None:
    """Entry point: errors become one line on stderr and the documented exit codes.

    0 done, 1 finished with problems found, 2 refused, 128 + n stopped by signal n.
    """

    def terminate(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, getattr(signal, "SIGUSR1", signal.SIGTERM)):
        signal.signal(number, terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # closed, it is None; a letter that it lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="pendtrain", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendtrain'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendtrain: interrupted; the same command again goes on from the last checkpoint", err=True)
        code = 130
    except (ValueError, OSError, MemoryError) as problem:
        click.echo(f"pendtrain: {plain(problem)}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
