"""Encoder + objective: what is optimised, saved, distributed and resumed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pendtrain.encoders import Encoder, ResNet18, create
from pendtrain.encoders.convolutions import shared
from pendtrain.objectives import Labels, Objective, Rows, find
from pendtrain.recipe import Recipe
from pendtrain.seeding import seeded

AVERAGED_FROM = 0.5
"""Of the run: before, the encoder is still on its way."""


class Learner(nn.Module):
    """The encoder and the body of the objective, built from a recipe; the same for the same seed."""

    def __init__(self, recipe: Recipe, images: NDArray[np.uint8] | None = None) -> None:
        """`images`: the distinct ones, uint8 (U, S, S, 3), of an encoder that is a table."""
        super().__init__()
        self.recipe = recipe
        self.encoder = create(recipe.dim, recipe.seed, images, recipe.encoder)
        with seeded(recipe.seed, stream=1), speaks_of(recipe.method):  # else heads would repeat the encoder's draws
            self.objective: Objective = find(recipe.method)(recipe.own, self.encoder, recipe.dim, recipe.protocol)
        self.averaged: AveragedModel | None = None
        if recipe.averaging:
            how = get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
            # Statistics have a mean, places in a table have none.
            mean = isinstance(self.encoder, ResNet18)
            self.averaged = AveragedModel(self.encoder, multi_avg_fn=how, use_buffers=mean).requires_grad_(False)

    @property
    def result(self) -> Encoder:
        """The encoder that is scored and kept: the average, once there is one."""
        if self.averaged is None or not int(self.averaged.n_averaged):
            return self.encoder
        return cast(Encoder, self.averaged.module)

    def forward(self, first: Tensor, second: Tensor) -> Rows:
        """What the loss needs of each pendulum, float32 (B, …), never bfloat16; two views uint8 (B, S, S, 3)."""
        with speaks_of(self.recipe.method), shared(self.encoder):
            rows = self.objective.rows(self.encoder, first, second)
            return tuple(each.float() if each.dtype is torch.bfloat16 else each for each in rows)

    def loss(self, rows: Rows, labels: Labels) -> Tensor:
        """The loss of a whole batch. Raises ValueError where the objective does not return one number."""
        with speaks_of(self.recipe.method):
            loss = self.objective.loss(rows, labels)
            if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
                shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
                raise ValueError(f"the loss is {shape}, expected a scalar tensor with a gradient")
            return loss.reshape(())

    def after_step(self) -> None:
        """Once the parameters have moved: what the objective does then, and the average."""
        with speaks_of(self.recipe.method):
            self.objective.after_step(self.encoder)
        if self.averaged is not None and self.objective.progress >= AVERAGED_FROM:
            self.averaged.update_parameters(self.encoder)


class ObjectiveFailed(Exception):
    """An objective raised, or returned what is no loss."""


@contextmanager
def speaks_of(method: str) -> Iterator[None]:
    """Whatever an objective raises, in one line that names it."""
    try:
        yield
    except (KeyboardInterrupt, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        raise ObjectiveFailed(f"method {method} raised {type(problem).__name__}: {reason[:300]}") from problem
