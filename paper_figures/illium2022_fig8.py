"""Error of trained LSTM and GRU networks over layers, cells and position.

Colour: mean absolute error on fresh sequences, averaged over networks of different seeds, for l = 1, 2, 3 layers of c =
1..10 cells and positions p = 1..10 from the end of sequences of 10 to 15 numbers. Line: p = c l - (l - 1), which bounds
linear stacks; an LSTM, whose state has 2 c l variables, passes it. The reduced scale has one network for a position,
all ten take hours.

After Illium et al. (2022), Figure 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linmem.figures.distance_map import draw_distance_maps, map_grid, map_rows, trainings_agree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each architecture, block of positions and seed."""
    quick = scale == "quick"
    layers, cells, positions, steps = ((1,), (1, 2), 3, 15_000) if quick else ((1, 2, 3), range(1, 11), 10, 150_000)
    seeds = {"quick": 2, "reduced": 1, "paper": 10}[scale]
    shapes = [(kind, number, size) for kind in ("lstm", "gru") for number in layers for size in cells]
    return map_grid(shapes, positions, seeds, steps=steps, rate=0.1)


def cell(
    seed: int, cell: str, layers: int, cells: int, first: int, last: int, network_seed: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train a block of positions; the networks' own seed, not that of the cell, is theirs."""
    from linmem.trained import MemoryTask

    del seed
    return map_rows(MemoryTask.definition_1, cell, layers, cells, first, last, network_seed, steps, rate)


def draw(table: pd.DataFrame) -> Figure:
    """A map for each kind of cell and number of layers."""
    kinds = table["cell"].nunique()
    return draw_distance_maps(table, rows=kinds)


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree."""
    return trainings_agree(shipped, fresh, ["cell", "layers", "cells", "position", "network_seed"])
