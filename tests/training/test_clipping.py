"""Gradient clipping by value and by global norm; against PyTorch's, where it is installed."""

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import L2, make_epoch
from oracles import reference_regularization as plain

from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.optimizers import SGD
from fastmlp.regularization import Regularization
from fastmlp.training.epoch import EpochRunner

TYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def step_of(regularization, dtype=np.float64, threads=1, scale=1.0, sparse=False):
    """The clipped gradient: what a step of plain descent with rate 1 subtracts. Targets are scaled."""
    problem = make_problem(
        "squared error, 3 outputs", features=9, hidden=(70, 5), rows=40, dtype=dtype, weighted=True, sparse=sparse
    )
    problem.y *= scale
    before = problem.network.params.astype(float)
    make_epoch(problem, regularization, SGD(1.0), threads=threads).run(L2)
    return before - problem.network.params


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", TYPES)
def test_by_norm(dtype, threads, sparse):
    """The direction of all weights and biases together is kept, and shorter gradients are not changed."""
    gradient = step_of(Regularization(), dtype, threads, sparse=sparse)
    norm = np.sqrt((gradient**2).sum())
    eps = 50 * np.finfo(dtype).eps
    for share in (0.1, 0.999):
        clipped = step_of(Regularization(clip_norm=share * norm), dtype, threads, sparse=sparse)
        np.testing.assert_allclose(clipped, share * gradient, rtol=eps, atol=eps)
    kept = step_of(Regularization(clip_norm=1.001 * norm), dtype, threads, sparse=sparse)
    np.testing.assert_allclose(kept, gradient, rtol=eps, atol=eps)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", TYPES)
def test_by_value(dtype, threads):
    """Each element of weights and biases separately."""
    gradient = step_of(Regularization(), dtype, threads)
    largest = np.median(abs(gradient))
    clipped = step_of(Regularization(clip_value=largest), dtype, threads)
    eps = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(clipped, np.clip(gradient, -largest, largest), rtol=eps, atol=eps)
    biases = clipped[9 * 70 : 10 * 70]
    assert 0 < np.count_nonzero(abs(biases) > 0.999 * largest) < 70


def test_by_value_comes_before_by_norm():
    gradient = step_of(Regularization())
    largest = np.median(abs(gradient))
    (expected,) = plain.clip_by_norm(plain.clip_by_value([gradient], largest), 0.01)
    np.testing.assert_allclose(
        step_of(Regularization(clip_value=largest, clip_norm=0.01)), expected, rtol=1e-10, atol=1e-15
    )


@pytest.mark.parametrize("dtype", TYPES)
def test_gradients_whose_squares_overflow_in_float32(dtype):
    """The norm is computed in float64, so the step has the right length and is not zero."""
    clipped = step_of(Regularization(clip_norm=1.0), dtype, scale=1e22)
    assert np.sqrt((clipped**2).sum()) == pytest.approx(1.0, rel=1e-5)


@in_one_test()
@pytest.mark.parametrize("settings", [{"clip_norm": 1.0}, {"clip_value": 1.0}, {"max_norm": 1.0}, {"l1": 0.1}], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_divergence_is_detected(dtype, settings):
    """A NaN in the gradient reaches the parameters in spite of clipping."""
    problem = make_problem("squared error, 3 outputs", rows=9, dtype=dtype)
    problem.y[4, 1] = np.nan
    loss = make_epoch(problem, Regularization(**settings)).run(L2)
    assert np.isnan(loss)
    assert np.isnan(problem.network.coefs[-1]).any()


# Against PyTorch


def torch_parameters(torch, network):
    """Copies in float64 as PyTorch's leaf tensors; weight matrices are (fan_in, fan_out)."""
    arrays = [array for pair in zip(network.coefs, network.intercepts, strict=True) for array in pair]
    return [torch.tensor(array.copy(), requires_grad=True) for array in arrays]


def torch_loss(torch, parameters, X, y, l2):
    h = torch.tensor(X)
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        h = torch.tanh(h @ weight + bias)
    errors = h @ parameters[-2] + parameters[-1] - torch.tensor(y)
    penalty = sum(l2 / 2 * (weight**2).sum() for weight in parameters[::2])
    return ((errors**2).sum() / 2 + penalty) / len(X)


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_ten_steps_as_torch_makes_them(kind):
    """clip_grad_norm_ adds 1e-6 to the norm, which does not matter for such large targets."""
    torch = pytest.importorskip("torch", exc_type=ImportError)
    rng = np.random.RandomState(0)
    network = TrainableModel([6, 11, 7, 2], ["tanh", "tanh", "identity"], "squared_error", np.float64)
    network.params[...] = rng.standard_normal(network.params.size) * 0.5
    X, y = rng.standard_normal((30, 6)), 1e6 * rng.standard_normal((30, 2))
    parameters = torch_parameters(torch, network)
    descent = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    limits = {"clip_norm": 2.0} if kind == "norm" else {"clip_value": 1.5}
    mine = SGD(0.1, momentum=0.9)
    epoch = EpochRunner(network, Dataset(X, y), mine, np.arange(30), 30, 1, Regularization(**limits))
    clipped = 0
    for _ in range(10):
        descent.zero_grad()
        torch_loss(torch, parameters, X, y, L2).backward()
        if kind == "norm":
            clipped += torch.nn.utils.clip_grad_norm_(parameters, 2.0) > 2.0
        else:
            clipped += max(parameter.grad.abs().max() for parameter in parameters) > 1.5
            torch.nn.utils.clip_grad_value_(parameters, 1.5)
        descent.step()
        epoch.run(L2)
    assert clipped == 10
    arrays = [array for pair in zip(network.coefs, network.intercepts, strict=True) for array in pair]
    for ours, theirs in zip(arrays, parameters, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-11)
