"""`RateBuffer`: learning rates and their like, computed for many steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..kernels.lowlevel.records import LEARNING_RATE, N_GROUP_RATES, N_STEP_RATES
from ..optimizers import RunningOptimizer
from ..schedules import Schedule
from .parameter_groups import ParameterGroups

#: Steps whose rates are computed together: those of many epochs, where an epoch is one step or a few.
STEPS_AHEAD = 256


class RateBuffer:
    """What changes from step to step (`RunningOptimizer.step_rates`), computed for many steps at a time.

    Parameters
    ----------
    optimizer : RunningOptimizer
    shrinks : bool, default=False
        Whether weights are shrunk after each step (L1).
    groups : ParameterGroups, optional
        What parameter groups need as well, where layers differ or decay has a schedule.
    """

    def __init__(
        self, optimizer: RunningOptimizer, shrinks: bool = False, groups: ParameterGroups | None = None
    ) -> None:
        self.optimizer, self.shrinks, self.groups = optimizer, shrinks, groups
        self.schedule: Schedule | None = None
        self.decay: Any = None
        self.first = 0
        self.step_rates = np.zeros((0, N_STEP_RATES))
        self.group_rates = np.zeros((0, 0, 2, N_GROUP_RATES))

    def addresses(self, steps: int, l2: float | Schedule, divisor: float = 1.0) -> tuple[int, int]:
        """Address of the rates of the next `steps` steps, and of those of groups (or 0), valid until the next call.

        Parameters
        ----------
        steps : int
        l2 : float or Schedule
            The L2 penalty, which groups have beside their rates.
        divisor : float, default=1.0
            What L2 is divided by.
        """
        if self.groups is None or not self.groups.are_needed(l2):
            return self.address(steps), 0
        if self.decay != (l2, divisor):
            self.schedule, self.decay = None, (l2, divisor)  # to be computed anew
        address = self.address(steps)
        at = self.optimizer.t - self.first
        return address, self.group_rates.ctypes.data + at * self.group_rates.strides[0]

    def address(self, steps: int) -> int:
        """Address of the rates of the next `steps` steps, valid until the next call."""
        optimizer = self.optimizer
        at = optimizer.t - self.first
        if optimizer.schedule is not self.schedule or not 0 <= at <= len(self.step_rates) - steps:
            self._compute(max(steps, self._steps_ahead))
            at = 0
        return self.start + at * self.step_rates.strides[0]

    @property
    def learning_rate(self) -> float:
        """The optimizer's `learning_rate`, read from what was computed for its last step."""
        optimizer = self.optimizer
        last = optimizer.t - self.first - 1
        if optimizer.schedule is not self.schedule or not 0 <= last < len(self.step_rates):
            return optimizer.learning_rate
        return float(self.step_rates[last, LEARNING_RATE])

    @property
    def _steps_ahead(self) -> int:
        """How many steps are computed together; with a schedule of decay, whose values are checked, no later ones."""
        if self.groups is None or self.decay is None or not self.groups.decay_is_scheduled(self.decay[0]):
            return STEPS_AHEAD
        return min(STEPS_AHEAD, (self.optimizer.length or 0) - self.optimizer.t)

    def _compute(self, steps: int) -> None:
        optimizer = self.optimizer
        if self.groups is not None and self.decay is not None:
            self.group_rates = self.groups.rates(steps, *self.decay)
        self.step_rates = optimizer.step_rates(steps, self.shrinks)
        self.schedule, self.first = optimizer.schedule, optimizer.t
        self.start = self.step_rates.ctypes.data
