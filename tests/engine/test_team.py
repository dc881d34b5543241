"""The barrier, the ranges of threads, and the team that runs them, without a network."""

import threading

import numpy as np
import pytest
from helpers.guarded import assert_lines_are_zero
from helpers.merged import in_one_test
from helpers.rounds import Rounds

from fastmlp.compiler.numba_backend import INTEGERS, SIZE, kernel
from fastmlp.engine.buffers import LINE
from fastmlp.engine.threads import Team
from fastmlp.kernels.lowlevel.barrier import thread_range
from fastmlp.kernels.lowlevel.pointers import shift
from fastmlp.kernels.lowlevel.records import ARRIVED, CANCELLED, GENERATION, TASK, TEAM_BYTES, WORD_STRIDE

N_PARTS = 2


@kernel(SIZE, SIZE, SIZE, INTEGERS)
def deal(total, each, n_threads, parts):
    """parts (n_threads, 2) is overwritten with each thread's first and stop."""
    for thread in range(n_threads):
        first, stop = thread_range(total, each, thread, n_threads)
        part = shift(parts, thread * 2)
        part[0], part[1] = first, stop


@pytest.mark.parametrize(("size", "rounds"), [(1, 1000), (2, 20_000), (3, 1000), (8, 300), (17, 50)])
def test_barrier_waits_for_all(size, rounds):
    counted = Rounds(size)
    for again in (1, 2, 3):
        counted.team.run(counted.part(rounds))
        assert counted.made.tolist() == [again * rounds] * size
    assert not counted.early.any()
    assert_lines_are_zero(counted.team.barrier)


def test_several_teams_run_at_once():
    many = [Rounds(3) for _ in range(5)]
    threads = [threading.Thread(target=counted.team.run, args=(counted.part(500),)) for counted in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for counted in many:
        assert counted.made.tolist() == [500] * 3
        assert not counted.early.any()


def test_cancelling_releases_waiting_threads():
    """Three of four threads arrive, one of them later: none of them gets past the barrier."""
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


def test_a_cancelled_team_can_run_again():
    counted = Rounds(2)
    counted.team.barrier[[ARRIVED // 8, GENERATION // 8, CANCELLED // 8]] = [1, 5, 1]
    counted.team.run(counted.part(10))
    assert counted.made.tolist() == [10, 10]
    assert not counted.early.any()


def test_barrier_words_have_cache_lines_of_their_own():
    assert len({ARRIVED // LINE, GENERATION // LINE, CANCELLED // LINE}) == 3
    assert max(ARRIVED, GENERATION, CANCELLED) + WORD_STRIDE <= TEAM_BYTES
    assert Team(2).address % LINE == 0


@in_one_test()
@pytest.mark.parametrize("each", [1, 8, 64])
@pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 63, 64, 65, 200, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, 40])
def test_thread_ranges_cover_everything_once(total, each, n_threads):
    """Ranges are contiguous, in whole multiples of `each`, and differ by at most one multiple."""
    parts = np.full((n_threads, N_PARTS), -1)
    deal.entry(np.float64)(total, each, n_threads, parts.ctypes.data)
    first, stop = parts.T
    assert np.array_equal(first[1:], stop[:-1])
    assert (first[0], stop[-1]) == (0, total)
    assert np.all((stop % each == 0) | (stop == total))
    multiples = -(-(stop - first) // each)
    assert multiples.max() - multiples.min() <= 1


# The team


def test_every_thread_has_its_number():
    seen = []
    Team(5).run(lambda thread: seen.append((thread, threading.current_thread() is threading.main_thread())))
    assert sorted(seen) == [(0, True), (1, False), (2, False), (3, False), (4, False)]


@in_one_test()
@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError(), OSError(11, "no more")])
@pytest.mark.parametrize("begun", [0, 1, 2])
@pytest.mark.parametrize("long", [False, True])
def test_a_team_is_as_large_as_threads_can_be_started(long, begun, error, monkeypatch):
    """Whatever the error; the task records hold the number of threads that were started."""
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
    """Like a patch that calls the thread's function at once."""
    thread._started.set()
    thread._set_native_id()
    thread.run()


def run_later(thread):
    """Like a patch whose coroutines begin when the caller waits for one of the patch's own objects."""
    thread._started.set()


@pytest.mark.parametrize("patch", [run_inline, run_later])
@pytest.mark.parametrize("long", [False, True])
def test_team_shrinks_where_a_patch_starts_no_threads(patch, long, monkeypatch):
    """Coroutines do not run in parallel: the caller works alone."""
    monkeypatch.setattr(threading.Thread, "start", patch)
    counted = Rounds(3)
    counted.team.long = long
    counted.team.run(counted.part(20))
    assert counted.made.tolist() == [20, 0, 0]


def test_no_thread_is_started_while_the_interpreter_shuts_down(monkeypatch):
    """The thread would not begin, and `Thread.start` would wait for it for ever."""
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


@in_one_test()
@pytest.mark.parametrize("guilty", [0, -1])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_error_is_raised_once_all_threads_are_done(size, guilty):
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
