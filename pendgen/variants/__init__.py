"""The six variants of the pendulum dataset, one file each: what each parameter means and what it may be.

A seventh is a file beside these, a line in `VARIANTS` and options of its own in `cli.py`. Nothing heavy
is imported here, so that `--help` answers at once.

Source: the 2021 paper, §2.1 and App. A.2; the values it used stand in `PAPER_VALUES`.
"""

from dataclasses import fields
from typing import Any

from pendgen.variants.cropping import Cropping
from pendgen.variants.gaps import Gaps
from pendgen.variants.graphical_noise import GraphicalNoise
from pendgen.variants.large import Large
from pendgen.variants.numerical_noise import NumericalNoise
from pendgen.variants.vanilla import Vanilla
from pendgen.variants.variant import Variant, require

__all__ = [
    "PAPER_VALUES",
    "VARIANTS",
    "Cropping",
    "Gaps",
    "GraphicalNoise",
    "Large",
    "NumericalNoise",
    "Vanilla",
    "Variant",
    "create",
]

VARIANTS: dict[str, type[Variant]] = {
    kind.name: kind for kind in (Vanilla, Large, NumericalNoise, GraphicalNoise, Gaps, Cropping)
}
PAPER_VALUES: dict[str, tuple[float, ...]] = {
    fields(kind)[0].name: kind.paper for kind in VARIANTS.values() if kind.paper
}


def create(name: str, protocol: str = "paper", **given: Any) -> Variant:
    """The variant called `name` from the parameters given; None and () count as not given.

    The `original` protocol has four gaps where `paper` has three. Raises ValueError where a parameter
    is missing, belongs to another variant or is out of range.
    """
    require(name in VARIANTS, "variant", name, f"one of {', '.join(VARIANTS)}")
    kind = VARIANTS[name]
    known = [f.name for f in fields(kind)]
    values = {key: value for key, value in given.items() if value is not None and value != ()}
    for key, value in values.items():
        require(key in known, key, value, f"nothing: variant {name} takes {', '.join(known) or 'no parameter'}")
    return kind.create(values, protocol)
