"""`EarlyStopping`: end a fit when a number of the epochs no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.checks import check_count
from .base import Callback

#: What may be monitored: the attribute that holds it, and the sign that makes more of it better.
MONITORS = {
    "loss": ("loss_curve_", -1.0),
    "validation_loss": ("validation_loss_curve_", -1.0),
    "validation_score": ("validation_scores_", 1.0),
}


class EarlyStopping(Callback):
    """End the fit when a number has not improved for some epochs, and restore the weights of the best one.

    Beside the estimators' own ``early_stopping=True`` it serves for other rules: another number, another patience.

    Parameters
    ----------
    monitor : {'validation_loss', 'validation_score', 'loss'}, default='validation_loss'
        The number. The first two need validation rows: ``fit(..., X_val=..., y_val=...)``, and a score ``scoring=...``.
    patience : int, default=10
        Epochs without an improvement after which the fit ends.
    min_delta : float, default=0.0
        What counts as an improvement.
    restore_best_weights : bool, default=True
        Whether the weights of the best epoch are put back.

    Attributes
    ----------
    best_epoch_ : int
        The epoch with the best number, counted from 1.
    best_ : float
        That number.

    Raises
    ------
    ValueError
        If the monitor is unknown, the patience is less than 1, or `min_delta` is negative; during a fit without the
        number that is monitored.
    TypeError
        If the patience is not an integer.

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
        if monitor not in MONITORS:
            raise ValueError(f"monitor must be one of {', '.join(map(repr, MONITORS))}, got {monitor!r}.")
        if not min_delta >= 0:
            raise ValueError(f"min_delta must not be negative, got {min_delta!r}.")
        self.monitor, self.patience = monitor, check_count("patience", patience)
        self.min_delta, self.restore_best_weights = min_delta, restore_best_weights
        self._begin()

    def _begin(self) -> None:
        self.best_epoch_, self.best_ = 0, np.nan
        self._since = 0
        self._weights: list[np.ndarray] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        self._begin()

    def on_epoch_end(self, estimator: Any) -> bool:
        """Judge an epoch."""
        name, sign = MONITORS[self.monitor]
        values = getattr(estimator, name)
        if not values:
            cure = "" if self.monitor == "validation_loss" else ", and scoring=... to the estimator"
            raise ValueError(
                f"EarlyStopping monitors {self.monitor!r}, but this fit has none: pass validation rows, "
                f"fit(X, y, X_val=..., y_val=...){cure}."
            )
        value = values[-1]
        if not self.best_epoch_ or sign * value > sign * self.best_ + self.min_delta:
            self.best_epoch_, self.best_, self._since = estimator.n_iter_, value, 0
            if self.restore_best_weights:
                self._weights = [array.copy() for array in (*estimator.coefs_, *estimator.intercepts_)]
        else:
            self._since += 1
        return self._since >= self.patience

    def on_fit_end(self, estimator: Any) -> None:
        """Put the best weights back."""
        for array, best in zip((*estimator.coefs_, *estimator.intercepts_), self._weights, strict=False):
            array[...] = best
        self._weights = []

    def __repr__(self) -> str:
        return f"EarlyStopping({self.monitor!r}, patience={self.patience})"
