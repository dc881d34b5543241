"""The threads: which cores this process may use, and how many threads its libraries start.

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
    """The cores that this process may use, by number."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def placed(threads: int) -> Iterator[list[int] | None]:
    """Run on so many cores; yields their numbers, None where the system cannot pin.

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
    """A context in which BLAS and OpenMP, as far as they are loaded, run on so many threads."""
    return threadpool_limits(limits=threads)
