"""Stores that are damaged, foreign, locked, read-only or full: an error that says so, or the right table."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing

import numpy as np
import pytest

from linmem.sweep import Grid, Store, StoreError, export_store, run

GRID = Grid(k=range(40))
NOBODY = 65534


def cell(seed, k):
    return {"root": k**0.5, "seed": seed, "x": np.arange(k % 3) / 7}


def sweep(store, **options):
    return run(cell, GRID, store, name="cell", **options)


def rows(table):
    return [(*row[:3], row[3].tobytes()) for row in table.itertuples(index=False, name=None)]


@pytest.fixture(scope="module")
def right():
    return rows(sweep(None))


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    store = tmp_path_factory.mktemp("intact") / "s.db"
    sweep(store)
    return store.read_bytes()


def repaired(store):
    """The table of a store that may be damaged: dropped rows are computed again. None if the store is refused."""
    try:
        with Store(store, "cell", "1") as kept:
            kept.drop_damaged()
        return rows(sweep(store))
    except StoreError:
        return None


def put(folder, data):
    for path in folder.glob("s.db*"):
        path.unlink()
    (folder / "s.db").write_bytes(data)
    return folder / "s.db"


def test_flipped_bits_anywhere(tmp_path, intact, right):
    """A run on a damaged store is refused, or gives the right table; so does one after the repair."""
    rng = random.Random(0)
    places = [*range(0, 110, 3), *(rng.randrange(len(intact)) for _ in range(110))]
    refused = 0
    for place in places:
        damaged = bytearray(intact)
        damaged[place] ^= 1 << rng.randrange(8)
        store = put(tmp_path, bytes(damaged))
        try:
            assert rows(sweep(store)) == right, place
        except StoreError:
            refused += 1
            assert repaired(put(tmp_path, bytes(damaged))) in (None, right), place
    assert 20 < refused < len(places)


def test_flipped_bits_of_a_row_are_found_and_repaired(tmp_path, intact, right):
    """Also those that make its text no UTF-8."""
    with closing(sqlite3.connect(put(tmp_path, intact))) as db:
        texts = [row[0].encode() for row in db.execute("SELECT result FROM cells")]
    rng = random.Random(1)
    for text in rng.sample(texts, 12):
        place = intact.index(text) + rng.randrange(len(text))
        damaged = bytearray(intact)
        damaged[place] ^= 1 << rng.choice([0, 1, 4, 7])
        store = put(tmp_path, bytes(damaged))
        with pytest.raises(StoreError, match=r"1 of 40 rows are damaged .*--drop"):
            sweep(store)
        with Store(store) as kept:
            assert kept.drop_damaged() == 1
            assert len(kept.keys()) == 39
            assert kept.drop_damaged() == 0
        assert rows(sweep(store)) == right


def test_truncated_stores(tmp_path, intact, right):
    for length in [0, 1, 15, 16, 100, 4095, 4096, 8192, len(intact) // 2, len(intact) - 4096, len(intact) - 1]:
        assert repaired(put(tmp_path, intact[:length])) in ([right] if length == 0 else [right, None]), length


def test_files_that_are_no_stores(tmp_path):
    foreign, text, empty = tmp_path / "foreign.db", tmp_path / "notes.txt", tmp_path / "empty.db"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    text.write_text("These are notes, and they matter.\n" * 100)
    empty.touch()
    before = foreign.read_bytes(), text.read_bytes()
    for fresh in (False, True):
        with pytest.raises(StoreError, match="of another program; choose another path"):
            sweep(foreign, fresh=fresh)
        with pytest.raises(StoreError, match=r"not a database.*: restore a copy, or choose another path"):
            sweep(text, fresh=fresh)
    assert (foreign.read_bytes(), text.read_bytes()) == before
    with pytest.raises(StoreError, match="is empty; name the store"):
        Store(empty)
    with pytest.raises(StoreError, match="does not exist; name the store"):
        Store(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    assert len(sweep(empty)) == 40


def test_stores_of_another_cell_or_version(tmp_path):
    store = tmp_path / "s.db"
    sweep(store)
    with pytest.raises(StoreError, match=r"holds cell 'cell', this sweep is cell 'other'.*--fresh"):
        run(cell, GRID, store, name="other")
    with pytest.raises(StoreError, match="holds version '1', this sweep is version '2'"):
        sweep(store, version="2")
    with Store(store) as kept:
        assert len(kept.keys()) == 40
    assert len(run(cell, Grid(k=[1]), store, name="other", version="2", fresh=True)) == 1
    with Store(store, "other", "2") as kept:
        assert len(kept.keys()) == 1
    with pytest.raises(StoreError, match="holds cell 'other'"):
        sweep(store)


def test_missing_folder(tmp_path):
    with pytest.raises(StoreError, match="its folder must exist and be writable; choose another path"):
        sweep(tmp_path / "no" / "s.db")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("what", ["folder", "store"])
def test_permission_denied(sweeps, what):
    folder = sweeps.folder / f"closed-{what}"
    folder.mkdir()
    store = folder / "s.db"
    assert sweeps.end(store, cells=5)[0] == 0
    before = store.read_bytes()
    root = os.geteuid() == 0
    if root:  # to whom nothing is denied
        for path in [sweeps.folder, *sweeps.folder.parents]:
            if not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o055)
    if what == "store":
        (folder / "s.db.lock").chmod(0o666)
    store.chmod(0o444)
    folder.chmod(0o777 if what == "store" else 0o555)
    try:
        code, _, err = sweeps.end(store, cells=6, **({"user": NOBODY} if root else {}))
    finally:
        folder.chmod(0o777)
    assert code == 1
    assert err.startswith("StoreError: ")
    assert "must exist and be writable" in err
    assert store.read_bytes() == before


def test_full_disk(sweeps, tmp_path, count):
    """Either a small disk of its own, where that may be mounted, or a limit on the size of files."""
    disk = tmp_path / "disk"
    disk.mkdir()
    store = disk / "s.db"
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    try:
        mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        options = {"cell": "wide", "cells": 200, "jobs": 2}
        code, _, err = sweeps.end(store, **options, **({} if mounted else {"largest_file": 2**21}))
        assert code == 1
        assert err.splitlines()[-1].startswith(f"StoreError: {store} could not be written to")
        if mounted:
            assert "the disk is full; everything written before is safe: free some space" in err
        kept = count(store)
        assert 10 <= kept < 200
        roomy = tmp_path / "roomy.db"
        for path in disk.glob("s.db*"):
            shutil.copy(path, tmp_path / path.name.replace("s.db", "roomy.db"))
    finally:
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)
    with Store(roomy) as before:
        assert len(before.records()) == kept
    assert sweeps.end(roomy, **options)[:2] == (0, "200\n")
    with Store(roomy) as after:
        assert len(after.records()) == 200


def test_one_run_at_a_time(sweeps, tmp_path, count, until, patience):
    """Others are turned away, readers are not; a lock goes with its process."""
    store, quiet, gate = tmp_path / "s.db", tmp_path / "quiet.db", tmp_path / "gate"
    first = sweeps.start(store, cell="gated", cells=500, gate=str(gate))
    until(lambda: count(store) > 0)
    code, _, err = sweeps.end(store, cell="gated", cells=500, gate=str(gate))
    assert code == 1
    assert f"{store} is in use by another run; wait for it, or watch it" in err
    assert first.poll() is None
    with Store(store) as reader:
        seen = len(reader.records())
        assert 0 < seen < 500
        assert reader.progress().total == 500
        export_store(store, tmp_path / "part.parquet")
        gate.touch()
        until(lambda: len(reader.records()) > seen)
    assert first.communicate(timeout=patience) == ("500\n", "")

    second = sweeps.start(quiet, cell="endless", cells=50)
    until(lambda: count(quiet) > 0)
    second.send_signal(signal.SIGKILL)
    second.communicate()
    assert sweeps.end(quiet, cell="endless", cells=40)[:2] == (0, "40\n")
