"""Cores that this process may use, and the number of threads of its libraries.

JAX reads its flags when it is imported and PyTorch its pool when it first runs, so `placed` comes before any peer's
import, and one process measures one number of threads: ``python -m benchmarks`` starts one for each.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

ONE_THREAD_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def all_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def placed(threads: int) -> Iterator[list[int] | None]:
    """Run on that many cores; yield their numbers, or None if the system cannot pin processes.

    Threads that a library starts inside are pinned with it. For libraries that were imported inside, say
    `limit_blas` after that.
    """
    can_pin = hasattr(os, "sched_setaffinity")
    cores = all_cores()
    flags = os.environ.get("XLA_FLAGS")
    if threads == 1 and "jax" not in sys.modules:
        os.environ["XLA_FLAGS"] = f"{flags or ''} {ONE_THREAD_FLAGS}".strip()
    mine = cores[-threads:]  # the first core tends to serve the system's interrupts
    try:
        if can_pin:
            os.sched_setaffinity(0, set(mine))
        with limit_blas(threads):
            yield mine if can_pin else None
    finally:
        if can_pin:
            os.sched_setaffinity(0, set(cores))
        os.environ.pop("XLA_FLAGS", None)
        if flags is not None:
            os.environ["XLA_FLAGS"] = flags


def limit_blas(threads: int):
    """Return a context in which loaded BLAS and OpenMP libraries use that many threads."""
    return threadpool_limits(limits=threads)
