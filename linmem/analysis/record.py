"""What a memory report holds: rows (one quantity each, with interval, bound and basis), tables, and sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

SECTIONS = {
    "state": "State",
    "distance": "Memory distance",
    "capacity": "Memory capacity",
    "kernel": "Memory kernel",
    "training": "Training",
    "structured": "Structured inputs",
}
"""Keys of the sections of a report, in order, and their headings."""


@dataclass(frozen=True)
class Row:
    """One quantity of a report.

    Attributes
    ----------
    key : name for programs, ``section.quantity``, e.g. "capacity.total".
    quantity : name for people.
    meaning : what the number says, in one sentence.
    value : the number; None if it was not measured, ``note`` then says why.
    low, high : ends of its interval; None if it has none (``error`` says what the interval is).
    bound : what the value cannot exceed, where theory says so.
    basis : id of the claim that the bound, or else the computation, rests on.
    error : what the interval is: "exact", "95 % interval", "rounding", ...
    note : reason why it was skipped, or what to know when reading it.

    >>> Row("capacity.total", "total capacity", "..", 4.9, 4.8, 5.0, bound=5.0).slack.__round__(3)
    0.1
    """

    key: str
    quantity: str
    meaning: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    basis: str = ""
    error: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.section not in SECTIONS:
            raise ValueError(f"key must begin with one of {', '.join(SECTIONS)} and a dot, got {self.key!r}")
        for name in ("value", "low", "high", "bound"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{name} of {self.key} must be finite or None, got {number}; leave it out")

    @property
    def section(self) -> str:
        """Key of the section of the report."""
        return self.key.partition(".")[0]

    @property
    def skipped(self) -> bool:
        """Whether nothing was measured."""
        return self.value is None

    @property
    def slack(self) -> float | None:
        """Bound minus value; None where one of them is missing. Negative within the error if nothing is left."""
        return None if self.value is None or self.bound is None else self.bound - self.value

    @property
    def violated(self) -> bool:
        """Whether the whole interval lies beyond the bound."""
        floor = self.value if self.low is None else self.low
        return floor is not None and self.bound is not None and floor > self.bound + 1e-9 * max(1.0, abs(self.bound))


@dataclass(frozen=True, eq=False)
class Record:
    """All that a report shows.

    Attributes
    ----------
    facts : name, kind, state_size, input_size, layers, cells, links, parameters, inputs, threshold, level, budget, rng,
        seconds, version: plain strings and numbers, None where it does not apply.
    rows : the quantities, in order.
    tables : what the plots show, by name; see :data:`TABLES`.
    sentences : the report in words.
    """

    facts: Mapping[str, Any]
    rows: tuple[Row, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict[str, pd.DataFrame])
    sentences: tuple[str, ...] = ()

    def row(self, key: str) -> Row | None:
        """The row of that key, if there is one."""
        return next((row for row in self.rows if row.key == key), None)

    def value(self, key: str) -> float | None:
        """The value of a row; None if it is missing or was skipped."""
        found = self.row(key)
        return None if found is None else found.value


TABLES = {
    "errors": "channel, readout, position, error, low, high: mean absolute error of the recall of each position",
    "floor": "position, error: of the best linear filter of n states, from position n + 1 on",
    "memory": "channel, lag, value, low, high, method: memory curve, measured and of the linearisation",
    "degrees": "degree, functions, longest_lag, capacity, low, high: information-processing capacity",
    "kernel": "channel, lag, value, fitted: kernel of the linearisation and the law fitted to its decay",
    "response": "lag, value: memory function of the network itself, from step inputs",
    "eigenvalues": "real, imaginary: of the linearisation",
    "training": "position, steps: predicted steps of gradient descent until the position is learned",
    "structured": "structure, horizon, success, low, high: recovery of structured inputs from one state",
}
"""Names of the tables of a report and their columns."""


def skipped(rows: Iterable[tuple[str, str, str]], reason: str) -> tuple[Row, ...]:
    """Rows that were not measured, for a reason: (key, quantity, meaning) of each.

    >>> skipped([("capacity.total", "total", "..")], "too slow")[0].note
    'too slow'
    """
    return tuple(Row(key, quantity, meaning, note=reason) for key, quantity, meaning in rows)
