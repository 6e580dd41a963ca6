"""One thread for linear algebra: many small products are slower on several, which mostly wait for each other."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack

import threadpoolctl

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class _OneThread:
    """Limits BLAS, OpenMP and torch to one thread while any body of it runs in this process.

    Such limits hold for a process, not for a thread of it: the first body to begin sets them and the last one to end
    takes them back. Libraries that a body is the first to import find their limit in the environment.
    """

    def __init__(self) -> None:
        self._lock, self._running, self._undo = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._running:
                self._set()
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._running -= 1
            if not self._running:
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


one_thread = _OneThread()
"""``with one_thread:`` computes on one BLAS and torch thread; may be entered again, and by several threads."""
