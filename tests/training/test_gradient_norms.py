"""The norms of an epoch's weight gradients: against `Network.loss_and_gradients` and plain NumPy, step by step."""

import copy

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.early_stopping_data import TYPES
from helpers.merged import in_one_test

from fastmlp import LAMB, SGD, Adam, Network
from fastmlp.engine.dataset import Dataset
from fastmlp.optimizers import LayerWise
from fastmlp.regularization import Regularization
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner

#: name → (layer sizes, rows, batch size)
SHAPES = {
    "narrow output": ([5, 9, 3], 47, 10),
    "no hidden layer": ([7, 20], 30, 30),
    "one output": ([3, 17, 1], 20, 7),
    "split by columns": ([6, 200, 130, 4], 40, 16),
    "many rows of tiles": ([300, 130, 70], 24, 8),
    "large layers": ([120, 360, 390, 3], 20, 9),
}
OPTIONS = {
    "sgd": (SGD(0.1), {}),
    "adam": (Adam(0.01), {}),
    "lamb": (LAMB(0.01), {}),
    "clip norm": (SGD(0.1, momentum=0.9), {"clip_norm": 0.1}),
    "clip value": (SGD(0.1), {"clip_value": 0.001}),
    "both": (Adam(0.01), {"clip_norm": 0.1, "clip_value": 0.001}),
    "groups": (LayerWise(Adam(0.01), weight_rates="ntk", bias_decays=0.5), {"clip_value": 0.001}),
    "frozen": (LayerWise(SGD(0.1), weight_rates=0.0), {}),
    "L1, max-norm, average": (Adam(0.01), {"l1": 0.1, "max_norm": 1.0, "ema": 0.9}),
}
L2 = 0.7


def make_network(layer_sizes, dtype, X, **options):
    """A network, its rows and targets."""
    activations = [*["tanh", "relu"][: len(layer_sizes) - 2], "identity"]
    activations = [*activations[:-1], *["relu"] * (len(layer_sizes) - 1 - len(activations)), "identity"]
    network = Network(layer_sizes, activations, "half_squared_error", dtype)
    network.initialize(random_state=1)
    X = X.astype(dtype)
    y = np.random.RandomState(2).standard_normal((len(X), layer_sizes[-1])).astype(dtype)
    return network, X, y


def draw_rows(rows, features):
    rng = np.random.RandomState(0)
    return rng.standard_normal((rows, features)) * rng.randint(2, size=(rows, features))


def norms_of(gradients):
    return [np.linalg.norm(gradient.astype(np.float64)) for gradient in gradients]


def norms_by_hand(network, X, y, weights, batch_size, optimizer, regularization, l2):
    """The norms of each step, (steps, layers), from the gradients before it; the network is trained meanwhile."""
    running, found = optimizer.begin(), []
    rows, constants = Dataset(X, y, weights), Regularization(**regularization)
    for first in range(0, X.shape[0], batch_size):
        batch = np.arange(first, min(first + batch_size, X.shape[0]))
        w = None if weights is None else weights[batch]
        found.append(norms_of(network.loss_and_gradients(X[batch], y[batch], w)[1]))
        EpochRunner(network, rows, running, batch, batch.size, regularization=constants).run(l2)
    return np.array(found)


def root_mean_square(norms):
    return np.sqrt((norms**2).mean(axis=0))


def check(shape, dtype, option="sgd", weights=None, kind=np.array, l2=L2):
    layer_sizes, rows, batch_size = SHAPES[shape]
    network, X, y = make_network(layer_sizes, dtype, draw_rows(rows, layer_sizes[0]))
    X, (optimizer, regularization) = kind(X), OPTIONS[option]
    weights = None if weights is None else weights(rows)
    copied = copy.deepcopy(network)
    expected = norms_by_hand(copied, X, y, weights, batch_size, optimizer, regularization, l2)
    constants = Regularization(**regularization)
    rows = Dataset(X, y, weights)
    runner = EpochRunner(network, rows, optimizer, np.arange(rows.n_rows), batch_size, regularization=constants)
    norms = runner.record_gradient_norms()
    runner.run(l2)
    tolerance = 1e-10 if dtype == np.float64 else 2e-5
    np.testing.assert_allclose(norms(), root_mean_square(expected), rtol=tolerance)
    return runner, norms


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_norms_of_an_epoch(shape, dtype):
    check(shape, dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_norms_of_large_layers(dtype, monkeypatch):
    knobs.set_panel_bytes(monkeypatch)
    runner, _ = check("large layers", dtype)
    assert runner.workspace.in_panels.any()


@in_one_test()
@pytest.mark.parametrize("shape", ["narrow output", "split by columns"])
@pytest.mark.parametrize("option", OPTIONS)
def test_norms_are_those_before_penalties_and_clipping(option, shape):
    check(shape, np.float64, option)


@in_one_test()
@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, np.asfortranarray], ids=["CSR", "Fortran"])
@pytest.mark.parametrize("shape", ["narrow output", "split by columns", "many rows of tiles"])
def test_norms_with_other_inputs(shape, kind):
    check(shape, np.float64, kind=kind)


@pytest.mark.parametrize("scale", [1.0, 2.0**60, 2.0**-60])
def test_norms_with_sample_weights(scale):
    check("narrow output", np.float64, weights=lambda rows: scale * np.linspace(0.1, 2.0, rows), l2=scale)


@pytest.mark.parametrize("shape", ["narrow output", "split by columns"])
@pytest.mark.parametrize("dtype", TYPES)
def test_norms_with_microbatches(dtype, shape, monkeypatch):
    knobs.set_blocking(monkeypatch, LARGE_BATCH_ROWS=8, MICROBATCHES=2, MICROBATCH_BYTES=1 << 20)
    runner, _ = check(shape, dtype)
    assert runner.workspace.microbatch_rows


@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_matrix], ids=["dense", "CSR"])
@pytest.mark.parametrize("shape", ["narrow output", "split by columns"])
def test_norms_with_dropout(shape, kind):
    """Gradient descent moves the weights by the learning rate times the gradient."""
    layer_sizes, rows, _ = SHAPES[shape]
    network, X, y = make_network(layer_sizes, np.float64, draw_rows(rows, layer_sizes[0]))
    constants, before = Regularization(dropout=0.4, input_dropout=0.2), copy.deepcopy(network.coefs)
    rows = Dataset(kind(X), y)
    runner = EpochRunner(
        network, rows, SGD(0.5), np.arange(rows.n_rows), rows.n_rows, 1, constants, DropoutKeys(0)
    )  # fmt: skip
    norms = runner.record_gradient_norms()
    runner.run(0.0)
    steps = [2 * (old - new) for old, new in zip(before, network.coefs, strict=True)]
    np.testing.assert_allclose(norms(), norms_of(steps), rtol=1e-9)
    plain = norms_of(copy.deepcopy(network).loss_and_gradients(X, y)[1])
    assert not np.allclose(norms(), plain, rtol=0.01)


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("shape", ["narrow output", "split by columns", "many rows of tiles", "large layers"])
def test_threads_and_slices_change_no_bit(shape, parts, dtype, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    if parts > 1:
        knobs.set_blocking(monkeypatch, LARGE_BATCH_ROWS=8, MICROBATCHES=parts, MICROBATCH_BYTES=1 << 20)
    layer_sizes, rows, batch_size = SHAPES[shape]
    found = set()
    for threads, slice_seconds in ((1, 0.05), (2, 0.05), (3, 0.0), (1, 0.0)):
        knobs.set_slice(monkeypatch, slice_seconds)
        network, X, y = make_network(layer_sizes, dtype, draw_rows(rows, layer_sizes[0]))
        runner = EpochRunner(network, Dataset(X, y), Adam(0.01), np.arange(rows), batch_size, threads)
        assert runner.team.size == min(threads, max(batch_size // 8, 1))
        norms = runner.record_gradient_norms()
        runner.run(L2)
        runner.run(L2)
        found.add(norms())
    assert len(found) == 1


@in_one_test()
@pytest.mark.parametrize("shape", SHAPES)
def test_norms_change_no_bit_of_the_training(shape):
    layer_sizes, rows, batch_size = SHAPES[shape]
    found = set()
    for records in (False, True):
        network, X, y = make_network(layer_sizes, np.float32, draw_rows(rows, layer_sizes[0]))
        runner = EpochRunner(network, Dataset(X, y), Adam(0.01), np.arange(rows), batch_size)
        if records:
            assert runner.record_gradient_norms() is runner.record_gradient_norms()
        found.add((runner.run(L2), network.params.tobytes()))
    assert len(found) == 1


@pytest.mark.parametrize("size", [1e-14, 1e14])
def test_norms_whose_squares_leave_the_range_of_float32(size):
    """The gradient is as the square of the inputs' size."""
    network, X, y = make_network([6, 3], np.float32, draw_rows(20, 6) * size)
    y = (y * size).astype(np.float32)
    network.params[...] = 0
    expected = norms_of(network.loss_and_gradients(X, y)[1])
    runner = EpochRunner(network, Dataset(X, y), SGD(1e-20 if size > 1 else 1.0), np.arange(20), 20)
    norms = runner.record_gradient_norms()
    runner.run(0.0)
    np.testing.assert_allclose(norms(), expected, rtol=1e-5)
    assert not 1e-19 < expected[0] < 1e19


def test_steps_without_weight_do_not_count():
    """Before the first step, and after an epoch without one, there is no norm."""
    network, X, y = make_network([5, 9, 3], np.float64, draw_rows(20, 5))
    weights = np.ones(20)
    weights[:10] = 0
    before = norms_of(network.loss_and_gradients(X[10:], y[10:])[1])
    runner = EpochRunner(network, Dataset(X, y, weights), SGD(0.1), np.arange(20), 10)
    norms = runner.record_gradient_norms()
    assert np.isnan(norms()).tolist() == [True, True]
    runner.run(0.0)
    np.testing.assert_allclose(norms(), before, rtol=1e-12)
    runner.rebind(Dataset(X, y, 0 * weights), np.arange(20))
    runner.run(0.0)
    assert np.isnan(norms()).tolist() == [True, True]
