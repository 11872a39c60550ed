"""The command line of pendeval: parses, calls one function, reports."""

import signal
import sys
from pathlib import Path

import click

from pendeval import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Score saved embeddings beside the ceiling of their own data.

    \b
    pendeval report runs/       CSV tables in report/, the main one on screen
    """


@cli.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default="report", help="Folder of the report.")
@click.option("--quiet", is_flag=True, help="No progress.")
def report(runs: Path, out: Path, quiet: bool) -> int:
    """Score every embeddings file below RUNS; write runs.csv, segments.csv and summary.csv.

    Exit code 1 where some run could not be scored, or scored above the ceiling by more than noise.
    """
    from pendeval.report import report as run
    from pendeval.tables import main_table

    frames, problems = run(runs, out, quiet)
    if len(frames["runs"]):
        click.echo(main_table(frames["summary"]))
    above = frames["runs"][frames["runs"]["above_ceiling"].eq(True)]
    for _, row in above.iterrows():
        click.echo(
            f"above the ceiling by {row['excess']:.5f} ± {row['excess_se']:.5f}: {row['file']}; "
            "an error in the data or the code",
            err=True,
        )
    for problem in problems:
        click.echo(f"not scored: {problem.path}: {problem.reason}", err=True)
    click.echo(f"wrote {', '.join(f'{out}/{name}.csv' for name in frames)}")
    return 1 if problems or len(above) else 0


def main() -> None:
    """Entry point: errors become one line on stderr and the documented exit codes.

    0 done, 1 finished with problems found, 2 refused, 128 + n stopped by signal n.
    """

    def terminate(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, terminate)
    try:
        code = cli.main(prog_name="pendeval", standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else 'pendeval'}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("pendeval: interrupted", err=True)
        code = 130
    except (ValueError, OSError) as problem:
        click.echo(f"pendeval: {problem}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
