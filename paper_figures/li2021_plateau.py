"""The plateau of gradient flow (Li, Han, E and Li 2021, Theorem 4.1 as quoted in the claim li2021/plateau).

Target e^{-t} + exp(-(t - 1/omega)^2/2); start: the exact fit of e^{-t} with one spare neuron of amplitude 0 and rate
1/2 or 2; c0 is the smallest rate there. (a) Times at which the parameters have moved by 0.1, and at which 1 % of the
loss is gone, against the memory 1/omega, with the two lower bounds proved in ball arithmetic. (b) The same to e^600 by
the slow flow, with the bounds and the quoted law omega^2 e^{c0/omega} ln(1 + delta)/m with constant 1. (c) The loss
over time for c0 = 1/2, labelled by 1/omega; dotted: 1 % of the loss gone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.continuous.dynamics import plateau_rows
from linmem.kernels import ExponentialSum, GaussianBump

VERSION = "2"
STARTS = {"slow spare neuron": 0.5, "fast spare neuron": 2.0}
COLOURS = ("#0072B2", "#D55E00")  # Okabe-Ito
STYLES = {"second order": "--", "first order": ":"}


def grid(scale: str) -> list[dict[str, object]]:
    """One cell per start and memory length: integrated near, slow flow far."""
    near, curves = (range(12, 27, 3), (12, 18, 24)) if scale == "quick" else (range(12, 41, 2), (12, 18, 24, 30, 36))
    short = (12, 16, 20) if scale == "quick" else (12, 14, 16, 18, 20)
    far = np.geomspace(40, 640, 4 if scale == "quick" else 17).round(1)
    common: dict[str, object] = {"start": "slow spare neuron", "method": "ode"}
    cells = [{**common, "inverse_omega": float(mu), "curve": mu in curves} for mu in near]
    cells += [{**common, "start": "fast spare neuron", "inverse_omega": float(mu), "curve": False} for mu in short]
    for start, shrink in (("slow spare neuron", 1), ("fast spare neuron", 2)):
        cells += [
            {"start": start, "method": "reduced", "inverse_omega": float(mu) / shrink, "curve": False} for mu in far
        ]
    return cells


def cell(seed: int, start: str, method: str, inverse_omega: float, curve: bool) -> list[dict[str, object]]:
    """Rows of one start and memory; nothing is random, the seed is not used."""
    del seed
    fit = ExponentialSum([1.0, 0.0], [1.0, STARTS[start]])
    _, rows = plateau_rows(
        ExponentialSum([1.0], [1.0]),
        GaussianBump(inverse_omega),
        fit,
        delta=0.1,
        method=method,
        loss_fraction=0.01 if start == "slow spare neuron" and method == "ode" else None,
        curve=curve,
    )
    return [{"start": start, **row} for row in rows]


def draw(table: pd.DataFrame) -> Figure:
    """Three panels, 7 in wide."""
    figure = Figure(figsize=(7.0, 3.1), layout="constrained")
    near, far, loss = figure.subplots(1, 3, width_ratios=(1.1, 1.0, 0.95))
    hits = table[table["quantity"] != "curve"]
    for colour, (c0, part) in zip(COLOURS, hits.groupby("c0"), strict=False):
        _draw_times(near, part, colour, limit=40.0, c0=float(c0))
        _draw_times(far, part, colour, limit=np.inf, c0=float(c0))
    near.set_yscale("log")
    for axes in (near, far):
        axes.set_xlabel(r"memory $1/\omega$ (time units)")
    far.set_ylabel(r"$\log_{10} \tau$")
    near.set_ylabel(r"training time $\tau$ (time units)")
    near.margins(y=0.06)
    near.set_xlim(10.5, 51.0)  # room for the names of the starts
    grey = {"color": "0.25", "lw": 0.9}
    handles = [
        Line2D([], [], ls="none", marker="o", ms=3.5, color="0.25", label=r"moved by $\delta = 0.1$"),
        Line2D([], [], ls="none", marker="^", ms=4.5, mfc="none", color="0.25", label="1 % of the loss gone"),
        Line2D([], [], ls="-", label=r"moved, slow flow", **grey),
        Line2D([], [], ls="--", label="proved bound, second order", **grey),
        Line2D([], [], ls=":", label="proved bound, first order", **grey),
        Line2D([], [], ls="-.", label=r"quoted, $\omega^2 e^{c_0/\omega}\ln(1+\delta)/m$", **grey),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    _draw_curves(loss, table[table["quantity"] == "curve"])
    for axes, letter in ((near, "a"), (far, "b"), (loss, "c")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _draw_times(axes: Axes, part: pd.DataFrame, colour: str, limit: float, c0: float) -> None:
    """Hitting times, slow flow, certificates and the quoted law of one start up to 1/omega = limit."""

    def of(quantity: str) -> tuple[np.ndarray, np.ndarray]:
        rows = part[(part["quantity"] == quantity) & (part["inverse_omega"] <= limit)].sort_values("inverse_omega")
        return rows["inverse_omega"].to_numpy(), shown(rows["time"].to_numpy())

    close = bool(np.isfinite(limit))
    shown = np.asarray if close else np.log10  # an axis of 1e300 has no ticks
    common = {"color": colour, "lw": 0.9}
    axes.plot(*of("slow flow"), ls="-", **common)
    for name, style in STYLES.items():
        axes.plot(*of(name), ls=style, **common)
    if close:
        axes.plot(*of("loss drop"), ls="none", marker="^", ms=4.5, mfc="none", zorder=3, **common)
        axes.plot(*of("escape"), ls="none", marker="o", ms=3.0, zorder=4, **common)
    memory, times = of("slow flow")
    mu = np.linspace(part["inverse_omega"].min(), memory[-1], 100)
    axes.plot(mu, shown(np.exp(c0 * mu) / mu**2 * np.log1p(0.1) / 2), ls="-.", zorder=0, **common)
    axes.annotate(
        rf"$c_0 = {c0:g}$",
        (memory[-1], times[-1]),
        xytext=(4, -3) if close else (-6, -6),
        textcoords="offset points",
        color=colour,
        ha="left" if close else "right",
    )


def _draw_curves(axes: Axes, curves: pd.DataFrame) -> None:
    """Loss over time, one curve for each memory."""
    lengths = sorted(curves["inverse_omega"].unique())
    for shade, mu in zip(colormaps["viridis"](np.linspace(0.0, 0.75, len(lengths))), lengths, strict=True):
        part = curves[curves["inverse_omega"] == mu].sort_values("time")
        axes.plot(part["time"], part["loss"], color=shade, lw=1.3)
        end = (part["time"].iloc[-1], part["loss"].iloc[-1])
        name = rf"$1/\omega = {mu:g}$" if mu == lengths[0] else f"{mu:g}"
        axes.annotate(name, end, xytext=(0, -9), textcoords="offset points", color=shade, ha="center")
    axes.axhline(0.99, color="0.5", lw=0.7, ls=":", zorder=0)
    axes.set_xscale("log")
    axes.margins(x=0.14, y=0.09)
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
