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
Where an embedding has several dimensions and more than `MOST_DISTINCT` distinct values, or more than `WIDE`
dimensions (an inner layer), neither helps enough; there one forest is grown instead of ten, on `FEWER_IMAGES` drawn
images in two dimensions, on fewer in more, down to `LEAST_IMAGES`. `Forest.protocol` says which.

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

from pendeval.measures.registry import WIDE
from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
FORESTS, TREES, NEIGHBOURS = 10, 100, 20
MOST_DISTINCT, FEWER_IMAGES, LEAST_IMAGES = 4096, 16_384, 1024
RIDGE = 1e-10


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
    """The different rows of an embedding (n, d), and the number of each image's row: (u, d), int64 (n,).

    Sorted where there are few outputs. Values are taken as float32, as scikit-learn's trees take them.
    """
    values = np.ascontiguousarray(embedding, np.float32) + np.float32(0)  # -0.0 is 0.0
    if values.shape[1] > WIDE:  # by their bytes: number by number takes half a minute
        whole = values.view(np.dtype((np.void, values.shape[1] * values.itemsize))).reshape(-1)
        _, first, which = np.unique(whole, return_index=True, return_inverse=True)
        rows = values[first]
    else:
        rows, which = np.unique(values, axis=0, return_inverse=True)
    return rows.astype(np.float64), which.reshape(-1).astype(np.int64)


def forest(embedding: Float, energy: Float, queries: Float, forests: int = FORESTS, trees: int = TREES) -> Forest:
    """Random forests fitted on `embedding` (n, d) and `energy` (n,), asked about `queries` (m, d)."""
    require(embedding=embedding, energy=energy)
    require(queries=queries)
    rows, which = distinct(embedding)
    asked, asked_which = distinct(queries)
    protocol = "exact"
    if (embedding.shape[1] > 1 and len(rows) > MOST_DISTINCT) or embedding.shape[1] > WIDE:
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
    far, near = nearest_rows(rows, asked, most)
    reached = np.minimum((np.cumsum(count[near], axis=1) < neighbours).sum(axis=1), most - 1)
    used = far <= np.take_along_axis(far, reached[:, None], axis=1)
    return np.asarray(((total[near] * used).sum(axis=1) / (count[near] * used).sum(axis=1))[asked_which])


def nearest_rows(rows: Float, asked: Float, most: int) -> tuple[Float, Int]:
    """Distance and number of the `most` nearest of `rows` (u, d) to each of `asked` (v, d), rising: (v, most) each."""
    if rows.shape[1] > WIDE:  # a tree would look at every row, one number at a time
        from sklearn.neighbors import NearestNeighbors

        far, near = NearestNeighbors(n_neighbors=most, algorithm="brute").fit(rows).kneighbors(asked)
    else:
        far, near = cKDTree(rows).query(asked, k=np.arange(1, most + 1))
    return np.asarray(far, np.float64), np.asarray(near, np.int64)


def linear(embedding: Float, targets: Float, queries: Float) -> Float:
    """Least squares with an intercept, of `targets` (n,) or (n, k): float64 (m,) or (m, k)."""
    require(embedding=embedding, targets=targets)
    require(queries=queries)
    if embedding.shape[1] > WIDE:
        return _wide(embedding, targets, queries)

    def design(points: Float) -> Float:
        return np.column_stack([np.ones(len(points)), points - embedding.mean(axis=0)])

    weights = np.linalg.lstsq(design(embedding), targets, rcond=None)[0]
    return np.asarray(design(queries) @ weights)


def _wide(embedding: Float, targets: Float, queries: Float) -> Float:
    """`linear` of many outputs, from the distinct embeddings, each weighted by how often it occurs.

    A ridge of `RIDGE` of the variance of every output decides where outputs follow from one another up to float32, as
    many of an inner layer do, and moves nothing else. Outputs that never vary are left out.
    """
    rows, which = distinct(embedding)
    asked, asked_which = distinct(queries)
    count = np.bincount(which)
    share = (count / len(which))[:, None]
    wanted = np.zeros((len(rows), *targets.shape[1:]))
    np.add.at(wanted, which, targets)
    middle, mean = (share * rows).sum(axis=0), targets.mean(axis=0)
    scale = np.sqrt((share * (rows - middle) ** 2).sum(axis=0))
    scale[scale <= np.finfo(np.float32).eps * np.abs(middle)] = np.inf
    left, size, right = np.linalg.svd(np.sqrt(share) * ((rows - middle) / scale), full_matrices=False)
    told = left.T @ (np.sqrt(share) * (wanted.reshape(len(rows), -1) / count[:, None] - mean))
    weights = right.T @ ((size / (size**2 + RIDGE))[:, None] * told)
    answers = mean + (asked - middle) / scale @ weights
    return np.asarray(answers[asked_which].reshape(len(queries), *targets.shape[1:]))


def explained(predictions: Float, truth: Float) -> Float:
    """Share of the variance of each column of `truth` (m, k) that predictions (m, k) explain: float64 (k,).

    At most 1; below 0 where their mean would have been a better guess. NaN for a column that never varies.
    """
    require(predictions=predictions, truth=truth)
    missed, total = ((predictions - truth) ** 2).sum(axis=0), ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    return np.where(total > 0, 1 - missed / np.where(total > 0, total, 1.0), np.nan)


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
