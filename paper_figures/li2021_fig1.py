"""Training curves with and without long memory (after Figure 1 of Li, Han, E and Li 2021, as quoted).

Loss relative to that of a trivial answer against the optimiser's step, mean and standard deviation over the seeds.
(a) Linear RNN, gradient descent (GD), target e^{-t/2} + e^{-t}/2 - e^{-2t}: no plateau. (b) The same for the Airy
kernels Ai(2.25 (t - t0)), whose memory lies near t0. (c) tanh RNN, Adam, output of a driven Lorenz-96 ring, labelled by
the time that its waves take from the driven to the read site by linear theory; running means over ten steps. Dotted:
half of the loss. The panels have loss axes of their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from linmem.continuous.learning import Lorenz96, curve_rows, kernel_curves, lorenz_curves
from linmem.kernels import Airy, ExponentialSum

TITLES = {
    "a": "sum of exponentials\nlinear RNN, GD",
    "b": "Airy kernel\nlinear RNN, GD",
    "c": "Lorenz-96 functional\ntanh RNN, Adam",
}
STYLES = ("-", "--", "-.", ":")
LOWEST = {"a": 1e-2, "b": 0.25, "c": 0.09}  # of the loss axis, at most
RING, EACH = 48, 2  # sites of the ring, networks of a cell
STEPS = {"quick": (1_000, 400), "paper": (10_000, 3_000)}  # of panels a and b, of panel c


def grid(scale: str) -> list[dict[str, object]]:
    """One cell per target and pair of seeds; `lag` is t0 in panel b, and gives the site in panel c."""
    quick = scale == "quick"
    lags = [Lorenz96(RING, output).lag for output in ((2, 16) if quick else (2, 8, 16, 24))]
    targets = [("a", 0.0), *(("b", t0) for t0 in ((4.0, 6.0) if quick else (4.0, 5.0, 6.0))), *(("c", x) for x in lags)]
    return [
        {"panel": panel, "lag": lag, "part": part, "steps": STEPS[scale][panel == "c"]}
        for panel, lag in targets
        for part in range(2 if quick else 5)
    ]


def cell(seed: int, panel: str, lag: float, part: int, steps: int) -> list[dict[str, object]]:
    """Rows of one target and two seeds: a network each."""
    generators = np.random.default_rng(seed).spawn(EACH)
    if panel == "c":
        output = round(1.5 * Lorenz96(RING, 0).forcing * lag)
        training = lorenz_curves(RING, output, generators, steps, samples=220, skip=120)
        rows = curve_rows(training, window=10, panel=panel, lag=lag, part=part)
    else:
        kernel = ExponentialSum([1.0, 0.5, -1.0], [0.5, 1.0, 2.0]) if panel == "a" else Airy(2.25, lag)
        rows = curve_rows(kernel_curves(kernel, generators, steps), panel=panel, lag=lag, part=part)
    return [{**row, "seed": EACH * part + int(str(row["seed"]))} for row in rows]


def draw(table: pd.DataFrame) -> Figure:
    """The panels that the table holds, side by side."""
    panels = sorted(table["panel"].unique())
    figure = Figure(figsize=(7.0, 2.5) if len(panels) > 1 else (3.4, 2.5), layout="constrained")
    row = np.atleast_1d(figure.subplots(1, len(panels), sharex=True))
    for axes, panel in zip(row, panels, strict=True):
        _draw_panel(axes, table[table["panel"] == panel], str(panel))
        axes.set_title(panel if len(panels) > 1 else "", loc="left", fontweight="bold")
    row[0].set_ylabel("relative loss")
    return figure


def _draw_panel(axes: Axes, part: pd.DataFrame, panel: str) -> None:
    """Mean and standard deviation of every target; the band is cut below at a tenth of the mean."""
    lags = sorted(part["lag"].unique())
    for shade, style, lag in zip(colormaps["viridis"](np.linspace(0.0, 0.75, len(lags))), STYLES, lags, strict=False):
        curves = part[(part["lag"] == lag) & (part["step"] > 0)].groupby("step")["loss"]
        mean, spread = curves.mean(), curves.std(ddof=1).fillna(0.0)
        label = {"a": None, "b": f"$t_0 = {lag:g}$", "c": f"lag {lag:.1f}"}[panel]
        axes.plot(mean.index, mean, ls=style, color=shade, label=label)
        low = np.maximum(mean - spread, mean / 10)
        axes.fill_between(mean.index, low, mean + spread, color=shade, alpha=0.2, linewidth=0)
    axes.axhline(0.5, color="0.5", lw=0.7, ls=":", zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(min(LOWEST[panel], axes.get_ylim()[0]), 2.0 if panel != "b" else 1.4)
    if panel == "b":
        axes.yaxis.set_major_locator(FixedLocator([0.25, 0.5, 1.0]))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(TITLES[panel])
    axes.set_xlabel("step of the optimiser")
    if panel != "a":
        axes.legend(loc="lower left", handlelength=2.4)


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same trainings.

    Equal seeds give equal networks and data. Rounding differs between processors and training magnifies it, but not
    within the first ten steps, whose losses agree to 1e-6; of the whole curves the median difference of log10(loss)
    is judged, against 0.05, a third of the spread over the seeds.
    """
    keys = ["panel", "lag", "part", "seed", "step"]
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    one, two = (table.sort_values(keys).reset_index(drop=True) for table in (shipped, fresh))
    names = ["panel", "part", "seed", "step"]
    if not one[names].equals(two[names]) or not np.allclose(one["lag"], two["lag"], rtol=1e-12):
        return False
    early = one["step"] <= 10
    difference = np.abs(np.log10(one["loss"]) - np.log10(two["loss"]))
    return bool(np.allclose(one["loss"][early], two["loss"][early], rtol=1e-6)) and float(difference.median()) < 0.05
