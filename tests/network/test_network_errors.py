"""Errors of `Network`: messages say what was given, what is allowed and what to do."""

import numpy as np
import pytest
import scipy.sparse
from helpers.custom_functions import tanh, tanh_derivative
from helpers.merged import in_one_test

from fastmlp import Activation, Loss, Network
from fastmlp.optimizers import SGD, Adam
from fastmlp.schedules import Adaptive

ERRORS = {
    "sizes no list": (lambda: Network(3, ["tanh"], "poisson"), TypeError, "layer_sizes must be a list of integers"),
    "a width of 2.5": (lambda: Network([2, 2.5], ["tanh"], "poisson"), TypeError, r"got \[2, 2.5\]"),
    "a width of 0": (lambda: Network([2, 0], ["exp"], "poisson"), ValueError, r"each 1 or more, got \[2, 0\]"),
    "one layer": (lambda: Network([2], [], "poisson"), ValueError, "at least the number of features and of outputs"),
    "one activation": (
        lambda: Network([2, 1], "tanh", "poisson"), TypeError, "1 entry, one for each of the layers after the input",
    ),
    "too few": (lambda: Network([2, 2, 1], ["tanh"], "poisson"), ValueError, "has 1 entry, but there are 2 layers"),
    "unknown": (lambda: Network([2, 1], ["tan"], "poisson"), ValueError, "activation='tan' is unknown"),
    "a number": (lambda: Network([2, 1], [3], "poisson"), ValueError, "activation=3 is unknown"),
    "hidden softmax": (
        lambda: Network([2, 2, 1], ["softmax", "exp"], "poisson"), ValueError, "can only be an output activation",
    ),
    "unknown loss": (lambda: Network([2, 1], ["exp"], "mse"), ValueError, "loss='mse' is unknown: it is one"),
    "no pair": (lambda: Network([2, 1], ["tanh"], "poisson"), ValueError, "the output activation 'tanh'"),
    "no type": (lambda: Network([2, 1], ["exp"], "poisson", "int32"), ValueError, "or 'float64', got 'int32'"),
    "no type at all": (lambda: Network([2, 1], ["exp"], "poisson", "fast"), TypeError, "fast"),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("case", ERRORS)
def test_invalid_network_is_refused(case):
    make, error, message = ERRORS[case]
    with pytest.raises(error, match=message):
        make()


X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
CLASSES = Network([2, 3], ["softmax"], "log_loss")
LABEL = Network([2, 1], ["logistic"], "log_loss")
COUNTS = Network([2, 2], ["exp"], "poisson")
CALLS = {
    "a row": (lambda: LABEL.forward([1, 2]), ValueError, r"must have shape \(n, 2\), got \(2,\): pass a single row as"),
    "features": (lambda: LABEL.forward(np.ones((2, 3))), ValueError, r"\(n, 2\), got \(2, 3\)"),
    "sparse features": (lambda: LABEL.forward(scipy.sparse.eye(3)), ValueError, r"\(n, 2\), got \(3, 3\)"),
    "strings": (lambda: LABEL.forward([["a", "b"]]), TypeError, "X must hold real numbers, got an array of <U1"),
    "objects": (lambda: LABEL.forward([[None, {}]]), TypeError, "X must hold real numbers, got objects"),
    "complex": (lambda: LABEL.forward([[1j, 1]]), TypeError, "real numbers, got an array of complex128"),
    "sparse complex": (lambda: LABEL.forward(scipy.sparse.eye(2) * 1j), TypeError, "a sparse matrix of complex128"),
    "ragged": (lambda: LABEL.forward([[1, 2], [3]]), ValueError, "X cannot be converted to an array"),
    "NaN": (lambda: LABEL.forward([[1, 2], [np.nan, 3]]), ValueError, r"X must be finite, but holds nan at \(1, 0\)"),
    "rows of y": (lambda: LABEL.loss(X, Y[:3]), ValueError, r"y must have shape \(4, 1\) or \(4,\) for 4 rows"),
    "NaN in y": (lambda: LABEL.loss(X, [0, 1, np.inf, 0]), ValueError, "y must be finite, but holds inf at 2"),
    "no label": (lambda: LABEL.loss(X, [0, 1, 2, 0]), ValueError, "labels 0 or 1, but y holds values from 0.0 to 2.0"),
    "no class": (lambda: CLASSES.loss(X, [0, 1, 3, 0]), ValueError, "0 … 2, but y holds values from 0.0 to 3.0"),
    "half a class": (lambda: CLASSES.loss(X, [0, 1, 0.5, 0]), ValueError, "class numbers 0 … 2, but y holds"),
    "indicators": (lambda: CLASSES.loss(X, np.eye(4, 3)), ValueError, r"class numbers by np.argmax\(y, axis=1\)"),
    "negative counts": (lambda: COUNTS.loss(X, -X), ValueError, "needs targets y >= 0, got a smallest of -1"),
    "no rows": (lambda: LABEL.loss(np.empty((0, 2)), []), ValueError, "X has no rows"),
    "weights": (lambda: LABEL.loss(X, Y, [1, 2]), ValueError, r"must have shape \(4,\), one for each row, got \(2,\)"),
    "no weights": (lambda: LABEL.loss(X, Y, [0] * 4), ValueError, "sums to zero over 4 rows"),
    "weights that cancel": (lambda: LABEL.loss(X, Y, [1, 2, -4, 1]), ValueError, "sums to zero over 4 rows"),
    "backward": (lambda: LABEL.backward(X, Y), ValueError, r"output_delta must have shape \(4, 1\)"),
    "v": (lambda: LABEL.hessian_vector_product(X, Y, [1, 2]), ValueError, r"v must have the shape of params, \(3,\)"),
    "coefs": (lambda: LABEL.set_weights([[[1, 2]]], [[1]]), ValueError, r"^coefs\[0\] has shape \(1, 2\)"),
    "NaN in coefs": (lambda: LABEL.set_weights([[[1], [np.nan]]], [[1]]), ValueError, r"coefs\[0\] must be finite"),
    "initializer": (lambda: LABEL.initialize("zero"), ValueError, "initializer='zero' is unknown: it is one of"),
    "no initializer": (lambda: LABEL.initialize(None), ValueError, "initializer=None is unknown"),
    "random state": (lambda: LABEL.initialize(random_state="0"), ValueError, "random_state='0' must be an integer"),
    "optimizer": (lambda: LABEL.train(X, Y, 0.1), TypeError, "a name or an object such as SGD"),
    "unknown optimizer": (lambda: LABEL.train(X, Y, "sdg"), ValueError, "optimizer='sdg' is unknown: it is one of sgd"),
    "epochs": (lambda: LABEL.train(X, Y, SGD(), epochs=0), ValueError, "epochs must be 1 or more, got 0"),
    "batch": (lambda: LABEL.train(X, Y, SGD(), batch_size=2.0), TypeError, "batch_size must be an integer, got 2.0"),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("case", CALLS)
def test_invalid_arguments_are_refused(case):
    call, error, message = CALLS[case]
    with pytest.raises(error, match=message):
        call()


def quartic(a, y):
    return (a - y) ** 4


def slope_of_quartic(a, y):
    return 4 * (a - y) ** 3


def test_hessian_needs_second_derivatives():
    without = Network([2, 2, 1], [Activation(tanh, tanh_derivative), "identity"], "half_squared_error")
    with pytest.raises(ValueError, match=r"activation=Activation\(tanh, tanh_derivative\) has no second derivative"):
        without.hessian_vector_product(X, Y, np.ones(9))
    without = Network([2, 1], ["tanh"], Loss(quartic, slope_of_quartic))
    with pytest.raises(ValueError, match=r"Loss\(quartic, slope_of_quartic\) has no second derivative"):
        without.hessian_vector_product(X, Y, np.ones(3))


def test_weights_taken_from_views_of_themselves():
    """Values are read before anything is written."""

    def assign_coefs(net, arrays):
        net.coefs = arrays

    for assign in (lambda net, arrays: net.set_weights(arrays, net.intercepts), assign_coefs):
        net = Network([2, 2, 2], ["tanh", "identity"], "half_squared_error")
        net.initialize("glorot_uniform", random_state=0)
        first, second = net.coefs[0].copy(), net.coefs[1].copy()
        assign(net, [net.coefs[1], net.coefs[0]])
        assert np.array_equal(net.coefs[0], second) and np.array_equal(net.coefs[1], first)


def test_nothing_is_assigned_unless_all_arrays_fit():
    net = Network([2, 2, 2], ["tanh", "identity"], "half_squared_error")
    with pytest.raises(ValueError, match="Layer 1 has an array of shape"):
        net.coefs = [np.ones((2, 2)), np.ones((3, 2))]
    with pytest.raises(ValueError, match="params has shape"):
        net.params = [7.0]
    assert not net.params.any()


@pytest.mark.parametrize("name", ["dtype", "layout", "activations", "loss_function"])
def test_layout_and_functions_cannot_be_changed(name):
    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(LABEL, name, getattr(LABEL, name))


@pytest.mark.parametrize("change", [(10, 10**7), (10, -(10**6)), (0, 1), (50, 10**6)])
def test_damaged_rows_of_a_sparse_matrix(change):
    damaged = scipy.sparse.random(50, 2, 0.5, format="csr", random_state=0)
    damaged.indptr[change[0]] = change[1]
    with pytest.raises(ValueError, match="X is not a valid"):
        Network([2, 1], ["identity"], "half_squared_error").forward(damaged)


def test_an_optimizer_stays_with_its_network():
    running = Adam().begin()
    for layer_sizes in ([2, 1], [2, 3, 1]):
        net = Network(layer_sizes, ["identity"] * (len(layer_sizes) - 1), "half_squared_error")
        if len(layer_sizes) == 3:
            with pytest.raises(ValueError, match="cannot continue with 13"):
                net.train([[1, 2]], [[1]], running)
        else:
            net.train([[1, 2]], [[1]], running)


def test_a_schedule_that_waits_for_plateaus():
    net = Network([2, 1], ["identity"], "half_squared_error")
    with pytest.raises(ValueError, match="depends on plateaus"):
        net.train([[1, 2]], [[1]], SGD(Adaptive(0.1)))
