"""Tasks on real worker processes: results, exceptions, dead workers, one thread each, early stop."""

import os
import signal
import time

import pytest

from linmem.parallel import WorkerLost, available_cores, run_tasks


def work(task):
    kind, value = task
    if kind == "raise":
        raise ValueError(f"task {value}")
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        os._exit(0)
    if kind == "die once" and not os.path.exists(value):
        open(value, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sleep":
        time.sleep(value)
    if kind == "threads":
        import threadpoolctl
        import torch

        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info()], torch.get_num_threads()
    return value


@pytest.mark.parametrize("jobs", [1, 2])
def test_dead_workers_take_no_other_task_along(jobs):
    tasks = [("value", k) for k in range(12)]
    tasks[2], tasks[5], tasks[7] = ("die", 0), ("raise", 5), ("exit", 0)
    found = dict(run_tasks(work, tasks, jobs))
    assert sorted(found) == list(range(12))
    assert isinstance(found[2], WorkerLost)
    assert isinstance(found[7], WorkerLost)
    assert isinstance(found[5], ValueError)
    assert str(found[5]) == "task 5"
    rest = (0, 1, 3, 4, 6, 8, 9, 10, 11)
    assert tuple(found[k] for k in rest) == rest


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_whose_worker_dies_once_is_run_again(tmp_path, jobs):
    """Apart from other deaths: a task in flight when another one breaks the pool has its second run already."""
    mark = str(tmp_path / "mark")
    tasks = [("value", 0), ("die once", mark), ("value", 2), ("value", 3)]
    assert dict(run_tasks(work, tasks, jobs)) == {0: 0, 1: mark, 2: 2, 3: 3}


def test_workers_have_one_thread():
    [(_, (pools, torch_threads))] = run_tasks(work, [("threads", None)], jobs=1)
    assert pools
    assert set(pools) == {1}
    assert torch_threads == 1


def test_results_come_as_they_finish():
    order = [index for index, _ in run_tasks(work, [("sleep", 1.5), ("value", 1), ("value", 2)], jobs=2)]
    assert order[-1] == 0


def test_stopping_early_does_not_wait_for_the_rest():
    start = time.monotonic()
    running = run_tasks(work, [("value", 0), ("sleep", 60.0), ("sleep", 60.0)], jobs=2)
    assert next(running) == (0, 0)
    running.close()
    assert time.monotonic() - start < 30  # the sleeping tasks would take 60 s


def test_bad_calls():
    assert list(run_tasks(work, [], jobs=2)) == []
    assert available_cores() >= 1
    with pytest.raises(ValueError, match="jobs must be >= 1"):
        list(run_tasks(work, [("value", 1)], jobs=0))
