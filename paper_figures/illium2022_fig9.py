"""Error of trained tanh networks where all sequences have the same length.

Colour: mean absolute error on fresh sequences, averaged over networks of different seeds, for l = 1, 2, 3 layers of c =
1..10 cells and positions p = 1..10 from the end of sequences of ten numbers: the network may count from the start.
Line: p = c l - (l - 1), the limit that sequences of random length have.

After Illium et al. (2022), Figure 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linmem.figures.distance_map import draw_distance_maps, map_grid, map_rows, trainings_agree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SEEDS = 10


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each architecture, block of positions and seed."""
    if scale == "quick":
        shapes = [("rnn", layers, cells) for layers in (1, 2) for cells in (1, 2, 3)]
        return map_grid(shapes, 10, 2, steps=8_000, rate=0.1)
    shapes = [("rnn", layers, cells) for layers in (1, 2, 3) for cells in range(1, 11)]
    return map_grid(shapes, 10, SEEDS, steps=(50_000, 150_000), rate=0.03)


def cell(
    seed: int, cell: str, layers: int, cells: int, first: int, last: int, network_seed: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train a block of positions; the networks' own seed, not that of the cell, is theirs."""
    from linmem.trained import MemoryTask

    del seed
    return map_rows(MemoryTask.definition_2, cell, layers, cells, first, last, network_seed, steps, rate)


def draw(table: pd.DataFrame) -> Figure:
    """A map for each number of layers."""
    return draw_distance_maps(table)


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree."""
    return trainings_agree(shipped, fresh, ["cell", "layers", "cells", "position", "network_seed"])
