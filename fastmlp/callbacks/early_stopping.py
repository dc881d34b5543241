"""`EarlyStopping`: end a fit when a monitored value no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.checks import check_count, check_number
from ..common.frozen_params import Range
from .base import Callback

if TYPE_CHECKING:
    from ..training.running import RunningTraining

#: What may be monitored: the attribute that holds it, and the sign that makes more of it better.
MONITORS = {
    "loss": ("loss_curve_", -1.0),
    "validation_loss": ("validation_loss_curve_", -1.0),
    "validation_score": ("validation_scores_", 1.0),
}


class EarlyStopping(Callback):
    """End the fit when a monitored value has not improved for some epochs, and restore the weights of the best one.

    Unlike ``early_stopping=True`` of the estimators, it can monitor the training or validation loss, has its own
    patience, and uses all rows of X for training. The two exclude each other. A value that is NaN is no improvement. If
    the fit fails, for instance because it diverges, the best weights are restored as well.

    With `TabularMLPClassifier` and `TabularMLPRegressor`, whose members keep their own best epochs if there are
    validation rows, weights are restored without validation rows alone; a fit that fails leaves the model unchanged.

    Parameters
    ----------
    monitor : {'validation_loss', 'validation_score', 'loss'}, default='validation_loss'
        The value. The first two need validation rows, ``fit(..., X_val=..., y_val=...)``; the score needs ``scoring``.
    patience : int, default=10
        Epochs without an improvement after which the fit ends.
    min_delta : float, default=0.0
        What counts as an improvement.
    restore_best_weights : bool, default=True
        Whether the weights of the best epoch are put back.

    Attributes
    ----------
    best_epoch_ : int
        The epoch with the best value, counted from 1; 0 if there was none.
    best_ : float
        That value.

    Raises
    ------
    ValueError
        If the monitor is unknown, the patience is less than 1, or `min_delta` is negative; by a fit with
        ``early_stopping=True``, or without the monitored value.
    TypeError
        If the patience is not an integer, or `min_delta` is not a number.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fastmlp import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> stopping = EarlyStopping(patience=3)
    >>> model = MLPClassifier(learning_rate_init=0.01, random_state=0).set_callbacks(stopping)
    >>> _ = model.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
    >>> model.n_iter_ == stopping.best_epoch_ + 3
    True
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        *,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
    ) -> None:
        if not isinstance(monitor, str) or monitor not in MONITORS:
            raise ValueError(f"monitor must be one of {', '.join(map(repr, MONITORS))}, got {monitor!r}.")
        self.monitor, self.patience = monitor, check_count("patience", patience)
        self.min_delta = check_number("min_delta", min_delta, Range(0))
        self.restore_best_weights = restore_best_weights
        self.best_epoch_, self.best_ = 0, np.nan

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        super().setup(estimator, context)
        self.state.__dict__.update(best_epoch=0, best=np.nan, since=0, kept=None, training=None, begun=False)

    def on_training_begin(self, estimator: Any, training: RunningTraining) -> None:
        """Note whose parameters are kept; refuse a training without the monitored value."""
        self.state.training = training
        validation, scores = training.validation, "pass scoring=... to the estimator"
        if not hasattr(estimator, "scoring"):
            scores = "use EarlyStopping('validation_loss')"
        if validation is None and self.monitor != "loss":
            rows = "pass validation rows, X_val=..., y_val=..."
            self._refuse(rows if self.monitor == "validation_loss" else f"{rows}; {scores}")
        if validation is not None and self.monitor == "validation_score" and not validation.keeps_scores:
            self._refuse(scores)

    def on_epoch_begin(self, estimator: Any) -> None:
        """Note that the fit was not refused."""
        self.state.begun = True

    def _refuse(self, cure: str) -> None:
        raise ValueError(f"EarlyStopping monitors {self.monitor!r}, but this fit has none: {cure}.")

    def on_epoch_end(self, estimator: Any) -> bool:
        """Judge an epoch."""
        name, sign = MONITORS[self.monitor]
        value, state = getattr(estimator, name)[-1], self.state
        first = not state.best_epoch and not np.isnan(value)
        if first or sign * value > sign * state.best + self.min_delta:
            state.best_epoch, state.best, state.since = estimator.n_iter_, value, 0
            if self.restore_best_weights:
                self._keep(estimator)
        else:
            state.since += 1
        return bool(state.since >= self.patience)

    def on_fit_begin(self, estimator: Any) -> None:
        """Refuse a second rule; a solver with all rows in each step has no validation rows."""
        if self.monitor != "loss" and not estimator.has_minibatches:
            self._refuse("use EarlyStopping('loss'), or a solver with mini-batches")
        if getattr(estimator, "early_stopping", False):  # those for tables have no such parameter
            raise ValueError(f"{self!r} and early_stopping=True both end the fit and restore weights: use one of them.")

    def on_fit_end(self, estimator: Any) -> None:
        """Put the best weights back."""
        self._restore()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Put the best weights back after a fit that has failed, too."""
        self._restore()
        super().teardown(estimator, context)

    def _keep(self, estimator: Any) -> None:
        """Copy the weights that are evaluated, with the arrays that they belong into."""
        training = self.state.training
        if training is None:  # a solver with all rows in each step
            arrays = [*estimator.coefs_, *estimator.intercepts_]
            self.state.kept = [(array, array.copy()) for array in arrays]
        else:
            self.state.kept = training.copies()

    def _restore(self) -> None:
        state = self.state
        for array, values in getattr(state, "kept", None) or ():
            array[...] = values
        if getattr(state, "begun", False):
            self.best_epoch_, self.best_ = state.best_epoch, state.best

    def __repr__(self) -> str:
        return f"EarlyStopping({self.monitor!r}, patience={self.patience})"
