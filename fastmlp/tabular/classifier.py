"""`TabularMLPClassifier`: classes from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..activations import BaseActivation
from ..engine.sample_weights import check_sum_of_weights
from ..estimators.checks import fit_labels
from ..estimators.class_weights import weights_of_rows
from ..losses import BaseLoss, LogLoss, as_loss
from ..losses.outputs import is_probability
from .base import BaseTabularMLP
from .parameters import CONSTRAINTS, RATE
from .recipes import Recipe

#: The least part of a smoothed probability that stays of it.
LEAST_SHARE = 1e-2


def undo_smoothing(outputs: np.ndarray, smoothing: float, n_classes: int | None = None) -> np.ndarray:
    """Return the probabilities that smoothed targets stand for, of the first `n_classes` outputs.

    A network that is trained on targets (1 − s) t + s / K estimates q = (1 − s) p + s / K, with the probabilities p of
    the K classes. So p = (q − s / K) / (1 − s); where that is small or negative, a hundredth of q. The order of the
    classes stays. The sum is 1.

    Examples
    --------
    >>> import numpy as np
    >>> undo_smoothing(np.array([[0.95, 0.05], [0.5, 0.5]]), 0.1).round(4).tolist()
    [[0.9995, 0.0005], [0.5, 0.5]]
    """
    share = smoothing / outputs.shape[1]
    probabilities: np.ndarray = np.maximum((outputs - share) / (1.0 - smoothing), LEAST_SHARE * outputs)[:, :n_classes]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons for the classes of a table's rows.

    Parameters
    ----------
    recipe : {'default', 'fast', 'realmlp-td-s', 'realmlp-td'}, default='default'
        Where the numbers of the training come from; `get_recipe` returns them.
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "label_smoothing": [StrOptions({"auto"}), RATE],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "loss": [StrOptions({"log_loss", "focal"}), BaseLoss],
    }

    def __init__(
        self,
        recipe: str = "default",
        *,
        n_members: int | None = None,
        hidden_layer_sizes: Any = None,
        activation: str | BaseActivation | None = None,
        numeric_encoding: str | None = "auto",
        n_bins: int | None = None,
        categorical_features: Any = "from_dtype",
        max_one_hot_categories: int | str | None = "auto",
        max_iter: int | None = None,
        batch_size: int | str = "auto",
        learning_rate: float | None = None,
        weight_decay: float | None = None,
        dropout: float | None = None,
        label_smoothing: float | str = "auto",
        max_seconds: float | None = None,
        validation_fraction: float | None = None,
        scoring: Any = "loss",
        refit: bool = False,
        class_weight: Any = None,
        loss: str | BaseLoss = "log_loss",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.recipe = recipe
        self.n_members = n_members
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.numeric_encoding = numeric_encoding
        self.n_bins = n_bins
        self.categorical_features = categorical_features
        self.max_one_hot_categories = max_one_hot_categories
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.max_seconds = max_seconds
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.refit = refit
        self.class_weight = class_weight
        self.loss = loss
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train the members.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Numbers, categories, strings and booleans; missing values are allowed.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for several labels a row an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val, y_val, sample_weight_val : default=None
            Validation rows; then all rows of `X` are trained on.

        Returns
        -------
        self : TabularMLPClassifier
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate probabilities: the mean of the members', with label smoothing undone.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Columns as in `fit`. Categories that were not there count as missing.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for multi-label problems that of each label.
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        if self._is_multilabel():
            pairs = undo_smoothing(np.stack([outputs.ravel(), 1.0 - outputs.ravel()], axis=1), self.label_smoothing_)
            of_labels: np.ndarray = pairs[:, 0].reshape(outputs.shape)
            return of_labels
        return undo_smoothing(outputs, self.label_smoothing_, len(self.classes_))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the log of probability estimates.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Columns as in `fit`.

        Returns
        -------
        log_y_prob : ndarray of shape (n_samples, n_classes)
            Equivalent to ``log(predict_proba(X))``.
        """
        with np.errstate(divide="ignore"):  # a probability may be 0
            logs: np.ndarray = np.log(self.predict_proba(X))
        return logs

    def predict(self, X: Any) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        check_is_fitted(self)
        return self._decode(self._outputs(X))

    def _plain_targets(self, y: Any) -> np.ndarray:
        check_classification_targets(y)
        if type_of_target(y).startswith("multilabel"):
            indicators: np.ndarray = y.toarray() if sp.issparse(y) else np.asarray(y)
            return indicators
        labels: np.ndarray = column_or_1d(y, warn=True)
        return labels

    def _learn_targets(self, y: np.ndarray, counts: np.ndarray) -> None:
        self._binarizer = fit_labels(y)
        self.classes_ = self._binarizer.classes_

    def _encode_targets(self, y: np.ndarray) -> np.ndarray:
        n_classes = len(self.classes_)
        if self._is_multilabel() or y.ndim > 1:
            if not self._is_multilabel() or y.shape[1:] != (n_classes,):
                expected = f"{n_classes} labels" if self._is_multilabel() else "one class"
                found = f"{y.shape[1]} labels" if y.ndim > 1 else "one class"
                raise ValueError(f"y has {found} a row, but the fit had {expected}.")
            indicators: np.ndarray = (y != 0).astype(np.float32)
            return indicators
        number_of = {label: number for number, label in enumerate(self.classes_.tolist())}
        numbers = np.fromiter(map(number_of.get, y.tolist(), repeat(-1)), np.intp, len(y))
        if (numbers < 0).any():
            unknown = list(dict.fromkeys(y[numbers < 0].tolist()))
            raise ValueError(f"y has classes {unknown}, but the fit had the classes {self.classes_.tolist()}.")
        if as_loss(self.loss).n_targets("softmax", n_outputs := max(2, n_classes)) > 1:  # a custom loss
            return np.eye(n_outputs, dtype=np.float32)[numbers]
        return numbers.astype(np.float32)[:, np.newaxis]

    def _is_multilabel(self) -> bool:
        return bool(self._binarizer.y_type_.startswith("multilabel"))

    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        loss, n_classes = as_loss(self.loss), len(self.classes_)
        task, n_outputs = ("multi-label", n_classes) if self._is_multilabel() else ("multi-class", max(2, n_classes))
        output = loss.default_output_activation(task)
        if not is_probability(output):
            raise ValueError(
                f"loss={loss.as_written()} estimates no probabilities, which the members are averaged by: use "
                "'log_loss', 'focal', or a loss of your own for probabilities."
            )
        smooths = isinstance(loss, LogLoss) and task == "multi-class" and not loss.label_smoothing
        if not smooths and not isinstance(self.label_smoothing, str) and self.label_smoothing > 0:
            raise ValueError(
                f"label_smoothing={self.label_smoothing} is for loss='log_loss' with one class a row, got "
                f"loss={loss.as_written()} and {task} targets: use label_smoothing='auto' or 0."
            )
        if isinstance(loss, LogLoss) and smooths:
            given = self.label_smoothing
            loss = replace(loss, label_smoothing=recipe.label_smoothing if isinstance(given, str) else given)
        loss.check(output, n_outputs, task=task)
        self.label_smoothing_ = float(getattr(loss, "label_smoothing", 0.0))
        return loss, output, n_outputs

    def _unlearnt_outputs(self, n_outputs: int) -> np.ndarray:
        return np.full(n_outputs, 0.5 if self._is_multilabel() else 1.0 / n_outputs)

    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        return None if self._is_multilabel() else self._numbers(encoded)

    def _numbers(self, encoded: np.ndarray) -> np.ndarray:
        """Return the number of each row's class, (n,); with several labels 0 and 1 for each, (n, n_labels)."""
        if not self._is_multilabel():
            encoded = encoded[:, 0] if encoded.shape[1] == 1 else encoded.argmax(axis=1)
        return encoded.astype(np.intp)

    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        if self.class_weight is None:
            return sample_weight
        codes, of_reference = self._numbers(encoded), self._numbers(reference)
        weights = weights_of_rows(self.class_weight, self.classes_, codes, of_reference)
        if sample_weight is not None:
            with np.errstate(over="ignore"):
                weights *= sample_weight
            if not np.isfinite(weights).all():
                raise ValueError("class_weight times sample_weight exceeds the range of numbers: divide them.")
        check_sum_of_weights(weights, np.dtype(np.float32), "class_weight (times sample_weight)")
        return weights

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        if self._is_multilabel():
            labels: np.ndarray = self._binarizer.inverse_transform(outputs, 0.5)
            return labels
        predicted: np.ndarray = self.classes_.take(outputs.argmax(axis=1), mode="clip")
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
