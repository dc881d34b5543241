"""Hessian-vector products with every loss behind every output activation that it makes sense behind.

They answer to central differences of the compiled gradient; hidden activations with a curvature take turns.
"""

import numpy as np
import pytest
from helpers.loss_cases import CASES, make_problem

from fastmlp import Activation
from fastmlp.activations import ACTIVATIONS
from fastmlp.derivatives.hessian import Hessian
from fastmlp.training.full_batch_loss import FullBatch

L2 = 0.3
#: A step is trained by a derivative that is not its own.
HIDDEN = [
    name for name, activation in ACTIVATIONS.items() if activation.second_derivative is not None and name != "step"
]
#: Those whose output activation has a curvature, if it is needed.
TWICE = {
    name: case
    for name, case in CASES.items()
    if case[1] in ACTIVATIONS and (case[1] != "step" or case[0].is_fused(case[1]))
}


def differences(problem, direction, l2, step=1e-5):
    """Of the gradient, along the direction."""
    full_batch, params = FullBatch(problem.network, problem.dataset, l2), problem.network.params.copy()
    ahead, behind = (full_batch(params + sign * step * direction)[1] for sign in (1, -1))
    problem.network.params = params
    return (ahead - behind) / (2 * step)


def product(problem, direction, l2):
    weights = np.ones(len(problem.X)) if problem.weights is None else problem.weights
    return Hessian(problem.network, problem.X, problem.y, weights, l2) @ direction


@pytest.mark.parametrize("number, case", list(enumerate(TWICE)))
def test_every_loss(number, case):
    problem = make_problem(TWICE[case], hidden=(4, 3), hidden_activation=HIDDEN[number % len(HIDDEN)], seed=number % 5)
    direction = np.random.RandomState(number).standard_normal(problem.network.params.size)
    expected = differences(problem, direction, L2)
    np.testing.assert_allclose(product(problem, direction, L2), expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_hidden_activation(hidden):
    problem = make_problem(CASES["HalfSquaredError(), tanh, 3"], hidden=(5, 4), hidden_activation=hidden, seed=3)
    for seed in range(3):
        direction = np.random.RandomState(seed).standard_normal(problem.network.params.size)
        expected = differences(problem, direction, 0.0)
        ours = product(problem, direction, 0.0)
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def cube(z):
    return z**3


def slope_of_cube(z):
    return 3 * z**2


def bend_of_cube(z):
    return 6 * z


def test_a_custom_activation():
    own = Activation(cube, slope_of_cube, bend_of_cube)
    problem = make_problem(CASES["HalfSquaredError(), tanh, 3"], hidden_activation=own, seed=3)
    direction = np.random.RandomState(0).standard_normal(problem.network.params.size)
    np.testing.assert_allclose(product(problem, direction, L2), differences(problem, direction, L2), rtol=1e-6)


def test_saturated_outputs():
    """Where every output is all but certain the canonical pairs' products are still exact, and finite."""
    for case in ("LogLoss(label_smoothing=0.0), softmax, 3", "LogLoss(label_smoothing=0.0), logistic, 3"):
        problem = make_problem(CASES[case], hidden=(3,), seed=1)
        problem.network.intercepts[-1][0] = 60.0
        direction = np.random.RandomState(0).standard_normal(problem.network.params.size)
        ours = product(problem, direction, L2)
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, differences(problem, direction, L2), rtol=1e-6, atol=1e-8)
