"""A fork in one thread while another is inside the compiler.

The child has no such thread, but inherits what that one held: locks of llvmlite and of Numba, modules half imported,
registers half filled. So a fork waits until nobody compiles or loads, for one kernel at the most: `Lock` lets a
waiting fork go first. If that takes longer than `PATIENCE` seconds, or is interrupted, the fork goes on, and the child
gets new locks. Of Numba, whatever else a program does with it, only the locks are waited for, and more briefly.
"""

from __future__ import annotations

import _frozen_importlib  # type: ignore[import-not-found]
import functools
import logging  # noqa: F401
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

#: Seconds that a fork waits for a thread of ours (or for LLVM), and for a thread of somebody else's that compiles.
PATIENCE, PATIENCE_WITH_OTHERS = 30.0, 2.0
#: Packages whose import the child could not finish, nor begin anew, had another thread begun it.
_IMPORTED = ("numba", "llvmlite", __package__)


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
        return self._inner.acquire(blocking)

    def release(self) -> None:
        self._inner.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *exception: object) -> None:
        self._inner.release()

    def acquire_for_fork(self, timeout: float) -> bool:
        """Take it before all others who wait."""
        if self._inner._is_owned():
            return self._inner.acquire()
        if not self._turn.acquire(timeout=timeout):
            return False
        try:
            return self._inner.acquire(timeout=timeout)
        finally:
            self._turn.release()


#: Whoever loads or compiles holds it: one thread at a time.
loading = Lock()


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


def _acquire(lock: Any, seconds: float) -> bool:
    return lock.acquire(timeout=seconds)


class _Fork(threading.local):
    """What a forking thread holds, what it could not get, and whether Ctrl-C came meanwhile."""

    release: tuple[Callable[[], None], ...] = ()
    renew: tuple[Callable[[], None], ...] = ()
    interrupted = False


_fork = _Fork()


def _before() -> None:
    """In the order in which compiling takes them."""
    release: list[Callable[[], None]] = []
    renew: list[Callable[[], None]] = []
    _fork.interrupted = False
    for acquire, free, again, patience in _steps():
        taken = _take(acquire, patience)
        (release if taken else renew).append(free if taken else again)
    _fork.release, _fork.renew = tuple(reversed(release)), tuple(renew)


def _take(acquire: Callable[[float], bool], patience: float) -> bool:
    """Whether it was acquired in time, and before Ctrl-C if that was not free: from here nothing can be raised."""
    until = time.monotonic() + patience
    while True:
        try:
            return acquire(0 if _fork.interrupted else max(0, until - time.monotonic()))
        except KeyboardInterrupt:
            _fork.interrupted = True


def _steps() -> Iterator[tuple]:
    """(acquire within so many seconds, release, renew, seconds) of each lock; looked up once those before are held."""
    yield loading.acquire_for_fork, loading.release, loading.renew, PATIENCE
    yield _wait_for_imports, _nothing, _nothing, PATIENCE
    for owner, attribute, patience in _locks_of_others():
        lock = getattr(owner, attribute)
        renew = functools.partial(_renew, owner, attribute)
        yield functools.partial(_acquire, lock), lock.release, renew, patience


def _after_in_parent() -> None:
    for release in _fork.release:
        release()
    if _fork.interrupted:  # once this function has returned: nobody would hear it now
        main = threading.main_thread().ident
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()


def _after_in_child() -> None:
    loading.renew_turn()
    for act in (*_fork.release, *_fork.renew):
        act()


if hasattr(os, "register_at_fork"):
    # What is registered last is called first. logging is imported above since it keeps its lock from then on until the
    # fork is over, and Numba asks for it while it is imported: whoever waits for Numba must not have that lock.
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
