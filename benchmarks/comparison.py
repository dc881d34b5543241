"""The comparison: fastmlp beside one peer, in speed and in final loss."""

from dataclasses import dataclass

from .goals import GEOMETRIC_MEAN, required_ratio
from .harness import Measurement
from .judge import TOLERANCE, difference
from .ratios import Ratio, geometric_mean, paired_ratio

NOBODY = "–"  # the peer of a run with fastmlp alone: its times and whether its answers are right


@dataclass(frozen=True)
class Comparison:
    """fastmlp and one peer in one case, or in the geometric mean over cases."""

    case: str
    dtype: str
    peer: str
    ratio: Ratio | None
    loss_difference: float | None = None
    wrong: str | None = None

    @property
    def goal(self) -> float | None:
        return required_ratio(self.case, self.dtype, self.peer)

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached: a wrong answer reaches nothing, None where there is nothing to say."""
        if self.goal is None or (self.ratio is None and self.wrong is None):
            return None
        return self.wrong is None and self.ratio.median >= self.goal


def compare(result: Measurement, subject: str, peer: str) -> Comparison:
    """The subject's times and final losses beside one peer's."""
    name, dtype = result.case.name, result.dtype
    wrong = "; ".join(f"{who}: {result.wrong[who]}" for who in (subject, peer) if who in result.wrong)
    if wrong:
        return Comparison(name, dtype, peer, None, wrong=wrong)
    if subject not in result.seconds or peer not in result.seconds:
        return Comparison(name, dtype, peer, None)
    ratio = paired_ratio(result.seconds[subject], result.seconds[peer])
    apart = difference(result.losses[subject], result.losses[peer])
    if not apart <= TOLERANCE[dtype]:
        ours, theirs = result.losses[subject][-1], result.losses[peer][-1]
        wrong = f"final losses {ours:.6g} and {theirs:.6g}: {apart:.1e} apart, allowed {TOLERANCE[dtype]:.0e}"
    return Comparison(name, dtype, peer, ratio, apart, wrong or None)


def average(comparisons: list[Comparison]) -> list[Comparison]:
    """One geometric mean for each type and peer; a case with a wrong answer is left out, and named.

    Its `low` and `high` are the means of the cases' lowest and highest pairs.
    """
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for one in comparisons:
        groups.setdefault((one.dtype, one.peer), []).append(one)
    means = []
    for (dtype, peer), rows in groups.items():
        ratios = [one.ratio for one in rows if one.ratio and not one.wrong]
        wrong = ", ".join(one.case for one in rows if one.wrong)
        if ratios:
            parts = ([getattr(ratio, part) for ratio in ratios] for part in ("median", "low", "high"))
            left_out = f"left out: {wrong}" if wrong else None
            means.append(
                Comparison(GEOMETRIC_MEAN, dtype, peer, Ratio(*map(geometric_mean, parts)), wrong=left_out)
            )
    return means
