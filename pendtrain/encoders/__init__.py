"""What turns images into embeddings: `resnet18`, or a `table` of free vectors.

An encoder is an nn.Module, uint8 (N, S, S, 3) → float32 (N, d), with `weights()` for `encoder.safetensors`, `load`, and
`folded()`, which is what embeds.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from pendtrain.encoders.resnet18 import ResNet18
from pendtrain.encoders.table import Table
from pendtrain.seeding import seeded

Encoder = ResNet18 | Table
__all__ = ["Encoder", "ResNet18", "Table", "create"]


def create(dim: int, seed: int, images: NDArray[np.uint8] | None = None, kind: str = "resnet18") -> Encoder:
    """A freshly initialised encoder, the same for the same seed; ResNet-18 in channels_last.

    `images`: the distinct ones of a table, uint8 (U, S, S, 3); None where weights are loaded next.
    """
    with seeded(seed):
        if kind == "resnet18":
            return ResNet18(dim).to(memory_format=torch.channels_last)
        return Table(dim, images)
