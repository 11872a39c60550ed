"""What the page's explorer looks at: pictures, the energies they can have, and where encoders put them.

`data` gathers it from the records of a report; `encoded` makes it JSON for `templates/worlds.js`. A *world* is the
pictures that several runs embedded: every one that can occur (a population), or a drawn sample of a test split. Of the
pictures only the bobs' boxes are held, which determine them; a *run* is one encoder's outputs over one world.

Numbers are base64 of little-endian arrays. Outputs are rounded to 1/65535 of the range they span, energies to 1/65535,
a picture's distribution over energies to 1/255 of its highest bin: finer than a screen shows. Scores come from none of
it. At most `MOST_RUNS` runs and `MOST_BYTES` are held; what is left out is said.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pendeval.attributes import clean
from pendeval.conditions import condition_of
from pendeval.embeddings import PopulationEmbeddings, read, read_outputs
from pendeval.measures.population import Population
from pendeval.page.cells import Row, as_text
from pendeval.page.condition import about_data, about_training, encoder
from pendeval.sample import Sample
from pendeval.scores import Record

Float = NDArray[np.float64]
Int = NDArray[np.int64]
MOST_RUNS, MOST_BYTES = 20, 1_800_000
"""Runs, and bytes of their data: with its figures the page then stays below 3 MB."""
LOW, HIGH = 0.05, 0.95
"""Between these quantiles lie nine in ten of the energies that show one picture."""
MOST_SIDE = 1024
_LEVELS = 65535
_REDO = (
    "to see the pictures, write the embeddings anew with “pendtrain embed --force”, or report them together with a run "
    "that “pendtrain fit” trained on the same data"
)
_NOISY = "pictures are drawn without their noise and shift"


def data(records: Sequence[Record], roots: Sequence[Path], rows: Sequence[Row] = ()) -> dict[str, Any]:
    """Worlds and runs of records, for `encoded`; files are looked for below `roots`, `rows` of runs.csv name the runs.

    Runs with a population come first, each kind in the order of `records`.
    """
    names = {row["digest"]: _described(row) for row in reversed(rows)}
    digests = {_digest(one) for one in records} - {""}
    whole = {digest: _whole([one for one in records if _digest(one) == digest], roots) for digest in sorted(digests)}
    worlds: dict[str, dict[str, Any]] = {}
    runs: list[dict[str, Any]] = []
    left = size = 0
    for record in sorted(records, key=lambda one: whole.get(_digest(one)) is None):
        if len(runs) == MOST_RUNS:
            left += 1
            continue
        for found in (_of_population(record, roots, whole.get(_digest(record))), _of_sample(record)):
            if found is None:
                continue
            key, world, outputs = found
            run = {"world": key, "name": clean(names.get(record.digest) or _name(record, outputs), 200), **outputs}
            more = len(json.dumps(run)) + (0 if key in worlds else len(json.dumps(world)))
            if size + more <= MOST_BYTES:
                worlds.setdefault(key, world)
                runs.append(run)
                size += more
                break
        else:
            left += 1
    order = list(worlds)
    for run in runs:
        run["world"] = order.index(run["world"])
    said = f"{left} more {'run is' if left == 1 else 'runs are'} not here: at most {MOST_RUNS} runs and "
    said += f"{MOST_BYTES / 1e6:.1f} MB of data are kept, and of each run its outputs or a sample of them are needed."
    return {"runs": runs, "worlds": list(worlds.values()), "left": said if left else ""}


def encoded(held: Mapping[str, Any]) -> str:
    """The explorer's data as JSON; the template escapes it as the attribute's value that it becomes."""
    return json.dumps(held, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def quantiles(population: Population, levels: Sequence[float] = (LOW, HIGH)) -> Float:
    """Energies below which a picture's energy lies with these probabilities, (U, levels), straight within a bin."""
    upto = np.cumsum(population.energy_probability, axis=1)
    upto = np.concatenate([np.zeros((len(upto), 1)), upto / upto[:, -1:]], axis=1)
    found = np.empty((len(upto), len(levels)))
    for k, level in enumerate(levels):
        place = np.clip((upto <= level).sum(axis=1) - 1, 0, upto.shape[1] - 2)
        rows = np.arange(len(upto))
        mass = upto[rows, place + 1] - upto[rows, place]
        share = np.where(mass > 0, (level - upto[rows, place]) / np.where(mass > 0, mass, 1.0), 0.0)
        found[:, k] = population.edges[place] + share * np.diff(population.edges)[place]
    return found


def geometry(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where bobs land by the settings of the data embedded, in pixels; None where the settings do not say.

    `size` of the picture and `bob`; `radius`, `centre` (row and column of the pivot) and `start` (of the window) on the
    canvas; `gap`, the time from the blue bob to the red one.
    """
    with suppress(KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError):
        size, bob, gap = (settings[f"data_{name}"] for name in ("image_size", "bob_size", "time_gap"))
        share = float(json.loads(settings.get("data_parameters") or "{}").get("alpha_c", 1.0))
        canvas, start = size, 0
        if settings["data_variant"] == "cropping" and settings.get("data_protocol") == "original":
            canvas = math.floor(size / share + 4)
            start = math.floor((1 - share / 2) * canvas - size / 2)
        elif settings["data_variant"] == "cropping":
            canvas = round(size / share)
            start = canvas - size
        radius = canvas - 4 - canvas // 2 - bob // 2
        if 0 < size <= MOST_SIDE and 0 < bob <= size and 0 < radius <= 100 * MOST_SIDE and not _blurred(settings):
            centre = canvas // 2
            return {"size": size, "bob": bob, "radius": radius, "centre": centre, "start": start, "gap": gap}
    return None


def boxes(angle: Float, place: Mapping[str, Any]) -> Int:
    """The boxes (…, 4) of bobs at `angle` (…): first row, first column, rows, columns; zeros out of view.

    Position = centre + round(radius · (cos, sin)) on the canvas, halves to even, less the window's start.
    """
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    position = place["centre"] + np.rint(place["radius"] * circle).astype(np.int64) - place["start"]
    first = position - place["bob"] // 2
    inner, end = np.maximum(first, 0), np.minimum(first + place["bob"], place["size"])
    found = np.concatenate([inner, end - inner], axis=-1)
    return np.where((found[..., 2:] > 0).all(axis=-1, keepdims=True), found, 0)


def _digest(record: Record) -> str:
    return str(record.settings.get("data_population_digest", "")) if record.population is not None else ""


def _blurred(settings: Mapping[str, Any]) -> bool:
    return settings.get("data_antialias") in (True, 1)


def _file(record: Record, roots: Sequence[Path]) -> Path | None:
    """The population's embeddings that a record was scored from, where they still lie below a root."""
    for root in roots if record.population_file else []:
        path = (root if root.is_dir() else root.parent) / record.population_file
        if path.is_file():
            return path
    return None


def _whole(records: Sequence[Record], roots: Sequence[Path]) -> PopulationEmbeddings | None:
    """One file of the population that these records embedded, if any with boxes; None where there is no file."""
    found = None
    for path in filter(None, (_file(record, roots) for record in records)):
        with suppress(ValueError, OSError):
            one = read(path)
            if isinstance(one, PopulationEmbeddings):
                found = one
                if one.box is not None:
                    break
    return found


def _of_population(
    record: Record, roots: Sequence[Path], whole: PopulationEmbeddings | None
) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    if whole is None or record.population is None:
        return None
    embedding = record.population.astype(np.float64)
    path = _file(record, roots)
    if record.every > 1 and path is not None:
        with suppress(ValueError, OSError, RuntimeError):
            embedding = read_outputs(path)
    if len(embedding) != len(whole.population):
        return None
    held = whole.population
    return _digest(record), _world(whole), _outputs(embedding, held.energy_given_image, held.probability)


def _world(whole: PopulationEmbeddings) -> dict[str, Any]:
    """A population as a world: per image place of its bobs, energies and probability."""
    held, place = whole.population, geometry(whole.attributes)
    low, high = quantiles(held).T
    first, counts, heights = _histograms(held)
    world = {"kind": "population", "count": len(held), "geometry": place, "missing": ""}
    world |= {"name": _words(whole.attributes, whole.embedding.shape[1]), **_pictures(whole.box)}
    if whole.box is None or place is None:
        world["missing"] = f"These embeddings do not say where the bobs are: {_REDO}."
    world |= {"mean": _levels(held.energy_given_image), "low": _levels(low), "high": _levels(high)}
    world |= {"probability": _b64(held.probability, "<f4"), "edges": [round(float(edge), 9) for edge in held.edges]}
    return world | {"first": _b64(first, "<u2"), "bins": _b64(counts, "<u2"), "heights": _b64(heights, "|u1")}


def _histograms(held: Population) -> tuple[Int, Int, Int]:
    """Per image the first bin of energy it occurs in and how many from there to the last, (U,), and their heights.

    These are, one image after the other, probabilities per unit of energy, 0 to 255 of the image's highest.
    """
    density = held.energy_probability / np.diff(held.edges)
    there = density > 0
    first = there.argmax(axis=1)
    counts = there.shape[1] - there[:, ::-1].argmax(axis=1) - first
    bins = np.arange(there.shape[1])
    inside = (bins >= first[:, None]) & (bins < (first + counts)[:, None])
    heights = np.rint(255 * density / density.max(axis=1, keepdims=True)).astype(np.int64)
    return first, counts, heights[inside]


def _of_sample(record: Record) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    """A world of the images of a test split that the record kept, drawn from their angles where these are known."""
    sample = record.sample
    if sample is None:
        return None
    place = geometry(record.settings)
    drawn = place is not None and sample.angle is not None
    world = {"kind": "sample", "count": len(sample.energy), "geometry": place, "missing": ""}
    world |= {"name": _words(record.settings, sample.embedding.shape[1])}
    world |= _pictures(boxes(sample.angle, place) if sample.angle is not None and place is not None else None)
    if not drawn:
        world["missing"] = f"Pictures cannot be drawn: angles or sizes are not in these files; {_REDO}."
    elif record.settings.get("data_variant") == "graphical-noise":
        world["missing"] = f"Graphical noise makes every picture different: {_NOISY}."
    guess = sample.energy if sample.oracle is None else sample.oracle
    world |= {"energy": _levels(sample.energy), "mean": _levels(guess)}
    key = f"{record.labels or record.digest}-{len(sample.energy)}"
    return key, world, _outputs(sample.embedding.astype(np.float64), sample.energy, _even(sample))


def _even(sample: Sample) -> Float:
    return np.full(len(sample.energy), 1 / len(sample.energy))


def _outputs(embedding: Float, energy: Float, weight: Float) -> dict[str, Any]:
    """The first two outputs of an embedding (n, d), and the line along which runs are compared.

    The line is the only output, turned to rise with the energy; of several outputs the straight line that reads the
    energy best off them, where every picture counts by its `weight` (n,).
    """
    columns = embedding[:, :2].T
    centred = np.column_stack([embedding - weight @ embedding, np.ones(len(embedding))])
    scale = np.sqrt(weight)[:, None]
    slope = np.linalg.lstsq(centred * scale, energy * scale[:, 0], rcond=None)[0]
    line = np.sign(slope[0] or 1.0) * embedding[:, 0] if embedding.shape[1] == 1 else centred @ slope
    found = {"dim": embedding.shape[1], "outputs": [_spanned(column) for column in columns]}
    return found | {"line": _spanned(line)}


def _pictures(box: Int | None) -> dict[str, Any]:
    """The different places of bobs (P, 4), and which of them each image's blue and red bob have."""
    if box is None:
        return {"places": None}
    places, which = np.unique(box.reshape(-1, 4), axis=0, return_inverse=True)
    blue, red = which.reshape(-1, 2).T
    if len(places) > _LEVELS:
        return {"places": None}
    return {"places": _b64(places, "<u2"), "blue": _b64(blue, "<u2"), "red": _b64(red, "<u2")}


def _spanned(column: Float) -> dict[str, Any]:
    """A column (n,) as its range and 65,536 levels in it."""
    low, high = float(column.min()), float(column.max())
    span = (high - low) or 1.0
    return {"low": low, "high": high, "levels": _b64(np.rint((column - low) / span * _LEVELS), "<u2")}


def _levels(energy: Float) -> str:
    return _b64(np.rint(np.clip(energy, 0.0, 1.0) * _LEVELS), "<u2")


def _b64(column: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(column, dtype).tobytes()).decode("ascii")


def _words(settings: Mapping[str, Any], dim: int) -> str:
    """The data embedded, in words."""
    with suppress(ValueError):
        return clean(condition_of(settings, dim, "0" * 64).data_words, 100)
    return ""


def _described(row: Row) -> str:
    """A run for a list to choose from: what differs most often comes first, for lists are cut off on the right."""
    seed = as_text(row["seed"])
    parts = [as_text(row["data_words"]), encoder(row), f"seed {seed}" if seed else "", about_data(row)]
    return ", ".join(filter(None, [*parts, about_training(row)]))


def _name(record: Record, outputs: Mapping[str, Any]) -> str:
    return f"{record.population_file or record.file}, d = {outputs['dim']}"
