"""The shape of an embedding: what stays the same over time, how many dimensions it uses, what else it carries.

Source: paper §3.1, App. A.5 and Fig. 18 (further outputs follow the vertical position, which is not
time-invariant); the participation ratio is the usual effective dimension (Gao et al. 2017).
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.registry import WIDE
from pendeval.measures.valid import require

Float = NDArray[np.float64]
Int = NDArray[np.int64]
PARTS = 20


def time_invariance(embedding: Float, pendulum: Int) -> float:
    """Share of the variance of an embedding (n, d) that lies between pendulums: 1 where time changes nothing.

    The intraclass correlation ICC(1), variance components of a one-way analysis of variance (Shrout & Fleiss 1979),
    summed over outputs. It is about 0, a little below at times, where images of one pendulum have nothing in common.
    NaN where no pendulum has two images, all images are of one pendulum, or the embedding is constant.
    """
    require(embedding=embedding, pendulum=pendulum)
    images = np.bincount(pendulum)
    images = images[images > 0].astype(np.float64)
    n, pendulums = len(pendulum), len(images)
    if n == pendulums or pendulums < 2:
        return float("nan")
    total = left = 0.0
    for columns in np.split(embedding, range(WIDE, embedding.shape[1], WIDE), axis=1):  # a copy of all would be large
        total += float(((columns - columns.mean(axis=0)) ** 2).sum())
        left += float((within_pendulum(columns, pendulum) ** 2).sum())
    within = left / (n - pendulums)
    usual = (n - (images**2).sum() / n) / (pendulums - 1)  # images of a pendulum, where their number differs
    between = ((total - left) / (pendulums - 1) - within) / usual
    return between / (between + within) if between + within > 0 else float("nan")


def within_pendulum(columns: Float, pendulum: Int) -> Float:
    """Columns (n, k) less their mean over the images of the same pendulum: float64 (n, k)."""
    images = np.bincount(pendulum)
    means = np.stack([np.bincount(pendulum, weights=column) for column in columns.T], axis=1) / np.maximum(
        images, 1
    ).reshape(-1, 1)
    return np.asarray(columns - means[pendulum])


def participation_ratio(embedding: Float) -> float:
    """(Σλ)² / Σλ² over the eigenvalues λ of the covariance of an embedding (n, d): in [1, d]; NaN if constant."""
    require(embedding=embedding)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(embedding, rowvar=False)))
    squares = float((eigenvalues**2).sum())
    return float(eigenvalues.sum() ** 2 / squares) if squares > 0 else float("nan")


def vertical_correlations(embedding: Float, height: Float, pendulum: Int) -> Float:
    """Pearson's correlation of each output of `embedding` (n, d) with the vertical position cos θ: float64 (d,).

    `height` is (n,). Both sides are taken less their mean over the images of the same pendulum, within which the
    energy cannot vary. NaN for an output that never varies within a pendulum.
    """
    require(embedding=embedding, height=height, pendulum=pendulum)
    outputs = within_pendulum(embedding, pendulum)
    target = within_pendulum(height[:, None], pendulum)[:, 0]
    scale = np.sqrt((outputs**2).sum(axis=0) * (target @ target))
    rounding = 1e-12 * np.abs(embedding).max() * np.sqrt(len(height) * (target @ target))
    return np.where(scale > rounding, outputs.T @ target / np.where(scale > rounding, scale, 1.0), np.nan)


def line_share(embedding: Float, values: Float) -> float:
    """Share of the variance of an embedding (n, d) that follows its line `values` (n,), in [0, 1].

    1: the points lie on a curve, however it bends, where the participation ratio sees only how it fills space. The
    line is cut into `PARTS` parts of equally many images, in each of which a straight piece of curve is fitted.
    NaN where the embedding is constant.
    """
    require(embedding=embedding, values=values)
    total = float(((embedding - embedding.mean(axis=0)) ** 2).sum())
    left = sum(_unexplained(values[part, None], embedding[part])[0] for part in _parts(values))
    return 1 - left / total if total > 0 else float("nan")


def vertical_share(embedding: Float, values: Float, height: Float) -> float:
    """Share of the variance of the vertical position that the outputs explain beside the energy, in [0, 1].

    A representation of several outputs is a ribbon along the energy that bends (Fig. 18), so what lies across it
    has no direction of its own. The ribbon is cut into `PARTS` parts of equally many images along its line
    `values` (n,), and in each `height` (n,) is fitted linearly by `embedding` (n, d). A single output has next to
    nothing left to tell there. NaN where the position never varies within a part.
    """
    require(embedding=embedding, values=values, height=height)
    sums = [_unexplained(embedding[part], height[part, None]) for part in _parts(values)]
    left, total = (sum(column) for column in zip(*sums, strict=True))
    return 1 - left / total if total > 0 else float("nan")


def vertical_gain(embedding: Float, values: Float, height: Float, draws: int = 20) -> float:
    """What `vertical_share` finds beyond chance: what further outputs that know nothing of the height would add.

    Few different images fall into a part of the line, each many times, so that any further output, being a number for
    each image, explains some of the height there: a random second one about .01 to .02, a third as much again. The
    null keeps all of this. In each part what the outputs say beside the line is dealt out at random among the
    different images, in whole rows: the same values, the same number of outputs and of images, each image as often as
    before. The share explained so, in the mean of `draws` (the same ones for all encoders), is taken off. 0 is chance,
    and 1 less chance the most there is. NaN for one output, where there is nothing beside the line, and where the
    height never varies within a part.

    On vanilla data a second output drawn at random for each image gains 0 ± .005, two of them 0 ± .0075. A smooth
    function of the picture gains more, though it means nothing: random ones of the bobs' coordinates .003 to .39 (nine
    of ten), and .06 to .78 with sin θ as `height`. So it is the gain for cos θ beyond that for sin θ, above .2 in one
    of twenty of them, which tells that outputs follow the vertical position rather than any. Where noise makes every
    image differ, dealing parts copies of one scene from each other, and chance is judged too low.
    """
    require(embedding=embedding, values=values, height=height)
    if embedding.shape[1] < 2:
        return float("nan")
    generator = np.random.Generator(np.random.Philox(key=0))
    total, gained = 0.0, 0.0
    for part in _parts(values):
        rows, which, count = np.unique(embedding[part], axis=0, return_inverse=True, return_counts=True)
        which, root = which.reshape(-1), np.sqrt(count)[:, None]
        target = np.bincount(which, weights=height[part] - height[part].mean())[:, None] / root  # weighed, as all here
        along, beside = _beside(root * (rows - embedding[part].mean(axis=0)), _means(values[part], which) * root)
        total += float(((height[part] - height[part].mean()) ** 2).sum())
        missed = [_missed(np.hstack([root, along, beside]), target)]
        for _ in range(draws):
            dealt = generator.permutation(beside / root)
            missed.append(_missed(np.hstack([root, along, root * dealt]), target))
        gained += float(np.mean(missed[1:])) - missed[0]
    return gained / total if total > 0 else float("nan")


def _means(values: Float, which: Int) -> Float:
    """Mean of `values` (n,) over the points of each row, less the mean of all: float64 (u, 1)."""
    return np.asarray(np.bincount(which, weights=values - values.mean()) / np.bincount(which))[:, None]


def _beside(points: Float, values: Float) -> tuple[Float, Float]:
    """What points (u, d) say of the line `values` (u, 1), as a column, and what they say beside it, as others."""
    along = points @ np.linalg.lstsq(points, values, rcond=None)[0]
    size = float((along**2).sum())
    left = points - along @ (along.T @ points) / size if size > 0 else points
    columns, scale, _ = np.linalg.svd(left, full_matrices=False)
    largest = np.sqrt(float((points**2).sum()))
    return along, columns[:, scale > 1e-9 * largest]


def _missed(design: Float, target: Float) -> float:
    """Sum of squares of `target` (u, 1) that a linear fit by `design` (u, k) leaves."""
    return float(((target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) ** 2).sum())


def _parts(values: Float) -> list[NDArray[np.bool_]]:
    """Which points lie in each of `PARTS` parts of equally many along a line; ties may leave fewer parts."""
    number = np.searchsorted(np.quantile(values, np.linspace(0, 1, PARTS + 1)[1:-1]), values)
    return [number == part for part in np.unique(number)]


def _unexplained(points: Float, targets: Float) -> tuple[float, float]:
    """Sum of squares of `targets` (n, k) that a linear fit by `points` (n, j) leaves, and the one about their mean."""
    points, targets = points - points.mean(axis=0), targets - targets.mean(axis=0)
    missed = targets - points @ np.linalg.lstsq(points, targets, rcond=None)[0]
    return float((missed**2).sum()), float((targets**2).sum())
