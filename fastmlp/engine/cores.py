"""How many threads a call may use: what `n_jobs` says, or else what the process's environment allows."""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from numbers import Integral
from types import FunctionType
from typing import Any

#: Maximum number of threads, unless there are more cores.
MOST_THREADS = 256
#: Environment variables that limit threads. The others are read by the libraries of the process, which are asked.
VARIABLES = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", *(("VECLIB_MAXIMUM_THREADS",) if sys.platform == "darwin" else ()))
#: Variables that joblib sets for its workers, to their share of the cores, unless the user has set them.
WORKER_VARIABLES = (*VARIABLES, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMBA_NUM_THREADS")

#: A number of threads, or a function that returns it: called only where more than one would be useful.
Threads = int | Callable[[], int]


def count_threads(n_jobs: int | None) -> int:
    """Maximum number of threads of a call with this `n_jobs`, in the current environment.

    A positive number is itself, but at most 256 or all cores; −1 is all cores that the process may use, −2 all but one,
    and so on. None is what scikit-learn's BLAS would take: all these cores within the limits of the environment, of
    threadpoolctl and of joblib (see `free_threads`).

    Raises
    ------
    TypeError
        For what is neither an integer nor None.
    ValueError
        For 0.

    Examples
    --------
    >>> count_threads(1), count_threads(3), count_threads(10**6) >= 256
    (1, 3, True)
    """
    threads = ask_threads(n_jobs)
    return threads() if callable(threads) else threads


def ask_threads(n_jobs: int | None) -> Threads:
    """As `count_threads`, but the environment is examined later, which takes some tens of microseconds.

    Raises
    ------
    TypeError
        For what is neither an integer nor None.
    ValueError
        For 0.
    """
    if n_jobs is None:
        return free_threads
    return cores_for(n_jobs)


def most_threads(n_jobs: int | None) -> int:
    """Return an upper bound of `count_threads`, in a microsecond or two."""
    return cores_for(-1 if n_jobs is None else n_jobs)


def cores_for(n_jobs: int) -> int:
    """Return the number of threads for a positive `n_jobs`, or for a negative one, counted back from all cores."""
    if not isinstance(n_jobs, Integral):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}.")
    if n_jobs == 0:
        raise ValueError(
            "n_jobs=0 has no meaning: None is as many threads as reduce the time, 1 is one thread, 2 two, "
            "-1 all cores, -2 all but one."
        )
    if n_jobs > 0:
        return int(n_jobs) if n_jobs <= MOST_THREADS else min(int(n_jobs), max(MOST_THREADS, usable_cores()))
    return max(1, usable_cores() + 1 + int(n_jobs))


def usable_cores() -> int:
    """Cores that this process may use: its affinity now, its cgroups' quota, and LOKY_MAX_CPU_COUNT."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if cores == 1:
        return 1
    return max(1, min(cores, cgroup_cores(), _number_of("LOKY_MAX_CPU_COUNT") or cores))


def free_threads() -> int:
    """Return the number of threads of a call without `n_jobs`: of the usable cores, as many as its environment allows.

    - At most what OMP_NUM_THREADS (the first of a list), OMP_THREAD_LIMIT and their like for BLAS libraries allow.
    - At most what the BLAS and OpenMP libraries of the process are set to, by ``threadpoolctl.threadpool_limits`` say.
    - At most the `n_jobs` of an enclosing ``joblib.parallel_config``.
    - In one of several threads that run the same function (joblib's, an executor's, dask's): its share of the cores.
    - In a worker process (joblib's, multiprocessing's): what the variables above say, or else one.
    """
    cores = usable_cores()
    if cores == 1:
        return 1
    thread = threading.current_thread()
    main = thread is threading.main_thread()
    level, limit = _joblib_context()
    if _in_worker_process(level > 0 and main):
        share = _least(WORKER_VARIABLES)
        cores = share if share < cores else 1
    if not main:
        cores //= sum(1 for _ in _threads_alike(thread))
    libraries = (library.num_threads or cores for library in _libraries())
    return max(1, min(cores, limit, _least(VARIABLES), *libraries))


# What limits the process


@functools.cache
def cgroup_cores() -> int:
    """Return the CPU quota of this process's cgroups in cores, rounded up; read once in each process."""
    quotas = [quota for folder in _cgroup_folders() if (quota := _quota(folder)) is not None]
    return max(1, math.ceil(min(quotas))) if quotas else sys.maxsize


def _cgroup_folders() -> Iterator[str]:
    """Yield the folders of this process's cgroups that may limit CPU time, and of their parents; versions 1 and 2."""
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        roots = ("/sys/fs/cgroup/cpu", f"/sys/fs/cgroup/{controllers}") if controllers else ("/sys/fs/cgroup",)
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for root in dict.fromkeys(roots):
            for depth in range(len(parts), -1, -1):
                yield "/".join([root, *parts[:depth]])


def _quota(folder: str) -> float | None:
    """Return the number of cores that a cgroup may use, None for all."""
    try:
        if text := _read(f"{folder}/cpu.max"):
            quota, period = text.split()
        else:
            quota, period = _read(f"{folder}/cpu.cfs_quota_us"), _read(f"{folder}/cpu.cfs_period_us")
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):  # "max", nothing, or an unknown format
        return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _least(variables: tuple[str, ...]) -> int:
    """Return the least of the numbers in the environment, or a huge one."""
    return min((number for name in variables if (number := _number_of(name))), default=sys.maxsize)


def _number_of(variable: str) -> int | None:
    """Return a positive number in the environment, the first of a list; None for anything else."""
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        number = int(text.split(",")[0])
    except ValueError:
        return None
    return number if number > 0 else None


# What limits the call


@functools.cache
def _libraries() -> tuple[Any, ...]:
    """Return the BLAS and OpenMP libraries that were loaded at the first call, as threadpoolctl finds them."""
    try:
        import threadpoolctl

        return tuple(threadpoolctl.ThreadpoolController().lib_controllers)
    except (ImportError, OSError, AttributeError, RuntimeError, ValueError):
        return ()  # not installed, or a library that it cannot open or read: the other limits remain


def _joblib_context() -> tuple[int, int]:
    """Return the nesting level in joblib's workers, and what an enclosing ``parallel_config(n_jobs=...)`` allows."""
    joblib = sys.modules.get("joblib.parallel")
    context = getattr(joblib, "_backend", None)  # for this thread; without a config there is none
    if joblib is None or (context is not None and not hasattr(context, "config")):
        return 0, sys.maxsize
    backend, n_jobs = joblib.get_active_backend()
    return backend.nesting_level or 0, cores_for(int(n_jobs)) if n_jobs else sys.maxsize


def _in_worker_process(joblib_says_so: bool) -> bool:
    """Whether this is probably one of several worker processes."""
    multiprocessing = sys.modules.get("multiprocessing")
    if joblib_says_so or (multiprocessing is not None and multiprocessing.parent_process() is not None):
        return True
    names = ("joblib.externals.loky.process_executor", "loky.process_executor")
    return any(getattr(sys.modules.get(name), "_CURRENT_DEPTH", 0) for name in names)


def _threads_alike(thread: threading.Thread) -> Iterator[threading.Thread]:
    """Yield the living threads that run the same function as this one, itself included, such as those of a pool."""
    kind = _function_of(thread)
    for other in threading.enumerate():
        if other is thread or _function_of(other) == kind:
            yield other


def _function_of(thread: threading.Thread) -> tuple[type, FunctionType | None]:
    target = getattr(thread, "_target", None)
    return type(thread), getattr(target, "__func__", target)
