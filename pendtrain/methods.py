"""What `pendtrain methods` prints: every way to learn, its source, and its settings as their docstrings have them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from typing import Any

from pendtrain.objectives import find
from pendtrain.recipe import METHODS


def lines(width: int) -> Iterator[str]:
    """A line for each method, and for each of its settings its default and what it is, no longer than `width`."""
    for name in METHODS:
        objective = find(name)
        yield f"{name}: {objective.source}"
        told = explained(objective.Settings)
        for field in fields(objective.Settings):
            yield f"    {field.name} = {_plain(field.default)}"
            yield from textwrap.wrap(told.get(field.name, ""), width, initial_indent=8 * " ", subsequent_indent=8 * " ")
        for key, value in objective.usual.items():
            yield f"    (usual with it: {key} = {value})"


def explained(settings: type[Any]) -> dict[str, str]:
    """The text below each field of a class and of those it inherits from, by name."""
    found: dict[str, str] = {}
    for each in reversed(settings.__mro__[:-1]):
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        for field, below in pairwise(getattr(made, "body", [])):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
