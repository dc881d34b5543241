"""Plain references of the losses, and `CASES`: the table that all tests of losses read.

A reference is NumPy in float64: it takes a loss, outputs a (n, K) and targets y (n, n_targets), and returns the losses
(n, n_targets) and d loss / d a (n, K), without weights. For fused kernels, `through` combines a loss and an activation
by the chain rule. A graph is the loss of one row in operations of `Value`: a and y are lists of numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from oracles import reference
from oracles.graph_losses import (
    graph_of_classes,
    graph_of_deviance,
    graph_of_margin,
    graph_of_quantiles,
    summed,
)

from fastmlp.losses import (
    LOSSES,
    Focal,
    Gamma,
    Hinge,
    Huber,
    LogLoss,
    Loss,
    Perceptron,
    Quantile,
    SquaredHinge,
    Tweedie,
)
from fastmlp.losses.base import BaseLoss

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
    """As in scikit-learn, the mean over the outputs is reported, and the sum is differentiated."""
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


def custom(loss, a, y):
    return loss.value(a, y), loss.derivative(a, y)


def quartic(a, y):
    return (a - y) ** 4


def quartic_derivative(a, y):
    return 4 * (a - y) ** 3


def quartic_second_derivative(a, y):
    return 12 * (a - y) ** 2


QUARTIC = Loss(quartic, quartic_derivative, quartic_second_derivative)


# The table

ANY_OUTPUT = [(output, 3) for output in ("identity", "logistic", "tanh", "relu", "exp", "softmax")] + [("identity", 1)]
PROBABILITIES = [(output, n) for output in ("logistic", "half_tanh") for n in (1, 3)]
SOFTMAX = [("softmax", 3)]
POSITIVE = [("exp", 1), ("exp", 3), ("logistic", 3), ("softmax", 3)]
BOTH_SIGNS = [(output, n) for output in ("identity", "tanh") for n in (1, 3)]


@dataclass(frozen=True)
class Case:
    """One loss, as all tests of losses see it.

    Attributes
    ----------
    reference, graph : callable
        (loss, a, y) → see the module's docstring.
    objects : list of (loss, list of (output activation, number of outputs))
        The parameters of the loss to test, each with output activations.
    """

    reference: Callable
    graph: Callable
    objects: list[tuple[BaseLoss, list[tuple[str, int]]]]


#: Name of the loss → case: one for each registered loss.
CASES = {
    "log_loss": Case(
        log_loss, graph_of_classes, [(LogLoss(), PROBABILITIES + SOFTMAX), (LogLoss(0.1), PROBABILITIES + SOFTMAX)]
    ),
    "focal": Case(
        focal,
        graph_of_classes,
        [
            (Focal(), PROBABILITIES + SOFTMAX),
            (Focal(0.5, (1.0, 2.0)), PROBABILITIES),
            (Focal(gamma=1.5, alpha=0.25), PROBABILITIES),
            (Focal(0.5, (0.5, 1.0, 2.0)), SOFTMAX),
        ],
    ),
    "hinge": Case(hinge, graph_of_margin, [(Hinge(), BOTH_SIGNS)]),
    "squared_hinge": Case(squared_hinge, graph_of_margin, [(SquaredHinge(), BOTH_SIGNS)]),
    "perceptron": Case(perceptron, graph_of_margin, [(Perceptron(), BOTH_SIGNS)]),
    "squared_error": Case(squared_error, summed(lambda loss, r: r**2 / 2), [(LOSSES["squared_error"], ANY_OUTPUT)]),
    "half_squared_error": Case(
        half_squared_error, summed(lambda loss, r: r**2 / 2), [(LOSSES["half_squared_error"], ANY_OUTPUT)]
    ),
    "sum_squared_error": Case(
        sum_squared_error, summed(lambda loss, r: r**2), [(LOSSES["sum_squared_error"], ANY_OUTPUT)]
    ),
    "absolute_error": Case(absolute_error, summed(lambda loss, r: abs(r)), [(LOSSES["absolute_error"], ANY_OUTPUT)]),
    "huber": Case(
        huber,
        summed(lambda loss, r: r**2 / 2 if abs(r.data) <= loss.delta else loss.delta * (abs(r) - loss.delta / 2)),
        [(Huber(0.5), ANY_OUTPUT)],
    ),
    "log_cosh": Case(
        log_cosh, summed(lambda loss, r: ((r.exp() + (-r).exp()) / 2).log()), [(LOSSES["log_cosh"], ANY_OUTPUT)]
    ),
    "quantile": Case(
        quantile,
        graph_of_quantiles,
        [
            (Quantile(0.3), ANY_OUTPUT),
            (Quantile((0.1, 0.5, 0.9)), ANY_OUTPUT[:-1]),
            (Quantile((0.1, 0.9)), [("identity", 6)]),
        ],
    ),
    "poisson": Case(poisson, graph_of_deviance, [(LOSSES["poisson"], POSITIVE)]),
    "gamma": Case(gamma, graph_of_deviance, [(Gamma(), POSITIVE)]),
    "tweedie": Case(
        tweedie,
        graph_of_deviance,
        [
            *((Tweedie(power), POSITIVE) for power in (1.5, 1, 2, 3.5, -1.0)),
            (Tweedie(0), [("identity", 3), ("tanh", 3)]),
        ],
    ),
    "Loss": Case(custom, summed(lambda loss, r: r**4), [(QUARTIC, ANY_OUTPUT)]),
}


def unfused(loss, a, y):
    return CASES[loss.name].reference(loss, a, y)


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
    """A custom activation with values in (0, 1)."""
    return 0.5 + 0.5 * np.tanh(z), 0.5 / np.cosh(z) ** 2


ACTIVATIONS = {**reference.ACTIVATIONS, "half_tanh": half_tanh}
