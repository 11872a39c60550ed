"""Two gloo processes against one: gradients of the joined batch, in float64 with BatchNorm frozen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pendtrain.encoder import create
from pendtrain.objectives import contrastive, supervised
from pendtrain.recipe import Recipe

WORKER = """
import sys, torch
from pathlib import Path
from pendtrain.distributed import world
from pendtrain.encoder import create
from pendtrain.objectives import contrastive, supervised
from pendtrain.recipe import Recipe

data = torch.load(sys.argv[1], weights_only=True)
torch.set_num_threads(1)
with world(torch.device("cpu")) as here:
    for name, objective, recipe in (
        ("contrastive", contrastive, Recipe(dim=2)),
        ("decoupled", contrastive, Recipe(dim=2, decoupled=True, similarity="cosine")),
        ("supervised", supervised, Recipe(method="supervised", dim=2)),
    ):
        net = create(2, 0).double().eval().resnet
        parallel = here.wrap(net, torch.device("cpu"))
        part = slice(here.rank * 4, here.rank * 4 + 4)
        x, y = parallel(data["first"][part]), parallel(data["second"][part])
        loss = objective(here.gather(x), here.gather(y), here.gather(data["energy"][part]), recipe)
        loss.backward()
        if here.rank == 1:
            torch.save([p.grad for p in net.parameters()], f"{sys.argv[2]}-{name}.pt")
"""


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
    torch.save({"first": first, "second": second, "energy": energy}, tmp_path / "data.pt")
    (tmp_path / "worker.py").write_text(WORKER)
    done = torchrun(tmp_path / "worker.py", tmp_path / "data.pt", tmp_path / "grad")
    assert done.returncode == 0, done.stderr
    for name, objective, recipe in (
        ("contrastive", contrastive, Recipe(dim=2)),
        ("decoupled", contrastive, Recipe(dim=2, decoupled=True, similarity="cosine")),
        ("supervised", supervised, Recipe(method="supervised", dim=2)),
    ):
        net = create(2, 0).double().eval().resnet
        objective(net(first), net(second), energy, recipe).backward()
        theirs = torch.load(tmp_path / f"grad-{name}.pt", weights_only=True)
        for ours, other in zip(net.parameters(), theirs, strict=True):
            assert ours.grad is not None
            assert torch.allclose(ours.grad, other, rtol=1e-9, atol=1e-12 + 1e-9 * ours.grad.abs().max().item())


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
