"""`TimeLimit`: end a fit after some seconds."""

from __future__ import annotations

import time
from typing import Any

from ..common.checks import check_number
from ..common.frozen_params import Range
from .base import Callback


class TimeLimit(Callback):
    """End the fit after some seconds, also within an epoch.

    The model is then that of the last step; with early stopping it is the best so far. An epoch that was cut short
    counts, with the mean loss of its steps. Preparing the fit counts as well. Solvers with all rows in each step end
    within an iteration, with the model of the last one that was complete; 'levenberg-marquardt' may take somewhat
    longer, since a product of a part of the Jacobian is not interrupted. The members of a `TabularMLPClassifier` or
    `TabularMLPRegressor` keep their last complete epoch, or the last step of their first one; its `max_seconds` instead
    plans a training whose learning rate ends at 0 in that time.

    Parameters
    ----------
    seconds : float
        Above 0.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 300)[:, np.newaxis]
    >>> model = MLPRegressor(max_iter=10**9, tol=0.0, n_iter_no_change=10**9, random_state=0)
    >>> model.set_callbacks(TimeLimit(0.3)).fit(X, np.sin(3 * X[:, 0])).n_iter_ < 10**9
    True
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_number("seconds", seconds, Range(0, brackets="()"))

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the clock."""
        super().setup(estimator, context)
        self.state.end = time.monotonic() + self.seconds

    def is_over(self, estimator: Any) -> bool:
        """Whether the time is over."""
        return bool(time.monotonic() >= self.state.end)

    def on_epoch_end(self, estimator: Any) -> bool:
        """End the fit if the time is over."""
        return self.is_over(estimator)

    def __repr__(self) -> str:
        return f"TimeLimit({self.seconds:g})"
