"""LAMB: Adam for large batches, with steps in proportion to the norm of each layer's weights; see its kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import Decay, Positive
from ..compiler.kernel import Kernel, KernelModule
from ..schedules import DecayRate
from .base import Optimizer, Shrinking, in_columns, rule_numbers
from .bias_correction import power

if TYPE_CHECKING:
    from ..kernels.optimizers import lamb as _kernels
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _kernels = KernelModule("optimizers.lamb")
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class LAMB(Optimizer):
    """Adam's direction with decoupled decay, scaled layer by layer to the size of the weights.

    ::

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        u = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λ weight
        weight ← weight − η(t) ‖weight‖ / ‖u‖ u            t = 1, 2, …

    with Euclidean norms over the weight matrix of one layer; where one of them is zero, the ratio is 1. Biases are not
    decayed, and take u as it is (ratio 1), as the authors' own code leaves biases out of both.

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0: how far, relative to its own norm, a layer's weights move in a step.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-6
        Greater than 0.
    weight_decay : float or Schedule, default=0.01
        λ, at least 0, or λ(t), for weights and not for biases.

    References
    ----------
    You et al. (2020), "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2, with
    φ(z) = z; λ as in its experiments, ε as in the authors' code. Where the gradient has vanished, weights may still
    grow by η of themselves in a step: `max_norm` bounds them.

    Examples
    --------
    A rule for networks alone: it has to know which parameters are one layer's.

    >>> import numpy as np
    >>> from fastmlp.optimizers import LAMB
    >>> LAMB(0.01).begin().step_rates(2)[:, 0].tolist()
    [0.01, 0.01]
    >>> LAMB(0.01).begin().step(np.ones(3), gradient=np.ones(3))  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    ValueError: LAMB scales its step layer by layer, and a vector of parameters has none: train a network with it, or
    take a rule that needs no layers, such as AdamW.
    """

    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Positive = 1e-6
    weight_decay: DecayRate = 1e-2

    @property
    def n_moments(self) -> int:
        return 3  # the last is the direction u

    def kernel(self) -> Kernel:
        return _kernels.lamb

    @property
    def phases(self) -> tuple[Kernel, ...]:
        return _kernels.store_trust, _kernels.apply_trust

    @property
    def shrinking(self) -> Shrinking:
        return Shrinking(None, phase=_shrinkage.shrink_by_trust)

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(
            beta_1=self.beta_1, beta_2=self.beta_2, weight_decay=self.weight_decay, epsilon=self.epsilon
        )

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return in_columns(eta, 1.0 / (1.0 - power(self.beta_1, t)), 1.0 / np.sqrt(1.0 - power(self.beta_2, t)))
