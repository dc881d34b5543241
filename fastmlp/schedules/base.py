"""`Schedule`, and the one that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np

from ..common.checks import check_count
from ..common.frozen_params import FrozenParams, OrNone, Positive, Range, check_defines


@dataclass(frozen=True)
class Schedule(FrozenParams):
    """Base of all schedules: called with steps, they return learning rates."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_defines(cls, Schedule, ("at",), "a schedule such as Constant(1e-3) or Cosine(1e-3, steps=1000)")
        return super().__new__(cls)

    def __call__(self, step: Any) -> np.ndarray:
        """Compute the learning rates.

        Parameters
        ----------
        step : array_like of int
            Mini-batch steps since the training began, from 0 on.

        Returns
        -------
        ndarray of float64 of the shape of `step`

        Raises
        ------
        ValueError
            If a step is negative, or not an integer.

        Examples
        --------
        >>> from fastmlp.schedules import Cosine
        >>> Cosine(0.1, steps=4)([0, -1])
        Traceback (most recent call last):
        ...
        ValueError: step must be 0, 1, 2, … (integers, counted from the beginning of the training), but holds -1.
        """
        t = _check_steps(step)
        return self.at(t.ravel()).reshape(t.shape)  # as a vector: NumPy's power of one number has other last bits

    def at(self, t: np.ndarray) -> np.ndarray:
        """Compute the rates of steps t, a vector of float64; called once an epoch."""
        raise NotImplementedError  # pragma: no cover

    @property
    def ends_at(self) -> int | None:
        """The step after which the learning rate is constant; None if it keeps changing, or is not known.

        Training that may continue beyond it warns. A schedule of your own may have such a property, too.
        """
        return None

    @property
    def lasts_training(self) -> bool:
        """Whether something in it lasts as long as the training, so that `for_training` is needed before `at`."""
        return False

    def for_training(self, steps: int) -> Schedule:
        """Return the schedule of a training of `steps` steps: itself, unless something lasts as long as the training.

        A schedule of your own may have this method and `lasts_training`, too.
        """
        return self

    def after_epoch(self, rows_seen: int) -> Schedule:
        """Return the schedule of the next epoch, `rows_seen` rows into training: itself, except `InverseScaling`."""
        return self

    def after_plateau(self) -> Schedule | None:
        """Return the schedule to continue with when training no longer improves; None, to stop, except `Adaptive`."""
        return None


def _check_steps(step: Any) -> np.ndarray:
    """Step numbers in float64; raises the ValueError of `Schedule.__call__`."""
    allowed = "step must be 0, 1, 2, … (integers, counted from the beginning of the training)"
    try:
        given = np.asarray(step)
        if given.dtype.kind not in "iufO" and given.size:
            raise TypeError
        t = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):  # words, complex numbers, rows of different lengths
        raise ValueError(f"{allowed}, got {step!r}.") from None
    wrong = ~((t >= 0) & (t < np.inf) & (t == np.floor(t)))  # NaN too
    if wrong.any():
        raise ValueError(f"{allowed}, but holds {t[wrong][0]:g}.")
    return t


@dataclass(frozen=True)
class Constant(Schedule):
    """η(t) = η; a plain number in place of a schedule is the same.

    Parameters
    ----------
    learning_rate : float
        η, greater than 0.

    Examples
    --------
    >>> from fastmlp.schedules import Constant
    >>> Constant(0.1)([0, 1, 1000]).tolist()
    [0.1, 0.1, 0.1]
    """

    learning_rate: Positive

    def at(self, t: np.ndarray) -> np.ndarray:
        return np.full(t.shape, self.learning_rate)


class NumberOrSchedule(Range):
    """A number in a range, or a schedule of such numbers."""

    def __str__(self) -> str:
        return f"{super().__str__()}, or a schedule (see fastmlp.schedules)"

    def allows(self, value: Any) -> bool:
        return isinstance(value, Schedule) or super().allows(value)

    def convert(self, value: Any) -> Any:
        return value if isinstance(value, Schedule) else super().convert(value)


#: A learning rate: a number above 0, or a schedule of such numbers.
Rate = Annotated[float | Schedule, NumberOrSchedule(0, brackets="()")]
#: A strength of decay: a number, at least 0, or a schedule of such numbers.
DecayRate = Annotated[float | Schedule, NumberOrSchedule(0)]
#: The number of steps of a schedule that may last as long as the training (None).
StepsOrTraining = Annotated[int | None, OrNone(Range(1, whole=True))]


def as_schedule(rate: float | Schedule) -> Schedule:
    """Return the schedule itself, or a constant one of a number."""
    return rate if isinstance(rate, Schedule) else Constant(rate)


def check_length(schedule: Any) -> int:
    """Return `steps` of a schedule.

    Raises
    ------
    ValueError
        If it lasts as long as a training that is not known.
    """
    if isinstance(schedule.steps, int):
        return schedule.steps
    raise ValueError(
        f"{schedule!r} lasts as long as the training, whose length is not known here: use it in fit, or give it a "
        "number of steps (count_steps of fastmlp.schedules converts epochs)."
    )


def values_at(value: float | Schedule, t: np.ndarray, length: int | None, name: str, allowed: Range) -> np.ndarray:
    """Compute the values of a number or schedule in steps t of a training of `length` steps (None: not known).

    Parameters
    ----------
    name : str
        What is scheduled, for messages.
    allowed : Range
        The values that it may have.

    Raises
    ------
    ValueError
        If the schedule needs a length that is not known, or has another value.
    """
    if not isinstance(value, Schedule):
        return np.full(t.shape, float(value))
    values = (value if length is None else value.for_training(length)).at(t)
    smallest, largest = values.min(initial=np.inf), values.max(initial=-np.inf)
    if t.size and not (allowed.allows(float(smallest)) and allowed.allows(float(largest))):
        wrong = next(at for at, each in enumerate(values) if not allowed.allows(float(each)))
        raise ValueError(f"{name}={value!r} is {values[wrong]:g} in step {t[wrong]:g}, but must be {allowed}.")
    return values


def count_steps(epochs: float, rows: int, batch_size: int) -> int:
    """Convert epochs to steps: epochs · ⌈rows / batch_size⌉, rounded.

    Raises
    ------
    TypeError, ValueError
        If `rows` or `batch_size` is not an integer of 1 or more, or `epochs` not a number of at least 0.

    Examples
    --------
    >>> from fastmlp.schedules import count_steps
    >>> count_steps(30, rows=1000, batch_size=300)
    120
    """
    if not Range(0).allows(epochs):
        raise ValueError(f"epochs must be {Range(0)}, got {epochs!r}.")
    return round(epochs * -(-check_count("rows", rows) // check_count("batch_size", batch_size)))
