"""`Team`: several threads on one piece of compiled work; and how many threads pay for a piece of work."""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable
from queue import Empty
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.interrupts import Interrupts
from ..kernels.lowlevel.records import CANCELLED, ROW_TILE, TEAM_BYTES
from . import buffers
from .cores import Threads, count_threads
from .slicing import Stopped

try:  # the compiled class: libraries that patch `queue` for their coroutines have no queue between threads
    from _queue import SimpleQueue
except ImportError:  # pragma: no cover
    from queue import SimpleQueue

if TYPE_CHECKING:
    from .dataset import Dataset
    from .model import Model

__all__ = [
    "Team", "Worker", "count_threads", "estimated_step_seconds", "rows_of_one_thread", "takes_long", "useful_threads",
]  # fmt: skip

#: Multiplications and additions of a step for each thread, below which a second one mostly waits (about 40 µs).
OPERATIONS_WORTH_A_THREAD = 3_000_000
#: Multiples of it: the cost of waking a thread and of its answer (about 20 µs), of starting and joining one (150).
WAKE, START = 0.4, 3.0
#: Operations in a tenth of a second on a slow core.
LONG_OPERATIONS = 1_000_000_000
#: Maximum seconds until Ctrl-C is served.
INTERRUPT_LATENCY = 0.1


def estimated_step_seconds(network: Model, batch_rows: int) -> float:
    """Seconds that one step of `batch_rows` rows takes on a slow core, its overhead included."""
    return 2e-5 + 0.1 * 6 * network.layout.size * batch_rows / LONG_OPERATIONS


def takes_long(network: Model, batch_rows: int) -> bool:
    """Whether one step of `batch_rows` rows may take longer than `INTERRUPT_LATENCY`."""
    return estimated_step_seconds(network, batch_rows) > INTERRUPT_LATENCY


def useful_threads(
    network: Model, batch_rows: int, n_threads: Threads, rows_a_call: float = math.inf, rows_a_team: float = math.inf
) -> int:
    """Return the number of threads that pay for steps of `batch_rows` rows, at most `n_threads`.

    Two barriers in each step must cost less than the other threads save. So must waking the threads for a call of
    `rows_a_call` rows, and starting them for `rows_a_team` rows in total: with work W and a cost c for each thread,
    W / p + c p is least for p = √(W / c).
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
    """Return the number of threads that pay for the outputs of `count` rows, for which they are started and joined."""
    weights = network.layout.size
    if dataset.sparse:  # the first layer multiplies stored values alone
        weights -= (dataset.n_features - dataset.values.size // dataset.n_rows) * network.layout.layer_sizes[1]
    return _ask(n_threads, min(count // ROW_TILE, _root(2 * weights * count, START)))


def rows_of_one_thread(network: Model) -> int:
    """Return the largest number of rows that `useful_for_prediction` leaves to a single thread."""
    return int(4 * START * OPERATIONS_WORTH_A_THREAD) // (2 * network.layout.size)


def _root(operations: float, cost: float) -> int:
    return int(min(math.sqrt(operations / (cost * OPERATIONS_WORTH_A_THREAD)), sys.maxsize))


def _ask(n_threads: Threads, most: int) -> int:
    """Between 1 and `most`; a callable `n_threads` is called only if the answer depends on it."""
    if most <= 1:
        return 1
    return max(1, min(n_threads() if callable(n_threads) else n_threads, most))


class Team:
    """Threads that run the same compiled function, each with its number, and wait for each other at its barriers.

    The caller's thread is number 0. The workers wait for the next call until the ``with`` block ends (about 20 µs to
    wake one and to get its answer, 150 to start and join it); without a block they live for one call. If threads cannot
    be started, the team is smaller, and the task records say so. If an interrupt comes, or a thread fails, the call is
    cancelled: threads that wait at the barrier return, those that have not begun do nothing, and the caller continues
    when no thread works any more.

    Parameters
    ----------
    size : int
        Number of threads.
    long : bool
        Whether a call may take longer than `INTERRUPT_LATENCY`. Python serves Ctrl-C only between two calls of compiled
        code from its main thread: the caller then leaves its own part to a worker, too, and cancels the call when it is
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
        self.barrier = buffers.aligned(TEAM_BYTES // 8, np.int64)
        self.address = self.barrier.ctypes.data  # for the task records
        self.tasks: np.ndarray | None = None
        self._stays = False
        self._workers: list[Worker] = []
        self._process = 0

    def attach(self, tasks: np.ndarray) -> None:
        """Write the barrier's address and the team's size into its threads' task records, and keep the size current."""
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

    def run(self, work: Callable[[int], None], is_over: Callable[[], bool] | None = None) -> None:
        """Call ``work(thread)`` in every thread; return when all are done, or raise what one of them raised.

        If the caller has to wait for long, it asks `is_over`, cancels the call if that is True, and raises `Stopped`.
        """
        self.barrier.fill(0)
        if self.size == 1 and not self.long:
            work(0)
        elif self._stays:
            self._share(work, is_over)
        else:
            with self:
                self._share(work, is_over)

    def _share(self, work: Callable[[int], None], is_over: Callable[[], bool] | None) -> None:
        errors: list[BaseException] = []
        try:
            self._gather()
            first = self.size - len(self._workers)  # 0 if all parts are the workers'
            for number, worker in enumerate(self._workers, start=first):
                worker.submit(functools.partial(self._take_part, work, number, errors))
            if first:
                work(0)
            for worker in self._workers:
                worker.wait(is_over)
        except BaseException:
            # No call stands before this line: a second Ctrl-C is served after it, and no thread stays at the barrier.
            self.barrier[CANCELLED // 8] = 1
            self._shutdown()
            raise
        if errors:
            self._shutdown()
            raise errors[0]

    def _take_part(self, work: Callable[[int], None], number: int, errors: list[BaseException]) -> None:
        """Run a worker's part; what it raises is handed to the caller."""
        if self.barrier[CANCELLED // 8]:
            return
        try:
            work(number)
        except BaseException as error:
            self.barrier[CANCELLED // 8] = 1
            errors.append(error)

    def _gather(self) -> None:
        """Start the workers unless they are waiting already. After a fork they exist in the other process alone."""
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
        """Continue with fewer threads, before any of them has begun: the bits are the same."""
        self.size = size
        if self.tasks is not None:
            self.tasks["n_threads"] = size

    def _shutdown(self) -> None:
        """Wait until the workers have ended, and only then raise what was raised meanwhile.

        That may be Ctrl-C, or what a program's signal handlers raise: SystemExit, TimeoutError.
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
    """A thread that runs the jobs it is given, one after the other, until it gets None or this object is deleted.

    On deletion, the callback of a weak reference puts that reference into the queue. No line of Python runs for that,
    so no number of interrupts can leave a thread that waits for ever.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._done: SimpleQueue[bool] = SimpleQueue()
        end = weakref.ref(self, self._jobs.put)
        arguments = self._jobs, self._done, end, threading.get_native_id()
        self.thread = threading.Thread(target=_serve, args=arguments, daemon=True)

    def start(self) -> bool:
        """Start the thread; False if there is none that works beside this one.

        None can be started while the interpreter shuts down, or beyond the system's limit; and where `threading` was
        patched to make coroutines (gevent, eventlet), it would not begin before the caller ends.
        """
        if sys.is_finalizing():
            return False
        interrupts = Interrupts()
        try:
            with interrupts:
                self.thread.start()
        except Exception as error:  # libraries that patch threads raise errors of their own
            interrupts.check()
            if isinstance(error.__context__, KeyboardInterrupt):  # it came where `threading` cannot handle it
                raise error.__context__ from None
            return False
        return self.thread.native_id not in (None, threading.get_native_id())

    def submit(self, job: Callable[[], None] | None) -> None:
        """Give the worker its next job; None ends it."""
        self._jobs.put(job)

    def wait(self, is_over: Callable[[], bool] | None = None) -> bool:
        """Wait until a job is done; Ctrl-C is served within `INTERRUPT_LATENCY`, even if it comes just before."""
        while True:
            try:
                return self._done.get(timeout=INTERRUPT_LATENCY)
            except Empty:
                if is_over is not None and is_over():
                    raise Stopped from None

    def join(self) -> None:
        """Wait until the thread has ended; one that has not begun yet will find no job."""
        # An interrupted `Thread.join` may report a working thread as dead: it is called for the last lines alone.
        while self.thread.is_alive():
            try:
                if self._done.get(timeout=INTERRUPT_LATENCY):
                    return self.thread.join()
            except Empty:
                continue


def _serve(jobs: SimpleQueue[Any], done: SimpleQueue[bool], end: weakref.ref[Worker], started_by: int) -> None:
    """Run a worker's jobs; do nothing if this is not a thread of its own, but a coroutine or a call in the caller's."""
    if threading.get_native_id() == started_by:
        return
    while (job := jobs.get()) is not None and job is not end:
        job()
        del job  # it refers to the team, which would live for ever
        done.put(False)
    done.put(True)
