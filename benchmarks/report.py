"""The report: the table a person reads, a row as soon as it is measured, and the JSON a program reads."""

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median

from .comparison import Comparison
from .harness import Measurement

LAYOUT = "{:<15}{:<9}{:<14}{:>11}{:>11}{:>9}  {:<16}{:>12}{:>6}  {}"
HEADER = ("case", "type", "peer", "peer µs", "fastmlp µs", "ratio", "min–max", "apart", "goal", "reached")
NOTE = """
µs: median time of a fit over its number of steps. ratio: the peer's time over fastmlp's, median over pairs.
apart: relative difference of the final training losses, computed by the same lines for all."""


def format_header() -> str:
    return LAYOUT.format(*HEADER)


def format_row(comparison: Comparison, result: Measurement | None = None, subject: str = "fastmlp") -> str:
    """One line of the table, and a second one under it when the answer is wrong."""
    one = comparison
    reached = {None: "", True: "yes", False: "NO"}[one.reached]
    line = LAYOUT.format(
        one.case,
        one.dtype,
        one.peer,
        _microseconds(result, one.peer),
        _microseconds(result, subject),
        f"{one.ratio.median:.2f}" if one.ratio else "–",
        f"{one.ratio.low:.2f}–{one.ratio.high:.2f}" if one.ratio else "–",
        "–" if one.loss_difference is None else f"{one.loss_difference:.1e}",
        "–" if one.goal is None else f"{one.goal:g}",
        reached,
    ).rstrip()
    return f"{line}\n    WRONG ANSWER: {one.wrong}" if one.wrong else line


def format_machine(machine: dict) -> str:
    """Two lines: the processor, and what ran on it."""
    packages = machine["packages"].items()
    widest = next(
        (flag for flag in ("avx512f", "avx2", "sse2", "asimd") if flag in machine["simd"]), "no SIMD"
    )
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {widest}, commit {machine['commit'] or 'unknown'}\n"
        f"Python {machine['python']}, {', '.join(f'{name} {number}' for name, number in packages)}"
    )


def write_json(
    path: str,
    machine: dict,
    settings: dict,
    missing: dict[str, str],
    results: list[Measurement],
    comparisons: list[Comparison],
) -> None:
    """Everything measured, every single time included, into one file."""
    content = {
        "machine": machine,
        "settings": settings,
        "missing": missing,
        "measurements": [_plain_measurement(result) for result in results],
        "comparisons": [asdict(one) | {"goal": one.goal, "reached": one.reached} for one in comparisons],
    }
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain_measurement(result: Measurement) -> dict:
    steps = {"steps": result.case.steps(result.epochs)}
    per_step = {name: result.microseconds(median(times)) for name, times in result.seconds.items()}
    return asdict(result) | steps | {"microseconds_per_step": per_step}


def _microseconds(result: Measurement | None, peer: str) -> str:
    times = result.seconds.get(peer) if result else None
    return f"{result.microseconds(median(times)):.1f}" if times else "–"
