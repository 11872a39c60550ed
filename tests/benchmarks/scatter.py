"""How much of a score is the test split: the same encoders on several test splits, beside their exact scores.

    python tests/benchmarks/scatter.py RUN… [--splits 10] [--folder FOLDER] [--out scatter.csv]

Builds datasets of seeds 1000, 1001, … with the settings of the paper's vanilla data, embeds the test split and the
population of each with the encoder of every RUN, and scores them. The sampled scores of one encoder differ by the
draw of the test images alone; the exact ones, taken over every image that can occur, come out the same each time.
Writes a row per encoder, and one for the oracle: mean and standard deviation over the splits of either kind of score.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pandas as pd

from pendeval.report import gather
from pendeval.tables.runs import runs_and_segments

FIRST_SEED = 1000
PAIRS = {"global": ("global_spearman", "population_global"), "local": ("local_spearman", "population_local")}


def call(*arguments: object) -> None:
    """Run a command of the lab and let its errors through."""
    package, *rest = map(str, arguments)
    subprocess.run([sys.executable, "-m", package, *rest], check=True, stdout=subprocess.DEVNULL)


def embeddings(runs: list[Path], splits: int, folder: Path) -> Path:
    """A folder with the embeddings of every split by every encoder."""
    out = folder / "embeddings"
    for seed in range(FIRST_SEED, FIRST_SEED + splits):
        call("pendgen", "build", "--variant", "vanilla", "--seed", seed, "--out", folder / "data", "--quiet")
    for number, run in enumerate(runs):
        for data in sorted((folder / "data").iterdir()):
            call("pendtrain", "embed", run, "--shards", data)
            for file in (run / "embeddings").glob(f"{data.name}-*.h5"):
                place = out / str(number) / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                file.replace(place)
    return out


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the splits, a row per encoder and one for the oracle."""
    rows = []
    groups = [(f"{method}, seed {seed}", "", rows) for (method, seed), rows in found.groupby(["method", "seed"])]
    one = found.drop_duplicates("data_seed")
    for name, prefix, group in [*groups, ("oracle", "oracle_", one)]:
        row: dict[str, object] = {"encoder": name, "splits": len(group)}
        for score, (sampled, exact) in PAIRS.items():
            for kind, column in (("sampled", sampled), ("exact", exact)):
                values = group[f"{prefix}{column}"].to_numpy(np.float64)
                row |= {f"{score}_{kind}_mean": values.mean(), f"{score}_{kind}_sd": values.std(ddof=1)}
        rows.append(row)
    return pd.DataFrame(rows)


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--splits", default=10)
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work; kept.")
@click.option("--out", type=click.Path(path_type=Path), default="scatter.csv")
def main(runs: tuple[Path, ...], splits: int, folder: Path | None, out: Path) -> None:
    """Embed, score, write the table."""
    with tempfile.TemporaryDirectory() as temporary:
        work = folder or Path(temporary)
        records, problems = gather([embeddings(list(runs), splits, work)], work / "cache", jobs=1)
        if problems:
            raise click.ClickException(f"{problems[0].path}: {problems[0].reason}")
        result = table(runs_and_segments(records)[0])
    result.to_csv(out, index=False, float_format="%.8g", lineterminator="\n")
    click.echo(result.to_string(index=False, float_format="%.6g"))


if __name__ == "__main__":
    main()
