"""`ValidationScore`: a scikit-learn scorer of an ensemble's member."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from ..engine.dataset import Dataset


class ValidationScore:
    """What a scorer says of outputs for some rows of a dataset.

    Parameters
    ----------
    estimator : BaseTabularMLP
        It knows what outputs and targets mean; `scoring` is its parameter.
    dataset : Dataset
        With targets.
    """

    def __init__(self, estimator: Any, dataset: Dataset) -> None:
        self.scorer, self.scoring = check_scoring(estimator, estimator.scoring), estimator.scoring
        self.dataset = dataset
        self.model: Any = object.__new__(_outputs_as_model(type(estimator)))
        self.model.__dict__.update({k: v for k, v in vars(estimator).items() if k != "feature_names_in_"})
        self.targets = estimator._decode_targets(dataset.y)

    def __call__(self, outputs: np.ndarray, rows: np.ndarray) -> float:
        """Return the score of outputs (n, n_outputs) for these rows; the scorer gets row numbers as X.

        Members call it at the same time, in threads: each call has a model of its own.
        """
        model = copy.copy(self.model)
        model._current = outputs
        weights = self.dataset.sample_weight
        options = {} if weights is None or self.scorer is self.scoring else {"sample_weight": weights[rows]}
        return float(self.scorer(model, rows[:, np.newaxis], self.targets[rows], **options))


def _outputs_as_model(kind: type) -> type:
    """Return a class like `kind` whose outputs are those of the last epoch, whatever the rows."""

    class Judged(kind):
        def _outputs(self, X: Any) -> np.ndarray:
            outputs: np.ndarray = self._current.astype(np.float64)
            return outputs

    Judged.__name__ = kind.__name__
    return Judged
