"""The page of a report: six panels, the sentences above them. Two reports share the panels in two colours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from linmem.analysis.record import Record
from linmem.figures import PALETTE, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

WIDTH, HEIGHT, _PANELS = 7.0, 9.0, 7.4
_GREY = "#7f7f7f"
_LETTERS = 132  # of a line of sentences


def draw_report(records: Sequence[Record], words: bool = True) -> Figure:
    """One page, 7 x 9 inches, for one report or two; without ``words``, the panels alone, 7 x 7.4 inches."""
    from matplotlib.figure import Figure

    panels = (_memory, _errors, _kernel, _spectrum, _degrees, _structured)
    with style():
        figure = Figure(figsize=(WIDTH, HEIGHT if words else _PANELS))
        body = figure
        if words:
            shares = [_head_share(records), 1 - _head_share(records)]
            head, body = cast("tuple[SubFigure, SubFigure]", figure.subfigures(2, 1, height_ratios=shares))
            _write(head, records)
        for axes, letter, panel in zip(body.subplots(3, 2).ravel(), "abcdef", panels, strict=True):
            panel(axes, records)
            axes.set_title(f"{letter}   {axes.get_title()}", loc="left", fontsize=8, fontweight="bold")
            axes.set_title("")
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def _lines(records: Sequence[Record]) -> list[str]:
    if len(records) == 1:
        return [line for text in records[0].sentences for line in textwrap.wrap(text, _LETTERS)]
    return []


def _head_share(records: Sequence[Record]) -> float:
    return (0.38 + 0.165 * max(len(_lines(records)), len(records) + 1)) / HEIGHT


def _write(head: SubFigure, records: Sequence[Record]) -> None:
    names = [str(record.facts["name"]) for record in records]
    title = f"Memory of {names[0]}" if len(records) == 1 else "Memory, side by side"
    height = _head_share(records) * HEIGHT
    text = head.text
    text(0.012, 1 - 0.07 / height, title, fontsize=11, fontweight="bold", va="top")
    lines = _lines(records)
    if len(records) > 1:
        for i, (record, name) in enumerate(zip(records, names, strict=True)):
            y = 1 - (0.38 + 0.165 * i) / height
            words = f"{name}: n = {record.facts['state_size']:,}, memory capacity {_short(record, 'capacity.total')}, "
            text(0.012, y, "■", color=PALETTE[i], fontsize=8, va="top")
            text(0.035, y, words + f"distance {_short(record, 'distance.fitted')}", fontsize=8, va="top")
        y = 1 - (0.38 + 0.165 * len(records)) / height
        text(0.012, y, "Dashed: what n states allow. Pale wide lines in a: linearisations. Lines in c: fitted decay.",
             fontsize=7, color=_GREY, va="top")  # fmt: skip
    for i, line in enumerate(lines):
        text(0.012, 1 - (0.36 + 0.165 * i) / height, line, fontsize=7.5, va="top")


def _short(record: Record, key: str) -> str:
    value = record.value(key)
    return "not measured" if value is None else f"{value:.3g}"


def _absent(axes: Axes, records: Sequence[Record], *keys: str) -> None:
    """Says why there is nothing to draw."""
    rows = [row for key in keys for row in [records[0].row(key)] if row is not None]
    why = next((row.note for row in rows if row.skipped and row.note), "not measured")
    axes.text(
        0.5, 0.5, "\n".join(textwrap.wrap(why, 40)), ha="center", va="center", color=_GREY, transform=axes.transAxes
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _table(record: Record, name: str) -> pd.DataFrame | None:
    found = record.tables.get(name)
    return None if found is None or not len(found) else found


def _channels(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """The rows of each input."""
    return [(int(c), table[table["channel"] == c]) for c in sorted(set(table["channel"].tolist()))]


def _colour(records: Sequence[Record], place: int, alone: int = 0) -> str:
    return PALETTE[(place if len(records) > 1 else alone) % len(PALETTE)]


def _whole_numbers(axes: Axes) -> None:
    """Marks of the horizontal axis at whole numbers only: it counts steps."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def _memory(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("memory curve")
    longest = 1
    for i, record in enumerate(records):
        table = _table(record, "memory")
        if table is None:
            continue
        for channel, rows in _channels(table):
            own = rows[rows["method"] == "measured"]
            line = rows[rows["method"] == "linearised"]
            first = channel == 0 and len(records) == 1
            colour = _colour(records, i, channel)
            if len(line):
                pale = PALETTE[4] if first and record.facts["input_size"] == 1 else colour
                axes.plot(line["lag"], line["value"], color=pale, lw=2.2, alpha=0.55,
                          label="linearised, exact" if first else None)  # fmt: skip
            if len(own):
                axes.fill_between(own["lag"], own["low"], own["high"], color=colour, alpha=0.3, lw=0)
                axes.plot(own["lag"], own["value"], color=colour, marker="o" if len(own) < 40 else "", ms=3,
                          label="measured, with interval" if first else None)  # fmt: skip
            visible = rows[rows["value"] > 0.01]
            longest = max(longest, int(visible["lag"].max()) if len(visible) else 1)
        n = record.facts["state_size"]
        row = record.row("capacity.total")
        if row is not None and row.bound is not None:
            lags = np.arange(0, 4 * n + 50)
            colour = _GREY if len(records) == 1 else PALETTE[i]
            axes.plot(lags, np.minimum(1, n / (lags + 1)), color=colour, ls="--", lw=0.9,
                      label="linear networks cannot exceed" if len(records) == 1 else None)  # fmt: skip
    n = max(record.facts["state_size"] for record in records)
    end = min(max(longest * 1.25 + 1, 4), 2.5 * n + 10)
    axes.set_xlim(-0.02 * end, end)
    axes.set_ylim(-0.04, 1.08 if len(records) > 1 else 1.5)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    _whole_numbers(axes)
    axes.set_xlabel("lag, $k$ (steps)")
    axes.set_ylabel("share recalled, $MC_k$")
    if len(records) == 1:
        axes.legend(loc="upper right")


def _errors(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("distance: error by position")
    looks = {"own": ("s", PALETTE[1], "own answer"), "top": ("^", PALETTE[2], "top layer, best linear"),
             "fitted": ("o", PALETTE[0], "whole state, best linear")}  # fmt: skip
    last, top = _shown_positions(records), max(record.facts["constant_error"] for record in records)
    room = 1.1 if len(records) > 1 else 1.75
    for i, record in enumerate(records):
        table, constant, n = _table(record, "errors"), record.facts["constant_error"], record.facts["state_size"]
        if table is None:
            continue
        shown = table[table["position"] <= last]
        parts = [(c, name, rows[rows["readout"] == name]) for c, rows in _channels(shown) for name in looks]
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
            axes.plot([n + 0.5] * 2, [0, 1.1 * top], color=_GREY if len(records) == 1 else PALETTE[i], ls="--", lw=0.9,
                      label="end of position $n$" if len(records) == 1 else None)  # fmt: skip
        if len(records) == 1:
            if n > last:
                axes.text(
                    last, 0.5 * top, f"$p = n$ = {n:,} is off to the right", ha="right", color=_GREY, fontsize=6.5
                )
            axes.axhline(record.facts["threshold"], color="black", ls=":", lw=0.9, label="threshold")
            axes.axhline(constant, color=_GREY, lw=0.7, label="constant answer")
            floor = _table(record, "floor")
            if floor is not None:
                axes.plot(floor["position"], floor["error"], ls="", marker="x", color="black", ms=4,
                          label="best linear filter")  # fmt: skip
    axes.set_xlim(0.5, last + 0.5)
    axes.set_ylim(0, room * top)
    _whole_numbers(axes)
    axes.set_xlabel("position, $p$ (1 = newest input)")
    axes.set_ylabel("mean absolute error")
    if len(records) == 1:
        axes.legend(loc="upper left", ncols=2, fontsize=6.5, columnspacing=1.2)


def _shown_positions(records: Sequence[Record]) -> int:
    """Positions until every read-out has become a constant answer, and half as many more."""
    last = 6
    for record in records:
        table = _table(record, "errors")
        if table is not None:
            told = table[table["error"] < 0.97 * record.facts["constant_error"]]
            wide = 1.5 * float(told["position"].max()) if len(told) else 0
            n = record.facts["state_size"]
            last = max(last, min(int(table["position"].max()), int(max(wide, n + 5 if n <= 20 else 0))))
    return last


def _kernel(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("memory kernel near rest")
    drawn, end = False, 4.0
    for i, record in enumerate(records):
        table = _table(record, "kernel")
        if table is None:
            continue
        for channel, rows in _channels(table):
            size = np.abs(rows["value"].to_numpy())
            keep = size > 1e-6 * size.max()
            if not keep.any():
                continue
            drawn, end = True, max(end, float(rows["lag"].to_numpy()[keep].max()) * 1.05)
            colour = _colour(records, i, channel)
            weight = "$|c^T A^k B|$" if record.value("distance.own") is not None else "$\\|A^k B\\|$"
            axes.semilogy(rows["lag"][keep], size[keep], color=colour, ls="", marker="o", ms=2.5,
                          label=weight if channel == 0 and len(records) == 1 else None)  # fmt: skip
            fitted = rows["fitted"].to_numpy()
            if np.isfinite(fitted).any():
                shown = np.isfinite(fitted) & (fitted > 1e-6 * float(size.max()))
                axes.semilogy(rows["lag"][shown], fitted[shown], color=colour if len(records) > 1 else PALETTE[1], lw=1,
                              label="fitted decay" if channel == 0 and len(records) == 1 else None)  # fmt: skip
        response = _table(record, "response")
        if response is not None and len(records) == 1:
            seen = response["value"] > 1e-6 * response["value"].max()
            axes.semilogy(response["lag"][seen], response["value"][seen], color=PALETTE[2], lw=0.8, alpha=0.8,
                          label="network, step input")  # fmt: skip
    if not drawn:
        return _absent(axes, records, "kernel.decay")
    axes.set_xlim(-0.02 * end, end)
    _whole_numbers(axes)
    axes.set_xlabel("lag, $k$ (steps)")
    axes.set_ylabel("weight of an input")
    if len(records) == 1:
        axes.legend(loc="best")
    return None


def _spectrum(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("spectrum of the linearisation")
    angle = np.linspace(0, 2 * np.pi, 400)
    drawn, reach = False, 1.1
    for i, record in enumerate(records):
        table = _table(record, "eigenvalues")
        if table is None:
            continue
        drawn = True
        reach = max(reach, 1.1 * float(np.hypot(table["real"], table["imaginary"]).max()))
        axes.plot(table["real"], table["imaginary"], ls="", marker="os"[i], ms=3 if len(table) < 200 else 1.5,
                  color=PALETTE[i], mfc="none" if i else PALETTE[i], mew=0.6)  # fmt: skip
    if not drawn:
        return _absent(axes, records, "kernel.radius")
    axes.plot(np.cos(angle), np.sin(angle), color=_GREY, lw=0.8)
    axes.axhline(0, color=_GREY, lw=0.3)
    axes.axvline(0, color=_GREY, lw=0.3)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    return None


def _degrees(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("capacity by degree")
    names: list[str] = []
    most = 0
    for record in records:
        table = _table(record, "degrees")
        most = max(most, 0 if table is None else int(table["degree"].max()))
    if not most:
        return _absent(axes, records, "capacity.information")
    names = [{1: "1 (linear)"}.get(degree, str(degree)) for degree in range(1, most + 1)]
    width = 0.6 / len(records)
    for i, record in enumerate(records):
        table = _table(record, "degrees")
        n = record.facts["state_size"]
        total = record.row("capacity.information")
        colour = PALETTE[i]
        place = (i - (len(records) - 1) / 2) * width
        if table is not None and total is not None and total.value is not None:
            values = table["capacity"].to_numpy()
            half = ((table["high"] - table["low"]) / 2).to_numpy()
            axes.bar(table["degree"] - 1 + place, values, 0.9 * width, yerr=half, color=colour, alpha=0.85,
                     error_kw={"lw": 0.8, "capsize": 2})  # fmt: skip
            low, high = total.low or total.value, total.high or total.value
            ends = [[total.value - low], [high - total.value]]
            axes.bar(most + place, total.value, 0.9 * width, yerr=ends, color=colour,
                     alpha=0.4, error_kw={"lw": 0.8, "capsize": 2})  # fmt: skip
        axes.axhline(n, color=_GREY if len(records) == 1 else colour, ls="--", lw=0.9)
        if len(records) == 1:
            axes.text(0.5, n, f"n = {n:,}", ha="center", va="bottom", color=_GREY, fontsize=7,
                      transform=axes.get_yaxis_transform())  # fmt: skip
    axes.axhline(0, color="black", lw=0.5)
    axes.set_xticks(range(most + 1), [*names, "all"])
    axes.set_ylim(top=1.15 * max(record.facts["state_size"] for record in records))
    axes.set_xlabel("degree of the function of past inputs")
    axes.set_ylabel("capacity")
    return None


def _structured(axes: Axes, records: Sequence[Record]) -> None:
    axes.set_title("structured inputs recovered from one state")
    drawn = False
    for i, record in enumerate(records):
        table = _table(record, "structured")
        if table is None:
            continue
        drawn = True
        for j, (name, rows) in enumerate(table.groupby("structure", sort=False)):
            if len(records) > 1 and j:
                continue
            rows = rows.sort_values("horizon")
            error = [rows["success"] - rows["low"], rows["high"] - rows["success"]]
            label = str(name) if len(records) == 1 else None
            axes.errorbar(rows["horizon"], rows["success"], yerr=error, color=PALETTE[i + j], marker="os^"[j],
                          ms=3, lw=1, elinewidth=0.6, capsize=1.5, label=label)  # fmt: skip
        n = record.facts["state_size"] // record.facts["input_size"]
        axes.plot([n, n], [0, 1.02], color=_GREY if len(records) == 1 else PALETTE[i], ls="--", lw=0.9,
                  label="limit without structure" if len(records) == 1 else None)  # fmt: skip
    if not drawn:
        return _absent(axes, records, "structured.sparse")
    axes.set_ylim(-0.04, 1.5 if len(records) == 1 else 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    _whole_numbers(axes)
    axes.set_xlabel("length of the input sequence (steps)")
    axes.set_ylabel("share recovered")
    if len(records) == 1:
        axes.legend(loc="upper right")
    return None
