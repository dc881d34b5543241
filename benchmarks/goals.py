"""The goals: which ratio was promised, where."""

from dataclasses import dataclass

GEOMETRIC_MEAN = "geometric mean"  # stands in a goal's `case` and in the table's last rows


@dataclass(frozen=True)
class Goal:
    """fastmlp at least so many times as fast; None stands for every case, type or peer.

    A goal without a case holds for each case, not for their mean.
    """

    at_least: float
    case: str | None = None
    dtype: str | None = None
    peer: str | None = None

    def covers(self, case: str, dtype: str, peer: str) -> bool:
        if self.case is None and case == GEOMETRIC_MEAN:
            return False
        pairs = ((self.case, case), (self.dtype, dtype), (self.peer, peer))
        return all(wanted in (None, given) for wanted, given in pairs)


GOALS = (
    Goal(1.0, peer="scikit-learn"),
    Goal(5.0, case="default", dtype="float32", peer="scikit-learn"),
)


def required_ratio(case: str, dtype: str, peer: str, goals: tuple[Goal, ...] = GOALS) -> float | None:
    """The highest ratio that a goal asks for here, None if none does."""
    return max((goal.at_least for goal in goals if goal.covers(case, dtype, peer)), default=None)
