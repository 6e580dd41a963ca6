"""Recovery of sparse inputs from one network state: error against sparsity, with noise floor and phase transition.

One series of markers per compression gamma = M/(N L): median over trials of the relative mean squared error of the
LASSO, bars from the first to the third quartile, against rho = K/M (shifted sideways by .006 to keep them apart).
Solid line: low-noise prediction for a Gaussian map. Vertical line: the sparsity whose statistical dimension is M, where
l1 recovery by a Gaussian map ends. Dashed: the oracle that knows the support (median of its expected error; nearly the
same for every gamma). Dash-dotted: energy of the noise in the state over that of the input.

After Charles et al. (2018), Figure 2, top left (there as an intensity map).
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.discrete import default_penalty, lasso_prediction, sparse_trial, sparsity_limit

GAMMAS = (0.3, 0.5, 0.7)
COLOURS = ("#0072B2", "#D55E00", "#009E73")  # Okabe-Ito
MARKERS = ("o", "s", "^")
GREY = "#555555"


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each compression and sparsity."""
    L, N = (10, 40) if scale == "quick" else (40, 100)
    rhos = (
        (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6) if scale == "quick" else (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)
    )
    nodes = [2 * round(gamma * N * L / 2) for gamma in GAMMAS]
    return [
        {"nodes": M, "streams": L, "steps": N, "nonzeros": round(rho * M), "trials": 20 if scale == "quick" else 10}
        for M in nodes
        for rho in rhos
    ]


def cell(seed: int, nodes: int, streams: int, steps: int, nonzeros: int, trials: int) -> list[dict[str, object]]:
    """Trials of one cell, each with a network, an input and noise of its own."""
    rng = np.random.default_rng(seed)
    return [asdict(sparse_trial(nodes, streams, steps, nonzeros, rng=rng, trial=trial)) for trial in range(trials)]


def _prediction(M: int, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Sparsity K/M and predicted rMSE up to the limit, for noise energy ``noise`` relative to the input."""
    counts = np.linspace(0.02 * M, 0.995 * sparsity_limit(M, n), 60)
    penalty = default_penalty(1.0, n)
    return counts / M, np.array([noise * lasso_prediction(K, n, M, penalty).error for K in counts])


def draw(table: pd.DataFrame) -> Figure:
    """rMSE (log) against rho = K/M for each gamma, with oracle, prediction and limit."""
    figure = Figure(figsize=(3.4, 3.3))
    axes = figure.add_subplot()
    handles: list[Line2D] = []
    low = 1.0
    for (M, rows), colour, marker in zip(table.groupby("nodes"), COLOURS, MARKERS, strict=False):
        first = rows.iloc[0]
        n = int(first.streams * first.steps)
        groups = rows.groupby("nonzeros")
        rho = np.array([K / M for K, _ in groups])
        quartiles = groups.rmse.quantile([0.25, 0.5, 0.75]).unstack().to_numpy()
        floor = groups.oracle_rmse.median().to_numpy()
        middle = quartiles[:, 1]
        bars = np.array([middle - quartiles[:, 0], quartiles[:, 2] - middle])
        shift = 0.006 * (len(handles) - 1)  # so that markers of equal height stay visible
        axes.errorbar(
            rho + shift, middle, bars, color=colour, marker=marker, linestyle="none", capsize=1.5, elinewidth=0.8
        )
        axes.plot(rho, floor, color=GREY, linestyle="--", linewidth=0.8)
        axes.plot(*_prediction(M, n, float(rows.noise_rmse.median())), color=colour, linewidth=1.0)
        axes.axvline(sparsity_limit(M, n) / M, color=colour, linestyle=":", linewidth=0.9)
        label = rf"$\gamma$ = {M / n:.1f}"
        handles.append(Line2D([], [], color=colour, marker=marker, linestyle="none", label=label))
        low = min(low, float(floor.min()))
    noise = float(table.noise_rmse.median())
    axes.axhline(noise, color=GREY, linestyle="-.", linewidth=0.8)
    handles += [
        Line2D([], [], color=GREY, linestyle="-.", linewidth=0.8, label="noise in the state"),
        Line2D([], [], color=GREY, linewidth=1.0, label="LASSO, Gaussian map"),
        Line2D([], [], color=GREY, linestyle="--", linewidth=0.8, label="oracle (knows the support)"),
        Line2D([], [], color=GREY, linestyle=":", linewidth=0.9, label=r"limit $\delta(K, NL) = M$"),
    ]
    axes.set_yscale("log")
    axes.set_ylim(low / 2, 1.5)
    axes.set_xlim(0.0, 1.04 * float((table.nonzeros / table.nodes).max()))
    axes.set_xlabel(r"non-zeros per node, $\rho = K/M$")
    axes.set_ylabel(r"rMSE $\|\hat S - S\|_F^2 \,/\, \|S\|_F^2$")
    figure.legend(handles=handles, loc="outside upper center", ncols=2, columnspacing=1.2, handlelength=1.8)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same trials with the same outcome.

    Equal seeds give equal networks, inputs and noise, so oracle and noise agree to rounding (1e-6). The LASSO stops at
    a relative duality gap of 1e-6, after an iteration more or less on another processor: its error may differ by 5 %.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    exact = ["nodes", "streams", "steps", "nonzeros", "trial", "oracle_rmse", "noise_rmse"]
    certified = bool((fresh["gap"] <= 1e-6).all() and (shipped["gap"] <= 1e-6).all())
    same = np.allclose(shipped[exact], fresh[exact], rtol=1e-6, atol=0.0)
    return certified and same and np.allclose(shipped["rmse"], fresh["rmse"], rtol=0.05, atol=0.0)
