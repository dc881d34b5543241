"""`Loss`: a user's own, from two plain functions of numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from ..activations.custom import check_derivative
from ..compiler.forking import loading
from ..compiler.interrupts import Deferral, Interrupts
from ..compiler.kernel import Kernel
from .base import BaseLoss

#: For which derivatives are compared with differences: a loss of labels means nothing by other targets.
_TARGETS = 0.0, 1.0


def _is_plain(function: Any, n_args: int) -> bool:
    try:
        inspect.signature(function).bind(*range(n_args))
        return isinstance(function, FunctionType)
    except TypeError:
        return False


def check_plain(function: Any, n_args: int) -> None:
    """Refuse, by a ValueError, what is no plain function of `n_args` numbers."""
    if not _is_plain(function, n_args):
        raise ValueError(f"{function!r} must be a plain Python function of {n_args} numbers.")


def _can_be_called(function: Any) -> bool:
    """Whether a trial call raises only arithmetic errors; other errors are reported when it is compiled."""
    interrupts = Interrupts()
    try:
        with interrupts, np.errstate(all="ignore"):
            function(0.4783, 1.0)
    except MemoryError:
        raise
    except (ArithmeticError, ValueError):
        interrupts.check()
    except Exception:  # a user's function may raise anything
        interrupts.check()
        return False
    return True


@dataclass(frozen=True)
class Loss(BaseLoss):
    r"""A loss of your own, summed over the outputs, from functions of an output a and its target y.

    .. math:: \sum_j \text{value}(a_j, y_j)

    Both functions are compiled: plain Python on numbers, with arithmetic, comparisons and functions such as `math.exp`.
    Numbers from outside that they use are read when the loss is first used; later changes have an effect on the next
    `Loss`. The loss goes with any output activation, and its targets have a column for each output (behind softmax
    too, where a class is a row of zeros and a one).

    Parameters
    ----------
    value : callable
        (a, y) ↦ the loss.
    derivative : callable
        (a, y) ↦ d value / d a.
    second_derivative : callable, optional
        (a, y) ↦ d² value / d a², for solvers that need it.

    Raises
    ------
    TypeError
        If one of the functions gives something else than a real number.
    ValueError
        When fitted, if a function cannot be compiled, or needs Python itself, as for printing: the message names the
        line.

    Warns
    -----
    UserWarning
        If `derivative` differs from what `value` does between two near outputs, for a target of 0 or 1, or
        `second_derivative` from what `derivative` does. At a kink the derivative from either side is accepted, and
        everything between them.

    Examples
    --------
    >>> import numpy as np
    >>> def value(a, y):
    ...     return (a - y) ** 4
    >>> def derivative(a, y):
    ...     return 4 * (a - y) ** 3
    >>> loss = Loss(value, derivative)
    >>> loss
    Loss(value, derivative)
    """

    value: Callable[..., float]
    derivative: Callable[..., float]
    second_derivative: Callable[..., float] | None = None
    _made: dict[str, Kernel] = field(default_factory=dict, init=False, repr=False, compare=False)
    name: ClassVar[str] = "Loss"
    natural: ClassVar[dict[str, str]] = {
        "binary": "logistic", "multi-label": "logistic", "multi-class": "softmax", "regression": "identity",
    }  # fmt: skip

    def __post_init__(self) -> None:
        pairs = [
            (self.value, self.derivative),
            *([(self.derivative, self.second_derivative)] if self.second_derivative else []),
        ]
        for f, derivative in pairs:
            if all(_is_plain(one, 2) and _can_be_called(one) for one in (f, derivative)):
                for target in _TARGETS:
                    if not check_derivative(f, derivative, (target,)):
                        break  # one warning is enough

    @property
    def unfused(self) -> Kernel:  # type: ignore[override]
        with loading, Deferral():  # neither a fork nor an interrupt leaves the compiler half imported
            if "kernel" not in self._made:
                from ..kernels.custom import loss as custom_loss
                from ..kernels.custom.user_functions import custom_kernel
                from ..kernels.lowlevel.calls import LOSS_SIGNATURE

                functions = {"value_of": self.value, "derivative_of": self.derivative}
                self._made["kernel"] = custom_kernel(custom_loss.loss_of_outputs, LOSS_SIGNATURE, **functions)
            return self._made["kernel"]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_made"}  # compiled code stays here

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _made={})  # the functions were checked when the loss was created

    def _check_numbers(self) -> None:
        for function in (self.value, self.derivative):
            check_plain(function, 2)
        if self.second_derivative is not None and not callable(self.second_derivative):
            raise ValueError(f"second_derivative of {self!r} must be a function of 2 numbers, or None.")

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.second_derivative is None:
            raise ValueError(
                f"{self!r} has no second derivative: give it one, Loss(value, derivative, second_derivative), or "
                "choose a solver that needs none."
            )
        first, second = (
            np.frompyfunc(function, 2, 1)(a, target) for function in (self.derivative, self.second_derivative)
        )
        return first.astype(np.float64), second.astype(np.float64)

    def __repr__(self) -> str:
        functions = [self.value, self.derivative, *([self.second_derivative] if self.second_derivative else [])]
        return f"Loss({', '.join(getattr(function, '__name__', repr(function)) for function in functions)})"


def _restore(
    value: Callable[..., float], derivative: Callable[..., float], second_derivative: Callable[..., float] | None
) -> Loss:
    """Return a loss from a pickle of an earlier version."""
    loss = Loss.__new__(Loss)
    for name, function in (
        ("value", value),
        ("derivative", derivative),
        ("second_derivative", second_derivative),
        ("_made", {}),
    ):
        object.__setattr__(loss, name, function)
    return loss
