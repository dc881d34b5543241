"""`TabularMLPClassifier`: classes from tables as they come."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from ..activations import BaseActivation
from ..engine.sample_weights import check_sum_of_weights
from ..estimators.checks import check_labels, fit_labels
from ..estimators.class_weights import weights_of_rows
from ..losses import BaseLoss, LogLoss, as_loss
from ..losses.outputs import is_probability
from .base import BaseTabularMLP
from .parameters import CONSTRAINTS, RATE
from .recipes import Recipe


def exponent_of(smoothing: float, n_outputs: int = 2) -> float:
    """Return the c of q^c, by which smoothed probabilities q of K outputs become those that they stand for.

    c = 1 + s (2 + log₂ K), chosen by log loss, see docs/tables.md: smoothing takes more from a certain output the more
    others there are to share it.

    Examples
    --------
    >>> exponent_of(0.0), exponent_of(0.1), exponent_of(0.1, 16)
    (1.0, 1.3, 1.6)
    """
    return 1.0 + smoothing * (2.0 + float(np.log2(n_outputs)))


def undo_smoothing(outputs: np.ndarray, smoothing: float, n_classes: int | None = None) -> np.ndarray:
    """Return the probabilities that smoothed targets stand for, of the first `n_classes` outputs.

    A network that is trained on targets (1 − s) t + s / K has logits that are too close to one another. They are
    multiplied by c = 1 + s (2 + log₂ K), a temperature of 1 / c: the probabilities are q^c, divided by their sum. The
    order of the classes stays. A single class, which is the first of two outputs, is certain.

    (q − s / K) / (1 − s), which would be right for a network that estimates the mean of its targets without error, has
    a larger log loss on most tables: see docs/tables.md.

    Examples
    --------
    >>> import numpy as np
    >>> undo_smoothing(np.array([[0.95, 0.05], [0.5, 0.5]]), 0.1).round(4).tolist()
    [[0.9787, 0.0213], [0.5, 0.5]]
    """
    if n_classes == 1:
        return np.ones_like(outputs[:, :1])
    probabilities: np.ndarray = outputs[:, :n_classes] ** exponent_of(smoothing, outputs.shape[1])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):
    """Ensemble of multi-layer perceptrons for the classes of a table's rows.

    A table goes in as it is: a DataFrame of pandas or polars, an Arrow table, an array or a list of rows, with numbers,
    categories, strings, booleans and missing values. Scaling and encoding are part of the model, and its parameters
    have defaults that were tuned on many data sets, so that nothing needs to be chosen. `MLPClassifier` is
    scikit-learn's network; this one is for the best accuracy on tables.

    Parameters
    ----------
    recipe : {'default', 'fast', 'realmlp-td-s', 'realmlp-td'}, default='default'
        Where the numbers of the training come from; `get_recipe` returns them. Parameters that are None or 'auto' take
        the recipe's number, others replace it.

        - 'default': an ensemble for the best accuracy, in a fraction of the time of 'realmlp-td'.
        - 'fast': fewer and smaller networks, in a fraction of that time.
        - 'realmlp-td-s', 'realmlp-td': one network, with the tuned defaults of RealMLP in its simple and its full form.
    n_members : int or None, default=None
        Number of networks, whose probabilities are averaged, at most 10,000. A member's bits do not depend on how
        many there are.
    hidden_layer_sizes : array-like of int, int or None, default=None
        Number of units in each hidden layer. An empty list means no hidden layer, a number one hidden layer.
    activation : str, Activation or None, default=None
        Activation function f of the hidden layers, by name or as an object, as of `MLPClassifier`.
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
        Largest learning rate, which the recipe's schedule multiplies by numbers from 0 to 1; it ends at 0.
    weight_decay : float or None, default=None
        Decoupled weight decay in the first half of the training; it then falls to 0.
    dropout : float or None, default=None
        Dropout rate of the hidden layers' outputs, in [0, 1), in the first half of the training; it then falls to 0.
    label_smoothing : float or 'auto', default='auto'
        Targets are (1 − s) t + s / n_classes, with this s in [0, 1). Probabilities are corrected for it. 'auto' is the
        recipe's number, and 0 for other losses than 'log_loss' and for several labels a row.
    max_seconds : float or None, default=None
        Time for the training. Some epochs of one member are timed first; then the members are reduced to what fits, to
        two at most, then the epochs, to half, then the members, to one, then the epochs again, so that the learning
        rate still ends at 0. Each thread keeps a member, and at least one epoch is made. If all fits, the bits are
        those without a limit. Not counted are the encoding of the table before it, the compilation in the first fit,
        and `refit` after it. None is no limit.
    validation_fraction : float or None, default=None
        The part of the rows that a member is judged by after each epoch and is not trained on, in [0, 1); another part
        for each member, stratified by the class. The parameters of its best epoch are kept, of equal ones the last.
        None is the recipe's fraction. With 0 all rows are trained on, and the parameters of the last epoch are kept.
        Not used if `fit` is given validation data.
    scoring : str or callable, default='loss'
        What is computed on the validation rows after each epoch, the greater the better.

        - 'loss' is the negative loss.
        - The name of a scorer (see `sklearn.metrics.get_scorer_names`) or a callable ``scorer(estimator, X, y)``, which
          is tried before the training. It must ask for predictions of the X that it gets.

        Without validation rows only 'loss' is allowed.
    refit : bool, default=False
        Whether each member is trained again on all rows, to the epoch that was its best. Only used where rows were set
        aside by `validation_fraction`.
    class_weight : dict, list of dict, 'balanced' or None, default=None
        Weights by which the sample weights of the classes' rows are multiplied, also those of validation rows.

        - A dict from class to weight. Classes missing from it have weight 1; a dict that leaves classes out may contain
          only classes of y.
        - 'balanced' is ``n_samples / (n_classes * np.bincount(y))``.
        - For multi-label problems 'balanced', or a list with a dict from 0 and 1 for each label; the weights of the
          labels are multiplied.
    loss : {'log_loss', 'focal'} or Loss, default='log_loss'
        The loss function, of probabilities from softmax outputs, or from logistic outputs for several labels a row. As
        an object ``Focal(gamma=3.0)``, ``LogLoss(label_smoothing=0.1)`` or ``Loss(value, derivative)``.
    n_jobs : int or None, default=None
        Number of threads, which take whole members, or rows of a batch if there are more threads than members. The
        result has the same bits for any number.

        - None uses the cores that the process may use, within the limits of its environment; see `MLPClassifier`.
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
        `n_estimators`: raise `n_members` before. Columns, classes, loss and the parameters of the encoding must stay as
        they were; the rows and what concerns the training may change. With the same table and an integer as
        `random_state` the members are those that one fit would have trained.
    matmul_precision : {'float32', 'bfloat16_3x', 'bfloat16'}, default='float32'
        How many bits of each number products of matrices read; see `MLPClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    label_smoothing_ : float
        The s that was used.
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

    **Training.** The mean loss, weighted by `sample_weight` and `class_weight`, is minimized by AdamW with β₁ = 0.9.
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
    >>> from sklearn.datasets import load_breast_cancer
    >>> from fastmlp import TabularMLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = TabularMLPClassifier("fast", random_state=0).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.95)
    True

    Strings are categories, and None is missing:

    >>> X = [[1.5, "red"], [None, "blue"], [-0.5, "red"], [2.0, "green"]] * 20
    >>> model = TabularMLPClassifier("fast", random_state=0).fit(X, ["a", "b", "a", "c"] * 20)
    >>> model.predict([[1.0, "red"], [None, "blue"], [1.9, "green"]])
    array(['a', 'b', 'c'], dtype='<U1')
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for several labels a row an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val : DataFrame or array-like of shape (n_validation_samples, n_features), default=None
            Validation data by which all members are judged after each epoch; all rows of `X` are then trained on. A
            `Pipeline` transforms it with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_validation_samples,) or (n_validation_samples, n_labels), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Its sample weights.

        Returns
        -------
        self : TabularMLPClassifier
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate probabilities: the mean q of the members' outputs, with label smoothing s undone.

        It is undone by q ** (1 + s (2 + log2 K)) for K outputs, divided by the sum over the classes, which leaves the
        order of the classes.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Columns as in `fit`. Categories that were not there count as missing.

        Returns
        -------
        y_prob : ndarray of shape (n_samples, n_classes)
            The probability of each class, in the order of `classes_`; for multi-label problems that of each label.
        """
        model = self._now()
        outputs, smoothing = model._outputs(X), model.label_smoothing_
        if model._is_multilabel():
            pairs = undo_smoothing(np.stack([outputs.ravel(), 1.0 - outputs.ravel()], axis=1), smoothing)
            of_labels: np.ndarray = pairs[:, 0].reshape(outputs.shape)
            return of_labels
        return undo_smoothing(outputs, smoothing, len(model.classes_))

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
        model = self._now()
        return model._decode(model._outputs(X))

    def _recipe(self) -> Recipe:
        recipe = super()._recipe()
        given = self.label_smoothing
        return recipe if isinstance(given, str) else replace(recipe, label_smoothing=given)

    def _as_used(self, recipe: Recipe, n_rows: int) -> Recipe:
        return replace(super()._as_used(recipe, n_rows), label_smoothing=self.label_smoothing_)

    def _plain_targets(self, y: Any) -> np.ndarray:
        if getattr(getattr(y, "dtype", None), "kind", "") == "f":
            assert_all_finite(y, input_name="y")
        check_labels(y)
        check_classification_targets(y)
        if type_of_target(y).startswith("multilabel"):
            indicators: np.ndarray = y.toarray() if sp.issparse(y) else np.asarray(y)
            return indicators
        labels: np.ndarray = column_or_1d(y, warn=True)
        return labels

    def _learn_targets(self, y: np.ndarray, weights: np.ndarray | None, first: bool) -> None:
        if first:
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
            loss = replace(loss, label_smoothing=recipe.label_smoothing)
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
