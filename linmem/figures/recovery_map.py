"""Tables of recoveries as intensity maps over (gamma, rho): drawing them, and comparing two of them.

A table has one row for each recovery, with the columns ``panel``, ``gamma``, ``rho`` (centre of its cell), ``cells``
(number of cells on each axis of the unit square), ``streams``, ``steps``, ``rmse``, ``noise_rmse``, ``gap`` and
``objective``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

EMPTY, NOISE = "#c8c8c8", "#D55E00"
HATCH = "//////"
LOW, HIGH = 1e-5, 1.0


@dataclass(frozen=True)
class MapPanel:
    """One map of a figure.

    Attributes
    ----------
    name : its value in the column ``panel``.
    title, ylabel : what stands above it and at its axis.
    limit : function of L and N that returns gamma and rho along a line to draw.
    """

    name: str
    title: str
    ylabel: str
    limit: Callable[[int, int], tuple[ArrayLike, ArrayLike]]


def cell_centres(cells: int) -> list[float]:
    """Centres of equal cells of the unit interval.

    >>> cell_centres(2)
    [0.25, 0.75]
    """
    return [(2 * k + 1) / (2 * cells) for k in range(cells)]


def _draw_cells(axes: Axes, rows: pd.DataFrame, norm: Normalize, colours: Colormap, tol: float) -> None:
    """Colour by the median ``rmse`` of a cell, hatched where any ``gap > tol``, grey where there is no row."""
    from matplotlib.patches import Rectangle

    cells = int(rows["cells"].iloc[0])
    axes.set_facecolor(EMPTY)
    for _, found in rows.groupby(["gamma", "rho"]):
        gamma, rho = float(found["gamma"].iloc[0]), float(found["rho"].iloc[0])
        colour = colours(norm(float(found["rmse"].median())))
        missed = bool((found["gap"] > tol).any())
        light = 0.3 * colour[0] + 0.6 * colour[1] + 0.1 * colour[2] > 0.5
        axes.add_patch(
            Rectangle(
                (gamma - 0.5 / cells, rho - 0.5 / cells),
                1 / cells,
                1 / cells,
                facecolor=colour,
                edgecolor=("black" if light else "white") if missed else colour,
                hatch=HATCH if missed else None,
                linewidth=0.0 if missed else 0.3,
            )
        )
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), aspect="equal")


def _outlined(x: ArrayLike, y: ArrayLike, label: str = "") -> Line2D:
    """A white line with a black outline, seen on every colour."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    outline = [withStroke(linewidth=2.4, foreground="black")]
    return Line2D(x, y, color="white", linewidth=1.2, label=label, path_effects=outline)


def _legend(figure: Figure, missed: bool, tol: float, empty: str) -> None:
    """What lines, and grey and hatched cells where there are any, mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        _outlined([], [], "limit of a Gaussian map"),
        Line2D([], [], color=NOISE, linewidth=1.6, label="noise in the state (on the scale)"),
    ]
    if empty:
        handles.append(Patch(facecolor=EMPTY, label=empty))
    if missed:
        label = f"duality gap above $10^{{{round(math.log10(tol))}}}$"
        handles.append(Patch(facecolor="white", edgecolor="black", hatch=HATCH, linewidth=0.3, label=label))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.6, columnspacing=1.4)


def draw_recovery_maps(table: pd.DataFrame, panels: Sequence[MapPanel], tol: float, empty: str = "") -> Figure:
    """Maps side by side, 7 inches wide, with one scale of colours; those of which the table has no row are left out.

    Parameters
    ----------
    table : rows as described above.
    panels : the maps, from left to right.
    tol : relative duality gap that certifies a solution; cells with one beyond it are hatched.
    empty : what a grey cell (no row) means, for the legend; "" if there should be none.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    colours, norm = colormaps["viridis"], LogNorm(LOW, HIGH)
    shown = [panel for panel in panels if (table["panel"] == panel.name).any()]
    figure = Figure(figsize=(7.0, 2.4))
    every: Sequence[Axes] = figure.subplots(1, len(shown), squeeze=False)[0]
    ylabel = ""
    for panel, axes in zip(shown, every, strict=True):
        rows = table[table["panel"] == panel.name]
        _draw_cells(axes, rows, norm, colours, tol)
        axes.add_line(_outlined(*panel.limit(int(rows["streams"].iloc[0]), int(rows["steps"].iloc[0]))))
        axes.set_title(panel.title)
        axes.set_xlabel(r"$\gamma = M / NL$")
        if panel.ylabel != ylabel:
            ylabel = panel.ylabel
            axes.set_ylabel(ylabel, labelpad=0)
    bar = figure.colorbar(ScalarMappable(norm, colours), ax=list(every), extend="both", pad=0.01, shrink=0.7, aspect=13)
    bar.set_label("median rMSE")
    bar.ax.axhline(float(table["noise_rmse"].median()), color=NOISE, linewidth=1.6)
    _legend(figure, bool((table["gap"] > tol).any()), tol, empty)
    return figure


def recoveries_agree(shipped: pd.DataFrame, fresh: pd.DataFrame, tol: float) -> bool:
    """Whether two tables show the same recoveries with the same outcome.

    Equal seeds give equal networks, inputs and noise: all other columns must agree to rounding (1e-6). Each
    objective P exceeds the same minimum by at most ``gap P``, so two of them differ by at most the larger gap times the
    larger objective (and 1e-9 for rounding), whether or not they met the tolerance. The estimates may differ by more,
    where the objective is flat: the errors of two certified solutions must agree within 5 % where the input is
    recovered (rMSE below 1e-2), and to a factor of 2 elsewhere. Iterations are not compared.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    numbers = shipped.select_dtypes("number").columns
    same = numbers.drop(["rmse", "gap", "objective", "iterations"], errors="ignore")
    if not np.allclose(shipped[same], fresh[same].to_numpy(), rtol=1e-6, atol=0.0):
        return False
    names = shipped.columns.difference(numbers)
    if (shipped[names].to_numpy() != fresh[names].to_numpy()).any():
        return False
    one, other = shipped["objective"].to_numpy(), fresh["objective"].to_numpy()
    gap = np.maximum(shipped["gap"].to_numpy(), fresh["gap"].to_numpy())
    if (np.abs(one - other) > (gap + 1e-9) * np.maximum(one, other)).any():
        return False
    first, second = shipped["rmse"].to_numpy(), fresh["rmse"].to_numpy()
    limit = np.where(first < 1e-2, np.log(1.05), np.log(2.0))
    return bool((np.abs(np.log(first / second)) <= limit)[gap <= tol].all())
