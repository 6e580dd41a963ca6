"""Two memory reports side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from linmem.analysis.record import SECTIONS
from linmem.analysis.result import MemoryReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two reports side by side.

    Attributes
    ----------
    first, second : the reports.
    """

    first: MemoryReport
    second: MemoryReport

    def to_frame(self) -> pd.DataFrame:
        """One row for each quantity of either report.

        Columns: section, quantity, bound_1, first, low_1, high_1, bound_2, second, low_2, high_2, and apart: whether
        the two intervals have no number in common (None where a value or an interval is missing). Index: key.
        """
        one, two = self.first.to_frame(), self.second.to_frame()
        keys = pd.Index(list(dict.fromkeys([*one.index, *two.index])), name="key")
        words = one[["section", "quantity"]].reindex(keys).fillna(two[["section", "quantity"]])
        parts = [words]
        for name, mark, frame in (("first", "1", one), ("second", "2", two)):
            columns = {"value": name, "low": f"low_{mark}", "high": f"high_{mark}", "bound": f"bound_{mark}"}
            parts.append(frame[list(columns)].rename(columns=columns).reindex(keys))
        whole = pd.concat(parts, axis=1)
        gap = np.maximum(whole["low_1"] - whole["high_2"], whole["low_2"] - whole["high_1"])
        whole["apart"] = [None if math.isnan(size) else bool(size > 0) for size in gap]
        order = list(SECTIONS)
        place = [order.index(str(key).partition(".")[0]) for key in whole.index]
        return whole.iloc[np.argsort(place, kind="stable")]

    def plot(self) -> Figure:
        """The page of :meth:`MemoryReport.plot` with both reports in each panel, in two colours."""
        from linmem.analysis.plots import draw_report

        return draw_report([self.first, self.second])

    def to_html(self) -> str:
        """A page that needs no network: both in words, plots, and one table with a column for each."""
        from linmem.analysis.page import render_comparison

        return render_comparison((self.first, self.second), self.plot(), page=True)

    def _repr_html_(self) -> str:
        from linmem.analysis.page import render_comparison

        return render_comparison((self.first, self.second), self.plot(), page=False)

    def __repr__(self) -> str:
        return f"<Comparison of {self.first.facts['name']} and {self.second.facts['name']}; to_frame() has the numbers>"


def compare(a: MemoryReport, b: MemoryReport) -> Comparison:
    """Two reports side by side, with ``to_frame()``, ``plot()`` and ``to_html()``.

    Numbers compare if both networks were driven alike; reports on different inputs are refused.

    Raises
    ------
    TypeError : for what is no report.
    ValueError : if input, threshold or level differ.

    >>> from linmem.report import memory_report
    >>> delay = memory_report((np.eye(2, k=-1), [1.0, 0.0]))
    >>> leak = memory_report(([[0.5]], [1.0]))
    >>> compare(delay, leak).to_frame().loc["distance.fitted", ["first", "second"]].tolist()
    [2.0, 0.0]
    """
    for name, report in (("a", a), ("b", b)):
        if not isinstance(report, MemoryReport):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{name} must be a MemoryReport, got {type(report).__name__}; pass memory_report(model)")
    for fact in ("inputs", "threshold", "level"):
        if a.facts[fact] != b.facts[fact]:
            raise ValueError(
                f"both reports must have the same {fact}, got {a.facts[fact]!r} and {b.facts[fact]!r}; "
                f"make both with the same {fact}="
            )
    return Comparison(a, b)
