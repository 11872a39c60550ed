"""What a dataset says about itself to people: README.md, which follows from the manifest alone.

Its YAML front matter is what the Hugging Face hub reads. `pendgen.croissant` says the same to other tools.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pendgen.licence import front_matter, sentence
from pendgen.shards import SUFFIXES

ABOUT = "Images of a rigid pendulum at two moments {gap:g} time units apart (blue, then red), with its energy known."
PAPER = """@techreport{yang2021exploring,
  author = {Yang, Ali},
  title = {Exploring time-invariant low-dimensional contrastive representation learning},
  institution = {Research Science Institute, MIT Department of Physics},
  year = {2021},
  month = aug
}"""
"""The paper whose data these are, BibTeX."""
USES = (
    "Measuring what representation learning finds out about a known, continuous quantity: an encoder's scores stand "
    "beside those of the best guess that the pixels allow. Unsuitable for training anything that shall see real "
    "pictures, and for claims about real pendulums: there is no friction, no camera and no background."
)
LIMITS = (
    "An ideal pendulum without friction, drawn as two squares on white. Bobs stand on whole pixels unless antialiased, "
    "so that few different images exist and no encoder can tell all energies apart. Energies of the training split "
    "may leave out bands, and windows may leave bobs out of view, as the variant says."
)


def card(manifest: Mapping[str, Any]) -> str:
    """The dataset card, Markdown with YAML front matter."""
    suffix = SUFFIXES[manifest["container"]]
    images = sum(split["pendulums"] * split["images"] for split in manifest["splits"].values())
    sizes = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]
    size = next((name for most, name in sizes if images < most), "n>10M")
    lines = [
        "---",
        f"pretty_name: {_quoted('Pendulum ' + manifest['name'])}",
        "tags: [physics, pendulum, representation-learning, contrastive-learning, synthetic]",
        f"size_categories: ['{size}']",
        *front_matter(manifest),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(f"  - {{split: {split}, path: '{split}-*.{suffix}'}}" for split in manifest["splits"]),
        "---",
        "",
        f"# Pendulum dataset {_code(manifest['name'])}, version {manifest['content_version']}",
        "",
        ABOUT.format(gap=manifest["time_gap"]),
        f"Variant {manifest['variant']}{_settings(manifest['parameters'])}, protocol {manifest['protocol']}, "
        f"seed {manifest['seed']}, {manifest['image_size']} × {manifest['image_size']} pixels.",
        "",
        "| split | pendulums | images each | times | energies |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {s['pendulums']} | {s['images']} | {s['time_range'][0]:g} to {s['time_range'][1]:g} "
            f"| {s['energy_law']} on {', '.join(f'[{low:.4g}, {high:.4g}]' for low, high in s['energy_bands'])} |"
            for name, s in manifest["splits"].items()
        ),
        "",
        "One record is one pendulum: P pendulums, T images of each, S × S pixels.",
        "",
        "| field | dtype | shape | unit | meaning |",
        "|---|---|---|---|---|",
        *(
            f"| `{name}` | {f['dtype']} | {', '.join(f['shape'])} | {f['unit']} | {_cell(f['meaning'])} |"
            for name, f in manifest["fields"].items()
        ),
        "",
        _loading(manifest["container"], manifest["shards"][0]["file"]),
        "",
        *_population(manifest),
        f"Content digest: `{manifest['digest']['content']}` (the same in either container).",
        f"`energy_given_image` is good to {max(manifest['oracle_error'].values()):.1g} (root-mean-square).",
        "",
        f"Uses: {USES}",
        "",
        f"Limits: {LIMITS}",
        "",
        f"Licence: {sentence(manifest)}",
        "",
        "The images are those of this paper, drawn anew:",
        "",
        f"```bibtex\n{PAPER}\n```",
        "",
    ]
    return "\n".join(lines)


def _settings(parameters: Mapping[str, Any]) -> str:
    return "".join(f", {name} = {value}" for name, value in parameters.items())


def _population(manifest: Mapping[str, Any]) -> list[str]:
    """The card's paragraph on every image that can occur, with a blank line after it."""
    if "population" not in manifest:
        return []
    entry = manifest["population"]
    if entry is None:
        return [f"There is no population of images ({manifest['population_reason']}).", ""]
    return [
        f"`{entry['file']}` holds the {entry['images']} images that can occur under the law of the test split, "
        "each once",
        "(`image`, `visible`), with its `probability` and `energy_given_image`, and over "
        f"{entry['bins']} bins of energy (`energy_edges`)",
        "the probability of image and bin together (`energy_probability`) and the same weighted by energy "
        "(`energy_moment`).",
        f"Images rarer than 1e-12 are left out, {entry['left_out']:.1g} in all.",
        "",
    ]


def _quoted(text: str) -> str:
    """As YAML, in quotes where something in it would mean something there."""
    return text if re.fullmatch(r"[\w .-]*[\w.-]", text) else json.dumps(text, ensure_ascii=False)


def _code(text: str) -> str:
    """As code in Markdown, between more backticks than the text has in a row."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}{text}{ticks}" if ticks == "`" else f"{ticks} {text} {ticks}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _loading(container: str, shard: str) -> str:
    read = {
        "hdf5": ["import h5py", f'h5py.File("{shard}")["image"][:8]'],
        "webdataset": [
            "import webdataset",
            f'next(iter(webdataset.WebDataset("{shard}", shardshuffle=False).decode()))',
        ],
    }[container]
    load = ["import datasets", f'datasets.load_dataset("{container}", data_dir=".")']
    return "\n".join(["```python", *load, "", *read, "```"])
