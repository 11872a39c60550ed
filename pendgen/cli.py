"""The command line of pendgen: parses, calls one function, reports."""

import io
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pendgen import __version__
from pendgen.dataset import PROTOCOLS, SPLITS, Dataset
from pendgen.suite import SUITE_NAMES, variants_of
from pendgen.variants import PAPER_VALUES, VARIANTS, Vanilla, Variant, create

DEFAULT = Dataset(Vanilla())
CONTAINERS = ("hdf5", "webdataset")
_PARAMETERS = ("eps_n", "eps_g", "alpha_g", "num_gaps", "alpha_c", "gap")
PATH = click.Path(path_type=Path)


def _paper(name: str) -> str:
    return "Paper: " + " ".join(f"{value:g}" for value in PAPER_VALUES[name])


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several click options as one decorator, shown by --help in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_what = _options(
    click.option("--variant", type=click.Choice(list(VARIANTS)), help="Which variant.", show_default="vanilla"),
    click.option("--eps-n", type=float, help=f"numerical-noise: radians. {_paper('eps_n')}"),
    click.option("--eps-g", type=float, help=f"graphical-noise: 0 to 1. {_paper('eps_g')}"),
    click.option("--alpha-g", type=float, help=f"gaps: total length left out of training. {_paper('alpha_g')}"),
    click.option("--num-gaps", type=int, help="gaps: how many.", show_default="3; 4 in original"),
    click.option("--gap", type=(float, float), multiple=True, help="gaps: one band LOW HIGH instead; may repeat."),
    click.option("--alpha-c", type=float, help=f"cropping: side of the window over the canvas. {_paper('alpha_c')}"),
    click.option("--suite", type=click.Choice(SUITE_NAMES), help="Every dataset of the paper, or of one question."),
    click.option("--protocol", type=click.Choice(PROTOCOLS), default="paper", help="As printed, or as programmed."),
    click.option("--pendulums", default=DEFAULT.pendulums, help="Pendulums in each split."),
    click.option("--images", default=DEFAULT.images, help="Images of each pendulum."),
    click.option("--seed", default=DEFAULT.seed, help="Seed of energies, times and noise."),
    click.option(
        "--replicates",
        default=1,
        help="How many times over, with seeds --seed, --seed + 1, ...: a replicate is fresh data and a fresh training "
        "seed, the unit of statistics.",
    ),
    click.option("--size", type=int, help="Pixels along a side.", show_default="32; large: 100"),
    click.option("--bob-size", default=DEFAULT.bob_size, help="Pixels along a side of a bob."),
    click.option("--time-gap", default=DEFAULT.time_gap, help="Time from the blue to the red bob."),
    click.option("--time-range", type=(float, float), default=DEFAULT.time_range, help="Times of the blue bob."),
    click.option("--energy-range", type=(float, float), default=DEFAULT.energy_range, help="Training energies."),
    click.option("--antialias", is_flag=True, help="Draw bobs between the pixels, by the area they cover."),
)
_how = _options(
    click.option("--out", type=PATH, default="data", help="Folder of datasets."),
    click.option("--name", help="Directory name instead of the one made from variant, protocol and seed."),
    click.option("--format", "container", type=click.Choice(CONTAINERS), default="hdf5", help="Container of shards."),
    click.option("--num-shards", default=0, help="Shards per split.", show_default="16; more beyond 64 MB each"),
    click.option("--workers", default=0, help="Threads.", show_default="one per core"),
    click.option("--scheduler", help="Address of a Dask scheduler whose workers build the shards instead."),
    click.option("--dry-run", is_flag=True, help="Say what would be built and how large; build nothing."),
    click.option("--force", is_flag=True, help="Replace a finished or begun directory, whole."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Build datasets of pendulum images whose energy is known.

    \b
    pendgen build --variant vanilla                    data/vanilla/<version>/, the paper's full size
    pendgen build --variant cropping --alpha-c 0.75    another of the six variants
    pendgen build --suite paper                        every dataset of the paper
    pendgen build --replicates 10                      vanilla ten times over, with seeds 0 to 9
    pendgen preview data/vanilla                       a contact sheet
    """


@cli.command()
@_what
@_how
def build(
    variant: str | None,
    suite: str | None,
    size: int | None,
    seed: int,
    replicates: int,
    out: Path,
    name: str | None,
    container: str,
    **options: Any,
) -> None:
    """Build a dataset, or a suite of them.

    The same command again finds it complete; a killed build is picked up where it stopped.
    """
    given = {key: options.pop(key) for key in _PARAMETERS}
    how = {key: options.pop(key) for key in ("num_shards", "workers", "force", "quiet")}
    scheduler, dry_run = options.pop("scheduler"), options.pop("dry_run")
    wanted = _variants(variant, suite, name, options["protocol"], given)
    if size is not None and size < 1:
        raise ValueError(f"size is {size}, expected 1 pixel or more")
    if not 1 <= replicates <= 10_000:
        raise ValueError(f"replicates is {replicates}, expected 1 to 10,000")
    if name is not None and replicates > 1:
        raise ValueError(f"name is {name!r}, which {replicates} replicates cannot share; their names tell the seeds")
    seeds = range(seed, seed + replicates)
    datasets = [Dataset(kind, size=size or 0, seed=each, **options) for kind in wanted for each in seeds]
    if dry_run:
        return _announce(datasets, out, container, name)
    from pendgen.build import build as run

    with _executor(scheduler) as executor:
        for dataset in datasets:
            directory, built = run(dataset, out, name=name, container=container, executor=executor, **how)
            click.echo(_outcome(directory, built))
    return None


def _variants(
    variant: str | None, suite: str | None, name: str | None, protocol: str, given: dict[str, Any]
) -> list[Variant]:
    if suite is None:
        return [create(variant or "vanilla", protocol, **given)]
    clash = [f"--{key.replace('_', '-')}" for key, value in given.items() if value not in (None, ())]
    clash += ["--variant"] * (variant is not None) + ["--name"] * (name is not None)
    if clash:
        raise ValueError(f"suite is {suite}, which fixes what {', '.join(clash)} would say; give one or the other")
    return list(variants_of(suite, num_gaps=4 if protocol == "original" else 3))


def _announce(datasets: list[Dataset], out: Path, container: str, name: str | None) -> None:
    from pendgen.build import estimated_bytes, place

    total = 0
    for dataset in datasets:
        size = estimated_bytes(dataset, container)
        total += size
        directory, _ = place(dataset, out, container, name)
        there = " (there already)" if (directory / "dataset.json").exists() else ""
        counts = ", ".join(f"{split.name} {split.pendulums}x{split.images}" for split in dataset.splits)
        click.echo(f"would build {directory}: {counts}, at most about {size / 1e6:.0f} MB{there}")
    if len(datasets) > 1:
        click.echo(f"{len(datasets)} datasets, at most about {total / 1e9:.1f} GB")


@contextmanager
def _executor(scheduler: str | None) -> Iterator[Callable[[], Any] | None]:
    """Dask workers behind the interface of `concurrent.futures`, or None for threads of this process."""
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


def _outcome(directory: Path, built: bool) -> str:
    from pendgen.inspection import total_bytes
    from pendgen.manifest import read_manifest

    manifest = read_manifest(directory)
    size = total_bytes(manifest) / 1e6
    sizes = ", ".join(f"{s} {v['pendulums']}x{v['images']}" for s, v in manifest["splits"].items())
    state = "built" if built else "already complete:"
    return f"{state} {directory} ({sizes}, {size:.1f} MB, content {manifest['digest']['content'][:12]})"


@cli.command()
@click.argument("directory", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="The whole manifest as JSON.")
def info(directory: Path, as_json: bool) -> None:
    """Say what a dataset is."""
    from pendgen.inspection import summary
    from pendgen.manifest import read_manifest
    from pendgen.reader import newest

    manifest = read_manifest(newest(directory))
    click.echo(json.dumps(manifest, indent=2, ensure_ascii=False) if as_json else summary(manifest))


@cli.command()
@click.argument("directory", type=PATH)
@click.option("--quiet", is_flag=True, help="No progress.")
def verify(directory: Path, quiet: bool) -> int:
    """Check every file: hashes, counts, fields, and that pictures and labels obey the physics.

    Exit code 1 where something is wrong, with a line naming the file.
    """
    from pendgen.inspection import verify as run
    from pendgen.progress import track
    from pendgen.reader import newest

    place = newest(directory)
    problems = run(place, lambda shards: track(shards, len(shards), "verifying", quiet))
    for problem in problems:
        click.echo(f"{place}: {problem}", err=True)
    if not problems:
        click.echo(f"{place} is whole")
    return 1 if problems else 0


@cli.command()
@click.argument("directory", type=PATH)
@click.option("--format", "container", type=click.Choice(CONTAINERS), required=True, help="Container to write.")
@click.option("--out", type=PATH, default="data", help="Folder of datasets.")
@click.option("--name", help="Directory name.", show_default="the dataset's, with -webdataset for tar shards")
@click.option("--quiet", is_flag=True, help="No progress.")
def convert(directory: Path, container: str, out: Path, name: str | None, quiet: bool) -> None:
    """Copy a dataset into the other container; the content digest stays the same."""
    from pendgen.convert import convert as run
    from pendgen.progress import track
    from pendgen.reader import newest

    source = newest(directory)
    target, written = run(source, container, out, name, lambda s: track(s, len(s), "converting", quiet))
    click.echo(_outcome(target, written))


@cli.command()
@click.argument("directories", type=PATH, nargs=-1, required=True)
@click.option("--out", type=PATH, help="File to write.", show_default="preview.png, or preview.gif")
@click.option("--split", type=click.Choice(SPLITS), default="train", help="Which split to show.")
@click.option("--gif", is_flag=True, help="One pendulum swinging, drawn at even times, instead of a sheet.")
@click.option("--energy", default=0.8, help="Energy of the pendulum in the GIF.")
def preview(directories: tuple[Path, ...], out: Path | None, split: str, gif: bool, energy: float) -> None:
    """Draw a contact sheet of a dataset: pendulums by energy, their images by time.

    Several datasets give one sheet with a row for each (Figs. 13 and 14 of the paper).
    """
    from pendgen.preview import contact_sheet, save, swing, variants_sheet
    from pendgen.reader import newest

    places = [newest(directory) for directory in directories]
    if gif and len(places) > 1:
        raise ValueError(f"--gif shows one dataset, {len(places)} were given")
    kind = ".gif" if gif else ".png"
    out = out or Path(f"preview{kind}")
    if out.suffix.lower() != kind:
        raise ValueError(f"out is {str(out)!r}, expected a name ending in {kind}; --gif writes an animated .gif")
    if gif:
        save(swing(places[0], energy), out)
    else:
        save([contact_sheet(places[0], split) if len(places) == 1 else variants_sheet(places, split)], out)
    click.echo(f"wrote {out}")


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
        code = cli.main(prog_name="pendgen", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendgen'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendgen: interrupted; the same command again picks up where it stopped", err=True)
        code = 130
    except (ValueError, OSError, MemoryError) as problem:
        click.echo(f"pendgen: {plain(problem)}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
