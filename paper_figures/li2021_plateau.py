"""The plateau of gradient flow (Li, Han, E and Li 2021, Theorem 4.1 as quoted in the claim li2021/plateau).

Left: times at which the parameters of a diagonal linear RNN have moved by 0.1, and at which 1 % of the loss is gone,
against the memory 1/omega of the target e^{-t} + exp(-(t - 1/omega)^2/2), with the lower bound proved in ball
arithmetic, the quoted law omega^2 e^{c0/omega} through the first escape time and the sharp law
omega^2 e^{2 c0/omega} through the last. Right: the loss over time, labelled by 1/omega; dotted: 1 % of the loss gone.
Start: the exact fit of e^{-t} with one spare neuron of amplitude 0 and rate 1/2 or 2; c0 is the smallest rate there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linmem.continuous import plateau_rows
from linmem.kernels import ExponentialSum, GaussianBump

STARTS = {"slow spare neuron": 0.5, "fast spare neuron": 2.0}
COLOURS = ("#0072B2", "#D55E00")  # Okabe-Ito


def grid(scale: str) -> list[dict[str, object]]:
    """One cell per start and memory length."""
    last, curves = (26, (12, 18, 24)) if scale == "quick" else (40, (12, 18, 24, 30, 36))
    cells: list[dict[str, object]] = [
        {"start": "slow spare neuron", "inverse_omega": float(mu), "curve": mu in curves}
        for mu in range(12, last + 1, 2)
    ]
    if scale == "paper":
        cells += [{"start": "fast spare neuron", "inverse_omega": float(mu), "curve": False} for mu in range(12, 21, 2)]
    return cells


def cell(seed: int, start: str, inverse_omega: float, curve: bool) -> list[dict[str, object]]:
    """Rows of one start and memory; nothing is random, the seed is not used."""
    del seed
    fit = ExponentialSum([1.0, 0.0], [1.0, STARTS[start]])
    _, rows = plateau_rows(ExponentialSum([1.0], [1.0]), GaussianBump(inverse_omega), fit, delta=0.1, curve=curve)
    return [{"start": start, **row} for row in rows]


def draw(table: pd.DataFrame) -> Figure:
    """Two panels, 7 in wide."""
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    hits = table[table["quantity"] != "curve"]
    for colour, (c0, part) in zip(COLOURS, hits.groupby("c0"), strict=False):
        _draw_times(left, part, float(c0), colour, named=c0 == hits["c0"].min())
    left.set_yscale("log")
    left.margins(x=0.09, y=0.12)
    left.set_xlabel(r"memory of the target $1/\omega$ (time units)")
    left.set_ylabel(r"training time $\tau$ (time units)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    _draw_curves(right, table[table["quantity"] == "curve"])
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _draw_times(axes: Axes, part: pd.DataFrame, c0: float, colour: str, named: bool) -> None:
    """Hitting times, certificate and the two laws of one start; only the first start is named in the legend."""

    def of(quantity: str) -> tuple[np.ndarray, np.ndarray]:
        rows = part[part["quantity"] == quantity].sort_values("inverse_omega")
        return rows["inverse_omega"].to_numpy(), rows["time"].to_numpy()

    def label(text: str) -> str:
        return text if named else "_"

    common = {"color": colour, "ms": 4.5, "mfc": "none", "lw": 0.9}
    axes.plot(*of("loss drop"), ls="none", marker="^", zorder=3, label=label("1 % of the loss gone"), **common)
    moved = label(r"parameters moved by $\delta = 0.1$")
    axes.plot(*of("escape"), ls="none", marker="o", label=moved, **{**common, "mfc": colour, "ms": 3.5})
    axes.plot(*of("certificate"), ls=":", marker="s", label=label("certified lower bound"), **common)

    memory, times = of("escape")
    mu = np.linspace(memory[0], memory[-1], 100)
    for factor, anchor, style, text in (
        (2, -1, "-", r"$\omega^2 e^{2 c_0/\omega}$ (sharp)"),
        (1, 0, "--", r"$\omega^2 e^{c_0/\omega}$ (quoted law)"),
    ):
        law = times[anchor] * (memory[anchor] / mu) ** 2 * np.exp(factor * c0 * (mu - memory[anchor]))
        axes.plot(mu, law, color="0.35", ls=style, lw=0.9, zorder=0, label=label(text))
    axes.annotate(
        rf"$c_0 = {c0:g}$",
        (memory[-1], times[-1]),
        xytext=(-7, 3),
        textcoords="offset points",
        color=colour,
        ha="right",
    )


def _draw_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Loss over time, one curve for each memory."""
    lengths = sorted(curves["inverse_omega"].unique())
    for shade, mu in zip(colormaps["viridis"](np.linspace(0.0, 0.75, len(lengths))), lengths, strict=True):
        part = curves[curves["inverse_omega"] == mu].sort_values("time")
        axes.plot(part["time"], part["loss"], color=shade, lw=1.3)
        end = (part["time"].iloc[-1], part["loss"].iloc[-1])
        name = rf"$1/\omega = {mu:g}$" if mu == lengths[0] else f"{mu:g}"
        axes.annotate(name, end, xytext=(3, -3), textcoords="offset points", color=shade)
    axes.axhline(0.99, color="0.5", lw=0.7, ls=":", zorder=0)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel(r"training time $t$ (time units)")
    axes.set_ylabel(r"loss $J(t)/J(0)$")


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same plateaus: times to 1e-4, the tolerance of the integration, losses to 1e-3.

    The loss falls by some percent within a few percent of the time: 1e-4 in time is less than 1e-3 in loss.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    same = (shipped[["start", "quantity"]] == fresh[["start", "quantity"]].to_numpy()).all(axis=None)
    numbers = ["c0", "inverse_omega", "time"]
    times = np.allclose(shipped[numbers], fresh[numbers], rtol=1e-4, atol=0.0)
    losses = np.allclose(shipped["loss"], fresh["loss"], rtol=0.0, atol=1e-3, equal_nan=True)
    return bool(same) and times and losses
