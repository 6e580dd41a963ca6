"""The memory report of one network: read, drawn, written as a page, kept as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from linmem.analysis.record import SECTIONS, Record, Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "linmem-memory-report-1"


@dataclass(frozen=True, eq=False)
class MemoryReport(Record):
    """What :func:`linmem.report.memory_report` found: rows, tables and sentences, to be read, drawn and compared.

    ``facts``, ``rows``, ``tables`` and ``sentences`` are described in :class:`linmem.analysis.record.Record`.
    """

    @property
    def violations(self) -> tuple[Row, ...]:
        """Rows whose whole interval lies beyond a bound of the theory. There should be none."""
        return tuple(row for row in self.rows if row.violated)

    def to_frame(self) -> pd.DataFrame:
        """One row for each quantity: section, quantity, value, low, high, bound, slack, basis, note; index: key."""
        columns = ("quantity", "value", "low", "high", "bound", "slack", "basis", "note")
        frame = pd.DataFrame([{name: getattr(row, name) for name in columns} for row in self.rows])
        frame.insert(0, "section", [SECTIONS[row.section] for row in self.rows])
        frame.index = pd.Index([row.key for row in self.rows], name="key")
        return frame.astype(dict.fromkeys(("value", "low", "high", "bound", "slack"), np.float64))

    def to_json(self) -> str:
        """The whole report as JSON text; :meth:`from_json` reads it."""
        tables = {
            name: {str(column): [_plain(value) for value in table[column]] for column in table}
            for name, table in self.tables.items()
        }
        whole = {
            "format": FORMAT,
            "facts": dict(self.facts),
            "sentences": list(self.sentences),
            "rows": [asdict(row) for row in self.rows],
            "tables": tables,
        }
        return json.dumps(whole, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> MemoryReport:
        """The report that :meth:`to_json` wrote.

        Raises ValueError for text that is no report of this format.
        """
        try:
            whole: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"text must be JSON, got an error at line {error.lineno}; pass what to_json() wrote"
            ) from error
        found = whole.get("format") if isinstance(whole, dict) else None
        if found != FORMAT:
            raise ValueError(f"text must hold a report of format {FORMAT!r}, got {found!r}; write it with to_json()")
        tables = {
            name: pd.DataFrame({column: _column(values) for column, values in table.items()})
            for name, table in whole["tables"].items()
        }
        return cls(whole["facts"], tuple(Row(**row) for row in whole["rows"]), tables, tuple(whole["sentences"]))

    def plot(self) -> Figure:
        """One page: memory curve with bounds, kernel with its decay, spectrum, distance, degrees, structured inputs."""
        from linmem.analysis.plots import draw_report

        return draw_report([self])

    def to_html(self) -> str:
        """A page that needs no network: sentences, plots, and the table with a plain explanation of each number."""
        from linmem.analysis.page import render_page
        from linmem.analysis.plots import draw_report

        return render_page(self, draw_report([self], words=False))

    def _repr_html_(self) -> str:
        from linmem.analysis.page import render_part
        from linmem.analysis.plots import draw_report

        return render_part(self, draw_report([self], words=False))

    def __str__(self) -> str:
        from linmem.analysis.page import render_text

        return render_text(self)

    def __repr__(self) -> str:
        return f"<MemoryReport of {self.facts['name']}: {len(self.rows)} quantities; print() shows them>"


def _plain(value: Any) -> Any:
    """A cell of a table as JSON has it: no numpy types, None for what is not finite."""
    if isinstance(value, str) or value is None:
        return value
    number = value.item() if isinstance(value, np.generic) else value
    return number if isinstance(number, int) or math.isfinite(number) else None


def _column(values: list[Any]) -> list[Any]:
    return [math.nan if value is None else value for value in values]
