"""Infinite input: the fading memory of the network, and the error of recall against the number of steps recalled.

Left: the variance L q^{2n} s^2 / M that the inputs of age n leave in each entry of the state, with that of the noise
(dashed) and the length that least squares recalls best (bar).
Middle: mean squared error per recalled input of least squares, relative to the mean square of the inputs, against the
recall length N. Right: the same of the LASSO on sparse inputs, where N L may exceed the number of nodes (dotted line).
Markers: mean over trials, bars of two standard errors; hollow if a LASSO missed its gap of 1e-6. Lines: prediction
(formula, resp. state evolution). Triangles on the axis: predicted best length.

After Charles et al. (2018), Figure 3 (there a sketch without scales).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.discrete.recall import lasso_recall, recall_error, recall_trial

COLOURS = ("#0072B2", "#D55E00", "#009E73")  # Okabe-Ito
MARKERS = ("o", "s", "^")
GREY = "#555555"
KEYS = ["nodes", "streams", "q", "sigma", "density"]
GAP = 1e-6


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each trial: a network and its state, recalled at all lengths."""
    squares = {"method": "least squares", "nodes": 400, "streams": 8, "density": 1.0}
    sparse = {"method": "LASSO", "nodes": 400, "streams": 20, "density": 0.1}
    quick = scale == "quick"
    cases = [
        (squares | {"q": 0.9, "sigma": 0.01, "longest": 44, "step": 1}, 20 if quick else 100),
        (squares | {"q": 0.8, "sigma": 0.01, "longest": 44, "step": 1}, 20 if quick else 100),
        (squares | {"q": 0.9, "sigma": 0.1, "longest": 44, "step": 1}, 20 if quick else 100),
        (sparse | {"q": 0.9, "sigma": 0.01, "longest": 60, "step": 10 if quick else 2}, 6 if quick else 20),
        (sparse | {"q": 0.95, "sigma": 0.01, "longest": 60, "step": 10 if quick else 2}, 6 if quick else 20),
    ]
    return [case | {"trial": trial} for case, trials in cases for trial in range(trials)]


def cell(
    seed: int, method: str, nodes: int, streams: int, density: float, q: float, sigma: float,
    longest: int, step: int, trial: int,
) -> list[dict[str, object]]:  # fmt: skip
    """Errors of one trial, a row for each recall length (step, 2 step, .., longest)."""
    sparse = method == "LASSO"
    lengths = range(step, longest + 1, step)
    found = recall_trial(nodes, streams, q, sigma, lengths, density=density, sparse=sparse, tol=GAP, rng=seed)
    errors = found.lasso if sparse else found.least_squares
    gaps = found.gap if sparse else np.zeros(len(errors))
    fixed = {"method": method, "nodes": nodes, "streams": streams, "q": q, "sigma": sigma, "density": density}
    return [
        {**fixed, "trial": trial, "length": N, "error": float(error), "gap": float(gap)}
        for N, error, gap in zip(lengths, errors, gaps, strict=True)
    ]


def _predicted(method: str, N: int, M: int, L: int, q: float, sigma: float, density: float) -> float:
    """Expected error; NaN where the formula of least squares has none."""
    if method == "LASSO":
        return lasso_recall(N, M, L, q, sigma, density).error
    error = recall_error(N, M, L, q, sigma) if N * L < M - 1 else np.nan
    return error if np.isfinite(error) else np.nan


def _curves(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    """Predicted and simulated errors of one method, one colour for each case."""
    handles: list[Line2D] = []
    shown: list[float] = []
    for (case, part), colour, marker in zip(rows.groupby(KEYS, sort=False), COLOURS, MARKERS, strict=False):
        M, L, q, sigma, density = case
        groups = part.groupby("length")["error"]
        lengths, mean = groups.mean().index.to_numpy(), groups.mean().to_numpy()
        spread = 2 * groups.std(ddof=1).to_numpy() / np.sqrt(groups.count().to_numpy())
        missed = bool((part["gap"] > GAP).any())
        every = max(1, len(lengths) // 15)
        axes.errorbar(
            lengths[::every], mean[::every], np.minimum(spread, 0.9 * mean)[::every], color=colour, marker=marker,
            markersize=3, linestyle="none", elinewidth=0.7, markerfacecolor="none" if missed else colour,
        )  # fmt: skip
        dense = np.arange(1, int(lengths.max()) + 1)
        line = np.array([_predicted(method, int(N), int(M), int(L), q, sigma, density) for N in dense])
        axes.plot(dense, line, color=colour, linewidth=1.0)
        best = int(dense[np.nanargmin(line)])
        axes.plot([best], [0.0], color=colour, marker="^", markersize=5, clip_on=False, zorder=5,
                  transform=axes.get_xaxis_transform())  # fmt: skip
        sparse = rf",\ p = {density:g}" if method == "LASSO" else ""
        label = rf"$q = {q:g},\ \sigma = {sigma:g}{sparse}$"
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=3, linewidth=1.0, label=label))
        shown += [float(mean.min()), float(np.nanmin(line))]
    M, L = int(rows["nodes"].iloc[0]), int(rows["streams"].iloc[0])
    if method == "LASSO":
        axes.axvline(M / L, ymax=0.72, color=GREY, linestyle=":", linewidth=0.9)
        axes.text(M / L, 0.62, r" $NL = M$", color=GREY, fontsize=7, transform=axes.get_xaxis_transform())
    axes.set_yscale("log")
    axes.set_ylim(min(shown) / 2, 200.0)
    axes.set_xlim(0.0, float(rows["length"].max()) + 1)
    axes.set_xlabel("steps recalled, $N$")
    axes.set_title(rf"{method}: $M = {M}$, $L = {L}$")
    axes.legend(handles=handles, loc="upper left", handlelength=1.6, borderaxespad=0.2, frameon=True, edgecolor="none")


def _memory(axes: Axes, rows: pd.DataFrame) -> None:
    """Variance that each past step leaves in a state entry, for the cases of least squares."""
    limits, seen = [1.0, 0.0], set[float]()
    for (case, _), colour in zip(rows.groupby(KEYS, sort=False), COLOURS, strict=False):
        M, L, q, sigma, _density = case
        last = int((int(M) - 2) // int(L))
        ages = np.arange(last + 1)
        axes.plot(
            ages, L * q ** (2.0 * ages) / M, color=colour, linewidth=1.0, linestyle=(0, (4, 3)) if q in seen else "-"
        )
        seen.add(q)
        errors = [_predicted("least squares", int(N), int(M), int(L), q, sigma, 1.0) for N in ages[1:]]
        best = int(np.nanargmin(errors)) + 1
        axes.plot([best], [L * q ** (2.0 * best) / M], color=colour, marker="|", markersize=12, markeredgewidth=1.6)
        axes.axhline(sigma**2, color=GREY, linestyle="--", linewidth=0.8)
        axes.text(43, sigma**2 * 1.15, rf"noise, $\sigma = {sigma:g}$", color=GREY, fontsize=7, ha="right")
        limits = [min(limits[0], sigma**2), max(limits[1], L / M)]
    axes.set_yscale("log")
    axes.set_ylim(limits[0] / 20, limits[1] * 3)
    axes.set_xlim(0, 44)
    axes.set_xlabel("age of the input, $n$ (steps)")
    axes.set_ylabel(r"variance in the state, $L q^{2n} s^2 / M$")
    axes.set_title("fading memory; bar: best $N$")


def draw(table: pd.DataFrame) -> Figure:
    """Fading memory, least squares, LASSO, side by side."""
    figure = Figure(figsize=(7.0, 2.7))
    memory, squares, sparse = figure.subplots(1, 3)
    methods = dict(iter(table.groupby("method")))
    if "least squares" in methods:
        _memory(memory, methods["least squares"])
        _curves(squares, methods["least squares"], "least squares")
    if "LASSO" in methods:
        _curves(sparse, methods["LASSO"], "LASSO")
    squares.set_ylabel("relative mean squared error")
    for axes, letter in zip((memory, squares, sparse), "abc", strict=True):
        axes.set_title(f"({letter}) {axes.get_title()}", fontsize=7.5)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same trials with the same outcome.

    Equal seeds give equal networks, inputs and noise. The error of least squares then agrees to rounding times the
    condition of the map (1e-6). The LASSO stops at a relative duality gap of 1e-6, after a step more or less on another
    processor: its error may differ by 1 %.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    exact = [*KEYS, "trial", "length"]
    same = bool((shipped["method"].to_numpy() == fresh["method"].to_numpy()).all())
    same = same and np.allclose(shipped[exact], fresh[exact], rtol=1e-12, atol=0.0)
    tolerance = np.where(fresh["method"] == "LASSO", 0.01, 1e-6)
    difference = np.abs(shipped["error"].to_numpy() - fresh["error"].to_numpy())
    return same and bool((difference <= tolerance * fresh["error"].to_numpy()).all())
