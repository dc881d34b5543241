"""The oracle of whole networks: loss and gradient from a graph of scalars (`scalar.Value`)."""

import numpy as np

from fastmlp.scalar import Value
from fastmlp.training.epoch import EpochRunner

L2 = 0.3


def values_of(array):
    return np.vectorize(Value, otypes=[object])(array)


def total(values):
    return sum(np.ravel(values), start=Value(0))


ACTIVATIONS = {
    "identity": lambda z: z,
    "logistic": lambda z: z.logistic(),
    "tanh": lambda z: z.tanh(),
    "relu": lambda z: z.relu(),
}


def row_loss(loss, z, y):
    """(the loss that is reported, the loss whose gradient is taken) of one row: the same but for squared error."""
    if loss == ("log_loss", "softmax"):
        powers = [output.exp() for output in z]
        value = -(powers[int(y[0])] / total(powers)).log()
    elif loss == ("log_loss", "logistic"):
        value = -total([(a.logistic() if t else 1 - a.logistic()).log() for a, t in zip(z, y, strict=True)])
    elif loss == ("poisson", "exp"):
        value = total([a.exp() - t - t * a + (t * np.log(t) if t else 0) for a, t in zip(z, y, strict=True)])
    else:
        value = total([(a - t) ** 2 for a, t in zip(z, y, strict=True)]) / 2
        return value / len(z), value
    return value, value


def differentiate(problem):
    """Reported loss, gradient of the objective for each weight matrix and each bias vector."""
    coefs, intercepts, (X, y, weights) = problem.in_float64()
    coefs, intercepts = [values_of(c) for c in coefs], [values_of(b) for b in intercepts]
    reported, objective = Value(0), L2 / 2 * total([w**2 for coef in coefs for w in coef.ravel()])
    reported += objective
    for x, t, weight in zip(X, y, weights, strict=True):
        h = values_of(x)
        for coef, intercept in zip(coefs[:-1], intercepts[:-1], strict=True):
            h = np.array([ACTIVATIONS[problem.activation](z) for z in h @ coef + intercept])
        of_report, of_objective = row_loss(problem.loss, h @ coefs[-1] + intercepts[-1], t)
        reported, objective = reported + weight * of_report, objective + weight * of_objective
    (objective / weights.sum()).backward()
    read = np.vectorize(lambda node: node.grad, otypes=[float])
    return reported.data / weights.sum(), [read(c) for c in coefs], [read(b) for b in intercepts]


def make_step(problem, optimizer):
    """The loss of all rows as one batch, and the change of the parameters."""
    before = problem.network.params.copy()
    order = np.arange(len(problem.X), dtype=np.int64)
    loss = EpochRunner(problem.network, problem.dataset, optimizer, order, len(order)).run(L2)
    return loss, problem.network.params - before


def assert_gradient(layout, gradient, coefs, intercepts, rtol):
    for ours, exact in zip([*layout.coefs(gradient), *layout.intercepts(gradient)], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(ours, exact, rtol=rtol, atol=rtol * 1e-3)
