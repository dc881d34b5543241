"""Rounds of a team's threads, which wait at the barrier twice in each round."""

import numpy as np

from fastmlp.compiler.numba_backend import INTEGERS, SIZE, kernel
from fastmlp.engine.threads import Team
from fastmlp.kernels.lowlevel.barrier import barrier_wait


@kernel(SIZE, SIZE, SIZE, SIZE, INTEGERS, INTEGERS)
def make_rounds(team, thread, n_threads, rounds, made, early):
    """made[thread] counts this thread's rounds; early[thread] those after which another count differed."""
    for _ in range(rounds):
        made[thread] += 1
        if not barrier_wait(team, n_threads):
            break
        for other in range(n_threads):
            if made[other] != made[thread]:
                early[thread] += 1
        if not barrier_wait(team, n_threads):
            break


class Rounds:
    """A team and the counts of its threads."""

    def __init__(self, size):
        self.team = Team(size)
        self.made, self.early = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.entry = make_rounds.entry(np.float64)

    def part(self, rounds, n_threads=None):
        counters = self.made.ctypes.data, self.early.ctypes.data

        def work(thread):
            self.entry(self.team.address, thread, n_threads or self.team.size, rounds, *counters)

        return work
