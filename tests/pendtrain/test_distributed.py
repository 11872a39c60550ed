"""Two gloo processes against one: gradients of the joined batch, in float64 with BatchNorm frozen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pendtrain.learner import Learner
from pendtrain.objectives import Labels
from pendtrain.recipe import Recipe

WORKER = """
import json, sys, torch
from pathlib import Path
from pendtrain.distributed import world
from pendtrain.learner import Learner
from pendtrain.objectives import Labels
from pendtrain.recipe import Recipe

data = torch.load(sys.argv[1], weights_only=True)
torch.set_num_threads(1)
with world(torch.device("cpu")) as here:
    for number, settings in enumerate(json.loads(sys.argv[3])):
        learner = Learner(Recipe.of(**settings)).double().eval()
        learner.encoder.forward = learner.encoder.resnet.forward  # pictures in float64 as they are
        parallel = here.wrap(learner, torch.device("cpu"))
        part = slice(here.rank * 4, here.rank * 4 + 4)
        rows = parallel(data["first"][part], data["second"][part])
        assert rows[0].dtype == torch.float64
        labels = Labels(here.gather(data["energy"][part]), here.gather(data["extra"][part]).bool())
        learner.loss(tuple(here.gather(each) for each in rows), labels).backward()
        if here.rank == 1:
            torch.save([p.grad for p in learner.parameters()], f"{sys.argv[2]}-{number}.pt")
"""
METHODS = [
    {"dim": 2},
    {"dim": 2, "decoupled": True, "similarity": "cosine"},
    {"method": "supervised", "dim": 2},
    {"method": "joint", "term": "mse", "labelled": 0.5},
    {"method": "joint"},
]


def torchrun(*arguments: object, processes: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [str(argument) for argument in arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)


def test_gradients_equal_those_of_one_process_on_the_joined_batch(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    shape = (8, 3, 32, 32)
    first, second = (torch.rand(shape, dtype=torch.float64, generator=draw) for _ in range(2))
    energy = torch.rand(8, dtype=torch.float64, generator=draw)
    energy[[1, 6]] = torch.nan
    extra = torch.tensor([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    data = {"first": first, "second": second, "energy": energy, "extra": extra}
    told = {**data, "energy": energy.nan_to_num(0.5)}
    methods = [settings | {"seed": 0} for settings in METHODS]
    (tmp_path / "worker.py").write_text(WORKER)
    for name, held, some in (("told", told, methods[:3]), ("some", data, methods[3:])):
        torch.save(held, tmp_path / f"{name}.pt")
        done = torchrun(tmp_path / "worker.py", tmp_path / f"{name}.pt", tmp_path / name, json.dumps(some))
        assert done.returncode == 0, done.stderr
        for number, settings in enumerate(some):
            learner = Learner(Recipe.of(**settings)).double().eval()
            rows = learner.objective.rows(learner.encoder.resnet, held["first"], held["second"])
            learner.loss(rows, Labels(held["energy"], held["extra"].bool())).backward()
            theirs = torch.load(tmp_path / f"{name}-{number}.pt", weights_only=True)
            for ours, other in zip(learner.parameters(), theirs, strict=True):
                if ours.grad is None:
                    assert other is None
                    continue
                bound = 1e-12 + 1e-9 * ours.grad.abs().max().item()
                assert torch.allclose(ours.grad, other, rtol=1e-9, atol=bound), settings


def test_a_whole_run_over_two_processes_and_a_batch_they_cannot_divide(small: Path, tmp_path: Path) -> None:
    options = ("-m", "pendtrain", "fit", "--shards", small, "--epochs", 2, "--out", tmp_path, "--quiet")
    done = torchrun(*options, "--batch", 20)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.rglob("run.json")
    assert '"world": 2' in run.read_text()
    assert '"status": "complete"' in run.read_text()
    done = torchrun(*options, "--batch", 15)
    assert done.returncode != 0
    assert "batch is 15, expected a multiple of the 2 processes" in done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_one_gpu_trains(small: Path, tmp_path: Path) -> None:
    from pendtrain.fit import Settings, fit

    run, trained = fit(small, Recipe(epochs=1, batch=20), tmp_path, Settings(device="cuda", quiet=True))
    assert trained
    assert (run / "encoder.safetensors").exists()
