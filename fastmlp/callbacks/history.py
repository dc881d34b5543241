"""`History`: the numbers of each epoch."""

from __future__ import annotations

import time
from typing import Any

from .base import Callback

COLUMNS = ("epoch", "loss", "validation_loss", "validation_score", "learning_rate", "seconds")


class History(Callback):
    """Record loss, validation loss and score, learning rate and time of each epoch.

    The next fit begins anew, unless it is refused; of fits in several threads, `rows` are those of the last one that
    began. A search with several processes records in these and not here.

    Attributes
    ----------
    rows : list of dict
        For each epoch `epoch` (counted from 1), `loss`, `validation_loss`, `validation_score` (None without validation
        rows or score), `learning_rate` (of its last step; None for solvers without one) and `seconds` since the fit
        began.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 300)[:, np.newaxis]
    >>> history = History()
    >>> model = MLPRegressor(random_state=0).set_callbacks(history).fit(X, X[:, 0])
    >>> [row["loss"] for row in history.rows] == model.loss_curve_
    True
    >>> history.to_frame().columns.tolist()
    ['epoch', 'loss', 'validation_loss', 'validation_score', 'learning_rate', 'seconds']
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        super().setup(estimator, context)
        self.state.rows, self.state.shown = [], False
        self.state.began = time.monotonic()

    def on_epoch_begin(self, estimator: Any) -> None:
        """Show the rows of this fit in place of the last one's, unless it was refused."""
        if not self.state.shown:
            self.rows, self.state.shown = self.state.rows, True

    def on_fit_end(self, estimator: Any) -> None:
        """Show the rows of a fit that made no epoch, too."""
        self.on_epoch_begin(estimator)

    def on_epoch_end(self, estimator: Any) -> None:
        """Record an epoch."""
        values = (
            estimator.n_iter_,
            estimator.loss_,
            _last(estimator.validation_loss_curve_),
            None if estimator.validation_metric_ is None else _last(estimator.validation_scores_),
            None if estimator._optimizer is None else estimator._optimizer.learning_rate,
            time.monotonic() - self.state.began,
        )
        self.state.rows.append(dict(zip(COLUMNS, values, strict=True)))

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(COLUMNS))

    def __repr__(self) -> str:
        return f"History() of {len(self.rows)} epochs"


def _last(values: list[float] | None) -> float | None:
    return values[-1] if values else None
