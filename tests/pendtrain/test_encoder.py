import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from pendtrain import checkpoint
from pendtrain.encoders import create
from pendtrain.encoders.convolutions import Conv1x1, Conv3x3, _Strided, _taps, shared
from pendtrain.encoders.resnet18 import ResNet18
from pendtrain.learner import Learner
from pendtrain.recipe import Recipe


@pytest.mark.parametrize("size", [16, 32, 48, 100])
def test_same_function_and_gradient_as_torchvision(size: int) -> None:
    """Against torchvision's own ResNet-18 on pixels / 255, in float64, forward and backward."""
    fast = create(dim=3, seed=1)
    assert isinstance(fast, ResNet18)
    fast.double()
    plain = resnet18(weights=None, num_classes=3).double()
    plain.load_state_dict(fast.weights())
    pixels = torch.randint(256, (6, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    outputs = [fast.resnet.fc(fast.features(pixels)), plain(pixels.double().permute(0, 3, 1, 2) / 255.0)]
    assert torch.allclose(outputs[0], outputs[1], rtol=0, atol=1e-12)
    for output in outputs:
        output.square().sum().backward()
    for (name, ours), theirs in zip(fast.resnet.named_parameters(), plain.parameters(), strict=True):
        assert ours.grad is not None
        assert theirs.grad is not None
        error = (ours.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
        assert error < 1e-11, name


KINDS = [(Conv3x3, 3), (Conv1x1, 1)]


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("kind", "kernel"), KINDS)
def test_layers_are_the_same_function_and_gradient_at_every_size(
    kind: type[nn.Conv2d], kernel: int, side: int, stride: int, bias: bool
) -> None:
    """Against nn.Conv2d in float64: there to rounding, in bfloat16 within a few of its roundings of 2⁻⁹.

    Not against nn.Conv2d in bfloat16: torch 2.15's leaves the gradient of taps that touch no pixel as memory happened
    to be, on 1×1 maps with stride 2.
    """
    torch.manual_seed(side)
    plain = nn.Conv2d(16, 24, kernel, stride, kernel // 2, bias=bias).to(memory_format=torch.channels_last)
    ours = kind(16, 24, kernel, stride, kernel // 2, bias=bias).to(memory_format=torch.channels_last)
    ours.load_state_dict(plain.state_dict())
    x = torch.rand(4, 16, side, side).to(memory_format=torch.channels_last)

    def passes(layer: nn.Module, x: Tensor) -> list[Tensor]:
        """Output, and the gradients of input and parameters, of a loss that tells every pixel from every other."""
        layer.zero_grad()
        x = x.detach().requires_grad_()
        output = layer(x)
        (output * torch.linspace(-1, 1, output.numel()).view(output.shape)).sum().backward()
        gradients = [x.grad, *(each.grad for each in layer.parameters())]
        return [output.detach(), *(each for each in gradients if each is not None)]

    with torch.autocast("cpu", torch.bfloat16):
        rounded = passes(ours, x)
    exact = [passes(layer.double(), x.double()) for layer in (ours, plain)]
    assert len(exact[0]) == 3 + bias
    for one, other in zip(*exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)
    for one, other in zip(rounded, exact[1], strict=True):
        assert one.shape == other.shape
        assert (one - other).norm() < 0.01 * other.norm()


@pytest.mark.parametrize("side", [3, 4, 5, 8])
def test_gradients_over_windows_are_those_of_the_convolution(side: int) -> None:
    torch.manual_seed(side)
    x = torch.rand(4, 5, side, side, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(7, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    ours, plain = _Strided.apply(x, weight), functional.conv2d(x, weight, stride=2, padding=1)
    assert torch.equal(ours, plain)
    for one, other in zip(*(torch.autograd.grad(each.exp().sum(), (x, weight)) for each in (ours, plain)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_a_layer_between_two_stays_in_channels_last() -> None:
    """Else oneDNN would reorder every map in between."""
    x = torch.rand(4, 5, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    for kind, kernel in KINDS:
        layer = kind(5, 7, kernel, 2, kernel // 2, bias=False).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            output = layer(x)
        (gradient,) = torch.autograd.grad(output.sum(), x)
        assert all(each.is_contiguous(memory_format=torch.channels_last) for each in (output, gradient))


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
    assert all(each.matrices is None for each in encoder.modules() if isinstance(each, Conv3x3 | Conv1x1))


def test_it_can_be_trained_where_it_was_evaluated_before() -> None:
    _taps.cache_clear()
    encoder, images = create(dim=1, seed=0), torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    with torch.inference_mode():
        encoder(images)
    encoder(images).sum().backward()


def trained(seed: int) -> ResNet18:
    """An encoder whose BatchNorms have scales, shifts and running statistics of their own."""
    encoder = create(3, seed)
    assert isinstance(encoder, ResNet18)
    draw = torch.Generator().manual_seed(seed)
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values, low, high in ((norm.weight.data, 0.5, 1.5), (norm.bias.data, -0.5, 0.5)):
                values.uniform_(low, high, generator=draw)
            norm.running_mean.uniform_(-0.5, 0.5, generator=draw)
            norm.running_var.uniform_(0.3, 1.3, generator=draw)
    return encoder


@pytest.mark.parametrize("size", [16, 32, 100])
@torch.no_grad()
def test_folded_it_is_the_same_function(size: int) -> None:
    """In float64 to rounding; in float32 as near to that as the plain forward is, which is 1e-6 to 5e-6."""
    encoder = trained(size)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    images = torch.randint(0, 256, (8, size, size, 3), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    folded = encoder.folded()
    assert encoder.training
    assert not folded.training
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    encoder.eval()
    exact = encoder.double().resnet((images / 255.0).double().permute(0, 3, 1, 2))
    again = encoder.folded().resnet((images / 255.0).double().permute(0, 3, 1, 2))
    assert (exact - again).norm() < 1e-13 * exact.norm()
    plain = encoder.float()
    assert (folded(images) - plain(images)).norm() < 1e-5 * exact.norm()
    assert (folded(images) - exact).norm() < 2 * (plain(images) - exact).norm() + 1e-6 * exact.norm()
    assert (folded.features(images) - plain.features(images)).norm() < 1e-5 * plain.features(images).norm()


def test_embeddings_are_float32_under_bfloat16() -> None:
    encoder = create(dim=2, seed=0).eval()
    images = torch.randint(0, 256, (64, 32, 32, 3), dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        embedding = encoder(images)
    assert embedding.shape == (64, 2)
    assert embedding.dtype == torch.float32
    # Rounded to bfloat16 the outputs would coincide; they must not.
    assert (embedding != embedding.bfloat16().float()).any()


def test_seeds_of_more_than_32_bits_are_told_apart() -> None:
    seeds = (5, 2**32 + 5, 2**63 - 1, 2**32 - 1, 5)
    first = [create(1, seed).resnet.conv1.weight for seed in seeds]
    assert all(torch.equal(a, b) == (i % 4 == j % 4) for i, a in enumerate(first) for j, b in enumerate(first))
    for seed in (5, 2**32 - 1):  # of what was trained before
        torch.manual_seed(seed)
        assert torch.equal(resnet18(num_classes=1).conv1.weight, first[seeds.index(seed)])


def test_heads_are_not_the_encoder_again() -> None:
    learner = Learner(Recipe.of(method="vicreg", projector=8, seed=3))
    torch.manual_seed(3)
    twin = type(learner.objective)(learner.recipe.own, learner.encoder, 1, "paper")
    pairs = zip(learner.objective.parameters(), twin.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs if a.ndim == 2)


def test_what_is_drawn_in_threads_follows_the_seed(tmp_path: Path) -> None:
    """As on a Dask worker of several threads, where another fit goes on from its checkpoint meanwhile."""
    seeds = [0, 1, 2, 3] * 3
    recipes = [Recipe.of(method="vicreg", projector=8, seed=seed) for seed in seeds]
    alone = [Learner(recipe).state_dict() for recipe in recipes[:4]]
    body = torch.nn.Linear(1, 1)
    optimiser, saved = torch.optim.SGD(body.parameters()), tmp_path / "checkpoint.pt"
    identity = {**Recipe().settings, "digest": ""}
    checkpoint.save(saved, body, optimiser, 1, identity)
    done = threading.Event()

    def go_on() -> None:
        while not done.is_set():
            checkpoint.restore(saved, body, optimiser, identity)

    with ThreadPoolExecutor(4) as pool:
        other = pool.submit(go_on)
        found = list(pool.map(Learner, recipes))
        done.set()
        other.result()
    for seed, learner in zip(seeds, found, strict=True):
        assert all(torch.equal(value, alone[seed][name]) for name, value in learner.state_dict().items())


def test_same_seed_same_encoder_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = create(1, 3), create(1, 3), create(1, 4)
    assert torch.equal(before, torch.get_rng_state())
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert not torch.equal(one.resnet.conv1.weight, other.resnet.conv1.weight)
