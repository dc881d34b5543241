"""`NetworkTraining`: how a `Network` is trained, and what it keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..callbacks.base import Callback
from ..callbacks.nesting import check_not_nested
from ..common.random_state import as_random_state
from ..common.user_warnings import warn_user
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.sample_weights import check_penalties
from ..optimizers import Optimizer, RunningOptimizer
from ..regularization import Regularization
from ..schedules import Schedule
from ..training.config import TrainingConfig, TrainingState
from ..training.dropout_keys import DropoutKeys
from ..training.epoch import EpochRunner
from ..training.history import TrainingHistory
from ..training.minibatch import DivergenceError, train
from ..training.validation import Validation
from ..training.validation_loss import ValidationLoss
from .callbacks import MEANWHILE, NetworkCallbacks
from .checks import check_inputs, check_targets, check_weights
from .options import TrainingOptions


@dataclass
class PreparedTraining:
    """Everything that a training needs, checked: later errors come from the training itself."""

    config: TrainingConfig
    state: TrainingState
    runner: EpochRunner
    validation: Validation | None


class NetworkTraining(TrainableModel):
    """A network that can be trained by mini-batches."""

    has_epochs = has_minibatches = True  # for callbacks

    n_iter_: int
    loss_: float
    best_loss_: float | None
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_metric_: str | None
    best_epoch_: int | None

    @property
    def coefs_(self) -> tuple[np.ndarray, ...]:
        """`coefs`, by the name that estimators have for them: callbacks may follow both."""
        return self.coefs

    @property
    def intercepts_(self) -> tuple[np.ndarray, ...]:
        """`intercepts`, by the name that estimators have for them."""
        return self.intercepts

    def train(
        self,
        X: Any,
        y: Any,
        optimizer: str | Optimizer | RunningOptimizer,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: bool = False,
        sample_weight: Any = None,
        random_state: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        early_stopping: bool = False,
        n_iter_no_change: float | None = None,
        tol: float = 1e-4,
        validation_ties: str = "first",
        l2: float | Schedule = 0.0,
        regularization: Regularization | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: bool | int | str = False,
        n_jobs: int | None = None,
        drop_last: bool = False,
    ) -> list[float]:
        r"""Train by mini-batch steps, which update `params` in place.

        With the same parameters, rows and random state it ends with the same bits as an estimator's `fit`.

        Parameters
        ----------
        X, y, sample_weight
            As in `loss`.
        optimizer : str, Optimizer or RunningOptimizer
            A name or an optimizer such as ``SGD(0.7)`` starts with an empty state. A `RunningOptimizer`, such as
            ``Adam().begin()``, continues with its state, and keeps it for the next call.
        epochs : int, default=1
            Maximum number of passes over the rows.
        batch_size : int, default=None
            Rows of a step; None is all rows.
        shuffle : bool, default=False
            Whether to shuffle the rows in each epoch.
        random_state : int, RandomState or None, default=None
            Seed or generator of dropout and of the row order.
        X_val, y_val, sample_weight_val : default=None
            Validation rows, in the forms of X, y and sample_weight. Their loss, without penalties, is computed after
            each epoch: `validation_loss_curve_`.
        early_stopping : bool, default=False
            Whether the training ends when the validation loss does not improve by more than `tol` for
            `n_iter_no_change` epochs in a row; the parameters of the best epoch are kept. It needs validation rows.
        n_iter_no_change : int, default=None
            See `early_stopping`, where None is 10. Without it None makes all epochs, and a number ends the training
            when the training loss does not improve for that long. Where an `Adaptive` schedule finds no improvement,
            it lowers the learning rate first.
        tol : float, default=1e-4
            What counts as an improvement.
        validation_ties : {'first', 'last'}, default='first'
            Which of several epochs with the least validation loss is kept.
        l2 : float or Schedule, default=0.0
            α, which adds α / 2 Σ p² / Σ wᵢ to the loss of a batch, for its rows i and all weights p (not the biases):
            `alpha` of the estimators.
        regularization : Regularization, default=None
            L1 penalty, dropout, max-norm, clipping, and the average of the weights, which is evaluated and kept.
        callbacks : sequence, default=()
            Callbacks of `fastmlp.callbacks`, or of your own subclasses of `fastmlp.callbacks.Callback`. They are given
            the network where an estimator would give itself: it has the attributes below, `coefs_` and `intercepts_`.
        verbose : bool, int or 'progress', default=False
            True prints a line for each epoch; 'progress' draws a bar in terminals and notebooks.
        n_jobs : int, default=None
            Number of threads, -1 for all cores; None is as many as reduce the time. The bits do not depend on it.
        drop_last : bool, default=False
            Whether the last mini-batch of an epoch is left out if it has fewer rows than the others.

        Returns
        -------
        losses : list of float
            The mean loss of each epoch; the loss of each batch is that before its step, penalties included.

        Raises
        ------
        TypeError, ValueError
            If an argument is not allowed; nothing is changed then. ValueError if the parameters became infinite or NaN
            (with early stopping, the best ones are kept, and a warning is issued).
        RuntimeError
            If it is called by a callback of its own training.

        Warns
        -----
        UserWarning
            If Ctrl-C stopped training early: the parameters are those of the last step. If a loss was infinite or NaN
            while the parameters stayed finite.

        Notes
        -----
        The last training is described by attributes with the names and meanings of the estimators': `n_iter_`,
        `loss_`, `loss_curve_`, `best_loss_`, `validation_loss_curve_` (None without validation rows) and, with early
        stopping, `best_epoch_` (from 1; 0 if the initial parameters were kept), `validation_scores_` (the negative
        validation losses) and `best_validation_score_`; `validation_metric_` is 'neg_loss', or None without validation
        rows.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import Adam, Network
        >>> X = np.linspace(-1, 1, 200)[:, np.newaxis]
        >>> y = np.sin(3 * X[:, 0])
        >>> net = Network([1, 20, 1], ["tanh", "identity"], "half_squared_error")
        >>> net.initialize(random_state=0)
        >>> losses = net.train(
        ...     X[::2], y[::2], Adam(0.05), epochs=500, batch_size=20, X_val=X[1::2], y_val=y[1::2], early_stopping=True
        ... )
        >>> len(losses) == net.n_iter_ < 500
        True
        >>> bool(net.validation_loss_curve_[net.best_epoch_ - 1] == min(net.validation_loss_curve_))
        True
        """
        check_not_nested(self, "train")
        options = TrainingOptions(
            epochs, batch_size, shuffle, early_stopping, n_iter_no_change, tol, validation_ties, l2, regularization,
            verbose, n_jobs, drop_last,
        )  # fmt: skip
        rows, held = (X, y, sample_weight), (X_val, y_val, sample_weight_val)
        with NetworkCallbacks(self, callbacks, options.epochs) as told:
            told.begin(options.early_stopping)
            generator = as_random_state(random_state)
            give_back = self._give_back(generator if options.regularization.drops else None, optimizer)
            try:
                prepared = self._prepare(rows, held, optimizer, options, generator)
            except BaseException:
                give_back()
                raise
            losses = self._run(prepared, options, told, give_back)
            told.end()
        return losses

    @staticmethod
    def _give_back(generator: np.random.RandomState | None, optimizer: Any) -> Callable[[], None]:
        """Return what gives a generator, and a `RunningOptimizer`, what they have now: for trainings that are refused.

        It is schedule and length that a training which begins sets in an optimizer.
        """
        drawn = None if generator is None else generator.get_state()
        scheduled = (optimizer.schedule, optimizer.length) if isinstance(optimizer, RunningOptimizer) else None

        def give_back() -> None:
            if generator is not None and drawn is not None:
                generator.set_state(drawn)
            if scheduled is not None:
                optimizer.schedule, optimizer.length = scheduled

        return give_back

    def _prepare(
        self, rows: tuple[Any, Any, Any], held: tuple[Any, Any, Any], optimizer: Any, options: TrainingOptions,
        random_state: np.random.RandomState,
    ) -> PreparedTraining:  # fmt: skip
        """Check the rows, and build everything that the first step needs; a generator advances for dropout alone."""
        running = options.begin(optimizer)
        if not self.params.flags.writeable:
            raise ValueError("The parameters are read-only: set params.flags.writeable = True to train them.")
        options.regularization.input_rates(len(self.layout.shapes) - 1)
        dataset = self._dataset(rows, ("X", "y", "sample_weight"))
        check_penalties(dataset, l2=options.l2, l1=options.regularization.l1)
        validation = self._validation(held, options)
        self.compile_custom()
        order, config = np.arange(dataset.n_rows, dtype=np.int64), options.config(dataset.n_rows)
        state = TrainingState(running, order, random_state, history=TrainingHistory.new(options.early_stopping))
        if config.regularization.drops:
            state.dropout_keys = DropoutKeys.draw(random_state)
        runner = EpochRunner.for_training(self, dataset, config, state, options.n_threads)
        runner.check_schedules(config.l2, dataset.n_rows)
        return PreparedTraining(config, state, runner, validation)

    def _dataset(self, rows: tuple[Any, Any, Any], names: tuple[str, str, str]) -> Dataset:
        """Return inputs, targets and weights as the kernels read them."""
        (X, y, sample_weight), (of_inputs, of_targets, of_weights) = rows, names
        X = check_inputs(X, self, of_inputs)
        weights = check_weights(sample_weight, X.shape[0], self.dtype, (of_inputs, of_weights))
        y = check_targets(y, X.shape[0], self, (of_inputs, of_targets))
        return Dataset(X, y, weights, self.dtype)

    def _validation(self, held: tuple[Any, Any, Any], options: TrainingOptions) -> Validation | None:
        """Return what is computed on the validation rows; None without them."""
        X_val, y_val, weights = held
        if X_val is None and y_val is None and weights is None:
            if options.early_stopping:
                raise ValueError("early_stopping=True decides by the validation loss: pass X_val and y_val.")
            return None
        if X_val is None or y_val is None:
            missing = " and ".join(name for name, value in (("X_val", X_val), ("y_val", y_val)) if value is None)
            raise ValueError(f"Validation rows need both X_val and y_val, but train was called without {missing}.")
        dataset = self._dataset(held, ("X_val", "y_val", "sample_weight_val"))
        loss = ValidationLoss(self, dataset, np.arange(dataset.n_rows, dtype=np.int64), options.n_threads)
        return Validation(loss, early_stopping=options.early_stopping, ties=options.validation_ties)

    def _run(
        self,
        prepared: PreparedTraining,
        options: TrainingOptions,
        told: NetworkCallbacks,
        give_back: Callable[[], None],
    ) -> list[float]:
        """Make the epochs; report what they led to. `give_back` undoes what the preparation has changed."""
        state, history = prepared.state, prepared.state.history
        told.prepare(state, prepared.validation, give_back)
        progress = options.progress(state.optimizer)
        try:
            train(
                prepared.runner, prepared.config, state,
                progress=progress, validation=prepared.validation, callbacks=told if told.callbacks else None,
            )  # fmt: skip
        except DivergenceError as error:
            self._report_divergence(error, options.early_stopping)
            history.not_finite = None  # the divergence explains a loss that is not finite
        finally:
            progress.end()
            told.store(history)
        if history.not_finite is not None:
            what, value, epoch = history.not_finite
            warn_user(
                f"The {what.removeprefix('training ')} was {'NaN' if np.isnan(value) else 'infinite'} in epoch "
                f"{epoch}, with {self.loss_function!r} in {self.dtype}, while the parameters stayed finite: scale y or "
                "X, lower the learning rate, or correct a custom loss."
            )
        return list(history.loss_curve)

    def _without_views(self, state: Any) -> Any:
        """Return the attributes of a copy: without those that a training has set for its callbacks alone."""
        state = super()._without_views(state)
        return (
            {name: value for name, value in state.items() if name not in MEANWHILE}
            if isinstance(state, dict)
            else state
        )

    def _report_divergence(self, error: DivergenceError, early_stopping: bool) -> None:
        """Raise a ValueError; with early stopping, warn that the best finite parameters were kept."""
        if not early_stopping:
            raise ValueError(
                f"The parameters became infinite or NaN in epoch {error.epoch}: lower the learning rate, or scale X."
            ) from None
        kept = f"those of epoch {error.best_epoch}" if error.best_epoch else "the initial ones"
        warn_user(
            f"Training was stopped, because the parameters became infinite or NaN in epoch {error.epoch}; the best "
            f"finite parameters, {kept}, are restored: lower the learning rate, or scale X."
        )
