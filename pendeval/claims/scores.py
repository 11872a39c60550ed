"""Claims about scores: contrastive against supervised, and what noise or want of data takes from either.

Sources: sections 3.1, 3.2 and 6, Figs. 3 and 5. Whether Fig. 5 shows noisy or clean test images is not said: both are
judged, each as a claim of its own.
"""

from functools import partial

import numpy as np

from pendeval.claims.claim import Claim
from pendeval.claims.compare import (
    BOTH,
    EPS_G,
    EPS_N,
    GLOBAL,
    GRAPHICAL,
    LOCAL,
    MILD_G,
    MILD_N,
    NUMERICAL,
    SCORES,
    STRONG_N,
    Float,
    growth,
    methods,
    of,
    shortfall,
)
from pendeval.claims.question import Axis, Cells, Question, Side
from pendeval.claims.rules import Above, EveryLevel, Superior

MARGINS = {GLOBAL: 0.00005, LOCAL: 0.0015}
"""A third of the published differences, .00016 and .005: less than that counts as none."""
SHARP = 0.05
"""Share of a score lost beyond what the oracle loses, from which on it counts as falling sharply."""
MUCH = 0.5
"""Much more resistant: losing less than this share of what the other noise takes."""
LESS = "Contrastive less supervised."
_SIZES = Axis("train_pendulums", "pendulums", open=True)


def _abs(variant: str, axis: Axis | None, clean: bool = False) -> tuple[tuple[str, Question], ...]:
    return (("mean |ρ|", methods(variant, "local_abs_spearman", axis, clean=clean)),)


def _error(variant: str) -> tuple[tuple[str, Question], ...]:
    return (("error of the best monotone rule", methods(variant, "monotone_rmse")),)


def _headline(variant: str, words: str, seeds: int) -> list[Claim]:
    return [
        Claim(
            f"{variant}-{word}",
            "3.1, Fig. 3",
            f"On {words}, contrastive is superior to supervised in {word} Spearman.",
            LESS,
            methods(variant, measure, also=_abs(variant, None) if word == "local" else _error(variant)),
            Superior(MARGINS[measure]),
            seeds,
            headline=True,
        )
        for word, measure in SCORES.items()
    ]


def _noise(name: str, text: str, variant: str, axis: Axis, behind: bool = False) -> list[Claim]:
    order = BOTH[::-1] if behind else BOTH
    about = "Supervised less contrastive" if behind else "Contrastive less supervised"
    found = []
    for clean in (False, True) if variant == NUMERICAL else (False,):
        for word, measure in SCORES.items():
            images = ", scored on clean images" if clean else ""
            found.append(
                Claim(
                    f"{name}-clean-{word}" if clean else f"{name}-{word}",
                    "3.2, Fig. 5",
                    f"{text} in {word} Spearman{images}.",
                    f"{about}{', trained with noise and scored on images without' if clean else ''}.",
                    methods(
                        variant,
                        measure,
                        axis,
                        order,
                        also=_abs(variant, axis, clean) if word == "local" else (),
                        clean=clean,
                    ),
                    EveryLevel(what="noise level"),
                    then="pendtrain embed RUN --shards data/vanilla for each" if clean else "",
                )
            )
    return found


def _lost(cells: Cells, measure: str) -> Float:
    """Share of the zero-noise score that noise takes, less the share that it takes from the oracle."""
    kept = cells("noise", measure) / cells("zero", measure)
    possible = cells("noise", f"oracle_{measure}") / cells("zero", f"oracle_{measure}")
    return possible - kept


def _share_first(cells: Cells) -> Float:
    return _lost(cells, LOCAL) - _lost(cells, GLOBAL)


def _onset_first(cells: Cells) -> Float:
    local, whole = (_onset(cells, _lost(cells, measure)) for measure in (LOCAL, GLOBAL))
    return whole - local


def _onset(cells: Cells, lost: Float) -> Float:
    """Decade of noise at which each run's loss reaches SHARP, between levels in proportion: (1, R).

    The strongest noise where it never does; NaN for runs that lack a level.
    """
    x, some = np.log10(cells.levels[cells.present]), lost[cells.present]
    found = np.full(lost.shape[1], np.nan)
    for run in np.flatnonzero(np.isfinite(some).all(axis=0)) if len(some) > 1 else []:
        reached = np.flatnonzero(some[:, run] >= SHARP)
        k = int(reached[0]) if len(reached) else -1
        found[run] = x[k]
        if k > 0:
            low, high = some[k - 1, run], some[k, run]
            found[run] = x[k - 1] + (SHARP - low) / (high - low) * (x[k] - x[k - 1])
    return found[None]


def _local_first(method: str) -> list[Claim]:
    sides = {"noise": Side(method, NUMERICAL), "zero": Side(method, fixed=True)}
    measures = (LOCAL, f"oracle_{LOCAL}", GLOBAL, f"oracle_{GLOBAL}")
    shown = tuple((f"{word} lost", partial(_lost, measure=measure)) for word, measure in SCORES.items())
    loss = "Share of the zero-noise score lost to noise, less the share that the oracle loses; "
    beyond = ", beyond what the oracle loses"
    return [
        Claim(
            f"local-first-onset-{method}",
            "3.2, Fig. 5",
            f"As numerical noise grows, {method} local Spearman starts to fall sharply before global Spearman{beyond}.",
            f"{loss}the decade of noise at which it reaches {SHARP:g}, global less local (above 0: local first).",
            Question(sides, measures, _onset_first, EPS_N, shown=shown),
            Above(),
            sweeps=(f"--method {method}",),
        ),
        Claim(
            f"local-first-share-{method}",
            "3.2, Fig. 5",
            f"Numerical noise takes a larger share of {method} local than of global Spearman{beyond}.",
            f"{loss}local less global.",
            Question(sides, measures, _share_first, EPS_N, shown=shown),
            Above(averaged=True),
            sweeps=(f"--method {method}",),
        ),
    ]


def _resistant(word: str, measure: str) -> Claim:
    def spared(cells: Cells) -> Float:
        numerical, graphical = (cells("zero", measure) - cells(name, measure) for name in ("numerical", "graphical"))
        return MUCH * numerical - graphical

    return Claim(
        f"graphical-resistant-{word}",
        "3.2, Fig. 5",
        f"Contrastive {word} Spearman is much more resistant to graphical than to numerical noise of equal strength.",
        f"{MUCH:g} × what numerical noise takes from the zero-noise score, less what graphical noise takes.",
        Question(
            {
                "numerical": Side("contrastive", NUMERICAL),
                "graphical": Side("contrastive", GRAPHICAL),
                "zero": Side("contrastive", fixed=True),
            },
            (measure,),
            spared,
            Axis("level", "ε", EPS_N.wanted),
            shown=tuple((name, of(name, measure)) for name in ("numerical", "graphical", "zero")),
        ),
        Above(averaged=True),
        sweeps=("--method contrastive",),
    )


def _pronounced(name: str, words: str, variant: str, axis: Axis) -> list[Claim]:
    return [
        Claim(
            f"pronounced-{name}-{word}",
            "6",
            f"Under {words} contrastive is further ahead in {word} Spearman than on vanilla.",
            "Contrastive less supervised, less the same on vanilla.",
            growth(variant, measure, axis),
            Above(averaged=True),
        )
        for word, measure in SCORES.items()
    ]


def _hungry(word: str, measure: str) -> Claim:
    def starved(cells: Cells) -> Float:
        lost = {m: shortfall(cells, m, measure) - shortfall(cells, f"{m}, all", measure) for m in BOTH}
        return lost["contrastive"] - lost["supervised"]

    sides = {m: Side(m) for m in BOTH} | {f"{m}, all": Side(m, fixed=True) for m in BOTH}
    return Claim(
        f"data-hungry-{word}",
        "6",
        f"With fewer training pendulums contrastive loses more {word} Spearman than supervised.",
        "Oracle less score with fewer pendulums in as many steps, less that with all; contrastive less supervised.",
        Question(
            sides,
            (measure, f"oracle_{measure}"),
            starved,
            _SIZES,
            shown=tuple((name, of(name, measure)) for name in sides),
            stratum=("protocol", "recipe_protocol", "schedule without epochs", "steps", "train_images"),
        ),
        Above(averaged=True),
        then="pendgen build --variant vanilla --pendulums 512 --out data-512 --replicates 5; "
        "pendtrain sweep data-512/vanilla* --epochs 1000 --replicates",
    )


CLAIMS = (
    *_headline("vanilla", "vanilla", 25),
    *_headline("large", "large images", 5),
    *(
        Claim(
            f"large-further-{word}",
            "3.1, Fig. 3",
            f"Contrastive is further ahead in {word} Spearman on large images than on small ones.",
            "Contrastive less supervised at 100 px, less the same at 32 px.",
            growth("large", measure),
            Above(),
        )
        for word, measure in SCORES.items()
    ),
    *_noise("numerical-mild", "At every numerical noise ε_n < .2, contrastive is ahead", NUMERICAL, MILD_N),
    *_noise("numerical-strong", "At every numerical noise ε_n ≥ .2, contrastive is behind", NUMERICAL, STRONG_N, True),
    *_noise("graphical", "At every graphical noise, contrastive is ahead", GRAPHICAL, EPS_G),
    *(claim for method in BOTH for claim in _local_first(method)),
    *(_resistant(word, measure) for word, measure in SCORES.items()),
    *_pronounced("numerical", "moderate numerical noise (ε_n < .2)", NUMERICAL, MILD_N),
    *_pronounced("graphical", "moderate graphical noise (ε_g < .2)", GRAPHICAL, MILD_G),
    *(_hungry(word, measure) for word, measure in SCORES.items()),
)
"""Claims of sections 3.1, 3.2 and 6, without those about gaps."""
