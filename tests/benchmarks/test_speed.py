"""The benchmark's instruments: what it counts, compares and reads. Its figures are for an idle machine."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18

import bench
from pendgen import render
from pendgen.dataset import Dataset
from pendgen.variants import Cropping, GraphicalNoise, Large, Vanilla, Variant
from pendtrain.recipe import Recipe
from speed import build, quality, train
from speed.timing import Line, alternating, command

METRICS = """step,epoch,images,seconds,spearman,oracle_spearman
1,0,20,0.5,,
2,0,40,1.0,0.99,0.9937
3,1,60,1.5,,
4,1,80,2.0,0.9933,0.9937
"""


def test_plain_and_ours_compute_the_same_function() -> None:
    views = train.pictures(8, 32, torch.device("cpu"))
    mine, learner = train.ours(Recipe(batch=8), views, torch.float32)
    theirs, model = train.plain(views)
    model.load_state_dict(learner.encoder.weights())
    for _ in range(2):
        assert mine() == pytest.approx(theirs(), rel=1e-4)
    for name, weight in learner.encoder.weights().items():
        torch.testing.assert_close(model.state_dict()[name], weight, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("side", [32, 45, 7])
def test_products_are_those_a_convolution_of_ones_adds_up(side: int) -> None:
    found = [512.0]  # of the last layer

    def count(layer: nn.Conv2d, given: tuple[torch.Tensor], _: torch.Tensor) -> None:
        ones, kernel = torch.ones_like(given[0]), torch.ones_like(layer.weight)
        summed = functional.conv2d(ones, kernel, stride=layer.stride, padding=layer.padding)
        found.append(summed.double().sum().item())

    model = resnet18(num_classes=1).eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.inference_mode():
        model(torch.zeros(1, 3, side, side))
    assert train.products(side) == sum(found)


@pytest.mark.parametrize("variant", [Vanilla(), Large(), Cropping(0.75), GraphicalNoise(0.25)])
def test_the_pillow_loop_draws_what_is_built(variant: Variant) -> None:
    dataset, draw = Dataset(variant), np.random.default_rng(0)
    angles = draw.uniform(-np.pi, np.pi, (50, 2))
    wanted = render.draw(render.positions(angles, dataset.geometry), dataset.geometry)
    found = np.stack(build.pillow_loop(angles, dataset))
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    if not dataset.eps_g:
        apart = wanted.any(axis=-1).all(axis=(1, 2))  # black is where bobs overlap
        assert apart.sum() > 30
        assert np.array_equal(found[apart], wanted[apart])


def test_a_line_pairs_its_rounds() -> None:
    line = Line("what", [1.0, 4.0, 9.0], [1.0, 2.0, 3.0], "images/s")
    assert line.ratios == [1.0, 2.0, 3.0]
    assert {key: line.row[key] for key in ("ours", "other", "ratio", "least", "most", "rounds")} == {
        **{"ours": 4.0, "other": 2.0, "ratio": 2.0},
        **{"least": 1.0, "most": 3.0, "rounds": 3},
    }
    assert str(Line("lightly not installed")) == "lightly not installed"


def test_rounds_alternate() -> None:
    order: list[str] = []
    works = [lambda name=name: order.append(name) or len(order) for name in "abc"]
    assert alternating(works, 2) == [[1, 6], [2, 5], [3, 4]]
    assert "".join(order) == "abccba"


def test_memory_is_that_of_the_command_alone() -> None:
    held = bytearray(300_000_000)  # of the process that measures
    _, small = command("-c", "pass")
    _, large = command("-c", "x = bytearray(200_000_000); x[::4096] = b'1' * len(x[::4096])")
    assert len(held) > 200e6 > small * 1e6
    assert 200 < large < 300


def test_a_command_that_fails_says_why() -> None:
    assert command("-c", "raise SystemExit(1)", passing=(0, 1))
    with pytest.raises(RuntimeError, match="exit code 1: no such recipe"):
        command("-c", "raise SystemExit('no such recipe')")


def test_quality_is_reached_at_the_first_look_near_enough(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    assert quality.reached(tmp_path, 0.01) == {"step": 2, "images": 40, "seconds": 1.0}
    assert quality.reached(tmp_path, 0.001) == {"step": 4, "images": 80, "seconds": 2.0}
    assert quality.reached(tmp_path, 0.0003) is None


def test_quality_is_compared_over_replicates_that_reach_it(tmp_path: Path) -> None:
    fast, slow = tmp_path / "fast", tmp_path / "slow"
    for run, text in ((fast, METRICS), (slow, METRICS.replace("0.99,", "0.98,"))):
        run.mkdir()
        (run / "metrics.csv").write_text(text)
    paces = {"fast": (10.0, 0.5), "plain": (0.0, 2.0)}
    seconds, images = quality.compared("fast", [fast], [slow], 0.005, paces)
    assert (seconds.ours, seconds.other, seconds.unit) == ([11.0], [8.0], "s")
    assert (images.ours, images.other) == ([40.0], [80.0])
    (remark,) = quality.compared("fast", [fast], [slow], 1e-4, paces)
    assert "not reached in 1 of 1" in remark.what


def test_sections_are_described() -> None:
    assert all(f"\n    {name} " in (bench.__doc__ or "") for name in bench.SECTIONS)


def test_a_section_runs(tmp_path: Path) -> None:
    out = tmp_path / "speed.csv"
    done = CliRunner().invoke(bench.main, ["share", "--quick", "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "processor" in done.stdout
    table = pd.read_csv(out)
    assert list(table.columns[:9]) == ["section", "what", "ours", "other", "ratio", "least", "most", "unit", "rounds"]
    assert (table["ratio"] > 0).all()
    assert table["processor"].notna().all()
