"""A one-dimensional view of an embedding, since ranks need an order (paper §3.1, Figs. 4 and 15).

* output: d = 1, the embedding itself.
* angle: d = 2 with cosine similarity, where only the direction of the output means anything; the angle around
  the circle is cut in the middle of its largest empty arc, so that the two ends of the energies part there.
* spectral: else, the spectral embedding (Belkin & Niyogi 2003) of the distinct embeddings, each weighted by how
  often it occurs: the second eigenvector of the normalised Laplacian of a neighbour graph.

How often an image occurs is counted, or given as a probability where each image that can occur is there once; the
answer is then that of endlessly many images drawn so.
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.registry import WIDE
from pendeval.measures.regression import distinct, nearest_rows
from pendeval.measures.valid import require

Float = NDArray[np.float64]
MOST_LANDMARKS = 2000
NEIGHBOUR_SHARE = 0.1  # of the distinct embeddings; scikit-learn's default for this method
RARE = 1e-6
"""Images of less probability carry no graph: a cluster of them alone would count as a piece by itself."""


def line(embedding: Float, cosine: bool = False, probability: Float | None = None) -> tuple[Float, str]:
    """The one-dimensional view of `embedding` (n, d): float64 (n,), and which of the three above it is.

    `probability` (n,): how often each image occurs; without it, all are alike.
    """
    require(embedding=embedding)
    if embedding.shape[1] == 1:
        return embedding[:, 0], "output"
    if cosine:
        norm = np.linalg.norm(embedding, axis=1, keepdims=True)
        embedding = embedding / np.where(norm > 0, norm, 1.0)
        if embedding.shape[1] == 2:
            return cut_angle(embedding), "angle"
    return spectral(embedding, probability), "spectral"


def cut_angle(embedding: Float) -> Float:
    """Angle of each point (n, 2) in radians, from the middle of the largest arc without points: [0, 2π)."""
    angle = np.arctan2(embedding[:, 1], embedding[:, 0])
    ordered = np.unique(angle)
    arcs = np.diff(ordered, append=ordered[0] + 2 * np.pi)
    widest = int(np.argmax(arcs))
    return np.asarray(np.mod(angle - (ordered[widest] + arcs[widest] / 2), 2 * np.pi))


def empty_arc(angle: Float) -> float:
    """Share of the circle that a line of `cut_angle` (n,) leaves empty between its two ends, in [0, 1].

    Small where energies 0 and 1 are forced close together (paper, App. A.3); a third where they are as near to each
    other as to the middle, on a circle that is otherwise evenly used.
    """
    require(angle=angle)
    return float(1 - np.ptp(angle) / (2 * np.pi))


def spectral(embedding: Float, probability: Float | None = None) -> Float:
    """One-dimensional spectral embedding of points (n, d): float64 (n,), sign and scale without meaning.

    Beyond `MOST_LANDMARKS` distinct points, that many drawn ones carry the graph and the others are placed
    between their nearest ones; so are points of a `probability` (n,) below `RARE`. A graph in pieces is joined along
    its shortest links, so that an order exists; constant where all points are one.
    """
    require(embedding=embedding)
    if embedding.shape[1] > WIDE:
        rows, which = distinct(embedding)
    else:
        rows, which = np.unique(embedding, axis=0, return_inverse=True)
        which = which.reshape(-1)
    if len(rows) < 3:
        return which.astype(np.float64)
    if probability is not None:
        require(embedding=embedding, probability=probability)
    weight = np.bincount(which, weights=probability).astype(np.float64)
    common = np.ones(len(rows), np.bool_) if probability is None else weight >= RARE * weight.sum()
    if common.sum() < 3:
        common[:] = True
    marks = rows[common]
    if len(marks) <= MOST_LANDMARKS:
        value = _eigenvector(marks, weight[common], copied=probability is None)
    else:
        generator = np.random.Generator(np.random.Philox(key=0))
        chosen = generator.choice(len(marks), MOST_LANDMARKS, replace=False, p=weight[common] / weight[common].sum())
        drawn = marks[chosen]
        nearest = nearest_rows(drawn, rows, 1)[1][:, 0]
        gathered = np.bincount(nearest, weights=weight, minlength=MOST_LANDMARKS).astype(np.float64)
        value = _placed(drawn, _eigenvector(drawn, gathered, copied=probability is None), marks)
    if common.all():
        return value[which]
    everywhere = _placed(marks, value, rows)
    everywhere[common] = value
    return everywhere[which]


def _placed(marks: Float, value: Float, rows: Float) -> Float:
    """Values of `rows` (u, d) between those of the eight nearest of `marks`: float64 (u,)."""
    far, near = nearest_rows(marks, rows, min(8, len(marks)))
    scale = np.maximum(far[:, -1:], np.finfo(float).tiny) / 2
    share = np.exp(-((far / scale) ** 2) / 2)
    return np.asarray((value[near] * share).sum(axis=1) / share.sum(axis=1))


def _eigenvector(rows: Float, weight: Float, copied: bool) -> Float:
    """Second eigenvector of the normalised Laplacian over `rows` (u, d), as if each stood there `weight` times.

    Copies of a point are each other's neighbours: they add to its degree, and only to that. No point is its own
    neighbour, only its copies are; of endlessly many (not `copied`) that one makes no difference.
    """
    from scipy.linalg import eigh
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
    from scipy.spatial.distance import cdist
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(rows, max(1, int(NEIGHBOUR_SHARE * len(rows))), include_self=True).toarray()
    graph = (graph + graph.T) / 2
    if connected_components(graph, directed=False)[0] > 1:
        links = minimum_spanning_tree(cdist(rows, rows)).toarray() > 0
        graph = np.maximum(graph, links | links.T)
    affinity = graph * weight * weight[:, None]
    itself = weight if copied else np.zeros_like(weight)
    degree = affinity.sum(axis=1) - itself * graph.diagonal()
    scale = 1 / np.sqrt(degree)
    laplacian = -affinity * scale * scale[:, None]
    laplacian[np.diag_indices(len(rows))] = 1 - (weight**2 - itself) * graph.diagonal() / degree
    _, vectors = eigh(laplacian, subset_by_index=[1, 1])
    return np.asarray(vectors[:, 0] * scale * np.sqrt(degree.sum()))  # of variance 1, weighted by degree
