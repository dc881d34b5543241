"""The rows that a training is validated on: set aside from X for early stopping, or given by the user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring

from ..engine.cores import ask_threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.sparse_input import check_sparse
from ..losses import BaseLoss
from ..training.validation import Validation
from ..training.validation_loss import ValidationLoss
from .checks import check_sample_weight, split_rows
from .forward import ForwardPass
from .parameters import FULL_BATCH

#: X, encoded y and sample weights, all checked.
CheckedRows = tuple[Any, np.ndarray, np.ndarray | None]
#: X_val, y_val, sample_weight_val, as they were passed.
GivenRows = tuple[Any, Any, Any]
NOT_GIVEN: GivenRows = (None, None, None)


class ValidationRows(ForwardPass, ABC):
    """Choose the validation rows, and what is computed on them after each epoch."""

    validation_scores_: list[float] | None
    best_validation_score_: float | None
    validation_metric_: str | None

    # Implemented by the two estimators.

    @abstractmethod
    def _encode_known(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        """Return validated X and y of further rows, y as the loss's kernel reads it; refuse what is new in them."""

    @abstractmethod
    def _task(self, n_targets: int) -> tuple[str, int]:
        """Return the kind of task, one of `losses.TASKS`, and its width, for `n_targets` columns of targets."""

    @abstractmethod
    def _targets(self, encoded: np.ndarray) -> np.ndarray:
        """Return encoded targets (n, n_targets) as the user has them, for scorers."""

    @abstractmethod
    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """Return the score of outputs (n, n_outputs) for encoded targets (n, n_targets)."""

    def _weigh(self, y: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> np.ndarray | None:
        """Return the sample weights times the class weights of encoded targets; see `weights_of_rows`."""
        return sample_weight

    def _check_given(self, given: GivenRows, y: np.ndarray) -> CheckedRows | None:
        """Check `fit`'s validation rows; None without them. y are the encoded targets of the training rows."""
        X_val, y_val, weights = given
        if X_val is None and y_val is None and weights is None:
            return None
        if X_val is None or y_val is None:
            missing = " and ".join(name for name, value in (("X_val", X_val), ("y_val", y_val)) if value is None)
            raise ValueError(f"Validation rows need both X_val and y_val, but fit was called without {missing}.")
        if self.solver in FULL_BATCH:
            raise ValueError(
                f"X_val and y_val have no effect with solver={self.solver!r}, which has no epochs to validate: leave "
                "them out, or use a solver with mini-batches."
            )
        check_sparse(X_val, "X_val")
        check_sparse(y_val, "y_val")
        X_val, encoded = self._encode_known(X_val, y_val)
        if encoded.shape[1] != y.shape[1]:
            raise ValueError(f"y_val has {encoded.shape[1]} columns of targets, but y has {y.shape[1]}.")
        return X_val, encoded, self._weigh(encoded, check_sample_weight(weights, X_val), y)

    def _choose_validation(
        self, network: TrainableModel, X: Any, dataset: Dataset, given: CheckedRows | None, random_state: Any
    ) -> tuple[np.ndarray, Validation | None]:
        """Return the numbers of the training rows, and the validation on the others or on those given."""
        order = np.arange(dataset.n_rows, dtype=np.int64)
        if given is not None:
            X, held = given[0], Dataset(*given, network.dtype)
            rows = np.arange(held.n_rows, dtype=np.int64)
        elif self.early_stopping:
            held = dataset
            order, rows = split_rows(dataset.n_rows, self.validation_fraction, random_state, self._stratify(dataset))
        else:
            self.validation_metric_ = None
            return order, None
        weights = None if held.sample_weight is None else held.sample_weight[rows]
        if weights is not None and weights.sum() == 0:
            cure = "give positive weights." if given else "increase 'validation_fraction', or give positive weights."
            raise ValueError(
                f"The sample weights of the {rows.size} validation rows sum to zero, so that they have no score: {cure}"
            )
        metric, score = self._choose_score(network, X, held, rows, weights)
        if self.early_stopping:
            self._judge_by(metric, network.loss_function)
        self.validation_metric_ = metric
        loss = ValidationLoss(network, held, rows, ask_threads(self.n_jobs))
        return order, Validation(loss, metric, score, self.early_stopping, self.validation_ties)

    def _stratify(self, dataset: Dataset) -> np.ndarray | None:
        """Return what the split is stratified by: the class, where there are two."""
        if dataset.y is None or not (is_classifier(self) and self.n_outputs_ == 1):
            return None
        # These labels appear in scikit-learn's messages.
        return np.array(["False", "True"], object)[dataset.y[:, 0].astype(np.intp)]

    def _choose_score(
        self, network: TrainableModel, X: Any, held: Dataset, rows: np.ndarray, weights: np.ndarray | None
    ) -> tuple[str, Callable[[np.ndarray], float] | None]:
        """Return the name of the score and the function from outputs to it; None: it is the negative loss."""
        assert held.y is not None
        y, metric = held.y[rows], "neg_loss"
        if self.scoring is None and self.early_stopping:
            metric = network.loss_function.validation_metric(network.output_activation, self._task(held.n_targets)[0])
        if self.scoring is None or self.scoring == "loss":
            return metric, None if metric == "neg_loss" else lambda outputs: self._score_outputs(outputs, y, weights)
        scorer = check_scoring(self, self.scoring)
        name = self.scoring if isinstance(self.scoring, str) else getattr(self.scoring, "__name__", repr(self.scoring))
        model = object.__new__(type(self))  # as arrays have no names of features, it must not expect them
        model.__dict__.update({key: value for key, value in vars(self).items() if key != "feature_names_in_"})
        arguments = model, X if rows.size == X.shape[0] else X[rows], self._targets(y)
        options = {} if weights is None else {"sample_weight": weights}
        return name, lambda outputs: float(scorer(*arguments, **options))

    def _judge_by(self, metric: str, loss: BaseLoss) -> None:
        """Discard earlier scores of a continued training if they had another metric."""
        judge = metric, loss if metric == "neg_loss" else None
        if getattr(self, "_judge", judge) != judge:
            self.validation_scores_, self.best_validation_score_, self._no_improvement_count = [], -np.inf, 0
        self._judge = judge
