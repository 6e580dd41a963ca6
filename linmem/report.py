"""One memory report for any network: what three theories say about it, measured and bounded, side by side.

>>> import numpy as np
>>> report = memory_report((np.eye(4, k=-1), [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]))  # a delay line of four steps
>>> report.value("distance.fitted"), report.value("distance.own"), report.value("capacity.linear")
(4.0, 4.0, 4.0)
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from linmem.analysis.catalogue import row
from linmem.analysis.drive import draw_drive, sample_states
from linmem.analysis.linear import Linearisation, linearise
from linmem.analysis.linear_measures import measure_kernel, measure_response, measure_spectrum, measure_structured
from linmem.analysis.measures import measure_capacity, measure_distance, measure_information, measure_state
from linmem.analysis.model import StateModel, state_model
from linmem.analysis.record import SECTIONS, Record, Row
from linmem.analysis.setting import Found, Setting, budget_of, longest_lag
from linmem.analysis.training_measures import measure_training
from linmem.analysis.words import describe
from linmem.capacity.linear.spectrum import refuse_unstable
from linmem.checks import check_choice, check_generator, check_integer, check_positive
from linmem.citations import cites
from linmem.statistics import check_level
from linmem.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "linmem-memory-report-1"
Progress = Callable[[str, int, int], object]
"""Called with the name of the part that begins, its number, and the number of parts."""

PARTS: tuple[tuple[str, Callable[[Setting], Found], tuple[str, ...]], ...] = (
    ("state", measure_state, ("state.rank",)),
    ("distance", measure_distance, ("distance.own", "distance.fitted")),
    ("capacity", measure_capacity, ("capacity.total", "capacity.jaeger")),
    ("spectrum", measure_spectrum, ("kernel.radius", "kernel.time", "capacity.linear", "capacity.linear_jaeger")),
    ("information", measure_information, ("capacity.information", "capacity.nonlinear")),
    ("kernel", measure_kernel, ("kernel.peak", "kernel.decay")),
    ("response", measure_response, ("kernel.response",)),
    ("training", measure_training, ("training.full", "training.growth")),
    ("structured", measure_structured, ("structured.sparse", "structured.tones")),
)
"""Name, function and rows of each part; what a part refuses is noted in its rows."""


@dataclass(frozen=True, eq=False)
class MemoryReport(Record):
    """What :func:`memory_report` found: rows, tables and sentences, to be read, drawn, written and compared.

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


def _plain(value: Any) -> Any:
    """A cell of a table as JSON has it: no numpy types, None for what is not finite."""
    if isinstance(value, str) or value is None:
        return value
    number = value.item() if isinstance(value, np.generic) else value
    return number if isinstance(number, int) or math.isfinite(number) else None


def _column(values: list[Any]) -> list[Any]:
    return [math.nan if value is None else value for value in values]


@cites("linmem", "memory report")
@cites("jaeger2001short", "memory capacity, as commonly quoted")
@cites("dambre2012", "capacities of orthogonal functions of the input (abstract)")
@cites("illium2022", "Section 4, memory distance")
@cites("wang2024", "memory function")
@cites("charles2018", "recovery of structured inputs")
def memory_report(
    model: object,
    inputs: str | ArrayLike = "uniform01",
    *,
    readout: object = None,
    rng: np.random.Generator | int = 0,
    progress: Progress | None = None,
    budget: str = "quick",
    threshold: float | None = None,
    level: float = 0.95,
    parts: Collection[str] | None = None,
    name: str | None = None,
) -> MemoryReport:
    """Measure the memory of a network by the means of all theories that apply, beside the bounds they set.

    Parameters
    ----------
    model : anything that :func:`linmem.analysis.state_model` takes: torch RNN, LSTM, GRU stacks and modules that
        contain one, reservoirs of linmem and reservoirpy, linear systems (A, B, C), scipy state spaces.
    inputs : what drives it: "uniform01", "normal", "rademacher", or a series (T,) or (T, d) of at least some 20,000
        steps. Bounds that need white or continuous inputs are left out where a series is neither.
    readout : how its answer is read from the state, see :func:`linmem.analysis.state_model`.
    rng : seed or generator; same seed, same report.
    progress : called with (part, number, parts) when a part begins.
    budget : "quick" (20,000 states, seconds) or "full" (100,000 states, degree 4, larger networks, minutes).
    threshold : mean absolute error below which an input counts as recalled; default 12 % of the error of the best
        constant answer: 0.03 for uniform numbers on [0, 1].
    level : confidence of each interval (not of all together).
    parts : only these of "state", "distance", "capacity", "spectrum", "information", "kernel", "response", "training",
        "structured"; default all.
    name : what the report calls the network; default its own name, such as "LSTM of 64 cells".

    Returns
    -------
    :class:`MemoryReport`. A part that is refused or too slow leaves rows without value, and ``note`` says why.

    Raises
    ------
    TypeError, ValueError : for a model that is none, a network that diverges, and bad arguments.

    Cost: a few hundred batched steps of the network, ``T n (4 n + 4 max_lag)`` flops and the parts' own; seconds up to
    n = 100.
    """
    start = time.perf_counter()
    network, work = state_model(model, readout=readout), budget_of(budget)
    network = network if name is None else replace(network, name=name)
    generator = check_generator("rng", rng)
    confidence = check_level(level)
    known = [name for name, _, _ in PARTS]
    wanted = known if parts is None else [check_choice("parts", part, known) for part in parts]
    chosen = [part for part in PARTS if part[0] in wanted]
    count = len(chosen) + 1

    def begin(part: str, number: int) -> None:
        if progress is not None:
            progress(part, number, count)

    begin("run", 1)
    lags = longest_lag(network.state_size, work)
    washout = lags + 200
    drive = draw_drive(inputs, work.rows + washout, network.input_size, generator)
    linear, refusal = _linearised(network, drive.operating_point)
    eps = drive.threshold if threshold is None else check_positive("threshold", threshold)
    sample = sample_states(network, drive, washout)
    setting = Setting(network, sample, linear, refusal, eps, work, confidence, generator)
    rows: list[Row] = []
    tables: dict[str, pd.DataFrame] = {}
    for number, (part, measure, keys) in enumerate(chosen, start=2):
        begin(part, number)
        try:
            found = measure(setting)
        except ValueError as error:
            found = Found(tuple(row(key, note=str(error)) for key in keys), {})
        rows.extend(found.rows)
        for key, table in found.tables.items():
            tables[key] = pd.concat([tables[key], table], ignore_index=True) if key in tables else table
    order = list(SECTIONS)
    rows.sort(key=lambda item: order.index(item.section))
    facts = {
        "name": network.name,
        "kind": network.kind,
        "state_size": network.state_size,
        "input_size": network.input_size,
        "layers": network.layers,
        "cells": network.cells,
        "links": network.links,
        "parameters": network.parameters,
        "inputs": drive.name,
        "threshold": eps,
        "constant_error": drive.constant_error,
        "states": len(sample.states),
        "washout": washout,
        "level": confidence,
        "budget": budget,
        "seed": check_integer("rng", rng) if not isinstance(rng, np.random.Generator) else None,
        "seconds": round(time.perf_counter() - start, 2),
        "version": __version__,
    }
    return MemoryReport(facts, tuple(rows), tables, describe(facts, rows))


def _linearised(network: StateModel, point: np.ndarray) -> tuple[Linearisation | None, str]:
    """The linearisation, or why there is none; a linear network that is unstable is refused."""
    try:
        found = linearise(network, point)
    except ValueError as error:
        if network.linear:
            raise
        return None, str(error)
    if network.linear:
        refuse_unstable(network.state_size, found.radius)
    return found, ""
