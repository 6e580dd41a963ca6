"""How many steps training takes over the position, against gradient descent of the linear network on the delay kernel.

One-layer tanh networks of c cells learn to recall position p <= c (Illium et al. 2022, Definition 1: 10 to 15 uniform
numbers; batches of 32, plain SGD at the constant rate 0.01). A network has left its plateau when its loss, averaged
over 50 steps, is first below 0.1. The prediction descends the loss of the linear part of the same network, from the
same initial weights, in expectation over the inputs and with a Gaussian residual
(:func:`linmem.analysis.predicted_solve_steps`). (a) Steps over the position, a panel for each c: every network (small
marks) and medians, trained and predicted, nothing fitted. (b) Measured over predicted steps, network by network; the
line is the factor fitted (the median ratio), the band holds the middle half of the networks. Triangles: not there when
the training ended, so that the steps are a lower bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.figures import PALETTE
from linmem.figures.learning_curves import position_colours

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.1
RECORD = 25  # steps; the loss is averaged over two records
RATE = 0.01
BATCH = 32


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each number of cells and position: its networks train one after the other."""
    sizes, networks, steps = ((4, 5), 8, 10_000) if scale == "quick" else (range(3, 9), 20, 40_000)
    return [{"cells": c, "position": p, "networks": networks, "budget": steps} for c in sizes for p in range(1, c + 1)]


def cell(seed: int, cells: int, position: int, networks: int, budget: int) -> list[dict[str, Any]]:
    """Train networks of the seeds 0, 1, ..; the networks' own seed, not that of the cell, is theirs."""
    from linmem.analysis.delay_flow import predicted_solve_steps
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, plateau_statistics, train

    del seed
    seeds = range(networks)
    training = train(
        NetworkSpec(Architecture(cells=cells), MemoryTask.definition_1(position)),
        seeds,
        steps=budget,
        batch_size=BATCH,
        rate=RATE,
        schedule="constant",
        records=budget // RECORD,
        evaluation_size=1000,
    )
    took = np.minimum(plateau_statistics(training, LEVEL, window=2).steps, budget)
    said = predicted_solve_steps(
        cells, [position], seeds=seeds, rate=RATE, level=LEVEL, steps=budget, resolution=RECORD
    ).steps[0]
    return [
        {
            "cells": cells,
            "position": position,
            "seed": s,
            "steps": float(measured),
            "predicted": float(predicted),
            "budget": budget,
        }
        for s, measured, predicted in zip(seeds, took, np.minimum(said, budget), strict=True)
    ]


def _draw_size(axes: Axes, own: pd.DataFrame) -> None:
    """Steps over the position for one number of cells: networks and medians, measured and predicted."""
    for column, shift, colour, mark in (("predicted", 0.13, PALETTE[1], "s"), ("steps", -0.13, PALETTE[0], "o")):
        there = own[column] < own["budget"]
        place = own["position"] + shift
        axes.plot(place[there], own.loc[there, column], mark, color=colour, markersize=2, alpha=0.45, mew=0)
        axes.plot(place[~there], own.loc[~there, column], "^", color=colour, markersize=3.5, mfc="none", mew=0.7)
        medians = own.groupby("position")[column].median()
        axes.plot(medians.index + shift, medians, "-" + mark, color=colour, linewidth=1.1, markersize=3)


def _draw_pairs(axes: Axes, table: pd.DataFrame) -> float:
    """Measured over predicted steps of every network; returns the median ratio, with lower bounds as they are."""
    shades, norm = position_colours(int(table["cells"].max()))
    there = table["steps"] < table["budget"]
    for c in sorted(int(c) for c in table["cells"].unique()):
        own, colour = table[there & (table["cells"] == c)], shades(norm(c))
        axes.plot(own["predicted"], own["steps"], "o", color=colour, markersize=2.2, mew=0, label=f"$c = {c}$")
    late = table[~there]
    edges = [shades(norm(int(c))) for c in late["cells"]]
    axes.scatter(
        late["predicted"], late["steps"], s=14, marker="^", facecolors="none", edgecolors=edges, linewidths=0.8
    )
    low, factor, high = np.quantile(table["steps"] / table["predicted"], [0.25, 0.5, 0.75])
    ends = np.array([table["predicted"].min(), table["predicted"].max()])
    axes.fill_between(ends, low * ends, high * ends, color="0.85", linewidth=0, zorder=0)
    axes.plot(ends, factor * ends, color="black", linewidth=1.0, zorder=3, label=f"{factor:.2f} $\\times$ predicted")
    axes.plot(ends, ends, color="0.35", linewidth=0.8, linestyle=":", zorder=3, label="predicted")
    axes.set(xscale="log", yscale="log", xlabel="predicted steps", ylabel="measured steps")
    axes.legend(loc="upper left", handlelength=1.2, labelspacing=0.25, borderaxespad=0.2)
    return float(factor)


def draw(table: pd.DataFrame) -> Figure:
    """Steps over the position, a panel for each number of cells, and measured over predicted steps."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    sizes = sorted(int(c) for c in table["cells"].unique())
    columns = min(3, len(sizes))
    rows = -(-len(sizes) // columns)
    figure = Figure(figsize=(7.0, 2.9 if rows == 1 else 3.6))
    places = figure.add_gridspec(1, 2, width_ratios=(1.55, 1.0))
    left, right = figure.add_subfigure(places[0]), figure.add_subfigure(places[1])
    panels = left.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in panels.ravel()[len(sizes) :]:
        axes.set_visible(False)
    for axes, c in zip(panels.ravel(), sizes, strict=False):
        _draw_size(axes, table[table["cells"] == c])
        axes.set(yscale="log", xticks=range(1, max(sizes) + 1))
        axes.text(0.07, 0.93, f"$c = {c}$", transform=axes.transAxes, va="top")
    for axes in panels[-1]:
        axes.set_xlabel("position, $p$")
    for axes in panels[:, 0]:
        axes.set_ylabel("steps")
    handles = [
        Line2D([], [], color=PALETTE[0], marker="o", ms=3, lw=1.1, label="trained"),
        Line2D([], [], color=PALETTE[1], marker="s", ms=3, lw=1.1, label="linear descent"),
        Line2D([], [], ls="none", marker="^", ms=3.5, mfc="none", color="0.25", label="not yet"),
    ]
    left.legend(handles=handles, loc="outside lower center", ncols=3)
    pairs = right.subplots()
    _draw_pairs(pairs, table)
    for axes, letter in ((panels[0, 0], "a"), (pairs, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks, with the same times as far as processors agree.

    Training magnifies rounding and shifts single networks by some windows: the MEDIAN relative difference of the steps
    is judged, against a tenth; that of the predictions, which rounding shifts by one look at most, against the same.
    """
    keys = ["cells", "position", "seed"]
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    one, two = (t.sort_values(keys).reset_index(drop=True) for t in (shipped, fresh))
    same = bool((one[[*keys, "budget"]] == two[[*keys, "budget"]]).all(axis=None))
    apart = [float((one[c] / two[c] - 1.0).abs().median()) for c in ("steps", "predicted")]
    return same and max(apart) < 0.1
