"""How many neurons a power-law memory needs (Li, Han, E and Li 2021, Section 3, as quoted in linmem/powerlaw-width).

Target: omega (1+t)^{-(1+omega)}, relative L1 error eps. (a) Width against eps for three omega: the quoted bound
omega eps^{-1/omega} (with constant 1), the certified trapezoid sum, the narrowest optimised sum found (real rates,
certified error; left out where the optimisation is too dear), and the proved lower bound for any stable linear RNN.
The least width lies between lower bound and optimised sum. (b) All omega on the scale on which both sides become
straight: sqrt(omega m) against log10(1/eps); dotted, the asymptotic slopes 1/pi and 1/(sqrt 2 pi) per natural log.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from linmem.continuous.approximation import width_row

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000")  # Okabe-Ito
MARKS = {"construction": "^", "optimised": "o", "lower": "v"}
LINES = {"construction": "-", "optimised": "", "lower": "-"}
NAMES = {
    "quoted": r"quoted bound $\omega\,\epsilon^{-1/\omega}$",
    "construction": "certified construction",
    "optimised": "optimised sum (certified error)",
    "lower": "proved lower bound",
}
EXPONENTS = (2.0, 1.0, 0.5, 0.25, 0.1, 0.05)
TOLERANCES = (1e-1, 1e-2, 1e-4, 1e-8)
TOP = 3e4  # of the axis of widths


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each omega and eps; sums are optimised where log^2(1/eps)/(pi^2 omega) is below a limit."""
    exponents, limit = ((2.0, 0.5, 0.1), 2.0) if scale == "quick" else (EXPONENTS, 70.0)
    return [
        {"exponent": omega, "tolerance": eps, "optimise": bool(np.log(eps) ** 2 / (np.pi**2 * omega) <= limit)}
        for omega in exponents
        for eps in TOLERANCES
    ]


def cell(seed: int, exponent: float, tolerance: float, optimise: bool) -> list[dict[str, object]]:
    """The row of one omega and eps; nothing is random, the seed is not used."""
    del seed
    return [dict(width_row(exponent, tolerance, optimise))]


def draw(table: pd.DataFrame) -> Figure:
    """Two panels, 7 in wide."""
    figure = Figure(figsize=(7.0, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    exponents = sorted(table["exponent"].unique(), reverse=True)
    colour = dict(zip(exponents, COLOURS, strict=False))
    for omega in exponents if len(exponents) <= 3 else exponents[::2]:
        _draw_widths(left, table[table["exponent"] == omega].sort_values("tolerance"), colour[omega])
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylim(0.7, TOP)
    left.set_xlim(0.3, 2e-10)
    left.set_xticks([1e-1, 1e-2, 1e-4, 1e-6, 1e-8])
    left.minorticks_off()
    left.set_xlabel(r"relative $L^1$ error $\epsilon$")
    left.set_ylabel(r"width $m$ (neurons)")
    for omega in exponents:
        part = table[table["exponent"] == omega].sort_values("tolerance")
        _draw_roots(right, part, colour[omega])
    _draw_slopes(right, table)
    right.set_xlabel(r"$\log_{10}(1/\epsilon)$")
    right.set_ylabel(r"$\sqrt{\omega\, m}$")
    right.legend(loc="upper left", handlelength=1.2, title=r"$\omega$", ncols=2, columnspacing=1.0)
    handles = [_handle(left, quantity) for quantity in NAMES]
    figure.legend(handles, list(NAMES.values()), loc="outside lower center", ncols=4, frameon=False)
    for axes, letter in ((left, "a"), (right, "b")):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _handle(axes: Axes, quantity: str) -> Line2D:
    """A grey entry of the legend."""
    style = {"ls": "--", "marker": ""} if quantity == "quoted" else {"ls": LINES[quantity], "marker": MARKS[quantity]}
    face = "0.3" if quantity == "optimised" else "white"
    [line] = axes.plot([], [], color="0.3", lw=0.9, mfc=face, ms=4.0, **style)
    return line


def _draw_widths(axes: Axes, part: pd.DataFrame, colour: str) -> None:
    """The widths of one omega against eps, a band from lower bound to construction; the quoted law as a curve."""
    omega, eps = float(part["exponent"].iloc[0]), part["tolerance"].to_numpy()
    fine = np.geomspace(eps.min(), eps.max(), 400)
    law = omega * fine ** (-1 / omega)
    axes.plot(fine[law <= 3 * TOP], law[law <= 3 * TOP], color=colour, ls="--", lw=0.9)
    axes.fill_between(eps, part["lower"], part["construction"], color=colour, alpha=0.12, lw=0)
    for quantity, mark in MARKS.items():
        face = colour if quantity == "optimised" else "white"
        style = {"ls": LINES[quantity], "marker": mark, "mfc": face}
        axes.plot(eps, part[quantity], color=colour, lw=0.9, ms=4.0, zorder=3, **style)
    end = (eps[0], float(np.sqrt(part["lower"].iloc[0] * part["construction"].iloc[0])))
    axes.annotate(rf"$\omega = {omega:g}$", end, xytext=(6, 0), textcoords="offset points", color=colour, va="center")


def _draw_roots(axes: Axes, part: pd.DataFrame, colour: str) -> None:
    """sqrt(omega m) of one omega, construction and lower bound."""
    omega, x = float(part["exponent"].iloc[0]), -np.log10(part["tolerance"])
    for quantity in ("construction", "lower"):
        y = np.sqrt(omega * part[quantity])
        label = f"{omega:g}" if quantity == "construction" else "_"
        axes.plot(
            x, y, color=colour, marker=MARKS[quantity], ls=LINES[quantity], lw=0.8, ms=3.5, mfc="white", label=label
        )


def _draw_slopes(axes: Axes, table: pd.DataFrame) -> None:
    """Dotted lines of the asymptotic slopes, above all constructions and below all lower bounds."""
    x = np.array([4.5, 8.0])
    last = table[table["tolerance"] == table["tolerance"].min()]
    roots = np.sqrt(last["exponent"] * last["construction"]), np.sqrt(last["exponent"] * last["lower"])
    for slope, y, text, place in (
        (1 / np.pi, float(roots[0].max()) + 0.7, r"slope $1/\pi$", (-4, 2)),
        (1 / (np.sqrt(2) * np.pi), float(roots[1].min()) - 0.7, r"slope $1/(\sqrt{2}\pi)$", (4, -2)),
    ):
        line = y - slope * np.log(10) * (x[1] - x)
        axes.plot(x, line, color="0.2", ls=":", lw=1.2)
        above = place[1] > 0
        axes.annotate(
            text,
            (float(x.mean()), float(line.mean())),
            xytext=place,
            textcoords="offset points",
            ha="right" if above else "left",
            va="bottom" if above else "top",
            fontsize=7,
        )


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables prove the same: equal certified widths, optimised widths within one neuron.

    The optimum of the construction is flat in its parameters (found to 1e-5), hence 1e-2 for its error and smallest
    rate; the optimiser ends at a local minimum, so all that counts of its error is that it is within the tolerance.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    exact = ["exponent", "tolerance", "lower", "construction", "quoted"]
    close = ["construction_error", "smallest_rate"]
    return (
        np.allclose(shipped[exact], fresh[exact], rtol=1e-12, atol=0.0)
        and np.allclose(shipped[close], fresh[close], rtol=1e-2, atol=0.0)
        and np.allclose(shipped["optimised"], fresh["optimised"], rtol=0.0, atol=1.0, equal_nan=True)
        and not bool((fresh["optimised_error"] > fresh["tolerance"]).any())
    )
