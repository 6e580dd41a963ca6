"""What a worker does: compute a chunk of cells, each on one thread, and turn every result or exception into text."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import threadpoolctl

from linmem.parallel import THREAD_VARIABLES
from linmem.sweep.codec import Parameters, encode_rows

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


class _OneThread:
    """Limits BLAS, OpenMP and torch to one thread while any chunk computes in this process.

    Such limits hold for a process, not for a thread of it: the first chunk sets them and the last one takes them back.
    Libraries that a cell is the first to import find their limit in the environment.
    """

    def __init__(self) -> None:
        self._lock, self._chunks, self._undo = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._chunks:
                self._set()
            self._chunks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._chunks -= 1
            if not self._chunks:
                _own_limits()
                self._undo.close()

    def _set(self) -> None:
        for name in THREAD_VARIABLES:
            self._undo.callback(_set_environment, name, os.environ.get(name))
            os.environ[name] = "1"
        torch = sys.modules.get("torch")
        if torch and hasattr(torch, "set_num_threads"):  # without, another thread is just importing it
            self._undo.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(1)
        _own_limits()
        self._undo.enter_context(threadpoolctl.threadpool_limits(limits=1))


def _own_limits() -> None:
    """Let this thread set OpenBLAS's limit: newer threadpoolctl leaves it to the first thread that ever did."""
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)  # pyright: ignore[reportOptionalMemberAccess]


def _set_environment(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


_one_thread = _OneThread()


def run_chunk(function: CellFunction, cells: Sequence[Cell]) -> list[Outcome]:
    """Compute cells one after the other on one BLAS and torch thread; an exception ends its own cell only."""
    with _one_thread:
        return [_run(function, cell) for cell in cells]


def _run(function: CellFunction, cell: Cell) -> Outcome:
    wall, cpu = time.perf_counter(), time.process_time()
    result, error = "[]", ""
    try:
        result = encode_rows(function(seed=cell.seed, **cell.parameters))
    except Exception:
        error = traceback.format_exc().encode("utf-8", "backslashreplace").decode()
    return Outcome(cell, result, error, time.perf_counter() - wall, time.process_time() - cpu)
