"""ResNet-18 with d outputs, and the exact path that makes it fast on small maps.

At 32 pixels ResNet-18 ends in 2×2 and 1×1 maps, where a padded 3×3 convolution mostly multiplies
zeros. `SmallMapConv2d` computes the same function and gradients there as one dense matrix product
over the taps that touch the map. Parameters and their names stay torchvision's, so `state_dict` loads
into a plain `torchvision.models.resnet18(num_classes=d)` and back.

Source: He et al. 2016, https://arxiv.org/abs/1512.03385, as implemented by torchvision.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval


class SmallMapConv2d(nn.Conv2d):
    """A 3×3 convolution, padding 1, that becomes a matrix product on inputs of 1×1 or 2×2 pixels."""

    matrices: dict[int, Tensor] | None = None
    """Within `shared`, the matrix of the kernel for each side of a map."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name nn.Conv2d gives it
        """(N, C, H, W) → (N, C', H', W'), channels_last in and out where the map is small."""
        side = input.shape[-1]
        if side > 2 or input.shape[-2] != side:
            return super().forward(input)
        c_out, c_in = self.weight.shape[:2]
        out_side = (side - 1) // self.stride[0] + 1
        held = {} if self.matrices is None else self.matrices
        if side not in held:
            # One gather, whose gradient is one sum: a slice for each tap would fill a whole kernel's gradient for each.
            rows = self.weight.permute(0, 2, 3, 1).reshape(c_out, 9, c_in)  # no copy in channels_last
            rows = rows.index_select(1, _taps(side, self.stride[0], input.device))
            held[side] = rows.reshape(-1, side**2 * c_in).to(_precision(input))
        bias = None if self.bias is None else self.bias.repeat_interleave(out_side**2).to(held[side].dtype)
        product = functional.linear(input.permute(0, 2, 3, 1).flatten(1), held[side], bias)
        return product.view(-1, c_out, out_side, out_side).contiguous(memory_format=torch.channels_last)


@contextmanager
def shared(module: nn.Module) -> Iterator[None]:
    """Within it, kernels of `module` become matrices once, however many batches it sees; one step, one device."""
    small = [each for each in module.modules() if isinstance(each, SmallMapConv2d)]
    for each in small:
        each.matrices = {}
    try:
        yield
    finally:
        for each in small:
            each.matrices = None


def _precision(input: Tensor) -> torch.dtype:  # noqa: A002
    """In which products of `input` are taken, autocast or not."""
    kind = input.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else input.dtype


@cache
def _taps(side: int, stride: int, device: torch.device) -> Tensor:
    """The tap, of nine, through which output pixel o reads input pixel i; int64 (o · i,), o slowest."""
    inputs, outputs = range(side), range((side - 1) // stride + 1)
    # With padding 1 it is tap i − stride·o + 1 along each axis.
    taps = [(i - stride * o + 1, k - stride * p + 1) for o in outputs for p in outputs for i in inputs for k in inputs]
    with torch.inference_mode(False):  # whoever asks first, training may be next
        return torch.tensor([3 * down + across for down, across in taps], device=device)


class ResNet18(nn.Module):
    """Images → embeddings: torchvision's ResNet-18, whose last layer has `dim` outputs.

    The trunk runs under whatever autocast is active; the last layer always in float32, since eight
    bits of bfloat16 mantissa would round a one-dimensional embedding to a few hundred values.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        from torchvision.models import resnet18  # here, since it brings torch's compiler: seconds

        self.resnet = resnet18(weights=None, num_classes=dim)
        for module in self.resnet.modules():
            if type(module) is nn.Conv2d and module.kernel_size == (3, 3):
                module.__class__ = SmallMapConv2d

    def forward(self, images: Tensor) -> Tensor:
        """uint8 (N, S, S, 3) → float32 (N, dim)."""
        features = self.features(images)
        with torch.autocast(features.device.type, enabled=False):
            embedding: Tensor = self.resnet.fc(features.float())
        return embedding

    def features(self, images: Tensor) -> Tensor:
        """What the last layer sees: uint8 (N, S, S, 3) → (N, 512), after ReLU and the mean over the map."""
        net = self.resnet
        # NHWC in memory read as NCHW *is* channels_last: no copy beyond the conversion.
        x = (images.float() / 255.0).permute(0, 3, 1, 2)
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        x = net.layer4(net.layer3(net.layer2(net.layer1(x))))
        return torch.flatten(net.avgpool(x), 1)

    def folded(self) -> Self:
        """A copy in evaluation mode with every BatchNorm, as its running statistics have it, in the convolution before.

        The same function but for rounding, in an eighth less time; this encoder is left as it is.
        """
        copy = deepcopy(self).eval()
        for holder in list(copy.modules()):
            for (name, layer), (after, norm) in pairwise(list(holder.named_children())):
                if isinstance(layer, nn.Conv2d) and isinstance(norm, _BatchNorm):
                    setattr(holder, name, fuse_conv_bn_eval(layer, norm))
                    setattr(holder, after, nn.Identity())
        return copy

    def weights(self) -> dict[str, Tensor]:
        """What `encoder.safetensors` holds: the state_dict of `torchvision.models.resnet18(num_classes=dim)`."""
        return dict(self.resnet.state_dict())

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over `weights()`."""
        self.resnet.load_state_dict(weights)
