"""The paper's claims, one by one, each with the rule that judges it on the runs at hand.

`judge` fills claims.csv: every claim always has its row, "undecided" with what to run where runs are missing. Only
test images with everything in view ("all") and encoders trained on the data they are scored on count, unless the
claim says otherwise; see `claims.rows` for which recipe is judged and `claims.rules` for the two common rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pendeval import columns
from pendeval.claims import methods as m
from pendeval.claims import representation as r
from pendeval.claims.rows import prepare
from pendeval.claims.rules import AHEAD, AT_LEAST, MARGINS, WITHIN, Judgement

Frames = Mapping[str, pd.DataFrame]
G, L = "global_spearman", "local_spearman"
NUMERICAL, GRAPHICAL = "numerical-noise", "graphical-noise"
INSIDE = ("gap_abs_spearman", "interior_band_spearman")
"""What the authors may have plotted as interpolation instead."""


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper, the section that makes it, and how it is judged."""

    id: str
    section: str
    text: str
    rule: str
    judge: Callable[[Frames], Judgement]


def _mild(level: float) -> bool:
    return 0 < level < 0.2 - 1e-9


def _strong(level: float) -> bool:
    return level >= 0.2 - 1e-9


def _small_gaps(level: float) -> bool:
    return level <= 0.4 + 1e-9


def _large_gaps(level: float) -> bool:
    return level >= 0.6 - 1e-9


def _methods(
    name: str, section: str, text: str, variant: str, levels: m.Levels = m.anywhere, order: tuple[str, str] = m.BOTH
) -> tuple[Claim, Claim]:
    """A claim about either score of the two methods, `{}` in its text; without noise, one of "at least"."""

    def one(word: str, measure: str) -> Claim:
        also = (*(["clean"] if variant == NUMERICAL else []), *(["local_abs_spearman"] if measure == L else []))
        margin = MARGINS[measure] if levels is m.anywhere else 0.0
        function = partial(
            m.between_methods, variant=variant, measure=measure, levels=levels, order=order, also=also, margin=margin
        )
        rule = _LESS + AT_LEAST.format(margin=margin) if margin else _BEHIND if order == m.BEHIND else _LESS + AHEAD
        return Claim(f"{name}-{word}", section, text.format(word), rule, function)

    return one("global", G), one("local", L)


_LESS = "Contrastive less supervised. "
_AHEAD = _LESS + AHEAD
_BEHIND = "Supervised less contrastive. " + AHEAD
_LOCAL_FIRST = (
    "Shares lost to noise, (zero noise − noise) / zero noise paired by seed, from the smallest level at which either "
    "share is certainly above 0 (95 %); local share less global share. " + AHEAD
)
_UNFRACTURED = (
    "Pairs are left out whose contrastive run has two visible bands of certainly opposite sign, or cannot be told. "
)
_FRACTURE = (
    "Clopper–Pearson intervals at 95 %: supported with 5 or more runs when ours holds 2/5 and our share lies in that "
    "of 2 in 5; contradicted when the two intervals do not touch; else undecided."
)
_DENSITY = "Spearman's ρ of density and score over the segments of each run (4 or more of the seven). "
_RANGE = "Contrastive, largest less smallest output. "
_CONSISTENT = (
    "Sd over mean across runs at zero noise: supported when the 95 % chi-square interval of the sd puts it below .1; "
    "contradicted when above; else undecided."
)
_BLANKS = (
    "Blank images less the mean of visible images at their energies, in standard deviations of the visible images' "
    "line, at α_c < .9. "
)
_SHORTFALL = (
    "Shortfall: the oracle's global Spearman less the encoder's. That with cropping (α_c < .9) on images with both "
    "bobs in view, less that on vanilla, paired by seed. "
)
_VERTICAL = "Share of cos θ that all outputs explain beside the energy, less that of one output of the same seed. "
_PRINTED = (
    "Contradicted when the best possible error on the same images, less 3 standard errors, lies above the largest "
    "printed value in every run; supported when the forest's error is certainly no larger than that; else undecided."
)
_TRAINING = "Supervised, each score less its oracle's: test less training images. "

CLAIMS = (
    *_methods(
        "vanilla",
        "3.1, Fig. 3",
        "On vanilla, contrastive {} Spearman is at least the supervised one.",
        "vanilla",
    ),
    *_methods(
        "large",
        "3.1, Fig. 3",
        "On large images, contrastive {} Spearman is at least the supervised one.",
        "large",
    ),
    *_methods(
        "numerical-mild",
        "3.2, Fig. 5",
        "Under numerical noise ε_n < .2, contrastive is ahead in {} Spearman.",
        NUMERICAL,
        _mild,
    ),
    *_methods(
        "numerical-strong",
        "3.2, Fig. 5",
        "Under numerical noise ε_n ≥ .2, contrastive is behind in {} Spearman.",
        NUMERICAL,
        _strong,
        m.BEHIND,
    ),
    *_methods(
        "graphical",
        "3.2, Fig. 5",
        "Under graphical noise, contrastive is ahead in {} Spearman.",
        GRAPHICAL,
        m.noisy_level,
    ),
    *(
        Claim(
            f"local-first-{method}",
            "3.2, Fig. 5",
            f"As numerical noise grows, {method} local Spearman falls before global Spearman.",
            _LOCAL_FIRST,
            partial(m.local_first, variant=NUMERICAL, method=method),
        )
        for method in m.BOTH
    ),
    Claim(
        "gaps-small-global",
        "3.3, Fig. 6",
        "With gaps α_g ≤ .4, contrastive is ahead in global Spearman.",
        _AHEAD,
        partial(m.between_methods, variant="gaps", measure=G, levels=_small_gaps, also=("gap_spearman",)),
    ),
    Claim(
        "gaps-large-global",
        "3.3, Fig. 6",
        "With gaps α_g ≥ .6, contrastive is behind in global Spearman.",
        _BEHIND,
        partial(m.between_methods, variant="gaps", measure=G, levels=_large_gaps, order=m.BEHIND),
    ),
    Claim(
        "gaps-large-interpolation",
        "3.3, Fig. 6",
        "With gaps α_g ≥ .6, contrastive is ahead in Spearman inside the gaps.",
        _AHEAD,
        partial(m.between_methods, variant="gaps", measure="gap_spearman", levels=_large_gaps, also=INSIDE),
    ),
    Claim(
        "gaps-large-unfractured",
        "3.3, Fig. 7",
        "With gaps α_g ≥ .6, contrastive runs that did not fracture are ahead in global Spearman.",
        _UNFRACTURED + _AHEAD,
        partial(m.between_methods, variant="gaps", measure=G, levels=_large_gaps, unfractured=True),
    ),
    Claim(
        "gaps-fracture",
        "4.1",
        "With gaps α_g = .8, 2 of 5 contrastive runs fracture.",
        _FRACTURE,
        partial(m.fracture, level=0.8),
    ),
    Claim(
        "density",
        "4.2, Fig. 10",
        "Within a contrastive representation, density is high where local Spearman is low.",
        _DENSITY + WITHIN.format(inside="below 0"),
        r.density,
    ),
    Claim(
        "range-shrinks",
        "4.2",
        "The range of contrastive representations shrinks as numerical noise grows.",
        _RANGE + "Zero noise less noise of the same seed. " + AHEAD,
        r.range_shrinks,
    ),
    Claim(
        "range-noiseless",
        "4.2",
        "The range of contrastive representations at zero noise is roughly 7.",
        _RANGE + WITHIN.format(inside="between 6 and 8"),
        partial(r.range_within, low=6.0, high=8.0),
    ),
    Claim(
        "range-noisy",
        "4.2",
        "The range of contrastive representations is below 1 under strong numerical noise (ε_n ≥ .2).",
        _RANGE + WITHIN.format(inside="below 1"),
        partial(r.range_within, low=0.0, high=1.0, variant=NUMERICAL, levels=_strong),
    ),
    Claim(
        "range-consistent",
        "4.2",
        "The range of contrastive representations is extremely consistent across runs.",
        _RANGE + _CONSISTENT,
        r.range_consistent,
    ),
    Claim(
        "blank-average",
        "4.3, Fig. 12",
        "Contrastive training sends blank images to the average of the images they could be.",
        _BLANKS + WITHIN.format(inside="within ±.25"),
        r.blanks,
    ),
    Claim(
        "ambiguity-contrastive",
        "4.3",
        "Blank images in training hurt contrastive encoders on the other images.",
        _SHORTFALL + AHEAD,
        partial(m.ambiguity, method="contrastive"),
    ),
    Claim(
        "ambiguity-supervised",
        "4.3",
        "Blank images in training do not hurt supervised encoders on the other images.",
        _SHORTFALL + WITHIN.format(inside="below .005"),
        partial(m.ambiguity, method="supervised"),
    ),
    Claim(
        "outputs-one-dimensional",
        "3.1, Fig. 4",
        "With two or three outputs, contrastive representations stay mostly one-dimensional.",
        "Share of the outputs' variance that follows a curve. " + WITHIN.format(inside="above .95"),
        r.one_dimensional,
    ),
    Claim(
        "outputs-vertical",
        "A.5, Fig. 18",
        "Further outputs of contrastive encoders carry the vertical position.",
        _VERTICAL + AHEAD,
        r.vertical,
    ),
    Claim(
        "outputs-matched",
        "A.5, Fig. 17",
        "Inverse regression from two or three outputs is as good for either method.",
        "Forest RMSE, contrastive less supervised, paired by seed. " + WITHIN.format(inside="within ±.001"),
        r.regression,
    ),
    Claim(
        "outputs-printed-rmse",
        "A.5, Fig. 17",
        "The inverse regression predicts the energy of an image with an RMSE of .0032.",
        _PRINTED,
        r.printed_error,
    ),
    *(
        Claim(
            f"training-split-{word}",
            "A.1",
            f"Supervised {word} Spearman on training images is no better than on test images.",
            _TRAINING + AT_LEAST.format(margin=MARGINS[measure]),
            partial(m.training_split, measure=measure),
        )
        for word, measure in (("global", G), ("local", L))
    ),
    *(
        Claim(
            f"l1-{word}",
            "A.1",
            f"Training with absolute instead of squared error does not improve the supervised {word} Spearman.",
            "Supervised, squared error less absolute error. " + AT_LEAST.format(margin=MARGINS[measure]),
            partial(m.l1_loss, measure=measure),
        )
        for word, measure in (("global", G), ("local", L))
    ),
    Claim(
        "cosine",
        "A.3, Fig. 15",
        "Two outputs under cosine similarity learn the energy well too.",
        "Global Spearman around the circle. " + WITHIN.format(inside="above .97"),
        partial(r.cosine, least=0.97),
    ),
)
"""Every claim, in the order of the paper."""


def judge(frames: Frames, claims: Sequence[Claim] = CLAIMS) -> pd.DataFrame:
    """A row of columns.CLAIMS for every claim, from the frames "runs" and "segments" (either may be empty)."""
    given = {name: frames.get(name, pd.DataFrame()) for name in ("runs", "segments")}
    given["runs"] = prepare(given["runs"])
    rows = []
    for claim in claims:
        found = claim.judge(given)
        row = (claim.id, claim.section, claim.text, found.verdict, found.evidence, found.missing)
        rows.append((*row, claim.rule, found.recipe, found.conditions))
    return pd.DataFrame(rows, columns=list(columns.CLAIMS))
