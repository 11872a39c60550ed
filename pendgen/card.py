"""What a dataset says about itself to people and to other tools: README.md and croissant.json.

The card's YAML front matter is what the Hugging Face hub reads; croissant.json follows the MLCommons
Croissant format 1.0, http://mlcommons.org/croissant/1.0. Both follow from the manifest alone.
"""

import json
from collections.abc import Mapping
from typing import Any

from pendgen.shards import SUFFIXES

_ABOUT = "Images of a rigid pendulum at two moments {gap:g} time units apart (blue, then red), with its energy known."
_KINDS = {"h5": "application/x-hdf5", "tar": "application/x-tar"}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def card(manifest: Mapping[str, Any]) -> str:
    """The dataset card, Markdown with YAML front matter."""
    suffix = SUFFIXES[manifest["container"]]
    images = sum(split["pendulums"] * split["images"] for split in manifest["splits"].values())
    sizes = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M")]
    size = next((name for most, name in sizes if images < most), "n>10M")
    lines = [
        "---",
        f"pretty_name: Pendulum {manifest['name']}",
        "tags: [physics, pendulum, representation-learning, contrastive-learning, synthetic]",
        f"size_categories: ['{size}']",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(f"  - {{split: {split}, path: '{split}-*.{suffix}'}}" for split in manifest["splits"]),
        "---",
        "",
        f"# Pendulum dataset `{manifest['name']}`, version {manifest['content_version']}",
        "",
        _ABOUT.format(gap=manifest["time_gap"]),
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


def croissant(manifest: Mapping[str, Any]) -> str:
    """The Croissant description, JSON-LD text."""
    kind = _KINDS[SUFFIXES[manifest["container"]]]
    shards = [
        _file(shard, f"{shard['records']} pendulums of the {shard['split']} split from number {shard['first']}", kind)
        for shard in manifest["shards"]
    ]
    if entry := manifest.get("population"):
        shards.append(_file(entry, f"the {entry['images']} images that can occur, with probabilities", _KINDS["h5"]))
    fields = [
        {"@type": "PropertyValue", "name": name, "description": f["meaning"], "unitText": f["unit"]}
        for name, f in manifest["fields"].items()
    ]
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest["name"],
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": _ABOUT.format(gap=manifest["time_gap"]),
        "version": manifest["content_version"],
        "datePublished": manifest["provenance"]["created"],
        "variableMeasured": fields,
        "distribution": shards,
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _file(entry: Mapping[str, Any], description: str, kind: str) -> dict[str, str]:
    return {
        "@type": "cr:FileObject",
        "@id": entry["file"],
        "name": entry["file"],
        "description": description,
        "contentUrl": entry["file"],
        "contentSize": f"{entry['bytes']} B",
        "encodingFormat": kind,
        "sha256": entry["sha256"],
    }
