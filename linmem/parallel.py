"""Independent tasks on worker processes: one BLAS and torch thread each, and no task can take another down.

A worker that dies (killed, out of memory, a crash in native code) breaks its whole pool. The tasks that were in flight
run again, each in a pool of its own, so that only the one that kills its worker is reported as lost; the others go on
in a new pool.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import TYPE_CHECKING, TypeVar

from linmem.checks import check_integer
from linmem.threads import THREAD_VARIABLES

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


class WorkerLost(RuntimeError):
    """The worker process of a task died without an answer, twice."""


def available_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_pool(jobs: int) -> ProcessPoolExecutor:
    """A pool of ``jobs`` worker processes of one BLAS and torch thread each, which end when this process does."""
    from loky import ProcessPoolExecutor

    environment = dict.fromkeys(THREAD_VARIABLES, "1")
    return ProcessPoolExecutor(jobs, env=environment, initializer=follow_parent, initargs=(os.getpid(),))


def follow_parent(parent: int) -> None:
    """In a worker process: leave interrupts (Ctrl-C) to ``parent``, and end within a second of its death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
    waiting = deque(range(len(tasks)))
    while waiting:
        suspects = yield from _until_broken(function, tasks, waiting, jobs)
        for index in suspects:
            if (yield from _until_broken(function, tasks, deque([index]), 1)):
                yield index, WorkerLost("the worker process died (killed, out of memory, or a crash in native code)")


def _until_broken(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], waiting: deque[int], jobs: int
) -> Generator[tuple[int, Outcome | BaseException], None, list[int]]:
    """Run waiting tasks in one pool, ``jobs`` at a time; return those in flight when it broke (none: all are done)."""
    pool = worker_pool(min(jobs, len(waiting)))
    flying: dict[Future[Outcome], int] = {}
    finished = False
    try:
        while waiting or flying:
            while waiting and len(flying) < jobs:
                flying[pool.submit(function, tasks[waiting[0]])] = waiting[0]
                waiting.popleft()
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                error = future.exception()
                if isinstance(error, BrokenExecutor):
                    return sorted(flying.values())
                yield flying.pop(future), error or future.result()
        finished = True
    except BrokenExecutor:  # submitting to a pool that has just broken: the task stays in waiting
        return sorted(flying.values())
    finally:
        pool.shutdown(wait=finished, kill_workers=not finished)
    return []
