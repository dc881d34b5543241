"""Arguments of a wrong kind: the error names the argument and what was given, and nothing has changed."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test

from fastmlp import SGD, Huber, LeakyReLU, Loss, MLPClassifier, MLPRegressor, Network, Quantile, TabularMLPClassifier
from fastmlp.common.frozen_params import FrozenParams
from fastmlp.initializers import GivenArrays
from fastmlp.optimizers import RunningOptimizer
from fastmlp.schedules import Exponential, count_steps

X = np.random.RandomState(0).standard_normal((20, 3))
Y = X[:, 0]
HUGE = 10**400
ENTRIES = np.array([1, 2])


def make_net():
    net = Network([3, 2, 1], ["tanh", "identity"], "half_squared_error")
    net.initialize(random_state=0)
    return net


def value(a, y):
    return (a - y) ** 2


def derivative(a, y):
    return 2 * (a - y)


#: Of a network: the call, the error and its message.
CALLS = {
    "epochs": (lambda net: net.train(X, Y, "sgd", epochs=HUGE), ValueError, "epochs must be at most"),
    "batch": (lambda net: net.train(X, Y, "sgd", batch_size=HUGE), ValueError, "batch_size must be at most"),
    "shuffle": (lambda net: net.train(X, Y, "sgd", shuffle=ENTRIES), TypeError, "shuffle must be True or False"),
    "word": (lambda net: net.train(X, Y, "sgd", shuffle="no"), TypeError, "shuffle must be True or False, got 'no'"),
    "two": (lambda net: net.train(X, Y, "sgd", shuffle=2), TypeError, "shuffle must be True or False, got 2"),
    "X": (lambda net: net.forward(None), TypeError, "X must hold real numbers, got None"),
    "y": (lambda net: net.loss(X, None), TypeError, "y must hold real numbers, got None"),
    "v": (lambda net: net.hessian_vector_product(X, Y, None), TypeError, "v must hold real numbers, got None"),
    "delta": (lambda net: net.backward(X, None), TypeError, "output_delta must hold real numbers, got None"),
    "coefs": (lambda net: net.set_weights("ab", net.intercepts), TypeError, "coefs must be a list of arrays"),
    "intercepts": (lambda net: net.set_weights(net.coefs, 3), TypeError, "intercepts must be a list of arrays"),
    "given": (
        lambda net: net.initialize(GivenArrays([[[1.0]]], [[1.0]])), ValueError, r"^coefs holds 1 array; .* needs 2",
    ),
    "second": (
        lambda net: Network([3, 1], ["tanh"], Loss(value, derivative, "x")).hessian_vector_product(X, Y, np.ones(4)),
        ValueError, "second_derivative of Loss",
    ),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", CALLS)
def test_of_a_network(name):
    net, (call, error, message) = make_net(), CALLS[name]
    before = net.params.copy()
    with pytest.raises(error, match=message):
        call(net)
    np.testing.assert_array_equal(net.params, before)


@in_one_test()
@pytest.mark.parametrize("shuffle", [True, False, 1, 0, np.True_, np.int64(0)])
def test_shuffle_may_be_a_number(shuffle):
    losses = [make_net().train(X, Y, "sgd", 2, 7, each, random_state=0) for each in (shuffle, bool(shuffle))]
    assert losses[0] == losses[1]


OBJECTS = {
    "dtype": (lambda: Network([3, 1], ["tanh"], "huber", 3), TypeError, "dtype must be 'float32' or 'float64', got 3"),
    "memory": (
        lambda: Network([3, 2**62, 1], ["tanh", "tanh"], "huber"), MemoryError, r"layers \[3, 4611686018427387904, 1\]",
    ),
    "running": (lambda: RunningOptimizer(None), TypeError, r"an optimizer such as SGD\(0.1\) must be given, got None"),
    "step": (lambda: SGD(0.1).begin().step([1.0], [1.0]), TypeError, "params and gradient must be arrays"),
    "rows": (lambda: count_steps(1, "a", 2), TypeError, "rows must be an integer, got 'a'"),
    "batch": (lambda: count_steps(1, 10, 0), ValueError, "batch_size must be 1 or more, got 0"),
    "epochs": (lambda: count_steps("a", 10, 2), ValueError, "epochs must be a number of at least 0, got 'a'"),
    "word": (lambda: LeakyReLU()("a"), TypeError, "z must be an array of real numbers, got 'a'"),
    "None": (lambda: LeakyReLU()(None), TypeError, "z must be an array of real numbers, got None"),
    "complex": (lambda: LeakyReLU().derivative(1j), TypeError, "z must be an array of real numbers, got 1j"),
    "ragged": (lambda: LeakyReLU()([[1], [2, 3]]), TypeError, "z must be an array of real numbers"),
    "crossings": (lambda: Quantile((0.1, 0.9)).count_crossings(None), TypeError, "outputs must be an array of real"),
    "outputs": (
        lambda: Quantile((0.1, 0.9)).count_crossings([[1, 2, 3]]), ValueError, r"n_targets \* 2\), got \(1, 3\)",
    ),
    "huge": (lambda: SGD(HUGE), ValueError, "learning_rate must be a number greater than 0"),
    "huge delta": (lambda: Network([3, 1], ["tanh"], Huber(HUGE)), ValueError, "delta must be a number greater than 0"),
    "huge factor": (lambda: Exponential(0.1, HUGE), ValueError, "factor must be"),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", OBJECTS)
def test_of_an_object(name):
    make, error, message = OBJECTS[name]
    with pytest.raises(error, match=message):
        make()


TARGETS = {
    "None": (MLPClassifier, [None] * 20, TypeError, "y must hold labels of one kind, strings or numbers, got None"),
    "objects": (MLPClassifier, np.array([object()] * 20), TypeError, "y must hold labels of one kind"),
    "void": (MLPClassifier, np.zeros(20, "V4"), TypeError, "y must hold labels of one kind"),
    "None in a table": (TabularMLPClassifier, [None] * 20, TypeError, "y must hold labels of one kind, .* got None"),
    "None and words": (TabularMLPClassifier, [None, "a"] * 10, TypeError, "y must hold labels of one kind"),
    "words and numbers": (TabularMLPClassifier, np.array(["a", 1] * 10, object), TypeError, "one kind, .* got 'a'"),
    "void in a table": (TabularMLPClassifier, np.zeros(20, "V4"), (TypeError, ValueError), "kind|label type"),
    "rows of several lengths": (TabularMLPClassifier, [[1, 2], [1]] * 10, ValueError, "inhomogeneous|label"),
    "sparse": (MLPRegressor, scipy.sparse.csr_array(Y[:, None]), TypeError, "y is sparse, .* pass y.toarray"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name):
    kind, y, error, message = TARGETS[name]
    model = kind(max_iter=2)
    with pytest.raises(error, match=message):
        model.fit(X, y)
    assert not [key for key in vars(model) if key.endswith("_")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("curve", [None, (1.0,), np.array([1.0])])
def test_a_loss_curve_that_was_set_by_hand(curve):
    model = MLPRegressor(max_iter=2).fit(X, Y)
    model.loss_curve_ = curve
    model.partial_fit(X, Y)
    assert len(model.loss_curve_) == (1 if curve is None else 2)


def test_classes_of_a_later_call():
    model = MLPClassifier().partial_fit(X, Y > 0, classes=[False, True])
    with pytest.raises(ValueError, match="Unknown label type"):
        model.partial_fit(X, Y > 0, classes=[None, True])


def test_types_that_name_nothing_are_not_checked():
    """Whatever the evaluation of an annotation raises because a name is out of reach."""
    for hint in ("Missing", "np.missing", "dict[", "int[1]", "1 + 'a'", "{}['a']", "[][0]"):
        own = type("Own", (FrozenParams,), {"__annotations__": {"value": hint}, "__module__": __name__})
        made = dataclass(frozen=True)(own)("anything")
        assert made.value == "anything"
