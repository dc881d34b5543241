"""Losses of the difference between output and target that are robust to outliers: absolute, Huber, log-cosh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..common.frozen_params import Positive
from ..compiler.kernel import Kernel, KernelModule
from .base import DifferenceLoss
from .quantile import Quantile
from .squares import HalfSquaredError, SquaredError, SquaredErrorByHand, SquareLoss, SumSquaredError

if TYPE_CHECKING:
    from ..kernels.losses import regression as _kernels
else:
    _kernels = KernelModule("losses.regression")

__all__ = [
    "AbsoluteError",
    "HalfSquaredError",
    "Huber",
    "LogCosh",
    "Quantile",
    "SquareLoss",
    "SquaredError",
    "SquaredErrorByHand",
    "SumSquaredError",
]


@dataclass(frozen=True)
class AbsoluteError(DifferenceLoss):
    r"""The absolute error, summed over the outputs, whose best constant is the median.

    .. math:: \sum_j |a_j - y_j|

    Where a = y the derivative is 0.

    Examples
    --------
    >>> import numpy as np
    >>> g, h = AbsoluteError().output_derivatives(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[1., 0.]]), array([[0., 0.]]))
    """

    name: ClassVar[str] = "absolute_error"
    unfused: ClassVar[Kernel] = _kernels.absolute

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.sign(a - target), np.zeros(a.shape)


@dataclass(frozen=True)
class Huber(DifferenceLoss):
    r"""Huber's loss, summed over the outputs: half the square near the target, linear far from it.

    .. math:: \sum_j \begin{cases} \frac12 r_j^2 & |r_j| \le \delta \\
              \delta \left( |r_j| - \frac12 \delta \right) & \text{else} \end{cases}
              \qquad r_j = a_j - y_j

    Parameters
    ----------
    delta : float, default=1.0
        Where the square becomes linear, in the same unit as y; greater than 0.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = Huber(delta=2.0).output_derivatives(np.array([[9.0, 1.5]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[2. , 0.5]]), array([[0., 1.]]))
    """

    delta: Positive = 1.0
    name: ClassVar[str] = "huber"
    unfused: ClassVar[Kernel] = _kernels.huber

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return (float(self.delta),)

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = a - target
        return np.clip(r, -self.delta, self.delta), (np.abs(r) <= self.delta) * 1.0


@dataclass(frozen=True)
class LogCosh(DifferenceLoss):
    r"""The logarithm of the hyperbolic cosine, summed over the outputs: a smooth Huber loss.

    .. math:: \sum_j \ln \cosh(a_j - y_j)

    About half the square near the target, and |a − y| − ln 2 far from it, which is how it never overflows.

    References
    ----------
    Chen et al. (2018), "Log hyperbolic cosine loss improves variational auto-encoder".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = LogCosh().output_derivatives(np.array([[1000.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[1., 0.]]), array([[0., 1.]]))
    """

    name: ClassVar[str] = "log_cosh"
    unfused: ClassVar[Kernel] = _kernels.log_cosh

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = np.tanh(a - target)
        return t, (1 - t) * (1 + t)
