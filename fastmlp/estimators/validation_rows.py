"""The rows that a training is validated on: set aside from X for early stopping, or given by the user."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring

from ..engine.cores import ask_threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.sparse_input import check_sparse
from ..training.running import digest_of
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


class Score:
    """What a scorer says of the model as it is.

    Parameters
    ----------
    scorer : callable
    scoring : str or callable
        As the user gave it, for messages.
    arguments : tuple
        Estimator, X and y.
    weights : ndarray or None
        Sample weights, which a plain function without such a parameter does not get.
    """

    def __init__(self, scorer: Callable[..., Any], scoring: Any, arguments: tuple[Any, ...], weights: Any) -> None:
        self.scorer, self.scoring, self.arguments = scorer, scoring, arguments
        takes_weights = scorer is not scoring or "sample_weight" in str(inspect.signature(scorer))
        self.options = {} if weights is None or not takes_weights else {"sample_weight": weights}

    def __call__(self, outputs: Any) -> float:
        """Return the score."""
        score = self.scorer(*self.arguments, **self.options)
        if not isinstance(score, Real):
            raise TypeError(f"scoring={self.scoring!r} must return a number, but it returned {score!r:.80}.")
        return float(score)


def read_only(rows: Any) -> Any:
    """Return the same rows, dense or sparse, without copying them, so that a scorer cannot change a user's arrays."""
    if not sp.issparse(rows):
        view = rows.view()
        view.flags.writeable = False
        return view
    parts = tuple(read_only(getattr(rows, name)) for name in ("data", "indices", "indptr"))
    return type(rows)(parts, rows.shape, copy=False)


def check_finite(held: Dataset) -> None:
    """Refuse validation data that are infinite in the type of the computation."""
    for name, array in (("X_val", held.values if held.sparse else held.X), ("y_val", held.y)):
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"{name} has numbers too large for {held.dtype}, the type of the computation: scale them.")


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
        try:
            X_val, encoded = self._encode_known(X_val, y_val)
        except ValueError as error:
            raise ValueError(f"In the validation data X_val (X) and y_val (y): {error}") from error
        if encoded.shape[1] != y.shape[1]:
            raise ValueError(f"y_val has {encoded.shape[1]} columns of targets, but y has {y.shape[1]}.")
        return X_val, encoded, self._weigh(encoded, check_sample_weight(weights, X_val), y)

    def _choose_validation(
        self, network: TrainableModel, X: Any, dataset: Dataset, given: CheckedRows | None, random_state: Any
    ) -> tuple[np.ndarray, Validation | None]:
        """Return the numbers of the training rows, and the validation on the others or on those given."""
        order = np.arange(dataset.n_rows, dtype=np.int64)
        if given is not None:
            with np.errstate(over="ignore"):  # see `check_finite`
                X, held = given[0], Dataset(*given, network.dtype)
            rows = np.arange(held.n_rows, dtype=np.int64)
        elif self.early_stopping:
            held = dataset
            order, rows = split_rows(dataset.n_rows, self.validation_fraction, random_state, self._stratify(dataset))
        else:
            self.validation_metric_ = None
            return order, None
        if given is not None:
            check_finite(held)
        weights = None if held.sample_weight is None else held.sample_weight[rows]
        if weights is not None and weights.sum() == 0:
            cure = "give positive weights." if given else "increase 'validation_fraction', or give positive weights."
            raise ValueError(
                f"The sample weights of the {rows.size} validation rows sum to zero, so that they have no score: {cure}"
            )
        metric, score = self._choose_score(network, X, held, rows, weights)
        if self.early_stopping or score is not None:
            by = network.loss_function if score is None else self.scoring
            self._judge_by(metric, by, None if given is None else digest_of(held, rows))
        else:
            self.validation_scores_ = self.best_validation_score_ = None
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
        model.__dict__.update({key: value for key, value in self.__getstate__().items() if key != "feature_names_in_"})
        X = X if rows.size == X.shape[0] else X[rows]
        arguments = model, read_only(X), read_only(self._targets(y))
        score = Score(scorer, self.scoring, arguments, None if weights is None else read_only(weights))
        score(None)  # with the initial weights: a scorer that cannot work is refused before anything is written
        return name, score

    def _judge_by(self, metric: str, by: Any, given_rows: str | None) -> None:
        """Discard earlier scores of a continued training if metric, scorer or loss, or given rows were others."""
        judge = metric, by, given_rows
        if getattr(self, "_judge", judge) != judge:
            self.validation_scores_, self.best_validation_score_, self._no_improvement_count = [], -np.inf, 0
        self._judge = judge
