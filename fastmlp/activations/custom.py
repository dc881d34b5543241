"""What every activation has, and the one that a user makes of two plain functions."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ..common.user_warnings import warn_user
from ..compiler.forking import loading
from ..compiler.kernel import Kernel

#: Where a derivative is compared with differences: no round numbers, at which functions have their kinks.
_PROBES = (-4.6703, -2.2807, -1.3127, -0.5821, -0.1319, 0.0917, 0.4783, 1.2183, 2.7081, 5.1273)


class Activation:
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
    unit : Kernel
        The kernel for f and f′.
    settings : tuple of float
        The function's own numbers, where the kernel looks for them.
    hidden : bool
        Whether it may stand in a hidden layer: softmax may not.
    curvature : callable or None
        f″ of an array of pre-activations, an array of the same type; None where it is not known.

    Raises
    ------
    TypeError
        If one of the functions is not a plain function of a number.
    ValueError
        If the derivative is missing; when first used, if a function cannot be compiled, or needs Python itself: the
        message names the line that asks for it.

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

    name: str
    kernel: Kernel
    constants: tuple[float, ...] = ()
    hidden: bool = True
    second_derivative: Callable[[Any], np.ndarray] | None
    functions: tuple[Callable | None, ...]

    def __init__(
        self, f: Callable, derivative: Callable | None = None, second_derivative: Callable | None = None
    ) -> None:
        if derivative is None:
            raise ValueError(
                f"Activation({_name(f)}) has no derivative, which training needs: Activation(f, derivative)."
            )
        check_derivative(f, derivative)
        if second_derivative is not None:
            check_derivative(derivative, second_derivative)
        self._fill(f, derivative, second_derivative)

    def _fill(self, f: Callable, derivative: Callable, second_derivative: Callable | None) -> None:
        vars(self).update(functions=(f, derivative, second_derivative), second_derivative=None)  # past __setattr__
        vars(self).update(name=repr(self), kernel=_unit(f, derivative))  # a name that no built-in one has
        if second_derivative is not None:
            vars(self)["second_derivative"] = functools.partial(_second_result, _unit(derivative, second_derivative))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{self!r} cannot be changed: make another one.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self!r} cannot be changed: make another one.")

    def __call__(self, z: Any) -> np.ndarray:
        """f of an array of pre-activations; softmax row by row."""
        return run(self.kernel, self.constants, z, rows=not self.hidden)[0]

    def derivative(self, z: Any) -> np.ndarray:
        """f′ of an array of pre-activations, as the backward pass multiplies by it.

        Raises
        ------
        ValueError
            For softmax, whose derivative is a matrix.
        """
        if not self.hidden:
            raise ValueError(f"the derivative of {self.name!r} is a matrix for each row, not a number for each output.")
        return run(self.kernel, self.constants, z)[1]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        assert isinstance(other, Activation)
        return self.functions == other.functions and self.kernel is other.kernel  # numbers outside may have changed

    def __hash__(self) -> int:
        return hash(self.functions)

    def __repr__(self) -> str:
        return f"Activation({', '.join(_name(function) for function in self.functions if function)})"

    def __reduce__(self) -> tuple:
        return _restore, self.functions

    def __copy__(self) -> Activation:
        return self

    def __deepcopy__(self, memo: dict) -> Activation:
        return self


def _restore(f: Callable, derivative: Callable, second_derivative: Callable | None) -> Activation:
    """An activation out of a pickle, whose functions have been checked when it was made."""
    activation = Activation.__new__(Activation)
    activation._fill(f, derivative, second_derivative)
    return activation


def _unit(f: Callable, derivative: Callable) -> Kernel:
    with loading:  # a fork does not find the compiler half imported
        from ..kernels.activations import basic as activations
        from ..kernels.custom import activation as custom_activation
        from ..kernels.custom.user_functions import custom_kernel

        return custom_kernel(custom_activation.activate, activations.SIGNATURE, function=f, derivative_of=derivative)


def _second_result(kernel: Kernel, z: Any) -> np.ndarray:
    return run(kernel, (), z)[1]


def run(kernel: Kernel, constants: tuple[float, ...], z: Any, rows: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """What an activation's unit makes of an array: f and f′, float32 if z is, else float64.

    By `rows`, it works along the last axis.
    """
    z = np.asarray(z)
    a = np.array(z, np.float32 if z.dtype == np.float32 else np.float64, order="C")
    derivative = np.empty_like(a)
    columns = a.shape[-1] if rows and a.ndim else a.size
    numbers = np.array(constants or (0.0,))
    addresses = a.ctypes.data, derivative.ctypes.data
    kernel.entry(a.dtype)(*addresses, a.size // max(columns, 1), columns, columns, numbers.ctypes.data)
    return a, derivative


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2]


def check_derivative(f: Any, derivative: Any, others: tuple[float, ...] = ()) -> bool:
    """Whether both are functions of a number, and `derivative` is that of `f`; `Activation` says what is raised.

    At a kink the slope of either side will do, and everything between them. `others` are further arguments, and stay
    as they are. Returns whether all was well; if not, it has been said.
    """
    values = [_evaluate(f, z, *others) for z in _PROBES]
    for z, value in zip(_PROBES, values, strict=True):
        slope = _evaluate(derivative, z, *others)
        step = 1e-6 * max(1.0, abs(z))
        left, right = (_evaluate(f, z + side * step, *others) for side in (-1, 1))
        if not all(map(math.isfinite, (value, slope, left, right))):
            continue
        slopes = (value - left) / step, (right - value) / step
        tolerance = 1e-4 * max(1.0, abs(slopes[0]), abs(slopes[1]))
        if not min(slopes) - tolerance <= slope <= max(slopes) + tolerance:
            given = ", ".join(map(str, (z, *others)))
            warn_user(
                f"{_name(derivative)}({given}) is {slope:.6g}, but {_name(f)} has the slope {sum(slopes) / 2:.6g} "
                "there: check the derivative; training with a wrong one will fail."
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
    try:
        with np.errstate(all="ignore"):
            value = function(*numbers)
    except (ArithmeticError, ValueError):  # math.log(-1.0), math.exp(1000.0): what compiled code has a NaN for
        return math.nan
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
        raise TypeError(f"{_name(function)}({given}) raises {raised}. What is allowed: {_allowed()}.") from error
    if isinstance(value, np.ndarray) and value.ndim == 0:  # np.where makes one
        value = value[()]
    if not isinstance(value, int | float | np.number | np.bool) or isinstance(value, complex | np.complexfloating):
        raise TypeError(f"{_name(function)}({given}) gives {value!r}, no real number. What is allowed: {_allowed()}.")
    return float(value)
