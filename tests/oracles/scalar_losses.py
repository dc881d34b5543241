"""The oracle of whole networks with any loss: single numbers that remember how they were made (`scalar.Value`)."""

import numpy as np

from fastmlp.scalar import Value


def total(values):
    return sum(np.ravel(values), start=Value(0))


def softmax(z):
    powers = [v.exp() for v in z]
    return [power / total(powers) for power in powers]


ACTIVATIONS = {
    "identity": lambda z: z, "logistic": lambda z: z.logistic(), "tanh": lambda z: z.tanh(), "relu": lambda z: z.relu(),
    "exp": lambda z: z.exp(), "half_tanh": lambda z: 0.5 + 0.5 * z.tanh(),
}  # fmt: skip


def of_classes(loss, a, y):
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


def of_margin(loss, a, y):
    margin = 0.0 if loss.name == "perceptron" else 1.0
    if len(a) == 1:
        violation = margin - (2 * y[0] - 1) * a[0]
    else:
        own = int(y[0])
        rivals = [p for j, p in enumerate(a) if j != own]
        violation = margin + max(rivals, key=lambda p: p.data) - a[own]
    missed = violation.relu()
    return missed**2 if loss.name == "squared_hinge" else missed


def of_difference(loss, a, t):
    """The loss of one output."""
    r = a - t
    if loss.name in ("squared_error", "half_squared_error"):
        return r**2 / 2
    if loss.name == "huber":
        near = abs(r.data) <= loss.delta
        return r**2 / 2 if near else loss.delta * (abs(r) - loss.delta / 2)
    return {
        "sum_squared_error": lambda: r**2,
        "absolute_error": lambda: abs(r),
        "log_cosh": lambda: ((r.exp() + (-r).exp()) / 2).log(),
        "Loss": lambda: r**4,
    }[loss.name]()


def of_deviance(loss, a, t):
    p = {"poisson": 1, "gamma": 2}.get(loss.name) or loss.power
    if p == 0:
        return (a - t) ** 2 / 2
    if p == 1:
        return (t * (np.log(t) - a.log()) if t else 0) - t + a
    if p == 2:
        return a.log() - np.log(t) + t / a - 1
    return t ** (2 - p) / ((1 - p) * (2 - p)) - t * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)


def row_loss(loss, output, z, y):
    """(the loss that is reported, the loss whose gradient is taken) of one row: the same but for squared error."""
    a = softmax(z) if output == "softmax" else [ACTIVATIONS[output](v) for v in z]
    if loss.name in ("log_loss", "focal"):
        value = of_classes(loss, a, y)
    elif loss.name in ("hinge", "squared_hinge", "perceptron"):
        value = of_margin(loss, a, y)
    elif loss.name == "quantile":
        q = np.ravel(loss.quantiles)
        pairs = [(q[j % q.size], y[j // q.size] - p) for j, p in enumerate(a)]
        value = total([(q * r).maximum((q - 1) * r) for q, r in pairs])
    else:
        of = of_deviance if loss.name in ("poisson", "gamma", "tweedie") else of_difference
        value = total([of(loss, p, float(t)) for p, t in zip(a, y, strict=True)])
    return (value / len(a) if loss.name == "squared_error" else value), value


def differentiate(problem, l2):
    """Reported loss and gradient of the objective with so much L2, as the layout lays it out."""
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
