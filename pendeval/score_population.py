"""The embeddings of a population → exact measures: over every image that can occur, so that no draw moves them.

They are scored for every view, as `scoring` does it with the images of a split, beside E[energy | image].
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.embeddings import PopulationEmbeddings
from pendeval.measures import exact, spearman
from pendeval.measures.line import line
from pendeval.measures.population import Population
from pendeval.measures.registry import MEASURES
from pendeval.scored import Scored

Float = NDArray[np.float64]
Bands = Sequence[tuple[float, float]]


def score_population(e: PopulationEmbeddings) -> Scored:
    """Exact scores over every image that can occur, beside those of E[energy | image]: columns `population_…`."""
    recipe = json.loads(str(e.attributes.get("train_recipe") or "{}"))
    values, how = line(e.embedding, recipe.get("similarity") == "cosine", e.population.probability)
    gaps = [(float(low), float(high)) for low, high in json.loads(str(e.attributes.get("train_gaps") or "[]"))]
    everything: NDArray[np.bool_] = np.ones(len(values), np.bool_)
    held = {"all": (everything, e.population)}
    if (both := e.population.both_in_view()) is not None:
        held["visible"] = (np.asarray(e.population.visible.all(axis=1)), both)
    rows, bands = [], []
    for view, (some, population) in held.items():
        row, found = _exact(values[some], population, gaps, one=e.embedding.shape[1] == 1)
        oracle, reference = _exact(population.energy_given_image, population, gaps, one=True)
        row |= {f"oracle_{name}": value for name, value in oracle.items() if name in MEASURES and MEASURES[name].oracle}
        rows.append({"view": view, "line": how, "population_images": len(population), **row})
        for band, other in zip(found, reference, strict=True):
            bands.append({"view": view, **band, "oracle_population_spearman": other["population_spearman"]})
    return Scored(rows, bands, values)


def _exact(
    values: Float, population: Population, gaps: Bands, one: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Exact measures of a line (U,), and rows of its bands; bands that the population does not resolve are left out."""
    kinds: list[tuple[str, Bands]] = [("segment", spearman.segments())]
    if gaps and _resolved(population, gaps):
        kinds += [("gap", gaps), ("visible", spearman.seen_bands(gaps))]
    row: dict[str, Any] = {"population_global": abs(exact.spearman(values, population))}
    row["population_rmse"] = exact.monotone_rmse(values, population)
    if one:
        row["population_range"] = exact.representation_range(values, population)
    rows = []
    found: dict[str, Float] = {}
    for kind, bands in kinds:
        found[kind] = exact.band_spearmans(values, population, bands)
        mass = population.bin_probability @ population.bins(bands)
        quartile = exact.quartile_densities(values, population, bands)
        reach = exact.range_densities(values, population, bands)
        for k, band in enumerate(bands):
            cells = {"kind": kind, "number": k + 1, "energy_low": band[0], "energy_high": band[1]}
            cells |= {"population_spearman": float(found[kind][k]), "population_mass": float(mass[k])}
            if one and kind == "segment":
                cells |= {"population_density": float(quartile[k]), "population_range_density": float(reach[k])}
            rows.append(cells)
    row |= {"population_local": _mean(found["segment"]), "population_local_abs": _mean(np.abs(found["segment"]))}
    if "gap" in found:
        seen = spearman.seen_bands(gaps)
        inner = np.array([low > 0 and high < 1 for low, high in seen])
        row |= {"population_gap": _mean(found["gap"]), "population_gap_abs": _mean(np.abs(found["gap"]))}
        row |= {"population_visible_band": _mean(found["visible"])}
        row |= {"population_interior_band": _mean(found["visible"][inner])}
        broken = exact.fracture(values, population, seen)
        sides = [side for side in (broken.opposed, broken.disordered) if side is not None]
        row["population_fractured"] = any(sides) if sides else None
    return row, rows


def _resolved(population: Population, bands: Bands) -> bool:
    try:
        population.bins(bands)
    except ValueError:
        return False
    return True


def _mean(scores: Float) -> float:
    """Mean of the defined ones; NaN of none."""
    defined = scores[np.isfinite(scores)]
    return float(defined.mean()) if len(defined) else float("nan")
