"""Each activation in the hidden layers of a network: the compiled gradient equals the scalar differentiator's."""

import numpy as np
import pytest
from helpers import custom_functions
from helpers.merged import in_one_test
from helpers.problems import make_problem
from oracles import scalar_networks
from oracles.reference_activations import CASES
from oracles.scalar_networks import L2, assert_gradient, differentiate, make_step

from fastmlp import Activation
from fastmlp.activations import ACTIVATIONS
from fastmlp.optimizers import SGD
from fastmlp.training.full_batch_loss import FullBatch

GRAPHS = {name: (case.activation, case.graph) for name, case in CASES.items() if case.graph}
GRAPHS["own silu"] = (Activation(custom_functions.silu, custom_functions.silu_derivative), CASES["silu"].graph)


@in_one_test()
@pytest.mark.parametrize("case", GRAPHS)
@pytest.mark.parametrize("task", ["softmax log loss", "squared error, 3 outputs"])
def test_gradients(task, case, monkeypatch):
    """The full-batch gradient, and a step of plain gradient descent with learning rate 1, which is the gradient."""
    activation, graph = GRAPHS[case]
    monkeypatch.setitem(scalar_networks.ACTIVATIONS, activation, graph)
    problem = make_problem(task, activation=activation, weighted=True)
    expected, coefs, intercepts = differentiate(problem)
    loss, gradient = FullBatch(problem.network, problem.dataset, L2)(problem.network.params.copy())
    assert loss == pytest.approx(expected, rel=1e-12)
    assert_gradient(problem.network.layout, gradient, coefs, intercepts, 1e-10)
    _, step = make_step(problem, SGD(1.0, momentum=0.0, nesterov=False))
    assert_gradient(problem.network.layout, -step, coefs, intercepts, 1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_perceptron_rule(dtype):
    """A `step` output learns by Rosenblatt's rule, w ← w + η (y − a) x: on separable rows all become correct."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 2)).astype(dtype)
    y = X @ [1.0, -0.5] > 0.25
    weights = np.zeros(3, dtype)
    rows = np.hstack([X, np.ones((40, 1), dtype)])
    step = ACTIVATIONS["step"]
    for _ in range(200):
        z = rows @ weights
        weights += 0.1 * ((y - step(z)) * step.derivative(z)) @ rows
    assert np.array_equal(step(rows @ weights), y)
