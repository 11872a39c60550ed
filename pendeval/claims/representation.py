"""Claims about the representation itself: its form, its range and its density.

Sources: sections 3.1 and 4.2, Figs. 4 and 10. Range and density belong to one output.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from pendeval.claims.claim import Claim
from pendeval.claims.compare import (
    DIMS,
    EPS_N,
    NUMERICAL,
    SEGMENT,
    STRONG_N,
    Float,
    log,
    of,
    one,
    slope,
    trend,
)
from pendeval.claims.question import STRATUM, Axis, Cells, Question, Side
from pendeval.claims.rules import Above, Inside, Spread

RANGE = "representation_range"
BENT = 0.1
"""By which share a straight line must miss more than the best monotone rule for the relation to count as nonlinear."""
SPREAD = 0.1
"""Sd over mean of the range below which it counts as consistent."""
STEADY = float(np.log2(1 + SPREAD))
"""Exponent of the range below which doubling a setting changes it by less than SPREAD."""
ROOT, ROOT_MARGIN = 0.5, 0.1
"""The optimal InfoNCE embedding's range goes as √τ; exponents this near count as that."""
FEWEST_SEGMENTS = 4
ONE = ("--method contrastive",)
_TEMPERATURE = Axis("temperature", "τ", open=True)
_CLIP = Axis("clip_norm", "largest gradient norm", open=True)


def _nonlinear(cells: Cells) -> Float:
    return cells("contrastive", "linear_rmse") / cells("contrastive", "monotone_rmse") - 1


def _density_rank(cells: Cells) -> Float:
    """Spearman's ρ of density and score over the segments of each run that have both: (1, R)."""
    density, score = cells("contrastive", "density"), cells("contrastive", "spearman")
    found = np.full(density.shape[1], np.nan)
    known = np.isfinite(density) & np.isfinite(score)
    for run in np.flatnonzero(known.sum(axis=0) >= FEWEST_SEGMENTS):
        ranks = [rankdata(side[known[:, run], run]) for side in (density, score)]
        ranks = [side - side.mean() for side in ranks]
        norm = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
        found[run] = ranks[0] @ ranks[1] / norm if norm > 0 else 0.0
    return found[None]


def _high_less_low(cells: Cells, measure: str, logarithm: bool) -> Float:
    """Mean over the three highest segments less that over the three lowest: (1, R)."""
    values = cells("contrastive", measure)
    values = log(values) if logarithm else values
    low, high = cells.levels <= 3, cells.levels >= 5
    if low.sum() < 3 or high.sum() < 3:
        return np.full((1, values.shape[1]), np.nan)
    return np.asarray((values[high].mean(axis=0) - values[low].mean(axis=0))[None])


def _shrinks(cells: Cells) -> Float:
    """Spearman's ρ of range and noise within each run, sign reversed, zero noise counting as the first level."""
    zero = np.where(cells.present[:, None], cells("zero", RANGE), np.nan)
    first = np.nanmax(zero, axis=0, initial=-np.inf, where=np.isfinite(zero))
    values = np.vstack([np.where(np.isfinite(first), first, np.nan)[None], cells("noise", RANGE)])
    return -trend(np.append(0.0, cells.levels), values, np.append(True, cells.present))


def _exponent(cells: Cells) -> Float:
    """Exponent of the range in the setting that the axis varies: (1, R)."""
    return slope(np.log(cells.levels), log(cells("contrastive", RANGE)), cells.present)


def _swept(axis: Axis, setting: str, options: Sequence[str]) -> tuple[Question, tuple[str, ...]]:
    """The range's exponent in one setting of the recipe, all others alike."""
    stratum = tuple(f"recipe without {setting}" if name == "schedule" else name for name in STRATUM)
    shown = (("range", of("contrastive", RANGE)),)
    question = Question({"contrastive": Side("contrastive")}, (RANGE,), _exponent, axis, shown=shown, stratum=stratum)
    return question, tuple(f"--method contrastive{option}" for option in options)


_BY_TEMPERATURE, _TEMPERATURES = _swept(_TEMPERATURE, "temperature", ("", " --temperature 0.05", " --temperature 0.2"))
_BY_CLIP, _CLIPS = _swept(_CLIP, "clip_norm", ("", " --clip-norm 1", " --clip-norm 10"))


CLAIMS = (
    Claim(
        "nonlinear",
        "3.1",
        "The relation of energy and contrastive representation is nonlinear.",
        "Error of a straight line from representation to energy over that of the best monotone rule, less 1.",
        Question(
            {"contrastive": Side("contrastive")},
            ("linear_rmse", "monotone_rmse"),
            _nonlinear,
            shown=tuple((name, of("contrastive", name)) for name in ("linear_rmse", "monotone_rmse")),
        ),
        Above(BENT),
        sweeps=ONE,
    ),
    Claim(
        "outputs-one-dimensional",
        "3.1, Fig. 4",
        "With two or three outputs, contrastive representations stay mostly one-dimensional.",
        "Share of the outputs' variance that follows a curve (a 3 : 1 box has .90).",
        one("contrastive", "line_share", axis=DIMS, also=(("supervised", one("supervised", "line_share", axis=DIMS)),)),
        Inside(0.95, np.inf),
        sweeps=("--dim 2 --dim 3",),
    ),
    Claim(
        "density",
        "4.2, Fig. 10",
        "Within a contrastive representation, density is high where local Spearman is low.",
        f"Spearman's ρ of density and score over the segments of each run ({FEWEST_SEGMENTS} or more), sign reversed.",
        Question(
            {"contrastive": Side("contrastive")},
            ("density", "spearman"),
            lambda cells: -_density_rank(cells),
            SEGMENT,
            "segments",
        ),
        Above(),
        sweeps=ONE,
    ),
    Claim(
        "range-shrinks",
        "3.2, 4.2",
        "As numerical noise grows, the range of contrastive representations shrinks, so their density grows.",
        "Spearman's ρ of range and noise within each replicate, zero noise included, sign reversed.",
        Question(
            {"noise": Side("contrastive", NUMERICAL), "zero": Side("contrastive", fixed=True)},
            (RANGE,),
            _shrinks,
            EPS_N,
            shown=(("range at zero noise", of("zero", RANGE)), ("with noise", of("noise", RANGE))),
        ),
        Above(),
        sweeps=ONE,
    ),
    Claim(
        "range-noiseless",
        "4.2",
        "The range of contrastive representations at zero noise is roughly 7.",
        "Largest less smallest output.",
        one("contrastive", RANGE),
        Inside(6.0, 8.0),
        sweeps=ONE,
    ),
    Claim(
        "range-noisy",
        "4.2",
        "The range of contrastive representations is below 1 under strong numerical noise (ε_n ≥ .2).",
        "Largest less smallest output.",
        one("contrastive", RANGE, NUMERICAL, STRONG_N),
        Inside(-np.inf, 1.0),
        sweeps=ONE,
    ),
    Claim(
        "range-consistent",
        "4.2",
        "The range of contrastive representations is extremely consistent across runs.",
        "Largest less smallest output.",
        one("contrastive", RANGE),
        Spread(SPREAD),
        sweeps=ONE,
    ),
    Claim(
        "range-temperature",
        "4.2",
        "The range of contrastive representations changes quite a bit with the temperature of the loss.",
        "Exponent of the range in τ within each replicate; "
        f"{STEADY:.3g} changes it by {100 * SPREAD:g} % when τ doubles.",
        _BY_TEMPERATURE,
        Above(STEADY),
        sweeps=_TEMPERATURES,
    ),
    Claim(
        "range-temperature-law",
        "4.2",
        "The range of contrastive representations goes as the square root of the temperature.",
        "Exponent of the range in τ within each replicate.",
        _BY_TEMPERATURE,
        Inside(ROOT - ROOT_MARGIN, ROOT + ROOT_MARGIN),
        sweeps=_TEMPERATURES,
    ),
    Claim(
        "range-clipping",
        "4.2",
        "The range of contrastive representations has no relation to the strength of gradient clipping.",
        "Exponent of the range in the largest gradient norm within each replicate; "
        f"{STEADY:.3g} changes it by {100 * SPREAD:g} % when the norm doubles.",
        _BY_CLIP,
        Inside(-STEADY, STEADY),
        sweeps=_CLIPS,
    ),
    Claim(
        "low-energies-sparser",
        "4.2, Fig. 10",
        "In contrastive representations, low energies are always less dense than high ones.",
        "Log density, mean of the three highest energy segments less that of the three lowest.",
        Question(
            {"contrastive": Side("contrastive")},
            ("density",),
            lambda cells: _high_less_low(cells, "density", True),
            SEGMENT,
            "segments",
        ),
        Above(every_run=True),
        sweeps=ONE,
    ),
    Claim(
        "low-energies-better",
        "4.2, Fig. 10",
        "In contrastive representations, high energies always have lower local Spearman than low ones.",
        "Local Spearman, mean of the three lowest energy segments less that of the three highest.",
        Question(
            {"contrastive": Side("contrastive")},
            ("spearman",),
            lambda cells: -_high_less_low(cells, "spearman", False),
            SEGMENT,
            "segments",
        ),
        Above(every_run=True),
        sweeps=ONE,
    ),
)
"""Claims of sections 3.1 and 4.2 about representations."""
