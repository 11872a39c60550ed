"""Every image that can occur under the test split's law, with its probability and its energies.

What it is
    Without pixel noise an image is a pair of bob positions, and there are few: some 1,700 at 32 pixels.
    For energies uniform on [0, 1] and times uniform over the test split's range this gives each image
    once, with the joint probability of image and energy bin, and the same weighted by energy. Sums over
    it are exact where a sample scatters: scores computed from it carry no test noise.

How
    Each bin of energy has equally wide cells with a node in the middle; the first and the last cell of
    all are halved again and again towards 0 and 1, where images change ever faster. Cells weigh what
    they are wide, so each bin's mass is exact. At a node the period is cut wherever a bob crosses from
    one arc of positions into the next (`physics.passing`), so every piece shows one image, and how long
    the time range dwells in it is known in closed form: only energy is discretised. Under angle noise
    the image is not fixed by the phase; there the period is cut into equal pieces, staggered from node
    to node by the golden ratio, and each piece spread over pairs of arcs.

What it leaves out
    Images of probability below 1e-12, and an image seen only within a band of energy so narrow that it
    slips between the nodes: sixteen times the nodes showed none at 32 pixels, four times none at 100.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pendgen import physics
from pendgen.dataset import Dataset, Geometry
from pendgen.oracle import GOLDEN, arc_at, arcs, bin_at, blurred, landing, view
from pendgen.variants.variant import Range

Float = NDArray[np.float64]
BINS = 140  # twenty to each of the seven segments that scores are taken over
LEAST = 1e-12
MOST_IMAGES = 250_000  # about half a gigabyte of tables
_NODES, _NOISY_NODES, _PHASES = 4096, 2048, 2048  # the first at a radius of 11 pixels
_SAME_EDGE = 1e-9
_HALVINGS = 18  # down to energies of 1e-9, and 1e-9 below 1
_FINENESS = 32  # angle bins to a standard deviation: their width then adds 8e-5 to the variance


@dataclass(frozen=True)
class Population:
    """Images that can occur: U of them, over B bins of energy.

    `position` (U, 2 bobs, row and column) int64 is what `render.draw` takes; `visible` (U, 2) bool.
    `energy_edges` (B + 1) rises from 0 to 1. `energy_probability` and `energy_moment` (U, B) are the
    probability, and the probability weighted by energy, of image and bin together; the columns of the
    first sum to the widths of the bins. `left_out` is the probability of the images left out.
    """

    position: NDArray[np.int64]
    visible: NDArray[np.bool_]
    energy_edges: Float
    energy_probability: Float
    energy_moment: Float
    left_out: float

    @property
    def probability(self) -> Float:
        """Probability of each image, (U,)."""
        return np.asarray(self.energy_probability.sum(axis=1), np.float64)

    @property
    def energy_given_image(self) -> Float:
        """E[energy | image], (U,)."""
        return np.asarray(self.energy_moment.sum(axis=1) / self.probability, np.float64)


def why_not(dataset: Dataset) -> str | None:
    """Why the images of a dataset cannot be enumerated; None where they can."""
    if dataset.eps_g:
        return "graphical noise: every image is different"
    if dataset.antialias:
        return "antialiased: images differ with every angle"
    if (images := estimated_images(dataset)) > MOST_IMAGES:
        return f"about {images:,} images can occur, more than {MOST_IMAGES:,}"
    return None


def estimated_images(dataset: Dataset) -> int:
    """About how many images can occur, from above: pairs of positions whose angles are near enough.

    Measured: a quarter of all pairs at the usual time gap of 1/2, more with angle noise.
    """
    _, centre = arcs(dataset.geometry)
    place, _ = view(dataset.geometry, centre, [(0, 0)])
    positions = max(0, int(place.max())) + 1
    share = 0.5 * dataset.time_gap + 3.0 * dataset.eps_n
    return int(min(positions**2, share * len(centre) * positions + 2 * positions))


def estimated_bytes(dataset: Dataset) -> int:
    """About how large population.h5 will be on disk, from above; 0 where there is none.

    Measured: 16 bytes for each bin of energy that an image touches, which is 15 of 140 at a radius of 11
    pixels and without noise.
    """
    if why_not(dataset):
        return 0
    bins = len(energy_edges(dataset.gaps)) - 1
    touched = min(1.0, 0.02 + 1.0 / dataset.geometry.radius + 2.2 * dataset.eps_n**0.5) * bins
    per_image = 16 * touched + 40 + dataset.size**2 * 3 / 800
    return int(20_000 + 1.25 * estimated_images(dataset) * per_image)


def enumerate_images(dataset: Dataset, nodes: int = 0, workers: int = 1) -> Population:
    """Every image of the dataset's test law, from `nodes` energies per unit.

    By default 4096 at 32 pixels, up to four times as many for longer pendulums, whose arcs are narrower,
    and 2048 under angle noise. Does not depend on the seed, on how many pendulums there are, or on
    `workers` (threads). Raises ValueError where images cannot be enumerated.
    """
    if reason := why_not(dataset):
        raise ValueError(f"images cannot be enumerated: {reason}")
    # Datasets that differ in seed and numbers alone share one population, kept from one to the next.
    same = replace(dataset, seed=0, pendulums=1, images=2)
    finer = min(4.0, max(1.0, dataset.geometry.radius / 11))
    return _enumerate(same, nodes or (_NOISY_NODES if dataset.eps_n else round(finer * _NODES)), workers)


def energy_edges(gaps: tuple[Range, ...], bins: int = BINS) -> Float:
    """Edges of so many equal bins of [0, 1] and of the gaps, ascending; nearly equal ones are one."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    ends = np.array([end for gap in gaps for end in gap], np.float64)
    new = [end for end in np.unique(ends) if np.abs(edges - end).min() > _SAME_EDGE]
    return np.sort(np.concatenate([edges, new]))


@lru_cache(maxsize=2)
def _enumerate(dataset: Dataset, nodes: int, workers: int) -> Population:
    edges = energy_edges(dataset.gaps)
    law = _law(dataset)
    counts = np.ceil(np.diff(edges) * nodes - 1e-6).astype(int)
    first = np.concatenate(([0], np.cumsum(counts)))
    bins = [(_cells(edges[b], edges[b + 1], int(counts[b])), int(first[b])) for b in range(len(counts))]
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda one: _bin(law, *one), bins))
    keys = np.unique(np.concatenate([key for key, _, _ in found]))
    tables = np.zeros((2, len(keys), len(bins)))
    for number, (key, *layers) in enumerate(found):
        tables[:, np.searchsorted(keys, key), number] = layers
    return _finished(law, keys, tables, edges)


@dataclass(frozen=True)
class _Law:
    """What decides an image: where arcs lie, which position each shows, which times occur."""

    geometry: Geometry
    time_range: Range
    time_gap: float
    edges: Float  # of the arcs, (A + 1,)
    number: NDArray[np.int64]  # position each arc shows, (A,); 0: out of view
    positions: NDArray[np.int64]  # row and column by number, (positions, 2)
    blur: csr_array | None  # angle noise, `oracle.landing`


def _law(dataset: Dataset) -> _Law:
    geometry = dataset.geometry
    edges, centre = arcs(geometry)
    place, (number,) = view(geometry, centre, [(0, 0)])
    shown = np.argwhere(place >= 0)
    out_of_view = [[-geometry.bob] * 2]
    positions = np.concatenate([out_of_view, shown[np.argsort(place[place >= 0])] - geometry.bob])
    blur = landing(edges, dataset.eps_n, _FINENESS) if dataset.eps_n else None
    return _Law(geometry, dataset.split("test").time_range, dataset.time_gap, edges, number, positions, blur)


def _cells(low: float, high: float, count: int) -> Float:
    """Edges of so many equal cells of a bin of energy, halved further where they end at 0 or 1."""
    edges = np.linspace(low, high, count + 1)
    halved = 0.5 ** np.arange(1, _HALVINGS + 1)
    down = edges[1] * halved[::-1] if low == 0.0 else []
    up = 1.0 - (1.0 - edges[-2]) * halved if high == 1.0 else []
    return np.concatenate([edges[:1], down, edges[1:-1], up, edges[-1:]])


def _bin(law: _Law, cells: Float, first: int) -> tuple[NDArray[np.int64], Float, Float]:
    """Images of one bin of energy: ascending keys, probabilities, probabilities weighted by energy.

    `cells` are the edges of its cells, `first` numbers the first of them among all.
    """
    energy, width = ((cells[1:] + cells[:-1]) / 2)[:, None], np.diff(cells)
    # Half a period later both bobs are mirrored, so half a period is looked at and used twice.
    half = physics.period(energy) / 2
    if law.blur is None:
        cuts, origin = _crossings(law, energy, half, cells[-1]), np.zeros_like(energy)
    else:
        pieces = _PHASES // 2
        cuts = np.arange(pieces + 1) / pieces * half
        origin = ((first + np.arange(len(width))) * GOLDEN % 1.0)[:, None] * half / pieces
    dwell = np.diff([_dwell(cuts + later, 2 * half, law.time_range, origin) for later in (0.0, half)], axis=-1)
    row, piece = np.nonzero(dwell.any(axis=0))
    time = ((cuts[:, 1:] + cuts[:, :-1]) / 2 + origin)[row, piece]
    energy, weight = energy[row, 0], dwell[:, row, piece] * width[row]
    angles = physics.angle(time, energy), physics.angle(time + law.time_gap, energy)
    layers = np.stack([weight, weight * energy]).reshape(2, -1)
    if law.blur is None:
        blue, red = _with_mirrored(angles, lambda x: arc_at(law.edges, x), len(law.number))
        return _gathered(law, blue, red, layers)
    bins = law.blur.shape[0]
    bin1, bin2 = _with_mirrored(angles, lambda x: bin_at(x, bins), bins)
    spread = np.stack([blurred(bin1, bin2, layer, law.blur) for layer in layers])
    blue, red = np.nonzero(spread[0])
    return _gathered(law, blue, red, spread[:, blue, red])


def _with_mirrored(
    angles: tuple[Float, Float], place: Callable[[Float], NDArray[np.int64]], places: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the blue and the red bob, then those of their mirror images: two arrays (2 N,)."""
    blue, red = (np.concatenate([at, places - 1 - at]) for at in map(place, angles))
    return blue, red


def _crossings(law: _Law, energy: Float, half: Float, highest: float) -> Float:
    """Phases in the first half period at which either bob leaves an arc, ascending, with both ends: (E, cuts)."""
    inner = law.edges[1:-1]
    reached = inner[np.abs(np.sin(inner / 2)) < np.sqrt(highest)]
    # Edges come in mirrored pairs, so the downward passages are the upward ones of the other half.
    upward = physics.passing(reached, energy)
    cuts = np.concatenate([upward, upward - law.time_gap], axis=1) % half
    return np.sort(np.concatenate([np.zeros_like(half), cuts, half], axis=1), axis=1)


def _dwell(phase: Float, period: Float, time_range: Range, origin: Float) -> Float:
    """Share of the time range spent below each `phase` in [0, period], phases being reckoned from `origin`."""
    low, high = time_range

    def until(time: Float) -> Float:
        turns = np.floor(time / period)
        return np.asarray(turns * phase + np.minimum(time - turns * period, phase), np.float64)

    return (until(high - origin) - until(low - origin)) / (high - low)


def _gathered(
    law: _Law, blue: NDArray[np.int64], red: NDArray[np.int64], layers: Float
) -> tuple[NDArray[np.int64], Float, Float]:
    """Sum what falls to the same image: from arcs of both bobs (N,) and layers (2, N) to keys and sums."""
    key = law.number[blue] * len(law.positions) + law.number[red]
    keys, place = np.unique(key, return_inverse=True)
    probability, moment = (np.asarray(np.bincount(place, layer, len(keys)), np.float64) for layer in layers)
    return np.asarray(keys, np.int64), probability, moment


def _finished(law: _Law, keys: NDArray[np.int64], tables: Float, edges: Float) -> Population:
    """Drop what is too rare, make columns whole again."""
    kept = tables[0].sum(axis=1) >= LEAST
    left_out = float(tables[0, ~kept].sum())
    keys, tables = keys[kept], tables[:, kept]
    tables *= np.diff(edges) / tables[0].sum(axis=0)
    number = np.stack(np.divmod(keys, len(law.positions)), axis=1)
    made = Population(law.positions[number], number > 0, edges, tables[0], tables[1], left_out)
    for array in (made.position, made.visible, made.energy_edges, made.energy_probability, made.energy_moment):
        array.setflags(write=False)  # several datasets may share them
    return made
