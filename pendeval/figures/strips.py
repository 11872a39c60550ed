"""The strips beneath Fig. 5: what becomes of a representation as the noise grows."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from pendeval.figures import choose
from pendeval.figures.choose import Example, Setting
from pendeval.figures.material import Material
from pendeval.figures.style import cloud, some

Strips = dict[float, Example]
"""Level of noise → the run shown."""
_MOST = 3_000


def examples(material: Material, variant: str, setting: Setting) -> Strips:
    """A contrastive run for each level, and one without noise where there are any with."""
    found: Strips = {}
    for kind in ("vanilla", variant):
        rows = choose.like(choose.own(material.runs, kind, 1), setting)
        rows = rows[rows["method"].eq("contrastive")]
        for level in sorted(rows["level"].dropna().unique()):
            shown = choose.example(rows[rows["level"].eq(level)], material.samples)
            if shown:
                found[float(level)] = shown
    return found if any(found) else {}


def draw(axes: Axes, strips: Strips, symbol: str) -> PathCollection:
    """A strip per level, the least noise on top, turned so that it rises with energy and moved to median zero."""
    jitter, levels = np.random.default_rng(5), sorted(strips)
    for place, level in enumerate(levels):
        sample = strips[level].sample
        few = some(len(sample.energy), _MOST)
        energy, values = sample.energy[few], sample.values[few]
        sign = -1.0 if np.sum((energy - energy.mean()) * (values - values.mean())) < 0 else 1.0
        spread = place + jitter.uniform(-0.3, 0.3, len(few))
        shown = cloud(axes, sign * (values - np.nanmedian(values)), spread, energy, size=0.7)
    axes.set(yticks=range(len(levels)), yticklabels=[f"{level:g}" for level in levels])
    axes.set(xlabel="embedding, median at zero", ylabel=f"noise level {symbol}")
    axes.set_ylim(len(levels) - 0.4, -0.6)
    return shown
