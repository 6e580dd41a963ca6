"""Memory curves of five families of connectivity matrices, N = 100 states, by every method.

Top: the exact curve (grey, wide) and the estimates: pseudo-inverse of the state covariance, orthogonalised subspace
method (OSM), its mean over random masks (OSM+), and simulation with its bias removed. Bottom: absolute error at each
lag; what is below 1e-16 is drawn there. Spectral radius 0.9, normal masks. Where simulation misses (random matrices),
the rounding of the states hides directions that the network has in exact arithmetic.

After Ballarin et al. (2024), whose methods OSM and OSM+ are taken from their published code.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.capacity.linear import exact_curve
from linmem.capacity.memory import memory_curve
from linmem.capacity.systems import random_connectivity, random_mask
from linmem.checks import check_generator

FAMILIES = ("normal", "uniform", "sparse", "orthogonal", "cyclic")
METHODS = ("algebraic", "osm", "osm+", "sample")
LOOKS: dict[str, tuple[str, str, Literal["-", "--", "-.", ":"]]] = {
    "algebraic": ("pseudo-inverse", "#0072B2", "-"),
    "osm": ("OSM", "#D55E00", "--"),
    "osm+": ("OSM+", "#009E73", "-."),
    "sample": ("Monte Carlo, bias removed", "#CC79A7", ":"),
}
GREY = "#BBBBBB"
FLOOR = 1e-16


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each family and method; the networks are the same for all methods."""
    quick = scale == "quick"
    fixed: dict[str, object] = {"states": 100, "max_lag": 150, "network": 0, "masks": 8 if quick else 200}
    length = 8_000 if quick else 100_000
    return [
        {"family": family, "method": method, "length": length} | fixed
        for family in FAMILIES
        for method in ("exact", *METHODS)
    ]


def cell(
    seed: int, family: str, method: str, states: int, max_lag: int, network: int, masks: int, length: int
) -> list[dict[str, object]]:
    """The curve of one method, a row for each lag, beside the exact one."""
    rng = check_generator("network", network)
    A = random_connectivity(states, family, radius=0.9, rng=rng)
    C = random_mask(states, rng=rng)
    options: dict[str, object] = {}
    if method == "osm+":
        options = {"rng": seed, "masks": masks}
    elif method == "sample":
        options = {"rng": seed, "length": length}
    curve = memory_curve(A, C, max_lag, method, **options)
    exact = exact_curve(A, C, max_lag).values
    fixed = {"family": family, "method": method}
    total = float(curve.values.sum())
    return [
        {**fixed, "lag": lag, "value": float(value), "exact": float(truth), "rank": curve.rank, "total": total}
        for lag, (value, truth) in enumerate(zip(curve.values, exact, strict=True))
    ]


def draw(table: pd.DataFrame) -> Figure:
    """Curves above, errors below, a column for each family."""
    families = [family for family in FAMILIES if family in set(table["family"])]
    figure = Figure(figsize=(7.0, 3.5))
    panels = figure.subplots(2, len(families), sharex=True, sharey="row", squeeze=False)
    for (curves, errors), family in zip(panels.T, families, strict=True):
        rows = table[table["family"] == family]
        truth = rows[rows["method"] == rows["method"].iloc[0]].sort_values("lag")
        curves.plot(truth["lag"], truth["exact"], color=GREY, linewidth=3.5, solid_capstyle="butt")
        for method in METHODS:
            part = rows[rows["method"] == method].sort_values("lag")
            _, colour, line = LOOKS[method]
            curves.plot(part["lag"], part["value"], color=colour, linestyle=line, linewidth=1.0)
            error = np.maximum(np.abs(part["value"] - part["exact"]), FLOOR)
            errors.plot(part["lag"], error, color=colour, linestyle=line, linewidth=0.8)
        errors.set_yscale("log")
        errors.set_ylim(FLOOR / 3, 3)
        errors.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
        curves.set_title(family)
        curves.set_ylim(-0.05, 1.08)
        errors.set_xlim(0, float(rows["lag"].max()))
        errors.set_xticks([0, 50, 100, 150])
        errors.set_xlabel(r"lag $\tau$ (steps)")
    panels[0, 0].set_ylabel(r"memory $\mathrm{MC}_\tau$")
    panels[1, 0].set_ylabel("absolute error")
    handles = [Line2D([], [], color=GREY, linewidth=3.5, label="exact")]
    handles += [
        Line2D([], [], color=colour, linestyle=line, linewidth=1.2, label=label)
        for label, colour, line in LOOKS.values()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, handlelength=2.2, columnspacing=1.4)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same curves.

    For random matrices rounding decides some directions of every estimate (simulated states are rounded too); they
    differ from machine to machine by the whole of their error. Compared are the exact curves, the totals of OSM and
    OSM+, and for the orthogonal and cyclic matrices every value.
    """
    keys = ["family", "method", "lag"]
    if list(shipped.columns) != list(fresh.columns) or not shipped[keys].equals(fresh[keys]):
        return False
    same = np.allclose(shipped["exact"], fresh["exact"], rtol=0, atol=1e-9)
    sure = shipped["family"].isin(["orthogonal", "cyclic"]) | (shipped["method"] == "exact")
    close = np.allclose(shipped.loc[sure, "value"], fresh.loc[sure, "value"], rtol=0, atol=1e-5)
    whole = shipped["method"].isin(["exact", "osm", "osm+"])
    return same and close and np.allclose(shipped.loc[whole, "total"], fresh.loc[whole, "total"], rtol=0, atol=1e-6)
