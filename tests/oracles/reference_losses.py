"""Plain references of the losses: NumPy in float64, one formula a line, to be checked by eye.

Each takes a loss, outputs a (n, K) and targets y (n, n_targets), and gives the losses (n, n_targets) and d loss / d a
(n, K), without weights. What is fused in the kernels is put together here: `through` an activation, by the chain rule.
"""

import numpy as np
from oracles import reference

EPSILON = np.finfo(np.float64).eps


def log_loss(loss, a, y):
    if y.shape[1] == a.shape[1]:
        t = y * (1 - loss.label_smoothing) + loss.label_smoothing / 2
        return -(t * np.log(a) + (1 - t) * np.log(1 - a)), -t / a + (1 - t) / (1 - a)
    t = (y == np.arange(a.shape[1])) * (1 - loss.label_smoothing) + loss.label_smoothing / a.shape[1]
    return -(t * np.log(a)).sum(axis=1, keepdims=True), -t / a


def focal(loss, a, y):
    if y.shape[1] == a.shape[1]:
        p, sign = np.where(y == 1, a, 1 - a), np.where(y == 1, 1, -1)
        low, high = (1, 1) if loss.alpha is None else np.ravel(loss.alpha)[[0, -1]]
        low, high = (1 - high, high) if isinstance(loss.alpha, float) else (low, high)
        alpha = np.where(y == 1, high, low)
    else:
        p, sign = np.take_along_axis(a, y.astype(int), 1), y == np.arange(a.shape[1])
        alpha = 1 if loss.alpha is None else np.array(loss.alpha)[y.astype(int)]
    g = loss.gamma
    slope = alpha * (g * (1 - p) ** (g - 1) * np.log(p) - (1 - p) ** g / p)
    return -alpha * (1 - p) ** g * np.log(p), sign * slope


def violation(margin, a, y):
    """By how much each row misses the margin, (n, 1), and its derivative with respect to the outputs."""
    if a.shape[1] == 1:
        return margin - (2 * y - 1) * a, -(2 * y - 1)
    missed, slope = np.empty((len(a), 1)), np.zeros(a.shape)
    for i, own in enumerate(y[:, 0].astype(int)):
        rival = max((j for j in range(a.shape[1]) if j != own), key=lambda j: a[i, j])
        missed[i], slope[i, rival], slope[i, own] = margin + a[i, rival] - a[i, own], 1, -1
    return missed, slope


def hinge(loss, a, y):
    v, slope = violation(1, a, y)
    return np.maximum(v, 0), (v >= 0) * slope


def squared_hinge(loss, a, y):
    v, slope = violation(1, a, y)
    return np.maximum(v, 0) ** 2, 2 * np.maximum(v, 0) * slope


def perceptron(loss, a, y):
    v, slope = violation(0, a, y)
    return np.maximum(v, 0), (v >= 0) * slope


def squared_error(loss, a, y):
    """scikit-learn's habit."""
    return 0.5 * (a - y) ** 2 / a.shape[1], a - y


def half_squared_error(loss, a, y):
    return 0.5 * (a - y) ** 2, a - y


def sum_squared_error(loss, a, y):
    return (a - y) ** 2, 2 * (a - y)


def absolute_error(loss, a, y):
    return abs(a - y), np.sign(a - y)


def huber(loss, a, y):
    r = a - y
    near = abs(r) <= loss.delta
    return np.where(near, r**2 / 2, loss.delta * (abs(r) - loss.delta / 2)), np.where(near, r, loss.delta * np.sign(r))


def log_cosh(loss, a, y):
    r = abs(a - y)
    return r + np.log1p(np.exp(-2 * r)) - np.log(2), np.tanh(a - y)


def quantile(loss, a, y):
    q = np.ravel(loss.quantiles)
    r = y[:, :, None] - a.reshape(len(a), -1, q.size)
    return np.maximum(q * r, (q - 1) * r).sum(axis=2), np.where(r > 0, -q, (1 - q) * (r < 0)).reshape(a.shape)


def poisson(loss, a, y):
    return y * np.log(np.where(y > 0, y, 1) / a) * (y > 0) - y + a, 1 - y / a


def gamma(loss, a, y):
    return np.log(a / y) + y / a - 1, 1 / a - y / a**2


def tweedie(loss, a, y):
    p = loss.power
    if p in (0, 1, 2):
        return (half_squared_error, poisson, gamma)[p](loss, a, y)
    value = np.maximum(y, 0) ** (2 - p) / ((1 - p) * (2 - p)) - y * a ** (1 - p) / (1 - p) + a ** (2 - p) / (2 - p)
    return value, a ** (1 - p) - y * a ** (-p)


def user(loss, a, y):
    return loss.value(a, y), loss.derivative(a, y)


TWINS = {f.__name__: f for f in (
    log_loss, focal, hinge, squared_hinge, perceptron, squared_error, half_squared_error, sum_squared_error,
    absolute_error, huber, log_cosh, quantile, poisson, gamma, tweedie,
)}  # fmt: skip
TWINS["Loss"] = user


def unfused(loss, a, y):
    return TWINS[loss.name](loss, a, y)


def activate(output, z):
    """(f(z), the function from d loss / d a to d loss / d z)."""
    if output == "softmax":
        a = reference.softmax(z)
        return a, lambda g: a * (g - (g * a).sum(axis=1, keepdims=True))
    a, derivative = ACTIVATIONS[output](z)
    return a, lambda g: g * derivative


def through(loss, output, z, y):
    """(outputs, losses, delta), from pre-activations."""
    a, backward = activate(output, z)
    losses, slope = unfused(loss, a, y)
    return a, losses, backward(slope)


def half_tanh(z):
    """Values in (0, 1), as of a user's own activation."""
    return 0.5 + 0.5 * np.tanh(z), 0.5 / np.cosh(z) ** 2


ACTIVATIONS = {**reference.ACTIVATIONS, "half_tanh": half_tanh}
