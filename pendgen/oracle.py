"""E[energy | image]: the best guess of the energy that the image allows, by quadrature.

What it is
    The posterior mean of the energy given the exact pixels, for energies uniform on [0, 1] and times
    uniform over the split's time range, whatever energies the split itself was drawn from. It never
    looks at the dataset. Scored like an embedding it is what no encoder beats: a true ceiling for the
    RMSE, and, ties aside, for the global Spearman. For the *local* Spearman it is a reference only: a
    guess that first picks the likeliest segment and orders within it scores a little higher.

How
    An image without pixel noise is a pair of bob positions; positions partition the circle into arcs
    of angle. Nodes cover energy × phase of one period (midpoints, phases staggered from energy to
    energy by the golden ratio), each weighted by how often its phase falls into the time range. With
    w the weights and Q₁, Q₂ the probabilities that a bob at the node's angle lands in each arc (an
    indicator, or a Gaussian integral under angle noise), E = Q₁ᵀ diag(w·m) Q₂ / Q₁ᵀ diag(w) Q₂.
    Reachable images that no node hits take the energy of the node nearest in angle. Pictures shifted
    by an unknown pixel mix the arcs they may have come from; bobs outside the window share one arc.

What it leaves out
    Pixel noise and tint are taken to tell nothing and hide nothing: positions are read exactly. That
    is what makes it a ceiling under graphical noise, reached only while positions stay legible.
    With `--antialias` see `ExactOracle`.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from scipy.spatial import cKDTree
from scipy.special import ndtr

from pendgen import antialias, physics
from pendgen.dataset import Dataset, Geometry, Split
from pendgen.elementary import arccos, arcsin
from pendgen.render import positions, visible
from pendgen.variants.variant import Range

Float = NDArray[np.float64]
GOLDEN = (5**0.5 - 1) / 2
_CHUNKS = 32
_TINY = 1e-12  # weight of a reachable image that no node hits, relative to the total of 1


@dataclass(frozen=True)
class Oracle:
    """A table of E[energy | image] over pairs of bob positions.

    `place` maps (row + pad, column + pad) in the window to a position number, −1 where no bob can be;
    number 0 is a bob out of view. `energy` and `probability` have shape (positions, positions): blue
    bob × red bob; energy is NaN where the probability is 0. `error` is the root-mean-square
    difference, weighted by probability, between the tables of the odd and the even energy nodes; the
    whole table was found to lie within that of one from four times the nodes.
    """

    place: NDArray[np.int64]
    pad: int
    energy: Float
    probability: Float
    error: float

    def __call__(self, position: NDArray[np.int64], in_view: NDArray[np.bool_]) -> Float:
        """E[energy | image] for bobs drawn at `position` (…, 2, 2), `in_view` (…, 2): float64, (…)."""
        inside = np.where(in_view[..., None], position + self.pad, 0)
        number = np.where(in_view, self.place[inside[..., 0], inside[..., 1]], 0)
        energy = self.energy[number[..., 0], number[..., 1]]
        if np.isnan(energy).any() or (number < 0).any():
            raise ValueError("an image lies outside the oracle's table; no energy and time can show it")
        return np.asarray(energy, np.float64)


@dataclass(frozen=True)
class ExactOracle:
    """E[energy | image] where bobs are drawn between the pixels, so that the image tells their angles.

    Two angles of a noise-free pendulum half a time unit apart belong to one energy: with both bobs in
    view and no angle noise the answer is the energy itself, exact but for the 1/255 steps of grey.
    Elsewhere it is a table over arcs an eighth of a pixel long (`number` 0: out of view), so it
    knows positions a little less well than the image does and scores at most as high.
    """

    centre: Float
    number: NDArray[np.int64]
    energy: Float
    probability: Float
    error: float
    noisy: bool

    def __call__(self, energy: Float, angle: Float, in_view: NDArray[np.bool_]) -> Float:
        """E[energy | image] for bobs at `angle` (…, T, 2), `in_view` (…, T, 2), of `energy` (…,): (…, T)."""
        after = np.clip(np.searchsorted(self.centre, angle), 1, len(self.centre) - 1)
        nearer = after - (angle - self.centre[after - 1] < self.centre[after] - angle)
        number = np.where(in_view, self.number[nearer], 0)
        guess = self.energy[number[..., 0], number[..., 1]]
        known = np.broadcast_to(np.asarray(energy)[..., None], guess.shape)
        guess = guess if self.noisy else np.where(in_view.all(axis=-1), known, guess)
        if np.isnan(guess).any():
            raise ValueError("an image lies outside the oracle's table; no energy and time can show it")
        return np.asarray(guess, np.float64)


def tabulate(dataset: Dataset, split: Split, nodes: int = 0, workers: int = 1) -> Oracle | ExactOracle:
    """The oracle of one split, from nodes × nodes quadrature points (default: 2048, 4096 from 64 px).

    The result does not depend on `workers` (threads), nor on what datasets differ in that are replicates or
    of another size: they share one, kept from one to the next.
    """
    same = replace(dataset, seed=0, pendulums=1, images=2)
    return _tabulated(same, split.time_range, nodes or (2048 if dataset.geometry.canvas < 64 else 4096), workers)


@lru_cache(maxsize=2)
def _tabulated(dataset: Dataset, time_range: Range, nodes: int, workers: int) -> Oracle | ExactOracle:
    edges, centre = _fine_arcs(dataset.geometry) if dataset.antialias else arcs(dataset.geometry)
    blur = landing(edges, dataset.eps_n) if dataset.eps_n else None
    chunks = [np.arange(nodes)[start::_CHUNKS] for start in range(_CHUNKS)]

    def accumulate(energies: NDArray[np.int64]) -> Float:
        return _quadrature(dataset.time_gap, time_range, edges, blur, energies, nodes)

    with ThreadPoolExecutor(workers) as pool:
        halves = np.zeros((2, 2, len(centre), len(centre)))
        for number, part in enumerate(pool.map(accumulate, chunks)):
            halves[number % 2] += part
    whole = halves.sum(axis=0) / halves[:, 0].sum()
    error = _disagreement(halves)
    if not dataset.antialias:
        _fill_unreached(whole, dataset.time_gap, time_range, centre)
    made = (_view_exactly if dataset.antialias else _view)(whole, dataset, centre, error)
    for array in vars(made).values():
        if isinstance(array, np.ndarray):
            array.setflags(write=False)  # several datasets may share it
    return made


def arcs(geometry: Geometry) -> tuple[Float, Float]:
    """Angles in [−π, π] at which some coordinate of the bob changes, and the middles of the arcs."""
    half = (np.arange(-geometry.radius, geometry.radius) + 0.5) / geometry.radius
    rows, columns = arccos(half), arcsin(half)
    turned = np.sign(columns) * np.pi - columns
    edges = np.unique(np.concatenate([rows, -rows, columns, turned, [-np.pi, np.pi]]))
    return edges, (edges[1:] + edges[:-1]) / 2


def _fine_arcs(geometry: Geometry) -> tuple[Float, Float]:
    """Equal arcs an eighth of a pixel long (at most 1536 of them), and their middles."""
    edges = np.linspace(-np.pi, np.pi, min(1536, round(16 * np.pi * geometry.radius)) + 1)
    return edges, (edges[1:] + edges[:-1]) / 2


def _quadrature(
    time_gap: float,
    time_range: Range,
    edges: Float,
    blur: csr_array | None,
    chunk: NDArray[np.int64],
    nodes: int,
) -> Float:
    """Summed weights and weighted energies of the energy nodes `chunk`: shape (2, arcs, arcs)."""
    energy = ((chunk + 0.5) / nodes)[:, None]
    period = physics.period(energy)
    stagger = ((chunk * GOLDEN) % 1.0)[:, None]
    # Time is reckoned from the middle between the two moments. Half a period later both bobs are
    # mirrored; at times reflected about the turning point they change places. So a quarter of the
    # period is evaluated and used four times.
    middle = (np.arange(nodes // 4) + stagger) / nodes * period
    before, after = middle - time_gap / 2, middle + time_gap / 2
    pairs = _pairs(edges, physics.angle(before, energy).ravel(), physics.angle(after, energy).ravel(), blur)
    mean = np.repeat(energy[:, 0], nodes // 4)
    total = np.zeros((2, len(edges) - 1, len(edges) - 1))
    for swapped, mirrored in ((False, False), (False, True), (True, False), (True, True)):
        phase = period / 2 - after if swapped else before
        phase = phase + period / 2 if mirrored else phase
        weight = (_visits(phase, period, time_range) * period).ravel()
        part = np.array([pairs(w) for w in (weight, weight * mean)])
        part = part.transpose(0, 2, 1) if swapped else part
        total += part[:, ::-1, ::-1] if mirrored else part
    return total


def _visits(phase: Float, period: Float, time_range: Range) -> Float:
    """How often the phase falls into the time range."""
    low, high = time_range
    return np.asarray(np.ceil((high - phase) / period) - np.ceil((low - phase) / period), np.float64)


def _pairs(edges: Float, blue: Float, red: Float, blur: csr_array | None) -> Callable[[Float], Float]:
    """How weights on nodes at angles `blue` and `red` spread over pairs of arcs: (N,) → (arcs, arcs)."""
    if blur is None:
        count = len(edges) - 1
        pair = arc_at(edges, blue) * count + arc_at(edges, red)
        return lambda weight: np.asarray(np.bincount(pair, weight, count * count).reshape(count, count), np.float64)
    first, second = (bin_at(x, blur.shape[0]) for x in (blue, red))
    return lambda weight: blurred(first, second, weight, blur)


def arc_at(edges: Float, angle: Float) -> NDArray[np.int64]:
    """Number of the arc between `edges` in which each angle lies."""
    return np.asarray(np.clip(np.searchsorted(edges, angle, "right") - 1, 0, len(edges) - 2), np.int64)


def bin_at(angle: Float, bins: int) -> NDArray[np.int64]:
    """Number of the one of so many equal bins of [−π, π] in which each angle lies; rows of `landing`."""
    return np.minimum((angle + np.pi) * (bins / (2 * np.pi)), bins - 1).astype(np.int64)


def blurred(first: NDArray[np.int64], second: NDArray[np.int64], weight: Float, blur: csr_array) -> Float:
    """Weights on pairs of bins of angle (N,), spread by angle noise over pairs of arcs: (arcs, arcs)."""
    exact = coo_array((weight, (first, second)), shape=(blur.shape[0],) * 2).tocsr()
    return np.asarray((blur.T @ exact @ blur).toarray())


def landing(edges: Float, eps_n: float, fineness: int = 8) -> csr_array:
    """Probability that a bob at an angle, plus N(0, eps_n) and wrapped, lands in each arc.

    Rows are equal bins of angle, `fineness` of them to an eps_n (but at least 1e-4 wide), taken at
    their centres; columns are arcs. Probabilities below 1e-18 are dropped.
    """
    bins = int(np.clip(np.ceil(2 * np.pi * fineness / eps_n), 64, 2**16))
    turns = range(-1, 2) if eps_n < 0.5 else range(-4, 5)
    blocks = []
    for some in np.array_split(np.arange(bins), max(1, bins // 2048)):
        angle = (some[:, None] + 0.5) * (2 * np.pi / bins) - np.pi
        odds = sum(np.diff(ndtr((edges + 2 * np.pi * turn - angle) / eps_n), axis=1) for turn in turns)
        blocks.append(csr_array(np.where(odds > 1e-18, odds, 0.0)))
    return csr_array(vstack(blocks))


def _fill_unreached(table: Float, time_gap: float, time_range: Range, centre: Float, nodes: int = 512) -> None:
    """Give images next to a reached one the energy of the nearest of nodes × nodes points, in place."""
    reached = table[0] > 0
    near = np.zeros_like(reached)
    for up in (-1, 0, 1):
        for across in (-1, 0, 1):
            near |= np.roll(reached, (up, across), axis=(0, 1))
    first, second = np.nonzero(near & ~reached)
    if not len(first):
        return
    energy = np.repeat((np.arange(nodes) + 0.5) / nodes, nodes)
    period = np.minimum(physics.period(energy), np.ptp(time_range))
    time = time_range[0] + np.tile((np.arange(nodes) + 0.5) / nodes, nodes) * period
    blue, red = physics.angle(time, energy), physics.angle(time + time_gap, energy)
    # Neither balanced nor compact: on this curved sheet of points the same answers come a hundred times faster.
    tree = cKDTree(_torus(blue, red), balanced_tree=False, compact_nodes=False)
    _, nearest = tree.query(_torus(centre[first], centre[second]))
    table[0, first, second] = _TINY
    table[1, first, second] = _TINY * energy[nearest]


def _torus(blue: Float, red: Float) -> Float:
    return np.stack([np.cos(blue), np.sin(blue), np.cos(red), np.sin(red)], axis=-1)


def _disagreement(halves: Float) -> float:
    """RMS difference between the posterior means of two half-tables, weighted by probability."""
    weight = halves[:, 0].sum(axis=0)
    both = (halves[0, 0] > 0) & (halves[1, 0] > 0)
    means = halves[:, 1][:, both] / halves[:, 0][:, both]
    return float(np.sqrt(np.average((means[0] - means[1]) ** 2, weights=weight[both])))


def _view(table: Float, dataset: Dataset, centre: Float, error: float) -> Oracle:
    """From pairs of arcs to pairs of positions as seen in the window, shifts and crops included."""
    moves = dataset.variant.shift_law(dataset.protocol)
    place, numbers = view(dataset.geometry, centre, [move for move, _ in moves])
    odds = [chance for _, chance in moves]
    return Oracle(place, dataset.bob_size, *_regroup(table, max(0, int(place.max())) + 1, numbers, odds), error)


def view(
    geometry: Geometry, centre: Float, moves: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Numbers of the positions that show, and for each shift in `moves` the number seen from each arc.

    The first array maps (row + bob, column + bob) in the window to a position number, −1 where no bob
    can be. Number 0 is a bob out of view.
    """
    seen, pad = positions(centre, geometry), geometry.bob
    place = np.full((geometry.size + 2 * pad,) * 2, -1, np.int64)
    numbers = []
    count = 1
    for move in moves:
        at = seen + np.array(move)
        shown = visible(at, geometry)
        for row, column in np.unique(at[shown] + pad, axis=0):
            if place[row, column] < 0:
                place[row, column], count = count, count + 1
        inside = np.where(shown[:, None], at + pad, 0)
        numbers.append(np.where(shown, place[inside[:, 0], inside[:, 1]], 0))
    return place, numbers


def _view_exactly(table: Float, dataset: Dataset, centre: Float, error: float) -> ExactOracle:
    """From pairs of fine arcs to pairs as seen in the window; a shift shows, so it changes nothing."""
    geometry = dataset.geometry
    shown = antialias.visible(antialias.positions(centre, geometry), geometry)
    number = np.where(shown, np.cumsum(shown), 0)
    energy, probability = _regroup(table, int(shown.sum()) + 1, [number], [1.0])
    return ExactOracle(centre[shown], number[shown], energy, probability, error, dataset.eps_n > 0)


def _regroup(
    table: Float, count: int, numbers: Sequence[NDArray[np.int64]], odds: Sequence[float]
) -> tuple[Float, Float]:
    """Posterior means and probabilities over `count` numbers, to which the arcs map with given odds."""
    total = np.zeros((2, count, count))
    for chance, number in zip(odds, numbers, strict=True):
        for layer, part in zip(total, table, strict=True):
            np.add.at(layer, (number[:, None], number[None, :]), chance * part)
    with np.errstate(invalid="ignore"):
        return total[1] / total[0], total[0]
