"""The command line of pendgen: parses, calls one function, reports."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pendgen import __version__, console
from pendgen.build_options import CONTAINERS, PARAMETERS, PATH, built, what
from pendgen.console import CONTEXT, Choice, Group, under
from pendgen.dataset import SPLITS, Dataset
from pendgen.licence import identifier
from pendgen.suite import variants_of
from pendgen.variants import Variant, create

option = under("Options")


@click.group(
    cls=Group,
    context_settings=CONTEXT,
    examples=[
        ("pendgen build --variant vanilla", "data/vanilla/<version>/, the paper's full size"),
        ("pendgen build --suite paper --dry-run", "what all datasets of the paper would take"),
        ("pendgen info data/vanilla", "what a dataset is"),
        ("pendgen verify data/vanilla", "whether it still is"),
        ("pendgen preview data/vanilla", "a contact sheet"),
    ],
)
@click.version_option(__version__)
def cli() -> None:
    """Build datasets of pendulum images whose energy is known."""


@cli.command(
    examples=[
        ("pendgen build --variant vanilla", "the paper's full size"),
        ("pendgen build --pendulums 100 --images 4 --name small", "a small one, in a second"),
        ("pendgen build --variant cropping --alpha-c 0.75", "another variant, with its parameter"),
        ("pendgen build --variant gaps --gap 0.3 0.7", "energies .3 to .7 left out of training"),
        ("pendgen build --suite noise", "every level of both kinds of noise"),
        ("pendgen build --replicates 10", "vanilla of seeds 0 to 9"),
        ("pendgen build --format webdataset --dry-run", "how large it would be in tar shards"),
    ]
)
@what
@built
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
    given = {key: options.pop(key) for key in PARAMETERS}
    how = {key: options.pop(key) for key in ("num_shards", "workers", "licence", "force", "quiet")}
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
    if how["licence"] is not None:
        how["licence"] = identifier(how["licence"])
    if dry_run:
        return _announce(datasets, out, container, name, how)
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


def _announce(datasets: list[Dataset], out: Path, container: str, name: str | None, how: dict[str, Any]) -> None:
    from pendgen.build import estimated_bytes, place, refuse_impossible, stands
    from pendgen.format import describe

    refuse_impossible(how["num_shards"], how["workers"])
    total = 0
    for dataset in datasets:
        size = estimated_bytes(dataset, container)
        total += size
        directory, known = place(dataset, out, container, name)
        there = ""
        if not how["force"]:
            there = " (there already)" if stands(directory, describe(dataset, known, container)) else ""
        elif directory.exists():
            there = " (and replace what is there)"
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


@cli.command(
    examples=[
        ("pendgen info data/vanilla", "its newest version, in a few lines"),
        ("pendgen info data/vanilla --json", "the whole manifest"),
    ]
)
@click.argument("directory", type=PATH)
@option("--json", "as_json", is_flag=True, help="The whole manifest as JSON.")
def info(directory: Path, as_json: bool) -> None:
    """Say what a dataset is."""
    from pendgen.inspection import summary
    from pendgen.manifest import read_manifest
    from pendgen.reader import newest

    manifest = read_manifest(newest(directory))
    click.echo(json.dumps(manifest, indent=2, ensure_ascii=False) if as_json else summary(manifest))


@cli.command(
    examples=[
        ("pendgen verify data/vanilla", "its newest version"),
        ("pendgen verify data/vanilla/1.1.0 --quiet", "one version"),
    ]
)
@click.argument("directory", type=PATH)
@option("--quiet", is_flag=True, help="No progress.")
def verify(directory: Path, quiet: bool) -> int:
    """Check that a dataset is whole.

    Of every file hashes, counts and fields; and that pictures and labels obey the physics. Exit code 1 where something
    is wrong, with a line naming the file.
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


@cli.command(
    examples=[
        ("pendgen convert data/vanilla --format webdataset", "to data/vanilla-webdataset/<version>/"),
    ]
)
@click.argument("directory", type=PATH)
@option("--format", "container", type=Choice(CONTAINERS), required=True, help="Container to write.")
@option("--out", type=PATH, default="data", help="Folder of datasets.")
@option("--name", help="Directory name.", show_default="the dataset's, with -webdataset for tar shards")
@option("--quiet", is_flag=True, help="No progress.")
def convert(directory: Path, container: str, out: Path, name: str | None, quiet: bool) -> None:
    """Copy a dataset into the other container.

    Records, and so the content digest, stay the same.
    """
    from pendgen.convert import convert as run
    from pendgen.progress import track
    from pendgen.reader import newest

    source = newest(directory)
    target, written = run(source, container, out, name, lambda s: track(s, len(s), "converting", quiet))
    click.echo(_outcome(target, written))


@cli.command(
    examples=[
        ("pendgen preview data/vanilla --out sheet.png", "one dataset"),
        ("pendgen preview data/vanilla data/large", "a row for each of several"),
        ("pendgen preview data/vanilla --gif --energy 0.9", "one pendulum swinging"),
    ]
)
@click.argument("directories", type=PATH, nargs=-1, required=True)
@option("--out", type=PATH, help="File to write.", show_default="preview.png, or preview.gif")
@option("--split", type=Choice(SPLITS), show_default="train", help="Which split the sheet shows.")
@option("--gif", is_flag=True, help="One pendulum swinging, drawn at even times, instead of a sheet.")
@option("--energy", type=float, show_default="0.8", help="Energy of the pendulum in the GIF.")
def preview(
    directories: tuple[Path, ...], out: Path | None, split: str | None, gif: bool, energy: float | None
) -> None:
    """Draw a contact sheet of a dataset.

    Pendulums stand by energy, their images by time. Several datasets give one sheet with a row for each (Figs. 13 and
    14 of the paper).
    """
    from pendgen.preview import contact_sheet, save, swing, variants_sheet
    from pendgen.reader import newest

    places = [newest(directory) for directory in directories]
    if gif and len(places) > 1:
        raise ValueError(f"--gif shows one dataset, {len(places)} were given")
    if gif and split is not None:
        raise ValueError(f"split is {split}, but --gif draws a pendulum of its own; leave --split out")
    if energy is not None and not gif:
        raise ValueError(
            f"energy is {energy}, but a sheet shows the pendulums there are; --gif draws one of that energy"
        )
    split, energy = split or "train", 0.8 if energy is None else energy
    kind = ".gif" if gif else ".png"
    out = out or Path(f"preview{kind}")
    if out.suffix.lower() != kind:
        raise ValueError(f"out is {str(out)!r}, expected a name ending in {kind}; --gif writes an animated .gif")
    if gif:
        save(swing(places[0], energy), out)
    else:
        save([contact_sheet(places[0], split) if len(places) == 1 else variants_sheet(places, split)], out)
    click.echo(f"wrote {out}")


def main() -> None:
    """Entry point: `console.run` says what becomes of errors, and the exit codes."""
    console.run(cli, "pendgen", "interrupted; the same command again picks up where it stopped")
