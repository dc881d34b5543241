"""Gradients of networks for tables against the scalar differentiator, which shares no code with the kernels."""

import math

import numpy as np
import pytest
from helpers.tables import FULL, TableProblem, make_model
from oracles.reference_activations import CASES as ACTIVATIONS
from oracles.reference_tables import params_of
from oracles.scalar_networks import total, values_of

from fastmlp.tabular.rates import TableRates


def outputs_of(network, params, x):
    """The outputs' pre-activations for one row, as `Value`."""
    numbers, u, done = x[: network.n_plain], [], 0
    for j, (at, of_zero, of_one) in enumerate(network.look_ups):
        inputs, code = list(of_zero), int(x[network.n_plain + len(network.table_sizes) + j])
        if code:
            inputs[code - 1] = of_one[code - 1]
        u, done = [*u, *numbers[done:at], *inputs], at
    u = list(values_of([*u, *numbers[done:]]))
    for j in range(network.n_periodic):
        p = params[f"periodic {j}"]
        cosines = [(2 * math.pi * float(numbers[j]) * p[k] + p[16 + k]).cos() for k in range(16)]
        for m in range(3):
            u.append(total([v * cosine for v, cosine in zip(p[32 + 16 * m :][:16], cosines, strict=True)]) + p[80 + m])
    for j in range(len(network.table_sizes)):
        u.extend(params[f"table {j}"][int(x[network.n_plain + j])])
    h = np.array(u) * params["scales"]
    graph = ACTIVATIONS[network.activation].graph
    for i in range(len(network.hidden)):
        z = h @ params[f"weight {i}"] + params[f"bias {i}"]
        h = np.array([a + slope * (graph(a) - a) for a, slope in zip(z, params[f"slope {i}"], strict=True)])
    return h @ params[f"weight {len(network.hidden)}"] + params[f"bias {len(network.hidden)}"]


def differentiate(network, params, X, y, weights):
    """The smoothed log loss and its gradient for each parameter, by name."""
    params, objective = {name: values_of(array) for name, array in params.items()}, 0
    smoothing = network.loss.label_smoothing / network.n_outputs
    for x, t, weight in zip(X, y, weights, strict=True):
        z = outputs_of(network, params, x)
        log_sum = total([output.exp() for output in z]).log()
        targets = smoothing + (1 - network.loss.label_smoothing) * (np.arange(network.n_outputs) == int(t[0]))
        objective = objective + float(weight) * total(targets * (log_sum - z))
    objective = objective / float(weights.sum())
    objective.backward()
    read = np.vectorize(lambda node: node.grad, otypes=[float])
    return objective.data, {name: read(array) for name, array in params.items()}


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 3e-5)])
def test_gradient_of_everything_against_scalars(dtype, tolerance):
    """Without momentum Adam's first moments are the gradient, whatever the rates of the groups."""
    problem = TableProblem((FULL, 13, 13, True, False), dtype, epochs=1, beta_1=0.0)
    start = problem.start
    loss = problem.train()
    value, gradients = differentiate(
        FULL, start, *(a.astype(np.float64) for a in (problem.X, problem.y, problem.weights))
    )
    np.testing.assert_allclose(loss, [value], rtol=tolerance)
    holder = make_model(FULL, dtype, np.random.RandomState(0))
    holder.params[...] = problem.runner.state.reshape(2, -1)[0]
    found = params_of(holder)
    assert found.keys() == gradients.keys()
    for name, gradient in gradients.items():
        scale = abs(gradient).max()
        assert scale > 1e-5, name
        np.testing.assert_allclose(found[name], gradient, rtol=tolerance, atol=tolerance * scale, err_msg=name)


def test_rates_by_group():
    """Of each layer's weights and biases, then of scales, slopes, periodic embeddings and tables."""
    rates = TableRates(
        bias_rate=0.5, scale_rate=6.0, slope_rate=0.25, periodic_rate=0.125, table_rate=2.0, scale_decay=9.0
    )
    factors = rates.factors([(4, 3), (9, 1)])
    assert factors.tolist() == [
        [[1 / 2, 2.0], [0.5, 0.0]], [[1 / 3, 3.0], [0.5, 0.0]], [[6.0, 1.5], [1.0, 0.0]], [[0.25, 0.25], [1.0, 0.0]],
        [[0.125, 0.125], [1.0, 0.0]], [[2.0, 2.0], [1.0, 0.0]],
    ]  # fmt: skip
    assert rates.needs_layers
