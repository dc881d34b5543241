"""Losses of one row as graphs of `Value`: (loss, outputs a, targets y) → the loss. No code is shared with kernels."""

import numpy as np

from fastmlp.scalar import Value


def total(values):
    return sum(np.ravel(values), start=Value(0))


def summed(of_difference):
    """Return the graph of a loss that is the sum over the outputs of a function (loss, a − y)."""
    return lambda loss, a, y: total([of_difference(loss, p - float(t)) for p, t in zip(a, y, strict=True)])


def graph_of_classes(loss, a, y):
    """Log loss and focal loss: one class of many, or labels."""
    if len(y) < len(a):
        t = [float(j == y[0]) for j in range(len(a))]
        pairs = [(p, on, j) for j, (p, on) in enumerate(zip(a, t, strict=True))]
        n_classes = len(a)
    else:
        pairs = [pair for p, on in zip(a, y, strict=True) for pair in ((p, on, 1), (1 - p, 1 - on, 0))]
        n_classes = 2
    if loss.name == "log_loss":
        s = loss.label_smoothing
        return -total([(t * (1 - s) + s / n_classes) * p.log() for p, t, _ in pairs])
    alpha = {float: lambda: (1 - loss.alpha, loss.alpha), tuple: lambda: loss.alpha}
    alpha = alpha.get(type(loss.alpha), lambda: [1.0] * n_classes)()
    return -total([alpha[number] * (1 - p) ** loss.gamma * p.log() for p, t, number in pairs if t])


def graph_of_margin(loss, a, y):
    margin = 0.0 if loss.name == "perceptron" else 1.0
    if len(a) == 1:
        violation = margin - (2 * y[0] - 1) * a[0]
    else:
        own = int(y[0])
        rivals = [p for j, p in enumerate(a) if j != own]
        violation = margin + max(rivals, key=lambda p: p.data) - a[own]
    missed = violation.relu()
    return missed**2 if loss.name == "squared_hinge" else missed


def deviance(loss, a, t):
    """Return the half deviance of one output."""
    p = {"poisson": 1, "gamma": 2}.get(loss.name) or loss.power
    if p == 0:
        return (a - t) ** 2 / 2
    if p == 1:
        return (t * (np.log(t) - a.log()) if t else 0) - t + a
    if p == 2:
        return a.log() - np.log(t) + t / a - 1
    return t ** (2 - p) / ((1 - p) * (2 - p)) - t * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)


def graph_of_deviance(loss, a, y):
    return total([deviance(loss, p, float(t)) for p, t in zip(a, y, strict=True)])


def graph_of_quantiles(loss, a, y):
    q = np.ravel(loss.quantiles)
    pairs = [(q[j % q.size], y[j // q.size] - p) for j, p in enumerate(a)]
    return total([(q * r).maximum((q - 1) * r) for q, r in pairs])
