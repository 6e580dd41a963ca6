"""Learning curves of tanh networks of five cells, for positions 1 to 10: solved up to p = 5, stalled beyond.

(a) Mean absolute error in training (definition 1, sequences of 10 to 15 numbers) against steps, ten networks a
position, constant learning rate 0.01, batches of 32; windows of the mean grow in proportion to the steps done. (b) The
error of each network in the last window. Lines: the constant answer's error 1/4 and the level below which a position
counts as solved at a constant rate. Black bars for p > 5: the error of the best linear network of five states
(:func:`linmem.trained.predicted_stall_error`, Gaussian residual; short sequences may go below it, since the initial
state is known).

After Illium et al. (2022), Figure 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.figures.learning_curves import (
    CONSTANT_ERROR,
    curves,
    curves_agree,
    draw_curves,
    position_colours,
    train_curves,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS = 5


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each position: its networks train together."""
    training = (
        {"networks": 5, "steps": 20_000, "batch_size": 8}
        if scale == "quick"
        else {"networks": 10, "steps": 50_000, "batch_size": 32}
    )
    return [{"position": p, **training, "rate": 0.01} for p in range(1, 11)]


def cell(seed: int, position: int, networks: int, steps: int, batch_size: int, rate: float) -> list[dict[str, Any]]:
    """Curves of networks 0, 1, ..; the networks' own seeds, not that of the cell, are theirs."""
    del seed
    training = train_curves("rnn", position, list(range(networks)), steps=steps, batch_size=batch_size, rate=rate)
    return curves(training)


def _final_errors(axes: Axes, table: pd.DataFrame, solved: float) -> None:
    """Error in the last window, a column of networks for each position, and what is linearly possible."""
    from linmem.trained import predicted_stall_error

    largest = int(table["position"].max())
    colours, norm = position_colours(largest)
    final = table[table["step"] == table["step"].max()]
    for height in (CONSTANT_ERROR, solved):
        axes.axhline(height, color="0.25", linestyle="--", linewidth=0.8)
    for position, own in final.groupby("position"):
        p, errors = int(position), np.sort(own["loss"].to_numpy())  # pyright: ignore[reportArgumentType]
        places = p + 0.6 * ((np.arange(len(errors)) + 0.5) / len(errors) - 0.5)
        axes.plot(places, errors, "o", color=colours(norm(p)), markersize=2.4, markeredgewidth=0.0)
        if p > CELLS:
            level = predicted_stall_error(CELLS, p)
            label = "best linear, five states" if p == CELLS + 1 else None
            axes.plot([p - 0.42, p + 0.42], [level, level], color="black", linewidth=1.1, label=label)
    axes.set_xticks(range(1, largest + 1))
    axes.set_ylim(0.0, 0.3)
    axes.set_xlabel("position from the end, $p$")
    axes.set_ylabel("mean absolute error at the end")
    if largest > CELLS:
        axes.legend(loc="upper left", borderaxespad=0.2, handlelength=1.4)


def draw(table: pd.DataFrame) -> Figure:
    """Curves and final errors, from rows with position, network_seed, step and loss."""
    from matplotlib.figure import Figure

    from linmem.trained import solved_threshold

    solved = solved_threshold(CELLS, "constant")
    figure = Figure(figsize=(7.0, 2.7))
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1.0])
    draw_curves(left, table, solved)
    _final_errors(right, table, solved)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with curves that agree."""
    return curves_agree(shipped, fresh)
