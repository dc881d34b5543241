"""Compiled work in slices, so that Ctrl-C and callbacks are served within about a tenth of a second.

A slice is at least one item of work, such as a mini-batch; for an item that takes longer see `threads.Team`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds that one call into compiled code should take.
SLICE = 0.05


class Stopped(BaseException):
    """Raised where work that takes long is left because a caller's `is_over` says so."""


class Slicer:
    """Runs ``work(start, stop)`` over a range in slices of about `SLICE` seconds, measuring how long an item takes.

    How the range is cut does not change the result; between two slices Python serves its signals.

    Parameters
    ----------
    seconds : float, default=SLICE
        What an item may take on a slow machine: the first slice has as many items as fit.
    """

    def __init__(self, seconds: float = SLICE) -> None:
        self.size = max(1, int(SLICE / seconds))

    def run(self, work: Callable[[int, int], None], total: int, is_over: Callable[[], bool] | None = None) -> bool:
        """Call `work` until all `total` items are done (True), or until `is_over` (False).

        `is_over` is asked after each slice; a slice in which it is asked raises `Stopped`, see `Team.run`.
        """
        start = 0
        while start < total and not (start and is_over is not None and is_over()):
            stop = min(total, start + self.size)
            began = time.perf_counter()
            try:
                work(start, stop)
            except Stopped:
                return False
            seconds = max(time.perf_counter() - began, 1e-6)
            # At most twice as many: the first calls are slower than the rest, never much faster.
            self.size = max(1, min(2 * self.size, int((stop - start) * SLICE / seconds)))
            start = stop
        return start >= total
