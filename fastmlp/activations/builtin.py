"""Activations with parameters, a class each.

Objects are compared, hashed and pickled by their parameters, and their repr is the code that creates them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.frozen_params import Finite, FrozenParams, NotNegative, Positive, Range
from ..compiler.kernel import Kernel, KernelModule
from . import second_derivatives
from .base import ANY, NOT_NEGATIVE, POSITIVE, BaseActivation, added_attributes

if TYPE_CHECKING:
    from ..kernels.activations import basic as _kernels
    from ..kernels.activations import rectifiers as _rectifiers
    from ..kernels.activations import smooth as _smooth
else:
    _kernels = KernelModule("activations.basic")
    _rectifiers = KernelModule("activations.rectifiers")
    _smooth = KernelModule("activations.smooth")


def of_array(second_derivative: Callable[..., np.ndarray], constants: tuple[float, ...]) -> Callable[[Any], np.ndarray]:
    """Return f″ as a function of an array alone, from a function (z, *constants) of `second_derivatives`."""
    return functools.partial(_second_derivative, second_derivative, constants)


def _second_derivative(
    second_derivative: Callable[..., np.ndarray], constants: tuple[float, ...], z: Any
) -> np.ndarray:
    """Compute f″ of an array, float32 if that is, else float64."""
    z = np.asarray(z)
    result = second_derivative(z.astype(np.float64), *constants)
    return result.astype(np.float32 if z.dtype == np.float32 else np.float64)


class ParametricActivation(FrozenParams, BaseActivation):
    """An activation of the package with parameters: a frozen dataclass, whose fields they are.

    A subclass has a `name`, and `_compute`, which fills in what depends on the parameters.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        kernel, constants, second_derivative, output_range = self._compute()
        BaseActivation.__init__(
            self,
            self.name,
            kernel,
            constants,
            output_range=output_range,
            second_derivative=of_array(second_derivative, constants),
        )

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        """Return the kernel, its constants, f″(z, *constants) and where the outputs lie."""
        raise NotImplementedError  # pragma: no cover

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return _restore, (type(self), values), added_attributes(self, *values)

    # Of skops, which does not call what `__reduce__` returns.

    def __getstate__(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, **(added_attributes(self, *values) or {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "kernel" not in vars(self):
            self.__post_init__()


def _restore(kind: type[ParametricActivation], values: dict[str, Any]) -> ParametricActivation:
    """Return an activation from a pickle; a subclass may have an `__init__` of its own, which is not called."""
    activation = kind.__new__(kind)
    vars(activation).update(values)
    activation.__post_init__()
    return activation


@dataclass(frozen=True)
class LeakyReLU(ParametricActivation):
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

    slope: Finite = 0.01
    name = "leaky_relu"

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        if self.slope == 0:  # 0 · −∞ would be NaN
            return _kernels.relu, (), second_derivatives.zero, NOT_NEGATIVE
        output_range = ANY if self.slope > 0 else NOT_NEGATIVE
        return _rectifiers.leaky_relu, (self.slope,), second_derivatives.zero, output_range


@dataclass(frozen=True)
class ELU(ParametricActivation):
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

    alpha: NotNegative = 1.0
    name = "elu"

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        output_range = Range(-self.alpha, brackets="()") if self.alpha else NOT_NEGATIVE
        return _rectifiers.elu, (self.alpha, 1.0, 1.0), second_derivatives.elu, output_range


@dataclass(frozen=True)
class CELU(ParametricActivation):
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

    alpha: Positive = 1.0
    name = "celu"

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        constants = self.alpha, 1.0, 1.0 / self.alpha
        return _rectifiers.elu, constants, second_derivatives.elu, Range(-self.alpha, brackets="()")


@dataclass(frozen=True)
class SiLU(ParametricActivation):
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

    beta: Positive = 1.0
    name = "silu"

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        lowest = -0.2784645427610738 / self.beta  # at z = −1.2784645… / β
        return _smooth.silu, (self.beta,), second_derivatives.silu, Range(lowest)


@dataclass(frozen=True)
class Softplus(ParametricActivation):
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

    beta: Positive = 1.0
    name = "softplus"

    def _compute(self) -> tuple[Kernel, tuple[float, ...], Callable[..., np.ndarray], Range]:
        return _smooth.softplus, (self.beta,), second_derivatives.softplus, POSITIVE
