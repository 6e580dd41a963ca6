"""Audit of shipped tables: a random cell computed again must agree with what the table says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linmem.checks import check_generator
from linmem.figures.module import compute_cell, grid, load, shipped, table_owner
from linmem.provenance import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Audit:
    """A cell of a shipped table beside the same cell computed now."""

    parameters: Mapping[str, Any]
    shipped: pd.DataFrame
    fresh: pd.DataFrame
    agrees: bool


def audit(name: str, rng: np.random.Generator | int, limit_seconds: float = 20.0) -> Audit:
    """Compute one random cell of a shipped table again.

    Parameters
    ----------
    name : one of :func:`names`.
    rng : seed or generator that picks the cell.
    limit_seconds : only cells that took at most this long are picked from (or the fastest, if none did).

    Raises
    ------
    ValueError : if the shipped table was made from another grid than the figure has now.
    """
    import pandas as pd

    table, facts = read_table(shipped(name))
    cells = list(grid(name, str(facts["scale"])))
    seconds = np.array(facts["cell_seconds"], dtype=float)
    if len(cells) != len(seconds):
        raise ValueError(
            f"the shipped table of {name} has {len(seconds)} cells, its grid has {len(cells)}; "
            f"make it again with `linmem figures {name} --scale {facts['scale']}`"
        )
    cheap = np.flatnonzero(seconds <= max(limit_seconds, float(seconds.min())))
    parameters = cells[int(check_generator("rng", rng).choice(cheap))]
    fresh = pd.DataFrame(compute_cell(name, parameters, int(str(facts["seed"]))))
    kept = {key: value for key, value in parameters.items() if key in table}
    rows = table[np.logical_and.reduce([table[key] == value for key, value in kept.items()])] if kept else table
    agree = getattr(load(table_owner(name)), "agree", tables_agree)
    return Audit(parameters, rows.reset_index(drop=True), fresh, bool(agree(rows.reset_index(drop=True), fresh)))


def tables_agree(shipped: pd.DataFrame, fresh: pd.DataFrame, rtol: float = 1e-6) -> bool:
    """Whether two tables have the same rows, numbers up to ``rtol`` (relative).

    A figure of random quantities defines ``agree(shipped, fresh)`` of its own, which compares them as statistics.
    """
    if list(shipped.columns) != list(fresh.columns) or len(shipped) != len(fresh):
        return False
    numbers = shipped.select_dtypes("number").columns
    others = shipped.columns.difference(numbers)
    close = np.allclose(shipped[numbers], fresh[numbers].to_numpy(), rtol=rtol, atol=0.0, equal_nan=True)
    return close and bool((shipped[others] == fresh[others].to_numpy()).all(axis=None))
