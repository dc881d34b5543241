"""scikit-learn's schedules, which change between epochs: 'invscaling' and 'adaptive'."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ..common.frozen_params import NotNegative, Positive, Range, with_values
from ..common.lookup import look_up
from .base import Constant, Schedule


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """η / (rows seen + 1)^power, from epoch to epoch: scikit-learn's 'invscaling'.

    It counts the rows that training has seen when an epoch begins, and is constant within the epoch. `InverseTime`
    with power=0.5 does the same from step to step.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    power : float, default=0.5
        At least 0.
    rows_seen : int, default=0
        Rows seen so far; `after_epoch` sets it.

    Examples
    --------
    >>> from fastmlp.schedules import InverseScaling
    >>> schedule = InverseScaling(0.1)
    >>> schedule([0, 1, 2]).tolist(), schedule.after_epoch(rows_seen=99)([3, 4, 5]).tolist()
    ([0.1, 0.1, 0.1], [0.01, 0.01, 0.01])
    """

    learning_rate: Positive
    power: NotNegative = 0.5
    rows_seen: Annotated[int, Range(0, whole=True)] = 0

    def at(self, t: np.ndarray) -> np.ndarray:
        return np.full(t.shape, self.learning_rate / (self.rows_seen + 1) ** self.power)

    def after_epoch(self, rows_seen: int) -> Schedule:
        return with_values(self, rows_seen=rows_seen)


@dataclass(frozen=True)
class Adaptive(Schedule):
    """Constant until training no longer improves, then η / divisor, until η is `smallest` or less: 'adaptive'.

    `tol` and `n_iter_no_change` decide what counts as no improvement.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.
    divisor : float, default=5.0
        Greater than 1.
    smallest : float, default=1e-6
        Greater than 0. A plateau at this rate or a smaller one ends the training.

    Examples
    --------
    >>> from fastmlp.schedules import Adaptive
    >>> Adaptive(0.1).after_plateau()
    Adaptive(learning_rate=0.02, divisor=5.0, smallest=1e-06)
    >>> Adaptive(1e-6).after_plateau() is None
    True
    """

    learning_rate: Positive
    divisor: Annotated[float, Range(1, brackets="()")] = 5.0
    smallest: Positive = 1e-6

    def at(self, t: np.ndarray) -> np.ndarray:
        return np.full(t.shape, self.learning_rate)

    def after_plateau(self) -> Schedule | None:
        if self.learning_rate <= self.smallest:
            return None
        return with_values(self, learning_rate=self.learning_rate / self.divisor)


def schedule_by_name(name: str, learning_rate: float, power: float) -> Schedule:
    """Return scikit-learn's schedule of this name: 'constant', 'invscaling' (with its power) or 'adaptive'.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such schedule.
    """
    known: dict[str, Callable[[float], Schedule]] = {
        "constant": Constant,
        "invscaling": lambda rate: InverseScaling(rate, power),
        "adaptive": Adaptive,
    }
    return look_up("learning_rate", name, known, "a schedule object, see fastmlp.schedules")(learning_rate)
