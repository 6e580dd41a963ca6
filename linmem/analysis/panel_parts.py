"""What the panels of a report share: tables, colours, whole-number marks, and a panel without data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from linmem.analysis.record import Record
from linmem.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#7f7f7f"


def absent(axes: Axes, records: Sequence[Record], *keys: str) -> None:
    """Says why there is nothing to draw."""
    rows = [row for key in keys for row in [records[0].row(key)] if row is not None]
    why = next((row.note for row in rows if row.skipped and row.note), "not measured")
    axes.text(
        0.5, 0.5, "\n".join(textwrap.wrap(why, 40)), ha="center", va="center", color=GREY, transform=axes.transAxes
    )
    axes.set_xticks([])
    axes.set_yticks([])


def table_of(record: Record, name: str) -> pd.DataFrame | None:
    found = record.tables.get(name)
    return None if found is None or not len(found) else found


def channels_of(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """The rows of each input."""
    return [(int(c), table[table["channel"] == c]) for c in sorted(set(table["channel"].tolist()))]


def colour_of(records: Sequence[Record], place: int, alone: int = 0) -> str:
    return PALETTE[(place if len(records) > 1 else alone) % len(PALETTE)]


def whole_numbers(axes: Axes) -> None:
    """Marks of the horizontal axis at whole numbers only: it counts steps."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
