"""The oracle of whole networks with any loss: a graph of scalars (`scalar.Value`)."""

import numpy as np
from oracles.graph_losses import total
from oracles.reference_losses import CASES

from fastmlp.scalar import Value


def softmax(z):
    powers = [v.exp() for v in z]
    return [power / total(powers) for power in powers]


ACTIVATIONS = {
    "identity": lambda z: z, "logistic": lambda z: z.logistic(), "tanh": lambda z: z.tanh(), "relu": lambda z: z.relu(),
    "exp": lambda z: z.exp(), "half_tanh": lambda z: 0.5 + 0.5 * z.tanh(),
}  # fmt: skip


def row_loss(loss, output, z, y):
    """(the loss that is reported, the loss whose gradient is taken) of one row: the same but for squared error."""
    a = softmax(z) if output == "softmax" else [ACTIVATIONS[output](v) for v in z]
    value = CASES[loss.name].graph(loss, a, y)
    return (value / len(a) if loss.name == "squared_error" else value), value


def differentiate(problem, l2):
    """Reported loss, and gradient of the objective with L2 as a flat vector."""
    network = problem.network
    params = np.vectorize(Value, otypes=[object])(network.params.astype(float))
    coefs, intercepts = network.layout.coefs(params), network.layout.intercepts(params)
    weights = np.ones(len(problem.X)) if problem.weights is None else problem.weights.astype(float)
    squares = l2 / 2 * total([total(coef**2) for coef in coefs])
    reported, objective = squares, squares
    for x, y, weight in zip(problem.X.astype(float), problem.y.astype(float), weights, strict=True):
        h = x
        for coef, intercept, f in zip(coefs[:-1], intercepts[:-1], network.activations, strict=False):
            h = np.array([ACTIVATIONS[f.name](z) for z in h @ coef + intercept])
        of_report, of_objective = row_loss(problem.loss, problem.output, h @ coefs[-1] + intercepts[-1], y)
        reported, objective = reported + weight * of_report, objective + weight * of_objective
    (objective / weights.sum()).backward()
    return reported.data / weights.sum(), np.array([node.grad for node in params])
