"""What a command line has beside its commands: help under headings and with examples, and errors as one line.

pendgen, pendtrain and pendeval each have this file, the same but for the name of the package, since they import nothing
from one another; tests/contract/test_help.py holds the copies together.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click

from pendgen.nearest import nearest

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}


class Option(click.Option):
    """An option that stands under a heading in --help."""

    def __init__(self, *names: Any, heading: str = "Options", **how: Any) -> None:
        super().__init__(*names, **how)
        self.heading = heading

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Defaults without the brackets that click puts around those told in words."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


def under(heading: str) -> Callable[..., Callable[[Any], Any]]:
    """`click.option` for options under a heading."""
    return partial(click.option, cls=Option, heading=heading)


def options(*several: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several click options as one decorator, shown by --help in the order given."""

    def decorate(command: Any) -> Any:
        for option in reversed(several):
            command = option(command)
        return command

    return decorate


class Choice(click.Choice[str]):
    """One of some words; another word is answered with the nearest of them."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Click's message, and what may have been meant."""
        return super().get_invalid_choice_message(value, ctx).removesuffix(".") + (
            nearest(str(value), self.choices) or "."
        )


class Command(click.Command):
    """A command with examples, each a command line and what it is for; its options stand under their headings."""

    def __init__(self, *given: Any, examples: Iterable[tuple[str, str]] = (), **how: Any) -> None:
        super().__init__(*given, **how)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each heading, in the order in which they first occur."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                sections.setdefault(getattr(each, "heading", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, their meanings beside them where all of them have room, else below."""
        if self.examples:
            left, right = (max(map(len, column)) for column in zip(*self.examples, strict=True))
            with formatter.section("Examples"):
                formatter.write_dl(self.examples, col_max=left if left + right + 6 <= formatter.width else 2)
        super().format_epilog(ctx, formatter)


class Group(Command, click.Group):
    """The commands of a program, before its own options."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands first."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """How the shell learns to complete what is typed."""
        super().format_epilog(ctx, formatter)
        name = ctx.info_name or ""
        with formatter.section("Completion in bash (elsewhere zsh_source, fish_source)"):
            formatter.write_dl([(f'eval "$(_{name.upper()}_COMPLETE=bash_source {name})"', "")])


def plain(problem: Exception) -> str:
    """What an error says, in characters that do nothing on a terminal, whatever file they came from."""
    text = str(problem) or ("out of memory" if isinstance(problem, MemoryError) else type(problem).__name__)
    if isinstance(problem, OSError) and problem.strerror and isinstance(problem.filename, (str, bytes)):
        path = Path(os.fsdecode(problem.filename))
        file = next((each for each in path.parents if each.is_file()), None)
        text = f"{file} is a file, expected a folder" if file else f"{path}: {problem.strerror}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def run(cli: click.Group, name: str, interrupted: str) -> None:
    """Run a program and exit; errors become one line on stderr and the documented exit codes.

    0 done, 1 finished with problems found, 2 refused, 128 + n stopped by signal n. `interrupted` is what is said
    where somebody pressed Ctrl-C.
    """

    def terminate(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, getattr(signal, "SIGUSR1", signal.SIGTERM)):
        signal.signal(number, terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # closed, it is None; a letter that it lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name=name, standalone_mode=False)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        click.echo(f"{context.command_path if context else name}: {problem.format_message()}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{name}: {interrupted}", err=True)
        code = 130
    except (ValueError, OSError, MemoryError) as problem:
        click.echo(f"{name}: {plain(problem)}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
