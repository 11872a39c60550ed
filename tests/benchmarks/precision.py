"""Whether bfloat16 changes an answer on this machine: `python tests/benchmarks/precision.py data/vanilla*`.

Trains both of the paper's methods on every dataset given (replicates: fresh data, fresh seed) in float32 and in
bfloat16 and compares the exact scores. Precision `auto` is honest where the mean difference stays within .0002 of the
global and .003 of the local score, for both methods; three replicates tell that much apart with a recipe whose scatter
is as small as fast's. Exit code 1 where it does not.
"""

import csv
import math
import statistics
import sys
from pathlib import Path

import click
import torch

from pendtrain.cli import PAIR
from pendtrain.device import hardware
from pendtrain.fit import fit
from pendtrain.recipe import Recipe, read_recipe
from pendtrain.shards import open_dataset
from pendtrain.state import Settings

BARS = {"spearman": 0.0002, "local_spearman": 0.003}


def last_scores(run: Path) -> dict[str, float]:
    """Of the trained encoder, from metrics.csv."""
    with open(run / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["spearman"]]
    return {measure: float(rows[-1][measure]) for measure in BARS}


@click.command()
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--recipe", default="fast", show_default=True)
@click.option("--out", default="runs", show_default=True, type=click.Path(path_type=Path))
def main(shards: tuple[Path, ...], recipe: str, out: Path) -> None:
    """Print the mean differences, bfloat16 less float32, with their standard errors."""
    agree = True
    for method in PAIR:
        found: dict[str, list[dict[str, float]]] = {"fp32": [], "bf16": []}
        for path, (precision, scores) in ((path, each) for path in shards for each in found.items()):
            made = Recipe.of(**read_recipe(recipe), method=method, seed=int(open_dataset(path).manifest["seed"]))
            run, _ = fit(path, made, out / precision, Settings(precision=precision))
            scores.append(last_scores(run))
        for measure, bar in BARS.items():
            differences = [b[measure] - a[measure] for a, b in zip(found["fp32"], found["bf16"], strict=True)]
            mean, n = statistics.fmean(differences), len(differences)
            error = statistics.stdev(differences) / math.sqrt(n) if n > 1 else math.nan
            fine = abs(mean) <= bar
            agree &= fine
            verdict = "within" if fine else "beyond"
            print(f"{method:<12} {measure:<15} {mean:+.5f} ± {error:.5f} (n = {n}), {verdict} {bar}", flush=True)
    print(f"on {hardware(torch.device('cpu'))}")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
