"""linmem.sweep.run against joblib and Dask: overhead per cell and cells per second, on the same cells.

Cells sleep for 0, 1 or 20 ms and return two numbers (sleeping, not computing: they cost no core, so that what is left
over is the machinery). Every way computes the same cells once, on two workers (or in this process):

- ``linmem``: ``run(cell, grid, store=FILE, jobs=2)``; ``linmem, in process``: the same with ``jobs=1``;
- ``joblib``: a ``joblib.Memory`` of a new folder inside ``joblib.Parallel(n_jobs=2)`` (loky);
- ``dask``: ``client.map`` and ``client.gather`` on a ``LocalCluster`` of two processes of one thread each.

Overhead is wall time less the time that the cells themselves take on that many workers, divided by the number of cells.
linmem starts its worker processes anew in every call, and that is inside its times; joblib reuses those of an earlier
call and Dask's cluster stands throughout, so that their start-up is not measured. Every round runs all ways in turn, so
that a busy machine slows all; medians are shown.

What the others do not do: joblib.Memory keeps results as one pickle per cell in a folder of its own, without a
transaction or checksum, and an exception or a dead worker ends the whole call; plain Dask keeps nothing once the client
is gone. What they do better: joblib.Memory takes any argument and result that pickles and notices changes of the
function's source; Dask runs graphs of dependent tasks and moves large data between workers.

Run ``python benchmarks/sweeps.py``; nothing is written unless ``--json FILE`` is given.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from linmem.sweep import Grid, run

SIZES = ((0.0, 2000), (0.001, 1000), (0.020, 500))  # seconds that a cell sleeps, number of cells
WORKERS = 2


def cell(seed: int, x: int, pause: float) -> dict[str, float]:
    """Sleep, and return two numbers."""
    if pause:
        time.sleep(pause)
    return {"square": float(x * x), "seed": float(seed)}


def timed_cell(x: int, pause: float) -> tuple[dict[str, float], float]:
    """A cell and its wall time, as joblib and Dask see it."""
    start = time.perf_counter()
    result = cell(0, x, pause)
    return result, time.perf_counter() - start


def by_linmem(jobs: int, pause: float, count: int, folder: Path) -> float:
    """Seconds inside the cells, computed by linmem into a new store."""
    grid = Grid(x=range(count), pause=[pause])
    table = run(cell, grid, folder / "store.db", jobs=jobs, name="cell", progress=False)
    assert len(table) == count
    return sum(table.attrs["cell_seconds"])


def by_joblib(pause: float, count: int, folder: Path) -> float:
    """Seconds inside the cells, computed by joblib into a new folder."""
    from joblib import Memory, Parallel, delayed

    kept: Callable[..., Any] = Memory(folder, verbose=0).cache(timed_cell)
    results = Parallel(n_jobs=WORKERS)(delayed(kept)(x, pause) for x in range(count))
    return sum(seconds for _, seconds in results)


def by_dask(client: Any, pause: float, count: int) -> float:
    """Seconds inside the cells, computed on a Dask cluster and gathered."""
    futures = client.map(timed_cell, range(count), [pause] * count, pure=False)
    return sum(seconds for _, seconds in client.gather(futures))


def measure(client: Any, pause: float, count: int, rounds: int) -> list[dict[str, float | str]]:
    """One row per way: medians over ``rounds`` interleaved rounds."""
    ways: dict[str, tuple[int, Callable[[Path], float]]] = {
        "linmem": (WORKERS, lambda folder: by_linmem(WORKERS, pause, count, folder)),
        "linmem, in process": (1, lambda folder: by_linmem(1, pause, count, folder)),
        "joblib": (WORKERS, lambda folder: by_joblib(pause, count, folder)),
        "dask": (WORKERS, lambda folder: by_dask(client, pause, count)),  # noqa: ARG005
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, (workers, compute) in ways.items():
            with tempfile.TemporaryDirectory(prefix="linmem-sweeps-") as folder:
                start = time.perf_counter()
                inside = compute(Path(folder))
                wall = time.perf_counter() - start
            found[way].append(((wall - inside / workers) / count, count / wall))
    rows: list[dict[str, float | str]] = []
    for way, pairs in found.items():
        overhead, rate = np.median(np.array(pairs[1:]), axis=0)  # the first round warms up
        rows.append(
            {
                "cell_ms": 1e3 * pause,
                "cells": count,
                "way": way,
                "overhead_ms": 1e3 * float(overhead),
                "cells_per_second": float(rate),
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> list[dict[str, float | str]]:
    """Measure all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds must be >= 1, got {options.rounds}; pass 1 or more")
    from distributed import Client, LocalCluster

    rows: list[dict[str, float | str]] = []
    with (
        tempfile.TemporaryDirectory(prefix="linmem-sweeps-") as scratch,
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            local_directory=scratch,
        ) as cluster,
        Client(cluster) as client,
    ):
        print("cell [ms]  cells   way                  overhead [ms/cell]   cells/s")
        for pause, count in SIZES:
            for row in measure(client, pause, count, options.rounds):
                rows.append(row)
                print(
                    f"{row['cell_ms']:9.0f} {row['cells']:6d}   {row['way']:18s} {row['overhead_ms']:20.3f}"
                    f" {row['cells_per_second']:9.0f}",
                    flush=True,
                )
    if options.json:
        options.json.write_text(json.dumps({"benchmark": "sweeps", "rounds": options.rounds, "rows": rows}, indent=2))
    return rows


if __name__ == "__main__":
    main()
