"""What an objective is: the part of a learner that turns the embeddings of two views into a loss, and may have a body.

A new objective is a subclass in a file of its own: its settings, the parameters it trains beside the encoder (a
projector, a predictor), what it computes per pendulum, its loss on a whole batch, and what it does after a step. It
joins the list in `pendtrain.objectives`, or stays outside: `--method yourpackage.yourmodule:YourObjective`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pendtrain.population import Columns

Rows = tuple[Tensor, ...]
Encode = Callable[[Tensor], Tensor]
"""uint8 (N, S, S, 3) → float32 (N, d)"""


class Labels(NamedTuple):
    """What is known of the pendulums of a batch beside their pictures."""

    energy: Tensor
    """float32 (B,), NaN where a pendulum keeps its energy to itself"""
    extra: Tensor
    """bool (B,): pendulums with a label that were added to the batch, beyond those an epoch shows"""


@dataclass(frozen=True)
class NoSettings:
    """Settings of an objective that has none."""


class Objective(nn.Module):
    """Base of all objectives. `progress` is the share of the run that is done, in [0, 1), set before every step.

    Whatever must survive a restart is a parameter or a buffer: both are in the checkpoint.
    """

    Settings: ClassVar[type[Any]] = NoSettings
    """Frozen dataclass; fields of type bool, int, float or str with a default; its __post_init__ raises ValueError."""
    usual: ClassVar[Mapping[str, Any]] = {}
    """Settings of the recipe that are this method's own default instead of Fig. 16's."""
    source: ClassVar[str] = ""
    """Where it comes from, for `pendtrain methods`."""
    labels_needed: int = 0
    """Labelled pendulums that are added to every batch, over all processes; an instance may set its own."""
    needs_unlabelled: ClassVar[bool] = True
    """Whether a pendulum without a label is of any use; where not, an epoch repeats those that have one."""

    @classmethod
    def check(cls, settings: Any, dim: int) -> None:
        """Raise ValueError where the settings do not go with `dim` outputs."""

    def __init__(self, settings: Any, encoder: nn.Module, dim: int, protocol: str) -> None:
        """`encoder` as it is initialised: to copy, not to keep. `protocol`: `paper` or `original`."""
        super().__init__()
        self.settings, self.dim, self.protocol = settings, dim, protocol
        self.progress = 0.0

    def rows(self, encoder: Encode, first: Tensor, second: Tensor) -> Rows:
        """What the loss needs of each pendulum: float32 tensors (B, …), row i of each of the same pendulum.

        Everything with parameters happens here, for one process's part of the batch; the loss then sees the rows of
        all processes. `first` and `second` are the two views, uint8 (B, S, S, 3).
        """
        # Each view by itself, so that BatchNorm sees them apart, as the authors did.
        return encoder(first), encoder(second)

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of the whole batch, a scalar; smaller is better."""
        raise NotImplementedError

    def after_step(self, encoder: nn.Module) -> None:
        """What happens once the optimiser has moved the parameters."""

    def optimum(self, population: Columns) -> NDArray[np.float64] | None:
        """The embedding that minimises the expected loss, float64 (U, d), free to differ from image to image.

        `population`: columns of `pendtrain.population`. None where the loss has no such optimum.
        """
        return None
