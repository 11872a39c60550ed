"""Claims about the representation itself: density, range, blank images, further outputs, cosine similarity.

Each function takes the frames of a report (`runs` as `claims.rows.prepare` leaves it) and returns a `Judgement`.
Sources: sections 3.1, 4.2 and 4.3, App. A.3 and A.5.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2

from pendeval import columns
from pendeval.claims.methods import BOTH, anywhere, covered, noisy_level, sweep, with_blanks
from pendeval.claims.rows import absent, alone, choose, like, pair, prepare, select
from pendeval.claims.rules import (
    CONTRADICTED,
    SUPPORTED,
    UNDECIDED,
    Judgement,
    ahead,
    brief,
    brief_mean,
    within,
)
from pendeval.verdict import t_interval

Frames = Mapping[str, pd.DataFrame]
FEWEST_SEGMENTS = 4
"""Segments of a run that must have both a density and a score before their ranks are compared."""
BLANK_MARGIN = 0.25
"""Standard deviations of the visible images' line within which blank images count as at the average."""
SPREAD = 0.1
"""Largest sd over mean of the range that counts as consistent across runs."""
PRINTED_RMSE = 0.00324
"""The largest of the four errors of Fig. 17."""
MATCHED = 0.001
"""Difference of RMSE that counts as closely matched: five times the largest printed one, in units of energy."""


def density(frames: Frames) -> Judgement:
    """Whether dense segments score low: within each run, Spearman's ρ of density and score over its segments."""
    segments = frames["segments"].reindex(columns=list(columns.SEGMENTS))
    segments = segments[segments["kind"] == "segment"]
    keys = [*columns.CONDITION, "data_seed", "seed", "file", "digest"]
    rows = [
        dict(zip(keys, key, strict=True)) | {"value": _density_rank(part)}
        for key, part in segments.groupby(keys, dropna=False, sort=False)
    ]
    runs = prepare(pd.DataFrame(rows, columns=[*keys, "value"]))
    (ours,), recipe = choose([select(runs, "vanilla", "contrastive")])
    evidence = brief_mean(alone(like(select(runs, "vanilla", "supervised"), ours)), "supervised")
    run = sweep("vanilla", [0.0], "--method contrastive")
    return within(alone(ours), -np.inf, 0.0, recipe, run, evidence)


def _density_rank(part: pd.DataFrame) -> float:
    both = part[["density", "spearman"]].astype(np.float64).dropna()
    if len(both) < FEWEST_SEGMENTS:
        return np.nan
    return float(both.corr(method="spearman").to_numpy()[0, 1])


def range_shrinks(frames: Frames) -> Judgement:
    """Whether the range at zero noise is above the range with numerical noise, paired by seed."""
    noise = "numerical-noise"
    runs = frames["runs"]
    (noisy, zero), recipe = choose(
        [select(runs, noise, "contrastive", noisy_level), select(runs, "vanilla", "contrastive")]
    )
    table = pair(*(rows.assign(value=rows["representation_range"]) for rows in (noisy, zero)), on=("pendulums",))
    table = table.rename(columns={"a": "b", "b": "a"})
    means = table.dropna(subset=["a", "b"]).groupby("condition", sort=False)["b"].mean()
    evidence = [f"range {', '.join(f'{mean:.3g} at {name}' for name, mean in means.items())}"] if len(means) else []
    lacking = absent(noise, noisy_level, ())
    run = f"{sweep(noise, lacking, '--method contrastive')}, and the same on data/vanilla"
    return covered(
        ahead(table, ("range at zero noise", "with noise"), recipe, run, evidence), table, noise, noisy_level
    )


def range_within(
    frames: Frames, low: float, high: float, variant: str = "vanilla", levels: Callable[[float], bool] = anywhere
) -> Judgement:
    """Whether the mean range of contrastive representations lies between `low` and `high`."""
    table, recipe, _ = _single(frames, "representation_range", variant, levels)
    run = sweep(variant, absent(variant, levels, ()), "--method contrastive")
    return covered(within(table, low, high, recipe, run), table, variant, levels)


def range_consistent(frames: Frames) -> Judgement:
    """Whether the range hardly differs between runs: its sd over its mean, with the chi-square interval of the sd."""
    table, recipe, _ = _single(frames, "representation_range", "vanilla")
    found = t_interval(table["a"].to_numpy(np.float64))
    if found.n > 1 and found.mean <= 0:
        return Judgement(UNDECIDED, f"range 0 in all of {found.n} runs", "encoders that did not collapse", recipe, 1)
    if found.n < 2:
        return Judgement(UNDECIDED, "", sweep("vanilla", [0.0], "--method contrastive"), recipe, 0)
    degrees = found.n - 1
    low, high = (found.sd / found.mean * np.sqrt(degrees / chi2.ppf(q, degrees)) for q in (0.975, 0.025))
    verdict = SUPPORTED if high < SPREAD else CONTRADICTED if low > SPREAD else UNDECIDED
    evidence = (
        f"range {found.mean:.4g}, sd over mean {found.sd / found.mean:.2g} [{low:.2g}, {high:.2g}], n = {found.n}"
    )
    missing = "more seeds: the interval reaches across the border" if verdict == UNDECIDED else ""
    return Judgement(verdict, evidence, missing, recipe, 1)


def blanks(frames: Frames) -> Judgement:
    """Whether blank images lie at the mean embedding of visible images of their energies, within a margin."""
    table, recipe, supervised = _single(frames, "blank_offset", "cropping", with_blanks)
    means = supervised.dropna(subset=["a"]).groupby("condition", sort=False)
    evidence = [text for name, part in means for text in brief_mean(part, f"supervised at {name}")]
    run = sweep("cropping", absent("cropping", with_blanks, ()))
    found = within(table, -BLANK_MARGIN, BLANK_MARGIN, recipe, run, evidence)
    return covered(found, table, "cropping", with_blanks)


def _single(
    frames: Frames,
    measure: str,
    variant: str,
    levels: Callable[[float], bool] = anywhere,
    dims: tuple[int, ...] = (1,),
    objective: str = "",
) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    """A measure of the contrastive runs, the recipe chosen, and the same of the supervised runs beside them."""
    ours, theirs = (select(frames["runs"], variant, name, levels, dims, objective=objective) for name in BOTH)
    (ours,), recipe = choose([ours])
    tables = (alone(rows.assign(value=rows[measure])) for rows in (ours, like(theirs, ours)))
    return next(tables), recipe, next(tables)


def one_dimensional(frames: Frames) -> Judgement:
    """Whether two and three outputs lie along a curve: `line_share` of .95 or more (a 3 : 1 box has .90)."""
    table, recipe, supervised = _single(frames, "line_share", "vanilla", dims=(2, 3))
    run = sweep("vanilla", [0.0], "--dim 2 --dim 3")
    return _dims(within(table, 0.95, np.inf, recipe, run, brief_mean(supervised, "supervised")), table)


def vertical(frames: Frames) -> Judgement:
    """Whether two and three outputs say more of cos θ, beside the energy, than one output of the same seed."""
    sides = [select(frames["runs"], "vanilla", "contrastive", dims=dims) for dims in ((2, 3), (1,))]
    sides, recipe = choose(sides)
    many, one = (rows.assign(value=rows["vertical_r2"]) for rows in sides)
    table = pair(many, one, on=("pendulums",))
    run = sweep("vanilla", [0.0], "--method contrastive --dim 1 --dim 2 --dim 3")
    return _dims(ahead(table, ("r² of 2 and 3 outputs", "of one"), recipe, run), table)


def regression(frames: Frames) -> Judgement:
    """Whether a forest reads the energy equally well from both methods' two and three outputs."""
    sides, recipe = choose([select(frames["runs"], "vanilla", method, dims=(2, 3)) for method in BOTH])
    ours, theirs = (rows.assign(value=rows["forest_rmse"]) for rows in sides)
    pairs = pair(ours, theirs)
    table = pairs.assign(a=pairs["a"] - pairs["b"])
    run = sweep("vanilla", [0.0], "--dim 2 --dim 3")
    return _dims(within(table, -MATCHED, MATCHED, recipe, run, brief(pairs, "forest RMSE", BOTH)), table)


def printed_error(frames: Frames) -> Judgement:
    """Whether .0032 can be an error per image: no, where the best possible error is certainly above it.

    The standard error of the ceiling is that of the forest's error on the same images (its bootstrap interval), or
    of their difference, whichever is larger.
    """
    sides, recipe = choose([select(frames["runs"], "vanilla", method, dims=(2, 3)) for method in BOTH])
    rows = pd.concat(sides)
    width = (rows["forest_rmse_high"] - rows["forest_rmse_low"]).astype(np.float64) / (2 * 1.96)
    se = np.fmax(width.to_numpy(), rows["rmse_excess_se"].to_numpy(np.float64))
    ceiling = rows["ceiling_rmse"].to_numpy(np.float64)
    known = np.isfinite(ceiling) & np.isfinite(se)
    forest = t_interval(rows["forest_rmse"].to_numpy(np.float64))
    run = sweep("vanilla", [0.0], "--dim 2 --dim 3")
    if not known.any():
        return Judgement(UNDECIDED, "", run, recipe, 0)
    lowest = float((ceiling - 3 * se)[known].min())
    verdict = CONTRADICTED if lowest > PRINTED_RMSE else SUPPORTED if forest.high <= PRINTED_RMSE else UNDECIDED
    evidence = f"ceiling {ceiling[known].mean():.4g}, less 3 standard errors at least {lowest:.4g}; "
    evidence += f"forest RMSE {forest.mean:.4g}; printed .00322 to .00324; runs {int(known.sum())}"
    return Judgement(verdict, evidence, run if verdict == UNDECIDED else "", recipe, rows["condition"][known].nunique())


def _dims(found: Judgement, table: pd.DataFrame) -> Judgement:
    present = set(table.dropna(subset=["a"])["condition"])
    lacking = [f"d = {dim}" for dim in (2, 3) if f"d = {dim}" not in present]
    if not lacking or not present:
        return found
    missing = "; ".join(text for text in (found.missing, f"no runs at {', '.join(lacking)}") if text)
    return Judgement(found.verdict, found.evidence, missing, found.recipe, found.conditions)


def cosine(frames: Frames, least: float) -> Judgement:
    """Whether two outputs under cosine similarity rank the energy around their circle: global Spearman ≥ `least`."""
    table, recipe, _ = _single(frames, "global_spearman", "vanilla", dims=(2,), objective="similarity-cosine")
    run = sweep("vanilla", [0.0], "--method contrastive --dim 2 --similarity cosine")
    return within(table, least, np.inf, recipe, run)
