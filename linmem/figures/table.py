"""Tables of figures: computed on worker processes, written with their provenance, drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linmem.checks import check_folder, check_integer
from linmem.figures.drawing import save
from linmem.figures.module import compute_cell, draw, grid, shipped
from linmem.parallel import run_tasks
from linmem.provenance import provenance, read_table, write_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Cell:
    name: str
    seed: int
    parameters: Mapping[str, Any]


def _compute(task: _Cell) -> tuple[list[dict[str, Any]], float]:
    start = time.perf_counter()
    return compute_cell(task.name, task.parameters, task.seed), time.perf_counter() - start


def compute(
    name: str,
    scale: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Compute a figure's table on worker processes; ``table.attrs["cell_seconds"]`` holds the wall time of each cell.

    Parameters
    ----------
    name : one of :func:`names`.
    scale : "quick" or "paper".
    seed : non-negative integer; the table depends on it and the grid alone, not on ``jobs``.
    jobs : worker processes (default: the available cores).
    on_cell : called with (cells done, cells in all) as cells finish.

    Raises
    ------
    RuntimeError : if a cell fails, once the others are through.
    """
    import pandas as pd

    cells = [_Cell(name, check_integer("seed", seed, minimum=0), parameters) for parameters in grid(name, scale)]
    rows: dict[int, tuple[list[dict[str, Any]], float]] = {}
    failed: dict[int, BaseException] = {}
    for index, outcome in run_tasks(_compute, cells, jobs):
        if isinstance(outcome, BaseException):
            failed[index] = outcome
        else:
            rows[index] = outcome
        if on_cell:
            on_cell(len(rows) + len(failed), len(cells))
    if failed:
        first = min(failed)
        raise RuntimeError(
            f"{len(failed)} of {len(cells)} cells of {name} failed, first {dict(cells[first].parameters)}: "
            f"{failed[first]!r}"
        ) from failed[first]
    table = pd.DataFrame([row for index in sorted(rows) for row in rows[index][0]])
    table.attrs["cell_seconds"] = [round(rows[index][1], 3) for index in sorted(rows)]
    return table


def make(
    name: str,
    folder: str | Path = "paper_figures/out",
    scale: str | None = None,
    seed: int = 0,
    jobs: int | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Draw a figure into ``folder``: from its shipped table, or from one computed now where ``scale`` is given.

    Returns the files written: the table with its provenance (Parquet; only when computed), PDF and PNG.
    """
    target = check_folder("folder", folder)
    source = shipped(name)
    if scale is None and source.is_file():
        table, _ = read_table(source)
        return save(draw(name, table), target, name)
    scale = scale or "quick"
    start = time.perf_counter()
    table = compute(name, scale, seed, jobs, on_cell)
    path = target / f"{name}.parquet"
    wall = round(time.perf_counter() - start, 3)
    facts: dict[str, object] = {"figure": name, "scale": scale, "seed": seed, "wall_seconds": wall}
    facts["cell_seconds"] = table.attrs["cell_seconds"]
    write_table(path, table, {**provenance(), **facts})
    return [path, *save(draw(name, table), target, name)]
