"""A rate for each parameter, by the size of its gradients; the arithmetic is in `kernels.optimizers.adaptive`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..common.frozen_params import Bool, Decay, Positive, UnitInterval
from ..compiler.kernel import Kernel, KernelModule
from ..schedules import Rate
from .base import Optimizer, Shrinking, rule_numbers

if TYPE_CHECKING:
    from ..kernels.optimizers import adaptive as _kernels
    from ..kernels.optimizers import shrinkage as _shrinkage
else:
    _kernels = KernelModule("optimizers.adaptive")
    _shrinkage = KernelModule("optimizers.shrinkage")


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """Divides by the root of the sum of all squared gradients.

    ::

        s ← s + g²
        param ← param − η(t) g / (√s + ε)

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.01
        η, greater than 0.
    epsilon : float, default=1e-10
        The paper's δ, greater than 0.

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization". It
    leaves both numbers open; they are PyTorch's.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.optimizers import AdaGrad
    >>> params, running = np.array([1.0]), AdaGrad(0.5).begin()
    >>> for _ in range(3):
    ...     running.step(params, gradient=np.array([3.0]))  # η, η / √2, η / √3
    ...     print(params.round(4))
    [0.5]
    [0.1464]
    [-0.1422]
    """

    learning_rate: Rate = 1e-2
    epsilon: Positive = 1e-10

    @property
    def n_moments(self) -> int:
        return 1

    def kernel(self) -> Kernel:
        return _kernels.adagrad

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(epsilon=self.epsilon)

    @property
    def shrinking(self) -> Shrinking:
        return Shrinking(_shrinkage.shrink_by_root, given=1.0)


@dataclass(frozen=True)
class AdaDelta(Optimizer):
    """Finds its rate by itself: the size of the last steps over the size of the gradients.

    ::

        v ← ρ v + (1 − ρ) g²
        Δ = √(u + ε) / √(v + ε) · g
        u ← ρ u + (1 − ρ) Δ²
        param ← param − η(t) Δ

    Parameters
    ----------
    learning_rate : float or Schedule, default=1.0
        η, greater than 0; the paper has none.
    decay : float, default=0.95
        ρ, in [0, 1). PyTorch's default is 0.9.
    epsilon : float, default=1e-6
        Greater than 0. The first steps are of the size of its root.

    References
    ----------
    Zeiler (2012), "ADADELTA: an adaptive learning rate method"; its defaults.

    Examples
    --------
    >>> from fastmlp.optimizers import AdaDelta
    >>> AdaDelta(decay=0.9)
    AdaDelta(learning_rate=1.0, decay=0.9, epsilon=1e-06)
    """

    learning_rate: Rate = 1.0
    decay: Decay = 0.95
    epsilon: Positive = 1e-6

    @property
    def n_moments(self) -> int:
        return 2

    def kernel(self) -> Kernel:
        return _kernels.adadelta

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(rho=self.decay, epsilon=self.epsilon)

    @property
    def shrinking(self) -> Shrinking:
        return Shrinking(_shrinkage.shrink_by_steps, given=1.0)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Divides by the root of a running mean of the squared gradients, or of their variance; with momentum if asked.

    ::

        v ← ρ v + (1 − ρ) g²
        m ← ρ m + (1 − ρ) g                                             centred, else m = 0
        Δ ← μ Δ − η(t) g / √(v − m² + ε)
        param ← param + Δ

    Parameters
    ----------
    learning_rate : float or Schedule, default=0.001
        η, greater than 0.
    decay : float, default=0.9
        ρ, in [0, 1).
    momentum : float, default=0.0
        μ, in [0, 1].
    epsilon : float, default=1e-8
        Greater than 0. It stands under the root as in Graves' paper; PyTorch's stands beside it, √(v − m²) + ε.
    centred : bool, default=False

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: rmsprop" (its ρ); Graves (2013), "Generating sequences with recurrent
    neural networks", equations 38 to 41 (centred, with momentum).
    Neither gives a default of η; this one is Keras's.

    Examples
    --------
    >>> from fastmlp.optimizers import RMSProp
    >>> RMSProp(1e-2, decay=0.99, centred=True)
    RMSProp(learning_rate=0.01, decay=0.99, momentum=0.0, epsilon=1e-08, centred=True)
    """

    learning_rate: Rate = 1e-3
    decay: Decay = 0.9
    momentum: UnitInterval = 0.0
    epsilon: Positive = 1e-8
    centred: Bool = False

    @property
    def n_moments(self) -> int:
        return 3 if self.centred else 1 + bool(self.momentum)

    def kernel(self) -> Kernel:
        if self.centred:
            return _kernels.rmsprop_centred
        return _kernels.rmsprop_momentum if self.momentum else _kernels.rmsprop

    def hyperparameters(self) -> np.ndarray:
        return rule_numbers(rho=self.decay, momentum=self.momentum, epsilon=self.epsilon)

    @property
    def shrinking(self) -> Shrinking:
        return Shrinking(_shrinkage.shrink_by_deviation, int(self.centred), self.momentum)
