"""Largest position that trained tanh stacks memorise, against the limits of linear stacks.

For every architecture and position p around the limit, the share of networks that memorise p (mean absolute error below
0.03; 0.05 for one cell). Layers that read each other at the same step: the limit is N - (l - 1), N = c l. Links delayed
by one step: the limit is N. Every column is an architecture (side by side where N is the same), every mark one of its
positions, the darker the more of its networks memorise it; the short lines stand on the limit. Sequences are those of
definition 1, which help from p = 10 on, where only the first six numbers can be the target: errors beyond the limit
then come close to the threshold, and a few of the ten networks of a position pass it.

After Illium et al. (2022), Section 4, where the limit is stated as one of the memory capacity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linmem.figures import PALETTE
from linmem.figures.distance_map import trainings_agree

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS = 10
MARKERS = "os^Dv"
SLOT = 0.33  # distance of two columns with the same N
TITLES = {"same-step": "links of the same step: $N - (l - 1)$", "delayed": "links delayed by one step: $N$"}


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


def _limit(layers: int, cells: int, links: str) -> int:
    from linmem.trained import Architecture

    return Architecture(cells=cells, layers=layers, links=links).linear_distance


def _columns(shapes: list[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """Where each (layers, cells) stands: at its N, side by side with others of the same N."""
    places: dict[tuple[int, int], float] = {}
    for N in {layers * cells for layers, cells in shapes}:
        same = sorted(shape for shape in shapes if shape[0] * shape[1] == N)
        places |= {shape: N + SLOT * (k - (len(same) - 1) / 2) for k, shape in enumerate(same)}
    return places


def _panel(axes: Axes, rows: pd.DataFrame, links: str, top: int) -> Any:
    """Every architecture a column of marks, one for each position, filled by the share of networks that memorise it."""
    from matplotlib import colormaps

    shares = rows.groupby(["layers", "cells", "position"])["solved"].mean().reset_index()
    places = _columns([(int(l), int(c)) for l, c in shares[["layers", "cells"]].drop_duplicates().to_numpy()])
    axes.plot([0, top + 1], [0, top + 1], color="0.75", linewidth=0.8, zorder=0)
    image = None
    for (layers, cells), own in shares.groupby(["layers", "cells"]):
        x = places[int(layers), int(cells)]
        image = axes.scatter(
            [x] * len(own),
            own["position"],
            c=own["solved"],
            marker=MARKERS[int(layers) - 1],
            s=17,
            cmap=colormaps["Blues"],
            vmin=0.0,
            vmax=1.0,
            edgecolors="black",
            linewidths=0.6,
            zorder=2,
        )
        edge = _limit(int(layers), int(cells), links) + 0.5
        axes.plot([x - 0.6 * SLOT, x + 0.6 * SLOT], [edge, edge], color=PALETTE[1], linewidth=1.6, zorder=3)
    axes.set_xlabel("states, $N = c\\,l$")
    return image


def draw(table: pd.DataFrame) -> Figure:
    """Share of networks that memorise each position, against N and the limit, one panel for each kind of link."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    kinds = [links for links in TITLES if (table["links"] == links).any()]
    figure = Figure(figsize=(7.0 if len(kinds) > 1 else 4.4, 3.3))
    states = table["layers"] * table["cells"]
    positions = table["position"]
    top = int(max(states.max(), positions.max()))
    panels = figure.subplots(1, len(kinds), squeeze=False, sharey=True)[0]
    image = None
    for axes, links in zip(panels, kinds, strict=True):
        image = _panel(axes, table[table["links"] == links], links, top)
        axes.set_title(TITLES[links], loc="left")
        axes.set_xlim(states.min() - 0.7, states.max() + 0.7)
        axes.set_ylim(positions.min() - 0.8, positions.max() + 0.8)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.yaxis.get_major_locator().set_params(integer=True)
    panels[0].set_ylabel("position from the end, $p$")
    handles = [
        Line2D([], [], linestyle="none", marker=MARKERS[l - 1], color="black", markersize=4, label=f"$l = {l}$")
        for l in sorted(int(l) for l in table["layers"].unique())
    ]
    handles += [
        Line2D([], [], color=PALETTE[1], linewidth=1.6, label="limit of linear stacks"),
        Line2D([], [], color="0.75", linewidth=0.8, label="$p = N$"),
    ]
    panels[0].legend(handles=handles, loc="upper left", handlelength=1.2, borderaxespad=0.3, labelspacing=0.3)
    bar = figure.colorbar(image, ax=list(panels), label="share of networks that memorise $p$", pad=0.02, aspect=30)
    bar.outline.set_linewidth(0.6)  # pyright: ignore
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree."""
    return trainings_agree(shipped, fresh, ["layers", "cells", "links", "position", "seed"])
