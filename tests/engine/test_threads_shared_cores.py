"""How many threads a fit may use beside others: a share of the cores, or one."""

import multiprocessing
import os
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import pytest
from helpers.core_counts import count_here
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor

from fastmlp.engine.cores import WORKER_VARIABLES, count_threads


def count_together(together):
    """Count when all threads have arrived, and leave when all have counted."""
    together.wait()
    threads = count_threads(None)
    together.wait()
    return threads


@pytest.mark.parametrize(("workers", "threads"), [(2, 4), (3, 2), (8, 1), (20, 1)])
def test_threads_of_joblib_share_the_cores(workers, threads, surroundings):
    surroundings(cores=8)
    together = threading.Barrier(workers)
    found = Parallel(workers, "threading")(delayed(count_together)(together) for _ in range(workers))
    assert found == [threads] * workers
    assert count_threads(None) == 8


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (2, 4), (5, 1)])
def test_threads_of_an_executor_share_the_cores(workers, threads, surroundings):
    surroundings(cores=8)
    together = threading.Barrier(workers)
    with ThreadPoolExecutor(workers) as pool:
        assert list(pool.map(count_together, [together] * workers)) == [threads] * workers


@pytest.mark.parametrize("bound", [False, True])
def test_threads_of_the_user_share_the_cores(bound, surroundings):
    """Threads that run the same function or method are counted, and those that run another one are not."""
    surroundings(cores=8)
    together, found, stop = threading.Barrier(2), [], threading.Event()

    class Fit:
        def count(self):
            found.append(count_together(together))

    other = threading.Thread(target=stop.wait)
    other.start()
    fits = [Fit(), Fit()] if bound else [Fit()] * 2
    threads = [threading.Thread(target=fit.count) for fit in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    other.join()
    assert found == [4, 4]


def test_workers_of_loky_share_what_joblib_gives_them(monkeypatch):
    for name in WORKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "8")  # joblib's count, half of which each worker gets
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    try:
        assert set(Parallel(2)(delayed(count_here)() for _ in range(4))) == {4}
        monkeypatch.setenv("OMP_NUM_THREADS", "8")  # applies to one process; the shares stay as they are
        get_reusable_executor().shutdown(wait=True)
        assert set(Parallel(2)(delayed(count_here)() for _ in range(4))) == {4}
        with parallel_config("loky", inner_max_num_threads=3):
            assert set(Parallel(2)(delayed(count_here)() for _ in range(4))) == {3}
    finally:
        get_reusable_executor().shutdown(wait=True)


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("3", 3)])
def test_workers_of_multiprocessing(given, threads, monkeypatch):
    """Workers of a pool and of an executor use one thread, unless the environment gives a number."""
    for name in WORKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(count_here) == threads
    with ProcessPoolExecutor(1, context) as pool:
        assert pool.submit(count_here).result() == threads


def test_a_worker_of_an_unknown_backend(surroundings):
    """It works in its main thread, and joblib reports that it is a worker."""
    surroundings(cores=8)
    with parallel_config(joblib.parallel.ThreadingBackend(nesting_level=1)):
        assert count_threads(None) == 1


def test_a_joblib_that_keeps_its_context_elsewhere(surroundings, monkeypatch):
    surroundings(cores=8)
    monkeypatch.delattr(joblib.parallel, "_backend")
    monkeypatch.setattr(joblib.parallel, "get_active_backend", lambda: (joblib.parallel.SequentialBackend(), 5))
    assert count_threads(None) == 5


def test_without_joblib(surroundings, monkeypatch):
    surroundings(cores=8)
    monkeypatch.delitem(sys.modules, "joblib.parallel")
    assert count_threads(None) == 8
