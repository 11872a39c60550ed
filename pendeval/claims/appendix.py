"""Claims of the appendix: why the methods differ (A.1), cosine similarity (A.3), further outputs (A.5)."""

import numpy as np

from pendeval.claims.claim import Claim
from pendeval.claims.compare import BOTH, DIMS, GLOBAL, SCORES, Float, less, methods, of, one
from pendeval.claims.counts import Sometimes
from pendeval.claims.question import STRATUM, Cells, Question, Side
from pendeval.claims.rules import Above, AsPrinted, EveryLevel, Inside
from pendeval.claims.scores import MARGINS

PRINTED_RMSE = 0.00324
"""The largest of the four errors of Fig. 17."""
MATCHED = 0.0002
"""Difference of errors that counts as closely matched: the largest of Fig. 17 is .6 % (.00322, .00324), of our .032."""
READABLE = 0.97
"""Global Spearman of a line from which on it counts as ordering the energies."""
HOLDS = 1.2
"""Error over the best possible one up to which outputs count as holding the energy."""
APART = 1 / 3
"""Empty share of the circle above which its two ends lie nearer to its middle than to each other."""


def _no_better(first: str, second: str, measure: str, oracle: bool) -> Question:
    """How far `first` is above `second`, each less its oracle's score or not."""

    def spare(cells: Cells) -> Float:
        gained = cells(second, measure) - cells(first, measure)
        if oracle:
            gained = gained - (cells(second, f"oracle_{measure}") - cells(first, f"oracle_{measure}"))
        return -gained

    sides = {"squared": Side("supervised"), "absolute": Side("supervised", objective="loss l1")}
    if oracle:
        sides = {"test": Side("supervised"), "training": Side("supervised", split="train")}
    stratum = tuple(name for name in STRATUM if not oracle or name not in ("pendulums", "images_per_pendulum"))
    return Question(
        sides,
        (measure, *((f"oracle_{measure}",) if oracle else ())),
        spare,
        shown=tuple((name, of(name, measure)) for name in sides),
        stratum=stratum,
    )


def _fails(cells: Cells) -> Float:
    """1 where the line does not order the energies although the outputs hold them, 0 elsewhere."""
    rank, error, best = (cells("contrastive", name) for name in (GLOBAL, "forest_rmse", "ceiling_rmse"))
    known = np.isfinite(rank) & np.isfinite(error) & np.isfinite(best)
    return np.where(known, (rank < READABLE) & (error < HOLDS * best), np.nan)


def _error_se(cells: Cells) -> Float:
    """Standard error of the ceiling: that of the forest's error on the same images, or their difference's if larger."""
    found = []
    for side in BOTH:
        width = cells(side, "forest_rmse_high") - cells(side, "forest_rmse_low")
        found.append(np.fmax(width / (2 * 1.96), cells(side, "rmse_excess_se")))
    return np.fmax(*found)


CLAIMS = (
    *(
        Claim(
            f"training-split-{word}",
            "A.1",
            f"Supervised {word} Spearman is no better on training than on test images: it does not overfit.",
            "Supervised on test less on training images, each less its oracle's score.",
            _no_better("test", "training", measure, True),
            Above(-MARGINS[measure]),
            sweeps=("--method supervised",),
            then="pendtrain embed RUN --split train for each",
        )
        for word, measure in SCORES.items()
    ),
    *(
        Claim(
            f"l1-{word}",
            "A.1",
            f"Training with absolute instead of squared error does not improve the supervised {word} Spearman.",
            "Supervised with squared less with absolute error.",
            _no_better("squared", "absolute", measure, False),
            Above(-MARGINS[measure]),
            sweeps=("--method supervised", "--method supervised --loss l1"),
        )
        for word, measure in SCORES.items()
    ),
    Claim(
        "large-forest",
        "A.1",
        "On large images the inverse regression errs less from contrastive than from supervised representations.",
        "Forest RMSE, supervised less contrastive.",
        methods("large", "forest_rmse", order=BOTH[::-1]),
        Above(),
    ),
    Claim(
        "cosine",
        "2.2, A.3, Fig. 15",
        "Two outputs under cosine similarity learn the energy well too.",
        "Global Spearman around the circle.",
        one("contrastive", GLOBAL, objective="similarity cosine", dim=2),
        Inside(READABLE, np.inf),
        sweeps=("--method contrastive --dim 2 --similarity cosine",),
    ),
    Claim(
        "cosine-wraps",
        "2.2, A.3, Fig. 15",
        "Under cosine similarity the energies 0 and 1 are forced close together.",
        "Share of the circle left empty between its two ends (a third: as near to each other as to the middle).",
        one("contrastive", "empty_arc", objective="similarity cosine", dim=2),
        Inside(-np.inf, APART),
        sweeps=("--method contrastive --dim 2 --similarity cosine",),
    ),
    Claim(
        "outputs-vertical",
        "3.1, A.5, Fig. 18",
        "Further outputs of contrastive encoders carry the vertical position, with two outputs as with three.",
        "Share of cos θ that the outputs explain beside the energy, less what outputs dealt out at random explain.",
        one("contrastive", "vertical_gain", axis=DIMS),
        EveryLevel(what="number of outputs"),
        sweeps=("--method contrastive --dim 2 --dim 3",),
    ),
    Claim(
        "outputs-matched",
        "A.5, Fig. 17",
        "Inverse regression from two or three outputs is as good for either method.",
        "Forest RMSE, contrastive less supervised. At 32 px a forest reads which image it is, so that it says little.",
        Question(
            {name: Side(name) for name in BOTH},
            ("forest_rmse",),
            less(*BOTH, "forest_rmse"),
            DIMS,
            shown=tuple((name, of(name, "forest_rmse")) for name in BOTH),
        ),
        Inside(-MATCHED, MATCHED),
        sweeps=("--dim 2 --dim 3",),
    ),
    Claim(
        "outputs-printed-rmse",
        "A.5, Fig. 17",
        "The inverse regression predicts the energy of an image with an RMSE of .0032.",
        "Forest RMSE of either method, two and three outputs.",
        Question(
            {name: Side(name) for name in BOTH},
            ("ceiling_rmse",),
            lambda cells: (cells(BOTH[0], "ceiling_rmse") + cells(BOTH[1], "ceiling_rmse")) / 2,
            DIMS,
            further={
                "error": lambda cells: (cells(BOTH[0], "forest_rmse") + cells(BOTH[1], "forest_rmse")) / 2,
                "se": _error_se,
            },
        ),
        AsPrinted(PRINTED_RMSE),
        sweeps=("--dim 2 --dim 3",),
    ),
    Claim(
        "outputs-spectral-fails",
        "A.5, Fig. 4",
        "With two or three outputs the spectral embedding sometimes fails to find the energy that they hold.",
        f"Failing: global Spearman of the line below {READABLE:g}, although a forest reads the energy from the outputs "
        f"within {HOLDS:g} times the best possible error.",
        Question(
            {"contrastive": Side("contrastive")},
            (GLOBAL, "forest_rmse", "ceiling_rmse"),
            _fails,
            DIMS,
            shown=(("global Spearman", of("contrastive", GLOBAL)),),
            single=True,
        ),
        Sometimes(),
        sweeps=("--method contrastive --dim 2 --dim 3",),
    ),
)
"""Claims of appendices A.1, A.3 and A.5."""
