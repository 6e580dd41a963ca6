"""The approximation rate of Theorem 3.2, in its consistent form (Li, Han, E and Li 2021; claim linmem/rate-consistent).

L1 error of the network with rates k beta/(alpha+1), k = 1..m, that interpolates the kernel at Chebyshev points, over
the smoothness constant gamma of the kernel, against the width m, for alpha = 1, 2, 3. Broken line: the bound, which
over gamma is the same for every kernel. Kernels: a kink of order alpha, one of order alpha + 1, and a lacunary sum
whose derivative of order alpha is barely continuous. Errors are certified, by enclosures narrower than the marks.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linmem.continuous.approximation import rate_case, rate_row

ORDERS = (1, 2, 3)
STYLES = {  # colour (Okabe-Ito), marker
    "kink of order alpha": ("#0072B2", "o", r"kink of order $\alpha$"),
    "kink of order alpha + 1": ("#D55E00", "s", r"kink of order $\alpha + 1$"),
    "lacunary": ("#009E73", "^", "lacunary"),
}


def grid(scale: str) -> list[dict[str, object]]:
    """One cell per kernel, order and width."""
    widths = (4, 8, 16, 32) if scale == "quick" else (4, 6, 8, 12, 16, 24, 32, 48, 64)
    return [{"case": case, "order": order, "width": m} for case in STYLES for order in ORDERS for m in widths]


def cell(seed: int, case: str, order: int, width: int) -> list[dict[str, object]]:
    """One certified error and its bound; nothing is random, the seed is not used."""
    del seed
    return [rate_row(case, rate_case(case, order, width))]


def draw(table: pd.DataFrame) -> Figure:
    """Three panels, 7 in wide."""
    figure = Figure(figsize=(7.0, 2.6), layout="constrained")
    panels = figure.subplots(1, len(ORDERS), sharey=True)
    shown = table[table["case"].isin(list(STYLES))]
    for axes, order, letter in zip(panels, ORDERS, "abc", strict=True):
        _draw_order(axes, shown[shown["order"] == order])
        axes.set_title(rf"{letter}   $\alpha = {order}$", loc="left")
    panels[0].set_ylabel(r"$L^1$ error over $\gamma$")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_order(axes: Axes, part: pd.DataFrame) -> None:
    for case, (colour, marker, label) in STYLES.items():
        rows = part[part["case"] == case].sort_values("width")
        error = (rows["error_low"] + rows["error_high"]) / 2 / rows["gamma"]
        axes.plot(rows["width"], error, color=colour, marker=marker, ms=3.5, lw=0.9, label=label)
    bound = (part["bound"] / part["gamma"]).groupby(part["width"]).mean()
    axes.plot(bound.index, bound.to_numpy(), color="black", ls="--", lw=1.1, label="bound")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([4, 8, 16, 32, 64], labels=["4", "8", "16", "32", "64"])
    axes.set_xlim(3.4, max(36.0, float(part["width"].max()) * 1.12))
    axes.set_xlabel("width $m$")


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether the enclosures of two tables meet (they are certified, so they must) and the bounds agree to 1e-9."""
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    keys = ["case", "order", "width"]
    same = (shipped[keys] == fresh[keys].to_numpy()).all(axis=None)
    meet = (shipped["error_low"] <= fresh["error_high"].to_numpy()) & (
        fresh["error_low"].to_numpy() <= shipped["error_high"]
    )
    close = (shipped[["gamma", "bound"]] / fresh[["gamma", "bound"]].to_numpy() - 1).abs() < 1e-9
    return bool(same) and bool(meet.all()) and bool(close.all(axis=None))
