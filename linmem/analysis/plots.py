"""The page of a report: six panels, the sentences above them. Two reports share the panels in two colours."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from linmem.analysis.curve_panels import errors_panel, kernel_panel, memory_panel
from linmem.analysis.panel_parts import GREY
from linmem.analysis.record import Record
from linmem.analysis.state_panels import degrees_panel, spectrum_panel, structured_panel
from linmem.figures import PALETTE, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

WIDTH, HEIGHT, _PANELS = 7.0, 9.0, 7.4
_LETTERS = 122  # of a line of sentences


def draw_report(records: Sequence[Record], words: bool = True) -> Figure:
    """One page, 7 x 9 inches, for one report or two; without ``words``, the panels alone, 7 x 7.4 inches."""
    from matplotlib.figure import Figure

    panels = (memory_panel, errors_panel, kernel_panel, spectrum_panel, degrees_panel, structured_panel)
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
        words = "Dashed: what n states allow; dotted: threshold; pale wide lines: linearisations; "
        words += "lines in c: fitted decay; f: sparse inputs."
        text(0.012, y, words, fontsize=7, color=GREY, va="top")
    for i, line in enumerate(lines):
        text(0.012, 1 - (0.36 + 0.165 * i) / height, line, fontsize=7.5, va="top")


def _short(record: Record, key: str) -> str:
    value = record.value(key)
    return "not measured" if value is None else f"{value:.3g}"
