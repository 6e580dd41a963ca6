"""Panels of curves over time: memory curve, error by position, kernel. Two reports share a panel in two colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from linmem.analysis.panel_parts import GREY, absent, channels_of, colour_of, table_of, whole_numbers
from linmem.analysis.record import Record
from linmem.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def memory_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Memory curves, measured and of the linearisation, below what n linear states allow."""
    axes.set_title("memory curve")
    longest = 1
    n = max(record.facts["state_size"] for record in records)
    few = n < 15
    for i, record in enumerate(records):
        table = table_of(record, "memory")
        if table is None:
            continue
        for channel, rows in channels_of(table):
            own = rows[rows["method"] == "measured"]
            line = rows[rows["method"] == "linearised"]
            first = channel == 0 and len(records) == 1
            colour = colour_of(records, i, channel)
            if len(line):
                pale = PALETTE[4] if first and record.facts["input_size"] == 1 else colour
                axes.plot(line["lag"], line["value"], color=pale, lw=2.2, alpha=0.55,
                          label="linearised, exact" if first else None)  # fmt: skip
            if len(own):
                axes.fill_between(own["lag"], own["low"], own["high"], color=colour, alpha=0.3, lw=0)
                axes.plot(own["lag"], own["value"], color=colour, marker="o" if few else "", ms=3,
                          label="measured, with interval" if first else None)  # fmt: skip
            visible = rows[rows["value"] > 0.01]
            longest = max(longest, int(visible["lag"].max()) if len(visible) else 1)
        own_n = record.facts["state_size"]
        row = record.row("capacity.total")
        if row is not None and row.bound is not None:
            lags = np.arange(0, 4 * n + 50)
            colour = GREY if len(records) == 1 else PALETTE[i]
            axes.plot(lags, np.minimum(1, own_n / (lags + 1)), color=colour, ls="--", lw=0.9,
                      label="linear networks cannot exceed" if len(records) == 1 else None)  # fmt: skip
    end = min(max(longest * 1.25 + 1, 4), 2.5 * n + 10)
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(-0.04, 1.08 if len(records) > 1 else 1.5)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    whole_numbers(axes)
    axes.set_xlabel("lag, $k$ (steps)")
    axes.set_ylabel("share recalled, $MC_k$")
    if len(records) == 1:
        axes.legend(loc="upper right")


def errors_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Errors of the read-outs by position, with the threshold and what a constant leaves."""
    axes.set_title("distance: error by position")
    looks = {"own": ("s", PALETTE[1], "own answer"), "top": ("^", PALETTE[2], "top layer, best linear"),
             "fitted": ("o", PALETTE[0], "whole state, best linear")}  # fmt: skip
    last, top = _shown_positions(records), max(record.facts["constant_error"] for record in records)
    room = 1.1 if len(records) > 1 else 1.75
    for i, record in enumerate(records):
        table, constant, n = table_of(record, "errors"), record.facts["constant_error"], record.facts["state_size"]
        if table is None:
            continue
        shown = table[table["position"] <= last]
        parts = [(c, name, rows[rows["readout"] == name]) for c, rows in channels_of(shown) for name in looks]
        for channel, readout, rows in parts:
            if not len(rows):
                continue
            marker, colour, label = looks[readout]
            if len(records) > 1 and readout != "fitted":
                continue
            if len(records) > 1 or record.facts["input_size"] > 1:
                colour = PALETTE[(i if len(records) > 1 else channel) % len(PALETTE)]
            if rows["error"].min() > 1.4 * constant:
                label += " (off the scale)"
            elif readout == "own" and len(records) == 1:
                room = 2.3
            named = channel == 0 and len(records) == 1
            axes.plot(rows["position"], rows["error"], marker=marker if last < 40 else "", ms=3, lw=1.0, color=colour,
                      label=label if named else None)  # fmt: skip
        if n <= last:
            axes.plot([n + 0.5] * 2, [0, 1.1 * top], color=GREY if len(records) == 1 else PALETTE[i], ls="--", lw=0.9,
                      label="end of position $n$" if len(records) == 1 else None)  # fmt: skip
        if len(records) == 1:
            if n > last:
                axes.text(last, 0.5 * top, f"$p = n$ = {n:,} is off to the right", ha="right", color=GREY, fontsize=6.5)
            axes.axhline(constant, color=GREY, lw=0.7, label="constant answer")
            floor = table_of(record, "floor")
            if floor is not None:
                axes.plot(floor["position"], floor["error"], ls="", marker="x", color="black", ms=4,
                          label="best linear filter")  # fmt: skip
    axes.axhline(records[0].facts["threshold"], color="black", ls=":", lw=0.9, label="threshold")
    axes.set_xlim(0.5, last + 0.5)
    axes.set_ylim(0, room * top)
    whole_numbers(axes)
    axes.set_xlabel("position, $p$ (1 = newest input)")
    axes.set_ylabel("mean absolute error")
    if len(records) == 1:
        axes.legend(loc="upper left", ncols=2, fontsize=6.5, columnspacing=1.2)


def _shown_positions(records: Sequence[Record]) -> int:
    """Positions until every read-out has become a constant answer, and half as many more."""
    last = 6
    for record in records:
        table = table_of(record, "errors")
        if table is not None:
            told = table[table["error"] < 0.97 * record.facts["constant_error"]]
            wide = 1.5 * float(told["position"].max()) if len(told) else 0
            n = record.facts["state_size"]
            last = max(last, min(int(table["position"].max()), int(max(wide, n + 5 if n <= 20 else 0))))
    return last


def kernel_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Kernel of the linearisation, the law fitted to its decay, and the response of the network to a step."""
    axes.set_title("memory kernel near rest")
    drawn, end = False, 4.0
    for i, record in enumerate(records):
        table = table_of(record, "kernel")
        if table is None:
            continue
        for channel, rows in channels_of(table):
            size = np.abs(rows["value"].to_numpy())
            keep = size > 1e-6 * size.max()
            if not keep.any():
                continue
            drawn, end = True, max(end, float(rows["lag"].to_numpy()[keep].max()) * 1.05)
            colour = colour_of(records, i, channel)
            weight = "$|c^T A^k B|$" if record.value("distance.own") is not None else "$\\|A^k B\\|$"
            axes.semilogy(rows["lag"][keep], size[keep], color=colour, ls="", marker="o", ms=2.5,
                          label=weight if channel == 0 and len(records) == 1 else None)  # fmt: skip
            fitted = rows["fitted"].to_numpy()
            if np.isfinite(fitted).any():
                shown = np.isfinite(fitted) & (fitted > 1e-6 * float(size.max()))
                axes.semilogy(rows["lag"][shown], fitted[shown], color=colour if len(records) > 1 else PALETTE[1], lw=1,
                              label="fitted decay" if channel == 0 and len(records) == 1 else None)  # fmt: skip
        response = table_of(record, "response")
        if response is not None and len(records) == 1:
            seen = response["value"] > 1e-6 * response["value"].max()
            axes.semilogy(response["lag"][seen], response["value"][seen], color=PALETTE[2], lw=0.8, alpha=0.8,
                          label="network, step input")  # fmt: skip
    if not drawn:
        return absent(axes, records, "kernel.decay")
    axes.set_xlim(-0.02 * end, end)
    whole_numbers(axes)
    axes.set_xlabel("lag, $k$ (steps)")
    axes.set_ylabel("weight of an input")
    if len(records) == 1:
        axes.legend(loc="best")
    return None
