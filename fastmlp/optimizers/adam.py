"""Adam and its variants; the arithmetic is in `kernels.optimizers.sgd_adam` and `adam_family`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import Decay, Positive
from ..compiler.kernel import Kernel, KernelModule
from ..schedules import DecayRate, Rate
from .base import Optimizer, Shrinking, in_columns, rule_numbers
from .bias_correction import power

if TYPE_CHECKING:
    from ..kernels.optimizers import adam_family as _kernels
    from ..kernels.optimizers import sgd_adam as _sgd_adam_kernels
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _kernels = KernelModule("optimizers.adam_family")
    _sgd_adam_kernels = KernelModule("optimizers.sgd_adam")
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares.

    ::

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        param ← param − η(t) √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)            t = 1, 2, …

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Greater than 0. It stands as in the paper's efficient form (and in scikit-learn); PyTorch's stands in the other,
        m̂ / (√v̂ + ε), where it weighs 1 / √(1 − β₂ᵗ) times as much.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization"; its defaults.

    Examples
    --------
    The first step goes η against the sign of the gradient, whatever its size:

    >>> import numpy as np
    >>> from fastmlp.optimizers import Adam
    >>> params = np.zeros(3)
    >>> Adam(0.25).begin().step(params, gradient=np.array([1e-3, 1.0, -1e3]))
    >>> params.round(4)
    array([-0.2499, -0.25  ,  0.25  ])
    """

    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Positive = 1e-8

    @property
    def n_moments(self) -> int:
        return 2

    def kernel(self) -> Kernel:
        return _sgd_adam_kernels.adam

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)

    @property
    def shrinking(self) -> Shrinking:
        return self._shrinking_by(_shrinkage.shrink_by_root, moment=1)

    def _shrinking_by(self, kernel: Kernel, moment: int) -> Shrinking:
        return Shrinking(kernel, moment, kept=self.beta_1, given=1.0 - self.beta_1)

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return in_columns(eta * self._correction(t))

    def _correction(self, t: np.ndarray) -> np.ndarray:
        """√(1 − β₂ᵗ) / (1 − β₁ᵗ): what moments that began at zero lack."""
        return np.sqrt(1.0 - power(self.beta_2, t)) / (1.0 - power(self.beta_1, t))


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam whose denominator never falls: h ← max(h, v), and √h in place of √v.

    ::

        param ← param − η(t) √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√h + ε)

    Parameters
    ----------
    learning_rate, beta_1, beta_2, epsilon
        As Adam's. The paper has neither the correction of the bias nor ε; both are as in `Adam`. In PyTorch (Adam with
        amsgrad=True) they are too, but for the place of ε.

    References
    ----------
    Reddi, Kale and Kumar (2018), "On the convergence of Adam and beyond".

    Examples
    --------
    >>> from fastmlp.optimizers import AMSGrad
    >>> AMSGrad(1e-3, beta_2=0.99)
    AMSGrad(learning_rate=0.001, beta_1=0.9, beta_2=0.99, epsilon=1e-08)
    """

    @property
    def n_moments(self) -> int:
        return 3

    def kernel(self) -> Kernel:
        return _kernels.amsgrad

    @property
    def shrinking(self) -> Shrinking:
        return self._shrinking_by(_shrinkage.shrink_by_root, moment=2)


@dataclass(frozen=True)
class AdaMax(Adam):
    """Adam with a decaying maximum of |g| in place of the root of the mean square.

    ::

        m ← β₁ m + (1 − β₁) g
        u ← max(β₂ u, |g| + ε)
        param ← param − η(t) / (1 − β₁ᵗ) · m / u

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.002
        η, greater than 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Greater than 0. The paper has none, and divides 0 by 0 where a gradient has always been zero; here it stands as
        in PyTorch.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", section 7.1; its defaults.

    Examples
    --------
    >>> from fastmlp.optimizers import AdaMax
    >>> AdaMax()
    AdaMax(learning_rate=0.002, beta_1=0.9, beta_2=0.999, epsilon=1e-08)
    """

    learning_rate: Rate = 2e-3

    def kernel(self) -> Kernel:
        return _kernels.adamax

    @property
    def shrinking(self) -> Shrinking:
        return self._shrinking_by(_shrinkage.shrink_by_size, moment=1)

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return in_columns(eta / (1.0 - power(self.beta_1, t)))


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with a decay of the weights beside the gradient, not in it.

    ::

        m, v as Adam's
        weight ← (1 − η(t) λ) weight − η(t) √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        In [0, 1).
    epsilon : float, default=1e-8
        Greater than 0; as Adam's.
    weight_decay : float or Schedule, default=0.01
        λ, at least 0, or λ(t). It is for weights and not for biases, like the L2 penalty `alpha`, which may be given as
        well. PyTorch decays all parameters of a group: give it the biases as a group of their own.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization". As in PyTorch, λ is multiplied by the rate
    η(t); the paper multiplies it by the schedule's course alone, η(t) / η(0). λ's default is PyTorch's.

    Examples
    --------
    Without a gradient, weights shrink:

    >>> import numpy as np
    >>> from fastmlp.optimizers import AdamW
    >>> weights = np.array([1.0, -2.0])
    >>> AdamW(0.125, weight_decay=0.5).begin().step(weights, gradient=np.zeros(2))
    >>> weights
    array([ 0.9375, -1.875 ])
    """

    weight_decay: DecayRate = 1e-2

    def kernel(self) -> Kernel:
        return _kernels.adamw

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(
            beta_1=self.beta_1, beta_2=self.beta_2, weight_decay=self.weight_decay, epsilon=self.epsilon
        )

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return in_columns(eta * self._correction(t), eta)
