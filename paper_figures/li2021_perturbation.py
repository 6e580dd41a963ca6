"""Perturbation error over the radius: exponential and power-law memory, rates trained directly, through exp, softplus.

How wrong networks of growing width can get when their parameters move by at most beta: upper ends of certified
enclosures. Solid: the logarithms of the masses move with the rates. Dashed: read-in and read-out move by beta in the
Euclidean norm. A vertical line marks the radius at which a network can become unstable. Follow-up work of Wang, Li and
Li (2024).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.continuous.stability import perturbation_rows

TARGETS = {"exponential": r"$(e^{-t} - e^{-2t})/t$", "power law": r"$\frac{1}{2}(1 + t)^{-3/2}$"}
RATES = {"direct": "$w = v$", "exp": r"$w = e^v$", "softplus": r"$w = \log(1 + e^v)$"}
STYLES = {"fixed": ":", "log-mass": "-", "balanced": "--"}
LABELS = {"fixed": "rates move", "log-mass": "rates and log masses move", "balanced": "rates, $U$ and $c$ move"}
LEVELS = (5e-4, 2e2)


def grid(scale: str) -> list[dict[str, object]]:
    """One cell a target, parameterisation, kind of weights and width."""
    widths = {"exponential": [1, 2, 3, 4], "power law": [2, 8, 32] if scale == "quick" else [2, 4, 8, 16, 32]}
    return [
        {"target": target, "rates": rates, "weights": weights, "width": m, "points": 16 if scale == "quick" else 41}
        for target in TARGETS
        for rates in RATES
        for weights in ("log-mass", "balanced")
        for m in widths[target]
    ]


def cell(seed: int, target: str, rates: str, weights: str, width: int, points: int) -> list[dict[str, object]]:
    """Rows of one curve; nothing is random, the seed is not used."""
    del seed
    return perturbation_rows(target, rates, weights, width, np.geomspace(1e-3, 0.98, points).tolist())


def draw(table: pd.DataFrame) -> Figure:
    """A panel for each target and parameterisation in the table, 7 in wide."""
    targets = [name for name in TARGETS if name in set(table["target"])]
    rates = [name for name in RATES if name in set(table["rates"])]
    figure = Figure(figsize=(7.0, 1.0 + 2.0 * len(targets)), layout="constrained")
    panels = figure.subplots(len(targets), len(rates), sharex=True, sharey=True, squeeze=False)
    for row, target in zip(panels, targets, strict=True):
        for axes, name in zip(row, rates, strict=True):
            _panel(axes, table[(table["target"] == target) & (table["rates"] == name)], axes is row[0])
        row[0].set_ylabel(f"{TARGETS[target]}\nerror $E_m(\\beta)$, certified", linespacing=1.6)
    for axes, name in zip(panels[0], rates, strict=True):
        axes.set_title(RATES[name])
    for axes in panels[-1]:
        axes.set_xlabel(r"radius $\beta$")
    used = [kind for kind in STYLES if kind in set(table["weights"])]
    lines = [Line2D([], [], color="0.3", ls=STYLES[kind], label=LABELS[kind]) for kind in used]
    lines.append(Line2D([], [], color="0.3", ls=":", lw=0.8, label="may be unstable from here on"))
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, named: bool) -> None:
    """Curves of all widths, dark for narrow and light for wide networks; `named`: with a legend."""
    widths = sorted(part["width"].unique())
    shades = dict(zip(widths, colormaps["viridis"](np.linspace(0.0, 0.85, len(widths))), strict=True))
    for (m, kind), curve in part.groupby(["width", "weights"]):
        curve = curve.sort_values("radius")
        stable = curve[np.isfinite(curve["high"])]
        axes.plot(
            stable["radius"], stable["approximation"] + stable["high"], color=shades[m], ls=STYLES[str(kind)], lw=1.2
        )
        if 0 < len(stable) < len(curve):
            edge, last = float(curve["slowest"].iloc[0]), float((stable["approximation"] + stable["high"]).iloc[-1])
            axes.plot([edge, edge], [last, LEVELS[1]], color=shades[m], ls=":", lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(*LEVELS)
    axes.set_xlim(1e-3, 1.0)
    if named:
        handles = [Line2D([], [], color=shade, lw=1.5, label=str(m)) for m, shade in shades.items()]
        axes.legend(handles=handles, title="width $m$", handlelength=1.2, loc="lower right", ncols=2, frameon=False)
    unstable = [m for m in widths if np.isinf(part.loc[part["width"] == m, "high"]).all()]
    if unstable:
        text = f"$m \\geq {min(unstable)}$: unstable\nfor all $\\beta$ shown"
        axes.text(0.97, 0.4, text, transform=axes.transAxes, ha="right")


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Same curves: the networks come from float optimisers, so errors and changes agree to 1e-6."""
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    names = ["target", "rates", "weights", "width"]
    same = bool((shipped[names] == fresh[names].to_numpy()).all(axis=None))
    numbers = ["slowest", "radius", "approximation", "low", "high"]
    return same and np.allclose(shipped[numbers], fresh[numbers], rtol=1e-6, atol=1e-15)
