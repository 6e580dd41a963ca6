"""Where trained networks that are too small stall, against the best linear filter of as many states.

One-layer tanh networks of n states learn to recall position p > n of sequences of uniform numbers. The best linear
filter of n states recalls lag p - 1 with squared correlation ``MC*_n(p - 1)``; its exact mean absolute error, at the
best scale, is the prediction (:func:`linmem.analysis.best_recall`), which fits nothing. (a) Error of every network over
the prediction, sequences of 30 to 35 numbers; filled: the best of each n and p; the band is 4 % wide on each side.
(b) The same best errors over the position, with the prediction (lines). (c) Best error over the prediction for both
kinds of sequences, and what the filters of n - 1 and n + 1 states would predict: the wrong number of states does not
fit. Short sequences (10 to 15 numbers, as in Illium et al. 2022, Definition 1, and the curves of its Figure 4) fall
below where the zero initial state tells more. "Best" is the least of the errors in the table, each measured on 50,000
fresh sequences (standard error about 0.3 %).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.figures import PALETTE
from linmem.figures.distance_map import trainings_agree
from linmem.figures.learning_curves import CONSTANT_ERROR, position_colours

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = 0.04
LONG, SHORT = "30 to 35", "10 to 15"
KEYS = ["state_size", "position", "sequences"]


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each number of states, position and kind of sequences."""
    if scale == "quick":
        sizes, beyond, budget = range(1, 4), 2, {"networks": 6, "steps": 12_000, "rate": 0.06}
    else:
        sizes, beyond, budget = range(1, 9), 5, {"networks": 12, "steps": 50_000, "rate": 0.03}
    return [
        {"state_size": n, "position": p, "sequences": sequences, **budget}
        for sequences, last in ((LONG, 13), (SHORT, 10))
        for n in sizes
        for p in range(n + 1, min(n + beyond, last) + 1)
    ]


def cell(
    seed: int, state_size: int, position: int, sequences: str, networks: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train networks of the seeds 0, 1, ..; the networks' own seed, not that of the cell, is theirs."""
    from linmem.analysis.recall import best_recall
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    del seed
    task = (MemoryTask.long_control if sequences == LONG else MemoryTask.definition_1)(position)
    spec = NetworkSpec(Architecture(cells=state_size), task)
    training = train(spec, range(networks), steps=steps, rate=rate, evaluation_size=50_000)
    predicted, fewer, more = (
        best_recall(n, position - 1).scaled_error.value if n else CONSTANT_ERROR
        for n in (state_size, state_size - 1, state_size + 1)
    )
    return [
        {
            "state_size": state_size,
            "position": position,
            "sequences": sequences,
            "seed": s,
            "error": float(error),
            "predicted": predicted,
            "fewer": fewer,
            "more": more,
        }
        for s, error in enumerate(training.errors)
    ]


def _best(table: pd.DataFrame) -> pd.DataFrame:
    """Least error of each number of states, position and kind of sequences, with the predictions for it."""
    groups = table.groupby(KEYS)
    return groups[["error", "predicted", "fewer", "more"]].agg("min").reset_index()


def _draw_errors(axes: Axes, rows: pd.DataFrame, best: pd.DataFrame, colours: dict[int, Any]) -> None:
    """Measured over predicted error, with the diagonal and its band."""
    ends = np.array([0.9 * min(best["predicted"].min(), best["error"].min()), 0.262])
    axes.fill_between(ends, (1 - BAND) * ends, (1 + BAND) * ends, color="0.85", linewidth=0, zorder=0)
    axes.plot(ends, ends, color="0.35", linewidth=0.8, zorder=1)
    axes.axhline(CONSTANT_ERROR, color="0.35", linewidth=0.8, linestyle="--", zorder=0)
    for n, colour in colours.items():
        own = rows[rows["state_size"] == n]
        axes.plot(own["predicted"], own["error"], "o", color=colour, markersize=2, alpha=0.5, mew=0)
    _draw_best(axes, best["predicted"], best["error"], best["state_size"], colours)
    axes.annotate("constant answer", (ends[0], CONSTANT_ERROR), xytext=(2, 2), textcoords="offset points", fontsize=7)
    axes.set(xlim=tuple(ends), ylim=(ends[0], 0.27))
    axes.set(xlabel="predicted mean absolute error", ylabel="measured mean absolute error")


def _draw_best(axes: Axes, x: pd.Series, y: pd.Series, sizes: pd.Series, colours: dict[int, Any]) -> None:
    """Large marks with the colours of their numbers of states."""
    shades = [colours[int(n)] for n in sizes]
    axes.scatter(x, y, c=shades, s=17, edgecolors="black", linewidths=0.5, zorder=3)


def _draw_levels(axes: Axes, best: pd.DataFrame, colours: dict[int, Any]) -> None:
    """Best error over the position, a line of predictions for each number of states."""
    for n, colour in colours.items():
        own = best[best["state_size"] == n].sort_values("position")
        axes.plot(own["position"], own["predicted"], color=colour, linewidth=1.1, zorder=2)
    _draw_best(axes, best["position"], best["error"], best["state_size"], colours)
    axes.axhline(CONSTANT_ERROR, color="0.35", linewidth=0.8, linestyle="--", zorder=0)
    first, last = int(best["position"].min()), int(best["position"].max())
    axes.set(xlabel="position, $p$", xticks=range(first + first % 2, last + 1, 2))


def _draw_ratios(axes: Axes, best: pd.DataFrame, colours: dict[int, Any]) -> None:
    """Best error over the prediction by p - n, side by side for each n, with what the wrong n would predict."""
    sizes = sorted(colours)
    slot = 0.8 / len(sizes)
    axes.axhspan(1 - BAND, 1 + BAND, color="0.85", linewidth=0, zorder=0)
    axes.axhline(1.0, color="0.35", linewidth=0.8, zorder=1)
    extra = best["position"] - best["state_size"]
    place = extra + slot * (best["state_size"].map(sizes.index) - (len(sizes) - 1) / 2)
    long = best["sequences"] == LONG
    for column, colour in (("fewer", PALETTE[1]), ("more", PALETTE[5])):
        wrong = best[column] / best["predicted"]
        axes.hlines(wrong[long], place[long] - 0.5 * slot, place[long] + 0.5 * slot, color=colour, linewidth=1.0)
    ratio = best["error"] / best["predicted"]
    edges = [colours[int(n)] for n in best["state_size"][~long]]
    axes.scatter(place[~long], ratio[~long], s=13, marker="D", facecolors="none", edgecolors=edges, linewidths=0.9)
    _draw_best(axes, place[long], ratio[long], best["state_size"][long], colours)
    axes.set(xlabel="positions beyond the states, $p - n$", ylabel="least error over prediction")
    axes.set_ylim(min(0.78, ratio.min() - 0.03), 1.32)  # the filter of n + 1 states answers p = n + 1 without error
    axes.set(xlim=(0.5, extra.max() + 0.5), xticks=range(1, int(extra.max()) + 1))


def draw(table: pd.DataFrame) -> Figure:
    """Errors over predictions, levels over the position, and the ratio beside that of the wrong number of states."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    shades, norm = position_colours(int(table["state_size"].max()))
    colours = {int(n): shades(norm(int(n))) for n in sorted(table["state_size"].unique())}
    best = _best(table)
    long = best[best["sequences"] == LONG]
    figure = Figure(figsize=(7.0, 3.1))
    errors, levels, ratios = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 1.15))
    _draw_errors(errors, table[table["sequences"] == LONG], long, colours)
    _draw_levels(levels, long, colours)
    levels.set_ylim(errors.get_ylim())
    _draw_ratios(ratios, best, colours)
    handles = [
        Line2D([], [], ls="none", marker="o", ms=4.2, mfc="0.6", mec="black", mew=0.5, label="best of the networks"),
        Line2D([], [], ls="none", marker="o", ms=2, mfc="0.6", mew=0, label="each network"),
        Line2D([], [], ls="none", marker="D", ms=3.5, mfc="none", mec="0.3", mew=0.9, label="best, short sequences"),
        Line2D([], [], color="0.35", lw=1.1, label="predicted, filter of $n$ states"),
        Line2D([], [], color=PALETTE[1], lw=1.0, label="filter of $n - 1$ states"),
        Line2D([], [], color=PALETTE[5], lw=1.0, label="filter of $n + 1$ states"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1.2, columnspacing=2.5)
    bar = figure.colorbar(
        ScalarMappable(norm, shades), ax=ratios, label="states, $n$", ticks=sorted(colours), aspect=30
    )
    bar.outline.set_linewidth(0.6)  # pyright: ignore
    for axes, letter in ((errors, "a"), (levels, "b"), (ratios, "c")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks with errors that agree, and predictions that agree to 1e-4."""
    names = ["predicted", "fewer", "more"]
    if not trainings_agree(shipped, fresh, [*KEYS, "seed"]):
        return False
    one, two = (t.sort_values([*KEYS, "seed"])[names].to_numpy() for t in (shipped, fresh))
    return bool(np.allclose(one, two, rtol=1e-4, atol=1e-9))
