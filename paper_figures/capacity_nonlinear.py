"""Memory of tanh reservoirs against the size of the input: what the nonlinearity takes from the linear memory.

(a) Memory capacity from lag 0 on against the standard deviation s of uniform white input, for three connectivities of
spectral radius 0.95 (N = 20, bias up to 0.2). Bars: 95 % intervals. Without the nonlinearity all three have exactly N
(dashed). The dotted line is the limit of large input, corr(z, sign z)^2 = 3/4.
(b) Information-processing capacity of the orthogonal one, by degree of the function of the input history, for the lags
measured (40, 25, 14, 9, 7, 6 and 5 for the degrees 1 to 7). The sum stays at N as long as the degrees and lags that are
measured hold what the states compute; the memory capacity (circles) is the part of degree 1.

Memory capacity: Jaeger (2001). Capacities by degree: Dambre et al. (2012).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linmem.capacity.models import TanhReservoir, nonlinear_memory
from linmem.capacity.systems import random_connectivity

KINDS = ("orthogonal", "cyclic", "normal")
LABELS = {"orthogonal": "orthogonal", "cyclic": "ring", "normal": "random"}
COLOURS = ("#0072B2", "#D55E00", "#009E73")  # Okabe-Ito
MARKERS = ("o", "s", "^")
NODES, RADIUS, BIAS = 20, 0.95, 0.2
DEGREE_LAGS = (40, 25, 14, 9, 7, 6, 5)
LIMIT = 0.75


def grid(scale: str) -> list[dict[str, object]]:
    """One cell for each connectivity and input scale."""
    quick = scale == "quick"
    scales = (0.003, 0.03, 0.3, 3.0, 30.0) if quick else tuple(float(f"{s:.3g}") for s in np.geomspace(1e-3, 100, 11))
    degrees = 5 if quick else 7
    return [
        {"kind": kind, "scale": s, "length": 6_000 if quick else 40_000, "degrees": degrees if kind == KINDS[0] else 0}
        for kind in KINDS
        for s in scales
    ]


def cell(seed: int, kind: str, scale: float, length: int, degrees: int) -> list[dict[str, object]]:
    """Memory capacity (degree 0) and capacities by degree of one network at one scale.

    The weights depend on the kind alone, so that all scales show the same network; the input depends on the seed.
    """
    weights = np.random.default_rng([KINDS.index(kind), NODES])
    network = TanhReservoir(
        random_connectivity(NODES, kind, radius=RADIUS, rng=weights),
        weights.uniform(-1.0, 1.0, NODES),
        bias=weights.uniform(-BIAS, BIAS, NODES),
    )
    found = nonlinear_memory(
        network, scale, 4 * NODES, length=length, first_lag=0, degree=degrees or None,
        degree_lag=DEGREE_LAGS[:degrees] or None, rng=seed,
    )  # fmt: skip
    memory = found.memory[0]
    rows: list[dict[str, object]] = [
        {"kind": kind, "scale": scale, "degree": 0, "value": memory.value, "low": memory.low, "high": memory.high}
    ]
    for information in found.information:
        frame = information.by_degree[["degree", "capacity", "low", "high"]].rename(columns={"capacity": "value"})
        rows += [{"kind": kind, "scale": scale, **row} for row in frame.to_dict("records")]
    return rows


def _memory(axes: Axes, table: pd.DataFrame) -> None:
    """Memory capacity against scale."""
    axes.axhline(NODES, color="black", linestyle="--", linewidth=0.8)
    axes.axhline(LIMIT, color="black", linestyle=":", linewidth=0.8)
    for kind, colour, marker in zip(KINDS, COLOURS, MARKERS, strict=True):
        rows = table[(table["kind"] == kind) & (table["degree"] == 0)].sort_values("scale")
        error = np.abs(rows[["low", "high"]].to_numpy().T - rows["value"].to_numpy())
        axes.errorbar(rows["scale"], rows["value"], error, color=colour, marker=marker, label=LABELS[kind], capsize=1.5,
                      markersize=3.5, elinewidth=0.8)  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(0, NODES * 1.18)
    axes.text(0.98, NODES + 0.25, "linear: $N = 20$", transform=axes.get_yaxis_transform(), ha="right", va="bottom")
    axes.text(0.02, LIMIT + 0.2, "limit 3/4", transform=axes.get_yaxis_transform(), va="bottom")
    axes.set_xlabel("standard deviation of the input, $s$")
    axes.set_ylabel(r"memory capacity, $\sum_{\tau \geq 0} \mathrm{MC}_\tau$")
    axes.legend(loc="center left", bbox_to_anchor=(0.0, 0.4))
    axes.set_title("(a) memory of the input itself")


def _degrees(axes: Axes, table: pd.DataFrame) -> None:
    """Stacked capacities by degree, one bar for each scale."""
    import matplotlib as mpl

    rows = table[table["kind"] == KINDS[0]]
    scales = np.sort(rows["scale"].unique())
    count = int(rows["degree"].max())
    place, bottom = np.arange(len(scales)), np.zeros(len(scales))
    shades = mpl.colormaps["viridis"](np.linspace(0.05, 1.0, count))
    for degree in range(1, count + 1):
        part = rows[rows["degree"] == degree].set_index("scale")["value"].reindex(scales, fill_value=0.0).to_numpy()
        axes.bar(place, np.maximum(part, 0.0), 0.8, bottom=bottom, color=shades[degree - 1], label=str(degree),
                 edgecolor="black", linewidth=0.3)  # fmt: skip
        bottom += np.maximum(part, 0.0)
    memory = rows[rows["degree"] == 0].set_index("scale")["value"].reindex(scales).to_numpy()
    axes.plot(place, memory, color="black", marker="o", markersize=3.5, markerfacecolor="white", linewidth=0.8,
              label="MC")  # fmt: skip
    axes.axhline(NODES, color="black", linestyle="--", linewidth=0.8)
    axes.set_xticks(place, [f"{float(f'{s:.2g}'):g}" for s in scales], rotation=60)
    axes.set_ylim(0, NODES * 1.18)
    axes.set_xlabel("standard deviation of the input, $s$")
    axes.set_ylabel("information-processing capacity")
    axes.legend(title="degree", loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True, handlelength=1.0)
    axes.set_title("(b) capacity by degree, orthogonal")


def draw(table: pd.DataFrame) -> Figure:
    """Memory capacity and capacity by degree, side by side."""
    figure = Figure(figsize=(7.0, 2.8))
    left, right = figure.subplots(1, 2)
    _memory(left, table)
    _degrees(right, table)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables show the same network and input.

    The random network reads its oldest inputs from directions that hold less than 1e-4 of the variance; another order
    of summation moves those readings. Values may therefore differ by 1 % of their interval.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    same = bool((shipped[["kind", "degree"]].to_numpy() == fresh[["kind", "degree"]].to_numpy()).all())
    width = (shipped["high"] - shipped["low"]).to_numpy()
    difference = np.abs(shipped["value"].to_numpy() - fresh["value"].to_numpy())
    return same and bool((difference <= 0.01 * width + 1e-6).all())
