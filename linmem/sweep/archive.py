"""A whole store as one Parquet file, and back: the rows as they are, provenance in the schema metadata."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from linmem.provenance import read_table, write_table
from linmem.sweep.store import FORMAT, Record, Store, writing

_COLUMNS = ("key", "parameters", "seed", "status", "result", "error", "provenance")
_TIMES = ("wall_seconds", "cpu_seconds")


def export_store(store: str | Path, path: str | Path, times: bool = True) -> Path:
    """Write all cells of a store to a Parquet file, sorted by key.

    Parameters
    ----------
    store : an existing store.
    path : the file to write (replaced at once).
    times : include the wall and CPU time of each cell. Without them, equal results give equal bytes.

    Raises
    ------
    StoreError : for a store that cannot be read.
    """
    import pandas as pd

    with Store(store) as source:
        records = source.records()
        meta = {**source.meta}
    rows = [dict(zip(_COLUMNS, record.values, strict=True)) for record in records]
    facts: dict[str, object] = {"sweep": meta}
    if records:
        facts |= {name: value for name, value in json.loads(records[0].provenance).items() if name not in _TIMES}
    for row in rows:
        entry = json.loads(str(row["provenance"]))
        row["provenance"] = json.dumps({k: v for k, v in entry.items() if times or k not in _TIMES}, sort_keys=True)
    target = Path(path)
    partial = target.with_name(target.name + ".part")
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    table["seed"] = table["seed"].astype("int64")
    write_table(partial, table, facts)
    os.replace(partial, target)
    return target


def import_store(path: str | Path, store: str | Path) -> int:
    """Add the cells of an exported file to a store (made if needed); return how many. Cells it holds are kept.

    Raises
    ------
    ValueError : for a file that is no export of a store.
    StoreError : if the store is of another cell or version.
    """
    table, facts = read_table(Path(path))
    meta = facts.get("sweep")
    if not isinstance(meta, dict) or meta.get("format") != FORMAT or list(table.columns) != list(_COLUMNS):
        raise ValueError(f"{str(path)!r} is no export of a sweep's store; make one with `linmem sweep export`")
    records = [Record(*row) for row in table.itertuples(index=False, name=None)]
    timed = [record if _timed(record) else _with_times(record) for record in records]
    with writing(store), Store(store, str(meta["cell"]), str(meta["version"])) as target:
        known = target.keys()
        added = [record for record in timed if record.key not in known]
        target.save(added)
    return len(added)


def _timed(record: Record) -> bool:
    return _TIMES[0] in json.loads(record.provenance)


def _with_times(record: Record) -> Record:
    entry = {**json.loads(record.provenance), **dict.fromkeys(_TIMES, 0.0)}
    return replace(record, provenance=json.dumps(entry, sort_keys=True))
