"""The share of dead units of each hidden layer, against NumPy."""

import numpy as np
import pytest
import scipy.sparse
from helpers.early_stopping_data import TYPES
from helpers.merged import in_one_test

from fastmlp import Activation, LeakyReLU, Network
from fastmlp.activations import ACTIVATIONS, as_activation
from fastmlp.engine.dataset import Dataset
from fastmlp.training.dead_units import DeadUnits

KINDS = {
    "dense": np.array, "Fortran": np.asfortranarray, "columns": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "CSR": scipy.sparse.csr_matrix,
}  # fmt: skip
HIDDEN = [activation for activation in ACTIVATIONS.values() if activation.is_elementwise]
LARGEST_ZERO = 1e-6


def make_network(hidden, activations, dtype, features=4, spread=30.0):
    """Biases of all sizes, so that some units are dead."""
    rng = np.random.RandomState(0)
    network = Network([features, *hidden, 2], [*activations, "identity"], "half_squared_error", dtype)
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        coef[...] = rng.standard_normal(coef.shape) / np.sqrt(len(coef))
        intercept[...] = rng.uniform(-spread, spread, intercept.shape)
    return network


def shares_by_hand(network, X):
    """From all rows, in NumPy, with each activation's own derivative."""
    pre_activations, _ = network.activations_of(X)
    derivatives = [f.derivative(z) for f, z in zip(network.activations[:-1], pre_activations[:-1], strict=True)]
    return [float((np.abs(d) <= LARGEST_ZERO).all(axis=0).mean()) for d in derivatives]


def shares(network, X, order=None):
    rows = X.shape[0]
    dataset = Dataset(X, np.zeros((rows, 2)), dtype=network.dtype)
    return DeadUnits(network, dataset, np.arange(rows) if order is None else order)()


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("activation", HIDDEN, ids=lambda each: each.name)
def test_shares_of_each_activation(activation, dtype):
    network = make_network((60, 50), [activation, "relu"], dtype)
    X = np.random.RandomState(1).standard_normal((150, 4)).astype(dtype)
    found = shares(network, X)
    assert list(found) == shares_by_hand(network, X)
    if activation.name in ("relu", "relu6", "tanh", "logistic", "hard_tanh", "hard_sigmoid", "elu", "exp"):
        assert 0.1 < found[0] < 0.9
    if activation.name in ("identity", "leaky_relu", "softsign", "step"):
        assert found[0] == 0.0


@in_one_test()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("hidden", [(40,), (40, 30, 20), (2000, 300), (1, 1)])
def test_shares_of_each_input(hidden, dtype, kind):
    network = make_network(hidden, ["relu", "tanh", "relu"][: len(hidden)], dtype, features=100)
    X = np.random.RandomState(1).standard_normal((100, 100)).astype(dtype)
    X[:, ::2] = 0
    X = KINDS[kind](X)
    assert list(shares(network, X)) == shares_by_hand(network, X)


@pytest.mark.parametrize("last", [0, 63, 64, 200, 255])
def test_one_row_keeps_a_unit_alive(last):
    network = make_network((5,), ["relu"], np.float64)
    network.coefs[0][...], network.intercepts[0][...] = 1.0, -1.0
    X = np.zeros((256, 4))
    assert shares(network, X) == (1.0,)
    X[last] = 1.0
    assert shares(network, X) == (0.0,)


def test_the_sample_is_spread_over_the_training_rows():
    """Of many rows 256 are looked at; rows for validation are not."""
    network = make_network((3,), ["relu"], np.float64)
    network.coefs[0][...], network.intercepts[0][...] = 1.0, -1.0
    X, order = np.zeros((4000, 4)), np.random.RandomState(0).permutation(np.arange(1000, 3560))
    seen = []
    for row in range(990, 3570):
        X[row] = 1.0
        if shares(network, X, order) == (0.0,):
            seen.append(row)
        X[row] = 0.0
    assert seen == list(range(1000, 3560, 10))


def test_a_call_sees_the_weights_as_they_are():
    network = make_network((8,), ["relu"], np.float32)
    dead = DeadUnits(network, Dataset(np.ones((10, 4), np.float32), np.zeros((10, 2), np.float32)), np.arange(10))
    for bias, share in ((-100.0, 1.0), (100.0, 0.0), (-100.0, 1.0)):
        network.intercepts[0][:] = bias
        assert dead() == (share,)


def test_no_hidden_layer():
    assert shares(make_network((), [], np.float64), np.ones((5, 4))) == ()


def test_activations_of_ones_own_and_with_parameters():
    flat = Activation(lambda z: 0.0 * z if z < 0 else z, lambda z: 0.0 if z < 0 else 1.0)
    network = make_network((30, 30), [flat, LeakyReLU(1e-7)], np.float64)
    X = np.random.RandomState(1).standard_normal((20, 4))
    assert list(shares(network, X)) == shares_by_hand(network, X)
    assert shares(network, X)[1] > 0.2  # a slope of 1e-7 counts as zero
    assert as_activation("relu").derivative(-1.0) == 0
