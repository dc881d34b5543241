"""`MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from ._estimator import BaseMLP, is_stochastic


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor: `sklearn.neural_network.MLPRegressor`, compiled from end to end.

    With layers a⁰ = x, aˡ = f(aˡ⁻¹ Wˡ + bˡ), it minimises by mini-batches half the squared error, or half the Poisson
    deviance of exp(output), plus an L2 penalty::

        loss = (Σᵢ wᵢ ½ (ŷᵢ − yᵢ)² + ½ α Σ W²) / Σᵢ wᵢ

    For several targets the reported loss is the mean over them and the gradient that of the sum, as in scikit-learn.
    The same `random_state` draws scikit-learn's weights, shuffles and splits, and gives the same model.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        'poisson' predicts exp(output) and needs y ≥ 0.
    hidden_layer_sizes : array-like of int, default=(100,)
        Width of each hidden layer; an empty list is no hidden layer, a number is one.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Of the hidden layers.
    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        'lbfgs' uses all rows at each step, the others go batch by batch.
    alpha : float, default=0.0001
        Strength of the L2 penalty on weights (not on biases), divided by the rows of the batch.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch; 'auto' is min(200, n).
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        For 'sgd': constant; divided by (rows seen + 1) ** power_t; or a fifth at each plateau.
    learning_rate_init : float, default=0.001
        First learning rate of 'sgd' and 'adam'.
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
        the weights that scored best (R²).
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
        Threads: None is 1, -1 all cores. The result has the same bits for any number; a net too small to share its
        work uses one.

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
        R² on the rows set aside, with early stopping.
    n_iter_, t_ : int
        Epochs of the last fit; rows seen since the first.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Raises
    ------
    ValueError
        For input that cannot be fitted, and when training diverges.

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
        "loss": [StrOptions({"squared_error", "poisson"})],
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
        """Go once over the rows, from where the last call ended. Absent when the solver is 'lbfgs'.

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
        """The value of each row, or its values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_targets)
        """
        outputs = self._forward(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _encode(self, X: Any, y: Any, incremental: bool, reset: bool) -> tuple[Any, np.ndarray]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True,
            dtype=(np.float64, np.float32), reset=reset,
        )  # fmt: skip
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and np.any(y < 0):
            raise ValueError(
                f"loss='poisson' needs targets y >= 0, got a smallest of {np.min(y)}; use loss='squared_error'."
            )
        with np.errstate(over="ignore"):
            encoded = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        if not np.isfinite(encoded).all():
            raise ValueError(
                f"y reaches {np.abs(y).max()}, too large for the {X.dtype} that X is computed in: "
                "scale y, or give X as float64."
            )
        return X, encoded

    def _output(self, n_targets: int) -> tuple[int, str, str]:
        return n_targets, "exp" if self.loss == "poisson" else "identity", self.loss

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None) -> float:
        """R²; NaN where an output is not finite."""
        if not np.isfinite(outputs).all():
            return float("nan")
        return float(r2_score(y, outputs, sample_weight=sample_weight))
