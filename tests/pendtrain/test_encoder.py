from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from pendtrain.encoders import create
from pendtrain.encoders.resnet18 import SmallMapConv2d, shared


@pytest.mark.parametrize("size", [16, 32, 48, 100])
def test_small_map_path_is_the_same_function_and_gradient(size: int) -> None:
    """Against torchvision's own ResNet-18, in float64, forward and backward."""
    fast = create(dim=3, seed=1).double()
    plain = resnet18(weights=None, num_classes=3).double()
    plain.load_state_dict(fast.resnet.state_dict())
    images = torch.rand(6, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = [net(images) for net in (fast.resnet, plain)]
    assert torch.allclose(outputs[0], outputs[1], rtol=0, atol=1e-12)
    for output in outputs:
        output.square().sum().backward()
    for (name, ours), theirs in zip(fast.resnet.named_parameters(), plain.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        error = (ours.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
        assert error < 1e-11, name


@pytest.mark.parametrize("side", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_small_map_convolution_at_every_size(side: int, stride: int) -> None:
    torch.manual_seed(side)
    small = SmallMapConv2d(5, 7, 3, stride, 1, bias=False).double()
    plain = nn.Conv2d(5, 7, 3, stride, 1, bias=False).double()
    plain.load_state_dict(small.state_dict())
    x = torch.rand(4, 5, side, side, dtype=torch.float64)
    assert torch.allclose(small(x), plain(x), atol=1e-13)


def test_matrices_shared_by_two_batches_have_the_same_gradient_and_do_not_outlive_them() -> None:
    encoder = create(dim=2, seed=1).double().resnet
    views = torch.rand(2, 6, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def gradients(both: Callable[[], list[Tensor]]) -> list[Tensor]:
        encoder.zero_grad()
        first, second = both()
        (first * second.exp()).sum().backward()
        return [each.grad.clone() for each in encoder.parameters() if each.grad is not None]

    def in_shared() -> list[Tensor]:
        with shared(encoder):
            return [encoder(view) for view in views]

    apart = gradients(lambda: [encoder(view) for view in views])
    together = gradients(in_shared)
    assert len(apart) == len(together) == len(list(encoder.parameters()))
    for one, other in zip(apart, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * float(one.abs().max()))
    assert all(each.matrices is None for each in encoder.modules() if isinstance(each, SmallMapConv2d))


def test_embeddings_are_float32_under_bfloat16() -> None:
    encoder = create(dim=2, seed=0).eval()
    images = torch.randint(0, 256, (64, 32, 32, 3), dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        embedding = encoder(images)
    assert embedding.shape == (64, 2)
    assert embedding.dtype == torch.float32
    # Rounded to bfloat16 the outputs would coincide; they must not.
    assert (embedding != embedding.bfloat16().float()).any()


def test_same_seed_same_encoder_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = create(1, 3), create(1, 3), create(1, 4)
    assert torch.equal(before, torch.get_rng_state())
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(one.resnet.conv1.weight, other.resnet.conv1.weight)
