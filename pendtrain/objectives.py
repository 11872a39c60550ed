"""What training asks of the embeddings of two views: pure functions, smaller is better.

Each objective takes the embeddings x and y of the first and the second view, float32 (B, d), the true
energies, float32 (B,), and the recipe, and returns a scalar. Row i of x and of y show one pendulum.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pendtrain.recipe import Recipe

Objective = Callable[[Tensor, Tensor, Tensor, Recipe], Tensor]


def contrastive(x: Tensor, y: Tensor, energy: Tensor, recipe: Recipe) -> Tensor:
    """InfoNCE on squared Euclidean distance, nats; between 0 and, where nothing is learnt, about log B.

    Cross-entropy of picking row i among all rows j under logits −‖x_i − y_j‖²/τ, both directions
    averaged. The energies are not looked at. Sources: van den Oord et al. 2018,
    https://arxiv.org/abs/1807.03748; with the Euclidean similarity of the 2021 paper, §2.2.
    """
    logits = -squared_distances(x, y) / recipe.temperature
    target = torch.arange(len(x), device=x.device)
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def supervised(x: Tensor, y: Tensor, energy: Tensor, recipe: Recipe) -> Tensor:
    """Mean squared error of every output of both views against the true energy (paper, §2.3)."""
    target = energy[:, None]
    return ((x - target).square().mean() + (y - target).square().mean()) / 2


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖² for every i and j: (B, d), (B', d) → (B, B').

    By differences, not by x² − 2xy + y²: that cancels where embeddings are close, which is where the
    loss looks.
    """
    return (x[:, None, :] - y[None, :, :]).square().sum(dim=-1)


OBJECTIVES: dict[str, Objective] = {"contrastive": contrastive, "supervised": supervised}
