"""Comparison of fastmlp with one peer, in speed and final loss."""

from dataclasses import dataclass

from .harness import Measurement
from .judge import TOLERANCE, difference
from .ratios import Spread, geometric_mean, paired_ratio

GEOMETRIC_MEAN = "geometric mean"  # stands for the case in the table's last rows
NOBODY = "–"  # the peer of a run with fastmlp alone: its times and whether its answers are right


@dataclass(frozen=True)
class Comparison:
    """fastmlp and one peer in one case, or in the geometric mean over cases."""

    case: str
    dtype: str
    peer: str
    ratio: Spread | None
    loss_difference: float | None = None
    wrong: str | None = None
    threads: int = 1


def compare(result: Measurement, subject: str, peer: str) -> Comparison:
    """Compare the subject's times and final losses with one peer's."""
    name, dtype, threads = result.case.name, result.dtype, result.threads
    wrong = "; ".join(f"{who}: {result.wrong[who]}" for who in (subject, peer) if who in result.wrong)
    if wrong:
        return Comparison(name, dtype, peer, None, wrong=wrong, threads=threads)
    if subject not in result.seconds or peer not in result.seconds:
        return Comparison(name, dtype, peer, None, threads=threads)
    ratio = paired_ratio(result.seconds[subject], result.seconds[peer])
    apart = difference(result.losses[subject], result.losses[peer])
    if not apart <= TOLERANCE[dtype]:
        ours, theirs = result.losses[subject][-1], result.losses[peer][-1]
        wrong = f"final losses {ours:.6g} and {theirs:.6g}: {apart:.1e} apart, allowed {TOLERANCE[dtype]:.0e}"
    return Comparison(name, dtype, peer, ratio, apart, wrong or None, threads)


def average(comparisons: list[Comparison]) -> list[Comparison]:
    """Return a geometric mean for each type and peer; cases with a wrong result are omitted and named.

    Its `low` and `high` are the means of the cases' lowest and highest pairs.
    """
    groups: dict[tuple[int, str, str], list[Comparison]] = {}
    for one in comparisons:
        groups.setdefault((one.threads, one.dtype, one.peer), []).append(one)
    means = []
    for (threads, dtype, peer), rows in groups.items():
        ratios = [one.ratio for one in rows if one.ratio and not one.wrong]
        wrong = ", ".join(one.case for one in rows if one.wrong)
        if ratios:
            parts = ([getattr(ratio, part) for ratio in ratios] for part in ("median", "low", "high"))
            mean = Spread(*map(geometric_mean, parts))
            left_out = f"left out: {wrong}" if wrong else None
            means.append(Comparison(GEOMETRIC_MEAN, dtype, peer, mean, wrong=left_out, threads=threads))
    return means
