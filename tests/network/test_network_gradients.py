"""Gradients of the compiled network, dense and sparse, weighted or not, equal those of the scalar differentiator.

`fastmlp.scalar.Value` shares no code with the kernels: it differentiates a graph of scalars. Central differences of the
compiled loss are a second check. These tests replace scikit-learn's `test_gradient`, which calls private methods.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import knobs
from helpers.central_differences import central_differences
from helpers.merged import in_one_test
from helpers.problems import HIDDEN, TASKS, make_problem
from oracles.scalar_networks import L2, assert_gradient, differentiate, make_step

from fastmlp.engine.layout import Layout
from fastmlp.optimizers import SGD
from fastmlp.training.full_batch_loss import CHUNK_ROWS, MOST_CHUNK_ROWS, FullBatch, chunk_rows

KINDS = {"dense": {}, "weighted": {"weighted": True}, "sparse": {"sparse": True, "weighted": True}}


@in_one_test()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("task", TASKS)
class TestAgainstScalars:
    def test_of_all_rows(self, task, activation, kind):
        problem = make_problem(task, activation=activation, **KINDS[kind])
        expected, coefs, intercepts = differentiate(problem)
        loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
        assert loss == pytest.approx(expected, rel=1e-12)
        assert_gradient(problem.network.layout, gradient, coefs, intercepts, 1e-10)

    def test_of_one_training_step(self, task, activation, kind):
        """Plain gradient descent with rate 1: the step is the gradient."""
        problem = make_problem(task, activation=activation, seed=1, **KINDS[kind])
        expected, coefs, intercepts = differentiate(problem)
        loss, step = make_step(problem, SGD(1.0, momentum=0.0, nesterov=False))
        assert loss == pytest.approx(expected, rel=1e-12)
        assert_gradient(problem.network.layout, -step, coefs, intercepts, 1e-10)


@in_one_test()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_without_a_hidden_layer(task, kind):
    problem = make_problem(task, hidden=(), **KINDS[kind])
    expected, coefs, intercepts = differentiate(problem)
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_gradient(problem.network.layout, gradient, coefs, intercepts, 1e-10)
    loss, step = make_step(problem, SGD(1.0, momentum=0.0))  # Nesterov without momentum is plain descent too
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_gradient(problem.network.layout, -step, coefs, intercepts, 1e-10)


@in_one_test()
@pytest.mark.parametrize("task", TASKS)
def test_in_float32(task):
    problem = make_problem(task, dtype=np.float32, weighted=True)
    expected, coefs, intercepts = differentiate(problem)
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    assert gradient.dtype == np.float32
    assert loss == pytest.approx(expected, rel=1e-5)
    assert_gradient(problem.network.layout, gradient.astype(float), coefs, intercepts, 1e-4)


@in_one_test()
@pytest.mark.parametrize("activation", HIDDEN)
@pytest.mark.parametrize("task", TASKS)
def test_against_central_differences(task, activation):
    """Of the compiled loss; for k outputs the reported squared error is 1/k of the loss whose gradient is used."""
    problem = make_problem(task, activation=activation, weighted=True, seed=2)
    k = 3 if task == "squared error, 3 outputs" else 1
    loss_and_gradient = FullBatch(problem.network, problem.dataset, L2 / k)
    params = problem.network.params.copy()
    gradient = FullBatch(problem.network, problem.dataset, L2)(params)[1]
    expected = k * central_differences(lambda shifted: loss_and_gradient(shifted)[0], params)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_rows_are_processed_in_chunks(monkeypatch):
    """With more rows than one chunk, partial gradients are summed."""
    problem = make_problem("softmax log loss", rows=29, weighted=True)
    expected = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    knobs.set_chunk_rows(monkeypatch, 4)
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    assert loss == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12, atol=1e-15)


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    "layer_sizes", [[3, 4, 1], [2000, 2048, 3], [20_000, 100, 1], [2, 4096, 1], [100_000, 2000, 1]], ids=str
)
def test_rows_of_a_chunk(layer_sizes, sparse):
    """Chunks of a network with many weights have more rows, in buffers no larger than the weights."""
    size = Layout(layer_sizes).size
    network = SimpleNamespace(layout=Layout(layer_sizes))
    numbers = 2 * sum(layer_sizes[1:]) + (0 if sparse else layer_sizes[0])
    for n_rows in (1, 512, 700, 100_000):
        chunk = chunk_rows(network, SimpleNamespace(n_rows=n_rows, sparse=sparse))
        assert min(n_rows, CHUNK_ROWS) <= chunk <= min(n_rows, MOST_CHUNK_ROWS)
        assert chunk <= CHUNK_ROWS or chunk * numbers <= size
    assert (chunk > CHUNK_ROWS) == (size > (CHUNK_ROWS + 1) * numbers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_of_a_pass_change_no_bit(dtype, monkeypatch):
    """L2, the mean and the conversion to float64, a few numbers at a time."""
    problem = make_problem("softmax log loss", rows=29, weighted=True, dtype=dtype)
    params = problem.network.params.copy()
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(params)
    knobs.set_pass_size(monkeypatch, 7)
    out = np.full(params.size, np.nan)
    assert FullBatch(problem.network, problem.dataset, L2).evaluate(params, out) == loss
    np.testing.assert_array_equal(out, gradient.astype(np.float64))
