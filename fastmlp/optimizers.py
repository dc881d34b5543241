"""First-order optimizers: settings, learning rates and moments; the arithmetic is in `kernels.optimizers`."""

from __future__ import annotations

import numpy as np

from ._jit import Unit
from .kernels import optimizers as _kernels
from .kernels.records import EPSILON, FIRST, LEARNING_RATE, N_HYPER, N_RATES, SECOND
from .schedules import Constant


class Optimizer:
    """What all update rules share.

    Parameters
    ----------
    learning_rate_init : float
        The rate η of the first step.
    schedule : Constant
        How the rate goes on.

    Attributes
    ----------
    learning_rate : float
        The rate of the last step that was made (of the next epoch, after an epoch).
    state : ndarray of shape (n_moments * n_params,) or None
        The moments, one after the other; None before the first step.
    """

    n_moments = 0
    #: Units in which the rule goes on once it has run for all parameters (see `kernels.phases`).
    phases: tuple[Unit, ...] = ()

    def __init__(self, learning_rate_init: float, schedule: Constant | None = None) -> None:
        self.learning_rate_init = float(learning_rate_init)
        self.learning_rate = float(learning_rate_init)
        self.schedule = schedule or Constant()
        self.state: np.ndarray | None = None

    def unit(self) -> Unit:
        """The update's kernel."""
        raise NotImplementedError  # pragma: no cover

    def hyper(self) -> np.ndarray:
        """The rule's own numbers, where the kernel looks for them, (N_HYPER,)."""
        return np.zeros(N_HYPER)

    def prepare(self, n_params: int, dtype: np.dtype) -> np.ndarray:
        """The moments of a network of `n_params` parameters: zeros, or those of the training that goes on."""
        if self.state is None or self.state.size != self.n_moments * n_params:
            self.state = np.zeros(self.n_moments * n_params, dtype)
        self.state = np.require(self.state, dtype, ["C", "A", "W", "O"])
        return self.state

    def rates(self, steps: int) -> np.ndarray:
        """What changes from step to step, for the next `steps` steps, (steps, N_RATES); the learning rate first."""
        rates = np.zeros((steps, N_RATES))
        rates[:, LEARNING_RATE] = self.learning_rate
        return rates

    def advance(self, steps: int) -> None:
        """So many steps have been made."""

    def after_epoch(self, rows_seen: int) -> None:
        """An epoch is over, `rows_seen` rows into the training."""
        self.learning_rate = self.schedule.after_epoch(self.learning_rate_init, self.learning_rate, rows_seen)

    def after_plateau(self) -> bool:
        """Nothing improves: lower the rate and return True, or return False to stop."""
        rate = self.schedule.after_plateau(self.learning_rate)
        self.learning_rate = self.learning_rate if rate is None else rate
        return rate is not None


class SGD(Optimizer):
    """Gradient descent with momentum μ: v ← μ v − η g; param += v, or μ v − η g (Nesterov).

    Source: Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".
    """

    n_moments = 1

    def __init__(
        self,
        learning_rate_init: float = 0.001,
        schedule: Constant | None = None,
        momentum: float = 0.9,
        nesterov: bool = True,
    ) -> None:
        super().__init__(learning_rate_init, schedule)
        self.momentum = momentum
        self.nesterov = nesterov

    def unit(self) -> Unit:
        return _kernels.nesterov if self.nesterov else _kernels.momentum

    def hyper(self) -> np.ndarray:
        hyper = super().hyper()
        hyper[FIRST] = self.momentum
        return hyper


class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², param −= η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε).

    Source: Kingma and Ba (2014), "Adam: A method for stochastic optimization".
    """

    n_moments = 2

    def __init__(
        self,
        learning_rate_init: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate_init)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.t = 0

    def unit(self) -> Unit:
        return _kernels.adam

    def hyper(self) -> np.ndarray:
        hyper = super().hyper()
        hyper[FIRST], hyper[SECOND], hyper[EPSILON] = self.beta_1, self.beta_2, self.epsilon
        return hyper

    def rates(self, steps: int) -> np.ndarray:
        t = np.arange(self.t + 1, self.t + steps + 1)
        rates = np.zeros((steps, N_RATES))
        correction = np.sqrt(_one_minus_power(self.beta_2, t)) / _one_minus_power(self.beta_1, t)
        rates[:, LEARNING_RATE] = self.learning_rate_init * correction
        return rates

    def advance(self, steps: int) -> None:
        if steps:
            self.learning_rate = float(self.rates(steps)[-1, LEARNING_RATE])
            self.t += steps


def _one_minus_power(beta: float, t: np.ndarray) -> np.ndarray:
    """1 − βᵗ; where βᵗ is far below the last bit of 1 a larger t changes nothing, and underflows, which is slow."""
    last = np.ceil(-60 * np.log(2.0) / np.log(beta)) if beta > 0.0 else 1.0
    return 1.0 - beta ** np.minimum(t, last)
