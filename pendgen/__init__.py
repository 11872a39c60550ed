"""Stage one: what is true. Builds datasets of pendulum images whose energy is known.

In Python: `load` reads a split of a dataset, or its population, into arrays.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pendgen.arrays import Arrays, load

__version__ = "0.1.0"
__all__ = ["Arrays", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """What is loaded when it is first asked for, so that to import the package takes no time."""
    if name not in ("Arrays", "load"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pendgen import arrays

    return getattr(arrays, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
