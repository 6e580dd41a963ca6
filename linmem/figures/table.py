"""Tables of figures: computed as a resumable sweep, written with their provenance, drawn."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from linmem.checks import check_choice, check_folder
from linmem.figures.drawing import save
from linmem.figures.module import SCALES, compute_rows, draw, grid, load, shipped, table_owner
from linmem.parallel import available_cores
from linmem.provenance import provenance, read_table, write_table
from linmem.sweep import run, source_digest

if TYPE_CHECKING:
    import pandas as pd


def compute(
    name: str,
    scale: str = "quick",
    seed: int = 0,
    jobs: int | None = None,
    executor: Executor | str | None = None,
    store: str | Path | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
) -> pd.DataFrame:
    """Compute a figure's table; ``table.attrs["cell_seconds"]`` holds the wall time of each cell.

    Parameters
    ----------
    name : one of :func:`names`; the table is that of :func:`table_owner`.
    scale : "quick", "reduced" or "paper", see :func:`linmem.figures.module.grid`.
    seed : non-negative integer; the table depends on it and the grid alone, not on where it is computed.
    jobs : worker processes (default: the available cores; 1: in this process).
    executor, store, fresh, retry_failed : as in :func:`linmem.sweep.run`.

    Raises
    ------
    What :func:`linmem.sweep.run` raises.
    """
    owner = table_owner(name)
    return run(
        partial(compute_rows, owner),
        grid(owner, scale),
        store,
        jobs or available_cores(),
        executor,
        seed=seed,
        name=owner,
        version=str(getattr(load(owner), "VERSION", "1")),
        fingerprint=source_digest(load(owner).cell),
        fresh=fresh,
        retry_failed=retry_failed,
        include_parameters=False,
    )


def store_path(name: str, folder: str | Path, scale: str, seed: int) -> Path:
    """Where :func:`make` keeps the finished cells of a figure: one file for all that draw the same table."""
    return Path(folder) / f"{table_owner(name)}-{scale}-{seed}.sweep"


def make(
    name: str,
    folder: str | Path = "paper_figures/out",
    scale: str | None = None,
    seed: int = 0,
    jobs: int | None = None,
    executor: Executor | str | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
) -> list[Path]:
    """Draw a figure into ``folder``: from its shipped table, or from one computed now where ``scale`` is given.

    Finished cells are kept in :func:`store_path`, so that an interrupted computation goes on where it stopped.

    Returns the files written: the table with its provenance (Parquet, named after its owner; only when computed), PDF
    and PNG.
    """
    target = check_folder("folder", folder)
    source = shipped(name)
    if scale is None and source.is_file():
        table, _ = read_table(source)
        return save(draw(name, table), target, name)
    scale = check_choice("scale", scale or "quick", SCALES)
    start = time.perf_counter()
    kept = store_path(name, target, scale, seed)
    table = compute(name, scale, seed, jobs, executor, kept, fresh, retry_failed)
    path = target / f"{table_owner(name)}.parquet"
    facts: dict[str, object] = {"figure": table_owner(name), "scale": scale, "seed": seed}
    facts["wall_seconds"] = round(time.perf_counter() - start, 3)
    facts["cell_seconds"] = [round(seconds, 3) for seconds in table.attrs["cell_seconds"]]
    table.attrs.clear()  # they are in the provenance; pandas would write them a second time
    write_table(path, table, {**provenance(), **facts})
    return [path, *save(draw(name, table), target, name)]
