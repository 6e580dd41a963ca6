"""Tables of trained networks as maps over cells and position: computing, drawing and comparing them.

A table has one row for each network, with the columns ``cell``, ``layers``, ``cells``, ``position``, ``network_seed``,
``error``, ``solved``, ``diverged``, and ``first``, the first position of the cell of the sweep that trained it. A
network is named by its architecture, task and seed alone, so that any user of :func:`linmem.trained.train` gets it
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.checks import check_choice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from linmem.trained import MemoryTask

KINDS = ("rnn", "lstm", "gru")
BLOCK = 5  # positions in a cell of the sweep
WIDTH = 7.0  # of a figure, in inches
STATISTICS = {"mean": ("mean absolute error, mean", 0.25), "std": ("mean absolute error, standard deviation", 0.125)}


def map_grid(
    networks: Iterable[tuple[str, int, int]], positions: int, seeds: int, steps: int | Sequence[int], rate: float
) -> list[dict[str, Any]]:
    """Cells of a sweep over (cell, layers, cells), blocks of positions and seeds; seeds outermost.

    Parameters
    ----------
    networks : (cell, layers, cells) of each architecture.
    positions : largest position p.
    seeds : networks for each position.
    steps, rate : of the training; several steps: for l = 1, 2, .. layers, the last one for all that follow.

    >>> len(map_grid([("rnn", 1, 3)], positions=10, seeds=2, steps=10, rate=0.1))
    4
    """
    shapes, schedule = list(networks), [steps] if isinstance(steps, int) else list(steps)
    return [
        {
            "cell": cell,
            "layers": layers,
            "cells": cells,
            "first": first,
            "last": min(first + BLOCK - 1, positions),
            "network_seed": seed,
            "steps": schedule[min(layers, len(schedule)) - 1],
            "rate": rate,
        }
        for seed in range(seeds)
        for cell, layers, cells in shapes
        for first in range(1, positions + 1, BLOCK)
    ]


def map_rows(
    task: Callable[[int], MemoryTask],
    cell: str,
    layers: int,
    cells: int,
    first: int,
    last: int,
    network_seed: int,
    steps: int,
    rate: float,
) -> list[dict[str, Any]]:
    """Train one network on each of the positions ``first..last`` of a task; one row for each."""
    from linmem.trained import Architecture, NetworkSpec, train

    specs = [NetworkSpec(Architecture(cell, cells, layers), task(p)) for p in range(first, last + 1)]
    training = train(specs, [network_seed], steps=steps, rate=rate)
    shown = ("cell", "layers", "cells", "position", "error", "solved", "diverged")
    return [
        {"first": first, "network_seed": network_seed, **{name: row[name] for name in shown}} for row in training.rows()
    ]


def draw_distance_maps(table: pd.DataFrame, statistic: str = "mean", rows: int = 1) -> Figure:
    """A map of the error over position and number of cells, a panel for each (cell, layers).

    The line stands behind p = c l - (l - 1), the largest position that a linear stack of this shape can recall
    (:attr:`linmem.trained.Architecture.linear_distance`). Grey: not in the table.

    Parameters
    ----------
    table : rows as :func:`map_rows` gives them.
    statistic : "mean" (0 to 1/4, the error of the constant 1/2) or "std" (0 to 1/8, half the distance from a perfect
        network to the constant), over the networks of each position.
    rows : rows of panels.

    Raises
    ------
    ValueError : for another statistic.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    words, top = STATISTICS[check_choice("statistic", statistic, STATISTICS)]
    found = {(str(kind), int(layers)) for kind, layers in zip(table["cell"], table["layers"], strict=True)}
    panels = sorted(found, key=lambda panel: (KINDS.index(panel[0]), panel[1]))
    columns = -(-len(panels) // rows)
    positions = np.arange(1, int(table["position"].max()) + 1)
    sizes = np.arange(1, int(table["cells"].max()) + 1)
    side = min((WIDTH - 0.6) / columns - 0.15, 2.2) / max(len(positions), len(sizes))  # of a square, in inches
    figure = Figure(figsize=(WIDTH, 0.9 + rows * (0.35 + max(side * len(sizes), 0.6))))
    drawn = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    images: list[AxesImage] = []
    for axes, panel in zip(drawn.ravel(), panels, strict=False):
        own = table[(table["cell"] == panel[0]) & (table["layers"] == panel[1])]
        images.append(_draw_map(axes, own, statistic, top, positions, sizes))
        axes.set_title(f"{panel[0].upper()}, {panel[1]} layer{'s' if panel[1] > 1 else ''}")
    for axes in drawn.ravel()[len(panels) :]:
        axes.set_visible(False)
    for axes in drawn[-1]:
        axes.set_xlabel("position, $p$")
    for axes in drawn[:, 0]:
        axes.set_ylabel("cells per layer, $c$")
    seeds = table["network_seed"].nunique()
    label = f"{words} of {seeds} network{'s' if seeds > 1 else ''}"
    ends = "max" if statistic == "std" else "neither"
    bar = figure.colorbar(images[0], ax=drawn, label=label, location="bottom", aspect=40, shrink=0.5, extend=ends)
    bar.outline.set_visible(False)  # pyright: ignore
    line = Line2D([], [], color="black", linewidth=1.0, label="$p = c\\,l - (l - 1)$")
    figure.legend(handles=[line], loc="lower right")
    return figure


def _draw_map(
    axes: Axes, rows: pd.DataFrame, statistic: str, top: float, positions: np.ndarray, sizes: np.ndarray
) -> AxesImage:
    """One panel; grey where there is no network, and the line behind the limit of a linear stack."""
    from linmem.trained import Architecture

    groups = rows.groupby(["cells", "position"])["error"]
    values = (groups.mean() if statistic == "mean" else groups.std(ddof=1)).unstack("position")
    values = values.reindex(index=sizes, columns=positions)
    axes.set_facecolor("#c8c8c8")
    extent = (0.5, positions[-1] + 0.5, 0.5, sizes[-1] + 0.5)
    image = axes.imshow(
        values.to_numpy(), origin="lower", aspect="auto", extent=extent, cmap="viridis", vmin=0.0, vmax=top
    )
    layers = int(rows["layers"].iloc[0])
    limits = [Architecture(cells=int(c), layers=layers).linear_distance for c in sizes]
    points = [
        (min(p, positions[-1]) + 0.5, c + side) for p, c in zip(limits, sizes, strict=True) for side in (-0.5, 0.5)
    ]
    for colour, width in (("white", 2.4), ("black", 1.0)):
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=width, solid_joinstyle="miter")
    for set_ticks, numbers in ((axes.set_xticks, positions), (axes.set_yticks, sizes)):
        set_ticks([k for k in numbers if k == 1 or k % (1 if len(numbers) <= 10 else 5) == 0])
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    return image


def trainings_agree(shipped: pd.DataFrame, fresh: pd.DataFrame, keys: Sequence[str], tolerance: float = 0.01) -> bool:
    """Whether two tables hold the same networks, with the same outcome as far as processors agree.

    Equal seeds give equal initial weights and data, but tens of thousands of steps magnify rounding, which differs
    between processors, and may send single networks elsewhere: the MEDIAN difference of their errors is judged, by
    default against a third of what "memorised" allows.

    Parameters
    ----------
    shipped, fresh : the tables.
    keys : columns that name a network.
    tolerance : largest median difference of the errors.
    """
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    one, two = (table.sort_values(list(keys)).reset_index(drop=True) for table in (shipped, fresh))
    same = all((one[key] == two[key]).all() for key in keys)
    return bool(same) and float((one["error"] - two["error"]).abs().median()) < tolerance
