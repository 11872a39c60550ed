"""Is it learning? The score of an encoder while it trains, with the oracle's beside it.

Over the population where the dataset has one and it is small, which makes the score exact; else over a sample of test
images. Both are Spearman's ρ of the line and the energy, over all energies and, averaged, in seven equal segments:
12 Σ p (R − ½)(E[rank | image] − ½) / √(1 − Σ q³), R the mid-rank of the image's value and q the mass of each distinct
value. With several outputs the line is their first principal component: quick, and near what `pendeval` takes.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pendtrain.embed import embed
from pendtrain.encoders import Encoder
from pendtrain.population import read_population
from pendtrain.shards import Dataset, read_split
from pendtrain.streaming import images_of

Float = NDArray[np.float64]
SEGMENTS = 7
MOST_IMAGES = 2000
"""Images looked at each time; a population that is larger is left for the end."""
COST = 0.02
"""Share of the training time that looking may take, with an image looked at costing half an image trained on."""
CONSTANT = 1e-4
"""Outputs that spread less than this share of their size, or of 1, are constant."""


@dataclass(frozen=True)
class Scores:
    """What an encoder scores; NaN where its outputs are constant."""

    spearman: float
    local_spearman: float
    spread: float
    """largest standard deviation of an output, over the larger of 1 and its mean's size"""

    @property
    def learning(self) -> str:
        """`ok`, or `constant`: all images have one embedding."""
        return "ok" if self.spread > CONSTANT else "constant"


class Watch:
    """Looks at an encoder every `every` epochs, so rarely that it costs next to nothing."""

    def __init__(self, dataset: Dataset, images_per_epoch: int) -> None:
        self.exact = dataset.population is not None and dataset.population["images"] <= MOST_IMAGES
        if self.exact:
            held = read_population(dataset)
            self.images, best = held["image"], held["energy_given_image"]
            self.mass, self.place = _bands(held["energy_edges"], held["energy_probability"], held["energy_moment"])
        else:
            self.images, energy, best = _sample(dataset)
            self.mass, self.place = _sampled_bands(energy)
        self.every = max(1, math.ceil(0.5 * len(self.images) / (COST * images_per_epoch)))
        self.oracle = self.score(np.asarray(best, np.float64)[:, None])

    def __call__(self, encoder: Encoder, device: torch.device) -> Scores:
        """The scores now; what was looked at is left in `embedding`."""
        self.embedding = embed(encoder, [self.images], len(self.images), device)
        return self.score(self.embedding.astype(np.float64))

    def score(self, embedding: Float) -> Scores:
        """Scores of an embedding (U, d) of the images looked at."""
        weight = self.mass[:, 0]
        mean = weight @ embedding
        centred = embedding - mean
        covariance = (centred * weight[:, None]).T @ centred
        spread = float((np.sqrt(np.diag(covariance)) / np.maximum(1.0, np.abs(mean))).max())
        if not spread > CONSTANT:  # NaN is no spread either
            return Scores(math.nan, math.nan, spread)
        rho = spearmans(centred @ np.linalg.eigh(covariance)[1][:, -1], self.mass, self.place)
        return Scores(abs(float(rho[0])), float(np.nanmean(rho[1:]) * np.sign(rho[0] or 1.0)), spread)


def spearmans(line: Float, mass: Float, place: Float) -> Float:
    """ρ in each of K bands of energy: float64 (K,); NaN in a band of one value.

    `line` (U,): a value an image. `mass` (U, K): probability of the image in each band, columns summing to 1.
    `place` (U, K): the same times E[rank of the energy within the band | image, band] − ½, ranks being in [0, 1].
    """
    order = np.argsort(line, kind="stable")
    starts = np.flatnonzero(np.diff(line[order], prepend=np.nan) != 0)
    q, held = (np.add.reduceat(part[order], starts, axis=0) for part in (mass, place))
    rank = np.cumsum(q, axis=0) - q / 2 - 0.5
    left = 1.0 - (q**3).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(left > 1e-12, 12.0 * (rank * held).sum(axis=0) / np.sqrt(left), np.nan))


def _bands(edges: Float, joint: Float, moment: Float) -> tuple[Float, Float]:
    """`mass` and `place` of a population, over all energies and in each segment."""
    borders = np.linspace(0.0, 1.0, SEGMENTS + 1)
    columns = []
    for low, high in [(0.0, 1.0), *itertools.pairwise(borders)]:
        # A bin that crosses the border of a segment is shared out by length.
        share = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, None) / np.diff(edges)
        middle = (np.minimum(edges[1:], high) + np.maximum(edges[:-1], low)) / 2
        whole = share == 1.0
        energy = np.where(whole, moment, joint * middle) @ share
        probability, width = joint @ share, high - low
        columns.append((probability / width, (energy - probability * (low + high) / 2) / width**2))
    mass, place = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    return mass, place


def _sampled_bands(energy: Float) -> tuple[Float, Float]:
    """`mass` and `place` of images with energies (U,), each as likely as the others."""
    borders = np.linspace(0.0, 1.0, SEGMENTS + 1)
    columns = []
    for low, high in [(0.0, 1.0), *itertools.pairwise(borders)]:
        inside = (energy >= low) & ((energy < high) | (high == 1.0))
        count = max(int(inside.sum()), 1)
        rank = np.zeros(len(energy))
        rank[inside] = (energy[inside].argsort().argsort() + 0.5) / count - 0.5
        columns.append((inside / count, rank / count))
    mass, place = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    return mass, place


def _sample(dataset: Dataset) -> tuple[NDArray[np.uint8], Float, Float]:
    """Images of the test split, their energies and the oracle's; the same ones for the same dataset."""
    labels = read_split(dataset, "test", ("energy", "energy_given_image"))
    pendulums, count = labels["energy_given_image"].shape
    chosen = np.random.default_rng(0).permutation(pendulums * count)[:MOST_IMAGES]
    p, t = np.divmod(np.sort(chosen), count)
    pictures = images_of(dataset, "test", cache=2**30)
    return pictures[p, t], labels["energy"][p], labels["energy_given_image"][p, t]
