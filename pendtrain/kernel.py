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
CELLS = 2**18
"""Distances between images held at a time: a matrix of 2 MB stays in the cache."""


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
    InfoNCE with endless negatives has t = 1/τ and weight τ.
    """
    p, joint = (torch.from_numpy(population[name]) for name in ("probability", "energy_probability"))
    bins = joint.sum(dim=0)
    # A rare image's slope is as small as its probability: in units of 1/√p all are alike to the search.
    unit = p.rsqrt()[:, None]
    x = (torch.from_numpy(_start(population, dim, t, sphere)) / unit).requires_grad_()

    def vectors() -> Tensor:
        return torch.nn.functional.normalize(x * unit, dim=1) if sphere else x * unit

    search = torch.optim.LBFGS(
        [x], max_iter=1000, tolerance_grad=1e-9, tolerance_change=1e-13, history_size=30, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        place = vectors()
        held = place.detach()
        mean = (joint.T @ held) / bins[:, None]
        agreement = 2.0 * (p @ held.square().sum(dim=1) - bins @ mean.square().sum(dim=1))
        spread, slope = _spread(held, p, t, jointly)
        place.backward(4.0 * (p[:, None] * held - joint @ mean) + weight * slope)  # type: ignore[no-untyped-call]
        return agreement + weight * spread

    search.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(vectors().detach().numpy(), np.float64)


def _spread(x: Tensor, p: Tensor, t: float, jointly: bool) -> tuple[Tensor, Tensor]:
    """E_x log E_x' exp(−t ‖x − x'‖²) of vectors (U, d), or `jointly` log E_xx', and its slope (U, d).

    Some rows of the U × U distances at a time, so that 26,000 images fit anywhere.
    """
    total, slope = x.new_zeros(()), torch.zeros_like(x)
    weighted, length = p[:, None] * x, x.square().sum(dim=1)
    for part in torch.split(torch.arange(len(x)), max(1, CELLS // len(x))):
        here, chance = x[part], p[part]
        # ‖x‖² − 2 x·x' + ‖x'‖²: in float64 what cancels is far below what the search can see.
        near = (here @ x.T).mul_(2.0).sub_(length).sub_(length[part, None]).mul_(t).exp_()
        mass = near @ p  # at least an image's own probability, so that no logarithm is of 0
        share = chance if jointly else chance / mass
        total += chance @ (mass if jointly else mass.log())
        # A vector counts twice: as the one whose neighbours are summed, and as a neighbour of others.
        slope[part] -= share[:, None] * (mass[:, None] * here - near @ weighted)
        slope -= p[:, None] * ((share @ near)[:, None] * x - near.T @ (share[:, None] * here))
    slope *= 2.0 * t
    return (total.log(), slope / total) if jointly else (total, slope)


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
