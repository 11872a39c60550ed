"""Whether population.h5 is right: exact scores against those of simulated images.

    python tests/benchmarks/population_monte_carlo.py --out data/results/population_monte_carlo.csv

Images are drawn by physics, noise and rendering alone, in chunks of 500,000; the tables of the population
say nothing about how often which image comes, they only name the images. Three encoders are scored: the
oracle, the oracle rounded to two decimals (images tie), and the oracle with a random error for each image
(its order is broken). The standard error is that of the mean over chunks.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression

from pendgen import physics, population_file, render
from pendgen.dataset import Dataset
from pendgen.population import Population, enumerate_images
from pendgen.variants import Cropping, Gaps, Large, NumericalNoise, Vanilla

Float = NDArray[np.float64]
Band = tuple[float, float]
SEGMENTS: tuple[Band, ...] = tuple((k / 7, (k + 1) / 7) for k in range(7))
CONDITIONS: dict[str, Dataset] = {
    "vanilla": Dataset(Vanilla()),
    "vanilla, original": Dataset(Vanilla(), protocol="original"),
    "large": Dataset(Large()),
    "cropping .45": Dataset(Cropping(0.45)),
    "cropping .75": Dataset(Cropping(0.75)),
    "numerical noise .01": Dataset(NumericalNoise(0.01)),
    "numerical noise .25": Dataset(NumericalNoise(0.25)),
    "gaps .4": Dataset(Gaps(0.4)),
}


@dataclass(frozen=True)
class Row:
    """One score of one encoder: exact, simulated, and how far apart in standard errors."""

    condition: str
    images: int
    seconds: float
    bytes: int
    encoder: str
    measure: str
    exact: float
    monte_carlo: float
    se: float

    @property
    def z(self) -> float:
        return (self.monte_carlo - self.exact) / self.se


def encoders(population: Population) -> dict[str, Float]:
    """Three encoders, a value an image: shape (U,) each."""
    oracle = population.energy_given_image
    broken = oracle + 0.05 * np.random.default_rng(1).standard_normal(len(oracle))
    return {"oracle": oracle, "rounded": np.round(oracle, 2), "broken": broken}


def exact_spearman(population: Population, value: Float, band: Band) -> float:
    """Spearman's ρ of a value per image and energies uniform on a band, ties at their mid-rank."""
    low, high = band
    centres = (population.energy_edges[1:] + population.energy_edges[:-1]) / 2
    inside = (centres > low) & (centres < high)
    mass = population.energy_probability[:, inside].sum(axis=1) / (high - low)
    moment = population.energy_moment[:, inside].sum(axis=1) / (high - low)
    _, rank = np.unique(value, return_inverse=True)
    tied = np.bincount(rank, mass)
    middle = (np.cumsum(tied) - tied / 2)[rank]
    covariance = np.sum((middle - 0.5) * (moment - mass * (low + high) / 2)) / (high - low)
    return float(12 * covariance / np.sqrt(1 - np.sum(tied**3)))


def exact_rmse(population: Population, value: Float) -> float:
    """Root-mean-square error of the best non-decreasing function of a value per image."""
    p = population.probability
    fitted = monotone_fit(value, population.energy_given_image, p)
    return float(np.sqrt(1 / 3 - np.sum(p * fitted**2)))


def monotone_fit(value: Float, energy: Float, weight: Float) -> Float:
    """The best non-decreasing function of `value`, at every image; images without weight take their neighbour's.

    The fit runs along the ranks of the values: scikit-learn's gives NaN between values that nearly agree.
    """
    _, rank = np.unique(value, return_inverse=True)
    there = weight > 0
    fit = IsotonicRegression(out_of_bounds="clip").fit(rank[there], energy[there], sample_weight=weight[there])
    return np.asarray(fit.predict(rank.astype(np.float64)))


class Lookup:
    """From positions of bobs to the number of the image in the population; −1 where it is not there."""

    def __init__(self, dataset: Dataset, population: Population) -> None:
        self.geometry, self.base = dataset.geometry, dataset.size + 2 * dataset.bob_size
        keys = self._keys(population.position, population.visible)
        self.order = np.argsort(keys)
        self.keys = keys[self.order]

    def _keys(self, position: NDArray[np.int64], seen: NDArray[np.bool_]) -> NDArray[np.int64]:
        place = np.where(seen[..., None], position + self.geometry.bob, 0).reshape(-1, 4)
        return place @ (self.base ** np.arange(4))

    def __call__(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        keys = self._keys(position, render.visible(position, self.geometry))
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.order[at], -1)


def simulate(dataset: Dataset, draws: int, rng: np.random.Generator) -> tuple[Float, NDArray[np.int64]]:
    """Energies and bob positions of so many images of the test law: shapes (N,) and (N, 2, 2)."""
    energy = rng.random(draws)
    moment = rng.uniform(*dataset.split("test").time_range, draws)
    angle = np.stack([physics.angle(moment + later, energy) for later in (0.0, dataset.time_gap)], axis=-1)
    if dataset.eps_n:
        angle += dataset.eps_n * rng.standard_normal(angle.shape)
    return energy, render.positions(angle, dataset.geometry)


def sampled_spearman(energy: Float, image: NDArray[np.int64], values: Sequence[Float]) -> list[float]:
    """Spearman's ρ of each of several values per image with the energies of a sample, ties at mid-rank."""
    n = len(energy)
    rank = np.empty(n)
    rank[np.argsort(energy)] = np.arange(n) - (n - 1) / 2
    scores = []
    for value in values:
        _, number = np.unique(value, return_inverse=True)
        at = number[image]
        count = np.bincount(at, minlength=number.max() + 1)
        middle = np.cumsum(count) - (count + n) / 2
        by_value = np.bincount(at, rank, number.max() + 1)
        scores.append(float(middle @ by_value / np.sqrt(count @ middle**2 * np.sum(rank**2))))
    return scores


def compare(name: str, dataset: Dataset, draws: int = 20_000_000, chunks: int = 40, seed: int = 0) -> list[Row]:
    """Exact and simulated scores of one condition."""
    began = time.process_time()
    population = enumerate_images(dataset)
    with tempfile.TemporaryDirectory() as folder:
        size = population_file.write(Path(folder) / "population.h5", dataset, population)["bytes"]
    seconds = time.process_time() - began
    values = encoders(population)
    bands = {"global": [(0.0, 1.0)], "local": list(SEGMENTS)}
    if dataset.gaps:
        bands["gap"] = list(dataset.gaps)
    lookup, rng = Lookup(dataset, population), np.random.default_rng(seed)
    images, each = len(population.position), draws // chunks
    sampled = {measure: np.empty((chunks, len(values))) for measure in bands}
    counts, sums, squares = np.empty((chunks, images)), np.empty((chunks, images)), np.empty(chunks)
    missing = 0
    for chunk in range(chunks):
        energy, position = simulate(dataset, each, rng)
        image = lookup(position)
        known = image >= 0
        missing += int((~known).sum())
        energy, image = energy[known], image[known]
        for measure, several in bands.items():
            scores = []
            for low, high in several:
                inside = (energy >= low) & (energy < high)
                scores.append(sampled_spearman(energy[inside], image[inside], list(values.values())))
            sampled[measure][chunk] = np.mean(scores, axis=0)
        if chunk == 0:
            check = spearmanr(energy, values["rounded"][image]).statistic
            assert abs(check - sampled["global"][0, 1]) < 1e-9
        counts[chunk], sums[chunk] = np.bincount(image, minlength=images), np.bincount(image, energy, images)
        squares[chunk] = np.sum(energy**2)
    if missing:
        print(f"{name}: {missing} of {draws} images are not in the population", file=sys.stderr)
    rows = []
    for number, (encoder, value) in enumerate(values.items()):
        facts = (name, images, seconds, size, encoder)
        for measure, several in bands.items():
            exact = float(np.mean([exact_spearman(population, value, band) for band in several]))
            column = sampled[measure][:, number]
            rows.append(Row(*facts, measure, exact, float(column.mean()), float(column.std(ddof=1) / chunks**0.5)))
        rows.append(Row(*facts, "rmse", exact_rmse(population, value), *_sampled_rmse(value, counts, sums, squares)))
    return rows


def _sampled_rmse(value: Float, counts: Float, sums: Float, squares: Float) -> tuple[float, float]:
    """Monotone-regression error and its standard error from chunks of draws.

    A fit to one half of the chunks errs too little on that half and too much on the other, by the same
    amount to first order: the mean of both is without bias.
    """
    errors = np.zeros(len(counts))
    for half in (slice(0, None, 2), slice(1, None, 2)):
        count, total = counts[half].sum(axis=0), sums[half].sum(axis=0)
        guess = monotone_fit(value, total / np.maximum(count, 1), count)
        errors += (squares - 2 * sums @ guess + counts @ guess**2) / counts.sum(axis=1) / 2
    rmse = float(np.sqrt(errors.mean()))
    return rmse, float(errors.std(ddof=1) / len(errors) ** 0.5 / (2 * rmse))


def main() -> None:
    """Print the table, and write it as CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20_000_000, help="images of each condition")
    parser.add_argument("--chunks", type=int, default=40, help="independent chunks, from which standard errors come")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draws")
    parser.add_argument("--only", choices=list(CONDITIONS), help="one condition")
    parser.add_argument("--out", type=Path, help="CSV to write")
    given = parser.parse_args()
    rows: list[Row] = []
    print(f"{'condition':<20} {'images':>6} {'encoder':<8} {'measure':<7} {'exact':>9} {'drawn':>9} {'se':>9} {'z':>6}")
    for number, (name, dataset) in enumerate(CONDITIONS.items()):
        if given.only in (None, name):
            found = compare(name, dataset, given.draws, given.chunks, given.seed + number)
            rows += found
            for row in found:
                scores = f"{row.exact:>9.6f} {row.monte_carlo:>9.6f} {row.se:>9.2g} {row.z:>6.2f}"
                print(f"{name:<20} {row.images:>6} {row.encoder:<8} {row.measure:<7} {scores}", flush=True)
            print(f"{name:<20} {found[0].seconds:.1f} processor seconds, {found[0].bytes:,} bytes", flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        with open(given.out, "w", newline="", encoding="utf-8") as file:
            write = csv.writer(file, lineterminator="\n")
            write.writerow(("condition", "images", "bytes", "encoder", "measure", "exact", "monte_carlo", "se", "z"))
            for r in rows:
                scores = (f"{r.exact:.7f}", f"{r.monte_carlo:.7f}", f"{r.se:.2g}", f"{r.z:.2f}")
                write.writerow((r.condition, r.images, r.bytes, r.encoder, r.measure, *scores))


if __name__ == "__main__":
    main()
