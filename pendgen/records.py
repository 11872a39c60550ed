"""The records of consecutive pendulums, computed from the settings alone."""

from collections.abc import Iterator

import numpy as np

from pendgen import antialias, physics, render, sampling
from pendgen.dataset import Dataset, Split
from pendgen.format import Records
from pendgen.oracle import ExactOracle, Oracle

_BLOCK_BYTES = 8 * 2**20  # small enough to stay in cache between drawing, hashing and compressing


def compute(dataset: Dataset, split: Split, indices: range, oracle: Oracle | ExactOracle) -> Records:
    """Every field of the pendulums `indices` of a split, as `format.FIELDS` describes them."""
    seed, geometry = dataset.seed, dataset.geometry
    energy = sampling.energies(seed, split, indices)
    time = sampling.times(seed, split, indices)
    angle = np.stack([physics.angle(time + later, energy[:, None]) for later in (0.0, dataset.time_gap)], axis=-1)
    if dataset.eps_n:
        angle += dataset.eps_n * sampling.angle_noise(seed, split, indices)
        angle = np.remainder(angle + np.pi, 2 * np.pi) - np.pi
    shift = np.zeros((*time.shape, 1, 2), np.int64)
    if dataset.eps_g:
        law = (split.images, dataset.eps_g, dataset.protocol)
        shift[:, :, 0] = [render.shifts(seed, split.name, i, *law) for i in indices]
    if isinstance(oracle, ExactOracle):
        exact = antialias.positions(angle, geometry) + shift
        image, visible = antialias.draw(exact, geometry), antialias.visible(exact, geometry)
        guess = oracle(energy, angle, visible)
    else:
        position = render.positions(angle, geometry) + shift
        image, visible = render.draw(position, geometry), render.visible(position, geometry)
        guess = oracle(position, visible)
    if dataset.eps_g:
        for number, i in enumerate(indices):
            image[number] = render.disturb(image[number], seed, split.name, i, dataset.eps_g, dataset.protocol)
    return {
        "image": image,
        "energy": energy,
        "time": time,
        "angle": angle,
        "visible": visible,
        "energy_given_image": guess,
        "index": np.arange(indices.start, indices.stop, dtype=np.int64),
    }


def blocks(dataset: Dataset, split: Split, indices: range, oracle: Oracle | ExactOracle) -> Iterator[Records]:
    """The records of `indices`, a few pendulums at a time, so that memory stays flat."""
    step = max(1, _BLOCK_BYTES // (split.images * dataset.size**2 * 3))
    for start in range(indices.start, indices.stop, step):
        yield compute(dataset, split, range(start, min(start + step, indices.stop)), oracle)
