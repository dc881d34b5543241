"""`RateBuffer`: learning rates and their like, computed for many steps at a time."""

from __future__ import annotations

import numpy as np

from ..kernels.lowlevel.records import LEARNING_RATE, N_STEP_RATES
from ..optimizers import RunningOptimizer
from ..schedules import Schedule

#: Steps whose rates are computed together: those of many epochs, where an epoch is one step or a few.
STEPS_AHEAD = 256


class RateBuffer:
    """What changes from step to step (`RunningOptimizer.step_rates`), computed for many steps at a time.

    Parameters
    ----------
    optimizer : RunningOptimizer
    shrinks : bool, default=False
        Whether weights are shrunk after each step (L1).
    """

    def __init__(self, optimizer: RunningOptimizer, shrinks: bool = False) -> None:
        self.optimizer, self.shrinks = optimizer, shrinks
        self.schedule: Schedule | None = None
        self.first = 0
        self.step_rates = np.zeros((0, N_STEP_RATES))

    def address(self, steps: int) -> int:
        """Address of the rates of the next `steps` steps, valid until the next call."""
        optimizer = self.optimizer
        at = optimizer.t - self.first
        if optimizer.schedule is not self.schedule or not 0 <= at <= len(self.step_rates) - steps:
            self.step_rates = optimizer.step_rates(max(steps, STEPS_AHEAD), self.shrinks)
            self.schedule, self.first, at = optimizer.schedule, optimizer.t, 0
            self.start = self.step_rates.ctypes.data
        return self.start + at * self.step_rates.strides[0]

    @property
    def learning_rate(self) -> float:
        """The optimizer's `learning_rate`, read from what was computed for its last step."""
        optimizer = self.optimizer
        last = optimizer.t - self.first - 1
        if optimizer.schedule is not self.schedule or not 0 <= last < len(self.step_rates):
            return optimizer.learning_rate
        return float(self.step_rates[last, LEARNING_RATE])
