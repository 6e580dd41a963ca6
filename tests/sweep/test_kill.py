"""Parents, workers and cells that die: a sweep goes on where it stopped, and ends with the bytes of a quiet run."""

import json
import os
import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from subprocess import TimeoutExpired

import psutil
import pytest

from linmem.sweep import CellsFailed, Grid, Store, export_store, run
from linmem.sweep.driver import LOST

CELLS = 500
KILLS = 20


def workers(pid):
    """The worker processes of a sweep (not the tracker beside them)."""
    try:
        return [p for p in psutil.Process(pid).children(recursive=True) if "--process-name" in p.cmdline()]
    except psutil.NoSuchProcess:
        return []


def pair(pid, found):
    """Whether a sweep has two workers at the moment; ``found`` holds those that it has."""
    found[:] = workers(pid)
    return len(found) == 2


def exported(store):
    return export_store(store, store.with_suffix(".parquet"), times=False).read_bytes()


@pytest.fixture(scope="module")
def quiet(sweeps):
    """Bytes of a sweep that nobody disturbed."""
    store = sweeps.folder / "quiet.db"
    code, out, err = sweeps.end(store, cells=CELLS)
    assert (code, out, err) == (0, f"{CELLS}\n", "")
    return exported(store)


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_killed_parents(sweeps, tmp_path, quiet, count, until, jobs):
    store, aside = tmp_path / "killed.db", tmp_path / "aside"
    aside.mkdir()
    rng = random.Random(jobs)
    seen = [0]
    startup = None
    for attempt in range(KILLS):
        child = sweeps.start(store, cells=CELLS, jobs=jobs)
        if attempt < 4:  # as soon as it gets on, so that these hit the middle of the sweep on any machine
            passed = until(lambda child=child: count(store) > seen[-1] or child.poll() is not None)
            startup = startup or passed
        else:
            with suppress(TimeoutExpired):
                child.wait(startup * rng.uniform(0.5, 1.2))
        child.kill()
        child.communicate()
        for old in aside.iterdir():
            old.unlink()
        for path in tmp_path.glob("killed.db*"):  # to count in a copy: a reader would tidy up what the kill left
            shutil.copy(path, aside)
        seen.append(count(aside / "killed.db"))
    assert seen == sorted(seen)
    assert sum(0 < cells < CELLS for cells in seen) >= 2
    code, out, err = sweeps.end(store, cells=CELLS, jobs=jobs)
    assert (code, out, err) == (0, f"{CELLS}\n", "")
    assert exported(store) == quiet


def test_killed_workers(sweeps, tmp_path, count, until, patience):
    """The pool's cells in flight (at most 70) run again one by one; the next worker dies when they are through."""
    store, other, gate = tmp_path / "killed.db", tmp_path / "quiet.db", tmp_path / "gate"
    cells, least, kills = 420, 5, 0
    calm = sweeps.start(other, cell="gated", cells=cells, jobs=2, gate=str(gate))
    child = sweeps.start(store, cell="gated", cells=cells, jobs=2, gate=str(gate))
    rng = random.Random(0)
    while least <= 300 and kills < 3:  # the gate stops the sweep at 400, or up to 70 before that
        found = []
        until(lambda least=least, found=found: count(store) >= least and pair(child.pid, found))
        with suppress(psutil.NoSuchProcess):
            rng.choice(found).kill()
            kills += 1
        least = count(store) + 100
    gate.touch()
    assert kills >= 1
    assert child.communicate(timeout=patience) == (f"{cells}\n", "")
    assert calm.communicate(timeout=patience) == (f"{cells}\n", "")
    assert exported(store) == exported(other)
    with Store(store) as kept:
        assert set(kept.keys().values()) == {"done"}


@pytest.mark.parametrize("jobs", [2, 4])
def test_workers_do_not_outlive_a_killed_parent(sweeps, tmp_path, count, until, patience, jobs):
    store = tmp_path / "orphans.db"
    child = sweeps.start(store, cell="endless", cells=60, jobs=jobs)
    until(lambda: count(store) > 0 and len(workers(child.pid)) == jobs)
    family = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.communicate()
    _, alive = psutil.wait_procs(family, timeout=patience)
    assert not alive


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt_keeps_what_is_finished(sweeps, tmp_path, count, until, patience, jobs):
    """The cells in flight sleep for longer than anybody waits here: the sweep ends without them."""
    store = tmp_path / "stopped.db"
    child = sweeps.start(store, cell="endless", cells=60, jobs=jobs)
    until(lambda: count(store) >= 5)
    time.sleep(0.5)
    before, family = count(store), psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=patience)
    assert "\nKeyboardInterrupt\n" in err  # what the pool has to say about its semaphores may follow
    assert before <= count(store) < 60
    assert not psutil.wait_procs(family, timeout=patience)[1]
    with Store(store) as kept:
        assert len(kept.records()) == count(store)  # none of them damaged
        state = kept.progress()
        assert (state.done, state.failed, state.finished) == (count(store), 0, False)


def test_interrupt_of_the_whole_group_loses_no_finished_cell(sweeps, tmp_path, count, until, patience):
    """What Ctrl-C on a terminal does: parent and workers are interrupted together. The chunks in flight may end."""
    store, log = tmp_path / "group.db", sweeps.folder / "finished"
    log.unlink(missing_ok=True)

    def finished():
        return [tuple(map(int, line.split())) for line in log.read_text().splitlines()]

    child = sweeps.start(store, cell="logged", cells=2000, jobs=2, grace=patience)
    until(lambda: count(store) >= 50 and len({worker for _, worker in finished()}) == 2)  # both have started
    os.killpg(child.pid, signal.SIGINT)
    _, err = child.communicate(timeout=2 * patience)
    assert "\nKeyboardInterrupt\n" in err  # what the pool has to say about its semaphores may follow
    with Store(store) as kept:
        saved = {json.loads(record.parameters)["k"] for record in kept.records()}
    assert 50 <= len(saved) < 2000
    assert {k for k, _ in finished()} == saved


def deadly(seed, k, mark):
    if k == 7 or (k == 3 and not os.path.exists(mark)):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"double": 2 * k}


def test_only_the_cell_that_kills_its_worker_is_given_up(tmp_path):
    """Cell 3 dies once and is done, cell 7 dies always."""
    grid = Grid(k=range(16), mark=[str(tmp_path / "mark")])
    with pytest.raises(CellsFailed, match=r"1 of 16 cells failed, first \{'k': 7.*died twice") as caught:
        run(deadly, grid, tmp_path / "deadly.db", jobs=2)
    [(parameters, error)] = caught.value.failures
    assert (parameters["k"], error) == (7, LOST)
    assert caught.value.table["k"].tolist() == [k for k in range(16) if k != 7]
    assert caught.value.table["double"].tolist() == [2 * k for k in range(16) if k != 7]


def fragile(seed, k, flag, log):
    with open(log, "a") as file:
        file.write(f"{k}\n")
    if k % 5 == 2 and not os.path.exists(flag):
        raise ZeroDivisionError(f"cell {k}")
    return {"triple": 3 * k}


@pytest.mark.parametrize("jobs", [1, 2])
def test_failed_cells_are_kept_with_their_traceback_and_tried_again_on_demand(tmp_path, jobs):
    store, flag, log = tmp_path / "fragile.db", tmp_path / "flag", tmp_path / "log"
    grid = Grid(k=range(20), flag=[str(flag)], log=[str(log)])

    def computed():
        numbers = sorted(map(int, log.read_text().split())) if log.exists() else []
        log.unlink(missing_ok=True)
        return numbers

    with pytest.raises(CellsFailed, match="4 of 20 cells failed") as caught:
        run(fragile, grid, store, jobs=jobs)
    assert computed() == list(range(20))
    assert [parameters["k"] for parameters, _ in caught.value.failures] == [2, 7, 12, 17]
    assert "in fragile" in caught.value.failures[0][1]
    assert caught.value.failures[0][1].endswith("ZeroDivisionError: cell 2\n")
    assert len(caught.value.table) == 16

    flag.touch()
    with pytest.raises(CellsFailed, match="4 of 20 cells failed"):
        run(fragile, grid, store, jobs=jobs)
    assert computed() == []
    assert run(fragile, grid, store, jobs=jobs, retry_failed=True)["triple"].tolist() == [3 * k for k in range(20)]
    assert computed() == [2, 7, 12, 17]
    assert len(run(fragile, grid, store, jobs=jobs, retry_failed=True)) == 20
    assert computed() == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_while_a_chunk_is_handed_out_loses_none_of_its_cells(tmp_path, moment):
    """The executor has the chunk when Ctrl-C comes (or gets it then); what its thread computes must be kept."""
    computed = []

    def cell(seed, k):
        computed.append(k)
        return {"double": 2 * k}

    class Interrupted(ThreadPoolExecutor):
        handed = 0

        def submit(self, function, /, *arguments):
            self.handed += 1
            if (self.handed, moment) == (3, "before"):
                signal.raise_signal(signal.SIGINT)
            future = super().submit(function, *arguments)
            if (self.handed, moment) == (3, "after"):
                signal.raise_signal(signal.SIGINT)
            return future

    store, usual = tmp_path / "handed.db", signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Interrupted(1) as executor, pytest.raises(KeyboardInterrupt):
            run(cell, Grid(k=range(1000)), name="handed", store=store, executor=executor, progress=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, usual)
    with Store(store) as kept:
        saved = {json.loads(record.parameters)["k"] for record in kept.records()}
    assert 0 < len(saved) < 1000
    assert saved == set(computed)
