"""Error of trained tanh networks over layers, cells and position: what is memorised and what is not.

Colour: mean absolute error on fresh sequences, averaged over networks of different seeds, for l = 1..5 layers of c =
1..20 cells and positions p = 1..20 from the end of sequences of random length (10 to 15 numbers; p to p + 5 for p >
10, where the target would not exist otherwise). The constant answer 1/2 has the error 0.25. Line: p = c l - (l - 1),
the largest position that a linear stack of this shape can recall. Grey: not computed. The reduced scale leaves out the
stacks of more than ten cells, whose limit is above 20, and three of five seeds; all of it takes hours.

After Illium et al. (2022), Figure 6.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from linmem.figures.distance_map import draw_distance_maps, map_grid, map_rows, trainings_agree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each architecture, block of positions and seed."""
    if scale == "quick":
        shapes = [("rnn", layers, cells) for layers in (1, 2) for cells in (1, 2, 3)]
        return map_grid(shapes, 5, 2, steps=8_000, rate=0.1)
    reduced = scale == "reduced"
    shapes = [
        ("rnn", layers, cells) for layers in range(1, 6) for cells in range(1, 11 if reduced and layers > 1 else 21)
    ]
    return map_grid(shapes, 20, 2 if reduced else 5, steps=50_000, rate=0.03)


def cell(
    seed: int, cell: str, layers: int, cells: int, first: int, last: int, network_seed: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train a block of positions; the networks' own seed, not that of the cell, is theirs."""
    from linmem.trained import MemoryTask

    del seed
    task = partial(MemoryTask.definition_1, beyond="extend")
    return map_rows(task, cell, layers, cells, first, last, network_seed, steps, rate)


def draw(table: pd.DataFrame) -> Figure:
    """A map for each number of layers."""
    return draw_distance_maps(table)


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree."""
    return trainings_agree(shipped, fresh, ["cell", "layers", "cells", "position", "network_seed"])
