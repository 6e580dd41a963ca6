"""Where cells run: in this process, on local worker processes, on any executor, or on a Dask cluster."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from typing import Any, Protocol

from linmem.checks import check_integer
from linmem.parallel import worker_pool
from linmem.sweep.worker import Cell, CellFunction, Outcome, run_chunk

Chunk = Future[list[Outcome]]

_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://.+:\d+")
_CONNECT_SECONDS = 10  # for a first connection, and for one that was lost
_COUNT_SECONDS = 1.0  # between two counts of a cluster's workers


class EngineBroken(RuntimeError):
    """The executor can take no more cells; what is in the store is safe."""


class Engine(Protocol):
    """What a sweep needs of the place where its cells run."""

    @property
    def slots(self) -> int:
        """Number of chunks to hand out at a time."""
        ...

    def submit(self, function: CellFunction, cells: Sequence[Cell]) -> Chunk:
        """Start a chunk."""
        ...

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error of a future means that its worker died."""
        ...

    def restart(self, alone: bool = False) -> None:
        """Replace dead workers, by a single one if ``alone``; ``EngineBroken`` if this engine cannot."""
        ...

    def close(self, kill: bool) -> None:
        """Release the workers, without waiting for running cells if ``kill``."""
        ...


class InProcess:
    """Cells run one by one in this process."""

    slots = 1

    def submit(self, function: CellFunction, cells: Sequence[Cell]) -> Chunk:
        """Compute at once."""
        future: Chunk = Future()
        future.set_result(run_chunk(function, cells))
        return future

    def is_loss(self, error: BaseException) -> bool:
        """Never: there is no worker."""
        del error
        return False

    def restart(self, alone: bool = False) -> None:
        """Nothing to replace."""
        del alone

    def close(self, kill: bool) -> None:
        """Nothing to release."""
        del kill


class LocalProcesses:
    """``jobs`` worker processes of one thread each; dead ones are replaced."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self.slots = 2 * jobs  # a chunk waits at each worker, so that none idles while results are written
        self._pool = worker_pool(jobs)  # its workers start with the first chunk

    def submit(self, function: CellFunction, cells: Sequence[Cell]) -> Chunk:
        """Start a chunk; ``BrokenExecutor`` if a worker has died since."""
        return self._pool.submit(run_chunk, function, cells)

    def is_loss(self, error: BaseException) -> bool:
        """A broken pool: at least one of its workers died."""
        return isinstance(error, BrokenExecutor)

    def restart(self, alone: bool = False) -> None:
        """A new pool in the place of the broken one."""
        self.close(kill=True)
        self._pool = worker_pool(1 if alone else self._jobs)

    def close(self, kill: bool) -> None:
        """Shut the pool down."""
        self._pool.shutdown(wait=not kill, kill_workers=kill)


class AnyExecutor:
    """Somebody's ``concurrent.futures.Executor``, which stays theirs: it is neither restarted nor shut down."""

    def __init__(self, executor: Executor, slots: int) -> None:
        self._executor, self._slots = executor, slots
        self._started: list[Chunk] = []

    @property
    def slots(self) -> int:
        """Number of chunks to hand out at a time."""
        return self._slots

    def submit(self, function: CellFunction, cells: Sequence[Cell]) -> Chunk:
        """Start a chunk."""
        future: Chunk = self._executor.submit(run_chunk, function, cells)
        self._started = [other for other in self._started if not other.done()] + [future]
        return future

    def is_loss(self, error: BaseException) -> bool:
        """A broken executor, or Dask's word that the worker of a chunk died again and again."""
        return isinstance(error, BrokenExecutor) or type(error).__name__ in ("KilledWorker", "CancelledError")

    def restart(self, alone: bool = False) -> None:
        """Dask replaces dead workers itself; other executors that broke refuse the next chunk."""
        del alone

    def close(self, kill: bool) -> None:
        """Take back the chunks that have not started."""
        if kill:
            for future in self._started:
                future.cancel()


class DaskCluster(AnyExecutor):
    """The workers of a Dask scheduler (extra ``cluster``), which may come and go; linmem must be installed on them."""

    def __init__(self, executor: Executor, client: Any, owned: bool) -> None:
        super().__init__(executor, 2)
        self._client, self._owned = client, owned
        self._counted = -_COUNT_SECONDS

    @classmethod
    def at(cls, address: str) -> DaskCluster:
        """Connect to the scheduler at ``tcp://host:port``; ``ValueError`` if there is none."""
        if not _ADDRESS.fullmatch(address):  # Dask's own refusal leaves its event loop in disorder
            raise ValueError(
                f"executor must be the address of a running Dask scheduler, got {address!r}; write 'tcp://host:port'"
            )
        try:
            from distributed import Client
        except ImportError as error:
            raise ValueError(
                "executor is a Dask address, but dask is not installed: pip install linmem[cluster]"
            ) from error
        try:
            client: Any = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ValueError(
                f"executor must be the address of a running Dask scheduler, got {address!r} ({error})"
            ) from error
        return cls(client.get_executor(pure=False), client, owned=True)

    @property
    def slots(self) -> int:
        """Two chunks for every thread that the workers have at present."""
        if self._client.status == "running" and time.monotonic() - self._counted >= _COUNT_SECONDS:
            with suppress(OSError):  # the connection is just breaking: the next chunk will tell
                self._slots = 2 * max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic()
        return self._slots

    def submit(self, function: CellFunction, cells: Sequence[Cell]) -> Chunk:
        """Start a chunk; ``BrokenExecutor`` without a scheduler (Dask would let the chunk wait for ever)."""
        if self._client.status != "running":
            raise BrokenExecutor("the connection to the Dask scheduler is lost")
        return super().submit(function, cells)

    def restart(self, alone: bool = False) -> None:
        """Dask replaces workers; a lost scheduler is waited for as long as the client tries to connect."""
        del alone
        while self._client.status == "connecting":
            time.sleep(0.1)
        if self._client.status != "running":
            raise EngineBroken("the Dask scheduler is gone; finished cells are kept: run again with another one")

    def close(self, kill: bool) -> None:
        """Cancel what has not finished and leave the cluster running."""
        super().close(kill)
        if self._owned:
            self._client.close()


def make_engine(jobs: int, executor: Executor | str | None) -> Engine:
    """The engine for ``run``'s arguments: ``jobs`` local processes (1: in process), an executor, or a Dask address."""
    jobs = check_integer("jobs", jobs, minimum=1)
    if executor is None:
        return InProcess() if jobs == 1 else LocalProcesses(jobs)
    if isinstance(executor, str):
        return DaskCluster.at(executor)
    if not isinstance(executor, Executor):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"executor must be a concurrent.futures.Executor or a Dask address, got {type(executor).__name__}; "
            "for a Dask client pass client.get_executor()"
        )
    if type(executor).__module__.startswith("distributed."):
        return DaskCluster(executor, getattr(executor, "_client"), owned=False)  # noqa: B009
    workers = getattr(executor, "_max_workers", 0) or getattr(executor, "num_workers", 0) or jobs  # the latter: MPI
    return AnyExecutor(executor, 2 * int(workers))
