"""`Optimizer`: what the settings of all update rules share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import FrozenParams
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
    """How L1 shrinks weights beside an update rule, by what the rule steps with: see `kernels.optimizers.shrinkage`.

    Parameters
    ----------
    unit : Kernel or None
        What shrinks the weights of a tile; None where the phase does it by itself.
    moment : int, default=0
        Which of the rule's moments the unit reads.
    kept : float, default=0.0
        What the rule's mean of the gradients keeps of itself at each step.
    given : float, optional
        What is added of a new gradient; the learning rate if left out.
    phase : Kernel, optional
        In which all weights are shrunk.
    """

    kernel: Kernel | None
    moment: int = 0
    kept: float = 0.0
    given: float | None = None
    phase: Kernel = _shrinkage.shrink_weights


@dataclass(frozen=True)
class Optimizer(FrozenParams):
    """An update rule and its numbers. Training leaves it as it is: what moves stands in a `RunningOptimizer`.

    Parameters
    ----------
    learning_rate : float or Schedule
        η, greater than 0; or η(t), see `fastmlp.schedules`.
    """

    learning_rate: Rate = 1e-3

    @property
    def n_moments(self) -> int:
        """Numbers that the rule remembers for each parameter."""
        raise NotImplementedError  # pragma: no cover

    def kernel(self) -> Kernel:
        """The update's kernel."""
        raise NotImplementedError  # pragma: no cover

    @property
    def phases(self) -> tuple[Kernel, ...]:
        """Kernels in which the rule goes on once it has run for all parameters (see `kernels.loop.global_phases`)."""
        return ()

    def hyperparameters(self) -> np.ndarray:
        """The rule's own numbers, where the kernel looks for them: (2, N_HYPER), for weights and for biases."""
        return np.zeros((2, N_HYPERPARAMETERS))

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        """What changes from step to step, (steps, N_RATES).

        Parameters
        ----------
        t : ndarray of float64 of shape (steps,)
            Steps as the papers count them, from 1 on.
        eta : ndarray of shape (steps,)
            The schedule's rates.
        """
        return in_columns(eta)

    @property
    def shrinking(self) -> Shrinking:
        """How L1 shrinks weights: by the learning rate, if the rule has nothing else to say."""
        return Shrinking(_shrinkage.shrink)

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a function of the step."""
        return as_schedule(self.learning_rate)

    def begin(self) -> RunningOptimizer:
        """This optimizer before its first step."""
        return RunningOptimizer(self)


def in_columns(*columns: np.ndarray) -> np.ndarray:
    """(steps, N_RATES), with these in the first places."""
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
    weight_decay: float = 0.0,
) -> np.ndarray:
    """(2, N_HYPERPARAMETERS), with these in the rule's places; the decay is for weights alone."""
    hyperparameters = np.zeros((2, N_HYPERPARAMETERS))
    hyperparameters[:, [BETA_1, BETA_2, EPSILON]] = beta_1 + momentum, beta_2 + rho, epsilon
    hyperparameters[0, WEIGHT_DECAY] = weight_decay
    return hyperparameters
