"""Mini-batch training: the one place that loops over epochs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..common.user_warnings import warn_user
from ..schedules import Adaptive
from .config import TrainingConfig, TrainingState
from .epoch import EpochRunner
from .history import TrainingHistory
from .progress import Progress
from .running import RunningTraining
from .shuffling import shuffle
from .validation import Validation


class EpochCallbacks(Protocol):
    """What `train` tells of its epochs."""

    def begin_training(self, training: RunningTraining) -> None:
        """Before the first epoch; it may restore an earlier state."""

    def begin_epoch(self) -> None:
        """Before an epoch."""

    def is_over(self) -> bool:
        """Whether to end within an epoch, asked between slices of steps."""

    def end_epoch(self, history: TrainingHistory) -> bool:
        """After an epoch; True ends the training."""


class DivergenceError(ArithmeticError):
    """Raised when parameters become infinite or NaN.

    Parameters
    ----------
    epoch : int
        When.
    best_epoch : int, default=0
        The epoch whose parameters were restored, 0 for the initial ones.
    """

    def __init__(self, epoch: int, best_epoch: int = 0) -> None:
        super().__init__(epoch, best_epoch)
        self.epoch, self.best_epoch = epoch, best_epoch


def train(
    runner: EpochRunner,
    config: TrainingConfig,
    state: TrainingState,
    *,
    progress: Progress,
    validation: Validation | None = None,
    callbacks: EpochCallbacks | None = None,
) -> bool:
    """Train a network in place until nothing improves or the maximum number of epochs is reached.

    Parameters
    ----------
    runner : EpochRunner
        What is trained, on what: `EpochRunner.for_training` makes it from `config` and `state`.
    config : TrainingConfig
    state : TrainingState
        Updated, so that another training can continue.
    progress : Progress
        Told of every epoch.
    validation : Validation, optional
        Measured after each epoch. With early stopping the parameters with the best score are put back in the end.
    callbacks : EpochCallbacks, optional
        Told of each epoch; they may end the training.

    Returns
    -------
    converged : bool
        False if the maximum number of epochs was reached.

    Raises
    ------
    DivergenceError
        If the parameters became infinite or NaN. With early stopping the best finite ones were put back, or those that
        the training began with, if no epoch scored better.
    """
    stops_early = validation is not None and validation.early_stopping
    best = runner.network.params.copy() if stops_early else None
    training = RunningTraining(runner, config, state, validation, best)
    state.history.n_iter = 0
    try:
        with runner.team:
            if callbacks is not None:
                callbacks.begin_training(training)
            while training.epochs_left:
                if callbacks is not None:
                    callbacks.begin_epoch()
                    runner.workspace.refresh_weight_copies()  # a callback may have changed the parameters
                made_steps = _run_epoch(training, progress, callbacks.is_over if callbacks is not None else None)
                if callbacks is not None and made_steps and callbacks.end_epoch(state.history):
                    return True
                if not runner.complete:
                    return True
    except KeyboardInterrupt:
        warn_user("Training interrupted by user.")
        return True
    finally:
        kept = best if best is not None else runner.average
        if kept is not None:
            runner.network.params[...] = kept
    return training.finished or config.one_epoch


def _run_epoch(training: RunningTraining, progress: Progress, is_over: Callable[[], bool] | None) -> bool:
    """Make an epoch and judge it; `finished` says whether it was the last one because nothing improves.

    An epoch that `is_over` has ended before its first step does not count: False.
    """
    config, state = training.config, training.state
    history, validation = state.history, training.validation
    if config.shuffle:
        shuffle(state.order, state.random_state)
    loss, runner = training.runner.run(config.l2, is_over), training.runner
    if not runner.complete and not runner.workspace.task["steps_made"]:
        return False
    history.add_epoch(loss, runner.n_rows if runner.complete else int(runner.workspace.task["rows_counted"]))
    progress.epoch(history.n_iter, history.loss_curve[-1])
    with runner.evaluated_params():
        _judge(training, progress, is_over)
    state.optimizer.after_epoch(history.rows_seen)
    if history.no_improvement_count > config.n_iter_no_change:
        metric = validation.metric if validation and training.best is not None else None
        training.finished = _plateau(config, state, progress, metric)
    return True


def _judge(training: RunningTraining, progress: Progress, is_over: Callable[[], bool] | None) -> None:
    """Decide whether the epoch brought improvement; keep the best parameters; raise if the training diverged."""
    history, validation, params = training.state.history, training.validation, training.runner.network.params
    finite, tol = bool(np.isfinite(params).all()), training.config.tol
    if finite:
        history.check_finite("training loss", history.loss_curve[-1])
    score = math.nan if validation is None else _measure(history, validation, progress, finite, is_over)
    if validation is None or training.best is None:
        history.judge_loss(history.loss_curve[-1], tol)
    elif history.judge_score(score, tol, validation.ties):
        training.best[...] = params
        history.best_epoch = history.n_iter
    if not finite:
        raise DivergenceError(history.n_iter, history.best_epoch)


def _measure(
    history: TrainingHistory,
    validation: Validation,
    progress: Progress,
    finite: bool,
    is_over: Callable[[], bool] | None,
) -> float:
    """Return the validation score, NaN if the parameters are not finite; store and show it, and the loss."""
    loss, score = validation.measure(is_over) if finite else (math.nan, math.nan)
    if finite and validation.loss.complete:
        history.check_finite("validation loss", loss)
        history.check_finite(validation.name, score)
    history.add_validation(loss, score if validation.keeps_scores else None)
    progress.validation(score, validation.metric)
    return score


def _plateau(config: TrainingConfig, state: TrainingState, progress: Progress, metric: str | None) -> bool:
    """Nothing improves: lower the learning rate if the schedule does, else stop (True)."""
    continues = state.optimizer.after_plateau()
    outcome = "Stopping."
    if continues:
        outcome = f"Setting learning rate to {state.optimizer.learning_rate:f}"
        state.history.no_improvement_count = 0
    elif isinstance(state.optimizer.schedule, Adaptive):
        outcome = "Learning rate too small. Stopping."
    progress.plateau(metric, config.tol, config.n_iter_no_change, outcome)
    return not continues
