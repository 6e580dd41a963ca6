"""Nodes needed for recovery against sparsity, length, rank and size of the input.

Markers: M50, the number of nodes at which one half of the inputs are recovered (relative mean squared error below .01,
noise .001 in the state), by adaptive search; bars: 95 % intervals. Line: the statistical dimension of the structure,
where a Gaussian map has its transition; nothing is fitted. Top: sparse input, against the number of non-zeros K at
NL = 1000, and against NL at K = 40 (paper scale). Bottom: input of low rank, against R, and against N + L. Dashed: the
number of input values NL, which unstructured input needs. Open markers: points in which a solver missed its gap in more
than 2 % of the trials.

After Charles et al. (2018), Results: M > O(K log^g(NL)) and M > O(R (N + L) log^g(NL)).
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from linmem.discrete.bounds import scaling_point

SPARSE_COLOUR, RANK_COLOUR, GREY = "#0072B2", "#D55E00", "#555555"  # Okabe-Ito
PANELS = {
    "K": ("non-zeros $K$", SPARSE_COLOUR, "o"),
    "NL": ("input values $NL$", SPARSE_COLOUR, "o"),
    "R": ("rank $R$", RANK_COLOUR, "s"),
    "N+L": ("steps and streams $N + L$", RANK_COLOUR, "s"),
}

QUICK = {
    "K": [(10, 40, 6, 64), (10, 40, 12, 48), (10, 40, 24, 32), (10, 40, 48, 24)],
    "NL": [(4, 8, 16, 144), (5, 16, 16, 144), (10, 20, 16, 144), (20, 25, 16, 128), (25, 50, 16, 112)],
    "R": [(12, 24, 2, 24), (12, 24, 3, 24), (12, 24, 4, 24)],
    "N+L": [(6, 12, 1, 32), (8, 16, 1, 32), (12, 24, 1, 24)],
}
PAPER = {
    "K": [(20, 50, K, 48 if K > 80 else 96) for K in (5, 10, 20, 40, 80, 160)],
    "NL": [
        *((L, N, 40, 192) for L, N in ((5, 25), (10, 25), (10, 50), (20, 50))),
        *((L, N, 40, trials) for L, N, trials in ((20, 100, 96), (40, 100, 48), (40, 200, 24))),
    ],
    "R": [(20, 50, R, 48) for R in (1, 2, 3, 4, 5, 6)],
    "N+L": [(8, 20, 2, 64), (12, 30, 2, 64), (16, 40, 2, 48), (24, 60, 2, 32), (28, 70, 2, 24)],
}


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each point: a transition with its own trials."""
    return [
        {"series": series, "streams": L, "steps": N, "complexity": complexity, "count": trials}
        for series, rows in (QUICK if scale == "quick" else PAPER).items()
        for L, N, complexity, trials in rows
    ]


def cell(seed: int, series: str, streams: int, steps: int, complexity: int, count: int) -> list[dict[str, object]]:
    """The row of one point."""
    sparse = series in ("K", "NL")
    point = scaling_point(
        streams=streams,
        steps=steps,
        nonzeros=complexity if sparse else None,
        rank=None if sparse else complexity,
        trials=count,
        rng=seed,
    )
    return [{"series": series, **asdict(point)}]


def _abscissa(series: str, rows: pd.DataFrame) -> np.ndarray:
    """The quantity that varies in a series."""
    if series in ("K", "R"):
        return rows["complexity"].to_numpy(dtype=float)
    if series == "NL":
        return (rows["streams"] * rows["steps"]).to_numpy(dtype=float)
    return (rows["streams"] + rows["steps"]).to_numpy(dtype=float)


def _title(series: str, rows: pd.DataFrame) -> str:
    """What is fixed in a series."""
    first = rows.iloc[0]
    if series in ("K", "R"):
        return f"$L$ = {first.streams}, $N$ = {first.steps}"
    return f"{'$K$' if series == 'NL' else '$R$'} = {first.complexity}"


def _panel(axes: Axes, series: str, rows: pd.DataFrame) -> None:
    label, colour, marker = PANELS[series]
    rows = rows.iloc[np.argsort(_abscissa(series, rows))]
    x = _abscissa(series, rows)
    total = rows["undecided"] + rows["trials"]
    solved = (rows["undecided"] <= 0.02 * total).to_numpy()
    axes.plot(x, rows["dimension"], color=colour, linewidth=1.0)
    values = (rows["streams"] * rows["steps"]).to_numpy(dtype=float)
    axes.plot(x, values, color=GREY, linestyle="--", linewidth=0.8)
    bars = np.array([rows["nodes"] - rows["low"], rows["high"] - rows["nodes"]])
    for part, face in ((solved, colour), (~solved, "white")):
        if part.any():
            axes.errorbar(
                x[part],
                rows["nodes"].to_numpy()[part],
                bars[:, part],
                color=colour,
                markerfacecolor=face,
                marker=marker,
                markersize=3.5,
                linestyle="none",
                capsize=2,
                elinewidth=0.8,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(x)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    low, high = float(rows["low"].min()), float(rows["high"].max())
    axes.set_ylim(0.7 * low, 1.2 * values.min() if values.min() > high else 2.2 * high)
    axes.set_xlabel(label)
    axes.set_title(("sparse, " if series in ("K", "NL") else "low rank, ") + _title(series, rows))


def draw(table: pd.DataFrame) -> Figure:
    """M50 (log) against K, NL, R and N + L (log): one panel for each series of the table."""
    shown = [series for series in PANELS if series in set(table["series"])]
    figure = Figure(figsize=(7.0, 1.9 * len(shown) / 2 + 0.9))
    grid_of_axes = figure.subplots(max(len(shown) // 2, 1), 2, squeeze=False)
    for axes, series in zip(grid_of_axes.flat, shown, strict=True):
        _panel(axes, series, table[table["series"] == series])
    for row in grid_of_axes:
        row[0].set_ylabel("nodes $M$")
    axes = grid_of_axes.flat[0]
    handles = [
        axes.errorbar([], [], [], color="black", marker="o", linestyle="none", capsize=2, label="$M_{50}$, 95 %"),
        *axes.plot([], [], color="black", linewidth=1.0, label=r"statistical dimension $\delta$"),
        *axes.plot([], [], color=GREY, linestyle="--", linewidth=0.8, label="$NL$: unstructured input"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=1.8)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same points within their intervals.

    Equal seeds give equal trials, and their outcomes are certified, so the transitions are equal on one machine. On
    another processor an error next to the threshold may fall on its other side, after which the search takes another
    path: then the two transitions are as two independent ones, whose difference, in the logarithm, is within the sum of
    their half-widths in all but 1 % of the cases (two normal variables of equal size: 2.8 standard deviations).
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    exact = ["series", "structure", "complexity", "streams", "steps", "level"]
    same = all((shipped[column].to_numpy() == fresh[column].to_numpy()).all() for column in exact)
    certified = bool((fresh["gap"] <= 1e-6).all() and (shipped["gap"] <= 1e-6).all())
    dimension = np.allclose(shipped["dimension"], fresh["dimension"], rtol=1e-6, atol=0.0)
    apart = np.abs(np.log(shipped["nodes"].to_numpy() / fresh["nodes"].to_numpy()))
    widths = [np.log(t["high"].to_numpy() / t["low"].to_numpy()) / 2 for t in (shipped, fresh)]
    return bool(same and certified and dimension and (apart <= widths[0] + widths[1]).all())
