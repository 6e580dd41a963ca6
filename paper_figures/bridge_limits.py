"""Memory distance, memory capacity and information-processing capacity against the number of state variables n.

Trained networks: plain SGD on sequences of 30 to 35 numbers, on positions up to one beyond the limit of the
architecture (LSTM: c to c + 2; training seldom reaches its limit n = 2 c). Random networks: torch's initial weights;
tanh reservoirs with 0.9 times a random rotation and input weights U(-0.3, 0.3). Marks in (a): the largest distance that
at least half of the networks have, of trained ones those of the best position; bars to the largest distance of any, and
for random networks from the smallest. Marks in (b) and (c): means over the trained networks with the distance of (a),
and over all random ones; bars: 95 % intervals of the mean.
(a) Largest position p that is given back with mean absolute error below 0.03 (0.05 for a single cell, whose error is at
least 0.038), in the course of a series of 20,000 uniform numbers: by the own answer of a trained network, by the best
linear read-out of the state of a random one. Shaded: p > n, out of reach of any continuous network of n state variables
in the worst case. Broken lines: limits n - (l - 1) of stacks of l linear layers with links of the same step; with
delayed links the limit is n.
(b) MC, sum over the lags k = 0, 1, .. of the share of x_{t-k} that is linear in the state; at most n. The broken lines
are those of (a): they limit the distance and not the capacity.
(c) IPC, the same with polynomials of past inputs up to degree 3; at most n, which every network comes near to: what is
not spent on past inputs is spent on their products and powers.

Distance: Illium et al. (2022), Section 4, where the limit is stated as one of the memory capacity. Capacities: Jaeger
(2001) and Dambre et al. (2012), as commonly quoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from linmem.figures import PALETTE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linmem.trained import Architecture

KEYS = {
    "own": "distance.own",
    "fitted": "distance.fitted",
    "capacity": "capacity.total",
    "information": "capacity.information",
}
"""Columns of the table, each with its ends ``_low`` and ``_high``, and keys of the memory report."""
RESERVOIR = {"radius": 0.9, "input": 0.3}


class Series(NamedTuple):
    """How one kind of network is drawn."""

    label: str
    colour: str
    marker: str
    filled: bool
    shift: float  # beside n, so that marks of the same n stand apart


GREY = "0.35"
DASHES = (0, (3.0, 1.2))
SERIES = {
    "rnn 1 same-step": Series("trained RNN, 1 layer", PALETTE[0], "o", True, -0.3),
    "rnn 2 same-step": Series("2 layers, same step", PALETTE[1], "s", True, -0.2),
    "rnn 2 delayed": Series("2 layers, delayed", PALETTE[1], "s", False, -0.1),
    "rnn 3 same-step": Series("3 layers, same step", PALETTE[2], "^", True, 0.0),
    "rnn 3 delayed": Series("3 layers, delayed", PALETTE[2], "^", False, 0.1),
    "gru 1 same-step": Series("GRU, 1 layer", PALETTE[4], "v", True, 0.2),
    "lstm 1 same-step": Series("LSTM, 1 layer", PALETTE[3], "D", True, 0.3),
    "untrained": Series("untrained RNN, 1 layer", GREY, "o", False, -0.4),
    "reservoir": Series("random reservoir", GREY, "x", True, 0.4),
}


def _positions(kind: str, layers: int, cells: int, links: str) -> list[int]:
    """To one beyond the limit; for the LSTM, whose limit 2 c training does not reach, from c on."""
    if kind == "lstm":
        return [cells, cells + 1, cells + 2]
    limit = _architecture(kind, layers, cells, links).linear_distance
    return [limit, limit + 1]


def _architecture(kind: str, layers: int, cells: int, links: str) -> Architecture:
    from linmem.trained import Architecture

    return Architecture(kind, cells=cells, layers=layers, links=links)


def grid(scale: str) -> list[dict[str, Any]]:
    """One cell for each architecture and position; position 0 for networks that are not trained."""
    if scale == "quick":
        shapes = [("rnn", 1, 3, "same-step")]
        shapes += [("rnn", 2, 2, links) for links in ("same-step", "delayed")]
        shapes += [("lstm", 1, 1, "same-step"), ("gru", 1, 2, "same-step")]
        random = [("untrained", 4), ("reservoir", 4)]
        trained_seeds, random_seeds, steps, gated_steps, rate = 2, 3, 20_000, 40_000, 0.1
    else:
        shapes = [("rnn", 1, c, "same-step") for c in (*range(1, 9), 10, 12, 14)]
        shapes += [
            ("rnn", l, c, links)
            for l, most in ((2, 5), (3, 4))
            for c in range(2, most + 1)
            for links in ("same-step", "delayed")
        ]
        shapes += [(kind, 1, c, "same-step") for kind in ("lstm", "gru") for c in range(1, 6)]
        random = [("untrained", c) for c in range(1, 9)] + [("reservoir", n) for n in range(1, 17)]
        trained_seeds, random_seeds, steps, gated_steps, rate = 5, 5, 100_000, 150_000, 0.03
    trained = [
        {
            "kind": kind,
            "layers": layers,
            "cells": cells,
            "links": links,
            "position": p,
            "networks": trained_seeds,
            "steps": steps if kind == "rnn" else gated_steps,
            "rate": rate if kind == "rnn" else 0.1,
        }
        for kind, layers, cells, links in shapes
        for p in _positions(kind, layers, cells, links)
    ]
    fixed = {"layers": 1, "links": "same-step", "position": 0, "networks": random_seeds, "steps": 0, "rate": 0.0}
    return trained + [{"kind": kind, "cells": cells, **fixed} for kind, cells in random]


def cell(
    seed: int, kind: str, layers: int, cells: int, links: str, position: int, networks: int, steps: int, rate: float
) -> list[dict[str, Any]]:
    """Make and measure the networks of the seeds 0, 1, ..; the networks' own seed, not that of the cell, is theirs."""
    from linmem.capacity.models import TanhReservoir
    from linmem.capacity.systems.connectivity import haar_orthogonal
    from linmem.trained import MemoryTask, NetworkSpec, initial_weights, train

    del seed
    models: list[object] = []
    states = cells
    if kind == "reservoir":
        for number in range(networks):
            rng = np.random.default_rng([cells, number])
            A = RESERVOIR["radius"] * haar_orthogonal(cells, rng)
            models.append(TanhReservoir(A, rng.uniform(-RESERVOIR["input"], RESERVOIR["input"], cells)))
    elif kind == "untrained":
        models += [initial_weights(_architecture("rnn", layers, cells, links), number) for number in range(networks)]
    else:
        architecture = _architecture(kind, layers, cells, links)
        states = architecture.state_variables
        spec = NetworkSpec(architecture, MemoryTask.long_control(position))
        models += list(train(spec, range(networks), steps=steps, rate=rate).weights)
    name = {"kind": kind, "layers": layers, "cells": cells, "links": links, "position": position, "states": states}
    return [
        {**name, "network": number, **_measured(model, cells * layers, number)} for number, model in enumerate(models)
    ]


def _measured(model: object, size: int, seed: int) -> dict[str, float]:
    """Distances and capacities, each with the ends of its interval; nan for what the network does not have."""
    from linmem.report import memory_report
    from linmem.trained.distance import solved_threshold

    parts = ("distance", "capacity", "information")
    report = memory_report(model, rng=seed, threshold=solved_threshold(size), parts=parts)
    found: dict[str, float] = {}
    for name, key in KEYS.items():
        row = report.row(key)
        ends = (None, None, None) if row is None else (row.value, row.low, row.high)
        found |= {
            f"{name}{end}": np.nan if value is None else float(value)
            for end, value in zip(("", "_low", "_high"), ends, strict=True)
        }
    return found


def _reached(rows: pd.DataFrame) -> tuple[float, float, pd.DataFrame]:
    """Largest distance that at least half of the networks of one position have, largest of any, and these networks."""
    groups = [group for _, group in rows.groupby("position")]
    halves = [float(np.sort(group["own"])[len(group) // 2]) for group in groups]
    best = int(np.argmax(halves))
    return halves[best], float(rows["own"].max()), groups[best][groups[best]["own"] >= halves[best]]


def _mean(values: pd.Series) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % interval; of one value, the value alone."""
    from linmem.statistics import mean_interval

    if len(values) < 2:
        only = float(values.iloc[0])
        return only, only, only
    found = mean_interval(values.to_numpy())
    return found.value, found.low, found.high


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each architecture and panel: series, n, value, low, high."""
    import pandas as pd

    names = table["kind"] + " " + table["layers"].astype(str) + " " + table["links"]
    names = names.where(table["position"] > 0, table["kind"])
    found: list[dict[str, Any]] = []
    for (name, _), rows in table.groupby([names, "states"]):
        if rows["position"].max() > 0:
            value, most, kept = _reached(rows)
            measured = {"distance": (value, value, most)}
        else:
            distances, kept = np.sort(rows["fitted"]), rows
            measured = {"distance": (distances[len(rows) // 2], distances[0], distances[-1])}
        measured |= {panel: _mean(kept[panel]) for panel in ("capacity", "information")}
        found += [
            {"series": name, "n": int(rows["states"].iloc[0]), "panel": panel, "value": value, "low": low, "high": high}
            for panel, (value, low, high) in measured.items()
        ]
    return pd.DataFrame(found)


def _panel(axes: Axes, rows: pd.DataFrame, top: float, layers: list[int]) -> None:
    """Forbidden region, limits of linear stacks of these numbers of layers, and the marks of all series."""
    n = np.arange(0, int(top) + 2)
    axes.fill_between(n, n, 2.0 * top, step="mid", color="0.9", linewidth=0.0, zorder=0)
    axes.step(n, n, where="mid", color="black", linewidth=0.8, zorder=1)
    for l in layers:
        name = f"rnn {l} same-step"
        n = rows.loc[rows["series"] == name, "n"]
        axes.hlines(
            n - (l - 1), n - 0.45, n + 0.45, color=SERIES[name].colour, linewidth=0.8, linestyles=DASHES, zorder=1
        )
    for name, series in SERIES.items():
        own = rows[rows["series"] == name]
        if len(own):
            bars = np.maximum([own["value"] - own["low"], own["high"] - own["value"]], 0.0)
            axes.errorbar(
                own["n"] + series.shift, own["value"], bars, color=series.colour, marker=series.marker, markersize=3.2,
                markerfacecolor=series.colour if series.filled else "white", markeredgewidth=0.8, linestyle="none",
                elinewidth=0.8, zorder=3,
            )  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """Distance and both capacities against n: trained networks and random ones beside the limits."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found = summary(table)
    shown = [name for name in SERIES if (found["series"] == name).any()]
    layers = [l for l in (2, 3) if f"rnn {l} same-step" in shown]
    top = float(found["n"].max()) + 0.8
    figure = Figure(figsize=(7.0, 6.6))
    panels = list(figure.subplots(3, 1, sharex=True, sharey=True))
    titles = {
        "distance": ("memory distance", "distance, $p$"),
        "capacity": ("memory capacity", "capacity, MC"),
        "information": ("information-processing capacity", "capacity, IPC"),
    }
    for axes, letter, (panel, (title, label)) in zip(panels, "abc", titles.items(), strict=True):
        _panel(axes, found[found["panel"] == panel], top, layers if panel != "information" else [])
        axes.set_title(f"({letter}) {title}", loc="left")
        axes.set_ylabel(label)
    first = panels[0]
    first.set_xlim(0.5, top - 0.3)
    first.set_ylim(-0.7, top)
    first.set_xticks(range(1, int(top) + 1))
    first.yaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlabel("state variables, $n$")
    handles: list[Any] = [
        Line2D(
            [], [], linestyle="none", marker=series.marker, color=series.colour, markersize=3.2, label=series.label,
            markerfacecolor=series.colour if series.filled else "white", markeredgewidth=0.8,
        )
        for series in (SERIES[name] for name in shown)
    ]  # fmt: skip
    handles += [
        Line2D([], [], linestyle=DASHES, color=SERIES[f"rnn {l} same-step"].colour, linewidth=0.8,
               label=f"$n - {l - 1}$, limit of {l} linear layers")
        for l in layers
    ]  # fmt: skip
    handles.append(Patch(facecolor="0.9", edgecolor="black", linewidth=0.8, label="beyond the limit $n$"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=1.6, columnspacing=1.6)
    return figure


def agree(shipped: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether two tables hold the same networks, whose numbers agree as far as processors do.

    Training magnifies rounding and may send single networks elsewhere: MEDIAN differences are judged. Distances are
    whole numbers; capacities may differ by a tenth of n.
    """
    if set(shipped.columns) != set(fresh.columns) or len(shipped) != len(fresh):
        return False
    keys = ["kind", "layers", "cells", "links", "position", "states", "network"]
    one, two = (table.sort_values(keys).reset_index(drop=True) for table in (shipped, fresh))
    if not (one[keys] == two[keys]).all(axis=None) or not (one["own"].isna() == two["own"].isna()).all():
        return False
    apart = (one[list(KEYS)] - two[list(KEYS)]).abs()
    distances = apart[["own", "fitted"]].fillna(0.0).median()
    capacities = apart[["capacity", "information"]].div(one["states"], axis=0).median()
    return bool((distances < 0.5).all() and (capacities < 0.1).all())
