"""`Optimizer`: the base of all update rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..common.frozen_params import FrozenParams, check_defines, with_values
from ..compiler.kernel import Kernel, KernelModule
from ..kernels.lowlevel.records import (
    BETA_1,
    BETA_2,
    EPSILON,
    LEARNING_RATE,
    N_HYPERPARAMETERS,
    N_STEP_RATES,
    WEIGHT_DECAY,
)
from ..schedules import Rate, Schedule, as_schedule
from .state import RunningOptimizer

if TYPE_CHECKING:
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class Shrinking:
    """How L1 shrinks weights after an update rule, by the size of its steps: see `kernels.optimizers.shrinkage`.

    Parameters
    ----------
    kernel : Kernel or None
        Shrinks the weights of a tile; None where the phase does it by itself.
    moment : int, default=0
        Which of the rule's moments the kernel reads.
    kept : float, default=0.0
        What the rule's mean of the gradients keeps of itself at each step.
    given : float, optional
        How much of a new gradient is added; by default the learning rate.
    limit : float, default=2.0
        By how many learning rates a weight shrinks at most in a step: rules that divide by the gradients' size hardly
        make longer steps. Infinite for rules that do.
    phase : Kernel, optional
        In which all weights are shrunk.
    """

    kernel: Kernel | None
    moment: int = 0
    kept: float = 0.0
    given: float | None = None
    limit: float = 2.0
    phase: Kernel = _shrinkage.shrink_weights


@dataclass(frozen=True)
class Optimizer(FrozenParams):
    """An update rule and its parameters. Training does not change it: its state is in a `RunningOptimizer`.

    Parameters
    ----------
    learning_rate : float or Schedule
        η, greater than 0; or η(t), see `fastmlp.schedules`.
    """

    learning_rate: Rate = 1e-3

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_defines(cls, Optimizer, ("n_moments", "kernel"), "an optimizer such as SGD(0.1) or Adam()")
        return super().__new__(cls)

    @property
    def n_moments(self) -> int:
        """How many numbers the rule keeps for each parameter."""
        raise NotImplementedError  # pragma: no cover

    def kernel(self) -> Kernel:
        """Return the kernel of the update."""
        raise NotImplementedError  # pragma: no cover

    @property
    def phases(self) -> tuple[Kernel, ...]:
        """Kernels that follow once the rule has run for all parameters (see `kernels.loop.global_phases`)."""
        return ()

    @property
    def needs_layers(self) -> bool:
        """Whether the rule needs to know which parameters are which layer's."""
        return bool(self.phases)

    def hyperparameters(self) -> np.ndarray:
        """Return the hyperparameters as the kernel reads them: (2, N_HYPERPARAMETERS), for weights and for biases."""
        return np.zeros((2, N_HYPERPARAMETERS))

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """Compute what changes from step to step, (steps, N_STEP_RATES).

        Parameters
        ----------
        t : ndarray of float64 of shape (steps,)
            Steps as the papers count them, from 1 on.
        eta : ndarray of shape (steps,)
            The schedule's learning rates.
        """
        return in_columns(eta)

    @property
    def shrinking(self) -> Shrinking:
        """How L1 shrinks weights: by the learning rate, unless the rule says otherwise."""
        return Shrinking(_shrinkage.shrink)

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a function of the step."""
        return as_schedule(self.learning_rate)

    def factors(self, shapes: Sequence[tuple[int, int]]) -> np.ndarray | None:
        """Return factors of learning rate and decay, or None if they are 1 for weights, and decay is for weights only.

        Parameters
        ----------
        shapes : sequence of (int, int)
            (fan_in, fan_out) of each layer.

        Returns
        -------
        factors : ndarray of shape (n_layers, 2, 2), or None
            For each layer (factor of the rate, factor of the decay) of its weights, then of its biases.
        """
        return None

    def with_learning_rate(self, learning_rate: float | Schedule) -> Self:
        """Return a copy with another `learning_rate`."""
        return replace(self, learning_rate=learning_rate)

    def with_weight_decay(self, weight_decay: float | Schedule) -> Self:
        """Return a copy with another `weight_decay`, for the optimizers that have one."""
        return with_values(self, weight_decay=weight_decay)

    def begin(self) -> RunningOptimizer:
        """Return this optimizer's state before its first step."""
        return RunningOptimizer(self)


def in_columns(*columns: np.ndarray) -> np.ndarray:
    """Return (steps, N_STEP_RATES), with these in the first places."""
    step_rates = np.zeros((columns[0].size, N_STEP_RATES))
    for place, column in enumerate(columns, start=LEARNING_RATE):
        step_rates[:, place] = column
    return step_rates


def rule_numbers(
    *,
    beta_1: float = 0.0,
    beta_2: float = 0.0,
    momentum: float = 0.0,
    rho: float = 0.0,
    epsilon: float = 0.0,
    weight_decay: float | Schedule = 0.0,
) -> np.ndarray:
    """Return (2, N_HYPERPARAMETERS), with these in their places; the decay is for weights only.

    That of a schedule is set for each step, see `RunningOptimizer.decays`.
    """
    hyperparameters = np.zeros((2, N_HYPERPARAMETERS))
    hyperparameters[:, [BETA_1, BETA_2, EPSILON]] = beta_1 + momentum, beta_2 + rho, epsilon
    hyperparameters[0, WEIGHT_DECAY] = 0.0 if isinstance(weight_decay, Schedule) else weight_decay
    return hyperparameters
