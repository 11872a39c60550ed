"""ResNet-18 with d outputs, its convolutions those of `convolutions`.

Function, parameters and their names stay torchvision's, so `state_dict` loads into a plain
`torchvision.models.resnet18(num_classes=d)` and back.

Source: He et al. 2016, https://arxiv.org/abs/1512.03385, as implemented by torchvision.
"""

from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pendtrain.encoders import convolutions


class ResNet18(nn.Module):
    """Images → embeddings: torchvision's ResNet-18, whose last layer has `dim` outputs.

    The trunk runs under whatever autocast is active; the last layer always in float32, since eight
    bits of bfloat16 mantissa would round a one-dimensional embedding to a few hundred values.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        from torchvision.models import resnet18  # here, since it brings torch's compiler: seconds

        self.resnet = resnet18(weights=None, num_classes=dim)
        convolutions.faster(self.resnet)

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
        x = (images.to(net.conv1.weight.dtype) / 255.0).permute(0, 3, 1, 2)
        # torchvision has ReLU before the pool: the same outputs and gradients, but four times the pixels.
        x = net.relu(net.maxpool(net.bn1(net.conv1(x))))
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
