"""How to train (`TrainingConfig`), and what moves meanwhile (`TrainingState`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real

import numpy as np

from ..common.checks import counted
from ..common.user_warnings import warn_user
from ..optimizers import RunningOptimizer
from ..regularization import Regularization
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
    l2 : float, default=0.0
        α, the penalty on weights.
    regularization : Regularization
        Everything else that a step does beside the update.
    """

    batch_size: int
    max_iter: int
    shuffle: bool = True
    tol: float = 1e-4
    n_iter_no_change: float = 10
    one_epoch: bool = False
    l2: float = 0.0
    regularization: Regularization = NO_REGULARIZATION

    @property
    def epochs(self) -> int:
        """Maximum number of epochs."""
        return 1 if self.one_epoch else self.max_iter


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
    epochs, steps = config.epochs, -(-rows // config.batch_size)
    made = optimizer.t + epochs * steps
    if not optimizer.t <= end < made:
        return
    end = math.ceil(end)
    before = f"after {optimizer.t} before them, " if optimizer.t else ""
    rate = float(optimizer.schedule(end))
    warn_user(
        f"{optimizer.schedule!r} ends after {end} steps, but training may make {made} ({before}"
        f"{counted(epochs, 'epoch')} of {steps}): from step {end} on the learning rate stays at {rate:g}. Give the "
        f"schedule as many steps as there are, for instance count_steps({epochs}, rows={rows}, "
        f"batch_size={config.batch_size}) of fastmlp.schedules, "
        "or train for fewer epochs."
    )
