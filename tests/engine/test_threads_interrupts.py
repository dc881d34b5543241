"""Ctrl-C twice, at any two moments: no thread waits for ever, at the barrier or for work, and the next call works."""

import contextlib
import itertools
import os
import signal
import sys
import threading

import numpy as np
import pytest
from helpers import knobs
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results
from helpers.rounds import Rounds

import fastmlp.engine.threads
from fastmlp.engine.threads import Team, Worker

pytestmark = ignores_max_iter

WATCHED = {fastmlp.engine.threads.__file__, threading.__file__}


@pytest.fixture(autouse=True)
def nobody_left():
    """Function that asserts that all threads started by the test have ended; it is also called at the end."""
    before = set(threading.enumerate())

    def check():
        for thread in set(threading.enumerate()) - before:
            if thread.is_alive():  # one whose start was interrupted is listed too
                thread.join(20)
            assert not thread.is_alive()

    yield check
    check()


class Interrupts:
    """Raises KeyboardInterrupt at the `first`-th line of threads.py, and again at the `second`-th moment after it.

    A moment is where Python handles signals: when a function begins, and when one has returned.

    `reached` counts the interrupts that were raised. (Python removes a trace function that has raised, so the second
    interrupt comes from the profile function.)
    """

    def __init__(self, first, second):
        self.lines, self.moments = itertools.count(), itertools.count()
        self.first, self.second, self.reached = first, second, 0

    def __enter__(self):
        sys.settrace(self._enter_function)
        return self

    def __exit__(self, *error):
        sys.settrace(None)
        sys.setprofile(None)

    def _enter_function(self, frame, event, argument):
        return self._at_line if frame.f_code.co_filename == fastmlp.engine.threads.__file__ else None

    def _at_line(self, frame, event, argument):
        if event == "line" and next(self.lines) == self.first:
            self.reached = 1
            sys.setprofile(self._at_moment)
            raise KeyboardInterrupt
        return self._at_line

    def _at_moment(self, frame, event, argument):
        if self.reached == 2 or frame.f_code.co_filename not in WATCHED or event not in ("call", "c_return"):
            return
        if next(self.moments) == self.second:
            self.reached = 2
            raise KeyboardInterrupt


def run_twice(size, long):
    """Two calls of a team, whose threads wait for each other in compiled code."""
    counted = Rounds(size)
    counted.team.long = long
    with counted.team:
        counted.team.run(counted.part(3))
        counted.team.run(counted.part(3))


@pytest.mark.parametrize(("size", "long"), [(2, False), (1, True), (2, True)])
def test_two_interrupts_at_any_two_moments(size, long, nobody_left):
    run_twice(size, long)
    for first in itertools.count():
        for second in itertools.count():
            try:
                with Interrupts(first, second) as interrupts:
                    run_twice(size, long)
            except KeyboardInterrupt:
                assert interrupts.reached
            nobody_left()
            if interrupts.reached < 2:
                break
        if not interrupts.reached:
            break
    assert first > 50
    run_twice(size, long)


def is_within(frame, function):
    """Whether a frame belongs to the function or to one that it has called."""
    while frame is not None and frame.f_code is not function.__code__:
        frame = frame.f_back
    return frame is not None


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that send signals")
@pytest.mark.parametrize("gap", [3e-6, 100e-6])
def test_two_signals_in_a_row(gap, nobody_left, monkeypatch):
    """Real signals, which also arrive while a thread waits and between two instructions.

    An exception in a destructor is not raised: Python passes it to `sys.unraisablehook`. pytest's hook is Python code,
    which the second signal would interrupt.
    """
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    left = 0

    def interrupt(number, frame):
        nonlocal left
        if left and is_within(frame, run_twice):
            left -= 1
            if left:
                signal.setitimer(signal.ITIMER_REAL, gap)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in np.geomspace(5e-6, 3e-3, 40):
            left = 2
            with contextlib.suppress(KeyboardInterrupt), contextlib.suppress(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, delay)
                run_twice(2, False)
            left = 0
            nobody_left()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run_twice(2, False)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("second", [("submit", 1), ("submit", 2), ("join", 1), ("join", 2)])
@pytest.mark.parametrize("first", [("submit", 3), ("wait", 2), ("wait", 3), ("join", 1)])
def test_a_second_interrupt_while_the_first_is_handled(first, second, solver, monkeypatch, nobody_left):
    """The fit warns that it was interrupted, and the next one has the same bits as any other."""
    knobs.let_threads_pay(monkeypatch)
    knobs.set_slice(monkeypatch)
    X, y = draw("classes")
    expected = results(make("classes", n_jobs=1, solver=solver).fit(X, y), X)
    places, counter = [first, second], itertools.count(1)
    model = make("classes", n_jobs=3, solver=solver)

    def failing(name, function):
        def call(*arguments):
            nonlocal counter
            here = bool(places) and places[0][0] == name and next(counter) == places[0][1]
            if here:
                places.pop(0)
                counter = itertools.count(1)
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    with monkeypatch.context() as patch:
        for name in ("submit", "wait", "join"):
            patch.setattr(Worker, name, failing(name, getattr(Worker, name)))
        try:
            with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
                model.fit(X, y)
        finally:
            places.clear()
    nobody_left()
    assert_same_bits(results(model.fit(X, y), X), expected)


def test_a_worker_ends_when_it_is_deleted():
    """Deletion runs no Python code, which could be interrupted."""
    worker = Worker()
    assert worker.start()
    thread = worker.thread
    del worker
    thread.join(20)
    assert not thread.is_alive()


def test_join_is_not_called_while_a_worker_runs(monkeypatch):
    """Until Python 3.13, an interrupted `Thread.join` may take a living thread for ended."""
    team, begun, working = Team(2), threading.Event(), []
    join = threading.Thread.join

    def never(thread, timeout=None):
        assert not working
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", never)

    def work(number):
        if number == 0:
            begun.wait()
            raise KeyboardInterrupt
        working.append(number)
        begun.set()
        while not team.barrier[fastmlp.engine.threads.CANCELLED // 8]:
            pass
        working.pop()

    with pytest.raises(KeyboardInterrupt):
        team.run(work)


def train_for_ever(n_jobs, X, y):
    make("classes", n_jobs=n_jobs, max_iter=10**9, tol=0, n_iter_no_change=10**9).fit(X, y)


@pytest.mark.filterwarnings("ignore:Training interrupted by user", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to single threads")
@pytest.mark.parametrize("n_jobs", [2, None])
def test_signals_in_the_middle_of_a_fit(n_jobs, monkeypatch, nobody_left):
    """Another thread sends three signals. The test uses no locks of Python, which interrupts could leave held."""
    knobs.let_threads_pay(monkeypatch)
    X, y = draw("classes")
    model = make("classes", n_jobs=n_jobs).fit(X, y)
    expected = results(model, X)
    main, epochs = threading.get_ident(), []
    monkeypatch.setattr(
        "fastmlp.training.progress.Progress.epoch", lambda progress, number, loss: epochs.append(number)
    )

    def send(spins):
        while not epochs:
            os.sched_yield()
        for _ in range(3):
            signal.pthread_kill(main, signal.SIGINT)
            for _ in range(spins):
                os.sched_yield()

    def interrupt(number, frame):
        if is_within(frame, train_for_ever):
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        for spins in (0, 1, 10, 100, 1000) * 3:
            epochs.clear()
            sender = threading.Thread(target=send, args=[spins])
            sender.start()
            with contextlib.suppress(KeyboardInterrupt):
                train_for_ever(n_jobs, X, y)
            sender.join()
            nobody_left()
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same_bits(results(model.fit(X, y), X), expected)
