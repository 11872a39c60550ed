"""What training asks of the embeddings of two views: pure functions, smaller is better.

Each objective takes the embeddings x and y of the first and the second view, float32 (B, d), the true
energies, float32 (B,), and the recipe, and returns a scalar. Row i of x and of y show one pendulum.
A new objective is a function like these and its line in `recipe.METHODS`.
"""

from collections.abc import Callable
from pkgutil import resolve_name

import torch
from torch import Tensor
from torch.nn import functional

from pendtrain.recipe import METHODS, Recipe

Objective = Callable[[Tensor, Tensor, Tensor, Recipe], Tensor]
RANK_SOFTNESS = 0.05  # of the soft ranks, in standard deviations of the outputs


def objective_of(recipe: Recipe) -> Objective:
    """The objective that the recipe's method names."""
    found: Objective = resolve_name(METHODS[recipe.method])
    return found


def contrastive(x: Tensor, y: Tensor, energy: Tensor, recipe: Recipe) -> Tensor:
    """InfoNCE, nats; between 0 and, where nothing is learnt, about log B. The energies are not looked at.

    Cross-entropy of picking row i among all rows j, both directions averaged, under logits
    −‖x_i − y_j‖²/τ, or cos(x_i, y_j)/τ. Sources: van den Oord et al. 2018,
    https://arxiv.org/abs/1807.03748; Euclidean similarity: the 2021 paper, §2.2. Decoupled, the
    positive pair stays out of the denominator (Yeh et al. 2022, https://arxiv.org/abs/2110.06848, and
    the formula of the 2021 paper); then the loss has no lower bound.
    """
    if recipe.similarity == "cosine":
        similarity = functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T
    else:
        similarity = -squared_distances(x, y)
    logits = similarity / recipe.temperature
    if not recipe.decoupled:
        target = torch.arange(len(x), device=x.device)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
    others = logits.masked_fill(torch.eye(len(x), dtype=torch.bool, device=x.device), float("-inf"))
    return ((others.logsumexp(dim=1) + others.logsumexp(dim=0)) / 2 - logits.diagonal()).mean()


def supervised(x: Tensor, y: Tensor, energy: Tensor, recipe: Recipe) -> Tensor:
    """Error of every output against the true energy: mean squared, mean absolute, or 1 − soft Spearman.

    Both views count alike (paper, §2.3); in the `original` protocol the first view alone.
    """
    views = (x,) if recipe.protocol == "original" else (x, y)
    loss = {"mse": _squared, "l1": _absolute, "spearman": _rank_loss}[recipe.loss]
    return torch.stack([loss(view, energy) for view in views]).mean()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖² for every i and j: (B, d), (B', d) → (B, B').

    By differences, not by x² − 2xy + y²: that cancels where embeddings are close, which is where the
    loss looks.
    """
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=-1)


def soft_ranks(values: Tensor, softness: float = RANK_SOFTNESS) -> Tensor:
    """Differentiable ranks from 1 to B of (B,) values: ½ + Σ_j σ((v_i − v_j)/s), s = softness · sd(v).

    Qin, Liu & Li 2010, "A general approximation framework for direct optimization of information
    retrieval measures", eq. 11. Since s follows the spread, ranks are invariant to scale and shift.
    """
    scale = softness * values.std().clamp_min(1e-6)
    return 0.5 + torch.sigmoid((values[:, None] - values[None, :]) / scale).sum(dim=1)


def _squared(outputs: Tensor, energy: Tensor) -> Tensor:
    return (outputs - energy[:, None]).square().mean()


def _absolute(outputs: Tensor, energy: Tensor) -> Tensor:
    return (outputs - energy[:, None]).abs().mean()


def _rank_loss(outputs: Tensor, energy: Tensor) -> Tensor:
    """1 − Pearson's correlation of the outputs' soft ranks and the energies' ranks, mean over outputs."""
    target = energy.argsort().argsort().to(outputs.dtype)
    target = target - target.mean()
    losses = []
    for column in outputs.unbind(dim=1):
        ranks = soft_ranks(column)
        ranks = ranks - ranks.mean()
        losses.append(1.0 - (ranks @ target) / (ranks.norm() * target.norm()).clamp_min(1e-12))
    return torch.stack(losses).mean()
