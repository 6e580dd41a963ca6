"""What ``reservoirpy.observables.memory_capacity`` measures, against the exact curve.

(a) to (c) MC at lag tau of linear reservoirs with N = 30 states and spectral radius 0.9: ring, orthogonal, random
(normal weights). Line: exact. Points: mean over input series of what reservoirpy returns at its default of 10 k_max
steps, k_max = 2 N; bars: two standard deviations of one series. Ridge 1e-8; open: 1e-4, as in the example of its
documentation. The random reservoir holds its older inputs in weak directions, which the ridge suppresses at any length.
(d) Sum over the lags 1 .. k_max against the length of the series, relative to the exact sum: mean, and bars of two
standard deviations of one series. The default is the first length.

The cell runs reservoirpy (extra ``interop``) with ``Reservoir(activation="identity") >> Ridge(ridge)``. Memory
capacity: Jaeger (2001); reservoirpy: Trouvain et al. (2020), version 0.4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linmem.capacity.linear import exact_curve
from linmem.capacity.models import linear_system
from linmem.capacity.systems import random_connectivity, random_mask

KINDS = ("cyclic", "orthogonal", "normal")
LABELS = {"cyclic": "ring", "orthogonal": "orthogonal", "normal": "random"}
COLOURS = ("#D55E00", "#0072B2", "#009E73")  # Okabe-Ito
MARKERS = ("s", "o", "^")
NODES, RADIUS = 30, 0.9
LARGEST_LAG = 2 * NODES
DEFAULT = 10
RIDGE, LARGE_RIDGE = 1e-8, 1e-4
CASES = (("cyclic", RIDGE), ("orthogonal", RIDGE), ("normal", RIDGE), ("normal", LARGE_RIDGE))


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each reservoir, length of the series (in units of k_max) and series."""
    quick = scale == "quick"
    lengths = (DEFAULT, 100) if quick else (DEFAULT, 30, 100, 300)
    return [
        {"kind": kind, "ridge": ridge, "length": length, "trial": trial}
        for kind, ridge in CASES
        for length in lengths
        for trial in range(6 if quick else 40)
    ]


def cell(seed: int, kind: str, ridge: float, length: int, trial: int) -> list[dict[str, object]]:
    """Sampled and exact curve, a row for each lag; weights depend on the kind, the input on the seed."""
    from reservoirpy.nodes import Reservoir, Ridge
    from reservoirpy.observables import memory_capacity

    weights = np.random.default_rng([KINDS.index(kind), NODES])
    W = random_connectivity(NODES, kind, radius=RADIUS, rng=weights)
    node = Reservoir(W=W, Win=np.asarray(random_mask(NODES, rng=weights))[:, None], activation="identity", input_dim=1)
    node.run(np.zeros((1, 1)))
    A, C = linear_system(node)
    exact = exact_curve(A, C[:, 0], LARGEST_LAG).values
    series = np.random.default_rng(seed).uniform(-0.8, 0.8, (length * LARGEST_LAG, 1))
    sampled = memory_capacity(node >> Ridge(ridge=ridge), LARGEST_LAG, as_list=True, series=series)
    return [
        {
            "kind": kind,
            "ridge": ridge,
            "length": length,
            "trial": trial,
            "lag": lag,
            "sampled": float(found),
            "exact": float(true),
        }
        for lag, (found, true) in enumerate(zip(sampled, exact[1:], strict=True), start=1)
    ]


def _curve(axes: Axes, rows: pd.DataFrame, kind: str) -> None:
    """Exact curve, and mean and spread of the sampled one, at the default length."""
    colour, marker = COLOURS[KINDS.index(kind)], MARKERS[KINDS.index(kind)]
    for ridge, part in rows.groupby("ridge"):
        groups = part.groupby("lag")
        lags = np.array(sorted(groups.groups))
        mean, spread = groups["sampled"].mean().to_numpy(), 2 * groups["sampled"].std(ddof=1).to_numpy()
        small = ridge == RIDGE
        axes.errorbar(
            lags, mean, np.vstack([np.minimum(spread, mean), np.minimum(spread, 1 - mean)]) if small else None,
            color=colour, marker=marker, markersize=2, linestyle="none", elinewidth=0.5, markeredgewidth=0.5,
            markerfacecolor=colour if small else "white",
            label="sampled" if small else rf"ridge $10^{{{np.log10(ridge):.0f}}}$",
        )  # fmt: skip
        axes.plot(lags, groups["exact"].mean().to_numpy(), color="black", linewidth=0.9, drawstyle="steps-mid",
                  zorder=3, label="exact" if small else None)  # fmt: skip
    axes.set_xlim(-2, 66)
    axes.set_ylim(-0.02, 1.05)
    axes.set_xlabel(r"lag, $\tau$ (steps)")
    axes.set_title(LABELS[kind])


def _totals(axes: Axes, table: pd.DataFrame) -> None:
    """Sums over the lags against the length, relative to the exact sum."""
    sums = table.groupby(["kind", "ridge", "length", "trial"], as_index=False)[["sampled", "exact"]].sum()
    sums["ratio"] = sums["sampled"] / sums["exact"]
    axes.axhline(1.0, color="black", linewidth=0.9)
    for shift, (kind, ridge) in zip((-1, 0, 1, 2), CASES, strict=True):
        i, small = KINDS.index(kind), ridge == RIDGE
        groups = sums[(sums["kind"] == kind) & (sums["ridge"] == ridge)].groupby("length")["ratio"]
        lengths = np.array(sorted(groups.groups), dtype=float) * LARGEST_LAG
        axes.errorbar(
            lengths * 1.08**shift, groups.mean().to_numpy(), 2 * groups.std(ddof=1).to_numpy(), color=COLOURS[i],
            marker=MARKERS[i], markersize=3.5, elinewidth=0.8, capsize=1.5, linewidth=0.8,
            markerfacecolor=COLOURS[i] if small else "white", linestyle="-" if small else "--",
            label=LABELS[kind] if small else rf"{LABELS[kind]}, ridge $10^{{{np.log10(ridge):.0f}}}$",
        )  # fmt: skip
    ticks = np.sort(sums["length"].unique()) * LARGEST_LAG
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(0.4, 1.12)
    axes.set_xlabel("length of the series (steps)")
    axes.set_ylabel("sampled / exact sum")
    axes.set_title("sum over lags")
    axes.legend(loc="lower center", ncols=2, columnspacing=0.8, handlelength=1.6, borderaxespad=0.2, fontsize=6)


def draw(table: pd.DataFrame) -> Figure:
    """Three curves at the default length, and the sums against the length."""
    figure = Figure(figsize=(7.0, 2.4))
    panels = list(figure.subplots(1, 4, gridspec_kw={"width_ratios": [1, 1, 1, 1.5]}))
    for axes, kind in zip(panels, KINDS, strict=False):
        _curve(axes, table[(table["kind"] == kind) & (table["length"] == DEFAULT)], kind)
    panels[0].set_ylabel(r"memory, $\mathrm{MC}_\tau$")
    for axes in (panels[0], panels[2]):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="center right", handlelength=0.9, handletextpad=0.4, borderaxespad=0.1)
    for axes in panels[1:3]:
        axes.set_yticklabels([])
    _totals(panels[3], table)
    for axes, letter in zip(panels, "abcd", strict=True):
        axes.set_title(f"({letter}) {axes.get_title()}")
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same series.

    The normal equations of the random network with ridge 1e-8 amplify rounding: renumbering its states moves sampled
    values by 1e-5. They may differ by 1e-3 there, by 1e-6 elsewhere.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    exact = ["ridge", "length", "trial", "lag", "exact"]
    same = bool((shipped["kind"].to_numpy() == fresh["kind"].to_numpy()).all())
    same = same and np.allclose(shipped[exact], fresh[exact], rtol=0.0, atol=1e-9)
    tolerance = np.where(fresh["kind"] == "normal", 1e-3, 1e-6)
    return same and bool((np.abs(shipped["sampled"] - fresh["sampled"]).to_numpy() <= tolerance).all())
