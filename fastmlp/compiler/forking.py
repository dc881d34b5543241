"""A fork in one thread while another is inside the compiler.

The child has no such thread, but inherits what that one held: locks of llvmlite and of Numba, modules half imported,
registers half filled. So a fork waits until nobody compiles or loads, for one kernel at the most: `Lock` lets a
waiting fork go first. If that takes longer than `PATIENCE` seconds, or is interrupted, the fork goes on, and the child
gets new locks; it also undoes what the thread that it has not waited for had changed for the whole process. Of Numba,
whatever else a program does with it, only the locks are waited for, and more briefly.

A signal's handler may raise anything at any line of the hooks, and nobody would hear it there: a lock is acquired and
noted, or released and forgotten, by one call of C each, which no handler divides, and what was raised follows the fork.
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

#: Seconds that a fork waits for a thread of ours (or for LLVM), and for a thread of somebody else's that compiles.
PATIENCE, PATIENCE_WITH_OTHERS = 30.0, 2.0
#: Packages whose import the child could not finish, nor begin anew, had another thread begun it.
_IMPORTED = ("numba", "llvmlite", __package__.partition(".")[0])


class Lock:
    """A reentrant lock that is renewed in the child of a fork, and whose next holder is a fork if one waits."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget who holds it."""
        self._inner: Any = threading.RLock()
        self.renew_turn()

    def renew_turn(self) -> None:
        """Forget who was about to take it."""
        self._turn = threading.Lock()

    def acquire(self, blocking: bool = True) -> bool:
        """Take it, behind a fork that waits for it."""
        if blocking and not self._inner._is_owned():
            with self._turn:
                pass
        return bool(self._inner.acquire(blocking))

    def release(self) -> None:
        self._inner.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exception: object) -> None:
        self._inner.release()


#: Whoever loads or compiles holds it: one thread at a time.
loading = Lock()

#: (thread, key) → how to undo what that thread has changed for the whole process, for as long as it compiles.
_changes: dict[tuple[int, object], Callable[[], object]] = {}


@contextlib.contextmanager
def undone(undo: Callable[[], object]) -> Iterator[None]:
    """Call `undo` at the end; in the child of a fork meanwhile, which lacks the thread that would, at once."""
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
    for once in vars(type(target)).values():  # what Numba computes once, on first use
        for attribute in ("_lock", "lock"):
            if hasattr(getattr(once, attribute, None), "_is_owned"):
                yield once, attribute, PATIENCE_WITH_OTHERS
    if compiler := getattr(sys.modules.get("numba.core.compiler_lock"), "global_compiler_lock", None):
        yield compiler, "_lock", PATIENCE_WITH_OTHERS
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    if lock := getattr(library, "_lock", None):
        yield lock, "_lock", PATIENCE


def _wait_for_imports(seconds: float) -> bool:
    """Whether no other thread is in the middle of an import that the child may need."""
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
    """A new lock; and nobody is in the middle of a compilation."""
    setattr(owner, attribute, threading.RLock())
    target = getattr(sys.modules.get("numba.core.registry"), "cpu_target", None)
    callstack = getattr(vars(target).get("_toplevel_typing_context"), "callstack", None) if target else None
    if callstack is not None:
        callstack._lock = threading.RLock()
        callstack._stack.clear()


class _Step(NamedTuple):
    """A lock to take before a fork: how, within so many seconds, and what to do with it afterwards."""

    acquire: Callable[[float], bool]
    release: Callable[[], object]
    renew: Callable[[], object]
    patience: float


class _Fork(threading.local):
    """What a forking thread has tried to take, whether it holds that, and what a signal's handler raised meanwhile."""

    steps: list[_Step] = []
    taken: list[bool] = []
    raised: BaseException | None = None
    owns = False

    def begin(self) -> None:
        self.steps, self.taken, self.raised, self.owns = [], [], None, loading._inner._is_owned()

    def released(self) -> list[Callable[[], object]]:
        """How to release what is held, the last lock first."""
        return [step.release for step, taken in zip(self.steps, self.taken, strict=False) if taken][::-1]


_fork = _Fork()
#: How often a hook goes on after an exception.
_TRIES = 100


def _before() -> None:
    """In the order in which compiling takes them; after an exception, only what is free."""
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
    """Each lock, looked up once those before are held."""
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
    """Once the hook that calls this has returned: here nobody would hear it."""
    handler = signal.getsignal(signal.SIGINT)
    main = threading.main_thread()
    if threading.current_thread() is not main or handler is None:
        raise error

    def send() -> None:
        signal.pthread_kill(main.ident, signal.SIGINT)  # type: ignore[arg-type]

    def raise_it(*_: object) -> None:
        timer.cancel()  # it may be Ctrl-C that has come here
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
    # What is registered last is called first. logging is imported above since it keeps its lock from then on until the
    # fork is over, and Numba asks for it while it is imported: whoever waits for Numba must not have that lock.
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
