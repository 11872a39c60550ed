"""The command line of pendeval: parses, calls one function, reports."""

import json
import os
from pathlib import Path

import click

from pendeval import __version__, console
from pendeval.console import CONTEXT, Group, under

option = under("Options")
PATH = click.Path(path_type=Path)
_paths = click.argument("paths", type=PATH, nargs=-1, required=True)
_only = option("--only", multiple=True, metavar="NAME", help="Keep one variant or dataset, such as vanilla; repeats.")
_jobs = option("--jobs", type=click.IntRange(1), default=None, show_default="processors", help="Files scored at once.")
_quiet = option("--quiet", is_flag=True, help="No progress.")


@click.group(
    cls=Group,
    context_settings=CONTEXT,
    examples=[
        ("pendeval report runs/", "tables, figures and a page in report/; the main table on screen"),
        ("pendeval keep runs/ --to scores/", "the scores alone, to commit or to mail"),
        (
            "pendeval score runs/vanilla/contrastive-d1/seed-0/embeddings/vanilla-test.h5",
            "the measures of one embeddings file or score file",
        ),
    ],
)
@click.version_option(__version__)
def cli() -> None:
    """Score saved embeddings beside the ceiling of their own data."""


@cli.command(
    examples=[
        ("pendeval report runs/", "everything there is"),
        ("pendeval report runs/ --only vanilla --csv-only", "one variant or dataset, tables alone"),
        ("pendeval report scores/ runs/ --out again", "score files and runs in any mixture"),
    ]
)
@_paths
@option("--out", type=PATH, default="report", help="Folder of the report.")
@option("--csv-only", is_flag=True, help="Tables alone, no figures and no page.")
@option("--reference/--no-reference", default=True, help="The lab's own results of the same settings beside.")
@_only
@_jobs
@_quiet
def report(
    paths: tuple[Path, ...],
    out: Path,
    csv_only: bool,
    reference: bool,
    only: tuple[str, ...],
    jobs: int | None,
    quiet: bool,
) -> int:
    """Score every embeddings file below PATHS; write the report.

    It is CSV tables, figures/ and report.html. PATHS are folders of run directories, of embeddings files from any
    trainer, or of score files (`pendeval keep`), in any mixture. What was scored before is found in the report's cache
    and not scored again. Exit code 1 where something could not be scored, is not what it claims to be, or scored above
    the ceiling by more than noise.
    """
    from joblib import cpu_count

    from pendeval.page.verdicts import answer
    from pendeval.report import report as write
    from pendeval.scored import alarm
    from pendeval.tables.condition import rows_of
    from pendeval.tables.summary import main_table

    jobs = jobs or cpu_count()
    made = write(paths, out, only=only, csv_only=csv_only, reference=reference, jobs=jobs, quiet=quiet)
    frames = made.frames
    if len(frames["runs"]):
        click.echo(f"{answer(rows_of(frames['claims']), rows_of(frames['summary']))}\n")
        click.echo(main_table(frames["summary"]))
        counts = frames["claims"]["verdict"].value_counts()
        verdicts = ("supported", "contradicted", "equal", "undecided")
        click.echo(f"claims of the paper: {', '.join(f'{counts.get(v, 0)} {v}' for v in verdicts)}")
    above = [(row["file"], alarm(row)) for row in rows_of(frames["runs"])]
    above = [(file, by) for file, by in above if by]
    for file, by in above:
        click.echo(f"above the ceiling: {file}: {by}; an error in the data or the code", err=True)
    for problem in made.problems:
        click.echo(f"problem: {problem.path}: {problem.reason}", err=True)
    click.echo(f"wrote {out}/: {', '.join(made.written)}")
    return 1 if made.problems or above else 0


@cli.command(
    examples=[
        ("pendeval keep runs/ --to scores/", "a file for each run"),
        ("pendeval keep scores/ --to small/ --images 250", "some 20 kB each: figures of one encoder show fewer dots"),
    ]
)
@_paths
@option("--to", "folder", type=PATH, required=True, help="Folder of score files.")
@option("--report", "report_folder", type=PATH, default="report", help="Report whose cache of scores to use.")
@_only
@option(
    "--images",
    type=click.IntRange(1),
    show_default="1000 of one output",
    help="Of so many test images at most, keep the outputs.",
)
@option("--force", is_flag=True, help="Replace score files that hold the scores of other embeddings.")
@_jobs
@_quiet
def keep(
    paths: tuple[Path, ...],
    folder: Path,
    report_folder: Path,
    only: tuple[str, ...],
    images: int | None,
    force: bool,
    jobs: int | None,
    quiet: bool,
) -> int:
    """Keep the scores of everything below PATHS in small files.

    Each run has one of some 27 kB, made to be committed or mailed. A score file holds every measure, the settings, the
    training curve and enough of the embedding to draw it. `pendeval report` takes score files like runs, and judges the
    claims anew. Exit code 1 where something could not be kept.
    """
    from joblib import cpu_count

    from pendeval.keep import keep as write

    cache, jobs = report_folder / ".cache", jobs or cpu_count()
    written, problems = write(paths, folder, cache, only=only, images=images, jobs=jobs, force=force, quiet=quiet)
    for problem in problems:
        click.echo(f"problem: {problem.path}: {problem.reason}", err=True)
    click.echo(f"wrote {len(written)} score files in {folder}/")
    return 1 if problems else 0


@cli.command(
    examples=[
        ("pendeval score runs/vanilla/contrastive-d1/seed-0/embeddings/vanilla-test.h5", "beside the oracle's"),
        ("pendeval score vanilla-test.h5 --json", "in full precision"),
    ]
)
@click.argument("file", type=PATH)
@option("--json", "as_json", is_flag=True, help="As JSON, in full precision.")
def score(file: Path, as_json: bool) -> int:
    """Print the measures of one embeddings FILE or score file.

    Each stands beside the oracle's. Exit code 1 where it scored above the ceiling by more than noise.
    """
    from pendeval.scorecard import score as found_in
    from pendeval.scored import alarm
    from pendeval.scores import plain_json

    found = found_in(file)
    if as_json:
        click.echo(json.dumps(plain_json({"views": found.views, "bands": found.record.bands}), indent=2))
    else:
        click.echo(repr(found))
    return 1 if any(alarm(row) for row in found.views) else 0


def main() -> None:
    """Entry point: `console.run` says what becomes of errors, and the exit codes."""
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook leaves a name that may not exist here
    console.run(cli, "pendeval", "interrupted")
