"""LAMB: Adam for large batches, whose steps are as long as each layer's weights deserve."""

from __future__ import annotations

import numpy as np

from ._jit import Unit
from .kernels import lamb as _kernels
from .kernels.records import EPSILON, FIRST, LEARNING_RATE, N_HYPER, N_RATES, RATE_1, RATE_2, SECOND, THIRD
from .optimizers import Optimizer, _one_minus_power


class LAMB(Optimizer):
    """Adam's direction with decoupled decay, scaled layer by layer to the size of the weights.

    ::

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λ w
        w ← w − η ‖w‖ / ‖u‖ u            t = 1, 2, …

    with Euclidean norms over the weight matrix of one layer; where one of them is zero, the ratio is 1. Biases are not
    decayed, and take u as it is (ratio 1), as the authors' own code leaves biases out of both.

    Parameters
    ----------
    learning_rate : float, default=0.001
        η, greater than 0: how far, relative to its own norm, a layer's weights move in a step.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-6
        Greater than 0.
    weight_decay : float, default=0.01
        λ, at least 0.

    Raises
    ------
    ValueError
        If a number is not what it may be.

    References
    ----------
    You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2, with
    φ(z) = z; its ε and λ.

    Examples
    --------
    >>> LAMB(0.01).rates(2)[:, 0].tolist()
    [0.01, 0.01]
    """

    n_moments = _kernels.N_MOMENTS
    phases = (_kernels.note_trust, _kernels.apply_trust)

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        for name, value, allowed, right in (
            ("learning_rate", learning_rate, "greater than 0", 0 < learning_rate < np.inf),
            ("beta_1", beta_1, "of at least 0 and below 1", 0 <= beta_1 < 1),
            ("beta_2", beta_2, "of at least 0 and below 1", 0 <= beta_2 < 1),
            ("epsilon", epsilon, "greater than 0", 0 < epsilon < np.inf),
            ("weight_decay", weight_decay, "of at least 0", 0 <= weight_decay < np.inf),
        ):
            if not right:
                raise ValueError(f"LAMB: {name}={value!r}, but it must be a finite number {allowed}.")
        super().__init__(learning_rate)
        self.beta_1, self.beta_2, self.epsilon, self.weight_decay = beta_1, beta_2, epsilon, weight_decay
        self.t = 0

    def unit(self) -> Unit:
        return _kernels.lamb

    def hyper(self) -> np.ndarray:
        """For weights and for biases, (2, N_HYPER): biases do not decay."""
        hyper = np.zeros((2, N_HYPER))
        hyper[:, FIRST], hyper[:, SECOND], hyper[:, EPSILON] = self.beta_1, self.beta_2, self.epsilon
        hyper[0, THIRD] = self.weight_decay
        return hyper

    def rates(self, steps: int) -> np.ndarray:
        t = np.arange(self.t + 1, self.t + steps + 1)
        rates = np.zeros((steps, N_RATES))
        rates[:, LEARNING_RATE] = self.learning_rate
        rates[:, RATE_1] = 1.0 / _one_minus_power(self.beta_1, t)
        rates[:, RATE_2] = 1.0 / np.sqrt(_one_minus_power(self.beta_2, t))
        return rates

    def advance(self, steps: int) -> None:
        self.t += steps
