"""`BaseActivation`: what every activation offers, the package's own and those that users make."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ..common.checks import as_real
from ..common.frozen_params import Range
from ..compiler.kernel import Kernel

#: Ranges of outputs that several activations have.
ANY, NOT_NEGATIVE, POSITIVE = Range(-math.inf, brackets="()"), Range(0.0), Range(0.0, brackets="()")


class BaseActivation:
    """An activation function: its kernel, and what losses and solvers need to know of it.

    Activations are immutable, compared and hashed by what they compute, and can be pickled and cloned.

    Parameters
    ----------
    name : str
        As users write it.
    kernel : Kernel
        Computes f and f′ in place, see `fastmlp.kernels.activations.basic`.
    constants : tuple of float, default=()
        The function's own numbers, as the kernel reads them.
    is_elementwise : bool, default=True
        Whether each output depends on its own pre-activation alone. Others (softmax) stand in the output layer only.
    output_range : object, optional
        Where the outputs lie; None where that is not known.
    second_derivative : callable, optional
        f″ of an array of pre-activations, an array of the same type; None where it is not known.
    is_differentiable : bool, default=True
        Whether f′ is the derivative of f. It is not for 'step', which is trained with f′ = 1.
    """

    name: str
    kernel: Kernel
    constants: tuple[float, ...]
    is_elementwise: bool
    output_range: Range | None
    second_derivative: Callable[[Any], np.ndarray] | None
    is_differentiable: bool

    def __init__(
        self,
        name: str,
        kernel: Kernel,
        constants: tuple[float, ...] = (),
        is_elementwise: bool = True,
        output_range: Range | None = None,
        second_derivative: Callable[[Any], np.ndarray] | None = None,
        is_differentiable: bool = True,
    ) -> None:
        vars(self).update(  # past __setattr__, which refuses
            name=name,
            kernel=kernel,
            constants=constants,
            is_elementwise=is_elementwise,
            output_range=output_range,
            second_derivative=second_derivative,
            is_differentiable=is_differentiable,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} cannot be changed: create another one.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self!r} cannot be changed: create another one.")

    def __call__(self, z: Any) -> np.ndarray:
        """Compute f of an array of pre-activations, element by element; softmax along the last axis.

        Parameters
        ----------
        z : array_like

        Returns
        -------
        ndarray of the shape of `z`, float32 if `z` is, else float64

        Raises
        ------
        TypeError
            If `z` does not hold real numbers.
        """
        return run(self.kernel, self.constants, z, rows=not self.is_elementwise)[0]

    def derivative(self, z: Any) -> np.ndarray:
        """Compute f′ of an array of pre-activations, as the backward pass multiplies by it.

        Parameters
        ----------
        z : array_like

        Returns
        -------
        ndarray of the shape of `z`, float32 if `z` is, else float64

        Raises
        ------
        TypeError
            If `z` does not hold real numbers.
        ValueError
            For softmax, whose derivative is a matrix.
        """
        if not self.is_elementwise:
            raise ValueError(f"the derivative of {self.name!r} is a matrix for each row, not a number for each output.")
        return run(self.kernel, self.constants, z)[1]

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)  # past __setattr__, which refuses


def added_attributes(activation: BaseActivation, *known: str) -> dict[str, Any] | None:
    """Return what a subclass has added to an activation beside `known` and what `BaseActivation` has; None if nothing.

    It is the state of a pickle that makes everything else again.
    """
    usual = {*known, *BaseActivation.__annotations__}
    return {name: value for name, value in vars(activation).items() if name not in usual} or None


def run(kernel: Kernel, constants: tuple[float, ...], z: Any, rows: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return f and f′ of an array as an activation's kernel computes them, float32 if z is, else float64.

    With `rows` the kernel works along the last axis.
    """
    z = as_real("z", z)
    a = np.array(z, np.float32 if z.dtype == np.float32 else np.float64, order="C")
    derivative = np.empty_like(a)
    columns = a.shape[-1] if rows and a.ndim else a.size
    numbers = np.array(constants or (0.0,))
    addresses = a.ctypes.data, derivative.ctypes.data
    kernel.entry(a.dtype)(*addresses, a.size // max(columns, 1), columns, columns, numbers.ctypes.data)
    return a, derivative
