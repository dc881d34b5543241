"""How long the threads of a team live: until its `with` block ends, an error, a fork, or its deletion."""

import os
import signal
import threading

import pytest

from fastmlp.engine.threads import Team
from fastmlp.kernels.lowlevel.records import CANCELLED


def note_threads(team):
    """The threads that take part in one call."""
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
    assert not set(note_threads(team)) & set(others)  # without a `with` block they live for one call
    assert threading.active_count() == before


@pytest.mark.parametrize("guilty", [0, 1, 2])
def test_threads_end_with_an_error_and_the_team_can_run_again(guilty):
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


def test_threads_end_when_their_team_is_deleted():
    """As after an interrupt between the block's last line and its end."""
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


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends no signals to single threads")
@pytest.mark.parametrize("size", [1, 3])
def test_long_work_is_cancelled_by_an_interrupt(size):
    """The caller waits where Python handles Ctrl-C, cancels the team, and returns when all workers have ended."""
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
