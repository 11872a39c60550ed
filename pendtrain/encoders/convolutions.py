"""ResNet-18's convolutions where a matrix product does the same in less time.

Which class a layer has changes neither its function nor its parameters, so `faster` may turn torchvision's layers into
these where they stand. Each takes over where it was measured to pay, and leaves the rest to `nn.Conv2d`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input


class _Shared(nn.Conv2d):
    matrices: dict[int, Tensor] | None = None
    """Within `shared`, what was made of the kernel; 3×3 ones have one for each side of a map."""

    def matrix(self, key: int, make: Callable[[], Tensor]) -> Tensor:
        """What `make` makes of the kernel, within `shared` once for each key."""
        held = {} if self.matrices is None else self.matrices
        if key not in held:
            held[key] = make()
        return held[key]


class Conv3x3(_Shared):
    """A 3×3 convolution, padding 1, stride 1 or 2.

    At 32 pixels ResNet-18 ends in 2×2 and 1×1 maps, where it mostly multiplies zeros: there it is one dense product
    over the taps that touch the map. With stride 2, in bfloat16 on a CPU, the gradient of its weights is one product
    over the windows; oneDNN takes half as long again for it, in float32 it does not.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name nn.Conv2d gives it
        """(N, C, H, W) → (N, C', H', W'), channels_last in and out where the map is small."""
        side, precision = input.shape[-1], _precision(input)
        if side <= 2 and input.shape[-2] == side:
            return self._small(input, side, precision)
        bfloat16 = precision is torch.bfloat16 and input.device.type == "cpu"
        if bfloat16 and self.stride == (2, 2) and self.bias is None:
            kernel = self.matrix(side, lambda: self.weight.to(precision))
            strided: Tensor = _Strided.apply(input.to(precision), kernel)
            return strided
        return super().forward(input)

    def _small(self, input: Tensor, side: int, precision: torch.dtype) -> Tensor:  # noqa: A002
        c_out, c_in = self.weight.shape[:2]
        out_side = (side - 1) // self.stride[0] + 1

        def dense() -> Tensor:
            # One gather, whose gradient is one sum: a slice for each tap would fill a whole kernel's gradient for each.
            rows = self.weight.permute(0, 2, 3, 1).reshape(c_out, 9, c_in)  # no copy in channels_last
            rows = rows.index_select(1, _taps(side, self.stride[0], input.device))
            return rows.reshape(-1, side**2 * c_in).to(precision)

        matrix = self.matrix(side, dense)
        bias = None if self.bias is None else self.bias.repeat_interleave(out_side**2).to(matrix.dtype)
        product = functional.linear(input.permute(0, 2, 3, 1).flatten(1), matrix, bias)
        return product.view(-1, c_out, out_side, out_side).contiguous(memory_format=torch.channels_last)


class Conv1x1(_Shared):
    """A 1×1 convolution without padding: on a CPU one product over the pixels it reads."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """(N, C, H, W) → (N, C', H', W'), channels_last in and out."""
        if input.device.type != "cpu":
            return super().forward(input)
        down, across = self.stride
        pixels = input.permute(0, 2, 3, 1)[:, ::down, ::across]
        # Permuted, so that its gradient lies in memory as the kernel does, which DistributedDataParallel asks for.
        kernel, precision = self.weight.permute(0, 2, 3, 1), _precision(input)
        matrix = self.matrix(0, lambda: kernel.reshape(self.out_channels, -1).to(precision))
        # As rows: `linear` on four dimensions took 32 ms in bfloat16 where this takes .7.
        product = functional.linear(pixels.reshape(-1, self.in_channels), matrix, self.bias)
        return product.view(*pixels.shape[:3], self.out_channels).permute(0, 3, 1, 2)


class _Strided(torch.autograd.Function):
    """A 3×3 convolution with padding 1 and stride 2 of its (N, C, H, W) and (C', C, 3, 3), in one precision."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor) -> Tensor:  # noqa: A002
        ctx.save_for_backward(input, weight)
        return functional.conv2d(input, weight, stride=2, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        input, weight = ctx.saved_tensors  # noqa: A001
        to_input = conv2d_input(input.shape, weight, gradient, stride=2, padding=1)  # type: ignore[no-untyped-call]
        c_out, c_in = weight.shape[:2]
        padded = functional.pad(input.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        windows = padded.unfold(1, 3, 2).unfold(2, 3, 2).permute(0, 1, 2, 4, 5, 3).reshape(-1, 9 * c_in)
        to_weight = gradient.permute(0, 2, 3, 1).reshape(-1, c_out).T @ windows
        return to_input, to_weight.view(c_out, 3, 3, c_in).permute(0, 3, 1, 2)


def faster(module: nn.Module) -> None:
    """Make the 1×1 and 3×3 convolutions of `module`, a ResNet of torchvision's, those of this file."""
    classes = {(3, 3): Conv3x3, (1, 1): Conv1x1}
    for each in module.modules():
        if type(each) is nn.Conv2d and each.kernel_size in classes:
            each.__class__ = classes[each.kernel_size]


@contextmanager
def shared(module: nn.Module) -> Iterator[None]:
    """Within it, kernels of `module` are made ready once, however many batches it sees; one step, one device."""
    layers = [each for each in module.modules() if isinstance(each, _Shared)]
    for each in layers:
        each.matrices = {}
    try:
        yield
    finally:
        for each in layers:
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
