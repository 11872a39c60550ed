"""Small networks on top of the embedding that belong to an objective and are thrown away with it; always float32."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """Linear layers with BatchNorm and ReLU between them: (N, widths[0]) → (N, widths[-1]).

    `normed`: a last BatchNorm without scale and shift, which gives every output mean 0 and variance 1 over the batch.
    One width alone makes a head of that BatchNorm only, or none at all.
    """

    def __init__(self, *widths: int, normed: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths), start=2):
            layers.append(nn.Linear(before, after))
            if number < len(widths):
                layers += [nn.BatchNorm1d(after), nn.ReLU()]
        layers += [nn.BatchNorm1d(widths[-1], affine=False)] if normed else []
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, widths[0]) → (N, widths[-1])."""
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = self.layers(x)
        return out


def checked(settings: object, *checks: tuple[str, bool, str]) -> None:
    """Raise ValueError for the first (setting, whether it is good, what was expected) that is not good."""
    for name, good, expected in checks:
        if not good:
            raise ValueError(f"{name} is {getattr(settings, name)}, expected {expected}")
