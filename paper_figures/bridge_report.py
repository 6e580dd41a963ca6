"""One memory report for four networks: what each holds of its input, how, and how much of it its answer uses.

Columns: a tanh RNN, an LSTM and a GRU of five cells, trained to give back the input of four steps before (position 5),
and a random orthogonal tanh reservoir (0.95 Q, Q Haar orthogonal) with as many state variables as the LSTM, of which
the read-out alone is fitted, by least squares, to the same task. Of eight networks each, the one of least error is
shown; the head of a column gives its state variables n, memory capacity, memory distance (largest position that the
best linear read-out of the state recalls with an error below 0.03) and information-processing capacity (degrees 1 to
4). Independent uniform inputs on [0, 1].

Rows: (a) memory curve, measured with its 95 % interval (band), exact curve of the linearisation at rest, and the bound
n/(k + 1) of linear networks; (b) mean absolute error at each position, of the network's own answer and of the best
linear read-outs of its state, with the threshold and the end of position n; (c) weight of an input in the answer of the
linearisation, and its decay where the lags suffice to fit one; (d) eigenvalues of the linearisation; (e) capacity by
degree of the function of past inputs, with the bound n on the sum; circles: the other networks (of the trained ones,
those that memorise their position: all RNNs and LSTMs, four of the eight GRUs).

What it shows. RNN and GRU are delay lines: all of their capacity, 5.0 of 5, lies in the lags 0 to 4, each recalled
whole; of these the answer weighs lag 4 alone. The LSTM has the same distance with twice the states. It fills them too,
but in part with products and powers of inputs: 5.1 to 6.6 of the 10 are linear among the eight networks. (Its
linearisation could hold all ten lags.) The reservoir of 10 nodes has more linear memory than any of the LSTMs and no
distance at all: its capacity is spread over some 20 lags, none recalled within the threshold, and older inputs than
the one asked for still weigh in its answer, less by the factor 0.85 a step.

Memory distance: Illium et al. (2022). Memory capacity: Jaeger (2001); by degree: Dambre et al. (2012). Kernel: Li et
al. (2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from linmem.figures import PALETTE
from linmem.figures.network_reports import fact, part, reports_agree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linmem.analysis import StateModel
    from linmem.report import MemoryReport

POSITION, CELLS, NODES = 5, 5, 10
RADIUS, INPUT_WEIGHTS = 0.95, 0.3
FIT_LENGTH, FIT_WASHOUT = 20_000, 500
PARTS = ("distance", "capacity", "spectrum", "information", "kernel")
FACTS = ("distance.own", "distance.fitted", "capacity.total", "capacity.information")
TITLES = {
    "rnn": r"$\bf{tanh\ RNN}$",
    "lstm": r"$\bf{LSTM}$",
    "gru": r"$\bf{GRU}$",
    "reservoir": r"$\bf{orthogonal\ reservoir}$",
}
GREY = "#7f7f7f"
LAGS = 20  # shown: lags 0 to 19, positions 1 to 20


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each network."""
    quick = scale == "quick"
    return [
        {
            "network": network,
            "cells": NODES if network == "reservoir" else CELLS,
            "position": POSITION,
            "networks": 4 if quick else 8,
            "steps": 0 if network == "reservoir" else 20_000 if quick else 50_000,
            "budget": "quick" if quick else "full",
        }
        for network in TITLES
    ]


def cell(
    seed: int, network: str, cells: int, position: int, networks: int, steps: int, budget: str
) -> list[dict[str, Any]]:
    """Report of the best of several networks, and capacities of the others at the quick budget.

    The networks are those of the seeds 0, 1, ..; the seed of the cell is that of the inputs of all reports.
    """
    from linmem.report import memory_report

    if network == "reservoir":
        models = _reservoirs(cells, position, networks)
    else:
        models = _trained(network, cells, position, networks, steps)
    shown = memory_report(models[0], rng=seed, budget=budget, parts=PARTS)
    found = _rows(shown)
    for model in models[1:]:
        other = memory_report(model, rng=seed, parts=("information",))
        found += _degrees(other, "other")
    return [{"network": network, **row} for row in found]


def _trained(kind: str, cells: int, position: int, networks: int, steps: int) -> list[StateModel]:
    """Networks that memorise the position, best first; the best one if none does."""
    from linmem.analysis import state_model
    from linmem.trained import Architecture, MemoryTask, NetworkSpec, train

    spec = NetworkSpec(Architecture(kind, cells), MemoryTask.definition_1(position))
    found = train(spec, range(networks), steps=steps, optimiser="adam", rate=0.01)
    order = np.argsort(np.where(np.isfinite(found.errors), found.errors, np.inf))
    kept = [i for i in order if found.solved[i]] or [order[0]]
    return [state_model(found.weights[i]) for i in kept]


def _reservoirs(nodes: int, position: int, networks: int) -> list[StateModel]:
    """Reservoirs with the read-out of least squares of the position, best first."""
    from linmem.analysis import state_model
    from linmem.analysis.readout import with_vector
    from linmem.capacity.models import TanhReservoir
    from linmem.capacity.systems import haar_orthogonal

    fitted: list[tuple[float, StateModel]] = []
    for seed in range(networks):
        rng = np.random.default_rng(seed)
        weights = RADIUS * haar_orthogonal(nodes, rng)
        model = state_model(TanhReservoir(weights, rng.uniform(-INPUT_WEIGHTS, INPUT_WEIGHTS, nodes)))
        inputs = rng.random(FIT_WASHOUT + FIT_LENGTH)
        states = np.column_stack([model.run(inputs)[FIT_WASHOUT:], np.ones(FIT_LENGTH)])
        target = inputs[FIT_WASHOUT - position + 1 : FIT_WASHOUT - position + 1 + FIT_LENGTH]
        readout = np.linalg.lstsq(states, target, rcond=None)[0]
        error = float(np.abs(states @ readout - target).mean())
        fitted.append((error, with_vector(model, readout[:-1], float(readout[-1]))))
    return [model for _, model in sorted(fitted, key=lambda pair: pair[0])]


def _row(panel: str, series: str, x: float, y: float, low: float = np.nan, high: float = np.nan) -> dict[str, Any]:
    return {"panel": panel, "series": series, "x": x, "y": y, "low": low, "high": high}


def _series(panel: str, series: str, frame: pd.DataFrame, x: str, y: str) -> list[dict[str, Any]]:
    """Rows of two columns of a table, with their interval if it has one."""
    ends = ["low", "high"] if {"low", "high"} <= set(frame.columns) else []
    return [_row(panel, series, *map(float, numbers)) for numbers in frame[[x, y, *ends]].to_numpy()]


def _rows(report: MemoryReport) -> list[dict[str, Any]]:
    """What the figure shows of a report."""
    tables, n = report.tables, report.facts["state_size"]
    rows = [_row("facts", key, 0.0, float(report.facts[key])) for key in ("state_size", "threshold")]
    for key in FACTS:
        rows += _measured(report, key, "facts", key)
    memory, errors = tables["memory"], tables["errors"]
    for method in ("measured", "linearised"):
        rows += _series("memory", method, memory[memory["method"] == method], "lag", "value")
    for readout in ("own", "fitted"):
        rows += _series("errors", readout, errors[errors["readout"] == readout], "position", "error")
    kernel = tables["kernel"].head(2 * n + 10)
    rows += _series("kernel", "weight", kernel.assign(value=kernel["value"].abs()), "lag", "value")
    rows += _series("kernel", "fitted", kernel.dropna(subset="fitted"), "lag", "fitted")
    rows += _series("spectrum", "eigenvalue", tables["eigenvalues"], "real", "imaginary")
    return rows + _degrees(report, "shown")


def _degrees(report: MemoryReport, series: str) -> list[dict[str, Any]]:
    """Capacity by degree, and the sum at x = 0."""
    total = _measured(report, "capacity.information", "degrees", series)
    return total + _series("degrees", series, report.tables["degrees"], "degree", "capacity")


def _measured(report: MemoryReport, key: str, panel: str, series: str) -> list[dict[str, Any]]:
    """A quantity of the report with its interval, if it was measured."""
    found = report.row(key)
    if found is None or found.value is None:
        return []
    ends = [np.nan if end is None else end for end in (found.low, found.high)]
    return [_row(panel, series, 0.0, found.value, *ends)]


def _memory(axes: Axes, rows: pd.DataFrame) -> None:
    own, line = part(rows, "memory", "measured"), part(rows, "memory", "linearised")
    lags = np.arange(LAGS)
    axes.plot(lags, np.minimum(1, fact(rows, "state_size") / (lags + 1)), color=GREY, linestyle="--", linewidth=0.9,
              label="bound $n/(k+1)$")  # fmt: skip
    axes.plot(line["x"], line["y"], color=PALETTE[4], linewidth=3.0, alpha=0.6, label="linearisation")
    axes.fill_between(own["x"], own["low"], own["high"], color=PALETTE[0], alpha=0.35, linewidth=0)
    axes.plot(own["x"], own["y"], color=PALETTE[0], marker="o", markersize=2.5, linewidth=0.9, label="measured")
    axes.set_xlim(-0.7, LAGS - 0.3)
    axes.set_ylim(-0.05, 1.12)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xlabel("lag, $k$ (steps)")


def _errors(axes: Axes, rows: pd.DataFrame) -> None:
    looks = {"own": ("s", PALETTE[1], "own answer"), "fitted": ("o", PALETTE[0], "best read-out")}
    for series, (marker, colour, label) in looks.items():
        found = part(rows, "errors", series)
        axes.plot(found["x"], found["y"], color=colour, marker=marker, markersize=2.5, linewidth=0.9, label=label)
    axes.axhline(fact(rows, "threshold"), color="black", linestyle=":", linewidth=0.9, label="threshold")
    axes.axvline(fact(rows, "state_size") + 0.5, color=GREY, linestyle="--", linewidth=0.9, label="end of $p = n$")
    axes.set_xlim(0.3, LAGS + 0.7)  # position k + 1 under lag k
    axes.set_xticks([1, 6, 11, 16])
    axes.set_ylim(0, 0.38)
    axes.set_xlabel("position, $p = k + 1$")


def _kernel(axes: Axes, rows: pd.DataFrame) -> None:
    weight, fitted = part(rows, "kernel", "weight"), part(rows, "kernel", "fitted")
    axes.vlines(weight["x"], 1e-6, weight["y"], color=PALETTE[0], linewidth=0.8, alpha=0.5)
    axes.plot(weight["x"], weight["y"], color=PALETTE[0], marker="o", markersize=2.5, linestyle="none")
    axes.plot(fitted["x"], fitted["y"], color=PALETTE[1], linewidth=1.0, label="fitted decay")
    axes.set_xlim(-0.7, LAGS - 0.3)
    axes.set_yscale("log")
    axes.set_ylim(1e-4, 5)
    axes.set_yticks([1e-4, 1e-2, 1])
    axes.minorticks_off()
    axes.set_xlabel("lag, $k$ (steps)")


def _spectrum(axes: Axes, rows: pd.DataFrame) -> None:
    angle = np.linspace(0, 2 * np.pi, 400)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8)
    for line in (axes.axhline, axes.axvline):
        line(0, color=GREY, linewidth=0.3)
    found = part(rows, "spectrum", "eigenvalue")
    axes.plot(found["x"], found["y"], color=PALETTE[0], marker="o", markersize=3, linestyle="none", alpha=0.8)
    axes.set_aspect("equal")
    axes.set_xlim(-1.1, 1.1)
    axes.set_ylim(-1.1, 1.1)
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlabel("real part")


def _capacities(axes: Axes, rows: pd.DataFrame) -> None:
    shown, other = part(rows, "degrees", "shown"), part(rows, "degrees", "other")
    most = int(shown["x"].max()) if len(shown) else 1
    place = np.where(shown["x"] > 0, shown["x"], most + 1)
    ends = np.abs(shown[["low", "high"]].to_numpy().T - shown["y"].to_numpy())
    axes.bar(place, shown["y"], 0.75, yerr=ends, color=PALETTE[0], alpha=0.75, error_kw={"lw": 0.8, "capsize": 2})
    axes.plot(np.where(other["x"] > 0, other["x"], most + 1), other["y"], color="black", marker="o", markersize=2.5,
              markerfacecolor="none", markeredgewidth=0.5, linestyle="none", label="other networks")  # fmt: skip
    axes.axhline(fact(rows, "state_size"), color=GREY, linestyle="--", linewidth=0.9, label="bound $n$")
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xticks(range(1, most + 2), [*map(str, range(1, most + 1)), "all"])
    axes.set_ylim(-0.4, 11.5)
    axes.set_yticks([0, 5, 10])
    axes.set_xlabel("degree")


PANELS = (
    (_memory, "recalled, $MC_k$"),
    (_errors, "mean abs. error"),
    (_kernel, "weight, $|c^T A^k B|$"),
    (_spectrum, "imaginary part"),
    (_capacities, "capacity"),
)
LEGENDS = {  # panel: network and place
    0: ("rnn", "upper right"),
    1: ("rnn", (0.31, 0.12)),
    2: ("reservoir", "upper right"),
    4: ("rnn", "upper right"),
}


def _head(rows: pd.DataFrame, network: str) -> str:
    """Sizes and totals of a column."""
    n = int(fact(rows, "state_size"))
    size = f"{n} nodes" if network == "reservoir" else f"{CELLS} cells"
    total, information = fact(rows, "capacity.total"), fact(rows, "capacity.information")
    state, answer = fact(rows, "distance.fitted"), fact(rows, "distance.own")
    lines = (
        TITLES[network],
        f"{size}, $n = {n}$",
        f"distance: state {state:.0f}, answer {answer:.0f}",
        f"memory capacity {total:.2f}",
        f"information capacity {information:.2f}",
    )
    return "\n".join(lines)


def draw(table: pd.DataFrame) -> Figure:
    """A column for each network, a row for each part of the report."""
    from matplotlib.figure import Figure

    networks = [name for name in TITLES if (table["network"] == name).any()]
    figure = Figure(figsize=(7.0, 8.9))
    grid = figure.subplots(
        len(PANELS), len(networks), squeeze=False, sharey="row", sharex="row",
        gridspec_kw={"height_ratios": [1.05, 1.05, 0.9, 1.25, 1.0]},
    )  # fmt: skip
    for j, network in enumerate(networks):
        rows = table[table["network"] == network]
        for i, (axes, (panel, label)) in enumerate(zip(grid[:, j], PANELS, strict=True)):
            panel(axes, rows)
            axes.spines[["top", "right"]].set_visible(False)
            if j == 0:
                axes.set_ylabel(f"({'abcde'[i]})  {label}")
            name, place = LEGENDS.get(i, ("", ""))
            if name == network and axes.get_legend_handles_labels()[0]:
                axes.legend(loc=place, fontsize=6.5, handlelength=1.3, borderaxespad=0.1, labelspacing=0.25)
        grid[0, j].set_title(_head(rows, network), fontsize=7, linespacing=1.3)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same networks: :func:`linmem.figures.network_reports.reports_agree`."""
    return reports_agree(shipped, fresh, POSITION, [name for name in TITLES if name != "reservoir"])
