"""`MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ..losses import BaseLoss, as_loss, names_for
from .base import BaseMLP, is_stochastic
from .frames import validate_rows


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: `sklearn.neural_network.MLPRegressor`, compiled from end to end.

    With layers a⁰ = x, aˡ = f(aˡ⁻¹ Wˡ + bˡ), it minimises by mini-batches half the squared error, or half the Poisson
    deviance of exp(output), plus an L2 penalty::

        loss = (Σᵢ wᵢ ½ (ŷᵢ − yᵢ)² + ½ α Σ W²) / Σᵢ wᵢ

    For several targets the reported loss is the mean over them and the gradient that of the sum, as in scikit-learn.
    The same `random_state` draws scikit-learn's weights, shuffles and splits, and gives the same model.

    Parameters
    ----------
    loss : str or Loss, default='squared_error'
        'squared_error', 'half_squared_error', 'sum_squared_error', 'absolute_error', 'huber', 'log_cosh', 'quantile',
        'poisson', 'gamma', 'tweedie' (these three predict exp(output)), or an object: ``Huber(delta=2.0)``,
        ``Quantile((0.1, 0.5, 0.9))``, ``Loss(value, derivative)``.
    hidden_layer_sizes : array-like of int, default=(100,)
        Width of each hidden layer; an empty list is no hidden layer, a number is one.
    activation : str, Activation or list of these, default='relu'
        Of the hidden layers: one for all, or one for each. 'identity', 'logistic', 'tanh', 'relu', 'leaky_relu', 'elu',
        'selu', 'celu', 'gelu', 'gelu_tanh', 'silu', 'mish', 'softplus', 'softsign', 'relu6', 'hard_sigmoid',
        'hard_tanh', 'hard_swish', or an object: ``LeakyReLU(0.1)``, ``Activation(f, derivative)``.
    solver : str or Optimizer, default='adam'
        Batch by batch: 'sgd', 'adam' (with the parameters below), 'momentum', 'nesterov', 'adagrad', 'adadelta',
        'rmsprop', 'amsgrad', 'adamax', 'nadam', 'radam', 'adamw', 'lion', 'lamb' (with `learning_rate_init` and
        their papers' numbers), or an object with numbers of its own: ``AdamW(1e-3, weight_decay=1e-2)``. On all rows at
        each step: 'lbfgs', 'newton-cg' (exact Hessian-vector products), 'levenberg-marquardt' (squared errors of
        small networks).
    alpha : float, default=0.0001
        Strength of the L2 penalty on weights (not on biases), divided by the rows of the batch.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is min(200, n).
    learning_rate : {'constant', 'invscaling', 'adaptive'} or Schedule, default='constant'
        For solvers named by a string but 'adam': constant; divided by (rows seen + 1) ** power_t; or a fifth at each
        plateau. A schedule, such as ``OneCycle(1e-2, steps=1000)``, is for 'adam' too, and stands
        in place of `learning_rate_init`: another value than its default beside it is refused.
    learning_rate_init : float, default=0.001
        First learning rate of every solver that is named by a string.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Epochs at the most ('lbfgs': iterations).
    shuffle : bool, default=True
        Whether to draw a new order of the rows in each epoch.
    random_state : int, RandomState instance or None, default=None
        Initial weights, split and shuffles.
    tol : float, default=1e-4
        An epoch that improves loss (or validation score) by less is no improvement.
    verbose : bool, default=False
        Whether to print the loss of each epoch.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    momentum : float, default=0.9
        For 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether the momentum looks ahead.
    early_stopping : bool, default=False
        Whether to set `validation_fraction` of the rows aside, stop when their score no longer improves, and keep
        the weights that scored best: by R² with the losses that scikit-learn has ('squared_error' and 'poisson', with
        their own output activation), and with every other one by that loss itself, without penalties.
    validation_fraction : float, default=0.1
        In [0, 1).
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of Adam's moments, in [0, 1).
    epsilon : float, default=1e-8
        Keeps Adam's denominator from zero.
    n_iter_no_change : int, default=10
        Epochs without improvement that are put up with.
    max_fun : int, default=15000
        Evaluations of the loss at the most, for 'lbfgs'.
    n_jobs : int or None, default=None
        Threads; the result has the same bits for any number. None is as many as pay for this network and these rows
        (one where the work is small), as scikit-learn's BLAS would take them: of the cores that the process may use
        (affinity, cgroup quota, ``LOKY_MAX_CPU_COUNT``), within ``OMP_NUM_THREADS``,
        ``threadpoolctl.threadpool_limits`` and ``joblib.parallel_config(n_jobs=...)``; in a worker of joblib,
        of multiprocessing or of a thread pool its share of them, or one. 1 is one thread, a larger number at most so
        many (and at most 256, or all cores if there are more), -1 all cores that the process may use, -2 all but one.
    output_activation : str or Activation, default=None
        Of the output layer; None is the one that goes with loss and targets.
    initializer : str or Initializer, default='sklearn'
        Initial weights: 'sklearn' draws scikit-learn's numbers (of several activations each layer has the scale of its
        own, the output layer that of the last hidden one); 'glorot_uniform', 'glorot_normal', 'he_uniform',
        'he_normal', 'lecun_uniform', 'lecun_normal', 'orthogonal', 'uniform', or an object: ``Uniform(-0.1, 0.1)``.
    weight_decay : float, default=None
        Decoupled decay, for the solvers that have one ('adamw', 'lion', 'lamb'); None is their own.
    l1 : float, default=0.0
        Strength of the L1 penalty on weights, divided by the rows of the batch as `alpha` is. Weights that nothing
        needs become exactly zero, by a proximal step after each update: w ← sign(w) max(|w| − τ, 0), with
        τ = η l1 / rows for plain descent; see `fastmlp.regularization.Regularization` for other solvers.
    dropout : float or list of float, default=0.0
        Rate at which outputs of hidden layers are left out in training, in [0, 1): one for all, or one for each.
    input_dropout : float, default=0.0
        The same for inputs.
    max_norm : float, default=None
        Longest vector of weights that comes into a unit.
    clip_norm, clip_value : float, default=None
        Largest norm of the whole gradient; largest size of each of its entries.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Weights (fan_in, fan_out) and biases (fan_out,) of each layer, in the type of X. They may be edited or
        replaced: the next prediction uses what they hold then.
    loss_ : float
        Loss of the last epoch, of the last step of 'lbfgs'.
    loss_curve_ : list of float
        Mean loss of each epoch.
    best_loss_ : float or None
        The smallest of them; None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        With early stopping: after each epoch, and at best, R² on the rows set aside or the negative of their loss; the
        greater the better.
    validation_metric_ : {'r2', 'neg_loss'} or None
        Which of the two they are.
    n_iter_, t_ : int
        Epochs of the last fit; rows seen since the first.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn: `out_activation_`, too, may be set by hand, and then holds for predictions and for training
        that goes on (the delta of squared errors is a − y behind it, whatever its derivative).

    Raises
    ------
    ValueError
        For input that cannot be fitted, for parameters that have no effect beside the solver (scikit-learn's own
        solvers and numbers excepted), for predictions after `loss` or `output_activation` was set anew, and when
        training diverges. A fit that is refused leaves the model as it was.

    Notes
    -----
    Arithmetic is in the type of X, float32 or float64 (everything else becomes float64); sums of losses in float64.

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

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(names_for("regressor"))), BaseLoss],
    }

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_jobs=None,
        output_activation=None,
        initializer="sklearn",
        weight_decay=None,
        l1=0.0,
        dropout=0.0,
        input_dropout=0.0,
        max_norm=None,
        clip_norm=None,
        clip_value=None,
    ):
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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self : MLPRegressor
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Go once over the rows, from where the last call ended. Absent for solvers on all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self : MLPRegressor
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """The value of each row, or its values; with several quantiles those of each value, from low to high.

        They may cross, unless the loss is ``Quantile(…, crossing=False)``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_targets); (n, n_quantiles) or (n, n_targets, n_quantiles) with several
        """
        model = self._as_it_is()
        outputs = model._forward(X)
        if outputs.shape[1] == 1:
            return outputs.ravel()
        each = model._by_target(outputs)
        return each.reshape(outputs.shape) if 1 in each.shape[1:] else each

    def score(self, X, y, sample_weight=None):
        """R² of the predictions; with several quantiles, of the middle one.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_targets)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        score : float
        """
        model = self._as_it_is()
        each = model._by_target(model._forward(X))
        return float(r2_score(y, each[:, :, each.shape[2] // 2], sample_weight=sample_weight))

    def _encode(self, X: Any, y: Any, incremental: bool, first: bool, classes: Any) -> tuple[Any, np.ndarray]:
        X, y = validate_rows(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=first,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.dtype.kind not in "biuf":
            raise TypeError(f"y holds {y.dtype}, but a regressor's targets are real numbers: convert y to floats.")
        with np.errstate(over="ignore"):
            encoded = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        if np.isnan(encoded).any():
            raise ValueError("y holds NaN (or None): targets must be finite numbers; drop or fill in such rows.")
        if not np.isfinite(encoded).all():
            raise ValueError(
                f"y reaches {np.abs(y).max()}, too large for the {X.dtype} that X is computed in: "
                "scale y, or give X as float64."
            )
        n_outputs, output, loss = self._output(encoded.shape[1], first)
        loss.check(output, n_outputs, encoded)
        return X, encoded

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
        """(n, n_targets, outputs for each target): one, or as many as quantiles, in order if the loss wants them so."""
        loss = as_loss(self.loss)
        n_targets = loss.n_targets(self.out_activation_, outputs.shape[1])
        return loss.arrange(outputs).reshape(len(outputs), n_targets, -1)

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """R², of the middle one of several quantiles; NaN where an output is not finite."""
        if not np.isfinite(outputs).all():
            return float("nan")
        each = self._by_target(outputs)
        return float(r2_score(y, each[:, :, each.shape[2] // 2], sample_weight=sample_weight))
