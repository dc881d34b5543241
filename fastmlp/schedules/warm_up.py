"""A warm-up in front of any schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from ..common.frozen_params import Range, with_values
from .base import Rate, Schedule, as_schedule, check_length


class _StepsOrShare(Range):
    """A number of steps, or a share of the training."""

    def __str__(self) -> str:
        return f"{super().__str__()}, or a share of the training, {_SHARE}"

    def allows(self, value: Any) -> bool:
        return super().allows(value) or (isinstance(value, float | np.floating) and _SHARE.allows(value))

    def convert(self, value: Any) -> Any:
        return int(value) if super().allows(value) else float(value)


_SHARE = Range(0, 1, "()")


@dataclass(frozen=True)
class WarmUp(Schedule):
    """η(t) = s(0) · (t + 1) / (steps + 1) for the first `steps` steps, then s(t − steps), with the schedule s.

    Parameters
    ----------
    schedule : Schedule or float
        s; its own step 0 is the first after the warm-up. If it lasts as long as the training, it ends with it.
    steps : int or float
        At least 1; or a share of the training, greater than 0 and less than 1, such as 0.1.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour". PyTorch's LinearLR with
    start_factor = 1 / (steps + 1) is the same: no step is made with a rate of zero.

    Examples
    --------
    >>> from fastmlp.schedules import Cosine, Exponential, WarmUp
    >>> WarmUp(0.1, steps=4)(range(6)).round(4).tolist()
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    >>> WarmUp(Exponential(0.1, factor=0.5), steps=1)(range(5)).round(4).tolist()
    [0.05, 0.1, 0.05, 0.025, 0.0125]
    >>> WarmUp(Cosine(0.1), steps=0.1).for_training(500)
    WarmUp(schedule=Cosine(learning_rate=0.1, steps=450, final=0.0), steps=50)
    """

    schedule: Rate
    steps: Annotated[int | float, _StepsOrShare(1, whole=True)]

    @property
    def ends_at(self) -> int | None:
        behind = as_schedule(self.schedule).ends_at
        return None if behind is None or not isinstance(self.steps, int) else self.steps + behind

    @property
    def lasts_training(self) -> bool:
        return not isinstance(self.steps, int) or as_schedule(self.schedule).lasts_training

    def for_training(self, steps: int) -> Schedule:
        if not self.lasts_training:
            return self
        warm_up = self.steps if isinstance(self.steps, int) else max(round(self.steps * steps), 1)
        behind = self.schedule
        if isinstance(behind, Schedule):
            behind = behind.for_training(max(steps - warm_up, 1))
        return with_values(self, schedule=behind, steps=warm_up)

    def at(self, t: np.ndarray) -> np.ndarray:
        steps = check_length(self)
        share = np.minimum((t + 1.0) / (steps + 1.0), 1.0)
        rates: np.ndarray = share * as_schedule(self.schedule).at(np.maximum(t - steps, 0.0))
        return rates

    def after_epoch(self, rows_seen: int) -> Schedule:
        behind = as_schedule(self.schedule)
        after = behind.after_epoch(rows_seen)
        return self if after is behind else with_values(self, schedule=after)

    def after_plateau(self) -> Schedule | None:
        lowered = as_schedule(self.schedule).after_plateau()
        return None if lowered is None else with_values(self, schedule=lowered)
