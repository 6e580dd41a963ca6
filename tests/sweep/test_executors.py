"""One sweep, many places to run it: same table and same bytes everywhere, whoever dies on the way."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from linmem.parallel import worker_pool
from linmem.sweep import CellsFailed, EngineBroken, Grid, Store, export_store, run

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRID = Grid(x=range(20), pause=[0.0, 0.002])
LARGE = Grid(x=range(500), pause=[0.008])
GATE = "LINMEM_TEST_GATE"  # names the file that gated cells wait for

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs the extra `cluster` (distributed)")


def cell(seed, x, pause):
    time.sleep(pause)
    noise = np.random.default_rng(seed).standard_normal(3)
    return {"value": x + float(noise[0]), "vector": noise, "text": str(x), "nothing": float("nan")}


def gated(seed, x, pause):
    """From x = 400 on, cells wait until there is a file at the path of :data:`GATE`."""
    while x >= 400 and not os.path.exists(os.environ[GATE]):
        time.sleep(0.01)
    return cell(seed, x, pause)


def fragile(seed, x, mark):
    time.sleep(0.01)
    if x == 30 and not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": x * x}


def count_threads(seed, x, torch):
    if torch:
        import torch
    time.sleep(0.005 * (1 + x % 3))  # chunks overlap, and end in another order than they begin
    counts = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    blas = max(pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
    return {
        "most": max(counts),
        "blas": blas,
        "torch_threads": torch.get_num_threads() if torch else 1,
        "process": os.getpid(),
    }


def sweep(path, grid=GRID, function=cell, **how):
    """Run a sweep on a store, by default that of :func:`cell`; the table and the bytes of its export."""
    table = run(function, grid, store=path, name="cell", fingerprint="", **how)
    return table, export_store(path, path.with_suffix(".parquet"), times=False).read_bytes()


def same(table, other):
    assert list(table.columns) == list(other.columns) == ["x", "pause", "value", "vector", "text", "nothing"]
    for column in table:
        np.testing.assert_array_equal(np.array(list(table[column])), np.array(list(other[column])))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Table and bytes of the sweep in this process."""
    return sweep(tmp_path_factory.mktemp("expected") / "store.db")


@pytest.fixture(scope="module")
def expected_large(tmp_path_factory):
    """Bytes of the undisturbed sweep of 500 cells."""
    return sweep(tmp_path_factory.mktemp("large") / "store.db", LARGE, executor=None, jobs=4)[1]


@pytest.fixture
def many_threads(monkeypatch):
    """No limit of threads from the environment: the workers that a test starts must set their own."""
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)


def spawn(workers):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


class Cluster:
    """A Dask scheduler and two workers of one thread, each a process of its own on the loopback interface."""

    def __init__(self, folder, until):
        self._folder, self._file, self._until = folder, folder / "scheduler.json", until
        self.gate = folder / "gate"
        self._processes = []
        self.workers = []

    def start(self):
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", str(self._file))
        self._until(self._started)
        self.address = json.loads(self._file.read_text())["address"]
        self.workers = [self.add_worker(), self.add_worker()]
        self.wait_for_workers(2)

    def _started(self):
        assert self.scheduler.poll() is None, (self._folder / "scheduler.log").read_text()
        return self._file.exists() and self._file.read_text().strip().endswith("}")

    def add_worker(self):
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", "scratch")

    def wait_for_workers(self, count):
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            self._until(lambda: len(client.nthreads()) == count)  # a dead one counts until the scheduler has noticed

    def _start(self, role, *arguments):
        environment = {name: value for name, value in os.environ.items() if name not in THREADS}
        environment |= {"PYTHONPATH": str(ROOT), GATE: str(self.gate)}
        command = [sys.executable, "-m", f"distributed.cli.dask_{role}", "--host", "127.0.0.1", "--no-dashboard"]
        with (self._folder / f"{role}.log").open("a") as log:
            process = subprocess.Popen(
                [*command, *arguments],
                cwd=self._folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def stop(self):
        for process in reversed(self._processes):
            process.kill()
        for process in self._processes:
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, until):
    made = Cluster(tmp_path_factory.mktemp("dask"), until)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_local_processes(tmp_path, expected, jobs):
    table, exported = sweep(tmp_path / "store.db", jobs=jobs)
    same(table, expected[0])
    assert exported == expected[1]


@pytest.mark.parametrize("make", [lambda: worker_pool(1), lambda: ThreadPoolExecutor(3), lambda: spawn(2)])
def test_executors_of_the_caller(tmp_path, expected, make):
    with make() as executor:
        table, exported = sweep(tmp_path / "store.db", executor=executor)
        assert executor.submit(abs, -1).result() == 1  # still open
    same(table, expected[0])
    assert exported == expected[1]


@needs_dask
def test_dask(tmp_path, expected, cluster):
    table, exported = sweep(tmp_path / "store.db", executor=cluster.address)
    same(table, expected[0])
    assert exported == expected[1]


@needs_dask
def test_a_dask_client_of_the_caller(tmp_path, expected, cluster):
    from distributed import Client

    with Client(cluster.address, set_as_default=False) as client:
        table, exported = sweep(tmp_path / "store.db", executor=client.get_executor(pure=False))
        assert client.submit(abs, -1).result() == 1
    same(table, expected[0])
    assert exported == expected[1]


@needs_dask
def test_dask_with_the_parent_killed_twenty_times(tmp_path, expected_large, cluster, count, until):
    context = multiprocessing.get_context("forkserver")  # imports once; each parent is a process of its own
    context.set_forkserver_preload(["linmem.sweep", "distributed", "pandas", "numpy.random"])
    path, moments, seen = tmp_path / "store.db", random.Random(7), [0]
    for attempt in range(20):
        parent = context.Process(target=sweep, args=(path, LARGE), kwargs={"executor": cluster.address})
        parent.start()
        if attempt in (0, 1, 2, 10):  # as soon as it gets on: in the middle of the sweep on any machine
            startup = until(lambda parent=parent: count(path) > seen[-1] or not parent.is_alive())
        else:
            parent.join(startup * moments.uniform(0.1, 1.1))
        parent.kill()
        parent.join()
        assert parent.exitcode in (0, -signal.SIGKILL)
        seen.append(count(path))
    assert seen == sorted(seen)  # nothing that was finished is lost
    assert sum(0 < cells < len(LARGE) for cells in seen) >= 2, seen  # and some of the kills came in the middle
    _, exported = sweep(path, LARGE, executor=cluster.address)
    assert exported == expected_large


@needs_dask
def test_dask_with_a_worker_killed(tmp_path, expected_large, cluster, count, until, patience):
    path = tmp_path / "store.db"
    with ThreadPoolExecutor(1) as aside:
        running = aside.submit(sweep, path, LARGE, gated, executor=cluster.address)
        try:
            until(lambda: count(path) > 100 or running.done())
            cluster.workers.pop().kill()
            found = count(path)
        finally:
            cluster.gate.touch()
        _, exported = running.result(timeout=patience)
    cluster.wait_for_workers(1)
    cluster.workers.append(cluster.add_worker())
    cluster.wait_for_workers(2)
    assert 100 < found < len(LARGE)
    assert exported == expected_large


@needs_dask
def test_dask_with_the_scheduler_killed(tmp_path, expected_large, count, until, patience):
    folder = tmp_path / "dask"
    folder.mkdir()
    doomed, path = Cluster(folder, until), tmp_path / "store.db"
    try:
        doomed.start()
        with ThreadPoolExecutor(1) as aside:
            running = aside.submit(sweep, path, LARGE, gated, executor=doomed.address)
            try:
                until(lambda: count(path) >= 50 or running.done())
            finally:
                doomed.scheduler.kill()
            with pytest.raises(EngineBroken, match="finished cells are kept"):
                running.result(timeout=patience)
    finally:
        doomed.stop()
    assert 50 <= count(path) < len(LARGE)
    assert sweep(path, LARGE, jobs=4)[1] == expected_large


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "carrier-pigeon://coop"])
def test_a_wrong_dask_address(tmp_path, address):
    with pytest.raises(ValueError, match="executor must be the address of a running Dask scheduler, got"):
        sweep(tmp_path / "store.db", executor=address)


def test_a_broken_executor_of_the_caller_loses_nothing(tmp_path):
    grid, path = Grid(x=range(60), mark=[str(tmp_path / "mark")]), tmp_path / "store.db"
    with spawn(2) as executor, pytest.raises((EngineBroken, CellsFailed)):
        run(fragile, grid, store=path, name="fragile", executor=executor)
    with Store(path) as store:
        before = store.records()
    assert before
    with spawn(2) as executor:
        table = run(fragile, grid, store=path, name="fragile", executor=executor, retry_failed=True)
    assert table["square"].tolist() == [x * x for x in range(60)]
    with Store(path) as store:
        after = {record.key: record for record in store.records()}
    assert all(after[record.key] == record for record in before if record.status == "done")  # not computed again


@pytest.mark.parametrize("torch", [False, True])
def test_workers_compute_on_one_thread(tmp_path, many_threads, torch):
    grid = Grid(x=range(24), torch=[torch])
    for how in ({"jobs": 1}, {"jobs": 2}, {"executor": spawn(2)}):
        table = run(count_threads, grid, name="threads", **how)
        assert set(table["most"]) == set(table["torch_threads"]) == {1}, how
        assert (os.getpid() in set(table["process"])) == (how == {"jobs": 1})
        if "executor" in how:
            how["executor"].shutdown()


def test_threads_of_the_caller_compute_on_one_thread_and_get_theirs_back():
    before = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    with ThreadPoolExecutor(3) as executor:
        table = run(count_threads, Grid(x=range(60), torch=[False]), name="threads", executor=executor)
    after = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert set(table["blas"]) == {1}
    assert after == before


@needs_dask
def test_dask_workers_compute_on_one_thread(cluster):
    table = run(count_threads, Grid(x=range(24), torch=[False, True]), name="threads", executor=cluster.address)
    assert set(table["most"]) == set(table["torch_threads"]) == {1}
    assert set(table["process"]) <= {worker.pid for worker in cluster.workers}
