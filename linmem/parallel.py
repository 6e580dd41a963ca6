"""Independent tasks on worker processes: one BLAS and torch thread each, and no task can take another down.

A worker that dies (killed, out of memory, a crash in native code) breaks its whole pool. The tasks that were lost with
it run again, each in a pool of its own, so that only the one that kills its worker is reported as lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, as_completed
from typing import TYPE_CHECKING, Any, TypeVar

from linmem.checks import check_integer

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class WorkerLost(RuntimeError):
    """The worker process of a task died without an answer, twice."""


def available_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(jobs: int) -> ProcessPoolExecutor:
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(max_workers=jobs, env=dict.fromkeys(_THREADS, "1"))


def run_tasks(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], jobs: int | None = None
) -> Iterator[tuple[int, Outcome | BaseException]]:
    """Run ``function`` on every task in worker processes; yield (index, outcome) as they finish.

    Parameters
    ----------
    function : importable function of one task; its result must be picklable.
    tasks : picklable arguments.
    jobs : number of worker processes (default: the available cores).

    Yields
    ------
    (index of the task, its result). The result is the exception if the function raised one, and :class:`WorkerLost`
    if its worker died twice.

    When the caller stops early (an exception, Ctrl-C), the workers are killed.

    >>> sorted(run_tasks(abs, [-1, -2], jobs=1))
    [(0, 1), (1, 2)]
    """
    jobs = available_cores() if jobs is None else check_integer("jobs", jobs, minimum=1)
    lost: list[int] = []
    for index, outcome in _in_one_pool(function, tasks, range(len(tasks)), jobs):
        if isinstance(outcome, BrokenExecutor):
            lost.append(index)
        else:
            yield index, outcome
    for alone in sorted(lost):
        for index, outcome in _in_one_pool(function, tasks, [alone], 1):
            if isinstance(outcome, BrokenExecutor):
                yield index, WorkerLost("the worker process died (killed, out of memory, or a crash in native code)")
            else:
                yield index, outcome


def _in_one_pool(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], indices: Sequence[int], jobs: int
) -> Iterator[tuple[int, Outcome | BaseException]]:
    if not indices:
        return
    pool = _pool(min(jobs, len(indices)))
    finished = False
    try:
        futures: dict[Future[Any], int] = {}
        for index in indices:
            try:
                futures[pool.submit(function, tasks[index])] = index
            except BrokenExecutor as error:
                yield index, error
        for future in as_completed(futures):
            yield futures[future], future.exception() or future.result()
        finished = True
    finally:
        pool.shutdown(wait=finished, kill_workers=not finished)
