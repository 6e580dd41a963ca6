"""Sweeps: every cell of a grid once, resumable, on one laptop or a cluster.

>>> from linmem.sweep import Grid, run
>>> table = run(lambda seed, x: {"square": x * x}, Grid(x=[1, 2, 3]), name="squares")
>>> table["square"].tolist()
[1, 4, 9]
"""

from linmem.sweep.archive import export_store, import_store
from linmem.sweep.codec import cell_seed
from linmem.sweep.engines import EngineBroken
from linmem.sweep.grid import Grid
from linmem.sweep.run import CellChangedWarning, CellsFailed, run, source_digest
from linmem.sweep.store import Progress, Record, Store, StoreError

__all__ = [
    "CellChangedWarning",
    "CellsFailed",
    "EngineBroken",
    "Grid",
    "Progress",
    "Record",
    "Store",
    "StoreError",
    "cell_seed",
    "export_store",
    "import_store",
    "run",
    "source_digest",
]
