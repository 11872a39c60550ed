"""Claims about scores: contrastive against supervised, and either against what noise, gaps or blanks take away.

Each function takes the frames of a report (`runs` as `claims.rows.prepare` leaves it) and returns a `Judgement`.
Sources: sections 3.1 to 3.3, 4.1 and 4.3, App. A.1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pendeval.claims.rows import absent, alone, choose, condition, dataset, like, pair, select
from pendeval.claims.rules import CONTRADICTED, MARGINS, SUPPORTED, UNDECIDED, Judgement, ahead, brief, within
from pendeval.verdict import clopper_pearson, t_interval

Frames = Mapping[str, pd.DataFrame]
Levels = Callable[[float], bool]
BOTH = ("contrastive", "supervised")
BEHIND = ("supervised", "contrastive")
HURT = 0.005
"""Global Spearman that an encoder may lose below its oracle and still count as not hurt."""
PAPER_FRACTURED = (2, 5)


def anywhere(_: float) -> bool:
    """Every level of a variant."""
    return True


def noisy_level(level: float) -> bool:
    """Every level but zero noise, which is vanilla."""
    return level > 0


def with_blanks(level: float) -> bool:
    """The croppings that leave some images blank; at α_c = .9 none is."""
    return level < 0.9


def sweep(variant: str, levels: Sequence[float], options: str = "") -> str:
    """What to run where pairs are missing."""
    who = next((f"2 or more {name} seeds" for name in BOTH if name in options), "2 or more seeds of both methods")
    names = [dataset(variant, level) for level in levels]
    stem = f"data/{variant}-"
    paths = names[0] if len(names) == 1 else f"{stem}{{{','.join(name.removeprefix(stem) for name in names)}}}"
    return f"{who}: pendtrain sweep {paths}{f' {options}' if options else ''} --seeds 5"


def covered(found: Judgement, table: pd.DataFrame, variant: str, levels: Levels) -> Judgement:
    """The judgement, naming the paper's levels that it could not cover."""
    present = set(table.dropna(subset=[name for name in ("a", "b") if name in table])["condition"])
    lacking = absent(variant, levels, present)
    if not lacking or not present:
        return found
    note = f"no runs at {condition(variant, lacking[0])}{''.join(f', {level:g}' for level in lacking[1:])}"
    return replace(found, missing="; ".join(text for text in (found.missing, note) if text))


def between_methods(
    frames: Frames,
    variant: str,
    measure: str,
    levels: Levels = anywhere,
    order: tuple[str, str] = BOTH,
    also: Sequence[str] = (),
    unfractured: bool = False,
    margin: float = 0.0,
) -> Judgement:
    """Whether `order[0]` scores above `order[1]`. also: measures, or "clean" images, that evidence should add.

    unfractured: leave out pairs whose contrastive run fractured, or might have. margin: see `rules.ahead`.
    """
    runs = frames["runs"]
    sides, recipe = choose([select(runs, variant, method, levels) for method in order])

    def table(name: str, sides: Sequence[pd.DataFrame]) -> pd.DataFrame:
        kept = [
            side[name].where((side["method"] != BOTH[0]) | ~_broken(side)) if unfractured else side[name]
            for side in sides
        ]
        first, second = (side.assign(value=value) for side, value in zip(sides, kept, strict=True))
        return pair(first, second)

    evidence = [text for name in also if name != "clean" for text in brief(table(name, sides), name, order)]
    if "clean" in also:
        clean = [like(select(runs, variant, method, levels, clean=True), sides[0]) for method in order]
        evidence += brief(table(measure, clean), "scored on clean images", order)
    pairs = table(measure, sides)
    if unfractured and (gone := sum(int(_broken(side).sum()) for side in sides if (side["method"] == BOTH[0]).all())):
        evidence.insert(0, f"{gone} contrastive runs taken out: fractured, or not known")
    run = sweep(variant, absent(variant, levels, ()))
    return covered(ahead(pairs, order, recipe, run, evidence, margin), pairs, variant, levels)


def _broken(rows: pd.DataFrame) -> pd.Series:
    """Whether a run fractured; where nobody can tell, it counts as fractured."""
    return pd.Series([str(value).lower() not in ("false", "0", "0.0") for value in rows["fractured"]], rows.index, bool)


def local_first(frames: Frames, variant: str, method: str) -> Judgement:
    """Whether noise takes a larger share of the local than of the global Spearman, from where either falls at all.

    Shares are (zero noise − noise) / zero noise, paired by seed. Levels count from the smallest at which the 95 %
    interval of either share lies above 0.
    """
    runs = frames["runs"]
    (noisy, zero), recipe = choose([select(runs, variant, method, noisy_level), select(runs, "vanilla", method)])
    shares = {}
    for measure in ("local_spearman", "global_spearman"):
        both = pair(noisy.assign(value=noisy[measure]), zero.assign(value=zero[measure]), on=("pendulums",))
        shares[measure] = both.assign(a=(both["b"] - both["a"]) / both["b"])
    local, whole = shares.values()
    starts = [_onset(share) for share in shares.values()]
    names = list(dict.fromkeys(local.dropna(subset=["a"])["condition"]))
    begin = min((names.index(start) for start in starts if start), default=len(names))
    table = local.assign(b=whole["a"])
    judged = table[table["condition"].isin(names[begin:])]
    evidence = [f"local falls from {starts[0] or 'nowhere'}, global from {starts[1] or 'nowhere'}"] if names else []
    run = f"{sweep(variant, absent(variant, noisy_level, ()), f'--method {method}')}, and the same on data/vanilla"
    if names and begin == len(names):
        run = "more noise or more seeds: neither score falls for certain"
    found = ahead(judged, ("local share lost", "global share lost"), recipe, run, evidence)
    return covered(found, table, variant, noisy_level)


def _onset(share: pd.DataFrame) -> str:
    """The first condition at which the share lost (column `a`) is certainly above 0; "" where none is."""
    for name, part in share.groupby("condition", sort=False):
        if t_interval(part["a"].to_numpy()).low > 0:
            return str(name)
    return ""


def fracture(frames: Frames, level: float) -> Judgement:
    """Whether as many contrastive runs fracture at α_g = `level` as in the paper, 2 of 5."""
    (rows,), recipe = choose([select(frames["runs"], "gaps", "contrastive", lambda a: bool(np.isclose(a, level)))])
    known = rows["fractured"].notna() & rows["seed"].notna()
    single = alone(rows[known].assign(value=_broken(rows[known]).astype(float)))
    trials, count = len(single), int(single["a"].sum())
    low, high = clopper_pearson(count, trials)
    theirs = clopper_pearson(*PAPER_FRACTURED)
    share = PAPER_FRACTURED[0] / PAPER_FRACTURED[1]
    verdict = UNDECIDED
    if high < theirs[0] or low > theirs[1]:
        verdict = CONTRADICTED
    elif trials >= PAPER_FRACTURED[1] and low <= share <= high and theirs[0] <= count / trials <= theirs[1]:
        verdict = SUPPORTED
    evidence = f"{count} of {trials} runs, 95 % interval [{low:.3g}, {high:.3g}]; the paper's 2 of 5: "
    evidence += f"[{theirs[0]:.3g}, {theirs[1]:.3g}]; four bands of random sign: 0.875"
    run = f"5 or more seeds: pendtrain sweep {dataset('gaps', level)} --method contrastive --seeds 5"
    missing = run if trials < PAPER_FRACTURED[1] else "more seeds" if verdict == UNDECIDED else ""
    return Judgement(verdict, evidence if trials else "", missing, recipe, int(trials > 0))


def ambiguity(frames: Frames, method: str) -> Judgement:
    """How far below its oracle an encoder falls on images with both bobs in view, when others were blank.

    The shortfall (oracle's global Spearman less the encoder's) with cropping, on the "visible" images of datasets
    that have blank ones (α_c < .9), less the shortfall on vanilla; paired by seed.
    """
    runs = frames["runs"]
    seen = {name: select(runs, "cropping", name, with_blanks, view="visible") for name in BOTH}
    (crop, zero), recipe = choose([seen[method], select(runs, "vanilla", method)])
    table, local = (
        pair(_shortfall(crop, measure), _shortfall(zero, measure), on=("pendulums",))
        for measure in ("global_spearman", "local_spearman")
    )
    names = ("shortfall with cropping", "on vanilla")
    ours, theirs = (like(seen[name], crop).assign(value=seen[name]["global_spearman"]) for name in BOTH)
    evidence = brief(local, "local", names) + brief(pair(ours, theirs), "on visible images, global Spearman", BOTH)
    run = f"{sweep('cropping', absent('cropping', with_blanks, ()))}, and the same on data/vanilla"
    if method == BOTH[0]:
        found = ahead(table, names, recipe, run, evidence)
    else:
        evidence = brief(table, "global", names) + evidence
        found = within(table.assign(a=table["a"] - table["b"]), -np.inf, HURT, recipe, run, evidence)
    return covered(found, table, "cropping", with_blanks)


def _shortfall(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    return rows.assign(value=rows[f"oracle_{measure}"] - rows[measure])


def training_split(frames: Frames, measure: str) -> Judgement:
    """Whether supervised encoders score no better on training images, both scores less their own oracle's.

    The oracle takes out what the draw of either split does to the score, which all seeds share.
    """
    runs = frames["runs"]
    (test, train), recipe = choose([select(runs, "vanilla", "supervised", split=name) for name in ("test", "train")])

    def table(column: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
        return pair(test.assign(value=column(test)), train.assign(value=column(train)), on=("dim",))

    evidence = brief(table(lambda rows: rows[measure]), "scores themselves", ("test", "training"))
    pairs = table(lambda rows: rows[measure] - rows[f"oracle_{measure}"])
    run = f"{sweep('vanilla', [0.0], '--method supervised')}, then pendtrain embed RUN --split train for each"
    return ahead(pairs, ("test less oracle", "training less oracle"), recipe, run, evidence, MARGINS[measure])


def l1_loss(frames: Frames, measure: str) -> Judgement:
    """Whether supervised training with squared error scores at least as well as with absolute error."""
    runs = frames["runs"]
    squared, absolute = (select(runs, "vanilla", "supervised", objective=name) for name in ("", "loss-l1"))
    (squared, absolute), recipe = choose([squared, absolute])
    pairs = pair(squared.assign(value=squared[measure]), absolute.assign(value=absolute[measure]))
    run = f"{sweep('vanilla', [0.0], '--method supervised --loss l1')}, and the same without --loss"
    return ahead(pairs, ("squared error", "absolute error"), recipe, run, (), MARGINS[measure])
