"""Exceptions that a signal handler raises while code is loaded or compiled reach the user; no function is refused."""

import contextlib
import itertools
import os
import shutil
import signal
import threading
import warnings

import numpy as np
import pytest
from helpers.lanes import copy_cache, run_python
from numba.core import types as numba_types
from numba.core.compiler import CompilerBase
from sklearn.exceptions import ConvergenceWarning

from fastmlp import Activation, Loss, MLPClassifier, MLPRegressor
from fastmlp.compiler import cache as code_cache
from fastmlp.compiler import drafts, interrupts, numba_backend, trusted_paths
from fastmlp.compiler import kernel as kernels
from fastmlp.engine.threads import Worker
from fastmlp.kernels.linalg import dense

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals")
X = np.linspace(-1, 1, 20).reshape(10, 2)


class Own(Exception): ...


class OwnValue(ValueError): ...


#: Exceptions that handlers raise, including those that the compiler expects at some places.
ERRORS = [
    Own, OwnValue, TimeoutError, OSError, FileNotFoundError, BlockingIOError, ValueError, TypeError, KeyError,
    AttributeError, ImportError, MemoryError, RecursionError, ZeroDivisionError, KeyboardInterrupt, SystemExit,
]  # fmt: skip


@pytest.fixture
def alarm():
    """A function that sends a signal whose handler raises the given error."""
    before = signal.getsignal(signal.SIGUSR1)
    raising = []

    def handler(number, frame):
        raise raising.pop()

    signal.signal(signal.SIGUSR1, handler)

    def alarm(error):
        raising.append(error)
        signal.raise_signal(signal.SIGUSR1)

    yield alarm
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert not interrupts._listening
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The code of two fits but for their loss, a small kernel, compiled into the tests' common cache if missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifier(max_iter=1).fit(X, X[:, 0] > 0)
        MLPRegressor(hidden_layer_sizes=(3,), max_iter=1, solver="lbfgs").fit(X, X[:, 0])
    return copy_cache(tmp_path_factory.mktemp("compiled"), without=["losses."])


@pytest.fixture(autouse=True)
def _cache(compiled, tmp_path, monkeypatch):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "", raising=False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(trusted_paths, "_passed", {})
    code_cache._warn_uncached.cache_clear()


def before(monkeypatch, owner, name, act):
    """Call `act` once, before the next call of this function."""
    function, called = getattr(owner, name), []

    def replaced(*arguments, **options):
        if not called:
            called.append(True)
            act()
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, replaced)


def swallowed(act):
    """Call `act` like a library that handles every exception itself."""
    with contextlib.suppress(Exception):
        act()


#: Functions that are called while code is loaded and compiled, in this order.
PLACES = [
    (trusted_paths, "read_file"), (drafts, "begin"), (drafts.Draft, "take_room"), (CompilerBase, "_compile_core"),
    (numba_types.Dispatcher, "get_call_type"), (numba_types.BaseFunction, "get_call_type"),
    (numba_backend, "pack"), (kernels.LoadedCode, "__init__"), (drafts.Draft, "publish"), (os, "replace"),
]  # fmt: skip


numbers = itertools.count(1)


def make():
    """An activation that has not been compiled, and its factor."""
    factor = 1.0 + next(numbers) / 1024
    return Activation(lambda z: factor * z + 1, lambda z: factor), factor


#: Every place with some errors, two places with every error, one after another; `quiet` if a library handles them.
CASES = [
    *((place, [error], quiet) for place in PLACES for error, quiet in ((Own, True), (TimeoutError, False))),
    (PLACES[3], ERRORS, False),
    (PLACES[0], [error for error in ERRORS if issubclass(error, Exception)], True),
]


@pytest.mark.parametrize(("place", "errors", "quiet"), CASES)
def test_a_users_function(place, errors, quiet, alarm, monkeypatch):
    """The next call compiles it, with the right results; or is interrupted itself, at the same place."""
    owner, name = place
    activation, factor = make()
    for error in errors:
        with monkeypatch.context() as patched:
            before(patched, owner, name, lambda e=error: swallowed(lambda: alarm(e)) if quiet else alarm(e))
            with pytest.raises(error) as caught:
                activation(X)
        assert type(caught.value) is error
        assert not activation.kernel.refused
    np.testing.assert_allclose(activation(X), factor * X + 1, rtol=1e-14)


@pytest.mark.parametrize("error", [Own, TimeoutError])
@pytest.mark.parametrize(("owner", "name"), [place for place in PLACES if place[0] is not numba_types.Dispatcher])
def test_a_kernel_of_the_package(owner, name, error, alarm, monkeypatch):
    kernel = kernels.Kernel("fastmlp.kernels.linalg.dense", "transpose", dense.transpose.source)
    kernel.named = True
    with monkeypatch.context() as patched:
        before(patched, owner, name, lambda: alarm(error))
        with pytest.raises(error):
            kernel.load(np.float32)
    loaded = kernel.load(np.float32)
    assert loaded.address
    assert kernel.load(np.float32) is loaded


@pytest.mark.parametrize("error", ERRORS)
def test_a_function_that_is_tried_out(error, alarm):
    """Python calls it before it is compiled."""

    def f(z):
        if rings:
            rings.pop()
            alarm(error)
        return z

    def value(a, y):
        return f(a) * y

    rings = [True]
    with pytest.raises(error) as caught:
        Activation(f, lambda z: 1.0)
    assert type(caught.value) is error
    rings = [True]
    with pytest.raises(error) as caught:
        Loss(value, lambda a, y: y)
    assert type(caught.value) is error


def test_no_memory_for_a_function_that_is_tried_out():
    def f(z, y=1.0):
        raise MemoryError

    with pytest.raises(MemoryError):
        Activation(f, f)
    with pytest.raises(MemoryError):
        Loss(lambda a, y: f(a), lambda a, y: 1.0)


def test_what_neither_python_nor_numba_raises(monkeypatch):
    """For example an exception raised from another thread: no handler is involved, and Numba may wrap it."""
    activation, _ = make()
    with monkeypatch.context() as patched:
        before(patched, CompilerBase, "_compile_core", lambda: (_ for _ in ()).throw(Own))
        with pytest.raises(Own):
            activation(X)
    assert np.isfinite(activation(X)).all()


def test_a_fit(alarm, monkeypatch):
    """The fit raises, the model is unchanged, and the next fit succeeds."""
    model = MLPRegressor(hidden_layer_sizes=(3,), activation=make()[0], max_iter=3, random_state=0, solver="lbfgs")
    with monkeypatch.context() as patched:
        before(patched, CompilerBase, "_compile_core", lambda: swallowed(lambda: alarm(Own)))
        with pytest.raises(Own):
            model.fit(X, X[:, 0])
    assert not hasattr(model, "coefs_")
    with pytest.warns(UserWarning, match="failed to converge"):
        model.fit(X, X[:, 0])


def test_a_handler_that_sets_another(monkeypatch):
    """The new handler stays, and handlers that raise nothing are called as usual."""
    heard = []

    def first(number, frame):
        heard.append(1)
        signal.signal(signal.SIGUSR1, second)

    def second(number, frame):
        heard.append(2)

    former = signal.signal(signal.SIGUSR1, first)
    try:
        with interrupts.Interrupts() as listening:
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is second
        assert (heard, listening.noted) == ([1, 2], [])
    finally:
        signal.signal(signal.SIGUSR1, former)


def test_nested_contexts(alarm):
    with pytest.raises(Own), interrupts.Interrupts() as outer, interrupts.Interrupts() as inner:
        swallowed(lambda: alarm(Own))
    assert len(outer.noted) == len(inner.noted) == 1


def test_another_thread_is_not_interrupted(alarm):
    """Handlers run in the main thread only."""
    ended = []

    def listen():
        with interrupts.Interrupts():
            swallowed(lambda: None)
            interrupts.check()
        ended.append(True)

    with pytest.raises(Own), interrupts.Interrupts():
        swallowed(lambda: alarm(Own))
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
    assert ended == [True]


@pytest.mark.parametrize("error", [Own, TimeoutError, RuntimeError])
def test_a_thread_that_starts(error, alarm, monkeypatch):
    """The exception is not taken for a failure to start the thread."""
    with monkeypatch.context() as patched:
        before(patched, threading.Thread, "start", lambda: alarm(error))
        with pytest.raises(error):
            Worker().start()


IMPORTING = """
import signal, sys
import numpy as np
from fastmlp import Activation, MLPClassifier

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "numba.np.ufunc":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

def bent(z):
    return z * z

def slope(z):
    return 2 * z

X = np.linspace(-1, 1, 60).reshape(20, 3)
made = {"fit": lambda: MLPClassifier(max_iter=1).fit(X, X[:, 0] > 0), "activation": lambda: Activation(bent, slope)}
assert "numba" not in sys.modules
sys.meta_path.insert(0, Finder())
try:
    made[sys.argv[1]]()
except KeyboardInterrupt:
    print("interrupted")
made[sys.argv[1]]()
print(MLPClassifier(max_iter=1, activation=Activation(bent, slope)).fit(X, X[:, 0] > 0).n_iter_)
"""


@pytest.mark.parametrize("what", ["fit", "activation"])
def test_an_interrupt_while_numba_is_imported(what, compiled, tmp_path):
    """The import is completed first: without that, `numba.core` would be missing for the rest of the process.

    Numba is imported because the kernel of the loss is not in the cache.
    """
    cache = shutil.copytree(compiled, tmp_path / "compiled")
    assert run_python("-W", "ignore", "-c", IMPORTING, what, cache=cache).split() == ["interrupted", "1"]


@pytest.mark.parametrize("kept", [False, True])
def test_a_context_that_was_cut_off_is_forgotten(kept):
    """Two signals may cut off a context's end, too. What its handlers noted, then or later, is not raised again.

    Not even if somebody keeps the traceback, as a notebook does, and the context with it.
    """
    before, contexts = signal.getsignal(signal.SIGINT), []

    def cut_off():
        contexts.append(interrupts.Interrupts())
        contexts[0].__enter__()
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            assert isinstance(interrupts.noted(), KeyboardInterrupt)

    try:
        with pytest.raises(KeyboardInterrupt):
            cut_off()
        if not kept:
            contexts.clear()
        interrupts.check()
        with interrupts.Interrupts():
            assert len(interrupts._listening) == 1
            interrupts.check()
        activation, factor = make()
        np.testing.assert_allclose(activation(X), factor * X + 1, rtol=1e-14)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not interrupts._listening
