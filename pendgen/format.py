"""The dataset format, version 2. This docstring is its specification.

A dataset is one flat directory, `<name>/<content version>/`:

    dataset.json                  manifest, written last; without it the directory is unfinished
    README.md, croissant.json     dataset card with YAML front matter; MLCommons Croissant description
    train-00000-of-00016.h5       shards; `<split>-<number>-of-<count>`, both five digits; .h5 or .tar,
    test-00000-of-00016.h5        one container per directory
    population.h5                 every image that can occur under the test split's law, where they can be
                                  enumerated; HDF5 beside either container

One record is one pendulum: P pendulums, T images of each, S × S pixels. In an HDF5 shard every root
dataset is a field with pendulums as its first axis; everything else is an attribute. In a tar shard
(WebDataset) a record is two members, `<key>.image.npy` with the images (T, S, S, 3) and `<key>.json` with
the other fields by name; the key is `<split>-<index, nine digits>`.

    image               uint8    P, T, S, S, 3   RGB picture
    energy              float64  P               energy m: 0 at rest, 1 just reaches the top
    time                float64  P, T            time of the blue bob; the red one is `time_gap` later
    angle               float64  P, T, 2         angles of the blue and the red bob as drawn
    visible             bool     P, T, 2         some pixel of that bob is in the picture
    energy_given_image  float64  P, T            E[energy | image], energies uniform on [0, 1]
    index               int64    P               number of the pendulum within its split

Manifest keys: `format` ("pendulum-dataset"), `format_version` (integer), `content_version` (semantic:
MAJOR when pixels, labels or splits change, MINOR when a field is added, PATCH for another
serialisation), `name`, `variant`, `parameters`, `protocol`, `seed`, `container`, `image_size`,
`bob_size`, `time_gap`, `antialias`, `energy_range`, `gaps` (bands [low, high] that training energies leave out),
`splits` (per split: `pendulums`, `images`, `time_range`, `energy_bands`, `energy_law`), `fields` (per
field: `dtype`, `shape`, `unit`, `meaning`), `oracle_error` (per split, root-mean-square), `shards`
(each: `file`, `split`, `first`, `records`, `bytes`, `sha256`), `population` (`file`, `images`, `bins`,
`left_out`, `bytes`, `sha256`, `digest`; null where images cannot be enumerated, and then
`population_reason` says why), `digest` and `provenance`. `license`, an SPDX identifier, is there once the owner
chose one; it is no part of what the dataset is, and may change.

The content digest does not depend on container, shard count or workers. A record's field has the
SHA-256 of its little-endian C-order bytes; a split's field has the SHA-256 of its records' hashes in
order (`digest.fields.<split>.<field>`, hexadecimal); `digest.content` is the SHA-256 of those, written
as lines `<split> <field> <dtype> <hash>` in the order of the splits and of the table above.

population.h5 holds each image that can occur once, U of them, under the test split's law whatever its
records are: energies uniform on [0, 1] (in the `original` protocol too, whose records are evenly spaced),
times uniform over the split's `time_range`, angle noise included. B bins of energy: 140 equal ones,
refined by the ends of the gaps.

    image               uint8    U, S, S, 3   RGB picture
    visible             bool     U, 2         some pixel of the blue and of the red bob is in the picture
    probability         float64  U            probability of the image; they sum to 1
    energy_given_image  float64  U            E[energy | image] = sum of energy_moment / probability
    energy_edges        float64  B+1          edges of the bins, rising from 0 to 1
    energy_probability  float64  U, B         probability of image and bin together: rows sum to
                                              `probability`, columns to the width of the bin
    energy_moment       float64  U, B         the same, weighted by energy

Its attributes are `format` ("pendulum-population"), `format_version` (1), `split` ("test"), `time_range`
(two float64) and `left_out`, the probability of images left out because each is rarer than 1e-12; what is
kept was made to sum to 1 again. Its digest is the SHA-256 of the little-endian C-order bytes of `visible`
(a byte each) and of the arrays below it in the table, one after another. It is no part of the content
digest, which the same settings have in versions 1 and 2 alike.

A digest tells whether data are the same to the bit, and so follows from the settings on one machine only:
another may round what is float64 otherwise (seen: one of 48 values of `angle`, in its last bit).

Version 1 is the same without population.h5 and the two manifest keys about it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendgen.dataset import SPLITS, Dataset

FORMAT = "pendulum-dataset"
FORMAT_VERSION = 2
READABLE = (1, 2)
CONTENT_VERSION = "1.1.0"
MANIFEST = "dataset.json"
POPULATION_FORMAT = "pendulum-population"
POPULATION_VERSION = 1
POPULATION = "population.h5"


@dataclass(frozen=True)
class Field:
    """One column of the format."""

    name: str
    dtype: str
    axes: str
    unit: str
    meaning: str


FIELDS = (
    Field("image", "uint8", "P T S S 3", "1/255", "RGB picture; blue bob at `time`, red bob `time_gap` later"),
    Field("energy", "float64", "P", "1", "energy m: 0 at rest, 1 just reaches the top; constant of the motion"),
    Field("time", "float64", "P T", "1/natural frequency", "time of the blue bob"),
    Field("angle", "float64", "P T 2", "rad", "angles of the blue and red bob as drawn, in [-pi, pi], 0 at the bottom"),
    Field("visible", "bool", "P T 2", "", "whether some pixel of the blue and of the red bob is in the picture"),
    Field("energy_given_image", "float64", "P T", "1", "oracle: E[energy | image] for energies uniform on [0, 1]"),
    Field("index", "int64", "P", "", "number of the pendulum within its split"),
)  # fmt: skip
POPULATION_FIELDS = (
    Field("image", "uint8", "U S S 3", "1/255", "RGB picture; every one that can occur, each once"),
    Field("visible", "bool", "U 2", "", "whether some pixel of the blue and of the red bob is in the picture"),
    Field("probability", "float64", "U", "1", "probability of the image under the test split's law"),
    Field("energy_given_image", "float64", "U", "1", "E[energy | image]"),
    Field("energy_edges", "float64", "B+1", "1", "edges of the bins of energy"),
    Field("energy_probability", "float64", "U B", "1", "probability of image and bin of energy together"),
    Field("energy_moment", "float64", "U B", "1", "energy_probability, weighted by energy"),
)
Records = Mapping[str, NDArray[Any]]


def shape(field: Field, records: int, images: int, size: int) -> tuple[int, ...]:
    """Shape of a field for so many records, images of each and pixels."""
    lengths = {"P": records, "T": images, "S": size}
    return tuple(lengths[axis] if axis in lengths else int(axis) for axis in field.axes.split())


def shard_name(split: str, number: int, count: int, suffix: str = "h5") -> str:
    """File name of a shard: `train-00003-of-00016.h5`."""
    return f"{split}-{number:05d}-of-{count:05d}.{suffix}"


def record_hashes(records: Records) -> dict[str, bytes]:
    """Per field, the concatenated SHA-256 hashes (32 bytes each) of its records."""
    hashes = {}
    for field in FIELDS:
        column = np.ascontiguousarray(records[field.name], np.dtype(field.dtype).newbyteorder("<"))
        rows: NDArray[np.uint8] = column.reshape(len(column), -1).view(np.uint8)
        hashes[field.name] = b"".join([hashlib.sha256(row.data).digest() for row in rows])
    return hashes


def content_digest(hashes: Mapping[str, Mapping[str, bytes]]) -> dict[str, Any]:
    """The manifest's `digest` from `hashes[split][field]`, the record hashes of whole splits."""
    fields = {
        split: {field.name: hashlib.sha256(hashes[split][field.name]).hexdigest() for field in FIELDS}
        for split in SPLITS
    }
    lines = [f"{split} {f.name} {f.dtype} {fields[split][f.name]}\n" for split in SPLITS for f in FIELDS]
    return {"content": hashlib.sha256("".join(lines).encode()).hexdigest(), "fields": fields}


def describe(dataset: Dataset, name: str, container: str) -> dict[str, Any]:
    """The part of the manifest that follows from the settings alone; equal settings, equal description."""
    splits = {}
    for split in dataset.splits:
        splits[split.name] = asdict(split)
        splits[split.name].pop("name")
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "content_version": CONTENT_VERSION,
        "name": name,
        "variant": dataset.variant.name,
        "parameters": dataset.variant.parameters(),
        "protocol": dataset.protocol,
        "seed": dataset.seed,
        "container": container,
        "image_size": dataset.size,
        "bob_size": dataset.bob_size,
        "time_gap": dataset.time_gap,
        "antialias": dataset.antialias,
        "energy_range": dataset.energy_range,
        "gaps": dataset.gaps,
        "splits": splits,
        "fields": {
            f.name: {"dtype": f.dtype, "shape": f.axes.split(), "unit": f.unit, "meaning": f.meaning} for f in FIELDS
        },
    }
    plain: dict[str, Any] = json.loads(json.dumps(description))  # tuples become lists, as they will be read back
    return plain


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON to `path` whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary name of its own in the same folder, flush to disk, rename. Raises OSError naming `path`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise OSError(f"cannot write {path}: {problem.strerror or problem}") from None
    finally:
        temporary.unlink(missing_ok=True)
