"""`ValidationScore`: a scikit-learn scorer of an ensemble's member."""

from __future__ import annotations

import inspect
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from ..estimators.validation_rows import read_only


class ValidationScore:
    """What a scorer says of a member's outputs for its validation rows.

    Members may use one object at the same time.

    Parameters
    ----------
    estimator : BaseTabularMLP
        It knows what outputs and targets mean; `scoring` is its parameter.
    X, y : table and array-like
        The validation rows as the user has them; they are what the scorer gets, arrays as read-only views.
    sample_weight : ndarray or None
        A plain function without such a parameter does not get it.
    outputs : ndarray of shape (n_outputs,)
        Of a network that has learnt nothing: with them the scorer is tried, so that one that cannot work is refused
        before the training.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: np.ndarray | None, outputs: np.ndarray) -> None:
        self.scoring, self.y = estimator.scoring, read_only(y)
        self.X = read_only(X) if isinstance(X, np.ndarray) else X
        self.scorer = check_scoring(estimator, estimator.scoring)
        takes_weights = self.scorer is not self.scoring or "sample_weight" in str(inspect.signature(self.scorer))
        self.options = {} if sample_weight is None or not takes_weights else {"sample_weight": sample_weight}
        self.kind, self.state = _outputs_as_model(type(estimator)), dict(vars(estimator))
        self(np.tile(outputs, (len(y), 1)))

    def __call__(self, outputs: np.ndarray, rows: np.ndarray | None = None) -> float:
        """Return the score of outputs (n, n_outputs) for the validation rows, in their order."""
        model = object.__new__(self.kind)
        model.__dict__.update(self.state, _judged=(self.X, outputs))
        score = self.scorer(model, self.X, self.y, **self.options)
        if not isinstance(score, Real):
            raise TypeError(f"scoring={self.scoring!r} must return a number, but it returned {score!r:.80}.")
        return float(score)


def _outputs_as_model(kind: type) -> Any:
    """Return a class like `kind` whose outputs for the validation rows are those of the last epoch."""

    class Judged(kind):
        def _outputs(self, X: Any) -> np.ndarray:
            known, outputs = self._judged
            if X is not known:
                raise ValueError(
                    "scoring must ask for predictions of the X that it is given, not of other rows or of a copy."
                )
            as_float64: np.ndarray = outputs.astype(np.float64)
            return as_float64

    Judged.__name__, Judged.__qualname__ = kind.__name__, kind.__qualname__
    return Judged
