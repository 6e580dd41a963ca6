"""Handing out cells in chunks, and losing none of them to a dead worker or an interrupt.

Chunks grow until one takes about a quarter of a second, so that handing out costs little per cell and a killed parent
loses little. When a worker dies, every cell that was in flight is suspect: each runs once more, alone on a single
worker. Only a cell whose worker dies again is given up, as failed.
"""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager, nullcontext
from types import FrameType

from linmem.sweep.engines import Chunk, Engine, EngineBroken, InProcess
from linmem.sweep.worker import Cell, CellFunction, Outcome

_TARGET_SECONDS = 0.25
_LARGEST_CHUNK = 2000
_GRACE_SECONDS = 1.5  # for running chunks to finish when a sweep is stopped
LOST = "the worker process of this cell died twice (killed, out of memory, or a crash in native code)"


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Ctrl-C waits until the body is through, a second one does not. Only the main thread ever gets any."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            before(number, frame)
        held.append(number)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            before(held[0], None)


class _Pace:
    """Mean time of a cell so far, and the chunk size that follows from it."""

    def __init__(self) -> None:
        self._cells, self._seconds = 0, 0.0

    def learn(self, outcomes: list[Outcome]) -> None:
        self._cells += len(outcomes)
        self._seconds += sum(outcome.wall_seconds for outcome in outcomes)

    def size(self, waiting: int, slots: int) -> int:
        if not self._cells:
            return 1
        mean = max(self._seconds / self._cells, 1e-6)
        return max(1, min(int(_TARGET_SECONDS / mean), math.ceil(waiting / (2 * slots)), _LARGEST_CHUNK))


def drive(function: CellFunction, cells: Iterable[Cell], engine: Engine, save: Callable[[list[Outcome]], None]) -> None:
    """Compute all cells and pass outcomes to ``save`` as they come.

    Raises whatever ``save`` raises, ``EngineBroken`` if an executor of the caller's broke, and ``KeyboardInterrupt``;
    before that, running chunks may finish for a moment, all that is finished is saved, and the rest is stopped.
    """
    waiting, suspects = deque(cells), deque[Cell]()
    flying: dict[Chunk, list[Cell]] = {}
    unsaved: dict[object, list[Outcome]] = {}  # by future: what an interrupt makes us collect twice is saved once
    pace, clean = _Pace(), False

    def submit(chunk: list[Cell]) -> None:
        # an engine that has the chunk already would compute it for nobody; the one of this process computes it now
        with nullcontext() if isinstance(engine, InProcess) else _uninterrupted():
            flying[engine.submit(function, chunk)] = chunk

    def collect(done: Iterable[Future[list[Outcome]]]) -> list[Cell]:
        """Save the outcomes of finished chunks; return the cells of those that were lost."""
        lost: list[Cell] = []
        for future in done:
            error = future.exception() if not future.cancelled() else BrokenExecutor()
            if error is None:
                unsaved[future] = future.result()
            elif engine.is_loss(error):
                lost.extend(flying[future])
            else:
                raise error
            del flying[future]  # last: after an interrupt, what still flies is collected when the sweep is stopped
        if unsaved:
            outcomes = [outcome for chunk in unsaved.values() for outcome in chunk]
            pace.learn(outcomes)
            save(outcomes)
            unsaved.clear()
        return lost

    try:
        while waiting or flying or suspects:
            lost: list[Cell] = []
            try:
                if suspects and not flying:
                    submit([suspects[0]])
                    if collect(wait(flying).done):
                        engine.restart(alone=True)  # first: if all the workers are gone, the cell is not to blame
                        unsaved[LOST] = [Outcome(suspects[0], "[]", LOST, 0.0, 0.0)]
                        collect([])
                    suspects.popleft()
                    if not suspects:
                        engine.restart()
                    continue
                while waiting and not suspects and len(flying) < engine.slots:
                    chunk = [waiting[k] for k in range(min(len(waiting), pace.size(len(waiting), engine.slots)))]
                    submit(chunk)
                    for _ in chunk:
                        waiting.popleft()
                lost = collect(wait(flying, return_when=FIRST_COMPLETED).done)
            except BrokenExecutor as error:  # raised by submit: the pool broke between two chunks
                lost = collect(wait(flying).done) if flying else []
                if not lost:
                    _refuse_broken(engine, error)
            if lost:
                lost += collect(wait(flying).done)  # a broken pool ends all its chunks at once
                suspects.extend(lost)
                engine.restart(alone=True)
        clean = True
    finally:
        try:
            if not clean:
                done = wait(flying, timeout=_GRACE_SECONDS).done
                collect([future for future in done if not future.cancelled() and not future.exception()])
        finally:
            engine.close(kill=not clean)


def _refuse_broken(engine: Engine, error: BrokenExecutor) -> None:
    """Restart an idle engine whose pool broke; ``EngineBroken`` if it is still broken."""
    engine.restart()
    try:
        engine.submit(abs, []).result()  # an empty chunk
    except BrokenExecutor:
        raise EngineBroken(
            f"the executor broke and takes no more cells ({error}); finished cells are kept: run again with a new one"
        ) from error
