"""The table of the suite `cores`: the time of a step by case, peer and number of threads."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from .cases import MANY_CORES
from .peers import SUBJECT

if TYPE_CHECKING:
    from .session import Session

NOTE = """
µs a step, float32, medians. efficiency: one thread's time over n times the time on n, the largest n. × the best: the
fastest of PyTorch and JAX in float32 over this time, each with its best number of threads."""
OTHERS = ("pytorch", "jax")


def times_of_steps(sessions: Iterable[Session]) -> dict[str, dict[str, dict[int, float]]]:
    """Return case → peer → threads → µs a step, of what sessions with several peers of `cores` have measured."""
    times: dict[str, dict[str, dict[int, float]]] = {}
    for session in sessions:
        for result in session.measurements:
            peers = [peer for peer in MANY_CORES if result.dtype == "float32" and peer in result.seconds]
            if f"{SUBJECT}-bfloat16" not in peers:
                continue
            for peer in peers:
                of_case = times.setdefault(result.case.name, {}).setdefault(peer, {})
                of_case[result.threads] = result.microseconds(median(result.seconds[peer]))
    return times


def format_cores(sessions: Iterable[Session]) -> str:
    """Return the table, or nothing if the suite was not measured."""
    times = times_of_steps(sessions)
    numbers = sorted({number for peers in times.values() for each in peers.values() for number in each})
    if not numbers:
        return ""
    layout = "{:<14}{:<22}" + "{:>11}" * len(numbers) + "{:>12}{:>11}"
    lines = [layout.format("case", "peer", *(f"{number} threads" for number in numbers), "efficiency", "× the best")]
    for case, peers in times.items():
        best = min((min(peers[name].values()) for name in OTHERS if name in peers), default=None)
        for peer, each in peers.items():
            most, least = max(each), min(each)
            share = f"{each[least] * least / (each[most] * most):.2f}" if most > least else "–"
            beside = f"{best / min(each.values()):.2f}" if best and peer.startswith(SUBJECT) else "–"
            cells = (f"{each[number]:.1f}" if number in each else "–" for number in numbers)
            lines.append(layout.format(case, peer, *cells, share, beside).rstrip())
    return "\n".join([*lines, NOTE.strip()])
