"""`ParameterGroups`: rates, L2 and decay of each layer's weights and biases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..common.frozen_params import Range
from ..kernels.lowlevel.records import GROUP_DECAY, GROUP_L2, N_GROUP_RATES, N_STEP_RATES, WEIGHT_DECAY
from ..optimizers import RunningOptimizer
from ..schedules import Schedule, values_at

#: Without factors: (factor of the rate, factor of the decay) of weights and of biases.
PLAIN = ((1.0, 1.0), (1.0, 0.0))


class ParameterGroups:
    """One group of parameters for each layer, or one for all; see `kernels.loop.parameter_groups`.

    Parameters
    ----------
    optimizer : RunningOptimizer
    shapes : sequence of (int, int)
        (fan_in, fan_out) of each layer.
    shrinks : bool, default=False
        Whether weights are shrunk after each step (L1).

    Attributes
    ----------
    layer_wise : bool
        Whether each layer is a group.
    factors : ndarray of shape (n_groups, 2, 2)
        For each group (factor of the rate, factor of the decay) of its weights, then of its biases.

    Raises
    ------
    ValueError
        If there is another number of factors than of layers.
    """

    def __init__(self, optimizer: RunningOptimizer, shapes: Sequence[tuple[int, int]], shrinks: bool = False) -> None:
        factors = optimizer.optimizer.factors(shapes)
        self.optimizer, self.shrinks, self.layer_wise = optimizer, shrinks, factors is not None
        self.factors = np.array([PLAIN]) if factors is None else factors

    def __len__(self) -> int:
        return len(self.factors)

    @property
    def frozen(self) -> np.ndarray:
        """Whether weights, and biases, of each group keep their values, (n_groups, 2)."""
        frozen: np.ndarray = self.factors[:, :, 0] == 0
        return frozen

    @property
    def decays_evenly(self) -> bool:
        """Whether one L2 is for the weights of all layers, and none for biases."""
        decays = self.factors[:, :, 1]
        return bool((decays[:, 0] == decays[0, 0]).all() and not decays[:, 1].any())

    def are_needed(self, l2: float | Schedule) -> bool:
        """Whether a step needs more than the step rates of one group."""
        return self.layer_wise or self.decay_is_scheduled(l2)

    def decay_is_scheduled(self, l2: float | Schedule) -> bool:
        """Whether L2 or the rule's own decay changes from step to step."""
        return isinstance(l2, Schedule) or isinstance(self.optimizer.weight_decay, Schedule)

    def rates(self, steps: int, l2: float | Schedule, divisor: float) -> np.ndarray:
        """Compute what the next `steps` steps read, (steps, n_groups, 2, N_GROUP_RATES).

        L2 is divided by `divisor`.

        Raises
        ------
        ValueError
            If a schedule has a value that is not allowed.
        """
        optimizer = self.optimizer
        t = np.arange(optimizer.t, optimizer.t + steps, dtype=np.float64)
        rates = np.zeros((steps, len(self), 2, N_GROUP_RATES))
        for factor in np.unique(self.factors[:, :, 0]):
            of_factor = optimizer.step_rates(steps, self.shrinks, factor)
            rates[:, self.factors[:, :, 0] == factor, :N_STEP_RATES] = of_factor[:, None]
        decays = self.factors[:, :, 1]
        penalties = values_at(l2, t, optimizer.length, "alpha", Range(0)) / divisor
        rates[..., GROUP_L2] = penalties[:, None, None] * decays
        if self.layer_wise or isinstance(optimizer.weight_decay, Schedule):
            rates[..., GROUP_DECAY] = optimizer.decays(steps)[:, None, None] * decays
        else:  # as the rule has it: a user's rule may decay biases
            rates[..., GROUP_DECAY] = optimizer.hyperparameters()[:, WEIGHT_DECAY]
        return rates
