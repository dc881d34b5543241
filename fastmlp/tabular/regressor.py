"""`TabularMLPRegressor`: numbers from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from ..activations import BaseActivation
from ..common.checks import counted
from ..losses import BaseLoss, as_loss, names_for
from .base import BaseTabularMLP
from .parameters import CONSTRAINTS
from .recipes import Recipe, recipe_of


class TabularMLPRegressor(RegressorMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons for a number, or several, for each row of a table.

    Parameters
    ----------
    recipe : {'default', 'fast', 'realmlp-td-s', 'realmlp-td'}, default='default'
        Where the numbers of the training come from; `get_recipe` returns them.
    """

    _parameter_constraints = {
        **CONSTRAINTS,
        "loss": [StrOptions(set(names_for("regressor"))), BaseLoss],
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
        max_seconds: float | None = None,
        validation_fraction: float | None = None,
        scoring: Any = "loss",
        refit: bool = False,
        loss: str | BaseLoss = "squared_error",
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
        self.max_seconds = max_seconds
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.refit = refit
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
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val, y_val, sample_weight_val : default=None
            Validation rows; then all rows of `X` are trained on.

        Returns
        -------
        self : TabularMLPRegressor
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets: the mean of the members' predictions.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return self._decode(self._outputs(X))

    def _recipe(self) -> Recipe:
        """Return the recipe; losses of positive outputs, behind an exponential, take the rate of classes."""
        recipe = super()._recipe()
        if self.learning_rate is None and _predicts_positive(as_loss(self.loss)):
            recipe = replace(recipe, learning_rate=recipe_of(self.recipe, classes=True).learning_rate)
        return recipe

    def _plain_targets(self, y: Any) -> np.ndarray:
        numbers: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        return numbers

    def _learn_targets(self, y: np.ndarray, counts: np.ndarray) -> None:
        self._one_column = y.ndim == 1
        y = y.reshape(len(y), -1)[counts]
        self.n_targets_ = y.shape[1]
        self.target_range_ = np.stack([y.min(axis=0), y.max(axis=0)])
        self.target_mean_, deviation, magnitude = _moments(y)
        if _predicts_positive(as_loss(self.loss)):
            self.target_mean_, self.target_scale_ = np.zeros(self.n_targets_), np.where(magnitude > 0, magnitude, 1.0)
        else:
            varies = self.target_range_[0] < self.target_range_[1]
            self.target_scale_ = np.where(varies & (deviation > 0), deviation, 1.0)

    def _encode_targets(self, y: np.ndarray) -> np.ndarray:
        y = y.reshape(len(y), -1)
        if y.shape[1] != self.n_targets_:
            raise ValueError(f"y has {counted(y.shape[1], 'column')}, but the fit had {self.n_targets_}.")
        loss = as_loss(self.loss)
        output = loss.default_output_activation("regression")
        loss.check(output, loss.n_outputs("regression", self.n_targets_), y, "regression")
        # Of the halves, as differences may exceed the range.
        standardized: np.ndarray = ((0.5 * y - 0.5 * self.target_mean_) / (0.5 * self.target_scale_)).astype(np.float32)
        return standardized

    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        self._loss = loss = as_loss(self.loss)
        return loss, loss.default_output_activation("regression"), loss.n_outputs("regression", self.n_targets_)

    def _unlearnt_outputs(self, n_outputs: int) -> np.ndarray:
        return np.full(n_outputs, 1.0 if _predicts_positive(self._loss) else 0.0)

    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        return None

    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        return sample_weight

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        outputs = self._loss.arrange(outputs)
        times = outputs.shape[1] // self.n_targets_
        scale, mean = np.repeat(self.target_scale_, times), np.repeat(self.target_mean_, times)
        with np.errstate(over="ignore"):  # near the largest float64
            y: np.ndarray = outputs * scale + mean
        if self.recipe_.clip_predictions:
            y = np.clip(y, *np.repeat(self.target_range_, times, axis=1))
        return y.ravel() if y.shape[1] == 1 and self._one_column else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _predicts_positive(loss: BaseLoss) -> bool:
    """Whether the outputs are an exponential: then targets are divided by their mean, and not centred."""
    return loss.default_output_activation("regression") == "exp"


def _moments(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and deviation of each column of y, and the mean of |y|, of numbers of any size."""
    unit = np.exp2(np.frexp(np.abs(y).max(axis=0))[1] - 1.0)  # a power of two: nothing is rounded
    scaled = y / unit
    return scaled.mean(axis=0) * unit, scaled.std(axis=0) * unit, np.abs(scaled).mean(axis=0) * unit
