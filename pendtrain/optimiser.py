"""What moves the parameters: SGD, AdamW, or Muon with AdamW for all that is no kernel."""

from typing import Any

import torch
from torch import Tensor, nn

from pendtrain.recipe import Recipe

OTHERS = 0.2
"""AdamW's rate beside Muon's; at .05, 1e-3 to .02, encoders end further from the ceiling (recipes.csv)."""
ROWS = 128
"""Outputs of a kernel orthogonalised together: in blocks of so many rows it costs a fifth in the last layers, and
encoders end as near to the ceiling (recipes.csv)."""
STEPS = 5
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Of the Newton–Schulz iteration: σ → aσ + bσ³ + cσ⁵ lifts small singular values fast."""


def create(recipe: Recipe, learner: nn.Module) -> torch.optim.Optimizer:
    """The recipe's. The rate of a parameter group is the schedule's times the group's `share`, 1 if it has none."""
    free = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    decay = recipe.weight_decay
    if recipe.optimiser == "muon":
        return Muon(free, recipe.momentum, decay)
    if recipe.optimiser == "adamw":
        return _adamw([{"params": free}], recipe.momentum, decay)
    return torch.optim.SGD(free, lr=0.0, momentum=recipe.momentum, weight_decay=decay)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Before a step."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


def _adamw(groups: list[dict[str, Any]], momentum: float, weight_decay: float) -> torch.optim.AdamW:
    return torch.optim.AdamW(groups, lr=0.0, betas=(momentum, 0.999), weight_decay=weight_decay, fused=True)


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for convolutions' kernels, as matrices (C', h · w · C); AdamW for all other parameters.

    The kernels of the first layer, whose channels are colours, are with the others. Source: Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon; update and scale are those of `torch.optim.Muon`, which takes matrices
    alone. Kernels of more than `ROWS` outputs are split, as they are over devices by Khaled et al. 2025,
    https://arxiv.org/abs/2510.16981. On small maps most taps of a kernel meet padding only and have no gradient; they
    are left out of the iteration, which changes nothing and is most of its cost in the last layers.
    """

    def __init__(self, parameters: list[nn.Parameter], momentum: float, weight_decay: float) -> None:
        kernels = [each for each in parameters if _is_inner_kernel(each)]
        others = [each for each in parameters if not _is_inner_kernel(each)]
        self.adamw = _adamw([{"params": others, "share": OTHERS}], 0.9, weight_decay)
        super().__init__([{"params": kernels}], {"momentum": momentum, "weight_decay": weight_decay})
        self.param_groups += self.adamw.param_groups
        self._share()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict()`, which holds the state of both."""
        super().load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        group = self.param_groups[0]
        for kernel in group["params"]:
            if kernel.grad is not None:
                self._move(kernel, kernel.grad, group["lr"], group["momentum"], group["weight_decay"])
        self.adamw.step()

    def _move(self, kernel: Tensor, gradient: Tensor, rate: float, momentum: float, weight_decay: float) -> None:
        state = self.state[kernel]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        held = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        size = torch.maximum(held.amax(dim=(0, 1)), -held.amin(dim=(0, 1)))
        down, across = _used(size.amax(dim=1)), _used(size.amax(dim=0))
        place, slope, mean = (each[:, :, down, across] for each in (kernel, gradient, held))
        update = slope.lerp(mean, momentum).permute(0, 2, 3, 1)  # as channels_last has them: no copy
        blocks = [orthogonalised(rows) for rows in update.flatten(1).split(ROWS)]
        moved = torch.cat(blocks).view(update.shape).permute(0, 3, 1, 2)
        scale = max(1.0, len(blocks[0]) / kernel[0].numel()) ** 0.5
        place.mul_(1 - rate * weight_decay).sub_(moved, alpha=rate * scale)

    def _share(self) -> None:
        self.adamw.state, self.adamw.param_groups = self.state, self.param_groups[1:]


def orthogonalised(matrix: Tensor) -> Tensor:
    """Roughly U Vᵀ of a matrix U S Vᵀ, float32 (m, n): singular values of .7 to 1.2, but for those that were near zero.

    Every step multiplies by a polynomial of the Gram matrix, so that what is iterated is m × m alone and the matrix is
    met twice, however long it is. Rounding grows twelvefold a step here: float32 leaves four digits, bfloat16 none.
    """
    a, b, c = POLYNOMIAL
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    gram = x @ x.T
    size = gram.trace().sqrt().clamp_min(1e-7)  # the Frobenius norm
    gram /= size.square()
    lifts: list[Tensor] = []
    for _ in range(STEPS):
        if lifts:
            gram = gram @ lifts[-1] @ lifts[-1]
        lifts.append(torch.addmm(gram, gram, gram, beta=b, alpha=c))
        lifts[-1].diagonal().add_(a)
    found: Tensor = torch.linalg.multi_dot([*lifts, x])
    found /= size
    return found if matrix.shape[0] <= matrix.shape[1] else found.T


def _used(size: Tensor) -> slice:
    """From the first to the last that is not 0, of sizes along one axis of a kernel."""
    there = size.nonzero().flatten().tolist() or [0]
    return slice(there[0], there[-1] + 1)


def _is_inner_kernel(parameter: Tensor) -> bool:
    return parameter.ndim == 4 and parameter.shape[1] > 3
