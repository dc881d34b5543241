"""`Network.loss` computes a loss without a gradient, with the same bits as with one."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from helpers.fits import CONTAINERS
from helpers.merged import in_one_test

from fastmlp import Loss, Network
from fastmlp.activations import ACTIVATIONS
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.prediction_workspace import LossWorkspace
from fastmlp.losses import LOSSES
from fastmlp.training import full_batch_loss as full_batch
from fastmlp.training.mean_loss import mean_loss

TYPES = ["float32", "float64"]


def quartic(a, y):
    return (a - y) ** 4


def slope_of_quartic(a, y):
    return 4 * (a - y) ** 3


def data(net, n_rows, container="dense", seed=0):
    """Inputs with many zeros, and targets for the network's loss."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, net.layout.layer_sizes[0])) * rng.randint(
        2, size=(n_rows, net.layout.layer_sizes[0])
    )
    n_outputs = net.layout.layer_sizes[-1]
    width = net.loss_function.n_targets(net.output_activation, n_outputs)
    highest = n_outputs if net.output_activation.name == "softmax" else 2
    return CONTAINERS[container](X), rng.randint(highest, size=(n_rows, width)), rng.uniform(0, 2, n_rows)


def assert_same_bits(net, X, y, weights):
    net.initialize(random_state=0)
    for sample_weight in (None, weights):
        expected = net.loss_and_gradients(X, y, sample_weight)[0]
        assert net.loss(X, y, sample_weight) == expected and np.isfinite(expected)


def networks():
    """Each loss with each of its output activations."""
    for loss in [*LOSSES, Loss(quartic, slope_of_quartic)]:
        for output in ACTIVATIONS:
            try:
                Network([3, 2], [output], loss)
            except ValueError:
                continue
            yield loss, output


PAIRS = [pair for pair in networks() if pair[1] in ("identity", "logistic", "softmax", "tanh", "exp", "softplus")]


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(("loss", "output"), PAIRS, ids=str)
def test_same_bits_for_every_loss(loss, output, container, dtype):
    net = Network([7, 5, 3], ["relu", output], loss, dtype)
    X, y, weights = data(net, 1100, container)
    if "gamma" in str(loss):
        y = y + 1
    assert_same_bits(net, X, y, weights)


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("n_rows", [1, 2, 7, 64, 255, 256, 257, 511, 512, 513, 1025])
@pytest.mark.parametrize("layer_sizes", [[4, 1], [30, 17, 1], [3, 64, 9, 4]], ids=str)
def test_same_bits_for_any_number_of_rows(layer_sizes, n_rows, dtype):
    for output, loss in (("identity", "half_squared_error"), ("softmax", "log_loss")):
        net = Network(layer_sizes, [*["tanh"] * (len(layer_sizes) - 2), output], loss, dtype)
        for container in CONTAINERS:
            assert_same_bits(net, *data(net, n_rows, container))


@pytest.mark.parametrize("dtype", TYPES)
def test_same_bits_for_large_layers(dtype):
    """Training also keeps such weights in panels, and processes more rows at a time."""
    net = Network([300, 700, 400, 3], ["relu", "gelu", "softmax"], "log_loss", dtype)
    for container in CONTAINERS:
        assert_same_bits(net, *data(net, 600, container))


@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2], lambda X: X[::-1]])
def test_inputs_of_any_layout(arrange):
    net = Network([7, 5, 3], ["tanh", "identity"], "half_squared_error")
    X, y, weights = data(net, 300)
    assert_same_bits(net, arrange(X), y, weights)


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_memory_for_a_gradient(container):
    """A gradient or transposed copies of these weights would take 16 MB."""
    net = Network([1000, 2000, 10], ["relu", "softmax"], "log_loss")
    net.initialize(random_state=0)
    X, y, _ = data(net, 64, container)
    net.loss(X, y)
    tracemalloc.start()
    net.loss(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * net.params.nbytes


def test_no_backward_kernel_is_used(monkeypatch):
    """The kernels of the backward pass are not loaded."""
    made = []

    class Noted(LossWorkspace):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            made.append(self)

    monkeypatch.setattr("fastmlp.training.mean_loss.LossWorkspace", Noted)
    monkeypatch.setattr(full_batch.FullBatch, "__call__", None)
    net = Network([5, 4, 3, 2], ["relu", "tanh", "identity"], "half_squared_error")
    net.loss(np.ones((3, 5)), np.ones((3, 2)))
    (workspace,) = made
    for name in ("backward", "pass_rows", "weight_gradient", "d_tile", "squares", "output_backward"):
        assert workspace.task[name] == 0, name
    assert not [name for name in workspace.buffers if "gradient" in name or "transposed" in name]


def test_what_does_not_fit_is_refused():
    net = Network([2, 3], ["softmax"], "log_loss")
    for y in (np.zeros((4, 3)), np.full((4, 1), 3.0), None):
        with pytest.raises(ValueError, match=r"reads targets of shape|reads class numbers"):
            mean_loss(net, Dataset(np.ones((4, 2)), y))
    with pytest.raises(ValueError, match="X has no rows"):
        net.loss(np.ones((0, 2)), [])
    with pytest.raises(ValueError, match="X is not a valid CSR matrix"):
        damaged = scipy.sparse.csr_array(np.ones((4, 2)))
        damaged.indices[3] = 2
        net.loss(damaged, [0, 1, 2, 0])
