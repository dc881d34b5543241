"""`TabularMLPRegressor`: numbers from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array

from ..activations import BaseActivation
from ..common.checks import counted
from ..losses import BaseLoss, as_loss, names_for
from .base import BaseTabularMLP
from .parameters import CONSTRAINTS
from .recipes import Recipe, recipe_of


class TabularMLPRegressor(RegressorMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons for a number, or several, for each row of a table.

    A table goes in as it is: a DataFrame of pandas or polars, an Arrow table, an array or a list of rows, with numbers,
    categories, strings, booleans and missing values. Scaling and encoding, that of the targets too, are part of the
    model, and its parameters have defaults that were tuned on many data sets, so that nothing needs to be chosen.
    `MLPRegressor` is scikit-learn's network; this one is for the best accuracy on tables.

    Parameters
    ----------
    recipe : {'default', 'fast', 'realmlp-td-s', 'realmlp-td'}, default='default'
        Where the numbers of the training come from; `get_recipe` returns them. Parameters that are None or 'auto' take
        the recipe's number, others replace it.

        - 'default': an ensemble for the best accuracy, in a fraction of the time of 'realmlp-td'.
        - 'fast': fewer and smaller networks, in a fraction of that time.
        - 'realmlp-td-s', 'realmlp-td': one network, with the tuned defaults of RealMLP in its simple and its full form.
    n_members : int or None, default=None
        Number of networks, whose predictions are averaged, at most 10,000. A member's bits do not depend on how
        many there are.
    hidden_layer_sizes : array-like of int, int or None, default=None
        Number of units in each hidden layer. An empty list means no hidden layer, a number one hidden layer.
    activation : str, Activation or None, default=None
        Activation function f of the hidden layers, by name or as an object, as of `MLPRegressor`.
    numeric_encoding : {'auto', 'periodic', 'piecewise-linear'} or None, default='auto'
        What numeric columns become beside their scaled value. 'auto' is the recipe's encoding, which may differ between
        members; None is nothing.

        - 'periodic': three numbers for each column, made of learnt cosines.
        - 'piecewise-linear': a number for each bin of the column, see `fastmlp.preprocessing.PiecewiseLinearEncoder`.
    n_bins : int or None, default=None
        Maximum number of bins of a column, at most 10,000. Only used with 'piecewise-linear'.
    categorical_features : 'from_dtype', array-like of bool, int or str, or None, default='from_dtype'
        Which columns are categories.

        - 'from_dtype': those of types category, string, boolean and object, except objects that are numbers alone.
        - A mask of shape (n_features,), or indices or names of the columns.
        - None: no column; all must be numbers.
    max_one_hot_categories : int, 'auto' or None, default='auto'
        A column with more categories gets a learnt embedding of eight numbers, others a column for each category (one
        for two categories). 'auto' is the recipe's limit, None is no limit.
    max_iter : int or None, default=None
        Number of epochs.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch, at most all. The last one of an epoch is left out if it has fewer. 'auto' is the recipe's
        number, which may be smaller for small tables.
    learning_rate : float or None, default=None
        Largest learning rate, which the recipe's schedule multiplies by numbers from 0 to 1; it ends at 0. None is
        the recipe's rate for regression, and its rate for classes with 'poisson', 'gamma' and 'tweedie'.
    weight_decay : float or None, default=None
        Decoupled weight decay in the first half of the training; it then falls to 0.
    dropout : float or None, default=None
        Dropout rate of the hidden layers' outputs, in [0, 1), in the first half of the training; it then falls to 0.
    max_seconds : float or None, default=None
        Time for the training. Some epochs of one member are timed first; then the members are reduced to what fits, to
        two at most, then the epochs, to half, then the members, to one, then the epochs again, so that the learning
        rate still ends at 0. Each thread keeps a member, and at least one epoch is made. If all fits, the bits are
        those without a limit. Not counted are the encoding of the table before it, the compilation in the first fit,
        and `refit` after it. None is no limit.
    validation_fraction : float or None, default=None
        The part of the rows that a member is judged by after each epoch and is not trained on, in [0, 1); another part
        for each member. The parameters of its best epoch are kept, of equal ones the last. None is
        the recipe's fraction. With 0 all rows are trained on, and the parameters of the last epoch are kept. Not used
        if `fit` is given validation data.
    scoring : str or callable, default='loss'
        What is computed on the validation rows after each epoch, the greater the better.

        - 'loss' is the negative loss.
        - The name of a scorer (see `sklearn.metrics.get_scorer_names`) or a callable ``scorer(estimator, X, y)``, which
          is tried before the training. It must ask for predictions of the X that it gets.

        Without validation rows only 'loss' is allowed.
    refit : bool, default=False
        Whether each member is trained again on all rows, to the epoch that was its best. Only used where rows were set
        aside by `validation_fraction`.
    loss : str or Loss, default='squared_error'
        The loss function: 'squared_error', 'half_squared_error', 'sum_squared_error', 'absolute_error', 'huber',
        'log_cosh', 'quantile', or 'poisson', 'gamma', 'tweedie', which predict exp of the last layer; or an object such
        as ``Huber(delta=2.0)``, ``Quantile((0.1, 0.5, 0.9))`` or ``Loss(value, derivative)``. It is a loss of
        standardised targets, in which the delta of a Huber loss, say, counts deviations; for the last three losses, of
        targets divided by their mean. Several quantiles are columns of the prediction, those of a target side by side.
    n_jobs : int or None, default=None
        Number of threads, which take whole members, or rows of a batch if there are more threads than members. The
        result has the same bits for any number.

        - None uses the cores that the process may use, within the limits of its environment; see `MLPRegressor`.
        - A positive number is the maximum number of threads.
        - -1 uses all cores that the process may use, -2 all but one.
    random_state : int, RandomState instance or None, default=None
        Determines initial parameters, validation rows, shuffling and dropout. A refused fit leaves a RandomState
        unchanged.
    verbose : bool or 'progress', default=False
        Whether to print the mean losses of each epoch to stdout. 'progress' draws one bar with epochs, losses and the
        time left instead, in a terminal or notebook.
    warm_start : bool, default=False
        Whether `fit` keeps the members that there are and trains those that are missing, as forests do with
        `n_estimators`: raise `n_members` before. Columns, loss and the parameters of the encoding must stay as they
        were; the rows and what concerns the training may change. With the same table and an integer as `random_state`
        the members are those that one fit would have trained.
    matmul_precision : {'float32', 'bfloat16_3x', 'bfloat16'}, default='float32'
        How many bits of each number products of matrices read; see `MLPClassifier`.

    Attributes
    ----------
    n_targets_ : int
        Number of targets.
    target_mean_, target_scale_ : ndarray of shape (n_targets_,)
        What is subtracted from the targets, and what they are divided by: mean and deviation of the rows by their
        weights (if none is negative); 0 and the mean for losses of positive outputs. A constant target is not divided.
    target_range_ : ndarray of shape (2, n_targets_)
        Least and largest target. Most recipes clip predictions to this range ('clip_predictions' of `get_recipe`).
    feature_scales_ : ndarray of shape (n_features_in_,)
        How much each column is used: the mean of the learnt scales |s| of its inputs, over the members. 0 for a column
        without two different values. It costs nothing, but is no substitute for `permutation_importance`: what follows
        the scales may use a column more or less.
    best_epochs_ : list of int
        The epoch of each member, counted from 1, whose parameters were kept.
    loss_curve_ : list of float
        The mean training loss of each epoch, over the members of the last fit; of those that `refit` has trained.
    validation_loss_curve_ : list of float or None
        With validation rows, their mean loss after each epoch, over the members of the last fit.
    validation_scores_ : list of float or None
        With validation rows and `scoring`, the mean score after each epoch, over the members of the last fit.
    validation_metric_ : str or None
        What `validation_scores_` measures.
    loss_ : float
        The last of `loss_curve_`; NaN without a complete epoch.
    n_iter_ : int
        The number of epochs of the last fit.
    members_ : list of objects
        The networks.
    encoder_ : object
        What turns a table into numbers: `categories_`, `kinds_` and `feature_of` say what became of each column.
    recipe_ : object
        The numbers that were used; `get_recipe` returns them as a dict.
    n_outputs_ : int
        Number of outputs of each member.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names that are all strings.

    Raises
    ------
    ValueError
        If the input is invalid, if parameters do not fit together, or if training diverges: with validation rows the
        parameters of the best epoch are kept instead, with a ConvergenceWarning. A `fit` that is refused leaves the
        model unchanged. A column of dates, or of lists, is a TypeError that names it.

    Notes
    -----
    **Columns.** Numbers and one-hot columns are scaled by median and quartiles and limited smoothly
    (`fastmlp.preprocessing.SquashingScaler`; where half of a column's values are equal, by the median distance of the
    others from them, if these would be next to 0 or all at the limit otherwise). Two categories become −1 and 1;
    missing values, and categories that were not there in `fit`, 0, or the first row of an embedding. A number that is
    missing becomes the median, with a column that says so if there were any in `fit`. Constant columns are left out.

    **Network.** A numeric column x with the periodic encoding becomes (x, V cos(2π w x + c) + d), with 16 frequencies
    w, phases c, a matrix V of three rows, and d, all of them learnt and its own. Of the encoded row u a member
    computes::

        h⁰ = s ∘ u                              a learnt scale for each input, 1 at first
        zˡ = hˡ⁻¹ Wˡ / √(number of inputs) + bˡ
        hˡ = zˡ + α (f(zˡ) − zˡ)                a learnt slope α for each unit, 1 at first; then dropout

    The recipe 'realmlp-td-s' has neither slopes nor embeddings.

    **Training.** The mean loss of the scaled targets, weighted by `sample_weight`, is minimized by AdamW with β₁ = 0.9.
    The learning rate of the scales is 6 times that of the weights, that of biases, slopes and the periodic encoding a
    tenth. By default it follows ½ (1 − cos(2π log₂(1 + 15 t))) with t from 0 to 1: four cycles. Initial weights are
    normal; by default, layer by layer, such that pre-activations have deviation 1 on training rows. Computations use
    float32, whatever the type of the table; sums of losses float64.

    **Ctrl-C** ends the training within a fraction of a second, warns, and keeps each member's best parameters so far,
    if each member has made an epoch; before, KeyboardInterrupt is raised and the model is unchanged. As the learning
    rate has not come down to 0, such a model is worse than one that was trained for as many epochs from the start.

    **Callbacks** (`set_callbacks`) follow scikit-learn's protocol: a task for each epoch of all members together.
    During the fit the attributes above are those of the last epoch. A callback may end the fit; within an epoch, that
    epoch does not count for members that are not through with it, and in the first one their last step is kept.
    `refit` is no task; only a callback's `is_over` can end it, and the members before it are then kept. If a callback
    raises an error, the model is unchanged.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: Strong pre-tuned MLPs and boosted trees on tabular
    data" (RealMLP). Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep
    learning".

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from fastmlp import TabularMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularMLPRegressor("fast", random_state=0).fit(X[::2], y[::2])
    >>> model.predict(X[1::2]).shape
    (221,)
    >>> model.get_recipe()["activation"], len(model.members_) == model.get_recipe()["n_members"]
    ('mish', True)
    """

    n_targets_: int
    target_range_: np.ndarray

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
        verbose: bool | str = False,
        warm_start: bool = False,
        matmul_precision: str = "float32",
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
        self.matmul_precision = matmul_precision

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
            Numbers, categories, strings and booleans; missing values (NaN, None, NaT, pandas.NA) are allowed.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val : DataFrame or array-like of shape (n_validation_samples, n_features), default=None
            Validation data by which all members are judged after each epoch; all rows of `X` are then trained on. A
            `Pipeline` transforms it with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_validation_samples,) or (n_validation_samples, n_targets), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Its sample weights.

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
        model = self._now()
        return model._decode(model._outputs(X))

    def _recipe(self) -> Recipe:
        """Return the recipe; losses of positive outputs, behind an exponential, take the rate of classes."""
        recipe = super()._recipe()
        if self.learning_rate is None and _predicts_positive(as_loss(self.loss)):
            recipe = replace(recipe, learning_rate=recipe_of(self.recipe, classes=True).learning_rate)
        return recipe

    def _plain_targets(self, y: Any) -> np.ndarray:
        numbers: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        return numbers

    def _learn_targets(self, y: np.ndarray, weights: np.ndarray | None, first: bool) -> None:
        is_one_column = y.ndim == 1
        y = y.reshape(len(y), -1)
        if weights is not None:
            y, weights = y[weights != 0], weights[weights != 0]
        limits = np.stack([y.min(axis=0), y.max(axis=0)])
        if not first:
            if y.shape[1] == self.n_targets_:
                least, most = np.stack([self.target_range_, limits], axis=2)
                self.target_range_ = np.stack([least.min(axis=1), most.max(axis=1)])
            return
        self._one_column, self.n_targets_, self.target_range_ = is_one_column, y.shape[1], limits
        self.target_mean_, deviation, magnitude = _moments(y, weights)
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


def _moments(y: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and deviation of each column of y, and the mean of |y|, of numbers of any size, by their weights.

    Equal weights change no bit. With negative weights, which these statistics do not have, all rows count once.
    """
    unit = np.exp2(np.frexp(np.abs(y).max(axis=0))[1] - 1.0)  # a power of two: nothing is rounded
    scaled = y / unit
    if weights is None or weights.min() < 0 or (weights == weights[0]).all():
        return scaled.mean(axis=0) * unit, scaled.std(axis=0) * unit, np.abs(scaled).mean(axis=0) * unit
    shares = (weights / weights.max()).astype(np.float32)  # as in training: lesser ones are 0
    mean, magnitude = (np.average(each, axis=0, weights=shares) for each in (scaled, np.abs(scaled)))
    deviation = np.sqrt(np.average(np.square(scaled - mean), axis=0, weights=shares))
    return mean * unit, deviation * unit, magnitude * unit
