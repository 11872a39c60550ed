"""Exact scores: the measures over every image that can occur, weighed by its probability.

Conventions
    `values` float64 (U,), the one-dimensional line of a `Population` of U images: one value an image. Undefined is
    NaN: a constant line, an energy band that no image shows. No score here scatters with the test images, so that
    what differs between two encoders differs by training alone.

Measures
    * Spearman's ρ of the line and the energy: 12 Σ p (R − ½)(E[U | image] − ½) / √(1 − Σ q³). U is the rank of the
      energy, uniform in [0, 1]; R the mid-rank of the image's value; q the mass of each distinct value. It is
      where the ρ of more and more test images goes. Within a band all of it is given that the energy lies there.
    * monotone RMSE: error of the best rule "energy = monotone function of the line". Any best rule at all would reach
      the ceiling for *every* encoder that keeps images apart: it would only read which image it is.
    * densities, fracture, the blank image: as in the rooms of the sampled measures.
    * range: a largest value is one of *some* images, and more of them reach further. It is what `DRAWS` images are
      expected to show, so that an image of probability 1e-10 adds nothing; `draws` = infinity takes every image.

With uniform energies sorting by E[m | image] gives the largest global ρ of all lines that keep images apart. Ties can
do better: an encoder that puts images near the blank one at one value may honestly exceed it under cropping.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from pendeval.measures.population import Bands, Population
from pendeval.measures.spearman import SEGMENTS, segments
from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
WHOLE: Bands = ((0.0, 1.0),)
DRAWS = 102_400
"""Images of the paper's test split: what its range is the range of."""
_EVEN = 1e-12  # quantiles this near a step of the distribution lie on it


@dataclass(frozen=True)
class Fracture:
    """How bands of energy lie on a line. A line that falls with the energy is looked at upside down."""

    spearman: Float
    """(bands,), in the direction of the global ρ"""
    median: Float
    """(bands,), of the values; NaN where no image shows the band"""
    opposed: bool | None
    """whether two bands run in opposite directions; None with fewer than two that run at all"""
    disordered: bool | None
    """whether the medians neither rise nor fall from band to band; None with fewer than three"""

    @property
    def backward(self) -> list[int]:
        """Numbers, from 1, of the bands that run against the global direction."""
        return [k + 1 for k, rho in enumerate(self.spearman) if rho < 0]


@dataclass(frozen=True)
class BlankImages:
    """Images without any bob, on the line, in its unit."""

    probability: float
    embedding: float
    """their mean"""
    expected: float
    """mean, over their energies, of the line of visible images at those energies"""
    scale: float
    """standard deviation of the line over visible images"""


def spearmans(values: Float, population: Population, bands: Bands) -> Float:
    """ρ in each band, as the line runs: float64 (bands,)."""
    order, starts = _groups(values, population)
    images, ranks = (np.add.reduceat(part[order], starts) for part in population.within(bands))
    place = np.cumsum(images, axis=0) - images / 2 - 0.5
    spread = 12 * (images * place**2).sum(axis=0)  # 1 − Σ q³
    product = 12 * (place * (ranks - images / 2)).sum(axis=0)
    defined = (images > 0).sum(axis=0) > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip(np.where(defined, product / np.sqrt(spread), np.nan), -1.0, 1.0))


def spearman(values: Float, population: Population) -> float:
    """ρ over all energies, in [−1, 1]."""
    return float(spearmans(values, population, WHOLE)[0])


def direction(values: Float, population: Population) -> float:
    """−1 where the values fall with the energy over all images, else 1."""
    return -1.0 if spearman(values, population) < 0 else 1.0


def band_spearmans(values: Float, population: Population, bands: Bands) -> Float:
    """ρ in each band, signed so that the global ρ is positive: float64 (bands,)."""
    found = spearmans(values, population, [*WHOLE, *bands])
    return np.asarray((-1.0 if found[0] < 0 else 1.0) * found[1:])


def local_spearmans(values: Float, population: Population, count: int = SEGMENTS) -> Float:
    """ρ in each of `count` equal segments, in the direction of the global ρ: float64 (count,)."""
    return band_spearmans(values, population, segments(count))


def monotone_rmse(values: Float, population: Population) -> float:
    """Root-mean-square error of the monotone function of the line that fits best, rising or falling."""
    order, starts = _groups(values, population)
    mass = np.add.reduceat(population.probability[order], starts)
    held = population.probability * population.energy_given_image
    mean = np.add.reduceat(held[order], starts) / mass
    explained = max(
        float(mass @ isotonic_regression(mean, weights=mass, increasing=rising).x ** 2) for rising in (True, False)
    )
    return float(np.sqrt(max(population.mean_square - explained, 0.0)))


def representation_range(values: Float, population: Population, draws: float = DRAWS) -> float:
    """Largest less smallest value, as expected of `draws` images drawn independently."""
    return float(ranges(values, population, WHOLE, draws)[0])


def ranges(values: Float, population: Population, bands: Bands, draws: float = DRAWS) -> Float:
    """The same in each band, of those of `draws` images that have energies there: float64 (bands,)."""
    order, starts = _groups(values, population)
    images = np.add.reduceat(population.within(bands)[0][order], starts)
    ordered = values[order][starts]
    result = np.full(len(bands), np.nan)
    for k, share in enumerate(population.bin_probability @ population.bins(bands)):
        there = images[:, k] > 0
        if there.any():
            upto = np.clip(np.cumsum(images[there, k])[:-1], 0.0, 1.0)
            number = draws * share
            missed = upto**number + (1 - upto) ** number if np.isfinite(draws) else 0.0
            result[k] = float((np.diff(ordered[there]) * (1 - missed)).sum())
    return result


def quartile_densities(values: Float, population: Population, bands: Bands) -> Float:
    """0.5·(e₂ − e₁) / (Q₃ − Q₁) of the values in each band, energy per unit of the line: float64 (bands,)."""
    low, high = quantiles(values, population, bands, (0.25, 0.75))
    return _densities(bands, 0.5, high - low)


def range_densities(values: Float, population: Population, bands: Bands, draws: float = DRAWS) -> Float:
    """(e₂ − e₁) / (max − min) of the values in each band: float64 (bands,)."""
    return _densities(bands, 1.0, ranges(values, population, bands, draws))


def quantiles(values: Float, population: Population, bands: Bands, shares: tuple[float, ...]) -> Float:
    """Quantiles of the values in each band: float64 (shares, bands).

    Where a share falls exactly between two values, it is their mean, so that a reversed line has reversed quantiles.
    """
    order, starts = _groups(values, population)
    images = np.add.reduceat(population.within(bands)[0][order], starts)
    ordered = values[order][starts]
    result = np.full((len(shares), len(bands)), np.nan)
    for k in range(len(bands)):
        there = images[:, k] > 0
        if there.any():
            upto, own = np.cumsum(images[there, k]), ordered[there]
            sides = [np.searchsorted(upto, np.add(shares, shift)) for shift in (-_EVEN, _EVEN)]
            result[:, k] = np.mean([own[np.minimum(side, len(own) - 1)] for side in sides], axis=0)
    return result


def fracture(values: Float, population: Population, bands: Bands) -> Fracture:
    """How `bands`, those that training saw, lie on the line: in which directions, and in which order."""
    rho = band_spearmans(values, population, bands)
    median = quantiles(values, population, bands, (0.5,))[0]
    signs = np.sign(rho[np.isfinite(rho)])
    steps = np.diff(median[np.isfinite(median)])
    opposed = bool((signs > 0).any() and (signs < 0).any()) if len(signs) > 1 else None
    disordered = bool((steps > 0).any() and (steps < 0).any()) if len(steps) > 1 else None
    return Fracture(rho, median, opposed, disordered)


def blank_images(values: Float, population: Population) -> BlankImages | None:
    """Blank images against the average of what they could be; None where there are none, or none visible.

    Blank images at energies where nothing is visible are left out of both sides.
    """
    _require(values, population)
    blank = ~population.visible.any(axis=1)
    joint = population.energy_probability
    seen, unseen = joint[~blank].sum(axis=0), joint[blank].sum(axis=0)
    used = (seen > 0) & (unseen > 0)
    if not used.any():
        return None
    curve = (values[~blank] @ joint[~blank])[used] / seen[used]
    dark = joint[blank][:, used].sum(axis=1)
    mass, light = population.probability[~blank], values[~blank]
    spread = np.average((light - np.average(light, weights=mass)) ** 2, weights=mass)
    found, expected = values[blank] @ dark / dark.sum(), curve @ unseen[used] / unseen[used].sum()
    return BlankImages(
        float(population.probability[blank].sum()), float(found), float(expected), float(np.sqrt(spread))
    )


def kendalls(values: Float, population: Population, bands: Bands) -> Float:
    """Kendall's τ of line and energy in each band, as the line runs: float64 (bands,).

    E[sign(f − f′) sign(m − m′)] over two independent images, over √(1 − Σ q³) as in ρ: the quantity that the bias of
    a sampled ρ asks for. Exact but for two energies of one bin, whose order is inferred from the images' mean energies
    there. That is exact to first order, and where a bin tells all images apart it falls short by a third of the
    share of such pairs: .0024 over 140 bins, .017 over the 20 of a segment, which the bias does not feel.
    """
    order, starts = _groups(values, population)
    bins = population.bins(bands)
    result = np.full(len(bands), np.nan)
    joint = np.add.reduceat(population.energy_probability[order], starts)
    middle, width = (population.edges[1:] + population.edges[:-1]) / 2, np.diff(population.edges)
    tilt = (np.add.reduceat(population.energy_moment[order], starts) - joint * middle) / width
    for k in range(len(bands)):
        own = joint[:, bins[:, k]]
        total = own.sum()
        if total > 0 and (own.sum(axis=1) > 0).sum() > 1:
            mass = own.sum(axis=1) / total
            below = 2 * np.cumsum(own, axis=0) - own - own.sum(axis=0)  # mass of smaller values less that of larger
            upto = np.cumsum(below, axis=1)
            concordant = (own * (2 * upto - below - upto[:, -1:])).sum() + 4 * (tilt[:, bins[:, k]] * below).sum()
            result[k] = concordant / total**2 / np.sqrt(1 - (mass**3).sum())
    return result


def sampling_bias(rho: Float, tau: Float, pendulums: Float | int) -> Float:
    """E[sampled ρ] − ρ, about −3 (ρ − τ) / (P + 1), where ρ is that of a sample of P pendulums.

    The bias of a sample of P independent pairs without ties (Hoeffding 1948); several images of each pendulum leave it
    as it is. Within a band P is the number of pendulums there.
    """
    return np.asarray(-3 * (rho - tau) / (np.asarray(pendulums) + 1), np.float64)


def _groups(values: Float, population: Population) -> tuple[Int, Int]:
    """Order of the images by value, and where each group of equal values starts in it."""
    _require(values, population)
    order = np.argsort(values, kind="stable")
    starts = np.append(0, np.flatnonzero(np.diff(values[order])) + 1)
    return order, starts.astype(np.int64)


def _require(values: Float, population: Population) -> None:
    if values.ndim != 1:
        raise ValueError(f"values have shape {values.shape}, expected ({len(population)},)")
    require(values=values, population=population.probability)


def _densities(bands: Bands, share: float, spread: Float) -> Float:
    width = np.array([high - low for low, high in bands])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(spread > 0, share * width / spread, np.nan))
