"""Hessian-vector products with every loss and every output activation that goes with it.

They are compared with central differences of the compiled gradient.
"""

import numpy as np
import pytest
from helpers.loss_cases import CASES, make_problem
from helpers.merged import in_one_test
from helpers.seeds import choose, seed_of

from fastmlp import Activation
from fastmlp.activations import ACTIVATIONS
from fastmlp.derivatives.hessian import Hessian
from fastmlp.training.full_batch_loss import FullBatch

L2 = 0.3
#: Hidden activations with a second derivative.
HIDDEN = [name for name, a in ACTIVATIONS.items() if a.second_derivative is not None and a.is_differentiable]
#: Smooth ones; each loss is tested with one of them.
SMOOTH = ["tanh", "logistic", "gelu", "softplus", "silu"]
#: Cases whose output activation has a second derivative, where it is needed.
TWICE = {
    name: (loss, output, n_outputs)
    for name, (loss, output, n_outputs) in CASES.items()
    if output in ACTIVATIONS and (ACTIVATIONS[output].is_differentiable or loss.is_fused(output))
}


def differences(problem, direction, l2, step=1e-5):
    """Central differences of the gradient along the direction."""
    full_batch, params = FullBatch(problem.network, problem.dataset, l2), problem.network.params.copy()
    ahead, behind = (full_batch(params + sign * step * direction)[1] for sign in (1, -1))
    problem.network.params = params
    return (ahead - behind) / (2 * step)


def product(problem, direction, l2):
    weights = np.ones(len(problem.X)) if problem.weights is None else problem.weights
    return Hessian(problem.network, problem.X, problem.y, weights, l2) @ direction


@in_one_test()
@pytest.mark.parametrize("case", TWICE)
def test_every_loss(case):
    problem = make_problem(TWICE[case], hidden=(4, 3), hidden_activation=choose(case, SMOOTH), seed=seed_of(case, 5))
    direction = np.random.RandomState(seed_of(case)).standard_normal(problem.network.params.size)
    expected = differences(problem, direction, L2)
    np.testing.assert_allclose(product(problem, direction, L2), expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


@in_one_test()
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


def derivative_of_cube(z):
    return 3 * z**2


def second_derivative_of_cube(z):
    return 6 * z


def test_custom_activation():
    own = Activation(cube, derivative_of_cube, second_derivative_of_cube)
    problem = make_problem(CASES["HalfSquaredError(), tanh, 3"], hidden_activation=own, seed=3)
    direction = np.random.RandomState(0).standard_normal(problem.network.params.size)
    np.testing.assert_allclose(product(problem, direction, L2), differences(problem, direction, L2), rtol=1e-6)


def test_saturated_outputs():
    """Products of the canonical pairs are exact and finite where all probabilities are nearly 0 or 1."""
    for case in ("LogLoss(label_smoothing=0.0), softmax, 3", "LogLoss(label_smoothing=0.0), logistic, 3"):
        problem = make_problem(CASES[case], hidden=(3,), seed=1)
        problem.network.intercepts[-1][0] = 60.0
        direction = np.random.RandomState(0).standard_normal(problem.network.params.size)
        ours = product(problem, direction, L2)
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, differences(problem, direction, L2), rtol=1e-6, atol=1e-8)
