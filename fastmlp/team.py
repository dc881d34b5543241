"""Several threads on one piece of compiled work, all of them done before anybody goes on."""

from __future__ import annotations

import functools
import os
import queue
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
#: Seconds that Ctrl-C may wait.
PATIENCE = 0.1


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
    return slow_seconds(network, batch_rows) > PATIENCE


def useful_threads(network: Model, batch_rows: int, n_threads: int) -> int:
    """Threads that a step of `batch_rows` rows keeps busy: two barriers must cost less than the sharing saves."""
    operations = 6 * network.layout.size * batch_rows
    return max(1, min(n_threads, batch_rows // ROW_TILE, operations // OPERATIONS_WORTH_A_THREAD))


def rows_of_one_thread(network: Model) -> int:
    """The most rows that `useful_threads` leaves to a single thread."""
    return 2 * OPERATIONS_WORTH_A_THREAD // (6 * network.layout.size)


class Team:
    """Threads that run the same compiled function, each with its number, and meet at its barriers.

    The caller's thread is number 0. The others wait for the next call until the ``with`` block ends (some 20 µs to wake
    one and to hear from it, 120 to start and join it); without a block they live for one call. If one cannot be
    started, an interrupt comes, or one of them fails, the team is called off: those who wait at the barrier are let go,
    those who have not begun do nothing, and the caller goes on when nobody works any more.

    Parameters
    ----------
    size : int
        Number of threads.
    long : bool
        Whether a call may take longer than Ctrl-C may wait. Python serves it only between two calls of compiled code
        from its main thread: the caller then leaves its part to another thread too, and calls the team off when it is
        interrupted.

    Examples
    --------
    >>> squares = np.zeros(3)
    >>> with Team(3) as team:
    ...     for add in (1, 2):
    ...         team.run(lambda thread: np.add.at(squares, thread, thread**2))
    >>> squares
    array([0., 2., 8.])
    """

    def __init__(self, size: int, long: bool = False) -> None:
        self.size = size
        self.long = long
        self.barrier = aligned(TEAM_BYTES // 8, np.int64)
        self.address = self.barrier.ctypes.data  # for the task records
        self._stays = False
        self._helpers = Helpers()
        self._process = 0

    def __enter__(self) -> Team:
        self._stays = True
        return self

    def __exit__(self, *error: object) -> None:
        self._stays = False
        self._dismiss()

    def run(self, work: Callable[[int], None]) -> None:
        """``work(thread)`` in every thread; returns (or raises what one of them raised) when nobody works any more."""
        self.barrier.fill(0)
        if self.size == 1 and not self.long:
            work(0)
            return
        errors: list[BaseException] = []
        try:
            self._gather()
            for number, helper in enumerate(self._helpers, start=0 if self.long else 1):
                helper.give(functools.partial(self._take_part, work, number, errors))
            if not self.long:
                work(0)
            for helper in self._helpers:
                helper.wait()
        except BaseException:
            self.barrier[CALLED_OFF // 8] = 1
            self._dismiss()
            raise
        if not self._stays:
            self._dismiss()
        if errors:
            raise errors[0]

    def _take_part(self, work: Callable[[int], None], number: int, errors: list[BaseException]) -> None:
        """A helper's part; what it raises is handed to the caller."""
        if self.barrier[CALLED_OFF // 8]:
            return
        try:
            work(number)
        except BaseException as error:
            self.barrier[CALLED_OFF // 8] = 1
            errors.append(error)

    def _gather(self) -> None:
        """Start the helpers, if they do not wait already. After a fork they are in the other process."""
        if self._helpers and self._process == os.getpid():
            return
        self._helpers, self._process = Helpers(), os.getpid()
        for _ in range(self.size if self.long else self.size - 1):
            self._helpers.append(Helper())
            self._helpers[-1].thread.start()

    def _dismiss(self) -> None:
        """Wait until the helpers have ended, and only then let an interrupt that came meanwhile go on."""
        interrupt: BaseException | None = None
        while self._helpers:
            try:
                for helper in self._helpers:
                    helper.give(None)
                for helper in self._helpers:
                    helper.join()
                self._helpers.clear()
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt


class Helpers(list["Helper"]):
    """A team's; an interrupt may come before the team's `__exit__` has begun: nobody waits for ever."""

    def __del__(self) -> None:
        for helper in self:
            helper.give(None)


class Helper:
    """A thread that does the jobs it is given, one after the other, until it is given None."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=_serve, args=(self._jobs, self._done), daemon=True)

    def give(self, job: Callable[[], None] | None) -> None:
        """The next job, or the end."""
        self._jobs.put(job)

    def wait(self) -> None:
        """Until a job is done; Ctrl-C is served within `PATIENCE`, even one that comes just before the wait begins."""
        while True:
            try:
                return self._done.get(timeout=PATIENCE)
            except queue.Empty:
                continue

    def join(self) -> None:
        """Until it has ended; one that has not even begun will find no work."""
        if self.thread.is_alive():
            self.thread.join()


def _serve(jobs: queue.SimpleQueue, done: queue.SimpleQueue) -> None:
    for job in iter(jobs.get, None):
        job()
        del job  # it knows the team, which would live for ever
        done.put(None)
