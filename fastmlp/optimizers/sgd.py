"""Steps along the gradient or its running mean, and along its sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import Bool, Decay, UnitInterval
from ..compiler.kernel import Kernel, KernelModule
from ..schedules import DecayRate, Rate
from .base import Optimizer, Shrinking, rule_numbers

if TYPE_CHECKING:
    from ..kernels.optimizers import adam_family as _family_kernels
    from ..kernels.optimizers import sgd_adam as _kernels
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _family_kernels = KernelModule("optimizers.adam_family")
    _kernels = KernelModule("optimizers.sgd_adam")
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, plain or with momentum.

    ::

        param ← param − η(t) g                                          momentum μ = 0

        v ← μ v − η(t) g
        param ← param + v                                               momentum
        param ← param + μ v − η(t) g                                    Nesterov's

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0. The default is scikit-learn's.
    momentum : float, default=0.0
        μ, in [0, 1].
    nesterov : bool, default=False
        Whether the momentum looks ahead. Without momentum there is no difference.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods"; Sutskever et al. (2013), "On the
    importance of initialization and momentum in deep learning". In PyTorch, v ← μ v + g and param ← param − η v, which
    is the same as long as η stays the same.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.optimizers import SGD
    >>> params = np.array([1.0, 2.0])
    >>> SGD(0.5).begin().step(params, gradient=np.array([1.0, -1.0]))
    >>> params
    array([0.5, 2.5])
    """

    momentum: UnitInterval = 0.0
    nesterov: Bool = False

    @property
    def n_moments(self) -> int:
        return 1 if self.momentum else 0

    def kernel(self) -> Kernel:
        if not self.momentum:
            return _kernels.sgd
        return _kernels.nesterov if self.nesterov else _kernels.momentum

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(momentum=self.momentum)

    @property
    def shrinking(self) -> Shrinking:
        kernel = _shrinkage.shrink_ahead if self.momentum and self.nesterov else _shrinkage.shrink
        return Shrinking(kernel, kept=self.momentum)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of the same size for all parameters, against the sign of a running mean of the gradients.

    ::

        c = β₁ m + (1 − β₁) g
        weight ← (1 − η(t) λ) weight − η(t) sign(c)
        m ← β₂ m + (1 − β₂) g

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.0001
        η, greater than 0; a third to a tenth of what suits Adam, the paper says.
    beta_1, beta_2 : float, default=0.9, 0.99
        In [0, 1).
    weight_decay : float or Schedule, default=0.0
        λ, at least 0, or λ(t), for weights and not for biases; as much larger than AdamW's as η is smaller.

    References
    ----------
    Chen et al. (2023), "Symbolic discovery of optimization algorithms"; its βs, and the other defaults of its authors'
    code.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.optimizers import Lion
    >>> params = np.array([1.0, 1.0, 1.0])
    >>> Lion(0.25).begin().step(params, gradient=np.array([1e-3, 0.0, -1e3]))
    >>> params
    array([0.75, 1.  , 1.25])
    """

    learning_rate: Rate = 1e-4
    beta_1: Decay = 0.9
    beta_2: Decay = 0.99
    weight_decay: DecayRate = 0.0

    @property
    def n_moments(self) -> int:
        return 1

    def kernel(self) -> Kernel:
        return _family_kernels.lion

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(beta_1=self.beta_1, beta_2=self.beta_2, weight_decay=self.weight_decay)

    @property
    def shrinking(self) -> Shrinking:
        return Shrinking(_shrinkage.shrink_by_size, kept=self.beta_2, given=1.0 - self.beta_2)
