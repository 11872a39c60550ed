"""The options of `pendgen build`, under their headings."""

from pathlib import Path

import click

from pendgen.console import Choice, options, under
from pendgen.dataset import PROTOCOLS, Dataset
from pendgen.suite import SUITE_NAMES
from pendgen.variants import PAPER_VALUES, VARIANTS, Vanilla

DEFAULT = Dataset(Vanilla())
CONTAINERS = ("hdf5", "webdataset")
PARAMETERS = ("eps_n", "eps_g", "alpha_g", "num_gaps", "alpha_c", "gap")
PATH = click.Path(path_type=Path)


def _paper(name: str) -> str:
    return "Paper: " + " ".join(f"{value:g}" for value in PAPER_VALUES[name])


_variant, _pictures, _where, _how = map(under, ("Variant", "Pendulums and pictures", "Where", "How"))
what = options(
    _variant("--variant", type=Choice(list(VARIANTS)), help="Which variant.", show_default="vanilla"),
    _variant("--eps-n", type=float, help=f"numerical-noise: radians. {_paper('eps_n')}"),
    _variant("--eps-g", type=float, help=f"graphical-noise: 0 to 1. {_paper('eps_g')}"),
    _variant("--alpha-g", type=float, help=f"gaps: total length left out of training. {_paper('alpha_g')}"),
    _variant("--num-gaps", type=int, help="gaps: how many.", show_default="3; 4 in original"),
    _variant("--gap", type=(float, float), multiple=True, metavar="LOW HIGH", help="gaps: one band; may repeat."),
    _variant("--alpha-c", type=float, help=f"cropping: side of the window over the canvas. {_paper('alpha_c')}"),
    _variant("--suite", type=Choice(SUITE_NAMES), help="Every dataset of the paper, or of one question."),
    _variant("--protocol", type=Choice(PROTOCOLS), default="paper", help="As printed, or as programmed."),
    _pictures("--pendulums", default=DEFAULT.pendulums, help="Pendulums in each split."),
    _pictures("--images", default=DEFAULT.images, help="Images of each pendulum; original: of training."),
    _pictures("--seed", default=DEFAULT.seed, help="Seed of energies, times and noise."),
    _pictures(
        "--replicates",
        default=1,
        help="How many times over, with seeds --seed, --seed + 1, ...: a replicate is fresh data and a fresh training "
        "seed, the unit of statistics.",
    ),
    _pictures("--size", type=int, help="Pixels along a side.", show_default="32; large: 100"),
    _pictures("--bob-size", default=DEFAULT.bob_size, help="Pixels along a side of a bob."),
    _pictures("--time-gap", default=DEFAULT.time_gap, help="Time from the blue to the red bob."),
    _pictures(
        "--time-range",
        type=(float, float),
        default=DEFAULT.time_range,
        metavar="LOW HIGH",
        help="Times of the blue bob; original: of training.",
    ),
    _pictures(
        "--energy-range",
        type=(float, float),
        default=DEFAULT.energy_range,
        metavar="LOW HIGH",
        help="Training energies.",
    ),
    _pictures("--antialias", is_flag=True, help="Draw bobs between the pixels, by the area they cover."),
)
built = options(
    _where("--out", type=PATH, default="data", help="Folder of datasets."),
    _where("--name", help="Directory name; that of variant, protocol and seed has room for nothing else."),
    _where("--format", "container", type=Choice(CONTAINERS), default="hdf5", help="Container of shards."),
    _where("--license", "licence", help="Licence that you choose for it: an SPDX identifier, such as CC-BY-4.0."),
    _where("--num-shards", default=0, help="Shards per split.", show_default="16; more beyond 64 MB each"),
    _how("--workers", default=0, help="Threads.", show_default="one per core"),
    _how("--scheduler", help="Address of a Dask scheduler whose workers build the shards instead."),
    _how("--dry-run", is_flag=True, help="Say what would be built and how large; build nothing."),
    _how("--force", is_flag=True, help="Replace a finished or begun directory, whole."),
    _how("--quiet", is_flag=True, help="No progress."),
)
