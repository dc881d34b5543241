"""Squared errors: `SquaredError`, as scikit-learn has it, `HalfSquaredError` and `SumSquaredError`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..compiler.kernel import Kernel, KernelModule
from .base import DifferenceLoss

if TYPE_CHECKING:
    from ..kernels.losses import canonical as _sklearn_kernels
    from ..kernels.losses import regression as _kernels
else:
    _sklearn_kernels = KernelModule("losses.canonical")
    _kernels = KernelModule("losses.regression")


class SquareLoss(DifferenceLoss):
    """Base of squares: loss = s Σ (a − y)², delta that of s′ Σ (a − y)² / 2."""

    fused: ClassVar[dict[str, Kernel]] = {"identity": _kernels.squares}
    unfused: ClassVar[Kernel] = _kernels.squares_of_outputs
    scale: ClassVar[float] = 0.5
    delta_scale: ClassVar[float] = 1.0

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return (self.scale, self.delta_scale)

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.delta_scale * (a - target), np.full(a.shape, self.delta_scale)

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        return self.delta_scale * (z - target), lambda r: self.delta_scale * r


@dataclass(frozen=True)
class SquaredError(SquareLoss):
    r"""Squared error as in scikit-learn: the mean over the outputs is reported, their sum is minimized.

    .. math:: \text{reported } \frac{1}{2K} \sum_{j=1}^K (a_j - y_j)^2,\qquad
              \text{minimized } \frac12 \sum_{j=1}^K (a_j - y_j)^2

    With one output the two are the same, and the same as `HalfSquaredError`.

    Examples
    --------
    >>> SquaredError() == SquaredError()
    True
    """

    name: ClassVar[str] = "squared_error"
    score: ClassVar[str | None] = "r2"
    fused: ClassVar[dict[str, Kernel]] = {"identity": _sklearn_kernels.squared_error}

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return () if self.is_fused(output) else (self.scale / n_outputs, self.delta_scale)


class SquaredErrorByHand(SquaredError):  # noqa: N818 - a loss, no exception
    """`SquaredError` behind an output activation that was set by hand in `out_activation_`.

    As in scikit-learn, whose backward pass ignores the activation: delta is a − y, without its derivative.
    """

    unfused: ClassVar[Kernel] = _sklearn_kernels.squared_error

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class HalfSquaredError(SquareLoss):
    r"""Half the squared error, summed over the outputs: the loss of the lectures, whose delta is a − y.

    .. math:: \frac12 \sum_j (a_j - y_j)^2

    Examples
    --------
    >>> import numpy as np
    >>> g, h = HalfSquaredError().output_derivatives(np.array([[3.0]]), np.array([[1.0]]))
    >>> g, h
    (array([[2.]]), array([[1.]]))
    """

    name: ClassVar[str] = "half_squared_error"


@dataclass(frozen=True)
class SumSquaredError(SquareLoss):
    r"""The squared error, summed over the outputs.

    .. math:: \sum_j (a_j - y_j)^2

    Examples
    --------
    >>> import numpy as np
    >>> g, h = SumSquaredError().output_derivatives(np.array([[3.0]]), np.array([[1.0]]))
    >>> g, h
    (array([[4.]]), array([[2.]]))
    """

    name: ClassVar[str] = "sum_squared_error"
    scale: ClassVar[float] = 1.0
    delta_scale: ClassVar[float] = 2.0
