"""What a dataset says about itself to other tools: croissant.json, which follows from the manifest alone.

It is in the MLCommons Croissant format 1.1 (http://mlcommons.org/croissant/1.1) with its vocabulary on responsible use
(http://mlcommons.org/croissant/RAI/1.0). A tar shard's JSON members are described as records, which a Croissant
reader can go through; it has no words for what is inside HDF5 or NumPy files, so those are named as files alone.
`datePublished` is when the dataset was made: it is there for others from then on, and nothing else is known.
"""

import json
from collections.abc import Mapping
from typing import Any

from pendgen.card import ABOUT, LIMITS, PAPER, USES
from pendgen.licence import address, sentence
from pendgen.shards import SUFFIXES

_KINDS = {"h5": "application/x-hdf5", "tar": "application/x-tar"}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
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


def croissant(manifest: Mapping[str, Any]) -> str:
    """The Croissant description, JSON-LD text."""
    kind = _KINDS[SUFFIXES[manifest["container"]]]
    files: list[dict[str, Any]] = [
        _file(shard, f"{shard['records']} pendulums of the {shard['split']} split from number {shard['first']}", kind)
        for shard in manifest["shards"]
    ]
    if entry := manifest.get("population"):
        files.append(_file(entry, f"the {entry['images']} images that can occur, with probabilities", _KINDS["h5"]))
    fields = [
        {"@type": "PropertyValue", "name": name, "description": f["meaning"], "unitText": f["unit"]}
        for name, f in manifest["fields"].items()
    ]
    chosen = manifest.get("license")
    created = manifest["provenance"]["created"]
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": manifest["name"],
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "description": f"{ABOUT.format(gap=manifest['time_gap'])} Licence: {sentence(manifest)}",
        "creator": {"@type": "sc:Organization", "name": "Pendulum lab"},
        "citeAs": PAPER,
        "version": manifest["content_version"],
        "dateCreated": created,
        "datePublished": created,
        **({"license": address(chosen)} if chosen else {}),
        "keywords": ["physics", "pendulum", "representation learning", "contrastive learning", "synthetic"],
        "isLiveDataset": False,
        **_responsible(manifest),
        "variableMeasured": fields,
        "distribution": files,
    }
    if manifest["container"] == "webdataset":
        files += [_members(manifest, split) for split in manifest["splits"]]
        described["recordSet"] = [_records(manifest, split) for split in manifest["splits"]]
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _responsible(manifest: Mapping[str, Any]) -> dict[str, Any]:
    version = manifest["provenance"].get("packages", {}).get("pendulum-lab", "")
    settings = ", ".join(f"{name} {value}" for name, value in manifest["parameters"].items())
    return {
        "rai:hasSyntheticData": True,
        "rai:dataCollection": f"Computed by pendgen {version}".strip()
        + f", variant {manifest['variant']}"
        + (f" ({settings})" if settings else "")
        + f", protocol {manifest['protocol']}, seed {manifest['seed']}: "
        "energies and times are drawn, angles follow from Jacobi's elliptic functions, and are drawn as pictures. "
        "Nothing was measured, and all of it can be computed again.",
        "rai:dataCollectionType": "Others",
        "rai:dataAnnotationProtocol": "Labels are the numbers that the pictures were drawn from.",
        "rai:dataUseCases": USES,
        "rai:dataLimitations": LIMITS,
        "rai:dataBiases": "Energies and times are uniform where the manifest does not say otherwise; a pendulum is "
        "slow near its turning points, so that pictures with the bobs there are the most frequent.",
        "rai:personalSensitiveInformation": "None: nobody appears in the data or was asked.",
        "rai:dataSocialImpact": "None is known.",
        "rai:dataReleaseMaintenancePlan": "Versions are semantic; data/README.md lists what each changed, and which "
        "are withdrawn.",
    }


def _members(manifest: Mapping[str, Any], split: str) -> dict[str, Any]:
    """The JSON members of a split's tar shards."""
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-json",
        "name": f"{split}-json",
        "description": f"a member for each pendulum of the {split} split",
        "containedIn": [{"@id": shard["file"]} for shard in manifest["shards"] if shard["split"] == split],
        "encodingFormat": "application/json",
        "includes": "*.json",
    }


def _records(manifest: Mapping[str, Any], split: str) -> dict[str, Any]:
    """The records of a split: the text of its JSON members, since readers look no further into an archive."""
    names = ", ".join(name for name in manifest["fields"] if name != "image")
    fields = {
        "member": ("filename", "name of the member; its images are in the .image.npy member beside"),
        "labels": ("content", f"JSON of {names}"),
    }
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"One record is one pendulum of the {split} split.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{split}/{name}",
                "name": name,
                "description": meaning,
                "dataType": "sc:Text",
                "source": {"fileSet": {"@id": f"{split}-json"}, "extract": {"fileProperty": kind}},
            }
            for name, (kind, meaning) in fields.items()
        ],
    }


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
