"""Running a sweep: every cell of a grid once, resumed from its store, on any engine."""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from linmem.checks import check_integer
from linmem.provenance import provenance
from linmem.sweep.codec import cell_key, cell_seed, decode_rows
from linmem.sweep.driver import drive
from linmem.sweep.engines import make_engine
from linmem.sweep.grid import Grid
from linmem.sweep.progress import display
from linmem.sweep.store import MEMORY, Progress, Record, Store, make_record, now, writing
from linmem.sweep.worker import Cell, CellFunction, Outcome

if TYPE_CHECKING:
    import pandas as pd


class CellsFailed(RuntimeError):
    """Some cells raised an exception or lost their worker twice. The rest went on and is kept.

    Attributes
    ----------
    failures : (parameters, traceback) of each failed cell.
    table : the table of the cells that are done.
    """

    def __init__(self, message: str, failures: list[tuple[dict[str, object], str]], table: pd.DataFrame) -> None:
        super().__init__(message)
        self.failures, self.table = failures, table


def run(
    cell: CellFunction,
    grid: Grid | Iterable[Mapping[str, object]],
    store: str | Path | None = None,
    jobs: int = 1,
    executor: Executor | str | None = None,
    progress: bool = True,
    *,
    seed: int = 0,
    name: str | None = None,
    version: str = "1",
    fresh: bool = False,
    retry_failed: bool = False,
    fingerprint: str | None = None,
    include_parameters: bool = True,
) -> pd.DataFrame:
    """Compute every cell of a grid that the store does not hold yet, and return the table of all.

    Parameters
    ----------
    cell : importable function ``cell(seed=..., **parameters)`` that returns a flat dict of scalars and arrays, or a
        list of such dicts (several rows). Its result must depend on its arguments alone.
    grid : :class:`Grid` or an iterable of parameter dicts.
    store : file that keeps finished cells; None keeps them in memory. A store that exists is resumed.
    jobs : local worker processes; 1 computes in this process.
    executor : any ``concurrent.futures.Executor``, or the address ``tcp://...`` of a Dask scheduler, instead of jobs.
    progress : show a bar (only ever on a terminal).
    seed : root seed; the seed of a cell follows from it, the cell's name and its parameters.
    name : name of the cell function in the store (default: its module and name).
    version : version of the cell function; change it when results change, and old stores are refused.
    fingerprint : text that changes with the code of the cell (default: a digest of its source). A store that holds
        cells with another one is resumed with a warning.
    fresh : forget what the store holds.
    retry_failed : compute failed cells again.
    include_parameters : whether the table has the parameters as columns, before the results.

    Returns
    -------
    Data frame with a row per cell (or per row that a cell returned) in the order of the grid: parameters, then results.
    ``attrs["cell_seconds"]`` holds the wall time of each cell.

    Raises
    ------
    CellsFailed : once all other cells are through, if cells failed.
    StoreError : for a store that is damaged, foreign, of another cell or version, in use, or cannot be written to.
    EngineBroken : if the caller's executor broke.

    Warns
    -----
    CellChangedWarning : if finished cells were computed by another text of the cell function.

    Cost, besides the cells themselves: about half a second to start local processes, then below 2 ms per cell
    (``benchmarks/sweeps.py``).

    >>> from linmem.sweep import Grid
    >>> run(lambda seed, a, b: {"sum": a + b}, Grid(a=[1, 2], b=[10]), name="adder")["sum"].tolist()
    [11, 12]
    """
    cells = Grid.of(grid)
    seed = check_integer("seed", seed, minimum=0)
    label = name or _name(cell)
    todo = [Cell(cell_key(label, version, seed, p), p, cell_seed(label, p, seed)) for p in cells]
    path = store or MEMORY
    with (
        writing(path),
        closing(Store(path, label, version, check=not fresh)) as kept,
        display(progress, label) as shown,
    ):
        if fresh:
            kept.reset(label, version)
        before = {record.key: record for record in kept.records()}
        known = {key: record.status for key, record in before.items()}
        mark = source_digest(cell) if fingerprint is None else fingerprint
        _warn_if_changed([before[item.key] for item in todo if known.get(item.key) == "done"], mark, kept.path)
        state = _State(kept, [known.get(item.key) for item in todo], retry_failed, mark)
        shown.show(state.progress())

        def save(outcomes: list[Outcome]) -> None:
            kept.save(state.records(outcomes), state.progress())
            shown.show(state.progress())

        left = [item for item in todo if known.get(item.key) is None or (retry_failed and known[item.key] == "failed")]
        drive(cell, left, make_engine(jobs, executor), save)
        kept.save([], state.progress(finished=True))
        return _table(todo, kept.records([item.key for item in todo]), include_parameters)


class _State:
    """Counts of a run, and the records that its outcomes become."""

    def __init__(self, store: Store, statuses: list[str | None], retry_failed: bool, fingerprint: str) -> None:
        self._total = len(statuses)
        self._done = statuses.count("done")
        self._failed = 0 if retry_failed else statuses.count("failed")
        self._before, self._started = self._done + self._failed, now()
        self._facts = {**provenance(), "fingerprint": fingerprint} if store.path != MEMORY else {}

    def records(self, outcomes: list[Outcome]) -> list[Record]:
        made: list[Record] = []
        for outcome in outcomes:
            times = {"wall_seconds": round(outcome.wall_seconds, 6), "cpu_seconds": round(outcome.cpu_seconds, 6)}
            item = outcome.cell
            facts = {**self._facts, **times}
            made.append(make_record(item.key, item.parameters, item.seed, outcome.result, outcome.error, facts))
        failed = sum(record.status == "failed" for record in made)
        self._failed += failed
        self._done += len(made) - failed
        return made

    def progress(self, finished: bool = False) -> Progress:
        return Progress(self._total, self._before, self._done, self._failed, self._started, now(), finished)


class CellChangedWarning(UserWarning):
    """The code of a cell function is not the one that computed the finished cells of a store."""


def source_digest(function: CellFunction) -> str:
    """Digest of a function's source text, empty where there is none (built-ins, partial functions)."""
    try:
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        return ""


def _warn_if_changed(done: list[Record], fingerprint: str, path: str) -> None:
    if not fingerprint or path == MEMORY:
        return
    marks = [json.loads(record.provenance).get("fingerprint", "") for record in done]
    other = sum(mark not in ("", fingerprint) for mark in marks)
    if other:
        warnings.warn(
            CellChangedWarning(
                f"{other} finished cells in {path} were computed by another text of the cell function; if its results "
                "have changed, change its version or start afresh (fresh=True, --fresh)"
            ),
            stacklevel=3,
        )


def _name(cell: CellFunction) -> str:
    module, name = getattr(cell, "__module__", None), getattr(cell, "__qualname__", None)
    if not module or not name or "<" in name:
        raise ValueError(f"cell must be an importable function or come with a name, got {cell!r}; pass name='...'")
    return f"{module}.{name}"


def _table(cells: list[Cell], records: list[Record], parameters: bool) -> pd.DataFrame:
    import pandas as pd

    rows: list[dict[str, object]] = []
    seconds: list[float] = []
    failures: list[tuple[dict[str, object], str]] = []
    found = {record.key: record for record in records}
    for cell in cells:
        record = found[cell.key]
        if record.status == "failed":
            failures.append((cell.parameters, record.error))
            continue
        seconds.append(json.loads(record.provenance)["wall_seconds"])
        shown = cell.parameters if parameters else {}
        for row in decode_rows(record.result):
            clash = [name for name in row.keys() & shown.keys() if not _same(row[name], shown[name])]
            if clash:
                raise ValueError(f"results must not change a parameter, got another {clash[0]!r}; rename the result")
            rows.append({**shown, **row})
    table = pd.DataFrame(rows)
    table.attrs["cell_seconds"] = seconds
    if failures:
        first, error = failures[0]
        raise CellsFailed(
            f"{len(failures)} of {len(cells)} cells failed, first {first}: {error.strip().splitlines()[-1]}; the "
            "rest is kept: mend the cell and run again with retry_failed=True (--retry-failed)",
            failures,
            table,
        )
    return table


def _same(result: object, parameter: object) -> bool:
    return type(result) is type(parameter) and result == parameter
