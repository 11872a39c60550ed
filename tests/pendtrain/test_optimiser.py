"""Muon is what its authors say, wastes nothing on taps that meet padding only, and goes on to the same bits."""

import io

import pytest
import torch
from torch import Tensor, nn

from pendtrain.learner import Learner
from pendtrain.optimiser import OTHERS, POLYNOMIAL, ROWS, STEPS, Muon, create, orthogonalised, set_rate
from pendtrain.recipe import Recipe


def kernel(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(1)) / 50)


def gradient(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(64, 16, 3, 3), (96, 16, 1, 1), (32, 64, 1, 1)])
def test_a_kernel_moves_as_its_matrix_does_under_torchs_muon(shape: tuple[int, ...]) -> None:
    """torch iterates in bfloat16 always; ours in float32 differs by no more than that rounding."""
    ours = kernel(*shape)
    theirs = nn.Parameter(ours.detach().flatten(1).clone())
    muon = Muon([ours, nn.Parameter(torch.zeros(3))], momentum=0.95, weight_decay=0.1)
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.1)
    before = ours.detach().clone()
    for step in range(3):
        set_rate(muon, 0.02)
        ours.grad = gradient(ours.shape, step)
        theirs.grad = ours.grad.flatten(1).clone()
        muon.step()
        reference.step()
    moved = (ours - before).detach().flatten(1)
    assert (ours.detach().flatten(1) - theirs.detach()).norm() < 0.02 * moved.norm()


def test_a_large_kernel_moves_as_its_blocks_of_outputs_do() -> None:
    whole = kernel(2 * ROWS, 16, 1, 1)
    parts = [nn.Parameter(part.clone()) for part in whole.detach().split(ROWS)]
    muon = Muon([whole, *parts], momentum=0.9, weight_decay=0.1)
    set_rate(muon, 0.1)
    whole.grad = gradient(whole.shape, 1)
    for part, slope in zip(parts, whole.grad.split(ROWS), strict=True):
        part.grad = slope.clone()
    muon.step()
    torch.testing.assert_close(whole.detach(), torch.cat([part.detach() for part in parts]), rtol=0, atol=1e-6)


def test_taps_without_gradient_do_not_move_and_change_nothing() -> None:
    whole = gradient(torch.Size((32, 16, 3, 3)), 1)
    whole[:, :, 0] = whole[:, :, :, 0] = 0.0
    ours = kernel(32, 16, 3, 3)
    before = ours.detach().clone()
    muon = Muon([ours], momentum=0.0, weight_decay=0.0)
    set_rate(muon, 1.0)
    ours.grad = whole
    muon.step()
    change = before - ours.detach()
    assert change[:, :, 0].abs().max() == change[:, :, :, 0].abs().max() == 0
    torch.testing.assert_close(change.flatten(1), orthogonalised(whole.flatten(1)), atol=1e-6, rtol=1e-4)


def test_no_gradient_at_all_moves_nothing() -> None:
    ours = kernel(8, 4, 3, 3)
    before = ours.detach().clone()
    muon = Muon([ours], momentum=0.9, weight_decay=0.0)
    set_rate(muon, 1.0)
    ours.grad = torch.zeros_like(ours)
    muon.step()
    assert torch.equal(ours, before)


@pytest.mark.parametrize("shape", [(40, 40), (30, 200), (200, 30)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    matrix = gradient(torch.Size(shape), 3)
    values = torch.linalg.svdvals(orthogonalised(matrix))
    large = torch.linalg.svdvals(matrix / matrix.norm()) > 0.02
    assert values.max() < 1.25
    assert values[large].min() > 0.5
    scaled = orthogonalised(1e4 * matrix)
    torch.testing.assert_close(scaled, orthogonalised(matrix), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("shape", [(128, 2304), (128, 128), (128, 64)])
@pytest.mark.parametrize("decades", [0, 3, 12], ids=["all alike", "wide", "some are rounding"])
def test_directions_stay_and_singular_values_go_through_the_polynomial(shape: tuple[int, int], decades: int) -> None:
    """Against the decomposition itself, in float64; the smallest are far below what float32 keeps of a Gram matrix."""
    few = min(shape)
    left, right = (torch.linalg.qr(gradient(torch.Size((size, few)), size).double())[0] for size in shape)
    values = torch.logspace(0, -decades, few, dtype=torch.float64)
    lifted = values / values.norm()
    for _ in range(STEPS):
        lifted = POLYNOMIAL[0] * lifted + POLYNOMIAL[1] * lifted**3 + POLYNOMIAL[2] * lifted**5
    expected = (left * lifted) @ right.T
    found = orthogonalised(((left * values) @ right.T).float()).double()
    assert (found - expected).norm() < 1e-3 * expected.norm()


def test_kernels_are_orthogonalised_and_all_else_is_adamws() -> None:
    learner = Learner(Recipe.of(method="simsiam", optimiser="muon"))
    optimiser = create(learner.recipe, learner)
    assert isinstance(optimiser, Muon)
    kernels, others = (group["params"] for group in optimiser.param_groups)
    assert len(kernels) == 19  # of ResNet-18's twenty
    assert sum(each.numel() for each in [*kernels, *others]) == sum(each.numel() for each in learner.parameters())
    assert all(each.shape[1:] != (3, 7, 7) for each in kernels)
    set_rate(optimiser, 0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [0.5, 0.5 * OTHERS]
    assert optimiser.adamw.param_groups[0]["lr"] == 0.5 * OTHERS


def test_a_saved_state_goes_on_to_the_same_bits() -> None:
    def begin() -> tuple[list[nn.Parameter], Muon]:
        parameters = [kernel(8, 4, 3, 3), kernel(5, 8), kernel(7)]
        muon = Muon(parameters, momentum=0.95, weight_decay=0.01)
        set_rate(muon, 0.02)
        return parameters, muon

    def go(parameters: list[nn.Parameter], muon: Muon, steps: range) -> None:
        for step in steps:
            for number, parameter in enumerate(parameters):
                parameter.grad = gradient(parameter.shape, 10 * step + number)
            muon.step()

    through, muon = begin()
    go(through, muon, range(4))
    halted, muon = begin()
    go(halted, muon, range(2))
    file = io.BytesIO()
    torch.save([muon.state_dict(), [each.detach() for each in halted]], file)
    state, values = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    resumed, muon = begin()
    for parameter, value in zip(resumed, values, strict=True):
        parameter.data.copy_(value)
    muon.load_state_dict(state)
    go(resumed, muon, range(2, 4))
    assert all(torch.equal(a, b) for a, b in zip(through, resumed, strict=True))
