"""No network at all: a free vector for every distinct image, which is what an objective wants with nothing in its way.

An image is found by a hash of its pixels, 64 bits of a random linear form. An image that the table does not hold has
the vector of the one in it that differs least, by the sum of squared differences of pixels.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

MOST_SHARE = 0.5
"""Of distinct images among all: where hardly any image recurs, a table learns each by heart and nothing else."""


class Table(nn.Module):
    """Images → vectors. `images`: uint8 (U, S, S, 3), all different; None before `load`."""

    images: Tensor
    codes: Tensor
    order: Tensor

    def __init__(self, dim: int, images: NDArray[np.uint8] | None = None) -> None:
        super().__init__()
        held = torch.zeros((0, 1, 1, 3), dtype=torch.uint8) if images is None else torch.from_numpy(images)
        self.register_buffer("images", held, persistent=False)
        self.vectors = nn.Parameter(torch.randn(len(held), dim))
        self._index()

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, S, S, 3) → float32 (N, dim)."""
        return self.vectors[self.places(images)]

    def places(self, images: Tensor) -> Tensor:
        """Which image of the table each of (N, S, S, 3) is, or is nearest to: int64 (N,)."""
        codes = _codes(images)
        at = torch.searchsorted(self.codes, codes).clamp_max(len(self.codes) - 1)
        found = self.order[at]
        unknown = self.codes[at] != codes
        if bool(unknown.any()):
            found[unknown] = self._nearest(images[unknown])
        return found

    def folded(self) -> Self:
        """Itself: there is nothing to fold."""
        return self

    def weights(self) -> dict[str, Tensor]:
        """What `encoder.safetensors` holds: `images` uint8 (U, S, S, 3) and their `vectors` float32 (U, dim)."""
        return {"images": self.images, "vectors": self.vectors.detach()}

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over `weights()`."""
        self.images = weights["images"]
        self.vectors = nn.Parameter(weights["vectors"].float())
        self._index()

    def _index(self) -> None:
        """`codes` ascending, and which image each belongs to."""
        codes, order = torch.sort(_codes(self.images))
        if bool((codes.diff() == 0).any()):
            raise ValueError("two images of the table are the same, expected each once")
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("order", order, persistent=False)

    def _nearest(self, images: Tensor, batch: int = 256) -> Tensor:
        held = self.images.flatten(1).float()
        length = held.square().sum(dim=1)
        parts = torch.split(images.flatten(1).float(), batch)
        # Less the length of the image asked for, which is the same for all; whole numbers below 2^53, and near enough.
        return torch.cat([(length - 2 * part @ held.T).argmin(dim=1) for part in parts])


def _codes(images: Tensor) -> Tensor:
    """A hash of each image (N, S, S, 3) uint8: int64 (N,)."""
    pixels = images.flatten(1)
    draw = torch.Generator().manual_seed(0)
    form = torch.randint(-(2**63), 2**63 - 1, (pixels.shape[1],), generator=draw).to(pixels.device)
    return (pixels.long() * form).sum(dim=1)  # wraps around, as it should
