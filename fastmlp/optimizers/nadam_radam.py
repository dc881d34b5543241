"""Adam with a momentum or a denominator that depends on the step: `NAdam` and `RAdam`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import NotNegative
from ..compiler.kernel import Kernel, KernelModule
from ..schedules import Rate
from .adam import Adam
from .base import Shrinking, in_columns
from .bias_correction import last_step, power

if TYPE_CHECKING:
    from ..kernels.optimizers import adam_family as _kernels
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _kernels = KernelModule("optimizers.adam_family")
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class NAdam(Adam):
    """Adam with Nesterov's momentum, and a momentum that grows.

    ::

        μ(t) = β₁ (1 − ½ · 0.96^(t · momentum_decay))           M(t) = μ(1) μ(2) … μ(t)
        m, v as Adam's
        param ← param − η(t) √(1 − β₂ᵗ) · (μ(t + 1) m / (1 − M(t + 1)) + (1 − μ(t)) g / (1 − M(t))) / (√v + ε)

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.002
        η, greater than 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Greater than 0. It stands as in `Adam`; PyTorch's beside √v̂.
    momentum_decay : float, default=0.004
        At least 0; the paper's 1 / 250.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam". It recommends μ(t), ε and β₂; η and β₁ are PyTorch's.

    Examples
    --------
    >>> from fastmlp.optimizers import NAdam
    >>> NAdam(1e-3)
    NAdam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08, momentum_decay=0.004)
    """

    learning_rate: Rate = 2e-3
    momentum_decay: NotNegative = 0.004

    def kernel(self) -> Kernel:
        return _kernels.nadam

    @property
    def shrinking(self) -> Shrinking:
        return self._shrinking_by(_shrinkage.shrink_by_root_ahead, moment=1)

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        mu, mu_next, product = self._momentum(t), self._momentum(t + 1.0), self._product(t)
        eta = eta * np.sqrt(1.0 - power(self.beta_2, t))
        return in_columns(eta * mu_next / (1.0 - product * mu_next), eta * (1.0 - mu) / (1.0 - product))

    def _momentum(self, t: np.ndarray) -> np.ndarray:
        momentum: np.ndarray = self.beta_1 * (1.0 - 0.5 * 0.96 ** (t * self.momentum_decay))
        return momentum

    def _product(self, t: np.ndarray) -> np.ndarray:
        """Return M(t), of as many factors as make a difference: each is at most β₁."""
        factors = int(min(last_step(self.beta_1), t.max(initial=1)))
        products = np.cumprod(self._momentum(np.arange(1.0, factors + 1.0)))
        product: np.ndarray = products[np.minimum(t, factors).astype(int) - 1]
        return product


@dataclass(frozen=True)
class RAdam(Adam):
    """Adam that does not divide by the second moment until enough gradients are averaged in it.

    ::

        ρ∞ = 2 / (1 − β₂) − 1           ρ(t) = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
        m, v as Adam's
        r(t)² = (ρ(t) − 4) (ρ(t) − 2) ρ∞ / ((ρ∞ − 4) (ρ∞ − 2) ρ(t))
        param ← param − η(t) √(1 − β₂ᵗ) / (1 − β₁ᵗ) · r(t) m / (√v + ε)      if ρ(t) > 5
        param ← param − η(t) / (1 − β₁ᵗ) · m                                 else

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1). Up to β₂ = 2/3 the second moment never comes in.
    epsilon : float, default=1e-8
        Greater than 0. The paper has none; here it stands as in PyTorch.

    References
    ----------
    Liu et al. (2020), "On the variance of the adaptive learning rate and beyond". The paper requires ρ(t) > 4; its
    authors' code and PyTorch for 5, as here: with β₂ = 0.999 step 5 is the only one between.

    Examples
    --------
    >>> from fastmlp.optimizers import RAdam
    >>> RAdam()
    RAdam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-08)
    """

    def kernel(self) -> Kernel:
        return _kernels.radam

    @property
    def shrinking(self) -> Shrinking:
        return self._shrinking_by(_shrinkage.shrink_by_root_or_plainly, moment=1)

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        most, kept = 2.0 / (1.0 - self.beta_2) - 1.0, power(self.beta_2, t)
        rho = most - 2.0 * t * kept / (1.0 - kept)
        ready = rho > 5.0
        rectified, plain = np.zeros(t.size), np.where(ready, 0.0, eta / (1.0 - power(self.beta_1, t)))
        rho = rho[ready]
        r = np.sqrt((rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho))
        rectified[ready] = (eta * self._correction(t))[ready] * r
        return in_columns(rectified, plain)
