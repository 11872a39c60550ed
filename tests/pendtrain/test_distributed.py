"""Two gloo processes against one: gradients of the joined batch, in float64 with BatchNorm frozen."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pendtrain.loader import pair_loader
from pendtrain.objectives import Labels
from pendtrain.recipe import Recipe
from pendtrain.shards import open_dataset, read_split

SCRIPT = Path(__file__).with_name("two_processes.py")
_SPEC = importlib.util.spec_from_file_location("two_processes", SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
two_processes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(two_processes)
TOLD = [
    {"dim": 2, "decoupled": True, "similarity": "cosine"},
    {"one_sided": True},
    {"method": "supervised", "dim": 2},
    {"method": "supervised", "loss": "spearman"},
    {"method": "simsiam"},
    {"method": "byol", "space": "sphere", "width": 8},
    {"method": "vicreg", "dim": 2},
    {"method": "vicreg", "projector": 8},
    {"method": "barlow_twins", "dim": 2},
    {"method": "spectral"},
    {"method": "align_uniform"},
]
FEW = [{"method": "joint", "term": "mse"}, {"method": "joint"}, {"method": "paws"}]


def torchrun(*arguments: object, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [str(argument) for argument in arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)


def test_gradients_equal_those_of_one_process_on_the_joined_batch(tmp_path: Path) -> None:
    methods: list[tuple[dict[str, Any], int]] = [({"dim": 2}, 32), *((settings, 4) for settings in TOLD + FEW)]
    draw = torch.Generator().manual_seed(0)
    first, second = (torch.rand((8, 3, 32, 32), dtype=torch.float64, generator=draw) for _ in range(2))
    energy = torch.rand(8, dtype=torch.float64, generator=draw)
    few, extra = energy.clone(), torch.zeros(8)
    few[[1, 6]] = torch.nan  # of the methods that are told some, and each process brought a labelled pendulum along
    extra[[3, 7]] = 1.0
    data = {"first": first, "second": second, "energy": energy, "few": few, "extra": extra}
    torch.save(data, tmp_path / "data.pt")
    done = torchrun(SCRIPT, tmp_path / "data.pt", tmp_path / "grad", json.dumps(methods))
    assert done.returncode == 0, done.stderr
    for number, (settings, pixels) in enumerate(methods):
        learner = two_processes.learner_of(settings, pixels)
        known = few if settings.get("method") in ("joint", "paws") else energy
        pictures = (each[:, :, :pixels, :pixels] for each in (first, second))
        learner.loss(learner(*pictures), Labels(known, extra.bool())).backward()
        theirs = torch.load(tmp_path / f"grad-{number}.pt", weights_only=True)
        assert any(each.grad is not None and each.grad.abs().max() > 0 for each in learner.parameters())
        for ours, other in zip(learner.parameters(), theirs, strict=True):
            if ours.grad is None:
                assert other is None, settings
                continue
            bound = 1e-12 + 1e-9 * ours.grad.abs().max().item()
            assert torch.allclose(ours.grad, other, rtol=1e-9, atol=bound), settings


def test_a_whole_run_over_two_processes(small: Path, tmp_path: Path) -> None:
    options = ("-m", "pendtrain", "fit", "--shards", small, "--epochs", 2, "--out", tmp_path, "--quiet")
    done = torchrun(*options, "--batch", 20)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.rglob("run.json")
    assert done.stdout == f"trained {run.parent}\n"  # said once
    assert "Warning" not in done.stderr
    assert '"world": 2' in run.read_text()
    assert '"status": "complete"' in run.read_text()
    again = torchrun(*options, "--batch", 20)
    assert (again.returncode, again.stdout) == (0, f"already complete: {run.parent}\n"), again.stderr


def test_a_batch_that_processes_cannot_divide(small: Path) -> None:
    columns = read_split(open_dataset(small), "train", ("image", "energy"))
    with pytest.raises(ValueError, match="batch is 15, expected a multiple of the 2 processes"):
        pair_loader(columns["image"], columns["energy"], 0, 15, rank=0, world=2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_one_gpu_trains(small: Path, tmp_path: Path) -> None:
    from pendtrain.fit import fit
    from pendtrain.state import Settings

    run, trained = fit(small, Recipe(epochs=1, batch=20), tmp_path, Settings(device="cuda", quiet=True))
    assert trained
    assert (run / "encoder.safetensors").exists()
