"""The times of a cell, and their ratio.

On one core it is the processor's time that counts, which nobody else's work on the machine lengthens much; several
threads are judged by the clock on the wall.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time

from ..calls import count_calls, time_calls
from ..idle_threads import wait_for_idle_threads
from ..ratios import Spread, paired_ratio
from .cells import GROUPS, Cell, find_group
from .judge import judge
from .models import make_sides

SECONDS = 0.004  # for each loop of calls
ROUNDS = 3


@dataclass
class Timing:
    """The measurement of a cell: the k-th times of both libraries form a pair, in seconds of a call.

    `threads` is None where nobody was told how many to use.
    """

    cell: Cell
    threads: int | None
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    wrong: str | None = None

    @property
    def ratio(self) -> Spread | None:
        """scikit-learn's time divided by fastmlp's; None if the result is wrong."""
        return paired_ratio(self.ours, self.theirs) if self.ours and not self.wrong else None

    @property
    def reaches(self) -> bool:
        """Whether the ratio reaches the limit of its group."""
        return self.ratio is not None and self.ratio.median >= GROUPS[find_group(self.cell)]


def time_cell(cell: Cell, threads: int | None, pairs: int, seconds: float = SECONDS) -> Timing:
    """Check one call of each, then time them in turn; below its limit a cell is timed longer, and all pairs count."""
    timing = Timing(cell, threads)
    gc.collect()
    try:
        sides = make_sides(cell, threads)
        timing.wrong = judge(cell, *sides)
        if not timing.wrong:
            add_pairs(timing, sides[0].call, sides[1].call, pairs, seconds)
    except Exception as error:  # one cell that fails must not take the others with it
        timing.wrong = f"{type(error).__name__}: {error}"
    return timing


def add_pairs(timing: Timing, ours: Callable, theirs: Callable, pairs: int, seconds: float) -> None:
    """Time that many pairs, at most `ROUNDS` times, until the cell reaches its limit."""
    clock = process_time if timing.threads == 1 else perf_counter
    counts = count_calls(ours, seconds, clock), count_calls(theirs, seconds, clock)
    for _ in range(ROUNDS):
        for _ in range(pairs):
            for times, call, count in zip((timing.ours, timing.theirs), (ours, theirs), counts, strict=True):
                if timing.threads != 1:
                    wait_for_idle_threads()
                times.append(time_calls(call, count, clock) / count)
        if timing.reaches:
            return
