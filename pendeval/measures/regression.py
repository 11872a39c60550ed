"""Inverse regression: how well the energy can be read off the embedding (paper App. A.5, Fig. 17).

A regressor is fitted on the images of half of the pendulums and judged on the other half, so that it never
saw another image of a pendulum it is asked about. Errors are root-mean-square, in units of energy; a
constant guess makes about .289 where energies are uniform.

Random forest: scikit-learn's defaults (Breiman 2001): 100 fully grown trees, each on as many images as there are,
drawn with replacement. Two exact shortcuts, which give the very trees scikit-learn grows on the same draws
(for values more than its 1e-7 apart):
    * images with equal embeddings can never be split, so a tree needs only the distinct embeddings that were
      drawn, each with its number of draws as weight and the mean energy of the draws as target;
    * in one dimension a fully grown tree splits halfway between any two neighbouring drawn values, so its answer
      is the mean energy at the nearest drawn value, and a sorted list does the work of the tree.
Where an embedding has several dimensions and more than `MOST_DISTINCT` distinct values, neither helps enough;
there one forest is grown instead of ten, on `FEWER_IMAGES` drawn images in two dimensions, on fewer in more, down
to `LEAST_IMAGES`. `Forest.protocol` says which.

What the forest cannot see: a noise-free test split of 32 pixels shows about 1,700 different images, each many times.
Any embedding that keeps images apart, in whatever order, tells the forest (and, less so, the neighbours) which image
it is, and their guess is then the mean energy of that image: the error of E[m | image], which no encoder beats. They
rank encoders only where images seldom repeat. A rule that has to be monotone can use the order alone, and does rank
them: hence `monotone`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.spatial import cKDTree

from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
FORESTS, TREES, NEIGHBOURS = 10, 100, 20
MOST_DISTINCT, FEWER_IMAGES, LEAST_IMAGES = 4096, 16_384, 1024


@dataclass(frozen=True)
class Forest:
    """Ten forests' predictions: (forests, queries), and how they were grown."""

    predictions: Float
    protocol: str


def halves(pendulum: Int, seed: int = 0) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which images to fit on and which to judge on, bool (n,) each: half of the pendulums, all their images."""
    present = np.unique(pendulum)
    shuffled = np.random.Generator(np.random.Philox(key=seed)).permutation(present)
    fit = np.isin(pendulum, shuffled[: len(present) // 2])
    return fit, ~fit


def distinct(embedding: Float) -> tuple[Float, Int]:
    """The different rows of an embedding (n, d), sorted, and the number of each image's row: (u, d), int64 (n,).

    Values are taken as float32, as scikit-learn's trees take them.
    """
    rows, which = np.unique(embedding.astype(np.float32), axis=0, return_inverse=True)
    return rows.astype(np.float64), which.reshape(-1).astype(np.int64)


def forest(embedding: Float, energy: Float, queries: Float, forests: int = FORESTS, trees: int = TREES) -> Forest:
    """Random forests fitted on `embedding` (n, d) and `energy` (n,), asked about `queries` (m, d)."""
    require(embedding=embedding, energy=energy)
    require(queries=queries)
    rows, which = distinct(embedding)
    asked, asked_which = distinct(queries)
    protocol = "exact"
    if embedding.shape[1] > 1 and len(rows) > MOST_DISTINCT:
        fewer = min(max(FEWER_IMAGES * 2 // embedding.shape[1], LEAST_IMAGES), len(energy))
        forests, protocol = 1, f"cheaper: {fewer} images"
        kept = np.random.Generator(np.random.Philox(key=1)).choice(len(energy), fewer, replace=False)
        energy, (rows, which) = energy[kept], distinct(embedding[kept])
    generator = np.random.Generator(np.random.Philox(key=0))
    predictions = np.zeros((forests, len(asked)))
    for number in range(forests):
        for _ in range(trees):
            drawn = generator.integers(len(energy), size=len(energy))
            predictions[number] += tree(rows, which[drawn], energy[drawn], asked) / trees
    return Forest(predictions[:, asked_which], f"{forests} x {trees} trees, {protocol}")


def tree(rows: Float, which: Int, energy: Float, queries: Float) -> Float:
    """A fully grown regression tree on images `which` (n,) of `rows` (u, d), asked about `queries` (m, d).

    Both `rows` and, where d = 1, `queries` are sorted. Returns float64 (m,).
    """
    count = np.bincount(which, minlength=len(rows))
    drawn = np.flatnonzero(count)
    target = np.bincount(which, weights=energy, minlength=len(rows))[drawn] / count[drawn]
    if rows.shape[1] == 1:
        values = rows[drawn, 0]
        halfway = values[:-1] / 2 + values[1:] / 2
        return np.asarray(target[np.searchsorted(halfway, queries[:, 0], side="left")])
    from sklearn.tree import DecisionTreeRegressor

    grown = DecisionTreeRegressor(random_state=0).fit(rows[drawn], target, sample_weight=count[drawn])
    return np.asarray(grown.predict(queries), np.float64)


def nearest(embedding: Float, energy: Float, queries: Float, neighbours: int = NEIGHBOURS) -> Float:
    """Mean energy of the `neighbours` nearest images, and of all that are as near as the last: float64 (m,).

    Counting those that tie makes the answer independent of the order of the images, which matters where
    thousands share one embedding.
    """
    require(embedding=embedding, energy=energy)
    require(queries=queries)
    rows, which = distinct(embedding)
    asked, asked_which = distinct(queries)
    count = np.bincount(which)
    total = np.bincount(which, weights=energy)
    most = min(neighbours + 1, len(rows))
    far, near = (np.asarray(a).reshape(len(asked), most) for a in cKDTree(rows).query(asked, k=most))
    reached = np.minimum((np.cumsum(count[near], axis=1) < neighbours).sum(axis=1), most - 1)
    used = far <= np.take_along_axis(far, reached[:, None], axis=1)
    return np.asarray(((total[near] * used).sum(axis=1) / (count[near] * used).sum(axis=1))[asked_which])


def linear(embedding: Float, energy: Float, queries: Float) -> Float:
    """Least squares with an intercept: float64 (m,)."""
    require(embedding=embedding, energy=energy)
    require(queries=queries)

    def design(points: Float) -> Float:
        return np.column_stack([np.ones(len(points)), points - embedding.mean(axis=0)])

    weights = np.linalg.lstsq(design(embedding), energy, rcond=None)[0]
    return np.asarray(design(queries) @ weights)


def monotone(embedding: Float, energy: Float, queries: Float) -> Float:
    """The monotone function that fits best, rising or falling: float64 (m,). For one output, `embedding` (n, 1).

    Least squares (isotonic regression; Barlow et al. 1972), equal embeddings pooled; straight between the embeddings
    it was fitted on, constant beyond them. Raises ValueError for several outputs: they have no order, their line has.
    """
    require(embedding=embedding, energy=energy)
    require(queries=queries)
    if embedding.shape[1:] != (1,) or queries.shape[1:] != (1,):
        raise ValueError(
            f"embeddings have shape {embedding.shape}, expected (n, 1): one output, or the line of several"
        )
    values, which = np.unique(embedding[:, 0], return_inverse=True)
    count = np.bincount(which).astype(np.float64)
    mean = np.bincount(which, weights=energy) / count
    fits = [isotonic_regression(mean, weights=count, increasing=rising).x for rising in (True, False)]
    best = max(fits, key=lambda fit: float(count @ fit**2))  # of the two least squares the one that explains more
    return np.asarray(np.interp(queries[:, 0], values, best))
