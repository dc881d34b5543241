"""Every first-order optimizer minimizes three functions to a stated loss, through the compiled kernels.

A parabola (1000 steps), Rosenbrock's curved valley (3000 steps), and the loss of a 1-10-1 network on a sine (200
epochs), for which the best straight line has a loss of 0.08. Rates fall along half a cosine: otherwise steps of a fixed
size (Lion) would not become small.
"""

from dataclasses import replace

import numpy as np
import pytest
from helpers.merged import in_one_test
from oracles.reference_optimizers import CASES

from fastmlp.engine.dataset import Dataset
from fastmlp.initializers import glorot_uniform
from fastmlp.network import Network
from fastmlp.schedules import Cosine
from fastmlp.training.epoch import EpochRunner

FOR_ANY_FUNCTION = [name for name, case in CASES.items() if case.rates[0]]
PARABOLA, ROSENBROCK, NETWORK = 1e-4, 1e-2, 1e-2


def optimizer_of(name, column, steps):
    """The optimizer of the case, or its class with default parameters, with the learning rate of the table."""
    case = CASES[name]
    return replace(case.converging or type(case.optimizer)(), learning_rate=Cosine(case.rates[column], steps))


def descend(optimizer, gradient, start, steps):
    running, params = optimizer.begin(), np.array(start)
    for _ in range(steps):
        running.step(params, gradient(params))
    return params


@in_one_test()
@pytest.mark.parametrize("name", FOR_ANY_FUNCTION)
def test_parabola(name):
    """Σ (p − c)², which is 125 at the start."""
    centre = np.array([1.0, -1.0, 1.0])
    params = descend(optimizer_of(name, 0, 1000), lambda p: 2 * (p - centre), [-1.0, 10.0, 1.0], 1000)
    assert ((params - centre) ** 2).sum() < PARABOLA


def rosenbrock_gradient(p):
    x, y = p.tolist()
    return np.array([2 * (x - 1) - 400 * x * (y - x * x), 200 * (y - x * x)])


@pytest.mark.parametrize("name", FOR_ANY_FUNCTION)
def test_rosenbrock(name):
    """(1 − x)² + 100 (y − x²)², from (0, 0), where it is 1."""
    x, y = descend(optimizer_of(name, 1, 3000), rosenbrock_gradient, [0.0, 0.0], 3000)
    assert (1 - x) ** 2 + 100 * (y - x * x) ** 2 < ROSENBROCK


@in_one_test("dtype")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_network(name, dtype):
    network = Network([1, 10, 1], ["tanh", "identity"], "squared_error", dtype)
    glorot_uniform(network.layout, "tanh", np.random.RandomState(0), network.params)
    X = np.linspace(-1, 1, 60, dtype=dtype)[:, None]
    order = np.random.RandomState(1).permutation(60)
    epoch = EpochRunner(network, Dataset(X, np.sin(3 * X)), optimizer_of(name, 2, 1200), order, 10)
    losses = [epoch.run(0.0) for _ in range(200)]
    assert epoch.optimizer.t == 1200
    assert losses[0] > 0.05
    assert losses[-1] < NETWORK
