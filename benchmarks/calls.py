"""Timing of calls that take microseconds: in turn, A B A B …, each as a loop of fixed duration."""

import gc
from collections.abc import Callable
from time import perf_counter

Clock = Callable[[], float]

SECONDS = 0.02  # for each loop: what interrupts the machine then spoils few of them
LOOPS = 5  # of each call in one of the pairs that were asked for


def measure_calls(
    calls: dict[str, Callable], pairs: int, seconds: float = SECONDS, loops: int = LOOPS
) -> dict[str, list[float]]:
    """Return the seconds of one call by name; the k-th entries of all names form a pair."""
    counts = {name: count_calls(call, seconds) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    gc.collect()
    for _ in range(loops * pairs):
        for name, call in calls.items():
            times[name].append(time_calls(call, counts[name]) / counts[name])
    return times


def time_calls(call: Callable, count: int, clock: Clock = perf_counter) -> float:
    """Return the seconds of that many calls."""
    repeats = range(count)
    start = clock()
    for _ in repeats:
        call()
    return clock() - start


def count_calls(call: Callable, seconds: float, clock: Clock = perf_counter) -> int:
    """Return how many calls fill this time; the first calls, which load and compile, are not counted."""
    call()
    count = 1
    while (taken := time_calls(call, count, clock)) < seconds / 4:
        count *= 2
    return max(1, round(count * seconds / taken))
