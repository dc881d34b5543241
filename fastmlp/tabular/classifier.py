"""`TabularMLPClassifier`: classes from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..activations import BaseActivation
from ..engine.sample_weights import check_sum_of_weights
from ..estimators.class_weights import weights_of_rows
from ..losses import BaseLoss, LogLoss, as_loss
from .base import CONSTRAINTS, BaseTabularMLP
from .recipes import Recipe

#: The least part of a smoothed probability that stays of it.
LEAST_SHARE = 1e-2


def undo_smoothing(outputs: np.ndarray, smoothing: float) -> np.ndarray:
    """Return the probabilities that smoothed targets stand for.

    A network that is trained on targets (1 − s) t + s / K estimates q = (1 − s) p + s / K, with the probabilities p of
    the K classes. So p = (q − s / K) / (1 − s); where that is small or negative, a hundredth of q. The order of the
    classes stays.

    Examples
    --------
    >>> import numpy as np
    >>> undo_smoothing(np.array([[0.95, 0.05], [0.5, 0.5]]), 0.1).round(4).tolist()
    [[1.0, 0.0005], [0.5, 0.5]]
    """
    share = smoothing / outputs.shape[1]
    probabilities: np.ndarray = np.maximum((outputs - share) / (1.0 - smoothing), LEAST_SHARE * outputs)
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
        "label_smoothing": [StrOptions({"auto"}), CONSTRAINTS["dropout"][1]],
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
        """Estimate probabilities: the mean of the members'.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        outputs = self._outputs(X)
        if self._is_multilabel():
            return outputs
        probabilities = undo_smoothing(outputs, self.label_smoothing_)[:, : len(self.classes_)]
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

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

    def _encode_targets(self, y: Any, first: bool) -> np.ndarray:
        if first:
            check_classification_targets(y)
            kind = type_of_target(y)
            labels = y if kind.startswith("multilabel") else column_or_1d(y, warn=True)
            self._binarizer = LabelBinarizer().fit(labels)
            self.classes_ = self._binarizer.classes_
        if self._is_multilabel():
            indicators: np.ndarray = (self._binarizer.transform(y) != 0).astype(np.float32)
            return indicators
        labels = column_or_1d(y, warn=True)
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise ValueError(f"y has classes that were not there in the fit: {unknown.tolist()}.")
        numbers: np.ndarray = np.searchsorted(self.classes_, labels).astype(np.float32)
        return numbers[:, np.newaxis]

    def _is_multilabel(self) -> bool:
        return bool(self._binarizer.y_type_.startswith("multilabel"))

    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        loss = as_loss(self.loss)
        if self._is_multilabel():
            return loss, "logistic", len(self.classes_)
        if isinstance(loss, LogLoss) and not loss.label_smoothing:
            given = self.label_smoothing
            loss = replace(loss, label_smoothing=recipe.label_smoothing if isinstance(given, str) else given)
        self.label_smoothing_ = float(getattr(loss, "label_smoothing", 0.0))
        return loss, "softmax", max(2, len(self.classes_))

    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        return None if self._is_multilabel() else encoded[:, 0].astype(np.intp)

    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        if self.class_weight is None:
            return sample_weight
        codes = encoded.astype(np.intp) if self._is_multilabel() else encoded[:, 0].astype(np.intp)
        weights = weights_of_rows(self.class_weight, self.classes_, codes, codes)
        if sample_weight is not None:
            weights *= sample_weight
        check_sum_of_weights(weights, np.dtype(np.float32), "class_weight (times sample_weight)")
        return weights

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        if self._is_multilabel():
            labels: np.ndarray = self._binarizer.inverse_transform(outputs, 0.5)
            return labels
        predicted: np.ndarray = self.classes_.take(outputs.argmax(axis=1), mode="clip")
        return predicted

    def _decode_targets(self, encoded: np.ndarray) -> np.ndarray:
        if self._is_multilabel():
            return encoded.astype(np.intp)
        labels: np.ndarray = self.classes_.take(encoded[:, 0].astype(np.intp))
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
