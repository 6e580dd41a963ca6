"""The store of a sweep: one SQLite file, one transaction per chunk of finished cells, a checksum per row.

Whatever happens to the process, a row is either complete in the file or not there. One run at a time writes (a lock
file beside the store is released by the system when its process dies); readers may look at any time.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from linmem.sweep.codec import canonical, checksum

FORMAT = "linmem-sweep-1"
MEMORY = ":memory:"
_APPLICATION = 0x6C6D7377  # "lmsw", in the file's header
_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE cells (
    key TEXT PRIMARY KEY, parameters TEXT NOT NULL, seed INTEGER NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL,
    error TEXT NOT NULL, provenance TEXT NOT NULL, checksum TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE progress (id INTEGER PRIMARY KEY, total INTEGER, before INTEGER, done INTEGER, failed INTEGER,
    started REAL, updated REAL, finished INTEGER)""",
)
_COLUMNS = ("key", "parameters", "seed", "status", "result", "error", "provenance")
_INSERT = "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class StoreError(RuntimeError):
    """A store that cannot be used; the message says what is wrong, what is safe, and what to do."""


@dataclass(frozen=True)
class Record:
    """One cell in the store: ``status`` is "done" or "failed", texts as :mod:`linmem.sweep.codec` writes them."""

    key: str
    parameters: str
    seed: int
    status: str
    result: str
    error: str
    provenance: str

    @property
    def values(self) -> tuple[object, ...]:
        """The columns in the order of the table."""
        return tuple(getattr(self, column) for column in _COLUMNS)


@dataclass(frozen=True)
class Progress:
    """State of the latest run on a store: cells in all, finished before it, done and failed now, times in s."""

    total: int
    before: int
    done: int
    failed: int
    started: float
    updated: float
    finished: bool

    @property
    def rate(self) -> float:
        """Cells per second of this run."""
        passed = self.updated - self.started
        return (self.done + self.failed - self.before) / passed if passed > 0 else 0.0

    @property
    def remaining_seconds(self) -> float | None:
        """Estimated time to the end, None before the first cell."""
        left = self.total - self.done - self.failed
        return left / self.rate if self.rate > 0 else None


@contextmanager
def writing(path: str | Path) -> Generator[None]:
    """Hold the store at ``path`` for one run; ``StoreError`` if another run holds it or its folder is not writable."""
    if str(path) == MEMORY:
        yield
        return
    lock = FileLock(f"{path}.lock")
    try:
        if not os.path.isdir(Path(path).parent):  # the lock would make it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(
            f"{path} is in use by another run; wait for it, or watch it with `linmem sweep status {path}`"
        ) from None
    except OSError as error:
        raise StoreError(
            f"{path} could not be locked ({error.strerror}): its folder must exist and be writable; choose another path"
        ) from error
    try:
        yield
    finally:
        lock.release()


class Store:
    """Open or create the store of one cell function (``":memory:"`` keeps it in memory).

    Parameters
    ----------
    path : the SQLite file; its folder must exist.
    cell, version : name and version of the cell function; None takes what the file says (it must exist then).
    check : refuse a store of another cell or version.

    Raises
    ------
    StoreError : for a file that is no store, damaged, of another cell or version, or that cannot be opened.
    """

    def __init__(
        self, path: str | Path, cell: str | None = None, version: str | None = None, check: bool = True
    ) -> None:
        self.path = str(path)
        if cell is None and not os.path.exists(self.path):
            raise StoreError(f"{path} does not exist; name the store of a sweep that has been started")
        with self._errors("opened"):
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
        try:
            self._open(cell, version, check)
        except BaseException:
            self._db.close()
            raise

    def _open(self, cell: str | None, version: str | None, check: bool) -> None:
        self._db.text_factory = _text
        with self._errors("opened"):
            if self._is_empty():
                if cell is None:
                    raise StoreError(f"{self.path} is empty; name the store of a sweep that has been started")
                self._create(cell, str(version))
            self._check_format()
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
        if check:
            self._check_cell(cell, version)

    def _is_empty(self) -> bool:
        [pages] = self._db.execute("PRAGMA page_count").fetchone()
        return pages == 0 and (self.path == MEMORY or os.path.getsize(self.path) == 0)

    def _create(self, cell: str, version: str) -> None:
        facts = {"format": FORMAT, "cell": cell, "version": version}
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
        self._db.execute("COMMIT")

    def _check_format(self) -> None:
        [application] = self._db.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION:
            raise StoreError(f"{self.path} is an SQLite file of another program; choose another path for the store")
        [verdict] = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreError(f"{self.path} is damaged ({verdict}); restore a copy, or start afresh with another path")
        self.meta: dict[str, str] = dict(self._db.execute("SELECT name, value FROM meta"))
        if self.meta.get("format") != FORMAT:
            raise StoreError(
                f"{self.path} has format {self.meta.get('format')!r}, this is {FORMAT!r}; use the linmem that wrote it"
            )

    def _check_cell(self, cell: str | None, version: str | None) -> None:
        for name, wanted in (("cell", cell), ("version", version)):
            held = self.meta.get(name)
            if wanted is not None and held != wanted:
                raise StoreError(
                    f"{self.path} holds {name} {held!r}, this sweep is {name} {wanted!r}; their results do "
                    "not mix: use another store, or start afresh (fresh=True, --fresh)"
                )

    @contextmanager
    def _errors(self, verb: str) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "full" in text:
                fix = "the disk is full; everything written before is safe: free some space and run the sweep again"
            elif "readonly" in text or "unable to open" in text:
                fix = "the folder must exist and be writable: choose another path or change its permissions"
            elif "locked" in text:
                fix = "another program holds it; wait for it to finish"
            else:
                fix = "the file is damaged or no store: restore a copy, or choose another path"
            raise StoreError(f"{self.path} could not be {verb} ({text}): {fix}") from error

    def save(self, records: Iterable[Record], progress: Progress | None = None) -> None:
        """Write records (replacing those of the same key) and the progress of the run, in one transaction."""
        rows = [(*record.values, checksum(*record.values)) for record in records]
        with self._errors("written to"), self._transaction():
            self._db.executemany(_INSERT, rows)
            if progress:
                values = (*vars(progress).values(),)
                self._db.execute("INSERT OR REPLACE INTO progress VALUES (1, ?, ?, ?, ?, ?, ?, ?)", values)

    def keys(self) -> dict[str, str]:
        """Status of every stored cell by key."""
        with self._errors("read"):
            return dict(self._db.execute("SELECT key, status FROM cells"))

    def records(self, keys: Sequence[str] | None = None) -> list[Record]:
        """Records, those of ``keys`` in their order or all by key, each checked against its checksum."""
        with self._errors("read"):
            rows = self._db.execute(f"SELECT {', '.join(_COLUMNS)}, checksum FROM cells ORDER BY key").fetchall()
        found = {row[0]: row for row in rows}
        chosen = found.values() if keys is None else [found[key] for key in keys if key in found]
        damaged = [str(row[0]) for row in chosen if checksum(*row[:-1]) != row[-1]]
        if damaged:
            raise StoreError(
                f"{self.path}: {len(damaged)} of {len(found)} rows are damaged (their checksums differ), first "
                f"{damaged[0]}; remove them with `linmem sweep check STORE --drop` and run the sweep again"
            )
        return [Record(*row[:-1]) for row in chosen]

    def drop_damaged(self) -> int:
        """Remove rows whose checksum differs, so that the next run computes them again; return how many."""
        with self._errors("written to"), self._transaction():
            rows = self._db.execute(f"SELECT {', '.join(_COLUMNS)}, checksum FROM cells").fetchall()
            good = [row for row in rows if checksum(*row[:-1]) == row[-1]]
            if len(good) < len(rows):  # all anew: a row whose key is damaged cannot be looked up
                self._db.execute("DELETE FROM cells")
                self._db.executemany(_INSERT, good)
        return len(rows) - len(good)

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def reset(self, cell: str, version: str) -> None:
        """Forget all cells, and hold those of this cell function from now on."""
        with self._errors("written to"), self._transaction():
            self._db.execute("DELETE FROM cells")
            for name, value in (("cell", cell), ("version", version)):
                self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def progress(self) -> Progress | None:
        """Progress of the latest run, None if there was none."""
        with self._errors("read"):
            row = self._db.execute(
                "SELECT total, before, done, failed, started, updated, finished FROM progress"
            ).fetchone()
        return Progress(*row[:-1], finished=bool(row[-1])) if row else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_record(
    key: str, parameters: Mapping[str, Any], seed: int, result: str, error: str, provenance: Mapping[str, Any]
) -> Record:
    """A record from a cell's outcome: failed if there is an error text, else done."""
    status = "failed" if error else "done"
    return Record(key, canonical(dict(parameters)), seed, status, result, error, json.dumps(provenance, sort_keys=True))


def _text(data: bytes) -> str:
    """A stored text; bytes that a damage made no UTF-8 are escaped, which its checksum tells."""
    return data.decode("utf-8", "backslashreplace")


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
