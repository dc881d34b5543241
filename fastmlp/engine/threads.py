"""Several threads on one piece of compiled work, all of them done before anybody goes on."""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING

import numpy as np

from ..compiler.interrupts import Interrupts
from ..kernels.lowlevel.records import CANCELLED, ROW_TILE, TEAM_BYTES
from .cores import Threads, count_threads
from .workspace import aligned

try:  # as it is compiled: what patches `queue` for its coroutines has no queue between threads
    from _queue import SimpleQueue
except ImportError:  # pragma: no cover
    from queue import SimpleQueue

if TYPE_CHECKING:
    from .dataset import Dataset
    from .model import Model

__all__ = [
    "Team",
    "Worker",
    "count_threads",
    "estimated_step_seconds",
    "rows_of_one_thread",
    "takes_long",
    "useful_threads",
]

#: Multiplications and additions of a step for each thread, below which a second one only waits (some 40 µs).
OPERATIONS_WORTH_A_THREAD = 3_000_000
#: What it takes to wake a thread and to hear from it (some 20 µs), and to start and end one (150), measured in these.
WAKE, START = 0.4, 3.0
#: Those of a tenth of a second on a slow core.
LONG_OPERATIONS = 1_000_000_000
#: Seconds that Ctrl-C may wait.
INTERRUPT_LATENCY = 0.1


def estimated_step_seconds(network: Model, batch_rows: int) -> float:
    """What one step of `batch_rows` rows takes on a slow core, its overhead included."""
    return 2e-5 + 0.1 * 6 * network.layout.size * batch_rows / LONG_OPERATIONS


def takes_long(network: Model, batch_rows: int) -> bool:
    """Whether one step of `batch_rows` rows may take longer than Ctrl-C may wait, a tenth of a second."""
    return estimated_step_seconds(network, batch_rows) > INTERRUPT_LATENCY


def useful_threads(
    network: Model, batch_rows: int, n_threads: Threads, rows_a_call: float = math.inf, rows_a_team: float = math.inf
) -> int:
    """Threads that pay for steps of `batch_rows` rows, at most `n_threads`.

    Two barriers a step must cost less than the sharing saves. So must waking the threads for a call of `rows_a_call`
    rows, and starting them for `rows_a_team` rows altogether: of work W that costs c for each thread, W / p + c p is
    least for p = √(W / c).
    """
    operations = 6 * network.layout.size
    most = min(
        batch_rows // ROW_TILE,
        operations * batch_rows // OPERATIONS_WORTH_A_THREAD,
        _root(operations * rows_a_call, WAKE),
        _root(operations * rows_a_team, START),
    )
    return _ask(n_threads, most)


def useful_for_prediction(network: Model, dataset: Dataset, count: int, n_threads: Threads) -> int:
    """Threads that pay for the outputs of `count` of these rows, for which they are started and ended."""
    weights = network.layout.size
    if dataset.sparse:  # the first layer has work for the values that are stored
        weights -= (dataset.n_features - dataset.values.size // dataset.n_rows) * network.layout.layer_sizes[1]
    return _ask(n_threads, min(count // ROW_TILE, _root(2 * weights * count, START)))


def rows_of_one_thread(network: Model) -> int:
    """The most rows that `useful_for_prediction` leaves to a single thread."""
    return int(4 * START * OPERATIONS_WORTH_A_THREAD) // (2 * network.layout.size)


def _root(operations: float, cost: float) -> int:
    return int(min(math.sqrt(operations / (cost * OPERATIONS_WORTH_A_THREAD)), sys.maxsize))


def _ask(n_threads: Threads, most: int) -> int:
    """Between 1 and `most`; who knows how many there may be is asked only if it matters."""
    if most <= 1:
        return 1
    return max(1, min(n_threads() if callable(n_threads) else n_threads, most))


class Team:
    """Threads that run the same compiled function, each with its number, and barrier_wait at its barriers.

    The caller's thread is number 0. The others wait for the next call until the ``with`` block ends (some 20 µs to wake
    one and to hear from it, 150 to start and join it); without a block they live for one call. Where threads cannot be
    started the team is smaller, and says so in the task records. If an interrupt comes, or one of them fails, it is
    called off: those who wait at the barrier are let go, those who have not begun do nothing, and the caller goes on
    when nobody works any more.

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
        self.tasks: np.ndarray | None = None
        self._stays = False
        self._workers: list[Worker] = []
        self._process = 0

    def attach(self, tasks: np.ndarray) -> None:
        """Write its address and its size into the task records of its threads, and keep them up to date."""
        self.tasks = tasks
        tasks["team"], tasks["n_threads"] = self.address, self.size

    def __enter__(self) -> Team:
        self._stays = True
        return self

    def __exit__(self, *error: object) -> None:
        if error and error[0] is not None:
            self.barrier[CANCELLED // 8] = 1
        self._stays = False
        self._shutdown()

    def run(self, work: Callable[[int], None]) -> None:
        """``work(thread)`` in every thread; returns (or raises what one of them raised) when nobody works any more."""
        self.barrier.fill(0)
        if self.size == 1 and not self.long:
            work(0)
        elif self._stays:
            self._share(work)
        else:
            with self:
                self._share(work)

    def _share(self, work: Callable[[int], None]) -> None:
        errors: list[BaseException] = []
        try:
            self._gather()
            first = self.size - len(self._workers)  # 0 if all parts are the helpers'
            for number, worker in enumerate(self._workers, start=first):
                worker.submit(functools.partial(self._take_part, work, number, errors))
            if first:
                work(0)
            for worker in self._workers:
                worker.wait()
        except BaseException:
            # Without a call before it: Python serves a second Ctrl-C only after it, and nobody waits at the barrier.
            self.barrier[CANCELLED // 8] = 1
            self._shutdown()
            raise
        if errors:
            self._shutdown()
            raise errors[0]

    def _take_part(self, work: Callable[[int], None], number: int, errors: list[BaseException]) -> None:
        """A helper's part; what it raises is handed to the caller."""
        if self.barrier[CANCELLED // 8]:
            return
        try:
            work(number)
        except BaseException as error:
            self.barrier[CANCELLED // 8] = 1
            errors.append(error)

    def _gather(self) -> None:
        """Start the helpers, if they do not wait already. After a fork they are in the other process."""
        if self._workers and self._process == os.getpid():
            return
        self._workers, self._process = [], os.getpid()
        for number in range(self.size if self.long else self.size - 1):
            worker = Worker()
            self._workers.append(worker)  # first: an interrupt may come while it starts
            if not worker.start():
                self._workers.pop()
                self._shrink(max(1, number if self.long else number + 1))
                return

    def _shrink(self, size: int) -> None:
        """Go on with fewer threads: the bits are the same. No call of theirs has begun."""
        self.size = size
        if self.tasks is not None:
            self.tasks["n_threads"] = size

    def _shutdown(self) -> None:
        """Wait until the helpers have ended, and only then let go on what was raised meanwhile.

        That may be Ctrl-C, or whatever else a program's handlers of signals raise: SystemExit, TimeoutError.
        """
        raised: BaseException | None = None
        while self._workers:
            try:
                for worker in self._workers:
                    worker.submit(None)
                for worker in self._workers:
                    worker.join()
                self._workers.clear()
            except BaseException as error:
                raised = error
        if raised is not None:
            raise raised


class Worker:
    """A thread that does the jobs it is given, one after the other, until it is given None or is needed no more.

    The second is told to it by the death of this object, which puts into its queue what is no job. No line of Python
    runs for that, so no interrupt, however many come, leaves a thread that waits for ever.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue = SimpleQueue()
        self._done: SimpleQueue = SimpleQueue()
        end = weakref.ref(self, self._jobs.put)
        arguments = self._jobs, self._done, end, threading.get_native_id()
        self.thread = threading.Thread(target=_serve, args=arguments, daemon=True)

    def start(self) -> bool:
        """Whether there is a thread now that works beside this one.

        None can be started while the interpreter shuts down, or where the system gives no more; and where `threading`
        was patched to make coroutines (gevent, eventlet), it would not begin before the caller ends.
        """
        if sys.is_finalizing():
            return False
        interrupts = Interrupts()
        try:
            with interrupts:
                self.thread.start()
        except Exception as error:  # whatever those who patch threads raise
            interrupts.check()
            if isinstance(error.__context__, KeyboardInterrupt):  # it came where `threading` cannot bear it
                raise error.__context__ from None
            return False
        return self.thread.native_id not in (None, threading.get_native_id())

    def submit(self, job: Callable[[], None] | None) -> None:
        """The next job, or the end."""
        self._jobs.put(job)

    def wait(self) -> None:
        """Until a job is done; Ctrl-C is served within `INTERRUPT_LATENCY`, even just before the wait begins."""
        while True:
            try:
                return self._done.get(timeout=INTERRUPT_LATENCY)
            except Empty:
                continue

    def join(self) -> None:
        """Until it has ended; one that has not even begun will find no work."""
        # `Thread.join`, interrupted, may take a thread for dead that works on: it waits for its last lines alone.
        while self.thread.is_alive():
            try:
                if self._done.get(timeout=INTERRUPT_LATENCY):
                    return self.thread.join()
            except Empty:
                continue


def _serve(jobs: SimpleQueue, done: SimpleQueue, end: weakref.ref, started_by: int) -> None:
    """What a helper does, unless it is none: a coroutine, or a call, in the thread that was to get help."""
    if threading.get_native_id() == started_by:
        return
    while (job := jobs.get()) is not None and job is not end:
        job()
        del job  # it knows the team, which would live for ever
        done.put(False)
    done.put(True)
