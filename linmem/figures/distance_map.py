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

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linmem.trained import MemoryTask

KINDS = ("rnn", "lstm", "gru")
BLOCK = 5  # positions in a cell of the sweep
CONSTANT_ERROR = 0.25


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


def draw_distance_maps(
    table: pd.DataFrame, statistic: str = "mean", limit: Callable[[int, int], float] | None = None, rows: int = 1
) -> Figure:
    """A map of the error over position and number of cells, a panel for each (cell, layers).

    Parameters
    ----------
    table : rows as :func:`map_rows` gives them.
    statistic : "mean" or "std" over the networks of each position.
    limit : function of layers and cells that returns the position behind which a line is drawn.
    rows : rows of panels.
    """
    from matplotlib.figure import Figure

    found = {(str(kind), int(layers)) for kind, layers in zip(table["cell"], table["layers"], strict=True)}
    panels = sorted(found, key=lambda panel: (KINDS.index(panel[0]), panel[1]))
    columns = -(-len(panels) // rows)
    positions = np.arange(1, int(table["position"].max()) + 1)
    sizes = np.arange(1, int(table["cells"].max()) + 1)
    height = 0.62 + rows * (0.45 + 1.15 * (7.0 / columns - 0.3) * len(sizes) / max(len(positions), len(sizes)))
    figure = Figure(figsize=(7.0, min(height, 8.5)))
    drawn = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    top = CONSTANT_ERROR if statistic == "mean" else 0.12
    image = None
    for axes, panel in zip(drawn.ravel(), panels, strict=False):
        own = table[(table["cell"] == panel[0]) & (table["layers"] == panel[1])]
        image = _draw_map(axes, own, statistic, top, positions, sizes, limit)
        plural = "s" if panel[1] > 1 else ""
        axes.set_title(f"{panel[0].upper()}, {panel[1]} layer{plural}")
    for axes in drawn.ravel()[len(panels) :]:
        axes.set_visible(False)
    for axes in drawn[-1]:
        axes.set_xlabel("position, $p$")
    for axes in drawn[:, 0]:
        axes.set_ylabel("cells per layer, $c$")
    words = {"mean": "mean absolute error, averaged", "std": "standard deviation of the error"}[statistic]
    seeds = table["network_seed"].nunique()
    if image is not None:
        label = f"{words} over {seeds} network{'s' if seeds > 1 else ''}"
        bar = figure.colorbar(image, ax=drawn, label=label, location="bottom", aspect=50, shrink=0.6, pad=0.03)
        bar.outline.set_visible(False)  # pyright: ignore
    return figure


def _draw_map(
    axes: Axes,
    rows: pd.DataFrame,
    statistic: str,
    top: float,
    positions: np.ndarray,
    sizes: np.ndarray,
    limit: Callable[[int, int], float] | None,
) -> Any:
    """One panel; grey where there is no network, and the line behind ``limit``."""
    groups = rows.groupby(["cells", "position"])["error"]
    values = (groups.mean() if statistic == "mean" else groups.std(ddof=1)).unstack("position")
    values = values.reindex(index=sizes, columns=positions)
    axes.set_facecolor("#c8c8c8")
    extent = (0.5, positions[-1] + 0.5, 0.5, sizes[-1] + 0.5)
    image = axes.imshow(
        values.to_numpy(), origin="lower", aspect="auto", extent=extent, cmap="viridis", vmin=0.0, vmax=top
    )
    if limit is not None:
        layers = int(rows["layers"].iloc[0])
        edges = [(min(limit(layers, int(c)), positions[-1]) + 0.5, c) for c in sizes]
        points = [point for x, c in edges for point in ((x, c - 0.5), (x, c + 0.5))]
        for colour, width in (("white", 2.4), ("black", 1.0)):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=width, solid_joinstyle="miter")
    step = 1 if len(positions) <= 10 else 5
    axes.set_xticks([p for p in positions if p == 1 or p % step == 0])
    axes.set_yticks([c for c in sizes if c == 1 or c % (1 if len(sizes) <= 10 else 5) == 0])
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
