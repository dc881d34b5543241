"""`Network`: a multi-layer perceptron on NumPy arrays, independent of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..activations import BaseActivation, as_written
from ..derivatives.hessian import Hessian
from ..derivatives.recorded_forward import RecordedForward
from ..engine.csc_input import rows_to_predict
from ..engine.dataset import Dataset, balance
from ..engine.matmul_precision import check_matmul_precision
from ..engine.prediction import predict
from ..initializers import Initializer, as_initializer
from ..losses import BaseLoss, as_loss
from ..training.full_batch_loss import FullBatch
from ..training.mean_loss import mean_loss
from .checks import (
    as_numbers,
    check_activations,
    check_dtype,
    check_inputs,
    check_layer_sizes,
    check_targets,
    check_weights,
)
from .training import NetworkTraining

#: Attributes that the kernels rely on.
_FIXED = ("layout", "dtype", "activations", "loss_function", "matmul_precision")


class Network(NetworkTraining):
    r"""A multi-layer perceptron whose parameters lie in one flat vector, with layers as views of it.

    With :math:`a^0 = x`, layer :math:`l` computes :math:`z^l = a^{l-1} W^l + b^l` and :math:`a^l = f^l(z^l)`, where
    each layer has its own activation :math:`f^l`; the outputs are :math:`a^L`. The loss is a mean over the rows,
    weighted by `sample_weight` if given:

    .. math:: \frac{\sum_i w_i \, \ell(a^L_i, y_i)}{\sum_i w_i}

    Parameters
    ----------
    layer_sizes : sequence of int
        Width of each layer: features, hidden layers, outputs.
    activations : sequence of (str or Activation)
        One for each layer after the input: 'identity', 'logistic', 'tanh', 'relu', 'exp', …; 'softmax' for outputs
        only.
    loss : str or BaseLoss
        'half_squared_error' (½ Σ (a − y)² over the outputs), 'sum_squared_error' (Σ (a − y)²), 'log_loss' (with
        logistic or softmax outputs), … Targets y have shape (n, n_outputs), or (n,) for one output. For 'log_loss' with
        softmax they are class numbers (n,), with logistic outputs 0 or 1. ('squared_error' is scikit-learn's loss of
        the estimators: for several outputs the reported loss is the mean, and the gradient is that of the sum.)
    dtype : {'float64', 'float32'}, default='float64'
        Type of parameters, results and arithmetic.
    matmul_precision : {'float32', 'bfloat16_3x', 'bfloat16'}, default='float32'
        How many bits of each number products of matrices read, in float32: all 24, 17 (a sum of two bfloat16 numbers)
        or 8. Sums, parameters and everything else are float32; products with sparse X read all bits.

    Attributes
    ----------
    params : ndarray of shape (n_params,)
        The weights of each layer, row by row, followed by its biases. Zeros before `initialize` or `set_weights`.
        Assigning to it copies the values.
    coefs : tuple of ndarray
        Weights of each layer, (fan_in, fan_out): views of `params`. Assigning to an entry copies the values.
    intercepts : tuple of ndarray
        Biases of each layer, (fan_out,): views of `params`. Assigning to an entry copies the values.
    layout : Layout
        Position of each layer in `params`.
    n_iter_, loss_, loss_curve_, validation_loss_curve_, best_epoch_, …
        Of the last `train`, which see; not there before.

    Raises
    ------
    TypeError, ValueError
        If a layer size, a name or the dtype is invalid, or the loss does not fit the last activation. Methods raise
        them if an argument has another shape, is not finite or is masked, or if targets are invalid for the loss.

    Notes
    -----
    `forward`, `loss`, `loss_and_gradients` and `train` use the compiled kernels, in blocks of rows. All other methods
    keep each layer's values for all rows of X in memory. X may be dense or sparse. Two networks are equal if they are
    the same object. Networks are copied and pickled as any object, subclasses with an `__init__` of their own and
    attributes that were added included; a copy, shallow or deep, has its own parameters.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors".

    Examples
    --------
    >>> from fastmlp import Network
    >>> from fastmlp.optimizers import SGD
    >>> net = Network([2, 2, 1], activations=["logistic", "logistic"], loss="half_squared_error")
    >>> net.set_weights([[[0.1, 0.5], [0.4, 0.3]], [[0.2], [0.6]]], [[0, 0], [0]])
    >>> X, y = [[0.23, 0.82]], [1]
    >>> net.forward(X).round(6), round(net.loss(X, y), 6)
    (array([[0.615607]]), 0.073879)
    >>> loss, coef_grads, intercept_grads = net.loss_and_gradients(X, y)
    >>> coef_grads[1].round(6)
    array([[-0.053381],
           [-0.053602]])
    >>> losses = net.train(X, y, SGD(0.7))
    >>> net.coefs[1].round(4)
    array([[0.2374],
           [0.6375]])
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activations: Sequence[str | BaseActivation],
        loss: str | BaseLoss,
        dtype: Any = "float64",
        matmul_precision: str = "float32",
    ) -> None:
        layer_sizes = check_layer_sizes(layer_sizes)
        activations = check_activations(activations, len(layer_sizes) - 1)
        loss = as_loss(loss)
        loss.check(activations[-1], layer_sizes[-1])
        dtype = check_dtype(dtype)
        precision = check_matmul_precision(matmul_precision, dtype, "pass dtype='float32'")
        super().__init__(layer_sizes, activations, loss, dtype)
        self.matmul_precision = precision

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse changes of layout, dtype and functions, which the kernels rely on."""
        if name in _FIXED and name in self.__dict__:
            raise AttributeError(f"{name} of a Network cannot be changed: create another one, and set its weights.")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name == "params" or name in _FIXED:
            raise AttributeError(f"{name} of a Network cannot be deleted.")
        super().__delattr__(name)

    # Parameters

    def set_weights(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None:
        """Copy weights and biases into `params`.

        Parameters
        ----------
        coefs : sequence of array-like
            Weights of each layer, (fan_in, fan_out).
        intercepts : sequence of array-like
            Biases of each layer, (fan_out,).

        Examples
        --------
        >>> net = Network([2, 1], ["identity"], "half_squared_error")
        >>> net.set_weights([[[1], [2]]], [[3]])
        >>> net.params
        array([1., 2., 3.])
        """
        self.check_memory()
        self.layout.check(coefs, intercepts, ("coefs", "intercepts"))
        new_coefs, new_intercepts = (
            [np.array(as_numbers(f"{name}[{number}]", array, self.dtype)) for number, array in enumerate(given)]
            for name, given in (("coefs", coefs), ("intercepts", intercepts))
        )
        self.layout.fill(self.params, new_coefs, new_intercepts)  # copies: the arguments may be views of `params`

    def initialize(self, initializer: str | Initializer = "sklearn", random_state: Any = None) -> None:
        """Draw all parameters.

        Parameters
        ----------
        initializer : str or Initializer, default='sklearn'
            'sklearn' (as scikit-learn and the estimators: the scale of each hidden layer follows its activation, and
            that of the output layer follows the last hidden one), 'glorot_uniform', 'he_normal', …, or an object such
            as ``Uniform(-1, 1)``; see `fastmlp.initializers`.
        random_state : int, RandomState or None, default=None
            A seed or a generator.

        Examples
        --------
        >>> net = Network([2, 1], ["identity"], "half_squared_error")
        >>> net.initialize("glorot_uniform", random_state=0)
        >>> net.params.round(3)
        array([0.138, 0.609, 0.   ])
        """
        self.check_memory()
        hidden = [activation.name for activation in self.activations[:-1]]
        drawn = self.params.copy()  # an initializer of a user may raise after the first layer
        as_initializer(initializer)(self.layout, hidden or self.activations[0].name, random_state, drawn)
        self.params = drawn

    # Values

    def forward(self, X: Any) -> np.ndarray:
        """Compute the outputs.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
            The activations a^L of the last layer.
        """
        X = check_inputs(X, self, formats=("csr", "csc"))
        return predict(self, rows_to_predict(X, self.layout.layer_sizes[1], self.dtype, checked=True))

    def activations_of(self, X: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Compute pre-activations and activations of every layer after the input.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        pre_activations : list of ndarray
            z of each layer, (n, width).
        activations : list of ndarray
            a = f(z) of each layer, (n, width).

        Examples
        --------
        >>> net = Network([1, 2, 1], ["relu", "identity"], "half_squared_error")
        >>> net.set_weights([[[1, -1]], [[1], [1]]], [[0, 0.5], [0]])
        >>> pre_activations, activations = net.activations_of([[2.0]])
        >>> pre_activations
        [array([[ 2. , -1.5]]), array([[2.]])]
        >>> activations
        [array([[2., 0.]]), array([[2.]])]
        """
        trace = RecordedForward(self, check_inputs(X, self))
        return trace.pre_activations, trace.outputs

    def loss(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the mean loss over the rows, Σ wᵢ lossᵢ / Σ wᵢ, without gradients.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_outputs)
            Target values, or class numbers; see `Network`.
        sample_weight : array-like of shape (n,), default=None
            Weights w of the rows; None is 1 for each.

        Returns
        -------
        loss : float
        """
        X, y, weights = self._checked(X, y, sample_weight)
        return mean_loss(self, Dataset(X, y, weights, self.dtype))

    # First derivatives

    def loss_and_gradients(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
        """Compute the mean loss and its gradient with respect to all parameters.

        Parameters
        ----------
        X, y, sample_weight
            As in `loss`.

        Returns
        -------
        loss : float
        coef_grads : list of ndarray
            d loss / d W of each layer, in the shapes of `coefs`.
        intercept_grads : list of ndarray
            d loss / d b of each layer, in the shapes of `intercepts`.
        """
        X, y, weights = self._checked(X, y, sample_weight)
        loss, gradient = FullBatch(self, Dataset(X, y, weights, self.dtype), l2=0.0)(self.params)
        return loss, self.layout.coefs(gradient), self.layout.intercepts(gradient)

    def input_gradients(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Compute the gradient of the mean loss with respect to the inputs.

        Parameters
        ----------
        X, y, sample_weight
            As in `loss`.

        Returns
        -------
        gradients : ndarray of shape (n, n_features)
            d loss / d X.
        """
        X, y, weights = self._checked(X, y, sample_weight)
        trace = RecordedForward(self, X)
        weights = _normalize(weights, len(y), self.dtype)
        gradients: np.ndarray = trace.pull_back(trace.loss_delta(y, weights))[0] @ self.coefs[0].T
        return gradients

    def backward(self, X: Any, output_delta: Any) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Propagate derivatives with respect to the outputs backward: a vector-Jacobian product for each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
        output_delta : array-like of shape (n, n_outputs)
            d s / d a^L of a scalar s, with respect to the outputs that `forward` returns.

        Returns
        -------
        coef_grads : list of ndarray
            d s / d W of each layer, summed over the rows, in the shapes of `coefs`.
        intercept_grads : list of ndarray
            d s / d b of each layer, summed over the rows, in the shapes of `intercepts`.
        input_gradients : ndarray of shape (n, n_features)
            d s / d X.

        Examples
        --------
        The gradient of the output itself, in a chain of three ReLU units:

        >>> net = Network([1, 1, 1, 1], ["relu", "relu", "relu"], "half_squared_error")
        >>> net.set_weights([[[0.1]], [[-0.2]], [[-0.1]]], [[0], [0.1], [0.2]])
        >>> coef_grads, intercept_grads, input_gradients = net.backward([[1]], [[1]])
        >>> [grad.item() for grad in intercept_grads]
        [0.020000000000000004, -0.1, 1.0]
        """
        X = check_inputs(X, self)
        n_outputs = self.layout.layer_sizes[-1]
        output_delta = as_numbers("output_delta", output_delta, self.dtype)
        if output_delta.shape != (X.shape[0], n_outputs):
            raise ValueError(
                f"output_delta must have shape {(X.shape[0], n_outputs)}, one number for each row of X and each "
                f"output, got {output_delta.shape}."
            )
        trace = RecordedForward(self, X)
        deltas = trace.pull_back(trace.output_delta(output_delta))
        gradient = trace.gradient(deltas)
        return self.layout.coefs(gradient), self.layout.intercepts(gradient), deltas[0] @ self.coefs[0].T

    def jacobian(self, X: Any) -> np.ndarray:
        """Compute the Jacobian matrix of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)

        Returns
        -------
        jacobian : ndarray of shape (n, n_outputs, n_features)
            d output / d input.

        Examples
        --------
        >>> net = Network([2, 1], ["exp"], "half_squared_error")
        >>> net.set_weights([[[3], [5]]], [[0]])
        >>> net.jacobian([[0, 0]])
        array([[[3., 5.]]])
        """
        X = check_inputs(X, self)
        trace, n_outputs = RecordedForward(self, X), self.layout.layer_sizes[-1]
        each = np.broadcast_to(np.eye(n_outputs, dtype=self.dtype), (X.shape[0], n_outputs, n_outputs))
        jacobian: np.ndarray = trace.pull_back(trace.output_delta(each))[0] @ self.coefs[0].T
        return jacobian

    # Second derivatives

    def hessian_vector_product(self, X: Any, y: Any, v: Any, sample_weight: Any = None) -> np.ndarray:
        """Compute H v exactly, for the Hessian H of the mean loss with respect to `params`.

        It costs about as much as two gradients.

        Parameters
        ----------
        X, y, sample_weight
            As in `loss`.
        v : array-like of shape (n_params,)
            A direction, in the order of `params`.

        Returns
        -------
        product : ndarray of shape (n_params,)

        Raises
        ------
        ValueError
            If an activation or the loss has no second derivative, among others.

        References
        ----------
        Pearlmutter (1994), "Fast exact multiplication by the Hessian".

        Examples
        --------
        The Hessian of half the squared error of a linear unit is [[x², x], [x, 1]]:

        >>> net = Network([1, 1], ["identity"], "half_squared_error")
        >>> net.hessian_vector_product([[3]], [0], [1, 0])
        array([9., 3.])
        """
        X, y, weights = self._checked(X, y, sample_weight)
        v = as_numbers("v", v, self.dtype)
        if v.shape != self.params.shape:
            raise ValueError(f"v must have the shape of params, {self.params.shape}, got {v.shape}.")
        product: np.ndarray = Hessian(self, X, y, np.ones(len(y), self.dtype) if weights is None else weights) @ v
        return product

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Return inputs, targets and weights as the kernels read them."""
        X = check_inputs(X, self)
        weights = check_weights(sample_weight, X.shape[0], self.dtype)
        if weights is not None:  # a loss is a weighted mean, so only their ratios count
            weights = balance(weights)[0].astype(self.dtype, copy=False)
        return X, check_targets(y, X.shape[0], self), weights

    # As an object

    def __repr__(self) -> str:
        activations = ", ".join(map(as_written, self.activations))
        named = self.matmul_precision != "float32"
        precision = f", matmul_precision={self.matmul_precision!r}" if named else ""
        return (
            f"{type(self).__name__}({self.layout.layer_sizes}, activations=[{activations}], "
            f"loss={self.loss_function.as_written()}, dtype={self.dtype.name!r}{precision})"
        )


def _normalize(weights: np.ndarray | None, n_rows: int, dtype: np.dtype) -> np.ndarray:
    """Return the weights divided by their sum, w / Σ w."""
    weights = np.ones(n_rows, dtype) if weights is None else weights
    normalized: np.ndarray = weights / weights.sum(dtype=np.float64)
    return normalized.astype(dtype)
