"""`BaseMLP`: fitting, shared by both estimators. The packages below work with arrays and numbers only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from ..common.frozen_params import is_float
from ..common.user_warnings import warn_user
from ..engine.dataset import Dataset
from ..losses import BaseLoss, Loss
from ..training.minibatch import DivergenceError, train
from ..training.progress import Progress
from .checks import arithmetic_type
from .fit_callbacks import FitCallbacks, check_not_nested
from .fitting import PARAMETERS, Continuation, Fitting, MinibatchFitting, check_parameters, current_parameters
from .full_batch_fit import NON_FINITE, describe, solve
from .parameters import CONSTRAINTS, FULL_BATCH, all_allowed
from .preparation import Preparation
from .validation_rows import NOT_GIVEN, GivenRows


def is_stochastic(estimator: BaseMLP) -> bool:
    """Return True if the solver uses mini-batches, so that `partial_fit` is available; raise AttributeError if not."""
    if isinstance(estimator.solver, str) and estimator.solver in FULL_BATCH:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers ('sgd', 'adam', …), and "
            f"solver={estimator.solver!r} is not stochastic."
        )
    return True


class BaseMLP(CallbackSupportMixin, Preparation):
    """Base class of `MLPClassifier` and `MLPRegressor`: fitting by scikit-learn's conventions."""

    _parameter_constraints: dict[str, list[Any]] = CONSTRAINTS
    _accepted_parameters: tuple[Any, ...]
    has_epochs = True  # for callbacks
    # Parameters that models pickled by version 0.1 do not have; class_weight is the classifier's.
    class_weight: Any = None
    drop_last: bool = False
    matmul_precision: str = "float32"
    ema: float | None = None
    scoring: Any = None
    validation_ties: str = "first"

    @property
    def has_minibatches(self) -> bool:
        """Whether the solver has mini-batches, for callbacks."""
        return self.solver not in FULL_BATCH

    def _validate_params(self) -> None:
        """Validate like scikit-learn; also refuse integers too large for a float, which its intervals accept."""
        if not all_allowed(self):
            super()._validate_params()  # raises
        for name in PARAMETERS:
            value = getattr(self, name, None)
            if isinstance(value, int) and not is_float(value):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must be a number below {sys.float_info.max:.2g}. "
                    f"Got {value!r} instead."
                )

    # Fitting.

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        classes: Any = None,
        given: GivenRows = NOT_GIVEN,
    ) -> Self:
        """Check everything on a copy of the model, so that a refused fit leaves the model itself unchanged."""
        check_not_nested(self, "partial_fit" if incremental else "fit")
        kept, checked = Continuation.take(self) if incremental else None, None
        if kept is not None:
            try:
                resumed, checked = self._continue(kept, X, y, sample_weight, classes)
                if resumed is not None:
                    self._random_state = resumed.random_state
                    self._fit_stochastic(resumed)
                    return self
            finally:
                kept.give_back()
        if incremental and kept is None:
            check_parameters(self)
        callbacks = None if incremental else FitCallbacks.of(self, X, y, sample_weight)
        # A generator passed by the user advances only if the fit is not refused.
        generator = self.random_state if isinstance(self.random_state, np.random.RandomState) else None
        before = None if generator is None else generator.get_state(legacy=False)
        former, draft, result = self.__dict__, self._draft(), None
        try:
            fitting = draft._prepare(X, y, sample_weight, incremental, classes, checked, given)
            told = callbacks if callbacks is not None and callbacks.listening else None
            if told is None and not isinstance(fitting, MinibatchFitting):
                result = solve(draft, fitting)  # an error leaves the model unchanged
            self._commit(draft, fitting, result, incremental, told)
            if callbacks is not None:
                callbacks.end()
        except BaseException:
            if self.__dict__ is former or (callbacks is not None and callbacks.refuse):
                self.__dict__ = former
                if generator is not None and before is not None:
                    generator.set_state(before)
            raise
        finally:
            if callbacks is not None:
                callbacks.forget()
        return self

    def _draft(self) -> Self:
        """Return a shallow copy without the continuation, which belongs to one model only."""
        draft = object.__new__(type(self))
        draft.__dict__.update(self.__dict__)
        draft.__dict__.pop("_continuation", None)
        return draft

    def _commit(
        self, draft: Self, fitting: Fitting, result: Any, incremental: bool, callbacks: FitCallbacks | None
    ) -> None:
        """Replace the model by the draft in one step, so that other threads see one or the other; then train it."""
        draft._accepted_parameters = current_parameters(draft)
        if not isinstance(fitting, MinibatchFitting):
            self.__dict__ = draft.__dict__
            if callbacks is not None:
                callbacks.begin_solving()
                result = solve(self, fitting, callbacks)
            describe(self, fitting, result)
            return
        kept = Continuation(draft, fitting) if incremental else None
        try:
            draft.__dict__["_continuation"] = kept
            self.__dict__ = draft.__dict__
            self._fit_stochastic(fitting, callbacks)
        finally:
            if kept is not None:
                kept.give_back()

    def _continue(
        self, kept: Continuation, X: Any, y: Any, sample_weight: Any, classes: Any
    ) -> tuple[MinibatchFitting | None, tuple[Any, ...] | None]:
        """Return the last `partial_fit`'s preparation, for new rows; None if everything must be prepared again.

        The second element holds the rows after their validation, or None if they were not validated: warnings are then
        not repeated, and array-likes are not converted twice.
        """
        n_rows = X.shape[0] if getattr(X, "ndim", 0) == 2 else len(X) if isinstance(X, list) else 0
        if not n_rows or not kept.suits(self, n_rows, sp.issparse(X), sample_weight is not None):
            return None, None
        checked, draft = self._plain_rows(X, y, sample_weight, classes, kept.network), None
        if checked is None:
            draft = self._draft()
            checked = draft._check_rows(X, y, sample_weight, True, False, classes)
        dataset = Dataset(checked[0], checked[1], checked[2], kept.network.dtype)
        resumed = kept.resume(self, dataset) if dataset.n_rows == n_rows else None
        if draft is not None and resumed is not None:
            draft.__dict__["_continuation"] = kept
            self.__dict__ = draft.__dict__
        return resumed, checked

    def _fit_stochastic(self, fitting: MinibatchFitting, callbacks: FitCallbacks | None = None) -> None:
        history = fitting.state.history = self._history()
        if fitting.validation is None:
            history.validation_losses = None
        try:
            progress, validation = self._progress(lambda: fitting.state.optimizer.learning_rate), fitting.validation
            try:
                converged = train(
                    fitting.runner, fitting.config, fitting.state,
                    progress=progress, validation=validation, callbacks=callbacks,
                )  # fmt: skip
            finally:
                progress.end()
        except DivergenceError as error:
            self._report_divergence(error.epoch, error.best_epoch)
            converged, history.not_finite = True, None  # the divergence explains a loss that is not finite
        finally:
            self._store_history(history)
        if history.not_finite is not None:
            what, value, epoch = history.not_finite
            self._report_loss(what, value, f"epoch {epoch}", fitting.network.loss_function)
        if not converged:
            warn_user(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
            )

    def _progress(self, learning_rate: Callable[[], float] | None = None) -> Progress:
        """Return what `verbose` shows."""
        if isinstance(self.verbose, str):
            from ..training.progress_bar import ProgressBar

            return ProgressBar(self.max_iter, learning_rate)
        return Progress(self.verbose)

    def _report_loss(self, what: str, value: float, when: str, loss: BaseLoss) -> None:
        """Warn of a loss or score that is not finite although the weights are; once a fit, and training continues."""
        dtype = arithmetic_type(*self.coefs_)
        if what == "validation score":
            kept = " No epoch scored better than the initial weights, which were kept." if self.best_epoch_ == 0 else ""
            warn_user(
                f"The validation score ({self.validation_metric_}) was {value} in {when}, while the weights stayed "
                "finite: such a score does not show whether training improves. Give more validation rows, or use "
                f"another scoring than {self.scoring!r}.{kept}",
                ConvergenceWarning,
            )
            return
        if isinstance(loss, Loss):
            advice = f"make {loss!r} finite for every output and target."
        else:
            advice = (
                f"scale y{' or pass X as float64' if dtype == np.float32 else ''}, scale X, for instance with "
                "StandardScaler, or lower the learning rate."
            )
        warn_user(
            f"The {what} was {'NaN' if np.isnan(value) else 'infinite'} in {when}, with loss={self.loss!r} in {dtype}, "
            "while the weights stayed finite. From then on it does not show whether training improves: "
            f"{advice}",
            ConvergenceWarning,
        )

    def _report_divergence(self, epoch: int, best_epoch: int) -> None:
        """Raise a ValueError, or with early stopping warn that the best finite weights were restored."""
        cause = (
            f" They became infinite or NaN in epoch {epoch}, with solver={self.solver!r} and "
            f"learning_rate_init={self.learning_rate_init}: scale the inputs (and a regressor's targets), for "
            "instance with StandardScaler, or lower learning_rate_init."
        )
        if not self.early_stopping:
            raise ValueError(NON_FINITE + cause)
        if best_epoch:
            restored = f"the best finite weights, of epoch {best_epoch}, are restored."
        else:
            restored = "no earlier epoch had a finite score, so the initial weights are restored."
        warn_user(
            f"Training diverged and was stopped; {restored}{cause}",
            ConvergenceWarning,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
