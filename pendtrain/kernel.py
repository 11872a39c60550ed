"""What a loss on pairs wants when nothing stands in its way: optima on exact expectations, from the population.

Two views of one pendulum share its energy, so with B bins of energy the pair kernel is K(x, y) = Σ_b P(x, b) P(y, b) /
P(b), and any mean over pairs of a product f(x) g(y) is Σ_b P(b) E[f | b] E[g | b].

* `eigenfunctions`: of K / (p_x p_y), of which a constant, eigenvalue 1, is the first. They are the optimum of the
  spectral losses (HaoChen et al. 2021, https://arxiv.org/abs/2106.04156).
* `minimised_spread`: InfoNCE with endless negatives, and alignment + uniformity (Wang & Isola 2020,
  https://arxiv.org/abs/2005.10242, Theorem 1), minimised over a free vector for every image.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import svds
from torch import Tensor

from pendtrain.population import Columns

Float = NDArray[np.float64]
MOST_IMAGES = 8000
"""Images between which all distances are held: 8000 of them take half a GB a matrix."""


def eigenfunctions(population: Columns, count: int) -> tuple[Float, Float]:
    """The first non-trivial eigenvalues, float64 (count,), and functions of mean 0 and variance 1, float64 (U, count).

    Each function is turned so that it rises with the energy. Raises ValueError where there are not so many.
    """
    p, joint = population["probability"], population["energy_probability"]
    if not count < min(joint.shape):
        raise ValueError(f"dim is {count}, expected below {min(joint.shape)}: there are no more eigenfunctions")
    root = np.sqrt(p)
    scaled = joint / root[:, None] / np.sqrt(joint.sum(axis=0))
    # The constant has singular value 1 and the vectors √p and √P(b): taken out, it cannot mix with the others.
    scaled = scaled - root[:, None] * np.sqrt(joint.sum(axis=0))
    left, values, _ = svds(scaled, k=count, v0=np.random.default_rng(0).normal(size=min(scaled.shape)))
    order = np.argsort(values)[::-1]
    functions = left[:, order] / root[:, None]
    signs = np.sign((p * (population["energy_given_image"] - 0.5)) @ functions)
    return values[order] ** 2, np.asarray(functions * np.where(signs == 0, 1.0, signs))


def minimised_spread(
    population: Columns, dim: int, weight: float, t: float, *, jointly: bool, sphere: bool = False
) -> Float:
    """Vectors, float64 (U, dim), that minimise E ‖x − y‖² + weight · spread, by L-BFGS.

    The spread is E_x log E_x' exp(−t ‖x − x'‖²), or `jointly` log E_xx'; on the `sphere`, of vectors of length 1.
    InfoNCE with endless negatives has t = 1/τ and weight τ. Raises ValueError for more images than fit.
    """
    p, joint = (torch.from_numpy(population[name]) for name in ("probability", "energy_probability"))
    if len(p) > MOST_IMAGES:
        raise ValueError(f"the population has {len(p)} images, expected at most {MOST_IMAGES} for this optimum")
    bins = joint.sum(dim=0)
    # A rare image's slope is as small as its probability: in units of 1/√p all are alike to the search.
    unit = p.rsqrt()[:, None]
    x = (torch.from_numpy(_start(population, dim, t, sphere)) / unit).requires_grad_()

    def vectors() -> Tensor:
        return torch.nn.functional.normalize(x * unit, dim=1) if sphere else x * unit

    def value() -> Tensor:
        place = vectors()
        mean = (joint.T @ place) / bins[:, None]
        agreement = 2.0 * (p @ place.square().sum(dim=1) - bins @ mean.square().sum(dim=1))
        near = p.log() - t * (place[:, None, :] - place[None, :, :]).square().sum(dim=-1)
        spread = near.logsumexp(dim=1)
        spread = (spread + p.log()).logsumexp(dim=0) if jointly else p @ spread
        return agreement + weight * spread

    search = torch.optim.LBFGS(
        [x], max_iter=1000, tolerance_grad=1e-9, tolerance_change=1e-13, history_size=30, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        loss = value()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    search.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(vectors().detach().numpy(), np.float64)


def _start(population: Columns, dim: int, t: float, sphere: bool) -> Float:
    """E[energy | image] along the first output, or around most of a circle, and eigenfunctions along the others."""
    best = population["energy_given_image"]
    start = np.zeros((len(best), dim))
    start[:, 0] = 19.0 / np.sqrt(t) * (best - 0.5)
    if sphere:
        start[:, 0], start[:, 1] = np.cos(4.0 * best), np.sin(4.0 * best)
    first = 2 if sphere else 1
    if dim > first:
        start[:, first:] = 0.3 / np.sqrt(t) * eigenfunctions(population, dim)[1][:, first:]
    return start
