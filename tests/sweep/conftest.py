"""Sweeps in processes of their own, which tests may kill: a script, and cells in a module beside it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from processes import heed_interrupts

import linmem

CELLS = """
import os, signal, time

def brief(seed, k, seconds=0.004):
    time.sleep(seconds)
    return {"root": k ** 0.5, "draw": seed % 97}

def gated(seed, k):
    while k >= 400 and not os.path.exists(os.environ["GATE"]):
        time.sleep(0.01)
    return brief(seed, k, 0.015)

def endless(seed, k):
    if k >= 40:
        time.sleep(600)
    return brief(seed, k)

def logged(seed, k):
    time.sleep(0.02)
    with open("finished", "a") as log:
        log.write(f"{k} {os.getpid()}\\n")
    return {"double": 2 * k}

def wide(seed, k):
    return {"text": str(k % 10) * 20_000}
"""
SCRIPT = """
import json, os, sys

if __name__ == "__main__":
    import toycells
    from linmem.sweep import CellsFailed, Grid, StoreError, run

    options = json.loads(sys.argv[1])
    if "gate" in options:
        os.environ["GATE"] = options.pop("gate")
    if "grace" in options:
        from linmem.sweep import driver
        driver._GRACE_SECONDS = options.pop("grace")
    if "largest_file" in options:
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.pop("largest_file"), resource.RLIM_INFINITY))
    if "user" in options:
        from linmem.provenance import provenance
        provenance(), run(toycells.brief, Grid(k=[0]))  # imports that the user may not be allowed to make
        os.setuid(options.pop("user"))
    cell = getattr(toycells, options.pop("cell"))
    try:
        table = run(cell, Grid(k=range(options.pop("cells"))), progress=False, **options)
    except (StoreError, CellsFailed) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(len(table))
"""


PATIENCE = 300.0  # s: ends a test that hangs, and decides nothing else


class Sweeps:
    """A folder with the script; its sweeps are child processes that do not outlive the test.

    The cells ``gated`` wait from the 400th on until there is a file at the path ``gate``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children = []
        (folder / "toycells.py").write_text(CELLS)
        (folder / "sweep.py").write_text(SCRIPT)

    def start(self, store, cell="brief", cells=500, jobs=1, **options):
        paths = [str(self.folder), str(Path(linmem.__file__).parent.parent)]
        options = {"store": str(store), "cell": cell, "cells": cells, "jobs": jobs, **options}
        child = subprocess.Popen(
            [sys.executable, "-B", str(self.folder / "sweep.py"), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            start_new_session=True,
            preexec_fn=heed_interrupts,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._children.append(child)
        return child

    def end(self, *arguments, **options):
        """Exit code, output and error text of a sweep that runs to its end."""
        child = self.start(*arguments, **options)
        out, err = child.communicate(timeout=PATIENCE)
        return child.returncode, out, err

    def clean_up(self):
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.communicate()


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    made = Sweeps(tmp_path_factory.mktemp("sweeps"))
    yield made
    made.clean_up()


@pytest.fixture(scope="session")
def count():
    """Number of cells in a store that another process may be writing; 0 before there is one."""

    def cells_in(store):
        try:
            with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)) as db:
                return db.execute("SELECT count(*) FROM cells").fetchone()[0]
        except sqlite3.Error:
            return 0

    return cells_in


@pytest.fixture(scope="session")
def patience():
    """Seconds to wait for what must happen at last, however busy the machine."""
    return PATIENCE


@pytest.fixture(scope="session")
def until():
    """Wait for a condition; return the seconds that it took."""

    def wait(condition):
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < PATIENCE, "waited in vain"
            time.sleep(0.01)
        return time.monotonic() - start

    return wait
