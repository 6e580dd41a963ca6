"""The plateau under momentum and Adam (Li, Han, E and Li 2021, Section 4 as quoted in li2021/momentum, li2021/adam).

Left: times at which the parameters of a diagonal linear RNN have moved by 0.1, against the memory 1/omega of the target
e^{-t} + exp(-(t - 1/omega)^2/2), for gradient flow and for theta'' + gamma theta' = -grad J with several frictions
gamma; lower bounds proved in ball arithmetic (dotted); the laws omega e^{c0/omega} and omega^2 e^{2 c0/omega} through
the last points without friction and of the gradient flow. Right: steps of Adam (step 1e-3) until 1 % of the loss is
gone, for several eps; an arrow means that this had not happened when the run ended; dotted: bound proved for every eps.
Start: the exact fit of e^{-t} with one spare neuron of amplitude 0 and rate c0 = 1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linmem.continuous.dynamics import DeviationLoss, VanishingFriction, adam_rows, momentum_rows
from linmem.kernels import ExponentialSum, GaussianBump

C0 = 0.5
FRICTIONS = {
    "gradient flow": None,
    "friction 1": 1.0,
    "friction 0.1": 0.1,
    "friction 3/t": VanishingFriction(),
    "friction 0": 0.0,
}
LABELS = {
    "gradient flow": "gradient flow",
    "friction 1": r"$\gamma = 1$",
    "friction 0.1": r"$\gamma = 0.1$",
    "friction 3/t": r"$\gamma = 3/t$ (Nesterov)",
    "friction 0": r"$\gamma = 0$",
}
STYLES = dict(  # Okabe-Ito colour, marker
    zip(LABELS, (("#000000", "o"), ("#0072B2", "x"), ("#56B4E9", "s"), ("#D55E00", "^"), ("#E69F00", "v")), strict=True)
)
ADAM_STYLES = (("#000000", "o"), ("#0072B2", "s"), ("#009E73", "D"), ("#D55E00", "^"), ("#CC79A7", "v"))


def grid(scale: str) -> list[dict[str, object]]:
    """One cell per flow and memory, and one per eps of Adam (a batch over all memories)."""
    quick = scale == "quick"
    memories = range(12, 25, 4) if quick else range(12, 29, 2)
    cells: list[dict[str, object]] = [
        {"method": name, "inverse_omega": float(mu)} for name in FRICTIONS for mu in memories
    ]
    epsilons, steps = ((1e-4, 1e-8), 10_000) if quick else ((1e-3, 1e-4, 1e-6, 1e-8, 1e-12), 100_000)
    return cells + [{"method": "Adam", "epsilon": eps, "steps": steps} for eps in epsilons]


def cell(
    seed: int, method: str, inverse_omega: float = 0.0, epsilon: float = 0.0, steps: int = 0
) -> list[dict[str, object]]:
    """Rows of one flow at one memory, or of one eps at all memories; nothing is random, the seed is not used."""
    del seed
    fit = ExponentialSum([1.0, 0.0], [1.0, C0])
    if method == "Adam":
        problems = [DeviationLoss(fit, GaussianBump(float(mu))) for mu in (*range(12, 33, 2), 36, 40, 44, 48)]
        return adam_rows(problems, [epsilon], steps)
    return momentum_rows(DeviationLoss(fit, GaussianBump(inverse_omega)), FRICTIONS[method], end_time=1e12)[2]


def draw(table: pd.DataFrame) -> Figure:
    """Both panels, 7 in wide, or the one that the table has rows for, 3.4 in wide."""
    parts = [
        (panel, rows)
        for panel, rows in (
            (_draw_flows, table[table["method"] != "Adam"]),
            (_draw_adam, table[table["method"] == "Adam"]),
        )
        if len(rows)
    ]
    figure = Figure(figsize=(3.4 + 3.6 * (len(parts) - 1), 3.3), layout="constrained")
    for axes, (panel, rows), letter in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, "ab", strict=False):
        panel(axes, rows)
        axes.set_yscale("log")
        axes.set_xlabel(r"memory of the target $1/\omega$ (time units)")
        if len(parts) > 1:
            axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _draw_flows(axes: Axes, rows: pd.DataFrame) -> None:
    """Escape times and certificates of the flows, and the two laws."""

    def of(method: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        part = rows[(rows["method"] == method) & (rows["quantity"] == quantity)].sort_values("inverse_omega")
        return part["inverse_omega"].to_numpy(), part["time"].to_numpy()

    for name in LABELS:
        colour, marker = STYLES[name]
        memory, times = of(name, "escape")
        if not memory.size:
            continue
        hollow = "none" if name != "gradient flow" else colour
        size = 6.5 if name == "friction 1" else 4.5
        axes.plot(memory, times, color=colour, marker=marker, ms=size, mfc=hollow, ls="none", label=LABELS[name])
        if name in ("gradient flow", "friction 0"):
            power, bounded = (2, "gradient flow") if name == "gradient flow" else (1, r"every $\gamma(t) \geq 0$")
            mu = np.linspace(memory[len(memory) // 3], memory[-1], 100)
            law = times[-1] * (memory[-1] / mu) ** power * np.exp(power * C0 * (mu - memory[-1]))
            axes.plot(mu, law, color="0.45", lw=0.9, ls="-" if power == 2 else "--", zorder=0)
            axes.plot(*of(name, "certificate"), color=colour, lw=1.2, ls=":", label=f"certified, {bounded}")
            text = r"$\propto \omega^2 e^{2 c_0/\omega}$" if power == 2 else r"$\propto \omega\, e^{c_0/\omega}$"
            place, side = ((-22, -8), "right") if power == 2 else ((0, -26), "right")
            axes.annotate(text, (memory[-1], times[-1]), xytext=place, textcoords="offset points", ha=side, color="0.3")
    axes.margins(x=0.06)
    axes.set_ylabel(r"escape time $\tau$ (time units)")
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i].startswith("certified"))
    axes.legend([handles[i] for i in order], [labels[i] for i in order], frameon=False, loc="upper left", fontsize=7)


def _draw_adam(axes: Axes, rows: pd.DataFrame) -> None:
    """Steps of Adam, unfinished runs as arrows stacked at the top, and the certificate."""
    drops = rows[rows["quantity"] == "loss drop"]
    epsilons = sorted(drops["epsilon"].unique(), reverse=True)
    for index, ((colour, marker), epsilon) in enumerate(zip(ADAM_STYLES, epsilons, strict=False)):
        part = drops[drops["epsilon"] == epsilon].sort_values("inverse_omega")
        hit, open_ = part[part["reached"]], part[~part["reached"]]
        power = rf"$\epsilon = 10^{{{round(np.log10(epsilon))}}}$"
        line: dict[str, Any] = {"color": colour, "mfc": "none", "ms": 4.5, "lw": 0.8}
        axes.plot(hit["inverse_omega"], hit["time"], marker=marker, label=power, **line)
        height = open_["time"] * 1.6 ** (index + 1)
        axes.plot(open_["inverse_omega"], height, color=colour, marker=r"$\uparrow$", ms=4.5, ls="none")
    proof = rows[rows["quantity"] == "certificate"].drop_duplicates("inverse_omega").sort_values("inverse_omega")
    proof = proof[proof["time"] > 0]
    axes.plot(proof["inverse_omega"], proof["time"], color="0.3", ls=":", lw=1.1, label="certified, every $\\epsilon$")
    end = float(drops.loc[~drops["reached"], "time"].max())
    axes.axhline(end, color="0.5", lw=0.7, zorder=0)
    axes.text(float(drops["inverse_omega"].min()), 1.15 * end, "not when the run ended", color="0.3", va="bottom")
    axes.set_ylabel("steps of Adam until 1 % of the loss is gone")
    axes.legend(frameon=False, loc="center right")


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same plateaus: flows to 1e-4, the tolerance of the integration, Adam's steps to 5 %.

    Below the gradient eps leaves Adam's motion sensitive: relative changes of 1e-13 in the start move the steps by 1 %.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    names = ["method", "quantity", "reached"]
    same = (shipped[names] == fresh[names].to_numpy()).all(axis=None)
    cells = np.allclose(
        shipped[["epsilon", "inverse_omega"]], fresh[["epsilon", "inverse_omega"]], rtol=1e-12, equal_nan=True
    )
    tolerance = np.where(shipped["method"] == "Adam", 0.05, 1e-4)
    times = np.abs(shipped["time"].to_numpy() - fresh["time"].to_numpy()) <= tolerance * shipped["time"].to_numpy()
    return bool(same) and cells and bool(times.all())
