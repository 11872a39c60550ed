"""The command line of pendeval: parses, calls one function, reports."""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pendeval import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
def cli() -> None:
    r"""Score saved embeddings beside the ceiling of their own data.

    \b
    pendeval report runs/       tables, figures and a page in report/; the main table on screen
    pendeval score FILE         the measures of one embeddings file
    """


@cli.command()
@click.argument("runs", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default="report", help="Folder of the report.")
@click.option("--csv-only", is_flag=True, help="Tables alone, no figures and no page.")
@click.option("--only", multiple=True, metavar="NAME", help="Keep one variant or dataset, such as vanilla; repeats.")
@click.option("--jobs", type=click.IntRange(1), default=None, show_default="processors", help="Files scored at once.")
@click.option("--quiet", is_flag=True, help="No progress.")
def report(runs: Path, out: Path, csv_only: bool, only: tuple[str, ...], jobs: int | None, quiet: bool) -> int:
    """Score every embeddings file below RUNS; write CSV tables, figures/ and report.html.

    RUNS is a folder of run directories, or of embeddings files from any trainer. What was scored before is found
    in the report's cache and not scored again. Exit code 1 where some run could not be scored, or scored above
    the ceiling by more than noise.
    """
    from pendeval.report import report as write
    from pendeval.tables import main_table

    jobs = jobs or _processors()
    made = write(runs, out, only=only, csv_only=csv_only, jobs=jobs, quiet=quiet)
    frames = made.frames
    if len(frames["runs"]):
        click.echo(main_table(frames["summary"]))
        counts = frames["claims"]["verdict"].value_counts()
        verdicts = ("supported", "contradicted", "undecided")
        click.echo(f"claims of the paper: {', '.join(f'{counts.get(v, 0)} {v}' for v in verdicts)}")
    above = frames["runs"][frames["runs"]["above_ceiling"].eq(True)]
    for _, row in above.iterrows():
        click.echo(f"above the ceiling: {row['file']}: {_excess(row)}; an error in the data or the code", err=True)
    for problem in made.problems:
        click.echo(f"not scored: {problem.path}: {problem.reason}", err=True)
    click.echo(f"wrote {out}/: {', '.join(made.written)}")
    return 1 if made.problems or len(above) else 0


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON, in full precision.")
def score(file: Path, as_json: bool) -> int:
    """Print the measures of one embeddings FILE, each beside the oracle's.

    Exit code 1 where it scored above the ceiling by more than noise.
    """
    from pendeval.cache import plain
    from pendeval.runs import read
    from pendeval.score import score as measure
    from pendeval.score import score_oracle

    if not file.is_file():
        raise FileNotFoundError(
            f"no file {file}; `pendeval score` takes one embeddings file, `pendeval report` a folder"
        )
    try:
        embeddings = read(file)
    except ValueError as problem:
        raise ValueError(f"{file}: {problem}") from None
    rows, bands, _ = measure(embeddings, score_oracle(embeddings))
    if as_json:
        click.echo(json.dumps(plain({"views": rows, "bands": bands}), indent=2))
    else:
        click.echo("\n\n".join(_measures(row) for row in rows))
    return 1 if any(row.get("above_ceiling") for row in rows) else 0


def _processors() -> int:
    """Processors this process may use, which a cluster's job may limit; all where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _excess(row: Any) -> str:
    """By how much a score beats its ceiling."""
    sides = (("excess", "global Spearman by"), ("rmse_excess", "forest error by"))
    return ", ".join(f"{what} {row[name]:.5f} ± {row[f'{name}_se']:.5f}" for name, what in sides if row[name] > 0)


def _measures(row: Mapping[str, Any]) -> str:
    """Measures of one view as text: value, 95 % interval, oracle."""
    from pendeval.columns import MEASURES

    lines = [f"{row['images']} images ({row['view']}), line: {row['line']}"]
    lines += [f"{'measure':<24} {'value':>9}  {'95 % interval':<19}  {'oracle':>9}"]
    for name in MEASURES:
        if name in row:
            low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
            reach = "" if low is None else f"{low:.5f} … {high:.5f}"
            oracle = f"{row[f'oracle_{name}']:.5f}" if f"oracle_{name}" in row else "–"
            lines.append(f"{name:<24} {row[name]:>9.5f}  {reach:<19}  {oracle:>9}")
    if "ceiling_rmse" in row:
        lines.append(f"{'ceiling of the errors':<24} {row['ceiling_rmse']:>9.5f}")
    if row.get("fractured") is not None:
        lines.append(f"{'fractured':<24} {'yes' if row['fractured'] else 'no':>9}")
    if row.get("above_ceiling"):
        lines.append(f"above the ceiling: {_excess(row)}; an error in the data or the code")
    return "\n".join(lines)


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
