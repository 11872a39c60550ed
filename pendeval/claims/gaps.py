"""Claims about gaps in the training energies: interpolation and fracturing. Sources: sections 3.3, 4.1 and 6.

Scores of runs that may fracture are mixtures, so means are judged by sign flips, with 10 replicates wanted, and how
often runs fracture is reported by itself.
"""

from functools import partial

import numpy as np

from pendeval.claims.claim import Claim
from pendeval.claims.compare import (
    ALPHA_G,
    BOTH,
    GLOBAL,
    LARGE_G,
    SCORES,
    SMALL_G,
    Float,
    growth,
    methods,
    of,
    trend,
)
from pendeval.claims.counts import BelowChance, LikeCount, MarkedLow, MoreAlong
from pendeval.claims.question import Axis, Cells, Question, Side, Value
from pendeval.claims.rules import Above, EveryLevel

WANTED = 10
"""Replicates that sign flips want: fewer hardly reach p = .05 whatever they show."""
GAP = "gap_spearman"
EVERY_LENGTH = EveryLevel(test="flips", what="gap length", contrary=0.025)
LESS, BEHIND = "Contrastive less supervised.", "Supervised less contrastive."
_HIGHEST = Axis("level", "α_g", (0.8,))
_NUMBER = Axis("num_gaps", "gaps", (1, 3), open=True)
_INSIDE = (
    ("mean |ρ| inside the gaps", methods("gaps", "gap_abs_spearman", LARGE_G)),
    ("seen bands between the gaps", methods("gaps", "interior_band_spearman", LARGE_G)),
)
"""What the authors may have plotted as interpolation instead."""
_ONE = ("--method contrastive",)


def _unfractured(cells: Cells) -> Float:
    whole = np.where(cells("contrastive", "fractured") == 0, cells("contrastive", GLOBAL), np.nan)
    return whole - cells("supervised", GLOBAL)


def _falls(method: str, word: str, measure: str) -> Claim:
    def falling(cells: Cells, measure: str) -> Float:
        return -trend(cells.levels, cells(method, measure), cells.present)

    def ask(measure: str, *also: tuple[str, Question]) -> Question:
        shown = (("score", of(method, measure)),)
        value = partial(falling, measure=measure)
        return Question({method: Side(method, "gaps")}, (measure,), value, ALPHA_G, shown=shown, also=also)

    inside = word == "interpolation"
    wider = " A wider gap holds more of the energies, in whose order any score rises, the oracle's too."
    return Claim(
        f"gaps-falls-{word}-{method}",
        "3.3, Fig. 6",
        f"As the gaps grow, {method} {'Spearman inside the gaps' if inside else 'global Spearman'} falls.",
        f"Spearman's ρ of score and α_g within each replicate, sign reversed.{wider if inside else ''}",
        ask(measure, *((("seen bands between the gaps", ask("interior_band_spearman")),) if inside else ())),
        Above(test="flips"),
        WANTED,
        sweeps=(f"--method {method}",),
    )


def _fractures(axis: Axis, value: Value, level: float | None = None, **more: object) -> Question:
    return Question({"c": Side("contrastive", "gaps", level=level)}, ("fractured",), value, axis, single=True, **more)  # type: ignore[arg-type]


_FLAG = of("c", "fractured")
_BROKEN = (
    "Fractured: two seen bands run in opposite directions (certainly so, by sampled scores) or, by exact ones, the "
    "bands lie out of order."
)

CLAIMS = (
    *(
        Claim(
            f"gaps-small-{word}",
            "3.3, Fig. 6",
            f"At every gap length α_g ≤ .4, contrastive is ahead in {text}.",
            LESS,
            methods("gaps", measure, SMALL_G),
            EVERY_LENGTH,
            WANTED,
        )
        for word, measure, text in (
            ("global", GLOBAL, "global Spearman"),
            ("interpolation", GAP, "Spearman inside the gaps"),
        )
    ),
    Claim(
        "gaps-large-global",
        "3.3, Fig. 6",
        "At every gap length α_g ≥ .6, contrastive is behind in global Spearman.",
        BEHIND,
        methods("gaps", GLOBAL, LARGE_G, BOTH[::-1]),
        EVERY_LENGTH,
        WANTED,
    ),
    Claim(
        "gaps-large-interpolation",
        "3.3, Fig. 6",
        "At every gap length α_g ≥ .6, contrastive is ahead in Spearman inside the gaps.",
        LESS,
        methods("gaps", GAP, LARGE_G, also=_INSIDE),
        EVERY_LENGTH,
        WANTED,
    ),
    *(
        _falls(method, word, measure)
        for method in BOTH
        for word, measure in (("global", GLOBAL), ("interpolation", GAP))
    ),
    Claim(
        "gaps-unfractured-helps",
        "3.3, Fig. 7",
        "With gaps α_g ≥ .6, taking fractured runs out raises contrastive global Spearman.",
        "Marked: runs that fractured.",
        Question(
            {"c": Side("contrastive", "gaps")},
            (GLOBAL, "fractured"),
            of("c", GLOBAL),
            LARGE_G,
            further={"marked": _FLAG},
            single=True,
        ),
        MarkedLow(),
        WANTED,
        sweeps=_ONE,
    ),
    Claim(
        "gaps-large-unfractured",
        "3.3, Fig. 7",
        "At every gap length α_g ≥ .6, contrastive runs that did not fracture are ahead in global Spearman.",
        f"Pairs whose contrastive run fractured are left out. {LESS}",
        Question(
            {name: Side(name, "gaps") for name in BOTH},
            (GLOBAL, "fractured"),
            _unfractured,
            LARGE_G,
            shown=tuple((f"{name} (all)", of(name, GLOBAL)) for name in BOTH),
        ),
        EVERY_LENGTH,
        WANTED,
    ),
    Claim(
        "gaps-fracture",
        "4.1",
        "With gaps α_g = .8, 2 of 5 contrastive runs fracture.",
        _BROKEN,
        _fractures(_HIGHEST, _FLAG),
        LikeCount(2, 5),
        sweeps=_ONE,
    ),
    Claim(
        "gaps-fracture-chance",
        "4.1",
        "With gaps α_g = .8, contrastive runs fracture less often than by chance (7 of 8).",
        _BROKEN,
        _fractures(_HIGHEST, _FLAG),
        BelowChance(),
        sweeps=_ONE,
    ),
    Claim(
        "gaps-fracture-longer",
        "4.1",
        "Contrastive runs fracture more often the longer the gaps.",
        "Conditions: total length α_g of three gaps.",
        _fractures(ALPHA_G, _FLAG),
        MoreAlong(),
        WANTED,
        sweeps=_ONE,
    ),
    Claim(
        "gaps-fracture-fewer",
        "4.1, Fig. 8",
        "Contrastive runs fracture more often the fewer the gaps of the same total length.",
        "Conditions: number of gaps, all of α_g = .4 (one of them is Fig. 8's, from .3 to .7).",
        _fractures(_NUMBER, _FLAG, 0.4),
        MoreAlong(upwards=False),
        WANTED,
        sweeps=_ONE,
    ),
    *(
        Claim(
            f"pronounced-gaps-{word}",
            "6",
            f"With moderate gaps (α_g ≤ .4) contrastive is further ahead in {word} Spearman than on vanilla.",
            "Contrastive less supervised, less the same on vanilla.",
            growth("gaps", measure, SMALL_G),
            Above(test="flips", averaged=True),
            WANTED,
        )
        for word, measure in SCORES.items()
    ),
)
"""Claims of sections 3.3, 4.1 and 6 about gaps."""
