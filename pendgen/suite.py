"""Named sets of datasets: every one the paper's experiments used, or those of one question."""

from pendgen.variants import PAPER_VALUES, Cropping, Gaps, GraphicalNoise, Large, NumericalNoise, Vanilla, Variant

_NUMERICAL: tuple[Variant, ...] = tuple(NumericalNoise(value) for value in PAPER_VALUES["eps_n"])
_GRAPHICAL: tuple[Variant, ...] = tuple(GraphicalNoise(value) for value in PAPER_VALUES["eps_g"])
_CROPPING: tuple[Variant, ...] = tuple(Cropping(value) for value in PAPER_VALUES["alpha_c"])
SUITE_NAMES = ("paper", "noise", "numerical-noise", "graphical-noise", "gaps", "cropping")


def variants_of(suite: str, num_gaps: int = 3) -> tuple[Variant, ...]:
    """The variants of a suite; `gaps` holds Fig. 8's single gap from .3 to .7 as well."""
    gaps: tuple[Variant, ...] = tuple(Gaps(value, num_gaps) for value in PAPER_VALUES["alpha_g"])
    gaps = (*gaps, Gaps(gap=((0.3, 0.7),)))
    return {
        "paper": (Vanilla(), Large(), *_NUMERICAL, *_GRAPHICAL, *gaps, *_CROPPING),
        "noise": (*_NUMERICAL, *_GRAPHICAL),
        "numerical-noise": _NUMERICAL,
        "graphical-noise": _GRAPHICAL,
        "gaps": gaps,
        "cropping": _CROPPING,
    }[suite]
