"""`TabularMLPRegressor`: numbers from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from ..activations import BaseActivation
from ..losses import LOSSES, BaseLoss, as_loss
from ..losses.base import DifferenceLoss
from .base import CONSTRAINTS, BaseTabularMLP
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
        "loss": [StrOptions({name for name, loss in LOSSES.items() if "regression" in loss.natural}), BaseLoss],
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
        if self.learning_rate is None and not isinstance(as_loss(self.loss), DifferenceLoss):
            recipe = replace(recipe, learning_rate=recipe_of(self.recipe, classes=True).learning_rate)
        return recipe

    def _encode_targets(self, y: Any, first: bool) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        one_column = y.ndim == 1
        y = y.reshape(len(y), -1)
        if first:
            self._one_column, self.n_targets_ = one_column, y.shape[1]
            loss = as_loss(self.loss)
            if isinstance(loss, DifferenceLoss):
                self.target_mean_, deviation = y.mean(axis=0), y.std(axis=0)
                self.target_scale_ = np.where(deviation > 0, deviation, 1.0)
            else:
                loss.check(loss.default_output_activation("regression"), y.shape[1], y)
                mean = y.mean(axis=0)
                self.target_mean_, self.target_scale_ = np.zeros(y.shape[1]), np.where(mean > 0, mean, 1.0)
            self.target_range_ = np.stack([y.min(axis=0), y.max(axis=0)])
        elif y.shape[1] != self.n_targets_:
            raise ValueError(f"y has {y.shape[1]} columns, but the fit had {self.n_targets_}.")
        standardized: np.ndarray = ((y - self.target_mean_) / self.target_scale_).astype(np.float32)
        return standardized

    def _choose_loss(self, recipe: Recipe) -> tuple[BaseLoss, str | BaseActivation, int]:
        loss = as_loss(self.loss)
        return loss, loss.default_output_activation("regression"), loss.n_outputs("regression", self.n_targets_)

    def _codes(self, encoded: np.ndarray) -> np.ndarray | None:
        return None

    def _weigh(self, encoded: np.ndarray, sample_weight: np.ndarray | None, reference: np.ndarray) -> Any:
        return sample_weight

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        outputs = as_loss(self.loss).arrange(outputs)
        times = outputs.shape[1] // self.n_targets_
        scale, mean = np.repeat(self.target_scale_, times), np.repeat(self.target_mean_, times)
        y: np.ndarray = outputs * scale + mean
        if self.recipe_.clip_predictions:
            y = np.clip(y, *np.repeat(self.target_range_, times, axis=1))
        return y.ravel() if y.shape[1] == 1 and self._one_column else y

    def _decode_targets(self, encoded: np.ndarray) -> np.ndarray:
        y: np.ndarray = encoded * self.target_scale_ + self.target_mean_
        return y.ravel() if self._one_column else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
