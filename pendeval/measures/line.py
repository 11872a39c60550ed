"""A one-dimensional view of an embedding, since ranks need an order (paper §3.1, Figs. 4 and 15).

* output: d = 1, the embedding itself.
* angle: d = 2 with cosine similarity, where only the direction of the output means anything; the angle around
  the circle is cut in the middle of its largest empty arc, so that the two ends of the energies part there.
* spectral: else, the spectral embedding (Belkin & Niyogi 2003) of the distinct embeddings, each weighted by how
  often it occurs: the second eigenvector of the normalised Laplacian of a neighbour graph.
"""

import numpy as np
from numpy.typing import NDArray

from pendeval.measures.valid import require

Float = NDArray[np.float64]
MOST_LANDMARKS = 2000
NEIGHBOUR_SHARE = 0.1  # of the distinct embeddings; scikit-learn's default for this method


def line(embedding: Float, cosine: bool = False) -> tuple[Float, str]:
    """The one-dimensional view of `embedding` (n, d): float64 (n,), and which of the three above it is."""
    require(embedding=embedding)
    if embedding.shape[1] == 1:
        return embedding[:, 0], "output"
    if cosine:
        norm = np.linalg.norm(embedding, axis=1, keepdims=True)
        embedding = embedding / np.where(norm > 0, norm, 1.0)
        if embedding.shape[1] == 2:
            return cut_angle(embedding), "angle"
    return spectral(embedding), "spectral"


def cut_angle(embedding: Float) -> Float:
    """Angle of each point (n, 2) in radians, from the middle of the largest arc without points: [0, 2π)."""
    angle = np.arctan2(embedding[:, 1], embedding[:, 0])
    ordered = np.unique(angle)
    arcs = np.diff(ordered, append=ordered[0] + 2 * np.pi)
    widest = int(np.argmax(arcs))
    return np.asarray(np.mod(angle - (ordered[widest] + arcs[widest] / 2), 2 * np.pi))


def spectral(embedding: Float) -> Float:
    """One-dimensional spectral embedding of points (n, d): float64 (n,), sign and scale without meaning.

    Beyond `MOST_LANDMARKS` distinct points, that many drawn ones carry the graph and the others are placed
    between their nearest ones. A graph in pieces is joined along its shortest links, so that an order
    exists; constant where all points are one.
    """
    from scipy.spatial import cKDTree

    require(embedding=embedding)
    rows, which, count = np.unique(embedding, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    if len(rows) < 3:
        return which.astype(np.float64)
    if len(rows) <= MOST_LANDMARKS:
        return _eigenvector(rows, count.astype(np.float64))[which]
    generator = np.random.Generator(np.random.Philox(key=0))
    chosen = generator.choice(len(rows), MOST_LANDMARKS, replace=False, p=count / count.sum())
    marks = cKDTree(rows[chosen])
    far, near = marks.query(rows, k=8)
    weight = np.bincount(near[:, 0], weights=count, minlength=MOST_LANDMARKS).astype(np.float64)
    value = _eigenvector(rows[chosen], weight)
    scale = np.maximum(far[:, -1:], np.finfo(float).tiny) / 2
    share = np.exp(-((far / scale) ** 2) / 2)
    return np.asarray((value[near] * share).sum(axis=1) / share.sum(axis=1))[which]


def _eigenvector(rows: Float, weight: Float) -> Float:
    """Second eigenvector of the normalised Laplacian over `rows` (u, d), as if each stood there `weight` times.

    Copies of a point are each other's neighbours: they add to its degree, and only to that.
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
    degree = affinity.sum(axis=1) - weight * graph.diagonal()  # no point is its own neighbour, only its copies are
    scale = 1 / np.sqrt(degree)
    laplacian = -affinity * scale * scale[:, None]
    laplacian[np.diag_indices(len(rows))] = 1 - (weight**2 - weight) * graph.diagonal() / degree
    _, vectors = eigh(laplacian, subset_by_index=[1, 1])
    return np.asarray(vectors[:, 0] * scale * np.sqrt(degree.sum()))  # of variance 1, weighted by degree
