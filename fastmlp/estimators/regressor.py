"""`MLPRegressor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ..activations import Activation
from ..initializers import Initializer
from ..losses import BaseLoss, as_loss, names_for
from ..optimizers import Optimizer
from ..schedules import Schedule
from .base import BaseMLP, is_stochastic
from .inputs import validate_rows
from .r_squared import r_squared


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor, compatible with `sklearn.neural_network.MLPRegressor`.

    With layers a⁰ = x, aˡ = f(aˡ⁻¹ Wˡ + bˡ), training minimizes the mean loss, weighted by `sample_weight` w, plus an
    L2 penalty::

        (Σᵢ wᵢ loss(aᴸ(xᵢ), yᵢ) + ½ α Σ W²) / Σᵢ wᵢ

    The default loss is ½ (aᴸ − y)². For several targets the reported loss is the mean over the targets, and the
    gradient is that of their sum, as in scikit-learn. The same `random_state` draws the same initial weights, shuffles
    and validation split as scikit-learn, and leads to the same model.

    Parameters
    ----------
    loss : str or Loss, default='squared_error'
        The loss function: 'squared_error', 'half_squared_error', 'sum_squared_error', 'absolute_error', 'huber',
        'log_cosh', 'quantile', or 'poisson', 'gamma', 'tweedie', which predict exp of the last layer; or an object such
        as ``Huber(delta=2.0)``, ``Quantile((0.1, 0.5, 0.9))`` or ``Loss(value, derivative)``.
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Number of units in each hidden layer. An empty list means no hidden layer, a number one hidden layer.
    activation : str, Activation or list of these, default='relu'
        Activation function of the hidden layers: one for all, or a list with one for each. By name: 'identity',
        'logistic', 'tanh', 'relu', 'leaky_relu', 'elu', 'selu', 'celu', 'gelu', 'gelu_tanh', 'silu', 'mish',
        'softplus', 'softsign', 'relu6', 'hard_sigmoid', 'hard_tanh', 'hard_swish'. As an object: ``LeakyReLU(0.1)``,
        ``Activation(f, derivative)``.
    solver : str or Optimizer, default='adam'
        The solver for weight optimization.

        - With mini-batches, by name: 'sgd' and 'adam' use the parameters below; 'momentum', 'nesterov', 'adagrad',
          'adadelta', 'rmsprop', 'amsgrad', 'adamax', 'nadam', 'radam', 'adamw', 'lion' and 'lamb' use
          `learning_rate_init` and the defaults of their papers.
        - With mini-batches, as an object with its own parameters: ``AdamW(1e-3, weight_decay=1e-2)``;
          ``LayerWise(Adam(), weight_rates=(0, 1))`` gives each layer a learning rate of its own, or freezes it.
        - With all rows in each step: 'lbfgs', 'newton-cg' (exact Hessian-vector products) and 'levenberg-marquardt'
          (squared errors of small networks).
    alpha : float or Schedule, default=0.0001
        Strength of the L2 regularization term, which covers weights but not biases. It is divided by the number of
        rows of the batch when added to the loss. A schedule is the strength as a function of the step; `LayerWise`
        gives layers, and biases, strengths of their own.
    batch_size : int or 'auto', default='auto'
        Size of mini-batches. 'auto' is ``min(200, n_samples)``. Not used by solvers with all rows in each step.
    learning_rate : {'constant', 'invscaling', 'adaptive'} or Schedule, default='constant'
        Learning rate schedule for weight updates.

        - 'constant' uses `learning_rate_init`.
        - 'invscaling' divides it by ``(rows seen + 1) ** power_t`` after each epoch.
        - 'adaptive' divides it by 5 each time the loss (or validation score) has not improved by `tol` for
          `n_iter_no_change` epochs.
        - A schedule such as ``OneCycle(1e-2)``, which lasts as long as the training, or ``OneCycle(1e-2, steps=1000)``
          replaces `learning_rate_init`, which must then keep its default.

        The three names are used by solvers named by a string other than 'adam', schedules by 'adam' too.
    learning_rate_init : float, default=0.001
        The initial learning rate of solvers named by a string.
    power_t : float, default=0.5
        The exponent of 'invscaling'.
    max_iter : int, default=200
        Maximum number of epochs; of iterations for solvers with all rows in each step.
    shuffle : bool, default=True
        Whether to shuffle the rows in each epoch.
    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initial weights, the validation split, shuffling and dropout.
    tol : float, default=1e-4
        Tolerance for the optimization. Training stops when the loss (or validation score) has not improved by at least
        `tol` for `n_iter_no_change` consecutive epochs.
    verbose : bool or 'progress', default=False
        Whether to print the loss of each epoch to stdout; 'progress' draws a bar in a terminal or notebook, with loss,
        validation, learning rate and the time left (by rich, if it is installed), and nothing in a pipe.
    warm_start : bool, default=False
        Whether `fit` continues from the solution of the previous call.
    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set aside `validation_fraction` of the rows, stop when their score is not improving, and restore the
        weights with the best score; see `scoring`. If `fit` is given validation data, that is used and no rows are set
        aside.
    validation_fraction : float, default=0.1
        The proportion of rows to set aside for early stopping, in [0, 1).
    beta_1, beta_2 : float, default=0.9, 0.999
        Exponential decay rates of the moment estimates in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Value for numerical stability in 'adam'.
    n_iter_no_change : int, default=10
        Maximum number of consecutive epochs without an improvement of at least `tol`.
    max_fun : int, default=15000
        Maximum number of loss function calls of 'lbfgs'.
    n_jobs : int or None, default=None
        Number of threads; the result has the same bits for any number.

        - None uses as many threads as make this training or prediction faster, at most the number of cores that the
          process may use. That number respects affinity, cgroup quotas, ``LOKY_MAX_CPU_COUNT``, ``OMP_NUM_THREADS``,
          ``threadpoolctl.threadpool_limits`` and ``joblib.parallel_config(n_jobs=...)``; workers of joblib,
          multiprocessing and thread pools use their share.
        - A positive number is the maximum number of threads (and at most 256, or all cores if there are more).
        - -1 uses all cores that the process may use, -2 all but one.
    output_activation : str or Activation, default=None
        Activation function of the output layer. None is the default of the loss for these targets.
    initializer : str or Initializer, default='sklearn'
        Distribution of the initial weights. 'sklearn' draws scikit-learn's numbers; if the hidden layers have different
        activations, the scale of each layer follows its own, and that of the output layer follows the last hidden one.
        Other names: 'glorot_uniform', 'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal',
        'orthogonal', 'uniform'. As an object: ``Uniform(-0.1, 0.1)``, ``Orthogonal(gain)``,
        ``GivenArrays(coefs, intercepts)``.
    weight_decay : float or Schedule, default=None
        Decoupled weight decay of the solvers that have one: 'adamw', 'lion', 'lamb'. None is the solver's default.
    l1 : float, default=0.0
        Strength of the L1 regularization term on weights, divided by the number of rows of the batch as `alpha` is.
        Weights become exactly zero by a proximal step after each update: w ← sign(w) max(|w| − τ, 0), with
        τ = η l1 / rows for plain gradient descent; see `fastmlp.regularization.Regularization` for other solvers.
    dropout : float, Schedule, or list of these, default=0.0
        Dropout rate of the outputs of hidden layers, in [0, 1): one for all layers, or a list with one for each. A
        schedule is the rate as a function of the step.
    input_dropout : float or Schedule, default=0.0
        Dropout rate of the inputs, in [0, 1).
    max_norm : float, default=None
        Maximum Euclidean norm of the weights into each unit. None is no limit.
    clip_norm : float, default=None
        Maximum Euclidean norm of the whole gradient. None is no limit.
    clip_value : float, default=None
        Maximum absolute value of each entry of the gradient. None is no limit.
    ema : float, default=None
        Decay in [0, 1) of an exponential moving average of all weights, such as 0.999: what is evaluated after each
        epoch, and kept in the end in place of the weights of the last step. Not supported by `partial_fit`.
    scoring : str or callable, default=None
        What is computed on the validation rows after each epoch, the greater the better. Only used with early stopping
        or with validation data.

        - None is R² for scikit-learn's losses ('squared_error' and 'poisson' with their default output activations),
          else 'loss'.
        - 'loss' is the negative loss without penalties.
        - The name of a scorer (see `sklearn.metrics.get_scorer_names`) or a callable ``scorer(estimator, X, y)``.
    validation_ties : {'first', 'last'}, default='first'
        Which of several epochs with the best validation score early stopping keeps.
    drop_last : bool, default=False
        Whether the last mini-batch of each epoch is left out if it has fewer than `batch_size` rows. Without `shuffle`
        its rows are never trained on.
    matmul_precision : {'float32', 'bfloat16_3x', 'bfloat16'}, default='float32'
        How many bits of each number products of matrices read, for models in float32 (X is float32). Sums, weights and
        everything else are float32.

        - 'bfloat16' is 8 significant bits.
        - 'bfloat16_3x' is a sum of two such numbers, 17 bits, nearly float32's 24.
        - Products with sparse X read all bits.

    Attributes
    ----------
    coefs_ : list of ndarray
        Weights of each layer, (fan_in, fan_out), in the dtype of X. Entries and arrays may be changed or replaced; the
        next prediction uses the new values.
    intercepts_ : list of ndarray
        Biases of each layer, (fan_out,). They may be changed like `coefs_`.
    loss_ : float
        The loss of the last epoch, or of the last step of a solver with all rows in each step.
    loss_curve_ : list of float
        The mean loss of each epoch. Not set by solvers with all rows in each step.
    best_loss_ : float or None
        The minimum of `loss_curve_`; None with early stopping.
    validation_loss_curve_ : list of float or None
        With early stopping or validation data, the loss on the validation rows after each epoch, without penalties.
    validation_scores_ : list of float or None
        With early stopping, or with validation data and `scoring`, the validation score after each epoch.
    best_validation_score_ : float or None
        With early stopping, the maximum of `validation_scores_`.
    validation_metric_ : str or None
        With validation rows, the kind of score: 'r2', 'neg_loss' or the name of the scorer.
    best_epoch_ : int or None
        With early stopping, the epoch of the last fit, counted from 1, whose weights were kept; 0 if they are those
        that it began with.
    n_iter_ : int
        The number of epochs (or iterations) of the last fit.
    t_ : int
        The number of rows seen by the solver in all epochs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had names that are all strings.
    n_layers_ : int
        Number of layers, the input included.
    n_outputs_ : int
        Number of outputs.
    out_activation_ : str or Activation
        Activation function of the output layer. It may be replaced, and is then used by predictions and by further
        training. As in scikit-learn, the delta of squared errors is then a − y, without the activation's derivative.

    Raises
    ------
    ValueError
        If the input is invalid; if a parameter has no effect with the chosen solver (scikit-learn's parameters with
        scikit-learn's solvers excepted); if training diverges; and by predictions after `loss` or `output_activation`
        was changed. A `fit` or `partial_fit` that is refused leaves the model unchanged.

    Notes
    -----
    Computations use the dtype of X, float32 or float64; other types are converted to float64. Sums of losses use
    float64.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors".
    Kingma and Ba (2014), "Adam: A method for stochastic optimization".

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from fastmlp import MLPRegressor
    >>> X, y = make_regression(n_samples=200, n_features=20, random_state=1)
    >>> model = MLPRegressor(random_state=1, max_iter=2000, tol=0.1).fit(X[:150], y[:150])
    >>> bool(model.score(X[150:], y[150:]) > 0.9)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(names_for("regressor"))), BaseLoss],
    }

    def __init__(
        self,
        loss: str | BaseLoss = "squared_error",
        hidden_layer_sizes: Sequence[int] | int = (100,),
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float | Schedule = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int | str = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_jobs: int | None = None,
        output_activation: str | Activation | None = None,
        initializer: str | Initializer = "sklearn",
        weight_decay: float | Schedule | None = None,
        l1: float = 0.0,
        dropout: float | Schedule | Sequence[float | Schedule] = 0.0,
        input_dropout: float | Schedule = 0.0,
        max_norm: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        validation_ties: str = "first",
        drop_last: bool = False,
        matmul_precision: str = "float32",
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.output_activation = output_activation
        self.initializer = initializer
        self.weight_decay = weight_decay
        self.l1 = l1
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.ema = ema
        self.scoring = scoring
        self.validation_ties = validation_ties
        self.drop_last = drop_last
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
        """Fit the model to data matrix X and targets y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        X_val : {array-like, sparse matrix} of shape (n_validation_samples, n_features), default=None
            Validation data, whose loss is computed after each epoch (see `validation_loss_curve_`). Early stopping
            decides by it and sets no rows of X aside. A `Pipeline` transforms it with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_validation_samples,) or (n_validation_samples, n_targets), default=None
            Its targets.
        sample_weight_val : array-like of shape (n_validation_samples,), default=None
            Its sample weights.

        Returns
        -------
        self : MLPRegressor
            The fitted model.
        """
        given = X_val, y_val, sample_weight_val
        return self._fit(X, y, sample_weight, incremental=False, given=given)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Update the model with a single epoch over the given data.

        Only available for solvers with mini-batches.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The target values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        self : MLPRegressor
            The updated model.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Predict target values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            The predicted values. With several quantiles the last axis is n_quantiles, in the order of the loss:
            (n_samples, n_quantiles) for one target, else (n_samples, n_targets, n_quantiles). Quantiles may cross,
            unless the loss is ``Quantile(…, crossing=False)``.
        """
        return self._from_one_state(MLPRegressor._predict, X)

    def _predict(self, X: Any) -> np.ndarray:
        outputs = self._forward(X)
        if outputs.shape[1] == 1:
            return outputs.ravel()
        each = self._by_target(outputs)
        return each.reshape(outputs.shape) if 1 in each.shape[1:] else each

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R² of the predictions; with several quantiles, of the middle one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            The true values.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        score : float
        """
        predicted = self._from_one_state(lambda model, X: model._middle(model._forward(X)), X)
        return float(r2_score(y, predicted, sample_weight=sample_weight))

    def _encode(self, X: Any, y: Any, incremental: bool, first: bool, classes: Any) -> tuple[Any, np.ndarray]:
        if sp.issparse(y):
            raise TypeError("y is sparse, but regression targets are dense: pass y.toarray().")
        X, y = validate_rows(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=first,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.dtype.kind not in "biuf":
            raise TypeError(f"y has dtype {y.dtype}, but regression targets are real numbers: convert y to floats.")
        with np.errstate(over="ignore"):
            encoded = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        if np.isnan(encoded).any():
            raise ValueError("y holds NaN (or None), but targets must be finite: drop such rows, or fill in numbers.")
        if not np.isfinite(encoded).all():
            raise ValueError(
                f"y holds {np.abs(y).max()}, too large for {X.dtype}, the type of the computation with this X: scale "
                "y, or pass X as float64."
            )
        n_outputs, output, loss = self._output(encoded.shape[1], first)
        loss.check(output, n_outputs, encoded)
        return X, encoded

    def _encode_known(self, X: Any, y: Any) -> tuple[Any, np.ndarray]:
        return self._encode(X, y, incremental=True, first=False, classes=None)

    def _targets(self, encoded: np.ndarray) -> np.ndarray:
        return encoded[:, 0] if encoded.shape[1] == 1 else encoded

    def _encode_plain(self, X: np.ndarray, y: Any, classes: Any) -> np.ndarray | None:
        plain = type(y) is np.ndarray and y.dtype.kind in "biuf" and y.dtype.itemsize <= 8 and 0 < y.ndim <= 2
        if not plain or y.shape[0] != X.shape[0] or y.shape[1:] == (1,):
            return None
        with np.errstate(over="ignore"):
            encoded = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        return encoded if np.isfinite(encoded).all() else None

    def _task(self, n_targets: int) -> tuple[str, int]:
        return "regression", n_targets

    def _by_target(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs as (n, n_targets, n_quantiles), or (n, n_targets, 1), arranged as the loss defines."""
        loss = as_loss(self.loss)
        n_targets = loss.n_targets(self.out_activation_, outputs.shape[1])
        return loss.arrange(outputs).reshape(len(outputs), n_targets, -1)

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """Return R² as `score` does; NaN if an output is not finite."""
        if not np.isfinite(outputs).all():
            return float("nan")
        with np.errstate(over="ignore"):  # of a training that diverges, which is reported as a whole
            return r_squared(y, self._middle(outputs), sample_weight)

    def _middle(self, outputs: np.ndarray) -> np.ndarray:
        """Return a prediction (n, n_targets) for each target; of several quantiles, the middle one."""
        each = self._by_target(outputs)
        return each[:, :, each.shape[2] // 2]
