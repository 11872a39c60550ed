"""How long a report takes: from embeddings, from what was scored before, and from score files; and that they agree.

    python tests/benchmarks/pendeval_speed.py [RUNS] [FOLDER]

Builds vanilla, gaps .4, cropping .75, numerical noise .1 and graphical noise .1 at full size and writes RUNS (100)
embeddings files of synthetic encoders, each with its population where there is one: the oracle's answer, bent by a
curve, plus noise that differs from picture to picture; one in ten has two outputs. Then `pendeval report` twice,
`pendeval keep`, and `pendeval report` on the score files; times, peak memory of all processes together, size of the
score files, and whether every CSV of the two reports is the same to the byte.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendtrain import embedding_file
from pendtrain.population import read_population
from pendtrain.recipe import Recipe
from pendtrain.runs import dataset_facts
from pendtrain.shards import LABELS, Dataset, open_dataset, read_split

VARIANTS = (
    ("--variant", "vanilla"),
    ("--variant", "gaps", "--alpha-g", "0.4"),
    ("--variant", "cropping", "--alpha-c", "0.75"),
    ("--variant", "numerical-noise", "--eps-n", "0.1"),
    ("--variant", "graphical-noise", "--eps-g", "0.1"),
)


def command(*arguments: object) -> tuple[float, str]:
    """Seconds a command of the lab took, and what it printed; exit code 1 (problems found) passes."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], check=False, capture_output=True, text=True, timeout=3600
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{arguments}: {done.stderr}")
    return time.perf_counter() - began, done.stdout + done.stderr


def encoder(oracle: NDArray[np.float64], draw: np.random.Generator, outputs: int) -> NDArray[np.float32]:
    """Embeddings (n, d) of pictures whose oracle is (n,): a bent line, and across it nothing but noise."""
    line = 6.5 * oracle**0.8 + 0.03 * draw.standard_normal(len(oracle))
    columns = [line, *(np.sin(line) + 0.1 * draw.standard_normal(len(line)) for _ in range(outputs - 1))]
    return np.stack(columns, axis=1).astype(np.float32)


def write_runs(dataset: Dataset, seeds: range, out: Path) -> None:
    """Embeddings of synthetic encoders, contrastive and supervised, as a trainer would leave them."""
    records = read_split(dataset, "test", ("image", *LABELS))
    image = records.pop("image")
    shape, flat = image.shape[:2], image.reshape(-1, *image.shape[2:])
    population = read_population(dataset) if dataset.population else None
    if population is None:
        which, oracle = np.arange(len(flat)), records["energy_given_image"].ravel()
    else:
        place = {picture.tobytes(): number for number, picture in enumerate(population["image"])}
        which = np.array([place[picture.tobytes()] for picture in flat])
        oracle = population["energy_given_image"]
    for seed in seeds:
        for method in ("contrastive", "supervised"):
            outputs = 2 if seed % 10 == 9 else 1
            recipe = Recipe(method=method, seed=seed, dim=outputs)
            made = encoder(oracle, np.random.default_rng([seed, len(method)]), outputs)
            held: dict[str, Any] = {"dataset": dataset_facts(dataset), "environment": {"precision": "float32"}}
            trained = embedding_file.train_attributes(held, recipe)
            run = out / dataset.name / recipe.label / f"seed-{seed}"
            columns = {"embedding": made[which].reshape(*shape, -1), **records}
            path = embedding_file.path_of(run, dataset, "test")
            embedding_file.write(path, columns, embedding_file.data_attributes(dataset, "test") | trained)
            if population is not None:
                whole = {key: column for key, column in population.items() if key != "image"}
                path = embedding_file.path_of(run, dataset, "population")
                attributes = embedding_file.data_attributes(dataset, "population") | trained
                embedding_file.write(path, {"embedding": made, **whole}, attributes)


def main() -> None:
    """Build, report, keep, report again, compare."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(temporary)
        for variant in VARIANTS:
            command("pendgen", "build", *variant, "--out", folder / "data", "--quiet")
        datasets = [open_dataset(path) for path in sorted((folder / "data").iterdir())]
        each = -(-runs // (2 * len(datasets)))
        for dataset in datasets:
            write_runs(dataset, range(each), folder / "runs")
        found: dict[str, object] = {"runs": each * 2 * len(datasets)}
        first, second = folder / "report", folder / "report-of-scores"
        found["report_seconds"], _ = command("pendeval", "report", folder / "runs", "--out", first, "--quiet")
        found["again_seconds"], _ = command("pendeval", "report", folder / "runs", "--out", first, "--quiet")
        kept = ("--to", folder / "scores", "--report", first, "--quiet")
        found["keep_seconds"], _ = command("pendeval", "keep", folder / "runs", *kept)
        found["scores_seconds"], _ = command("pendeval", "report", folder / "scores", "--out", second, "--quiet")
        sizes = [path.stat().st_size for path in (folder / "scores").rglob("*.scores.json.gz")]
        found |= {"score_file_bytes_median": int(np.median(sizes)), "score_file_bytes_most": max(sizes)}
        files = sorted(path.relative_to(first) for path in first.rglob("*.csv"))
        same = [(first / file).read_bytes() == (second / file).read_bytes() for file in files]
        found |= {"csv_files": len(files), "csv_files_equal": sum(same)}
        found["different"] = [str(file) for file, equal in zip(files, same, strict=True) if not equal]
        found["largest_process_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
