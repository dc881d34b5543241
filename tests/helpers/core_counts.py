"""The number of threads that a worker of a pool may use, in a module that imports little."""

import os
from unittest import mock

from fastmlp.engine import cores


def count_here(n_cores=8):
    """The number of threads of a worker process, on so many cores without other limits."""
    with (
        mock.patch.object(os, "sched_getaffinity", lambda process: set(range(n_cores)), create=True),
        mock.patch.object(cores, "_libraries", tuple),
        mock.patch.object(cores, "cgroup_cores", lambda: 10**6),
    ):
        return cores.count_threads(None)
