"""What every test stands on."""

import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule
from helpers import work_order

#: OpenBLAS's threads sleep as soon as they have nothing to do; it reads this when NumPy and SciPy are imported. They
#: would spin for 20 ms or more: in SciPy's L-BFGS, on cores that several processes share, that was 9/10 of the time.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
#: Pictures are drawn without a screen, those of doctests too; matplotlib reads this when it is imported.
os.environ.setdefault("MPLBACKEND", "agg")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """The package has doctests, this folder has none: not to look for them here saves a sixth of the collecting."""
    collectors = yield
    return [collector for collector in collectors if not isinstance(collector, DoctestModule)]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Where workers share the tests (pytest-xdist), those marked `long` start first: no worker ends with one."""
    n_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if n_workers > 1:
        items[:] = work_order.begin_with_long(items, n_workers)


def pytest_collection_finish():
    """What collecting has made lives to the end: the garbage collector need not walk through all of it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_interrupts():
    """A shell starts its background jobs deaf to Ctrl-C, and Python leaves it at that; tests of it must not hang."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def surroundings(monkeypatch):
    """A function that gives this process so many cores, and takes away whatever else limits its threads."""
    import fastmlp.engine.cores

    def pretend(cores):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
        monkeypatch.setattr(fastmlp.engine.cores, "_libraries", tuple)
        monkeypatch.setattr(fastmlp.engine.cores, "cgroup_cores", lambda: 10**6)
        for name in (*fastmlp.engine.cores.WORKER_VARIABLES, "LOKY_MAX_CPU_COUNT"):
            monkeypatch.delenv(name, raising=False)

    return pretend


@pytest.fixture
def open_folder():
    """A folder that every user can enter and nobody else can write; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cells():
    """The grid of the benchmarks' sweep."""
    from benchmarks.sweep import grid

    return grid.make_grid()
