"""Learning curves of LSTM of five cells, for positions 1 to 10, and how much later than tanh networks they solve.

(a) Mean absolute error in training (definition 1, sequences of 10 to 15 numbers) against steps, ten networks a
position, constant learning rate 0.03, batches of 32; windows of the mean grow in proportion to the steps done. Lines:
the constant answer's error 1/4 and the level below which a position counts as solved at a constant rate. (b) Steps
until the loss is below 0.1, positions 1 to 5, for LSTM (filled) and tanh networks (hollow) at constant learning
rates: median, and a dash for each network; those that never get there are not shown. Levels nearer to zero would
measure the noise that a constant rate leaves.

After Illium et al. (2022), Figure 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.figures.drawing import PALETTE
from linmem.figures.learning_curves import curves, curves_agree, draw_curves, hitting_steps, train_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS, RATE, LEVEL = 5, 0.03, 0.1
KINDS = {"rnn": ("tanh", PALETTE[0]), "lstm": ("LSTM", PALETTE[1])}
LINES = {0.01: (":", "o"), 0.03: ("-", "s"), 0.1: ("--", "^")}  # of the learning rates


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each kind of network, learning rate and position; the comparison needs positions 1 to 5 alone."""
    quick = scale == "quick"
    training = {"networks": 5, "batch_size": 8} if quick else {"networks": 10, "batch_size": 32}
    # the comparison needs the steps until the plateau is left: few, but not for LSTM at the lowest rate
    long, short = (20_000, 10_000) if quick else (50_000, 20_000)
    wanted = [("lstm", RATE, p, long) for p in range(1, 11)]
    wanted += [("lstm", max(LINES), p, short) for p in range(1, CELLS + 1)]
    wanted += [("lstm", min(LINES), p, long) for p in range(1, 4)]
    wanted += [("rnn", rate, p, short) for rate in LINES for p in range(1, CELLS + 1)]
    return [{"cell": kind, "position": p, **training, "steps": steps, "rate": rate} for kind, rate, p, steps in wanted]


def cell(
    seed: int, cell: str, position: int, networks: int, steps: int, batch_size: int, rate: float
) -> list[dict[str, Any]]:
    """Curves of networks 0, 1, ..; the networks' own seeds, not that of the cell, are theirs."""
    del seed
    training = train_curves(cell, position, list(range(networks)), steps=steps, batch_size=batch_size, rate=rate)
    return curves(training)


def _hitting_times(axes: Axes, table: pd.DataFrame) -> None:
    """Steps to the level against position: every network, and the line of the medians."""
    times = hitting_steps(table[table["position"] <= CELLS], LEVEL)
    chosen = [(kind, rate) for kind in KINDS for rate in LINES]
    for place, (kind, rate) in enumerate(chosen):
        own = times[(times["cell"] == kind) & (times["rate"] == rate)]
        middle = own.groupby("position")["steps"].median()
        middle = middle[np.isfinite(middle)]
        if middle.empty:
            continue
        (name, colour), (line, mark) = KINDS[kind], LINES[rate]
        shift = 0.11 * (place - (len(chosen) - 1) / 2)
        reached = own[np.isfinite(own["steps"])]
        axes.plot(reached["position"] + shift, reached["steps"], "_", color=colour, markersize=3.0, markeredgewidth=0.4)
        face = "white" if kind == "rnn" else colour
        axes.plot(
            middle.index + shift,
            middle,
            marker=mark,
            linestyle=line,
            color=colour,
            markerfacecolor=face,
            markersize=3.2,
            linewidth=0.9,
            label=f"{name}, {rate:g}",
        )
    axes.set_yscale("log")
    axes.set_xticks(range(1, CELLS + 1))
    axes.set_xlabel("position from the end, $p$")
    axes.set_ylabel(f"steps until the error is below {LEVEL:g}")
    axes.set_ylim(top=12.0 * axes.get_ylim()[1])  # room for the legend
    axes.legend(
        loc="upper left",
        ncols=2,
        title="network, learning rate",
        handlelength=2.2,
        borderaxespad=0.2,
        labelspacing=0.25,
        columnspacing=1.0,
    )


def draw(table: pd.DataFrame) -> Figure:
    """Curves and hitting times, from rows with cell, rate, position, network_seed, step and loss."""
    from matplotlib.figure import Figure

    from linmem.trained import solved_threshold

    figure = Figure(figsize=(7.0, 2.7))
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1.0])
    shown = table[(table["cell"] == "lstm") & (table["rate"] == RATE)]
    draw_curves(left, shown, solved_threshold(CELLS, "constant"))
    _hitting_times(right, table)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with curves that agree."""
    return curves_agree(shipped, fresh, LEVEL)
