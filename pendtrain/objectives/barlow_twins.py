"""The correlations between the outputs of the two views are to be the identity."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pendtrain.kernel import eigenfunctions
from pendtrain.objectives.heads import Head, checked
from pendtrain.objectives.objective import Encode, Labels, Objective, Rows
from pendtrain.population import Columns


@dataclass(frozen=True)
class Settings:
    """Raises ValueError naming the setting, its value and what was expected."""

    redundancy: float = 0.0051
    """λ: weight of the squared correlations between different outputs; of one output there are none."""
    projector: int = 0
    """Width of a projector of three layers, thrown away in the end (8192 in the paper); 0: the outputs themselves."""

    def __post_init__(self) -> None:
        checked(
            self,
            ("redundancy", 0 <= self.redundancy < math.inf, "0 or more"),
            ("projector", 0 <= self.projector <= 65536, "0 to 65536"),
        )


class BarlowTwins(Objective):
    """Σ (1 − C_ii)² + λ Σ_{i≠j} C_ij², C the correlation of output i of one view and output j of the other."""

    Settings = Settings
    source = "Zbontar et al. 2021, arXiv 2103.03230"

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        super().__init__(settings, encoder, dim, protocol)
        width = settings.projector
        self.projector = Head(dim, width, width, width) if width else nn.Identity()

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """Both views, (B, d) or as wide as the projector."""
        return self.projector(encoder(first)), self.projector(encoder(second))

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of a batch; between 0 and, where outputs are constant, their number."""
        x, y = (_standardised(view) for view in rows)
        matrix = x.T @ y / len(x)
        diagonal = matrix.diagonal()
        apart = matrix.square().sum() - diagonal.square().sum()
        total: Tensor = (1.0 - diagonal).square().sum() + self.settings.redundancy * apart
        return total

    def optimum(self, population: Columns) -> NDArray[np.float64] | None:
        """The first d non-trivial eigenfunctions of the pair kernel: the outputs whose views correlate most.

        Exact with one output; with more, among outputs that do not correlate.
        """
        return None if self.settings.projector else eigenfunctions(population, self.dim)[1]


def _standardised(view: Tensor) -> Tensor:
    """Every output of (B, d) with mean 0 and variance 1 over the batch; BatchNorm's 1e-5 keeps constants finite."""
    centred = view - view.mean(dim=0)
    return centred / (centred.square().mean(dim=0) + 1e-5).sqrt()
