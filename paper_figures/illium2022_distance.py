"""How far back one-layer tanh networks remember: error over cells and position (Illium et al. 2022, Figures 4 and 6).

Left: mean absolute error on the task of definition 1, averaged over the networks of each number of cells n and position
p, and how many of them memorise it; p <= n lies left of the line. Right: every single network, definition 1 (filled)
and long sequences (hollow, lengths 30 to 35), with the error 1/4 of the constant answer, the threshold of "memorised"
(0.03; 0.05 for n = 1), and for p > n the error of the best linear network of n states (short black bars, computed by
:func:`linmem.trained.predicted_stall_error` with a Gaussian residual; short sequences may go below, since the initial
state is known).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vP*Xp<>h"


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for every number of cells and task: its networks train together."""
    quick = scale == "quick"
    sizes, largest = (range(1, 4), 5) if quick else (range(1, 8), 10)
    training = {"networks": 5, "steps": 8_000 if quick else 50_000, "rate": 0.1 if quick else 0.03}
    short = [{"task": "definition 1", "state_size": c, "first": 1, "last": largest, **training} for c in sizes]
    return short + [{"task": "long control", "state_size": c, "first": c, "last": c + 1, **training} for c in sizes]


def cell(
    seed: int, task: str, state_size: int, first: int, last: int, networks: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Train ``networks`` networks of ``state_size`` cells on every position ``first..last``; one row for each."""
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, predicted_stall_error, train

    make = {"definition 1": MemoryTask.definition_1, "long control": MemoryTask.long_control}[task]
    specs = [NetworkSpec(Architecture(cells=state_size), make(p)) for p in range(first, last + 1)]
    seeds = [int(s) for s in np.random.default_rng(seed).integers(2**62, size=networks)]
    linear = {spec.task.position: predicted_stall_error(state_size, spec.task.position) for spec in specs}
    shown = ("state_size", "position", "min_length", "max_length", "seed", "error", "solved", "diverged")
    rows = [{name: row[name] for name in shown} for row in train(specs, seeds, steps=steps, rate=rate).rows()]
    return [{"task": task, **row, "linear_error": linear[int(row["position"])]} for row in rows]


def _heat_map(axes: Axes, short: pd.DataFrame) -> None:
    mean = short.pivot_table(index="state_size", columns="position", values="error", aggfunc="mean", dropna=False)
    solved = short.pivot_table(index="state_size", columns="position", values="solved", aggfunc="sum", dropna=False)
    count = short.pivot_table(index="state_size", columns="position", values="solved", aggfunc="count", dropna=False)
    sizes, positions = mean.index.to_numpy(), mean.columns.to_numpy()
    image = axes.imshow(mean, origin="lower", aspect="auto", cmap="viridis", vmin=0.0, vmax=0.25)
    small = len(positions) > 6
    for i, row in enumerate(mean.to_numpy()):
        for j, error in enumerate(row):
            if not np.isfinite(error):
                continue
            share = f"{int(solved.iat[i, j])}/{count.iat[i, j]}"
            text = f"{error:.2f}"[1:] if small else f"{error:.3f}\n({share})"
            axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if error < 0.15 else "black")
    # the border between p <= n and p > n
    edge = [(min(n, positions[-1]) - positions[0] + 0.5, k) for k, n in enumerate(sizes)]
    steps = [point for x, k in edge for point in ((x, k - 0.5), (x, k + 0.5))]
    axes.plot(*zip(*steps, strict=True), color="white", linewidth=3.2, solid_capstyle="butt", solid_joinstyle="miter")
    axes.plot(*zip(*steps, strict=True), color="black", linewidth=1.6, solid_capstyle="butt", solid_joinstyle="miter")
    axes.set_xticks(range(len(positions)), [str(p) for p in positions])
    axes.set_yticks(range(len(sizes)), [str(n) for n in sizes])
    axes.set_xlabel("position from the end, $p$")
    axes.set_ylabel("cells, $n$")
    axes.set_xlim(-0.5, len(positions) - 0.5)
    axes.set_ylim(-0.5, len(sizes) - 0.5)
    bar = axes.figure.colorbar(image, ax=axes, label="mean over networks", pad=0.02)
    bar.outline.set_visible(False)  # pyright: ignore


def _scatter(axes: Axes, table: pd.DataFrame) -> None:
    from matplotlib import colormaps
    from matplotlib.lines import Line2D

    from linmem.trained import solved_threshold

    sizes, last = sorted(table["state_size"].unique()), int(table["position"].max())
    slot = 0.9 / len(sizes)
    # the constant and the threshold first, so that the marks lie on top
    lines = [
        axes.axhline(0.25, color="0.4", linestyle="--", linewidth=0.9, label="constant 1/2"),
        axes.axhline(solved_threshold(2), color="0.4", linestyle=":", linewidth=0.9, label="memorised below"),
    ]
    handles: list[Line2D] = []
    for k, n in enumerate(sizes):
        if solved_threshold(int(n)) != solved_threshold(2):  # one cell alone
            own_slot = 1 - 0.45 + np.array([k, k + 1]) * slot
            axes.plot(own_slot, [solved_threshold(int(n))] * 2, color="0.4", linestyle=":", linewidth=0.9)
        colour, marker = colormaps["viridis"](0.9 * k / max(len(sizes) - 1, 1)), MARKERS[k % len(MARKERS)]
        middle = (k + 0.5) * slot - 0.45
        own = table[table["state_size"] == n]
        for task, shift, face in (("definition 1", -0.24, colour), ("long control", 0.24, "none")):
            runs = own[own["task"] == task].sort_values(["position", "error"])
            group = runs.groupby("position")["error"]
            rank = (group.cumcount() + 0.5) / group.transform("count") - 0.5  # spread, so that none hides another
            x = runs["position"] + middle + (shift + 0.3 * rank) * slot
            axes.plot(x, runs["error"], marker, markersize=2.8, color=colour, markerfacecolor=face, markeredgewidth=0.7)
        for p, error in own[own["linear_error"] > 0].groupby("position")["linear_error"].first().items():
            axes.plot(p + middle + np.array([-0.5, 0.5]) * slot, [error, error], color="black", linewidth=1.0)
        handles.append(
            Line2D([], [], linestyle="none", marker=marker, color=colour, markersize=3.5, label=f"$n = {n}$")
        )
    handles += [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            color="0.3",
            markerfacecolor="none",
            markersize=3.5,
            label="lengths 30–35",
        ),
        Line2D([], [], color="black", linewidth=1.0, label="best linear,\n$n$ states"),
        *lines,
    ]
    axes.set_xlim(0.4, last + 0.6)
    axes.set_ylim(0.0, 0.27)
    axes.set_xticks(range(1, last + 1))
    axes.set_xlabel("position from the end, $p$")
    axes.set_ylabel("mean absolute error")
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.3, handlelength=1.4)


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same networks with the same outcome.

    Equal seeds give equal initial weights and data, but tens of thousands of steps magnify rounding, which differs
    between processors, and may send single networks elsewhere: the median difference of their errors is judged, against
    0.01, a third of what "memorised" allows.
    """
    from linmem.trained import solved_threshold

    keys = ["task", "state_size", "position", "min_length", "max_length", "seed"]
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    one, two = (table.sort_values(keys).reset_index(drop=True) for table in (shipped, fresh))
    consistent = all(
        bool((table["solved"] == (table["error"] < table["state_size"].map(solved_threshold))).all())
        for table in (one, two)
    )
    return (
        consistent
        and one[keys].equals(two[keys])
        and np.allclose(one["linear_error"], two["linear_error"], rtol=1e-3)
        and float((one["error"] - two["error"]).abs().median()) < 0.01
    )


def draw(table: pd.DataFrame) -> Figure:
    """Heat map and all networks, from rows with task, state_size, position and error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.7))
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.25])
    _heat_map(left, table[table["task"] == "definition 1"])
    _scatter(right, table)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure
