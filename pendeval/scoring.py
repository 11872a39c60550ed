"""The embeddings of a split → sampled measures: pure, from arrays to plain numbers.

Everything is scored for every view: all images, and, where some bob is out of the picture, the images with
both bobs in it. The oracle goes through the same functions as if it were a one-dimensional embedding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.embeddings import Embeddings
from pendeval.measures import bootstrap, density, geometry, regression, spearman
from pendeval.measures.ambiguity import blank_images
from pendeval.measures.line import empty_arc, line
from pendeval.measures.motion import velocity
from pendeval.measures.registry import MEASURES, WIDE
from pendeval.scored import CERTAIN, ENOUGH_PENDULUMS, Scored

Float = NDArray[np.float64]
Bands = Sequence[tuple[float, float]]
KEPT: tuple[str, ...] = ("global_spearman", "forest_rmse")
"""Measures whose resamples are kept, to be paired with the oracle's."""


@dataclass(frozen=True)
class View:
    """The images of a file that are scored together, flattened: n images."""

    embedding: Float
    """(n, d)"""
    values: Float
    """(n,), the one-dimensional view"""
    energy: Float
    """(n,)"""
    pendulum: NDArray[np.int64]
    """(n,)"""
    counts: NDArray[np.int16]
    """(resamples, P)"""
    motion: Mapping[str, Float]
    """where the blue bob is and how fast, as far as the file says it: sin θ, cos θ and θ̇, (n,) each"""


@dataclass(frozen=True)
class Scores:
    """Measures of one view, with what later comparisons need."""

    row: dict[str, Any]
    """measure → number, with `_low` and `_high`"""
    bands: list[dict[str, Any]]
    """a row per segment, gap and visible band"""
    resamples: dict[str, Float]
    """global_spearman and forest_rmse in every resample"""


def views(e: Embeddings) -> dict[str, NDArray[np.bool_]]:
    """View → which images (P·T,) it holds."""
    everything = np.ones(e.embedding.shape[0] * e.embedding.shape[1], np.bool_)
    if e.visible is None or e.visible.all():
        return {"all": everything}
    both = e.visible.all(axis=2).ravel()
    return {"all": everything, "visible": both} if both.any() else {"all": everything}


def score_oracle(e: Embeddings) -> dict[str, Scores]:
    """Scores of E[energy | image] in every view; empty where the file has none."""
    if e.energy_given_image is None:
        return {}
    oracle = e.energy_given_image.reshape(-1, 1)
    counts = bootstrap.resample(len(e.energy))
    gaps = _gaps(e)
    return {name: _measure(_view(e, oracle, oracle[:, 0], some, counts), gaps) for name, some in views(e).items()}


def score(e: Embeddings, oracles: Mapping[str, Scores]) -> Scored:
    """Sampled scores of a split beside those of its oracle, as `score_oracle` gives them."""
    flat = e.embedding.reshape(-1, e.embedding.shape[2])
    values, how = line(flat, e.parsed("train_recipe", {}).get("similarity") == "cosine")
    counts = bootstrap.resample(len(e.energy))
    rows, bands = [], []
    for name, some in views(e).items():
        view = _view(e, flat, values, some, counts)
        scores = _measure(view, _gaps(e))
        row = {"view": name, "line": how, "images": len(view.energy)}
        row |= scores.row | _shape(view)
        if how == "angle":
            row["empty_arc"] = empty_arc(view.values)
        if name == "all":
            row |= _blank(e, view)
        if name in oracles:
            row |= _against(scores, oracles[name], e, name, some)
            for band, oracle in zip(scores.bands, oracles[name].bands, strict=True):
                band["oracle_spearman"] = oracle["spearman"]
        rows.append(row)
        bands += [{"view": name, **band} for band in scores.bands]
    return Scored(rows, bands, values)


def _view(e: Embeddings, flat: Float, values: Float, some: NDArray[np.bool_], counts: NDArray[np.int16]) -> View:
    images = e.embedding.shape[1]
    energy, pendulum = np.repeat(e.energy, images), np.repeat(np.arange(len(e.energy)), images)
    motion = {}
    if e.angle is not None:
        blue = e.angle[:, :, 0].ravel()[some]
        motion = {"sin": np.sin(blue), "cos": np.cos(blue)}
    if e.time is not None:
        motion["velocity"] = velocity(e.time.ravel()[some], energy[some])
    flat = flat if some.all() else flat[some]  # of an inner layer, a copy is large
    return View(flat, values[some], energy[some], pendulum[some], counts, motion)


def _gaps(e: Embeddings) -> Bands:
    return [(float(low), float(high)) for low, high in e.parsed("train_gaps", [])]


def _measure(view: View, gaps: Bands) -> Scores:
    row: dict[str, Any] = {}
    resamples: dict[str, Float] = {}

    def note(name: str, value: float, resampled: Float) -> None:
        resamples[name] = resampled
        row[name] = value
        row[f"{name}_low"], row[f"{name}_high"] = bootstrap.interval(resampled, value, limits=MEASURES[name].limits)

    row["untied"] = _untied(view.values)
    sign = spearman.direction(view.values, view.energy)
    whole = bootstrap.spearmans(view.values, view.energy, view.pendulum, view.counts)
    note("global_spearman", sign * spearman.spearman(view.values, view.energy), sign * whole)
    bands, by_band = _bands(view, gaps, sign)
    kinds = np.array([band["kind"] for band in bands])
    edge = np.array([band["energy_low"] == 0 or band["energy_high"] == 1 for band in bands])
    found = np.array([band["spearman"] for band in bands])
    segment, gap, seen = (kinds == kind for kind in ("segment", "gap", "visible"))
    for name, some, change in (
        ("local_spearman", segment, np.positive),
        ("local_abs_spearman", segment, np.abs),
        ("gap_spearman", gap, np.positive),
        ("gap_abs_spearman", gap, np.abs),
        ("visible_band_spearman", seen, np.positive),
        ("interior_band_spearman", seen & ~edge, np.positive),
    ):
        some = some & np.isfinite(found)
        if some.any():
            note(name, float(change(found[some]).mean()), change(by_band[some]).mean(axis=0))
    if gaps:
        low, high = (np.array([band[side] for band in bands])[seen] for side in ("spearman_low", "spearman_high"))
        row["fractured"] = spearman.fractured(low, high)
    _regress(view, row, note)
    row["time_invariance"] = geometry.time_invariance(view.embedding, view.pendulum)
    return Scores(row, bands, {name: resamples[name] for name in KEPT if name in resamples})


def _untied(values: Float) -> float:
    """√(1 − Σ q³) over the shares q of equal values: what a rank correlation is divided by where values tie.

    Times ρ it is the covariance of mid-ranks, in which no line beats the oracle, whether it ties or not.
    """
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(np.sqrt(max(0.0, 1 - (shares**3).sum())))


def _bands(view: View, gaps: Bands, sign: float) -> tuple[list[dict[str, Any]], Float]:
    """A row per band, and ρ of every band in every resample (bands, resamples)."""
    kinds: list[tuple[str, Bands]] = [("segment", spearman.segments())]
    if gaps:
        kinds += [("gap", gaps), ("visible", spearman.seen_bands(gaps))]
    rows, resampled = [], []
    one = view.embedding.shape[1] == 1
    for kind, bands in kinds:
        found = spearman.band_spearmans(view.values, view.energy, bands)
        quartile = density.quartile_densities(view.values, view.energy, bands)
        reach = density.range_densities(view.values, view.energy, bands)
        for k, band in enumerate(bands):
            some = spearman.inside(view.energy, band)
            draws = sign * bootstrap.spearmans(view.values[some], view.energy[some], view.pendulum[some], view.counts)
            low, high = bootstrap.interval(draws, float(found[k]), limits=(-1.0, 1.0))
            resampled.append(draws)
            row = {"kind": kind, "number": k + 1, "energy_low": band[0], "energy_high": band[1]}
            row |= {"images": int(some.sum()), "spearman": float(found[k]), "spearman_low": low, "spearman_high": high}
            if one and kind == "segment":
                row |= {"density": float(quartile[k]), "range_density": float(reach[k])}
            row["missing"] = _band_missing(row)
            rows.append(row)
    return rows, np.array(resampled)


def _band_missing(row: Mapping[str, Any]) -> str:
    if row["images"] < 2:
        return "fewer than two images"
    if not np.isfinite(row["spearman"]):
        return "one embedding for all images"
    if "density" in row and not np.isfinite(row["density"]):
        return "the middle half of the images shares one embedding"
    return ""


def _regress(view: View, row: dict[str, Any], note: Any) -> None:
    """Errors of the three regressions on the other half of the pendulums."""
    fit, held = regression.halves(view.pendulum)
    if not fit.any() or not held.any():
        return
    given, energy, asked, truth = view.embedding[fit], view.energy[fit], view.embedding[held], view.energy[held]
    owner, pendulums = view.pendulum[held], view.counts.shape[1]
    images = np.bincount(owner, minlength=pendulums)
    forest = regression.forest(given, energy, asked)
    row["forests"] = forest.protocol
    targets = {"energy": view.energy, **view.motion}
    columns = np.stack(list(targets.values()), axis=1)
    read_off = regression.linear(given, columns[fit], asked)
    for name, share in zip(targets, regression.explained(read_off, columns[held]), strict=True):
        row[f"linear_r2_{name}"] = float(share)
    answers = {"forest_rmse": forest.predictions}
    if given.shape[1] <= WIDE or len(regression.distinct(given)[0]) <= regression.MOST_DISTINCT:
        answers["knn_rmse"] = regression.nearest(given, energy, asked)[None]
    answers |= {
        "linear_rmse": read_off[:, 0][None],
        "monotone_rmse": regression.monotone(view.values[fit, None], energy, view.values[held, None])[None],
    }
    for name, predictions in answers.items():
        squares = (predictions - truth) ** 2
        errors = np.sqrt(squares.mean(axis=1))
        if len(errors) > 1:
            row["forest_rmse_sd"] = float(errors.std(ddof=1))
        per_pendulum = np.bincount(owner, weights=squares.mean(axis=0), minlength=pendulums)
        note(name, float(errors.mean()), bootstrap.root_mean_squares(per_pendulum, images, view.counts))


def _shape(view: View) -> dict[str, Any]:
    """Range, dimensions and vertical position."""
    row: dict[str, Any] = {}
    if view.embedding.shape[1] == 1:
        row["representation_range"] = density.representation_range(view.values)
    elif len(view.energy) > 1:
        row["participation_ratio"] = geometry.participation_ratio(view.embedding)
        row["line_share"] = geometry.line_share(view.embedding, view.values)
    if view.embedding.shape[1] <= WIDE and "cos" in view.motion:
        height = view.motion["cos"]
        row["vertical_r2"] = geometry.vertical_share(view.embedding, view.values, height)
        row["vertical_gain"] = geometry.vertical_gain(view.embedding, view.values, height)
        row["horizontal_gain"] = geometry.vertical_gain(view.embedding, view.values, view.motion["sin"])
        correlations = geometry.vertical_correlations(view.embedding, height, view.pendulum)
        row["vertical_correlations"] = [_number(value) for value in correlations]
        if np.isfinite(correlations).any():
            row["vertical_correlation"] = float(np.nanmax(np.abs(correlations)))
    return row


def _blank(e: Embeddings, view: View) -> dict[str, Any]:
    if e.visible is None:
        return {}
    dark = ~e.visible.any(axis=2).ravel()
    found = blank_images(view.values, view.energy, dark, view.pendulum, view.counts)
    if found is None:
        return {"blank_images": int(dark.sum())}
    row: dict[str, Any] = {"blank_images": found.images, "blank_embedding": found.embedding}
    row |= {"blank_expected": found.expected, "blank_scale": found.scale}
    row["blank_se"] = bootstrap.standard_error(found.resampled)
    if found.scale > 0:
        row["blank_offset"] = (found.embedding - found.expected) / found.scale
        limits = bootstrap.interval(found.resampled / found.scale, row["blank_offset"])
        row["blank_offset_low"], row["blank_offset_high"] = limits
    return row


def _against(scores: Scores, oracle: Scores, e: Embeddings, view: str, some: NDArray[np.bool_]) -> dict[str, Any]:
    """The oracle's measures, and whether the ceiling is broken."""
    row = {f"oracle_{n}": oracle.row[n] for n, m in MEASURES.items() if m.oracle and not m.exact and n in oracle.row}
    ours, theirs = scores.row["untied"], oracle.row["untied"]
    row["excess"] = ours * scores.row["global_spearman"] - theirs * oracle.row["global_spearman"]
    row["excess_se"] = bootstrap.standard_error(
        ours * scores.resamples["global_spearman"] - theirs * oracle.resamples["global_spearman"]
    )
    judged = [(row["excess"], row["excess_se"])] if view == "all" else []  # elsewhere energies are not uniform
    if "forest_rmse" in scores.row and e.energy_given_image is not None:
        ceiling, resampled = _ceiling(e, e.energy_given_image.ravel(), some)
        row["ceiling_rmse"] = ceiling
        row["rmse_excess"] = ceiling - scores.row["forest_rmse"]
        row["rmse_excess_se"] = bootstrap.standard_error(resampled - scores.resamples["forest_rmse"])
        judged.append((row["rmse_excess"], row["rmse_excess_se"]))
    if (
        len(e.energy) >= ENOUGH_PENDULUMS and _uniform(e) and e.text("data_split") != "train"
    ):  # those it may know by heart
        row["above_ceiling"] = any(excess > CERTAIN * error for excess, error in judged)
    return row


def _ceiling(e: Embeddings, oracle: Float, some: NDArray[np.bool_]) -> tuple[float, Float]:
    """Error of E[energy | image] itself on the half the regressions are judged on, and in every resample."""
    view = _view(e, oracle[:, None], oracle, some, bootstrap.resample(len(e.energy)))
    _, held = regression.halves(view.pendulum)
    squares = (view.values[held] - view.energy[held]) ** 2
    owner, pendulums = view.pendulum[held], view.counts.shape[1]
    total = np.bincount(owner, weights=squares, minlength=pendulums)
    images = np.bincount(owner, minlength=pendulums)
    return float(np.sqrt(squares.mean())), bootstrap.root_mean_squares(total, images, view.counts)


def _uniform(e: Embeddings) -> bool:
    """Whether the energies are uniform on [0, 1], the only case in which the oracle is a ceiling."""
    return e.text("data_energy_law") in ("uniform", "linspace") and e.parsed("data_energy_bands", []) == [[0.0, 1.0]]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
