"""The barrier, the parts that threads are dealt, and the team that runs them: by themselves, without a network."""

import os
import signal
import threading

import numpy as np
import pytest
from helpers.guarded import assert_lines_are_zero

from fastmlp.compiler.numba_backend import INTEGERS, SIZE, kernel
from fastmlp.engine.buffers import LINE
from fastmlp.engine.threads import Team
from fastmlp.kernels.lowlevel.barrier import barrier_wait, thread_range
from fastmlp.kernels.lowlevel.pointers import shift
from fastmlp.kernels.lowlevel.records import ARRIVED, CANCELLED, GENERATION, TASK, TEAM_BYTES, WORD_STRIDE

N_PARTS = 2


@kernel(SIZE, SIZE, SIZE, SIZE, INTEGERS, INTEGERS)
def make_rounds(team, thread, n_threads, rounds, made, early):
    """made[thread] counts this thread's rounds; early[thread] those after which another was not as far, or farther."""
    for _ in range(rounds):
        made[thread] += 1
        if not barrier_wait(team, n_threads):
            break
        for other in range(n_threads):
            if made[other] != made[thread]:
                early[thread] += 1
        if not barrier_wait(team, n_threads):
            break


@kernel(SIZE, SIZE, SIZE, INTEGERS)
def deal(total, each, n_threads, parts):
    """parts (n_threads, 2) is overwritten with every thread's first and stop."""
    for thread in range(n_threads):
        first, stop = thread_range(total, each, thread, n_threads)
        part = shift(parts, thread * 2)
        part[0], part[1] = first, stop


class Rounds:
    """A team and what its threads have counted."""

    def __init__(self, size):
        self.team = Team(size)
        self.made, self.early = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.entry = make_rounds.entry(np.float64)

    def part(self, rounds, n_threads=None):
        counters = self.made.ctypes.data, self.early.ctypes.data

        def work(thread):
            self.entry(self.team.address, thread, n_threads or self.team.size, rounds, *counters)

        return work


@pytest.mark.parametrize(("size", "rounds"), [(1, 1000), (2, 20_000), (3, 1000), (8, 300), (17, 50)])
def test_nobody_goes_on_before_everybody_has_come(size, rounds):
    counted = Rounds(size)
    for again in (1, 2, 3):
        counted.team.run(counted.part(rounds))
        assert counted.made.tolist() == [again * rounds] * size
    assert not counted.early.any()
    assert_lines_are_zero(counted.team.barrier)


def test_several_teams_at_once():
    many = [Rounds(3) for _ in range(5)]
    threads = [threading.Thread(target=counted.team.run, args=(counted.part(500),)) for counted in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for counted in many:
        assert counted.made.tolist() == [500] * 3
        assert not counted.early.any()


def test_who_waits_is_let_go_when_the_team_is_called_off():
    """Three of four have come, or come later: none of them gets past the barrier."""
    counted = Rounds(4)
    waiting = [threading.Thread(target=counted.part(10), args=(number,)) for number in (1, 2)]
    for thread in waiting:
        thread.start()
    while counted.team.barrier[ARRIVED // 8] < 2:
        pass
    counted.team.barrier[CANCELLED // 8] = 1
    for thread in waiting:
        thread.join()
    counted.part(10)(3)
    assert counted.made.tolist() == [0, 1, 1, 1]
    assert not counted.early.any()


def test_a_team_that_was_called_off_can_run_again():
    counted = Rounds(2)
    counted.team.barrier[[ARRIVED // 8, GENERATION // 8, CANCELLED // 8]] = [1, 5, 1]
    counted.team.run(counted.part(10))
    assert counted.made.tolist() == [10, 10]
    assert not counted.early.any()


def test_the_barriers_words_lie_on_lines_of_their_own():
    assert len({ARRIVED // LINE, GENERATION // LINE, CANCELLED // LINE}) == 3
    assert max(ARRIVED, GENERATION, CANCELLED) + WORD_STRIDE <= TEAM_BYTES
    assert Team(2).address % LINE == 0


@pytest.mark.parametrize("each", [1, 8, 64])
@pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 63, 64, 65, 200, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, 40])
def test_shares(total, each, n_threads):
    """One after the other, whole units, none left over, and nobody has more than one unit more than another."""
    parts = np.full((n_threads, N_PARTS), -1)
    deal.entry(np.float64)(total, each, n_threads, parts.ctypes.data)
    first, stop = parts.T
    assert np.array_equal(first[1:], stop[:-1])
    assert (first[0], stop[-1]) == (0, total)
    assert np.all((stop % each == 0) | (stop == total))
    layer_sizes = -(-(stop - first) // each)
    assert layer_sizes.max() - layer_sizes.min() <= 1


# The team


def test_every_thread_has_its_number():
    seen = []
    Team(5).run(lambda thread: seen.append((thread, threading.current_thread() is threading.main_thread())))
    assert sorted(seen) == [(0, True), (1, False), (2, False), (3, False), (4, False)]


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError(), OSError(11, "no more")])
@pytest.mark.parametrize("begun", [0, 1, 2])
@pytest.mark.parametrize("long", [False, True])
def test_a_team_is_as_large_as_threads_can_be_started(long, begun, error, monkeypatch):
    """Whatever keeps the next one from starting; the task records say how many there are."""
    start, started = threading.Thread.start, []

    def start_some(thread):
        if len(started) == begun:
            raise error
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    team, tasks, seen = Team(4, long), np.zeros(4, TASK), []
    team.attach(tasks)
    assert tasks["n_threads"].tolist() == [4] * 4
    with team:
        for _ in range(2):
            team.run(seen.append)
    size = max(1, begun) if long else begun + 1
    assert team.size == size
    assert sorted(seen) == sorted([*range(size)] * 2)
    assert tasks["n_threads"].tolist() == [size] * 4
    assert not any(thread.is_alive() for thread in started)


def run_inline(thread):
    """As a patch would that calls the thread's function at once."""
    thread._started.set()
    thread._set_native_id()
    thread.run()


def run_later(thread):
    """As a patch would whose coroutines begin when the caller waits for something of its own."""
    thread._started.set()


@pytest.mark.parametrize("patch", [run_inline, run_later])
@pytest.mark.parametrize("long", [False, True])
def test_a_patch_that_makes_no_threads(patch, long, monkeypatch):
    """Coroutines have nobody beside them: the caller works alone."""
    monkeypatch.setattr(threading.Thread, "start", patch)
    counted = Rounds(3)
    counted.team.long = long
    counted.team.run(counted.part(20))
    assert counted.made.tolist() == [20, 0, 0]


def test_no_thread_is_started_while_the_interpreter_shuts_down(monkeypatch):
    """It would never begin, and `Thread.start` would wait for it for ever."""
    monkeypatch.setattr("sys.is_finalizing", lambda: True)
    monkeypatch.setattr(threading.Thread, "start", None)
    seen = []
    Team(3).run(seen.append)
    assert seen == [0]


def test_a_team_of_one_starts_no_thread(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", None)
    seen = []
    Team(1).run(seen.append)
    assert seen == [0]


@pytest.mark.parametrize("guilty", [0, -1])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_error_comes_when_the_others_are_done(size, guilty):
    begun, done = threading.Barrier(size), []
    team = Team(size)

    def work(thread):
        begun.wait()
        if thread == guilty % size:
            raise ZeroDivisionError
        while not team.barrier[CANCELLED // 8]:
            pass
        done.append(thread)

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        team.run(work)
    assert sorted({*done, guilty % size}) == list(range(size))
    assert len(done) == size - 1
    assert threading.active_count() == before


# How long its threads live


def note_threads(team):
    """Those that take part in one call."""
    seen = {}
    team.run(lambda number: seen.update({number: threading.current_thread()}))
    return [seen[number] for number in sorted(seen)]


@pytest.mark.parametrize("long", [False, True])
def test_threads_stay_until_the_block_ends(long):
    team, before = Team(3, long), threading.active_count()
    with team:
        first = note_threads(team)
        assert note_threads(team) == first
    others = first if long else first[1:]
    assert len(set(first)) == 3
    assert not any(thread.is_alive() for thread in others)
    assert not set(note_threads(team)) & set(others)  # without a block they live for one call
    assert threading.active_count() == before


@pytest.mark.parametrize("guilty", [0, 1, 2])
def test_threads_end_with_an_error_and_the_team_can_go_on(guilty):
    def work(number):
        if number == guilty:
            raise ZeroDivisionError

    before = threading.active_count()
    with Team(3) as team:
        for _ in range(3):
            assert len(note_threads(team)) == 3
            with pytest.raises(ZeroDivisionError):
                team.run(work)
    assert threading.active_count() == before


def test_threads_end_with_a_team_whose_block_never_ended():
    """As after an interrupt that comes between the block's last line and its end."""
    team = Team(3).__enter__()
    others = note_threads(team)[1:]
    del team
    for thread in others:
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_between_two_calls():
    """The child has none of the threads, and starts its own."""
    with Team(3) as team:
        first = note_threads(team)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            for count in (3, 3):
                if len(set(note_threads(team))) != count or set(note_threads(team)[1:]) & set(first):
                    os._exit(1)
            team.__exit__()
            os._exit(threading.active_count() - 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert note_threads(team) == first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_that_leaves_the_block_at_once():
    with Team(3) as team:
        note_threads(team)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            team.__exit__()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(note_threads(team)) == 3


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals reach no single thread here")
@pytest.mark.parametrize("size", [1, 3])
def test_long_work_is_left_in_the_middle(size):
    """The caller waits where Python serves Ctrl-C, calls the team off, and returns when nobody works any more."""
    team, ended = Team(size, long=True), []

    def work(number):
        if number == 0:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        while not team.barrier[CANCELLED // 8]:
            pass
        ended.append(threading.current_thread())

    with pytest.raises(KeyboardInterrupt):
        team.run(work)
    assert 1 <= len(ended) <= size
    assert threading.main_thread() not in ended
    assert not any(thread.is_alive() for thread in ended)
