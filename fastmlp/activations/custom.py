"""`Activation`: one that a user makes of two plain functions."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ..common.user_warnings import warn_user
from ..compiler.forking import loading
from ..compiler.interrupts import Deferral, Interrupts
from ..compiler.kernel import Kernel
from .base import BaseActivation, added_attributes, run

#: Where a derivative is compared with differences: no round numbers, at which functions have their kinks.
_PROBES = (-4.6703, -2.2807, -1.3127, -0.5821, -0.1319, 0.0917, 0.4783, 1.2183, 2.7081, 5.1273)


class Activation(BaseActivation):
    """An activation of your own, from plain functions of one number.

    They are compiled and run at the speed of the built-in ones: ``math.exp``, ``np.tanh`` and the like become the
    package's vectorized functions, and numbers are rounded to the network's type. What needs Python itself is refused
    when it is compiled: printing, strings and lists, exceptions, random numbers. A function may use arithmetic,
    comparisons, ``if``, loops over ``range``, ``math`` and NumPy for one number, numbers of its module or of the
    function around it, and other functions of that kind. All of these are read when the activation is made; what
    changes in them later counts for the next one. Compiled code is kept on disk where the functions live in files,
    under a key that holds everything that they are made of.

    Parameters
    ----------
    f : callable
        z ↦ f(z).
    derivative : callable
        z ↦ f′(z); it may call `f`, and what both compute is computed once.
    second_derivative : callable, optional
        z ↦ f″(z): Newton's method and Hessian-vector products ask for it, nothing else does.

    Attributes
    ----------
    name : str
    second_derivative : callable or None
        f″ of an array of pre-activations, an array of the same type; None where it is not known.

    Raises
    ------
    TypeError
        If one of the functions is not a plain function of a number.
    ValueError
        If the derivative is missing; when first used, if a function cannot be compiled, or needs Python itself: the
        message names the line.

    Warns
    -----
    UserWarning
        If the derivative differs from what `f` does between two near points.

    Notes
    -----
    As in compiled code everywhere, what has no value is NaN or infinite and raises nothing: ``math.log(-1.0)``,
    ``math.exp(1000.0)``, ``1 / 0.0``.

    Examples
    --------
    >>> import math
    >>> from fastmlp import Activation
    >>> def bent(z):
    ...     return (math.sqrt(z * z + 1) - 1) / 2 + z
    >>> def bent_derivative(z):
    ...     return z / (2 * math.sqrt(z * z + 1)) + 1
    >>> activation = Activation(bent, bent_derivative)
    >>> activation
    Activation(bent, bent_derivative)
    >>> activation([0.0, 2.0]), activation.derivative([0.0, 2.0])
    (array([0.        , 2.61803399]), array([1.       , 1.4472136]))
    """

    functions: tuple[Callable[..., float] | None, ...]

    def __init__(
        self,
        f: Callable[..., float],
        derivative: Callable[..., float] | None = None,
        second_derivative: Callable[..., float] | None = None,
    ) -> None:
        if derivative is None:
            raise ValueError(
                f"Activation({_name(f)}) has no derivative, which training needs: Activation(f, derivative)."
            )
        check_derivative(f, derivative)
        if second_derivative is not None:
            check_derivative(derivative, second_derivative)
        self._fill(f, derivative, second_derivative)

    def _fill(
        self,
        f: Callable[..., float],
        derivative: Callable[..., float],
        second_derivative: Callable[..., float] | None,
    ) -> None:
        """Compile what belongs to the functions, which have been checked."""
        vars(self)["functions"] = (f, derivative, second_derivative)  # past __setattr__, which refuses
        of_array = second_derivative and functools.partial(_second_result, _kernel_of(derivative, second_derivative))
        name = repr(self)  # which no built-in activation has
        super().__init__(name, _kernel_of(f, derivative), second_derivative=of_array)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, Activation)
        return self.functions == other.functions and self.kernel is other.kernel  # numbers outside may have changed

    def __hash__(self) -> int:
        return hash(self.functions)

    def __repr__(self) -> str:
        return f"Activation({', '.join(_name(function) for function in self.functions if function)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (*self.functions, type(self)), added_attributes(self, "functions")

    # Of skops, which does not call what `__reduce__` returns.

    def __getstate__(self) -> dict[str, Any]:
        return {"functions": self.functions, **(added_attributes(self, "functions") or {})}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "kernel" not in vars(self):
            functions: Any = self.functions
            self._fill(*functions)


def _restore(
    f: Callable[..., float],
    derivative: Callable[..., float],
    second_derivative: Callable[..., float] | None,
    kind: type[Activation] = Activation,
) -> Activation:
    """Return an activation from a pickle, whose functions were checked when it was created."""
    activation = kind.__new__(kind)
    activation._fill(f, derivative, second_derivative)
    return activation


def _kernel_of(f: Callable[..., float], derivative: Callable[..., float]) -> Kernel:
    with loading, Deferral():  # neither a fork nor an interrupt leaves the compiler half imported
        from ..kernels.custom import activation as custom_activation
        from ..kernels.custom.user_functions import custom_kernel
        from ..kernels.lowlevel.calls import ACTIVATION_SIGNATURE

        functions = {"function": f, "derivative_of": derivative}
        made: Kernel = custom_kernel(custom_activation.activate, ACTIVATION_SIGNATURE, **functions)
        return made


def _second_result(kernel: Kernel, z: Any) -> np.ndarray:
    return run(kernel, (), z)[1]


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]


def check_derivative(f: Any, derivative: Any, others: tuple[float, ...] = ()) -> bool:
    """Compare a derivative with finite differences of `f`, and warn where they differ.

    At a kink the derivative from either side is accepted, and everything between them.

    Parameters
    ----------
    f, derivative : callable
        Functions of a number, and of `others`.
    others : tuple of float, default=()
        Further arguments, which are kept constant.

    Returns
    -------
    bool
        False if there was a warning.

    Raises
    ------
    TypeError
        If one of them is not a plain function that returns a real number.

    Warns
    -----
    UserWarning
        If `derivative` is not the derivative of `f`.
    """
    values = [_evaluate(f, z, *others) for z in _PROBES]
    for z, value in zip(_PROBES, values, strict=True):
        given = _evaluate(derivative, z, *others)
        step = 1e-6 * max(1.0, abs(z))
        left, right = (_evaluate(f, z + side * step, *others) for side in (-1, 1))
        if not all(map(math.isfinite, (value, given, left, right))):
            continue
        quotients = (value - left) / step, (right - value) / step
        tolerance = 1e-4 * max(1.0, abs(quotients[0]), abs(quotients[1]))
        if not min(quotients) - tolerance <= given <= max(quotients) + tolerance:
            arguments = ", ".join(map(str, (z, *others)))
            warn_user(
                f"{_name(derivative)}({arguments}) is {given:.6g}, but the derivative of {_name(f)} is about "
                f"{sum(quotients) / 2:.6g} there: check the derivative, training with a wrong one will fail."
            )
            return False
    return True


def _allowed() -> str:
    from ..kernels.custom.user_functions import ALLOWED

    return ALLOWED


def _evaluate(function: Any, *numbers: float) -> float:
    """function(z), or of several numbers; NaN where that has no value."""
    plain = types.FunctionType | types.BuiltinFunctionType | np.ufunc
    dispatcher = hasattr(function, "py_func")  # compiled by Numba already
    if not isinstance(function, plain) and not dispatcher:
        raise TypeError(f"{function!r} is not a plain function. What is allowed: {_allowed()}.")
    given = ", ".join(map(str, numbers))
    interrupts = Interrupts()
    try:
        with interrupts, np.errstate(all="ignore"):
            value = function(*numbers)
    except MemoryError:
        raise
    except (ArithmeticError, ValueError):  # math.log(-1.0), math.exp(1000.0): what compiled code has a NaN for
        interrupts.check()
        return math.nan
    except Exception as error:
        interrupts.check()
        raised = f"{type(error).__name__}: {error}"
        raise TypeError(f"{_name(function)}({given}) raises {raised}. What is allowed: {_allowed()}.") from error
    if isinstance(value, np.ndarray) and value.ndim == 0:  # np.where makes one
        value = value[()]
    if not isinstance(value, int | float | np.number | np.bool) or isinstance(value, complex | np.complexfloating):
        raise TypeError(f"{_name(function)}({given}) gives {value!r}, no real number. What is allowed: {_allowed()}.")
    return float(value)
