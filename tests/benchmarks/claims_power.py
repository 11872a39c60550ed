"""How often noise passes for a finding: every claim judged on synthetic runs whose truth is known.

    python tests/benchmarks/claims_power.py [--draws 2000] [--out data/results/claims_power.csv] [CLAIM ...]

A row of the table is a claim, a truth and a number of replicates; over the draws, the share of each verdict:

    paper      the claim is true, by as much as the paper or its records say, with the paper's n (and others)
    none       no effect: the number lies at the rule's border, where "supported" and "contradicted" are both false.
               For a claim of equality (that two things are as good, or one is as printed) the roles change: its border
               is the edge of the margin. That "2 of 5" fracture has the chance rate: "supported" alone is false
    opposite   as much the other way, where "supported" is false
    spare one  of claims about every condition: no effect at the last, a large one at all others. The claim is false
               in one place, and so is "supported"
    margin     of the headline: a difference as large as the margin within which methods count as equal, where
               "equal" is false

Each false verdict may have 5 % (`false_verdicts`). Further columns: provisional (share of draws whose verdict falls
short of what the claim asks for), and the truth in words, where "assumed" marks a size or scatter that neither the
paper nor its records give.

Sizes and scatter are the paper's Fig. 3 and the authors' records (pendeval/records.csv: differences of means over 5
runs, and their sd, which holds the noise of a test split); at zero noise, what is left to training once that noise is
taken out (.00012 / .0023 contrastive, .00005 / .0035 supervised). Rows are put together from each claim's own question,
so that what is tested is what is judged; `frames` makes them into tables, on which `pendeval.claims.judge` must say the
same (the tests see to it).
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pendeval import claims
from pendeval.claims.claim import Claim
from pendeval.claims.frame import Rows
from pendeval.claims.judgement import Judgement
from pendeval.claims.question import Cells, Question, Side
from pendeval.claims.rows import Grid, exact_name, grid
from pendeval.recipes import PAPER_OWN, PAPER_RECIPE

Float = NDArray[np.float64]
Drawn = dict[tuple[str, str], Float]
"""(side, sampled measure) → (draws, conditions, runs)"""
COLUMNS = ("claim", "truth", "draws", "n", "supported", "contradicted", "equal", "undecided", "provisional", "effect")
OPEN = {"temperature": (0.05, 0.1, 0.2), "clip_norm": (1.0, 3.0, 10.0), "train_pendulums": (512.0,)}
"""Conditions of claims for which the paper gives none."""
KNOB = {"numerical-noise": "eps_n", "graphical-noise": "eps_g", "gaps": "alpha_g", "cropping": "alpha_c"}
ORACLE_N = {
    **{0.0: (0.99395, 0.8113), 0.001: (0.99405, 0.8144), 0.0025: (0.99401, 0.8134), 0.005: (0.99384, 0.8102)},
    **{0.01: (0.9932, 0.7976), 0.025: (0.98882, 0.7269), 0.05: (0.97454, 0.587), 0.1: (0.9286, 0.4008)},
    **{0.125: (0.90136, 0.3451), 0.2: (0.82119, 0.2505), 0.25: (0.77591, 0.2179)},
}
"""ε_n → global and local score of E[m | image] over all images, protocol original (population.h5 of content 1.1.0)."""
TRAINING_SD = {"global": {"c": 0.00012, "s": 0.00005}, "local": {"c": 0.0023, "s": 0.0035}}
PRINTED = {"vanilla": {"global": 0.00016, "local": 0.0049}, "large": {"global": 0.0007, "local": 0.0302}}
LARGE_SD = {"global": 0.00005, "local": 0.002}
"""Assumed: the printed digits (.99958, .9812) say that a 95 % interval of five runs is about one of the last."""
MEASURE = {"global": "global_spearman", "local": "local_spearman"}


# Rows


def conditions(question: Question) -> tuple[float, ...]:
    """Where the conditions of a question lie: as in the paper, else OPEN; one 0 without an axis."""
    axis = question.axis
    return (0.0,) if axis is None else axis.wanted or OPEN[axis.column]


def frames(
    question: Question, n: int, drawn: Mapping[tuple[str, str], Float], seed: int = 0
) -> dict[str, pd.DataFrame]:
    """Tables with a row for every side, condition and replicate of a question, and the scores of one draw (C, n).

    Scores stand in the exact columns where every measure of the question has one.
    """
    exact = all(exact_name(measure) for measure in question.measures)
    held: list[dict[str, Any]] = []
    for name, side in question.sides.items():
        for c, value in enumerate(conditions(question)[:1] if side.fixed else conditions(question)):
            for run in range(n):
                cells = {
                    (exact_name(m) if exact else None) or m: values[c, run]
                    for (s, m), values in drawn.items()
                    if s == name
                }
                held.append(row(side, question, value, seed + run) | cells)
    return {question.frame: pd.DataFrame(held)}


def row(side: Side, question: Question, value: float = 0.0, seed: int = 0) -> dict[str, Any]:
    """The condition columns of a run on a side, at a condition, of a replicate."""
    axis = question.axis
    along = "" if axis is None or side.fixed else axis.column
    level = value if along == "level" else side.level or 0.0
    gaps = int(value) if along == "num_gaps" else 3
    data = {"variant": side.variant, "protocol": "paper", "level": level if gaps == 3 else math.nan, "bob_size": 3}
    given = {KNOB[side.variant]: level} if side.variant in KNOB else {}
    data["parameters"] = json.dumps(given | ({"num_gaps": gaps} if side.variant == "gaps" else {}))
    recipe: dict[str, Any] = {"method": side.method, **PAPER_RECIPE, **PAPER_OWN[side.method]}
    recipe["dim"] = int(value) if along == "dim" else side.dim
    objective, schedule, pendulums = side.objective, "", 5120
    if objective == "loss l1":
        recipe["loss"] = "l1"
    if objective == "similarity cosine":
        recipe["similarity"] = "cosine"
    if along == "temperature":
        recipe[along], objective = value, "" if value == 0.1 else f"temperature {value:g}"
    if along == "clip_norm":
        recipe[along], schedule = value, "" if value == 3 else f"clip norm {value:g}"
    if along == "train_pendulums":
        pendulums = int(value)
        recipe["epochs"], schedule = 512_000 // pendulums, f"epochs {512_000 // pendulums}"
    trained = {f"train_{name}": cell for name, cell in data.items()}
    if side.clean:
        data |= {"variant": "vanilla", "level": 0.0, "parameters": "{}"}
    return {
        **data,
        **trained,
        **{"method": side.method, "dim": recipe["dim"], "split": side.split, "view": side.view, "objective": objective},
        **{"schedule": schedule, "recipe_protocol": "paper", "recipe": json.dumps(recipe, sort_keys=True)},
        **{"own": not side.clean, "usual": True, "full": not schedule, "precision": "float32"},
        **{"train_pendulums": pendulums, "train_images": 20, "pendulums": 5120, "images_per_pendulum": 20},
        **{"data_seed": seed, "train_data_seed": seed, "seed": seed},
        **({"kind": "segment", "number": int(value)} if question.frame == "segments" else {}),
    }


@cache
def blank(claim: str, n: int) -> Grid:
    """The grid that `pendeval.claims` finds on the rows of a claim with n replicates."""
    question = BY_ID[claim].question
    shape = (len(conditions(question)), n)
    zeros = {(name, measure): np.zeros(shape) for name in question.sides for measure in question.measures}
    tables = frames(question, n, zeros)
    return grid(Rows(tables[question.frame]), question)


def judge(claim: Claim, n: int, drawn: Mapping[tuple[str, str], Float]) -> Judgement:
    """The judgement of one draw, (C, n) a measure, as `pendeval.claims.judge` comes to it but without the tables."""
    held = blank(claim.id, n)
    cells = Cells(held.levels, held.present, lambda side, measure: drawn[side, measure])
    return claim.rule.judge(claims.table(claim.question, held, cells))


BY_ID = {claim.id: claim for claim in claims.CLAIMS}


# Truths


@dataclass(frozen=True)
class Truth:
    """A truth, with n replicates: in words, and how runs are drawn from it."""

    name: str
    n: int
    effect: str
    draw: Callable[["World"], Drawn]


@dataclass
class World:
    """Random runs of a claim's shape."""

    question: Question
    n: int
    draws: int
    rng: np.random.Generator
    levels: Float = field(init=False)

    def __post_init__(self) -> None:
        self.levels = np.array(conditions(self.question))

    def normal(self, mean: Any, sd: Any, fixed: bool = False) -> Float:
        """Normal numbers (draws, C, n) about a mean and sd for each condition; the same at all where `fixed`."""
        shape = (self.draws, 1 if fixed else len(self.levels), self.n)
        given = [np.atleast_1d(np.asarray(side, np.float64))[:, None] for side in (mean, sd)]
        return np.broadcast_to(
            given[0] + given[1] * self.rng.standard_normal(shape), (self.draws, len(self.levels), self.n)
        )

    def happens(self, rate: Any) -> Float:
        """1 where something happens with a rate for each condition, else 0: (draws, C, n)."""
        given = np.broadcast_to(np.atleast_1d(np.asarray(rate, np.float64))[:, None], (len(self.levels), self.n))
        return (self.rng.random((self.draws, *given.shape)) < given).astype(np.float64)


@cache
def recorded(family: str, method: str, level: float, noisy: bool = True, visible: bool = False) -> dict[str, float]:
    """A line of the authors' records: mean and sd of either score. `level`: ε_n, ε_g or α_c (1: none)."""
    held = pd.read_csv(str(files("pendeval").joinpath("records.csv")))
    knob = {"nnoise": "train_eps_n", "inoise": "train_eps_g", "crop": "crop_alpha_c"}[family]
    some = (held["family"] == family) & (held["method"] == method) & np.isclose(held[knob], level)
    if family != "crop":
        some &= np.isclose(held[knob.replace("train", "test")], level if noisy else 0.0)
    found = held[some & (held["visible_only"] == visible)].iloc[0]
    names = {"global": "global_mean", "local": "local_abs_mean", "global sd": "global_sd", "local sd": "local_abs_sd"}
    return {name: float(found[column]) for name, column in names.items()}


def series(family: str, levels: Sequence[float], method: str, word: str, **which: bool) -> Float:
    """A column of the records along levels."""
    return np.array([recorded(family, method, float(level), **which)[word] for level in levels])


def sized(effect: float, n: int | Sequence[int], words: str, draw: Callable[[World, float], Drawn]) -> Iterator[Truth]:
    """The claim true by `effect`, without one, and as much the other way."""
    for count in (n,) if isinstance(n, int) else n:
        for name, size in (("paper", effect), ("none", 0.0), ("opposite", -effect)):
            yield Truth(name, count, words.format(f"{size:+.3g}"), _with(draw, size))


def _with(draw: Callable[[World, float], Drawn], size: float) -> Callable[[World], Drawn]:
    return lambda world: draw(world, size)


def bordered(
    sizes: tuple[float, float, float], n: int | Sequence[int], words: str, draw: Callable[[World, float], Drawn]
) -> Iterator[Truth]:
    """The claim true, at the border, and false, for what is judged against a limit."""
    for count in (n,) if isinstance(n, int) else n:
        for name, size in zip(("paper", "none", "opposite"), sizes, strict=True):
            yield Truth(name, count, words.format(f"{size:.4g}"), _with(draw, size))


def spare(n: int, words: str, draw: Callable[[World, Float], Drawn], far: float) -> Iterator[Truth]:
    """No effect at the last condition and `far` at all others."""
    yield Truth(
        "spare one",
        n,
        words,
        lambda world: draw(world, np.where(np.arange(len(world.levels)) < len(world.levels) - 1, far, 0.0)),
    )


# Scenarios: claim → its truths


def headline(variant: str, word: str) -> Iterator[Truth]:
    n = 25 if variant == "vanilla" else 5
    sd = TRAINING_SD[word] if variant == "vanilla" else dict.fromkeys("cs", LARGE_SD[word])
    words = f"difference {{}}, sd {sd['c']:g} and {sd['s']:g}{'' if variant == 'vanilla' else ' (assumed)'}"

    def draw(world: World, size: float) -> Drawn:
        held = {("contrastive", MEASURE[word]): world.normal(0.9 + size, sd["c"])}
        return held | {("supervised", MEASURE[word]): world.normal(0.9, sd["s"])}

    yield from sized(PRINTED[variant][word], n, words, draw)
    margin = claims.scores.MARGINS[MEASURE[word]]
    yield Truth("margin", n, words.format(f"{margin:+g}"), lambda world: draw(world, margin))


def further(word: str) -> Iterator[Truth]:
    measure, near, far = MEASURE[word], PRINTED["vanilla"][word], PRINTED["large"][word]

    def draw(world: World, size: float) -> Drawn:
        return {
            ("contrastive", measure): world.normal(0.9 + near + size, LARGE_SD[word]),
            ("supervised", measure): world.normal(0.9, LARGE_SD[word]),
            ("contrastive, vanilla", measure): world.normal(0.9 + near, TRAINING_SD[word]["c"], True),
            ("supervised, vanilla", measure): world.normal(0.9, TRAINING_SD[word]["s"], True),
        }

    yield from sized(far - near, 5, f"{{}} further ahead, sd {LARGE_SD[word]:g} at 100 px (assumed)", draw)


def noise(
    family: str, word: str, behind: bool = False, clean: bool = False, sized_by_clean: bool = False
) -> Iterator[Truth]:
    """Effect: the recorded difference averaged over the levels, in the direction of the claim; sd as recorded."""
    measure = MEASURE[word]

    def sides(world: World, gain: Float | float) -> Drawn:
        def sd(method: str) -> Float:
            return series(family, world.levels, method, f"{word} sd", noisy=not clean)

        base = series(family, world.levels, "supervised", word, noisy=not clean)
        gain = -np.asarray(gain) if behind else np.asarray(gain)
        held = {("contrastive", measure): world.normal(base + gain, sd("contrastive"))}
        return held | {("supervised", measure): world.normal(base, sd("supervised"))}

    name = {"nnoise": "numerical-strong" if behind else "numerical-mild", "inoise": "graphical"}[family]
    levels = conditions(BY_ID[f"{name}-{word}"].question)
    noisy = not (clean or sized_by_clean)
    difference = series(family, levels, "contrastive", word, noisy=noisy) - series(
        family, levels, "supervised", word, noisy=noisy
    )
    effect = abs(float(difference.mean()))
    words = "{} at every level (size as recorded" + (" on clean images" if not noisy else "") + "), sd as recorded"
    yield from sized(effect, (5, 25), words, sides)
    yield from spare(5, "0 at the strongest noise, +.1 at all others", sides, 0.1)


def local_first(method: str, share: bool) -> Iterator[Truth]:
    def draw(world: World, local: float, whole: float) -> Drawn:
        held: Drawn = {}
        step = np.arange(1, len(world.levels) + 1) / len(world.levels)
        for k, (word, most) in enumerate((("global", whole), ("local", local))):
            measure = MEASURE[word]
            zero, best = ORACLE_N[0.0][k], np.array([ORACLE_N[level][k] for level in world.levels])
            sd = series("nnoise", world.levels, method, f"{word} sd")
            held["noise", measure] = world.normal(best - most * step * zero, sd)
            held["zero", measure] = world.normal(zero, TRAINING_SD[word][method[0]], True)
            held["noise", f"oracle_{measure}"] = world.normal(best, 0.0)
            held["zero", f"oracle_{measure}"] = world.normal(zero, 0.0, True)
        return held

    for name, local, whole in (("paper", 0.15, 0.05), ("none", 0.1, 0.1), ("none", 0.0, 0.0), ("opposite", 0.05, 0.15)):
        words = f"beyond the oracle, local loses up to {local:g} and global {whole:g} (assumed), sd as recorded"
        words += "; the records show less than .01 of either" if name == "paper" else ""
        yield Truth(name, 5, words, lambda world, a=local, b=whole: draw(world, a, b))


def resistant(word: str) -> Iterator[Truth]:
    measure = MEASURE[word]

    def draw(world: World, share: float | None) -> Drawn:
        zero = recorded("nnoise", "contrastive", 0.0)[word]
        numerical = series("nnoise", world.levels, "contrastive", word)
        graphical = series("inoise", world.levels, "contrastive", word)
        graphical = graphical if share is None else zero - share * (zero - numerical)
        sd = {family: series(family, world.levels, "contrastive", f"{word} sd") for family in ("nnoise", "inoise")}
        return {
            ("numerical", measure): world.normal(numerical, sd["nnoise"]),
            ("graphical", measure): world.normal(graphical, sd["inoise"]),
            ("zero", measure): world.normal(zero, TRAINING_SD[word]["c"], True),
        }

    for name, share in (("paper", None), ("none", 0.5), ("opposite", 1.0)):
        words = "as recorded" if share is None else f"graphical noise takes {share:g} of what numerical noise takes"
        yield Truth(name, 5, f"{words}, sd as recorded", lambda world, s=share: draw(world, s))


def pronounced(family: str, word: str) -> Iterator[Truth]:
    measure = MEASURE[word]
    name = {"nnoise": "numerical", "inoise": "graphical"}[family]
    levels = conditions(BY_ID[f"pronounced-{name}-{word}"].question)
    ahead = series(family, levels, "contrastive", word) - series(family, levels, "supervised", word)
    effect = abs(float(ahead.mean()) - PRINTED["vanilla"][word])

    def draw(world: World, size: float) -> Drawn:
        near = PRINTED["vanilla"][word]
        sd = {m: series(family, world.levels, m, f"{word} sd") for m in ("contrastive", "supervised")}
        return {
            ("contrastive", measure): world.normal(0.9 + near + size, sd["contrastive"]),
            ("supervised", measure): world.normal(0.9, sd["supervised"]),
            ("contrastive, vanilla", measure): world.normal(0.9 + near, TRAINING_SD[word]["c"], True),
            ("supervised, vanilla", measure): world.normal(0.9, TRAINING_SD[word]["s"], True),
        }

    yield from sized(effect, 5, "{} further ahead at every level (size as recorded), sd as recorded", draw)


def pronounced_gaps(word: str) -> Iterator[Truth]:
    measure, sd = MEASURE[word], {"global": 0.0005, "local": 0.005}[word]

    def draw(world: World, size: float) -> Drawn:
        near = PRINTED["vanilla"][word]
        return {
            ("contrastive", measure): world.normal(0.9 + near + size, sd),
            ("supervised", measure): world.normal(0.9, sd),
            ("contrastive, vanilla", measure): world.normal(0.9 + near, TRAINING_SD[word]["c"], True),
            ("supervised, vanilla", measure): world.normal(0.9, TRAINING_SD[word]["s"], True),
        }

    effect = {"global": 0.001, "local": 0.01}[word]
    yield from sized(effect, (5, 10), f"{{}} further ahead at every length, sd {sd:g} (assumed)", draw)


def hungry(word: str) -> Iterator[Truth]:
    measure, sd = MEASURE[word], {"global": 0.001, "local": 0.008}[word]

    def draw(world: World, size: float) -> Drawn:
        held: Drawn = {}
        for m, lost in (("contrastive", size), ("supervised", 0.0)):
            held[m, measure] = world.normal(0.9 - lost, sd)
            held[f"{m}, all", measure] = world.normal(0.9, TRAINING_SD[word][m[0]], True)
            held[m, f"oracle_{measure}"] = world.normal(0.95, 0.0)
            held[f"{m}, all", f"oracle_{measure}"] = world.normal(0.95, 0.0, True)
        return held

    effect = {"global": 0.005, "local": 0.03}[word]
    yield from sized(effect, 5, f"contrastive loses {{}} more with 512 pendulums, sd {sd:g} (assumed)", draw)


def gap_scores(measure: str, behind: bool, effect: float, sd: float) -> Iterator[Truth]:
    def sides(world: World, gain: Any) -> Drawn:
        gain = -np.asarray(gain) if behind else np.asarray(gain)
        held = {("contrastive", measure): world.normal(0.9 + gain, sd)}
        return held | {("supervised", measure): world.normal(0.9, sd)}

    yield from sized(
        effect, (5, 10), f"{{}} at every length, sd {sd:g} (assumed)", lambda world, size: sides(world, size)
    )
    yield from spare(10, "0 at the longest gaps, +1 at all others", sides, 1.0)


def mixture(world: World, rate: Any, whole: float, broken: float, sd: float = 0.005) -> tuple[Float, Float]:
    """Global scores (draws, C, n) of runs that fracture at a rate, and which did."""
    flags = world.happens(rate)
    return np.where(flags > 0, world.normal(broken, 0.1), world.normal(whole, sd)), flags


def gaps_large_global() -> Iterator[Truth]:
    """Behind, because some fracture; without an effect, the fractured lose on average what the others are ahead."""
    measure = MEASURE["global"]

    def draw(world: World, rate: float, ahead: float, broken: float) -> Drawn:
        scores, _ = mixture(world, rate, 0.75 + ahead, 0.75 + broken)
        return {("contrastive", measure): scores, ("supervised", measure): world.normal(0.75, 0.005)}

    for n in (5, 10, 25):
        for name, rate, ahead, broken in (
            *(("paper", 0.4, 0.01, -0.37), ("none", 0.0, 0.0, 0.0)),
            *(("none", 0.4, 0.2, -0.3), ("opposite", 0.0, 0.01, 0.0)),
        ):
            words = f"{rate:g} of the runs at {broken:+g} ± .1, the others {ahead:+g}, sd .005 (assumed)"
            yield Truth(name, n, words, lambda world, r=rate, a=ahead, b=broken: draw(world, r, a, b))


def gaps_fall(method: str, measure: str) -> Iterator[Truth]:
    def draw(world: World, lost: float) -> Drawn:
        step = np.linspace(0, 1, len(world.levels))
        scores = world.normal(0.95 - lost * (step - 0.5), 0.02)
        if method == "contrastive" and measure == MEASURE["global"]:
            scores = np.where(world.happens(0.4 * step if lost > 0 else 0.2) > 0, world.normal(0.6, 0.1), scores)
        return {(method, measure): scores}

    also = ", fractured runs at .6 ± .1" if method == "contrastive" and measure == MEASURE["global"] else ""
    yield from sized(0.1, (5, 10), f"{{}} lost from shortest to longest, sd .02{also} (assumed)", draw)


def gaps_helps() -> Iterator[Truth]:
    measure = MEASURE["global"]

    def draw(world: World, lost: float) -> Drawn:
        flags = world.happens(0.4)
        scores = world.normal(0.95, 0.05) - lost * flags
        return {("c", measure): scores, ("c", "fractured"): flags}

    yield from sized(0.35, (5, 10), "fractured runs (two fifths) {} lower, sd .05 (assumed)", draw)


def gaps_unfractured() -> Iterator[Truth]:
    measure = MEASURE["global"]

    def sides(world: World, gain: Any) -> Drawn:
        flags = world.happens(0.4)
        scores = np.where(flags > 0, world.normal(0.6, 0.1), world.normal(0.97 + np.asarray(gain), 0.005))
        held = {("contrastive", measure): scores, ("supervised", measure): world.normal(0.97, 0.005)}
        return held | {(name, "fractured"): flags for name in ("contrastive", "supervised")}

    yield from sized(
        0.01, (5, 10, 20), "unfractured runs (three fifths) {} ahead, sd .005 (assumed)", lambda w, size: sides(w, size)
    )
    yield from spare(20, "0 at the longest gaps, +.1 at the others", sides, 0.1)


def rates(n: int | Sequence[int], **given: Any) -> Iterator[Truth]:
    for count in (n,) if isinstance(n, int) else n:
        for name, rate in given.items():
            words = f"rate {', '.join(f'{value:g}' for value in np.atleast_1d(rate))}"
            words += " (assumed)" if np.ndim(rate) else ""
            yield Truth(name, count, words, lambda world, r=rate: {("c", "fractured"): world.happens(r)})


def single(
    side: str, measure: str, sd: float, sizes: tuple[float, float, float], n: int = 5, far: float = 0
) -> Iterator[Truth]:
    """A measure by itself: true, at the border, false."""

    def draw(world: World, size: Any) -> Drawn:
        return {(side, measure): world.normal(size, sd)}

    yield from bordered(sizes, n, f"mean {{}}, sd {sd:g} (assumed)", draw)
    if far:
        yield from spare(
            n,
            f"{sizes[1]:g} at the last condition, {sizes[1] + far:g} at all others",
            lambda world, gain: draw(world, sizes[1] + gain),
            far,
        )


def nonlinear() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        monotone = world.normal(0.0342, 0.0003)
        return {
            ("contrastive", "monotone_rmse"): monotone,
            ("contrastive", "linear_rmse"): monotone * (1 + world.normal(size, 0.05)),
        }

    yield from bordered((0.77, 0.1, 0.02), 5, "a line errs {} more, sd .05 (size: one run)", draw)


def density_rank() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        slope = np.linspace(-1, 1, len(world.levels))
        held = {("contrastive", "density"): world.normal(size * slope, 0.5)}
        return held | {("contrastive", "spearman"): world.normal(-slope, 0.5)}

    yield from sized(1.0, 5, "density changes by {} sd over the segments as score falls (assumed)", draw)


def range_shrinks() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        last = np.log(0.9 / 7) * size
        step = np.arange(1, len(world.levels) + 1) / len(world.levels)
        held = {("noise", "representation_range"): world.normal(7 * np.exp(last * step), 0.2)}
        return held | {("zero", "representation_range"): world.normal(7.0, 0.2, True)}

    yield from sized(1.0, 5, "from 7 to .9, to the power {}, sd .2 (assumed)", draw)


def consistent() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        return {("contrastive", "representation_range"): world.normal(7.0, 7 * size)}

    yield from bordered((0.03, 0.1, 0.3), 5, "sd over mean {} (assumed)", draw)


def exponent(sizes: tuple[float, float, float]) -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        held = 6.5 * (world.levels / world.levels[1]) ** size
        return {("contrastive", "representation_range"): world.normal(held, 0.03 * held)}

    yield from bordered(sizes, 5, "exponent {}, sd 3 % (assumed)", draw)


def energies(measure: str, size: float, sd: float, words: str) -> Iterator[Truth]:
    def draw(world: World, gain: float) -> Drawn:
        step = np.linspace(-0.5, 0.5, len(world.levels))
        if measure == "density":
            return {("contrastive", measure): np.exp(world.normal(np.log(0.15) + gain * step, sd))}
        return {("contrastive", measure): world.normal(0.8 - gain * step, sd)}

    yield from sized(size, 5, f"{{}} from the lowest to the highest segment ({words}), sd {sd:g}", draw)


def blanks() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        invariance = 1 - world.normal(0.3, 0.02) ** 2
        held = {("blank", "blank_offset"): world.normal(size, 0.08)}
        return held | {("in view", "time_invariance"): invariance, ("blank", "time_invariance"): invariance}

    yield from bordered((0.05, 0.3, 1.0), 5, "offset {}, sd .08, scatter .3 ± .02 (assumed)", draw)


def ambiguity(word: str) -> Iterator[Truth]:
    measure = MEASURE[word]

    def draw(world: World, share: Any) -> Drawn:
        held: Drawn = {}
        lost = {
            m: recorded("nnoise", m, 0.0)[word] - series("crop", world.levels, m, word, visible=True)
            for m in ("contrastive", "supervised")
        }
        more = np.asarray(share) * (lost["contrastive"] - lost["supervised"])
        for m, cost in (("contrastive", more), ("supervised", 0.0 * more)):
            sd = series("crop", world.levels, m, f"{word} sd", visible=True)
            held[f"{m}, cropped", measure] = world.normal(0.9 - cost, sd)
            held[m, measure] = world.normal(0.9, TRAINING_SD[word][m[0]], True)
            held[f"{m}, cropped", f"oracle_{measure}"] = world.normal(0.95, 0.0)
            held[m, f"oracle_{measure}"] = world.normal(0.95, 0.0, True)
        return held

    yield from sized(1.0, 5, "{} times the recorded difference, sd as recorded", lambda world, size: draw(world, size))
    yield from spare(5, "0 at α_c = .75, ten times the recorded difference at the others", draw, 10.0)


def ambiguity_supervised(word: str) -> Iterator[Truth]:
    measure = MEASURE[word]
    margin = claims.scores.MARGINS[measure]

    def draw(world: World, cost: Any) -> Drawn:
        sd = series("crop", world.levels, "supervised", f"{word} sd", visible=True)
        held = {("supervised, cropped", measure): world.normal(0.9 - np.asarray(cost), sd)}
        held["supervised", measure] = world.normal(0.9, TRAINING_SD[word]["s"], True)
        held["supervised, cropped", f"oracle_{measure}"] = world.normal(0.95, 0.0)
        held["supervised", f"oracle_{measure}"] = world.normal(0.95, 0.0, True)
        return held

    yield from bordered((0.0, margin, 20 * margin), 5, "costs {}, sd as recorded", draw)
    words = f"{margin:g} at α_c = .75, nothing at the others"
    yield from spare(5, words, lambda world, less: draw(world, margin - less), margin)


def density_blanks() -> Iterator[Truth]:
    def draw(world: World, size: float) -> Drawn:
        rise = np.where(world.levels > 1, size, 0.0) + 0.3
        held = {("cropped", "density"): np.exp(world.normal(np.log(0.15) + rise, 0.15))}
        return held | {("vanilla", "density"): np.exp(world.normal(np.log(0.15), 0.03))}

    yield from sized(
        1.2, 5, "log density rises by {} more where images can be blank (as recorded), sd .15 (assumed)", draw
    )


def training_split(word: str) -> Iterator[Truth]:
    measure = MEASURE[word]
    margin, printed = claims.scores.MARGINS[measure], {"global": 0.0001, "local": 0.0014}[word]
    sd, split = TRAINING_SD[word]["s"], {"global": 0.0002, "local": 0.0024}[word]

    def draw(world: World, gain: float) -> Drawn:
        held: Drawn = {}
        network = world.normal(0.9, sd)
        for name, more in (("test", 0.0), ("training", gain)):
            images = world.normal(0.0, split)
            held[name, measure] = network + images + more + world.normal(0.0, sd / 2)
            held[name, f"oracle_{measure}"] = 0.91 + images
        return held

    yield from bordered(
        (-printed, margin, 5 * margin),
        5,
        f"{{}} better on training images, sd {sd / 2:g} beside the oracle (assumed)",
        draw,
    )


def absolute(word: str) -> Iterator[Truth]:
    measure, margin, sd = MEASURE[word], claims.scores.MARGINS[MEASURE[word]], TRAINING_SD[word]["s"]

    def draw(world: World, gain: float) -> Drawn:
        return {("squared", measure): world.normal(0.9, sd), ("absolute", measure): world.normal(0.9 + gain, sd)}

    yield from bordered(
        (-2 * margin, margin, 5 * margin), 5, f"absolute error {{}} better, sd {sd:g} (size assumed)", draw
    )


def pairs(
    measure: str, first: str, second: str, sizes: tuple[float, float, float], base: float, sd: float
) -> Iterator[Truth]:
    def draw(world: World, gain: float) -> Drawn:
        return {(first, measure): world.normal(base + gain, sd), (second, measure): world.normal(base, sd)}

    yield from bordered(sizes, 5, f"{first} {{}} more, sd {sd:g} (assumed)", draw)


def printed_error() -> Iterator[Truth]:
    def draw(world: World, error: float, ceiling: float) -> Drawn:
        held: Drawn = {}
        for m in ("contrastive", "supervised"):
            held[m, "ceiling_rmse"] = world.normal(ceiling, ceiling / 500)
            held[m, "forest_rmse"] = world.normal(error, error / 200)
            held[m, "forest_rmse_low"] = held[m, "forest_rmse"] * (1 - 1.96 / 200)
            held[m, "forest_rmse_high"] = held[m, "forest_rmse"] * (1 + 1.96 / 200)
            held[m, "rmse_excess_se"] = world.normal(error / 400, 0.0)
        return held

    for name, error, ceiling in (("paper", 0.0032, 0.002), ("none", 0.00324, 0.00324), ("opposite", 0.0326, 0.0319)):
        words = f"error {error:g}, sd .5 % (assumed), best possible {ceiling:g}"
        yield Truth(name, 5, words, lambda world, e=error, c=ceiling: draw(world, e, c))


def spectral_fails() -> Iterator[Truth]:
    def draw(world: World, rate: Any) -> Drawn:
        fails = world.happens(rate)
        return {
            ("contrastive", MEASURE["global"]): np.where(
                fails > 0, world.normal(0.86, 0.05), world.normal(0.9937, 0.0002)
            ),
            ("contrastive", "forest_rmse"): world.normal(0.0326, 0.0002),
            ("contrastive", "ceiling_rmse"): world.normal(0.0319, 0.0001),
        }

    for name, rate, n in (("paper", (0.6, 0.2), 5), ("none", (0.0, 0.0), 5), ("opposite", (0.0, 0.0), 40)):
        words = f"rate {rate[0]:g} with two outputs, {rate[1]:g} with three (from the recorded sd)"
        yield Truth(name, n, words, lambda world, r=rate: draw(world, r))


BOTH = ("contrastive", "supervised")
GLOBAL, LOCAL = MEASURE.values()
STEADY = claims.representation.STEADY
SCENARIOS: dict[str, Callable[[], Iterator[Truth]]] = {
    **{f"{variant}-{w}": partial(headline, variant, w) for variant in ("vanilla", "large") for w in MEASURE},
    **{f"large-further-{w}": partial(further, w) for w in MEASURE},
    **{f"numerical-mild-{w}": partial(noise, "nnoise", w) for w in MEASURE},
    **{f"numerical-mild-clean-{w}": partial(noise, "nnoise", w, clean=True) for w in MEASURE},
    **{f"numerical-strong-{w}": partial(noise, "nnoise", w, True, sized_by_clean=True) for w in MEASURE},
    **{f"numerical-strong-clean-{w}": partial(noise, "nnoise", w, True, clean=True) for w in MEASURE},
    **{f"graphical-{w}": partial(noise, "inoise", w) for w in MEASURE},
    **{
        f"local-first-{what}-{m}": partial(local_first, m, what == "share") for what in ("onset", "share") for m in BOTH
    },
    **{f"graphical-resistant-{w}": partial(resistant, w) for w in MEASURE},
    **{f"pronounced-numerical-{w}": partial(pronounced, "nnoise", w) for w in MEASURE},
    **{f"pronounced-graphical-{w}": partial(pronounced, "inoise", w) for w in MEASURE},
    **{f"data-hungry-{w}": partial(hungry, w) for w in MEASURE},
    "gaps-small-global": partial(gap_scores, GLOBAL, False, 0.001, 0.0005),
    "gaps-small-interpolation": partial(gap_scores, "gap_spearman", False, 0.02, 0.01),
    "gaps-large-global": gaps_large_global,
    "gaps-large-interpolation": partial(gap_scores, "gap_spearman", False, 0.05, 0.03),
    **{
        f"gaps-falls-{word}-{m}": partial(gaps_fall, m, measure)
        for word, measure in (("global", GLOBAL), ("interpolation", "gap_spearman"))
        for m in BOTH
    },
    "gaps-unfractured-helps": gaps_helps,
    "gaps-large-unfractured": gaps_unfractured,
    "gaps-fracture": partial(rates, (5, 10, 25), paper=0.4, none=0.875, opposite=0.05),
    "gaps-fracture-chance": partial(rates, (5, 10), paper=0.4, none=0.875, opposite=0.999),
    "gaps-fracture-longer": partial(
        rates, (5, 10), paper=(0, 0, 0.1, 0.3, 0.4), none=0.25, opposite=(0.4, 0.3, 0.1, 0, 0)
    ),
    "gaps-fracture-fewer": partial(rates, (5, 10), paper=(0.7, 0.1), none=0.3, opposite=(0.1, 0.7)),
    **{f"pronounced-gaps-{w}": partial(pronounced_gaps, w) for w in MEASURE},
    "nonlinear": nonlinear,
    "outputs-one-dimensional": partial(single, "contrastive", "line_share", 0.01, (0.98, 0.95, 0.92)),
    "density": density_rank,
    "range-shrinks": range_shrinks,
    "range-noiseless": partial(single, "contrastive", "representation_range", 0.2, (7.0, 8.0, 9.0)),
    "range-noisy": partial(single, "contrastive", "representation_range", 0.05, (0.9, 1.0, 2.0)),
    "range-consistent": consistent,
    "range-temperature": partial(exponent, (0.5, STEADY, 0.0)),
    "range-temperature-law": partial(exponent, (0.5, 0.6, 0.3)),
    "range-clipping": partial(exponent, (0.0, STEADY, 0.5)),
    "low-energies-sparser": partial(energies, "density", 0.8, 0.08, "as recorded"),
    "low-energies-better": partial(energies, "spearman", 0.15, 0.03, "assumed"),
    "blank-average": blanks,
    **{
        f"ambiguity-{whom}{w}": partial(ask, w)
        for w in MEASURE
        for whom, ask in (("", ambiguity), ("supervised-", ambiguity_supervised))
    },
    "density-blanks": density_blanks,
    **{f"training-split-{w}": partial(training_split, w) for w in MEASURE},
    **{f"l1-{w}": partial(absolute, w) for w in MEASURE},
    "large-forest": partial(pairs, "forest_rmse", "supervised", "contrastive", (0.001, 0.0, -0.001), 0.009, 0.0005),
    "cosine": partial(single, "contrastive", GLOBAL, 0.003, (0.99, 0.97, 0.95)),
    "cosine-wraps": partial(single, "contrastive", "empty_arc", 0.03, (0.1, 1 / 3, 0.5)),
    "outputs-vertical": partial(single, "contrastive", "vertical_gain", 0.03, (0.1, 0.0, -0.1), far=1.0),
    "outputs-matched": partial(pairs, "forest_rmse", *BOTH, (-0.00004, 0.0002, 0.001), 0.0326, 0.00005),
    "outputs-printed-rmse": printed_error,
    "outputs-spectral-fails": spectral_fails,
}


def false_verdicts(claim: str, truth: str) -> tuple[str, ...]:
    """The verdicts that a truth makes false."""
    if truth == "paper":
        return ("contradicted", "equal")
    if truth == "none":
        return ("supported",) if claim == "gaps-fracture" else ("supported", "contradicted")
    return {"opposite": ("supported", "equal"), "spare one": ("supported",), "margin": ("contradicted", "equal")}[truth]


# The table


def power(chosen: Sequence[str], draws: int, seed: int = 0) -> pd.DataFrame:
    """The rows of COLUMNS for the claims chosen.

    Headline claims are judged together, as a family of the four in the same truth.
    """
    lines = []
    for name in chosen:
        claim = BY_ID[name]
        for number, truth in enumerate(SCENARIOS[name]()):
            found = list(_judged(claim, truth, draws, (seed, number)))
            verdicts = [one.verdict for one in found]
            shares = {v: verdicts.count(v) / draws for v in ("supported", "contradicted", "equal", "undecided")}
            held = blank(name, truth.n)
            short = sum(one.verdict != "undecided" and bool(claims.reasons(claim, held, one)) for one in found) / draws
            cells = (name, truth.name, draws, truth.n, *shares.values(), short, truth.effect)
            lines.append(dict(zip(COLUMNS, cells, strict=True)))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _judged(claim: Claim, truth: Truth, draws: int, seed: tuple[int, int]) -> Iterator[Judgement]:
    if not claim.headline:
        for drawn in _draws(claim, truth, draws, seed):
            yield judge(claim, truth.n, drawn)
        return
    family = [one for one in claims.CLAIMS if one.headline]
    truths = [next(held for held in SCENARIOS[one.id]() if held.name == truth.name) for one in family]
    streams = [_draws(one, held, draws, seed) for one, held in zip(family, truths, strict=True)]
    for drawn in zip(*streams, strict=True):
        found = [judge(one, held.n, each) for one, held, each in zip(family, truths, drawn, strict=True)]
        yield claims.settle(family, found)[0][family.index(claim)]


def _draws(claim: Claim, truth: Truth, draws: int, seed: tuple[int, int]) -> Iterator[Drawn]:
    """Draws one by one, each (C, n) a measure; made in blocks, so that memory stays small."""
    place = list(BY_ID).index(claim.id)
    for block in range(0, draws, 200):
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([*seed, place, block])))
        count = min(200, draws - block)
        made = truth.draw(World(claim.question, truth.n, count, rng))
        for k in range(count):
            yield {key: values[k] for key, values in made.items()}


def main() -> None:
    """Judge, and write the table."""
    parser = argparse.ArgumentParser(description="Share of each verdict on runs whose truth is known.")
    parser.add_argument("claim", nargs="*", default=list(BY_ID))
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path("data/results/claims_power.csv"))
    given = parser.parse_args()
    began = time.perf_counter()
    table = power(given.claim, given.draws)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out, index=False, float_format="%.4g")
    print(table.drop(columns="effect").to_string(index=False))
    print(f"{len(table)} rows in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
