"""A fork in one thread while another is inside the compiler.

The child lacks that thread, but inherits what it held: locks of llvmlite and Numba, partly imported modules, partly
filled registries. So a fork waits until no thread compiles or loads, which takes at most one kernel: `Lock` gives a
waiting fork precedence. If that takes longer than `PATIENCE` seconds, or is interrupted, the fork continues, and the
child gets new locks; it also undoes what the other thread had changed for the whole process. If a program uses Numba
itself, the fork waits for Numba's locks alone, and more briefly.

A signal handler may raise at any line of the hooks, where Python would ignore the exception. So a lock is acquired and
recorded, or released and forgotten, by one call of C each, which no handler interrupts, and what was raised is raised
again after the fork.
"""

from __future__ import annotations

import _frozen_importlib
import collections
import contextlib
import functools
import itertools
import logging  # noqa: F401
import operator
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

#: Seconds that a fork waits for this package's threads (or for LLVM), and for other threads that use Numba.
PATIENCE, PATIENCE_WITH_OTHERS = 30.0, 2.0
#: Packages whose import the child could neither finish nor repeat if another thread had begun it.
_IMPORTED = ("numba", "llvmlite", __package__.partition(".")[0])


class Lock:
    """A reentrant lock that is renewed in the child of a fork; a waiting fork gets it before other threads."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget the holder."""
        self._inner: Any = threading.RLock()
        self.renew_turn()

    def renew_turn(self) -> None:
        """Forget the thread that was about to acquire it."""
        self._turn = threading.Lock()

    def acquire(self, blocking: bool = True) -> bool:
        """Acquire it, after a fork that waits for it."""
        if blocking and not self._inner._is_owned():
            with self._turn:
                pass
        return bool(self._inner.acquire(blocking))

    def release(self) -> None:
        """Release it."""
        self._inner.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exception: object) -> None:
        self._inner.release()


#: Held by the thread that loads or compiles: one at a time.
loading = Lock()

#: (thread, key) → how to undo what that thread changed for the whole process while it compiles.
_changes: dict[tuple[int, object], Callable[[], object]] = {}


@contextlib.contextmanager
def undone(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` at the end; in the child of a fork meanwhile, which lacks this thread, immediately."""
    key = threading.get_ident(), object()
    _changes[key] = undo
    try:
        yield
    finally:
        undo()
        del _changes[key]


def _locks_of_others() -> Iterator[tuple[Any, str, float]]:
    """(owner, attribute, patience) of each lock of Numba's and llvmlite's, in the order of compiling."""
    target = getattr(sys.modules.get("numba.core.registry"), "cpu_target", None)
    for once in vars(type(target)).values():  # what Numba computes once, at first use
        for attribute in ("_lock", "lock"):
            if hasattr(getattr(once, attribute, None), "_is_owned"):
                yield once, attribute, PATIENCE_WITH_OTHERS
    if compiler := getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None):
        yield compiler, "_lock", PATIENCE_WITH_OTHERS
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    if lock := getattr(library, "_lock", None):
        yield lock, "_lock", PATIENCE


def _wait_for_imports(seconds: float) -> bool:
    """Wait until no other thread is importing what the child may need; False if that takes longer."""
    until = time.monotonic() + seconds
    while any(_imports_of_others()):
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def _imports_of_others() -> Iterator[str]:
    me = threading.get_ident()
    for name, found in list(getattr(_frozen_importlib, "_module_locks", {}).items()):
        if name.partition(".")[0] in _IMPORTED and getattr(found(), "owner", None) not in (None, me):
            yield name


def _nothing() -> None:
    pass


def _renew(owner: Any, attribute: str) -> None:
    """Make a new lock, and empty the stack of functions that Numba is compiling."""
    setattr(owner, attribute, threading.RLock())
    target = getattr(sys.modules.get("numba.core.registry"), "cpu_target", None)
    callstack = getattr(vars(target).get("_toplevel_typing_context"), "callstack", None) if target else None
    if callstack is not None:
        callstack._lock = threading.RLock()
        callstack._stack.clear()


class _Step(NamedTuple):
    """A lock to acquire before a fork: how, within how many seconds, and what to do with it afterwards."""

    acquire: Callable[[float], bool]
    release: Callable[[], object]
    renew: Callable[[], object]
    patience: float


class _Fork(threading.local):
    """What a forking thread has tried to acquire, whether it got it, and what a signal handler raised meanwhile."""

    steps: list[_Step] = []
    taken: list[bool] = []
    raised: BaseException | None = None
    owns = False

    def begin(self) -> None:
        self.steps, self.taken, self.raised, self.owns = [], [], None, loading._inner._is_owned()

    def released(self) -> list[Callable[[], object]]:
        """Return the functions that release what is held, the last lock first."""
        return [step.release for step, taken in zip(self.steps, self.taken, strict=False) if taken][::-1]


_fork = _Fork()
#: How often a hook continues after an exception.
_TRIES = 100


def _before() -> None:
    """Acquire all locks in the order in which compiling does; after an exception, only free ones."""
    begun = False
    for _ in range(_TRIES):
        try:
            if not begun:
                _fork.begin()
                begun = True
            for step in itertools.islice(_steps(), len(_fork.taken), None):
                _fork.steps[len(_fork.taken) :] = [step]
                _fork.taken.extend(map(step.acquire, (0 if _fork.raised else step.patience,)))
            return
        except BaseException as error:
            _fork.raised = error


def _steps() -> Iterator[_Step]:
    """Each lock, looked up once those before it are held."""
    turn, inner = loading._turn, loading._inner
    if not _fork.owns:
        yield _Step(functools.partial(turn.acquire, True), turn.release, loading.renew_turn, PATIENCE)
    yield _Step(functools.partial(inner.acquire, True), inner.release, loading.renew, PATIENCE)
    yield _Step(_wait_for_imports, _nothing, _nothing, PATIENCE)
    for owner, attribute, patience in _locks_of_others():
        lock = getattr(owner, attribute)
        renew = functools.partial(_renew, owner, attribute)
        yield _Step(functools.partial(lock.acquire, True), lock.release, renew, patience)


def _after_in_parent() -> None:
    releases = None
    for _ in range(_TRIES):
        try:
            releases = releases or map(operator.call, _fork.released())  # remembers what it has called
            collections.deque(releases, maxlen=0)
            break
        except BaseException as error:
            _fork.raised = error
    if _fork.raised:
        _raise_later(_fork.raised)


def _raise_later(error: BaseException) -> None:
    """Raise an exception once the hook that calls this has returned: Python ignores exceptions in hooks."""
    handler = signal.getsignal(signal.SIGINT)
    main = threading.main_thread()
    if threading.current_thread() is not main or handler is None:
        raise error

    def send() -> None:
        signal.pthread_kill(main.ident, signal.SIGINT)  # type: ignore[arg-type]

    def raise_it(*_: object) -> None:
        timer.cancel()  # the signal may be the user's Ctrl-C
        signal.signal(signal.SIGINT, handler)
        raise error

    timer = threading.Timer(0.05, send)
    signal.signal(signal.SIGINT, raise_it)
    timer.start()


def _after_in_child() -> None:
    loading.renew_turn()
    me = threading.get_ident()
    others = [undo for (thread, _), undo in list(_changes.items()) if thread != me]
    renewed = [step.renew for step, taken in zip(_fork.steps, _fork.taken, strict=False) if not taken]
    for act in (*_fork.released(), *renewed, *reversed(others)):
        act()


if hasattr(os, "register_at_fork"):
    # Hooks registered last are called first. logging is imported above, because from then on it holds its lock from
    # before a fork until after it, and Numba's import needs that lock: a fork that waits for Numba must not hold it.
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
