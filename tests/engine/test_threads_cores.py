"""How many threads a fit may use: `n_jobs`, the cores of this process, and limits set by the environment."""

import builtins
import io
import os
import sys

import numpy as np
import pytest
from helpers import knobs
from helpers.fits import draw, ignores_max_iter, make
from helpers.lanes import run_python
from helpers.merged import in_one_test
from joblib import parallel_config
from threadpoolctl import threadpool_limits

from fastmlp.engine import cores
from fastmlp.engine.cores import ask_threads, count_threads, most_threads
from fastmlp.engine.threads import Team

pytestmark = ignores_max_iter


def test_what_n_jobs_means(surroundings, monkeypatch):
    surroundings(cores=4)
    counts = {None: 4, 1: 1, 3: 3, 100: 100, np.int32(2): 2, -1: 4, -2: 3, -4: 1, -100: 1}
    assert {n_jobs: count_threads(n_jobs) for n_jobs in counts} == counts
    assert (count_threads(True), type(count_threads(np.int64(2)))) == (1, int)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS and Windows
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert [count_threads(n_jobs) for n_jobs in (None, -1, -2)] == [6, 6, 5]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert [count_threads(n_jobs) for n_jobs in (None, -1)] == [1, 1]


@pytest.mark.parametrize(("n_cores", "most"), [(4, 256), (384, 384)])
def test_a_huge_number_is_capped(n_cores, most, surroundings):
    surroundings(cores=n_cores)
    assert [count_threads(n_jobs) for n_jobs in (255, 10**6, 2**70)] == [255, most, most]
    assert count_threads(-1) == n_cores


def test_a_prediction_with_a_huge_number_of_threads(surroundings, monkeypatch):
    """There are enough rows to give each thread one."""
    knobs.let_threads_pay(monkeypatch, 1e-9)
    knobs.set_max_threads(monkeypatch, 9)
    surroundings(cores=4)
    sizes, run = set(), Team.run
    monkeypatch.setattr(Team, "run", lambda team, *work: (sizes.add(team.size), run(team, *work)))
    X, y = draw("binary", rows=1000)
    make("binary", n_jobs=10**6).fit(X, y).predict(X)
    assert sizes == {9}


def test_zero_is_refused_before_the_environment_is_examined():
    for ask in (ask_threads, most_threads, count_threads):
        with pytest.raises(ValueError, match="n_jobs=0 has no meaning"):
            ask(0)


def test_the_environment_is_examined_only_if_needed(monkeypatch):
    """Not for a network that is too small for two threads, nor for a prediction of few rows."""
    monkeypatch.setattr(cores, "free_threads", None)  # a call would raise
    X, y = draw("binary")
    model = make("binary").fit(X, y).partial_fit(X, y)
    model.predict(X)
    model.predict_proba(X[:1])
    make("binary", solver="lbfgs").fit(X, y)


# The cores


@in_one_test(shared=("surroundings",))
@pytest.mark.parametrize(
    ("value", "threads"), [("2", 2), ("1", 1), ("64", 8), ("0", 8), ("-3", 8), ("", 8), ("two", 8), (" 3 ", 3)]
)
def test_the_maximum_of_loky(value, threads, surroundings, monkeypatch):
    surroundings(cores=8)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", value)
    assert [count_threads(n_jobs) for n_jobs in (None, -1, 5)] == [threads, threads, 5]


@pytest.fixture
def files(monkeypatch):
    """The content of files under /proc and /sys, as a dict: path → text."""
    given = {}

    def open_given(path, *arguments, **options):
        if not str(path).startswith(("/proc/self/cgroup", "/sys/fs/cgroup")):
            return opened(path, *arguments, **options)
        if path not in given:
            raise FileNotFoundError(path)
        return io.StringIO(given[path])

    opened, read_quota = open, cores.cgroup_cores
    monkeypatch.setattr(builtins, "open", open_given)
    read_quota.cache_clear()
    yield given
    read_quota.cache_clear()


def version_1(folder, quota):
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}


#: Name → content of /proc/self/cgroup, files under /sys/fs/cgroup, and how many of eight cores that leaves.
QUOTAS = {
    "version 2, in a container": ("0::/", {"cpu.max": "200000 100000\n"}, 2),
    "rounded up": ("0::/", {"cpu.max": "250000 100000\n"}, 3),
    "less than one": ("0::/", {"cpu.max": "50000 100000\n"}, 1),
    "no quota": ("0::/", {"cpu.max": "max 100000\n"}, 8),
    "a slice of the system's": ("0::/a/b", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
    "outside the container's root": ("0::/../x", {"cpu.max": "200000 100000\n"}, 2),
    "version 1": ("3:cpu:/", version_1("cpu", 200000), 2),
    "version 1, under another name": ("3:cpu,cpuacct:/d", version_1("cpu,cpuacct/d", 300000), 3),
    "version 1, in a container": ("3:cpu,cpuacct:/docker/d", version_1("cpu", 300000), 3),
    "version 1, no quota": ("3:cpu:/", version_1("cpu", -1), 8),
    "both versions": ("4:memory:/m\n3:cpu:/\n0::/", version_1("cpu", 500000), 5),
    "odd files": ("0::/", {"cpu.max": "many\n"}, 8),
    "no period": ("0::/", {"cpu.max": "100000 0\n"}, 8),
    "none at all": (None, {}, 8),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_quotas_of_cgroups(name, surroundings, files, monkeypatch):
    groups, given, threads = QUOTAS[name]
    files.update({f"/sys/fs/cgroup/{path}": text for path, text in given.items()})
    if groups is not None:
        files["/proc/self/cgroup"] = groups + "\n"
    read_quota = cores.cgroup_cores
    surroundings(cores=8)
    monkeypatch.setattr(cores, "cgroup_cores", read_quota)
    assert [count_threads(n_jobs) for n_jobs in (None, -1)] == [threads, threads]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinities")
def test_an_affinity_that_changes():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert [count_threads(n_jobs) for n_jobs in (None, -1)] == [1, 1]
    finally:
        os.sched_setaffinity(0, allowed)
    assert count_threads(-1) == cores.usable_cores()


# Limits: they apply to n_jobs=None, not to a given number


@in_one_test(shared=("surroundings",))
@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "OMP_THREAD_LIMIT"])
@pytest.mark.parametrize(
    ("value", "threads"),
    [("2", 2), ("4,2", 4), ("1,4", 1), (" 3 , 2", 3), ("64", 8), ("0", 8), ("-1", 8), ("", 8), ("all", 8), (",2", 8)],
)
def test_variables_of_openmp(variable, value, threads, surroundings, monkeypatch):
    surroundings(cores=8)
    monkeypatch.setenv(variable, value)
    assert [count_threads(n_jobs) for n_jobs in (None, -1, 3)] == [threads, 8, 3]


@pytest.mark.parametrize("user_api", [None, "blas", "openmp"])
def test_limits_of_threadpoolctl(user_api, surroundings, monkeypatch):
    libraries = cores._libraries()
    surroundings(cores=8)
    monkeypatch.setattr(cores, "_libraries", lambda: libraries)
    before = count_threads(None)
    with threadpool_limits(limits=1, user_api=user_api):
        assert [count_threads(n_jobs) for n_jobs in (None, -1, 2)] == [1, 8, 2]
    assert count_threads(None) == before


def test_libraries_that_cannot_be_asked(surroundings, monkeypatch):
    find_libraries = cores._libraries
    surroundings(cores=3)
    monkeypatch.setattr(cores, "_libraries", find_libraries.__wrapped__)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)  # its import raises
    assert count_threads(None) == 3


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_variables_that_a_process_starts_with(variable):
    """Whichever library reads them."""
    code = "import sklearn.neural_network, fastmlp.engine.cores as c; print(c.count_threads(None))"
    assert run_python("-c", code, cache=os.environ.get("NUMBA_CACHE_DIR"), **{variable: "1"}).strip() == "1"


@in_one_test(shared=("surroundings",))
@pytest.mark.parametrize(("n_jobs", "threads"), [(1, 1), (2, 2), (-1, 8), (-2, 7), (64, 8), (None, 8)])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_contexts_of_joblib(backend, n_jobs, threads, surroundings):
    surroundings(cores=8)
    with parallel_config(backend, n_jobs=n_jobs):
        assert [count_threads(n_jobs) for n_jobs in (None, -1, 3)] == [threads, 8, 3]
    assert count_threads(None) == 8
