"""`History`: the numbers of each epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..training.dead_units import DeadUnits
from .base import Callback

if TYPE_CHECKING:
    from ..training.running import RunningTraining

COLUMNS = ("epoch", "loss", "validation_loss", "validation_score", "learning_rate", "seconds")
#: What is recorded for each layer: the name in `rows`, and that of the columns.
OF_LAYERS = {"gradient_norms": "gradient_norm", "dead_units": "dead_units"}


class History(Callback):
    """Record loss, validation loss and score, learning rate, gradient norms, dead units and time of each epoch.

    The next fit begins anew, unless it is refused; of fits in several threads, `rows` are those of the last one that
    began. A search with several processes records in these and not here.

    Attributes
    ----------
    rows : list of dict
        For each epoch `epoch` (counted from 1), `loss`, `validation_loss`, `validation_score` (None without validation
        rows or score), `learning_rate` (of its last step; None for solvers without one), `seconds` since the fit
        began, and two tuples of float, None for solvers without mini-batches and for several networks of a table:

        - `gradient_norms`, for each layer: the Euclidean norm of the gradient of a mini-batch's data loss with respect
          to the layer's weights, root mean square over the steps of the epoch. It is the gradient that the step
          computes, with dropout, before penalties and clipping.
        - `dead_units`, for each hidden layer: the share of units, in [0, 1], with |f′(z)| ≤ 10⁻⁶ in each of up to
          256 training rows (the same ones after each epoch, without dropout), so that these rows do not change their
          weights. They are rectifiers whose pre-activations z are all negative, and saturated units of 'tanh' or
          'logistic'.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 300)[:, np.newaxis]
    >>> history = History()
    >>> model = MLPRegressor(random_state=0).set_callbacks(history).fit(X, X[:, 0])
    >>> [row["loss"] for row in history.rows] == model.loss_curve_
    True
    >>> len(history.rows[0]["gradient_norms"]), len(history.rows[0]["dead_units"])
    (2, 1)
    >>> history.to_frame().columns[:6].tolist()
    ['epoch', 'loss', 'validation_loss', 'validation_score', 'learning_rate', 'seconds']
    >>> history.to_frame().columns[6:].tolist()
    ['gradient_norm_1', 'gradient_norm_2', 'dead_units_1']
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        super().setup(estimator, context)
        self.state.rows, self.state.shown = [], False
        self.state.of_layers = dict.fromkeys(OF_LAYERS, _nothing)
        self.state.rates = None
        self.state.began = time.monotonic()

    def on_training_begin(self, estimator: Any, training: RunningTraining) -> None:
        """Begin to record what is recorded for each layer."""
        runner, state = training.runner, self.state
        state.rates = training.step_rates
        if runner is None:  # several networks, which have no common layers
            return
        state.of_layers["gradient_norms"] = runner.record_gradient_norms()
        state.of_layers["dead_units"] = DeadUnits(runner.network, runner.dataset, training.state.order)

    def on_epoch_begin(self, estimator: Any) -> None:
        """Show the rows of this fit in place of the last one's, unless it was refused."""
        if not self.state.shown:
            self.rows, self.state.shown = self.state.rows, True

    def on_fit_end(self, estimator: Any) -> None:
        """Show the rows of a fit that made no epoch, too."""
        self.on_epoch_begin(estimator)

    def on_epoch_end(self, estimator: Any) -> None:
        """Record an epoch."""
        state = self.state
        values = (
            estimator.n_iter_,
            estimator.loss_,
            _last(estimator.validation_loss_curve_),
            None if estimator.validation_metric_ is None else _last(estimator.validation_scores_),
            None if (rates := state.rates or estimator._optimizer) is None else rates.learning_rate,
            time.monotonic() - state.began,
        )
        of_layers = {name: compute() for name, compute in state.of_layers.items()}
        state.rows.append({**dict(zip(COLUMNS, values, strict=True)), **of_layers})

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame; numbers of layers are columns, counted from 1: 'gradient_norm_1', ….

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        columns = {name: [row[name] for row in self.rows] for name in COLUMNS}
        for name, column in OF_LAYERS.items():
            values = [row[name] for row in self.rows]
            for number in range(len(values[0] or ()) if values else 0):
                columns[f"{column}_{number + 1}"] = [each[number] for each in values]
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return f"History() of {len(self.rows)} epochs"


def _nothing() -> None:
    """For solvers without mini-batches."""


def _last(values: list[float] | None) -> float | None:
    return values[-1] if values else None
