"""Schedules that fall by a factor, by a power, or as 1 / t."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import Count, NotNegative, Positive, with_values
from .base import Schedule, StepsOrTraining, check_length


@dataclass(frozen=True)
class StepDecay(Schedule):
    """η(t) = η · factor^⌊t / every⌋.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    every : int
        Steps from one change to the next, at least 1.
    factor : float, default=0.1
        Greater than 0. PyTorch's StepLR is the same.

    Examples
    --------
    >>> from fastmlp.schedules import StepDecay
    >>> StepDecay(0.8, every=2, factor=0.5)(range(6)).tolist()
    [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]
    """

    learning_rate: Positive
    every: Count
    factor: Positive = 0.1

    def at(self, t: np.ndarray) -> np.ndarray:
        rates: np.ndarray = self.learning_rate * self.factor ** np.floor_divide(t, self.every)
        return rates


@dataclass(frozen=True)
class Exponential(Schedule):
    """η(t) = η · factor^(t / every).

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    factor : float
        Greater than 0; above 1 the rate grows. PyTorch's ExponentialLR is the same for every=1.
    every : int, default=1
        Steps in which it changes by `factor`, at least 1.

    Examples
    --------
    >>> from fastmlp.schedules import Exponential
    >>> Exponential(0.8, factor=0.25, every=2)(range(4)).tolist()
    [0.8, 0.4, 0.2, 0.1]
    """

    learning_rate: Positive
    factor: Positive
    every: Count = 1

    def at(self, t: np.ndarray) -> np.ndarray:
        return self.learning_rate * self.factor ** (t / self.every)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """η(t) = final + (η − final) (1 − t / steps)^power, and `final` from step `steps` on.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    steps : int, default=None
        At least 1. None is as long as the training: all its epochs.
    power : float, default=1.0
        At least 0; 1 is a straight line. PyTorch's PolynomialLR is the same for final=0.
    final : float, default=0.0
        At least 0.

    Examples
    --------
    >>> from fastmlp.schedules import Polynomial
    >>> Polynomial(0.8, steps=4)(range(6)).round(4).tolist()
    [0.8, 0.6, 0.4, 0.2, 0.0, 0.0]
    """

    learning_rate: Positive
    steps: StepsOrTraining = None
    power: NotNegative = 1.0
    final: NotNegative = 0.0

    @property
    def ends_at(self) -> int | None:
        return self.steps

    @property
    def lasts_training(self) -> bool:
        return self.steps is None

    def for_training(self, steps: int) -> Schedule:
        return with_values(self, steps=steps) if self.steps is None else self

    def at(self, t: np.ndarray) -> np.ndarray:
        steps = check_length(self)
        left = 1.0 - np.minimum(t, steps) / steps
        rates: np.ndarray = self.final + (self.learning_rate - self.final) * left**self.power
        return rates


@dataclass(frozen=True)
class InverseTime(Schedule):
    """η(t) = η / (1 + decay · t)^power.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    decay : float
        At least 0.
    power : float, default=1.0
        At least 0. With 1 the rates satisfy Robbins and Monro's conditions, Σ η = ∞ and Σ η² < ∞.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method".

    Examples
    --------
    >>> from fastmlp.schedules import InverseTime
    >>> InverseTime(0.6, decay=0.5)(range(5)).round(4).tolist()
    [0.6, 0.4, 0.3, 0.24, 0.2]
    """

    learning_rate: Positive
    decay: NotNegative
    power: NotNegative = 1.0

    def at(self, t: np.ndarray) -> np.ndarray:
        return self.learning_rate / (1.0 + self.decay * t) ** self.power
