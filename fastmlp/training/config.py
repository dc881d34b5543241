"""How to train (`TrainingConfig`), and what moves meanwhile (`TrainingState`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from ..common.checks import counted
from ..common.frozen_params import Range
from ..common.user_warnings import warn_user
from ..optimizers import RunningOptimizer
from ..regularization import DROPOUT_RATE, Regularization
from ..schedules import Schedule, values_at
from .dropout_keys import DropoutKeys
from .history import TrainingHistory

NO_REGULARIZATION = Regularization()


@dataclass(frozen=True)
class TrainingConfig:
    """How to train: the estimator's parameters of the same names.

    Parameters
    ----------
    batch_size, max_iter, shuffle, tol, n_iter_no_change
        As of the estimators.
    one_epoch : bool, default=False
        Whether one epoch is made and no more, as by ``partial_fit``.
    l2 : float or Schedule, default=0.0
        α, the penalty on weights.
    drop_last : bool, default=False
        Whether the last batch of an epoch is left out if it is incomplete.
    regularization : Regularization
        Everything else that a step does beside the update.
    """

    batch_size: int
    max_iter: int
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: float = 10
    one_epoch: bool = False
    l2: float | Schedule = 0.0
    regularization: Regularization = NO_REGULARIZATION
    drop_last: bool = False

    @property
    def epochs(self) -> int:
        """Maximum number of epochs."""
        return 1 if self.one_epoch else self.max_iter

    def steps(self, rows: int) -> int:
        """Return the number of steps of an epoch with this number of rows."""
        return count_batches(rows, self.batch_size, self.drop_last)


def count_batches(rows: int, batch_size: int, drop_last: bool) -> int:
    """Return the number of batches of an epoch; a batch that is incomplete counts unless it is dropped.

    Examples
    --------
    >>> count_batches(70, 20, drop_last=False), count_batches(70, 20, drop_last=True), count_batches(7, 20, True)
    (4, 3, 1)
    """
    return max(rows // batch_size, 1) if drop_last else -(-rows // batch_size)


@dataclass
class TrainingState:
    """What moves while a training runs, and where the next one continues.

    Parameters
    ----------
    optimizer : RunningOptimizer
    order : ndarray of int64 of shape (n,)
        The rows to go through; shuffled in place.
    random_state : RandomState
        What the order is drawn from.
    dropout_keys : DropoutKeys, optional
        Where dropout's random bits come from.
    history : TrainingHistory
    """

    optimizer: RunningOptimizer
    order: np.ndarray
    random_state: np.random.RandomState
    dropout_keys: DropoutKeys | None = None
    history: TrainingHistory = field(default_factory=TrainingHistory)


#: Values of schedules that are checked before a training begins.
VALUES_CHECKED = 10_000


def schedules_of(
    optimizer: RunningOptimizer, l2: float | Schedule, regularization: Regularization
) -> dict[str, Schedule]:
    """Return everything that has a schedule, as it was given, by the name of the parameter."""
    given: dict[str, Any] = {
        "learning_rate": optimizer.optimizer.learning_rate,
        "alpha": l2,
        "weight_decay": optimizer.weight_decay,
        **regularization.scheduled,
    }
    return {name: value for name, value in given.items() if isinstance(value, Schedule)}


def check_length_is_known(optimizer: RunningOptimizer, l2: float | Schedule, regularization: Regularization) -> None:
    """Refuse schedules that last as long as the training, in ``partial_fit``.

    Raises
    ------
    ValueError
        If there is one.
    """
    for name, schedule in schedules_of(optimizer, l2, regularization).items():
        if schedule.lasts_training:
            raise ValueError(
                f"{name}={schedule!r} lasts as long as the training, and partial_fit does not know how long that is: "
                "give the schedule a number of steps (count_steps of fastmlp.schedules converts epochs), or use fit."
            )


def begin_schedules(optimizer: RunningOptimizer, config: TrainingConfig, rows: int) -> None:
    """Let schedules without a length last as long as the training, and check the values of those that have limits.

    Raises
    ------
    ValueError
        If a schedule of decay or dropout has a value that is not allowed, or changes between epochs.
    """
    steps = config.epochs * config.steps(rows)
    if not config.one_epoch:
        optimizer.begin_training(steps)
    for name, schedule in schedules_of(optimizer, config.l2, config.regularization).items():
        if name != "learning_rate":
            _check_function_of_step(name, schedule)
            t = optimizer.t + np.unique(np.linspace(0, steps - 1, min(steps, VALUES_CHECKED)).round())
            values_at(schedule, t, optimizer.length, name, DROPOUT_RATE if "dropout" in name else Range(0))


def _check_function_of_step(name: str, schedule: Schedule) -> None:
    """Refuse decay or dropout by a schedule that changes between epochs: it would stay as it is at first."""
    if schedule.after_epoch(1) is not schedule or schedule.after_plateau() is not None:
        raise ValueError(
            f"{name}={schedule!r} changes between epochs, which learning rates alone can: give a function of the step, "
            "such as InverseTime or Cosine of fastmlp.schedules."
        )


def warn_of_early_end(optimizer: RunningOptimizer, config: TrainingConfig, rows: int) -> None:
    """Warn if a schedule may end before the training does; not where it had ended already.

    Raises
    ------
    ValueError
        If a user's schedule has an `ends_at` that is no number.
    """
    end = optimizer.schedule.ends_at
    if end is None:
        return
    if not isinstance(end, Real) or math.isnan(end):
        raise ValueError(
            f"{optimizer.schedule!r} has ends_at={end!r}, but it must be the step after which the learning rate "
            "is constant, or None."
        )
    epochs, steps = config.epochs, config.steps(rows)
    made = optimizer.t + epochs * steps
    if not optimizer.t <= end < made:
        return
    end = math.ceil(end)
    before = f"after {optimizer.t} before them, " if optimizer.t else ""
    rate = float(optimizer.schedule(end))
    warn_user(
        f"{optimizer.schedule!r} ends after {end} steps, but training may make {made} ({before}"
        f"{counted(epochs, 'epoch')} of {steps}): from step {end} on the learning rate stays at {rate:g}. Give the "
        f"schedule as many steps as there are, for instance count_steps({epochs}, "
        f"rows={min(rows, steps * config.batch_size)}, batch_size={config.batch_size}) of fastmlp.schedules, or none, "
        "if it may last as long as the training; or train for fewer epochs."
    )
