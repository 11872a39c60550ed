"""The command line of pendeval: parses, calls one function, reports."""

import io
import json
import os
import signal
import sys
from pathlib import Path

import click

from pendeval import __version__

PATH = click.Path(path_type=Path)
_paths = click.argument("paths", type=PATH, nargs=-1, required=True)
_only = click.option(
    "--only", multiple=True, metavar="NAME", help="Keep one variant or dataset, such as vanilla; repeats."
)
_jobs = click.option(
    "--jobs", type=click.IntRange(1), default=None, show_default="processors", help="Files scored at once."
)
_quiet = click.option("--quiet", is_flag=True, help="No progress.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Score saved embeddings beside the ceiling of their own data.

    \b
    pendeval report runs/              tables, figures and a page in report/; the main table on screen
    pendeval keep runs/ --to FOLDER    the scores alone, a small file for each run, to commit or to mail
    pendeval score FILE                the measures of one embeddings file or score file
    """


@cli.command()
@_paths
@click.option("--out", type=PATH, default="report", help="Folder of the report.")
@click.option("--csv-only", is_flag=True, help="Tables alone, no figures and no page.")
@click.option("--reference/--no-reference", default=True, help="The lab's own results of the same settings beside.")
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
    """Score every embeddings file below PATHS; write CSV tables, figures/ and report.html.

    PATHS are folders of run directories, of embeddings files from any trainer, or of score files (`pendeval keep`), in
    any mixture. What was scored before is found in the report's cache and not scored again. Exit code 1 where
    something could not be scored, is not what it claims to be, or scored above the ceiling by more than noise.
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


@cli.command()
@_paths
@click.option("--to", "folder", type=PATH, required=True, help="Folder of score files.")
@click.option("--report", "report_folder", type=PATH, default="report", help="Report whose cache of scores to use.")
@_only
@click.option("--force", is_flag=True, help="Replace score files that hold the scores of other embeddings.")
@_jobs
@_quiet
def keep(
    paths: tuple[Path, ...],
    folder: Path,
    report_folder: Path,
    only: tuple[str, ...],
    force: bool,
    jobs: int | None,
    quiet: bool,
) -> int:
    """Keep the scores of everything below PATHS: a file of some 30 kB for each run, made to be committed or mailed.

    A score file holds every measure, the settings, the training curve and enough of the embedding to draw it. `pendeval
    report` takes score files like runs, and judges the claims anew. Exit code 1 where something could not be kept.
    """
    from joblib import cpu_count

    from pendeval.report import keep as write

    written, problems = write(
        paths, folder, report_folder / ".cache", only=only, jobs=jobs or cpu_count(), force=force, quiet=quiet
    )
    for problem in problems:
        click.echo(f"problem: {problem.path}: {problem.reason}", err=True)
    click.echo(f"wrote {len(written)} score files in {folder}/")
    return 1 if problems else 0


@cli.command()
@click.argument("file", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="As JSON, in full precision.")
def score(file: Path, as_json: bool) -> int:
    """Print the measures of one embeddings FILE or score file, each beside the oracle's.

    Exit code 1 where it scored above the ceiling by more than noise.
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
    os.environ["MPLBACKEND"] = "agg"  # figures go to files; a notebook leaves a name that may not exist here
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # closed, it is None; a letter that it lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="pendeval", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendeval'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendeval: interrupted", err=True)
        code = 130
    except (ValueError, OSError, MemoryError) as problem:
        click.echo(f"pendeval: {plain(problem)}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
