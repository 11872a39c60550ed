"""The lab's speed, in one table of ratios measured in turn within one run.

    uv run poe bench                                every section; hours, most of them in `quality`
    uv run poe bench train share --out speed.csv    some of them, and as CSV
    uv run poe bench quality --folder runs          in a folder that stays: finished runs are found again
    uv run poe bench --quick                        whether it runs at all; its figures mean nothing

    train       a training step beside plain PyTorch and lightly's SimCLR pieces
    share       its useful multiply-adds beside those of a large matrix product
    fit         `pendtrain fit` beside its bare step, and from disk beside memory
    sweep       a run on each core beside one after the other on all
    build       each variant beside h5py writing the same arrays, and beside a Pillow loop
    streaming   pictures from disk, resident, and through other loaders
    embed       a split beside a plain forward pass over it
    scaling     time and memory at 1, 4 and 16 times the data
    quality     seconds and images until the score is near the oracle's

"ours" and "other" are medians over rounds in which both take turns; the ratio is ours ÷ the other's, as the median over
rounds and from least to most. On an otherwise idle machine, that is. lightly is not among the lab's dependencies: where
`uv pip install --no-deps lightly` has put it, it is measured. For runs that are there already,
`python -m speed.quality RUN…` in this folder says when they came near the oracle.
"""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import pandas as pd
import torch

from pendtrain.device import choose_device, hardware
from speed import build, embed, fit, quality, scaling, streaming, sweep, train
from speed.timing import WIDTH, Line, Plan

PACKAGES = ("pendulum-lab", "torch", "torchvision", "numpy", "h5py", "pillow", "lightly")
FLAGS = ("avx512_f", "avx512_bf16", "amx_bf16")


SECTIONS: dict[str, Callable[[Plan], Iterable[Line]]] = {
    "train": train.measure,
    "share": train.share,
    "fit": fit.measure,
    "sweep": sweep.measure,
    "build": build.measure,
    "streaming": streaming.measure,
    "embed": embed.measure,
    "scaling": scaling.measure,
    "quality": quality.measure,
}


def machine(device: torch.device, precision: torch.dtype) -> dict[str, str]:
    """What the figures were measured on and with."""
    has = torch.cpu.get_capabilities()
    return {
        "processor": hardware(torch.device("cpu")),
        "cores": f"{torch.get_num_threads()} of {os.cpu_count()} used",
        "flags": " ".join(f"{flag} {'yes' if has.get(flag) else 'no'}" for flag in FLAGS),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": str(precision).removeprefix("torch."),
        "packages": " ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "python": platform.python_version(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)))
@click.option("--quick", is_flag=True, help="Smallest sizes, one round, one replicate.")
@click.option("--rounds", default=5, help="Rounds of what takes seconds; of what takes minutes at most 3.")
@click.option("--recipe", "recipes", multiple=True, default=("fast",), help="quality: beside Fig. 16. May repeat.")
@click.option("--replicates", default=3, help="quality: fresh data and a fresh seed each.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="auto: a GPU if any.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to work; kept.", show_default="temporary")
@click.option("--out", type=click.Path(path_type=Path), help="CSV to write.")
def main(
    sections: tuple[str, ...], quick: bool, device: str, folder: Path | None, out: Path | None, **how: int
) -> None:
    """Measure SECTIONS (all of them, if none is named) and print a table."""
    less = {"rounds": 1, "replicates": 1} if quick else {}
    with tempfile.TemporaryDirectory() as temporary:
        plan = Plan(folder or Path(temporary), choose_device(device), quick=quick, **{**how, **less})
        plan.folder.mkdir(parents=True, exist_ok=True)
        facts = machine(plan.device, plan.precision)
        for name, value in facts.items():
            click.echo(f"{name:<10} {value}")
        click.echo(f"\n{'':<{WIDTH}} {'ours':>12} {'other':>12} {'ratio':>8} [least to most] unit")
        columns = ["section", "what", "ours", "other", "ratio", "least", "most", "unit", "rounds", *facts]
        rows = []
        for section in sections or SECTIONS:
            for line in SECTIONS[section](plan):
                click.echo(str(line))
                sys.stdout.flush()
                rows.append({"section": section, **line.row, **facts})
            if out:  # after each section: who ends it early keeps what was measured
                out.parent.mkdir(parents=True, exist_ok=True)
                pd.DataFrame(rows, columns=columns).to_csv(out, index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    main()
