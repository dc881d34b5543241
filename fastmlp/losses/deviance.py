"""Half deviances of distributions whose mean is positive: `Poisson`, `Gamma`, `Tweedie`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..common.frozen_params import Range
from ..compiler.kernel import Kernel, KernelModule
from .base import BaseLoss
from .outputs import is_positive

if TYPE_CHECKING:
    from ..kernels.losses import canonical as _sklearn_kernels
    from ..kernels.losses import deviance as _kernels
    from ..kernels.losses import regression as _squares
else:
    _sklearn_kernels = KernelModule("losses.canonical")
    _kernels = KernelModule("losses.deviance")
    _squares = KernelModule("losses.regression")


class DevianceLoss(BaseLoss):
    """Base of half deviances: by default the mean is exp of the pre-activation.

    With power p of the mean in the variance, d loss / d a = (a − y) / aᵖ.
    """

    natural: ClassVar[dict[str, str]] = {"regression": "exp"}

    @property
    def _p(self) -> float:
        raise NotImplementedError  # pragma: no cover

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        self._require_output(output, "greater than 0", is_positive)

    def _check_targets(self, y: np.ndarray, output: str | BaseActivation, n_outputs: int) -> None:
        if self._p >= 1 and (y.min() < 0 or (self._p >= 2 and y.min() == 0)):
            raise ValueError(
                f"loss={self.as_written()} needs targets y {'>' if self._p >= 2 else '>='} 0, got a smallest of "
                f"{y.min()}; use loss='squared_error', or another that takes any number."
            )

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = self._p
        return (a - target) / a**p, ((1 - p) * a + p * target) / a ** (p + 1)

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        p = self._p
        with np.errstate(over="ignore"):
            upper, lower = np.exp((2 - p) * z), target * np.exp((1 - p) * z)
        second_derivative = (2 - p) * upper - (1 - p) * lower
        return upper - lower, lambda r: second_derivative * r


@dataclass(frozen=True)
class Poisson(DevianceLoss):
    r"""Half the Poisson deviance, summed over the outputs: for counts, y ≥ 0.

    .. math:: \sum_j \left( y_j \log \frac{y_j}{a_j} - y_j + a_j \right)

    Its delta behind exp is a − y. Other output activations must be positive.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", section 2.3.

    Examples
    --------
    >>> Poisson().default_output_activation("regression")
    'exp'
    """

    name: ClassVar[str] = "poisson"
    score: ClassVar[str | None] = "r2"
    fused: ClassVar[dict[str, Kernel]] = {"exp": _sklearn_kernels.poisson}
    unfused: ClassVar[Kernel] = _kernels.poisson_of_outputs
    _p = 1.0


@dataclass(frozen=True)
class Gamma(DevianceLoss):
    r"""Half the gamma deviance, summed over the outputs: for amounts y > 0 whose spread grows with their mean.

    .. math:: \sum_j \left( \log \frac{a_j}{y_j} + \frac{y_j}{a_j} - 1 \right)

    Its delta behind exp is 1 − y / a. Other output activations must be positive.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> delta, _ = Gamma().fused_derivatives("exp", np.log([[2.0]]), np.array([[1.0]]))
    >>> delta.round(6)
    array([[0.5]])
    """

    name: ClassVar[str] = "gamma"
    fused: ClassVar[dict[str, Kernel]] = {"exp": _kernels.gamma}
    unfused: ClassVar[Kernel] = _kernels.gamma_of_outputs
    _p = 2.0


@dataclass(frozen=True)
class _TweediePower:
    """The rule of `Tweedie`'s power: no distribution has one between 0 and 1."""

    def __str__(self) -> str:
        return "a number ≤ 0 or ≥ 1"

    def allows(self, value: Any) -> bool:
        return Range(-math.inf, 0, "(]").allows(value) or Range(1).allows(value)

    def convert(self, value: Any) -> float:
        return float(value)


@dataclass(frozen=True)
class Tweedie(DevianceLoss):
    r"""Half the Tweedie deviance of power p, summed over the outputs: variance ∝ meanᵖ.

    .. math:: \sum_j \left( \frac{\max(y_j, 0)^{2-p}}{(1-p)(2-p)} - \frac{y_j a_j^{1-p}}{1-p}
              + \frac{a_j^{2-p}}{2-p} \right)

    Between 1 and 2 it is a sum of a Poisson number of gamma amounts, exact zeros among them: claims, rainfall. Power 0
    is half the squared error, 1 `Poisson`, 2 `Gamma`, 3 the inverse Gaussian. Targets: y ≥ 0 for p in [1, 2), y > 0
    from 2 on, any for p ≤ 0; no distribution has a p between 0 and 1. Outputs must be positive (p = 0: any).

    Parameters
    ----------
    power : float, default=1.5
        Not in (0, 1).

    References
    ----------
    Jørgensen (1987), "Exponential dispersion models".

    Examples
    --------
    >>> import numpy as np
    >>> loss = Tweedie(power=1.5)
    >>> loss
    Tweedie(power=1.5)
    >>> g, h = loss.output_derivatives(np.array([[4.0]]), np.array([[2.0]]))
    >>> g
    array([[0.25]])
    """

    power: Annotated[float, _TweediePower()] = 1.5
    name: ClassVar[str] = "tweedie"

    @property
    def _p(self) -> float:
        return float(self.power)

    @property
    def fused(self) -> dict[str, Kernel]:  # type: ignore[override]
        if self.power == 0:
            return {"identity": _squares.squares}
        return {"exp": {1.0: _sklearn_kernels.poisson, 2.0: _kernels.gamma}.get(self._p, _kernels.tweedie)}

    @property
    def unfused(self) -> Kernel:  # type: ignore[override]
        special = {0.0: _squares.squares_of_outputs, 1.0: _kernels.poisson_of_outputs, 2.0: _kernels.gamma_of_outputs}
        return special.get(self._p, _kernels.tweedie_of_outputs)

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return (0.5, 1.0) if self.power == 0 else (self._p,)

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        if self.power != 0:
            super()._check_output(output, n_outputs)

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        if self.power == 0:
            return z - target, lambda r: r
        return super().fused_derivatives(output, z, target)
