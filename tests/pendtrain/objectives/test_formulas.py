"""Every loss against a calculation of its own, in loops from the paper's formula; gradients; invariances; collapse."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pendtrain.objectives import Labels, Objective, find
from pendtrain.objectives.paws import class_labels
from pendtrain.recipe import METHODS, Recipe

Array = np.ndarray


def made(method: str, dim: int = 1, seed: int = 0, **settings: Any) -> Objective:
    recipe = Recipe.of(method=method, dim=dim, **settings)
    torch.manual_seed(seed)
    return find(method)(recipe.own, torch.nn.Linear(3, dim), dim, "paper").double()


def views(count: int = 7, dim: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(count, dim, dtype=torch.float64, generator=draw)
    return x, x + 0.3 * torch.randn(count, dim, dtype=torch.float64, generator=draw)


def labels(count: int, extra: int = 0) -> Labels:
    energy = torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    flag = torch.zeros(count, dtype=torch.bool)
    flag[count - extra :] = extra > 0
    return Labels(energy, flag)


def vicreg(x: Array, y: Array) -> float:
    n, d = x.shape
    invariance = sum(((x[i] - y[i]) ** 2).sum() for i in range(n)) / n
    total = 25 * invariance
    for z in (x, y):
        cov = sum(np.outer(row - z.mean(0), row - z.mean(0)) for row in z) / (n - 1)
        total += 25 * np.mean([max(0.0, 1 - math.sqrt(cov[j, j] + 1e-4)) for j in range(d)])
        total += sum(cov[i, j] ** 2 for i in range(d) for j in range(d) if i != j) / d
    return float(total)


def barlow_twins(x: Array, y: Array) -> float:
    n, d = x.shape
    a, b = ((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) for z in (x, y))
    c = [[sum(a[k, i] * b[k, j] for k in range(n)) / n for j in range(d)] for i in range(d)]
    return float(sum((1 - c[i][j]) ** 2 if i == j else 0.0051 * c[i][j] ** 2 for i in range(d) for j in range(d)))


def spectral(x: Array, y: Array, one: float = 1.0) -> float:
    n = len(x)
    own = sum(one + x[i] @ y[i] for i in range(n)) / n
    others = [(one + x[i] @ y[j]) ** 2 for i in range(n) for j in range(n) if i != j]
    return float(-2 * own + np.mean(others))


def align_uniform(x: Array, y: Array) -> float:
    n = len(x)
    aligned = np.mean([((x[i] - y[i]) ** 2).sum() for i in range(n)])
    uniform = [
        math.log(np.mean([math.exp(-2 * ((z[i] - z[j]) ** 2).sum()) for i in range(n) for j in range(n) if i != j]))
        for z in (x, y)
    ]
    return float(aligned + np.mean(uniform))


def one_sided(x: Array, y: Array) -> float:
    rows = [[math.exp(-((a - b) ** 2).sum() / 0.1) for b in y] for a in x]
    return float(np.mean([-math.log(row[i] / sum(row)) for i, row in enumerate(rows)]))


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize(
    ("method", "settings", "expected"),
    [
        ("vicreg", {}, vicreg),
        ("barlow_twins", {}, barlow_twins),
        ("spectral", {}, spectral),
        ("spectral", {"constant": False}, lambda x, y: spectral(x, y, 0.0)),
        ("align_uniform", {}, align_uniform),
        ("contrastive", {"one_sided": True}, one_sided),
    ],
)
def test_losses_of_two_views(
    method: str, settings: dict[str, Any], expected: Callable[[Array, Array], float], dim: int
) -> None:
    objective = made(method, dim, **settings)
    x, y = views(dim=dim)
    assert objective.loss((x, y), labels(7)).item() == pytest.approx(expected(x.numpy(), y.numpy()), rel=1e-9)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    here = objective.loss((x, y), labels(7))
    assert torch.allclose(objective.loss((x[order], y[order]), labels(7)), here)
    if not settings.get("one_sided"):
        assert torch.allclose(objective.loss((y, x), labels(7)), here)
    assert torch.allclose(objective.loss((-x, -y), labels(7)), here)
    if method not in ("spectral",):
        assert torch.allclose(objective.loss((x + 3, y + 3), labels(7)), here)
    if method == "barlow_twins":
        assert torch.allclose(objective.loss((4 * x, 0.1 * y), labels(7)), here, atol=2e-3)
    a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda u, v: objective.loss((u, v), labels(7)), (a, b))


def test_collapse_costs_what_the_formula_says() -> None:
    same = torch.full((8, 2), 0.7, dtype=torch.float64)
    expected = {"vicreg": 2 * 25 * (1 - 0.01), "barlow_twins": 2.0, "align_uniform": 0.0}
    for method, loss in expected.items():
        assert made(method, 2).loss((same, same), labels(8)).item() == pytest.approx(loss), method
    nothing = torch.zeros(8, 2, dtype=torch.float64)
    assert made("spectral", 2).loss((nothing, nothing), labels(8)).item() == pytest.approx(-1.0)
    for method in ("simsiam", "byol"):  # collapse is a minimum there: only the way to it is barred
        assert made(method).loss((nothing,) * 4, labels(8)).item() == 0.0


@pytest.mark.parametrize("space", ["euclidean", "sphere"])
def test_simsiam_by_hand_and_its_stopped_gradient(space: str) -> None:
    objective = made("simsiam", 2, space=space, width=4, hidden=3).train()
    encoder = torch.nn.Linear(3, 2).double()
    first, second = (torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(k)) for k in (1, 2))
    z1, z2, p1, p2 = objective.rows(encoder, first, second)
    assert not z1.requires_grad
    assert not z2.requires_grad
    assert np.allclose(z1.mean(0), 0, atol=1e-12)
    assert np.allclose(z1.var(0, correction=0), 1, atol=1e-2)

    def distance(p: torch.Tensor, z: torch.Tensor) -> float:
        p, z = p.detach(), z.detach()
        if space == "sphere":
            return float(np.mean([-(a @ b) / (a.norm() * b.norm()) for a, b in zip(p, z, strict=True)]))
        return float(np.mean([((a - b) ** 2).mean() for a, b in zip(p, z, strict=True)]))

    loss = objective.loss((z1, z2, p1, p2), labels(6))
    assert loss.item() == pytest.approx((distance(p1, z2) + distance(p2, z1)) / 2)
    only_first = objective.loss((z1, z2, p1, p2.detach()), labels(6))
    only_first.backward()
    reached = encoder.weight.grad.clone()
    # The same with the second view far away in the target alone: no slope may have come from there.
    encoder.zero_grad()
    z1, _, p1, p2 = objective.rows(encoder, first, second)
    objective.loss((z1, z2.clone(), p1, p2.detach()), labels(6)).backward()
    assert torch.allclose(encoder.weight.grad, reached)
    assert reached.abs().max() > 0


@pytest.mark.parametrize("space", ["euclidean", "sphere"])
def test_the_target_of_byol_follows_slowly_and_without_gradient(space: str) -> None:
    recipe = Recipe.of(method="byol", dim=2, space=space, width=4, hidden=3, target_decay=0.9)
    encoder = torch.nn.Linear(3, 2)
    objective = find("byol")(recipe.own, encoder, 2, "paper")
    assert all(not parameter.requires_grad for parameter in objective.target.parameters())
    start = encoder.weight.detach().clone()
    rows = objective.rows(encoder, torch.randn(6, 3), torch.randn(6, 3))
    objective.loss(rows, labels(6)).backward()
    assert encoder.weight.grad is not None
    assert all(parameter.grad is None for parameter in objective.target.parameters())
    with torch.no_grad():
        encoder.weight += 1.0
    objective.progress = 0.0
    objective.after_step(encoder)
    assert torch.allclose(objective.target[0].weight, start + 0.1)
    objective.progress = 0.5
    assert objective.decay == pytest.approx(0.95)
    objective.after_step(encoder)
    assert torch.allclose(objective.target[0].weight, start + 0.1 + 0.05 * 0.9)
    objective.progress = 1.0
    assert objective.decay == 1.0
    assert {name.split(".")[0] for name in objective.state_dict()} >= {"target", "predictor"}


def test_joint_is_infonce_and_a_labelled_term() -> None:
    x, y = views(8, 1)
    known = Labels(torch.tensor([0.2, math.nan, 0.9, math.nan, math.nan, math.nan, 0.4, 0.1]).double(), labels(8, 2)[1])
    info = made("contrastive").loss((x[:6], y[:6]), labels(6)).item()
    read = (x[:, :1], y[:, :1])
    rows = [0, 2, 6, 7]
    order = made("joint", weight=2.0)
    pairs = [
        np.mean(
            [
                math.log(1 + math.exp(-(v[i] - v[j]).item() / math.sqrt(0.1)))
                for i in rows
                for j in rows
                if known.energy[i] > known.energy[j]
            ]
        )
        for v in (x, y)
    ]
    assert order.loss((x, y, *read), known).item() == pytest.approx(info + 2 * np.mean(pairs))
    squared = made("joint", term="mse")
    errors = [np.mean([(v[i] - known.energy[i]).item() ** 2 for i in rows]) for v in (x, y)]
    assert squared.loss((x, y, *read), known).item() == pytest.approx(info + np.mean(errors))
    none = Labels(torch.full((6,), math.nan, dtype=torch.float64), torch.zeros(6, dtype=torch.bool))
    six = tuple(part[:6] for part in (x, y, *read))
    assert order.loss(six, none).item() == pytest.approx(info)  # no two labels: nothing to order
    a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda u, v: order.loss((u, v, *read), known), (a, b))
    right, wrong = (order.loss((s * known.energy.nan_to_num(0.5)[:, None] * 9,) * 2 + read, known) for s in (1.0, -1.0))
    assert right < wrong


def test_paws_by_hand() -> None:
    objective = made("paws", classes=3, support=2, neighbours=0.0, ordered=False)
    x, y = views(6, 1)
    held = Labels(torch.tensor([0.5, 0.5, 0.5, 0.5, 0.1, 0.8]).double(), labels(6, 2)[1])
    support = [(x[4], 0), (x[5], 2), (y[4], 0), (y[5], 2)]

    def predict(v: torch.Tensor, own: int | None = None) -> Array:
        weights = np.array([math.exp(-((v - s) ** 2).sum().item() / 0.1) for s, _ in support])
        if own is not None:
            weights[[own % 2, own % 2 + 2]] = 0.0  # both images of one pendulum
        targets = np.array([[0.9 * (k == band) + 0.1 / 3 for k in range(3)] for _, band in support])
        return np.asarray(weights / weights.sum() @ targets)

    def sharp(p: Array) -> Array:
        return np.asarray(p**4 / (p**4).sum())

    p = [[predict(v[i]) for i in range(4)] for v in (x, y)]
    told = np.mean([-(sharp(b) @ np.log(a) + sharp(a) @ np.log(b)) / 2 for a, b in zip(*p, strict=True)])
    mean = np.mean([sharp(each) for view in p for each in view], axis=0)
    alone = told + (mean * np.log(mean)).sum()
    assert objective.loss((x, y), held).item() == pytest.approx(alone)
    targets = [np.array([0.9 * (k == band) + 0.1 / 3 for k in range(3)]) for _, band in support]
    pulled = np.mean([-(targets[i] * np.log(predict(s, i))).sum() for i, (s, _) in enumerate(support)])
    whole = made("paws", classes=3, support=2, neighbours=0.7, ordered=False)
    assert whole.loss((x, y), held).item() == pytest.approx(alone + 0.7 * pulled)
    a = x.clone().requires_grad_()
    fixed = made("paws", classes=3, support=2, spread=0.0, neighbours=0.0)
    fixed.loss((a, y), held).backward()
    assert a.grad is not None
    assert a.grad[4:].abs().max() > 0  # what supports learns as well


def test_paws_learns_nothing_of_a_labelled_pendulum_from_itself() -> None:
    """Where few have a label, a batch holds them more than once, which is to say nothing new."""
    x, y = views(6, 1)
    energy = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.1, 0.8]).double()
    extra = labels(6, 2).extra
    objective, plain = made("paws"), made("paws", neighbours=0.0)
    again = [0, 1, 2, 3, 4, 5, 4, 5, 5, 4]
    once, more = (objective.loss((x[at], y[at]), Labels(energy[at], extra[at])) for at in (again[:6], again))
    assert more.item() == pytest.approx(once.item())
    alone = [0, 1, 2, 3, 4, 4]
    known = Labels(energy[alone], extra)
    a = x[alone].requires_grad_()
    loss = objective.loss((a, y[alone]), known)
    loss.backward()
    assert loss.item() == plain.loss((a, y[alone]), known).item()
    assert bool(a.grad.isfinite().all())


def test_labels_of_paws() -> None:
    energy = torch.tensor([0.0, 0.1, 0.25, 0.5, 0.95, 1.0]).double()
    plain = class_labels(energy, find("paws").Settings(classes=4, smoothing=0.0, ordered=False))
    assert plain.argmax(dim=1).tolist() == [0, 0, 1, 2, 3, 3]
    assert plain.sum(dim=1).tolist() == plain.amax(dim=1).tolist() == [1.0] * 6
    shared = class_labels(energy, find("paws").Settings(classes=4, smoothing=0.2))
    middles = torch.tensor([0.125, 0.375, 0.625, 0.875]).double()
    expected = 0.8 * energy.clamp(0.125, 0.875) + 0.2 * 0.5  # on average a label says the energy
    assert torch.allclose(shared @ middles, expected)
    assert torch.allclose(shared.sum(dim=1), torch.ones(6).double())
    assert ((shared > 0.2 / 4 + 1e-12).sum(dim=1) <= 2).all()


def test_the_spectral_loss_is_bounded() -> None:
    """One pendulum alone, however far off it goes, pays no more than at the bound."""
    x = torch.zeros(6, 1, dtype=torch.float64)
    losses = []
    for far in (3.0, 30.0, 300.0):
        x[0] = far
        losses.append(made("spectral").loss((x, x), labels(6)).item())
    assert losses == pytest.approx([losses[0]] * 3)
    x[0] = 30.0
    assert made("spectral", bound=1e6).loss((x, x), labels(6)).item() < losses[0] - 100


def test_annealing_ends_at_the_temperature_half_way() -> None:
    hot = made("contrastive", anneal_from=10.0)
    x, y = views(7, 1)
    for progress, tau in ((0.0, 10.0), (0.25, 1.0), (0.5, 0.1), (0.9, 0.1)):
        hot.progress = progress
        plain = made("contrastive", temperature=tau).loss((x, y), labels(7))
        assert hot.loss((x, y), labels(7)).item() == pytest.approx(plain.item())


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_says_where_it_comes_from_and_takes_its_defaults(method: str) -> None:
    objective = made(method)
    assert objective.source
    rows = objective.train().rows(torch.nn.Linear(3, 1).double(), *(torch.randn(8, 3).double() for _ in range(2)))
    loss = objective.loss(rows, labels(8, 4 if objective.labels_needed else 0))
    assert loss.shape == ()
    assert loss.requires_grad
    assert torch.isfinite(loss)


@pytest.mark.parametrize(
    ("method", "wrong", "said"),
    [
        ("simsiam", {"space": "cube"}, "space is cube, expected euclidean or sphere"),
        ("simsiam", {"hidden": 0}, "hidden is 0, expected 1 to 65536"),
        ("byol", {"target_decay": 1.5}, "target_decay is 1.5, expected 0 to 1"),
        ("vicreg", {"invariance": 0.0}, "invariance is 0.0, expected above 0"),
        ("vicreg", {"projector": -1}, "projector is -1, expected 0 to 65536"),
        ("barlow_twins", {"redundancy": -1.0}, "redundancy is -1.0, expected 0 or more"),
        ("align_uniform", {"t": math.nan}, "t is nan, expected above 0"),
        ("align_uniform", {"similarity": "cosine"}, "dim is 1, expected 2 or more with similarity cosine"),
        ("joint", {"term": "l1"}, "term is l1, expected order or mse"),
        ("joint", {"temperature": -1.0}, "temperature is -1.0, expected above 0"),
        ("joint", {"labelled": 1.5}, "labelled is 1.5, expected above 0, up to 1"),
        ("spectral", {"bound": 0.0}, "bound is 0.0, expected above 0"),
        ("paws", {"classes": 1}, "classes is 1, expected 2 to 1000"),
        ("paws", {"neighbours": -1.0}, "neighbours is -1.0, expected 0 or more"),
        ("paws", {"sharpening": 0.0}, "sharpening is 0.0, expected above 0, up to 1"),
        ("paws", {"similarity": "cosine"}, "dim is 1, expected 2 or more with similarity cosine"),
    ],
)
def test_settings_refused(method: str, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe.of(method=method, **wrong)
