"""Printed tables; each row is printed as soon as it is measured."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from .comparison import Comparison
from .harness import Measurement
from .sweep.cells import EVEN, GROUPS, find_group

if TYPE_CHECKING:
    from .goals import Outcome
    from .session import Session
    from .sweep.timing import Timing

LAYOUT = "{:<15}{:<9}{:<16}{:>11}{:>11}{:>9}  {:<16}{:>9}"
HEADER = ("case", "type", "peer", "peer µs", "fastmlp µs", "ratio", "min–max", "apart")
NOTE = """
µs: median time of a fit over its number of steps. ratio: the peer's time over fastmlp's, median over pairs.
apart: relative difference of the final training losses, computed by the same lines for all."""
GOAL_LAYOUT = "{:<66}{:<30}{:<14}{}"
REACHED = {None: "not measured", True: "yes", False: "NO"}


def format_header() -> str:
    return LAYOUT.format(*HEADER)


def format_row(comparison: Comparison, result: Measurement | None = None, subject: str = "fastmlp") -> str:
    """Return a line of the table, and a second one if the result is wrong."""
    one = comparison
    line = LAYOUT.format(
        one.case,
        one.dtype,
        one.peer,
        _microseconds(result, one.peer),
        _microseconds(result, subject),
        f"{one.ratio.median:.2f}" if one.ratio else "–",
        f"{one.ratio.low:.2f}–{one.ratio.high:.2f}" if one.ratio else "–",
        "–" if one.loss_difference is None else f"{one.loss_difference:.1e}",
    ).rstrip()
    return f"{line}\n    WRONG ANSWER: {one.wrong}" if one.wrong else line


def format_declined(case: str, dtype: str, peer: str, reason: str) -> str:
    return f"{case:<15}{dtype:<9}{peer:<16}takes no part: it {reason}"


def format_machine(machine: dict) -> str:
    """Return three lines: the processor, the versions of packages, and scikit-learn's BLAS."""
    packages = machine["packages"].items()
    widest = next((flag for flag in ("avx512f", "avx2", "sse2", "asimd") if flag in machine["simd"]), "no SIMD")
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {widest}, commit {machine['commit'] or 'unknown'}\n"
        f"Python {machine['python']}, {', '.join(f'{name} {number}' for name, number in packages)}\n"
        f"BLAS: {'; '.join(machine['blas']) or 'unknown'}"
    )


def format_place(threads: int, cores: list[int] | None, pairs: int) -> str:
    place = "cannot pin here" if cores is None else f"on core{'s' * (len(cores) > 1)} {', '.join(map(str, cores))}"
    return f"{threads} thread{'s' * (threads > 1)} for each peer, {place}, {pairs} pairs\n"


def format_timing(timing: Timing) -> str:
    """Return the line of a cell of the sweep: its ratio and limit, or what is wrong."""
    if not timing.ratio:
        return f"  WRONG ANSWER: {timing.cell}: {timing.wrong}"
    ratio, group = timing.ratio, find_group(timing.cell)
    mark = "SLOWER" if ratio.median < EVEN else ""
    spread = f"({ratio.low:.2f}–{ratio.high:.2f})"
    ours = f"{1e6 * median(timing.ours):.0f} µs"
    return f"  {ratio.median:.2f} × {spread:<14}{mark:<8}{ours:>12}  {timing.cell}  ({group}: ≥ {GROUPS[group]:g})"


def format_sweep(timings: list[Timing]) -> str:
    """Return how many cells there were, and how many below one, below their limit, and with a wrong result."""
    slower = sum(one.ratio is not None and one.ratio.median < EVEN for one in timings)
    missed = sum(one.ratio is not None and not one.reaches for one in timings)
    wrong = sum(one.wrong is not None for one in timings)
    return f"  {len(timings)} cells: {slower} slower than scikit-learn, {missed} below their limit, {wrong} wrong"


def format_goals(outcomes: list[Outcome], sessions: list[Session]) -> str:
    """Return the goals with their results, and how this run differs from the goals' conditions."""
    lines = [GOAL_LAYOUT.format("goal", "limit", "reached", "found")]
    for one in outcomes:
        lines.append(GOAL_LAYOUT.format(one.goal.text, one.goal.limit, REACHED[one.reached], one.found).rstrip())
    pairs = min(session.configuration["pairs"] for session in sessions)
    epochs = [str(session.configuration["epochs"]) for session in sessions if session.configuration["epochs"]]
    if pairs < 5:
        lines.append(f"The goals are medians of at least five pairs; this run has {pairs}.")
    if epochs:
        lines.append(f"Trainings were cut to --epochs {', '.join(sorted(set(epochs)))}: not the goals' conditions.")
    for session in sessions:
        threads = "one thread" if session.threads == 1 else f"{session.threads} threads"
        lines += [f"Missing, {threads}: {name} ({reason})" for name, reason in session.missing.items()]
        lines += [f"Failed, {threads}: {error}" for error in session.errors]
    return "\n".join(lines)


def _microseconds(result: Measurement | None, peer: str) -> str:
    times = result.seconds.get(peer) if result else None
    return f"{result.microseconds(median(times)):.1f}" if times else "–"
