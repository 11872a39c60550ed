"""A training step beside a plain PyTorch one, beside lightly's pieces, and beside a matrix product.

Every step: two views, uint8 and in memory, → forward, loss, backward, clipping, optimiser. Timing asks for no
pendulums: pictures are random.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from pendtrain.learner import Learner
from pendtrain.objectives import Labels
from pendtrain.optimiser import create, set_rate
from pendtrain.recipe import Recipe
from speed.timing import Line, Plan, alternating, timed

RATE = 1e-3
"""Small: on random pictures a loss may go anywhere."""
Step = Callable[[], float]
"""Takes a step, returns the loss; to return it is to wait for the device."""


def pictures(pairs: int, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Two views of random pixels, uint8 (B, S, S, 3)."""
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randint(256, (2, pairs, side, side, 3), dtype=torch.uint8, generator=draw).to(device)
    return first, second


def ours(recipe: Recipe, views: tuple[Tensor, Tensor], precision: torch.dtype) -> tuple[Step, Learner]:
    """The step of `pendtrain.fit`, and what it trains."""
    device = views[0].device
    learner = Learner(recipe).to(device).train()
    optimiser = create(recipe, learner)
    set_rate(optimiser, RATE)
    zeros = torch.zeros(len(views[0]), device=device)
    labels = Labels(zeros, zeros.bool())

    def step() -> float:
        with torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
            rows = learner(*views)
        loss = learner.loss(rows, labels)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip_norm)
        optimiser.step()
        learner.after_step()
        return loss.item()

    return step, learner


def stepping(model: nn.Module, loss_of: Callable[[Tensor, Tensor], Tensor], views: tuple[Tensor, Tensor]) -> Step:
    """A step as a tutorial would have it: float32, NCHW, SGD as in Fig. 16."""
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-3)
    model.train()

    def step() -> float:
        x, y = (model(view.permute(0, 3, 1, 2).contiguous().float() / 255) for view in views)
        loss = loss_of(x, y)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        return loss.item()

    return step


def info_nce(x: Tensor, y: Tensor) -> Tensor:
    """InfoNCE on squared distances, both directions, τ = .1, written down directly."""
    logits = -(torch.cdist(x, y) ** 2) / 0.1
    target = torch.arange(len(x), device=x.device)
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


def plain(views: tuple[Tensor, Tensor]) -> tuple[Step, nn.Module]:
    """The step of a plain PyTorch program of the same function, and what it trains."""
    model = resnet18(num_classes=1).to(views[0].device)
    return stepping(model, info_nce, views), model


def lightly(views: tuple[Tensor, Tensor]) -> Step:
    """SimCLR put together from lightly's pieces, as its documentation does. Raises ImportError without it."""
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead

    backbone = resnet18()
    backbone.fc = nn.Identity()
    model = nn.Sequential(backbone, SimCLRProjectionHead(512, 512, 128)).to(views[0].device)
    return stepping(model, NTXentLoss(temperature=0.1), views)


def products(side: int) -> int:
    """Multiply-adds of a forward pass of one picture (S, S) that meet the map: products with padding count for none."""
    layers: list[tuple[nn.Module, tuple[int, ...]]] = []
    with torch.device("meta"):
        model = resnet18(num_classes=1).eval()
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_hook(lambda which, given, _: layers.append((which, tuple(given[0].shape))))
        model(torch.empty(1, 3, side, side))
    return sum(_products(module, shape) for module, shape in layers)


def _products(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Of one layer, given the shape of what comes in."""
    if isinstance(module, nn.Linear):
        return module.in_features * module.out_features
    taps = 1
    for axis, size in enumerate(shape[2:]):
        kernel, stride, padding = (each[axis] for each in (module.kernel_size, module.stride, module.padding))
        starts = range(-padding, size + padding - kernel + 1, stride)
        taps *= sum(min(start + kernel, size) - max(start, 0) for start in starts)
    return taps * module.in_channels * module.out_channels


def sizes(plan: Plan) -> list[tuple[int, int]]:
    """Pairs a step and pixels a side."""
    return [(4, 32)] if plan.quick else [(512, 32), (128, 32), (64, 100)]


def measure(plan: Plan) -> Iterator[Line]:
    """Images a second of a step, ours and theirs."""
    for pairs, side in sizes(plan):
        views, what = pictures(pairs, side, plan.device), f"{pairs} pairs, {side} px"
        steps = [ours(Recipe(batch=pairs), views, plan.precision)[0], plain(views)[0]]
        try:
            steps.append(lightly(views))
        except ImportError:
            yield Line(f"train step ÷ lightly's SimCLR pieces, {what}: lightly not installed")
        mine, *others = rates(steps, 2 * pairs, plan)
        for other, name in zip(others, ("plain loop", "lightly's SimCLR pieces"), strict=False):
            yield Line(f"train step ÷ {name}, {what}", mine, other, "images/s")


def share(plan: Plan) -> Iterator[Line]:
    """Useful multiply-adds a second of a step, beside those of a large matrix product."""
    side = 256 if plan.quick else 4096
    for precision in dict.fromkeys((plan.precision, torch.float32)):
        matrix = torch.ones(side, side, dtype=precision, device=plan.device)
        for pairs, pixels in sizes(plan):
            step, _ = ours(Recipe(batch=pairs), pictures(pairs, pixels, plan.device), precision)
            # Backward there are two products for each forward: the gradients of weights and of inputs.
            useful = 3 * products(pixels) * 2 * pairs
            works = [step, lambda matrix=matrix: (matrix @ matrix)[0, 0].item()]
            mine, other = seconds(works, plan)
            name = f"{pairs} pairs, {pixels} px, {str(precision).removeprefix('torch.')}"
            rates = ([useful / each / 1e9 for each in mine], [side**3 / each / 1e9 for each in other])
            yield Line(f"train step ÷ matrix product of {side}, {name}", *rates, "10⁹ multiply-adds/s")


def seconds(works: list[Step], plan: Plan) -> list[list[float]]:
    """Of each work, round by round, after two that do not count."""
    for work in works:
        work(), work()
    return alternating([lambda work=work: timed(work) for work in works], plan.rounds)


def rates(works: list[Step], images: int, plan: Plan) -> list[list[float]]:
    """Images a second of each work, which sees so many."""
    return [[images / each for each in one] for one in seconds(works, plan)]
