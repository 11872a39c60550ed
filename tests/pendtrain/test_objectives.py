import math

import numpy as np
import pytest
import torch

from pendtrain.objectives import Labels, find
from pendtrain.objectives.contrastive import squared_distances
from pendtrain.objectives.supervised import soft_ranks
from pendtrain.recipe import Recipe, learning_rate

R, S = Recipe(), Recipe(method="supervised")
NONE = torch.empty(0)


def loss(x: torch.Tensor, y: torch.Tensor, energy: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """The recipe's objective on embeddings of two views."""
    objective = find(recipe.method)(recipe.own, torch.nn.Identity(), recipe.dim, recipe.protocol)
    return objective.loss((x, y), Labels(energy, torch.zeros(len(x), dtype=torch.bool)))


def contrastive(x: torch.Tensor, y: torch.Tensor, energy: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    assert recipe.method == "contrastive"
    return loss(x, y, energy, recipe)


def supervised(x: torch.Tensor, y: torch.Tensor, energy: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    assert recipe.method == "supervised"
    return loss(x, y, energy, recipe)


def views(count: int = 9, dim: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(count, dim, dtype=torch.float64, generator=draw)
    return x, x + 0.3 * torch.randn(count, dim, dtype=torch.float64, generator=draw)


def test_infonce_by_hand() -> None:
    """Two pendulums, one output: every logit can be written down."""
    x, y = torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.tensor([[0.1], [0.8]], dtype=torch.float64)
    logits = [[-0.01 / 0.1, -0.64 / 0.1], [-0.81 / 0.1, -0.04 / 0.1]]

    def nll(row: list[float], k: int) -> float:
        return -row[k] + math.log(sum(math.exp(v) for v in row))

    columns = [list(column) for column in zip(*logits, strict=True)]
    expected = (nll(logits[0], 0) + nll(logits[1], 1) + nll(columns[0], 0) + nll(columns[1], 1)) / 4
    assert contrastive(x, y, NONE, R).item() == pytest.approx(expected, rel=1e-12)


def test_infonce_bounds() -> None:
    same = torch.zeros(50, 1, dtype=torch.float64)
    assert contrastive(same, same, NONE, R).item() == pytest.approx(math.log(50))
    apart = torch.arange(50, dtype=torch.float64)[:, None] * 100
    assert contrastive(apart, apart, NONE, R).item() == pytest.approx(0.0, abs=1e-12)


def test_gradients_agree_with_finite_differences() -> None:
    x, y = (v.requires_grad_() for v in views(5))
    assert torch.autograd.gradcheck(lambda a, b: contrastive(a, b, NONE, R), (x, y))
    energy = torch.rand(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: supervised(a, b, energy, S), (x, y))


def test_euclidean_laws() -> None:
    x, y = views()
    here = contrastive(x, y, NONE, R)
    turn = torch.linalg.qr(torch.randn(2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(contrastive(x + 7, y + 7, NONE, R), here)  # shift
    assert torch.allclose(contrastive(-x, -y, NONE, R), here)  # reflection
    assert torch.allclose(contrastive(x @ turn, y @ turn, NONE, R), here)  # rotation
    assert torch.allclose(contrastive(x[order], y[order], NONE, R), here)  # order of the batch
    assert torch.allclose(contrastive(y, x, NONE, R), here)  # order of the views
    hotter = Recipe.of(temperature=4 * R.own.temperature)
    assert torch.allclose(contrastive(2 * x, 2 * y, NONE, hotter), here)  # temperature is a squared length


def test_cosine_by_hand_and_its_laws() -> None:
    recipe = Recipe.of(dim=2, similarity="cosine", temperature=0.5)
    x = torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    y = torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)
    c = math.sqrt(0.5)
    logits = torch.tensor([[c, 0.0], [c, 1.0]], dtype=torch.float64) / 0.5
    expected = -(logits.log_softmax(1).diagonal().mean() + logits.log_softmax(0).diagonal().mean()) / 2
    assert contrastive(x, y, NONE, recipe).item() == pytest.approx(expected.item(), rel=1e-12)
    lengths = torch.tensor([[5.0], [0.1]], dtype=torch.float64)
    assert torch.allclose(contrastive(x * lengths, y * 7, NONE, recipe), contrastive(x, y, NONE, recipe))


def test_decoupled_leaves_the_positive_out() -> None:
    recipe = Recipe.of(decoupled=True)
    x, y = (v[:3, :1] for v in views())
    logits = -((x - y.T) ** 2) / 0.1
    rows = [-logits[i, i] + torch.logsumexp(logits[i, [j for j in range(3) if j != i]], 0) for i in range(3)]
    columns = [-logits[i, i] + torch.logsumexp(logits[[j for j in range(3) if j != i], i], 0) for i in range(3)]
    assert contrastive(x, y, NONE, recipe).item() == pytest.approx(float(sum(rows + columns)) / 6, rel=1e-12)
    apart = torch.arange(5, dtype=torch.float64)[:, None]
    losses = [contrastive(s * apart, s * apart, NONE, recipe).item() for s in (1.0, 10.0, 100.0)]
    assert losses[0] > losses[1] > losses[2]  # no bound below: it pays to go on spreading
    assert losses[2] < -1e4


def test_absolute_error_and_original_protocol() -> None:
    x, y, energy = torch.tensor([[0.5]]), torch.tensor([[0.1]]), torch.tensor([0.2])
    l1 = Recipe.of(method="supervised", loss="l1")
    assert supervised(x, y, energy, l1).item() == pytest.approx(0.2)
    original = Recipe.of(method="supervised", protocol="original")
    assert supervised(x, y, energy, original).item() == pytest.approx(0.09)


def test_soft_ranks_approach_ranks_and_their_loss_spearman() -> None:
    draw = torch.Generator().manual_seed(3)
    values, energy = (torch.rand(40, dtype=torch.float64, generator=draw) for _ in range(2))
    ranks = values.argsort().argsort().double() + 1.0
    assert torch.allclose(soft_ranks(values, 1e-6), ranks, atol=1e-6)
    assert torch.allclose(soft_ranks(3 * values - 5), soft_ranks(values))
    assert soft_ranks(values).sum().item() == pytest.approx(40 * 41 / 2)
    recipe = Recipe.of(method="supervised", loss="spearman")
    exact = np.corrcoef(ranks, energy.argsort().argsort())[0, 1]
    assert supervised(values[:, None], values[:, None], energy, recipe).item() == pytest.approx(1 - exact, abs=0.02)
    assert supervised(energy[:, None], energy[:, None], energy, recipe).item() < 0.01
    assert supervised(-energy[:, None], -energy[:, None], energy, recipe).item() > 1.99
    x = values[:6, None].requires_grad_()
    assert torch.autograd.gradcheck(lambda v: supervised(v, v, energy[:6], recipe), (x,))


def test_distances_survive_large_offsets() -> None:
    x = torch.tensor([[1e4], [1e4 + 1 / 64]])
    assert squared_distances(x, x)[0, 1].item() == pytest.approx(2**-12, rel=1e-6)


def test_mean_squared_error_of_every_output_and_view() -> None:
    x, y = torch.tensor([[0.5, 0.1]]), torch.tensor([[0.3, 0.4]])
    expected = (0.3**2 + 0.1**2 + 0.1**2 + 0.2**2) / 4
    assert supervised(x, y, torch.tensor([0.2]), S).item() == pytest.approx(expected)


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = np.array([learning_rate(R, step, 10) for step in range(1000)])
    assert np.allclose(rates[:50], 0.04 * np.arange(1, 51) / 50)
    assert rates.max() == rates[49] == rates[50] == 0.04
    assert np.all(np.diff(rates[50:]) < 0)
    assert rates[525] == pytest.approx(0.02)
    assert 0 < rates[-1] < 1e-6
    assert learning_rate(Recipe(epochs=2), 0, 10) == pytest.approx(0.04 / 10)  # warm-up is half of a short run


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "magic"}, {"dim": 0}, {"seed": -1}, {"epochs": 0}, {"batch": 1}, {"temperature": 0.0},
        {"temperature": math.nan}, {"learning_rate": -0.1}, {"momentum": 1.0}, {"weight_decay": -1e-3},
        {"clip_norm": 0.0}, {"clip_norm": math.nan}, {"warmup_epochs": -1}, {"learning_rate": math.inf},
    ],
)  # fmt: skip
def test_recipe_refuses(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*, expected"):
        Recipe.of(**wrong)


def test_label_names_what_differs() -> None:
    assert Recipe().label == "contrastive-d1"
    assert Recipe(method="supervised", dim=2, seed=9).label == "supervised-d2"
    assert Recipe(epochs=20, learning_rate=0.01).label == "contrastive-d1-epochs-20-learning-rate-0.01"
