"""Activations of the package; those with numbers of their own, a class each.

Objects are compared, hashed and pickled by their numbers, and printed as they are typed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import astuple, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.kernel import Kernel, KernelModule
from . import second_derivatives
from .custom import Activation

if TYPE_CHECKING:
    from ..kernels.activations import basic as _kernels
    from ..kernels.activations import rectifiers as _rectifiers
    from ..kernels.activations import smooth as _smooth
else:
    _kernels = KernelModule("activations.basic")
    _rectifiers = KernelModule("activations.rectifiers")
    _smooth = KernelModule("activations.smooth")


class BuiltIn(Activation):
    """An activation whose kernel is the package's."""

    def _complete(self, kernel: Kernel, constants: tuple[float, ...], second_derivative: Callable | None) -> None:
        """Say what computes it; `second_derivative` (z, *settings) is one of `second_derivatives`."""
        second_derivative = second_derivative and functools.partial(_second_derivative, second_derivative, constants)
        vars(self).update(
            kernel=kernel, constants=constants, second_derivative=second_derivative
        )  # past __setattr__, which refuses

    def _check(self, name: str, above: float = -math.inf, or_equal: bool = False) -> None:
        """Whether one of its numbers is finite and above a bound, or equal to it."""
        value = getattr(self, name)
        number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if not number or value < above or (value == above and not or_equal):
            bound = "" if above == -math.inf else f", {above:g} or more" if or_equal else f" above {above:g}"
            raise ValueError(f"{type(self).__name__}({name}={value!r}): {name} must be a finite number{bound}.")
        vars(self)[name] = float(value)

    def __reduce__(self) -> tuple:
        return type(self), astuple(self)  # type: ignore[call-overload]


def _second_derivative(second_derivative: Callable, constants: tuple[float, ...], z: Any) -> np.ndarray:
    """f″ of an array, float32 if that is, else float64."""
    z = np.asarray(z)
    result = second_derivative(z.astype(np.float64), *constants)
    return result.astype(np.float32 if z.dtype == np.float32 else np.float64)


@dataclass(frozen=True)
class LeakyReLU(BuiltIn):
    """f(z) = z where z > 0, else slope · z.

    Parameters
    ----------
    slope : float, default=0.01

    Raises
    ------
    ValueError
        If `slope` is not a finite number.

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".

    Examples
    --------
    >>> LeakyReLU(0.1)
    LeakyReLU(slope=0.1)
    >>> LeakyReLU(0.1)([-2.0, 3.0])
    array([-0.2,  3. ])
    """

    slope: float = 0.01
    name = "leaky_relu"

    def __post_init__(self) -> None:
        self._check("slope")
        if self.slope:
            self._complete(_rectifiers.leaky_relu, (self.slope,), second_derivatives.zero)
        else:  # 0 · −∞ would be NaN
            self._complete(_kernels.relu, (), second_derivatives.zero)


@dataclass(frozen=True)
class ELU(BuiltIn):
    """f(z) = z where z > 0, else α (exp z − 1).

    Parameters
    ----------
    alpha : float, default=1.0
        −α is the limit for large negative z.

    Raises
    ------
    ValueError
        If `alpha` is not a finite number, 0 or more.

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2015), "Fast and accurate deep network learning by exponential linear units".

    Examples
    --------
    >>> ELU(alpha=2.0)([-1000.0, -1e-20, 3.0])
    array([-2.e+00, -2.e-20,  3.e+00])
    """

    alpha: float = 1.0
    name = "elu"

    def __post_init__(self) -> None:
        self._check("alpha", above=0, or_equal=True)
        self._complete(_rectifiers.elu, (self.alpha, 1.0, 1.0), second_derivatives.elu)


@dataclass(frozen=True)
class CELU(BuiltIn):
    """f(z) = z where z > 0, else α (exp(z / α) − 1): an ELU without a kink for every α.

    Parameters
    ----------
    alpha : float, default=1.0
        −α is the limit for large negative z.

    Raises
    ------
    ValueError
        If `alpha` is not a finite number above 0.

    References
    ----------
    Barron (2017), "Continuously differentiable exponential linear units".

    Examples
    --------
    >>> CELU(alpha=2.0).derivative([-1e-9, 1e-9]).round(6)
    array([1., 1.])
    """

    alpha: float = 1.0
    name = "celu"

    def __post_init__(self) -> None:
        self._check("alpha", above=0)
        self._complete(_rectifiers.elu, (self.alpha, 1.0, 1.0 / self.alpha), second_derivatives.elu)


@dataclass(frozen=True)
class SiLU(BuiltIn):
    """f(z) = z / (1 + exp(−βz)), also called Swish.

    Parameters
    ----------
    beta : float, default=1.0
        The larger, the nearer to ReLU.

    Raises
    ------
    ValueError
        If `beta` is not a finite number above 0.

    References
    ----------
    Elfwing, Uchibe and Doya (2017), "Sigmoid-weighted linear units"; Ramachandran, Zoph and Le (2017), "Searching for
    activation functions" (with β).

    Examples
    --------
    >>> SiLU(beta=2.0)([-1000.0, 0.0, 1000.0])
    array([   0.,    0., 1000.])
    """

    beta: float = 1.0
    name = "silu"

    def __post_init__(self) -> None:
        self._check("beta", above=0)
        self._complete(_smooth.silu, (self.beta,), second_derivatives.silu)


@dataclass(frozen=True)
class Softplus(BuiltIn):
    """f(z) = ln(1 + exp(βz)) / β, a smooth ReLU; its derivative is the logistic function of βz.

    Parameters
    ----------
    beta : float, default=1.0
        The larger, the nearer to ReLU.

    Raises
    ------
    ValueError
        If `beta` is not a finite number above 0.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia (2000), "Incorporating second-order functional knowledge for better option
    pricing".

    Examples
    --------
    >>> Softplus()([-50.0, 0.0, 50.0])
    array([1.92874985e-22, 6.93147181e-01, 5.00000000e+01])
    """

    beta: float = 1.0
    name = "softplus"

    def __post_init__(self) -> None:
        self._check("beta", above=0)
        self._complete(_smooth.softplus, (self.beta,), second_derivatives.softplus)
