"""Compiled work in slices, so that Ctrl-C and callbacks are served within about a tenth of a second.

A slice is one unit of work at least; a mini-batch that takes longer than that is `team`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that one call into compiled code should take.
SLICE = 0.05


class Slicer:
    """Runs ``work(start, stop)`` over a range in slices of about `SLICE` seconds, learning how long a unit takes.

    How the range is cut changes nothing in the result; between two slices Python serves its signals.

    Parameters
    ----------
    seconds : float, default=SLICE
        What a unit may take on a slow machine: the first slice has as many units as fit.
    """

    def __init__(self, seconds: float = SLICE) -> None:
        self.size = max(1, int(SLICE / seconds))

    def run(self, work: Callable[[int, int], None], total: int) -> None:
        """Call `work` until `total` units are done."""
        start = 0
        while start < total:
            stop = min(total, start + self.size)
            began = time.perf_counter()
            work(start, stop)
            seconds = max(time.perf_counter() - began, 1e-6)
            # Twice as many at the most: the first calls are slower than the rest, never much faster.
            self.size = max(1, min(2 * self.size, int((stop - start) * SLICE / seconds)))
            start = stop
