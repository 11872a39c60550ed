"""Fig. 10: where a representation is dense, it orders energies less well."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure as Canvas

from pendeval.figures import choose, record, words
from pendeval.figures.choose import METHODS
from pendeval.figures.material import Material
from pendeval.figures.style import ENERGY_MAP, METHOD, canvas_of

_SAMPLED, _EXACT = ("spearman", "density"), ("population_spearman", "population_density")
_COLUMNS = (
    *("condition", "data_words", "method", "train_data_seed", "seed", "digest", "number", "energy_low", "energy_high"),
    *("exact", "spearman", "density"),
)


def draw(material: Material) -> tuple[Canvas, str, pd.DataFrame]:
    """Seven points a run, in a panel a method: what an output spans differs manyfold between them."""
    rows, exact, departs = _rows(material.segments)
    if rows.empty:
        raise choose.absent("densities of runs on vanilla images with one output", material.segments, ["vanilla"])
    methods = [method for method in METHODS if rows["method"].eq(method).any()]
    canvas = canvas_of(2.2 + 2.4 * len(methods), 3.6)
    grid = canvas.subplots(1, len(methods), squeeze=False, sharey=True)[0]
    colours = mpl.colormaps[ENERGY_MAP]
    for axes, method in zip(grid, methods, strict=True):
        mine = rows[rows["method"].eq(method)]
        shade: Any = colours(((mine["energy_low"] + mine["energy_high"]) / 2).to_numpy(float))
        fill: Any = "none" if method == "supervised" else shade
        axes.scatter(
            mine["density"], mine["spearman"], edgecolors=shade, facecolors=fill, marker=METHOD[method]["marker"], s=30
        )
        axes.set(title=method, xlabel="density (energy per unit of embedding)")
        axes.grid()
        axes.locator_params(axis="x", nbins=5)
    grid[0].set_ylabel(f"Spearman's ρ within the segment ({'exact' if exact else 'sampled'})")
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 1), colours)
    canvas.colorbar(scale, ax=list(grid), label="middle energy m of the segment")
    each = rows.groupby("method")["digest"].nunique()
    counted = " and ".join(f"{each[method]} {method}" for method in methods)
    caption = (
        "Spearman's ρ within each of seven equal energy segments against the density of the representation there, one "
        f"output, vanilla images, seven points a run where both are defined; runs: {counted}."
        + (" The scales of the two densities differ. " if len(methods) > 1 else " ")
        + words.basis({"all": exact})
        + words.precision(material.runs, rows["condition"])
        + words.departures({"": departs})
    )
    return canvas, caption, record.typed(rows.reindex(columns=list(_COLUMNS)))


def _rows(segments: pd.DataFrame) -> tuple[pd.DataFrame, bool, list[str]]:
    """Segments with both numbers under the names spearman and density; exact ones if every segment scored has them."""
    rows = choose.own(segments, "vanilla", 1)
    rows, _, departs = choose.narrow(rows[rows["kind"].eq("segment") & rows[[*_SAMPLED, *_EXACT]].notna().any(axis=1)])
    rows = rows.sort_values(["data_seed", "digest"])
    rows = rows[rows["digest"].eq(rows["digest"].groupby(choose.encoder(rows)).transform("first"))]  # one test split
    exact = choose.every_exact(rows, ["population_spearman"])
    if exact:
        rows = rows.assign(**{name: rows[column] for name, column in zip(_SAMPLED, _EXACT, strict=True)})
    rows = rows[rows["spearman"].notna() & rows["density"].notna()].assign(exact=exact)
    return rows.sort_values(["method", "train_data_seed", "seed", "digest", "number"]), exact, departs
