"""Measurement of all cells, and its summary."""

import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from sklearn.exceptions import ConvergenceWarning

from ..findings import Finding
from ..ratios import Spread, geometric_mean
from .cells import EVEN, FRAMES, GROUPS, PREDICTING, TRAINING, Cell, find_group
from .timing import SECONDS, Timing, time_cell

PEER = "scikit-learn"
CALLS = (*TRAINING["call"], *PREDICTING["call"])


def missing_frames() -> str | None:
    """Return why no data frames are measured, or None."""
    return None if find_spec("pandas") else "No module named 'pandas'"


def measure_sweep(
    cells: list[Cell], threads: int, pairs: int, keep: Callable[[Timing], None], seconds: float = SECONDS
) -> Iterator[Finding]:
    """Time each cell and pass it to `keep`; then yield the findings that summarize them."""
    timings = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for cell in cells:
            if cell.inputs in FRAMES and missing_frames():
                continue
            timings.append(time_cell(cell, threads, pairs, seconds))
            keep(timings[-1])
    yield from summarize(timings)


def summarize(timings: list[Timing]) -> Iterator[Finding]:
    """Yield for each type the geometric mean of each call's ratios, and the lowest ratio of each group and of all."""
    for dtype in sorted({one.cell.dtype for one in timings}):
        right = [one for one in timings if one.cell.dtype == dtype and one.ratio]
        for call in CALLS:
            ratios = [one.ratio.median for one in right if one.cell.call == call and one.ratio]
            if ratios:
                spread = Spread(geometric_mean(ratios), min(ratios), max(ratios))
                what = f"sweep: {call}, mean of {len(ratios)} cells"
                yield Finding(what, dtype, right[0].threads, spread, "×", PEER)
        for group in (None, *GROUPS):
            members = [one for one in right if group in (None, find_group(one.cell))]
            if members:
                least = min(members, key=lambda one: one.ratio.median if one.ratio else EVEN)
                assert least.ratio
                yield Finding(describe_least(group), dtype, least.threads, least.ratio, "×", PEER)


def describe_least(group: str | None) -> str:
    """Such as "sweep: least of lbfgs"."""
    return f"sweep: least of {group or 'all'}"
