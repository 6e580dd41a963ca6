"""What a worker does: compute a chunk of cells, each on one thread, and turn every result or exception into text."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from linmem.sweep.codec import Parameters, encode_rows
from linmem.threads import one_thread

CellFunction = Callable[..., Any]


@dataclass(frozen=True)
class Cell:
    """One cell to compute: its key in the store, its parameters, its seed."""

    key: str
    parameters: Parameters
    seed: int


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: the rows as text, or the traceback of its exception; wall and CPU time in s."""

    cell: Cell
    result: str
    error: str
    wall_seconds: float
    cpu_seconds: float


def run_chunk(function: CellFunction, cells: Sequence[Cell]) -> list[Outcome]:
    """Compute cells one after the other on one BLAS and torch thread; an exception ends its own cell only."""
    with one_thread:
        return [_run(function, cell) for cell in cells]


def _run(function: CellFunction, cell: Cell) -> Outcome:
    wall, cpu = time.perf_counter(), time.process_time()
    result, error = "[]", ""
    try:
        result = encode_rows(function(seed=cell.seed, **cell.parameters))
    except Exception:
        error = traceback.format_exc().encode("utf-8", "backslashreplace").decode()
    return Outcome(cell, result, error, time.perf_counter() - wall, time.process_time() - cpu)
