"""Claims about images that cropping leaves blank: where they are put, and what they cost the others.

Source: section 4.3, Fig. 12.
"""

from functools import partial

import numpy as np

from pendeval.claims.claim import Claim
from pendeval.claims.compare import BLANKS_C, BOTH, SCORES, SEGMENT, Float, log, of, one, shortfall
from pendeval.claims.question import Cells, Question, Side, Value
from pendeval.claims.representation import ONE
from pendeval.claims.rules import Above, EveryLevel, Inside
from pendeval.claims.scores import MARGINS

LOWEST_BLANK = {0.75: 0.14}
"""Lowest energy that can give a blank image, at the only α_c that leaves a whole segment without them."""


def _scatter(cells: Cells) -> Float:
    """How far images lie from the mean of their pendulum, in standard deviations of all images in view."""
    return np.sqrt(np.clip(1 - cells("in view", "time_invariance"), 0, None))


def _cost(cells: Cells, method: str, measure: str) -> Float:
    """What cropping costs on images with both bobs in view, beyond what it costs the oracle."""
    return shortfall(cells, f"{method}, cropped", measure) - shortfall(cells, method, measure)


def _hurt(cells: Cells, measure: str) -> Float:
    return _cost(cells, "contrastive", measure) - _cost(cells, "supervised", measure)


def _spared(cells: Cells, measure: str) -> Float:
    return -_cost(cells, "supervised", measure)


def _where_blank(cells: Cells) -> Float:
    """Rise of log density against vanilla where images can be blank, less the rise where none can: (1, R)."""
    rise = log(cells("cropped", "density")) - log(cells("vanilla", "density"))
    free = cells.levels / len(SEGMENT.wanted) < LOWEST_BLANK[0.75] + 0.01
    if not free.any() or free.all():
        return np.full((1, rise.shape[1]), np.nan)
    held = np.isfinite(rise[~free]).any(axis=0)
    mean = np.full(rise.shape[1], np.nan)
    mean[held] = np.nanmean(rise[~free][:, held], axis=0)
    return np.asarray((mean - rise[free].mean(axis=0))[None])


_IN_VIEW = "Oracle less score on images with both bobs in view, less the same on vanilla"


def _cropped(measure: str, value: Value, *methods: str) -> Question:
    sides = {f"{m}, cropped": Side(m, "cropping", view="visible") for m in methods}
    sides |= {m: Side(m, fixed=True) for m in methods}
    shown = tuple((f"shortfall of {name}", partial(shortfall, side=name, measure=measure)) for name in sides)
    return Question(sides, (measure, f"oracle_{measure}"), value, BLANKS_C, shown=shown)


def _ambiguity(word: str, measure: str) -> tuple[Claim, Claim]:
    """That blank images reduce the rest's scores "only" under contrastive training: more there, and elsewhere not."""
    every = "At every cropping that leaves blank images, they cost"
    return (
        Claim(
            f"ambiguity-{word}",
            "4.3",
            f"{every} contrastive more {word} Spearman on the other images than supervised.",
            f"{_IN_VIEW}; contrastive less supervised.",
            _cropped(measure, partial(_hurt, measure=measure), *BOTH),
            EveryLevel(what="cropping"),
        ),
        Claim(
            f"ambiguity-supervised-{word}",
            "4.3",
            f"{every} supervised no {word} Spearman on the other images.",
            f"{_IN_VIEW}, sign reversed.",
            _cropped(measure, partial(_spared, measure=measure), "supervised"),
            EveryLevel(-MARGINS[measure], what="cropping"),
            sweeps=("--method supervised",),
        ),
    )


CLAIMS = (
    Claim(
        "blank-average",
        "4.3, Fig. 12",
        "Contrastive training sends blank images to the average of the images they could be.",
        "Blank images less the mean of visible images at their energies, in standard deviations of the visible images.",
        Question(
            {"blank": Side("contrastive", "cropping"), "in view": Side("contrastive", "cropping", view="visible")},
            ("blank_offset",),
            of("blank", "blank_offset"),
            BLANKS_C,
            further={"margin": _scatter},
            shown=(("scatter of the images in view", _scatter),),
            also=(("supervised", one("supervised", "blank_offset", "cropping", BLANKS_C)),),
        ),
        Inside(0, 0, "the scatter of the run's images in view about their pendulum's mean, √(1 − time invariance)"),
    ),
    *(claim for word, measure in SCORES.items() for claim in _ambiguity(word, measure)),
    Claim(
        "density-blanks",
        "4.3, Fig. 12",
        "Cropping raises the density of contrastive representations only at energies that have blank images.",
        "Rise of log density against vanilla at α_c = .75, mean of the segments with blank images less the one without "
        "(energies below .14).",
        Question(
            {
                "cropped": Side("contrastive", "cropping", level=0.75),
                "vanilla": Side("contrastive"),
            },
            ("density",),
            _where_blank,
            SEGMENT,
            "segments",
            shown=(("density cropped", of("cropped", "density")), ("on vanilla", of("vanilla", "density"))),
        ),
        Above(),
        sweeps=ONE,
    ),
)
"""Claims of section 4.3."""
