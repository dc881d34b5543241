"""Forks while another thread loads machine code, compiles for fastmlp, or uses Numba itself: every child can fit.

An alarm ends a child that hangs, which counts as a failure.
"""

import contextlib
import gc
import os
import signal
import threading

import pytest
from helpers import knobs
from helpers.lanes import copy_cache, run_python
from helpers.merged import in_one_test

from fastmlp import Activation
from fastmlp.compiler import forking
from fastmlp.compiler import numba_backend as _jit
from fastmlp.compiler.kernel import KernelModule

dense = KernelModule("linalg.dense")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

#: Other threads do `busy` work all the time while children are forked, each of which makes a fit.
STRESS = """
import itertools, os, signal, sys, threading, warnings
import numpy as np
from fastmlp import Activation, MLPRegressor
from fastmlp.compiler.kernel import KernelModule, Kernel; dense = KernelModule('linalg.dense')

warnings.simplefilter("ignore")
busy, n_forks, n_compiling = sys.argv[1], *map(int, sys.argv[2:])
X = np.linspace(-1, 1, 40).reshape(20, 2)
counter = itertools.count(2)
begun, done = threading.Event(), threading.Event()

def own():
    slope = float(next(counter)) + os.getpid()
    return Activation(lambda z: slope * z, lambda z: slope)

def fit():
    model = MLPRegressor(hidden_layer_sizes=(3,), solver="sgd", max_iter=2, random_state=0)
    return model.fit(X, X[:, 0]).predict(X)

def load():
    for name, dtype in itertools.product(("multiply", "transpose"), ("float32", "float64")):
        assert Kernel("fastmlp.kernels.linalg.dense", name).load(dtype).cache_hits  # not the one in memory

def compile_own():
    own()([1.0])

def compile_foreign():
    import numba
    numba.njit(lambda x: np.sin(x) + 1)(1.0)

def work():
    while not done.is_set():
        begun.set()
        globals()[busy]()

for kernel, dtype in itertools.product((dense.multiply, dense.transpose), ("float32", "float64")):
    kernel.load(dtype)
expected = fit()
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
begun.wait()
failed = 0
for number in range(n_forks):
    child = os.fork()
    if not child:
        signal.alarm(200)
        try:
            load()
            assert np.array_equal(fit(), expected)
            if number < n_compiling:
                assert own()([0.0]).tolist() == [0.0]
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    failed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
done.set()
for thread in threads:
    thread.join()
print(failed)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The compiled code of a fit, copied from the common cache of the tests, into which it is compiled if missing."""
    assert run_python("-c", STRESS, "load", 0, 0, cache=os.environ.get("NUMBA_CACHE_DIR")) == "0\n"
    return copy_cache(tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(
    ("busy", "n_forks", "n_compiling"), [("load", 12, 0), ("compile_own", 3, 3), ("compile_foreign", 9, 3)]
)
def test_every_child_fits(cache, busy, n_forks, n_compiling):
    """Where the other threads compile, the first fork happens while they import the compiler.

    The first children compile, too.
    """
    assert run_python("-c", STRESS, busy, n_forks, n_compiling, cache=cache) == "0\n"


# Locks that are held for longer than a fork waits


def signal_until(heard, number):
    """Send a signal to the main thread until its handler has put something into the list `heard`.

    Between a lock's release of the interpreter and its wait, a signal does not end the wait, which lasts PATIENCE then.
    """
    pause = threading.Event()
    while not heard:
        signal.pthread_kill(threading.main_thread().ident, number)
        pause.wait(0.1)


def fork():
    """Fork, and return how many locks are not free in the child."""
    child = os.fork()
    if not child:
        locks = [getattr(owner, attribute) for owner, attribute, _ in forking._locks_of_others()]
        locks += [forking.loading._inner, forking.loading._turn]
        os._exit(sum(not lock.acquire(blocking=False) for lock in locks))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def all_locks():
    """Every lock that a fork waits for, as an object with `acquire` and `release`."""
    Activation(lambda z: z, lambda z: 1.0)([1.0])  # imports Numba
    found = [getattr(owner, attribute) for owner, attribute, _ in forking._locks_of_others()]
    assert len(found) >= 2
    return [forking.loading, *found]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_lock_that_is_held_for_long(monkeypatch):
    """The fork proceeds, and the child has new locks; the parent's are unchanged."""
    knobs.set_fork_patience(monkeypatch, 0.05)
    for lock in all_locks():
        holds, may_end = threading.Event(), threading.Event()

        def hold(lock=lock, holds=holds, may_end=may_end):
            lock.acquire()
            holds.set()
            may_end.wait()
            lock.release()

        thread = threading.Thread(target=hold)
        thread.start()
        holds.wait()
        try:
            assert fork() == 0
            assert not lock.acquire(blocking=False)
        finally:
            may_end.set()
            thread.join()
        assert lock.acquire(blocking=False)
        lock.release()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_thread_that_holds_the_lock_can_fork():
    for lock in all_locks():
        lock.acquire()
        assert fork() == 0  # the child holds it too
        lock.release()
    assert fork() == 0
    free = [lock.acquire(blocking=False) for lock in all_locks()]
    assert all(free)
    for lock in all_locks():
        lock.release()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_ctrl_c_while_a_fork_waits():
    """The fork proceeds at once; KeyboardInterrupt is raised after it."""
    holds, heard, may_end = threading.Event(), [], threading.Event()

    def hold():
        with forking.loading:
            holds.set()
            while not forking.loading._turn.locked():  # the fork waits
                pass
            signal_until(heard, signal.SIGINT)
            may_end.wait()

    def handler(*arguments):
        if not heard:
            heard.append(True)
            signal.default_int_handler(*arguments)

    before = signal.signal(signal.SIGINT, handler)
    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        with pytest.raises(KeyboardInterrupt):
            assert fork() == 0
            threading.Event().wait(60)
    finally:
        may_end.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert fork() == 0


def assert_nothing_stays_locked():
    """Another thread can take every lock, after the next fork too."""
    locks, free = all_locks(), []

    def take_and_release():
        for one in locks:
            free.append(one.acquire(blocking=False))
            if free[-1]:
                one.release()

    for _ in range(2):  # the next fork finds no leftovers of this one
        other = threading.Thread(target=take_and_release)
        other.start()
        other.join()
        assert fork() == 0
    assert free == [True] * len(locks) * 2


@in_one_test()
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("which", ["ours", "numba's"])
@pytest.mark.parametrize("raised", [SystemExit("bye"), TimeoutError("too long"), KeyboardInterrupt()], ids=repr)
def test_a_signal_handler_raises_while_a_fork_waits(which, raised):
    """The fork proceeds, its child works, no lock stays held, and the exception is raised afterwards."""
    lock = all_locks()[which == "numba's"]
    holds, heard, may_end = threading.Event(), [], threading.Event()

    def hold():
        with lock:
            holds.set()
            if which == "ours":
                while not forking.loading._turn.locked():
                    pass
            else:
                while forking.loading._inner.acquire(blocking=False):
                    forking.loading._inner.release()
            signal_until(heard, signal.SIGALRM)
            may_end.wait()

    def handler(*_):
        if not heard:
            heard.append(True)
            raise raised

    handlers = signal.signal(signal.SIGALRM, handler), signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    try:
        with pytest.raises(type(raised)) as caught:
            assert fork() == 0
            threading.Event().wait(60)
    finally:
        may_end.set()
        thread.join()
        signal.signal(signal.SIGALRM, handlers[0])
    assert caught.value is raised
    assert signal.getsignal(signal.SIGINT) is handlers[1]
    assert_nothing_stays_locked()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_a_compilation_changes_is_undone_in_the_child(monkeypatch):
    """A compilation stops the garbage collector and enables Numba's JIT; a fork that does not wait undoes both."""
    locks = all_locks()
    knobs.set_fork_patience(monkeypatch, 0.05)
    monkeypatch.setattr(_jit.config, "DISABLE_JIT", 1)
    holds, may_end = threading.Event(), threading.Event()

    def slow(*_, **__):
        holds.set()
        may_end.wait()
        raise InterruptedError

    def compile_it():
        with contextlib.suppress(InterruptedError):
            _jit.build(dense.transpose.source, "float64")

    assert dense.transpose.source and locks
    monkeypatch.setattr(_jit.compiler, "compile_extra", slow)
    thread = threading.Thread(target=compile_it)
    thread.start()
    holds.wait()
    try:
        assert not gc.isenabled() and not _jit.config.DISABLE_JIT
        if not (child := os.fork()):
            os._exit(not (gc.isenabled() and _jit.config.DISABLE_JIT == 1))
        assert os.waitpid(child, 0)[1] == 0
        assert not gc.isenabled() and not _jit.config.DISABLE_JIT
    finally:
        may_end.set()
        thread.join()
    assert gc.isenabled() and _jit.config.DISABLE_JIT == 1
