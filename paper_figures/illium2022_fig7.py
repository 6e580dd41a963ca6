"""Spread of the error of trained tanh networks between seeds, over layers, cells and position.

Colour: standard deviation of the mean absolute error over networks of different seeds, for the networks of
``illium2022_fig6``, whose table this figure draws. It is large where some seeds memorise the position and others do not
leave the plateau, and small on both sides. Line: p = c l - (l - 1), the largest position that a linear stack of this
shape can recall.

After Illium et al. (2022), Figure 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linmem.figures.distance_map import draw_distance_maps

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TABLE = "illium2022_fig6"


def draw(table: pd.DataFrame) -> Figure:
    """A map for each number of layers."""
    return draw_distance_maps(table, "std")
