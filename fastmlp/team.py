"""Several threads on one piece of compiled work, all of them done before anybody goes on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .kernels.records import CALLED_OFF, ROW_TILE, TEAM_BYTES
from .workspace import aligned

if TYPE_CHECKING:
    from .model import Model

#: Multiplications and additions of a step for each thread, below which a second one only waits (some 30 µs).
OPERATIONS_WORTH_A_THREAD = 4_000_000
#: Those of a tenth of a second on a slow core.
LONG_OPERATIONS = 1_000_000_000


def count_threads(n_jobs: int | None) -> int:
    """Threads for `n_jobs`, as scikit-learn counts: None is 1, -1 all cores that the process may use, -2 all but one.

    Raises
    ------
    ValueError
        For 0.

    Examples
    --------
    >>> count_threads(None), count_threads(3)
    (1, 3)
    """
    if n_jobs is None:
        return 1
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning: None or 1 is one thread, 2 two, -1 all cores, -2 all but one.")
    if n_jobs > 0:
        return int(n_jobs)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores + 1 + int(n_jobs))


def slow_seconds(network: Model, batch_rows: int) -> float:
    """What one step of `batch_rows` rows takes on a slow core, its overhead included."""
    return 2e-5 + 0.1 * 6 * network.layout.size * batch_rows / LONG_OPERATIONS


def takes_long(network: Model, batch_rows: int) -> bool:
    """Whether one step of `batch_rows` rows may take longer than Ctrl-C may wait, a tenth of a second."""
    return slow_seconds(network, batch_rows) > 0.1


def useful_threads(network: Model, batch_rows: int, n_threads: int) -> int:
    """Threads that a step of `batch_rows` rows keeps busy: two barriers must cost less than the sharing saves."""
    operations = 6 * network.layout.size * batch_rows
    return max(1, min(n_threads, batch_rows // ROW_TILE, operations // OPERATIONS_WORTH_A_THREAD))


def rows_of_one_thread(network: Model) -> int:
    """The most rows that `useful_threads` leaves to a single thread."""
    return 2 * OPERATIONS_WORTH_A_THREAD // (6 * network.layout.size)


class Team:
    """Threads that run the same compiled function, each with its number, and meet at its barriers.

    The caller's thread is number 0. If a thread cannot be started, an interrupt comes while they start, or one of them
    fails, the team is called off: those who wait at the barrier are let go, and those who have not begun do nothing.

    Parameters
    ----------
    size : int
        Number of threads.
    long : bool
        Whether a call may take longer than Ctrl-C may wait. Python serves it only between two calls of compiled code
        from its main thread: the caller then leaves its part to another thread too, and calls the team off when it is
        interrupted.
    """

    def __init__(self, size: int, long: bool = False) -> None:
        self.size = size
        self.long = long
        self.barrier = aligned(TEAM_BYTES // 8, np.int64)

    @property
    def address(self) -> int:
        """Where the barrier lies, for the task records."""
        return self.barrier.ctypes.data

    def run(self, work: Callable[[int], None]) -> None:
        """``work(thread)`` in every thread; returns (or raises what one of them raised) when nobody works any more."""
        self.barrier[:] = 0
        door = threading.Lock()
        inside: list[threading.Thread] = []
        errors: list[BaseException] = []

        def enter(number: int) -> None:
            with door:
                if self._called_off():
                    return  # an interrupt came while this thread was on its way
                inside.append(threading.current_thread())
            try:
                work(number)
            except BaseException as error:  # handed to the caller below
                self._call_off()
                errors.append(error)

        others = [threading.Thread(target=enter, args=(number,)) for number in range(0 if self.long else 1, self.size)]
        try:
            for thread in others:
                thread.start()
            if self.long:
                for thread in others:
                    thread.join()
            else:
                work(0)
        except BaseException:
            with door:
                self._call_off()
            self._wait([*inside, *(thread for thread in others if thread.ident is not None)])
            raise
        self._wait(others)
        if errors:
            raise errors[0]

    def _call_off(self) -> None:
        self.barrier[CALLED_OFF // 8] = 1

    def _called_off(self) -> bool:
        return bool(self.barrier[CALLED_OFF // 8])

    @staticmethod
    def _wait(threads: list[threading.Thread]) -> None:
        """Join them all, and only then let an interrupt that came meanwhile go on."""
        interrupt: BaseException | None = None
        for thread in threads:
            alive = True
            while alive:
                try:
                    thread.join()
                    alive = thread.is_alive()
                except KeyboardInterrupt as error:
                    interrupt = error
        if interrupt is not None:
            raise interrupt
