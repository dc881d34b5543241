"""Schedules that fall along half a cosine: once, again and again, or after a rise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..common.frozen_params import Count, NotNegative, Positive, UnitInterval, with_values
from .base import Schedule, StepsOrTraining, check_length


def half_cosine(start: float, end: float, share: np.ndarray) -> np.ndarray:
    """From `start` at share 0 to `end` at share 1."""
    return end + (start - end) * 0.5 * (1.0 + np.cos(np.pi * share))


@dataclass(frozen=True)
class Cosine(Schedule):
    """η(t) = final + ½ (η − final) (1 + cos(π t / steps)), and `final` from step `steps` on.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    steps : int, default=None
        At least 1; see `count_steps` for epochs. None is as long as the training: all its epochs.
    final : float, default=0.0
        At least 0.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts". PyTorch's CosineAnnealingLR
    is the same up to step `steps`, and rises again after it.

    Examples
    --------
    >>> from fastmlp.schedules import Cosine
    >>> Cosine(0.8, steps=4)(range(6)).round(4).tolist()
    [0.8, 0.6828, 0.4, 0.1172, 0.0, 0.0]
    >>> Cosine(0.8).for_training(4)
    Cosine(learning_rate=0.8, steps=4, final=0.0)
    """

    learning_rate: Positive
    steps: StepsOrTraining = None
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
        return half_cosine(self.learning_rate, self.final, np.minimum(t, steps) / steps)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """`Cosine` again and again, each time over `growth` times as many steps.

    η(t) = final + ½ (η − final) (1 + cos(π tᵢ / Tᵢ)), where tᵢ counts from the last restart and Tᵢ = steps · growthⁱ.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0: the rate after each restart.
    steps : int
        T₀, the steps to the first restart, at least 1.
    growth : int, default=1
        At least 1.
    final : float, default=0.0
        The rate before each restart, at least 0.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts". PyTorch's
    CosineAnnealingWarmRestarts is the same.

    Examples
    --------
    >>> from fastmlp.schedules import CosineRestarts
    >>> CosineRestarts(0.8, steps=2, growth=2)(range(8)).round(4).tolist()
    [0.8, 0.4, 0.8, 0.6828, 0.4, 0.1172, 0.8, 0.7696]
    """

    learning_rate: Positive
    steps: Count
    growth: Count = 1
    final: NotNegative = 0.0

    def at(self, t: np.ndarray) -> np.ndarray:
        if self.growth == 1:
            return half_cosine(self.learning_rate, self.final, t % self.steps / self.steps)
        growth = float(self.growth)

        def restart(i: np.ndarray) -> np.ndarray:
            """Return the step of the i-th restart."""
            return self.steps * (growth**i - 1.0) / (growth - 1.0)

        cycle = np.floor(np.log1p(t * (growth - 1.0) / self.steps) / np.log(growth))
        cycle += restart(cycle + 1.0) <= t  # where the quotient of logarithms was rounded down from a whole number
        share = (t - restart(cycle)) / (self.steps * growth**cycle)
        return half_cosine(self.learning_rate, self.final, share)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One rise and one longer fall: half a cosine from η / div_factor to η, and another down to almost nothing.

    With u = warm_up · steps − 1 and h(a, b, x) = b + ½ (a − b) (1 + cos(π x))::

        η(t) = h(η / div_factor, η, t / u)                                for t < u
        η(t) = h(η, η / (div_factor · final_div_factor), (t − u) / (steps − 1 − u))   until step steps − 1

    and that last rate afterwards. The momentum stays as it is.

    Parameters
    ----------
    learning_rate : float
        η, the largest rate, greater than 0.
    steps : int, default=None
        Steps of the whole cycle, at least 1. None is as long as the training: all its epochs.
    warm_up : float, default=0.3
        The part of the steps in which the rate rises, in [0, 1].
    div_factor, final_div_factor : float, default=25.0, 10000.0
        The largest rate over the first, the first over the last; greater than 0.

    References
    ----------
    Smith and Topin (2019), "Super-convergence: very fast training of neural networks using large learning rates".
    PyTorch's OneCycleLR is the same, with cycle_momentum=False.

    Examples
    --------
    >>> from fastmlp.schedules import OneCycle
    >>> OneCycle(0.1, steps=10)(range(10)).round(4).tolist()
    [0.004, 0.052, 0.1, 0.095, 0.0812, 0.0611, 0.0389, 0.0188, 0.005, 0.0]
    """

    learning_rate: Positive
    steps: StepsOrTraining = None
    warm_up: UnitInterval = 0.3
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4

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
        first = self.learning_rate / self.div_factor
        last = first / self.final_div_factor
        top, end = max(self.warm_up * steps - 1.0, 0.0), steps - 1.0
        rise = half_cosine(first, self.learning_rate, np.minimum(t, top) / max(top, 1e-9))
        fall = half_cosine(self.learning_rate, last, np.clip((t - top) / max(end - top, 1e-9), 0.0, 1.0))
        return np.where(t < top, rise, fall)
