"""`Network`: the multi-layer perceptron in NumPy terms, with no scikit-learn in sight."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..activations import Activation
from ..derivatives.hessian import Hessian
from ..derivatives.recorded_forward import RecordedForward
from ..engine.csc_input import rows_to_predict
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.prediction import predict
from ..initializers import Initializer, as_initializer, as_random_state
from ..losses import BaseLoss, as_loss
from ..optimizers import Optimizer, RunningOptimizer, as_optimizer
from ..training.config import TrainingConfig, TrainingState
from ..training.epoch import EpochRunner
from ..training.full_batch_loss import FullBatch
from ..training.mean_loss import mean_loss
from ..training.minibatch import DivergenceError, train
from ..training.progress import Progress
from .validation import (
    as_numbers,
    check_activations,
    check_count,
    check_dtype,
    check_inputs,
    check_layer_sizes,
    check_targets,
    check_weights,
)


class Network(TrainableModel):
    r"""A multi-layer perceptron: every parameter in one flat vector, layers as views of it.

    With :math:`a^0 = x`, layer :math:`l` computes :math:`z^l = a^{l-1} W^l + b^l` and :math:`a^l = f^l(z^l)`, each
    layer with an activation of its own; the outputs are :math:`a^L`. The loss is a mean over the rows, weighted if
    weights are given:

    .. math:: \sum_i w_i \, \ell(a^L_i, y_i) \Big/ \sum_i w_i

    Parameters
    ----------
    units : sequence of int
        Width of every layer: features, hidden layers, outputs.
    activations : sequence of (str or Activation)
        One for each layer but the input: 'identity', 'logistic', 'tanh', 'relu', 'exp', …; 'softmax' for outputs.
    loss : str or BaseLoss
        'half_squared_error' (½ Σ (a − y)² over the outputs), 'sum_squared_error' (Σ (a − y)²), 'log_loss' (behind
        logistic or softmax), … A loss on values takes y of shape (n, n_outputs), or (n,) for one output; behind
        softmax 'log_loss' takes class numbers (n,), behind logistic 0 and 1. ('squared_error' is scikit-learn's,
        for the estimators: of several outputs it reports the mean and descends the sum.)
    dtype : {'float64', 'float32'}, default='float64'
        Parameters, results and arithmetic.

    Attributes
    ----------
    params : ndarray of shape (n_params,)
        Each layer's weights, row by row, then its biases. Zeros before `initialize` or `set_weights`. Assigning copies
        into it.
    coefs, intercepts : tuple of ndarray
        Views of `params`: (fan_in, fan_out) and (fan_out,) for each layer. Assigning to an entry copies into it.
    layout : Layout
        Where each layer lies in `params`.

    Raises
    ------
    TypeError, ValueError
        If a width, a name or the type makes no sense, or the loss does not go with the last activation. By every
        method, if an argument has another shape, is not finite, is masked, or has no meaning for the loss.

    Notes
    -----
    `forward`, `loss`, `loss_and_gradients` and `train` run on the compiled kernels, in blocks of rows. Everything else
    keeps each layer's values for all rows of X while it works. X may be dense or sparse. Two networks are equal if
    they are the same object; a copy, deep or not, has parameters of its own.

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
        activations: Sequence[str | Activation],
        loss: str | BaseLoss,
        dtype: Any = "float64",
    ) -> None:
        layer_sizes = check_layer_sizes(layer_sizes)
        activations = check_activations(activations, len(layer_sizes) - 1)
        loss = as_loss(loss)
        loss.check(activations[-1], layer_sizes[-1])
        super().__init__(layer_sizes, activations, loss, check_dtype(dtype))

    def __setattr__(self, name: str, value: Any) -> None:
        """Shape, type and functions stay: the kernels trust them."""
        if name in ("layout", "dtype", "activations", "loss_function") and name in self.__dict__:
            raise AttributeError(f"{name} of a Network cannot be changed: make another one, and set its weights.")
        super().__setattr__(name, value)

    # Parameters

    def set_weights(self, coefs: Sequence, intercepts: Sequence) -> None:
        """Copy weights and biases into `params`.

        Parameters
        ----------
        coefs : sequence of array-like
            (fan_in, fan_out) for each layer.
        intercepts : sequence of array-like
            (fan_out,) for each layer.

        Examples
        --------
        >>> net = Network([2, 1], ["identity"], "half_squared_error")
        >>> net.set_weights([[[1], [2]]], [[3]])
        >>> net.params
        array([1., 2., 3.])
        """
        self.check_memory()
        self.layout.check(coefs, intercepts)
        arrays = [
            [np.array(as_numbers(f"{name}[{number}]", array, self.dtype)) for number, array in enumerate(given)]
            for name, given in (("coefs", coefs), ("intercepts", intercepts))
        ]
        self.layout.fill(self.params, *arrays)  # copies: they may be views of these very parameters

    def initialize(self, initializer: str | Initializer = "sklearn", random_state: Any = None) -> None:
        """Draw all parameters anew.

        Parameters
        ----------
        initializer : str or Initializer
            'sklearn' (scikit-learn's habit, and the estimators': each hidden layer has the scale of its own activation,
            and the output layer that of the last hidden one), 'glorot_uniform', 'he_normal', …, or an object such as
            ``Uniform(-1, 1)``; see `fastmlp.initializers`.
        random_state : int, RandomState or None
            A seed, or what to draw from.

        Examples
        --------
        >>> net = Network([2, 1], ["identity"], "half_squared_error")
        >>> net.initialize("glorot_uniform", random_state=0)
        >>> net.params.round(3)
        array([0.138, 0.609, 0.   ])
        """
        self.check_memory()
        hidden = [activation.name for activation in self.activations[:-1]]
        as_initializer(initializer)(self.layout, hidden or self.activations[0].name, random_state, self.params)

    # Values

    def forward(self, X: Any) -> np.ndarray:
        """The outputs a^L, (n, n_outputs), for inputs X (n, n_features)."""
        X = check_inputs(X, self, formats=("csr", "csc"))
        return predict(self, rows_to_predict(X, self.layout.layer_sizes[1], self.dtype, checked=True))

    def activations_of(self, X: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What every unit of every layer computes.

        Returns
        -------
        pre_activations, activations : list of ndarray
            z and a = f(z), (n, units of the layer), for each layer but the input.

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
        """The mean loss over the rows, Σ wᵢ lossᵢ / Σ wᵢ: a forward pass, and no gradient.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
        y : array-like of shape (n,) or (n, n_outputs)
            Values, or class numbers; see the class.
        sample_weight : array-like of shape (n,), optional
            How much each row counts; ones if left out.
        """
        X, y, weights = self._checked(X, y, sample_weight)
        return mean_loss(self, Dataset(X, y, weights, self.dtype))

    # First derivatives

    def loss_and_gradients(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
        """The mean loss and its derivative with respect to every parameter; arguments as in `loss`.

        Returns
        -------
        loss : float
        coef_grads, intercept_grads : list of ndarray
            In the shapes of `coefs` and `intercepts`.
        """
        X, y, weights = self._checked(X, y, sample_weight)
        loss, gradient = FullBatch(self, Dataset(X, y, weights, self.dtype), l2=0.0)(self.params)
        return loss, self.layout.coefs(gradient), self.layout.intercepts(gradient)

    def input_gradients(self, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """d loss / d X, (n, n_features), of the mean loss; arguments as in `loss`."""
        X, y, weights = self._checked(X, y, sample_weight)
        trace = RecordedForward(self, X)
        weights = _share(weights, len(y), self.dtype)
        return trace.pull_back(trace.loss_delta(y, weights))[0] @ self.coefs[0].T

    def backward(self, X: Any, output_delta: Any) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Pull derivatives with respect to the outputs back through the network: one vector-Jacobian product a row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
        output_delta : array-like of shape (n, n_outputs)
            d s / d a of some number s: with respect to what `forward` returns, behind the last activation.

        Returns
        -------
        coef_grads, intercept_grads : list of ndarray
            d s / d W and d s / d b: sums over the rows, in the shapes of `coefs` and `intercepts`.
        input_gradients : ndarray of shape (n, n_features)
            d s / d X.

        Examples
        --------
        The output's own gradient, in a chain of three ReLUs:

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
                f"output_delta must have shape {(X.shape[0], n_outputs)}, a number for each row of X and each output, "
                f"got {output_delta.shape}."
            )
        trace = RecordedForward(self, X)
        deltas = trace.pull_back(trace.output_delta(output_delta))
        gradient = trace.gradient(deltas)
        return self.layout.coefs(gradient), self.layout.intercepts(gradient), deltas[0] @ self.coefs[0].T

    def jacobian(self, X: Any) -> np.ndarray:
        """d output / d input of every row, (n, n_outputs, n_features): all outputs are pulled back together.

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
        return trace.pull_back(trace.output_delta(each))[0] @ self.coefs[0].T

    # Second derivatives

    def hessian_vector_product(self, X: Any, y: Any, v: Any, sample_weight: Any = None) -> np.ndarray:
        """H v for the Hessian H of the mean loss with respect to `params`: exact, for about the price of two gradients.

        Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".

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
            Also if an activation or the loss has no second derivative.

        Examples
        --------
        Half the squared error of a linear unit has the Hessian [[x², x], [x, 1]]:

        >>> net = Network([1, 1], ["identity"], "half_squared_error")
        >>> net.hessian_vector_product([[3]], [0], [1, 0])
        array([9., 3.])
        """
        X, y, weights = self._checked(X, y, sample_weight)
        v = as_numbers("v", v, self.dtype)
        if v.shape != self.params.shape:
            raise ValueError(f"v must have shape {self.params.shape}, as params has, got {v.shape}.")
        return Hessian(self, X, y, np.ones(len(y), self.dtype) if weights is None else weights) @ v

    # Training

    def train(
        self,
        X: Any,
        y: Any,
        optimizer: str | Optimizer | RunningOptimizer,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: bool = False,
        sample_weight: Any = None,
        random_state: Any = None,
    ) -> list[float]:
        """Change `params` by mini-batch steps.

        Parameters
        ----------
        X, y, sample_weight
            As in `loss`.
        optimizer : str, Optimizer or RunningOptimizer
            A name or settings, such as ``SGD(0.7)``, begin anew; with ``running = Adam().begin()`` the next call goes
            on where this one ended.
        epochs : int, default=1
            Passes over the rows.
        batch_size : int, optional
            Rows of a step; all of them if left out.
        shuffle : bool, default=False
            Whether each epoch goes through the rows in a new order.
        random_state : int, RandomState or None
            What the order is drawn from.

        Returns
        -------
        losses : list of float
            For each epoch the mean of its batches' losses, each as it was before the batch's step.

        Raises
        ------
        ValueError
            Also if the parameters became infinite or NaN.

        Warns
        -----
        UserWarning
            If Ctrl-C ended it early; the parameters are those of the last step. If a loss came out infinite or NaN
            while the parameters stayed finite.
        """
        if not isinstance(optimizer, str | Optimizer | RunningOptimizer):
            raise TypeError(f"optimizer must be a name or an object such as SGD(0.1), got {optimizer!r}.")
        if not self.params.flags.writeable:
            raise ValueError("The parameters are read-only: set params.flags.writeable = True to train them.")
        check_count("epochs", epochs)
        check_count("batch_size", 1 if batch_size is None else batch_size)
        settings = as_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
        if (schedule := settings.begin().schedule).after_plateau() is not None:
            raise ValueError(
                f"{schedule!r} waits for a plateau, of which Network.train knows nothing: take another schedule, or an "
                "estimator with learning_rate='adaptive'."
            )
        X, y, weights = self._checked(X, y, sample_weight)
        config = TrainingConfig(min(batch_size or len(y), len(y)), epochs, bool(shuffle), n_iter_no_change=np.inf)
        order = np.arange(len(y), dtype=np.int64)
        state = TrainingState(settings.begin(), order, as_random_state(random_state))
        runner = EpochRunner.for_training(self, Dataset(X, y, weights, self.dtype), config, state)
        try:
            train(runner, config, state, progress=Progress(False))
        except DivergenceError as error:
            raise ValueError(
                f"The parameters became infinite or NaN in epoch {error.epoch}: lower the learning rate, or scale X."
            ) from None
        if state.history.not_finite is not None:
            _, value, epoch = state.history.not_finite
            warnings.warn(
                f"The loss came out {'NaN' if np.isnan(value) else 'infinite'} in epoch {epoch}, with "
                f"{self.loss_function!r} in {self.dtype}, while the parameters stayed finite: scale y or X, lower the "
                "learning rate, or mend a loss of your own.",
                stacklevel=2,
            )
        return state.history.loss_curve

    def _checked(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Inputs, targets and weights as the kernels read them."""
        X = check_inputs(X, self)
        weights = check_weights(sample_weight, X.shape[0], self.dtype)
        return X, check_targets(y, X.shape[0], self), weights

    # As an object

    def __repr__(self) -> str:
        activations = [activation.name for activation in self.activations]
        return (
            f"Network({self.layout.layer_sizes}, activations={activations}, loss={self.loss_function.name!r}, "
            f"dtype={self.dtype.name!r})"
        )


def _share(weights: np.ndarray | None, n_rows: int, dtype: np.dtype) -> np.ndarray:
    """What part of the mean each row has: w / Σ w."""
    weights = np.ones(n_rows, dtype) if weights is None else weights
    return (weights / weights.sum(dtype=np.float64)).astype(dtype)
