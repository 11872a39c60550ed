"""How long a report of many full-size runs takes, first and second call, and how much memory.

    python tests/benchmarks/pendeval_speed.py [RUNS] [FOLDER]

Writes RUNS (300) synthetic embeddings files of 5120 pendulums × 20 images, mixed like the paper's grid: half of the
encoders see few different images (1,700 distinct embeddings) and half see noise (102,400 distinct ones); one in ten
has two outputs, one in ten gaps, one in five images out of view. Then runs `pendeval report` twice.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

PENDULUMS, IMAGES = 5120, 20


def write(path: Path, number: int) -> None:
    """One synthetic embeddings file; ten runs share their data."""
    data, draw = np.random.default_rng(number // 10), np.random.default_rng([number, 1])
    energy, noisy, two = data.random(PENDULUMS), number // 10 % 2 == 1, number % 10 == 9
    oracle = np.clip(energy[:, None] + 0.03 * data.standard_normal((PENDULUMS, IMAGES)), 0, 1)
    oracle = oracle if noisy else np.round(oracle * 1700) / 1700
    curve = 6.5 * oracle**0.8 + (0.01 * draw.standard_normal(oracle.shape) if noisy else 0)
    embedding = np.stack([curve, np.sin(curve)] if two else [curve], axis=2).astype(np.float32)
    angle = data.uniform(-np.pi, np.pi, (PENDULUMS, IMAGES, 2))
    cropped, gaps = number // 10 % 5 == 2, number // 10 % 10 == 4
    visible = np.abs(angle) < 2.5 if cropped else np.ones(angle.shape, bool)
    variant = "cropping" if cropped else "gaps" if gaps else "numerical-noise" if noisy else "vanilla"
    held = {"cropping": {"alpha_c": 0.75}, "gaps": {"alpha_g": 0.4, "num_gaps": 3}, "vanilla": {}}
    parameters = json.dumps(held.get(variant, {"eps_n": 0.1}))
    method, seed = ("contrastive", "supervised")[number % 2], number // 2
    label = f"{method}-d{embedding.shape[2]}"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["embedding"], file["energy"], file["energy_given_image"] = embedding, energy, oracle
        file["angle"], file["visible"] = angle, visible
        file.attrs.update(format="pendulum-embedding", format_version=1, data_name=variant, train_name=variant)
        file.attrs.update(data_variant=variant, train_variant=variant, data_protocol="paper", train_protocol="paper")
        file.attrs.update(data_parameters=parameters, train_parameters=parameters, data_seed=number // 10)
        file.attrs.update(data_split="test", data_energy_law="uniform", data_energy_bands="[[0.0, 1.0]]")
        file.attrs.update(train_method=method, train_label=label, train_seed=seed)
        file.attrs["train_gaps"] = "[[0.15, 0.28], [0.43, 0.57], [0.72, 0.85]]" if gaps else "[]"


def main(runs: int, folder: Path) -> None:
    """Write the runs, report twice, print seconds and the largest process's memory."""
    for number in range(runs):
        write(folder / "runs" / f"run-{number:03d}" / "test.h5", number)
    command = [sys.executable, "-m", "pendeval", "report", str(folder / "runs"), "--out", str(folder / "report")]
    for call in ("first", "second"):
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        seconds = time.perf_counter() - began
        print(f"{call} report of {runs} runs: {seconds:.0f} s, exit {done.returncode}, largest process {memory:.0f} MB")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    if len(sys.argv) > 2:
        main(count, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(count, Path(temporary))
