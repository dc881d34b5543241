"""A warm-up in front of any schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import Count, with_values
from .base import Rate, Schedule, as_schedule


@dataclass(frozen=True)
class WarmUp(Schedule):
    """η(t) = s(0) · (t + 1) / (steps + 1) for the first `steps` steps, then s(t − steps), with the schedule s.

    Parameters
    ----------
    schedule : Schedule or float
        s; its own step 0 is the first after the warm-up.
    steps : int
        At least 1.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD: training ImageNet in 1 hour". PyTorch's LinearLR with
    start_factor = 1 / (steps + 1) is the same: no step is made with a rate of zero.

    Examples
    --------
    >>> from fastmlp.schedules import Exponential, WarmUp
    >>> WarmUp(0.1, steps=4)(range(6)).round(4).tolist()
    [0.02, 0.04, 0.06, 0.08, 0.1, 0.1]
    >>> WarmUp(Exponential(0.1, factor=0.5), steps=1)(range(5)).round(4).tolist()
    [0.05, 0.1, 0.05, 0.025, 0.0125]
    """

    schedule: Rate
    steps: Count

    @property
    def ends_at(self) -> int | None:
        behind = as_schedule(self.schedule).ends_at
        return None if behind is None else self.steps + behind

    def at(self, t: np.ndarray) -> np.ndarray:
        share = np.minimum((t + 1.0) / (self.steps + 1.0), 1.0)
        rates: np.ndarray = share * as_schedule(self.schedule).at(np.maximum(t - self.steps, 0.0))
        return rates

    def after_epoch(self, rows_seen: int) -> Schedule:
        behind = as_schedule(self.schedule)
        after = behind.after_epoch(rows_seen)
        return self if after is behind else with_values(self, schedule=after)

    def after_plateau(self) -> Schedule | None:
        lowered = as_schedule(self.schedule).after_plateau()
        return None if lowered is None else with_values(self, schedule=lowered)
