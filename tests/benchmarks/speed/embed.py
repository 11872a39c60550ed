"""Embedding a split, beside a plain forward pass over every picture of it."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.models import resnet18

from pendgen.variants import GraphicalNoise, Vanilla
from pendtrain.embed import embed
from pendtrain.encoders import create
from pendtrain.shards import open_dataset, read_split
from speed.timing import Line, Plan, alternating, timed

PLAIN = 10_240
"""Pictures of the plain pass, each of which costs as much as the next."""


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second: of pictures that recur, and of pictures that are all different."""
    encoder, model = create(1, 0).to(plan.device), resnet18(num_classes=1).to(plan.device).eval()
    for variant, pendulums in ((Vanilla(), 5120), (GraphicalNoise(0.25), 512)):
        directory = plan.data(variant, 64 if plan.quick else pendulums)
        images = read_split(open_dataset(directory), "test", ("image",))["image"]
        images = images.reshape(-1, *images.shape[2:])
        flat = images[: PLAIN // (40 if plan.quick else 1)]
        count, few = len(images), len(flat)

        def mine(images: NDArray[np.uint8] = images, count: int = count) -> float:
            return count / timed(lambda: embed(encoder, [images], count, plan.device))

        def theirs(flat: NDArray[np.uint8] = flat, few: int = few) -> float:
            return few / timed(lambda: forward(model, flat, plan.device))

        rates = alternating([mine, theirs], plan.slow_rounds)
        yield Line(f"embed {variant.label('paper')}, {count:,} images ÷ plain forward pass", *rates, "images/s")


@torch.inference_mode()
def forward(model: nn.Module, images: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
    """Outputs (N, d) for pictures (N, S, S, 3), 1024 at a time, in float32 and NCHW."""
    parts = [torch.from_numpy(part).to(device) for part in np.array_split(images, -(-len(images) // 1024))]
    outputs = [model(part.permute(0, 3, 1, 2).contiguous().float() / 255).cpu() for part in parts]
    return torch.cat(outputs).numpy()
