"""Panels of what the state can hold: spectrum, capacity by degree, structured inputs, for one report or two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from linmem.analysis.panel_parts import GREY, absent, table_of, whole_numbers
from linmem.analysis.record import Record
from linmem.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def spectrum_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Eigenvalues of the linearisation and the unit circle."""
    axes.set_title("spectrum of the linearisation")
    angle = np.linspace(0, 2 * np.pi, 400)
    drawn, reach = False, 1.1
    for i, record in enumerate(records):
        table = table_of(record, "eigenvalues")
        if table is None:
            continue
        drawn = True
        reach = max(reach, 1.1 * float(np.hypot(table["real"], table["imaginary"]).max()))
        axes.plot(table["real"], table["imaginary"], ls="", marker="os"[i], ms=3 if len(table) < 200 else 1.5,
                  color=PALETTE[i], mfc="none" if i else PALETTE[i], mew=0.6)  # fmt: skip
    if not drawn:
        return absent(axes, records, "kernel.radius")
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, lw=0.8)
    axes.axhline(0, color=GREY, lw=0.3)
    axes.axvline(0, color=GREY, lw=0.3)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal", adjustable="box")
    axes.set_anchor("W")
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    return None


def degrees_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Information-processing capacity by degree and in all, below n."""
    axes.set_title("capacity by degree")
    names: list[str] = []
    most = 0
    for record in records:
        table = table_of(record, "degrees")
        most = max(most, 0 if table is None else int(table["degree"].max()))
    if not most:
        return absent(axes, records, "capacity.information")
    names = [{1: "1 (linear)"}.get(degree, str(degree)) for degree in range(1, most + 1)]
    width = 0.6 / len(records)
    for i, record in enumerate(records):
        table = table_of(record, "degrees")
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
        axes.axhline(n, color=GREY if len(records) == 1 else colour, ls="--", lw=0.9)
        if len(records) == 1:
            axes.text(0.5, 1.015 * n, f"$n$ = {n:,}", ha="center", va="bottom", color=GREY, fontsize=7,
                      transform=axes.get_yaxis_transform())  # fmt: skip
    axes.axhline(0, color="black", lw=0.5)
    axes.set_xticks(range(most + 1), [*names, "all"])
    axes.set_ylim(top=1.15 * max(record.facts["state_size"] for record in records))
    axes.set_xlabel("degree of the function of past inputs")
    axes.set_ylabel("capacity")
    return None


def structured_panel(axes: Axes, records: Sequence[Record]) -> None:
    """Share of structured inputs that is recovered, by length; curves that coincide are drawn apart by 2 points."""
    from matplotlib.transforms import ScaledTranslation

    axes.set_title("structured inputs from one state")
    figure, alone = cast("Figure", axes.get_figure(root=True)), len(records) == 1
    longest = 0.0
    for i, record in enumerate(records):
        table = table_of(record, "structured")
        if table is None:
            continue
        curves = list(table.groupby("structure", sort=False))[: None if alone else 1]
        for j, (name, rows) in enumerate(curves):
            rows = rows.sort_values("horizon")
            longest = max(longest, float(rows["horizon"].max()))
            error = [rows["success"] - rows["low"], rows["high"] - rows["success"]]
            place = i + j
            shift = ScaledTranslation((2 * place - 1) / 72, 0, figure.dpi_scale_trans)
            axes.errorbar(
                rows["horizon"], rows["success"], yerr=error, color=PALETTE[place], marker="os"[place], ms=3.5,
                mfc="white" if place else PALETTE[place], lw=1, ls="--" if j else "-", elinewidth=0.6, capsize=1.5,
                label=str(name) if alone else None, transform=axes.transData + shift, zorder=3 - 0.2 * place,
            )  # fmt: skip
        n = record.facts["state_size"] // record.facts["input_size"]
        longest = max(longest, n)
        axes.plot([n, n], [0, 1.02], color=GREY if alone else PALETTE[i], ls="--", lw=0.9,
                  label="any input: at most" if alone else None)  # fmt: skip
        unaided = record.value("structured.any")
        if alone and unaided is not None:
            axes.plot([unaided] * 2, [0, 1.02], color="black", ls=":", lw=1.1, label="any input: best linear")
    if not longest:
        return absent(axes, records, "structured.sparse")
    axes.set_xlim(0, 1.06 * longest)
    axes.set_ylim(-0.04, 1.5 if alone else 1.1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    whole_numbers(axes)
    axes.set_xlabel("length of the input sequence (steps)")
    axes.set_ylabel("share recovered")
    if alone:
        axes.legend(loc="upper left", ncols=2, fontsize=6.5, columnspacing=1.2)
    return None
