"""Inflation of the memory capacity by sampling: total of the plain in-sample estimate against the length of the series.

Sum over the lags 1 .. 5N minus the exact sum, N = 30 states. Circles: plain estimate (products over T - tau rows,
normalised by sums over T), mean over replicates with two standard errors. Line: its predicted bias. Dotted: the rule of
thumb (M - N) N/T. Squares: block jackknife. Slow states (ring of radius 0.985, memory beyond N lags) lose so much to
the rows that are missing at the end of the series that the rule of thumb fails.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.capacity.estimators import plain_curve, sampled_curve, sampling_bias, simulate_states, washout_length
from linmem.capacity.linear import allpass_curve
from linmem.capacity.systems import input_series, random_connectivity, random_mask

NETWORKS = {"normal": 0.9, "orthogonal": 0.9, "cyclic": 0.985}
TITLES = {"normal": "normal, radius 0.9", "orthogonal": "orthogonal, radius 0.9", "cyclic": "ring, radius 0.985"}
PLAIN, CORRECTED, GREY = "#D55E00", "#0072B2", "#555555"
STATES = 30


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each network, length and block of replicates; a network is the same in all its cells."""
    quick = scale == "quick"
    lengths = (1000, 3000, 10_000) if quick else (1000, 1700, 3000, 5500, 10_000, 17_000, 30_000)
    return [
        {"network": network, "length": length, "first": first, "count": 10}
        for network in NETWORKS
        for length in lengths
        for first in range(0, 20 if quick else 60, 10)
    ]


def cell(seed: int, network: str, length: int, first: int, count: int) -> list[dict[str, object]]:
    """Totals of ``count`` replicates."""
    N, lags = STATES, 5 * STATES
    fixed = np.random.default_rng(0)
    A = random_connectivity(N, network, radius=NETWORKS[network], rng=fixed)
    C = random_mask(N, rng=fixed)
    values, rng, washout = np.linalg.eigvals(A), np.random.default_rng(seed), washout_length(A)
    exact = float(allpass_curve(values, lags)[1:].sum())
    predicted = exact + float(sampling_bias(values, length, lags, rows="padded")[1:].sum())
    rows: list[dict[str, object]] = []
    for replicate in range(first, first + count):
        series = input_series(length + washout, "normal", rng=rng)
        states, kept = simulate_states(A, C, series)[washout:], series[washout:]
        curve = sampled_curve(states, kept, lags, blocks=min(20, length // lags - 1))
        rows.append(
            {
                "network": network,
                "N": N,
                "length": length,
                "first": first,
                "replicate": replicate,
                "plain": float(plain_curve(states, kept, lags)[1:].sum()),
                "corrected": float(curve.values[1:].sum()),
                "exact": exact,
                "predicted": predicted,
                "simple": exact + (lags - N) * N / length,
            }
        )
    return rows


def draw(table: pd.DataFrame) -> Figure:
    """Inflation against length, a panel for each network."""
    shown = [network for network in NETWORKS if network in set(table["network"])]
    figure = Figure(figsize=(7.0, 2.4))
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for axes, network in zip(panels, shown, strict=True):
        rows = table[table["network"] == network]
        groups = rows.groupby("length")
        lengths = np.array(sorted(set(rows["length"])), dtype=float)
        exact = groups["exact"].mean().to_numpy()
        axes.axhline(0, color=GREY, linewidth=0.6)
        for column, colour, line in (("simple", GREY, ":"), ("predicted", PLAIN, "-")):
            bias = groups[column].mean().to_numpy() - exact
            if len(lengths) == 1:  # one length only: a level in place of a line
                axes.axhline(float(bias[0]), 0.35, 0.65, color=colour, linestyle=line, linewidth=1.2)
            else:
                axes.plot(lengths, bias, color=colour, linestyle=line, linewidth=1.2)
        for column, colour, marker, shift in (("plain", PLAIN, "o", 1.0), ("corrected", CORRECTED, "s", 1.06)):
            mean = groups[column].mean().to_numpy() - exact
            spread = 2 * groups[column].std(ddof=1).to_numpy() / np.sqrt(groups[column].count().to_numpy())
            axes.errorbar(
                lengths * shift, mean, spread, color=colour, marker=marker, markersize=3.5, linestyle="none",
                elinewidth=0.8, capsize=1.5, markerfacecolor=colour if marker == "o" else "white",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(lengths.min() / 1.4, lengths.max() * 1.5)
        if len(lengths) == 1:
            axes.minorticks_off()
            axes.set_xticks(lengths, [f"{length:g}" for length in lengths])
        axes.set_title(TITLES[network])
        axes.set_xlabel("length of the series, $T$ (steps)")
    panels[0].set_ylabel("total minus exact total (lags)")
    handles = [
        Line2D([], [], color=PLAIN, marker="o", markersize=3.5, linestyle="none", label="plain estimate"),
        Line2D([], [], color=PLAIN, linewidth=1.2, label="its predicted bias"),
        Line2D([], [], color=GREY, linestyle=":", linewidth=1.2, label="$(M-N)N/T$"),
        Line2D([], [], color=CORRECTED, marker="s", markersize=3.5, markerfacecolor="white", linestyle="none",
               label="block jackknife"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4, columnspacing=1.6)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same totals: identical keys, numbers to 1e-6 (sums of 150 well-conditioned ones)."""
    keys, numbers = (
        ["network", "N", "length", "first", "replicate"],
        ["plain", "corrected", "exact", "predicted", "simple"],
    )
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    both = shipped.merge(fresh, on=keys, suffixes=("", " fresh"))
    same = len(both) == len(fresh)
    return same and bool(np.allclose(both[numbers], both[[f"{name} fresh" for name in numbers]], rtol=0, atol=1e-6))
